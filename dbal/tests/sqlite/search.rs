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

const TREE: &str = "
entity: Node
fields:
  id: { type: integer, primary: true }
  parent_code: { type: string, foreign_key: { entity: Node, field: code, on_delete: cascade, on_update: cascade } }
  code: { type: string, unique: true }
  text: { type: text }
searchable: [parent_code, code, text]
";

/// One write by its numbers; whether it is refused does not matter, as long as both backends do the same.
fn write(tree: &dyn Fn(Operation, Value) -> Option<ErrorKind>, what: (u8, i64, i64, i64)) -> Option<ErrorKind> {
    const TEXTS: [Option<&str>; 5] = [None, Some(""), Some("Red fox"), Some("red, RED hen"), Some("ﬁne fox-hen")];
    let (what, id, other, text) = what;
    let code = |n: i64| if n == 0 { Value::Null } else { Value::from(format!("c {n}")) };
    let text = TEXTS[text as usize].map_or(Value::Null, Value::from);
    let (own, parent) = (code(other), code(id));
    match what {
        0 | 1 => tree(Operation::Create, value!({ "data": { "id": id, "code": own, "text": text } })),
        2 => tree(Operation::Create, value!({ "data": { "id": other, "parent_code": parent, "text": text } })),
        3 => tree(Operation::Update, value!({ "id": id, "data": { "text": text } })),
        4 => tree(Operation::Update, value!({ "id": id, "data": { "code": own } })),
        5 => tree(Operation::Update, value!({ "id": other, "data": { "parent_code": parent } })),
        6 => tree(Operation::UpdateMany, value!({ "filter": { "$search": "fox" }, "data": { "text": text } })),
        7 => tree(Operation::Delete, value!({ "id": id })),
        _ => tree(Operation::DeleteMany, value!({ "filter": { "$search": "hen", "id": { "$gt": other } } })),
    }
}

fn found_in(db: &Client) -> Vec<Vec<i64>> {
    let searches = ["red", "fox", "red f", "hen", "ﬁne", "c", "1", "c 2", "3 red", "r"];
    let ids = |words: &str| {
        let rows = db.entity("Node").unwrap().find_many(query().filter(value!({ "$search": words }))).unwrap();
        rows.iter().map(|row| row.get("id").unwrap().as_i64().unwrap()).collect()
    };
    searches.iter().map(|words| ids(words)).collect()
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 48, failure_persistence: None, ..Default::default() })]

    /// Whatever is written, undone and cascaded, SQLite finds what reading the texts themselves finds.
    #[test]
    fn writes_leave_what_reading_every_text_would_find(
        writes in proptest::collection::vec((0..9u8, 1..5i64, 0..5i64, 0..5i64), 1..30),
        undone in proptest::collection::vec((0..9u8, 1..5i64, 0..5i64, 0..5i64), 0..6),
    ) {
        let open = |config: Config| Client::open(config.schema_text(TREE)).unwrap();
        let (memory, sqlite) = (open(Config::memory()), open(Config::sqlite(":memory:")));
        sqlite.migrate().unwrap();
        let asked = |operation, args: Value| Request { operation, entity: "Node".into(), args: args.as_map().unwrap().clone() };
        for what in writes {
            let done = [&memory, &sqlite].map(|db| {
                write(&|operation, args| db.execute(&asked(operation, args)).err().map(|error| error.kind()), what)
            });
            proptest::prop_assert_eq!(done[0], done[1], "{:?}", what);
            proptest::prop_assert_eq!(found_in(&memory), found_in(&sqlite), "after {:?}", what);
        }
        let before = found_in(&sqlite);
        let rolled_back: Result<(), dbal::Error> = sqlite.transaction(|inside| {
            for what in &undone {
                write(&|operation, args| inside.execute(&asked(operation, args)).err().map(|error| error.kind()), *what);
            }
            Err(dbal::Error::validation("all", "undone"))
        });
        proptest::prop_assert!(rolled_back.is_err());
        proptest::prop_assert_eq!(found_in(&sqlite), before);
    }
}
