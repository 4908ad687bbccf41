//! The pipeline: from a request to a machine ready to run. Everything here is shared by all callers of a client.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::access::{Checks, Policy, Principal};
use crate::adapter::Adapter;
use crate::audit::Log;
use crate::client::cache::{Cache, Prepared};
use crate::client::call::handler::Handler;
use crate::client::config::{Opened, enforced};
use crate::client::copies::Copies;
use crate::client::failures::Tell;
use crate::client::sweeper::Sweeper;
use crate::error::{Error, Result};
use crate::exec::Machine;
use crate::exec::machine::Bound;
use crate::plan::operation::Plan;
use crate::plan::{self, Target};
use crate::query::ast::Shape;
use crate::query::cursor::{self, CursorKey, Identity, Seal};
use crate::query::form::Form;
use crate::query::limits::Limits;
use crate::query::many::Part;
use crate::query::paging::Paging;
use crate::query::param::{Cast, ClaimScope, ParamSource, Params};
use crate::query::validate::{self, Context, Validated, validate};
use crate::query::view::{Trusted, View};
use crate::query::{expire, normalize, optimize, shape};
use crate::request::{Operation, Request};
use crate::schema::convert::convert;
use crate::schema::generate::generate;
use crate::schema::{EntityId, FieldType, Schema};
use crate::value::{DateTime, Value};
use crate::yaml::Fault;

/// What all handles of one opened database share.
pub(crate) struct Engine {
    pub schema: Arc<Schema>,
    pub adapter: Arc<dyn Adapter>,
    /// Copies of the database to read from.
    pub(super) copies: Option<Arc<Copies>>,
    pub policy: Policy,
    pub limits: Limits,
    pub warnings: Vec<Fault>,
    /// Those of the schema alone, which other rules leave.
    declared: Vec<Fault>,
    /// Whether rules narrow rows.
    row_level: bool,
    pub handlers: HashMap<String, Handler>,
    /// Who is told what bound callers are not.
    pub(super) failures: Tell,
    /// Where attempts are written down.
    pub audit: Option<Arc<Log>>,
    /// Removes rows past their time, as long as the engine lives.
    pub(super) sweeper: OnceLock<Sweeper>,
    /// The rules together with the `row_level_check` of an operation.
    checks: Checks,
    cursor_key: CursorKey,
    /// The daemon that answers in place of all this.
    #[cfg(feature = "remote")]
    pub far: Option<Arc<crate::remote::Remote>>,
    names: Vec<Arc<str>>,
    pub(super) cache: Cache,
    /// Callers for whom every request has the same plan, numbered from 1; 0 is trusted code.
    callers: Mutex<HashMap<Vec<u8>, u32>>,
    next_caller: AtomicU32,
}

/// The cursor of a request, and what seals those of its answer.
struct Cursor {
    seal: Seal,
    /// The sort keys of the row that it points at; none without a cursor.
    keys: Option<Vec<Value>>,
    /// There is nothing wrong with it.
    opened: bool,
}

/// On whose behalf a handle asks.
pub(crate) enum Caller {
    Trusted,
    Bound {
        shape: u32,
        principal: Principal,
        /// The most rows of one answer, where the operation that it calls says.
        cap: Option<u32>,
        /// The rules, where the operation that it calls narrows them.
        policy: Option<Arc<Policy>>,
    },
}

impl Caller {
    pub fn shape(&self) -> u32 {
        match self {
            Caller::Trusted => 0,
            Caller::Bound { shape, .. } => *shape,
        }
    }

    pub fn principal(&self) -> Option<&Principal> {
        match self {
            Caller::Trusted => None,
            Caller::Bound { principal, .. } => Some(principal),
        }
    }
}

impl Engine {
    pub(super) fn new(opened: Opened) -> Self {
        let names = opened.schema.entities().map(|(_, entity)| entity.name.as_str().into()).collect();
        Engine {
            schema: opened.schema,
            adapter: opened.adapter,
            copies: opened.copies,
            policy: opened.policy,
            limits: opened.limits,
            warnings: opened.warnings,
            declared: opened.declared,
            row_level: opened.row_level,
            handlers: opened.handlers,
            failures: opened.failures,
            audit: opened.audit.map(Arc::new),
            sweeper: OnceLock::new(),
            checks: opened.checks,
            cursor_key: opened.cursor_key,
            #[cfg(feature = "remote")]
            far: opened.far,
            names,
            cache: Cache::default(),
            callers: Mutex::default(),
            next_caller: AtomicU32::new(1),
        }
    }

    /// The same database under other rules. Nothing that was planned or numbered under the old ones is shared. Rows past
    /// their time are removed by the thread of the engine that was opened.
    pub fn with_policy(&self, policy: Policy) -> Engine {
        let (policy, checks, told) = enforced(policy, &self.schema, self.row_level);
        let mut warnings = self.declared.clone();
        warnings.extend(told);
        Engine {
            schema: self.schema.clone(),
            adapter: self.adapter.clone(),
            copies: self.copies.clone(),
            policy,
            limits: self.limits,
            warnings,
            declared: self.declared.clone(),
            row_level: self.row_level,
            handlers: self.handlers.clone(),
            failures: self.failures.clone(),
            audit: self.audit.clone(),
            sweeper: OnceLock::new(),
            checks,
            cursor_key: self.cursor_key,
            #[cfg(feature = "remote")]
            far: self.far.clone(),
            names: self.names.clone(),
            cache: Cache::default(),
            callers: Mutex::default(),
            next_caller: AtomicU32::new(1),
        }
    }

    /// The caller for a principal. Principals that get the same plans share a number.
    pub fn bind_caller(&self, principal: Principal) -> Caller {
        self.bind_as(principal, None, None)
    }

    /// The caller for the body of an operation: with its bound on the rows of an answer, and its `row_level_check`.
    pub fn bind_for(&self, principal: Principal, entity: EntityId, at: usize) -> Caller {
        let cap = self.schema.entity(entity).operations[at].max_limit;
        self.bind_as(principal, cap, self.checks.get(&(entity, at)).cloned())
    }

    /// The caller under other rules than those of everybody.
    pub fn bind_under(&self, principal: Principal, policy: Policy) -> Caller {
        self.bind_as(principal, None, Some(Arc::new(policy)))
    }

    /// Whether the `row_level_check` of an operation is understood, if it has one.
    pub fn is_checked(&self, entity: EntityId, at: usize) -> bool {
        self.schema.entity(entity).operations[at].row_level_check.is_none() || self.checks.contains_key(&(entity, at))
    }

    /// The rules for a caller.
    pub fn policy_for<'e>(&'e self, caller: &'e Caller) -> &'e Policy {
        match caller {
            Caller::Bound { policy: Some(policy), .. } => policy,
            Caller::Bound { policy: None, .. } | Caller::Trusted => &self.policy,
        }
    }

    fn bind_as(&self, principal: Principal, cap: Option<u32>, policy: Option<Arc<Policy>>) -> Caller {
        let mut key = policy.as_deref().unwrap_or(&self.policy).shape_key(&principal);
        // The bound is spelled into plans.
        key.extend(cap.into_iter().flat_map(u32::to_le_bytes));
        let mut callers = self.callers.lock();
        // Numbers are never reused, so a forgotten caller cannot meet another one's plans.
        if callers.len() >= 10_000 {
            callers.clear();
        }
        let shape = *callers.entry(key).or_insert_with(|| self.next_caller.fetch_add(1, Ordering::Relaxed));
        Caller::Bound { shape, principal, cap, policy }
    }

    pub fn name(&self, entity: EntityId) -> &Arc<str> {
        &self.names[usize::from(entity.0)]
    }

    /// The name of the entity asked about, however the request calls it.
    pub fn called<'e>(&'e self, request: &'e Request) -> &'e str {
        self.schema.find(&request.entity).map_or(&request.entity, |id| self.name(id))
    }

    /// The entity that a request names.
    pub fn entity_of(&self, caller: &Caller, request: &Request) -> Result<EntityId> {
        match self.schema.find(&request.entity).filter(|_| request.operation != Operation::Batch) {
            Some(id) => Ok(id),
            None => self.seen_by(caller, |context| validate::entity(context, request)),
        }
    }

    /// A request made ready to run.
    pub fn prepare(&self, caller: &Caller, request: &Request) -> Result<Machine> {
        if let Some(prepared) = self.prepare_many(caller, request) {
            return prepared;
        }
        let mut form = Form::of(request, caller.shape());
        let cursor = self.cursor(caller, request);
        let keys = cursor.as_ref().and_then(|cursor| cursor.keys.as_deref());
        form.cursor(keys.unwrap_or_default());
        let plain = form.key.len();
        if form.bytes <= self.limits.request_bytes
            && cursor.as_ref().is_none_or(|cursor| cursor.opened)
            && let Some(prepared) = self.cache.form(&mut form)
            && let Some((values, paging)) = self.bind(&prepared, &form.slots, caller, request, keys)
        {
            let seal = cursor.map(|cursor| Box::new(cursor.seal));
            return Ok(Machine::sealing(prepared.plan.clone(), values, paging, seal));
        }
        form.key.truncate(plain);
        let (plan, params, words) = self.plan(caller, request, &form, keys)?;
        let values = self.validated_values(&plan, &params, caller, request, keys)?;
        let paging = self.paging(&plan, request)?;
        self.cache.remember(form, &words, plan.clone(), params);
        Ok(Machine::sealing(plan, values, paging, cursor.map(|cursor| Box::new(cursor.seal))))
    }

    /// What a list by cursor needs; none for any other request.
    fn cursor(&self, caller: &Caller, request: &Request) -> Option<Cursor> {
        let (_, given) = cursor::asked(request)?;
        let identity = caller.principal().map(|principal| Identity {
            user: &principal.user,
            session: &principal.session,
            roles: &principal.roles,
        });
        let seal = Seal::new(self.cursor_key, self.called(request), request, identity);
        let keys = given.as_str().and_then(|text| seal.open(text));
        let opened = keys.is_some() || given.is_null();
        Some(Cursor { seal, keys, opened })
    }

    /// The plan of a request, for `explain`.
    pub fn explained(&self, caller: &Caller, request: &Request) -> Result<Arc<Plan>> {
        let cursor = self.cursor(caller, request);
        let keys = cursor.as_ref().and_then(|cursor| cursor.keys.as_deref());
        Ok(self.plan(caller, request, &Form::of(request, u32::MAX), keys)?.0)
    }

    /// The whole way from names to a plan, for `prepare` and for `explain`.
    fn plan(
        &self,
        caller: &Caller,
        request: &Request,
        form: &Form<'_>,
        cursor: Option<&[Value]>,
    ) -> Result<(Arc<Plan>, Params, Vec<u16>)> {
        let said = |error: Error| error.with_operation(request.operation.as_str()).with_entity(self.called(request));
        // Whoever may not do this at all learns that, not what the fields are called.
        let mut validated = self
            .seen_by(caller, |context| validate(Context { cursor, ..context }, request, form))
            .map_err(|error| self.denied(caller, request).unwrap_or(error))?;
        let words = std::mem::take(&mut validated.words);
        let (plan, params) = self.plan_of(caller, request.operation, validated).map_err(said)?;
        Ok((plan, params, words))
    }

    /// A part of a request, made ready.
    pub fn prepare_part(
        &self,
        caller: &Caller,
        request: &Request,
        entity: EntityId,
        part: Part<'_>,
        form: Form<'_>,
    ) -> Result<Bound> {
        let mut validated = self.seen_by(caller, |context| part.validate(context, entity, &form))?;
        let words = std::mem::take(&mut validated.words);
        let (plan, params) = self.plan_of(caller, part.operation(), validated)?;
        let values = self.validated_values(&plan, &params, caller, request, None)?;
        self.cache.remember(form, &words, plan.clone(), params);
        Ok((plan, values))
    }

    /// Does something with what a caller may see.
    pub fn seen_by<T>(&self, caller: &Caller, work: impl FnOnce(Context<'_>) -> T) -> T {
        let bound = caller.principal().map(|principal| self.policy_for(caller).view(principal));
        let view: &dyn View = match &bound {
            Some(view) => view,
            None => &Trusted,
        };
        let cap = match caller {
            Caller::Trusted => None,
            Caller::Bound { cap, .. } => *cap,
        };
        work(Context { schema: &self.schema, view, limits: &self.limits, cursor: None, cap })
    }

    fn plan_of(&self, caller: &Caller, operation: Operation, validated: Validated) -> Result<(Arc<Plan>, Params)> {
        self.plan_query(caller, operation, validated, true)
    }

    /// `alive`: rows past their time are not there.
    pub(super) fn plan_query(
        &self,
        caller: &Caller,
        operation: Operation,
        validated: Validated,
        alive: bool,
    ) -> Result<(Arc<Plan>, Params)> {
        let (mut query, mut params) = (validated.query, validated.params);
        normalize::normalize(&mut query);
        let rules = match caller.principal() {
            Some(principal) => {
                self.policy_for(caller).rewrite(&self.schema, principal, operation, &mut query, &mut params)?
            }
            None => Vec::new(),
        };
        // After the rules, because they tell by the filter what the caller asked, and bring relations of their own.
        if alive {
            expire::hide(&self.schema, &mut query, &mut params);
        }
        optimize::optimize_query(&mut query);
        let params = shape::shape(&mut query, params);
        let gathers = operation != Operation::Stream;
        let key = shape_key(caller, &query, &params, gathers);
        let plan = self.cache.plan(key, || {
            let capabilities = self.adapter.capabilities();
            let target = Target { schema: &self.schema, capabilities, lowering: self.adapter.lowering(), gathers };
            plan::plan(target, query, params.clone(), rules)
        })?;
        Ok((plan, params))
    }

    fn denied(&self, caller: &Caller, request: &Request) -> Option<Error> {
        let entity = self.schema.find(&request.entity)?;
        let verb = request.operation.verb()?;
        let error = self.policy_for(caller).permits(caller.principal()?, entity, verb).err()?;
        Some(error.with_operation(request.operation.as_str()).with_entity(self.called(request)))
    }

    /// What the machine of a cached form is made of; none when a value does not fit, which the slow path then reports in
    /// full.
    fn bind(
        &self,
        prepared: &Prepared,
        slots: &[&Value],
        caller: &Caller,
        request: &Request,
        cursor: Option<&[Value]>,
    ) -> Option<(Vec<Value>, Option<Paging>)> {
        let values = self.bind_values(prepared, slots, caller, request, cursor)?;
        let paging = self.paging(&prepared.plan, request).ok()?;
        Some((values, paging))
    }

    /// What is kept for a form.
    pub fn known(&self, form: &mut Form<'_>) -> Option<Arc<Prepared>> {
        self.cache.form(form)
    }

    /// The values for a kept plan; none when one does not fit.
    pub fn bind_values(
        &self,
        prepared: &Prepared,
        slots: &[&Value],
        caller: &Caller,
        request: &Request,
        cursor: Option<&[Value]>,
    ) -> Option<Vec<Value>> {
        let values = self.values(&prepared.params, caller, request, cursor, |source| match source {
            ParamSource::Argument { slot: Some(slot), cast, .. } => {
                let value = slots.get(usize::from(*slot))?;
                let list = matches!(cast, Cast::List(_) | Cast::ListHashed(_) | Cast::JsonList);
                if list && value.as_list().is_some_and(|items| items.len() > self.limits.in_values) {
                    return None;
                }
                cast.apply(&self.schema, value).ok()
            }
            _ => None,
        })?;
        self.sizes(&prepared.plan, &values).ok()?;
        Some(values)
    }

    /// The values of a request that was just validated.
    pub(super) fn validated_values(
        &self,
        plan: &Plan,
        params: &Params,
        caller: &Caller,
        request: &Request,
        cursor: Option<&[Value]>,
    ) -> Result<Vec<Value>> {
        let values = self.values(params, caller, request, cursor, |source| match source {
            ParamSource::Argument { value, .. } => Some(value.clone()),
            _ => None,
        });
        let values = values.ok_or_else(|| Error::internal("a request that was validated could not be bound"))?;
        self.sizes(plan, &values).map_err(|error| error.with_operation(request.operation.as_str()))?;
        Ok(values)
    }

    /// The values of all parameters by id; none when an argument gives none.
    fn values(
        &self,
        params: &Params,
        caller: &Caller,
        request: &Request,
        cursor: Option<&[Value]>,
        argument: impl Fn(&ParamSource) -> Option<Value>,
    ) -> Option<Vec<Value>> {
        let mut now = None;
        let mut values = Vec::with_capacity(params.0.len());
        for source in &params.0 {
            values.push(match source {
                ParamSource::Argument { .. } => argument(source)?,
                ParamSource::Const(value) => value.clone(),
                ParamSource::Claim { scope, name, ty, rank } => claim(caller, *scope, name, ty, *rank),
                ParamSource::Now => Value::DateTime(*now.get_or_insert_with(DateTime::now)),
                ParamSource::NowAs(ty) => ty.instant(*now.get_or_insert_with(DateTime::now)),
                ParamSource::Generated(generator) => generate(*generator),
                ParamSource::Hashed(raw, how) => {
                    let raw = values.get(usize::from(raw.0)).and_then(Value::as_str)?;
                    Value::Text(crate::schema::convert::hash_stored(*how, raw).ok()?)
                }
                ParamSource::Parents(_) => Value::Null,
                ParamSource::Limit { cap } => {
                    let paging = Paging::of(self.entity(request)?, request).ok()?;
                    if cap.is_some_and(|cap| paging.limit > i64::from(cap)) {
                        return None;
                    }
                    let uncounted = request.args.get("total") == Some(&Value::Bool(false));
                    let probe = uncounted || cursor::asked(request).is_some();
                    Value::Int(paging.limit.saturating_add(i64::from(probe)))
                }
                ParamSource::Cursor(at) => cursor?.get(usize::from(*at))?.clone(),
                ParamSource::Offset => Value::Int(Paging::of(self.entity(request)?, request).ok()?.offset),
            });
        }
        Some(values)
    }

    fn entity(&self, request: &Request) -> Option<&crate::schema::Entity> {
        Some(self.schema.entity(self.schema.find(&request.entity)?))
    }

    fn sizes(&self, plan: &Plan, values: &[Value]) -> Result<()> {
        if !plan.writes {
            return Ok(());
        }
        let entity = self.schema.entity(plan.entity);
        crate::query::size::check(entity, &plan.query, values, &self.limits)
            .map_err(|error| error.with_entity(&entity.name))
    }

    fn paging(&self, plan: &Plan, request: &Request) -> Result<Option<Paging>> {
        match plan.shape {
            Shape::Page { .. } => Paging::of(self.schema.entity(plan.entity), request).map(Some),
            _ => Ok(None),
        }
    }
}

/// What is known of the caller, if it has the type that the rule compares it with; null otherwise, so that the
/// comparison is unknown and the rule fails closed.
fn claim(caller: &Caller, scope: ClaimScope, name: &str, ty: &FieldType, rank: bool) -> Value {
    let Some(principal) = caller.principal() else { return Value::Null };
    let claims = match scope {
        ClaimScope::User => &principal.user,
        ClaimScope::Session => &principal.session,
    };
    let Some(value) = claims.get(name) else { return Value::Null };
    match (convert(ty, value), ty) {
        (Ok(Value::Text(word)), FieldType::Enum(declared)) if rank => {
            let position = declared.values.iter().position(|value| *value == word);
            position.map_or(Value::Null, |position| Value::Int(position as i64))
        }
        (Ok(value), _) if !rank => value,
        _ => Value::Null,
    }
}

/// Everything a plan depends on: two requests share a plan only if this is equal as a whole.
fn shape_key(caller: &Caller, query: &crate::query::ast::Query, params: &Params, gathers: bool) -> String {
    use std::fmt::Write;
    let mut key = format!("{}|{gathers}|{query:?}", caller.shape());
    for source in &params.0 {
        let written = match source {
            ParamSource::Argument { cast, .. } => write!(key, "|{cast:?}"),
            other => write!(key, "|{other:?}"),
        };
        written.expect("writing to a String cannot fail");
    }
    key
}
