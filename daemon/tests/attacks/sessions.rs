//! D: tokens of the daemon's own ways, on the reference contract.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dbal::config::Auth;
use dbal::value::json;
use dbal::{AsyncClient, Client, Config, DateTime, Error, Map, Operation, Request, Response, Value, value};
use dbal_served::identity::{Configured, Identify, Verified, Verifying};

use crate::support::grpc::{Grpc, code};
use crate::support::socket::Socket;
use crate::support::{Http, Served, runtime};
use crate::world::object;

struct Reference {
    served: Served,
    client: Client,
    folder: tempfile::TempDir,
}

fn reference(yaml: &str) -> Reference {
    let folder = tempfile::tempdir().unwrap();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/schema");
    let client = Client::open(Config::sqlite(folder.path().join("app.db")).schema_dir(schema)).unwrap();
    client.migrate().unwrap();
    let served = Served::new(client.clone(), &yaml.replace("FOLDER", &folder.path().display().to_string()), None);
    Reference { served, client, folder }
}

impl Reference {
    fn user(&self, name: &str, role: &str) -> Value {
        let row = value!({ "username": name, "email": (format!("{name}@example.org")), "role": role, "level": 3 });
        self.client.entity("User").unwrap().create(row).unwrap().get("id").unwrap().clone()
    }

    fn session(&self, user: &Value, millis: i64) -> String {
        let end = DateTime::from_epoch_millis(DateTime::now().epoch_millis() + millis).unwrap();
        let input = value!({ "user_id": (user.clone()), "expires_at": (Value::DateTime(end)) });
        let request = Request::new(Operation::Call, "Session").arg("name", "create").arg("input", input);
        let Response::Row(row) = self.client.execute(&request).unwrap().uncalled() else { panic!("no session") };
        row.get("token").unwrap().as_str().unwrap().to_owned()
    }

    fn users(&self, token: &str) -> (u16, String) {
        let answer = Http::with_token(self.served.address, token).get("/v1/users");
        (answer.status, answer.text())
    }
}

#[test]
fn d66_a_session_is_its_users_and_ends_when_it_is_revoked() {
    let world = reference("mode: production");
    let (ada, bob) = (world.user("ada", "user"), world.user("bob", "admin"));
    let (one, two) = (world.session(&ada, 60_000), world.session(&bob, 60_000));
    let (status, text) = world.users(&one);
    assert!(status == 200 && text.contains("ada@example.org") && !text.contains("bob"), "{text}");
    assert!(world.users(&two).1.contains("\"total\":2"));
    for wrong in ["", "x", &one[1..], &format!("{one}x"), &one.to_uppercase(), "dbal_x", "a.b.c"] {
        let (status, text) = world.users(wrong);
        assert_eq!(status, 401, "{wrong:?}");
        // Not the operation that looked the token up, which nobody asked for.
        assert!(text.contains(r#""operation":null,"entity":null"#), "{wrong:?}: {text}");
    }
    let mut http = Http::new(world.served.address);
    for header in ["Basic YTpi", "Bearer", "bearer  ", "x", &format!("Token {one}")] {
        assert_eq!(http.ask("GET", "/v1/users", &[("authorization", header)], None).status, 401, "{header}");
    }
    let twice = format!("Bearer {one}");
    let headers = [("authorization", twice.as_str()), ("authorization", twice.as_str())];
    assert_eq!(http.ask("GET", "/v1/users", &headers, None).status, 401);
    // What is stored opens nothing.
    let bytes = std::fs::read(world.folder.path().join("app.db")).unwrap();
    assert!(!bytes.windows(one.len()).any(|part| part == one.as_bytes()), "a token is stored as it is");

    let mut socket = Socket::open(world.served.address, Some(&one));
    socket.request("count", "User", object([])).unwrap();
    let ended = world.client.entity("Session").unwrap().delete_many(value!({ "user_id": ada })).unwrap();
    assert_eq!(ended, 1);
    let began = Instant::now();
    assert_eq!(socket.closed(), 4401);
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    assert_eq!(world.users(&one).0, 401);
    assert_eq!(world.users(&two).0, 200);
}

#[test]
fn d66_what_a_revoked_token_began_ends() {
    let world = reference("mode: production");
    let root = world.user("root", "supergod");
    let token = world.session(&root, 60_000);
    let page = value!({ "data": { "slug": "new", "title": "new", "level": 1, "layout": {} } });
    let grpc = Grpc::new(world.served.address, Some(&token));
    grpc.execute("count", "PageView", Map::new()).unwrap();
    // It still counts for a moment, in which more is begun.
    let began = Instant::now();
    world.client.entity("Session").unwrap().delete_many(value!({ "user_id": root })).unwrap();
    let mut transaction = grpc.transaction().unwrap();
    transaction.begin().unwrap();
    transaction.execute("create", "PageView", page.as_map().unwrap().clone()).unwrap();
    // Nobody waits for anything else on this call: it ends by itself.
    let ended = transaction.waited();
    assert_eq!(code(&ended), "UNAUTHORIZED", "{ended:?}");
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    assert_eq!(world.client.entity("PageView").unwrap().count(dbal::query()).unwrap(), 0);
}

/// Believes everybody until it does not.
struct Revoking(AtomicBool);

impl Identify for Revoking {
    fn identify<'a>(&'a self, _: &'a AsyncClient, _: &'a str) -> Verifying<'a> {
        let known = Verified { principal: None, expires: None };
        let said = if self.0.load(Ordering::SeqCst) { Err(Error::unauthorized()) } else { Ok(known) };
        Box::pin(std::future::ready(said))
    }
}

#[test]
fn d66_streams_of_a_revoked_token_end() {
    let world = reference("mode: production");
    let page = |at: i64| value!({ "slug": (format!("p-{at}")), "title": "t", "level": 1, "layout": (Value::from("y".repeat(10_000))) });
    world.client.entity("PageView").unwrap().create_many((0..3_000).map(page).collect::<Vec<_>>()).unwrap();
    let revoking = Arc::new(Revoking(AtomicBool::new(false)));
    let served = Served::new(world.client.clone(), "mode: production", Some(revoking.clone()));
    let grpc = Grpc::new(served.address, Some("t"));
    let mut stream = grpc.begin_stream("PageView", Map::new()).unwrap();
    let mut lines = Http::with_token(served.address, "t");
    let asked =
        "POST /v1/page_views:stream HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2";
    lines.send(format!("{asked}\r\nauthorization: Bearer t\r\n\r\n{{}}").as_bytes());
    revoking.0.store(true, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(5_500));

    let mut rows = 0;
    let ended = loop {
        match runtime().block_on(stream.message()) {
            Ok(Some(part)) => rows += part.rows.len(),
            Ok(None) => panic!("all {rows} rows came"),
            Err(status) => break status,
        }
    };
    assert_eq!(code(&ended), "UNAUTHORIZED", "{ended:?}");
    assert!(rows < 3_000);
    let text = lines.read().unwrap().text();
    let last = text.lines().last().unwrap();
    assert!(last.contains("UNAUTHORIZED"), "{}", &last[..last.len().min(300)]);
}

#[test]
fn d66_a_transaction_is_not_held_up_by_its_own_token() {
    let world = reference("mode: production");
    let root = world.user("root", "supergod");
    let token = world.session(&root, 60_000);
    let mut socket = Socket::open(world.served.address, Some(&token));
    let begun = socket.call("transaction.begin", Map::new()).unwrap();
    let number = begun.as_map().unwrap().get("transaction").unwrap().clone();
    // Meanwhile it is asked whether the token still counts, of a database that one alone may write to.
    std::thread::sleep(Duration::from_millis(5_500));
    let began = Instant::now();
    socket.call("transaction.commit", object([("transaction", number)])).unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn d66_a_new_password_leaves_sessions_to_whoever_sets_it() {
    let world = reference("mode: production");
    let ada = world.user("ada", "user");
    let token = world.session(&ada, 60_000);
    let set = value!({ "username": "ada", "password": "correct horse" });
    let request = Request::new(Operation::Call, "Credential").arg("name", "set").arg("input", set);
    world.client.execute(&request).unwrap();
    // Longer than a caller is kept.
    std::thread::sleep(Duration::from_millis(5_500));
    assert_eq!(world.users(&token).0, 200);
    world.client.entity("Session").unwrap().delete_many(value!({ "user_id": ada })).unwrap();
    std::thread::sleep(Duration::from_millis(5_500));
    assert_eq!(world.users(&token).0, 401);
}

/// The middle of many times, asked in turn: what else runs here slows all alike.
#[test]
fn e84_a_token_takes_as_long_whether_it_never_was_or_is_over() {
    let world = reference("mode: production");
    let ada = world.user("ada", "user");
    let (revoked, expired) = (world.session(&ada, 60_000), world.session(&ada, 300));
    std::thread::sleep(Duration::from_millis(400));
    world.client.entity("Session").unwrap().delete_many(value!({ "token": (revoked.as_str()) })).unwrap();
    let unknown: String = revoked.chars().rev().collect();
    let configured = Configured::new(&Auth::default()).unwrap();
    let client = AsyncClient::from(world.client.clone());
    let mut ratios = Vec::new();
    // Work that one alone has would be there each time, whatever else is running here.
    for _ in 0..5 {
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..200 {
            for (token, times) in [&unknown, &revoked, &expired].into_iter().zip(&mut times) {
                let began = Instant::now();
                let refused = runtime().block_on(configured.identify(&client, token));
                times.push(began.elapsed().as_secs_f64());
                assert_eq!(refused.unwrap_err().code(), "UNAUTHORIZED");
            }
        }
        let middle = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        });
        let ratio = middle.iter().copied().fold(0.0, f64::max) / middle.iter().copied().fold(f64::MAX, f64::min);
        if ratio < 1.5 {
            return;
        }
        ratios.push(ratio);
    }
    panic!("one takes longer than the others: {ratios:?}");
}

#[test]
fn e84_a_password_takes_as_long_whether_there_is_such_a_user() {
    let world = reference("mode: production");
    let call = |name: &str, username: &str| {
        let input = value!({ "username": username, "password": (format!("{name} correct horse")) });
        let request = Request::new(Operation::Call, "Credential").arg("name", name).arg("input", input);
        let began = Instant::now();
        let done = world.client.execute(&request);
        (done.map_err(|error| error.code()), began.elapsed().as_secs_f64())
    };
    // Attempts are counted for each name: every one is tried once.
    let mut times = [Vec::new(), Vec::new()];
    for at in 0..5 {
        let known = format!("known{at}");
        world.user(&known, "user");
        call("set", &known).0.unwrap();
        for (username, times) in [known, format!("nobody{at}")].iter().zip(&mut times) {
            let (refused, took) = call("verify", username);
            assert_eq!(refused.unwrap_err(), "UNAUTHORIZED");
            times.push(took);
        }
    }
    // What else runs here only adds to the work: the least is nearest to it.
    let [known, unknown] = times.map(|times| times.into_iter().fold(f64::MAX, f64::min));
    // Without the hash it would be a thirtieth; a busy machine makes them three times apart.
    assert!(known < 8.0 * unknown && unknown < 8.0 * known, "{known} s with the user, {unknown} s without");
}

#[test]
fn d66_a_session_ends_by_itself() {
    let world = reference("mode: production");
    let ada = world.user("ada", "user");
    let token = world.session(&ada, 1_500);
    assert_eq!(world.users(&token).0, 200);
    std::thread::sleep(Duration::from_millis(1_700));
    assert_eq!(world.users(&token).0, 401);
}

#[test]
fn d67_nobody_lists_or_makes_sessions() {
    let world = reference("mode: production");
    let root = world.user("root", "supergod");
    let token = world.session(&root, 60_000);
    let mut http = Http::with_token(world.served.address, token);
    for operation in ["list", "find_many", "count", "create", "delete_many"] {
        let answer = http.post(&format!("/v1/Session:{operation}"), &value!({}));
        assert_eq!(answer.code(), "FORBIDDEN", "{operation}: {}", answer.text());
    }
    for (operation, input) in [
        ("create", value!({ "user_id": (root.clone()), "expires_at": "2030-01-01T00:00:00Z" })),
        ("validate", value!({ "token": "x" })),
        ("list_by_user", value!({ "user_id": (root.clone()) })),
    ] {
        let answer = http.post("/v1/Session:call", &value!({ "name": operation, "input": input }));
        assert!(answer.status >= 400, "{operation}: {}", answer.text());
    }
    assert!(!http.get("/v1/schema").text().contains("Session"));
    let set = http.post("/v1/Credential:set", &value!({ "username": "root", "password": "x" }));
    assert!(set.status >= 400, "{}", set.text());
}

#[test]
fn d66_a_role_is_what_the_row_says_now() {
    let world = reference("mode: production");
    let ada = world.user("ada", "admin");
    world.user("bob", "user");
    let token = world.session(&ada, 60_000);
    assert!(world.users(&token).1.contains("\"total\":2"));
    world.client.entity("User").unwrap().update(ada, value!({ "role": "user" })).unwrap();
    let end = Instant::now() + Duration::from_secs(8);
    while Instant::now() < end {
        if world.users(&token).1.contains("\"total\":1") {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("a role that was taken away still counts");
}

#[test]
fn d68_a_jwt_names_a_row_and_nothing_more() {
    use ring::hmac;
    let secret = "a secret of thirty-two bytes or more";
    let world = reference(&format!(
        "mode: production\nauth: {{ jwt: {{ secret: '{secret}', issuer: 'https://id', audience: dbal }} }}"
    ));
    let ada = world.user("ada", "user");
    let ada = json::to_wire(&ada);
    let sign = |claims: String| {
        use base64::Engine as _;
        let base = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let signed = format!("{}.{}", base.encode(r#"{"alg":"HS256"}"#), base.encode(claims));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
        format!("{signed}.{}", base.encode(tag))
    };
    let exp = DateTime::now().epoch_millis() / 1_000 + 60;
    // The row's role counts, not the token's.
    let good = sign(format!(r#"{{"sub":{ada},"iss":"https://id","aud":"dbal","exp":{exp},"role":"supergod"}}"#));
    let (status, text) = world.users(&good);
    assert!(status == 200 && text.contains("\"total\":1"), "{text}");
    // Without a row the token's.
    world.user("bob", "user");
    let service = sign(format!(r#"{{"sub":"importer","iss":"https://id","aud":"dbal","exp":{exp},"role":"admin"}}"#));
    assert!(world.users(&service).1.contains("\"total\":2"));
    for claims in [
        format!(r#"{{"sub":{ada},"iss":"https://id","aud":"dbal","exp":{}}}"#, exp - 120),
        format!(r#"{{"sub":{ada},"iss":"https://id","aud":"dbal","exp":"{exp}"}}"#),
        format!(r#"{{"sub":{ada},"iss":"https://evil","aud":"dbal","exp":{exp}}}"#),
        format!(r#"{{"sub":{ada},"iss":"https://id","exp":{exp}}}"#),
        format!(r#"{{"sub":{ada},"iss":"https://id","aud":"dbal"}}"#),
    ] {
        assert_eq!(world.users(&sign(claims.clone())).0, 401, "{claims}");
    }
}

#[test]
fn d66_an_api_key_counts_while_the_file_has_it() {
    let key = "dbal_0123456789abcdef";
    let hash = dbal::schema::convert::hash_stored(dbal::schema::StoredAs::Sha256, key).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.yaml");
    std::fs::write(&file, format!("keys:\n  - {{ name: ci, sha256: \"{hash}\", user: ci, role: admin }}\n")).unwrap();
    let world = reference(&format!("mode: production\nauth: {{ api_keys_file: '{}' }}", file.display()));
    world.user("ada", "user");
    assert_eq!(world.users(key).0, 200);
    assert_eq!(world.users("dbal_0123456789abcdeF").0, 401);
    // A faulty file takes no key away, an emptied one does.
    std::fs::write(&file, "keys: [").unwrap();
    world.served.reload();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(world.users(key).0, 200);
    assert_eq!(world.served.metric("dbal_keys_current"), "0");
    std::fs::write(&file, "keys: []\n").unwrap();
    world.served.reload();
    let end = Instant::now() + Duration::from_secs(8);
    while Instant::now() < end {
        if world.users(key).0 == 401 {
            assert_eq!(world.served.metric("dbal_keys_current"), "1");
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("a key that was taken out still counts");
}
