//! What requests are lowered to, for people to read: `common/golden/<backend>.txt` names cases of `common/contracts` and
//! holds the statements of their requests. With `DBAL_GOLDEN=write` the texts are written anew; names are added by hand.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use dbal::adapter::postgres::PostgresAdapter;
use dbal::adapter::{Adapter, Connection, Intent, Lowering};
use dbal::capability::Capabilities;
use dbal::sql::dialect::Dialect;
use dbal::{Client, Config, Error, Map, Operation, Principal, Request};
use dbal_conformance::case::{Case, RequestStep, Step};
use dbal_conformance::expect::show;
use dbal_conformance::term::Saved;
use dbal_conformance::{Caller, Fixture, SchemaSource, Suite};

fn common() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../common"))
}

/// Spells statements and runs none.
struct Spelled;

impl Adapter for Spelled {
    fn name(&self) -> &'static str {
        "spelled"
    }

    fn capabilities(&self) -> &Capabilities {
        &PostgresAdapter::CAPABILITIES
    }

    fn lowering(&self) -> Lowering {
        Lowering::Sql(Dialect::Postgres)
    }

    fn connect(&self, _: Intent, _: Option<Instant>) -> dbal::Result<Box<dyn Connection + '_>> {
        Err(Error::internal("nothing is run here"))
    }
}

fn open(fixture: &Fixture, backend: &str) -> Client {
    let config = match backend {
        "postgres" => Config::adapter(Arc::new(Spelled)),
        _ => Config::sqlite(":memory:"),
    };
    let config = match &fixture.schema {
        SchemaSource::Text(text) => config.schema_text(text.clone()),
        SchemaSource::Folder(folder) => config.schema_dir(folder),
    };
    let config = match &fixture.rules {
        Some(rules) => config.rules_text(rules.clone()),
        None => config,
    };
    Client::open(config).expect("the fixture's schema is sound")
}

/// The statements of a case's first request.
fn lowered(case: &Case, fixture: &Fixture, backend: &str) -> Result<String, String> {
    let Some(Step::Request(step)) = case.steps.first() else { return Err("begins with a transaction".into()) };
    let RequestStep { caller, operation, entity, args, .. } = &**step;
    let saved = Saved::default();
    let mut resolved = Map::new();
    for (name, term) in args {
        resolved.insert(name.clone(), term.resolve(&saved)?);
    }
    let principal = match caller.resolve(&saved)? {
        Caller::Trusted => None,
        Caller::Anonymous => Some(Principal::anonymous()),
        Caller::Principal { user, session, roles } => Some(Principal { user, session, roles }),
    };
    let parsed = Operation::parse(operation).ok_or("no such operation")?;
    let mut text = format!("{operation} {entity} {}", show(&dbal::Value::Map(resolved.clone())));
    if let Some(principal) = &principal {
        write!(text, " as {}", principal.roles.join(", ")).expect("a String takes everything");
    }
    let request = Request { operation: parsed, entity: entity.clone().into(), args: resolved };
    let plan = open(fixture, backend).explain(&request, principal.as_ref()).map_err(|error| error.to_string())?;
    for step in &plan.steps {
        write!(text, "\n  {}: {}", step.purpose, step.text).expect("a String takes everything");
        if !step.params.is_empty() {
            write!(text, "\n    {}", step.params.join(", ")).expect("a String takes everything");
        }
    }
    Ok(text)
}

#[test]
fn requests_are_lowered_for_sqlite_as_reviewed() {
    as_reviewed("sqlite");
}

#[test]
fn requests_are_lowered_for_postgres_as_reviewed() {
    as_reviewed("postgres");
}

fn as_reviewed(backend: &str) {
    let suite = Suite::load(common()).unwrap_or_else(|faults| panic!("{faults}"));
    let path = common().join(format!("golden/{backend}.txt"));
    let golden = fs::read_to_string(&path).expect("the golden file is there");
    let mut now = String::new();
    let mut faults = Vec::new();
    for title in golden.lines().filter_map(|line| line.strip_prefix("# ")) {
        let found = suite.cases.iter().find(|case| format!("{}: {}", case.file, case.name) == title);
        let text = match found {
            Some(case) => lowered(case, suite.fixture(case), backend),
            None => Err("there is no such case".into()),
        };
        match text {
            Ok(text) => write!(now, "# {title}\n{text}\n\n").expect("a String takes everything"),
            Err(fault) => faults.push(format!("{title}: {fault}")),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    if std::env::var("DBAL_GOLDEN").is_ok_and(|word| word == "write") {
        fs::write(&path, now).expect("the golden file can be written");
        return;
    }
    for (entry, before) in now.split("\n\n").zip(golden.split("\n\n")) {
        assert!(entry == before, "reviewed:\n{before}\nnow:\n{entry}\n(DBAL_GOLDEN=write takes what is now)");
    }
    assert_eq!(now.len(), golden.len(), "common/golden/{backend}.txt holds more than its entries");
}
