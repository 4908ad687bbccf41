//! Between the form in which a column holds a value and the form in which statements compute with it.
//!
//! Both directions are templates of SQL whose `?` stand for the value. What is stored and does not fit becomes null on
//! its way to SQLite's statements, so that it matches nothing, and is read as it stands, so that whoever reads it is told;
//! PostgreSQL refuses the statement.

use super::dialect::Dialect;
use crate::schema::{Field, FieldType, Storage};

/// How a field's values are converted.
pub(crate) struct Form {
    /// From the column's form.
    pub read: String,
    /// To the column's form; none where a parameter takes the column's type by itself.
    pub write: Option<String>,
    /// Equal values are stored equally, so that an index over the column serves equality.
    pub equal: bool,
    /// The column is in the order of the values as well.
    pub order: bool,
    /// The column may be compared with whatever is computed, and not with parameters alone.
    pub computed: bool,
    /// The cell itself is read, and decoded by its type.
    pub raw: bool,
}

impl Form {
    fn new(read: &str, write: &str) -> Form {
        let write = (write != "?").then(|| write.to_owned());
        Form { read: read.to_owned(), computed: write.is_some(), write, equal: false, order: false, raw: false }
    }

    fn equal(self) -> Form {
        Form { equal: true, ..self }
    }

    fn ordered(self) -> Form {
        Form { equal: true, order: true, ..self }
    }

    fn raw(self) -> Form {
        Form { raw: true, ..self }
    }
}

/// How a field's values are converted; none where its column holds what statements compute with.
pub(crate) fn form(dialect: Dialect, field: &Field) -> Option<Form> {
    let storage = field.storage?;
    match dialect {
        Dialect::Sqlite => sqlite(field, storage),
        Dialect::Postgres => postgres(&field.ty, storage),
    }
}

fn sqlite(field: &Field, storage: Storage) -> Option<Form> {
    let stamp =
        |unit: &str, form: &str| Form::new(&format!("dbal_instant(?, {unit})"), &format!("dbal_stamp(?, '{form}')"));
    Some(match (&field.ty, storage) {
        (FieldType::Uuid, Storage::Upper) => Form::new("lower(?)", "upper(?)").ordered(),
        (FieldType::Uuid, Storage::AnyCase) => Form::new("lower(?)", "?"),
        (FieldType::Uuid, Storage::Blob) => Form::new("dbal_uuid(?)", "dbal_uuid_blob(?)").ordered(),
        (_, Storage::Collated) => Form { computed: true, ..Form::new("? COLLATE BINARY", "?") },
        (FieldType::Float, Storage::Numeric) => Form { computed: true, ..Form::new("dbal_real(?)", "?").ordered() },
        (FieldType::Decimal { scale, .. }, Storage::Text | Storage::Numeric) => {
            let scale = scale.map_or("NULL".to_owned(), |scale| scale.to_string());
            let write = match storage {
                Storage::Numeric => format!("dbal_number(?, '{}')", field.name),
                _ => "?".to_owned(),
            };
            Form::new(&format!("dbal_decimal(?, {scale}) COLLATE dbal_decimal"), &write)
        }
        (FieldType::Boolean, Storage::Text) => {
            Form::new("dbal_boolean(?)", "CASE ? WHEN 1 THEN 'true' WHEN 0 THEN 'false' END")
        }
        (FieldType::DateTime, Storage::EpochS) => stamp("1000", "epoch_s"),
        (FieldType::DateTime, Storage::Iso | Storage::IsoOffset | Storage::Sql | Storage::SqlMs) => {
            stamp("1", storage.as_str())
        }
        // Json that is a number may have become one, by the affinity of its column.
        (FieldType::Json, Storage::Text) => Form::new("CAST(? AS TEXT)", "?"),
        _ => return None,
    })
}

fn postgres(ty: &FieldType, storage: Storage) -> Option<Form> {
    const UUID: &str = "CAST(? AS uuid)";
    const TRUNCATED: &str = "date_trunc('milliseconds', ?)";
    const UTC: &str = "(CAST(? AS timestamptz) AT TIME ZONE 'UTC')";
    let numeric = |ty: &str| Form::new(&format!("CAST(? AS {ty})"), &format!("CAST(CAST(? AS {ty}) AS numeric)"));
    Some(match (ty, storage) {
        (FieldType::Uuid, Storage::Text) => Form::new(UUID, "CAST(CAST(? AS uuid) AS text)").equal(),
        (FieldType::Uuid, Storage::Upper) => Form::new(UUID, "upper(CAST(CAST(? AS uuid) AS text))").equal(),
        (FieldType::Uuid, Storage::AnyCase) => Form::new(UUID, "CAST(CAST(? AS uuid) AS text)"),
        (FieldType::Uuid, Storage::Blob) => Form::new(
            "CAST(encode(?, 'hex') AS uuid)",
            "decode(replace(CAST(CAST(? AS uuid) AS text), '-', ''), 'hex')",
        )
        .ordered(),
        (_, Storage::Collated) => Form { computed: true, ..Form::new("? COLLATE \"C\"", "?").equal() },
        (_, Storage::Citext | Storage::Char) => Form::new("CAST(? AS text) COLLATE \"C\"", "CAST(? AS text)"),
        (_, Storage::Native) => Form::new("CAST(? AS text) COLLATE \"C\"", "?").equal(),
        (FieldType::Integer, Storage::Smallint) => Form::new("CAST(? AS integer)", "CAST(? AS integer)").ordered(),
        (FieldType::Integer, Storage::Numeric) => numeric("integer").ordered(),
        (FieldType::BigInt, Storage::Smallint | Storage::Integer) => {
            Form::new("CAST(? AS bigint)", "CAST(? AS bigint)").ordered()
        }
        (FieldType::BigInt, Storage::Numeric) => numeric("bigint").ordered(),
        (FieldType::Float, Storage::Real) => {
            Form::new("CAST(? AS double precision)", "CAST(? AS double precision)").ordered()
        }
        (FieldType::Float, Storage::Numeric) => numeric("double precision"),
        (FieldType::Boolean, Storage::Integer) => {
            Form::new("CASE ? WHEN 0 THEN FALSE WHEN 1 THEN TRUE END", "CAST(CAST(? AS boolean) AS integer)").raw()
        }
        (FieldType::Boolean, Storage::Text) => Form::new(
            "CASE lower(?) WHEN 'true' THEN TRUE WHEN 't' THEN TRUE WHEN '1' THEN TRUE \
             WHEN 'false' THEN FALSE WHEN 'f' THEN FALSE WHEN '0' THEN FALSE END",
            "CAST(CAST(? AS boolean) AS text)",
        )
        .raw(),
        (FieldType::DateTime, Storage::TimestampMs) => Form::new("(? AT TIME ZONE 'UTC')", UTC).ordered().raw(),
        (FieldType::DateTime, Storage::TimestampUs) => {
            Form::new(&format!("({TRUNCATED} AT TIME ZONE 'UTC')"), UTC).raw()
        }
        (FieldType::DateTime, Storage::TimestamptzUs) => Form::new(TRUNCATED, "CAST(? AS timestamptz)").raw(),
        // In seconds and what is left, because the product of an interval is a double's.
        (FieldType::DateTime, Storage::EpochMs) => Form::new(
            "(CAST('epoch' AS timestamptz) + (CAST(? AS bigint) / 1000) * CAST('1 second' AS interval) \
             + (CAST(? AS bigint) % 1000) * CAST('1 millisecond' AS interval))",
            "CAST(round(CAST(extract(epoch FROM CAST(? AS timestamptz)) AS numeric) * 1000) AS bigint)",
        )
        .ordered(),
        (FieldType::DateTime, Storage::EpochS) => Form::new(
            "(CAST('epoch' AS timestamptz) + ? * CAST('1 second' AS interval))",
            "CAST(floor(CAST(extract(epoch FROM CAST(? AS timestamptz)) AS numeric)) AS bigint)",
        ),
        (FieldType::Json, Storage::Json) => Form::new("CAST(? AS jsonb)", "CAST(CAST(? AS jsonb) AS json)"),
        (FieldType::Json, Storage::Text) => Form::new("CAST(? AS jsonb)", "CAST(CAST(? AS jsonb) AS text)"),
        _ => return None,
    })
}

/// What a template says of a value that is spelled already.
pub(crate) fn spelled(template: &str, value: &str) -> String {
    template.replace('?', value)
}

/// The type of a column that holds its values otherwise than the engine would; none where it does.
pub(crate) fn column_type(dialect: Dialect, field: &Field) -> Option<&'static str> {
    let storage = field.storage?;
    Some(match dialect {
        Dialect::Sqlite => match (&field.ty, storage) {
            (_, Storage::Blob) => "BLOB",
            (FieldType::Decimal { .. }, Storage::Numeric) => "DECIMAL",
            (FieldType::Float, _) => "REAL",
            (FieldType::DateTime, Storage::EpochS) => "INTEGER",
            (FieldType::DateTime, Storage::Iso | Storage::IsoOffset | Storage::Sql | Storage::SqlMs) => "DATETIME",
            (FieldType::Json, _) => "JSONB",
            (FieldType::Boolean, Storage::Integer) => "BOOLEAN",
            (FieldType::Uuid | FieldType::Text(_) | FieldType::Enum(_) | FieldType::Boolean, _) => "TEXT",
            (FieldType::Decimal { .. }, _) => "TEXT",
            _ => return None,
        },
        Dialect::Postgres => match (&field.ty, storage) {
            (_, Storage::Blob) => "bytea",
            (FieldType::Uuid | FieldType::Text(_) | FieldType::Enum(_) | FieldType::Boolean, Storage::Text)
            | (_, Storage::Upper | Storage::AnyCase | Storage::Collated) => "text",
            (_, Storage::Citext) => "citext",
            (_, Storage::Smallint) => "smallint",
            (_, Storage::Integer) => "integer",
            (_, Storage::Real) => "real",
            (_, Storage::Numeric) => "numeric",
            (_, Storage::TimestampMs) => "timestamp(3) without time zone",
            (_, Storage::TimestampUs) => "timestamp without time zone",
            (_, Storage::TimestamptzUs) => "timestamp with time zone",
            (_, Storage::EpochMs | Storage::EpochS) => "bigint",
            (_, Storage::Json) => "json",
            (_, Storage::Text) => "text",
            _ => return None,
        },
    })
}
