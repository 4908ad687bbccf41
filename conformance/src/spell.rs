//! How a value is written in a case: as in JSON (`SEMANTICS.md`, "Values", last column).
//!
//! Written apart from the engine's own code on purpose: a judge that shares the defendant's arithmetic proves little.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dbal::{Date, DateTime, Value};

/// The JSON spelling of a value that JSON has no form for; none for the others.
pub fn spelled(value: &Value) -> Option<String> {
    match value {
        Value::Uuid(id) => Some(id.hyphenated().to_string()),
        Value::Decimal(number) => Some(number.to_string()),
        Value::Bytes(bytes) => Some(STANDARD.encode(bytes)),
        Value::Date(date) => Some(date_text(*date)),
        Value::DateTime(instant) => Some(datetime_text(*instant)),
        _ => None,
    }
}

/// Base64 back to bytes.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// `YYYY-MM-DD`.
pub fn date_text(date: Date) -> String {
    let (year, month, day) = civil(i64::from(date.epoch_days()));
    format!("{year:04}-{month:02}-{day:02}")
}

/// RFC 3339 with `Z` and three digits.
pub fn datetime_text(instant: DateTime) -> String {
    const DAY: i64 = 86_400_000;
    let millis = instant.epoch_millis();
    let (year, month, day) = civil(millis.div_euclid(DAY));
    let rest = millis.rem_euclid(DAY);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1000)
}

/// The day of `YYYY-MM-DD`.
pub fn date(text: &str) -> Option<Date> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let days = days(parts.next()??, parts.next()??, parts.next()??);
    let date = Date::from_epoch_days(i32::try_from(days).ok()?)?;
    (date_text(date) == text).then_some(date)
}

/// The instant of `YYYY-MM-DDTHH:MM:SS.mmmZ`, this one spelling only.
pub fn datetime(text: &str) -> Option<DateTime> {
    let (day, time) = text.split_once('T')?;
    let day = i64::from(date(day)?.epoch_days());
    let time = time.strip_suffix('Z')?;
    let (clock, millis) = time.split_once('.')?;
    let mut parts = clock.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let seconds = (parts.next()?? * 60 + parts.next()??) * 60 + parts.next()??;
    let instant = DateTime::from_epoch_millis((day * 86_400 + seconds) * 1000 + millis.parse::<i64>().ok()?)?;
    (datetime_text(instant) == text).then_some(instant)
}

/// Year, month and day of a day since 1970-01-01, by counting 400-year eras from 0000-03-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_survive_the_round_trip() {
        for text in ["0001-01-01", "1969-12-31", "1970-01-01", "2000-02-29", "2024-02-29", "2100-03-01", "9999-12-31"] {
            assert_eq!(date(text).map(date_text).as_deref(), Some(text));
        }
        for text in ["2023-02-29", "2024-13-01", "2024-00-10", "24-1-1", "10000-01-01"] {
            assert_eq!(date(text), None, "{text}");
        }
        assert_eq!(date("1970-01-02").map(Date::epoch_days), Some(1));
        assert_eq!(date("2026-11-23").map(Date::epoch_days), Some(20_780));
    }

    #[test]
    fn instants_survive_the_round_trip() {
        for text in ["1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.000Z", "2024-02-29T12:34:56.789Z"] {
            assert_eq!(datetime(text).map(datetime_text).as_deref(), Some(text));
        }
        assert_eq!(datetime("1969-12-31T23:59:59.999Z").map(DateTime::epoch_millis), Some(-1));
        assert_eq!(datetime("2024-01-01T00:00:00Z"), None);
    }
}
