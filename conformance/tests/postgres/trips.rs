//! How often a request waits for the server: a wire of our own in between counts.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use dbal::{Client, Config, query, value};
use dbal_conformance::servers::POSTGRES_URL;

const SCHEMA: &str = "
entity: Shelf
fields:
  id: { type: integer, primary: true }
  name: { type: string, required: true }
relations:
  books: { type: has_many, entity: Book, foreign_key: shelf_id }
  labels: { type: has_many, entity: Label, foreign_key: shelf_id }
---
entity: Label
fields:
  id: { type: integer, primary: true }
  shelf_id: { type: integer, foreign_key: { entity: Shelf, field: id } }
---
entity: Book
fields:
  id: { type: integer, primary: true }
  shelf_id: { type: integer, foreign_key: { entity: Shelf, field: id } }
relations:
  pages: { type: has_many, entity: Page, foreign_key: book_id }
---
entity: Page
fields:
  id: { type: integer, primary: true }
  book_id: { type: integer, foreign_key: { entity: Book, field: id } }
";

/// Counts how often the client speaks after the server did, on all connections together.
struct Wire {
    port: u16,
    trips: Arc<AtomicUsize>,
}

impl Wire {
    fn before(server: String) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("has one").port();
        let trips = Arc::<AtomicUsize>::default();
        let counted = trips.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.expect("a client");
                let server = TcpStream::connect(&server).expect("the server answers");
                client.set_nodelay(true).expect("is a socket");
                server.set_nodelay(true).expect("is a socket");
                // Who spoke last.
                let asked = Arc::<AtomicBool>::default();
                let (upwards, counted) = (asked.clone(), counted.clone());
                let copies = [client.try_clone(), server.try_clone()].map(|copy| copy.expect("is open"));
                let [client_too, server_too] = copies;
                thread::spawn(move || {
                    carry(client, server_too, || {
                        if !upwards.swap(true, Ordering::SeqCst) {
                            counted.fetch_add(1, Ordering::SeqCst);
                        }
                    });
                });
                thread::spawn(move || carry(server, client_too, || asked.store(false, Ordering::SeqCst)));
            }
        });
        Wire { port, trips }
    }

    /// What a request takes when everything is prepared.
    fn trips(&self, mut request: impl FnMut()) -> usize {
        request();
        request();
        let before = self.trips.load(Ordering::SeqCst);
        request();
        self.trips.load(Ordering::SeqCst) - before
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, mut spoken: impl FnMut()) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        spoken();
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
}

#[test]
fn a_request_waits_once_whatever_it_includes() {
    let Some(url) = std::env::var(POSTGRES_URL).ok().filter(|url| !url.is_empty()) else {
        eprintln!("LEFT OUT: {POSTGRES_URL} is not set; see cargo xtask servers");
        return;
    };
    let (before, place) = url.rsplit_once('@').expect("a user");
    let (server, database) = place.split_once('/').expect("a database");
    let wire = Wire::before(server.to_owned());
    let name = format!("dbal_trips_{}", std::process::id());
    let url = format!("{before}@127.0.0.1:{}/{database}?schema={name}&pool_size=1", wire.port);
    let client = Client::open(Config::url(&url).schema_text(SCHEMA)).expect("opens");
    client.migrate().expect("migrates");
    for (entity, parent) in
        [("Shelf", None), ("Book", Some("shelf_id")), ("Label", Some("shelf_id")), ("Page", Some("book_id"))]
    {
        let rows = (1..5_i64).map(|id| match parent {
            None => value!({ "id": id, "name": (format!("shelf {id}")) }),
            Some(parent) => {
                let mut row = dbal::Map::default();
                row.insert("id", id);
                row.insert(parent, id);
                dbal::Value::Map(row)
            }
        });
        client.entity(entity).expect("declared").insert_many(rows).expect("creates");
    }
    let shelves = client.entity("Shelf").expect("declared");
    let labels = client.entity("Label").expect("declared");
    let mut number = 10;
    assert_eq!(wire.trips(|| drop(shelves.read(1_i64).expect("reads"))), 1, "read");
    let change = || drop(shelves.update(1_i64, value!({ "name": "first" })).expect("updates"));
    assert_eq!(wire.trips(change), 1, "update");
    let mut create = || {
        number += 1;
        drop(labels.create(value!({ "id": number, "shelf_id": 1 })).expect("creates"));
    };
    assert_eq!(wire.trips(&mut create), 1, "create");
    let page = || assert_eq!(shelves.list(query().limit(2)).expect("a page").total, Some(4));
    assert_eq!(wire.trips(page), 1, "a page and its total");
    let include = value!({ "books": { "include": { "pages": true } }, "labels": true });
    let nested = || {
        let page = shelves.list(query().limit(2).include(include.clone())).expect("a page");
        assert_eq!((page.data.len(), page.total), (2, Some(4)));
    };
    assert_eq!(wire.trips(nested), 1, "three levels");
    let schema = client.schema().clone();
    drop(client);
    let adapter = dbal::adapter::postgres::PostgresAdapter::open(schema, &url).expect("opens");
    let mut connection =
        dbal::adapter::Adapter::connect(&adapter, dbal::adapter::Intent::Write, None).expect("connects");
    connection.execute_ddl(&format!("DROP SCHEMA {name} CASCADE")).expect("drops");
}
