//! E: what went wrong inside is not told outside.

use std::time::{Duration, Instant};

use dbal::{Value, value};

use crate::support::{Http, Served};
use crate::world::{RULES, ids, world};

#[test]
fn e74_errors_tell_no_names_of_the_inside() {
    let world = world();
    let mut ada = world.ada();
    let mut told = Vec::new();
    for (operation, args) in [
        ("create", value!({ "data": { "id": 1, "name": "x", "owner": "ada" } })),
        ("create", value!({ "data": { "id": 9, "name": "bob-1", "owner": "ada" } })),
        ("create", value!({ "data": { "id": "x", "name": 1, "owner": null } })),
        ("update", value!({ "id": 1, "data": { "level": { "$increment": 2147483647 } } })),
        ("read", value!({ "id": { "$gt": 0 } })),
    ] {
        told.push(ada.post(&format!("/v1/Account:{operation}"), &args));
    }
    told.push(ada.post("/v1/Note:create", &value!({ "data": { "id": 9, "account_id": 3, "text": "x" } })));
    // Tables are gone: whatever the database says stays inside.
    world.client.reset().unwrap();
    drop(std::fs::remove_file(world.folder.path().join("app.db")));
    std::fs::write(world.folder.path().join("app.db"), "no database").unwrap();
    told.push(ada.post("/v1/Account:list", &value!({})));
    for answer in told {
        let text = answer.text();
        for word in [
            "SELECT",
            "INSERT",
            "sqlite",
            "SQLITE",
            "accounts.",
            "constraint",
            "app.db",
            "/tmp",
            "panicked",
            "canary",
            ".rs",
        ] {
            assert!(!text.contains(word), "{word} in {text}");
        }
        if answer.status >= 400 {
            assert!(answer.header("dbal-request-id").is_some_and(|id| text.contains(id)), "{text}");
        }
    }
}

#[test]
fn e32_rules_are_replaced_whole_and_faulty_ones_change_nothing() {
    let world = world();
    let file = world.folder.path().join("acl.yaml");
    std::fs::write(&file, RULES).unwrap();
    let yaml = format!("mode: production\nacl: {{ rules_file: '{}' }}", file.display());
    let served = Served::new(world.client.clone(), &yaml, Some(std::sync::Arc::new(crate::support::Believing)));
    let mut ada = Http::with_token(served.address, crate::world::token("ada", "user"));
    let seen = |ada: &mut Http| {
        let answer = ada.post("/v1/Account:find_many", &value!({}));
        (answer.status, ids(&answer.json()))
    };
    let becomes = |ada: &mut Http, wanted: (u16, Vec<i64>)| {
        let end = Instant::now() + Duration::from_secs(8);
        while seen(ada) != wanted {
            assert!(Instant::now() < end, "the rules do not become those of the file");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    assert_eq!(seen(&mut ada), (200, vec![1, 2]));
    let mut socket = crate::support::socket::Socket::open(served.address, Some(&crate::world::token("ada", "user")));
    for faulty in [
        "rules: [",
        "rules:\n  - { entity: Account, role: [user], operations: [read], row_level_filter: 'ownr = 1' }",
        "",
    ] {
        std::fs::write(&file, faulty).unwrap();
        served.reload();
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(seen(&mut ada), (200, vec![1, 2]), "{faulty}");
        assert_eq!(served.metric("dbal_rules_current"), "0");
    }
    std::fs::remove_file(&file).unwrap();
    served.reload();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(seen(&mut ada), (200, vec![1, 2]), "a file that is gone is not leave");
    std::fs::write(&file, RULES.replace("\"owner = $user.id\"", "\"owner = $user.id AND id = 2\"")).unwrap();
    served.reload();
    becomes(&mut ada, (200, vec![2]));
    assert_eq!(served.metric("dbal_rules_current"), "1");
    assert_eq!(
        socket.request("count", "Account", crate::world::object([])).unwrap(),
        Value::Int(1),
        "an open connection too"
    );
    std::fs::write(&file, "rules: []\n").unwrap();
    served.reload();
    becomes(&mut ada, (403, Vec::new()));
}

#[test]
fn stopping_answers_what_is_under_way() {
    let mut world = world();
    let mut ada = world.ada();
    assert_eq!(ada.post("/v1/Account:count", &value!({})).status, 200);
    let mut socket = world.socket();
    let began = Instant::now();
    world.served.stop();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(socket.closed(), 1001);
    assert!(std::net::TcpStream::connect(world.served.address).is_err());
}
