//! Exact decimals of up to 34 digits.

use std::fmt;
use std::str::FromStr;

use bigdecimal::BigDecimal;

/// The most significant digits a decimal may have (those of IEEE decimal128).
pub const MAX_DIGITS: u64 = 34;

/// An exact decimal number, compared by value: `1.0` equals `1.00`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(pub(crate) BigDecimal);

impl FromStr for Decimal {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = BigDecimal::from_str(text).map_err(|_| "not a decimal number")?;
        Ok(Decimal(number))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_plain_string())
    }
}
