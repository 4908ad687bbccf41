//! Laws of the passes over expressions: none changes what an expression means, and none finds more to do in its own
//! result.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use common::generate::{PERSON, World, expr, params, people, person, world};
use dbal::query::ast::{
    Comparison, Count, Expr, JsonTest, Literal, Operand, ParamId, PathStep, Quantifier, Query, Shape, Statement,
};
use dbal::query::normalize::{canonical, normalize};
use dbal::query::optimize::{optimize, optimize_filter, optimize_query};
use dbal::schema::RelationId;
use proptest::prelude::*;

/// The truth of an expression for each person.
fn truths(world: &World, expr: &Expr) -> Vec<Option<bool>> {
    let (schema, params) = (people(), params());
    let scope = world.scope(&schema, &params);
    world.people.iter().map(|row| scope.test(PERSON, expr, row)).collect()
}

fn matches(world: &World, expr: &Expr) -> Vec<bool> {
    truths(world, expr).into_iter().map(|truth| truth == Some(true)).collect()
}

fn size(expr: &Expr) -> usize {
    1 + match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().map(size).sum(),
        Expr::Not(part) => size(part),
        Expr::Related { visible, filter, .. } => size(visible) + size(filter),
        _ => 0,
    }
}

/// The same expression with the parts of every conjunction and disjunction in the opposite order.
fn turned(expr: Expr) -> Expr {
    let all = |parts: Vec<Expr>| parts.into_iter().rev().map(turned).collect();
    match expr {
        Expr::And(parts) => Expr::And(all(parts)),
        Expr::Or(parts) => Expr::Or(all(parts)),
        Expr::Not(part) => Expr::Not(Box::new(turned(*part))),
        Expr::Compare { left, op, right, fold } => Expr::Compare { left: right, op: op.mirrored(), right: left, fold },
        Expr::Related { relation, quantifier, between, visible, filter } => Expr::Related {
            between: between.clone(),
            relation,
            quantifier,
            visible: Box::new(turned(*visible)),
            filter: Box::new(turned(*filter)),
        },
        leaf => leaf,
    }
}

fn without_numbers(mut expr: Expr) -> Expr {
    expr.each_param(&mut |id| *id = ParamId(0));
    expr
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn optimizing_keeps_the_truth(world in world(), expr in expr()) {
        let smaller = optimize(expr.clone());
        prop_assert_eq!(truths(&world, &smaller), truths(&world, &expr));
        prop_assert!(size(&smaller) <= size(&expr));
        prop_assert_eq!(optimize(smaller.clone()), smaller);
    }

    #[test]
    fn optimizing_a_filter_keeps_its_rows(world in world(), expr in expr()) {
        let smaller = optimize_filter(expr.clone());
        prop_assert_eq!(matches(&world, &smaller), matches(&world, &expr));
        prop_assert_eq!(optimize_filter(smaller.clone()), smaller.clone());
        prop_assert_eq!(optimize(smaller.clone()), smaller);
    }

    #[test]
    fn the_canonical_form_keeps_the_truth(world in world(), expr in expr()) {
        let form = canonical(expr.clone());
        prop_assert_eq!(truths(&world, &form), truths(&world, &expr));
        prop_assert_eq!(canonical(form.clone()), form);
    }

    #[test]
    fn the_order_of_writing_does_not_count(expr in expr()) {
        let (form, turned) = (canonical(expr.clone()), canonical(turned(expr)));
        prop_assert_eq!(without_numbers(form), without_numbers(turned));
    }

    #[test]
    fn passes_may_run_one_after_the_other(world in world(), expr in expr()) {
        let both = optimize_filter(canonical(expr.clone()));
        prop_assert_eq!(matches(&world, &both), matches(&world, &expr));
    }
}

fn age(op: Comparison, param: u16) -> Expr {
    let right = Operand::Param(ParamId(param));
    Expr::Compare { left: Operand::Field(person::AGE), op, right, fold: false }
}

fn not(expr: Expr) -> Expr {
    Expr::Not(Box::new(expr))
}

#[test]
fn constants_fold() {
    let (unknown, leaf) = (Expr::Const(None), age(Comparison::Eq, 0));
    let literal =
        |left, op, right| Expr::Compare { left: Operand::Const(left), op, right: Operand::Const(right), fold: false };
    let rank = |word: &str| Operand::Rank {
        of: Box::new(Operand::Const(Literal::Word(word.into()))),
        values: vec!["low".into(), "high".into()],
    };
    let ranked = |word| Expr::Compare {
        left: rank(word),
        op: Comparison::Lt,
        right: Operand::Const(Literal::Int(1)),
        fold: false,
    };
    for (expr, expected) in [
        (Expr::And(vec![]), Expr::TRUE),
        (Expr::Or(vec![]), Expr::FALSE),
        (Expr::And(vec![leaf.clone(), Expr::TRUE]), leaf.clone()),
        (Expr::Or(vec![leaf.clone(), unknown.clone(), Expr::TRUE]), Expr::TRUE),
        (Expr::And(vec![unknown.clone(), leaf.clone(), Expr::FALSE]), Expr::FALSE),
        (Expr::And(vec![unknown.clone(), leaf.clone()]), Expr::And(vec![unknown.clone(), leaf.clone()])),
        (Expr::Or(vec![leaf.clone(), leaf.clone()]), leaf.clone()),
        (
            Expr::Or(vec![Expr::Or(vec![leaf.clone(), unknown.clone()]), leaf.clone()]),
            Expr::Or(vec![leaf.clone(), unknown.clone()]),
        ),
        (not(not(leaf.clone())), leaf.clone()),
        (not(unknown.clone()), unknown.clone()),
        (literal(Literal::Int(1), Comparison::Lt, Literal::Int(2)), Expr::TRUE),
        (literal(Literal::Int(1), Comparison::Eq, Literal::Null), unknown.clone()),
        (ranked("low"), Expr::TRUE),
        (ranked("high"), Expr::FALSE),
        (ranked("other"), unknown.clone()),
        (Expr::IsNull(rank("other")), Expr::TRUE),
    ] {
        assert_eq!(optimize(expr.clone()), expected, "{expr:?}");
    }
    assert_eq!(optimize_filter(Expr::Or(vec![unknown.clone(), leaf.clone()])), leaf);
    assert_eq!(optimize_filter(not(Expr::And(vec![unknown, leaf.clone()]))), not(leaf));
}

#[test]
fn relation_tests_fold_when_no_row_can_decide() {
    use Quantifier::{Every, None, Some};
    let leaf = age(Comparison::Eq, 0);
    let related = |quantifier, visible: &Expr, filter: &Expr| Expr::Related {
        between: Box::new(Expr::TRUE),
        relation: RelationId(0),
        quantifier,
        visible: Box::new(visible.clone()),
        filter: Box::new(filter.clone()),
    };
    let unknown = Expr::Const(Option::None);
    for (quantifier, visible, filter, expected) in [
        (Some, &Expr::FALSE, &leaf, &Expr::FALSE),
        (Some, &unknown, &leaf, &Expr::FALSE),
        (Some, &leaf, &unknown, &Expr::FALSE),
        (Every, &Expr::FALSE, &leaf, &Expr::TRUE),
        (Every, &leaf, &Expr::TRUE, &Expr::TRUE),
        (None, &unknown, &leaf, &Expr::TRUE),
        (None, &leaf, &Expr::FALSE, &Expr::TRUE),
        (Every, &leaf, &unknown, &related(Every, &leaf, &Expr::FALSE)),
        (Some, &leaf, &Expr::TRUE, &related(Some, &leaf, &Expr::TRUE)),
    ] {
        assert_eq!(&optimize(related(quantifier, visible, filter)), expected, "{quantifier:?} {visible:?} {filter:?}");
    }
}

#[test]
fn negations_go_inside() {
    use Comparison::{Gt, Gte, Lt, Lte};
    let json = |op| Expr::Json {
        field: person::DATA,
        path: vec![PathStep::Key("a".into())],
        test: JsonTest::Compare(op, ParamId(0)),
    };
    let related = |quantifier| Expr::Related {
        between: Box::new(Expr::TRUE),
        relation: RelationId(0),
        quantifier,
        visible: Box::new(Expr::TRUE),
        filter: Box::new(age(Lt, 0)),
    };
    let listed = Expr::In { value: Operand::Field(person::AGE), list: ParamId(6), fold: false };
    for (expr, expected) in [
        (not(age(Lt, 0)), age(Gte, 0)),
        (not(json(Lte)), json(Gt)),
        (not(Expr::And(vec![age(Lt, 0), age(Gt, 1)])), Expr::Or(vec![age(Lte, 1), age(Gte, 0)])),
        (not(related(Quantifier::Some)), related(Quantifier::None)),
        (not(related(Quantifier::None)), related(Quantifier::Some)),
        (not(related(Quantifier::Every)), not(related(Quantifier::Every))),
        (not(listed.clone()), not(listed)),
    ] {
        assert_eq!(canonical(expr.clone()), expected, "{expr:?}");
    }
}

#[test]
fn whole_queries_are_reached() {
    let filter = Expr::Or(vec![not(age(Comparison::Lt, 0)), Expr::Const(None)]);
    let count = |filter| Query {
        statement: Statement::Count(Count { entity: PERSON, filter }),
        visible: 0,
        includes: Vec::new(),
        shape: Shape::Count,
        version: None,
        parents: Vec::new(),
    };
    let mut query = count(filter);
    normalize(&mut query);
    optimize_query(&mut query);
    assert_eq!(query, count(age(Comparison::Gte, 0)));
}
