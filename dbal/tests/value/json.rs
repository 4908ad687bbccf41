use std::cmp::Ordering;
use std::sync::Arc;

use dbal::value::json::{self, Limits, canonical, compare, equal, parse, parse_with, to_text, to_wire};
use dbal::{Columns, ErrorKind, Map, Record, Value, value};
use proptest::prelude::*;

fn read(text: &str) -> Value {
    parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    let error = parse(text.as_bytes()).err().unwrap_or_else(|| panic!("{text} was accepted"));
    assert_eq!(error.kind(), ErrorKind::ValidationError);
    error.message().to_owned()
}

#[test]
fn canonical_text() {
    for (text, expected) in [
        ("null", "null"),
        (" true ", "true"),
        ("[ 1 , 2 ]", "[1,2]"),
        ("{}", "{}"),
        ("[]", "[]"),
        (r#"{"b":1,"a":2}"#, r#"{"a":2,"b":1}"#),
        (r#"{"é":1,"z":2,"Z":3,"":4,"𐐀":5,"ｚ":6}"#, r#"{"":4,"Z":3,"z":2,"é":1,"ｚ":6,"𐐀":5}"#),
        (r#"{"a":{"d":1,"c":[{"f":1,"e":2}]}}"#, r#"{"a":{"c":[{"e":2,"f":1}],"d":1}}"#),
        ("1.0", "1"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("1e2", "100"),
        ("1.50", "1.5"),
        ("0.1", "0.1"),
        ("1e-7", "1e-7"),
        ("1e18", "1000000000000000000"),
        ("9007199254740993", "9007199254740993"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808.0", "9.223372036854776e18"),
        ("1e20", "1e20"),
        ("100000000000000000000", "1e20"),
        ("1e300", "1e300"),
        ("1.7976931348623157e308", "1.7976931348623157e308"),
        ("5e-324", "5e-324"),
        ("1e-400", "0"),
        (r#""a\/b\u0041\n\r\t\b\f\"\\\u001f\u007f""#, "\"a/bA\\n\\r\\t\\b\\f\\\"\\\\\\u001f\u{7f}\""),
        (r#""\ud83d\ude80é""#, "\"🚀é\""),
        (r#""  ""#, "\"\u{2028}\u{2029}\""),
    ] {
        let document = read(&text.replace("  ", "\u{2028}\u{2029}"));
        assert_eq!(to_text(&document), expected, "{text}");
        assert_eq!(to_text(&read(expected)), expected, "{expected} again");
    }
    let large = format!("1{}", "0".repeat(300));
    assert_eq!(to_text(&read(&large)), "1e300", "as jsonb writes it");
}

#[test]
fn malformed_text_is_refused_with_its_place() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "]",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "'a'",
        "tru",
        "nul",
        "NaN",
        "Infinity",
        "-Infinity",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "--1",
        "0x1",
        "\"a",
        "\"\\x\"",
        "\"\n\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "1 2",
        "[1 2]",
        "{} {}",
        "// comment\n1",
        "\u{feff}1",
    ] {
        assert!(refused(text).starts_with("not JSON: "), "{text:?}: {}", refused(text));
    }
    assert!(parse(b"\"\xff\"").is_err());
    assert!(parse(b"\"\xed\xa0\x80\"").is_err());
    assert!(refused("[1,\n 2").contains("line 2"));
}

#[test]
fn json_that_is_no_document_is_refused() {
    for (text, reason) in [
        (r#"{"a":1,"a":1}"#, "same key twice"),
        (r#"[{"b":{"a":1,"\u0061":1}}]"#, "same key twice"),
        (r#""\u0000""#, "NUL"),
        (r#"{"\u0000":1}"#, "NUL"),
        ("9223372036854775808", "64 bits"),
        ("-9223372036854775809", "64 bits"),
        ("18446744073709551615", "64 bits"),
        ("18446744073709551616", "64 bits"),
        ("100000000000000000001", "64 bits"),
        ("1e400", "out of range"),
        ("-1e400", "out of range"),
    ] {
        assert!(refused(text).contains(reason), "{text}: {}", refused(text));
    }
    let many = (0..100).map(|n| format!("\"k{n}\":0,")).collect::<String>();
    assert!(refused(&format!("{{{many}\"k50\":1}}")).contains("same key twice"));
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(64).as_bytes()).is_ok());
    assert!(refused(&nested(65)).contains("more than 64 deep"));
    assert!(parse(nested(1_000_000).as_bytes()).is_err());
    assert!(parse("{\"a\":".repeat(100_000).as_bytes()).is_err());
    let limits = |depth| Limits { depth, ..Limits::default() };
    assert!(parse_with(b"1", &limits(0)).is_ok());
    assert!(parse_with(b"[]", &limits(0)).is_err());
    assert!(parse_with(nested(100).as_bytes(), &limits(100)).is_ok());
}

#[test]
fn requests_keep_floats() {
    let limits = Limits { keep_floats: true, ..Limits::default() };
    assert_eq!(parse_with(b"[1, 1.0, 1e2]", &limits).unwrap(), value!([1, 1.0, 100.0]));
}

#[test]
fn wire_form_of_every_kind() {
    let columns = Arc::new(Columns { names: vec!["z".into(), "a".into()] });
    let record = Record::new(columns, vec![value!(1), value!("x")]);
    for (value, expected) in [
        (Value::Null, "null"),
        (Value::Undefined, "null"),
        (Value::Bool(false), "false"),
        (Value::Int(i64::MIN), "-9223372036854775808"),
        (Value::Float(1.0), "1.0"),
        (Value::Float(0.1), "0.1"),
        (Value::Float(1e300), "1e300"),
        (Value::from("1.50".parse::<dbal::Decimal>().unwrap()), "\"1.50\""),
        (Value::from("\u{1}\"é"), "\"\\u0001\\\"é\""),
        (Value::Bytes(vec![0, 255]), "\"AP8=\""),
        (Value::Uuid(dbal::Uuid::nil()), "\"00000000-0000-0000-0000-000000000000\""),
        (Value::DateTime(dbal::DateTime::from_epoch_millis(0).unwrap()), "\"1970-01-01T00:00:00.000Z\""),
        (Value::Date(dbal::Date::from_epoch_days(0).unwrap()), "\"1970-01-01\""),
        (value!({ "b": 1, "a": [] }), r#"{"b":1,"a":[]}"#),
        (Value::Record(Box::new(record.clone())), r#"{"z":1,"a":"x"}"#),
        (Value::Records(vec![record.clone(), record]), r#"[{"z":1,"a":"x"},{"z":1,"a":"x"}]"#),
    ] {
        assert_eq!(to_wire(&value), expected);
        let serde = serde_json::to_string(&value).unwrap();
        assert_eq!(parse(serde.as_bytes()).unwrap(), parse(expected.as_bytes()).unwrap(), "serde writes the same");
    }
}

#[test]
fn comparison_is_typed_and_exact() {
    use Ordering::{Equal, Greater, Less};
    const P53: i64 = 1 << 53;
    let pairs: &[(Value, Value, Option<Ordering>)] = &[
        (value!(1), value!(2), Some(Less)),
        (value!(1), value!(1.0), Some(Equal)),
        (value!(0), value!(-0.0), Some(Equal)),
        (value!(1), value!(1.5), Some(Less)),
        (value!(-1), value!(-1.5), Some(Greater)),
        (value!(0), value!(-0.5), Some(Greater)),
        (value!(0), value!(0.5), Some(Less)),
        (Value::Int(P53 + 1), value!(9007199254740992.0), Some(Greater)),
        (value!(1000000000000000000_i64), value!(1e18), Some(Equal)),
        (Value::Int(i64::MAX), value!(9223372036854775808.0), Some(Less)),
        (Value::Int(i64::MIN), value!(-9223372036854775808.0), Some(Equal)),
        (Value::Int(i64::MIN), value!(-1e300), Some(Greater)),
        (Value::Int(i64::MAX), value!(1e300), Some(Less)),
        (value!("a"), value!("b"), Some(Less)),
        (value!("z"), value!("é"), Some(Less)),
        (value!("Z"), value!("a"), Some(Less)),
        (value!(1), value!("1"), None),
        (value!(1), value!(true), None),
        (value!(null), value!(null), Some(Equal)),
        (value!(null), value!(0), None),
        (value!(true), value!(true), Some(Equal)),
        (value!(true), value!(false), None),
        (value!([1, 2]), value!([1.0, 2]), Some(Equal)),
        (value!([1, 2]), value!([2, 1]), None),
        (value!([1]), value!([1, 1]), None),
        (value!({ "a": 1, "b": 2 }), value!({ "b": 2.0, "a": 1 }), Some(Equal)),
        (value!({ "a": 1 }), value!({ "a": 1, "b": 2 }), None),
        (value!({ "a": 1 }), value!({ "b": 1 }), None),
        (value!({}), value!([]), None),
    ];
    for (a, b, expected) in pairs {
        assert_eq!(compare(a, b), *expected, "{a:?} {b:?}");
        assert_eq!(compare(b, a), expected.map(Ordering::reverse), "{b:?} {a:?}");
        assert_eq!(equal(a, b), *expected == Some(Equal), "{a:?} {b:?}");
    }
}

#[test]
fn large_objects_compare_in_good_time() {
    let map = |keys: &mut dyn Iterator<Item = u32>| Value::Map(keys.map(|key| (key.to_string(), 1)).collect());
    let (up, down) = (map(&mut (0..200_000)), map(&mut (0..200_000).rev()));
    let start = std::time::Instant::now();
    assert!(equal(&up, &down));
    assert!(up == down);
    assert_eq!(to_text(&up), to_text(&down));
    assert!(canonical(&down).is_ok());
    assert!(start.elapsed().as_secs() < 10, "took {:?}", start.elapsed());
}

#[test]
fn only_documents_become_canonical() {
    let deep = (0..65).fold(value!(1), |inner, _| Value::List(vec![inner]));
    let twice = Value::Map(Map(vec![("a".into(), value!(1)), ("a".into(), value!(2))]));
    for (value, reason) in [
        (Value::Undefined, "undefined"),
        (value!([1, { "a": (Value::Undefined) }]), "undefined"),
        (Value::Bytes(vec![]), "bytes"),
        (Value::Float(f64::NAN), "finite"),
        (value!([(f64::INFINITY)]), "finite"),
        (value!("\0"), "NUL"),
        (value!({ "a\0": 1 }), "NUL"),
        (twice, "same key twice"),
        (deep, "64 deep"),
    ] {
        assert!(canonical(&value).unwrap_err().contains(reason), "{value:?}");
    }
    let document = canonical(&value!({ "b": 2.0, "a": [(-0.0), 1e300] })).unwrap();
    assert_eq!(document.as_map().unwrap().0[0].0, "a");
    assert_eq!(document, value!({ "a": [0, 1e300], "b": 2 }));
}

/// Any document: floats of all sizes, keys that need sorting and escaping.
pub fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-10_i64..10).prop_map(Value::Int),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::Float),
        (-10_i64..10).prop_map(|n| Value::Float(n as f64 / 2.0)),
        "[^\0]{0,6}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let object = prop::collection::btree_map("[^\0]{0,3}", inner.clone(), 0..5);
        prop_oneof![prop::collection::vec(inner, 0..5).prop_map(Value::List), object.prop_shuffle_map(),]
    })
}

trait ShuffleMap {
    fn prop_shuffle_map(self) -> BoxedStrategy<Value>;
}

impl<S: Strategy<Value = std::collections::BTreeMap<String, Value>> + 'static> ShuffleMap for S {
    fn prop_shuffle_map(self) -> BoxedStrategy<Value> {
        let pairs = self.prop_map(|map| map.into_iter().collect::<Vec<_>>()).prop_shuffle();
        pairs.prop_map(|pairs| Value::Map(pairs.into_iter().collect())).boxed()
    }
}

proptest! {
    #[test]
    fn text_reads_back(document in documents()) {
        let text = to_text(&document);
        let back = parse(text.as_bytes()).unwrap();
        prop_assert!(equal(&back, &document), "{}", text);
        prop_assert_eq!(to_text(&back), text.clone());
        prop_assert_eq!(&back, &canonical(&document).unwrap());
        let request = Limits { keep_floats: true, ..Limits::default() };
        prop_assert_eq!(parse_with(to_wire(&document).as_bytes(), &request).unwrap(), document);
    }

    #[test]
    fn equal_documents_have_one_text(a in documents(), b in documents()) {
        prop_assert_eq!(equal(&a, &b), to_text(&a) == to_text(&b));
        prop_assert_eq!(equal(&a, &b), equal(&b, &a));
        prop_assert_eq!(compare(&a, &b), compare(&b, &a).map(Ordering::reverse));
    }

    #[test]
    fn integers_and_floats_order_as_exact_numbers(int in any::<i64>(), near in -3_i64..3) {
        let float = int.saturating_add(near) as f64;
        let exact = i128::from(int).cmp(&(float as i128));
        prop_assert_eq!(compare(&Value::Int(int), &Value::Float(float)), Some(exact));
    }

    #[test]
    fn no_text_panics(bytes in any::<Vec<u8>>(), text in "[\\[\\]{}\",:0-9eE.\\\\utrfalsn+-]{0,40}") {
        let _ = parse(&bytes);
        if let Ok(document) = parse(text.as_bytes()) {
            prop_assert!(equal(&parse(to_text(&document).as_bytes()).unwrap(), &document));
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
        let _ = json::find(text.as_bytes(), &[json::PathStep::Index(1)]);
    }
}
