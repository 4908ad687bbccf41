//! Walking a list by cursor gives each row once and in order, whatever the sort and whichever way; and two clients
//! share cursors when they share a key.
#![allow(clippy::unwrap_used)]

use dbal::{Client, Config, Value, query, value};

const SCHEMA: &str = "
entity: Boss
fields:
  id: { type: integer, primary: true }
  name: { type: string }
---
entity: Item
fields:
  id: { type: integer, primary: true }
  word: { type: string }
  price: { type: decimal }
  share: { type: float }
  day: { type: date }
  at: { type: datetime }
  on: { type: boolean }
  key: { type: uuid }
  raw: { type: bytes }
  boss_id: { type: integer, foreign_key: { entity: Boss, field: id } }
relations:
  boss: { type: belongs_to, entity: Boss, foreign_key: boss_id }
";

fn filled(config: Config) -> Client {
    let db = Client::open(config.schema_text(SCHEMA)).unwrap();
    db.migrate().unwrap();
    for (id, name) in [(1, Some("b")), (2, None), (3, Some("a"))] {
        db.entity("Boss").unwrap().create(value!({ "id": id, "name": (name) })).unwrap();
    }
    let some = |id: i64, modulus: i64, value: Value| if id % modulus == 0 { Value::Null } else { value };
    for id in 0..40_i64 {
        let data = value!({
            "id": id,
            "word": (some(id, 3, ["x", "y", "", "ä"][id as usize % 4].into())),
            "price": (some(id, 5, format!("{}.{}", id % 3, id % 2 * 5).into())),
            "share": (some(id, 7, Value::Float((id % 4) as f64 / 3.0 - 0.5))),
            "day": (some(id, 4, format!("2024-01-0{}", 1 + id % 3).into())),
            "at": (some(id, 4, format!("2024-01-0{}T00:00:00.00{}Z", 1 + id % 3, id % 2).into())),
            "on": (some(id, 5, Value::Bool(id % 2 == 0))),
            "key": (some(id, 6, format!("00000000-0000-0000-0000-00000000000{}", id % 5).into())),
            "raw": (some(id, 6, Value::Bytes(vec![(id % 5) as u8 * 60; id as usize % 3]))),
            "boss_id": (some(id, 4, Value::Int(1 + id % 3))),
        });
        db.entity("Item").unwrap().create(data).unwrap();
    }
    db
}

fn ids(rows: &[dbal::Record]) -> Vec<i64> {
    rows.iter().map(|row| row.get("id").unwrap().as_i64().unwrap()).collect()
}

fn walk(db: &Client, sort: &Value, limit: i64, forward: bool) -> Vec<i64> {
    let (mut all, mut cursor) = (Vec::new(), Value::Null);
    for _ in 0..=40 {
        let name = if forward { "after" } else { "before" };
        let asked = query().arg("sort", sort.clone()).limit(limit).arg(name, cursor);
        let page = db.entity("Item").unwrap().list(asked).unwrap();
        assert_eq!(page.total, Some(40));
        assert_eq!(page.has_more, page.next_cursor.is_some());
        let rows = ids(&page.data);
        let next = if forward {
            all.extend(rows);
            page.next_cursor
        } else {
            all.splice(0..0, rows);
            page.prev_cursor
        };
        match next {
            Some(next) => cursor = next.into(),
            None => return all,
        }
    }
    panic!("a walk does not end: {all:?}");
}

fn every_walk_is_whole(db: &Client) {
    let fields = ["id", "word", "price", "share", "day", "at", "on", "key", "raw", "boss_id", "boss.name"];
    for (position, field) in fields.iter().enumerate() {
        for (order, nulls) in [("asc", "first"), ("asc", "last"), ("desc", "first"), ("desc", "last")] {
            let other = fields[(position + 3) % fields.len()];
            let how = |order: &str| value!({ "order": (order), "nulls": (nulls) });
            let key = |name: &str, order: &str| Value::Map([(name.to_owned(), how(order))].into_iter().collect());
            for sort in [vec![key(field, order)], vec![key(field, order), key(other, "desc")]] {
                let sort = Value::List(sort);
                let expected = ids(&db.entity("Item").unwrap().find_many(query().arg("sort", sort.clone())).unwrap());
                for limit in [1, 7, 39] {
                    assert_eq!(walk(db, &sort, limit, true), expected, "{sort:?}, {limit} rows a page");
                    assert_eq!(walk(db, &sort, limit, false), expected, "{sort:?} backwards, {limit} rows a page");
                }
            }
        }
    }
}

#[test]
fn every_walk_is_whole_in_memory() {
    every_walk_is_whole(&filled(Config::memory()));
}

#[test]
#[cfg(feature = "sqlite")]
fn every_walk_is_whole_on_sqlite() {
    every_walk_is_whole(&filled(Config::sqlite(":memory:")));
}

#[test]
fn clients_share_cursors_when_they_share_a_key() {
    let open = |key: u8| filled(Config::memory().cursor_key([key; 32]));
    let (one, two, other) = (open(1), open(1), open(2));
    let first = |db: &Client| db.entity("Item").unwrap().list(query().after(Value::Null).limit(1)).unwrap();
    let cursor = first(&one).next_cursor.unwrap();
    let next = |db: &Client| db.entity("Item").unwrap().list(query().after(cursor.clone()).limit(1));
    assert_eq!(ids(&next(&two).unwrap().data), [1]);
    assert_eq!(next(&other).unwrap_err().kind(), dbal::ErrorKind::ValidationError);
}
