//! Sums and averages, the same wherever they are computed: exact, and independent of the order of the values.

use super::Decimal;
use super::decimal::MAX_DIGITS;

/// What is made of the values of a field, over all rows of a group. Nulls are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aggregation {
    /// The sum of numbers; null of none.
    Sum,
    /// The mean of numbers; null of none.
    Avg,
    /// The least value; null of none.
    Min,
    /// The greatest value; null of none.
    Max,
    /// How many different values there are.
    CountDistinct,
}

impl Aggregation {
    /// Every one.
    pub const ALL: [Aggregation; 5] =
        [Aggregation::Sum, Aggregation::Avg, Aggregation::Min, Aggregation::Max, Aggregation::CountDistinct];

    /// Its name in requests and results, such as `count_distinct`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Aggregation::Sum => "sum",
            Aggregation::Avg => "avg",
            Aggregation::Min => "min",
            Aggregation::Max => "max",
            Aggregation::CountDistinct => "count_distinct",
        }
    }
}

/// A result left the range of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// Whole numbers added up. No row count makes it overflow before its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct IntegerTotal {
    sum: i128,
    count: u64,
}

impl IntegerTotal {
    /// So many numbers that a database has added up.
    pub fn of_sum(sum: i128, count: u64) -> Self {
        IntegerTotal { sum, count }
    }

    /// Adds one.
    pub fn add(&mut self, number: i64) {
        self.sum += i128::from(number);
        self.count += 1;
    }

    /// The exact sum; null of none.
    ///
    /// # Errors
    /// [`Overflow`] outside 64 bits.
    pub fn sum(&self) -> Result<Option<i64>, Overflow> {
        match self.count {
            0 => Ok(None),
            _ => i64::try_from(self.sum).map(Some).map_err(|_| Overflow),
        }
    }

    /// The mean; null of none.
    pub fn avg(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }
}

/// Numbers from here on are added up apart, made smaller, so that no sum of theirs leaves the range on its way.
const LARGE: f64 = f64::from_bits(0x7bf0_0000_0000_0000); // 2^960
const SCALE: f64 = f64::from_bits(0x4630_0000_0000_0000); // 2^100

/// Doubles added up without rounding, so that their order does not matter.
#[derive(Clone, Debug, Default)]
pub struct FloatTotal {
    small: Parts,
    large: Parts,
    count: u64,
}

impl FloatTotal {
    /// Adds one.
    pub fn add(&mut self, number: f64) {
        self.count += 1;
        match number.abs() < LARGE {
            true => self.small.add(number),
            false => self.large.add(number / SCALE),
        }
    }

    /// The sum; null of none.
    ///
    /// # Errors
    /// [`Overflow`] beyond the greatest double.
    pub fn sum(&self) -> Result<Option<f64>, Overflow> {
        self.divided(1.0)
    }

    /// The mean; null of none.
    pub fn avg(&self) -> Option<f64> {
        // No mean is greater than the greatest value.
        self.divided(self.count as f64).ok().flatten()
    }

    fn divided(&self, by: f64) -> Result<Option<f64>, Overflow> {
        if self.count == 0 {
            return Ok(None);
        }
        let large = self.large.sum();
        let result = match large == 0.0 {
            true => self.small.sum() / by,
            false => {
                let mut all = self.large.clone();
                self.small.0.iter().for_each(|part| all.add(part / SCALE));
                all.sum() / by * SCALE
            }
        };
        if result.is_finite() { Ok(Some(result)) } else { Err(Overflow) }
    }
}

/// A number as doubles that do not overlap, the smallest first (Shewchuk, "Adaptive Precision Floating-Point
/// Arithmetic").
#[derive(Clone, Debug, Default)]
struct Parts(Vec<f64>);

impl Parts {
    fn add(&mut self, number: f64) {
        let mut high = number;
        let mut kept = 0;
        for at in 0..self.0.len() {
            let mut part = self.0[at];
            if high.abs() < part.abs() {
                std::mem::swap(&mut high, &mut part);
            }
            let sum = high + part;
            let low = part - (sum - high);
            if low != 0.0 {
                self.0[kept] = low;
                kept += 1;
            }
            high = sum;
        }
        self.0.truncate(kept);
        self.0.push(high);
    }

    /// Rounded once for each part; the last ones decide.
    fn sum(&self) -> f64 {
        self.0.iter().sum()
    }
}

/// Decimals added up: a number in units of 10^-34, as three digits of base 10^34.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecimalTotal {
    low: i128,
    middle: i128,
    high: i128,
    count: u64,
}

const BASE: i128 = 10_i128.pow(MAX_DIGITS);

impl DecimalTotal {
    /// So many numbers that a database has added up, with their exact sum in plain digits.
    pub fn of_sum(sum: &str, count: u64) -> Option<Self> {
        let (sign, digits) = sum.strip_prefix('-').map_or((1, sum), |digits| (-1, digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > MAX_DIGITS as usize {
            return None;
        }
        let (high, middle) = whole.split_at_checked(whole.len().saturating_sub(MAX_DIGITS as usize))?;
        let number = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<i128>().ok() };
        let low = number(&format!("{fraction:0<34}"))?;
        Some(DecimalTotal { low: sign * low, middle: sign * number(middle)?, high: sign * number(high)?, count })
    }

    /// Adds one.
    pub fn add(&mut self, number: &Decimal) {
        let (whole, fraction) = number.parts();
        self.low += fraction;
        self.middle += whole;
        self.middle += self.low / BASE;
        self.low %= BASE;
        self.high += self.middle / BASE;
        self.middle %= BASE;
        self.count += 1;
    }

    /// The exact sum, with so many digits after the point, or without zeros at its end; null of none.
    ///
    /// # Errors
    /// [`Overflow`] above 34 digits.
    pub fn sum(&self, scale: Option<u32>) -> Result<Option<Decimal>, Overflow> {
        if self.count == 0 {
            return Ok(None);
        }
        let (negative, digits) = self.digits();
        // Zeros at the end are no digits of the number: the text is parsed as far as it needs to be.
        let (whole, fraction) = digits.split_at(digits.len() - MAX_DIGITS as usize);
        let text = format!("{}{whole}.{}", if negative { "-" } else { "" }, fraction.trim_end_matches('0'));
        let sum: Decimal = text.parse().map_err(|_| Overflow)?;
        let sum = sum.normalized();
        match scale {
            Some(scale) => sum.with_scale(scale).map(Some).map_err(|_| Overflow),
            None => Ok(Some(sum)),
        }
    }

    /// The mean to 34 digits, a half rounded to the even digit, without zeros at its end; null of none.
    pub fn avg(&self) -> Option<Decimal> {
        if self.count == 0 {
            return None;
        }
        let (negative, digits) = self.digits();
        let (quotient, rest) = divide(&digits, self.count);
        let significant = quotient.trim_start_matches('0');
        let dropped = significant.len().saturating_sub(MAX_DIGITS as usize);
        let (kept, lost) = significant.split_at(significant.len() - dropped);
        let coefficient: i128 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
        let odd = coefficient % 2 != 0;
        let up = match lost.as_bytes() {
            // What is lost is the rest of the division alone.
            [] => match (u128::from(rest) * 2).cmp(&u128::from(self.count)) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Equal => odd,
                std::cmp::Ordering::Greater => true,
            },
            [b'5', more @ ..] => odd || rest != 0 || more.iter().any(|digit| *digit != b'0'),
            [first, ..] => *first > b'5',
        };
        let coefficient = coefficient + i128::from(up);
        let scale = MAX_DIGITS.checked_sub(u32::try_from(dropped).ok()?)?;
        let (coefficient, scale) = match coefficient == BASE && scale > 0 {
            true => (coefficient / 10, scale - 1),
            false => (coefficient, scale),
        };
        Decimal::new(if negative { -coefficient } else { coefficient }, scale).map(Decimal::normalized)
    }

    /// Whether it is below zero, and the digits of its magnitude in units of 10^-34, more than 34 of them.
    fn digits(&self) -> (bool, String) {
        let negative = match (self.high, self.middle, self.low) {
            (0, 0, low) => low < 0,
            (0, middle, _) => middle < 0,
            (high, _, _) => high < 0,
        };
        let sign = if negative { -1 } else { 1 };
        let (mut low, mut middle, mut high) = (self.low * sign, self.middle * sign, self.high * sign);
        if low < 0 {
            low += BASE;
            middle -= 1;
        }
        if middle < 0 {
            middle += BASE;
            high -= 1;
        }
        (negative, format!("{high}{middle:034}{low:034}"))
    }
}

/// The digits of the whole quotient, and the rest.
fn divide(digits: &str, by: u64) -> (String, u64) {
    let by = u128::from(by);
    let mut rest: u128 = 0;
    let quotient = digits.bytes().map(|digit| {
        rest = rest * 10 + u128::from(digit - b'0');
        let next = rest / by;
        rest %= by;
        char::from(b'0' + next as u8)
    });
    let quotient = quotient.collect();
    (quotient, rest as u64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimals(texts: &[&str]) -> DecimalTotal {
        let mut total = DecimalTotal::default();
        texts.iter().for_each(|text| total.add(&text.parse().unwrap()));
        total
    }

    fn avg(texts: &[&str]) -> String {
        decimals(texts).avg().unwrap().to_string()
    }

    fn sum(texts: &[&str]) -> Option<String> {
        decimals(texts).sum(None).ok().flatten().map(|sum| sum.to_string())
    }

    #[test]
    fn integers_overflow_at_the_end_only() {
        let mut total = IntegerTotal::default();
        [i64::MAX, 1, -5].into_iter().for_each(|number| total.add(number));
        assert_eq!(total.sum(), Ok(Some(i64::MAX - 4)));
        total.add(5);
        assert_eq!(total.sum(), Err(Overflow));
        assert_eq!(total.avg(), Some(2_305_843_009_213_693_952.0));
        assert_eq!(IntegerTotal::default().sum(), Ok(None));
    }

    #[test]
    fn doubles_are_added_without_loss() {
        let total = |numbers: &[f64]| {
            let mut total = FloatTotal::default();
            numbers.iter().for_each(|number| total.add(*number));
            total
        };
        assert_eq!(total(&[1e16, 1.0, -1e16]).sum(), Ok(Some(1.0)));
        assert_eq!(total(&[0.1; 10]).sum(), Ok(Some(1.0)));
        assert_eq!(total(&[f64::MAX, f64::MAX, -f64::MAX, 1.0]).sum(), Ok(Some(f64::MAX)));
        assert_eq!(total(&[f64::MAX, -f64::MAX, 1.0]).sum(), Ok(Some(1.0)));
        assert_eq!(total(&[f64::MAX, f64::MAX]).sum(), Err(Overflow));
        assert_eq!(total(&[f64::MAX, f64::MAX]).avg(), Some(f64::MAX));
        assert_eq!(total(&[]).sum(), Ok(None));
    }

    #[test]
    fn decimals_are_exact() {
        let nines = "9999999999999999999999999999999999";
        let least = "0.0000000000000000000000000000000001";
        assert_eq!(sum(&["0.1", "0.20", "-1"]), Some("-0.7".into()));
        assert_eq!(sum(&[nines, "1", "-2"]), Some("9999999999999999999999999999999998".into()));
        assert_eq!(sum(&[nines, least]), None);
        assert_eq!(sum(&[nines, "1"]), None);
        assert_eq!(sum(&[nines, least, "-9999999999999999999999999999999999"]), Some(least.into()));
        assert_eq!(sum(&["-0.5", "0.5"]), Some("0".into()));
        assert_eq!(decimals(&["1.50", "1.5"]).sum(Some(2)).unwrap().unwrap().to_string(), "3.00");
    }

    #[test]
    fn means_of_decimals_are_rounded_half_even() {
        let nines = "9999999999999999999999999999999999";
        assert_eq!(avg(&["1", "2"]), "1.5");
        assert_eq!(avg(&["1", "0", "0"]), "0.3333333333333333333333333333333333");
        assert_eq!(avg(&["2", "0", "0"]), "0.6666666666666666666666666666666667");
        assert_eq!(avg(&["10", "10", "0"]), "6.666666666666666666666666666666667");
        assert_eq!(avg(&["-20", "0", "0"]), "-6.666666666666666666666666666666667");
        assert_eq!(avg(&[nines, nines]), nines);
        assert_eq!(avg(&[nines, "9999999999999999999999999999999998"]), "9999999999999999999999999999999998");
        assert_eq!(
            avg(&["1111111111111111111111111111111112", "1111111111111111111111111111111111"]),
            "1111111111111111111111111111111112"
        );
        // Half of the least unit: to the even neighbour, here zero and two.
        assert_eq!(avg(&["0.0000000000000000000000000000000001", "0"]), "0");
        assert_eq!(avg(&["0.0000000000000000000000000000000003", "0"]), "0.0000000000000000000000000000000002");
        assert_eq!(avg(&["0.0000000000000000000000000000000001", "-0.0000000000000000000000000000000001"]), "0");
    }

    proptest! {
        #[test]
        fn totals_do_not_depend_on_the_order(mut numbers in prop::collection::vec(any::<f64>(), 1..20), turn in 0_usize..20) {
            numbers.iter_mut().for_each(|number| if !number.is_finite() { *number = 1.0 });
            let total = |numbers: &[f64]| {
                let mut total = FloatTotal::default();
                numbers.iter().for_each(|number| total.add(*number));
                total.sum()
            };
            let first = total(&numbers);
            let turn = turn % numbers.len();
            numbers.rotate_left(turn);
            numbers.reverse();
            let (first, second) = (first.unwrap_or(None), total(&numbers).unwrap_or(None));
            if let (Some(first), Some(second)) = (first, second) {
                prop_assert!((first - second).abs() <= first.abs() * 1e-15, "{first} {second}");
            }
        }

        #[test]
        fn a_decimal_sum_is_that_of_whole_numbers(numbers in prop::collection::vec(-1_000_000_000_i64..1_000_000_000, 1..30)) {
            let mut total = DecimalTotal::default();
            numbers.iter().for_each(|number| total.add(&Decimal::new(i128::from(*number), 3).unwrap()));
            let exact = Decimal::new(numbers.iter().map(|number| i128::from(*number)).sum(), 3).unwrap();
            prop_assert_eq!(total.sum(None).unwrap().unwrap(), exact);
        }
    }
}
