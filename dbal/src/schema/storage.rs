//! How columns hold values in databases that others made.
//!
//! A field without a declared storage is held as the engine itself holds its type. With one, statements convert between
//! the two forms (`sql::storage`), so that a request has the same answer however its values are stored.

use super::{FieldType, Schema, TextKind, is_own};
use crate::error::FieldFault;

/// How a field's column holds its values, where that is not how the engine holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Storage {
    /// Milliseconds since 1970 as a whole number.
    EpochMs,
    /// Seconds since 1970 as a whole number; a finer instant is cut.
    EpochS,
    /// Text such as `2024-01-31T12:00:00.000Z`.
    Iso,
    /// Text such as `2024-01-31T12:00:00.000+00:00`.
    IsoOffset,
    /// Text such as `2024-01-31 12:00:00`; a finer instant is cut.
    Sql,
    /// Text such as `2024-01-31 12:00:00.000`.
    SqlMs,
    /// `timestamp(3)` without time zone, in UTC.
    TimestampMs,
    /// `timestamp` without time zone and with microseconds, in UTC.
    TimestampUs,
    /// `timestamp with time zone` and with microseconds.
    TimestamptzUs,
    /// Text: a uuid in lower case, a boolean as `true` or `false`, a decimal in digits, json as it is.
    Text,
    /// A uuid as text in upper case.
    Upper,
    /// A uuid as text in any case.
    AnyCase,
    /// A uuid as 16 bytes.
    Blob,
    /// Text that the column orders by another collation than that of code points.
    Collated,
    /// Text that the column compares without regard to case.
    Citext,
    /// Text of fixed length, filled up with spaces, which are no part of the value.
    Char,
    /// An enum as a type of the database's own.
    Native,
    /// A whole number of 16 bits.
    Smallint,
    /// A bigint as 32 bits, or a boolean as 0 and 1.
    Integer,
    /// A float of 32 bits.
    Real,
    /// A number as the database holds numbers of any kind.
    Numeric,
    /// Json as the type `json`.
    Json,
}

/// A kind of database whose columns a storage is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredIn {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

const BOTH: &[StoredIn] = &[StoredIn::Sqlite, StoredIn::Postgres];
const SQLITE: &[StoredIn] = &[StoredIn::Sqlite];
const POSTGRES: &[StoredIn] = &[StoredIn::Postgres];

impl StoredIn {
    /// The database's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            StoredIn::Sqlite => "SQLite",
            StoredIn::Postgres => "PostgreSQL",
        }
    }
}

impl Storage {
    /// Every storage.
    pub const ALL: [Storage; 22] = [
        Storage::EpochMs,
        Storage::EpochS,
        Storage::Iso,
        Storage::IsoOffset,
        Storage::Sql,
        Storage::SqlMs,
        Storage::TimestampMs,
        Storage::TimestampUs,
        Storage::TimestamptzUs,
        Storage::Text,
        Storage::Upper,
        Storage::AnyCase,
        Storage::Blob,
        Storage::Collated,
        Storage::Citext,
        Storage::Char,
        Storage::Native,
        Storage::Smallint,
        Storage::Integer,
        Storage::Real,
        Storage::Numeric,
        Storage::Json,
    ];

    /// The word in YAML.
    pub const fn as_str(self) -> &'static str {
        match self {
            Storage::EpochMs => "epoch_ms",
            Storage::EpochS => "epoch_s",
            Storage::Iso => "iso",
            Storage::IsoOffset => "iso_offset",
            Storage::Sql => "sql",
            Storage::SqlMs => "sql_ms",
            Storage::TimestampMs => "timestamp_ms",
            Storage::TimestampUs => "timestamp_us",
            Storage::TimestamptzUs => "timestamptz_us",
            Storage::Text => "text",
            Storage::Upper => "upper",
            Storage::AnyCase => "any_case",
            Storage::Blob => "blob",
            Storage::Collated => "collated",
            Storage::Citext => "citext",
            Storage::Char => "char",
            Storage::Native => "native",
            Storage::Smallint => "smallint",
            Storage::Integer => "integer",
            Storage::Real => "real",
            Storage::Numeric => "numeric",
            Storage::Json => "json",
        }
    }

    /// The storage of a YAML word.
    pub fn parse(word: &str) -> Option<Storage> {
        Storage::ALL.into_iter().find(|storage| storage.as_str() == word)
    }

    /// The databases that hold values of a type so; none where the type has no such storage.
    ///
    /// ```
    /// use dbal::schema::{FieldType, Storage, StoredIn};
    /// assert_eq!(Storage::Iso.of(&FieldType::DateTime), [StoredIn::Sqlite]);
    /// assert!(Storage::Iso.of(&FieldType::Boolean).is_empty());
    /// ```
    pub fn of(self, ty: &FieldType) -> &'static [StoredIn] {
        match (ty, self) {
            (FieldType::Uuid, Storage::Text | Storage::Upper | Storage::AnyCase | Storage::Blob) => BOTH,
            (FieldType::Text(_) | FieldType::Enum(_), Storage::Collated) => BOTH,
            (FieldType::Text(_), Storage::Citext | Storage::Char) => POSTGRES,
            (FieldType::Enum(_), Storage::Native | Storage::Char) => POSTGRES,
            (FieldType::Integer, Storage::Smallint | Storage::Numeric) => POSTGRES,
            (FieldType::BigInt, Storage::Smallint | Storage::Integer | Storage::Numeric) => POSTGRES,
            (FieldType::Float, Storage::Real) => POSTGRES,
            (FieldType::Float, Storage::Numeric) => BOTH,
            (FieldType::Decimal { .. }, Storage::Numeric) => BOTH,
            (FieldType::Decimal { .. }, Storage::Text) => SQLITE,
            (FieldType::Boolean, Storage::Integer | Storage::Text) => BOTH,
            (FieldType::DateTime, Storage::EpochMs | Storage::EpochS) => BOTH,
            (FieldType::DateTime, Storage::Iso | Storage::IsoOffset | Storage::Sql | Storage::SqlMs) => SQLITE,
            (FieldType::DateTime, Storage::TimestampMs | Storage::TimestampUs | Storage::TimestamptzUs) => POSTGRES,
            (FieldType::Json, Storage::Text) => BOTH,
            (FieldType::Json, Storage::Json) => POSTGRES,
            _ => &[],
        }
    }

    /// The words that a type may have, for messages.
    pub fn words(ty: &FieldType) -> Vec<&'static str> {
        Storage::ALL.into_iter().filter(|storage| !storage.of(ty).is_empty()).map(Storage::as_str).collect()
    }

    /// Whether what is read may be less than what was written, so that a create has to read it back.
    pub fn is_lossy(self, ty: &FieldType) -> bool {
        match self {
            Storage::EpochS | Storage::Sql | Storage::Char | Storage::Real => true,
            Storage::Numeric => matches!(ty, FieldType::Float),
            _ => false,
        }
    }

    /// How Prisma's client holds values of a type where its schema says no more than the type.
    pub fn of_prisma(ty: &FieldType, database: StoredIn) -> Option<Storage> {
        match (database, ty) {
            (StoredIn::Sqlite, FieldType::DateTime) => Some(Storage::IsoOffset),
            (StoredIn::Sqlite, FieldType::Float | FieldType::Decimal { .. }) => Some(Storage::Numeric),
            (StoredIn::Sqlite, FieldType::Json) => Some(Storage::Text),
            (StoredIn::Postgres, FieldType::DateTime) => Some(Storage::TimestampMs),
            (StoredIn::Postgres, FieldType::Enum(_)) => Some(Storage::Native),
            (
                StoredIn::Postgres,
                FieldType::Text(TextKind::String | TextKind::Text | TextKind::Email | TextKind::ObjectId),
            ) => Some(Storage::Collated),
            _ => None,
        }
    }
}

impl Schema {
    /// Fields that the columns of a database cannot hold as they declare; with none, a database that knows no storage
    /// but the engine's.
    pub fn storage_faults(&self, database: Option<StoredIn>) -> Vec<FieldFault> {
        let mut faults = Vec::new();
        for (_, entity) in self.entities() {
            for field in &entity.fields {
                let Some(storage) = field.storage else { continue };
                if database.is_some_and(|database| storage.of(&field.ty).contains(&database)) {
                    continue;
                }
                let name = database.map_or("MongoDB", StoredIn::as_str);
                let message = format!("{name} has no storage {} of type {}", storage.as_str(), field.ty.as_str());
                faults.push(FieldFault { field: format!("{}.{}", entity.name, field.name), message, index: None });
            }
        }
        faults
    }

    /// The same schema over tables that Prisma made: a table is named like its entity, and fields are stored as Prisma's
    /// client stores their types, where nothing else is declared.
    #[must_use]
    pub fn of_prisma(&self, database: StoredIn) -> Schema {
        let entities = self.entities().map(|(_, entity)| {
            let mut entity = entity.clone();
            if is_own(&entity.name) {
                return entity;
            }
            // Its words would need a table or an index that is none of Prisma's.
            entity.searchable.clear();
            if !entity.table_declared {
                entity.table.clone_from(&entity.name);
            }
            for field in &mut entity.fields {
                field.storage = field.storage.or_else(|| Storage::of_prisma(&field.ty, database));
            }
            entity
        });
        Schema { others: true, ..Schema::new(entities.collect(), self.malicious.clone()) }
    }
}
