//! The first rows in the order of an index are those that sorting all rows would give, however many are equal in it.

use dbal::{Client, Config, DateTime, Value, query, value};

const SCHEMA: &str = "
entity: Writer
fields:
  id: { type: integer, primary: true }
  name: { type: string, required: true }
---
entity: Note
fields:
  id: { type: string, primary: true, required: true }
  rank: { type: integer, required: true, index: true }
  word: { type: string }
  at: { type: datetime, required: true }
  writer_id: { type: integer, foreign_key: { entity: Writer, field: id } }
relations:
  writer: { type: belongs_to, entity: Writer, foreign_key: writer_id }
indexes:
  - { fields: [word, at] }
";

/// A key, its rank, its word, its instant and its writer.
type Note = (String, i64, Option<&'static str>, i64, Option<i64>);

fn notes() -> Vec<Note> {
    let note = |i: i64| {
        // Keys in an order that is neither that of the rows nor of the ranks.
        let id = format!("{:03}", i * 7_919 % 997);
        (id, i * i % 5, [None, Some("a"), Some("b"), Some("")][(i % 4) as usize], i % 3, (i % 6 > 0).then_some(i % 2))
    };
    (0..400).map(note).collect()
}

fn client(notes: &[Note]) -> Client {
    let db = Client::open(Config::url("sqlite::memory:").schema_text(SCHEMA)).expect("opens");
    db.migrate().expect("migrates");
    let writers = [(0, "Ada"), (1, "Bob")].map(|(id, name)| value!({ "id": (id), "name": (name) }));
    db.entity("Writer").and_then(|writers_of| writers_of.insert_many(writers)).expect("writers");
    let rows = notes.iter().map(|(id, rank, word, at, writer)| {
        let word = word.map_or(Value::Null, Value::from);
        let writer = writer.map_or(Value::Null, Value::from);
        let (id, at) = (id.as_str(), DateTime::from_epoch_millis(*at).expect("an instant"));
        value!({ "id": (id), "rank": (*rank), "word": (word), "at": (at), "writer_id": (writer) })
    });
    db.entity("Note").and_then(|all| all.insert_many(rows)).expect("notes");
    db
}

#[test]
fn the_first_rows_are_the_same_as_of_all_rows_in_order() {
    let mut notes = notes();
    let db = client(&notes);
    let asked = |query| {
        let rows = db.entity("Note").and_then(|all| all.find_many(query)).expect("rows");
        let id = |row: &dbal::Record| row.get("id").and_then(Value::as_str).expect("a key").to_owned();
        rows.iter().map(id).collect::<Vec<String>>()
    };
    for descending in [false, true] {
        let direction = if descending { "desc" } else { "asc" };
        notes.sort_by(|one, other| {
            let rank = if descending { other.1.cmp(&one.1) } else { one.1.cmp(&other.1) };
            rank.then_with(|| one.0.cmp(&other.0))
        });
        let ranked: Vec<String> = notes.iter().map(|note| note.0.clone()).collect();
        for limit in [0, 1, 2, 40, 399, 400, 1_000, 5_000] {
            for offset in [0, 1, 79, 80, 81, 399, 400, 900] {
                let wanted: Vec<String> = ranked.iter().skip(offset).take(limit).cloned().collect();
                let query = || query().sort("rank", direction).limit(limit as i64).offset(offset as i64);
                assert_eq!(asked(query()), wanted, "{direction} limit {limit} offset {offset}");
                // With the rows that are related to them in the same rows.
                let joined = query().include(value!({ "writer": true }));
                assert_eq!(asked(joined), wanted, "{direction} limit {limit} offset {offset}, with writers");
                let by_writer = query().filter(value!({ "writer": { "name": "Bob" } }));
                let of_bob = notes.iter().filter(|note| note.4 == Some(1)).map(|note| note.0.clone());
                let wanted: Vec<String> = of_bob.skip(offset).take(limit).collect();
                assert_eq!(asked(by_writer), wanted, "{direction} limit {limit} offset {offset}, of Bob");
            }
        }
    }
}

#[test]
fn rows_without_a_value_and_two_columns_of_an_index_are_no_exception() {
    let mut notes = notes();
    let db = client(&notes);
    notes.sort_by(|one, other| one.2.cmp(&other.2).then(one.3.cmp(&other.3)).then_with(|| one.0.cmp(&other.0)));
    for (limit, offset) in [(1, 0), (7, 0), (7, 95), (150, 60), (400, 0)] {
        let query = query().sort("word", "asc").sort("at", "asc").limit(limit).offset(offset);
        let rows = db.entity("Note").and_then(|all| all.find_many(query)).expect("rows");
        let found: Vec<&str> = rows.iter().filter_map(|row| row.get("id").and_then(Value::as_str)).collect();
        let wanted: Vec<&str> =
            notes.iter().map(|note| note.0.as_str()).skip(offset as usize).take(limit as usize).collect();
        assert_eq!(found, wanted, "limit {limit} offset {offset}");
    }
}
