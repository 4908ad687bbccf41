//! Full-text search: what a search reads, and fields that become searchable in a database that has rows.

use std::time::Instant;

use dbal::request::{Operation, Request};
use dbal::{Client, Config, ErrorKind, Value, query, value};

const BOOK: &str = "
entity: Book
fields:
  id: { type: integer, primary: true }
  title: { type: string }
  blurb: { type: text }
";

fn open(folder: &tempfile::TempDir, searchable: &str) -> Client {
    let schema = format!("{BOOK}searchable: [{searchable}]\n");
    Client::open(Config::sqlite(folder.path().join("a.db")).schema_text(&schema)).unwrap()
}

fn found(db: &Client, words: &str) -> Vec<i64> {
    let query = query().filter(value!({ "$search": words }));
    let rows = db.entity("Book").unwrap().find_many(query).unwrap();
    rows.iter().map(|row| row.get("id").unwrap().as_i64().unwrap()).collect()
}

#[test]
fn a_field_that_becomes_searchable_brings_the_words_of_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let plain = open(&folder, "");
    plain.migrate().unwrap();
    let books = plain.entity("Book").unwrap();
    books.create(value!({ "id": 1, "title": "Old Title", "blurb": "some words" })).unwrap();
    books.create(value!({ "id": 2, "title": null, "blurb": "some other words" })).unwrap();

    let titles = open(&folder, "title");
    let error = titles.entity("Book").unwrap().find_many(query().filter(value!({ "$search": "old" }))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DatabaseError);
    assert!(error.message().contains("migrate"), "{error}");
    titles.migrate().unwrap();
    assert_eq!(found(&titles, "old"), [1]);
    assert_eq!(found(&titles, "some"), [0i64; 0]);

    let both = open(&folder, "title, blurb");
    both.migrate().unwrap();
    assert_eq!(both.migrate().unwrap(), [""; 0], "a second run finds nothing to do");
    assert_eq!(found(&both, "some"), [1, 2]);
    // A client whose schema does not search yet keeps the words right all the same.
    plain.entity("Book").unwrap().update(1, value!({ "blurb": "new words" })).unwrap();
    plain.entity("Book").unwrap().delete(2).unwrap();
    assert_eq!(found(&both, "some"), [0i64; 0]);
    assert_eq!(found(&both, "old new"), [1]);
}

#[test]
fn kept_words_can_be_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder, "title");
    db.migrate().unwrap();
    db.entity("Book").unwrap().create(value!({ "id": 1, "title": "one" })).unwrap();
    rusqlite::Connection::open(folder.path().join("a.db"))
        .unwrap()
        .execute_batch("DROP TABLE \"books$title$words\"")
        .unwrap();
    db.migrate().unwrap();
    db.entity("Book").unwrap().create(value!({ "id": 2, "title": "one" })).unwrap();
    assert_eq!(found(&db, "one"), [1, 2]);
}

#[test]
fn a_search_looks_words_up_and_reads_no_other_rows() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder, "title, blurb");
    db.migrate().unwrap();
    let ask = Request::new(Operation::FindMany, "Book").arg("filter", value!({ "$search": "two wo" }));
    let text = db.explain(&ask, None).unwrap().steps[0].text.clone();
    let sqlite = rusqlite::Connection::open(folder.path().join("a.db")).unwrap();
    let mut explain = sqlite.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
    let plan: Vec<String> = explain.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>().unwrap();
    let plan = plan.join("; ");
    assert!(!plan.contains("SCAN"), "{plan}");
    assert!(plan.contains("SEARCH books USING INTEGER PRIMARY KEY (rowid=?)"), "{plan}");
    assert!(plan.contains("SEARCH books$title$words USING PRIMARY KEY (word=?)"), "{plan}");
    assert!(plan.contains("SEARCH books$blurb$words USING PRIMARY KEY (word>? AND word<?)"), "{plan}");
}

/// `cargo test -p dbal --test sqlite measured -- --ignored --nocapture`
#[test]
#[ignore = "takes a minute; says how long searches of 100,000 rows take"]
fn measured_over_100_000_rows() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder, "title, blurb");
    db.migrate().unwrap();
    let start = Instant::now();
    for block in 0..10 {
        let row = |id: i64| {
            let blurb: Vec<String> = (0..20).map(|n| format!("w{}", (id * 7_919 + n * n * 104_729) % 5_000)).collect();
            let (title, blurb) = (format!("Row {id} common"), blurb.join(" "));
            value!({ "id": id, "title": title, "blurb": blurb })
        };
        let rows: Vec<Value> = (block * 10_000..(block + 1) * 10_000).map(row).collect();
        db.entity("Book").unwrap().insert_many(rows).unwrap();
    }
    println!("100,000 rows of 23 words written in {:?}", start.elapsed());
    let time = |what: &str, filter: Value| {
        let mut best = None;
        for _ in 0..5 {
            let start = Instant::now();
            let rows = db.entity("Book").unwrap().find_many(query().filter(filter.clone()).limit(20)).unwrap();
            let took = start.elapsed();
            best = best.min(Some((took, rows.len()))).or(Some((took, rows.len())));
        }
        let (took, rows) = best.unwrap();
        println!("{what}: {took:?}, {rows} rows");
    };
    time("a word that some hundred rows have, and the beginning of a hundred words", value!({ "$search": "w17 w42" }));
    time("three such words", value!({ "$search": "w17 w4200 w1" }));
    time("a word that every row has, and one that few have", value!({ "$search": "common w4711" }));
    time("two words that no row has", value!({ "$search": "nowhere nothing" }));
    time("a word that every row has", value!({ "$search": "common" }));
    time(
        "the same rows without the words: $icontains of both",
        value!({ "$and": [
        { "blurb": { "$icontains": "w17 " } }, { "blurb": { "$icontains": "w42 " } }] }),
    );
}
