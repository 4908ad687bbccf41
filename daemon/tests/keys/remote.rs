//! The Rust client of a daemon behind a proxy that cuts a connection once the answer to a write is on its way.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dbal::{AsyncClient, Client, Config, Operation, Outcome, Request, query, value};

use crate::places::{Place, forgetful, places, token};
use crate::support::runtime;

/// Passes bytes on, and takes so many answers for itself: with each the connection ends.
struct Proxy {
    address: SocketAddr,
    cuts: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

impl Proxy {
    fn new(to: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (cuts, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (left, count) = (cuts.clone(), connections.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(daemon)) = (client, TcpStream::connect(to)) else { return };
                count.fetch_add(1, Ordering::SeqCst);
                let (up, down) = (client.try_clone().unwrap(), daemon.try_clone().unwrap());
                std::thread::spawn(move || pass(up, daemon, None));
                let left = left.clone();
                std::thread::spawn(move || pass(down, client, Some(&left)));
            }
        });
        Proxy { address, cuts, connections }
    }

    /// Loses the next answers.
    fn lose(&self, answers: usize) {
        self.cuts.store(answers, Ordering::SeqCst);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, cuts: Option<&AtomicUsize>) {
    let mut buffer = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..length]);
        // Greetings and signs of life are let through: only the answer to a request is lost.
        let answer = text.contains("\"result\"") && !text.contains("heartbeat_ms") || text.contains("envelope");
        let lost =
            |cuts: &AtomicUsize| cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if answer && cuts.is_some_and(|cuts| lost(cuts).is_ok()) || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

fn client(proxy: &Proxy, retries: bool) -> Client {
    let config = Config::endpoint(proxy.address.to_string()).token(token("ada")).timeout(Duration::from_secs(20));
    Client::open(config.retry_writes(retries)).unwrap()
}

fn rig(place: &Place, retries: bool) -> (Proxy, Client) {
    let proxy = Proxy::new(place.served.address);
    let client = client(&proxy, retries);
    (proxy, client)
}

#[test]
fn a_write_whose_answer_was_lost_is_sent_again_and_applied_once() {
    for place in places("lost") {
        let (proxy, client) = rig(&place, true);
        let accounts = client.entity("Account").unwrap();
        proxy.lose(1);
        let row = accounts.create(value!({ "owner": "ada", "name": "one" })).unwrap();
        assert_eq!(proxy.connections.load(Ordering::SeqCst), 2, "{}: nothing was cut", place.name);
        let id = row.get("id").unwrap().clone();
        assert_eq!(accounts.read(id.clone()).unwrap().get("name"), row.get("name"), "{}", place.name);
        proxy.lose(1);
        let updated = accounts.update(id.clone(), value!({ "hits": { "$increment": 1 } })).unwrap();
        assert_eq!(updated.get("hits"), Some(&1.into()), "{}", place.name);
        proxy.lose(1);
        client.call("Account.bump", value!({ "id": (id.clone()) })).unwrap();
        proxy.lose(2);
        let entry = |name: &str| {
            Request::new(Operation::Create, "Account").arg("data", value!({ "owner": "ada", "name": name }))
        };
        assert_eq!(client.batch([entry("x"), entry("y")]).unwrap().len(), 2, "{}", place.name);
        proxy.lose(1);
        let removed = accounts.delete_many(value!({ "name": { "$in": ["x", "y"] } })).unwrap();
        assert_eq!(removed, 2, "{}", place.name);
        proxy.lose(1);
        let awaited = AsyncClient::from(client.clone());
        runtime()
            .block_on(awaited.entity("Account").unwrap().update(id, value!({ "hits": { "$increment": 1 } })))
            .unwrap();
        assert_eq!((place.count(), place.hits()), (1, 3), "{}", place.name);
        assert_eq!(proxy.connections.load(Ordering::SeqCst), 8, "{}", place.name);
    }
}

#[test]
fn without_keys_a_write_whose_answer_was_lost_is_unknown_and_not_sent_again() {
    let place = forgetful();
    let (proxy, client) = rig(&place, true);
    proxy.lose(1);
    let error = client.entity("Account").unwrap().create(value!({ "owner": "ada" })).unwrap_err();
    assert_eq!((error.code(), error.outcome()), ("DATABASE_ERROR", Some(Outcome::Unknown)));
    assert_eq!(place.count(), 1);
    // The same where a program does not want it.
    for place in places("unwanted").iter().take(1) {
        let (proxy, client) = rig(place, false);
        proxy.lose(1);
        let error = client.entity("Account").unwrap().create(value!({ "owner": "ada" })).unwrap_err();
        assert_eq!(error.outcome(), Some(Outcome::Unknown));
        assert_eq!((place.count(), place.keys()), (1, 0));
    }
}

#[test]
fn a_program_may_give_the_key() {
    let place = places("given").remove(0);
    let (proxy, client) = rig(&place, false);
    let once = client.with_idempotency_key("order-7 ".trim());
    proxy.lose(1);
    let first = once.entity("Account").unwrap().create(value!({ "owner": "ada" })).unwrap();
    // Another process of the same caller, an hour later.
    let other = self::client(&proxy, true).with_idempotency_key("order-7");
    assert_eq!(other.entity("Account").unwrap().create(value!({ "owner": "ada" })).unwrap(), first);
    let refused = other.entity("Account").unwrap().create(value!({ "owner": "ada", "hits": 2 })).unwrap_err();
    assert_eq!((refused.code(), refused.fields()[0].field.as_str()), ("CONFLICT", "idempotency_key"));
    assert_eq!(once.entity("Account").unwrap().count(query()).unwrap_err().code(), "VALIDATION_ERROR");
    let begun = once.transaction(|_| Ok::<(), dbal::Error>(()));
    assert_eq!(begun.unwrap_err().code(), "VALIDATION_ERROR");
    assert!(once.stream("Account", query()).is_err());
    assert_eq!((place.count(), place.keys()), (1, 1));

    // A daemon that keeps none says so, and does nothing.
    let place = forgetful();
    let (_proxy, client) = rig(&place, true);
    let refused = client.with_idempotency_key("k").entity("Account").unwrap().create(value!({ "owner": "ada" }));
    assert_eq!(refused.unwrap_err().code(), "CAPABILITY_NOT_SUPPORTED");
    assert_eq!(place.count(), 0);
}
