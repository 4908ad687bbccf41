use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use dbal::Decimal;
use proptest::prelude::*;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

const NINES: &str = "9999999999999999999999999999999999";

#[test]
fn text_is_read_and_written() {
    for (text, plain, normal) in [
        ("0", "0", "0"),
        ("-0", "0", "0"),
        ("0.00", "0.00", "0"),
        ("-0.00", "0.00", "0"),
        ("1", "1", "1"),
        ("+1", "1", "1"),
        ("-1", "-1", "-1"),
        ("007", "7", "7"),
        (".5", "0.5", "0.5"),
        ("5.", "5", "5"),
        ("-.5", "-0.5", "-0.5"),
        ("1.50", "1.50", "1.5"),
        ("100", "100", "100"),
        ("1e2", "100", "100"),
        ("1E+2", "100", "100"),
        ("1.5e1", "15", "15"),
        ("1.50e1", "15.0", "15"),
        ("15e-1", "1.5", "1.5"),
        ("100e-2", "1.00", "1"),
        ("1e-34", "0.0000000000000000000000000000000001", "0.0000000000000000000000000000000001"),
        ("0e99999999999999999999", "0", "0"),
        ("0e-99999999999999999999", "0.0000000000000000000000000000000000", "0"),
        ("0.1e1", "1", "1"),
        ("1e33", "1000000000000000000000000000000000", "1000000000000000000000000000000000"),
        (NINES, NINES, NINES),
        ("1.00000000000000000000000000000000000000000000000000", "1.000000000000000000000000000000000", "1"),
        ("0.00000000000000000000000000000000000000000000000000e1", "0.0000000000000000000000000000000000", "0"),
        (
            "123456789012345678901234567890.1234",
            "123456789012345678901234567890.1234",
            "123456789012345678901234567890.1234",
        ),
        (
            "1000000000000000000000000000000000000e-3",
            "1000000000000000000000000000000000",
            "1000000000000000000000000000000000",
        ),
    ] {
        assert_eq!(decimal(text).to_string(), plain, "{text}");
        assert_eq!(decimal(text).normalized().to_string(), normal, "{text} normalized");
    }
}

#[test]
fn what_is_no_decimal_is_refused() {
    for text in [
        "",
        " ",
        "+",
        "-",
        ".",
        "e1",
        "1e",
        "1e+",
        "1e-",
        "1.2.3",
        "1,5",
        "0x10",
        "1_000",
        "NaN",
        "inf",
        "-Infinity",
        " 1",
        "1 ",
        "1e1e1",
        "1e1.5",
        "--1",
        "+-1",
        "１",
        "1\0",
        "1f",
    ] {
        assert_eq!(Decimal::from_str(text).unwrap_err(), "not a decimal number", "{text:?}");
    }
}

#[test]
fn too_long_is_refused_at_no_cost() {
    let over = format!("{NINES}9");
    let fraction = format!("0.{NINES}9");
    let both = format!("1.{NINES}");
    let zeros = format!("1{}", "0".repeat(1_000_000));
    for text in [
        "1e1000000000",
        "1e-1000000000",
        "-1e99999999999999999999999999",
        "1e34",
        "1e-35",
        "10e33",
        over.as_str(),
        fraction.as_str(),
        both.as_str(),
        zeros.as_str(),
        "1.5e-34",
    ] {
        let start = std::time::Instant::now();
        assert_eq!(Decimal::from_str(text).unwrap_err(), "more than 34 digits", "{}", &text[..text.len().min(60)]);
        assert!(start.elapsed().as_millis() < 100);
    }
}

#[test]
fn scales() {
    assert_eq!(decimal("1.5").with_scale(3).unwrap().to_string(), "1.500");
    assert_eq!(decimal("1.500").with_scale(1).unwrap().to_string(), "1.5");
    assert_eq!(decimal("-2").with_scale(0).unwrap().to_string(), "-2");
    assert_eq!(decimal("0").with_scale(2).unwrap().to_string(), "0.00");
    assert!(decimal("1.55").with_scale(1).is_err());
    assert!(decimal(NINES).with_scale(1).is_err());
    assert!(decimal("1").with_scale(34).is_err());
    assert!(decimal("0").with_scale(35).is_err());
    assert!(decimal("0").with_scale(u32::MAX).is_err());
    assert_eq!(decimal("0.1").with_scale(34).unwrap().digits(), 34);
}

#[test]
fn digits_count_what_a_precision_allows() {
    for (text, digits) in [("0", 1), ("7", 1), ("10", 2), ("0.001", 3), ("1.001", 4), ("-99.9", 3), ("0.00", 2)] {
        assert_eq!(decimal(text).digits(), digits, "{text}");
    }
}

#[test]
fn order_is_by_value() {
    let ascending = [
        "-9999999999999999999999999999999999",
        "-10",
        "-1.5",
        "-1.2",
        "-1",
        "-0.5",
        "-0.0000000000000000000000000000000001",
        "0",
        "0.0000000000000000000000000000000001",
        "0.5",
        "1",
        "1.2",
        "1.5",
        "2",
        "9.99",
        "10",
        "999999999999999999999999999999999.9",
        NINES,
    ];
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!(decimal(a).cmp(&decimal(b)), i.cmp(&j), "{a} {b}");
        }
    }
}

#[test]
fn equal_numbers_hash_alike() {
    let state = RandomState::new();
    for (a, b) in [("1", "1.000"), ("-0.50", "-.5"), ("0", "0.00"), ("1e3", "1000.0")] {
        assert_eq!(decimal(a), decimal(b));
        assert_eq!(state.hash_one(decimal(a)), state.hash_one(decimal(b)), "{a} {b}");
    }
}

#[test]
fn sums_are_exact_or_refused() {
    assert_eq!(decimal("0.1").checked_add(decimal("0.2")).unwrap().to_string(), "0.3");
    assert_eq!(decimal("1.50").checked_add(decimal("-1.5")).unwrap().to_string(), "0.00");
    assert!(decimal(NINES).checked_add(decimal("1")).is_none());
    assert!(decimal(NINES).checked_add(decimal("0.1")).is_none());
    assert!(Decimal::new(i128::MAX, 0).is_none());
    assert!(Decimal::new(i128::MIN, 0).is_none());
    assert!(Decimal::new(1, 35).is_none());
}

#[test]
fn conversions() {
    assert_eq!(Decimal::from(i64::MIN).to_string(), "-9223372036854775808");
    assert_eq!(decimal("0.1").to_f64(), 0.1);
    assert_eq!(decimal(NINES).to_f64(), 1e34);
}

proptest! {
    #[test]
    fn plain_text_reads_back(coefficient in -9_999_999_999_999_999_999_999_999_999_999_999_i128..=9_999_999_999_999_999_999_999_999_999_999_999, scale in 0_u32..=34) {
        let number = Decimal::new(coefficient, scale).unwrap();
        let back = decimal(&number.to_string());
        prop_assert_eq!((back.coefficient(), back.scale()), (coefficient, scale));
        let normal = number.normalized();
        prop_assert_eq!(decimal(&normal.to_string()), number);
        prop_assert!(normal.scale() == 0 || !normal.to_string().ends_with('0'));
    }

    #[test]
    fn order_agrees_with_floats_where_they_are_exact(a in -(1_i64 << 52)..1 << 52, b in -(1_i64 << 52)..1 << 52, shift in 0_u32..10) {
        // Quarters are exact in both worlds.
        let exact = |n: i64, scale: u32| {
            let float = n as f64 / f64::from(1 << (2 * (scale % 3)));
            (float, decimal(&float.to_string()))
        };
        let ((fa, da), (fb, db)) = (exact(a, shift), exact(b, shift + 1));
        prop_assert_eq!(da.cmp(&db), fa.partial_cmp(&fb).unwrap());
        prop_assert_eq!(da.to_f64(), fa);
    }

    #[test]
    fn no_text_panics(text in "[-+0-9.eE]{0,40}") {
        if let Ok(number) = Decimal::from_str(&text) {
            prop_assert_eq!(decimal(&number.to_string()), number);
        }
    }

    #[test]
    fn agrees_with_floats_on_any_form(mantissa in -1_000_000_i64..1_000_000, exponent in -20_i32..20) {
        let text = format!("{mantissa}e{exponent}");
        if let Ok(number) = Decimal::from_str(&text) {
            prop_assert_eq!(number.to_f64(), text.parse::<f64>().unwrap() + 0.0);
        }
    }
}
