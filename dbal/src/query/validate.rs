//! From names to ids: checks a whole request against the schema and what its caller may see, and gathers every fault.

use crate::error::{Error, FieldFault, Result};
use crate::query::ast::{Count, Delete, Expr, Literal, Operand, ParamId, Query, Select, Shape, Statement};
use crate::query::cast::Cast;
use crate::query::form::{Form, slot};
use crate::query::limits::Limits;
use crate::query::optimize::optimize_filter;
use crate::query::param::{ParamSource, Params};
use crate::query::view::View;
use crate::query::{aggregate, data, filter, key, many, output, paging, seek};
use crate::request::{Operation, Request};
use crate::schema::{Entity, EntityId, FieldId, RelationId, Schema};
use crate::value::{Map, Value};

/// A request that passed: the query over ids, and where its values come from.
#[derive(Debug)]
pub struct Validated {
    /// The entity asked about.
    pub entity: EntityId,
    /// The query.
    pub query: Query,
    /// Its parameters.
    pub params: Params,
    /// The values of the request that are spelled into the query, as slots of its form.
    pub words: Vec<u16>,
}

/// What validation needs to know besides the request.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The schema.
    pub schema: &'a Schema,
    /// What the caller may see.
    pub view: &'a dyn View,
    /// The limits in force.
    pub limits: &'a Limits,
    /// The sort keys in the request's cursor, if it has one that opened.
    pub cursor: Option<&'a [Value]>,
    /// The most rows of one answer for a bound caller, where the operation that it calls says.
    pub cap: Option<u32>,
}

impl Context<'_> {
    /// Whether the caller may see anything of an entity, or write any of it.
    fn sees(&self, entity: EntityId) -> bool {
        let mut fields = self.schema.entity(entity).field_ids();
        self.view.trusted()
            || fields.any(|(field, _)| self.view.readable(entity, field) || self.view.writable(entity, field))
    }
}

/// Checks a request whole.
///
/// # Errors
/// VALIDATION_ERROR with every fault; CAPABILITY_NOT_SUPPORTED where nothing is wrong but something is not built.
pub fn validate(context: Context<'_>, request: &Request, form: &Form<'_>) -> Result<Validated> {
    let entity = entity(context, request)?;
    let found = bytes(context.limits, form.bytes).and_then(|()| {
        let mut check = Check::new(context, &form.slots, form.too_deep);
        let query = check.request(entity, request);
        check.done(entity, query)
    });
    found.map_err(|error| {
        error.with_operation(request.operation.as_str()).with_entity(&context.schema.entity(entity).name)
    })
}

/// The entity that a request names.
///
/// # Errors
/// VALIDATION_ERROR with the nearest name that the caller may see.
pub fn entity(context: Context<'_>, request: &Request) -> Result<EntityId> {
    let schema = context.schema;
    if request.operation == Operation::Batch {
        let message = "a batch is several requests: it gives no rows of its own and cannot be explained or nested";
        return Err(Error::validation("operation", message).with_operation(request.operation.as_str()));
    }
    schema.find(&request.entity).ok_or_else(|| {
        let seen = schema.entities().filter(|(id, _)| context.sees(*id));
        let names = seen.map(|(_, entity)| entity.name.as_str());
        let message = format!("unknown entity `{}`{}", shown(&request.entity), nearest(&request.entity, names));
        Error::validation("entity", message).with_operation(request.operation.as_str())
    })
}

/// Refuses a request whose values are larger together than the limit.
///
/// # Errors
/// VALIDATION_ERROR naming the limit.
pub fn bytes(limits: &Limits, bytes: usize) -> Result<()> {
    let limit = limits.request_bytes;
    match bytes > limit {
        true => {
            Err(Error::validation("request", format!("{bytes} bytes of values; at most {limit} (limit request_bytes)")))
        }
        false => Ok(()),
    }
}

/// The most values of one request, each list counted once; the limits on conditions and fields stay far below it.
const MAX_VALUES: usize = 20_000;

/// The most words that one request spells: each multiplies the plans that its form may have.
const MAX_WORDS: usize = 2;

/// One validation under way. The modules beside this one add what each part of a request needs.
pub(super) struct Check<'a> {
    pub context: Context<'a>,
    /// The values that the request's form leaves out.
    slots: &'a [&'a Value],
    too_deep: bool,
    pub params: Params,
    words: Vec<u16>,
    pub faults: Vec<FieldFault>,
    /// The first thing that is declared but not built.
    pub missing: Option<Error>,
    /// Conditions seen so far.
    pub nodes: usize,
    /// Relations included so far.
    pub relations: usize,
}

impl<'a> Check<'a> {
    pub fn new(context: Context<'a>, slots: &'a [&'a Value], too_deep: bool) -> Check<'a> {
        Check {
            context,
            slots,
            too_deep,
            params: Params::default(),
            words: Vec::new(),
            faults: Vec::new(),
            missing: None,
            nodes: 0,
            relations: 0,
        }
    }

    /// What came of it.
    pub fn done(self, entity: EntityId, query: Option<Query>) -> Result<Validated> {
        if !self.faults.is_empty() {
            return Err(Error::invalid(self.faults));
        }
        if let Some(missing) = self.missing {
            return Err(missing);
        }
        let query = query.ok_or_else(|| Error::internal("a request was neither understood nor refused"))?;
        Ok(Validated { entity, query, params: self.params, words: self.words })
    }

    pub fn entity(&self, id: EntityId) -> &'a Entity {
        self.context.schema.entity(id)
    }

    pub fn fault(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.faults.push(FieldFault { field: field.into(), message: message.into(), index: None });
    }

    /// Notes that something is declared but not built; reported when nothing else is wrong.
    pub fn not_built(&mut self, capability: &str, message: String) {
        self.missing.get_or_insert_with(|| Error::unsupported(capability, message));
    }

    /// A value of the request as a parameter; a fault if it does not fit.
    pub fn argument(&mut self, value: &Value, cast: Cast, path: &str) -> Option<ParamId> {
        // Numbers of parameters have 16 bits, and some are kept for what the engine itself adds.
        if self.params.0.len() >= MAX_VALUES {
            if self.params.0.len() == MAX_VALUES {
                self.params.push(ParamSource::Now);
                self.fault("request", format!("more than {MAX_VALUES} values"));
            }
            return None;
        }
        match cast.apply(self.context.schema, value) {
            Ok(converted) => {
                let slot = slot(self.slots, value);
                Some(self.params.push(ParamSource::Argument { slot, cast, value: converted }))
            }
            Err(error) if error.fields().is_empty() && error.kind() == crate::ErrorKind::ValidationError => {
                self.fault(path, error.message().to_owned());
                None
            }
            Err(error) => {
                self.missing.get_or_insert(error);
                None
            }
        }
    }

    /// The same as an operand; null where it did not fit, which the fault keeps from ever running.
    pub fn operand(&mut self, value: &Value, cast: Cast, path: &str) -> Operand {
        match self.argument(value, cast, path) {
            Some(id) => Operand::Param(id),
            None => Operand::Const(Literal::Null),
        }
    }

    /// A word of an enum as an operand. It is spelled, since how many rows there are often differs much from word to
    /// word, and the database can only plan for a word that it sees. There are few, so plans stay few as well.
    pub fn word(&mut self, value: &Value, cast: Cast, path: &str) -> Operand {
        let spelled = match (slot(self.slots, value), cast.apply(self.context.schema, value)) {
            (Some(slot), Ok(Value::Text(word))) if self.words.len() < MAX_WORDS => Some((slot, word)),
            _ => None,
        };
        match spelled {
            Some((slot, word)) => {
                self.words.push(slot);
                Operand::Const(Literal::Word(word))
            }
            None => self.operand(value, cast, path),
        }
    }

    /// A field that the caller may read, or a fault that says the same for hidden and for missing ones.
    pub fn readable(&mut self, entity: EntityId, name: &str, path: &str) -> Option<FieldId> {
        let field = self.entity(entity).field_by_name(name).filter(|id| self.context.view.readable(entity, *id));
        if field.is_none() {
            let message = self.unknown(entity, name, false);
            self.fault(path, message);
        }
        field
    }

    /// The message for a name that is no field the caller may read, or, in data, neither read nor write.
    pub fn unknown(&self, entity: EntityId, name: &str, writing: bool) -> String {
        let declared = self.entity(entity);
        let view = self.context.view;
        let visible = declared
            .field_ids()
            .filter(|(id, _)| view.readable(entity, *id) || writing && view.writable(entity, *id))
            .map(|(_, field)| field.name.as_str())
            .chain(self.relations(entity));
        format!("unknown field `{}` of {}{}", shown(name), declared.name, nearest(name, visible))
    }

    /// The names of the relations that the caller may follow.
    pub fn relations(&self, entity: EntityId) -> impl Iterator<Item = &'a str> {
        let relations = (0..).map(RelationId).zip(&self.entity(entity).relations);
        let visible = relations.filter(|(id, _)| filter::relation_visible(self, entity, *id));
        visible.map(|(_, relation)| relation.name.as_str()).collect::<Vec<_>>().into_iter()
    }

    /// The argument of a name, and faults for every argument that the operation does not take.
    pub fn arguments<'r>(&mut self, args: &'r Map, known: &[&str]) -> impl Fn(&str) -> Option<&'r Value> + use<'r> {
        if args.len() > 2 * known.len() {
            self.fault("request", format!("{} options; expected some of {}", args.len(), known.join(", ")));
        }
        for (position, (name, _)) in args.0.iter().enumerate().take(2 * known.len()) {
            if !known.contains(&name.as_ref()) {
                let message =
                    format!("unknown option{}; expected {}", nearest(name, known.iter().copied()), known.join(", "));
                self.fault(shown(name), message);
            } else if args.0[..position].iter().any(|(other, _)| other == name) {
                self.fault(shown(name), "given twice");
            }
        }
        // `undefined` is an option left out, but never a filter left out: that would be all rows.
        |name| args.get(name).filter(|value| name == "filter" || !matches!(value, Value::Undefined))
    }

    fn request(&mut self, entity: EntityId, request: &Request) -> Option<Query> {
        let args = &request.args;
        if self.too_deep {
            let limit = self.context.limits.filter_depth;
            self.fault("filter", format!("nested deeper than {limit} levels (limit filter_depth)"));
            return None;
        }
        match request.operation {
            Operation::Create => {
                let get = self.arguments(args, &["data"]);
                data::create(self, entity, get("data"))
            }
            Operation::Read => {
                let get = self.arguments(args, &["id", "select", "include"]);
                let filter = key::filter(self, entity, get("id"), "id");
                self.rows(entity, filter?, Shape::One, args, None)
            }
            Operation::Update => {
                let get = self.arguments(args, &["id", "data", "if_version"]);
                let version = key::version(self, entity, get("if_version"));
                let filter = key::filter(self, entity, get("id"), "id");
                data::update(self, entity, filter, get("data"), version)
            }
            Operation::Delete => {
                let get = self.arguments(args, &["id", "if_version"]);
                let version = key::version(self, entity, get("if_version"));
                let filter = key::filter(self, entity, get("id"), "id")?;
                let statement = Statement::Delete(Delete { entity, filter });
                Some(Query {
                    statement,
                    visible: 0,
                    includes: Vec::new(),
                    shape: Shape::Done,
                    version,
                    parents: Vec::new(),
                })
            }
            Operation::UpdateMany => {
                let get = self.arguments(args, &["filter", "data", "all"]);
                let filter = filter::filter(self, entity, get("filter"));
                self.all_is_meant(&filter, get("all"));
                data::update_many(self, entity, filter, get("data"))
            }
            Operation::DeleteMany => {
                let get = self.arguments(args, &["filter", "all"]);
                let filter = filter::filter(self, entity, get("filter"));
                self.all_is_meant(&filter, get("all"));
                let statement = Statement::Delete(Delete { entity, filter });
                Some(Query {
                    statement,
                    visible: 0,
                    includes: Vec::new(),
                    shape: Shape::Affected,
                    version: None,
                    parents: Vec::new(),
                })
            }
            Operation::List => {
                let get = self.arguments(
                    args,
                    &["filter", "sort", "page", "limit", "offset", "after", "before", "select", "include", "total"],
                );
                let filter = filter::filter(self, entity, get("filter"));
                let (total, paged) = paging::page(self, entity, args);
                self.rows(entity, filter, Shape::Page { total, seek: None }, args, Some(paged))
            }
            Operation::FindMany | Operation::Stream => {
                let get = self.arguments(args, &["filter", "sort", "limit", "offset", "select", "include"]);
                let filter = filter::filter(self, entity, get("filter"));
                let (cap, bounds) = paging::find_many(self, entity, args);
                self.rows(entity, filter, Shape::Rows { cap }, args, Some(bounds))
            }
            Operation::First => {
                let get = self.arguments(args, &["filter", "sort", "offset", "select", "include"]);
                let filter = filter::filter(self, entity, get("filter"));
                let bounds = paging::first(self, args);
                self.rows(entity, filter, Shape::Maybe, args, Some(bounds))
            }
            Operation::Count => {
                let get = self.arguments(args, &["filter"]);
                let filter = filter::filter(self, entity, get("filter"));
                let statement = Statement::Count(Count { entity, filter });
                Some(Query {
                    statement,
                    visible: 1,
                    includes: Vec::new(),
                    shape: Shape::Count,
                    version: None,
                    parents: Vec::new(),
                })
            }
            Operation::Distinct => {
                let get = self.arguments(args, &["field", "filter", "sort"]);
                let filter = filter::filter(self, entity, get("filter"));
                aggregate::distinct(self, entity, args, filter)
            }
            Operation::Aggregate => {
                let get = self.arguments(args, aggregate::OPTIONS);
                let filter = filter::filter(self, entity, get("filter"));
                aggregate::aggregate(self, entity, args, filter)
            }
            Operation::Call => {
                self.fault("operation", "a call gives no rows of its own to a sink, and has no one plan to explain");
                None
            }
            other => {
                self.not_built(other.as_str(), format!("the operation {} is not built yet", other.as_str()));
                None
            }
        }
    }

    /// Refuses to write every row by mistake.
    fn all_is_meant(&mut self, filter: &Expr, all: Option<&Value>) {
        let all = many::flag(self, all, "all", false);
        if !all && optimize_filter(filter.clone()) == Expr::TRUE {
            self.fault("filter", "matches every row; give all: true if that is meant");
        }
    }

    /// A select with everything that shapes its rows.
    fn rows(
        &mut self,
        entity: EntityId,
        filter: Expr,
        mut shape: Shape,
        args: &Map,
        bounds: Option<paging::Bounds>,
    ) -> Option<Query> {
        let mut order = output::sort(self, entity, args.get("sort"), "sort", bounds.is_some());
        let mut columns = output::select(self, entity, args.get("select"), "select");
        let visible = columns.len();
        let includes = output::includes(self, entity, &mut columns, args.get("include"), "include", 1);
        let bounds = bounds.unwrap_or_default();
        let mut beyond = None;
        if let Shape::Page { seek, .. } = &mut shape
            && let Some((rows, page)) = seek::seek(self, entity, args, &mut order)
        {
            (beyond, *seek) = (Some(rows), Some(page));
        }
        let (limit, offset) = (bounds.limit, bounds.offset);
        let select = Select { entity, columns, filter, order, limit, offset, link: None, beyond };
        Some(Query {
            statement: Statement::Select(select),
            visible,
            includes,
            shape,
            version: None,
            parents: Vec::new(),
        })
    }
}

/// ` (did you mean x?)` when a known name is close.
pub fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    if name.len() > 64 {
        return String::new();
    }
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .map_or_else(String::new, |(_, candidate)| format!("; did you mean `{candidate}`?"))
}

/// A caller's name cut to what a message can hold, without control characters.
pub fn shown(name: &str) -> String {
    let mut text: String = name.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if name.chars().nth(64).is_some() {
        text.push('…');
    }
    text
}
