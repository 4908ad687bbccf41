//! Rows written ten thousand at a time, and a stream of a million, alone and with their related rows, blocking and
//! awaited, on each backend: memory must stay flat.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::time::Instant;

use dbal::client::builder::Query;
use dbal::{AsyncClient, Client, Config, Record, Value, query, value};
use dbal_conformance::servers::{MONGODB_URL, POSTGRES_URL, Servers};

const SCHEMA: &str = "
entity: Shop
fields:
  id: { type: integer, primary: true }
  name: { type: string }
---
entity: Item
fields:
  id: { type: integer, primary: true }
  shop_id: { type: integer, foreign_key: { entity: Shop, field: id } }
  name: { type: string }
---
entity: Mark
fields:
  id: { type: integer, primary: true }
  item_id: { type: integer, index: true, foreign_key: { entity: Item, field: id } }
";

/// Shops that items are spread over.
const SHOPS: i64 = 1_000;
/// Every fourth item has so many marks, and at most two of them are read.
const MARKS: i64 = 3;
/// How much memory may rise: a small part of what the rows of a million take, and less than 100,000 take.
const MOST_RISE_KIB: u64 = 16 << 10;
/// Rows that are written at once.
const BATCH: i64 = 10_000;
/// How often so many are written and removed again.
const ROUNDS: u32 = 20;
/// Rows after which memory is looked at.
const LOOK: i64 = 10_000;

pub fn run(rows: i64, only: Option<&str>) -> Result<(), String> {
    let servers = Servers::start()?;
    let folder = tempfile::tempdir().map_err(|fault| format!("a folder cannot be made: {fault}"))?;
    let url = |variable: &str| {
        let started = servers.variables().into_iter().find(|(name, _)| *name == variable).map(|(_, url)| url);
        started.or_else(|| std::env::var(variable).ok()).unwrap_or_default()
    };
    let name = format!("dbal_torture_stream_{}", std::process::id());
    for backend in ["sqlite", "postgres", "mongodb"].into_iter().filter(|name| only.is_none_or(|only| only == *name)) {
        println!("{backend}:");
        let config = match backend {
            "sqlite" => Config::sqlite(folder.path().join("stream.db")).cache_kib(2_048),
            "postgres" => Config::url(&format!("{}?schema={name}&pool_size=4", url(POSTGRES_URL))),
            _ => {
                let url = url(MONGODB_URL);
                let (place, options) = url.split_once('?').unwrap_or((&url, ""));
                // That server answers nobody else while it works, and its monitor is to wait for it.
                let options = ["connectTimeoutMS=600000", options].join("&");
                Config::url(&format!("{}/{name}?{}", place.trim_end_matches('/'), options.trim_end_matches('&')))
            }
        };
        watched(&Client::open(config.schema_text(SCHEMA)).map_err(told)?, rows)?;
    }
    Ok(())
}

fn watched(db: &Client, rows: i64) -> Result<(), String> {
    let start = Instant::now();
    fill(db, rows).map_err(told)?;
    println!("{rows} items written in {:.1?}, in batches of 10,000: {} KiB in use", start.elapsed(), resident());
    written(db, rows)?;

    for (face, flat) in [("blocking", true), ("blocking", false)] {
        let mut watch = Watch::new(face, flat);
        for row in db.stream("Item", asked(flat)).map_err(told)? {
            watch.row(&row.map_err(told)?)?;
        }
        watch.end(rows)?;
    }

    let db = AsyncClient::from(db.clone());
    let mut watch = Watch::new("awaited", false);
    block_on(async {
        let mut stream = db.stream("Item", asked(false)).await.map_err(told)?;
        while let Some(row) = stream.next().await {
            watch.row(&row.map_err(told)?)?;
        }
        watch.end(rows)
    })
}

/// Flat: without related rows.
fn asked(flat: bool) -> Query {
    if flat {
        return query();
    }
    query().include(value!({ "shop": true, "marks": { "limit": 2, "sort": { "id": "desc" } } }))
}

/// Rows that are written ten thousand at a time and given back, again and again.
fn written(db: &Client, from: i64) -> Result<(), String> {
    let (start, items) = (Instant::now(), db.entity("Item").map_err(told)?);
    let round = || {
        let made = items.create_many((from..from + BATCH).map(item))?;
        let count = items.delete_many(value!({ "id": { "$gte": from } }))?;
        Ok::<_, dbal::Error>(made.len() as i64 == BATCH && count == BATCH)
    };
    let (mut before, mut most) = (0, 0);
    for number in 0..ROUNDS {
        if !round().map_err(told)? {
            return Err("not all rows were made and removed".into());
        }
        // The first ones fill the caches of the database's own library.
        before = if number < 2 { resident() } else { before };
        most = most.max(resident().saturating_sub(before));
    }
    let took = start.elapsed();
    println!("{ROUNDS} times {BATCH} rows made, given back and removed in {took:.1?}: {most} KiB more at most");
    match most <= MOST_RISE_KIB {
        true => Ok(()),
        false => Err(format!("memory rose by {most} KiB; at most {MOST_RISE_KIB} is flat")),
    }
}

fn item(id: i64) -> Value {
    let (shop, name) = (id % SHOPS, format!("item number {id}"));
    value!({ "id": id, "shop_id": shop, "name": name })
}

fn fill(db: &Client, rows: i64) -> dbal::Result<()> {
    db.migrate()?;
    db.entity("Shop")?.insert_many((0..SHOPS).map(|id| value!({ "id": id, "name": "a shop" })))?;
    for from in (0..rows).step_by(BATCH as usize) {
        let block = from..(from + BATCH).min(rows);
        db.entity("Item")?.insert_many(block.clone().map(item))?;
        let marks = block.filter(|id| id % 4 == 0).flat_map(|id| {
            (0..MARKS).map(move |n| {
                let mark = id * MARKS + n;
                value!({ "id": mark, "item_id": id })
            })
        });
        db.entity("Mark")?.insert_many(marks)?;
    }
    Ok(())
}

/// Looks at rows and at memory while they come.
struct Watch {
    face: &'static str,
    flat: bool,
    start: Instant,
    seen: i64,
    /// Memory before the stream: rows that are read whole before the first one is given would hide in a later figure.
    before: u64,
    most: u64,
}

impl Watch {
    fn new(face: &'static str, flat: bool) -> Watch {
        Watch { face, flat, start: Instant::now(), seen: 0, before: resident(), most: 0 }
    }

    fn row(&mut self, row: &Record) -> Result<(), String> {
        let id = self.seen;
        if self.flat {
            return match integer(row, "id") == Some(id) && integer(row, "shop_id") == Some(id % SHOPS) {
                true => self.counted(),
                false => Err(format!("{}: row {id} is not as written: {row:?}", self.face)),
            };
        }
        let expected_marks: Vec<i64> = if id % 4 == 0 { vec![id * MARKS + 2, id * MARKS + 1] } else { Vec::new() };
        let marks = match row.get("marks") {
            Some(Value::Records(marks)) => marks.iter().filter_map(|mark| integer(mark, "id")).collect(),
            _ => vec![-1],
        };
        let shop = match row.get("shop") {
            Some(Value::Record(shop)) => integer(shop, "id"),
            _ => None,
        };
        if integer(row, "id") != Some(id) || shop != Some(id % SHOPS) || marks != expected_marks {
            return Err(format!("{}: row {id} is not as written: {row:?}", self.face));
        }
        self.counted()
    }

    fn counted(&mut self) -> Result<(), String> {
        self.seen += 1;
        if self.seen % LOOK == 0 {
            self.most = self.most.max(resident());
        }
        Ok(())
    }

    fn end(&self, rows: i64) -> Result<(), String> {
        if self.seen != rows {
            return Err(format!("{}: {} rows came of {rows}", self.face, self.seen));
        }
        let rise = self.most.saturating_sub(self.before);
        println!(
            "{}: {} rows {} related rows in {:.1?}; {} KiB in use before, {rise} KiB more at most",
            self.face,
            self.seen,
            if self.flat { "without" } else { "with" },
            self.start.elapsed(),
            self.before
        );
        match rise <= MOST_RISE_KIB {
            true if self.before == 0 => Err("memory is read from /proc/self/status, which is not here".into()),
            true => Ok(()),
            false => Err(format!("{}: memory rose by {rise} KiB; at most {MOST_RISE_KIB} is flat", self.face)),
        }
    }
}

fn integer(row: &Record, name: &str) -> Option<i64> {
    row.get(name).and_then(Value::as_i64)
}

/// Memory of this process in KiB; 0 where the system does not tell it in `/proc`.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn told(error: dbal::Error) -> String {
    error.to_string()
}

fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(std::thread::current())).into();
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(out) => return out,
            Poll::Pending => std::thread::park(),
        }
    }
}
