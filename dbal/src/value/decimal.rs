//! Exact decimals of up to 34 digits.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// The most digits a decimal may have in all, and the most after its point (those of IEEE decimal128).
pub const MAX_DIGITS: u32 = 34;

/// Longer text is no decimal, whatever it says.
const MAX_TEXT: usize = 256;

const LIMIT: i128 = power(MAX_DIGITS);

const fn power(exponent: u32) -> i128 {
    10_i128.pow(exponent)
}

/// An exact decimal number, compared by value: `1.0` equals `1.00`, but each keeps the zeros it is written with.
///
/// It is a coefficient below 10^34 and a scale of up to 34 digits after the point, so it fits in every backend's
/// exact type, takes no memory of its own, and no text makes it cost more.
///
/// ```
/// use dbal::Decimal;
/// let price: Decimal = "12.50".parse()?;
/// assert_eq!(price, "1.25e1".parse()?);
/// assert_eq!(price.normalized().to_string(), "12.5");
/// assert_eq!(price.with_scale(4)?.to_string(), "12.5000");
/// assert!("1e1000000000".parse::<Decimal>().is_err());
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    coefficient: i128,
    scale: u32,
}

impl Decimal {
    /// The number `coefficient / 10^scale`; none above 34 digits.
    pub fn new(coefficient: i128, scale: u32) -> Option<Self> {
        let fits = -LIMIT < coefficient && coefficient < LIMIT && scale <= MAX_DIGITS;
        fits.then_some(Decimal { coefficient, scale })
    }

    /// All digits as one whole number.
    pub fn coefficient(&self) -> i128 {
        self.coefficient
    }

    /// How many of the digits stand after the point.
    pub fn scale(&self) -> u32 {
        self.scale
    }

    /// How many digits a `precision` counts: those of the coefficient, and no fewer than stand after the point.
    pub fn digits(&self) -> u32 {
        let significant = self.coefficient.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
        significant.max(self.scale)
    }

    /// The same number without zeros at its end.
    pub fn normalized(mut self) -> Self {
        while self.scale > 0 && self.coefficient % 10 == 0 {
            self.coefficient /= 10;
            self.scale -= 1;
        }
        self
    }

    /// The same number with exactly so many digits after the point.
    pub fn with_scale(self, scale: u32) -> Result<Self, &'static str> {
        if scale >= self.scale {
            let coefficient = match scale <= MAX_DIGITS {
                true => self.coefficient.checked_mul(power(scale - self.scale)),
                false => None,
            };
            return coefficient.and_then(|c| Decimal::new(c, scale)).ok_or(TOO_LONG);
        }
        let dropped = power(self.scale - scale);
        match self.coefficient % dropped {
            0 => Ok(Decimal { coefficient: self.coefficient / dropped, scale }),
            _ => Err("more digits after the point than its scale"),
        }
    }

    /// The exact sum, with the longer scale of the two; none above 34 digits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.with_scale(scale).ok()?, other.with_scale(scale).ok()?);
        Decimal::new(a.coefficient + b.coefficient, scale)
    }

    /// The nearest double.
    pub fn to_f64(&self) -> f64 {
        self.to_string().parse().expect("the plain form of a decimal is a float's text too")
    }

    /// The whole part, and the fraction in units of 10^-34; both carry the sign.
    pub(super) fn parts(&self) -> (i128, i128) {
        let unit = power(self.scale);
        (self.coefficient / unit, self.coefficient % unit * power(MAX_DIGITS - self.scale))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.scale == other.scale {
            return self.coefficient.cmp(&other.coefficient);
        }
        self.parts().cmp(&other.parts())
    }
}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Decimal { coefficient: number.into(), scale: 0 }
    }
}

const NOT_A_DECIMAL: &str = "not a decimal number";
const TOO_LONG: &str = "more than 34 digits";

/// Plain or exponent form. Everything is bounded before it is computed. Zeros written at the end stay as far as they fit.
impl FromStr for Decimal {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_TEXT {
            return Err(TOO_LONG);
        }
        let (sign, unsigned) = match text.as_bytes() {
            [b'-', rest @ ..] => (-1, rest),
            [b'+', rest @ ..] => (1, rest),
            rest => (1, rest),
        };
        let end = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(unsigned.len());
        let exponent = match &unsigned[end..] {
            [] => 0,
            [_, exponent @ ..] => parse_exponent(exponent)?,
        };
        let Digits { coefficient, zeros, fraction } = Digits::read(&unsigned[..end])?;
        let written_scale = (fraction - exponent).clamp(0, MAX_DIGITS as i32) as u32;
        let mut number = match (coefficient, exponent - fraction + zeros) {
            (0, _) => Decimal { coefficient: 0, scale: 0 },
            (_, power_of_ten) if power_of_ten.unsigned_abs() > MAX_DIGITS => return Err(TOO_LONG),
            (_, scale @ ..=0) => Decimal { coefficient: sign * coefficient, scale: scale.unsigned_abs() },
            (_, zeros) => {
                let whole = coefficient.checked_mul(power(zeros.unsigned_abs()));
                whole.and_then(|whole| Decimal::new(sign * whole, 0)).ok_or(TOO_LONG)?
            }
        };
        while number.scale < written_scale && number.coefficient.abs() < LIMIT / 10 {
            number = Decimal { coefficient: number.coefficient * 10, scale: number.scale + 1 };
        }
        Ok(number)
    }
}

/// The digits of a number without sign and exponent: `coefficient`, then so many `zeros`; of all these digits so many
/// stand after the point.
struct Digits {
    coefficient: i128,
    zeros: i32,
    fraction: i32,
}

impl Digits {
    fn read(text: &[u8]) -> Result<Digits, &'static str> {
        let mut digits = Digits { coefficient: 0, zeros: 0, fraction: 0 };
        let mut point = false;
        let mut any = false;
        for byte in text {
            match byte {
                b'.' if !point => point = true,
                b'0'..=b'9' => {
                    any = true;
                    digits.fraction += i32::from(point);
                    digits.push(byte - b'0')?;
                }
                _ => return Err(NOT_A_DECIMAL),
            }
        }
        if any { Ok(digits) } else { Err(NOT_A_DECIMAL) }
    }

    /// Zeros wait until another digit proves that they are not the last.
    fn push(&mut self, digit: u8) -> Result<(), &'static str> {
        if digit == 0 {
            self.zeros += i32::from(self.coefficient != 0);
            return Ok(());
        }
        let shift = self.zeros.unsigned_abs() + 1;
        let longer = if self.coefficient == 0 {
            Some(0)
        } else {
            10_i128.checked_pow(shift).and_then(|p| self.coefficient.checked_mul(p))
        };
        self.coefficient = longer.map(|c| c + i128::from(digit)).filter(|c| *c < LIMIT).ok_or(TOO_LONG)?;
        self.zeros = 0;
        Ok(())
    }
}

/// An exponent, cut to what [`MAX_TEXT`] cannot make up for.
fn parse_exponent(text: &[u8]) -> Result<i32, &'static str> {
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NOT_A_DECIMAL);
    }
    let number = digits.iter().fold(0_i32, |number, byte| (number * 10 + i32::from(byte - b'0')).min(99_999));
    Ok(sign * number)
}

/// The plain form, such as `-0.50`: no exponent, a digit on either side of the point, as many after it as the scale.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = power(self.scale).unsigned_abs();
        let magnitude = self.coefficient.unsigned_abs();
        if self.coefficient < 0 {
            f.write_str("-")?;
        }
        match self.scale {
            0 => write!(f, "{magnitude}"),
            scale => write!(f, "{}.{:0width$}", magnitude / unit, magnitude % unit, width = scale as usize),
        }
    }
}
