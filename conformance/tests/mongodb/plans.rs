//! What is looked up is found by an index: the commands that requests make are kept on their way, and the server is asked
//! how it would run them.
//!
//! The tests' server explains a filter as it then runs it: the first `$match` of a pipeline, and the filter and the sort
//! of a `find`. It knows fewer ways than MongoDB, whose planner also looks into `$and`, sorts pipelines by an index and
//! takes a partial index for a list of values; so what it finds by an index MongoDB does too. It says nothing of what
//! stands later in a pipeline. What a `$lookup` asks of the other collection and what a sort asks of its own is therefore
//! explained as the `find` that it is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dbal::adapter::mongodb::{MongoAdapter, MongoOptions};
use dbal::migrate::Options;
use dbal::{Client, Config, Value, query, value};
use dbal_conformance::servers::MONGODB_URL;
use mongodb::bson::{Bson, Document, doc};

use super::wire::Wire;

const SCHEMA: &str = "
entity: Team
fields:
  id: { type: integer, primary: true }
  code: { type: string, unique: true }
relations:
  people: { type: has_many, entity: Person, foreign_key: team_id }
---
entity: Person
fields:
  id: { type: integer, primary: true }
  email: { type: string, unique: true }
  role: { type: string, required: true }
  level: { type: integer, required: true }
  born: { type: date, index: true }
  rank: { type: integer }
  team_id: { type: integer, foreign_key: { entity: Team, field: id } }
  team_code: { type: string, foreign_key: { entity: Team, field: code } }
relations:
  team: { type: belongs_to, entity: Team, foreign_key: team_id }
  coded: { type: belongs_to, entity: Team, foreign_key: team_code }
  badges: { type: many_to_many, entity: Badge, through: Holding }
indexes:
  - { fields: [role, level] }
  - { fields: [rank, id] }
---
entity: Badge
fields:
  id: { type: integer, primary: true }
  name: { type: string, required: true }
---
entity: Holding
fields:
  id: { type: integer, primary: true }
  person_id: { type: integer, required: true, foreign_key: { entity: Person, field: id } }
  badge_id: { type: integer, required: true, foreign_key: { entity: Badge, field: id } }
indexes:
  - { fields: [person_id, badge_id], unique: true }
";

/// A client whose commands are kept, and the server that is asked of them.
pub struct Place {
    pub client: Client,
    adapter: Arc<MongoAdapter>,
    pub wire: Wire,
    /// The URL without the wire.
    straight: String,
    runtime: tokio::runtime::Runtime,
    database: mongodb::Database,
}

/// The names of what a plan is made of: stages, and indexes.
#[derive(Debug, Default, PartialEq)]
struct Way {
    stages: BTreeSet<String>,
    indexes: BTreeSet<String>,
}

impl Way {
    /// Adds what stands anywhere in a plan. On newer servers it is one level deeper than on older ones.
    fn gather(&mut self, plan: &Bson) {
        match plan {
            Bson::Array(parts) => parts.iter().for_each(|part| self.gather(part)),
            Bson::Document(part) => {
                self.stages.extend(part.get_str("stage").map(str::to_owned));
                self.indexes.extend(part.get_str("indexName").map(str::to_owned));
                // By the key without more, for which some servers name no index.
                if part.get_str("stage").is_ok_and(|stage| stage.starts_with("EXPRESS") || stage == "IDHACK") {
                    self.indexes.insert("_id_".to_owned());
                }
                part.values().for_each(|part| self.gather(part));
            }
            _ => {}
        }
    }
}

impl Place {
    pub fn open() -> Option<Place> {
        let Some(url) = std::env::var(MONGODB_URL).ok().filter(|url| !url.is_empty()) else {
            eprintln!("LEFT OUT: {MONGODB_URL} is not set; see cargo xtask servers");
            return None;
        };
        let server = url.split_once("://").unwrap().1.split(['/', '?']).next().unwrap().to_owned();
        let wire = Wire::before(server.clone());
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("dbal_plans_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let schema = Client::open(Config::memory().schema_text(SCHEMA)).unwrap().schema().clone();
        // Without this the driver would ask the server where it is, and go there.
        let through = format!("mongodb://127.0.0.1:{}/{name}?directConnection=true", wire.port);
        let adapter = Arc::new(MongoAdapter::open(schema.clone(), &MongoOptions::url(through)).unwrap());
        let client = Client::open(Config::adapter(adapter.clone()).schema(schema)).unwrap();
        client.migrations().unwrap().apply(&Options::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let straight = format!("mongodb://{server}/{name}?directConnection=true");
        let database = runtime.block_on(mongodb::Client::with_uri_str(&straight)).unwrap().database(&name);
        let place = Place { client, adapter, wire, straight, runtime, database };
        place.fill();
        Some(place)
    }

    fn fill(&self) {
        let insert = |entity: &str, row: &dyn Fn(i64) -> Value| {
            self.client.entity(entity).unwrap().insert_many((1..40).map(row)).unwrap();
        };
        insert("Team", &|id| value!({ "id": id, "code": (format!("t{id}")) }));
        insert("Person", &|id| {
            let (email, code, born) =
                (format!("p{id}@example.org"), format!("t{id}"), format!("19{:02}-01-01", id + 10));
            value!({ "id": id, "email": email, "role": (if id == 38 { "boss" } else { "user" }), "level": (id % 5),
                "born": born, "rank": (id % 7), "team_id": id, "team_code": code })
        });
        insert("Badge", &|id| value!({ "id": id, "name": (format!("badge {id}")) }));
        insert("Holding", &|id| value!({ "id": id, "person_id": id, "badge_id": id }));
    }

    fn told(&self, command: Document) -> Document {
        self.runtime.block_on(async { self.database.run_command(command).await }).unwrap()
    }

    fn indexes(&self, collection: &str) -> Vec<Document> {
        let listed = self.told(doc! { "listIndexes": collection });
        let listed = listed.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
        listed.iter().filter_map(Bson::as_document).cloned().collect()
    }

    fn explained(&self, command: Document) -> Way {
        let reply = self.told(doc! { "explain": command, "verbosity": "queryPlanner" });
        let plan = match reply.get("queryPlanner") {
            Some(plan) => plan.clone(),
            None => reply.get("stages").cloned().unwrap(),
        };
        let mut way = Way::default();
        match plan.as_document().and_then(|plan| plan.get("winningPlan")) {
            Some(winning) => way.gather(winning),
            None => way.gather(&plan),
        }
        assert!(!way.stages.is_empty(), "there is no plan in {reply}");
        way
    }

    /// How one command finds its documents; of a write, those that it changes.
    fn way(&self, command: &Document) -> Way {
        let (name, collection) = command.iter().next().unwrap();
        let writes = match name.as_str() {
            "aggregate" => {
                let pipeline = command.get_array("pipeline").unwrap().clone();
                return self.explained(doc! { "aggregate": collection, "pipeline": pipeline, "cursor": {} });
            }
            "update" => "updates",
            _ => "deletes",
        };
        let [Bson::Document(write)] = command.get_array(writes).unwrap().as_slice() else { panic!("{command}") };
        self.explained(doc! { "find": collection, "filter": write.get_document("q").unwrap() })
    }

    /// The ways of all commands of a request.
    fn ways(&self, request: impl FnOnce(&Client)) -> Vec<(Document, Way)> {
        let asked = self.wire.asked(|| request(&self.client));
        assert!(!asked.is_empty(), "nothing was asked");
        asked.into_iter().map(|command| (command.clone(), self.way(&command))).collect()
    }

    /// Asserts that each command of a request goes by the index here.
    #[track_caller]
    fn by(&self, indexes: &[&str], request: impl FnOnce(&Client)) -> Vec<Document> {
        let ways = self.ways(request);
        let commands = || ways.iter().map(|(command, _)| command.to_string()).collect::<Vec<_>>();
        assert_eq!(ways.len(), indexes.len(), "{:#?}", commands());
        for ((command, way), index) in ways.iter().zip(indexes) {
            assert!(!way.stages.contains("COLLSCAN"), "{command}\n{way:?}");
            assert_eq!(way.indexes, BTreeSet::from([(*index).to_owned()]), "{command}");
        }
        ways.into_iter().map(|(command, _)| command).collect()
    }

    /// Asserts that the one command of a request joins rows by the index here, for a row with this value.
    #[track_caller]
    fn joined(&self, index: &str, local: impl Into<Bson>, request: impl FnOnce(&Client)) {
        let asked = self.wire.asked(|| request(&self.client));
        let lookup = |command: &Document| {
            let stages = command.get_array("pipeline").cloned().unwrap_or_default();
            stages.into_iter().find_map(|stage| stage.as_document()?.get_document("$lookup").ok().cloned())
        };
        let [lookup] = &asked.iter().filter_map(lookup).collect::<Vec<_>>()[..] else { panic!("{asked:#?}") };
        let filter = doc! { lookup.get_str("foreignField").unwrap(): local.into() };
        let way = self.explained(doc! { "find": lookup.get_str("from").unwrap(), "filter": filter });
        assert_eq!(way.indexes, BTreeSet::from([index.to_owned()]), "{lookup}");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.adapter.drop_database();
    }
}

fn one(client: &Client, entity: &str, filter: Value) {
    assert_eq!(client.entity(entity).unwrap().find_many(query().filter(filter)).unwrap().len(), 1);
}

#[test]
fn rows_are_found_by_their_indexes() {
    let Some(place) = Place::open() else { return };
    place.by(&["_id_"], |db| drop(db.entity("Person").unwrap().read(7_i64).unwrap()));
    place.by(&["_id_"], |db| one(db, "Person", value!({ "id": { "$in": [7, 900] } })));
    // An index over one field, and one over two, by its first and by both.
    place.by(&["people_born_idx"], |db| one(db, "Person", value!({ "born": "1917-01-01" })));
    place.by(&["people_born_idx"], |db| {
        one(db, "Person", value!({ "born": { "$gt": "1916-06-01", "$lt": "1918-01-01" } }))
    });
    let role = "people_role_level_idx";
    place.by(&[role], |db| one(db, "Person", value!({ "role": "boss", "level": 3 })));
    place.by(&[role], |db| one(db, "Person", value!({ "role": "boss" })));
    place.by(&[role], |db| one(db, "Person", value!({ "role": "boss", "level": { "$gte": 1, "$lte": 4 } })));
    // A change finds what it changes, and then writes it by its key.
    let change = |db: &Client| drop(db.entity("Person").unwrap().update(7_i64, value!({ "level": 3 })).unwrap());
    place.by(&["_id_", "_id_"], change);
    place.by(&["_id_"], |db| db.entity("Holding").unwrap().delete(39_i64).unwrap());
}

/// The index of a unique key leaves out documents that have a null in it, so that nulls are distinct. It is used only
/// where the condition says that none of these is meant.
#[test]
fn unique_keys_are_found_by_indexes_that_hold_no_nulls() {
    let Some(place) = Place::open() else { return };
    let email = "people_email_key";
    let people = |db: &Client, email: Value| one(db, "Person", value!({ "email": email }));
    place.by(&[email], |db| people(db, "p7@example.org".into()));
    place.by(&[email], |db| people(db, value!({ "$in": ["p7@example.org", "nobody"] })));
    place.by(&[email], |db| people(db, value!({ "$gt": "p9", "$lt": "q" })));
    place.by(&[email], |db| people(db, value!({ "$lt": "p10@example.orh" })));
    // The tests' server finds no pattern by an index that is partial; MongoDB does where the same bound is asked for.
    let asked = place.wire.asked(|| people(&place.client, value!({ "$startsWith": "p7@" })));
    let filter = asked[0].get_array("pipeline").unwrap()[0].as_document().unwrap().get_document("$match").unwrap();
    let rules = filter.get_document("email").unwrap();
    assert!(rules.keys().eq(["$regex", "$gte"]) && rules.get_str("$gte").unwrap().is_empty(), "{filter}");
    // What is asked is what the index holds.
    let held = place.indexes("people").into_iter().find(|index| index.get_str("name").is_ok_and(|name| name == email));
    assert_eq!(held.unwrap().get_document("partialFilterExpression").unwrap(), &doc! { "email": { "$gte": "" } });
}

#[test]
fn related_rows_are_found_by_indexes() {
    let Some(place) = Place::open() else { return };
    let include = |db: &Client, entity: &str, relation: &'static str| {
        let mut with = dbal::Map::default();
        with.insert(relation, true);
        let asked = query().filter(value!({ "id": { "$in": [7, 8] } })).include(Value::Map(with));
        assert_eq!(db.entity(entity).unwrap().find_many(asked).unwrap().len(), 2);
    };
    place.by(&["_id_", "_id_"], |db| include(db, "Person", "team"));
    place.by(&["_id_", "people_team_id_idx"], |db| include(db, "Team", "people"));
    place.by(&["_id_", "teams_code_key"], |db| include(db, "Person", "coded"));
    // The unique index that a reference begins with holds only rows with both, so that it has one of its own.
    let between = "_dbal_reference_holdings_person_id_badge_id_key";
    place.by(&["_id_", between], |db| include(db, "Person", "badges"));
    place.joined("_id_", 7, |db| include(db, "Person", "badges"));
    // A condition on related rows.
    place.joined("_id_", 7, |db| one(db, "Person", value!({ "team": { "code": "t7" } })));
    place.joined("teams_code_key", "t7", |db| one(db, "Person", value!({ "coded": { "id": 7 } })));
    place.joined("people_team_id_idx", 7, |db| one(db, "Team", value!({ "people": { "$some": { "id": 7 } } })));
    // Whether rows refer to one that goes.
    place.client.entity("Team").unwrap().create(value!({ "id": 900, "code": "gone" })).unwrap();
    let gone = |db: &Client| db.entity("Team").unwrap().delete(900_i64).unwrap();
    place.by(&["_id_", "_id_", "_id_", "people_team_id_idx", "teams_code_key", "people_team_code_idx"], gone);
}

#[test]
fn the_index_of_a_reference_goes_with_the_unique_one() {
    let Some(place) = Place::open() else { return };
    let names = || {
        let indexes = place.indexes("holdings");
        indexes.iter().map(|index| index.get_str("name").unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let between = "_dbal_reference_holdings_person_id_badge_id_key";
    let with = ["_id_", between, "holdings_badge_id_idx", "holdings_person_id_badge_id_key"];
    assert_eq!(names(), with.map(str::to_owned).into());
    let plain = SCHEMA.replace("person_id, badge_id], unique: true", "badge_id, person_id]");
    let client = Client::open(Config::url(&place.straight).schema_text(&plain)).unwrap();
    client.migrations().unwrap().apply(&Options::default()).unwrap();
    let without = ["_id_", "holdings_badge_id_person_id_idx", "holdings_person_id_idx"];
    assert_eq!(names(), without.map(str::to_owned).into());
    client.migrations().unwrap().rollback(&Options::default()).unwrap();
    assert_eq!(names(), with.map(str::to_owned).into());
}

/// The key comes last in every order, so an index gives an order if it ends with the key.
#[test]
fn rows_come_in_the_order_of_an_index() {
    let Some(place) = Place::open() else { return };
    let first = |db: &Client| {
        assert_eq!(db.entity("Person").unwrap().find_many(query().sort("rank", "asc").limit(3)).unwrap().len(), 3);
    };
    let [asked] = &place.wire.asked(|| first(&place.client))[..] else { panic!("one command") };
    let pipeline = asked.get_array("pipeline").unwrap();
    let sort = pipeline[0].as_document().unwrap().get_document("$sort").unwrap();
    let way = place.explained(doc! { "find": "people", "sort": sort });
    assert_eq!(way.indexes, BTreeSet::from(["people_rank_id_idx".to_owned()]));
    assert!(!way.stages.contains("SORT"), "{way:?}");
}
