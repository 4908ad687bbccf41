//! Opening a database, and the same database for somebody else, for a time, or until it is cancelled.

use std::ffi::c_char;
use std::sync::Arc;
use std::time::Duration;

use dbal::adapter::Cancel;
use dbal::schema::RelationKind;
use dbal::value::{Map, Value};
use dbal::{Client, Error, Principal, Schema};

use crate::answer::On;
use crate::config;
use crate::error::{Fault, dbal_error, done, misuse, quiet};
use crate::generated::status::dbal_status;
use crate::handle::{Out, Tag, give, glance, handle, shared, take};
use crate::text;
use crate::value::{dbal_value, node_of, parsed};

/// A database as one caller sees it, or a transaction. A client may be used by several threads at once; a transaction
/// runs one request at a time. Close it with dbal_close, when nobody uses it any more.
#[repr(C)]
pub struct dbal_client {
    tag: Tag,
    /// Who is asked; statements and transactions that are made of it share it.
    pub on: Arc<On>,
}

handle!(dbal_client, "dbal_client", b"dcli");

impl dbal_client {
    /// In the program's hands.
    pub fn of(on: On) -> dbal_client {
        dbal_client { tag: Tag::new::<dbal_client>(), on: Arc::new(on) }
    }

    /// For the time of a callback.
    pub fn lent(on: On) -> dbal_client {
        dbal_client { tag: Tag::lent::<dbal_client>(), on: Arc::new(on) }
    }
}

/// Stops requests from another thread. Make it with dbal_cancel_new, free it with dbal_cancel_free; clients that were made
/// with it keep what they need of it. Any thread may use it.
#[repr(C)]
pub struct dbal_cancel {
    tag: Tag,
    cancel: Cancel,
}

handle!(dbal_cancel, "dbal_cancel", b"dcan");

/// The client itself, where a transaction will not do.
pub fn whole(client: &dbal_client) -> Result<&Client, Fault> {
    match client.on.as_ref() {
        On::Client(client) => Ok(client),
        On::Transaction(_) => Err(misuse("this is a transaction; a client was expected")),
    }
}

/// What a program gives as names with values: a value, NULL for none.
///
/// # Safety
/// As [`shared`].
pub unsafe fn names(value: *const dbal_value, what: &str) -> Result<Map, Fault> {
    if value.is_null() {
        return Ok(Map::new());
    }
    // SAFETY: as the caller says.
    mapped(unsafe { shared(value) }?.plain()?, what)
}

/// Names with values, or a fault.
pub fn mapped(value: Value, what: &str) -> Result<Map, Fault> {
    match value {
        Value::Map(map) => Ok(map),
        Value::Undefined => Ok(Map::new()),
        other => Err(Error::validation(what, format!("expected names with values, not {}", other.kind())).into()),
    }
}

/// Opens a database: "sqlite:app.db", "sqlite::memory:", "postgresql://...", "mongodb://..." or "memory:", with the
/// entities below the folder `schema`. The client is trusted: no access rule applies to it. "dbal://host:50051" and the other
/// URLs of a daemon are asked over the network: `schema` is NULL then, since the daemon has its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_open(
    url: *const c_char,
    schema: *const c_char,
    client: *mut *mut dbal_client,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let out = Out::new(client, "client")?;
        let url = text::given(url, "url")?;
        let mut options = Map::new();
        if !schema.is_null() || !config::is_remote(url) {
            options.insert("schema", text::given(schema, "schema")?);
        }
        let opened = Client::open(config::read(url, &options)?)?;
        out.set(give(dbal_client::of(On::Client(opened))));
        Ok(())
    })
}

/// The same with options by name: `schema` (a folder, a schema.prisma, entities as names with values, or "schema/text":
/// YAML), `adapter` (what the URL says anyway, or "prisma" for a database that Prisma made), `rules` (the text of a rules
/// file) or `rules_file`, `timeout` in milliseconds, `pool_size`, `cache_kib`, `synchronous` ("normal" or "full"),
/// `limits`, `cursor_key` (32 bytes). Those of a daemon's URL are `token`, `ca`, `cert` and `key` (files, for TLS),
/// `retry_writes` and `timeout`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_open_with(
    url: *const c_char,
    options: *const dbal_value,
    client: *mut *mut dbal_client,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let out = Out::new(client, "client")?;
        let options = names(options, "options")?;
        let opened = Client::open(config::read(text::given(url, "url")?, &options)?)?;
        out.set(give(dbal_client::of(On::Client(opened))));
        Ok(())
    })
}

/// Closes a client, or lets go of a transaction: one that was not committed is rolled back. NULL is fine. The database is
/// closed when its last client is, and the last statement and stream of these.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_close(client: *mut dbal_client) {
    quiet((), || take(client).map(drop));
}

/// The same database on behalf of a caller: every access rule applies. `principal` has "user" with "id", "role" and
/// further claims, and "session", and "roles" where that is not the user's role.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_as_principal(
    client: *const dbal_client,
    principal: *const dbal_value,
    bound: *mut *mut dbal_client,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let out = Out::new(bound, "bound")?;
        let client = whole(shared(client)?)?;
        // NULL is no anonymous caller: that would be one `if` that was forgotten.
        shared(principal)?;
        let principal = Principal::from_map(&names(principal, "principal")?)?;
        out.set(give(dbal_client::of(On::Client(client.as_principal(principal)))));
        Ok(())
    })
}

/// The same with the principal as JSON: "{\"user\": {\"id\": ..., \"role\": \"user\"}}".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_as_principal_json(
    client: *const dbal_client,
    principal: *const c_char,
    bound: *mut *mut dbal_client,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let out = Out::new(bound, "bound")?;
        let client = whole(shared(client)?)?;
        let map = mapped(parsed(text::given(principal, "principal")?.as_bytes())?, "principal")?;
        out.set(give(dbal_client::of(On::Client(client.as_principal(Principal::from_map(&map)?)))));
        Ok(())
    })
}

/// The same client whose reads see everything that was committed before: none goes to a copy of the database.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_newest(
    client: *const dbal_client,
    newest: *mut *mut dbal_client,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let out = Out::new(newest, "newest")?;
        out.set(give(dbal_client::of(On::Client(whole(shared(client)?)?.newest()))));
        Ok(())
    })
}

/// The same client with a deadline for each request, in milliseconds; a negative number is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_with_timeout(
    client: *const dbal_client,
    milliseconds: i64,
    timed: *mut *mut dbal_client,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let out = Out::new(timed, "timed")?;
        let timeout = u64::try_from(milliseconds).ok().map(Duration::from_millis);
        out.set(give(dbal_client::of(On::Client(whole(shared(client)?)?.with_timeout(timeout)))));
        Ok(())
    })
}

/// The same client, whose requests stop when `cancel` is cancelled: those under way and those that come later are
/// DBAL_TIMEOUT, and nothing of what they wrote stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_with_cancel(
    client: *const dbal_client,
    cancel: *const dbal_cancel,
    cancellable: *mut *mut dbal_client,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let out = Out::new(cancellable, "cancellable")?;
        let cancel = &shared(cancel)?.cancel;
        out.set(give(dbal_client::of(On::Client(whole(shared(client)?)?.with_cancel(cancel)))));
        Ok(())
    })
}

/// Something to cancel with.
#[unsafe(no_mangle)]
pub extern "C" fn dbal_cancel_new() -> *mut dbal_cancel {
    give(dbal_cancel { tag: Tag::new::<dbal_cancel>(), cancel: Cancel::default() })
}

/// Cancels, from any thread, and once for all. It takes locks: a signal handler wakes a thread that calls it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_cancel_now(cancel: *const dbal_cancel) {
    quiet((), || {
        glance(cancel)?.cancel.cancel();
        Some(())
    });
}

/// Frees it, cancelled or not. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_cancel_free(cancel: *mut dbal_cancel) {
    quiet((), || take(cancel).map(drop));
}

/// Creates what the database lacks: tables, indexes. The statements that ran go to `statements` as a list, unless that is
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_migrate(
    client: *const dbal_client,
    statements: *mut *mut dbal_value,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let ran = whole(shared(client)?)?.migrate()?;
        if !statements.is_null() {
            let list = Value::List(ran.into_iter().map(Value::Text).collect());
            statements.write(give(dbal_value::new(node_of(&list))));
        }
        Ok(())
    })
}

/// Drops all tables of the schema with their rows and creates them anew. For tests; `confirm` has to be true.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_reset(
    client: *const dbal_client,
    confirm: bool,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let client = whole(shared(client)?)?;
        match confirm {
            true => Ok(client.reset()?),
            false => Err(Error::validation("confirm", "expected true: reset drops everything").into()),
        }
    })
}

/// Removes rows past their time. How many there were goes to `count`, unless that is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_sweep(
    client: *const dbal_client,
    count: *mut i64,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let swept = whole(shared(client)?)?.sweep()?;
        if !count.is_null() {
            count.write(swept);
        }
        Ok(())
    })
}

/// How the backend offers a capability, such as "joins": 2 natively, 1 emulated with the same result, 0 not at all; -1
/// where there is none of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_capability(client: *const dbal_client, name: *const c_char) -> i32 {
    quiet(-1, || {
        let client = whole(glance(client)?).ok()?;
        let name = text::given(name, "name").ok()?;
        let all = client.capabilities().list();
        let (_, support) = all.into_iter().find(|(known, _)| *known == name)?;
        Some(support as i32)
    })
}

/// The entities with their fields and relations, what the backend can do, and what is odd about the schema: names with
/// values "entities", "capabilities" and "warnings", to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_describe(
    client: *const dbal_client,
    description: *mut *mut dbal_value,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let out = Out::new(description, "description")?;
        let client = whole(shared(client)?)?;
        let capabilities = client.capabilities().list().into_iter();
        let capabilities = capabilities.map(|(name, support)| (name, format!("{support:?}").to_lowercase()));
        let warnings = client.warnings().iter().map(|warning| Value::Text(warning.to_string())).collect();
        let told = [
            ("entities", Value::List(entities(client.schema()))),
            ("capabilities", Value::Map(capabilities.collect())),
            ("warnings", Value::List(warnings)),
        ];
        out.set(give(dbal_value::new(node_of(&Value::Map(told.into_iter().collect())))));
        Ok(())
    })
}

fn entities(schema: &Schema) -> Vec<Value> {
    let entity = |entity: &dbal::schema::Entity| {
        let fields = entity.fields.iter().map(|field| (field.name.clone(), field.ty.as_str()));
        let relations = entity.relations.iter().map(|relation| {
            let many = matches!(relation.kind, RelationKind::HasMany | RelationKind::ManyToMany);
            let target = schema.entity(relation.target).name.as_str();
            let told: [(&str, Value); 2] = [("entity", target.into()), ("many", many.into())];
            (relation.name.clone(), Value::Map(told.into_iter().collect()))
        });
        let told: [(&str, Value); 4] = [
            ("name", entity.name.as_str().into()),
            ("plural", entity.plural.as_str().into()),
            ("fields", Value::Map(fields.collect())),
            ("relations", Value::Map(relations.collect())),
        ];
        Value::Map(told.into_iter().collect())
    };
    schema.entities().map(|(_, declared)| entity(declared)).collect()
}
