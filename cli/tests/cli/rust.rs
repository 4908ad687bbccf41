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
    let checked = folder.ok(&["check", "--config", "dbal.yaml"]);
    assert!(checked.contains("mongodb lacks ordered_bytes: Blob.self: bytes have no order"), "{checked}");
    assert!(checked.contains("mongodb lacks nested_transactions: "), "{checked}");
}
