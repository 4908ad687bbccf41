//! Instants with milliseconds, and calendar days.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// The Julian day of 1970-01-01, from which `time` counts.
const EPOCH: i32 = 2_440_588;

const DAY: i64 = 86_400_000;

/// An instant in UTC: milliseconds since 1970-01-01T00:00:00Z, years 0001 to 9999.
///
/// It is parsed from RFC 3339 text with an offset, cut to milliseconds toward the past, and written in one form only:
///
/// ```
/// use dbal::DateTime;
/// let instant: DateTime = "1969-12-31T19:00:00.0019-05:00".parse()?;
/// assert_eq!(instant.to_string(), "1970-01-01T00:00:00.001Z");
/// assert!("2023-02-29T00:00:00Z".parse::<DateTime>().is_err());
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(i64);

impl DateTime {
    /// The first instant of the year 0001.
    pub const MIN: DateTime = DateTime(-62_135_596_800_000);
    /// The last millisecond of the year 9999.
    pub const MAX: DateTime = DateTime(253_402_300_799_999);

    /// From milliseconds since the epoch; none outside the years 0001 to 9999.
    pub fn from_epoch_millis(millis: i64) -> Option<Self> {
        (DateTime::MIN.0..=DateTime::MAX.0).contains(&millis).then_some(DateTime(millis))
    }

    /// Milliseconds since the epoch.
    pub fn epoch_millis(self) -> i64 {
        self.0
    }

    /// This instant by the clock of the machine.
    pub fn now() -> Self {
        DateTime::try_from(SystemTime::now()).unwrap_or(DateTime::MAX)
    }
}

impl TryFrom<SystemTime> for DateTime {
    type Error = &'static str;

    fn try_from(instant: SystemTime) -> Result<Self, Self::Error> {
        let millis = match instant.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).ok(),
            // Toward the past as well: what is left of a millisecond before the epoch is one more.
            Err(error) => i64::try_from(error.duration().as_nanos().div_ceil(1_000_000)).ok().map(|before| -before),
        };
        millis.and_then(DateTime::from_epoch_millis).ok_or(OUT_OF_YEARS)
    }
}

impl From<DateTime> for SystemTime {
    fn from(instant: DateTime) -> SystemTime {
        let distance = Duration::from_millis(instant.0.unsigned_abs());
        match instant.0 < 0 {
            true => SystemTime::UNIX_EPOCH - distance,
            false => SystemTime::UNIX_EPOCH + distance,
        }
    }
}

const NOT_A_DATETIME: &str = "not an RFC 3339 date and time with an offset, such as 2024-01-31T12:00:00Z";
const NOT_A_DATE: &str = "not a date such as 2024-01-31";
const NO_SUCH_DAY: &str = "a day that is in no calendar";
const NO_SUCH_TIME: &str = "a time of day that no clock shows";
const OUT_OF_YEARS: &str = "outside the years 0001 to 9999";

impl FromStr for DateTime {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.as_bytes();
        let (Some(date), Some(b'T' | b't')) = (text.first_chunk::<10>(), text.get(10)) else {
            return Err(NOT_A_DATETIME);
        };
        let days = parse_date(date).map_err(|fault| if fault == NOT_A_DATE { NOT_A_DATETIME } else { fault })?;
        let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = &text[11..] else {
            return Err(NOT_A_DATETIME);
        };
        let number = |tens: &u8, ones: &u8| digits(&[*tens, *ones]).map(i64::from).ok_or(NOT_A_DATETIME);
        let (hour, minute, second) = (number(h1, h2)?, number(m1, m2)?, number(s1, s2)?);
        // A leap second has no millisecond of its own since the epoch.
        if hour > 23 || minute > 59 || second > 59 {
            return Err(NO_SUCH_TIME);
        }
        let (millis, rest) = parse_fraction(rest)?;
        let offset = match rest {
            b"Z" | b"z" => 0,
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
                let (hours, minutes) = (number(h1, h2)?, number(m1, m2)?);
                if hours > 23 || minutes > 59 {
                    return Err(NO_SUCH_TIME);
                }
                (hours * 60 + minutes) * if *sign == b'-' { -60_000 } else { 60_000 }
            }
            _ => return Err(NOT_A_DATETIME),
        };
        let of_day = ((hour * 60 + minute) * 60 + second) * 1000 + millis;
        DateTime::from_epoch_millis(i64::from(days) * DAY + of_day - offset).ok_or(OUT_OF_YEARS)
    }
}

/// The milliseconds of a fraction, if there is one, and what follows. Cutting digits off goes toward the past on either
/// side of the epoch, because the fraction is added to a whole second.
fn parse_fraction(text: &[u8]) -> Result<(i64, &[u8]), &'static str> {
    let [b'.', fraction @ ..] = text else {
        return Ok((0, text));
    };
    let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return Err(NOT_A_DATETIME);
    }
    let digit = |place: usize| if place < length { i64::from(fraction[place] - b'0') } else { 0 };
    Ok((digit(0) * 100 + digit(1) * 10 + digit(2), &fraction[length..]))
}

/// The days since the epoch of `YYYY-MM-DD`.
fn parse_date(text: &[u8; 10]) -> Result<i32, &'static str> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else {
        return Err(NOT_A_DATE);
    };
    let (Some(year), Some(month), Some(day)) = (digits(&[y1, y2, y3, y4]), digits(&[m1, m2]), digits(&[d1, d2])) else {
        return Err(NOT_A_DATE);
    };
    if year == 0 {
        return Err(OUT_OF_YEARS);
    }
    let month = time::Month::try_from(month as u8).map_err(|_| NO_SUCH_DAY)?;
    let date = time::Date::from_calendar_date(year as i32, month, day as u8).map_err(|_| NO_SUCH_DAY)?;
    Ok(date.to_julian_day() - EPOCH)
}

/// The number of up to four decimal digits.
fn digits(text: &[u8]) -> Option<u16> {
    text.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u16::from(byte - b'0')))
}

/// Writes the decimal digits of a number to the places given.
fn put(out: &mut [u8], mut number: u32) {
    for place in out.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn put_date(out: &mut [u8], days: i32) {
    let date = time::Date::from_julian_day(days + EPOCH).expect("the years 0001 to 9999 are days of `time`");
    let (year, month, day) = date.to_calendar_date();
    put(&mut out[0..4], year.unsigned_abs());
    put(&mut out[5..7], u32::from(u8::from(month)));
    put(&mut out[8..10], u32::from(day));
}

fn ascii(text: &[u8]) -> &str {
    std::str::from_utf8(text).expect("digits and signs are ASCII")
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = *b"YYYY-MM-DDTHH:MM:SS.mmmZ";
        put_date(&mut text, self.0.div_euclid(DAY) as i32);
        let of_day = self.0.rem_euclid(DAY) as u32;
        put(&mut text[11..13], of_day / 3_600_000);
        put(&mut text[14..16], of_day / 60_000 % 60);
        put(&mut text[17..19], of_day / 1000 % 60);
        put(&mut text[20..23], of_day % 1000);
        f.write_str(ascii(&text))
    }
}

/// A calendar day: days since 1970-01-01, years 0001 to 9999.
///
/// ```
/// use dbal::Date;
/// let day: Date = "2024-02-29".parse()?;
/// assert_eq!(day.epoch_days(), 19_782);
/// assert_eq!(day.to_string(), "2024-02-29");
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

impl Date {
    /// From days since the epoch; none outside the years 0001 to 9999.
    pub fn from_epoch_days(days: i32) -> Option<Self> {
        (-719_162..=2_932_896).contains(&days).then_some(Date(days))
    }

    /// Days since the epoch.
    pub fn epoch_days(self) -> i32 {
        self.0
    }
}

impl FromStr for Date {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text: &[u8; 10] = text.as_bytes().try_into().map_err(|_| NOT_A_DATE)?;
        parse_date(text).map(Date)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = *b"YYYY-MM-DD";
        put_date(&mut text, self.0);
        f.write_str(ascii(&text))
    }
}
