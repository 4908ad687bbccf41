//! Tenants that share tables, under generated rules whose meaning is known here without asking the engine: what a
//! caller may see and write is worked out from the rows by a few lines of Rust.

use std::collections::BTreeMap;

use dbal::schema::Verb;
use dbal::{Map, Principal, Value};

use crate::dice::Dice;
use crate::model::{Entity, Field, Kind, Model, Reference};

/// The entities. Rules look at `tenant` and `level` alone, of a row or of the row it belongs to; both never change.
pub const OWNER: usize = 0;
pub const THING: usize = 1;
const TAG: usize = 2;
const PART: usize = 3;
const LINK: usize = 4;
const NOTE: usize = 5;

const TENANT: usize = 1;
const LEVEL: usize = 2;

const TENANTS: [&str; 3] = ["red", "blue", "green"];

fn reference(entity: usize, field: usize, on_delete: &'static str) -> Option<Reference> {
    Some(Reference { entity, field, on_delete, on_update: "restrict" })
}

/// The model, its hidden and locked fields chosen anew.
pub fn model(dice: &mut Dice) -> Model {
    let plain = Field::new;
    let owner = vec![plain("name", Kind::Text), plain("secret", Kind::Text)];
    let thing = vec![
        Field { reference: reference(OWNER, 0, "set_null"), ..plain("owner_id", Kind::Int) },
        Field { reference: reference(THING, 0, "set_null"), ..plain("parent_id", Kind::Int) },
        Field { unique: true, ..plain("code", Kind::Text) },
        plain("text", Kind::Text),
        Field { default: Some("1"), ..plain("num", Kind::Int) },
        plain("price", Kind::Dec),
        plain("doc", Kind::Doc),
        plain("secret", Kind::Text),
        Field { version: true, ..plain("rev", Kind::Int) },
    ];
    let part = vec![
        Field { required: true, reference: reference(THING, 0, "cascade"), ..plain("thing_id", Kind::Int) },
        plain("label", Kind::Text),
        Field { range: Some((-50, 101)), ..plain("count", Kind::Int) },
        plain("secret", Kind::Word),
    ];
    let link = vec![
        Field { required: true, reference: reference(THING, 0, "cascade"), ..plain("thing_id", Kind::Int) },
        Field { required: true, reference: reference(TAG, 0, "cascade"), ..plain("tag_id", Kind::Int) },
    ];
    let code = Reference { entity: THING, field: 5, on_delete: "set_null", on_update: "cascade" };
    let note = vec![
        Field { reference: Some(code), ..plain("thing_code", Kind::Text) },
        plain("text", Kind::Text),
        plain("secret", Kind::Real),
    ];
    let fields = [
        ("Owner", owner),
        ("Thing", thing),
        ("Tag", vec![plain("label", Kind::Text)]),
        ("Part", part),
        ("Link", link),
        ("Note", note),
    ];
    let entities = fields.map(|(name, own)| {
        let marks = [("tenant", Kind::Text), ("level", Kind::Int)];
        let marks = marks.map(|(name, kind)| Field { immutable: true, ..Field::new(name, kind) });
        let all = [Field::key()].into_iter().chain(marks).chain(own);
        let mut fields: Vec<Field> = all.collect();
        for field in &mut fields[1..] {
            field.hidden = field.name == "secret" && dice.percent(80) || dice.percent(12);
            field.locked = !field.required && dice.percent(10);
        }
        Entity { name: name.into(), fields, relations: Vec::new(), unique: Vec::new() }
    });
    let mut model = Model { entities: entities.into() };
    for (entity, field, name, back) in [
        (THING, 3, "owner", "things"),
        (THING, 4, "parent", "children"),
        (PART, 3, "thing", "parts"),
        (LINK, 3, "thing", "links"),
        (LINK, 4, "tag", "links"),
        (NOTE, 3, "thing", "notes"),
    ] {
        model.relate(entity, field, name, back);
    }
    model.relate_through(LINK, 3, 4, "tags");
    model.relate_through(LINK, 4, 3, "things");
    model
}

/// A condition of a rule: as it is written, and what it means here.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Condition {
    Always,
    SameTenant,
    UpToLevel,
    SomeTenants,
    NotHigh,
    NoLevelOrSameTenant,
    /// Of the row that this one belongs to.
    ParentOfSameTenant,
    ParentUpToLevel,
    NotGreen,
}

impl Condition {
    fn text(self, parent: &str) -> String {
        match self {
            Condition::Always => String::new(),
            Condition::SameTenant => "tenant = $user.tenant".into(),
            Condition::UpToLevel => "level <= $user.level".into(),
            Condition::SomeTenants => "tenant IN ('red', 'blue')".into(),
            Condition::NotHigh => "NOT level > 2".into(),
            Condition::NoLevelOrSameTenant => "level IS NULL OR tenant = $user.tenant".into(),
            Condition::ParentOfSameTenant => format!("{parent}.tenant = $user.tenant"),
            Condition::ParentUpToLevel => format!("{parent}.level <= $user.level"),
            Condition::NotGreen => "tenant != 'green'".into(),
        }
    }

    /// Whether it holds; none where that is unknown.
    fn holds(self, row: &Map, parent: Option<&Map>, caller: &Principal) -> Option<bool> {
        let text = |row: &Map, name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |row: &Map, name: &str| row.get(name).and_then(Value::as_i64);
        let tenant = text(row, "tenant");
        let claimed = text(&caller.user, "tenant");
        let same = |of: Option<String>| Some(of? == claimed.clone()?);
        let low = |of: &Map| Some(number(of, "level")? <= number(&caller.user, "level")?);
        match self {
            Condition::Always => Some(true),
            Condition::SameTenant => same(tenant),
            Condition::UpToLevel => low(row),
            Condition::SomeTenants => tenant.map(|tenant| ["red", "blue"].contains(&tenant.as_str())),
            Condition::NotHigh => number(row, "level").map(|level| level <= 2),
            Condition::NoLevelOrSameTenant => match number(row, "level") {
                None => Some(true),
                Some(_) => same(tenant),
            },
            Condition::ParentOfSameTenant => same(text(parent?, "tenant")),
            Condition::ParentUpToLevel => low(parent?),
            Condition::NotGreen => tenant.map(|tenant| tenant != "green"),
        }
    }
}

#[derive(Clone, Debug)]
struct Rule {
    entity: usize,
    role: &'static str,
    verb: Verb,
    permits: bool,
    condition: Condition,
}

/// The rules of a file.
#[derive(Clone, Debug)]
pub struct Rules(Vec<Rule>);

pub const VERBS: [Verb; 4] = [Verb::Create, Verb::Read, Verb::Update, Verb::Delete];

impl Rules {
    /// Permits for most verbs and entities, with conditions, and a forbid here and there.
    pub fn new(model: &Model, dice: &mut Dice) -> Rules {
        use Condition::*;
        let conditions = [Always, SameTenant, UpToLevel, SomeTenants, NotHigh, NoLevelOrSameTenant, NotGreen];
        let mut rules = Vec::new();
        for entity in 0..model.entities.len() {
            for verb in VERBS {
                for role in ["clerk", "guest"] {
                    let chance = if role == "clerk" { 88 } else { 40 };
                    if !dice.percent(chance) {
                        continue;
                    }
                    let condition = match parent(entity).is_some() && dice.percent(30) {
                        true => *dice.pick(&[ParentOfSameTenant, ParentUpToLevel]),
                        false => *dice.pick(&conditions),
                    };
                    rules.push(Rule { entity, role, verb, permits: true, condition });
                    if dice.percent(15) {
                        let condition = *dice.pick(&[SameTenant, UpToLevel, SomeTenants, NotHigh]);
                        rules.push(Rule { entity, role, verb, permits: false, condition });
                    }
                }
            }
        }
        Rules(rules)
    }

    /// As they stand in a rules file.
    pub fn text(&self, model: &Model) -> String {
        let mut text = "rules:\n".to_owned();
        for rule in &self.0 {
            let effect = if rule.permits { "permit" } else { "forbid" };
            text += &format!(
                "  - {{ entity: {}, role: [{}], operations: [{}], effect: {effect}",
                model.entities[rule.entity].name,
                rule.role,
                rule.verb.as_str()
            );
            let condition = rule.condition.text(parent(rule.entity).map_or("", |(_, relation, _)| relation));
            text += &if condition.is_empty() {
                " }\n".to_owned()
            } else {
                format!(", row_level_filter: \"{condition}\" }}\n")
            };
        }
        text
    }

    /// Whether a caller may do this with a row. A forbid rule forbids unless its condition is false.
    pub fn allow(&self, world: &World, entity: usize, row: &Map, verb: Verb, caller: &Principal) -> bool {
        let applicable = |rule: &&Rule| {
            rule.entity == entity && rule.verb == verb && caller.roles.iter().any(|role| role == rule.role)
        };
        let holds = |rule: &Rule| rule.condition.holds(row, world.parent(entity, row), caller);
        let rules = || self.0.iter().filter(applicable);
        rules().any(|rule| rule.permits && holds(rule) == Some(true))
            && rules().all(|rule| rule.permits || holds(rule) == Some(false))
    }

    /// Whether a caller may come to know a row: by reading it, or by writing over it.
    pub fn show(&self, world: &World, entity: usize, row: &Map, caller: &Principal) -> bool {
        [Verb::Read, Verb::Update, Verb::Delete].iter().any(|verb| self.allow(world, entity, row, *verb, caller))
    }
}

/// The entity whose rows' tenant and level the rules of this one look at: that, the relation, and the field.
fn parent(entity: usize) -> Option<(usize, &'static str, &'static str)> {
    match entity {
        THING => Some((OWNER, "owner", "owner_id")),
        PART | LINK => Some((THING, "thing", "thing_id")),
        NOTE => Some((THING, "thing", "thing_code")),
        _ => None,
    }
}

/// Somebody with roles and claims, some of which may be missing.
pub fn caller(dice: &mut Dice) -> Principal {
    let roles = *dice.pick(&[&["clerk"][..], &["clerk"], &["clerk", "guest"], &["guest"]]);
    let mut user = Map::new();
    user.insert("id", "u1");
    if dice.percent(90) {
        user.insert("tenant", *dice.pick(&TENANTS));
    }
    if dice.percent(90) {
        user.insert("level", dice.between(0, 3));
    }
    Principal { user, session: Map::new(), roles: roles.iter().map(|role| (*role).to_owned()).collect() }
}

/// The rows of a database, by entity and key.
#[derive(Clone, Debug, Default)]
pub struct World(pub Vec<BTreeMap<i64, Map>>);

impl World {
    /// No rows yet.
    pub fn new(model: &Model) -> World {
        World(vec![BTreeMap::new(); model.entities.len()])
    }

    /// The rows that a database holds.
    pub fn of(rows: &[Vec<Map>]) -> World {
        let id = |row: &Map| row.get("id").and_then(Value::as_i64).expect("every row has its key");
        World(rows.iter().map(|rows| rows.iter().map(|row| (id(row), row.clone())).collect()).collect())
    }

    /// The row that a row's reference leads to.
    pub fn target(&self, model: &Model, field: &Field, row: &Map) -> Option<&Map> {
        let reference = field.reference.as_ref()?;
        let value = row.get(&field.name).filter(|value| !value.is_null())?;
        let name = &model.entities[reference.entity].fields[reference.field].name;
        self.0[reference.entity].values().find(|row| row.get(name) == Some(value))
    }

    fn parent(&self, entity: usize, row: &Map) -> Option<&Map> {
        let (of, _, field) = parent(entity)?;
        let key = row.get(field).filter(|value| !value.is_null())?;
        match field {
            "thing_code" => self.0[of].values().find(|row| row.get("code") == Some(key)),
            _ => self.0[of].get(&key.as_i64()?),
        }
    }

    /// The rows in an order in which they can be made.
    pub fn rows(&self, model: &Model) -> Vec<(String, Map)> {
        let entities = model.entities.iter().zip(&self.0);
        entities.flat_map(|(entity, rows)| rows.values().map(|row| (entity.name.clone(), row.clone()))).collect()
    }
}

/// A row with a tenant and a level, its unique fields made of its key so that rows do not meet.
pub fn row(model: &Model, entity: usize, id: i64, dice: &mut Dice) -> Map {
    let mut row = model.row(entity, id, dice);
    let fields = &model.entities[entity].fields;
    let mut set = |at: usize, value: Value| row.insert(fields[at].name.clone(), value);
    set(TENANT, if dice.percent(10) { Value::Null } else { Value::from(*dice.pick(&TENANTS)) });
    set(LEVEL, if dice.percent(15) { Value::Null } else { Value::Int(dice.between(0, 3)) });
    for (at, field) in fields.iter().enumerate().skip(1) {
        if field.unique {
            set(at, Value::from(format!("c{id}")));
        }
        if let Some(reference) = &field.reference {
            let key = *dice.pick(&KEYS);
            let nothing = !field.required && dice.percent(25);
            set(
                at,
                if nothing {
                    Value::Null
                } else if reference.field == 0 {
                    Value::Int(key)
                } else {
                    Value::from(format!("c{key}"))
                },
            );
        }
    }
    row
}

/// The keys of rows.
pub const KEYS: [i64; 10] = [1, 2, 3, 4, 5, 6, 101, 102, 103, 104];

/// Whether a row's references all lead somewhere; those that need not are cut.
pub fn settle(world: &World, model: &Model, entity: usize, row: &mut Map) -> bool {
    let own = row.get("id").and_then(Value::as_i64);
    for field in model.entities[entity].fields.iter().filter(|field| field.reference.is_some()) {
        let set = row.get(&field.name).is_some_and(|value| !value.is_null());
        // Rows are made in the order of their keys, so none refers to itself or to a later one.
        let found = world.target(model, field, row).and_then(|row| row.get("id")).and_then(Value::as_i64);
        let itself = field.reference.as_ref().is_some_and(|reference| reference.entity == entity) && found >= own;
        if set && (found.is_none() || itself) {
            if field.required {
                return false;
            }
            row.insert(field.name.clone(), Value::Null);
        }
    }
    true
}
