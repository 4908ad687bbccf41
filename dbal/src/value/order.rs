//! How values compare: by value within one type, numbers of all types with each other, never across other types.

use std::cmp::Ordering;

use super::{Decimal, Value, ValueRef, json};

/// The order of two values of one type; none when either is null, when the types have no common order, and for json
/// arrays and objects, which have none.
///
/// Numbers compare exactly whatever their types, text by code point, false comes before true.
///
/// ```
/// use dbal::value::order::compare;
/// use dbal::ValueRef;
/// use std::cmp::Ordering;
/// assert_eq!(compare(ValueRef::Int(2), ValueRef::Float(1.5)), Some(Ordering::Greater));
/// assert_eq!(compare(ValueRef::Int(2), ValueRef::Text("1")), None);
/// assert_eq!(compare(ValueRef::Int(2), ValueRef::Null), None);
/// ```
pub fn compare(left: ValueRef<'_>, right: ValueRef<'_>) -> Option<Ordering> {
    let kind = Kind::of(left);
    let ordered = kind == Kind::of(right) && !matches!(kind, Kind::Null | Kind::Tree);
    ordered.then(|| total(left, right))
}

/// Whether two values are equal; none when either is null. Values of different types are not equal, except that
/// numbers are equal by value. Json arrays and objects are equal by content.
///
/// ```
/// use dbal::value::order::equal;
/// use dbal::{value, ValueRef};
/// assert_eq!(equal(ValueRef::Int(1), ValueRef::Float(1.0)), Some(true));
/// assert_eq!(equal(ValueRef::Int(1), ValueRef::Text("1")), Some(false));
/// let (left, right) = (value!({ "a": 1, "b": null }), value!({ "b": null, "a": 1.0 }));
/// assert_eq!(equal(left.as_ref(), right.as_ref()), Some(true));
/// ```
pub fn equal(left: ValueRef<'_>, right: ValueRef<'_>) -> Option<bool> {
    match (left, right) {
        (ValueRef::Null, _) | (_, ValueRef::Null) => None,
        (ValueRef::Value(left), ValueRef::Value(right)) => Some(json::equal(left, right)),
        _ => Some(total(left, right).is_eq()),
    }
}

/// A total order over all values that agrees with [`compare`] and [`equal`] where those have an answer: null first,
/// then by type, then by value. For keys of ordered maps; nothing that a caller sees is sorted across types.
pub fn total(left: ValueRef<'_>, right: ValueRef<'_>) -> Ordering {
    use ValueRef as V;
    match (left, right) {
        (V::Bool(a), V::Bool(b)) => a.cmp(&b),
        (V::Int(a), V::Int(b)) => a.cmp(&b),
        (V::Float(a), V::Float(b)) => a.partial_cmp(&b).unwrap_or_else(|| a.total_cmp(&b)),
        (V::Decimal(a), V::Decimal(b)) => a.cmp(b),
        (V::Int(a), V::Float(b)) => int_float(a, b),
        (V::Float(a), V::Int(b)) => int_float(b, a).reverse(),
        (V::Int(a), V::Decimal(b)) => Decimal::from(a).cmp(b),
        (V::Decimal(a), V::Int(b)) => a.cmp(&Decimal::from(b)),
        (V::Float(a), V::Decimal(b)) => float_decimal(a, b),
        (V::Decimal(a), V::Float(b)) => float_decimal(b, a).reverse(),
        (V::Text(a), V::Text(b)) => a.cmp(b),
        (V::Bytes(a), V::Bytes(b)) => a.cmp(b),
        (V::Uuid(a), V::Uuid(b)) => a.cmp(&b),
        (V::DateTime(a), V::DateTime(b)) => a.cmp(&b),
        (V::Date(a), V::Date(b)) => a.cmp(&b),
        // Equal documents have equal texts.
        (V::Json(_) | V::Value(_), V::Json(_) | V::Value(_)) => {
            json::to_text(&left.to_value()).cmp(&json::to_text(&right.to_value()))
        }
        (a, b) => Kind::of(a).cmp(&Kind::of(b)),
    }
}

/// What a value is, as far as comparing goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Null,
    Bool,
    Number,
    Text,
    Bytes,
    Uuid,
    DateTime,
    Date,
    /// A json array or object.
    Tree,
}

impl Kind {
    fn of(value: ValueRef<'_>) -> Kind {
        match value {
            ValueRef::Null => Kind::Null,
            ValueRef::Bool(_) => Kind::Bool,
            ValueRef::Int(_) | ValueRef::Float(_) | ValueRef::Decimal(_) => Kind::Number,
            ValueRef::Text(_) => Kind::Text,
            ValueRef::Bytes(_) => Kind::Bytes,
            ValueRef::Uuid(_) => Kind::Uuid,
            ValueRef::DateTime(_) => Kind::DateTime,
            ValueRef::Date(_) => Kind::Date,
            ValueRef::Json(_) | ValueRef::Value(_) => Kind::Tree,
        }
    }
}

/// Exact: neither number is rounded to the other's type.
fn int_float(int: i64, float: f64) -> Ordering {
    json::compare(&Value::Int(int), &Value::Float(float)).unwrap_or(Ordering::Less)
}

/// Exact. Rounding to the nearest double keeps the order, so only a tie with the rounded decimal needs all digits.
fn float_decimal(float: f64, decimal: &Decimal) -> Ordering {
    match float.partial_cmp(&decimal.to_f64()) {
        Some(Ordering::Equal) => {
            // No double has more digits after its point.
            let (exact, rounded) = (format!("{:.1074}", float.abs()), decimal.to_string());
            let order = digits(&exact).cmp(&digits(rounded.trim_start_matches('-')));
            if float < 0.0 { order.reverse() } else { order }
        }
        Some(order) => order,
        None => Ordering::Greater,
    }
}

/// The whole part and the fraction of a plain number, in a form that orders as the numbers do.
fn digits(text: &str) -> (usize, &str, &str) {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    (whole.len(), whole, fraction.trim_end_matches('0'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use crate::value;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Value {
        Value::from(text.parse::<Decimal>().unwrap())
    }

    #[test]
    fn numbers_compare_exactly_across_types() {
        let big = 9_007_199_254_740_993_i64; // 2^53 + 1: its nearest double is 2^53
        let cases = [
            (Value::from(big), Value::from(9_007_199_254_740_992.0), Ordering::Greater),
            (Value::from(i64::MAX), Value::from(9_223_372_036_854_775_807.0), Ordering::Less),
            (Value::from(i64::MIN), Value::from(-9_223_372_036_854_775_808.0), Ordering::Equal),
            (Value::from(-2_i64), Value::from(-2.5), Ordering::Greater),
            (Value::from(0_i64), Value::from(-0.0), Ordering::Equal),
            (Value::from(0.1), decimal("0.1"), Ordering::Greater), // the double is a little more than a tenth
            (Value::from(0.5), decimal("0.50"), Ordering::Equal),
            (Value::from(-0.1), decimal("-0.1"), Ordering::Less),
            (Value::from(1e300), decimal("9999999999999999999999999999999999"), Ordering::Greater),
            (Value::from(0.3), decimal("0.1"), Ordering::Greater),
            (decimal("1.0"), Value::from(1_i64), Ordering::Equal),
            (decimal("-1.01"), Value::from(-1_i64), Ordering::Less),
        ];
        for (left, right, expected) in cases {
            assert_eq!(compare(left.as_ref(), right.as_ref()), Some(expected), "{left:?} with {right:?}");
            assert_eq!(compare(right.as_ref(), left.as_ref()), Some(expected.reverse()), "{right:?} with {left:?}");
        }
    }

    #[test]
    fn types_do_not_mix() {
        let (one, word, yes) = (Value::from(1_i64), Value::from("1"), Value::from(true));
        for (left, right) in [(&one, &word), (&one, &yes), (&word, &yes)] {
            assert_eq!(compare(left.as_ref(), right.as_ref()), None);
            assert_eq!(equal(left.as_ref(), right.as_ref()), Some(false));
        }
        assert_eq!(equal(one.as_ref(), ValueRef::Null), None);
        assert_eq!(compare(ValueRef::Null, ValueRef::Null), None);
    }

    #[test]
    fn json_is_equal_by_content_and_has_no_order() {
        let left = value!({ "a": [1, { "b": null, "c": "x" }], "d": 2 });
        let right = value!({ "d": 2.0, "a": [1, { "c": "x", "b": null }] });
        assert_eq!(equal(left.as_ref(), right.as_ref()), Some(true));
        assert_eq!(compare(left.as_ref(), right.as_ref()), None);
        let longer = value!({ "d": 2, "a": [1, { "c": "x", "b": null }], "e": null });
        assert_eq!(equal(left.as_ref(), longer.as_ref()), Some(false));
        assert_eq!(equal(value!([1, 2]).as_ref(), value!([2, 1]).as_ref()), Some(false));
    }

    #[test]
    fn text_is_ordered_by_code_point() {
        // UTF-16 would put the second before the first.
        let (private, astral) = (Value::from("\u{ff5e}"), Value::from("\u{10000}"));
        assert_eq!(compare(private.as_ref(), astral.as_ref()), Some(Ordering::Less));
        assert_eq!(compare(Value::from("Z").as_ref(), Value::from("a").as_ref()), Some(Ordering::Less));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-3_i64..3).prop_map(Value::from),
            prop::sample::select(vec![-2.5, -1.0, -0.0, 0.5, 2.0]).prop_map(Value::from),
            prop::sample::select(vec!["-2.50", "0", "0.5", "2.0"]).prop_map(decimal),
            "[ab]{0,2}".prop_map(Value::from),
        ];
        scalar.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[ab]", inner, 0..3).prop_map(|map| Value::Map(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn total_is_a_total_order(a in any_value(), b in any_value(), c in any_value()) {
            let (a, b, c) = (a.as_ref(), b.as_ref(), c.as_ref());
            prop_assert_eq!(total(a, a), Ordering::Equal);
            prop_assert_eq!(total(a, b), total(b, a).reverse());
            if total(a, b).is_le() && total(b, c).is_le() {
                prop_assert!(total(a, c).is_le());
            }
        }
    }
}
