use std::str::FromStr;
use std::time::{Duration, SystemTime};

use dbal::{Date, DateTime};
use proptest::prelude::*;

fn millis(text: &str) -> i64 {
    DateTime::from_str(text).unwrap_or_else(|fault| panic!("{text}: {fault}")).epoch_millis()
}

#[test]
fn instants_are_read() {
    for (text, expected) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00z", 0),
        ("1970-01-01T00:00:00+00:00", 0),
        ("1970-01-01T00:00:00-00:00", 0),
        ("1970-01-01T00:00:00.001Z", 1),
        ("1970-01-01T00:00:00.1Z", 100),
        ("1970-01-01T00:00:00.12Z", 120),
        ("1970-01-01T00:00:00.0009999999999999999999999999Z", 0),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("1969-12-31T23:59:59.9991Z", -1),
        ("1969-12-31T23:59:59.0001Z", -1000),
        ("1969-12-31T23:59:59Z", -1000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:30:00-00:30", 0),
        ("1970-01-01T23:59:00+23:59", 0),
        ("2000-02-29T12:00:00Z", 951_825_600_000),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        ("0001-01-01T00:00:00-01:00", -62_135_593_200_000),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ("9999-12-31T23:59:59.9999999Z", 253_402_300_799_999),
    ] {
        assert_eq!(millis(text), expected, "{text}");
    }
}

#[test]
fn what_is_no_instant_is_refused() {
    for text in [
        "",
        "1970",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01 00:00:00Z",
        "1970-01-01T00:00Z",
        "1970-01-01T0:00:00Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00,5Z",
        "1970-01-01T00:00:00+00",
        "1970-01-01T00:00:00+0000",
        "1970-01-01T00:00:00 Z",
        " 1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z ",
        "1970-01-01T00:00:00Z\0",
        "1970-1-01T00:00:00Z",
        "+1970-01-01T00:00:00Z",
        "19700-01-01T00:00:00Z",
        "1970-01-01T00:00:00z+00:00",
        "1970-01-01T00:00:00−01:00",
        "1970-01-01T00:00:0ⅧZ",
        "1970/01/01T00:00:00Z",
        "0",
        "1970-01-01T00:00:00.5",
        "1970-01-01T00:00:60Z",
        "2016-12-31T23:59:60Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+00:60",
        "1970-00-01T00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "1970-01-32T00:00:00Z",
        "1970-04-31T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "é970-01-01T00:00:00Z",
        "1970-01-01é00:00:00Z",
    ] {
        assert!(DateTime::from_str(text).is_err(), "{text:?}");
    }
}

#[test]
fn faults_say_what_is_wrong() {
    let fault = |text| DateTime::from_str(text).unwrap_err();
    assert!(fault("yesterday").contains("RFC 3339"));
    assert!(fault("2023-02-29T00:00:00Z").contains("calendar"));
    assert!(fault("2016-12-31T23:59:60Z").contains("clock"));
    assert!(fault("0000-01-01T00:00:00Z").contains("years"));
    assert!(Date::from_str("29.2.2024").unwrap_err().contains("2024-01-31"));
}

#[test]
fn instants_before_the_epoch_are_cut_toward_the_past() {
    let before = |nanos| SystemTime::UNIX_EPOCH - Duration::from_nanos(nanos);
    for (nanos, expected) in [(0, 0), (100, -1), (999_900, -1), (1_000_000, -1), (1_000_100, -2)] {
        assert_eq!(DateTime::try_from(before(nanos)).unwrap().epoch_millis(), expected, "{nanos}");
    }
    let after = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_999_999);
    assert_eq!(DateTime::try_from(after).unwrap().epoch_millis(), 1);
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(300_000_000_000);
    assert!(DateTime::try_from(far).is_err());
}

#[test]
fn now_is_now() {
    let now = DateTime::now();
    let distance = SystemTime::now().duration_since(now.into()).unwrap();
    assert!(distance < Duration::from_secs(5));
}

#[test]
fn days() {
    for (text, days) in [("1970-01-01", 0), ("1969-12-31", -1), ("0001-01-01", -719_162), ("9999-12-31", 2_932_896)] {
        let date: Date = text.parse().unwrap();
        assert_eq!(date.epoch_days(), days, "{text}");
        assert_eq!(Date::from_epoch_days(days), Some(date));
        assert_eq!(date.to_string(), text);
    }
    for text in
        ["", "0000-01-01", "2023-02-29", "2024-2-29", "2024-02-29T00:00:00Z", "10000-01-01", "2024-02-2é", "2024_02_29"]
    {
        assert!(Date::from_str(text).is_err(), "{text:?}");
    }
    assert_eq!(Date::from_epoch_days(2_932_897), None);
    assert_eq!(Date::from_epoch_days(-719_163), None);
}

#[test]
fn every_day_has_one_text() {
    let mut previous = String::new();
    for days in -719_162..=2_932_896 {
        let text = Date::from_epoch_days(days).unwrap().to_string();
        assert!(previous < text, "{previous} {text}");
        assert_eq!(text.parse::<Date>().unwrap().epoch_days(), days);
        previous = text;
    }
}

proptest! {
    #[test]
    fn instants_read_back(millis in DateTime::MIN.epoch_millis()..=DateTime::MAX.epoch_millis()) {
        let instant = DateTime::from_epoch_millis(millis).unwrap();
        prop_assert_eq!(instant.to_string().parse(), Ok(instant));
        prop_assert_eq!(DateTime::try_from(SystemTime::from(instant)), Ok(instant));
    }

    #[test]
    fn more_digits_are_floored(nanos in -1_000_000_000_000_000_i64..1_000_000_000_000_000) {
        let seconds = DateTime::from_epoch_millis(nanos.div_euclid(1_000_000_000) * 1000).unwrap().to_string();
        let text = seconds.replace(".000Z", &format!(".{:09}Z", nanos.rem_euclid(1_000_000_000)));
        prop_assert_eq!(millis(&text), nanos.div_euclid(1_000_000));
    }

    #[test]
    fn an_offset_is_subtracted(millis_of in 0_i64..4_000_000_000_000, minutes in -1439_i64..=1439) {
        let local = DateTime::from_epoch_millis(millis_of + minutes * 60_000);
        prop_assume!(local.is_some());
        let sign = if minutes < 0 { '-' } else { '+' };
        let offset = format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60);
        prop_assert_eq!(millis(&local.unwrap().to_string().replace('Z', &offset)), millis_of);
    }

    #[test]
    fn no_text_panics(text in "[0-9TtZz:+. -]{0,32}", any in any::<String>()) {
        let _ = (DateTime::from_str(&text), DateTime::from_str(&any), Date::from_str(&text), Date::from_str(&any));
    }
}
