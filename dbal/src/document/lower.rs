//! From a statement to the way of documents through stages.
//!
//! Fields of the row at hand are paths. What needs rows of other collections is joined to the document first, under
//! names that no column can have, and is then a path as well.

mod aggregate;
mod condition;
mod operand;
mod select;

use std::cell::Cell;

use crate::error::{Error, Result};
use crate::plan::operation::document::{Change, Condition, Document, Insert, Path, Side, Stage, Update, column};
use crate::query::ast::{self, Assign, Expr, Statement};
use crate::schema::{Entity, FieldId, Schema};

/// Makes the form of a statement. Done once for each plan.
///
/// # Errors
/// INTERNAL_ERROR for a statement that no request makes.
pub fn lower(schema: &Schema, statement: &Statement) -> Result<Document> {
    let lowering = Lowering { schema, names: Cell::new(0) };
    let entity = schema.entity(statement.entity());
    Ok(match statement {
        Statement::Select(select) => Document::Read(lowering.select(entity, select)?),
        Statement::Count(count) => {
            Document::Count { collection: entity.table.clone(), stages: lowering.filtered(entity, &count.filter)? }
        }
        Statement::Aggregate(aggregate) => Document::Group(lowering.aggregate(entity, aggregate)?),
        Statement::Insert(insert) => Document::Insert(lowering.insert(entity, insert)?),
        Statement::Update(update) => Document::Update(lowering.update(entity, update)?),
        Statement::Delete(delete) => Document::Delete(lowering.filtered(entity, &delete.filter)?),
    })
}

/// What the lowering of one statement shares.
struct Lowering<'a> {
    schema: &'a Schema,
    /// How many names were given.
    names: Cell<u32>,
}

/// The document that paths start from, and what it needs before it can be asked.
struct Scope<'a> {
    entity: &'a Entity,
    stages: Vec<Stage>,
}

impl<'a> Scope<'a> {
    fn of(entity: &'a Entity) -> Self {
        Scope { entity, stages: Vec::new() }
    }

    fn path(&self, field: FieldId) -> Path {
        path_of(self.entity, field)
    }

    fn side(&self, field: FieldId) -> Side {
        side_of(self.entity, field)
    }
}

fn side_of(entity: &Entity, field: FieldId) -> Side {
    let keyed = field != entity.key && entity.indexes.iter().any(|index| index.unique && index.fields.contains(&field));
    Side::Path { path: path_of(entity, field), ty: entity.field(field).ty.clone(), keyed }
}

fn path_of(entity: &Entity, field: FieldId) -> Path {
    Path(column(entity.field(field)).to_owned())
}

impl<'a> Lowering<'a> {
    /// A name that no column and nothing else has.
    fn name(&self) -> String {
        let number = self.names.get() + 1;
        self.names.set(number);
        format!("~{number}")
    }

    /// The way of the rows for which a condition is true.
    fn filtered(&self, entity: &'a Entity, filter: &Expr) -> Result<Vec<Stage>> {
        let mut scope = Scope::of(entity);
        self.filter(&mut scope, filter)?;
        Ok(scope.stages)
    }

    /// Lets only rows go on for which a condition is true: what can be asked of the document as it is comes first, so
    /// that an index finds it and nothing is joined in vain.
    fn filter(&self, scope: &mut Scope<'a>, filter: &Expr) -> Result<()> {
        let parts = match filter {
            Expr::And(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut at_once = Vec::new();
        let mut joined = Scope::of(scope.entity);
        let mut later = Vec::new();
        for part in parts {
            let before = joined.stages.len();
            let condition = self.condition(&mut joined, part, true)?;
            if condition == Condition::Const(true) {
                continue;
            }
            if joined.stages.len() == before { at_once.push(condition) } else { later.push(condition) }
        }
        scope.stages.extend(all(at_once).map(Stage::Match));
        scope.stages.append(&mut joined.stages);
        scope.stages.extend(all(later).map(Stage::Match));
        Ok(())
    }

    fn insert(&self, entity: &'a Entity, insert: &ast::Insert) -> Result<Insert> {
        let mut values = Vec::with_capacity(insert.values.len());
        for (field, operand) in &insert.values {
            values.push((*field, self.constant(operand)?));
        }
        let check = insert.check.as_ref().map(|check| self.filtered(entity, check)).transpose()?;
        Ok(Insert { values, returning: insert.returning.clone(), check })
    }

    fn update(&self, entity: &'a Entity, update: &ast::Update) -> Result<Update> {
        let mut scope = Scope::of(entity);
        self.filter(&mut scope, &update.filter)?;
        let mut set = Vec::with_capacity(update.set.len());
        for (field, assign) in &update.set {
            let change = match assign {
                Assign::Set(operand) => Change::Set(self.constant(operand)?),
                Assign::Increment(operand) => Change::Increment(self.constant(operand)?),
            };
            set.push((*field, change));
        }
        let check = update.check.as_ref().map(|check| self.filtered(entity, check)).transpose()?;
        Ok(Update { stages: scope.stages, set, returning: update.returning.clone(), check })
    }

    /// A value that no row is needed for.
    fn constant(&self, operand: &ast::Operand) -> Result<Side> {
        match operand {
            ast::Operand::Param(id) => Ok(Side::Param(*id)),
            ast::Operand::Const(literal) => Ok(Side::Literal(literal.clone())),
            _ => Err(Error::internal("only values are written")),
        }
    }
}

/// All of them; nothing where nothing is asked.
fn all(mut conditions: Vec<Condition>) -> Option<Condition> {
    match conditions.len() {
        0 => None,
        1 => conditions.pop(),
        _ => Some(Condition::All(conditions)),
    }
}
