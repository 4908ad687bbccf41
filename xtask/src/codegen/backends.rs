//! What each backend says of itself, for the table.

use dbal::adapter;
use dbal::capability::{Capabilities, Support};

use super::contract::Missing;

/// The backends by name, in the order of their columns.
pub const BACKENDS: &[(&str, Capabilities)] = &[
    ("memory", adapter::memory::CAPABILITIES),
    ("sqlite", adapter::sqlite::SqliteAdapter::CAPABILITIES),
    ("postgres", adapter::postgres::PostgresAdapter::CAPABILITIES),
    ("mongodb", adapter::mongodb::MongoAdapter::CAPABILITIES),
];

/// How a backend has a capability. One that has just been declared is in no backend yet.
pub fn support(backend: &Capabilities, name: &str, missing: Missing) -> &'static str {
    let found = backend.list().into_iter().find(|(capability, _)| *capability == name);
    match found.map_or(Support::Unsupported, |(_, support)| support) {
        Support::Native => "native",
        Support::Emulated => "emulated",
        Support::Unsupported if missing == Missing::Abort => missing.words(),
        Support::Unsupported => "rejected",
    }
}

/// A backend's limit in digits, or `none`.
pub fn limit(backend: &Capabilities, name: &str) -> String {
    let found = backend.limits().into_iter().find(|(limit, _)| *limit == name);
    match found {
        None => "0".to_owned(),
        Some((_, number)) if number == u64::MAX || number == u64::from(u32::MAX) => "none".to_owned(),
        Some((_, number)) => grouped(number),
    }
}

/// `32766` as `32,766`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_stand_in_threes() {
        let numbers = [0, 999, 1000, 32_766, 1_000_000];
        assert_eq!(numbers.map(grouped), ["0", "999", "1,000", "32,766", "1,000,000"]);
    }
}
