use std::sync::Arc;

use dbal::schema::convert::{check_rules, convert, hash_stored, verify_hash};
use dbal::schema::{Bound, EnumType, Field, FieldType, StoredAs, TextKind};
use dbal::{Date, DateTime, Decimal, Uuid, Value, value};

use crate::schema;

const STRING: FieldType = FieldType::Text(TextKind::String);
const PLAIN_DECIMAL: FieldType = FieldType::Decimal { precision: None, scale: None };

fn decimal(precision: Option<u32>, scale: Option<u32>) -> FieldType {
    FieldType::Decimal { precision, scale }
}

fn words(values: &[&str]) -> FieldType {
    FieldType::Enum(Arc::new(EnumType { values: values.iter().map(|v| v.to_string()).collect(), ordered: false }))
}

fn number(text: &str) -> Value {
    Value::from(text.parse::<Decimal>().unwrap())
}

fn every_type() -> Vec<FieldType> {
    use FieldType::{BigInt, Boolean, Bytes, Date, DateTime, Float, Integer, Json, Uuid};
    vec![
        Uuid,
        STRING,
        FieldType::Text(TextKind::Text),
        FieldType::Text(TextKind::Email),
        words(&["a", "b"]),
        Integer,
        BigInt,
        Float,
        PLAIN_DECIMAL,
        Boolean,
        DateTime,
        Date,
        Json,
        Bytes,
    ]
}

#[test]
fn accepted_values_and_their_canonical_form() {
    let id = Uuid::from_u128(0x018f3c1e_7b1c_7000_8000_0000000000ab);
    let epoch = DateTime::from_epoch_millis(0).unwrap();
    let day = Date::from_epoch_days(0).unwrap();
    for (ty, given, canonical) in [
        (FieldType::Uuid, value!("018F3C1E-7b1c-7000-8000-0000000000AB"), Value::Uuid(id)),
        (FieldType::Uuid, Value::Uuid(id), Value::Uuid(id)),
        (STRING, value!(" kept as given\n"), value!(" kept as given\n")),
        (STRING, value!(""), value!("")),
        (words(&["a", "b"]), value!("b"), value!("b")),
        (FieldType::Integer, value!(i32::MAX), value!(i32::MAX)),
        (FieldType::Integer, value!(i32::MIN), value!(i32::MIN)),
        (FieldType::BigInt, value!(i64::MIN), value!(i64::MIN)),
        (FieldType::BigInt, value!("9007199254740993"), value!(9007199254740993_i64)),
        (FieldType::BigInt, value!("-9223372036854775808"), value!(i64::MIN)),
        (FieldType::BigInt, value!("0"), value!(0)),
        (FieldType::Float, value!(3), value!(3.0)),
        (FieldType::Float, value!(-1.5), value!(-1.5)),
        (PLAIN_DECIMAL, value!("1.50"), number("1.5")),
        (PLAIN_DECIMAL, value!(5), number("5")),
        (PLAIN_DECIMAL, number("2.500"), number("2.5")),
        (decimal(Some(5), Some(2)), value!("123.4"), number("123.40")),
        (decimal(Some(3), None), value!("0.123"), number("0.123")),
        (FieldType::Boolean, value!(true), value!(true)),
        (FieldType::DateTime, value!("1970-01-01T01:00:00.0009+01:00"), Value::DateTime(epoch)),
        (FieldType::DateTime, Value::DateTime(epoch), Value::DateTime(epoch)),
        (FieldType::Date, value!("1970-01-01"), Value::Date(day)),
        (FieldType::Date, Value::Date(day), Value::Date(day)),
        (FieldType::Bytes, value!("AP8="), Value::Bytes(vec![0, 255])),
        (FieldType::Bytes, value!(""), Value::Bytes(vec![])),
        (FieldType::Bytes, Value::Bytes(vec![1]), Value::Bytes(vec![1])),
        (FieldType::Json, value!({ "b": 1.0, "a": "x" }), value!({ "a": "x", "b": 1 })),
        (FieldType::Json, Value::Null, Value::Null),
    ] {
        assert_eq!(convert(&ty, &given).as_ref(), Ok(&canonical), "{ty:?} {given:?}");
        assert_eq!(convert(&ty, &canonical).as_ref(), Ok(&canonical), "{ty:?}: once more changes nothing");
    }
}

#[test]
fn scale_pads_and_its_absence_trims() {
    let spelled = |ty, given: &str| match convert(&ty, &value!(given)) {
        Ok(Value::Decimal(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(spelled(decimal(None, Some(3)), "1.5"), "1.500");
    assert_eq!(spelled(decimal(None, Some(1)), "1.500"), "1.5");
    assert_eq!(spelled(PLAIN_DECIMAL, "1.500"), "1.5");
    assert_eq!(spelled(PLAIN_DECIMAL, "-0.0"), "0");
}

#[test]
fn zero_has_no_sign() {
    let Ok(Value::Float(zero)) = convert(&FieldType::Float, &value!(-0.0)) else { panic!("a float") };
    assert!(zero.is_sign_positive());
}

#[test]
fn refused_values() {
    for (ty, given, fault) in [
        (FieldType::Integer, value!("5"), "expected an integer, got text"),
        (FieldType::Integer, value!(1.5), "expected an integer, got float"),
        (FieldType::Integer, value!(1.0), "expected an integer, got float"),
        (FieldType::Integer, value!(true), "expected an integer, got boolean"),
        (FieldType::Integer, value!([1]), "expected an integer, got list"),
        (FieldType::Integer, Value::Undefined, "expected an integer, got undefined"),
        (FieldType::Integer, value!(2147483648_i64), "outside the 32 bits of an integer"),
        (FieldType::BigInt, value!("9223372036854775808"), "outside the 64 bits of a bigint"),
        (FieldType::BigInt, value!("five"), "expected a bigint, got text that is not a whole number"),
        (FieldType::BigInt, value!(""), "expected a bigint, got text that is not a whole number"),
        (FieldType::BigInt, value!("-"), "expected a bigint, got text that is not a whole number"),
        (FieldType::BigInt, value!("+1"), "expected a bigint, got text that is not a whole number"),
        (FieldType::BigInt, value!("1.0"), "expected a bigint, got text that is not a whole number"),
        (FieldType::BigInt, value!("007"), "a bigint as text has no zeros in front"),
        (FieldType::BigInt, value!("-0"), "a bigint as text has no zeros in front"),
        (FieldType::Float, value!(f64::NAN), "expected a finite float"),
        (FieldType::Float, value!(f64::NEG_INFINITY), "expected a finite float"),
        (FieldType::Float, value!("1.5"), "expected a float, got text"),
        (FieldType::Float, value!(9007199254740993_i64), "an integer that a float cannot hold exactly"),
        (FieldType::Float, value!(i64::MAX), "an integer that a float cannot hold exactly"),
        (FieldType::Boolean, value!(1), "expected a boolean, got integer"),
        (FieldType::Boolean, value!("true"), "expected a boolean, got text"),
        (STRING, value!(5), "expected text, got integer"),
        (STRING, value!("a\0"), "contains the NUL character"),
        (FieldType::Text(TextKind::Email), value!({}), "expected an email address, got object"),
        (PLAIN_DECIMAL, value!(1.5), "expected a decimal, got float"),
        (PLAIN_DECIMAL, value!("1e999999999"), "more than 34 digits"),
        (PLAIN_DECIMAL, value!("abc"), "not a decimal number"),
        (decimal(Some(5), Some(2)), value!("1.234"), "more than 2 digits after the point"),
        (decimal(Some(5), Some(2)), value!("1234.5"), "more than 5 digits"),
        (decimal(Some(5), Some(2)), value!(1000), "more than 5 digits"),
        (decimal(None, Some(10)), value!("1e33"), "more than 34 digits"),
        (
            FieldType::Uuid,
            value!("018f3c1e7b1c700080000000000000ab"),
            "not a uuid such as 018f3c1e-7b1c-7000-8000-000000000001",
        ),
        (
            FieldType::Uuid,
            value!("{018f3c1e-7b1c-7000-8000-0000000000ab}"),
            "not a uuid such as 018f3c1e-7b1c-7000-8000-000000000001",
        ),
        (
            FieldType::Uuid,
            value!("018f3c1e-7b1c-7000-8000-0000000000ag"),
            "not a uuid such as 018f3c1e-7b1c-7000-8000-000000000001",
        ),
        (FieldType::Date, value!("2023-02-29"), "a day that is in no calendar"),
        (FieldType::Date, value!("2024-02-29T00:00:00Z"), "not a date such as 2024-01-31"),
        (FieldType::DateTime, value!(0), "expected a datetime, got integer"),
        (FieldType::Bytes, value!("AP8"), "not base64 (the standard alphabet, padded)"),
        (FieldType::Bytes, value!("A_8="), "not base64 (the standard alphabet, padded)"),
        (FieldType::Bytes, value!("AP9="), "not base64 (the standard alphabet, padded)"),
        (FieldType::Json, Value::Undefined, "expected a json value, got undefined"),
        (FieldType::Json, value!({ "a": [(Value::Bytes(vec![]))] }), "expected a json value, got bytes"),
    ] {
        assert_eq!(convert(&ty, &given), Err(fault.to_owned()), "{ty:?} {given:?}");
    }
}

#[test]
fn enum_faults_name_the_words_and_the_nearest() {
    let roles = words(&["user", "admin", "god"]);
    let fault = |given: &str| convert(&roles, &value!(given)).unwrap_err();
    assert_eq!(fault("admn"), "expected one of user, admin, god; did you mean admin?");
    assert_eq!(fault("Admin"), "expected one of user, admin, god; did you mean admin?");
    assert_eq!(fault("banana"), "expected one of user, admin, god");
    assert_eq!(fault(&"x".repeat(1_000_000)), "expected one of user, admin, god");
}

#[test]
fn null_passes_and_undefined_never_does() {
    for ty in every_type() {
        assert_eq!(convert(&ty, &Value::Null), Ok(Value::Null), "{ty:?}");
        assert!(convert(&ty, &Value::Undefined).is_err(), "{ty:?}");
    }
}

#[test]
fn no_fault_repeats_a_value() {
    let secret = "hunter2-hunter2";
    for ty in every_type() {
        for given in [value!(secret), value!({ "hunter2-hunter2": secret }), value!([secret])] {
            if let Err(fault) = convert(&ty, &given) {
                assert!(!fault.contains("hunter2"), "{ty:?}: {fault}");
            }
        }
    }
}

fn field(ty: FieldType) -> Field {
    schema::field("f", ty)
}

#[test]
fn rules_count_code_points_and_report_together() {
    let name = Field {
        min_length: Some(3),
        max_length: Some(5),
        pattern: Some(regex::Regex::new("^[a-zé]+$").unwrap()),
        ..field(STRING)
    };
    assert_eq!(check_rules(&name, &value!("éééé")), Ok(()));
    assert_eq!(check_rules(&name, &Value::Null), Ok(()));
    let fault = check_rules(&name, &value!("A")).unwrap_err();
    assert_eq!(fault, "shorter than 3 characters; does not match the pattern ^[a-zé]+$");
    assert_eq!(check_rules(&name, &value!("abcdef")), Err("longer than 5 characters".into()));
    let bytes = Field { min_length: Some(1), max_length: Some(2), ..field(FieldType::Bytes) };
    assert_eq!(check_rules(&bytes, &Value::Bytes(vec![])), Err("shorter than 1 bytes".into()));
    assert_eq!(check_rules(&bytes, &Value::Bytes(vec![0; 3])), Err("longer than 2 bytes".into()));
}

#[test]
fn ranges_include_their_bounds() {
    let level = Field { min: Some(Bound::Int(1)), max: Some(Bound::Int(5)), ..field(FieldType::Integer) };
    for (given, expected) in
        [(1, Ok(())), (5, Ok(())), (0, Err("less than 1".into())), (6, Err("greater than 5".into()))]
    {
        assert_eq!(check_rules(&level, &value!(given)), expected);
    }
    let bound = |text: &str| Some(Bound::Decimal(text.parse().unwrap()));
    let price = Field { min: bound("0.01"), max: bound("9.99"), ..field(PLAIN_DECIMAL) };
    assert_eq!(check_rules(&price, &number("9.990")), Ok(()));
    assert_eq!(check_rules(&price, &number("0.009")), Err("less than 0.01".into()));
    let ratio = Field { min: Some(Bound::Float(0.0)), max: Some(Bound::Float(1.0)), ..field(FieldType::Float) };
    assert_eq!(check_rules(&ratio, &value!(1.0)), Ok(()));
    assert_eq!(check_rules(&ratio, &value!(1.0000001)), Err("greater than 1".into()));
}

#[test]
fn addresses_are_a_rule_not_a_type() {
    let email = field(FieldType::Text(TextKind::Email));
    assert_eq!(convert(&email.ty, &value!("nonsense")), Ok(value!("nonsense")));
    assert_eq!(check_rules(&email, &value!("nonsense")), Err("not an email address".into()));
    assert_eq!(check_rules(&email, &value!("Ada@Example.org")), Ok(()));
}

#[test]
fn hashes() {
    let sha = hash_stored(StoredAs::Sha256, "abc").unwrap();
    assert_eq!(sha, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert!(verify_hash(StoredAs::Sha256, &sha, "abc"));
    assert!(!verify_hash(StoredAs::Sha256, &sha, "abd"));
    assert!(!verify_hash(StoredAs::Sha256, &sha[..63], "abc"));
    let argon = hash_stored(StoredAs::Argon2id, "abc").unwrap();
    assert!(argon.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{argon}");
    assert_ne!(argon, hash_stored(StoredAs::Argon2id, "abc").unwrap(), "salted");
    assert!(verify_hash(StoredAs::Argon2id, &argon, "abc"));
    assert!(!verify_hash(StoredAs::Argon2id, &argon, "abd"));
    for stored in ["", "abc", "$argon2id$", "$2b$12$abc"] {
        assert!(!verify_hash(StoredAs::Argon2id, stored, "abc"));
        assert!(!verify_hash(StoredAs::Sha256, stored, "abc"));
    }
}
