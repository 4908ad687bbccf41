//! The rules language, typed against an entity: what a row filter or a check in YAML becomes.
//!
//! ```text
//! level <= $user.level AND (owner_id = $user.id OR page.author_id = $user.id)
//! role IN ('user', 'admin') && NOT expires_at < $now
//! ```
//!
//! Both sides of a comparison must agree in type, and a claim takes the type of what it is compared with. When the
//! caller has no such claim, or one of another type, the comparison is unknown, also under NOT, and unknown denies.
//!
//! An expression reads what it names as trusted code would, sensitive fields and related rows that the caller may
//! not see included: a rule is a question of its author, not of the caller.

use std::collections::HashMap;

use crate::query::ast::{Comparison, Expr, Literal, Operand, ParamId};
use crate::query::param::{ClaimScope, ParamSource, Params};
use crate::schema::convert::convert;
use crate::schema::{Entity, EntityId, FieldType, Schema, TextKind};
pub use crate::syntax::{ExprFault, MAX_BYTES, MAX_DEPTH};
use crate::syntax::{Node, Term, TermKind, number, parse};
use crate::value::Value;
use crate::yaml::nearest;

/// How many relations one path may follow.
const MAX_PATH: usize = 5;

/// Types an expression against an entity.
///
/// # Errors
/// The first fault of grammar, or every fault of meaning.
pub fn compile(schema: &Schema, entity: EntityId, text: &str) -> Result<(Expr, Params), Vec<ExprFault>> {
    let mut pool = Pool::default();
    let expr = compile_into(&mut pool, schema, entity, text)?;
    Ok((expr, pool.into_params()))
}

/// The same, with parameters shared with other expressions.
pub(super) fn compile_into(
    pool: &mut Pool,
    schema: &Schema,
    entity: EntityId,
    text: &str,
) -> Result<Expr, Vec<ExprFault>> {
    let node = parse(text).map_err(|fault| vec![fault])?;
    let mut typer = Typer { schema, entity, pool, faults: Vec::new() };
    let expr = typer.condition(&node);
    // A term of a list comparison is looked at once for each item.
    let mut faults = typer.faults;
    faults.dedup();
    if faults.is_empty() { Ok(expr) } else { Err(faults) }
}

/// Parameters without repetition, so that equal conditions of different rules are equal expressions.
#[derive(Debug, Default)]
pub(super) struct Pool {
    params: Params,
    known: HashMap<String, ParamId>,
}

impl Pool {
    /// The parameter for a source; none when there are more than an id can tell apart.
    pub fn param(&mut self, source: ParamSource) -> Option<ParamId> {
        let key = format!("{source:?}");
        if let Some(id) = self.known.get(&key) {
            return Some(*id);
        }
        if self.params.0.len() > usize::from(u16::MAX) {
            return None;
        }
        let id = self.params.push(source);
        self.known.insert(key, id);
        Some(id)
    }

    /// A pool that goes on where another one ended.
    pub fn resume(params: Params) -> Self {
        let known =
            params.0.iter().enumerate().map(|(at, source)| (format!("{source:?}"), ParamId(at as u16))).collect();
        Pool { params, known }
    }

    pub fn into_params(self) -> Params {
        self.params
    }
}

/// One side of a comparison before its type is settled.
enum Side<'n> {
    Known(Operand, FieldType),
    Claim(ClaimScope, &'n str),
    Literal(Value),
}

impl Side<'_> {
    fn describe(&self) -> String {
        match self {
            Side::Known(_, ty) => ty.as_str().to_owned(),
            Side::Claim(ClaimScope::User, name) => format!("$user.{name}"),
            Side::Claim(ClaimScope::Session, name) => format!("$session.{name}"),
            Side::Literal(value) => format!("a constant {}", value.kind()),
        }
    }
}

struct Typer<'a> {
    schema: &'a Schema,
    entity: EntityId,
    pool: &'a mut Pool,
    faults: Vec<ExprFault>,
}

impl Typer<'_> {
    /// Notes a fault. What is returned in place of a condition never runs, and denies if it did.
    fn fault(&mut self, column: usize, message: impl Into<String>) -> Expr {
        self.faults.push(ExprFault { column, message: message.into() });
        Expr::FALSE
    }

    fn condition(&mut self, node: &Node) -> Expr {
        match node {
            Node::And(nodes) => Expr::And(nodes.iter().map(|node| self.condition(node)).collect()),
            Node::Or(nodes) => Expr::Or(nodes.iter().map(|node| self.condition(node)).collect()),
            Node::Not(node) => Expr::Not(Box::new(self.condition(node))),
            Node::Compare { left, op, right, column } => self.compare(left, *op, right, *column),
            Node::In { value, items, negated } => negate(self.one_of(value, items), *negated),
            Node::IsNull { value, negated } => negate(self.is_null(value), *negated),
            Node::Bare(term) => self.bare(term),
        }
    }

    fn bare(&mut self, term: &Term) -> Expr {
        let yes = Operand::Const(Literal::Bool(true));
        match self.side(term) {
            Some(Side::Literal(Value::Bool(value))) => Expr::Const(Some(value)),
            Some(Side::Known(operand, FieldType::Boolean)) => equal(operand, yes),
            Some(claim @ Side::Claim(..)) => match self.operand(claim, &FieldType::Boolean, false, term.column) {
                Some(operand) => equal(operand, yes),
                None => Expr::FALSE,
            },
            Some(other) => {
                let message = format!("expected a condition, found {} without a comparison", other.describe());
                self.fault(term.column, message)
            }
            None => Expr::FALSE,
        }
    }

    fn is_null(&mut self, term: &Term) -> Expr {
        match &term.kind {
            TermKind::Path(path) => match self.path(path) {
                Some((operand, _)) => Expr::IsNull(operand),
                None => Expr::FALSE,
            },
            TermKind::Claim(..) => {
                let message = "a claim cannot be tested for null: without it every comparison is unknown, which denies";
                self.fault(term.column, message)
            }
            _ => self.fault(term.column, "only a field can be tested for null"),
        }
    }

    fn compare(&mut self, left: &Term, op: Comparison, right: &Term, column: usize) -> Expr {
        // Both sides are looked at before either fault ends the work, so that both are told.
        let (Some(first), Some(second)) = (self.side(left), self.side(right)) else { return Expr::FALSE };
        let ordered = !matches!(op, Comparison::Eq | Comparison::Ne);
        let Some(ty) = self.common_type(&first, &second, ordered, column) else { return Expr::FALSE };
        let rank = ordered && matches!(ty, FieldType::Enum(_));
        let first = self.operand(first, &ty, rank, left.column);
        let second = self.operand(second, &ty, rank, right.column);
        match (first, second) {
            (Some(left), Some(right)) => Expr::Compare { left, op, right, fold: false },
            _ => Expr::FALSE,
        }
    }

    fn one_of(&mut self, value: &Term, items: &[Term]) -> Expr {
        let is_literal = |term: &Term| matches!(term.kind, TermKind::Text(_) | TermKind::Number(_));
        if !items.iter().all(is_literal) {
            // A list with fields or claims in it is a chain of equalities; each is typed by itself.
            let each = items.iter().map(|item| self.compare(value, Comparison::Eq, item, item.column)).collect();
            return Expr::Or(each);
        }
        let Some(side) = self.side(value) else { return Expr::FALSE };
        let mut ty = None;
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let Some(literal) = self.side(item) else { continue };
            let common = match &ty {
                Some(ty) => Some(FieldType::clone(ty)),
                None => self.common_type(&side, &literal, false, item.column),
            };
            let (Some(common), Side::Literal(literal)) = (common, literal) else { return Expr::FALSE };
            list.extend(self.literal(literal, &common, item.column));
            ty = Some(common);
        }
        let Some(ty) = ty else { return Expr::FALSE };
        let operand = self.operand(side, &ty, false, value.column);
        match (operand, self.param(ParamSource::Const(Value::List(list)), value.column)) {
            (Some(value), Some(list)) => Expr::In { value, list, fold: false },
            _ => Expr::FALSE,
        }
    }

    /// What stands on a side; none after a fault.
    fn side<'n>(&mut self, term: &'n Term) -> Option<Side<'n>> {
        Some(match &term.kind {
            TermKind::Path(path) => {
                let (operand, ty) = self.path(path)?;
                Side::Known(operand, ty)
            }
            TermKind::Claim(scope, name) => Side::Claim(*scope, name),
            TermKind::Now => {
                Side::Known(Operand::Param(self.param(ParamSource::Now, term.column)?), FieldType::DateTime)
            }
            TermKind::Text(text) => Side::Literal(Value::Text(text.clone())),
            TermKind::Bool(value) => Side::Literal(Value::Bool(*value)),
            TermKind::Null => {
                self.fault(term.column, "null is never equal to anything; expected IS NULL or IS NOT NULL");
                return None;
            }
            TermKind::Number(text) => match number(text) {
                Some(value) => Side::Literal(value),
                None => {
                    self.fault(term.column, format!("the number {text} has too many digits"));
                    return None;
                }
            },
        })
    }

    /// A field of the row, or of a row that to-one relations lead to.
    fn path(&mut self, path: &[(usize, String)]) -> Option<(Operand, FieldType)> {
        let schema = self.schema;
        let (last, steps) = path.split_last().expect("the parser makes no empty path");
        if steps.len() > MAX_PATH {
            self.fault(last.0, format!("a path follows at most {MAX_PATH} relations, found {}", steps.len()));
            return None;
        }
        let mut entity = schema.entity(self.entity);
        let mut relations = Vec::with_capacity(steps.len());
        for (column, name) in steps {
            let Some(id) = entity.relation_by_name(name) else {
                let message = match entity.field_by_name(name) {
                    Some(_) => format!("`{name}` of {} is a field: nothing stands below it", entity.name),
                    None => unknown("relation", name, entity),
                };
                self.fault(*column, message);
                return None;
            };
            let relation = entity.relation(id);
            if !relation.kind.is_to_one() {
                let message = format!("`{name}` leads to many rows; a path follows relations to one row only");
                self.fault(*column, message);
                return None;
            }
            relations.push(id);
            entity = schema.entity(relation.target);
        }
        let (column, name) = last;
        let Some(id) = entity.field_by_name(name) else {
            let message = match entity.relation_by_name(name) {
                Some(_) => format!("`{name}` is a relation; name a field of it, such as `{name}.id`"),
                None => unknown("field", name, entity),
            };
            self.fault(*column, message);
            return None;
        };
        let field = entity.field(id);
        if field.stored_as.is_some() {
            self.fault(*column, format!("`{name}` is stored hashed; a rule cannot look at it"));
            return None;
        }
        let operand = match relations.is_empty() {
            true => Operand::Field(id),
            false => Operand::Related { path: relations, field: id, visible: Vec::new() },
        };
        Some((operand, field.ty.clone()))
    }

    /// The type in which two sides are compared.
    fn common_type(&mut self, left: &Side<'_>, right: &Side<'_>, ordered: bool, column: usize) -> Option<FieldType> {
        let ty = match (left, right) {
            (Side::Known(_, left), Side::Known(_, right)) if agree(left, right) => left.clone(),
            (Side::Known(_, left), Side::Known(_, right)) => {
                let (left, right) = (left.as_str(), right.as_str());
                self.fault(column, format!("both sides must have one type, found {left} and {right}"));
                return None;
            }
            (Side::Known(_, ty), _) | (_, Side::Known(_, ty)) => ty.clone(),
            (Side::Literal(value), Side::Claim(..)) | (Side::Claim(..), Side::Literal(value)) => {
                // Text order between a claim and a word is hardly ever meant: 'user' > 'admin' is true.
                if ordered && matches!(value, Value::Text(_)) {
                    self.fault(column, "the order of these texts is not declared; compare a field of an ordered enum");
                    return None;
                }
                literal_type(value)
            }
            (Side::Literal(_), Side::Literal(_)) => {
                self.fault(column, "compares two constants; expected a field or a claim on one side");
                return None;
            }
            (Side::Claim(..), Side::Claim(..)) => {
                self.fault(column, "the type of two claims is not known; expected a field or a constant on one side");
                return None;
            }
        };
        let message = match &ty {
            FieldType::Json | FieldType::Bytes => format!("{} values cannot be compared in a rule", ty.as_str()),
            FieldType::Boolean if ordered => "booleans have no order".into(),
            FieldType::Enum(words) if ordered && !words.ordered => {
                "this enum has no order; declare it `ordered: true` or use IN".into()
            }
            _ => return Some(ty),
        };
        self.fault(column, message);
        None
    }

    fn operand(&mut self, side: Side<'_>, ty: &FieldType, rank: bool, column: usize) -> Option<Operand> {
        match side {
            Side::Known(operand, FieldType::Enum(words)) if rank => {
                Some(Operand::Rank { of: Box::new(operand), values: words.values.clone() })
            }
            Side::Known(operand, _) => Some(operand),
            Side::Claim(scope, name) => {
                let ty = comparable(ty);
                let source = ParamSource::Claim { scope, name: name.to_owned(), ty, rank };
                self.param(source, column).map(Operand::Param)
            }
            Side::Literal(literal) => match (self.literal(literal, ty, column)?, ty) {
                (Value::Bool(value), _) => Some(Operand::Const(Literal::Bool(value))),
                (Value::Text(word), FieldType::Enum(words)) if rank => {
                    let position = words.values.iter().position(|known| *known == word)?;
                    Some(Operand::Const(Literal::Int(position as i64)))
                }
                (Value::Text(word), FieldType::Enum(_)) => Some(Operand::Const(Literal::Word(word))),
                (value, _) => self.param(ParamSource::Const(value), column).map(Operand::Param),
            },
        }
    }

    /// A constant converted to the type of the other side.
    fn literal(&mut self, literal: Value, ty: &FieldType, column: usize) -> Option<Value> {
        let literal = match (literal, ty) {
            (Value::Decimal(exact), FieldType::Float) => exact.to_string().parse().map_or(Value::Null, Value::Float),
            (literal, _) => literal,
        };
        let text_for_number =
            matches!(literal, Value::Text(_)) && matches!(ty, FieldType::BigInt | FieldType::Decimal { .. });
        if text_for_number {
            self.fault(column, format!("expected a number, found a text compared with {}", ty.as_str()));
            return None;
        }
        match convert(&comparable(ty), &literal) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(column, message);
                None
            }
        }
    }

    fn param(&mut self, source: ParamSource, column: usize) -> Option<ParamId> {
        let id = self.pool.param(source);
        if id.is_none() {
            self.fault(column, "all rules together name more than 65,536 different constants and claims");
        }
        id
    }
}

/// The type that a value compared with a field of type `ty` must have: bounds of storage do not matter there.
fn comparable(ty: &FieldType) -> FieldType {
    match ty {
        FieldType::Decimal { .. } => FieldType::Decimal { precision: None, scale: None },
        FieldType::Text(_) => FieldType::Text(TextKind::String),
        other => other.clone(),
    }
}

fn literal_type(value: &Value) -> FieldType {
    match value {
        Value::Bool(_) => FieldType::Boolean,
        Value::Int(_) => FieldType::BigInt,
        // Hosts give a number with a fraction as a float; a claim that is a whole number fits as well.
        Value::Decimal(_) => FieldType::Float,
        _ => FieldType::Text(TextKind::String),
    }
}

/// Whether two fields can be compared. Only types that every backend stores alike agree.
fn agree(left: &FieldType, right: &FieldType) -> bool {
    use FieldType::{BigInt, Decimal, Enum, Integer, Text};
    match (left, right) {
        (Integer | BigInt, Integer | BigInt) | (Decimal { .. }, Decimal { .. }) | (Text(_), Text(_)) => true,
        (Enum(left), Enum(right)) => left.values == right.values,
        _ => left == right,
    }
}

fn equal(left: Operand, right: Operand) -> Expr {
    Expr::Compare { left, op: Comparison::Eq, right, fold: false }
}

fn negate(expr: Expr, negated: bool) -> Expr {
    if negated { Expr::Not(Box::new(expr)) } else { expr }
}

fn unknown(what: &str, name: &str, entity: &Entity) -> String {
    let fields = entity.fields.iter().map(|field| field.name.as_str());
    let names = fields.chain(entity.relations.iter().map(|relation| relation.name.as_str()));
    let hint = nearest(name, names).map_or_else(String::new, |known| format!("; did you mean `{known}`?"));
    format!("unknown {what} `{name}` of {}{hint}", entity.name)
}
