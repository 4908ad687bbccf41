//! Instants with milliseconds, and calendar days.

/// An instant in UTC: milliseconds since 1970-01-01T00:00:00Z, years 0001 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(i64);

impl DateTime {
    /// From milliseconds since the epoch; none outside the years 0001 to 9999.
    pub fn from_epoch_millis(millis: i64) -> Option<Self> {
        const MIN: i64 = -62_135_596_800_000;
        const MAX: i64 = 253_402_300_799_999;
        (MIN..=MAX).contains(&millis).then_some(DateTime(millis))
    }

    /// Milliseconds since the epoch.
    pub fn epoch_millis(self) -> i64 {
        self.0
    }
}

/// A calendar day: days since 1970-01-01, years 0001 to 9999.
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
