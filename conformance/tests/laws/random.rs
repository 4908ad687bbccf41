//! Schemas, rules, rows and callers that nobody thought of.

use dbal::{Map, Principal, Value};

use crate::dice::Dice;
use crate::model::{Entity, Field, Kind, Model, Reference};

const NAMES: [&str; 4] = ["Ant", "Bee", "Cat", "Dog"];

/// A sound schema: entities with fields of all types, and relations of all kinds to themselves and to those before.
pub fn model(dice: &mut Dice) -> Model {
    let mut model = Model { entities: Vec::new() };
    let count = dice.between(2, 4) as usize;
    for (at, name) in NAMES.iter().enumerate().take(count) {
        let mut fields = vec![Field::key()];
        for number in 0..dice.between(2, 5) {
            fields.push(plain(format!("f{number}"), dice));
        }
        if dice.percent(25) {
            fields.push(Field { version: true, ..Field::new("rev", Kind::Int) });
        }
        let unique =
            match fields.len() > 3 && dice.percent(25) && fields[1].kind != Kind::Doc && fields[2].kind != Kind::Doc {
                true => vec![[1, 2]],
                false => Vec::new(),
            };
        model.entities.push(Entity { name: (*name).into(), fields, relations: Vec::new(), unique });
        for number in 0..dice.between(i64::from(at > 0), 2) {
            refer(&mut model, at, number as usize, dice);
        }
    }
    for between in 1..count {
        let references: Vec<usize> = (1..model.entities[between].fields.len())
            .filter(|at| model.entities[between].fields[*at].reference.is_some())
            .collect();
        if let [this, other] = references[..]
            && dice.percent(70)
        {
            model.relate_through(between, this, other, &format!("over{between}"));
        }
    }
    model
}

fn plain(name: String, dice: &mut Dice) -> Field {
    let kind = *dice.pick(&Kind::ALL);
    let mut field = Field::new(name, kind);
    field.required = dice.percent(20);
    field.unique = matches!(kind, Kind::Text | Kind::Int) && dice.percent(30);
    field.immutable = dice.percent(8);
    field.hidden = dice.percent(12);
    field.locked = !field.required && dice.percent(8);
    if kind == Kind::Int && !field.unique && dice.percent(40) {
        field.range = Some((-3, 101));
    }
    if !field.unique && dice.percent(20) {
        field.default = match kind {
            Kind::Int | Kind::Big => Some("1"),
            Kind::Text => Some("x"),
            Kind::Flag => Some("true"),
            Kind::Word => Some("mid"),
            Kind::Dec => Some("\"1.5\""),
            Kind::Doc => Some("{}"),
            _ => None,
        };
    }
    field
}

/// A reference to an entity that there is by now, to its key or to another unique field, and its relations.
fn refer(model: &mut Model, at: usize, number: usize, dice: &mut Dice) {
    let target = dice.below(at + 1);
    let unique: Vec<usize> = (0..model.entities[target].fields.len())
        .filter(|field| {
            let field = &model.entities[target].fields[*field];
            field.unique && field.reference.is_none()
        })
        .collect();
    // One update of a reference to its own entity and of what it refers to has no answer that all databases agree on.
    let to = if target == at || dice.percent(60) { 0 } else { *dice.pick(&unique) };
    let kind = model.entities[target].fields[to].kind;
    let required = target != at && dice.percent(35);
    let actions: &[&'static str] =
        if required { &["restrict", "cascade"] } else { &["restrict", "cascade", "set_null"] };
    let action = |dice: &mut Dice| actions[dice.below(actions.len())];
    let reference = Reference {
        entity: target,
        field: to,
        on_delete: action(dice),
        on_update: if to == 0 { "restrict" } else { action(dice) },
    };
    let field = Field {
        required,
        unique: dice.percent(15),
        reference: Some(reference),
        ..Field::new(format!("to{number}"), kind)
    };
    model.entities[at].fields.push(field);
    let column = model.entities[at].fields.len() - 1;
    let back = format!("{}s{number}", NAMES[at].to_lowercase());
    model.relate(at, column, &format!("rel{number}"), &back);
}

/// A rules file for the roles `clerk` and `guest`; `boss` may do everything.
pub fn rules(model: &Model, dice: &mut Dice) -> String {
    let mut text = "rules:\n".to_owned();
    for entity in &model.entities {
        let name = &entity.name;
        text += &format!("  - {{ entity: {name}, role: [boss], operations: [create, read, update, delete] }}\n");
        for role in ["clerk", "guest"] {
            for verbs in ["read", "create, update", "delete, update", "create"] {
                if !dice.percent(65) {
                    continue;
                }
                let effect = if dice.percent(12) { "forbid" } else { "permit" };
                let condition = condition(model, entity, dice);
                text += &format!(
                    "  - {{ entity: {name}, role: [{role}], operations: [{verbs}], effect: {effect}{} }}\n",
                    condition.map_or(String::new(), |condition| format!(", row_level_filter: \"{condition}\""))
                );
            }
        }
    }
    text
}

fn condition(model: &Model, entity: &Entity, dice: &mut Dice) -> Option<String> {
    if dice.percent(30) {
        return None;
    }
    let related: Vec<_> = entity.relations.iter().filter(|relation| relation.to_one).collect();
    let (path, fields) = match !related.is_empty() && dice.percent(25) {
        true => {
            let relation = dice.pick(&related);
            (format!("{}.", relation.name), &model.entities[relation.target].fields)
        }
        false => (String::new(), &entity.fields),
    };
    let usable: Vec<&Field> =
        fields.iter().filter(|field| matches!(field.kind, Kind::Int | Kind::Text | Kind::Flag | Kind::Word)).collect();
    let field = dice.pick(&usable);
    let name = format!("{path}{}", field.name);
    let simple = match field.kind {
        Kind::Int => match dice.below(4) {
            0 => format!("{name} <= $user.max"),
            1 => format!("{name} != 2"),
            2 => format!("{name} IN (1, 2, 3)"),
            _ => format!("NOT {name} > $user.max"),
        },
        Kind::Text => match dice.below(3) {
            0 => format!("{name} = $user.name"),
            1 => format!("{name} IN ('x', 'y', 'c1', 'c2')"),
            _ => format!("{name} IS NULL"),
        },
        Kind::Word => format!("{name} <= 'mid'"),
        _ => format!("{name} = true"),
    };
    Some(match dice.below(4) {
        0 => format!("{simple} OR id > $user.max"),
        1 => format!("NOT ({simple})"),
        _ => simple,
    })
}

/// Rows whose references lead somewhere and whose unique fields do not meet, in an order in which they can be made.
pub fn rows(model: &Model, dice: &mut Dice) -> Vec<(String, Map)> {
    let mut all: Vec<(String, Map)> = Vec::new();
    let mut made: Vec<Vec<Map>> = vec![Vec::new(); model.entities.len()];
    for (at, entity) in model.entities.iter().enumerate() {
        'rows: for id in 1..=6 {
            let mut row = model.row(at, id, dice);
            for field in entity.fields.iter().skip(1) {
                if field.unique && field.reference.is_none() {
                    let value = if field.kind == Kind::Text { Value::from(format!("c{id}")) } else { Value::Int(id) };
                    row.insert(field.name.clone(), value);
                }
                let Some(reference) = &field.reference else { continue };
                let value = row.get(&field.name).cloned().unwrap_or(Value::Null);
                let target = &model.entities[reference.entity].fields[reference.field].name;
                let led = made[reference.entity].iter().any(|row| row.get(target) == Some(&value));
                let taken = field.unique && made[at].iter().any(|row| row.get(&field.name) == Some(&value));
                match (value.is_null() || led && !taken, field.required) {
                    (true, _) => {}
                    (false, true) => continue 'rows,
                    (false, false) => row.insert(field.name.clone(), Value::Null),
                }
            }
            let twice = |fields: &[usize; 2]| {
                made[at].iter().any(|other| {
                    fields.iter().all(|at| {
                        let name = &entity.fields[*at].name;
                        other.get(name) == row.get(name)
                    })
                })
            };
            if !entity.unique.iter().any(twice) {
                made[at].push(row.clone());
                all.push((entity.name.clone(), row));
            }
        }
    }
    all
}

/// Trusted code, or somebody with roles and claims, of any type or missing.
pub fn caller(dice: &mut Dice) -> Option<Principal> {
    if dice.percent(45) {
        return None;
    }
    let roles = *dice.pick(&[&["clerk"][..], &["clerk", "guest"], &["guest"], &["boss"], &[]]);
    let mut user = Map::new();
    user.insert("id", "u1");
    let claims = [Value::Int(2), Value::Int(100), Value::from("x"), Value::Null];
    for name in ["max", "name"] {
        if dice.percent(85) {
            user.insert(name, dice.pick(&claims).clone());
        }
    }
    Some(Principal { user, session: Map::new(), roles: roles.iter().map(|role| (*role).to_owned()).collect() })
}
