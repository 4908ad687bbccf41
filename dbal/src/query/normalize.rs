//! One form for what can be written in several ways, so that queries of one meaning share a plan.
//!
//! Nothing is dropped and nothing is decided here: what a caller has named is still there for `access` to judge.

use std::cmp::Ordering;

use super::ast::{Expr, JsonTest, Operand, ParamId, Quantifier, Query};

/// Brings all conditions of a query into canonical form.
///
/// Parameters keep their ids: the `shape` pass numbers them anew, in the order of the canonical form.
pub fn normalize(query: &mut Query) {
    query.each_condition(&mut |condition| {
        *condition = canonical(std::mem::replace(condition, Expr::TRUE));
    });
}

/// The canonical form of a condition, which has the same truth for every row: conjunctions and disjunctions are flat and
/// in a fixed order, negations stand as far inside as they can, and values stand to the right of what they are
/// compared with.
///
/// ```
/// use dbal::query::ast::{Comparison, Expr, Literal, Operand};
/// use dbal::query::normalize::canonical;
/// use dbal::schema::FieldId;
/// let compare = |op| Expr::Compare {
///     left: Operand::Field(FieldId(1)), op, right: Operand::Const(Literal::Int(3)), fold: false,
/// };
/// assert_eq!(canonical(Expr::Not(Box::new(compare(Comparison::Lt)))), compare(Comparison::Gte));
/// ```
pub fn canonical(expr: Expr) -> Expr {
    push(expr, false)
}

/// The canonical form of a condition, or of its opposite.
fn push(expr: Expr, negate: bool) -> Expr {
    match expr {
        Expr::Const(truth) => Expr::Const(truth.map(|truth| truth != negate)),
        Expr::And(parts) => chain(parts, negate, !negate),
        Expr::Or(parts) => chain(parts, negate, negate),
        Expr::Not(part) => push(*part, !negate),
        Expr::Compare { left, op, right, fold } => {
            let op = if negate { op.negated() } else { op };
            let turn = match side(&left).cmp(&side(&right)) {
                Ordering::Less => false,
                Ordering::Equal => op.mirrored() < op,
                Ordering::Greater => true,
            };
            if turn {
                Expr::Compare { left: right, op: op.mirrored(), right: left, fold }
            } else {
                Expr::Compare { left, op, right, fold }
            }
        }
        Expr::Json { field, path, test: JsonTest::Compare(op, operand) } if negate => {
            Expr::Json { field, path, test: JsonTest::Compare(op.negated(), operand) }
        }
        Expr::Related { relation, quantifier, between, visible, filter } => {
            let (quantifier, negate) = match (quantifier, negate) {
                (Quantifier::Some, true) => (Quantifier::None, false),
                (Quantifier::None, true) => (Quantifier::Some, false),
                unchanged => unchanged,
            };
            let between = Box::new(canonical(*between));
            let (visible, filter) = (Box::new(canonical(*visible)), Box::new(canonical(*filter)));
            negated(Expr::Related { relation, quantifier, between, visible, filter }, negate)
        }
        leaf @ (Expr::In { .. } | Expr::IsNull(_) | Expr::Text { .. } | Expr::Word { .. } | Expr::Json { .. }) => {
            negated(leaf, negate)
        }
    }
}

fn negated(expr: Expr, negate: bool) -> Expr {
    if negate { Expr::Not(Box::new(expr)) } else { expr }
}

/// A conjunction or a disjunction of the parts, or of their opposites.
fn chain(parts: Vec<Expr>, negate: bool, and: bool) -> Expr {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match push(part, negate) {
            Expr::And(inner) if and => flat.extend(inner),
            Expr::Or(inner) if !and => flat.extend(inner),
            // What changes nothing: a chain of no parts, in canonical form.
            Expr::Const(Some(truth)) if truth == and => {}
            part => flat.push(part),
        }
    }
    flat.sort_by_cached_key(anonymous);
    match flat.len() {
        0 => Expr::Const(Some(and)),
        1 => flat.remove(0),
        _ if and => Expr::And(flat),
        _ => Expr::Or(flat),
    }
}

/// The condition without the numbers of its parameters, which say only in which order it was written down.
fn anonymous(expr: &Expr) -> Expr {
    let mut anonymous = expr.clone();
    anonymous.each_param(&mut |id| *id = ParamId(0));
    anonymous
}

/// What puts the sides of a comparison in order: values stand on the right. Numbers of parameters do not count.
fn side(operand: &Operand) -> (bool, Operand) {
    let mut anonymous = operand.clone();
    anonymous.each_param(&mut |id| *id = ParamId(0));
    (matches!(operand, Operand::Param(_) | Operand::Const(_)), anonymous)
}
