//! The columns: how each database that has the storage declares it, and values that it must hold.

/// One storage of one type.
pub struct Column {
    /// The field's type and its keys, in YAML.
    pub ty: &'static str,
    pub storage: &'static str,
    /// The column's type in each database that has it.
    pub sqlite: Option<&'static str>,
    pub postgres: Option<&'static str>,
    /// Statements before the tables are made, on PostgreSQL.
    pub before: &'static [&'static str],
    /// Different values as YAML has them, the least and the greatest among them.
    pub values: &'static [&'static str],
    /// Values have an order.
    pub sorted: bool,
    /// Values are numbers.
    pub number: bool,
    /// Values are text.
    pub text: bool,
    /// It may be unique, a key, and referred to.
    pub keyed: bool,
}

const BLANK: Column = Column {
    ty: "",
    storage: "",
    sqlite: None,
    postgres: None,
    before: &[],
    values: &[],
    sorted: true,
    number: false,
    text: false,
    keyed: true,
};

const UUIDS: &[&str] = &[
    "00000000-0000-0000-0000-000000000000",
    "018f3c1e-7b1c-7000-8000-00000000000a",
    "9f000000-0000-4000-8000-0000000000ff",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
];
const UUID: Column = Column { ty: "type: uuid", values: UUIDS, ..BLANK };
const TEXTS: &[&str] = &["", "B", "a", "A", "ä", "Z", "straße", "10", "9", "a b", "🦀", "_%"];
const TEXT: Column = Column { ty: "type: string", values: TEXTS, text: true, ..BLANK };
const INSTANTS: &[&str] = &[
    "0001-01-01T00:00:00.000Z",
    "1969-12-31T23:59:59.999Z",
    "1970-01-01T00:00:00.000Z",
    "2024-02-29T12:00:00.001Z",
    "9999-12-31T23:59:59.999Z",
];
const INSTANT: Column = Column { ty: "type: datetime", values: INSTANTS, ..BLANK };
const SECONDS: &[&str] =
    &["0001-01-01T00:00:00.000Z", "1969-12-31T23:59:59.000Z", "1970-01-01T00:00:00.000Z", "9999-12-31T23:59:59.000Z"];
const ENUM: Column =
    Column { ty: "type: enum, values: [red, green, Blue]", values: &["red", "green", "Blue"], ..BLANK };
const DOUBLES: &[&str] = &["-2.5", "0", "1", "3", "0.5", "1e15", "-1e15", "123456.75"];
const DECIMALS: &[&str] = &["-10.5", "0", "2", "10", "9.99", "0.000001", "123456789.25"];
const DECIMAL: Column = Column { ty: "type: decimal", values: DECIMALS, number: true, ..BLANK };
const BOOLEAN: Column = Column { ty: "type: boolean", values: &["true", "false"], keyed: false, ..BLANK };
const DOCUMENTS: &[&str] = &["{\"a\": [1, {\"b\": null}]}", "[1, 2]", "5", "1.5", "\"text\"", "true", "{\"a\": 1}"];
const JSON: Column = Column { ty: "type: json", values: DOCUMENTS, sorted: false, keyed: false, ..BLANK };

pub const COLUMNS: &[Column] = &[
    Column { storage: "text", sqlite: Some("TEXT"), postgres: Some("text"), ..UUID },
    Column { storage: "upper", sqlite: Some("VARCHAR(36)"), postgres: Some("varchar(36)"), ..UUID },
    Column { storage: "any_case", sqlite: Some("TEXT"), postgres: Some("text"), keyed: false, ..UUID },
    Column { storage: "blob", sqlite: Some("BLOB"), postgres: Some("bytea"), ..UUID },
    Column { storage: "collated", sqlite: Some("TEXT COLLATE NOCASE"), postgres: Some("text"), keyed: false, ..TEXT },
    Column { storage: "collated", sqlite: Some("TEXT COLLATE RTRIM"), postgres: Some("varchar(40)"), ..TEXT },
    Column { storage: "collated", postgres: Some("text COLLATE \"dbal_other\""), before: &[COLLATION], ..TEXT },
    Column { storage: "char", postgres: Some("char(10)"), ..TEXT },
    Column { storage: "collated", sqlite: Some("TEXT COLLATE NOCASE"), postgres: Some("varchar(8)"), ..ENUM },
    Column { storage: "native", postgres: Some("shade"), before: &[SHADE], ..ENUM },
    Column { storage: "char", postgres: Some("char(6)"), ..ENUM },
    Column {
        ty: "type: integer, min: -32768, max: 32767",
        storage: "smallint",
        postgres: Some("smallint"),
        values: &["-32768", "-1", "0", "7", "32767"],
        number: true,
        ..BLANK
    },
    Column {
        ty: "type: integer",
        storage: "numeric",
        postgres: Some("numeric(10, 0)"),
        values: &["-2147483648", "0", "7", "2147483647"],
        number: true,
        ..BLANK
    },
    Column {
        ty: "type: bigint, min: -32768, max: 32767",
        storage: "smallint",
        postgres: Some("smallint"),
        values: &["-32768", "-1", "0", "7", "32767"],
        number: true,
        ..BLANK
    },
    Column {
        ty: "type: bigint, min: -2147483648, max: 2147483647",
        storage: "integer",
        postgres: Some("integer"),
        values: &["-2147483648", "0", "7", "2147483647"],
        number: true,
        ..BLANK
    },
    Column {
        ty: "type: bigint",
        storage: "numeric",
        postgres: Some("numeric(20, 0)"),
        values: &["-9223372036854775808", "0", "7", "9223372036854775807"],
        number: true,
        ..BLANK
    },
    Column {
        ty: "type: float",
        storage: "numeric",
        sqlite: Some("NUMERIC"),
        postgres: Some("numeric"),
        values: DOUBLES,
        number: true,
        keyed: false,
        ..BLANK
    },
    Column {
        ty: "type: float",
        storage: "real",
        postgres: Some("real"),
        values: &["-2.5", "0", "1", "3", "0.5", "1048576", "-0.25"],
        number: true,
        keyed: false,
        ..BLANK
    },
    Column { storage: "numeric", sqlite: Some("DECIMAL"), postgres: Some("numeric(34, 10)"), ..DECIMAL },
    Column { storage: "numeric", sqlite: Some("REAL"), ..DECIMAL },
    Column { storage: "text", sqlite: Some("TEXT"), ..DECIMAL },
    Column {
        ty: "type: decimal, precision: 12, scale: 2",
        storage: "numeric",
        sqlite: Some("DECIMAL(12, 2)"),
        postgres: Some("numeric(12, 2)"),
        values: &["-10.50", "0.00", "2.00", "9.99", "1234567890.25"],
        number: true,
        ..BLANK
    },
    Column { storage: "integer", sqlite: Some("BOOLEAN"), postgres: Some("smallint"), ..BOOLEAN },
    Column { storage: "integer", postgres: Some("integer"), ..BOOLEAN },
    Column { storage: "text", sqlite: Some("TEXT"), postgres: Some("varchar(5)"), ..BOOLEAN },
    Column { storage: "epoch_ms", sqlite: Some("INTEGER"), postgres: Some("bigint"), ..INSTANT },
    Column { storage: "epoch_s", sqlite: Some("INTEGER"), postgres: Some("bigint"), values: SECONDS, ..INSTANT },
    Column { storage: "iso", sqlite: Some("TEXT"), ..INSTANT },
    Column { storage: "iso_offset", sqlite: Some("DATETIME"), ..INSTANT },
    Column { storage: "sql", sqlite: Some("DATETIME"), values: SECONDS, ..INSTANT },
    Column { storage: "sql_ms", sqlite: Some("TIMESTAMP"), ..INSTANT },
    Column { storage: "timestamp_ms", postgres: Some("timestamp(3)"), ..INSTANT },
    Column { storage: "timestamp_us", postgres: Some("timestamp"), ..INSTANT },
    Column { storage: "timestamptz_us", postgres: Some("timestamptz"), ..INSTANT },
    Column { storage: "text", sqlite: Some("JSONB"), postgres: Some("text"), ..JSON },
    Column { storage: "json", postgres: Some("json"), ..JSON },
    Column { storage: "citext", postgres: Some("public.citext"), before: &[CITEXT], keyed: false, ..TEXT },
];

const COLLATION: &str = "CREATE COLLATION dbal_other (provider = icu, locale = 'de')";
const SHADE: &str = "CREATE TYPE shade AS ENUM ('red', 'green', 'Blue')";
const CITEXT: &str = "CREATE EXTENSION IF NOT EXISTS citext SCHEMA public";
