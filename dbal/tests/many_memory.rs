//! How much memory a `create_many` takes. Alone in its process, because it looks at all of it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use dbal::{Client, Config, Operation, Request, Value, query, value};

const SCHEMA: &str = "
entity: Page
fields:
  id: { type: integer, primary: true }
  body: { type: text }
";

const ROWS: i64 = 10_000;

/// Bytes of the text in each row.
const BODY: usize = 2_000;

/// A line of what the system says of this process, in KiB.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap()
}

#[test]
fn many_rows_take_no_more_than_their_input_again() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::sqlite(folder.path().join("a.db")).schema_text(SCHEMA).cache_kib(1_024);
    let db = Client::open(config).unwrap();
    db.migrate().unwrap();
    // What is loaded once is there already.
    db.entity("Page").unwrap().insert_many([value!({ "id": 0, "body": "x" })]).unwrap();
    let body = "x".repeat(BODY);
    let rows = (1..ROWS).map(|id| value!({ "id": id, "body": (body.as_str()) })).collect();
    let request = Request::new(Operation::CreateMany, "Page").arg("data", Value::List(rows)).arg("returning", false);

    let before = status("VmRSS:");
    db.execute(&request).unwrap();
    let grown = status("VmHWM:").saturating_sub(before);
    assert_eq!(db.entity("Page").unwrap().count(query()).unwrap(), ROWS);
    // Each row's values are made before the first is written, so that all faults come together: the input once more.
    // The rest is the plan, the page cache, and what allocators keep.
    let input = (ROWS as u64 * BODY as u64) >> 10;
    println!("{ROWS} rows of {BODY} bytes, {input} KiB: grown by {grown} KiB");
    assert!(grown < input + input / 2 + 8_192, "grown by {grown} KiB over an input of {input} KiB");
}
