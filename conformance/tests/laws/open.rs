//! Databases with generated contents, and their answers in a form that can be compared.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dbal::{Client, Config, Error, Map, Operation, Principal, Reason, Record, Request, Schema, Value};
use dbal_conformance::expect::{plain, show};

use crate::model::Model;

/// Which backends a law is held on.
pub const BACKENDS: [&str; 2] = ["memory", "sqlite"];

/// A database with rows in it.
pub fn open(backend: &str, schema: &Arc<Schema>, rules: &str, rows: &[(String, Map)]) -> Client {
    let config = if backend == "memory" { Config::memory() } else { Config::sqlite(":memory:") };
    let client = Client::open(config.schema(schema.clone()).rules_text(rules)).expect("opens");
    client.migrate().expect("migrates");
    let filled: Result<(), Error> = client.transaction(|inside| {
        rows.iter().try_for_each(|(entity, row)| {
            let request = Request::new(Operation::Create, entity.clone()).arg("data", row.clone());
            inside.execute(&request).map(drop)
        })
    });
    filled.expect("the rows are sound");
    client
}

/// What came back: a value without what no two databases share, or everything that an error says.
pub type Answer = Result<Value, Told>;

/// An error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub code: &'static str,
    pub reason: Option<Reason>,
    pub message: String,
    pub fields: Vec<(String, String, Option<usize>)>,
}

impl From<&Error> for Told {
    fn from(error: &Error) -> Told {
        let mut fields: Vec<_> =
            error.fields().iter().map(|fault| (fault.field.clone(), fault.message.to_string(), fault.index)).collect();
        fields.sort();
        Told { code: error.code(), reason: error.reason(), message: error.message().to_owned(), fields }
    }
}

/// Asks, and where a page has a cursor, walks to the end of all pages.
pub fn ask(client: &Client, request: &Request) -> Answer {
    let walks = ["after", "before"].into_iter().find(|name| request.args.get(name).is_some());
    let Some(direction) = walks else { return run(client, request) };
    let (mut request, mut pages) = (request.clone(), Vec::new());
    loop {
        let page = run(client, &request)?;
        let Value::Map(mut page) = page else { return Ok(page) };
        let name = if direction == "after" { "next_cursor" } else { "prev_cursor" };
        let cursor = page.get(name).cloned();
        for (_, value) in page.0.iter_mut().filter(|(name, _)| name.ends_with("_cursor")) {
            *value = Value::Bool(!value.is_null());
        }
        pages.push(Value::Map(page));
        match cursor {
            Some(cursor @ Value::Text(_)) if pages.len() < 40 => {
                request.args.0.retain(|(name, _)| *name != direction);
                request.args.insert(direction, cursor);
            }
            _ => return Ok(Value::List(pages)),
        }
    }
}

/// The same rows as a stream gives them.
pub fn streamed(client: &Client, request: &Request) -> Answer {
    let rows = client.stream_of(request.clone()).and_then(Iterator::collect::<Result<Vec<Record>, Error>>);
    rows.map(|rows| plain(Value::Records(rows))).map_err(|error| Told::from(&error))
}

/// Asks for all or nothing.
pub fn ask_together(client: &Client, requests: &[Request]) -> Answer {
    let answers = client.batch(requests.iter().cloned());
    let all = answers.map(|answers| Value::List(answers.into_iter().map(|answer| answer.into_value()).collect()));
    all.map(plain).map_err(|error| Told::from(&error))
}

fn run(client: &Client, request: &Request) -> Answer {
    client.execute(request).map(|response| plain(response.into_value())).map_err(|error| Told::from(&error))
}

/// Every row of a database, by entity.
pub fn snapshot(client: &Client, model: &Model) -> Vec<Vec<Map>> {
    let rows = |name: &String| {
        let request = Request::new(Operation::FindMany, name.clone());
        let found = client.execute(&request).expect("trusted code reads everything");
        let Value::List(rows) = plain(found.into_value()) else { panic!("rows are a list") };
        rows.into_iter().map(|row| if let Value::Map(row) = row { row } else { panic!("a row is a map") }).collect()
    };
    model.entities.iter().map(|entity| rows(&entity.name)).collect()
}

/// A request in one line.
pub fn line(request: &Request, caller: Option<&Principal>) -> String {
    let asked = show(&Value::Map(request.args.clone()));
    let by = caller.map_or("trusted code".to_owned(), |caller| {
        format!("{:?} {}", caller.roles, show(&Value::Map(caller.user.clone())))
    });
    format!("{} {} {asked} by {by}", request.operation.as_str(), request.entity)
}

/// An answer in one line.
pub fn told(answer: &Answer) -> String {
    match answer {
        Ok(value) => show(value),
        Err(error) => format!("{error:?}"),
    }
}

/// Runs a law over seeds: as many as usual, or for `DBAL_LAW_SECONDS`; `DBAL_LAW_SEED` runs one alone.
pub fn seeds(usual: u64, mut law: impl FnMut(u64)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("DBAL_LAW_SEED") {
        return law(seed);
    }
    let (from, until) = (number("DBAL_LAW_FROM").unwrap_or(0), number("DBAL_LAW_SECONDS"));
    let started = Instant::now();
    for seed in from.. {
        let over = match until {
            Some(seconds) => started.elapsed() > Duration::from_secs(seconds),
            None => seed - from >= usual,
        };
        if over {
            println!("{} seeds", seed - from);
            return;
        }
        law(seed);
    }
}
