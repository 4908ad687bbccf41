//! Databases that nobody here made: entities of them, and questions through relations whose answers the databases
//! themselves give as well.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

#[path = "../migrations/places.rs"]
#[expect(dead_code, reason = "only one backend's place is needed")]
mod places;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use dbal::adapter::mongodb::{MongoAdapter, MongoOptions};
use dbal::adapter::postgres::PostgresAdapter;
use dbal::adapter::sqlite::{SqliteAdapter, SqliteOptions};
use dbal::adapter::{Adapter, Intent};
use dbal::introspect::{Introspection, Options};
use dbal::schema::load_sources;
use dbal::value::json;
use dbal::{Client, Config, Schema, Value, query, value};
use dbal_conformance::foreign::FOREIGN;
use dbal_conformance::servers::POSTGRES_URL;

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os(FOREIGN).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    if folder.is_none() {
        eprintln!("LEFT OUT: {FOREIGN} is not set; cargo xtask test tests sets it");
    }
    folder
}

/// A database with entities, and a way to ask it by itself.
struct Asked {
    found: Introspection,
    client: Client,
    raw: Arc<dyn Adapter>,
}

impl Asked {
    fn new(url: &str, raw: impl FnOnce(Arc<Schema>) -> Arc<dyn Adapter>) -> Asked {
        let found = Config::url(url).introspect(&Options::default()).unwrap();
        let files = found.files.iter().map(|file| (file.name.clone(), file.text.clone()));
        let loaded = load_sources(files.collect()).unwrap();
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        let schema = Arc::new(loaded.schema);
        let client = Client::open(Config::url(url).schema(schema)).unwrap();
        let plan = client.migrations().unwrap().plan(&dbal::migrate::Options::default()).unwrap();
        let said: Vec<String> = plan.changes.iter().map(ToString::to_string).collect();
        assert!(said.is_empty() && plan.faults.is_empty() && plan.steps.is_empty(), "{said:?} {:?}", plan.faults);
        let raw = raw(Arc::new(Schema::new(Vec::new(), Vec::new())));
        Asked { found, client, raw }
    }

    /// What the database says to a question of its own language that has one answer.
    fn says(&self, text: &str) -> String {
        let mut connection = self.raw.connect(Intent::Read, None).unwrap();
        let rows = connection.ask(text).unwrap();
        match rows.first().and_then(|row| row.iter().next()).map(|(_, value)| value.clone()) {
            Some(Value::Text(text)) => text,
            Some(value) => json::to_text(&value),
            None => "nothing".into(),
        }
    }

    fn count(&self, entity: &str, filter: Value) -> String {
        self.client.entity(entity).unwrap().count(query().filter(filter)).unwrap().to_string()
    }

    /// Every row of every entity can be read, with all that its belongs_to relations lead to.
    fn reads_everything(&self, counted: impl Fn(&str) -> String) {
        for file in &self.found.files {
            let entity = self.client.entity(&file.entity).unwrap();
            let rows = entity
                .find_many(query().limit(100_000))
                .unwrap_or_else(|error| panic!("{}: {error:?}\n{}", file.entity, file.text));
            assert_eq!(rows.len().to_string(), self.says(&counted(&file.table)), "{}", file.entity);
            for (name, ..) in self.found.relations(&file.entity) {
                let include = Value::Map(
                    [(name.as_str(), value!({ "limit": 3 }))].into_iter().map(|(n, v)| (n.to_owned(), v)).collect(),
                );
                let to_one = Value::Map([(name.clone(), Value::Bool(true))].into_iter().collect());
                let asked = entity
                    .find_many(query().limit(5).include(include))
                    .or_else(|_| entity.find_many(query().limit(5).include(to_one)));
                asked.unwrap_or_else(|error| panic!("{}.{name}: {error:?}", file.entity));
            }
        }
    }
}

fn sqlite(path: &Path) -> (tempfile::TempDir, Asked) {
    // The original is only read, and tests write.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.db");
    std::fs::copy(path, &file).unwrap();
    let before = std::fs::read(&file).unwrap();
    let _ = Config::sqlite(&file).introspect(&Options::default()).unwrap();
    assert!(before == std::fs::read(&file).unwrap(), "looking at a database changed it");
    let url = format!("sqlite:{}", file.display());
    let raw = |schema| Arc::new(SqliteAdapter::open(schema, SqliteOptions::file(&file)).unwrap()) as Arc<dyn Adapter>;
    (folder, Asked::new(&url, raw))
}

fn of_table(table: &str) -> String {
    format!("SELECT count(*) AS n FROM \"{table}\"")
}

#[test]
fn elements_of_a_python_package_on_sqlite() {
    let Some(folder) = folder() else { return };
    let (_folder, asked) = sqlite(&folder.join("elements.db"));
    asked.reads_everything(of_table);
    assert_eq!(
        asked.count("Element", value!({ "group": { "name": "Noble gases" } })),
        asked.says(
            "SELECT count(*) FROM elements e JOIN groups g ON g.group_id = e.group_id WHERE g.name = 'Noble gases'",
        )
    );
    assert_eq!(
        asked.count("Element", value!({ "isotopes": { "$none": { "is_radioactive": false } } })),
        asked.says(
            "SELECT count(*) FROM elements e WHERE NOT EXISTS \
         (SELECT 1 FROM isotopes i WHERE i.atomic_number = e.atomic_number AND i.is_radioactive = 0)",
        )
    );
    // Nobody declared that these refer to elements; every value bears it out.
    assert_eq!(
        asked.count(
            "Element",
            value!({ "ionizationenergies": { "$some": { "ionization_energy": { "$gt": 100_000.0 } } } })
        ),
        asked.says("SELECT count(DISTINCT atomic_number) FROM ionizationenergies WHERE ionization_energy > 100000",)
    );
    let helium = asked.client.entity("Element").unwrap();
    let helium = helium.first(
        query()
            .filter(value!({ "symbol": "He" }))
            .include(value!({ "isotopes": { "sort": { "mass_number": "asc" } } })),
    );
    let helium = helium.unwrap().unwrap();
    let Some(Value::Records(isotopes)) = helium.get("isotopes") else { panic!("no isotopes") };
    assert_eq!(isotopes.len().to_string(), asked.says("SELECT count(*) FROM isotopes WHERE atomic_number = 2"));
    let left: Vec<&str> = asked.found.left.iter().map(|left| left.what.as_str()).collect();
    assert_eq!(left, ["alembic_version"]);
}

#[test]
fn sakila_of_a_crate_on_sqlite() {
    let Some(folder) = folder() else { return };
    let (_folder, asked) = sqlite(&folder.join("sakila.db"));
    asked.reads_everything(of_table);
    sakila(&asked);
    assert_eq!(
        asked.count("Rental", value!({ "rental_date": { "$gte": "2005-08-01T00:00:00Z" } })),
        asked.says("SELECT count(*) FROM rental WHERE rental_date >= '2005-08-01'",)
    );
    // Through rows whose key is both of what they join.
    assert_eq!(
        asked.count("Actor", value!({ "films": { "$some": { "rating": "NC-17", "length": { "$gt": 180 } } } })),
        asked.says(
            "SELECT count(*) AS n FROM actor a WHERE EXISTS (SELECT 1 FROM film_actor j JOIN film f ON f.film_id = j.film_id \
             WHERE j.actor_id = a.actor_id AND f.rating = 'NC-17' AND f.length > 180)"
        )
    );
    let made = asked
        .client
        .entity("Language")
        .unwrap()
        .create(value!({ "language_id": 99, "name": "Latin", "last_update": "2026-01-02T03:04:05Z" }));
    assert_eq!(made.unwrap().get("name"), Some(&"Latin".into()));
    // A trigger of this database sets the instant to when the row is made.
    assert_eq!(asked.says("SELECT name FROM language WHERE language_id = 99"), "Latin");
}

/// Questions that both databases called so can answer.
fn sakila(asked: &Asked) {
    let canada = value!({ "address": { "city": { "country": { "country": "Canada" } } } });
    assert_eq!(
        asked.count("Customer", canada),
        asked.says(
            "SELECT count(*) AS n FROM customer c JOIN address a ON a.address_id = c.address_id \
         JOIN city t ON t.city_id = a.city_id JOIN country l ON l.country_id = t.country_id WHERE l.country = 'Canada'",
        )
    );
    assert_eq!(asked.count("Rental", value!({ "return_date": null, "staff": { "username": "Mike" } })), asked.says(
        "SELECT count(*) AS n FROM rental r JOIN staff s ON s.staff_id = r.staff_id WHERE r.return_date IS NULL AND s.username = 'Mike'",
    ));
    assert_eq!(asked.count("Payment", value!({ "amount": { "$gt": "9.99" }, "customer": { "store": { "manager_staff": { "username": "Jon" } } } })), asked.says(
        "SELECT count(*) AS n FROM payment p JOIN customer c ON c.customer_id = p.customer_id JOIN store s ON s.store_id = c.store_id \
         JOIN staff m ON m.staff_id = s.manager_staff_id WHERE p.amount > 9.99 AND m.username = 'Jon'",
    ));
    assert_eq!(
        asked.count(
            "Film",
            value!({ "rating": "PG-13", "rental_rate": "4.99", "language": { "name": { "$startsWith": "Eng" } } })
        ),
        asked.says(
            "SELECT count(*) AS n FROM film f JOIN language l ON l.language_id = f.language_id \
         WHERE f.rating = 'PG-13' AND f.rental_rate = 4.99 AND l.name LIKE 'Eng%'",
        )
    );
    // Rows whose key is both of what they join.
    let joined = asked.client.entity("FilmActor").unwrap();
    let first = joined.first(query().sort("film_id", "asc").sort("actor_id", "asc")).unwrap().unwrap();
    let key = value!({ "actor_id": (first.get("actor_id").cloned().unwrap()), "film_id": (first.get("film_id").cloned().unwrap()) });
    assert_eq!(joined.read(key).unwrap().get("film_id"), first.get("film_id"));
    let sum = asked.client.entity("Payment").unwrap().aggregate(query().sum(["amount"])).unwrap();
    let sum = json::parse(json::to_wire(&sum).as_bytes()).unwrap();
    let sum =
        sum.as_map().and_then(|map| map.get("sum")?.as_map()?.get("amount")?.as_str().map(str::to_owned)).unwrap();
    assert_eq!(
        sum,
        asked.says(
            "SELECT CAST(CAST(round(sum(amount) * 100) AS integer) / 100 AS text) || '.' || \
        substr(CAST(100 + CAST(round(sum(amount) * 100) AS integer) % 100 AS text), 2) AS n FROM payment"
        )
    );
}

#[test]
fn sakila_of_a_crate_on_postgresql() {
    let Some(folder) = folder() else { return };
    let Ok(url) = std::env::var(POSTGRES_URL) else { return eprintln!("LEFT OUT: {POSTGRES_URL} is not set") };
    let name = format!("dbal_foreign_{}", std::process::id());
    let (place, options) =
        url.split_once('?').map_or((url.as_str(), String::new()), |(place, rest)| (place, format!("?{rest}")));
    let (server, _) = place.rsplit_once('/').unwrap();
    let own = format!("{server}/{name}{options}");
    let psql = |url: &str, words: &[&str], input: Stdio| {
        let mut command = Command::new("psql");
        command.env("PGOPTIONS", "-c synchronous_commit=off").arg("-qX").arg(url).args(words);
        command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap()
    };
    assert!(psql(&url, &["-c", &format!("CREATE DATABASE {name}")], Stdio::null()).success());
    for file in ["sakila-schema.sql", "sakila-data.sql"] {
        // It names a role and options that no longer exist, and goes on.
        psql(&own, &[], std::fs::File::open(folder.join(file)).unwrap().into());
    }
    let raw = |schema| Arc::new(PostgresAdapter::open(schema, &own).unwrap()) as Arc<dyn Adapter>;
    let asked = Asked::new(&own, raw);
    asked.reads_everything(of_table);
    sakila(&asked);
    assert_eq!(
        asked.count("Rental", value!({ "rental_date": { "$gte": "2005-08-01T00:00:00Z" } })),
        asked.says("SELECT count(*) FROM rental WHERE rental_date >= '2005-08-01'",)
    );
    let made = asked.client.entity("Country").unwrap().create(value!({ "country": "Atlantis" })).unwrap();
    let id = made.get("country_id").and_then(Value::as_i64).unwrap();
    assert_eq!(asked.says(&format!("SELECT country FROM country WHERE country_id = {id}")), "Atlantis");
    let left = |what: &str| asked.found.left.iter().find(|left| left.what == what).map(|left| left.why.as_str());
    assert_eq!(left("film.fulltext"), Some("is of the type tsvector"));
    assert_eq!(left("payment_p2007_01"), Some("a part of payment, which has its rows too"));
    assert_eq!(left("customer_list"), Some("a view"));
    drop(asked);
    assert!(psql(&url, &["-c", &format!("DROP DATABASE {name} WITH (FORCE)")], Stdio::null()).success());
}

#[test]
fn chinook_of_a_python_package_on_mongodb() {
    let Some(folder) = folder() else { return };
    let Some(place) = places::mongodb("foreign") else { return };
    let schema = Arc::new(Schema::new(Vec::new(), Vec::new()));
    let raw: Arc<dyn Adapter> = Arc::new(MongoAdapter::open(schema, &MongoOptions::url(&place.url)).unwrap());
    import(&*raw, &folder.join("chinook.json"));
    let asked = Asked::new(&place.url, |_| raw);
    asked.reads_everything(|table| {
        format!("{{\"aggregate\":\"{table}\",\"pipeline\":[{{\"$count\":\"n\"}}],\"cursor\":{{}}}}")
    });
    let says = |from: &str, stages: &str| {
        asked
            .says(&format!("{{\"aggregate\":\"{from}\",\"pipeline\":[{stages},{{\"$count\":\"n\"}}],\"cursor\":{{}}}}"))
    };
    let join = |to: &str, field: &str| {
        format!(
            "{{\"$lookup\":{{\"from\":\"{to}\",\"localField\":\"{field}\",\"foreignField\":\"_id\",\"as\":\"{to}_x\"}}}},{{\"$unwind\":\"${to}_x\"}}"
        )
    };
    let album = join("album", "album");
    assert_eq!(
        asked.count("Track", value!({ "album_row": { "title": { "$contains": "Live" } } })),
        says("track", &format!("{album},{{\"$match\":{{\"album_x.title\":{{\"$regex\":\"Live\"}}}}}}"))
    );
    assert_eq!(
        asked.count("Album", value!({ "artist_row": { "name": "Iron Maiden" } })),
        says("album", &format!("{},{{\"$match\":{{\"artist_x.name\":\"Iron Maiden\"}}}}", join("artist", "artist")))
    );
    assert_eq!(
        asked.count(
            "Invoice",
            value!({ "invoicedate": { "$gte": "2010-01-01T00:00:00Z" }, "customer_row": { "country": "Brazil" } })
        ),
        says(
            "invoice",
            &format!(
                "{},{{\"$match\":{{\"customer_x.country\":\"Brazil\",\"invoicedate\":{{\"$gte\":{{\"$date\":{{\"$numberLong\":\"1262304000000\"}}}}}}}}}}",
                join("customer", "customer")
            )
        )
    );
    let text = asked.found.files.iter().map(|file| file.text.as_str()).collect::<String>();
    assert!(text.contains("no reference is declared; each of"), "{text}");
}

/// The rows of a fixture as documents: keys as `_id`, instants as such.
fn import(raw: &dyn Adapter, file: &Path) {
    let rows = json::parse(&std::fs::read(file).unwrap()).unwrap();
    let mut all: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for row in rows.as_list().unwrap().iter().filter_map(Value::as_map) {
        let model = row.get("model").and_then(Value::as_str).unwrap().rsplit('.').next().unwrap().to_owned();
        let mut pairs = vec![format!("\"_id\":{}", json::to_text(row.get("pk").unwrap()))];
        for (name, value) in row.get("fields").and_then(Value::as_map).unwrap().iter() {
            let instant = value
                .as_str()
                .filter(|text| text.ends_with("T00:00:00Z"))
                .map(|text| text.parse::<dbal::DateTime>().unwrap());
            let spelled = match instant {
                Some(at) => format!("{{\"$date\":{{\"$numberLong\":\"{}\"}}}}", at.epoch_millis()),
                None => json::to_text(value),
            };
            pairs.push(format!("\"{name}\":{spelled}"));
        }
        all.entry(model).or_default().push(format!("{{{}}}", pairs.join(",")));
    }
    let mut connection = raw.connect(Intent::Write, None).unwrap();
    for (model, documents) in all {
        for some in documents.chunks(1_000) {
            connection.execute_ddl(&format!("{{\"insert\":\"{model}\",\"documents\":[{}]}}", some.join(","))).unwrap();
        }
    }
}
