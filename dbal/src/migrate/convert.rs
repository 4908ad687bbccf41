//! From one type to another: which values stay what they are, which are written anew, and which are looked at first.

use crate::schema::FieldType;

/// What becomes of the values of a field whose type changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Conversion {
    /// They stay as they are stored.
    None,
    /// They stay, and each must be one of these words.
    Words(Vec<String>),
    /// A UUID becomes its text.
    UuidToText,
    /// A text becomes the UUID that it spells.
    TextToUuid,
    /// 32 bits become 64.
    Widen,
    /// 64 bits become 32, where they fit.
    Narrow,
    /// A whole number becomes a float; one of 64 bits only where the float is the same number.
    IntToFloat,
    /// A float becomes a whole number of so many bits, where it is one.
    FloatToInt(u8),
    /// A whole number becomes a decimal with so many digits after the point.
    IntToDecimal(u32),
    /// A decimal becomes a whole number of so many bits, where it is one.
    DecimalToInt(u8),
}

impl Conversion {
    /// Whether stored values are written anew, on one backend at least.
    pub fn rewrites(&self) -> bool {
        !matches!(self, Conversion::None | Conversion::Words(_))
    }
}

/// What becomes of values; or why they cannot become values of the other type.
pub fn between(from: &FieldType, to: &FieldType) -> Result<Conversion, String> {
    let bits = |ty: &FieldType| if *ty == FieldType::Integer { 32 } else { 64 };
    Ok(match (from, to) {
        (FieldType::Text(_), FieldType::Text(_)) | (FieldType::Enum(_), FieldType::Text(_)) => Conversion::None,
        (FieldType::Enum(before), FieldType::Enum(after))
            if before.values.iter().all(|word| after.values.contains(word)) =>
        {
            Conversion::None
        }
        (FieldType::Text(_) | FieldType::Enum(_), FieldType::Enum(words)) => Conversion::Words(words.values.clone()),
        (FieldType::Uuid, FieldType::Text(_)) => Conversion::UuidToText,
        (FieldType::Text(_), FieldType::Uuid) => Conversion::TextToUuid,
        (FieldType::Integer, FieldType::BigInt) => Conversion::Widen,
        (FieldType::BigInt, FieldType::Integer) => Conversion::Narrow,
        (FieldType::Integer | FieldType::BigInt, FieldType::Float) => Conversion::IntToFloat,
        (FieldType::Float, FieldType::Integer | FieldType::BigInt) => Conversion::FloatToInt(bits(to)),
        (FieldType::Integer | FieldType::BigInt, FieldType::Decimal { scale, .. }) => {
            Conversion::IntToDecimal(scale.unwrap_or(0))
        }
        (FieldType::Decimal { .. }, FieldType::Integer | FieldType::BigInt) => Conversion::DecimalToInt(bits(to)),
        (FieldType::Decimal { precision: before, scale: old }, FieldType::Decimal { precision: after, scale: new }) => {
            match (before, after) {
                _ if new.is_some() && old != new => {
                    return Err(format!(
                        "cannot go from {} to {} digits after the point: stored values are written as they are",
                        old.map_or("any number of".to_owned(), |digits| digits.to_string()),
                        new.unwrap_or_default()
                    ));
                }
                (_, None) => Conversion::None,
                (Some(before), Some(after)) if before <= after => Conversion::None,
                (_, Some(after)) => {
                    return Err(format!("cannot be held to {after} digits: stored values may have more"));
                }
            }
        }
        (from, to) if from == to => Conversion::None,
        (from, to) => {
            let (from, to) = (from.as_str(), to.as_str());
            return Err(format!("cannot go from {from} to {to}: declare another field, and give up this one"));
        }
    })
}
