//! What the engine asks for itself: rows past their time, and the hashes that nobody is shown. Such queries are made
//! here over ids, and go through the same planning as any.

use crate::client::engine::{Caller, Engine};
use crate::error::{Error, Result};
use crate::exec::Machine;
use crate::plan::operation::Plan;
use crate::query::ast::{Comparison, Delete, Expr, Operand, Query, Select, Shape, Statement};
use crate::query::cast::Cast;
use crate::query::param::{ParamSource, Params};
use crate::query::validate::Validated;
use crate::request::{Operation, Request};
use crate::schema::{EntityId, FieldId};
use crate::value::Value;
use std::sync::Arc;

impl Engine {
    /// Removes rows past their time; with a key, the row of this key if it is past its time.
    pub fn expired(&self, entity: EntityId, key: Option<Value>) -> Result<Machine> {
        let declared = self.schema.entity(entity);
        let ttl = declared.ttl.ok_or_else(|| Error::internal("rows of this entity do not expire"))?;
        let mut params = Params::default();
        let now = Operand::Param(params.push(ParamSource::Now));
        let mut filter =
            Expr::Compare { left: Operand::Field(ttl.field), op: Comparison::Lte, right: now, fold: false };
        if let Some(value) = key {
            filter = filter.and(self.equals(entity, declared.key, value, &mut params));
        }
        let query = whole(Statement::Delete(Delete { entity, filter }), 0, Shape::Affected);
        let validated = Validated { entity, query, params, words: Vec::new() };
        let (plan, params) = self.plan_query(&Caller::Trusted, Operation::DeleteMany, validated, false)?;
        self.own_machine(plan, &params, &Caller::Trusted, Operation::DeleteMany, entity)
    }

    /// Reads one field of a row, sensitive or not, as far as the caller reaches the row.
    pub fn hidden_field(
        &self,
        caller: &Caller,
        entity: EntityId,
        key: &[(FieldId, Value)],
        field: FieldId,
    ) -> Result<Machine> {
        let mut params = Params::default();
        let mut filter = Expr::TRUE;
        for (key, value) in key {
            filter = filter.and(self.equals(entity, *key, value.clone(), &mut params));
        }
        let (columns, order) = (vec![field], Vec::new());
        let select = Select { entity, columns, filter, order, limit: None, offset: None, link: None, beyond: None };
        let query = whole(Statement::Select(select), 1, Shape::Maybe);
        let validated = Validated { entity, query, params, words: Vec::new() };
        let (plan, params) = self.plan_query(caller, Operation::First, validated, true)?;
        self.own_machine(plan, &params, caller, Operation::First, entity)
    }

    fn equals(&self, entity: EntityId, field: FieldId, value: Value, params: &mut Params) -> Expr {
        let cast = Cast::Compare(self.schema.entity(entity).field(field).ty.clone());
        let right = Operand::Param(params.push(ParamSource::Argument { slot: None, cast, value }));
        Expr::Compare { left: Operand::Field(field), op: Comparison::Eq, right, fold: false }
    }

    fn own_machine(
        &self,
        plan: Arc<Plan>,
        params: &Params,
        caller: &Caller,
        operation: Operation,
        entity: EntityId,
    ) -> Result<Machine> {
        let request = Request::new(operation, self.name(entity).to_string());
        let values = self.validated_values(&plan, params, caller, &request, None)?;
        Ok(Machine::new(plan, values, None))
    }
}

fn whole(statement: Statement, visible: usize, shape: Shape) -> Query {
    Query { statement, visible, includes: Vec::new(), shape, version: None, parents: Vec::new() }
}
