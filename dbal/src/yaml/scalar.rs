//! What a plain scalar means: the core schema of YAML 1.2.

use super::node::Kind;
use crate::value::{Value, json};

/// Resolves a scalar that is neither quoted nor tagged.
pub(super) fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    number(text).unwrap_or_else(|| Kind::Text(text.to_owned()))
}

/// A number of the core schema, if the text is one. Whole numbers beyond 64 bits become floats.
pub(super) fn number(text: &str) -> Option<Kind> {
    let radix = |digits: &str, radix| i64::from_str_radix(digits, radix).ok().map(Kind::Int);
    if let Some(digits) = text.strip_prefix("0x").filter(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit())) {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o").filter(|rest| rest.bytes().all(|b| (b'0'..=b'7').contains(&b))) {
        return radix(digits, 8);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" => {
            return Some(Kind::Float(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }));
        }
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => return Some(Kind::Float(f64::NAN)),
        _ => {}
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let some_digit = !whole.is_empty() || fraction.is_some_and(|fraction| !fraction.is_empty());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits_only = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits_only.is_empty() && digits(digits_only)
    });
    if !some_digit || !digits(whole) || !digits(fraction.unwrap_or_default()) || !exponent_fits {
        return None;
    }
    if fraction.is_none()
        && exponent.is_none()
        && let Ok(number) = text.parse()
    {
        return Some(Kind::Int(number));
    }
    text.parse().ok().map(Kind::Float)
}

/// Text that reads back as this text: a name as it stands, anything else between quotes.
pub(crate) fn as_word(text: &str) -> String {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let letter = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    // Other readers of YAML take more words for booleans than ours.
    let other =
        ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    if plain && letter && !other { text.to_owned() } else { json::to_text(&Value::from(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_schema() {
        for (text, expected) in [
            ("", "Null"),
            ("~", "Null"),
            ("yes", "Text(\"yes\")"),
            ("true", "Bool(true)"),
            ("-12", "Int(-12)"),
            ("+12", "Int(12)"),
            ("007", "Int(7)"),
            ("0x1F", "Int(31)"),
            ("0o17", "Int(15)"),
            ("0x", "Text(\"0x\")"),
            ("1.", "Float(1.0)"),
            (".5", "Float(0.5)"),
            (".", "Text(\".\")"),
            ("-", "Text(\"-\")"),
            ("1e3", "Float(1000.0)"),
            ("1e", "Text(\"1e\")"),
            ("e3", "Text(\"e3\")"),
            ("1_000", "Text(\"1_000\")"),
            ("1:30", "Text(\"1:30\")"),
            ("-.inf", "Float(-inf)"),
            (".nan", "Float(NaN)"),
            ("-.nan", "Text(\"-.nan\")"),
            ("9223372036854775808", "Float(9.223372036854776e18)"),
            ("2024-01-01", "Text(\"2024-01-01\")"),
        ] {
            assert_eq!(format!("{:?}", plain(text)), expected, "{text}");
        }
    }
}
