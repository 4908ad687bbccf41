//! Who may do what with the reference contract, asked of a client on each backend.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use dbal::access::Policy;
use dbal::client::builder::{field, query};
use dbal::schema::Verb;
use dbal::schema::load_dir;
use dbal::{Client, Config, ErrorKind, Principal, Reason, Record, Value, value};

const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../api/schema");

const EXAMPLE: &str = r#"
rules:
  - entity: User
    role: [user]
    operations: [read]
    row_level_filter: "id = $user.id"

  - entity: User
    role: [admin, god, supergod]
    operations: [create, read, update, delete]

  - entity: PageView
    role: [god, supergod]
    operations: [create, update, delete]

  - entity: PageView
    role: [user, admin]
    operations: [read]
    row_level_filter: "level <= $user.level"
"#;

/// A client of each backend over the reference contract.
fn clients(rules: Option<&str>, test: impl Fn(Client)) {
    let folder = tempfile::tempdir().unwrap();
    for config in [Config::memory(), Config::sqlite(folder.path().join("app.db"))] {
        let config = config.schema_dir(CONTRACT);
        let config = match rules {
            Some(text) => config.rules_text(text),
            None => config,
        };
        let client = Client::open(config).unwrap();
        client.migrate().unwrap();
        test(client);
    }
}

fn user(db: &Client, name: &str, role: &str, level: i64) -> (Record, Principal) {
    let data = value!({
        "username": name, "email": (format!("{name}@example.org")), "role": role, "level": level
    });
    let row = db.entity("User").unwrap().create(data).unwrap();
    let id = row.get("id").unwrap().clone();
    (row, Principal::new(id, role).claim("level", level).claim("username", name))
}

fn id(row: &Record) -> Value {
    row.get("id").unwrap().clone()
}

fn columns(row: &Record) -> Vec<&str> {
    row.columns().names.iter().map(|name| &**name).collect()
}

fn names(rows: &[Record], field: &str) -> Vec<String> {
    rows.iter().map(|row| row.get(field).unwrap().as_str().unwrap().to_owned()).collect()
}

/// What rules say that take the place of others: their warnings, and no narrowing where rows are not narrowed.
#[test]
fn rules_that_come_later_are_taken_as_the_first_ones_were() {
    let schema = "
entity: Desk
fields: { id: { type: integer, primary: true }, owner: { type: string } }
operations:
  mine: { public: true, row_level_check: \"owner = $user.id\", steps: [{ operation: count, save: n }, { return: { $ref: n } }] }
";
    let rules =
        "rules: [{ entity: Desk, role: [clerk], operations: [read], row_level_filter: \"owner = $user.nmae\" }]";
    let opened = |row_level: bool| {
        let environment = dbal::config::Environment::given([("DATABASE_URL", "memory:")]);
        let text = format!("mode: development\nacl: {{ enforce_row_level: {row_level} }}\n");
        let settings = dbal::config::Settings::from_text("dbal.yaml", &text, &environment).expect("sound");
        let config = Config::from_settings(&settings).expect("a configuration").schema_text(schema);
        let db = Client::open(config).expect("opened");
        db.migrate().expect("migrated");
        db.entity("Desk").expect("declared").create(value!({ "id": 1, "owner": "ada" })).expect("created");
        let policy = Policy::from_rules(db.schema(), rules, "acl.yaml").expect("sound");
        (db.warnings().len(), db.with_policy(policy).expect("taken"))
    };
    let counted = |db: &Client| {
        let clerk = db.as_principal(Principal::new("bob", "clerk"));
        (clerk.entity("Desk").expect("declared").count(query()).ok(), clerk.call("Desk.mine", value!({})).ok())
    };
    let (_, open) = opened(false);
    let (count, mine) = counted(&open);
    assert_eq!(count, Some(1));
    assert_eq!(mine.map(|answer| answer.into_value()), Some(value!(1)), "a check narrows as little as a filter");
    let (_, closed) = opened(true);
    assert_eq!(counted(&closed).0, Some(0));
}

#[test]
fn the_contract_declares_rules_that_can_be_typed() {
    let schema = load_dir(CONTRACT).unwrap().schema;
    let (policy, warnings) = Policy::from_acl(&schema);
    assert!(warnings.is_empty(), "{warnings:?}");
    let table: Vec<String> = schema
        .entities()
        .map(|(entity, declared)| {
            let roles = ["", "user", "admin", "god", "supergod"].map(|role| {
                let caller = if role.is_empty() { Principal::anonymous() } else { Principal::new("u", role) };
                let may = |verb: &Verb| policy.permits(&caller, entity, *verb).is_ok();
                let verbs = Verb::ALL.iter().filter(|verb| may(verb)).map(|verb| &verb.as_str()[..1]);
                verbs.collect::<String>()
            });
            format!("{}: {}", declared.name, roles.join(" "))
        })
        .collect();
    let mut table = table;
    table.sort();
    assert_eq!(
        table,
        [
            "ComponentHierarchy:   r crud crud",
            "Credential:     ",
            "DbalRateLimit:     ",
            "LuaScript:   r crud crud",
            "Package:    r crud",
            "PageView: r r r crud crud",
            "Session:     ",
            "User: cru cru crud crud crud",
            "Workflow:   r crud crud",
        ]
    );
}

#[test]
fn people_see_themselves_and_admins_see_everybody() {
    clients(None, |db| {
        let (ada, as_ada) = user(&db, "ada", "user", 1);
        let (bob, _) = user(&db, "bob", "user", 2);
        let (_, as_admin) = user(&db, "carol", "admin", 4);
        let ada_db = db.as_principal(as_ada);
        let users = ada_db.entity("User").unwrap();
        assert_eq!(names(&users.find_many(query().limit(10)).unwrap(), "username"), ["ada"]);
        assert_eq!(users.count(query()).unwrap(), 1);
        assert_eq!(users.list(query()).unwrap().total, Some(1));
        assert_eq!(users.read(id(&bob)).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(users.read(id(&ada)).unwrap().get("username").unwrap().as_str(), Some("ada"));
        let admin_db = db.as_principal(as_admin);
        assert_eq!(admin_db.entity("User").unwrap().count(query()).unwrap(), 3);
        let nobody = db.as_principal(Principal::anonymous());
        assert_eq!(nobody.entity("User").unwrap().count(query()).unwrap(), 0);
        for entity in ["Credential", "Session"] {
            for caller in [&ada_db, &admin_db, &nobody] {
                let error = caller.entity(entity).unwrap().count(query()).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Forbidden);
                // What is wrong with the names tells nothing either.
                let asked = query().filter(field("password_hash").eq("x"));
                let error = caller.entity(entity).unwrap().count(asked).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Forbidden);
            }
        }
    });
}

#[test]
fn nobody_reaches_above_their_own_role_and_level() {
    clients(None, |db| {
        let (ada, as_ada) = user(&db, "ada", "user", 1);
        let (_, as_admin) = user(&db, "carol", "admin", 4);
        let (god, _) = user(&db, "dave", "god", 5);
        let admins = db.as_principal(as_admin);
        let users = admins.entity("User").unwrap();
        let forbidden = |result: dbal::Result<Record>| assert_eq!(result.unwrap_err().kind(), ErrorKind::Forbidden);
        let new = |name: &str, role: &str, level: i64| value!({ "username": name, "email": (format!("{name}@example.org")), "role": role, "level": level });
        forbidden(users.create(new("eve", "god", 1)));
        forbidden(users.create(new("eve", "user", 5)));
        assert!(users.create(new("eve", "admin", 4)).is_ok());
        forbidden(users.update(id(&ada), value!({ "role": "supergod" })));
        forbidden(users.update(id(&ada), value!({ "level": 5 })));
        assert_eq!(users.update(id(&god), value!({ "username": "fool" })).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(users.delete(id(&god)).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(users.update(id(&ada), value!({ "level": 4 })).unwrap().get("level").unwrap().as_i64(), Some(4));
        // Of the refused writes nothing is left.
        assert_eq!(db.entity("User").unwrap().count(query()).unwrap(), 4);
        let kept = db.entity("User").unwrap().read(id(&ada)).unwrap();
        assert_eq!(kept.get("role").unwrap().as_str(), Some("user"));

        let own = db.as_principal(as_ada);
        let own = own.entity("User").unwrap();
        let refused = own.update(id(&ada), value!({ "role": "admin", "id": "x", "nothing": 1 })).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ValidationError);
        assert_eq!(refused.fields().len(), 3, "{refused}");
        assert!(own.update(id(&ada), value!({ "username": "countess" })).is_ok());
        assert_eq!(own.update(id(&god), value!({ "username": "x12" })).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn anybody_may_sign_up_as_a_plain_user() {
    clients(None, |db| {
        let nobody = db.as_principal(Principal::anonymous());
        let users = nobody.entity("User").unwrap();
        let plain = value!({ "username": "newcomer", "email": "new@example.org" });
        let made = users.create(plain).unwrap();
        assert!(made.get("id").is_some());
        let stored = db.entity("User").unwrap().read(id(&made)).unwrap();
        assert_eq!(stored.get("role").unwrap().as_str(), Some("user"));
        let grand = value!({ "username": "grand", "email": "grand@example.org", "role": "supergod" });
        assert!(users.create(grand).is_err());
        let taken = value!({ "username": "newcomer", "email": "other@example.org" });
        assert_eq!(users.create(taken).unwrap_err().reason(), Some(Reason::Unique));
    });
}

#[test]
fn the_example_rules_work_as_written() {
    clients(Some(EXAMPLE), |db| {
        let pages = db.entity("PageView").unwrap();
        for level in 1..=5_i64 {
            let slug = format!("page-{level}");
            pages.create(value!({ "slug": slug, "title": "Page", "level": level, "layout": {} })).unwrap();
        }
        let (ada, as_ada) = user(&db, "ada", "user", 2);
        let (_, as_god) = user(&db, "dave", "god", 5);
        let seen = |caller: Principal| {
            let bound = db.as_principal(caller);
            let rows = bound.entity("PageView").unwrap().find_many(query().sort("level", "asc").limit(10))?;
            Ok::<_, dbal::Error>(names(&rows, "slug"))
        };
        assert_eq!(seen(as_ada.clone()).unwrap(), ["page-1", "page-2"]);
        assert_eq!(seen(as_god.clone()).unwrap_err().kind(), ErrorKind::Forbidden);
        assert_eq!(seen(Principal::anonymous()).unwrap_err().kind(), ErrorKind::Forbidden);
        // Without a level, or with one of another type, nothing is certain and nothing is seen.
        let id_of_ada = id(&ada);
        assert!(seen(Principal::new(id_of_ada.clone(), "user")).unwrap().is_empty());
        assert!(seen(Principal::new(id_of_ada.clone(), "user").claim("level", "5")).unwrap().is_empty());
        assert!(seen(Principal::new(id_of_ada, "user").claim("level", Value::Null)).unwrap().is_empty());
        // Gods make pages that they may not read: the key is all that comes back.
        let gods = db.as_principal(as_god);
        let made = gods.entity("PageView").unwrap().create(value!({
            "slug": "made", "title": "Made", "level": 1, "layout": {}
        }));
        assert_eq!(columns(&made.unwrap()), ["id"]);
        let ours = db.as_principal(as_ada);
        let error = ours.entity("Workflow").unwrap().count(query()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Forbidden);
    });
}

#[test]
fn what_a_row_points_to_is_shown_by_its_own_rules() {
    let rules = "
rules:
  - { entity: Workflow, role: [user], operations: [read] }
  - { entity: User, role: [user], operations: [read], row_level_filter: id = $user.id, fields: { read: [username] } }
";
    clients(Some(rules), |db| {
        let (ada, as_ada) = user(&db, "ada", "user", 1);
        let (bob, _) = user(&db, "bob", "user", 1);
        for (name, owner) in [("a", &ada), ("b", &bob)] {
            let data = value!({
                "name": name, "trigger": "manual", "trigger_config": {}, "steps": [], "created_by": (id(owner))
            });
            db.entity("Workflow").unwrap().create(data).unwrap();
        }
        let bound = db.as_principal(as_ada);
        let workflows = bound.entity("Workflow").unwrap();
        let schema = bound.schema();
        let declared = schema.entity(schema.by_name("Workflow").unwrap());
        let key = declared.field_by_name("created_by").unwrap();
        let relation = declared.relations.iter().find(|relation| relation.local == key).unwrap().name.clone();
        let of = |filter: Value| {
            let condition = Value::Map([(relation.clone(), filter)].into_iter().collect());
            workflows.find_many(query().filter(condition).limit(10)).map(|rows| names(&rows, "name"))
        };
        assert_eq!(of(value!({ "username": "ada" })).unwrap(), ["a"]);
        assert!(of(value!({ "username": "bob" })).unwrap().is_empty(), "bob is not there to be asked about");
        assert_eq!(of(value!({ "$isNot": { "username": "ada" } })).unwrap(), ["b"]);
        assert_eq!(of(value!({ "email": "ada@example.org" })).unwrap_err().kind(), ErrorKind::ValidationError);
        assert_eq!(of(Value::Null).unwrap(), ["b"], "hidden is as absent");
        let include = Value::Map([(relation.clone(), Value::Bool(true))].into_iter().collect());
        let rows = workflows.find_many(query().include(include).limit(10).sort("name", "asc")).unwrap();
        assert!(rows[1].get(&relation).unwrap().is_null());
        match rows[0].get(&relation).unwrap() {
            Value::Record(author) => assert_eq!(columns(author), ["id", "username"]),
            other => panic!("{other:?}"),
        }
        let by = |field: &str| workflows.find_many(query().sort(format!("{relation}.{field}"), "asc").limit(10));
        assert_eq!(names(&by("username").unwrap(), "name"), ["b", "a"], "hidden is as absent, so first");
        assert_eq!(by("email").unwrap_err().kind(), ErrorKind::ValidationError);
    });
}

#[test]
fn plans_of_one_caller_are_never_lent_to_another() {
    clients(Some(EXAMPLE), |db| {
        let (_, as_ada) = user(&db, "ada", "user", 2);
        let (_, as_admin) = user(&db, "carol", "admin", 4);
        let counts = || {
            let of = |caller: &Principal| {
                let bound = db.as_principal(caller.clone());
                bound.entity("User").unwrap().count(query()).ok()
            };
            (db.entity("User").unwrap().count(query()).ok(), of(&as_ada), of(&as_admin), of(&Principal::anonymous()))
        };
        for _ in 0..3 {
            assert_eq!(counts(), (Some(2), Some(1), Some(2), None));
        }
    });
}

#[test]
fn a_row_may_be_made_that_refers_to_itself_where_others_are_hidden() {
    let schema = "
entity: Node
fields:
  id: { type: integer, primary: true }
  parent_id: { type: integer, foreign_key: { entity: Node } }
  owner: { type: string }
";
    let rules = "
rules:
  - { entity: Node, role: [member], operations: [create, update] }
  - { entity: Node, role: [member], operations: [read], row_level_filter: owner = $user.id }
";
    for config in [Config::memory(), Config::sqlite(":memory:")] {
        let db = Client::open(config.schema_text(schema).rules_text(rules)).unwrap();
        db.migrate().unwrap();
        db.entity("Node").unwrap().create(value!({ "id": 1, "owner": "other" })).unwrap();
        let bound = db.as_principal(Principal::new("me", "member"));
        let nodes = bound.entity("Node").unwrap();
        nodes.create(value!({ "id": 2, "parent_id": 2, "owner": "me" })).unwrap();
        nodes.create(value!({ "id": 3, "parent_id": 2, "owner": "me" })).unwrap();
        nodes.create_many([value!({ "id": 4, "owner": "me" }), value!({ "id": 5, "parent_id": 4 })]).unwrap();
        let hidden = nodes.create(value!({ "id": 6, "parent_id": 1 })).unwrap_err();
        let missing = nodes.create(value!({ "id": 6, "parent_id": 99 })).unwrap_err();
        assert_eq!(format!("{hidden:?}"), format!("{missing:?}"));
        assert_eq!(hidden.reason(), Some(Reason::ForeignKey));
        let hidden = nodes.update(3, value!({ "parent_id": 1 })).unwrap_err();
        assert_eq!(format!("{hidden:?}"), format!("{:?}", nodes.update(3, value!({ "parent_id": 99 })).unwrap_err()));
        assert!(nodes.update(3, value!({ "parent_id": 3 })).is_ok());
    }
}
