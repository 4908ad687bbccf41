//! What expressions mean: the tables of three-valued logic, operator by operator, and the laws they keep.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use common::generate::{PERSON, World, expr, params, people, person, world};
use dbal::query::ast::{Comparison, Expr, JsonTest, Literal, Operand, Order, ParamId, PathStep, Quantifier, TextMatch};
use dbal::query::eval::compare_rows;
use dbal::schema::{FieldId, RelationId};
use dbal::{Value, ValueRef, value};
use proptest::prelude::*;

const T: Option<bool> = Some(true);
const F: Option<bool> = Some(false);
const U: Option<bool> = None;

/// The truth of an expression over one person who has one value in a field.
fn truth(field: FieldId, value: &Value, params: &[Value], expr: &Expr) -> Option<bool> {
    let mut row = vec![Value::Null; 6];
    row[usize::from(person::ID.0)] = value!(1);
    row[usize::from(field.0)] = value.clone();
    let world = World { people: vec![row.clone()], notes: Vec::new() };
    world.scope(&people(), params).test(PERSON, expr, &row)
}

fn p(id: u16) -> Operand {
    Operand::Param(ParamId(id))
}

fn not(expr: Expr) -> Expr {
    Expr::Not(Box::new(expr))
}

#[test]
fn logic_has_the_tables_of_sql() {
    let both = |left, right| vec![Expr::Const(left), Expr::Const(right)];
    let test = |expr: &Expr| truth(person::AGE, &Value::Null, &[], expr);
    let and = [(T, T, T), (T, F, F), (T, U, U), (F, F, F), (F, U, F), (U, U, U)];
    let or = [(T, T, T), (T, F, T), (T, U, T), (F, F, F), (F, U, U), (U, U, U)];
    for (left, right, expected) in and {
        assert_eq!(test(&Expr::And(both(left, right))), expected, "{left:?} and {right:?}");
        assert_eq!(test(&Expr::And(both(right, left))), expected, "{right:?} and {left:?}");
    }
    for (left, right, expected) in or {
        assert_eq!(test(&Expr::Or(both(left, right))), expected, "{left:?} or {right:?}");
        assert_eq!(test(&Expr::Or(both(right, left))), expected, "{right:?} or {left:?}");
    }
    for (part, expected) in [(T, F), (F, T), (U, U)] {
        assert_eq!(test(&not(Expr::Const(part))), expected, "not {part:?}");
    }
    assert_eq!((test(&Expr::And(Vec::new())), test(&Expr::Or(Vec::new()))), (T, F));
}

#[test]
fn comparisons_with_null_are_unknown() {
    use Comparison::{Eq, Gt, Gte, Lt, Lte, Ne};
    let table =
        [(Eq, [F, T, F]), (Ne, [T, F, T]), (Lt, [T, F, F]), (Lte, [T, T, F]), (Gt, [F, F, T]), (Gte, [F, T, T])];
    for (op, expected) in table {
        let compare = |right: Operand| Expr::Compare { left: Operand::Field(person::AGE), op, right, fold: false };
        for (age, expected) in [1, 2, 3].into_iter().zip(expected) {
            let answer = |params: &[Value], right| truth(person::AGE, &value!(age), params, &compare(right));
            assert_eq!(answer(&[value!(2)], p(0)), expected, "{age} {op:?} 2");
            assert_eq!(answer(&[value!(2.0)], p(0)), expected, "{age} {op:?} 2.0");
            assert_eq!(answer(&[Value::Null], p(0)), U, "{age} {op:?} null");
            assert_eq!(answer(&[], p(0)), U, "{age} {op:?} a parameter that is not there");
            assert_eq!(answer(&[], Operand::Const(Literal::Null)), U);
        }
        assert_eq!(truth(person::AGE, &Value::Null, &[value!(2)], &compare(p(0))), U, "null {op:?} 2");
        assert_eq!(truth(person::AGE, &Value::Null, &[Value::Null], &compare(p(0))), U, "null {op:?} null");
    }
}

#[test]
fn folding_makes_case_irrelevant() {
    let compare = |op, fold| Expr::Compare { left: Operand::Field(person::NAME), op, right: p(0), fold };
    let name = |name: &str, other: &str, expr: Expr| truth(person::NAME, &value!(name), &[value!(other)], &expr);
    assert_eq!(name("Ärger", "ÄRGER", compare(Comparison::Eq, false)), F);
    assert_eq!(name("Ärger", "ÄRGER", compare(Comparison::Eq, true)), T);
    assert_eq!(name("Ärger", "ÄRGER", compare(Comparison::Ne, true)), F);
    assert_eq!(name("straße", "STRASSE", compare(Comparison::Eq, true)), F);
    let listed = |fold| Expr::In { value: Operand::Field(person::NAME), list: ParamId(0), fold };
    let params = [value!(["ÄRGER", "x"])];
    assert_eq!(truth(person::NAME, &value!("ärger"), &params, &listed(false)), F);
    assert_eq!(truth(person::NAME, &value!("ärger"), &params, &listed(true)), T);
    assert_eq!(truth(person::NAME, &Value::Null, &params, &listed(true)), U);
}

#[test]
fn nothing_is_in_an_empty_list() {
    let listed = Expr::In { value: Operand::Field(person::AGE), list: ParamId(0), fold: false };
    for (age, list, expected) in [
        (value!(1), value!([1, 2]), T),
        (value!(3), value!([1, 2]), F),
        (value!(1), value!([1.0]), T),
        (Value::Null, value!([1, 2]), U),
        (Value::Null, value!([]), F),
        (value!(1), value!([]), F),
        (value!(1), Value::Null, U),
    ] {
        assert_eq!(truth(person::AGE, &age, std::slice::from_ref(&list), &listed), expected, "{age:?} in {list:?}");
    }
}

#[test]
fn text_matches() {
    use TextMatch::{Contains, EndsWith, Like, StartsWith};
    let text = |op, fold| Expr::Text { value: Operand::Field(person::NAME), op, pattern: p(0), fold };
    for (op, name, pattern, plain, folded) in [
        (Contains, "Grace", "rac", T, T),
        (Contains, "Grace", "RAC", F, T),
        (StartsWith, "Grace", "gr", F, T),
        (EndsWith, "Grace", "ce", T, T),
        (Like, "Grace", "G%_e", T, T),
        (Like, "Grace", "g____", F, T),
        (Contains, "", "", T, T),
        (Like, "100%", "100\\%", T, T),
    ] {
        let answer = |fold| truth(person::NAME, &value!(name), &[value!(pattern)], &text(op, fold));
        assert_eq!((answer(false), answer(true)), (plain, folded), "{name} {op:?} {pattern}");
    }
    assert_eq!(truth(person::NAME, &Value::Null, &[value!("")], &text(Contains, false)), U);
    assert_eq!(truth(person::NAME, &value!("a"), &[Value::Null], &text(Contains, false)), U);
}

#[test]
fn is_null_is_never_unknown() {
    let is_null = Expr::IsNull(Operand::Field(person::AGE));
    assert_eq!(truth(person::AGE, &Value::Null, &[], &is_null), T);
    assert_eq!(truth(person::AGE, &value!(0), &[], &is_null), F);
}

#[test]
fn paths_tell_json_null_from_nothing() {
    let ask = |test: JsonTest| Expr::Json { field: person::DATA, path: vec![PathStep::Key("a".into())], test };
    let compare = |op| ask(JsonTest::Compare(op, ParamId(0)));
    let (one, null) = (value!(1), Value::Null);
    // The column null; the path missing; JSON null; 1; 2.5; "1"; true
    let documents = [
        Value::Null,
        value!({}),
        value!({ "a": null }),
        value!({ "a": 1 }),
        value!({ "a": 2.5 }),
        value!({ "a": "1" }),
        value!({ "a": true }),
    ];
    let rows = [
        ("= 1", compare(Comparison::Eq), &one, [U, U, F, T, F, F, F]),
        ("<> 1", compare(Comparison::Ne), &one, [U, U, T, F, T, T, T]),
        ("> 1", compare(Comparison::Gt), &one, [U, U, U, F, T, U, U]),
        ("<= 1", compare(Comparison::Lte), &one, [U, U, U, T, F, U, U]),
        ("= null", compare(Comparison::Eq), &null, [U, T, T, F, F, F, F]),
        ("<> null", compare(Comparison::Ne), &null, [U, F, F, T, T, T, T]),
        ("exists", ask(JsonTest::Exists), &null, [U, F, T, T, T, T, T]),
        ("in [1]", ask(JsonTest::In(ParamId(1))), &null, [U, U, F, T, F, F, F]),
        ("in []", ask(JsonTest::In(ParamId(2))), &null, [F, F, F, F, F, F, F]),
        (
            "contains 1",
            ask(JsonTest::Text { op: TextMatch::Contains, pattern: ParamId(3), fold: false }),
            &null,
            [U, U, U, U, U, T, U],
        ),
    ];
    for (name, expr, operand, expected) in rows {
        let params = [operand.clone(), value!([1]), value!([]), value!("1")];
        let answers = documents.each_ref().map(|document| truth(person::DATA, document, &params, &expr));
        assert_eq!(answers, expected, "{name}");
    }
}

#[test]
fn names_lead_into_objects_and_positions_into_arrays() {
    let exists = |path: Vec<PathStep>| Expr::Json { field: person::DATA, path, test: JsonTest::Exists };
    let document = value!({ "0": "x", "a": [{ "b": 1 }] });
    let (name, position) = (|name: &str| PathStep::Key(name.into()), PathStep::Index);
    for (path, expected) in [
        (vec![name("0")], T),
        (vec![position(0)], F),
        (vec![name("a"), position(0), name("b")], T),
        (vec![name("a"), name("0")], F),
        (vec![name("a"), position(1)], F),
    ] {
        assert_eq!(truth(person::DATA, &document, &[], &exists(path.clone())), expected, "{path:?}");
    }
}

/// Ann (1) leads Bob (2) and has the notes "x" and null; Bob has none.
fn office() -> World {
    let person = |id: i64, name: &str, boss: Value| {
        vec![value!(id), value!(name), Value::Null, value!("mid"), Value::Null, boss]
    };
    World {
        people: vec![person(1, "ann", Value::Null), person(2, "bob", value!(1))],
        notes: vec![vec![value!(1), value!(1), value!("x")], vec![value!(2), value!(1), Value::Null]],
    }
}

#[test]
fn relation_tests_are_never_unknown() {
    let world = office();
    let schema = people();
    let title_is = |text: &str| Expr::Compare {
        left: Operand::Field(FieldId(2)),
        op: Comparison::Eq,
        right: Operand::Const(Literal::Word(text.into())),
        fold: false,
    };
    let test = |person: usize, quantifier, visible: Expr, filter: Expr| {
        let related = Expr::Related {
            between: Box::new(Expr::TRUE),
            relation: RelationId(1),
            quantifier,
            visible: visible.into(),
            filter: filter.into(),
        };
        world.scope(&schema, &[]).test(PERSON, &related, &world.people[person])
    };
    use Quantifier::{Every, None, Some};
    let (ann, bob) = (0, 1);
    assert_eq!(test(ann, Some, Expr::TRUE, title_is("x")), T);
    assert_eq!(test(ann, Some, Expr::TRUE, title_is("y")), F, "the note with a null title is unknown, so no match");
    assert_eq!(test(ann, Every, Expr::TRUE, title_is("x")), F);
    assert_eq!(test(ann, None, Expr::TRUE, title_is("y")), T);
    assert_eq!(test(ann, Every, title_is("x"), title_is("x")), T, "a hidden row counts as absent");
    assert_eq!(test(ann, Some, Expr::FALSE, Expr::TRUE), F);
    assert_eq!(test(bob, Some, Expr::TRUE, Expr::TRUE), F);
    assert_eq!(test(bob, Every, Expr::TRUE, Expr::FALSE), T);
    assert_eq!(test(bob, None, Expr::TRUE, Expr::TRUE), T);
}

#[test]
fn operands_follow_to_one_relations_and_rank_enums() {
    let (world, schema) = (office(), people());
    let scope = world.scope(&schema, &[]);
    let boss_name = Operand::Related { path: vec![RelationId(0)], field: person::NAME, visible: Vec::new() };
    assert!(matches!(scope.operand(PERSON, &boss_name, &world.people[1]), ValueRef::Text("ann")));
    assert!(matches!(scope.operand(PERSON, &boss_name, &world.people[0]), ValueRef::Null));
    let rank = |of| Operand::Rank { of: Box::new(of), values: vec!["low".into(), "mid".into()] };
    assert!(matches!(scope.operand(PERSON, &rank(Operand::Field(person::LEVEL)), &world.people[0]), ValueRef::Int(1)));
    assert!(matches!(scope.operand(PERSON, &rank(boss_name), &world.people[0]), ValueRef::Null));
    let unknown = rank(Operand::Const(Literal::Word("high".into())));
    assert!(matches!(scope.operand(PERSON, &unknown, &world.people[0]), ValueRef::Null));
}

#[test]
fn nulls_stand_where_the_sort_says() {
    let key = |descending, nulls_first| Order { by: Operand::Field(person::AGE), descending, nulls_first };
    for (descending, nulls_first, expected) in [
        (false, true, [None, Some(1), Some(2)]),
        (false, false, [Some(1), Some(2), None]),
        (true, true, [None, Some(2), Some(1)]),
        (true, false, [Some(2), Some(1), None]),
    ] {
        let order = [key(descending, nulls_first)];
        let mut ages: Vec<Option<i64>> = vec![Some(2), None, Some(1)];
        let cell = |age: &Option<i64>| age.map_or(ValueRef::Null, ValueRef::Int);
        ages.sort_by(|left, right| compare_rows(&order, &[cell(left)], &[cell(right)]));
        assert_eq!(ages, expected, "descending {descending}, nulls first {nulls_first}");
    }
}

/// Whether two expressions have the same truth for every person.
fn same(world: &World, left: &Expr, right: &Expr) -> Result<(), TestCaseError> {
    let (schema, params) = (people(), params());
    let scope = world.scope(&schema, &params);
    for row in &world.people {
        prop_assert_eq!(scope.test(PERSON, left, row), scope.test(PERSON, right, row), "{:?}", row);
    }
    Ok(())
}

proptest! {
    #[test]
    fn double_negation(world in world(), a in expr()) {
        same(&world, &not(not(a.clone())), &a)?;
    }

    #[test]
    fn de_morgan(world in world(), parts in prop::collection::vec(expr(), 0..4)) {
        let negated: Vec<Expr> = parts.iter().cloned().map(not).collect();
        same(&world, &not(Expr::And(parts.clone())), &Expr::Or(negated.clone()))?;
        same(&world, &not(Expr::Or(parts)), &Expr::And(negated))?;
    }

    #[test]
    fn order_of_conditions_does_not_count(world in world(), parts in prop::collection::vec(expr(), 0..4).prop_shuffle(), turn in 0_usize..4) {
        let mut turned = parts.clone();
        turned.rotate_left(turn.min(parts.len()));
        same(&world, &Expr::And(parts.clone()), &Expr::And(turned.clone()))?;
        same(&world, &Expr::Or(parts), &Expr::Or(turned))?;
    }

    #[test]
    fn a_list_is_an_or_of_equalities(world in world(), fold in any::<bool>()) {
        let equal = |field, right: Literal, fold| Expr::Compare {
            left: Operand::Field(field), op: Comparison::Eq, right: Operand::Const(right), fold,
        };
        let word = |word: &str| Literal::Word(word.into());
        let listed = |field, list, fold| Expr::In { value: Operand::Field(field), list: ParamId(list), fold };
        // The lists of `params`: [1, 3] and ["ANN", "äb"].
        let ages = [1, 3].map(|age| equal(person::AGE, Literal::Int(age), false)).to_vec();
        let names = ["ANN", "äb"].map(|name| equal(person::NAME, word(name), fold)).to_vec();
        same(&world, &listed(person::AGE, 6, false), &Expr::Or(ages))?;
        same(&world, &listed(person::NAME, 8, fold), &Expr::Or(names))?;
    }

    #[test]
    fn none_is_not_some_and_every_is_none_that_fails(world in world(), visible in expr(), filter in expr()) {
        let related = |quantifier, filter: &Expr| Expr::Related { between: Box::new(Expr::TRUE),
            relation: RelationId(0), quantifier, visible: Box::new(visible.clone()), filter: Box::new(filter.clone()),
        };
        same(&world, &related(Quantifier::None, &filter), &not(related(Quantifier::Some, &filter)))?;
        // Only a condition that is never unknown can be turned round inside.
        let known = Expr::Related { between: Box::new(Expr::TRUE),
            relation: RelationId(0), quantifier: Quantifier::Some, visible: Box::new(Expr::TRUE), filter: Box::new(filter),
        };
        same(&world, &related(Quantifier::Every, &known), &related(Quantifier::None, &not(known.clone())))?;
    }
}
