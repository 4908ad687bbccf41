//! Requests that run once.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use dbal::value::{Map, Value, ValueRef};
use dbal::{Columns, Error, Operation, Principal, Request, RowSink};

use crate::answer::On;
use crate::client::{dbal_client, mapped, names, whole};
use crate::error::{Fault, dbal_error, done, misuse};
use crate::generated::status::dbal_status;
use crate::handle::{Out, give, held, shared};
use crate::result::{dbal_kind, dbal_result};
use crate::text;
use crate::value::{Node, dbal_value, name_of, node_of, parsed};

/// Takes one row. What it gives back says whether to go on: 0, or stop.
pub type dbal_row_callback = Option<unsafe extern "C" fn(row: *mut dbal_result, user: *mut c_void) -> i32>;

/// A request by its words.
///
/// # Safety
/// As [`text::given`].
pub unsafe fn request(operation: *const c_char, entity: *const c_char, args: Map) -> Result<Request, Fault> {
    // SAFETY: as the caller says.
    let (operation, entity) = unsafe {
        (text::given(operation, "operation")?, if entity.is_null() { "" } else { text::given(entity, "entity")? })
    };
    let Some(operation) = Operation::parse(operation) else {
        let words: Vec<&str> = Operation::ALL.iter().map(|operation| operation.as_str()).collect();
        return Err(Error::validation("operation", format!("unknown; expected one of {}", words.join(", "))).into());
    };
    Ok(Request { operation, entity: name_of(entity), args })
}

/// Runs a request: `operation` is "create", "read", "update", "delete", "list", "find_many", "first", "stream", "count",
/// "distinct", "aggregate", "create_many", "update_many", "delete_many", "upsert", "upsert_many", "call" or "batch"; `entity`
/// is a name ("User") or a plural ("users"), of which "batch" and "call" need none; `args` are its arguments by name, NULL
/// for none. The answer is to be freed. That of "stream" reads rows while they are taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_run(
    client: *const dbal_client,
    operation: *const c_char,
    entity: *const c_char,
    args: *const dbal_value,
    result: *mut *mut dbal_result,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let out = Out::new(result, "result")?;
        let client = shared(client)?;
        let request = request(operation, entity, names(args, "args")?)?;
        let mut answer = dbal_result::default();
        client.on.run(&request, &mut answer)?;
        out.set(give(answer));
        Ok(())
    })
}

/// The same with the arguments as JSON: "{\"filter\": {\"role\": \"admin\"}, \"limit\": 10}". NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_run_json(
    client: *const dbal_client,
    operation: *const c_char,
    entity: *const c_char,
    args: *const c_char,
    result: *mut *mut dbal_result,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let out = Out::new(result, "result")?;
        let client = shared(client)?;
        let args = if args.is_null() { Value::Undefined } else { parsed(text::given(args, "args")?.as_bytes())? };
        let request = request(operation, entity, mapped(args, "args")?)?;
        let mut answer = dbal_result::default();
        client.on.run(&request, &mut answer)?;
        out.set(give(answer));
        Ok(())
    })
}

/// Runs a request that reads and hands over each row while it is still in the driver's buffer: nothing is kept. The row
/// belongs to the callback until it returns. When that says to stop, the request ends, and DBAL_STOPPED comes back. The callback MUST NOT use the transaction that is asked, and MUST NOT throw or jump over this call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_each(
    client: *const dbal_client,
    operation: *const c_char,
    entity: *const c_char,
    args: *const dbal_value,
    callback: dbal_row_callback,
    user: *mut c_void,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let client = shared(client)?;
        let callback = callback.ok_or_else(|| misuse("callback is NULL"))?;
        let mut request = request(operation, entity, names(args, "args")?)?;
        match request.operation {
            operation if operation.writes() => {
                return Err(misuse(format!("{} is not for dbal_each, which reads", operation.as_str())));
            }
            Operation::Stream => request.operation = Operation::FindMany,
            _ => {}
        }
        let mut each = Each { row: dbal_result::part(), columns: Arc::default(), callback, user, stopped: false };
        let done = match client.on.as_ref() {
            On::Client(client) => client.execute_into(&request, &mut each),
            On::Transaction(held) => held.with(|held| held.execute_into(&request, &mut each)),
        };
        match done {
            _ if each.stopped => Err(Fault::Stopped),
            done => Ok(done.map(drop)?),
        }
    })
}

/// Hands rows to a callback.
struct Each {
    row: Box<dbal_result>,
    columns: Arc<Columns>,
    callback: unsafe extern "C" fn(row: *mut dbal_result, user: *mut c_void) -> i32,
    user: *mut c_void,
    stopped: bool,
}

impl Each {
    fn hand_over(&mut self) -> dbal::Result<()> {
        self.row.kind = dbal_kind::DBAL_KIND_ROW;
        self.row.rewind();
        // SAFETY: it is the program's function, called as the header says.
        if unsafe { (self.callback)(self.row.as_mut(), self.user) } == 0 {
            return Ok(());
        }
        self.stopped = true;
        Err(Error::internal("the callback wanted no more"))
    }
}

impl RowSink for Each {
    fn start(&mut self, columns: &Arc<Columns>) -> dbal::Result<()> {
        self.columns = columns.clone();
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> dbal::Result<()> {
        self.row.forget();
        self.row.rows.start(&self.columns)?;
        self.row.rows.row(cells)?;
        self.hand_over()
    }

    fn own_row(&mut self, values: Vec<Value>) -> dbal::Result<()> {
        self.row.forget();
        self.row.rows.start(&self.columns)?;
        self.row.rows.own_row(values)?;
        self.hand_over()
    }

    fn takes_json_text(&self) -> bool {
        true
    }
}

/// Adds an entry to the arguments of a "batch": an operation on an entity with its arguments, which are copied. An entry
/// may use what an earlier one answered: {"$ref": "0.id"} is the `id` in the answer of the first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_batch_add(
    batch: *mut dbal_value,
    operation: *const c_char,
    entity: *const c_char,
    args: *const dbal_value,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let entry = request(operation, entity, names(args, "args")?)?;
        let mut map = Map(vec![("operation".into(), entry.operation.as_str().into())]);
        if !entry.entity.is_empty() {
            map.0.push(("entity".into(), Value::Text(entry.entity.into_owned())));
        }
        map.0.extend(entry.args.0);
        let mut batch = held(batch)?;
        if matches!(batch.node, Node::Unset) {
            batch.node = Node::Map(Vec::new());
        }
        let Node::Map(pairs) = &mut batch.node else { return Err(misuse("batch holds no names with values")) };
        let known = pairs.iter().position(|(name, _)| name.as_str() == "entries").unwrap_or_else(|| {
            pairs.push((text::Text::new("entries"), dbal_value::part(Node::List(Vec::new()))));
            pairs.len() - 1
        });
        let Node::List(entries) = &mut pairs[known].1.node else { return Err(misuse("entries is no list")) };
        entries.push(dbal_value::part(node_of(&Value::Map(map))));
        Ok(())
    })
}

/// What would run: names with values "adapter", "steps" (each "purpose", "text", "params"), "rules" and "atomic", to be
/// freed. For trusted code, of its own request or on behalf of `principal`; NULL is trusted code.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_explain(
    client: *const dbal_client,
    operation: *const c_char,
    entity: *const c_char,
    args: *const dbal_value,
    principal: *const dbal_value,
    plan: *mut *mut dbal_value,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let out = Out::new(plan, "plan")?;
        let client = whole(shared(client)?)?;
        let request = request(operation, entity, names(args, "args")?)?;
        let principal = match principal.is_null() {
            true => None,
            false => Some(Principal::from_map(&names(principal, "principal")?)?),
        };
        let explained = client.explain(&request, principal.as_ref())?;
        let texts = |texts: &[String]| Value::List(texts.iter().map(|text| text.as_str().into()).collect());
        let steps = explained.steps.iter().map(|step| {
            let parts: [(&str, Value); 3] = [
                ("purpose", step.purpose.as_str().into()),
                ("text", step.text.as_str().into()),
                ("params", texts(&step.params)),
            ];
            Value::Map(parts.into_iter().collect())
        });
        let told: [(&str, Value); 4] = [
            ("adapter", explained.adapter.into()),
            ("steps", Value::List(steps.collect())),
            ("rules", texts(&explained.rules)),
            ("atomic", explained.atomic.into()),
        ];
        out.set(give(dbal_value::new(node_of(&Value::Map(told.into_iter().collect())))));
        Ok(())
    })
}
