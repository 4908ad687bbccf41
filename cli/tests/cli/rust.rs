//! What `dbal generate rust` writes of the reference contract, compiled and used.

use dbal::client::model::select;
use dbal::{Client, Config};

#[rustfmt::skip]
mod entities;

use entities::{
    PageView, PageViewCreate, User, UserCreate, UserRole, UserUpdate, Workflow, WorkflowCreate, WorkflowTrigger,
};

fn generated(arguments: &[&str]) -> String {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../api/schema");
    let folder = crate::folder::Folder::new();
    folder.ok(&[&["generate", "rust", "--schema", schema], arguments].concat())
}

#[test]
fn the_file_that_is_compiled_here_is_what_the_command_writes() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/rust/entities.rs");
    let fresh = generated(&[]);
    if std::env::var_os("DBAL_GOLDEN").is_some_and(|how| how == "write") {
        std::fs::write(file, &fresh).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(file).unwrap(),
        fresh,
        "DBAL_GOLDEN=write cargo test -p dbal-cli writes it anew"
    );
}

#[test]
fn rows_creates_updates_enums_and_fields_are_types() {
    let db = Client::open(Config::sqlite(":memory:").reference_schema()).unwrap();
    db.migrate().unwrap();
    let users = db.model::<User>().unwrap();
    let mut new = UserCreate::new("ada", "ada@example.org");
    new.role = Some(UserRole::Admin);
    new.level = Some(4);
    let ada = users.create(&new).unwrap();
    assert_eq!((ada.username.as_str(), ada.role, ada.level), ("ada", UserRole::Admin, 4));
    users.create(&UserCreate::new("bob", "bob@example.org")).unwrap();

    let admins = users.find_many(select().filter(User::ROLE.eq(UserRole::Admin).and(User::LEVEL.gte(3)))).unwrap();
    assert_eq!(admins, std::slice::from_ref(&ada));
    let page =
        users.list(select().filter(!User::USERNAME.starts_with("a")).sort(User::CREATED_AT.desc()).limit(5)).unwrap();
    assert_eq!((page.data.len(), page.total), (1, Some(1)));
    assert_eq!(users.count(select().filter(User::ID.is_in([ada.id]))).unwrap(), 1);

    let changed = users.update(ada.id, &UserUpdate { level: Some(5), ..UserUpdate::default() }).unwrap();
    assert_eq!((changed.level, changed.username.as_str()), (5, "ada"));

    let pages = db.model::<PageView>().unwrap();
    let mut page = PageViewCreate::new("home", "Home", 1, dbal::value!({}));
    page.description = Some("first".into());
    let home = pages.create(&page).unwrap();
    // `None` stays, `Some(None)` is null.
    let update = entities::PageViewUpdate { description: Some(None), ..Default::default() };
    assert_eq!(pages.update(home.id, &update).unwrap().description, None);

    let mut flow =
        WorkflowCreate::new("nightly", WorkflowTrigger::Schedule, dbal::value!({}), dbal::value!([]), ada.id);
    flow.is_active = Some(false);
    let flows = db.model::<Workflow>().unwrap();
    flows.create(&flow).unwrap();
    let found = flows.first(select().filter(Workflow::TRIGGER.eq(WorkflowTrigger::Schedule))).unwrap().unwrap();
    assert_eq!(found.created_by, ada.id);

    db.transaction(|tx| tx.model::<PageView>()?.delete(home.id)).unwrap();
    assert!(pages.read(home.id).is_err());
}

/// What has to compile with the generated file beside it, and what must not, with what the compiler says of it.
const RIGHT: &str =
    "pub fn ask() { let _ = select::<User>().filter(User::LEVEL.gte(3)).sort(User::CREATED_AT.desc()); }";
const WRONG: &[(&str, &str)] = &[
    ("pub fn ask() { let _ = User::LEVL; }", "no associated item named `LEVL`"),
    ("pub fn ask() { let _ = User::LEVEL.gte(\"three\"); }", "E0277"),
    ("pub fn ask() { let _ = User::LEVEL.starts_with(\"a\"); }", "E0599"),
    ("pub fn ask() { let _ = User::ROLE.eq(WorkflowTrigger::Schedule); }", "E0277"),
    ("pub fn ask() { let _ = select::<PageView>().filter(User::LEVEL.gte(3)); }", "E0308"),
    ("pub fn ask() { let _ = UserCreate::new(\"ada\"); }", "E0061"),
    ("pub fn ask() { let _ = UserUpdate { id: None, ..UserUpdate::default() }; }", "E0560"),
    ("pub fn ask(ada: User) { let _ = ada.password; }", "E0609"),
];

#[test]
fn what_is_wrong_with_generated_types_does_not_compile() {
    let folder = crate::folder::Folder::new();
    folder.write("entities.rs", &generated(&[]));
    let parts = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
    // Other builds leave libraries there too; the newest that fit each other are those of this one.
    let libraries = |name: &str| {
        let start = format!("lib{name}-");
        let of = |path: &std::path::Path| path.metadata().and_then(|about| about.modified()).unwrap();
        let files = std::fs::read_dir(&parts).unwrap().flatten().map(|entry| entry.path());
        let mut found: Vec<_> = files
            .filter(|path| path.extension().is_some_and(|end| end == "rlib"))
            .filter(|path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&start)))
            .collect();
        found.sort_by_key(|path| std::cmp::Reverse(of(path)));
        found
    };
    let compile = |engine: &std::path::Path, serde: &std::path::Path, text: &str| {
        let used = "use dbal::client::model::select;\nuse entities::*;\n";
        folder.write("lib.rs", &format!("#![allow(unused_imports)]\nmod entities;\n{used}{text}\n"));
        let mut rustc = std::process::Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
        rustc.current_dir(folder.path()).args([
            "--edition",
            "2024",
            "--crate-type",
            "lib",
            "--emit",
            "metadata",
            "lib.rs",
        ]);
        rustc.arg("-L").arg(format!("dependency={}", parts.display()));
        rustc.arg("--extern").arg(format!("dbal={}", engine.display()));
        rustc.arg("--extern").arg(format!("serde={}", serde.display()));
        let output = rustc.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let mut said = String::new();
    let pairs =
        libraries("dbal").into_iter().flat_map(|one| libraries("serde").into_iter().map(move |two| (one.clone(), two)));
    let fit = pairs.take(40).find(|(engine, serde)| {
        let (compiled, errors) = compile(engine, serde, RIGHT);
        said = errors;
        compiled
    });
    let (engine, serde) = fit.unwrap_or_else(|| panic!("no library of this build fits: {said}"));
    for (text, expected) in WRONG {
        let (compiled, errors) = compile(&engine, &serde, text);
        assert!(!compiled && errors.contains(expected), "{text}: {errors}");
    }
}

#[test]
fn a_schema_that_a_target_cannot_open_is_refused_by_name() {
    let folder = crate::folder::Folder::new();
    folder.write("schema/seat.yaml", "entity: Seat\nfields: { row: { type: integer, primary: true }, number: { type: integer, primary: true }, doc: { type: json }, at: { type: datetime, storage: iso } }\nindexes: [{ fields: [row], where: \"doc IS NOT NULL\" }]\n");
    folder.write("dbal.yaml", "schema: ./schema\ntargets: [sqlite, postgres, mongodb]\n");
    let checked = folder.ok(&["check", "--config", "dbal.yaml"]);
    assert!(checked.contains("mongodb lacks composite_keys: Seat: has a key of several fields"), "{checked}");
    assert!(checked.contains("postgres lacks storage: Seat.at: "), "{checked}");
    assert!(checked.contains("mongodb lacks partial_indexes: Seat."), "{checked}");
    assert!(!checked.contains("sqlite lacks"), "{checked}");
    for language in ["ts", "python", "rust", "c", "cpp"] {
        let said = folder.run(&["generate", language, "--config", "dbal.yaml", "--schema", "schema"]);
        assert!(said.code != 0 && said.out.is_empty(), "{said:?}");
        for fault in ["Seat: mongodb: has a key of several fields", "Seat.at: postgres: ", "Seat.at: mongodb: "] {
            assert!(said.err.contains(fault), "{fault} in {}", said.err);
        }
    }
}

#[test]
fn targets_take_away_what_one_of_them_lacks() {
    let folder = crate::folder::Folder::new();
    folder.write("schema/blob.yaml", "entity: Blob\nfields: { id: { type: integer, primary: true }, self: { type: bytes, required: true }, 2nd: { type: string } }\n".replace("2nd", "type").as_str());
    let config = |targets: &str| folder.write("dbal.yaml", &format!("schema: ./schema\ntargets: [{targets}]\n"));
    config("sqlite, postgres");
    let with = folder.ok(&["generate", "rust", "--config", "dbal.yaml", "--schema", "schema"]);
    assert!(with.contains("pub self_: ::dbal::client::model::OrderedBytes") && with.contains("pub r#type:"), "{with}");
    let checked = folder.ok(&["check", "--config", "dbal.yaml"]);
    assert!(!checked.contains(" lacks "), "{checked}");
    config("sqlite, mongodb");
    let without = folder.ok(&["generate", "rust", "--config", "dbal.yaml", "--schema", "schema"]);
    assert!(without.contains("pub self_: ::dbal::Value") && !without.contains("OrderedBytes"), "{without}");
    let generated = |language: &str| folder.ok(&["generate", language, "--config", "dbal.yaml", "--schema", "schema"]);
    assert!(generated("ts").contains("  lacks: 'ordered_bytes' | 'nested_transactions'\n"));
    assert!(generated("python").contains("        transaction: None  # type: ignore[assignment]\n"));
    let checked = folder.ok(&["check", "--config", "dbal.yaml"]);
    assert!(checked.contains("mongodb lacks ordered_bytes: Blob.self: bytes have no order"), "{checked}");
    assert!(checked.contains("mongodb lacks nested_transactions: "), "{checked}");
}
