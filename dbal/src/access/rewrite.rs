//! Access rules as a rewrite of the query: what a caller may not see stops existing for it, and a write carries the
//! conditions that its new row must meet.
//!
//! What the caller wrote is walked first and only then joined with conditions of the rules, because those are trusted:
//! they may look at what the caller may not. In a joined filter the rules stand first.

use std::collections::{BTreeSet, HashMap};

use super::policy::{Grant, Policy, implies, operands};
use super::principal::Principal;
use super::rebase::Rebase;
use super::view::PrincipalView;
use crate::error::{Error, Result};
use crate::query::ast::{
    Assign, Comparison, Count, Delete, Expr, Include, Insert, Literal, Operand, Order, ParamId, Parent, Query, Select,
    Shape, Statement, Update,
};
use crate::query::param::{ClaimScope, ParamSource, Params};
use crate::query::view::View;
use crate::request::Operation;
use crate::schema::{EntityId, Field, FieldId, Generator, Relation, Schema, Verb};

impl Policy {
    /// Makes a query mean what it may mean for this caller, and names the rules that took part.
    ///
    /// # Errors
    /// FORBIDDEN when no rule permits the verb, or reading a related entity. VALIDATION_ERROR for a name that the
    /// caller may not see.
    pub fn rewrite(
        &self,
        schema: &Schema,
        principal: &Principal,
        operation: Operation,
        query: &mut Query,
        params: &mut Params,
    ) -> Result<Vec<String>> {
        if self.schema_version() != schema.version() {
            return Err(Error::internal("the access rules belong to another schema"));
        }
        let mut rewriter = Rewriter {
            policy: self,
            schema,
            principal,
            view: self.view(principal),
            rebase: Rebase::new(&self.params, params),
            reads: HashMap::new(),
            upserts: operation == Operation::Upsert,
            applied: BTreeSet::new(),
        };
        let entity = schema.entity(query.statement.entity());
        rewriter.query(query).map_err(|error| error.with_operation(operation.as_str()).with_entity(&entity.name))?;
        Ok(rewriter.applied.into_iter().collect())
    }
}

struct Rewriter<'p> {
    policy: &'p Policy,
    schema: &'p Schema,
    principal: &'p Principal,
    view: PrincipalView,
    rebase: Rebase<'p>,
    /// Read filters of entities over the query's parameters, each made once.
    reads: HashMap<EntityId, Expr>,
    /// The update is one of an upsert: whether it finds its row decides what happens.
    upserts: bool,
    applied: BTreeSet<String>,
}

impl<'p> Rewriter<'p> {
    fn query(&mut self, query: &mut Query) -> Result<()> {
        match &mut query.statement {
            Statement::Select(select) => self.select(select)?,
            Statement::Count(count) => {
                let read = self.read_filter(count.entity)?;
                self.conditions(count.entity, &mut count.filter)?;
                restrict(&mut count.filter, read);
            }
            // What is grouped and computed are fields that validation has found readable, as a select's columns are.
            Statement::Aggregate(aggregate) => {
                let read = self.read_filter(aggregate.entity)?;
                self.conditions(aggregate.entity, &mut aggregate.filter)?;
                self.conditions(aggregate.entity, &mut aggregate.having)?;
                restrict(&mut aggregate.filter, read);
            }
            // The new row is what the caller gave and what the schema adds, so fields are all there is to hide.
            Statement::Insert(insert) => {
                query.parents = self.insert(insert)?;
                self.answer(query, true)?;
            }
            Statement::Update(update) => {
                let (shown, parents) = self.update(update, query.version.is_some())?;
                query.parents = parents;
                self.answer(query, shown)?;
            }
            Statement::Delete(delete) => self.delete(delete, query.version.is_some())?,
        }
        let columns = match &query.statement {
            Statement::Select(select) => select.columns.as_slice(),
            Statement::Insert(insert) => insert.returning.as_slice(),
            Statement::Update(update) => update.returning.as_slice(),
            Statement::Count(_) | Statement::Aggregate(_) | Statement::Delete(_) => &[],
        };
        self.includes(query.statement.entity(), columns, &mut query.includes)
    }

    // --- reading

    fn select(&mut self, select: &mut Select) -> Result<()> {
        let read = self.read_filter(select.entity)?;
        self.conditions(select.entity, &mut select.filter)?;
        select.beyond.iter_mut().try_for_each(|beyond| self.conditions(select.entity, beyond))?;
        for Order { by, .. } in &mut select.order {
            self.operand(select.entity, by)?;
        }
        restrict(&mut select.filter, read);
        Ok(())
    }

    fn includes(&mut self, parent: EntityId, columns: &[FieldId], includes: &mut [Include]) -> Result<()> {
        for include in includes {
            let local = columns.get(include.parent_column).copied();
            let remote = include.select.link.as_ref().map(|link| link.field);
            let readable = |entity, field: Option<FieldId>| field.is_none_or(|field| self.view.readable(entity, field));
            self.may_read(include.select.entity)?;
            if !readable(parent, local) || !readable(include.select.entity, remote) {
                return Err(self.unknown_relation(parent, &include.name));
            }
            if let Some(between) = include.select.link.as_mut().and_then(|link| link.through.as_mut()) {
                let through = between.through;
                if !readable(through.entity, Some(through.this)) || !readable(through.entity, Some(through.other)) {
                    return Err(self.unknown_relation(parent, &include.name));
                }
                let read = self.read_filter(through.entity)?;
                restrict(&mut between.visible, read);
            }
            self.select(&mut include.select)?;
            self.includes(include.select.entity, &include.select.columns, &mut include.includes)?;
        }
        Ok(())
    }

    /// The caller's conditions: related rows are those that the caller may see, at every depth.
    fn conditions(&mut self, entity: EntityId, expr: &mut Expr) -> Result<()> {
        match expr {
            // Validation has looked at their fields.
            Expr::Const(_) | Expr::Word { .. } | Expr::Json { .. } => Ok(()),
            Expr::And(parts) | Expr::Or(parts) => parts.iter_mut().try_for_each(|part| self.conditions(entity, part)),
            Expr::Not(inner) => self.conditions(entity, inner),
            Expr::Compare { left, right, .. } => {
                self.operand(entity, left)?;
                self.operand(entity, right)
            }
            Expr::In { value, .. } | Expr::IsNull(value) => self.operand(entity, value),
            Expr::Text { value, pattern, .. } => {
                self.operand(entity, value)?;
                self.operand(entity, pattern)
            }
            Expr::Related { relation, between, visible, filter, .. } => {
                let relation = self.schema.entity(entity).relation(*relation);
                self.relation(entity, relation)?;
                if let Some(through) = relation.through {
                    let read = self.read_filter(through.entity)?;
                    restrict(between, read);
                }
                let read = self.read_filter(relation.target)?;
                self.conditions(relation.target, filter)?;
                restrict(visible, read);
                Ok(())
            }
        }
    }

    /// A relation can be followed by a caller who may read both of its ends, and the links in between.
    fn relation(&mut self, entity: EntityId, relation: &Relation) -> Result<()> {
        self.may_read(relation.target)?;
        let mut ends =
            self.view.readable(entity, relation.local) && self.view.readable(relation.target, relation.remote);
        if let Some(through) = &relation.through {
            ends &=
                self.view.readable(through.entity, through.this) && self.view.readable(through.entity, through.other);
        }
        if ends { Ok(()) } else { Err(self.unknown_relation(entity, &relation.name)) }
    }

    /// A field of a related row that is hidden from the caller is that of a missing one.
    fn operand(&mut self, entity: EntityId, operand: &mut Operand) -> Result<()> {
        match operand {
            Operand::Field(_) | Operand::Column(_) | Operand::Param(_) | Operand::Const(_) => Ok(()),
            Operand::Rank { of, .. } => self.operand(entity, of),
            Operand::Related { path, field, visible } => {
                let mut at = entity;
                let mut names = Vec::with_capacity(path.len() + 1);
                let mut rows = Vec::with_capacity(path.len());
                for step in path.iter() {
                    let relation = self.schema.entity(at).relation(*step);
                    self.relation(at, relation)?;
                    rows.push(self.read_filter(relation.target)?);
                    names.push(relation.name.as_str());
                    at = relation.target;
                }
                names.push(&self.schema.entity(at).field(*field).name);
                if self.view.readable(at, *field) {
                    *visible = rows;
                    return Ok(());
                }
                let name = names.join(".");
                let message = format!("unknown field `{name}` of {}", self.schema.entity(entity).name);
                Err(Error::validation(name, message))
            }
        }
    }

    fn unknown_relation(&self, entity: EntityId, name: &str) -> Error {
        let entity = &self.schema.entity(entity).name;
        Error::validation(name, format!("unknown field `{name}` of {entity}"))
    }

    fn may_read(&self, entity: EntityId) -> Result<()> {
        match self.view.allows(entity, Verb::Read) {
            true => Ok(()),
            false => Err(self.policy.forbidden(entity, Verb::Read)),
        }
    }

    /// The rows of an entity that exist for the caller.
    fn read_filter(&mut self, entity: EntityId) -> Result<Expr> {
        if let Some(known) = self.reads.get(&entity) {
            return Ok(known.clone());
        }
        let grant = self.grant(entity, Verb::Read, &[])?;
        let filter = self.rebase.expr(&grant.filter)?;
        self.reads.insert(entity, filter.clone());
        Ok(filter)
    }

    fn grant(&mut self, entity: EntityId, verb: Verb, named: &[FieldId]) -> Result<Grant<'p>> {
        let policy = self.policy;
        let Some(grant) = policy.grant(self.principal, entity, verb, named) else {
            return Err(self.policy.forbidden(entity, verb));
        };
        self.applied.extend(grant.rules.iter().map(|rule| (*rule).to_owned()));
        Ok(grant)
    }

    // --- writing

    fn insert(&mut self, insert: &mut Insert) -> Result<Vec<Parent>> {
        let entity = self.schema.entity(insert.entity);
        let params = self.rebase.params();
        let named: Vec<(FieldId, Operand)> =
            insert.values.iter().filter(|(id, value)| given(entity.field(*id), value, params)).cloned().collect();
        let fields: Vec<FieldId> = named.iter().map(|(field, _)| *field).collect();
        let grant = self.grant(insert.entity, Verb::Create, &fields)?;
        let rows = self.rebase.expr(&grant.filter)?;
        let check = rows.and(self.write_checks(insert.entity, &named)?);
        add_check(&mut insert.check, check);
        self.parents(insert.entity, &named, Some(insert))
    }

    /// Restricts an update; says whether its rows may be shown, and what they must lead to.
    fn update(&mut self, update: &mut Update, versioned: bool) -> Result<(bool, Vec<Parent>)> {
        let id = update.entity;
        let entity = self.schema.entity(id);
        let mut increments = false;
        let mut named = Vec::new();
        for (field, assign) in &update.set {
            let (Assign::Set(value) | Assign::Increment(value)) = assign;
            if changed_by_caller(entity.field(*field), value, self.rebase.params()) {
                if matches!(assign, Assign::Increment(_)) {
                    increments = true;
                    if let Some(reference) = entity.field(*field).foreign_key
                        && self.restricted(reference.entity)?.is_some()
                    {
                        let message = "refers to rows that you may not see all of; $increment cannot change it";
                        return Err(Error::validation(&entity.field(*field).name, message));
                    }
                }
                named.push((*field, value.clone()));
            }
        }
        let fields: Vec<FieldId> = named.iter().map(|(field, _)| *field).collect();
        let grant = self.grant(id, Verb::Update, &fields)?;
        let seen = self.policy.grant(self.principal, id, Verb::Read, &[]);
        let mut shown = seen.is_some_and(|read| implies(&grant.filter, &read.filter));

        let reads = self.upserts || increments || versioned || looks_at_more_than(entity.key, &update.filter);
        self.conditions(id, &mut update.filter)?;
        let rows = self.rebase.expr(&grant.filter)?;
        if reads && !shown {
            let read = self.read_filter(id)?;
            restrict(&mut update.filter, read);
            shown = true;
        }
        restrict(&mut update.filter, rows.clone());

        let mut check = self.write_checks(id, &named)?;
        if may_change(&rows, &update.set) {
            check = rows.and(check);
        }
        add_check(&mut update.check, check);
        Ok((shown, self.parents(id, &named, None)?))
    }

    fn delete(&mut self, delete: &mut Delete, versioned: bool) -> Result<()> {
        let entity = self.schema.entity(delete.entity);
        let grant = self.grant(delete.entity, Verb::Delete, &[])?;
        let reads = versioned || looks_at_more_than(entity.key, &delete.filter);
        self.conditions(delete.entity, &mut delete.filter)?;
        if reads {
            let read = self.read_filter(delete.entity)?;
            restrict(&mut delete.filter, read);
        }
        let rows = self.rebase.expr(&grant.filter)?;
        restrict(&mut delete.filter, rows);
        Ok(())
    }

    /// What must hold of a new row for the fields that the caller wrote into it.
    fn write_checks(&mut self, entity: EntityId, named: &[(FieldId, Operand)]) -> Result<Expr> {
        let policy = self.policy;
        let mut check = Expr::TRUE;
        for (field, _) in named {
            if let Some((rule, own)) = &policy.entity(entity).fields[usize::from(field.0)].check {
                self.applied.insert(rule.clone());
                check = check.and(self.rebase.expr(own)?);
            }
        }
        Ok(check)
    }

    /// The rows that written references must lead to. A row that the caller cannot see is not a parent to connect to,
    /// just as a missing one. The caller's own user row always is one: its key is known to the caller anyway, and few
    /// rule sets let people read users.
    fn parents(
        &mut self,
        entity: EntityId,
        named: &[(FieldId, Operand)],
        makes: Option<&Insert>,
    ) -> Result<Vec<Parent>> {
        let mut parents = Vec::new();
        for (field, value) in named.iter().filter(|(_, value)| *value != Operand::Const(Literal::Null)) {
            let declared = self.schema.entity(entity);
            let Some(reference) = declared.field(*field).foreign_key else { continue };
            let Some(visible) = self.restricted(reference.entity)? else { continue };
            let target = self.schema.entity(reference.entity);
            let mut ways = vec![visible];
            if target.name == "User" && reference.field == target.key {
                let ty = target.field(target.key).ty.clone();
                let claim = ParamSource::Claim { scope: ClaimScope::User, name: "id".into(), ty, rank: false };
                ways.push(equals(reference.field, Operand::Param(self.rebase.push(claim)?)));
            }
            let itself = match (makes, value) {
                (Some(insert), Operand::Param(value)) if reference.entity == entity => {
                    let own = insert.values.iter().find(|(own, _)| *own == reference.field);
                    own.and_then(|(_, own)| if let Operand::Param(own) = own { Some((*value, *own)) } else { None })
                }
                _ => None,
            };
            let filter = equals(reference.field, value.clone()).and(Expr::Or(ways));
            parents.push(Parent { field: *field, count: Count { entity: reference.entity, filter }, itself });
        }
        Ok(parents)
    }

    /// Which rows of an entity the caller sees; none when that is all of them.
    fn restricted(&mut self, entity: EntityId) -> Result<Option<Expr>> {
        let visible = match self.view.allows(entity, Verb::Read) {
            true => self.read_filter(entity)?,
            false => Expr::FALSE,
        };
        Ok((visible != Expr::TRUE || self.schema.entity(entity).ttl.is_some()).then_some(visible))
    }

    /// Cuts the answer of a write down to what the caller may read: without sight of the row, to its key.
    fn answer(&self, query: &mut Query, shown: bool) -> Result<()> {
        let (Statement::Insert(Insert { entity, returning, .. }) | Statement::Update(Update { entity, returning, .. })) =
            &mut query.statement
        else {
            return Ok(());
        };
        // A write that answers with a count has no columns to cut.
        if matches!(query.shape, Shape::Count | Shape::Done | Shape::Affected) {
            return Ok(());
        }
        let declared = self.schema.entity(*entity);
        let may_show = |field: &FieldId| {
            let token = declared.field(*field).generated == Some(Generator::Token);
            *field == declared.key || token || shown && self.view.readable(*entity, *field)
        };
        if !returning.is_empty() && returning.iter().all(may_show) {
            return Ok(());
        }
        if !query.includes.is_empty() {
            return Err(self.policy.forbidden(*entity, Verb::Read));
        }
        returning.retain(may_show);
        if returning.is_empty() {
            returning.push(declared.key);
        }
        query.visible = returning.len();
        Ok(())
    }
}

/// Rows whose field has a value.
fn equals(field: FieldId, value: Operand) -> Expr {
    Expr::Compare { left: Operand::Field(field), op: Comparison::Eq, right: value, fold: false }
}

/// Puts the rules before what the caller asked.
fn restrict(filter: &mut Expr, rules: Expr) {
    let asked = std::mem::replace(filter, Expr::TRUE);
    *filter = rules.and(asked);
}

fn add_check(check: &mut Option<Expr>, more: Expr) {
    let all = more.and(check.take().unwrap_or(Expr::TRUE));
    *check = (all != Expr::TRUE).then_some(all);
}

/// Whether a value of a new row came from the caller; defaults and generated values did not. An explicit null is
/// spelled as an absent one is, which matters only where absence would have meant something else.
fn given(field: &Field, value: &Operand, params: &Params) -> bool {
    let filled = field.default.is_some() || field.generated.is_some() || field.auto_update;
    match value {
        Operand::Param(id) => is_argument(*id, params),
        Operand::Const(Literal::Null) => filled,
        _ => !filled && !field.version,
    }
}

/// Whether the caller named the field in a patch, which holds nothing else but what every write changes.
fn changed_by_caller(field: &Field, value: &Operand, params: &Params) -> bool {
    match value {
        Operand::Param(id) => is_argument(*id, params),
        _ => !field.version && !field.auto_update,
    }
}

fn is_argument(id: ParamId, params: &Params) -> bool {
    match params.get(id) {
        ParamSource::Argument { .. } => true,
        ParamSource::Hashed(raw, _) => matches!(params.get(*raw), ParamSource::Argument { .. }),
        _ => false,
    }
}

/// Whether a caller's condition depends on more than the key. Then its outcome tells something about the row, and
/// only rows that the caller may read can be asked about.
fn looks_at_more_than(key: FieldId, expr: &Expr) -> bool {
    match expr {
        Expr::Word { .. } | Expr::Json { .. } | Expr::Related { .. } => true,
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(|part| looks_at_more_than(key, part)),
        Expr::Not(inner) => looks_at_more_than(key, inner),
        other => {
            let mut more = false;
            operands(other, &mut |operand| {
                more |= *operand != Operand::Field(key) && !matches!(operand, Operand::Param(_) | Operand::Const(_));
            });
            more
        }
    }
}

/// Whether writing these fields can move a row out of a filter that it was in.
fn may_change(filter: &Expr, set: &[(FieldId, Assign)]) -> bool {
    let mut changes = false;
    operands(filter, &mut |operand| {
        let mut operand = operand;
        while let Operand::Rank { of, .. } = operand {
            operand = of;
        }
        changes |= match operand {
            Operand::Field(field) => set.iter().any(|(written, _)| written == field),
            // The related row may be of this entity and written by the same statement.
            Operand::Related { .. } => !set.is_empty(),
            Operand::Column(_) | Operand::Param(_) | Operand::Const(_) | Operand::Rank { .. } => false,
        };
    });
    changes
}
