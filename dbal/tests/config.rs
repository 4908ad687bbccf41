//! `dbal.yaml` and the variables beside it.

use std::path::Path;

use dbal::config::{
    AdapterKind, AuditFailure, Environment, JwtKey, Level, LogFormat, Mode, Sandbox, Settings, SyncMode,
};
use dbal::yaml::{Faults, parse_one};
use dbal::{Client, Config};

const NOTHING: [(&str, &str); 0] = [];

fn read(text: &str) -> Result<Settings, Faults> {
    Settings::from_text("dbal.yaml", text, &Environment::given(NOTHING))
}

fn faults(text: &str) -> Vec<String> {
    let faults = read(text).expect_err(text);
    faults.0.iter().map(ToString::to_string).collect()
}

/// Asserts that a text has this one fault.
fn fault(text: &str, expected: &str) {
    let found = faults(text);
    assert!(found.len() == 1 && found[0].contains(expected), "{text}\nexpected {expected}\nfound {found:#?}");
}

#[test]
fn everything_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("cursor.key");
    std::fs::write(&key, format!("{}\n", "ab".repeat(32))).expect("written");
    let text = format!(
        r#"
server:
  bind: 0.0.0.0:50051
  admin_bind: "[::1]:9000"
  tls: {{ enabled: true, cert: server.crt, key: server.key, client_ca: ca.crt }}
  origins: [https://app.example.org]
  hosts: [app.example.org]
  reflection: true
mode: production
database:
  adapter: postgres
  url: "${{URL}}"
  pool_size: ${{POOL}}
  read_replicas: ["${{URL}}"]
  synchronous: full
  sweep_interval: 0
schema: ./schema
targets: [sqlite, postgres, mongodb]
limits: {{ filter_depth: 8, bound_rows: 50 }}
security:
  sandbox: permissive
  audit_log: ./logs/audit.log
  audit_failure: open
  audit_max_mib: 5
  audit_keep: 2
  max_query_time: 1.5
  cursor_key_file: {}
  rate_limit: {{ requests_per_minute: 600, burst: 100 }}
acl: {{ rules_file: ./acl.yaml, enforce_row_level: true }}
auth:
  sessions: false
  jwt: {{ secret: "0123456789abcdef0123456789abcdef", issuer: me, audience: [a, b], role_claim: group, leeway: 20 }}
  api_keys_file: keys.yaml
logging: {{ level: debug, format: pretty, slow_query_threshold_ms: 1000 }}
"#,
        key.display()
    );
    let environment = Environment::given([("URL", "postgresql://ada:hunter2@db/app"), ("POOL", "20")]);
    let settings = Settings::from_text("dbal.yaml", &text, &environment).expect("no fault");
    assert_eq!(settings.mode, Mode::Production);
    assert_eq!((settings.server.bind.as_str(), settings.server.admin_bind.as_str()), ("0.0.0.0:50051", "[::1]:9000"));
    assert!(settings.server.tls.enabled && settings.server.reflection && settings.server.refusal().is_none());
    assert_eq!(settings.database.adapter, Some(AdapterKind::Postgres));
    assert_eq!(settings.database.url.as_ref().expect("a URL").expose(), "postgresql://ada:hunter2@db/app");
    assert_eq!((settings.database.pool_size, settings.database.sweep_interval), (Some(20), Some(0)));
    assert_eq!((settings.database.read_replicas.len(), settings.database.synchronous), (1, SyncMode::Full));
    assert_eq!(settings.schema.as_deref(), Some(Path::new("./schema")));
    assert_eq!(settings.targets, [AdapterKind::Sqlite, AdapterKind::Postgres, AdapterKind::Mongodb]);
    assert_eq!(
        (settings.limits.filter_depth, settings.limits.bound_rows, settings.limits.filter_nodes),
        (8, 50, 1_000)
    );
    let security = &settings.security;
    assert_eq!((security.sandbox, security.audit_failure), (Sandbox::Permissive, AuditFailure::Open));
    assert_eq!((security.audit_max_bytes, security.audit_keep), (5 << 20, 2));
    assert_eq!(security.max_query_time, Some(std::time::Duration::from_millis(1_500)));
    assert_eq!(security.cursor_key.as_ref().expect("a key").expose(), [0xab; 32]);
    assert_eq!(security.rate_limit.expect("a limit").burst, 100);
    let jwt = settings.auth.jwt.as_ref().expect("tokens");
    assert!(matches!(&jwt.key, JwtKey::Secret(secret) if secret.expose().len() == 32));
    assert_eq!((jwt.audience.len(), jwt.role_claim.as_str(), settings.auth.sessions), (2, "group", false));
    assert_eq!((jwt.leeway, settings.warnings.len()), (20, 0));
    assert_eq!((settings.logging.level, settings.logging.format), (Level::Debug, LogFormat::Pretty));
    // The key, the certificate's key and the keys of callers.
    assert_eq!(settings.secret_files.len(), 3);

    let shown = settings.to_yaml();
    parse_one("shown.yaml", &shown).expect("YAML");
    for secret in ["hunter2", "0123456789abcdef", "abab"] {
        assert!(!shown.contains(secret) && !format!("{settings:?}").contains(secret), "{shown}");
    }
    assert!(shown.contains(r#"url: "postgresql://ada:***@db/app""#), "{shown}");
}

#[test]
fn the_files_of_the_first_document_work_as_written() {
    let development = r#"
server:
  bind: "127.0.0.1:50051"
  tls:
    enabled: false
database:
  adapter: "prisma"
  url: "file:./dev.db"
security:
  sandbox: "permissive"
  audit_log: "./logs/audit.log"
logging:
  level: "debug"
  format: "pretty"
"#;
    let settings = read(development).expect("no fault");
    assert_eq!(settings.database.adapter, Some(AdapterKind::Prisma));
    assert!(settings.server.refusal().is_none());
    let production = r#"
server: { bind: "0.0.0.0:50051", tls: { enabled: true, cert: /etc/dbal/certs/server.crt, key: /etc/dbal/certs/server.key } }
database: { adapter: "prisma", url: "${DATABASE_URL}", pool_size: 20 }
security: { sandbox: "strict", audit_log: "/var/log/dbal/audit.log", max_query_time: 30 }
acl: { rules_file: "/etc/dbal/acl.yaml", enforce_row_level: true }
logging: { level: "info", format: "json" }
"#;
    let environment = Environment::given([("DATABASE_URL", "postgresql://db/app")]);
    let settings = Settings::from_text("prod.yaml", production, &environment).expect("no fault");
    assert_eq!(settings.acl.rules_file.as_deref(), Some(Path::new("/etc/dbal/acl.yaml")));
}

#[test]
fn all_faults_come_together_with_their_places() {
    let found = faults(
        "servr: { bind: x }\ndatabase: { adapter: sqlit, url: 'sqlite:a', pool_size: many }\nlogging:\n  levle: info\n",
    );
    assert_eq!(
        found,
        [
            "dbal.yaml:1:1: error: unknown key servr in the configuration; did you mean server?",
            "dbal.yaml:2:22: error: adapter: expected sqlite (one of sqlite, postgres, mongodb, memory, prisma), found \
             the text \"sqlit\"",
            "dbal.yaml:2:57: error: pool_size: expected a whole number from 1 to 10000, found the text \"many\"",
            "dbal.yaml:4:3: error: unknown key levle in logging; did you mean level?",
        ]
    );
}

#[test]
fn what_is_refused() {
    fault("acl: { enforce_row_level: false }", "refused in production");
    let open = read("mode: development\nacl: { enforce_row_level: false }").expect("a warning alone");
    assert!(!open.acl.enforce_row_level && open.warnings.len() == 1);
    fault("database: { adapter: sqlite, url: 'postgresql://db/a' }", "adapter is sqlite, and url is of postgres");
    fault("database: { adapter: prisma, url: 'mongodb://db/a' }", "adapter prisma opens sqlite: and postgresql:");
    fault("database: { adapter: postgres }", "has no url");
    fault("database: { url: 'oracle://db/a' }", "expected a URL that begins with");
    fault("database: { url: 'sqlite:a', url_file: b }", "keep one");
    fault("database: { url_file: /nowhere/at/all }", "/nowhere/at/all cannot be read");
    fault("database: { url: 'sqlite:a', read_replicas: ['postgresql://db/a'] }", "of the same kind");
    fault("database: { url: '${NO_SUCH}' }", "the variable NO_SUCH is not set");
    fault("database:\n  url:", "url has no value");
    fault("server: { bind: 50051 }", "an address and a port");
    fault("server: { tls: { enabled: true, cert: a } }", "has no `key`");
    fault("server: { tls: { cert: a, key: b } }", "does not say `enabled`");
    fault("targets: [sqlite, oracle]", "expected sqlite, postgres, mongodb or memory");
    fault("limits: { filter_depth: 33 }", "from 1 to 32");
    fault("security: { cursor_key: short }", "32 bytes");
    fault("security: { max_query_time: 0 }", "seconds");
    fault("security: { rate_limit: { burst: 3 } }", "requests_per_minute");
    let jwt = "auth: { jwt: { issuer: me, audience: me, MORE } }";
    fault(&jwt.replace("MORE", "secret: short"), "at least 32 bytes");
    fault(&jwt.replace(", MORE", ""), "has no key");
    fault(&jwt.replace("MORE", "jwks_file: a, leeway: 301"), "from 0 to 300");
    fault("mode: testing", "one of production, development");
    fault("- a list", "expected a mapping for the configuration");
    let exposed = read("server: { bind: '0.0.0.0:1' }").expect("fine for a program that does not listen");
    assert!(exposed.server.refusal().expect("refused").contains("0.0.0.0:1"));
    assert!(
        read("server: { bind: '0.0.0.0:1', tls: { allow_insecure: true } }").expect("ok").server.refusal().is_none()
    );
}

#[test]
fn what_a_developer_runs_beside_is_development_where_nothing_says_the_mode() {
    let mode = |text: &str| read(text).expect("no fault").mode;
    assert_eq!(mode("security: { sandbox: permissive }"), Mode::Development);
    assert!(
        read("security: { sandbox: permissive }").expect("no fault").warnings[0].message.contains("nothing says it")
    );
    assert_eq!(mode("mode: production\nsecurity: { sandbox: permissive }"), Mode::Production);
    assert_eq!(mode("security: { sandbox: strict }"), Mode::Production);
    let open = "security: { sandbox: permissive }\nserver: { bind: '0.0.0.0:1', tls: { allow_insecure: true } }";
    assert_eq!(mode(open), Mode::Production);
}

#[test]
fn what_a_token_need_not_say_is_warned_of() {
    let told = |more: &str| {
        let settings = read(&format!("auth: {{ jwt: {{ jwks_file: keys.json{more} }} }}")).expect("no fault");
        settings.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let both = told("");
    assert!(both.len() == 2 && both[0].contains("no `issuer`") && both[1].contains("no `audience`"), "{both:?}");
    assert!(told(", issuer: me")[0].contains("no `audience`"));
    assert!(told(", issuer: me, audience: []")[0].contains("no `audience`"));
    assert!(told(", issuer: me, audience: [app]").is_empty());
}

#[test]
fn an_origin_that_no_browser_sends_is_a_fault() {
    for good in [
        "https://app.example.org",
        "http://localhost:5173",
        "https://app.example.org:8443",
        "http://[::1]:8080",
        "chrome-extension://abcdefghijklmnop",
        "capacitor://localhost",
    ] {
        read(&format!("server: {{ origins: ['{good}'] }}")).unwrap_or_else(|faults| panic!("{faults}"));
    }
    for wrong in [
        "*",
        "foo",
        "null",
        "",
        "app.example.org",
        "https://*.example.org",
        "https://app.example.org/",
        "https://app.example.org/page",
        "https://app.example.org?x",
        "https://App.example.org",
        "HTTPS://app.example.org",
        "https://app.example.org:443",
        "http://app.example.org:80",
        "https://app.example.org:",
        "https://app.example.org:08443",
        "https://app.example.org:99999",
        "https://ada@app.example.org",
        "https://bücher.example",
        "https://[::0001]",
        "https://",
        "://app",
    ] {
        fault(&format!("server: {{ origins: ['https://app.example.org', '{wrong}'] }}"), "expected an origin");
    }
    assert_eq!(faults("server: { origins: ['*', foo] }").len(), 2);
}

#[test]
fn health_and_metrics_have_an_address_of_their_own() {
    for (bind, admin) in [
        ("127.0.0.1:50051", "127.0.0.1:50051"),
        ("localhost:50051", "LOCALHOST:50051"),
        ("0.0.0.0:50051", "127.0.0.1:50051"),
        ("127.0.0.1:50051", "[::]:50051"),
    ] {
        let text = format!("server: {{ bind: '{bind}', admin_bind: '{admin}', tls: {{ allow_insecure: true }} }}");
        fault(&text, "admin_bind is where server.bind listens");
    }
    fault("server: { bind: '127.0.0.1:50052' }", "admin_bind is where server.bind listens");
    let environment = Environment::given([("DBAL_BIND", "127.0.0.1:50052")]);
    assert!(Settings::from_environment(&environment).expect_err("a fault").to_string().contains("admin_bind"));
    for (bind, admin) in [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.0.0.1:50051", "127.0.0.2:50051"),
        ("0.0.0.0:50051", "[::1]:50051"),
        ("localhost:0", "localhost:0"),
    ] {
        read(&format!("server: {{ bind: '{bind}', admin_bind: '{admin}' }}")).expect("no fault");
    }
}

#[test]
fn what_can_be_read_beside_faults_is_there_to_be_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dbal.yaml");
    std::fs::write(&file, "databse: {}\nacl: { rules_file: acl.yaml }\nsecurity: { cursor_key: short }\n")
        .expect("written");
    let (settings, faults) = Settings::look(&file);
    assert_eq!(faults.len(), 2);
    assert_eq!(settings.expect("the rest").acl.rules_file.as_deref(), Some(Path::new("acl.yaml")));
    assert!(Settings::load(&file).is_err());
    let (settings, faults) = Settings::look(folder.path().join("gone.yaml"));
    assert!(settings.is_none() && faults.len() == 1);
}

#[test]
fn what_a_variable_holds_is_in_no_message() {
    let environment = Environment::given([("SECRET", "hunter2"), ("EMPTY", "")]);
    for text in [
        "database: { url: '${SECRET}' }",
        "database: { url: 'sqlite:a', pool_size: '${SECRET}' }",
        "mode: ${SECRET}",
        "server: { bind: '${SECRET}', tls: ${SECRET} }",
        "targets: ['${SECRET}']",
        "security: { max_query_time: '${SECRET}', cursor_key: '${SECRET}' }",
        "auth: { jwt: { secret: '${SECRET}' } }",
        "${SECRET}",
    ] {
        let faults = Settings::from_text("dbal.yaml", text, &environment).expect_err(text);
        assert!(!faults.to_string().contains("hunter2"), "{faults}");
    }
    // A value cannot add keys, and what is empty is not taken for what is absent.
    let environment = Environment::given([("URL", "sqlite:a\nmode: development"), ("EMPTY", "")]);
    let settings = Settings::from_text("dbal.yaml", "database:\n  url: ${URL}\n", &environment).expect("one odd path");
    assert_eq!(settings.mode, Mode::Production);
    assert!(Settings::from_text("dbal.yaml", "acl: { rules_file: '${EMPTY}' }", &environment).is_err());
}

#[test]
fn variables_say_what_the_file_leaves_out() {
    let variables = [
        ("DATABASE_URL", "sqlite:env.db"),
        ("DBAL_MODE", "development"),
        ("DBAL_SCHEMA", "./env"),
        ("DBAL_BIND", "0.0.0.0:1"),
        ("DBAL_SANDBOX", "disabled"),
        ("DBAL_INSECURE", "1"),
    ];
    let environment = Environment::given(variables);
    let settings = Settings::from_environment(&environment).expect("no fault");
    assert_eq!(settings.database.adapter, Some(AdapterKind::Sqlite));
    assert_eq!((settings.mode, settings.security.sandbox), (Mode::Development, Sandbox::Disabled));
    assert_eq!((settings.server.bind.as_str(), settings.server.refusal()), ("0.0.0.0:1", None));
    assert_eq!(settings.schema.as_deref(), Some(Path::new("./env")));
    let text = "mode: production\ndatabase: { url: 'sqlite:file.db' }\nschema: ./file\nserver: { bind: '127.0.0.1:2' }\n\
                security: { sandbox: strict }";
    let settings = Settings::from_text("dbal.yaml", text, &environment).expect("no fault");
    assert_eq!(settings.database.url.as_ref().expect("a URL").expose(), "sqlite:file.db");
    assert_eq!((settings.mode, settings.security.sandbox), (Mode::Production, Sandbox::Strict));
    assert_eq!(settings.server.bind, "127.0.0.1:2");
    assert_eq!(settings.schema.as_deref(), Some(Path::new("./file")));

    for wrong in [("DBAL_MODE", "test"), ("DBAL_SANDBOX", "no"), ("DBAL_BIND", "nowhere")] {
        let faults = Settings::from_environment(&Environment::given([wrong])).expect_err(wrong.0);
        assert!(faults.to_string().contains(wrong.0), "{faults}");
    }
    let both = Environment::given([("DATABASE_URL", "sqlite:a"), ("DATABASE_URL_FILE", "b")]);
    assert!(Settings::from_environment(&both).is_err());
}

#[test]
fn a_client_opens_what_the_file_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("note.yaml"), "entity: Note\nfields: { id: { type: integer, primary: true } }\n")
        .expect("written");
    std::fs::write(
        path("acl.yaml"),
        "rules: [{ entity: Note, role: [user], operations: [read], row_level_filter: 'id = 1' }]",
    )
    .expect("written");
    let text = format!(
        "mode: development\ndatabase: {{ url: 'sqlite:{0}/app.db' }}\nschema: {0}/note.yaml\nlimits: {{ filter_depth: 2 \
         }}\nacl: {{ rules_file: {0}/acl.yaml, enforce_row_level: ENFORCE }}",
        folder.path().display()
    );
    for (enforce, seen) in [("true", 1), ("false", 2)] {
        let settings = read(&text.replace("ENFORCE", enforce)).expect("no fault");
        let db = Client::open(Config::from_settings(&settings).expect("a database")).expect("opened");
        db.migrate().expect("migrated");
        let notes = db.entity("Note").expect("declared");
        if enforce == "true" {
            for id in 1..=2 {
                notes.create(dbal::value!({ "id": id })).expect("created");
            }
        }
        let caller = db.as_principal(dbal::Principal::new("u", "user"));
        let count = caller.entity("Note").expect("declared").count(dbal::query()).expect("counted");
        assert_eq!(count, seen, "enforce_row_level: {enforce}");
        let nobody = db.as_principal(dbal::Principal::new("u", "other"));
        assert!(nobody.entity("Note").expect("declared").count(dbal::query()).is_err());
        let deep = dbal::query().filter(dbal::value!({ "$not": { "$not": { "$not": { "id": 1 } } } }));
        assert!(notes.count(deep).is_err(), "the limits of the file count");
    }
    let nothing = read("mode: development").expect("no fault");
    assert!(Config::from_settings(&nothing).is_err());
}
