//! Which rows an index is over: a condition on a row's own fields, the same in every backend.
//!
//! NOT is worked inwards while it is read, so what is left is true only of values that are there, and what is unknown
//! (a comparison with null) is as good as false. That is what lets each backend spell it, also one without NOT in its
//! indexes.

use super::convert::convert;
use super::{Field, FieldId, FieldType, TextKind};
use crate::syntax::{ExprFault, Node, Term, TermKind, number, parse};
use crate::value::order::total;
use crate::value::{Comparison, Value};
use crate::yaml::nearest;

/// The `where` of an index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexFilter {
    /// As declared, in the rules language.
    pub text: String,
    /// What it means.
    pub condition: Condition,
}

/// A condition on one row. Null fulfils none of them but [`Condition::Null`].
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Every one holds.
    All(Vec<Condition>),
    /// One of them holds.
    Any(Vec<Condition>),
    /// A field stands so to a value that is not null.
    Compare {
        /// The field.
        field: FieldId,
        /// How.
        op: Comparison,
        /// Of the field's type.
        value: Value,
    },
    /// A field is one of some values, none of them null.
    OneOf {
        /// The field.
        field: FieldId,
        /// Of the field's type.
        values: Vec<Value>,
    },
    /// A field is null.
    Null(FieldId),
    /// A field is not null.
    NotNull(FieldId),
}

impl IndexFilter {
    /// Reads a condition on rows with these fields, of the entity of this name.
    ///
    /// # Errors
    /// The first fault of grammar, or every fault of meaning.
    pub fn read(entity: &str, fields: &[&Field], text: &str) -> Result<IndexFilter, Vec<ExprFault>> {
        let node = parse(text).map_err(|fault| vec![fault])?;
        let mut reader = Reader { entity, fields, faults: Vec::new() };
        let condition = reader.condition(&node, true);
        match condition {
            Some(condition) if reader.faults.is_empty() => Ok(IndexFilter { text: text.to_owned(), condition }),
            _ => Err(reader.faults),
        }
    }
}

impl Condition {
    /// Whether it holds for a row, whose values are in the order of the fields.
    pub fn holds(&self, row: &[Value]) -> bool {
        let value = |field: &FieldId| &row[usize::from(field.0)];
        match self {
            Condition::All(all) => all.iter().all(|one| one.holds(row)),
            Condition::Any(any) => any.iter().any(|one| one.holds(row)),
            Condition::Compare { field, op, value: wanted } => {
                !value(field).is_null() && op.holds(total(value(field).as_ref(), wanted.as_ref()))
            }
            Condition::OneOf { field, values } => {
                values.iter().any(|wanted| total(value(field).as_ref(), wanted.as_ref()).is_eq())
            }
            Condition::Null(field) => value(field).is_null(),
            Condition::NotNull(field) => !value(field).is_null(),
        }
    }
}

impl Condition {
    /// Whether it looks at a field.
    pub fn looks_at(&self, field: FieldId) -> bool {
        match self {
            Condition::All(parts) | Condition::Any(parts) => parts.iter().any(|part| part.looks_at(field)),
            Condition::Compare { field: own, .. }
            | Condition::OneOf { field: own, .. }
            | Condition::Null(own)
            | Condition::NotNull(own) => *own == field,
        }
    }
}

struct Reader<'a> {
    entity: &'a str,
    fields: &'a [&'a Field],
    faults: Vec<ExprFault>,
}

impl<'a> Reader<'a> {
    fn fault<T>(&mut self, column: usize, message: impl Into<String>) -> Option<T> {
        self.faults.push(ExprFault { column, message: message.into() });
        None
    }

    /// What a node says, or its opposite; none after a fault.
    fn condition(&mut self, node: &Node, holds: bool) -> Option<Condition> {
        let many = |reader: &mut Self, nodes: &[Node]| {
            // All are looked at, so that all faults are told.
            let each: Vec<_> = nodes.iter().map(|node| reader.condition(node, holds)).collect();
            each.into_iter().collect::<Option<Vec<_>>>()
        };
        match node {
            Node::And(nodes) if holds => many(self, nodes).map(Condition::All),
            Node::And(nodes) => many(self, nodes).map(Condition::Any),
            Node::Or(nodes) if holds => many(self, nodes).map(Condition::Any),
            Node::Or(nodes) => many(self, nodes).map(Condition::All),
            Node::Not(node) => self.condition(node, !holds),
            Node::Compare { left, op, right, column } => self.compare(left, *op, right, *column, holds),
            Node::In { value, items, negated } => self.one_of(value, items, holds != *negated),
            Node::IsNull { value, negated } => {
                let (field, _) = self.field(value)?;
                Some(if holds == *negated { Condition::NotNull(field) } else { Condition::Null(field) })
            }
            Node::Bare(term) => match self.field(term)? {
                (field, declared) if declared.ty == FieldType::Boolean => {
                    Some(Condition::Compare { field, op: Comparison::Eq, value: Value::Bool(holds) })
                }
                (_, declared) => {
                    let found = declared.ty.as_str();
                    self.fault(term.column, format!("expected a condition, found {found} without a comparison"))
                }
            },
        }
    }

    fn compare(&mut self, left: &Term, op: Comparison, right: &Term, column: usize, holds: bool) -> Option<Condition> {
        let (field, constant, op) = match (&left.kind, &right.kind) {
            (TermKind::Path(_), TermKind::Path(_)) => {
                return self.fault(column, "the condition of an index compares a field with a constant");
            }
            (TermKind::Path(_), _) => (left, right, op),
            _ => (right, left, op.mirrored()),
        };
        let op = if holds { op } else { op.negated() };
        let (field, declared) = self.field(field)?;
        let value = self.constant(constant, declared)?;
        match (&declared.ty, op, value) {
            (FieldType::Boolean, Comparison::Eq, value) => Some(Condition::Compare { field, op, value }),
            (FieldType::Boolean, Comparison::Ne, Value::Bool(value)) => {
                Some(Condition::Compare { field, op: Comparison::Eq, value: Value::Bool(!value) })
            }
            (FieldType::Boolean, ..) => self.fault(column, "booleans have no order"),
            (FieldType::Enum(words), _, Value::Text(word)) => {
                let ordered = !matches!(op, Comparison::Eq | Comparison::Ne);
                if ordered && !words.ordered {
                    return self.fault(column, "this enum has no order; declare it `ordered: true` or use IN");
                }
                // The order is that of the declaration, which no backend knows: the words are named.
                let of = |word: &String| words.values.iter().position(|known| known == word);
                let fits = |other: &&String| op.holds(of(other).cmp(&of(&word)));
                let values = words.values.iter().filter(fits).map(|word| Value::Text(word.clone())).collect();
                Some(Condition::OneOf { field, values })
            }
            (_, op, value) => Some(Condition::Compare { field, op, value }),
        }
    }

    fn one_of(&mut self, value: &Term, items: &[Term], holds: bool) -> Option<Condition> {
        let (field, declared) = self.field(value)?;
        let values: Vec<_> = items.iter().map(|item| self.constant(item, declared)).collect();
        let values = values.into_iter().collect::<Option<Vec<_>>>()?;
        if holds {
            return Some(Condition::OneOf { field, values });
        }
        if let FieldType::Enum(words) = &declared.ty {
            let others =
                words.values.iter().map(|word| Value::Text(word.clone())).filter(|word| !values.contains(word));
            return Some(Condition::OneOf { field, values: others.collect() });
        }
        let differs = |value| Condition::Compare { field, op: Comparison::Ne, value };
        Some(Condition::All(values.into_iter().map(differs).collect()))
    }

    fn field(&mut self, term: &Term) -> Option<(FieldId, &'a Field)> {
        let path = match &term.kind {
            TermKind::Path(path) => path,
            TermKind::Claim(..) => {
                return self.fault(term.column, "an index is the same for every caller: it cannot look at a claim");
            }
            TermKind::Now => return self.fault(term.column, "an index cannot look at the time"),
            _ => return self.fault(term.column, "expected a field"),
        };
        let [(column, name)] = path.as_slice() else {
            return self.fault(term.column, "an index looks at fields of its own row only");
        };
        let Some(at) = self.fields.iter().position(|field| field.name == *name) else {
            let names = self.fields.iter().map(|field| field.name.as_str());
            let hint = nearest(name, names).map_or_else(String::new, |known| format!("; did you mean `{known}`?"));
            let message = format!("unknown field `{name}` of {}{hint}", self.entity);
            return self.fault(*column, message);
        };
        let field = self.fields[at];
        if field.stored_as.is_some() {
            return self.fault(*column, format!("`{name}` is stored hashed; an index cannot look at it"));
        }
        Some((FieldId(at as u16), field))
    }

    /// A constant of a field's type.
    fn constant(&mut self, term: &Term, field: &Field) -> Option<Value> {
        let given = match &term.kind {
            TermKind::Text(text) => Value::Text(text.clone()),
            TermKind::Bool(value) => Value::Bool(*value),
            TermKind::Number(text) => match number(text) {
                Some(value) => value,
                None => return self.fault(term.column, format!("the number {text} has too many digits")),
            },
            TermKind::Null => {
                let message = "null is never equal to anything; expected IS NULL or IS NOT NULL";
                return self.fault(term.column, message);
            }
            TermKind::Claim(..) => {
                return self.fault(term.column, "an index is the same for every caller: it cannot look at a claim");
            }
            TermKind::Now => return self.fault(term.column, "an index cannot look at the time"),
            TermKind::Path(_) => return self.fault(term.column, "expected a constant"),
        };
        let (given, ty) = match (given, &field.ty) {
            (_, FieldType::Json | FieldType::Bytes) => {
                let message = format!("{} values cannot be compared here, only tested for null", field.ty.as_str());
                return self.fault(term.column, message);
            }
            (Value::Text(_), FieldType::BigInt | FieldType::Decimal { .. }) => {
                let found = field.ty.as_str();
                return self.fault(term.column, format!("expected a number, found a text compared with {found}"));
            }
            (Value::Decimal(exact), FieldType::Float) => {
                (exact.to_string().parse().map_or(Value::Null, Value::Float), FieldType::Float)
            }
            (given, FieldType::Decimal { .. }) => (given, FieldType::Decimal { precision: None, scale: None }),
            (given, FieldType::Text(_)) => (given, FieldType::Text(TextKind::String)),
            (given, ty) => (given, ty.clone()),
        };
        if field.storage.is_some() {
            let message = format!("`{}` is stored in a form of its own, which an index cannot compare", field.name);
            return self.fault(term.column, message);
        }
        match convert(&ty, &given) {
            Ok(value) => Some(value),
            Err(message) => self.fault(term.column, message),
        }
    }
}
