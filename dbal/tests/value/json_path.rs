use dbal::value::Comparison::{Eq, Gt, Gte, Lt, Lte, Ne};
use dbal::value::json::{PathStep, Test, at_path, canonical, find, parse_path, path_text, test, to_text};
use dbal::value::text::TextMatch::{Contains, EndsWith, Like, StartsWith};
use dbal::{Value, value};
use proptest::prelude::*;

fn path(text: &str) -> Vec<PathStep> {
    parse_path(text).unwrap_or_else(|| panic!("{text}"))
}

const COMPARE: [fn() -> Test; 6] = [
    || Test::Compare(Eq),
    || Test::Compare(Ne),
    || Test::Compare(Lt),
    || Test::Compare(Lte),
    || Test::Compare(Gt),
    || Test::Compare(Gte),
];

fn all_tests() -> Vec<Test> {
    let texts = [Contains, StartsWith, EndsWith, Like];
    let texts = texts.into_iter().flat_map(|op| [false, true].map(|fold| Test::Text { op, fold }));
    COMPARE.iter().map(|make| make()).chain([Test::In, Test::Exists]).chain(texts).collect()
}

#[test]
fn every_test_has_its_word() {
    for test in all_tests() {
        assert_eq!(Test::parse(test.as_str()), Some(test));
    }
    assert_eq!(Test::parse("EQ"), None);
}

#[test]
fn keys_address_objects_and_indexes_lists() {
    let document = value!({ "a": [10, { "b": null }], "0": "zero", "": { "": 1 } });
    for (steps, expected) in [
        ("[]", Some(document.clone())),
        (r#"["a"]"#, Some(value!([10, { "b": null }]))),
        (r#"["a",0]"#, Some(value!(10))),
        (r#"["a",1,"b"]"#, Some(Value::Null)),
        (r#"["0"]"#, Some(value!("zero"))),
        (r#"["",""]"#, Some(value!(1))),
        (r#"[0]"#, None),
        (r#"["a","0"]"#, None),
        (r#"["a",2]"#, None),
        (r#"["a",4294967295]"#, None),
        (r#"["a",1,"c"]"#, None),
        (r#"["a",0,"b"]"#, None),
        (r#"["a",1,"b","c"]"#, None),
        (r#"["0",0]"#, None),
        (r#"["A"]"#, None),
    ] {
        let steps = path(steps);
        assert_eq!(at_path(&document, &steps), expected.as_ref(), "{steps:?}");
        assert_eq!(find(to_text(&document).as_bytes(), &steps).unwrap(), expected, "{steps:?}");
    }
    assert!(find(b"{\"a\":tru}", &path(r#"["a"]"#)).is_err());
}

#[test]
fn paths_have_one_text() {
    for text in ["[]", r#"["a",0,"b c","\"\\"]"#, r#"[4294967295,"é"]"#] {
        assert_eq!(path_text(&path(text)), text);
    }
    for text in ["", "a", "{}", "[null]", "[-1]", "[1.5]", "[4294967296]", "[[]]", "[true]", r#"["a"#] {
        assert_eq!(parse_path(text), None, "{text}");
    }
}

/// The value found (none: a missing path), the test, the operand, the answer.
type Case = (Option<Value>, Test, Value, Option<bool>);

fn check(cases: Vec<Case>) {
    for (found, asked, operand, expected) in cases {
        assert_eq!(test(found.as_ref(), asked, &operand), expected, "{found:?} {asked:?} {operand:?}");
    }
}

#[test]
fn null_and_missing() {
    let null = || Some(Value::Null);
    check(vec![
        (None, Test::Compare(Eq), Value::Null, Some(true)),
        (null(), Test::Compare(Eq), Value::Null, Some(true)),
        (Some(value!(1)), Test::Compare(Eq), Value::Null, Some(false)),
        (None, Test::Compare(Ne), Value::Null, Some(false)),
        (null(), Test::Compare(Ne), Value::Null, Some(false)),
        (Some(value!(1)), Test::Compare(Ne), Value::Null, Some(true)),
        (None, Test::Exists, Value::Null, Some(false)),
        (null(), Test::Exists, Value::Null, Some(true)),
        (Some(value!({})), Test::Exists, Value::Null, Some(true)),
        (null(), Test::Compare(Ne), value!(1), Some(true)),
        (null(), Test::Compare(Eq), value!(1), Some(false)),
        (null(), Test::Compare(Lt), value!(1), None),
        (null(), Test::In, value!([1]), Some(false)),
        (null(), Test::Text { op: Contains, fold: false }, value!(""), None),
        (None, Test::In, value!([1]), None),
        (None, Test::In, value!([]), Some(false)),
        (Some(value!(1)), Test::In, value!([]), Some(false)),
    ]);
    for asked in all_tests().into_iter().filter(|asked| !matches!(asked, Test::Exists | Test::In)) {
        assert_eq!(test(None, asked, &value!("x")), None, "{asked:?} of a missing path");
    }
}

#[test]
fn comparisons_are_typed() {
    let is = |op, found, operand, expected| (Some(found), Test::Compare(op), operand, expected);
    check(vec![
        is(Eq, value!(1), value!("1"), Some(false)),
        is(Ne, value!(1), value!("1"), Some(true)),
        is(Lt, value!(1), value!("1"), None),
        is(Eq, value!(1), value!(1.0), Some(true)),
        is(Lte, value!(1), value!(1.0), Some(true)),
        is(Gt, value!(2), value!(1.5), Some(true)),
        is(Gt, value!("b"), value!("a"), Some(true)),
        is(Gte, value!("a"), value!("b"), Some(false)),
        is(Eq, value!(true), value!(true), Some(true)),
        is(Gte, value!(true), value!(true), None),
        is(Lte, value!([1]), value!([1]), None),
        is(Eq, value!({ "b": 1, "a": 2 }), value!({ "a": 2, "b": 1 }), Some(true)),
        is(Ne, value!([1]), value!([1, 2]), Some(true)),
    ]);
    check(vec![
        (Some(value!(1)), Test::In, value!(["1", 1.0]), Some(true)),
        (Some(value!("1")), Test::In, value!([1]), Some(false)),
        (Some(value!([1])), Test::In, value!([[1]]), Some(true)),
    ]);
}

#[test]
fn text_is_matched_only_in_text() {
    let text = |op, fold| Test::Text { op, fold };
    check(vec![
        (Some(value!("Grace")), text(Contains, false), value!("rac"), Some(true)),
        (Some(value!("Grace")), text(Contains, true), value!("RAC"), Some(true)),
        (Some(value!("Grace")), text(StartsWith, false), value!("g"), Some(false)),
        (Some(value!("Grace")), text(EndsWith, false), value!(""), Some(true)),
        (Some(value!("Grace")), text(Like, false), value!("G%e"), Some(true)),
        (Some(value!(12)), text(Contains, false), value!("1"), None),
        (Some(value!(["rac"])), text(Contains, false), value!("rac"), None),
    ]);
}

proptest! {
    #[test]
    fn finding_in_text_is_finding_in_the_tree(
        document in super::json::documents(),
        steps in prop::collection::vec(prop_oneof![(0_u32..4).prop_map(PathStep::Index), "[^\0]{0,1}".prop_map(PathStep::Key)], 0..4),
    ) {
        let document = canonical(&document).unwrap();
        let found = find(to_text(&document).as_bytes(), &steps).unwrap();
        prop_assert_eq!(found.as_ref(), at_path(&document, &steps));
        prop_assert_eq!(parse_path(&path_text(&steps)), Some(steps));
    }
}
