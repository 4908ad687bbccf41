//! Twenty versions of a schema, and what each row holds in each of them.

use dbal::value::json;
use dbal::{Value, value};

/// The last version; the first is 1.
pub const LAST: usize = 20;

/// What one more version brings.
fn since(version: usize, first: usize, text: &str) -> &str {
    if version >= first { text } else { "" }
}

/// The entity that most of it is about.
pub fn entity(version: usize) -> &'static str {
    if version >= 11 { "Member" } else { "Person" }
}

/// The field that is renamed twice.
pub fn name(version: usize) -> &'static str {
    match version {
        ..4 => "name",
        4..13 => "full_name",
        _ => "label",
    }
}

/// The files of a version.
pub fn schema(version: usize) -> String {
    let v = version;
    let label = match v {
        ..4 => "name: { type: string, required: true }",
        4..13 => "full_name: { type: string, required: true, renamed_from: name }",
        _ => "label: { type: string, required: true, renamed_from: full_name }",
    };
    let age = match v {
        ..6 => "integer",
        6..12 => "bigint",
        12..18 => "decimal, precision: 12, scale: 2",
        _ => "integer",
    };
    let note = since(v, 14, ", required: true, backfill: \"-\"");
    let nickname = if (2..8).contains(&v) { "  nickname: { type: string }\n" } else { "" };
    let level = since(v, 3, "  level: { type: integer, required: true, backfill: 3 }\n");
    let role = match v {
        ..9 => "",
        9 => "  role: { type: enum, values: [user, admin], required: true, default: user }\n",
        _ => "  role: { type: enum, values: [user, admin, guest], required: true, default: user }\n",
    };
    let cascade = since(v, 15, ", on_delete: cascade");
    let joined = since(
        v,
        20,
        "  joined: { type: datetime, required: true, default: now }\n  uid: { type: uuid, required: true, generated: true }\n",
    );
    let mut indexes = Vec::new();
    if v >= 5 {
        indexes.push("{ fields: [level, age] }".to_owned());
    }
    if (16..19).contains(&v) {
        indexes.push(format!("{{ fields: [{}, level], unique: true }}", name(v)));
    }
    let searchable = if (7..19).contains(&v) { format!("searchable: [{}]\n", name(v)) } else { String::new() };
    let renamed = since(v, 11, "renamed_from: Person\n");
    let badge = since(
        v,
        17,
        "---\nentity: Badge\nfields:\n  id: { type: integer, primary: true, generated: true }\n  member_id: { type: \
         integer, required: true, foreign_key: { entity: Member, field: id, on_delete: cascade } }\n",
    );
    let (entity, indexes) = (entity(v), indexes.join(", "));
    format!(
        "entity: Team\nfields:\n  id: {{ type: integer, primary: true }}\n  title: {{ type: string, unique: true }}\n---\n\
         entity: {entity}\n{renamed}fields:\n  id: {{ type: integer, primary: true, generated: true }}\n  {label}\n  email: \
         {{ type: string, unique: true }}\n  age: {{ type: {age} }}\n  note: {{ type: text{note} }}\n{nickname}{level}{role}  \
         team_id: {{ type: integer, foreign_key: {{ entity: Team, field: id{cascade} }} }}\n{joined}indexes: \
         [{indexes}]\n{searchable}{badge}"
    )
}

/// What row number `id` is given in the first version.
pub fn first(id: i64) -> Value {
    let age = (id % 7 != 0).then_some(id % 90);
    let note = (id % 3 != 0).then(|| format!("note {id}"));
    let team = (id % 11 != 0).then_some(id % 5 + 1);
    value!({
        "id": id,
        "name": (format!("Person {id} word{}", id % 10)),
        "email": (format!("p{id}@example.org")),
        "age": age,
        "note": note,
        "team_id": team,
    })
}

/// What it holds in a version; `filled` once the nulls of `note` were filled, which no way back takes away.
pub fn row(version: usize, filled: bool, id: i64) -> Vec<(&'static str, String)> {
    let given = first(id);
    let text = |field: &str| {
        let value = given.as_map().and_then(|map| map.get(field)).cloned().unwrap_or(Value::Null);
        json::to_wire(&value)
    };
    let age = match text("age") {
        age if (12..18).contains(&version) && age != "null" => format!("\"{age}.00\""),
        age => age,
    };
    let note = match text("note") {
        null if filled && null == "null" => "\"-\"".to_owned(),
        note => note,
    };
    let mut row = vec![
        (name(version), text("name")),
        ("email", text("email")),
        ("age", age),
        ("note", note),
        ("team_id", text("team_id")),
    ];
    if (2..8).contains(&version) {
        row.push(("nickname", "null".to_owned()));
    }
    if version >= 3 {
        row.push(("level", "3".to_owned()));
    }
    if version >= 9 {
        row.push(("role", "\"user\"".to_owned()));
    }
    row
}

/// What is lost by going to a version from the one before, or back from it.
pub fn lost(version: usize, back: bool) -> Vec<String> {
    let lost: &[&str] = match (version, back) {
        (8, false) => &["Person.nickname"],
        (2, true) => &["Person.nickname"],
        (3, true) => &["Person.level"],
        (9, true) => &["Person.role"],
        (17, true) => &["Badge"],
        (20, true) => &["Member.joined", "Member.uid"],
        _ => &[],
    };
    lost.iter().map(|name| (*name).to_owned()).collect()
}
