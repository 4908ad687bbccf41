//! The three properties of which most attacks are a case, over HTTP, WebSocket and gRPC with requests made up at random:
//!
//! - two worlds that differ only in what a caller may not see answer that caller alike;
//! - nothing that a caller does changes a row outside their filter, or moves a row out of it or into it;
//! - what a caller sees is what an administrator sees, filtered by the rule.
//!
//! Known exceptions are not asked for: a unique key that a hidden row has, a key that is taken.

use dbal::value::json;
use dbal::{Map, Value, query, value};

use crate::support::grpc::{Grpc, code};
use crate::support::socket::Socket;
use crate::world::{World, token, world};

/// Requests in a row.
const REQUESTS: usize = 400;

/// Numbers that look like chance and are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }

    fn id(&mut self) -> i64 {
        self.below(40) as i64 + 1
    }

    fn condition(&mut self, depth: u32) -> Value {
        if depth > 0 && self.below(3) == 0 {
            let (left, right) = (self.condition(depth - 1), self.condition(depth - 1));
            return match self.below(3) {
                0 => value!({ "$and": [(left), (right)] }),
                1 => value!({ "$or": [(left), (right)] }),
                _ => value!({ "$not": (left) }),
            };
        }
        let level = self.below(6) as i64;
        let operator = self.one(&["$eq", "$ne", "$gt", "$lte"]);
        match self.below(9) {
            0 => value!({ "id": { "$lte": (self.id()) } }),
            1 => Value::Map(Map(vec![("level".into(), Value::Map(Map(vec![(operator.into(), level.into())])))])),
            2 => value!({ "owner": (self.one(&["ada", "bob"])) }),
            3 => value!({ "name": { "$contains": (self.one(&["a", "bob", "1", ""])) } }),
            4 => value!({ "notes": { "$some": { "text": { "$contains": (self.one(&["ada", "bob"])) } } } }),
            5 => value!({ "notes": { "$none": {} } }),
            6 => value!({ "notes": { "$every": { "id": { "$gt": (self.id()) } } } }),
            7 => value!({ "id": { "$in": [(self.id()), (self.id()), 3] } }),
            // Hidden: refused, whatever it says.
            _ => value!({ "secret": (self.one(&["s3cret-canary", "other"])) }),
        }
    }

    /// An operation on accounts with its arguments. `fresh` is a number that no row has.
    fn request(&mut self, fresh: i64) -> (&'static str, Map) {
        let filter = self.condition(2);
        let sort = self.one(&["id", "name", "level", "secret"]);
        let sort = Value::Map(Map(vec![(sort.into(), self.one(&["asc", "desc"]).into())]));
        // Times differ from one world to the next.
        let select = value!(["id", "name", "owner", "level"]);
        let name = format!("made-{fresh}");
        let owner = self.one(&["ada", "ada", "bob"]);
        let (operation, args) = match self.below(14) {
            0 => (
                "list",
                value!({ "filter": filter, "sort": sort, "limit": 3, "page": (self.below(3) as i64 + 1), "select": select }),
            ),
            1 => (
                "find_many",
                value!({ "filter": filter, "sort": sort, "select": select, "include": { "notes": { "sort": { "id": "asc" } } } }),
            ),
            2 => ("first", value!({ "filter": filter, "sort": sort, "select": select })),
            3 => ("count", value!({ "filter": filter })),
            4 => ("distinct", value!({ "field": (self.one(&["level", "owner", "secret"])), "filter": filter })),
            5 => ("aggregate", value!({ "filter": filter, "count": true, "max": ["level"], "group_by": ["owner"] })),
            6 => ("read", value!({ "id": (self.id()), "select": select })),
            7 => ("update", value!({ "id": (self.id()), "data": { "level": (self.below(9) as i64) } })),
            8 => ("update", value!({ "id": (self.id()), "data": { "owner": owner } })),
            9 => ("delete", value!({ "id": (self.id()) })),
            10 => ("create", value!({ "data": { "id": fresh, "name": name, "owner": owner, "level": 2 } })),
            11 => ("update_many", value!({ "filter": filter, "data": { "level": (self.below(9) as i64) } })),
            12 => ("delete_many", value!({ "filter": { "$and": [(filter), { "level": { "$gt": 6 } }] } })),
            _ => (
                "upsert",
                value!({ "where": { "name": name }, "create": { "id": fresh, "owner": owner }, "update": { "level": 1 } }),
            ),
        };
        match args {
            Value::Map(args) => (operation, args),
            _ => unreachable!(),
        }
    }
}

/// The three ways to ask as ada.
struct Ways {
    socket: Socket,
    grpc: Grpc,
}

impl Ways {
    fn new(world: &World) -> Ways {
        let token = token("ada", "user");
        Ways {
            socket: Socket::open(world.served.address, Some(&token)),
            grpc: Grpc::new(world.served.address, Some(&token)),
        }
    }

    /// What was answered, without what names the request, times and versions: trusted code wrote every row of one world.
    fn ask(&mut self, world: &World, way: u64, operation: &str, args: &Map) -> String {
        match way {
            0 => {
                let answer = world.ada().post(&format!("/v1/Account:{operation}"), &Value::Map(args.clone()));
                plain(answer.json())
            }
            1 => match self.socket.request(operation, "Account", args.clone()) {
                Ok(answer) => plain(answer),
                Err(error) => plain(Value::Map(error)),
            },
            _ => match self.grpc.execute(operation, "Account", args.clone()) {
                Ok(answer) => plain(answer),
                Err(status) => format!("{} {}", code(&status), status.message()),
            },
        }
    }
}

fn plain(answer: Value) -> String {
    fn without(value: Value) -> Value {
        match value {
            Value::Map(map) => {
                let kept = map
                    .0
                    .into_iter()
                    .filter(|(name, _)| !matches!(name.as_ref(), "request_id" | "created_at" | "version"));
                Value::Map(Map(kept.map(|(name, value)| (name, without(value))).collect()))
            }
            Value::List(items) => Value::List(items.into_iter().map(without).collect()),
            other => other,
        }
    }
    json::to_text(&without(answer))
}

/// All rows of an owner, or of everybody else, as trusted code sees them.
fn rows(world: &World, filter: Value) -> Vec<String> {
    let accounts = world.client.entity("Account").unwrap().find_many(query().filter(filter)).unwrap();
    accounts.into_iter().map(|row| json::to_text(&Value::Map(row.into_map()))).collect()
}

/// Rows of bob's that are other ones, and other secrets.
fn other_world() -> World {
    let world = world();
    let accounts = world.client.entity("Account").unwrap();
    accounts.delete(4).unwrap();
    accounts.update(3, value!({ "name": "somebody", "level": 7, "doc": { "x": 1 } })).unwrap();
    for id in 20..30 {
        let row = value!({ "id": id, "name": (format!("hidden-{id}")), "owner": "bob", "level": (id % 5) });
        accounts.create(row).unwrap();
        let note = value!({ "id": id, "account_id": id, "text": "ada bob" });
        world.client.entity("Note").unwrap().create(note).unwrap();
    }
    accounts.update_all(value!({ "secret": "other" })).unwrap();
    world
}

#[test]
fn what_is_hidden_changes_no_answer_and_is_not_changed() {
    let (one, other) = (world(), other_world());
    let (mut of_one, mut of_other) = (Ways::new(&one), Ways::new(&other));
    let hidden = || value!({ "owner": { "$ne": "ada" } });
    let before = (rows(&one, hidden()), rows(&other, hidden()));
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut codes = std::collections::BTreeMap::new();
    for number in 0..REQUESTS {
        let (operation, args) = dice.request(1_000 + number as i64);
        let way = dice.below(3);
        let (first, second) = (of_one.ask(&one, way, operation, &args), of_other.ask(&other, way, operation, &args));
        assert_eq!(first, second, "{number}: {operation} {}", json::to_text(&Value::Map(args)));
        let refused = ["FORBIDDEN", "NOT_FOUND", "VALIDATION_ERROR", "CONFLICT"];
        let code = refused.into_iter().find(|code| first.contains(code)).unwrap_or("OK");
        *codes.entry(code).or_insert(0) += 1;
    }
    assert_eq!(before, (rows(&one, hidden()), rows(&other, hidden())), "hidden rows were changed");
    for code in ["OK", "FORBIDDEN", "NOT_FOUND", "VALIDATION_ERROR"] {
        assert!(codes.get(code).is_some_and(|count| *count > 10), "too few answers are {code}: {codes:?}");
    }
}

#[test]
fn what_is_seen_is_what_an_administrator_sees_filtered() {
    let world = other_world();
    let mut ways = Ways::new(&world);
    let (mut dice, mut found) = (Dice(7), 0);
    for _ in 0..150 {
        let filter = dice.condition(2);
        if json::to_text(&filter).contains("secret") {
            continue;
        }
        let sorted = |filter: Value| {
            let args = value!({ "filter": filter, "sort": { "id": "asc" }, "select": ["id", "owner"], "limit": 100 });
            match args {
                Value::Map(args) => args,
                _ => unreachable!(),
            }
        };
        // Notes that she may not see are none for her; filters through them are the first property's.
        if json::to_text(&filter).contains("notes") {
            continue;
        }
        let all = world.admin().post("/v1/Account:find_many", &Value::Map(sorted(filter.clone()))).json();
        let own = all.as_list().unwrap().iter().filter(|row| row.as_map().unwrap().get("owner") == Some(&"ada".into()));
        let own = plain(Value::List(own.cloned().collect()));
        for way in 0..3 {
            assert_eq!(ways.ask(&world, way, "find_many", &sorted(filter.clone())), own, "{filter:?}");
        }
        // One row at a time says the same as the list.
        for id in 1..5 {
            let listed = own.contains(&format!("\"id\":{id},"));
            let both = value!({ "$and": [(filter.clone()), { "id": id }] });
            let count = ways.ask(&world, 0, "count", &Map(vec![("filter".into(), both)]));
            assert_eq!(count == "1", listed, "{id} of {filter:?}");
        }
        found += usize::from(own != "[]");
    }
    assert!(found > 20, "too few filters find anything: {found}");
}
