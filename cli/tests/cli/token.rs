//! Tokens for a daemon, and the lines that it wrote down.

use dbal::audit::Audit;
use dbal::{Client, Config, Operation, Request, value};

use crate::folder::Folder;

/// The reference contract, which has sessions, with a user.
fn folder() -> Folder {
    let folder = Folder::new();
    let contract = format!("{}/../api/schema", env!("CARGO_MANIFEST_DIR"));
    std::fs::remove_dir_all(folder.path().join("schema")).unwrap();
    folder.ok(&["migrate", "--schema", &contract]);
    folder.ok(&["create", "User", r#"{"username": "ada", "email": "ada@example.org"}"#, "--schema", &contract]);
    folder
}

fn client(folder: &Folder) -> Client {
    let contract = format!("{}/../api/schema", env!("CARGO_MANIFEST_DIR"));
    Client::open(Config::sqlite(folder.path().join("app.db")).schema_dir(contract)).unwrap()
}

/// Whether a daemon would take a token.
fn counts(client: &Client, token: &str) -> bool {
    let input = value!({ "token": (token) });
    let request = Request::new(Operation::Call, "Session").arg("name", "validate").arg("input", input);
    client.execute(&request).is_ok()
}

#[test]
fn a_session_is_issued_and_revoked() {
    let folder = folder();
    let contract = format!("{}/../api/schema", env!("CARGO_MANIFEST_DIR"));
    let with = |words: &[&str]| {
        let mut all = words.to_vec();
        all.extend(["--schema", &contract]);
        folder.run(&all)
    };
    let client = client(&folder);
    let issued = with(&["token", "issue", "ada", "--for", "30m"]);
    assert_eq!(issued.code, 0, "{issued:?}");
    let token = issued.out.trim().to_owned();
    assert!(token.len() >= 43 && issued.err.contains("of ada, until "), "{issued:?}");
    assert!(!issued.err.contains(&token), "a token is shown once, and to standard output");
    assert!(counts(&client, &token));
    let other = with(&["token", "issue", "ada"]).out.trim().to_owned();
    assert_ne!(token, other);

    folder.write("token.txt", &format!("{token}\n"));
    assert_eq!(with(&["token", "revoke", "--token-file", "token.txt"]).out, "1 sessions ended\n");
    assert!(!counts(&client, &token) && counts(&client, &other));
    assert_eq!(with(&["token", "revoke", "--user", "ada"]).out, "1 sessions ended\n");
    assert!(!counts(&client, &other));
    assert_eq!(with(&["token", "revoke", "--user", "ada"]).out, "0 sessions ended\n");

    let nobody = with(&["token", "issue", "nobody"]);
    assert!(nobody.code == 1 && nobody.err.contains("NOT_FOUND"), "{nobody:?}");
    for lifetime in ["0h", "12", "h", "1w"] {
        let refused = with(&["token", "issue", "ada", "--for", lifetime]);
        assert!(refused.code == 2 && refused.err.contains("--for"), "{lifetime}: {refused:?}");
    }
}

#[test]
fn an_api_key_is_a_line_of_a_file_without_the_key() {
    let folder = Folder::new();
    let issue = |more: &[&str]| {
        let mut all = vec!["token", "issue", "01890a5d-ac96-774b-bcce-b302099a8057", "--keys", "keys.yaml"];
        all.extend(more);
        folder.run(&all)
    };
    let first = issue(&["--name", "nightly \"import\"", "--role", "admin"]).out;
    let second = issue(&["--name", "other", "--for", "90d"]).out;
    assert!(first.starts_with("dbal_") && second.starts_with("dbal_") && first != second);
    let text = std::fs::read_to_string(folder.path().join("keys.yaml")).unwrap();
    assert!(!text.contains(first.trim()) && !text.contains("dbal_"), "{text}");
    assert_eq!(text.lines().filter(|line| *line == "keys:").count(), 1, "{text}");
    assert!(text.contains("expires_at") && text.contains("role: \"admin\""), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.path().join("keys.yaml")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else reads it");
    }
    folder.write("other.yaml", "rules: []\n");
    let refused = folder.run(&["token", "issue", "x", "--keys", "other.yaml", "--name", "n"]);
    assert!(refused.code != 0 && refused.err.contains("keys:"), "{refused:?}");
}

#[test]
fn what_is_done_by_hand_beside_a_daemon_is_a_chain_of_its_own() {
    let folder = Folder::new();
    folder.write(
        "dbal.yaml",
        "database: { url: 'sqlite:app.db' }\nschema: ./schema\nsecurity: { audit_log: audit.log }\n",
    );
    // A daemon that goes on all the while.
    let config = Config::sqlite(folder.path().join("app.db")).schema_text(crate::folder::SCHEMA);
    let daemon = Client::open(config.audit(Audit::file(folder.path().join("audit.log")).chained())).unwrap();
    daemon.migrate().unwrap();
    for name in ["Ursula", "Bruno"] {
        daemon.entity("Author").unwrap().create(value!({ "name": name })).unwrap();
        folder.ok(&["query", "Author", "--config", "dbal.yaml"]);
    }
    drop(daemon);
    // Whoever comes when it has ended goes on with its chain.
    folder.ok(&["query", "Author", "--config", "dbal.yaml"]);
    for (name, count) in [("audit.log", 3), ("audit-2.log", 2)] {
        folder.ok(&["audit", "verify", name]);
        let lines = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(lines.lines().filter(|line| line.contains("\"prev_hash\":")).count(), count, "{lines}");
    }
}

#[test]
fn audit_lines_are_linked_and_a_change_is_found() {
    let folder = Folder::new();
    let file = folder.path().join("audit.log");
    let config = Config::sqlite(folder.path().join("app.db")).schema_text(crate::folder::SCHEMA);
    let client = Client::open(config.audit(Audit::file(&file).chained())).unwrap();
    client.migrate().unwrap();
    for name in ["Ursula", "Bruno", "Ann"] {
        client.entity("Author").unwrap().create(value!({ "name": name })).unwrap();
    }
    drop(client);
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    let said = folder.ok(&["audit", "verify", "audit.log"]);
    let hash = said.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(said.starts_with("3 lines, ") && lines[2].contains(&hash), "{said}");
    folder.ok(&["audit", "verify", "audit.log", "--last", &hash]);

    let faulty = |text: &str, more: &[&str]| {
        folder.write("audit.log", text);
        let mut all = vec!["audit", "verify", "audit.log"];
        all.extend(more);
        let said = folder.run(&all);
        assert_eq!(said.code, 1, "{said:?}");
        said.out
    };
    assert!(faulty(&text.replacen("\"success\":true", "\"success\":false", 1), &[]).contains("faults in 3 lines"));
    assert!(faulty(&format!("{}\n{}\n", lines[0], lines[2]), &[]).contains("audit.log"), "one is missing");
    assert!(faulty(&format!("{}\n{}\n{}\n", lines[1], lines[0], lines[2]), &[]).contains("fault"), "two are swapped");
    // What is cut off at the end is found by a hash that was kept.
    assert!(faulty(&format!("{}\n{}\n", lines[0], lines[1]), &["--last", &hash]).contains("cut off"));
    let missing = folder.run(&["audit", "verify", "no.log"]);
    assert!(missing.code != 0 && missing.err.contains("no.log"), "{missing:?}");
}

#[test]
fn the_key_of_a_file_is_what_its_hash_says() {
    let folder = Folder::new();
    let key = folder.ok(&["token", "issue", "ada", "--keys", "keys.yaml", "--name", "n"]);
    let text = std::fs::read_to_string(folder.path().join("keys.yaml")).unwrap();
    let hash = dbal::schema::convert::hash_stored(dbal::schema::StoredAs::Sha256, key.trim()).unwrap();
    assert!(text.contains(&hash), "{text}");
}
