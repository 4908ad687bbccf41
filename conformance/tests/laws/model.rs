//! What a generated schema holds, as much of it as the generators of rows and requests need to know.

use std::fmt::Write;

use dbal::{Date, DateTime, Decimal, Map, Uuid, Value, value};

use crate::dice::Dice;

/// Entities, each able to refer to itself and to those before it.
#[derive(Clone, Debug)]
pub struct Model {
    pub entities: Vec<Entity>,
}

/// One entity. Its first field is its key, an integer called `id`.
#[derive(Clone, Debug)]
pub struct Entity {
    pub name: String,
    pub fields: Vec<Field>,
    pub relations: Vec<Relation>,
    /// Fields that are unique together.
    pub unique: Vec<[usize; 2]>,
}

/// A relation that can be followed from an entity.
#[derive(Clone, Debug)]
pub struct Relation {
    pub name: String,
    pub target: usize,
    pub to_one: bool,
    /// How it is declared.
    pub declared: String,
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub kind: Kind,
    pub required: bool,
    pub unique: bool,
    pub immutable: bool,
    /// Only the role `boss` reads it.
    pub hidden: bool,
    /// Only the role `boss` writes it.
    pub locked: bool,
    pub version: bool,
    /// Least and greatest value, of numbers.
    pub range: Option<(i64, i64)>,
    pub default: Option<&'static str>,
    pub reference: Option<Reference>,
}

/// What a field refers to.
#[derive(Clone, Debug)]
pub struct Reference {
    pub entity: usize,
    pub field: usize,
    pub on_delete: &'static str,
    pub on_update: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Int,
    Big,
    Real,
    Dec,
    Flag,
    At,
    Day,
    Uid,
    Word,
    Doc,
    Raw,
}

impl Kind {
    pub const ALL: [Kind; 12] = [
        Kind::Text,
        Kind::Int,
        Kind::Big,
        Kind::Real,
        Kind::Dec,
        Kind::Flag,
        Kind::At,
        Kind::Day,
        Kind::Uid,
        Kind::Word,
        Kind::Doc,
        Kind::Raw,
    ];

    fn declared(self) -> &'static str {
        match self {
            Kind::Text => "string",
            Kind::Int => "integer",
            Kind::Big => "bigint",
            Kind::Real => "float",
            Kind::Dec => "decimal",
            Kind::Flag => "boolean",
            Kind::At => "datetime",
            Kind::Day => "date",
            Kind::Uid => "uuid",
            Kind::Word => "enum, values: [low, mid, top], ordered: true",
            Kind::Doc => "json",
            Kind::Raw => "bytes",
        }
    }

    pub fn is_number(self) -> bool {
        matches!(self, Kind::Int | Kind::Big | Kind::Real | Kind::Dec)
    }

    /// Whether it is ordered, so that it can be compared, sorted and ranged over.
    pub fn is_ordered(self) -> bool {
        !matches!(self, Kind::Doc | Kind::Raw | Kind::Flag | Kind::Uid)
    }
}

pub const TEXTS: [&str; 12] =
    ["", "x", "X", "xy", "a_b", "a%b", "a\\b", "\u{E4}x", "\u{C4}X", "\u{DF}", "\u{1F600}", "y"];

impl Field {
    /// A field that may be null and that everybody reads and writes.
    pub fn new(name: impl Into<String>, kind: Kind) -> Field {
        Field {
            name: name.into(),
            kind,
            required: false,
            unique: false,
            immutable: false,
            hidden: false,
            locked: false,
            version: false,
            range: None,
            default: None,
            reference: None,
        }
    }

    /// The key of an entity.
    pub fn key() -> Field {
        Field { required: true, unique: true, immutable: true, ..Field::new("id", Kind::Int) }
    }

    /// A value from a pool small enough for rows to meet. What keys refer to, and keys, come from 1 to 6.
    pub fn value(&self, dice: &mut Dice) -> Value {
        if self.unique || self.reference.is_some() {
            let number = dice.between(1, 6);
            return match self.kind {
                Kind::Text => Value::from(format!("c{number}")),
                _ => Value::Int(number),
            };
        }
        match self.kind {
            Kind::Text => Value::from(*dice.pick(&TEXTS)),
            Kind::Int => Value::Int(*dice.pick(&[-2, -1, 0, 1, 2, 3, 100])),
            Kind::Big => Value::Int(*dice.pick(&[i64::MIN, -1, 0, 1, 1 << 53, (1 << 53) + 1, i64::MAX])),
            Kind::Real => Value::Float(*dice.pick(&[-1.5, 0.0, 0.25, 2.0, 1e300])),
            Kind::Dec => {
                let digits = *dice.pick(&["-10.25", "0", "0.10", "9", "10.0", "10.01", "12345678901234567890.5"]);
                Value::from(digits.parse::<Decimal>().expect("a decimal"))
            }
            Kind::Flag => Value::Bool(dice.percent(50)),
            Kind::At => {
                let instant = *dice.pick(&[-62_135_596_800_000, -1, 0, 1, 1_700_000_000_123]);
                DateTime::from_epoch_millis(instant).expect("in range").into()
            }
            Kind::Day => Date::from_epoch_days(*dice.pick(&[-719_162, -1, 0, 19_000])).expect("in range").into(),
            Kind::Uid => Uuid::from_u128(*dice.pick(&[0, 1, 0xABCD, u128::MAX])).into(),
            Kind::Word => Value::from(*dice.pick(&["low", "mid", "top"])),
            Kind::Raw => Value::Bytes(dice.pick(&[vec![], vec![0u8], vec![0, 255], vec![1]]).clone()),
            Kind::Doc => {
                let documents = [
                    value!({}),
                    value!({ "a": 1 }),
                    value!({ "a": "1", "b": [1, 2] }),
                    value!({ "a": null, "b": { "c": true } }),
                    value!([1, { "a": 1 }]),
                    value!("x"),
                ];
                dice.pick(&documents).clone()
            }
        }
    }

    /// A value, or null now and then, where null may stand.
    pub fn stored(&self, dice: &mut Dice) -> Value {
        if !self.required && dice.percent(20) { Value::Null } else { self.value(dice) }
    }
}

impl Model {
    /// The entities as they are declared.
    pub fn schema(&self) -> String {
        let mut text = String::new();
        for entity in &self.entities {
            if !text.is_empty() {
                text.push_str("---\n");
            }
            self.declare(entity, &mut text).expect("writing to a String cannot fail");
        }
        text
    }

    fn declare(&self, entity: &Entity, text: &mut String) -> std::fmt::Result {
        writeln!(text, "entity: {}\nfields:", entity.name)?;
        for (at, field) in entity.fields.iter().enumerate() {
            write!(text, "  {}: {{ type: {}", field.name, field.kind.declared())?;
            match at {
                0 => write!(text, ", primary: true")?,
                _ => {
                    let marks = [
                        (field.required, "required"),
                        (field.unique, "unique"),
                        (field.immutable, "immutable"),
                        (field.version, "version"),
                    ];
                    for (_, mark) in marks.into_iter().filter(|(is, _)| *is) {
                        write!(text, ", {mark}: true")?;
                    }
                }
            }
            if let Some((min, max)) = field.range {
                write!(text, ", min: {min}, max: {max}")?;
            }
            if let Some(default) = field.default {
                write!(text, ", default: {default}")?;
            }
            match (field.hidden, field.locked) {
                (true, true) => write!(text, ", acl: {{ read: [boss], write: [boss] }}")?,
                (true, false) => write!(text, ", acl: {{ read: [boss] }}")?,
                (false, true) => write!(text, ", acl: {{ write: [boss] }}")?,
                (false, false) => {}
            }
            if let Some(reference) = &field.reference {
                let target = &self.entities[reference.entity];
                let (entity, field) = (&target.name, &target.fields[reference.field].name);
                write!(text, ", foreign_key: {{ entity: {entity}, field: {field}, on_delete: {}", reference.on_delete)?;
                if reference.on_update != "restrict" {
                    write!(text, ", on_update: {}", reference.on_update)?;
                }
                write!(text, " }}")?;
            }
            writeln!(text, " }}")?;
        }
        if !entity.relations.is_empty() {
            writeln!(text, "relations:")?;
            for relation in &entity.relations {
                writeln!(text, "  {}: {{ {} }}", relation.name, relation.declared)?;
            }
        }
        if !entity.unique.is_empty() {
            writeln!(text, "indexes:")?;
            for fields in &entity.unique {
                let [first, second] = fields.map(|at| &entity.fields[at].name);
                writeln!(text, "  - {{ fields: [{first}, {second}], unique: true }}")?;
            }
        }
        Ok(())
    }

    /// Adds the two relations that a field's reference gives: `name` on its own entity, `back` on the other.
    pub fn relate(&mut self, entity: usize, field: usize, name: &str, back: &str) {
        let (own, column) = (self.entities[entity].name.clone(), self.entities[entity].fields[field].name.clone());
        let alone = self.entities[entity].fields[field].unique;
        let target = self.entities[entity].fields[field].reference.as_ref().expect("a reference").entity;
        let other = self.entities[target].name.clone();
        let declared = format!("type: belongs_to, entity: {other}, foreign_key: {column}");
        self.entities[entity].relations.push(Relation { name: name.into(), target, to_one: true, declared });
        let kind = if alone { "has_one" } else { "has_many" };
        let declared = format!("type: {kind}, entity: {own}, foreign_key: {column}");
        self.entities[target].relations.push(Relation { name: back.into(), target: entity, to_one: alone, declared });
    }

    /// Adds a many-to-many relation over two references of an entity in between.
    pub fn relate_through(&mut self, between: usize, this: usize, other: usize, name: &str) {
        let link = &self.entities[between];
        let target = |field: usize| link.fields[field].reference.as_ref().expect("a reference").entity;
        let (from, to) = (target(this), target(other));
        let declared = format!(
            "type: many_to_many, entity: {}, through: {}, foreign_key: {}, other_key: {}",
            self.entities[to].name, link.name, link.fields[this].name, link.fields[other].name
        );
        self.entities[from].relations.push(Relation { name: name.into(), target: to, to_one: false, declared });
    }

    /// A row with this key.
    pub fn row(&self, entity: usize, id: i64, dice: &mut Dice) -> Map {
        let fields = self.entities[entity].fields.iter().enumerate().filter(|(_, field)| !field.version);
        let cells = fields.map(|(at, field)| {
            let value = if at == 0 { Value::Int(id) } else { field.stored(dice) };
            (field.name.clone().into(), value)
        });
        Map(cells.collect())
    }
}
