//! A field: its type, its rules, where it points, who may see it.

use std::sync::Arc;

use super::{EntityId, FieldId, Storage};
use crate::value::{Date, DateTime, Decimal, Value};

/// One field of an entity.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its declared name.
    pub name: String,
    /// Its column; the name unless declared.
    pub column: String,
    /// How its column holds values, where not as the engine would.
    pub storage: Option<Storage>,
    /// What it was called before: a migration moves what is stored.
    pub renamed_from: Option<String>,
    /// What rows get that exist when a migration adds the field or requires it.
    pub backfill: Option<Backfill>,
    /// Its type.
    pub ty: FieldType,
    /// For people.
    pub description: String,
    /// The primary key.
    pub primary: bool,
    /// Null is allowed.
    pub nullable: bool,
    /// A create must give it (it is required and nothing fills it).
    pub required: bool,
    /// What makes its value when a create does not give one.
    pub generated: Option<Generator>,
    /// What an absent value becomes.
    pub default: Option<DefaultValue>,
    /// Its value is unique among rows (nulls are distinct).
    pub unique: bool,
    /// It has an index of its own.
    pub index: bool,
    /// Least length, in code points for text and bytes for bytes.
    pub min_length: Option<u32>,
    /// Greatest length, likewise.
    pub max_length: Option<u32>,
    /// A text must match it (unanchored unless the pattern anchors).
    pub pattern: Option<regex::Regex>,
    /// Least number, inclusive.
    pub min: Option<Bound>,
    /// Greatest number, inclusive.
    pub max: Option<Bound>,
    /// An update may not name it.
    pub immutable: bool,
    /// A datetime set to now by every write.
    pub auto_update: bool,
    /// The optimistic concurrency counter.
    pub version: bool,
    /// Never returned, never logged, filtered by trusted code only.
    pub sensitive: bool,
    /// How its value is hashed before it is stored.
    pub stored_as: Option<StoredAs>,
    /// Kept for old callers.
    pub deprecated: bool,
    /// Where it points.
    pub foreign_key: Option<ForeignKey>,
    /// Who may read and write it, and a check on written values.
    pub acl: FieldAcl,
}

impl Field {
    /// Whether its value is a number of any type.
    pub fn is_numeric(&self) -> bool {
        matches!(self.ty, FieldType::Integer | FieldType::BigInt | FieldType::Float | FieldType::Decimal { .. })
    }
}

/// The type of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldType {
    /// A UUID, by value.
    Uuid,
    /// Text of some kind.
    Text(TextKind),
    /// One of declared words.
    Enum(Arc<EnumType>),
    /// 32 bits, signed.
    Integer,
    /// 64 bits, signed.
    BigInt,
    /// A finite double.
    Float,
    /// An exact decimal.
    Decimal {
        /// Most digits in all, up to 34.
        precision: Option<u32>,
        /// Digits after the point; a declared scale pads.
        scale: Option<u32>,
    },
    /// `true` or `false`.
    Boolean,
    /// An instant with milliseconds.
    DateTime,
    /// A calendar day.
    Date,
    /// Any json value.
    Json,
    /// Raw bytes.
    Bytes,
}

impl FieldType {
    /// The word in YAML and in messages.
    pub fn as_str(&self) -> &'static str {
        match self {
            FieldType::Uuid => "uuid",
            FieldType::Text(TextKind::String) => "string",
            FieldType::Text(TextKind::Text) => "text",
            FieldType::Text(TextKind::Email) => "email",
            FieldType::Text(TextKind::ObjectId) => "object_id",
            FieldType::Enum(_) => "enum",
            FieldType::Integer => "integer",
            FieldType::BigInt => "bigint",
            FieldType::Float => "float",
            FieldType::Decimal { .. } => "decimal",
            FieldType::Boolean => "boolean",
            FieldType::DateTime => "datetime",
            FieldType::Date => "date",
            FieldType::Json => "json",
            FieldType::Bytes => "bytes",
        }
    }

    /// An instant as a field of this type holds it: bigint and float count milliseconds since 1970, a date its days.
    pub fn instant(&self, now: DateTime) -> Value {
        match self {
            FieldType::BigInt => Value::Int(now.epoch_millis()),
            FieldType::Float => Value::Float(now.epoch_millis() as f64),
            FieldType::Date => {
                let days = i32::try_from(now.epoch_millis().div_euclid(86_400_000)).ok();
                days.and_then(Date::from_epoch_days).map_or(Value::Null, Value::Date)
            }
            _ => Value::DateTime(now),
        }
    }

    /// Whether values are text that can be looked into: string, text, email or enum.
    pub fn is_text(&self) -> bool {
        !self.is_object_id() && matches!(self, FieldType::Text(_) | FieldType::Enum(_))
    }

    /// Whether values are MongoDB's ObjectIds.
    pub fn is_object_id(&self) -> bool {
        *self == FieldType::Text(TextKind::ObjectId)
    }
}

/// What sort of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// Short text.
    String,
    /// Long text.
    Text,
    /// An address by the rule of HTML's `input type=email`.
    Email,
    /// 24 hexadecimal digits in lower case, which MongoDB stores as an ObjectId.
    ObjectId,
}

/// The values of an enum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnumType {
    /// The values in declared order.
    pub values: Vec<String>,
    /// `<` and `<=` in rules and checks use the declared order.
    pub ordered: bool,
}

/// A bound on a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// For integer and bigint.
    Int(i64),
    /// For float.
    Float(f64),
    /// For decimal.
    Decimal(Decimal),
}

/// What makes a value that a create does not give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Generator {
    /// A version 7 UUID.
    Uuid,
    /// A collision-resistant text id.
    Cuid,
    /// The next number; never collides with explicit ones.
    Sequence,
    /// The instant of the write.
    Now,
    /// 256 random bits in base64url; only the create that made it returns it.
    Token,
}

/// What an absent value becomes.
#[derive(Clone, Debug, PartialEq)]
pub enum DefaultValue {
    /// This value, already checked against the field's type.
    Value(Value),
    /// The instant of the write.
    Now,
    /// A version 7 UUID.
    Uuid,
}

/// What rows get that exist when a field comes to be, or comes to be required.
#[derive(Clone, Debug, PartialEq)]
pub enum Backfill {
    /// This value, already checked against the field's type.
    Value(Value),
    /// What another field of the row holds.
    From(String),
}

/// How a value is hashed before it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoredAs {
    /// SHA-256 in lower-case hex; equality in filters works.
    Sha256,
    /// Argon2id in PHC format; nothing can be compared with it.
    Argon2id,
}

/// Where a field points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// The entity pointed at.
    pub entity: EntityId,
    /// Its key, or a unique field of it.
    pub field: FieldId,
    /// What happens when the target is deleted.
    pub on_delete: Referential,
    /// What happens when the target's value changes.
    pub on_update: Referential,
}

/// What happens to a referring row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Referential {
    /// The change is refused.
    #[default]
    Restrict,
    /// The referring row goes, or follows.
    Cascade,
    /// The reference becomes null.
    SetNull,
}

/// Who may read and write a field. Roles absent: whoever may reach the row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldAcl {
    /// Roles that read it.
    pub read: Option<Vec<String>>,
    /// Roles that write it.
    pub write: Option<Vec<String>>,
    /// A condition on the new row, in the rules language; typed by `access`.
    pub check: Option<String>,
}
