//! What happens, in order.

use dbal::value::json;
use dbal::{Client, ErrorKind, Principal, Record, Value, field, query, value};

use super::story::{Result, Story, expect, refused, show, told};

/// Plays all scenes.
pub fn play(story: &mut Story) -> Result {
    set_up(story)?;
    ask(story)?;
    from_rust(story)?;
    let db = story.open()?;
    denied(story, &db)?;
    faulty(story)?;
    roll_back(story, &db)?;
    rules(story)
}

fn set_up(story: &mut Story) -> Result {
    story.step("Check the entities: every fault would come with its file, line and column.");
    story.dbal_says(&["check"], &["9 entities", "0 warnings"])?;
    story.step("Create what the database lacks: tables, indexes, foreign keys. A second run finds nothing to do.");
    story.dbal_says(&["migrate"], &["CREATE TABLE \"users\"", "CREATE UNIQUE INDEX"])?;
    story.dbal_says(&["migrate"], &["nothing to do"])?;
    story.step("Seed users, pages and components from a file, in one transaction; rows refer to each other by name.");
    story.dbal_says(&["seed", "examples/seed.yaml"], &["wrote 10 rows: 3 ComponentHierarchy, 3 PageView, 4 User"])?;
    Ok(())
}

fn ask(story: &mut Story) -> Result {
    story.step("List users, highest level first, three to a page: the answer says how many there are.");
    let list = ["query", "users", "--sort", "-level,username", "--limit", "3", "--select", "username,role,level"];
    story.dbal_says(&list, &["gloria", "3 of 4 rows, page 1 of 2"])?;
    story.step("Filter pages on a path inside a json field, with their components along.");
    let filter = r#"{"layout.kind": "grid", "level": {"$lte": 3}}"#;
    let include = r#"{"components": {"sort": {"order": "asc"}, "select": ["component_type", "order"]}}"#;
    let ask =
        ["query", "PageView", "--filter", filter, "--select", "slug,title", "--include", include, "--format", "json"];
    story.dbal_says(&ask, &[r#""slug":"home""#, r#""component_type":"hero","order":1"#, r#""total":1"#])?;
    Ok(())
}

fn from_rust(story: &mut Story) -> Result {
    story.step("The same from Rust: find, update, read again. The database holds what the answer said.");
    let db = story.open()?;
    let users = db.entity("User").map_err(|error| error.to_string())?;
    let low = query().filter(field("level").lte(2).and(field("role").eq("user"))).sort("username", "asc");
    let found = users.find_many(low);
    let found = told(r#"users.find_many(level <= 2 and role = "user")"#, found, |rows| names(rows.iter()).join(", "))?;
    expect(names(found.iter()) == ["bob", "eve"], "bob and eve should have been found")?;
    let bob = key(&found[0])?;
    let before = found[0].get("updated_at").cloned();
    // The clock of `updated_at` counts milliseconds.
    std::thread::sleep(std::time::Duration::from_millis(2));
    let updated = told(r#"users.update(bob, { "level": 3 })"#, users.update(bob.clone(), value!({ "level": 3 })), row)?;
    expect(updated.get("level") == Some(&Value::Int(3)), "the new row should have level 3")?;
    expect(updated.get("updated_at").cloned() != before, "updated_at should have moved")?;
    let again = told("users.read(bob)", users.read(bob), row)?;
    expect(again == updated, "the stored row should be the row that update returned")
}

fn denied(story: &mut Story, db: &Client) -> Result {
    let user = |name: &str| db.entity("User")?.read(value!({ "username": name }));
    let (bob, ada) = (user("bob").map_err(|e| e.to_string())?, user("ada").map_err(|e| e.to_string())?);
    let as_bob = db.as_principal(Principal::new(key(&bob)?, "user").claim("level", 3));
    let as_ada = db.as_principal(Principal::new(key(&ada)?, "admin").claim("level", 4));
    let anywhere = |error: dbal::Error| error.to_string();

    story.step("Bob asks. No rule lets a user make pages; a row that he may not see does not exist for him.");
    let page = value!({ "slug": "mine", "title": "Mine", "level": 1, "layout": {} });
    refused(
        "as bob: pages.create(...)",
        ErrorKind::Forbidden,
        as_bob.entity("PageView").map_err(anywhere)?.create(page),
    )?;
    let users = as_bob.entity("User").map_err(anywhere)?;
    refused("as bob: users.read(ada)", ErrorKind::NotFound, users.read(key(&ada)?))?;
    let own = told("as bob: users.find_many()", users.find_many(query()), |rows| names(rows.iter()).join(", "))?;
    expect(names(own.iter()) == ["bob"], "bob should see his own row and no other")?;

    story.step(
        "Ada is an admin of level 4. She may raise levels, but not above her own: the check refuses the new row.",
    );
    let users = as_ada.entity("User").map_err(anywhere)?;
    let raised = users.update(key(&bob)?, value!({ "level": 5 }));
    refused(r#"as ada: users.update(bob, { "level": 5 })"#, ErrorKind::Forbidden, raised)?;
    let now = user("bob").map_err(anywhere)?;
    expect(now == bob, "bob's row should be untouched")?;
    show("bob's row is untouched");
    Ok(())
}

fn faulty(story: &mut Story) -> Result {
    story.step("A bad input: all its faults at once, each with its field.");
    let bad = r#"{"username": "x!", "email": "nobody", "role": "king", "level": 9, "nickname": "X"}"#;
    let expected = ["5 faults", "username:", "email:", "role:", "level:", "nickname:"];
    story.dbal_refuses(&["create", "User", bad], &expected)
}

fn roll_back(story: &mut Story, db: &Client) -> Result {
    story.step("A transaction fails halfway: its first row is gone with it.");
    let count = || db.entity("User")?.count(query());
    let before = count().map_err(|error| error.to_string())?;
    let failed = db.transaction(|tx| {
        let users = tx.entity("User")?;
        users.create(value!({ "username": "fay", "email": "fay@example.org" }))?;
        show(&format!("inside: {} users, fay among them", users.count(query())?));
        users.create(value!({ "username": "bob", "email": "other@example.org" }))
    });
    refused("transaction: create fay, then a second bob", ErrorKind::Conflict, failed)?;
    let after = told("users.count()", count(), i64::to_string)?;
    expect(after == before, "there should be as many users as before")
}

fn rules(story: &mut Story) -> Result {
    story.step("A rules file takes the place of the entities' own rules: a user sees pages up to their level.");
    let caller = ["--rules", "examples/acl.yaml", "--as", "bob:user", "--claim", "level=2"];
    let select = ["query", "PageView", "--select", "slug,level", "--sort", "level"];
    let said = story.dbal_says(&[select.as_slice(), &caller].concat(), &["home", "guide/start", "2 rows"])?;
    expect(!said.text.contains("lab"), "the page of level 4 should be hidden")?;
    story.step("What runs for that caller, and by which rule: the rule is in the SQL, the claim is a parameter.");
    let explained = [["explain", "PageView", "--filter", r#"{"is_active": true}"#].as_slice(), &caller].concat();
    let expected = ["access rules: examples/acl.yaml:rule 4", "\"level\" <= ?", "$user.level"];
    story.dbal_says(&explained, &expected)?;
    Ok(())
}

fn key(row: &Record) -> Result<Value> {
    row.get("id").cloned().ok_or_else(|| "a row should have an id".to_owned())
}

fn names<'r>(rows: impl Iterator<Item = &'r Record>) -> Vec<&'r str> {
    rows.filter_map(|row| row.get("username")?.as_str()).collect()
}

fn row(record: &Record) -> String {
    json::to_wire(&Value::Record(Box::new(record.clone())))
}
