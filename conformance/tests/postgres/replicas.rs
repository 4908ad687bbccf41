//! Reads that go to a standby: what it answers, what never goes there, and what happens while it is away.

use std::thread;
use std::time::{Duration, Instant};

use dbal::adapter::postgres::PostgresAdapter;
use dbal::adapter::{Adapter, Intent};
use dbal::{AsyncClient, Client, Config, Operation, Request, query, value};
use dbal_conformance::outage::wait_for;
use dbal_conformance::servers::Postgres;

use crate::{Place, SCHEMA};

/// How long a standby may be behind, and how long one is left alone that could not be reached.
const PATIENCE: Duration = Duration::from_secs(20);

fn count(client: &Client) -> i64 {
    client.entity("Account").expect("declared").count(query()).expect("counts")
}

fn create(client: &Client, id: i64) {
    let row = value!({ "id": id, "owner": (format!("owner {id}")) });
    client.entity("Account").expect("declared").create(row).expect("creates");
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn wait<F: Future>(future: F) -> F::Output {
    wait_for([future]).pop().expect("one was asked for")
}

/// Every kind of read, and how many rows each saw.
fn reads(client: &Client) -> Vec<(&'static str, usize)> {
    let on = |client: &Client| client.entity("Account").expect("declared").find_many(query()).expect("reads").len();
    let awaited = AsyncClient::from(client.clone());
    let page = client.entity("Account").expect("declared").list(query()).expect("a page");
    assert_eq!(page.total, i64::try_from(page.data.len()).ok());
    let stream = client.stream("Account", query()).expect("a stream");
    let found = wait(async {
        let rows = awaited.entity("Account")?.find_many(query()).await?;
        let count = awaited.entity("Account")?.count(query()).await?;
        assert_eq!(i64::try_from(rows.len()).ok(), Some(count));
        Ok::<_, dbal::Error>(rows.len())
    });
    let streamed = wait(async {
        let mut rows = awaited.stream("Account", query()).await?;
        let mut found = 0;
        while let Some(row) = rows.next().await {
            row?;
            found += 1;
        }
        Ok::<_, dbal::Error>(found)
    });
    vec![
        ("find_many", on(client)),
        ("list", page.data.len()),
        ("stream", stream.collect::<Result<Vec<_>, _>>().expect("rows").len()),
        ("awaited find_many", found.expect("reads")),
        ("awaited stream", streamed.expect("reads")),
    ]
}

#[test]
fn reads_go_to_a_standby_and_to_the_database_while_it_is_away() {
    if Place::new("replicas").is_none() {
        return;
    }
    let server = Postgres::start().unwrap_or_else(|why| panic!("{why}"));
    let mut standby = server.standby().unwrap_or_else(|why| panic!("{why}"));
    let url = |server: &Postgres| format!("{}?schema=copied&pool_size=4", server.url());
    let config = Config::url(&url(&server)).schema_text(SCHEMA);
    let client = Client::open(config.read_replicas([url(&standby)])).expect("opens");
    let replay = |act: &str, standby: &Postgres| {
        let beside = PostgresAdapter::open(client.schema().clone(), &standby.url()).expect("the standby answers");
        let mut connection = beside.connect(Intent::Read, None).expect("connects");
        connection.execute_ddl(&format!("SELECT pg_wal_replay_{act}()")).expect("does so");
    };

    // A table that the standby has yet to see.
    replay("pause", &standby);
    client.migrate().expect("migrates");
    assert_eq!(count(&client), 0, "the database itself was asked");
    replay("resume", &standby);
    create(&client, 1);
    until("the standby never followed", || count(&client) == 1);

    // From here on it is behind, which tells who was asked.
    replay("pause", &standby);
    create(&client, 2);
    for (kind, rows) in reads(&client) {
        assert_eq!(rows, 1, "{kind} did not go to the standby");
    }
    for (kind, rows) in reads(&client.newest()) {
        assert_eq!(rows, 2, "{kind} went to the standby though the newest rows are wanted");
    }
    let inside = client.transaction(|tx| tx.entity("Account")?.count(query()));
    assert_eq!(inside.expect("reads"), 2, "a transaction");
    let entry = Request::new(Operation::Count, "Account");
    let batch = client.batch([entry.clone(), entry]).expect("reads");
    assert_eq!(format!("{:?}", batch[1]).matches('2').count(), 1, "a batch: {:?}", batch[1]);
    let updated = client.entity("Account").expect("declared").update(2_i64, value!({ "balance": 5 }));
    assert_eq!(updated.expect("updates").get("balance").and_then(dbal::Value::as_i64), Some(5));
    replay("resume", &standby);
    until("the standby never followed", || count(&client) == 2);

    // Away: whoever reads does not notice.
    standby.crash().unwrap_or_else(|why| panic!("{why}"));
    let begun = Instant::now();
    for (kind, rows) in reads(&client) {
        assert_eq!(rows, 2, "{kind}");
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    create(&client, 3);
    assert_eq!(count(&client), 3);

    // Back: asked again after a while.
    standby.start_again().unwrap_or_else(|why| panic!("{why}"));
    let beside = Client::open(Config::url(&url(&standby)).schema_text(SCHEMA)).expect("opens");
    until("the standby never caught up", || count(&beside) == 3);
    replay("pause", &standby);
    create(&client, 4);
    until("the standby was never asked again", || count(&client) == 3);
}

#[test]
fn copies_are_refused_where_they_cannot_be_used() {
    let refused = |config: Config, url: &str| {
        let opened = Client::open(config.schema_text(SCHEMA).read_replicas([url]));
        opened.map(drop).expect_err("is refused")
    };
    let error = refused(Config::memory(), "postgresql://localhost/copy");
    assert_eq!((error.code(), error.fields()[0].field.as_ref()), ("CAPABILITY_NOT_SUPPORTED", "read_replicas"));
    let here = Config::url("postgresql://localhost:1/app?schema=app");
    let error = refused(here.clone(), "postgresql://localhost:2/app?schema=other");
    assert_eq!(error.code(), "VALIDATION_ERROR");
    assert!(error.message().contains("schema"), "{error:?}");
    assert_eq!(refused(here, "postgresql://localhost:0x/app?schema=app").code(), "VALIDATION_ERROR");
}
