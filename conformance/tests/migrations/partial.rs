//! Keys that are unique for some rows only, from one version of a schema to the next.

use dbal::migrate::Options;
use dbal::{Client, Config, Reason, value};

use crate::places::{Place, mongodb, postgres, sqlite};

fn at(place: &Place, fields: &str, index: &str) -> Client {
    let schema =
        format!("entity: Seat\nfields:\n  id: {{ type: integer, primary: true }}\n{fields}indexes: [{index}]\n");
    Client::open(Config::url(&place.url).schema_text(schema)).unwrap()
}

const FIELDS: &str = "  place: { type: string }\n  state: { type: string }\n";
const RENAMED: &str = "  place: { type: string }\n  phase: { type: string, renamed_from: state }\n";
const HELD: &str = "{ fields: [place], unique: true, name: held, where: \"state = 'held' and id > 0\" }";
const HELD_RENAMED: &str = "{ fields: [place], unique: true, name: held, where: \"phase = 'held' and id > 0\" }";
const OTHER: &str = "{ fields: [place], unique: true, name: held, where: \"phase != 'gone'\" }";

#[test]
fn a_condition_comes_follows_its_fields_changes_and_goes() {
    for place in [sqlite(), postgres("partial"), mongodb("partial")].into_iter().flatten() {
        let url = place.url.as_str();
        let apply = |client: &Client| client.migrations().unwrap().apply(&Options::default());
        let taken = |client: &Client, row: dbal::Value| {
            let error = client.entity("Seat").unwrap().create(row).unwrap_err();
            assert_eq!((error.reason(), error.fields()[0].field.as_str()), (Some(Reason::Unique), "place"), "{url}");
        };
        let first = at(&place, FIELDS, "");
        apply(&first).unwrap();
        let seats = first.entity("Seat").unwrap();
        for (id, state) in [(1, "held"), (2, "free"), (3, "free"), (4, "held")] {
            seats.create(value!({ "id": id, "place": "a", "state": state })).unwrap();
        }
        // Rows that meet the condition are in the way, others are not.
        let second = at(&place, FIELDS, HELD);
        let said = apply(&second).unwrap_err();
        let said: Vec<_> = said.fields().iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!(said, ["Seat: rows that exist share the same place, which is to be unique (1)"], "{url}");
        seats.update(4, value!({ "state": "gone" })).unwrap();
        apply(&second).unwrap().unwrap();
        taken(&second, value!({ "id": 5, "place": "a", "state": "held" }));
        // It follows a field that is called otherwise, and nothing has to be made for it.
        let third = at(&place, RENAMED, HELD_RENAMED);
        apply(&third).unwrap().unwrap();
        assert!(apply(&third).unwrap().is_none(), "{url}");
        taken(&third, value!({ "id": 5, "place": "a", "phase": "held" }));
        third.entity("Seat").unwrap().create(value!({ "id": 5, "place": "a", "phase": "free" })).unwrap();
        // Another condition is another index.
        let fourth = at(&place, RENAMED, OTHER);
        assert!(apply(&fourth).is_err(), "{url}");
        third.entity("Seat").unwrap().delete_many(value!({ "id": { "$gt": 1 } })).unwrap();
        apply(&fourth).unwrap().unwrap();
        taken(&fourth, value!({ "id": 6, "place": "a", "phase": "free" }));
        // And the way back.
        fourth.migrations().unwrap().rollback(&Options::default()).unwrap();
        fourth.entity("Seat").unwrap().create(value!({ "id": 6, "place": "a", "phase": "free" })).unwrap();
        taken(&fourth, value!({ "id": 7, "place": "a", "phase": "held" }));
        third.migrations().unwrap().rollback(&Options::default()).unwrap();
        taken(&second, value!({ "id": 7, "place": "a", "state": "held" }));
    }
}
