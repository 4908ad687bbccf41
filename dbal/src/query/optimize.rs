//! Conditions made smaller: what is known without a row is decided once instead of for each row.
//!
//! This runs after `access`, so that conditions of rules fold as well, and so that nothing a caller named has vanished
//! before it was judged.

use std::collections::HashSet;

use super::ast::{Expr, Literal, Operand, Quantifier, Query};
use super::eval::{compared, constant, matched, rank};
use crate::value::ValueRef;

/// Makes all conditions of a query smaller; it gives the same rows, and its checks pass for the same rows.
pub fn optimize_query(query: &mut Query) {
    query.each_condition(&mut |condition| {
        *condition = optimize_filter(std::mem::replace(condition, Expr::TRUE));
    });
}

/// A smaller expression that has the same truth for every row, unknown included.
///
/// ```
/// use dbal::query::{ast::Expr, optimize::optimize};
/// let unknown = Expr::Const(None);
/// assert_eq!(optimize(Expr::And(vec![unknown.clone(), Expr::FALSE])), Expr::FALSE);
/// assert_eq!(optimize(Expr::And(vec![unknown.clone(), Expr::TRUE])), unknown);
/// ```
pub fn optimize(expr: Expr) -> Expr {
    fold(expr, Unknown::Stays)
}

/// A smaller expression that is true for the same rows: where it stands, unknown is as good as false.
///
/// ```
/// use dbal::query::{ast::Expr, optimize::optimize_filter};
/// assert_eq!(optimize_filter(Expr::Const(None)), Expr::FALSE);
/// assert_eq!(optimize_filter(Expr::Not(Box::new(Expr::Const(None)))), Expr::FALSE);
/// ```
pub fn optimize_filter(expr: Expr) -> Expr {
    fold(expr, Unknown::IsFalse)
}

/// What unknown is as good as, where an expression stands.
#[derive(Clone, Copy, PartialEq)]
enum Unknown {
    /// Nothing: all three values differ.
    Stays,
    /// Where only true counts.
    IsFalse,
    /// Where only false counts: inside a negation where only true counts.
    IsTrue,
}

impl Unknown {
    fn inside_not(self) -> Unknown {
        match self {
            Unknown::Stays => Unknown::Stays,
            Unknown::IsFalse => Unknown::IsTrue,
            Unknown::IsTrue => Unknown::IsFalse,
        }
    }

    fn truth(self, truth: Option<bool>) -> Expr {
        Expr::Const(match self {
            Unknown::Stays => truth,
            Unknown::IsFalse => Some(truth == Some(true)),
            Unknown::IsTrue => Some(truth != Some(false)),
        })
    }
}

fn fold(expr: Expr, unknown: Unknown) -> Expr {
    match expr {
        Expr::Const(truth) => unknown.truth(truth),
        Expr::And(parts) => chain(parts, true, unknown),
        Expr::Or(parts) => chain(parts, false, unknown),
        Expr::Not(part) => match fold(*part, unknown.inside_not()) {
            Expr::Const(truth) => unknown.truth(truth.map(|truth| !truth)),
            Expr::Not(part) => *part,
            part => Expr::Not(Box::new(part)),
        },
        Expr::Compare { left, op, right, fold } => match (operand(left), operand(right)) {
            (Operand::Const(left), Operand::Const(right)) => {
                unknown.truth(compared(op, constant(&left), constant(&right), fold))
            }
            (Operand::Const(Literal::Null), _) | (_, Operand::Const(Literal::Null)) => unknown.truth(None),
            (left, right) => Expr::Compare { left, op, right, fold },
        },
        Expr::Text { value, op, pattern, fold } => match (operand(value), operand(pattern)) {
            (Operand::Const(value), Operand::Const(pattern)) => {
                unknown.truth(matched(op, constant(&value), constant(&pattern), fold))
            }
            (Operand::Const(Literal::Null), _) | (_, Operand::Const(Literal::Null)) => unknown.truth(None),
            (value, pattern) => Expr::Text { value, op, pattern, fold },
        },
        // Of a constant nothing can be said either: in an empty list not even null is unknown.
        Expr::In { value, list, fold } => Expr::In { value: operand(value), list, fold },
        Expr::IsNull(of) => match operand(of) {
            Operand::Const(literal) => Expr::Const(Some(literal == Literal::Null)),
            of => Expr::IsNull(of),
        },
        Expr::Word { .. } | Expr::Json { .. } => expr,
        Expr::Related { relation, quantifier, between, visible, filter } => {
            // Related rows count when both are true.
            let (visible, filter) = (optimize_filter(*visible), optimize_filter(*filter));
            let between = optimize_filter(*between);
            match (quantifier, &visible, &filter) {
                _ if between == Expr::FALSE => Expr::Const(Some(quantifier != Quantifier::Some)),
                (Quantifier::Some, &Expr::FALSE, _) | (Quantifier::Some, _, &Expr::FALSE) => Expr::FALSE,
                (Quantifier::None, &Expr::FALSE, _) | (Quantifier::None, _, &Expr::FALSE) => Expr::TRUE,
                (Quantifier::Every, &Expr::FALSE, _) | (Quantifier::Every, _, &Expr::TRUE) => Expr::TRUE,
                _ => {
                    let (between, visible, filter) = (Box::new(between), Box::new(visible), Box::new(filter));
                    Expr::Related { relation, quantifier, between, visible, filter }
                }
            }
        }
    }
}

/// A conjunction, or else a disjunction: flat, each part once, without parts that change nothing.
fn chain(parts: Vec<Expr>, and: bool, unknown: Unknown) -> Expr {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match fold(part, unknown) {
            Expr::And(inner) if and => flat.extend(inner),
            Expr::Or(inner) if !and => flat.extend(inner),
            Expr::Const(Some(truth)) if truth == and => {}
            // False decides a conjunction and true a disjunction, also where other parts are unknown.
            Expr::Const(Some(truth)) => return Expr::Const(Some(truth)),
            part => flat.push(part),
        }
    }
    let mut seen = HashSet::new();
    let first: Vec<bool> = flat.iter().map(|part| seen.insert(part)).collect();
    let mut first = first.into_iter();
    flat.retain(|_| first.next().unwrap_or(true));
    match flat.len() {
        0 => Expr::Const(Some(and)),
        1 => flat.remove(0),
        _ if and => Expr::And(flat),
        _ => Expr::Or(flat),
    }
}

/// The position of a constant word is a constant.
fn operand(operand: Operand) -> Operand {
    let Operand::Rank { of, values } = operand else { return operand };
    match self::operand(*of) {
        Operand::Const(literal) => Operand::Const(match rank(constant(&literal), &values) {
            ValueRef::Int(rank) => Literal::Int(rank),
            _ => Literal::Null,
        }),
        of => Operand::Rank { of: Box::new(of), values },
    }
}
