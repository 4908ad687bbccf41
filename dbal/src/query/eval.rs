//! What an expression means. Every backend gives the answers that this module gives (`SEMANTICS.md`).
//!
//! A test has three values: `Some(true)`, `Some(false)`, and `None` for unknown. Only `Some(true)` matches a row.

use std::cmp::Ordering;

use super::ast::{Comparison, Expr, JsonTest, Literal, Operand, Order, ParamId, PathStep, Quantifier, TextMatch};
use crate::schema::{EntityId, FieldId, RelationId, Schema};
use crate::value::order::{compare, equal, total};
use crate::value::text::fold;
use crate::value::words::has_word;
use crate::value::{Value, ValueRef, json};

/// A row: one value for each declared field, in declared order; or a group with its columns.
pub type Row = [Value];

/// Where related rows are found.
pub trait Source {
    /// The rows of an entity whose field equals a value that is not null.
    fn rows<'a>(
        &'a self,
        entity: EntityId,
        field: FieldId,
        value: ValueRef<'_>,
    ) -> Box<dyn Iterator<Item = &'a Row> + 'a>;
}

/// Everything that an expression can refer to beside the row at hand.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// What the ids stand for.
    pub schema: &'a Schema,
    /// Related rows.
    pub source: &'a dyn Source,
    /// Values of parameters by id.
    pub params: &'a [Value],
}

impl<'a> Scope<'a> {
    /// Whether a row of the entity is matched: unknown is not.
    pub fn matches(&self, entity: EntityId, expr: &Expr, row: &Row) -> bool {
        self.test(entity, expr, row) == Some(true)
    }

    /// The truth of an expression over a row of the entity.
    pub fn test(&self, entity: EntityId, expr: &Expr, row: &Row) -> Option<bool> {
        match expr {
            Expr::Const(truth) => *truth,
            Expr::And(parts) => all(parts.iter().map(|part| self.test(entity, part, row))),
            Expr::Or(parts) => any(parts.iter().map(|part| self.test(entity, part, row))),
            Expr::Not(part) => not(self.test(entity, part, row)),
            Expr::Compare { left, op, right, fold: folded } => {
                compared(*op, self.operand(entity, left, row), self.operand(entity, right, row), *folded)
            }
            Expr::In { value, list, fold: folded } => {
                let list = self.list(*list)?;
                if list.is_empty() {
                    return Some(false);
                }
                match self.operand(entity, value, row) {
                    ValueRef::Null => None,
                    ValueRef::Text(text) if *folded => {
                        let text = fold(text);
                        Some(list.iter().filter_map(Value::as_str).any(|item| fold(item) == text))
                    }
                    value => Some(contains(list, value)),
                }
            }
            Expr::IsNull(operand) => Some(matches!(self.operand(entity, operand, row), ValueRef::Null)),
            Expr::Text { value, op, pattern, fold } => {
                matched(*op, self.operand(entity, value, row), self.operand(entity, pattern, row), *fold)
            }
            Expr::Word { fields, word, prefix } => {
                let word = self.param(*word).as_str();
                let mut texts = fields.iter().filter_map(|field| row[usize::from(field.0)].as_str());
                Some(word.is_some_and(|word| texts.any(|text| has_word(text, word, *prefix))))
            }
            Expr::Json { field, path, test } => self.json(&row[usize::from(field.0)], path, test),
            Expr::Related { relation, quantifier, between, visible, filter } => {
                let target = self.schema.entity(entity).relation(*relation).target;
                let related = self.related(entity, *relation, between, row);
                let mut visible = related.filter(|row| self.matches(target, visible, row));
                let mut matches = |row| self.matches(target, filter, row);
                Some(match quantifier {
                    Quantifier::Some => visible.any(matches),
                    Quantifier::Every => visible.all(matches),
                    Quantifier::None => !visible.any(&mut matches),
                })
            }
        }
    }

    /// The value of an operand for a row of the entity.
    pub fn operand<'r>(&self, entity: EntityId, operand: &'r Operand, row: &'r Row) -> ValueRef<'r>
    where
        'a: 'r,
    {
        match operand {
            Operand::Field(field) => row[usize::from(field.0)].as_ref(),
            Operand::Column(column) => row[usize::from(*column)].as_ref(),
            Operand::Param(id) => self.param(*id).as_ref(),
            Operand::Const(literal) => constant(literal),
            Operand::Related { path, field, visible } => {
                let (mut entity, mut row) = (entity, row);
                for (step, relation) in path.iter().enumerate() {
                    let target = self.schema.entity(entity).relation(*relation).target;
                    let exists =
                        |row: &&Row| visible.get(step).is_none_or(|visible| self.matches(target, visible, row));
                    match self.related(entity, *relation, &Expr::TRUE, row).find(exists) {
                        Some(related) => row = related,
                        None => return ValueRef::Null,
                    }
                    entity = target;
                }
                row[usize::from(field.0)].as_ref()
            }
            Operand::Rank { of, values } => rank(self.operand(entity, of, row), values),
        }
    }

    /// The rows that a relation leads to; none when the value that links them is null.
    fn related<'r>(
        &self,
        entity: EntityId,
        relation: RelationId,
        between: &'r Expr,
        row: &Row,
    ) -> Box<dyn Iterator<Item = &'a Row> + 'r>
    where
        'a: 'r,
    {
        let relation = self.schema.entity(entity).relation(relation);
        let link = row[usize::from(relation.local.0)].as_ref();
        if matches!(link, ValueRef::Null) {
            return Box::new(std::iter::empty());
        }
        let (source, target, remote) = (self.source, relation.target, relation.remote);
        let Some(through) = relation.through else { return source.rows(target, remote, link) };
        let other = usize::from(through.other.0);
        let scope = *self;
        let meetings = source.rows(through.entity, through.this, link);
        let meetings = meetings.filter(move |row| !row[other].is_null() && scope.matches(through.entity, between, row));
        Box::new(meetings.flat_map(move |meeting| source.rows(target, remote, meeting[other].as_ref())))
    }

    /// A test of the value at a path of a document; nothing is in an empty list, not even unknown.
    fn json(&self, document: &Value, path: &[PathStep], test: &JsonTest) -> Option<bool> {
        let (test, operand) = match test {
            JsonTest::Compare(op, param) => (json::Test::Compare(*op), self.param(*param)),
            JsonTest::In(list) if self.list(*list)?.is_empty() => return Some(false),
            JsonTest::In(list) => (json::Test::In, self.param(*list)),
            JsonTest::Exists => (json::Test::Exists, &Value::Null),
            JsonTest::Text { op, pattern, fold } => (json::Test::Text { op: *op, fold: *fold }, self.param(*pattern)),
        };
        if document.is_null() {
            return None;
        }
        json::test(json::at_path(document, path), test, operand)
    }

    /// A parameter; one that was not given is null, and so makes comparisons unknown.
    fn param(&self, id: ParamId) -> &'a Value {
        self.params.get(usize::from(id.0)).unwrap_or(&Value::Null)
    }

    /// A parameter that is a list; anything else makes the test unknown.
    fn list(&self, id: ParamId) -> Option<&'a [Value]> {
        self.param(id).as_list()
    }
}

/// True when all are, false when one is, else unknown.
fn all(truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut result = Some(true);
    for truth in truths {
        match truth {
            Some(false) => return Some(false),
            Some(true) => {}
            None => result = None,
        }
    }
    result
}

/// True when one is, false when all are false, else unknown.
fn any(truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    not(all(truths.map(not)))
}

fn not(truth: Option<bool>) -> Option<bool> {
    truth.map(|truth| !truth)
}

/// A comparison; unknown when either side is null, or when order is asked of values that have none.
pub(super) fn compared(op: Comparison, left: ValueRef<'_>, right: ValueRef<'_>, folded: bool) -> Option<bool> {
    match (op, left, right) {
        (_, ValueRef::Text(left), ValueRef::Text(right)) if folded => Some(op.holds(fold(left).cmp(&fold(right)))),
        (Comparison::Eq, ..) => equal(left, right),
        (Comparison::Ne, ..) => not(equal(left, right)),
        _ => compare(left, right).map(|order| op.holds(order)),
    }
}

/// A text match; unknown where either side is no text.
pub(super) fn matched(op: TextMatch, text: ValueRef<'_>, pattern: ValueRef<'_>, fold: bool) -> Option<bool> {
    match (text, pattern) {
        (ValueRef::Text(text), ValueRef::Text(pattern)) if fold => Some(op.holds_folded(text, pattern)),
        (ValueRef::Text(text), ValueRef::Text(pattern)) => Some(op.holds(text, pattern)),
        _ => None,
    }
}

/// The position of a word in an enum's declared order.
pub(super) fn rank<'v>(word: ValueRef<'_>, values: &[String]) -> ValueRef<'v> {
    let ValueRef::Text(word) = word else { return ValueRef::Null };
    values.iter().position(|value| value == word).map_or(ValueRef::Null, |rank| ValueRef::Int(rank as i64))
}

/// The value that a literal spells.
pub(super) fn constant(literal: &Literal) -> ValueRef<'_> {
    match literal {
        Literal::Null => ValueRef::Null,
        Literal::Bool(truth) => ValueRef::Bool(*truth),
        Literal::Int(number) => ValueRef::Int(*number),
        Literal::Word(word) => ValueRef::Text(word),
    }
}

/// Whether a list holds a value equal to one that is not null.
fn contains(list: &[Value], value: ValueRef<'_>) -> bool {
    list.iter().any(|item| equal(item.as_ref(), value) == Some(true))
}

/// How two rows stand to each other in a result, by the values of their sort keys.
pub fn compare_rows(order: &[Order], left: &[ValueRef<'_>], right: &[ValueRef<'_>]) -> Ordering {
    let keys = order.iter().zip(left.iter().zip(right));
    let compared = keys.map(|(key, (left, right))| match (left, right) {
        (ValueRef::Null, ValueRef::Null) => Ordering::Equal,
        (ValueRef::Null, _) if key.nulls_first => Ordering::Less,
        (ValueRef::Null, _) => Ordering::Greater,
        (_, ValueRef::Null) if key.nulls_first => Ordering::Greater,
        (_, ValueRef::Null) => Ordering::Less,
        (left, right) if key.descending => total(*right, *left),
        (left, right) => total(*left, *right),
    });
    compared.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}
