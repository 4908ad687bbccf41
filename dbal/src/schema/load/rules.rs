//! Lengths, pattern and bounds of a field, and whether its keys agree with each other and with its type.

use crate::schema::{Bound, Field, FieldType, Storage, StoredAs};
use crate::value::{Decimal, Value};
use crate::yaml::{Block, Entry, Node, Report};

/// Reads the rules that a value is checked against.
pub(super) fn read(report: &Report, block: &mut Block<'_>, field: &mut Field) {
    let lengths = matches!(field.ty, FieldType::Text(_) | FieldType::Bytes);
    field.min_length = length(report, block, field, "min_length", lengths);
    field.max_length = length(report, block, field, "max_length", lengths);
    if let (Some(least), Some(most)) = (field.min_length, field.max_length)
        && least > most
    {
        report.error(block.place(), format!("min_length {least} is greater than max_length {most}"));
    }
    if let Some(entry) = block.entry("pattern") {
        match entry.value.as_str().map(regex::Regex::new) {
            None => block.wrong(entry, "a regular expression as text"),
            Some(_) if !matches!(field.ty, FieldType::Text(_)) => {
                report.error(entry.place, format!("pattern is for text; {} is {}", field.name, field.ty.as_str()));
            }
            Some(Ok(pattern)) => field.pattern = Some(pattern),
            Some(Err(fault)) => report.error(entry.value.place, format!("pattern: {}", regex_fault(&fault))),
        }
    }
    field.min = bound(report, block, field, "min");
    field.max = bound(report, block, field, "max");
    let crossed = match (&field.min, &field.max) {
        (Some(Bound::Int(least)), Some(Bound::Int(most))) => least > most,
        (Some(Bound::Float(least)), Some(Bound::Float(most))) => least > most,
        (Some(Bound::Decimal(least)), Some(Bound::Decimal(most))) => least > most,
        _ => false,
    };
    if crossed {
        report.error(block.place(), format!("min of {} is greater than its max", field.name));
    }
}

/// A column of fewer bits than the type has bounds of its own.
pub(super) fn narrow(field: &mut Field) {
    let (least, most) = match (&field.ty, field.storage) {
        (FieldType::Integer | FieldType::BigInt, Some(Storage::Smallint)) => (i64::from(i16::MIN), i64::from(i16::MAX)),
        (FieldType::BigInt, Some(Storage::Integer)) => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => return,
    };
    if !matches!(field.min, Some(Bound::Int(declared)) if declared > least) {
        field.min = Some(Bound::Int(least));
    }
    if !matches!(field.max, Some(Bound::Int(declared)) if declared < most) {
        field.max = Some(Bound::Int(most));
    }
}

/// The last line of a regex fault says what is wrong; the others draw the pattern.
pub(super) fn regex_fault(fault: &regex::Error) -> String {
    let text = fault.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    format!("not a regular expression of Rust's regex: {}", last.strip_prefix("error: ").unwrap_or(last))
}

fn length(report: &Report, block: &mut Block<'_>, field: &Field, name: &'static str, fits: bool) -> Option<u32> {
    let place = block.entry(name)?.place;
    // Asked again below only for its value; the first look found its place.
    let number = block.integer(name, 0, i64::from(u32::MAX))?;
    if !fits {
        let message = format!("{name} is for text and bytes; {} is {}", field.name, field.ty.as_str());
        match field.ty {
            // Such limits stand on lists and words in the wild, where they cannot do harm by their absence.
            FieldType::Json | FieldType::Enum(_) => report.warning(place, format!("{message}; it is ignored")),
            _ => report.error(place, message),
        }
        return None;
    }
    u32::try_from(number).ok()
}

fn bound(report: &Report, block: &mut Block<'_>, field: &Field, name: &'static str) -> Option<Bound> {
    let entry = block.entry(name)?;
    let node = &entry.value;
    let made = match field.ty {
        FieldType::Integer => node.as_int().filter(|n| i32::try_from(*n).is_ok()).map(Bound::Int),
        FieldType::BigInt => node.as_int().map(Bound::Int),
        FieldType::Float => node.as_float().filter(|number| number.is_finite()).map(Bound::Float),
        FieldType::Decimal { .. } => node.written().and_then(|text| text.parse().ok()).map(Bound::Decimal),
        _ => {
            let hint = if field.ty.is_text() { format!("; {name}_length limits text") } else { String::new() };
            let message = format!("{name} is for numbers; {} is {}{hint}", field.name, field.ty.as_str());
            report.error(entry.place, message);
            return None;
        }
    };
    if made.is_none() {
        block.wrong(entry, &format!("a number that type {} can hold", field.ty.as_str()));
    }
    made
}

/// A node as the value that conversion expects: decimals keep their digits, words of an enum are text however written.
pub(super) fn value_for(ty: &FieldType, node: &Node) -> Value {
    match (ty, node.written()) {
        (FieldType::Decimal { .. }, Some(text)) => match text.parse::<Decimal>() {
            Ok(number) => Value::from(number),
            Err(_) => node.to_value(),
        },
        (FieldType::Enum(_), Some(text)) => Value::from(text),
        _ => node.to_value(),
    }
}

/// Reports keys that contradict each other or the type.
pub(super) fn agree(report: &Report, entry: &Entry, field: &Field) {
    let ty = field.ty.as_str();
    let name = &field.name;
    let error = |message: String| report.error(entry.place, message);
    let whole = matches!(field.ty, FieldType::Integer | FieldType::BigInt);
    if field.primary && matches!(field.ty, FieldType::Json | FieldType::Float | FieldType::Boolean | FieldType::Bytes) {
        error(format!(
            "the key {name} cannot be of type {ty}; expected uuid, string, integer or another with an order"
        ));
    }
    if (field.unique || field.index) && field.ty == FieldType::Json {
        error(format!("{name} is json, which cannot be unique or indexed"));
    }
    if field.auto_update && !matches!(field.ty, FieldType::DateTime | FieldType::BigInt | FieldType::Float) {
        error(format!("auto_update is for a datetime; {name} is {ty}"));
    }
    if field.auto_update && field.immutable {
        error(format!("{name} is both auto_update and immutable"));
    }
    if field.version && !whole {
        error(format!("version is for an integer or bigint; {name} is {ty}"));
    }
    if field.stored_as.is_some() && !matches!(field.ty, FieldType::Text(_)) {
        error(format!("stored_as is for text; {name} is {ty}"));
    }
    if field.stored_as == Some(StoredAs::Argon2id) && (field.unique || field.primary) {
        error(format!("{name} is stored as argon2id, whose hashes of one value all differ, so it cannot be unique"));
    }
    if field.generated.is_some() && field.default.is_some() {
        error(format!("{name} has both a generator and a default; keep one"));
    }
    if field.version && (field.generated.is_some() || field.default.is_some()) {
        error(format!("{name} is the version, which the engine counts; it takes no generator and no default"));
    }
}
