//! Generated rows and expressions: people who have bosses and write notes. Values come from small sets, nulls among
//! them, so that expressions match often enough to tell right from wrong.

use std::sync::Arc;

use dbal::query::ast::{Comparison, Expr, JsonTest, Literal, Operand, ParamId, PathStep, Quantifier, TextMatch};
use dbal::query::eval::{Row, Scope, Source};
use dbal::schema::{Entity, EntityId, FieldId, FieldType, Referential, RelationId, RelationKind};
use dbal::value::order::equal;
use dbal::{Schema, Value, ValueRef, value};
use proptest::prelude::*;
use proptest::sample::select;

use super::schema::{TEXT, entity, enumeration, field, key, reference, relation, schema};

pub const PERSON: EntityId = EntityId(0);
pub const NOTE: EntityId = EntityId(1);

/// The fields of a person.
pub mod person {
    use super::FieldId;
    pub const ID: FieldId = FieldId(0);
    pub const NAME: FieldId = FieldId(1);
    pub const AGE: FieldId = FieldId(2);
    pub const LEVEL: FieldId = FieldId(3);
    pub const DATA: FieldId = FieldId(4);
    pub const BOSS: FieldId = FieldId(5);
}

const BOSS: RelationId = RelationId(0);
const NOTES: RelationId = RelationId(1);

/// People with a boss and notes.
pub fn people() -> Arc<Schema> {
    schema(vec![
        Entity {
            relations: vec![
                relation("boss", RelationKind::BelongsTo, 0, 5, 0),
                relation("notes", RelationKind::HasMany, 1, 0, 1),
            ],
            ..entity(
                "Person",
                vec![
                    key("id"),
                    field("name", TEXT),
                    field("age", FieldType::Integer),
                    field("level", enumeration(LEVELS)),
                    field("data", FieldType::Json),
                    reference("boss_id", 0, 0, FieldType::Integer, Referential::SetNull, Referential::Restrict),
                ],
            )
        },
        Entity {
            relations: vec![relation("person", RelationKind::BelongsTo, 0, 1, 0)],
            ..entity(
                "Note",
                vec![
                    key("id"),
                    reference("person_id", 0, 0, FieldType::Integer, Referential::Cascade, Referential::Restrict),
                    field("title", TEXT),
                ],
            )
        },
    ])
}

const LEVELS: &[&str] = &["low", "mid", "high"];

/// Parameters that generated expressions refer to by type.
pub fn params() -> Vec<Value> {
    vec![
        value!(1),
        value!(2),
        value!(null),
        value!("ann"),
        value!("ÄB"),
        value!("a%"),
        value!([1, 3]),
        value!([]),
        value!(["ANN", "äb"]),
        value!([1, "x"]),
        value!("x"),
    ]
}

const NUMBERS: &[u16] = &[0, 1, 2];
const TEXTS: &[u16] = &[2, 3, 4, 5];
const NUMBER_LISTS: &[u16] = &[6, 7];
const TEXT_LISTS: &[u16] = &[7, 8];
const JSON: &[u16] = &[0, 2, 10];
const JSON_PATTERNS: &[u16] = &[5, 10];
const JSON_LISTS: &[u16] = &[7, 9];

/// Rows of both entities.
#[derive(Clone, Debug)]
pub struct World {
    pub people: Vec<Vec<Value>>,
    pub notes: Vec<Vec<Value>>,
}

impl World {
    pub fn scope<'a>(&'a self, schema: &'a Schema, params: &'a [Value]) -> Scope<'a> {
        Scope { schema, source: self, params }
    }
}

impl Source for World {
    fn rows<'a>(
        &'a self,
        entity: EntityId,
        field: FieldId,
        value: ValueRef<'_>,
    ) -> Box<dyn Iterator<Item = &'a Row> + 'a> {
        let rows = if entity == PERSON { &self.people } else { &self.notes };
        let value = value.to_value();
        Box::new(
            rows.iter()
                .map(Vec::as_slice)
                .filter(move |row| equal(row[usize::from(field.0)].as_ref(), value.as_ref()) == Some(true)),
        )
    }
}

fn or_null(values: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    prop_oneof![4 => values, 1 => Just(Value::Null)].boxed()
}

/// Some people, and notes by some of them.
pub fn world() -> impl Strategy<Value = World> {
    let person = (
        or_null(select(vec!["ann", "ANN", "äb", "abc", ""]).prop_map(Value::from)),
        or_null((0..4).prop_map(Value::from)),
        or_null(select(LEVELS).prop_map(Value::from)),
        or_null(document()),
        or_null((1..5).prop_map(Value::from)),
    );
    let note = (or_null((1..5).prop_map(Value::from)), or_null(select(vec!["ann", "x"]).prop_map(Value::from)));
    (prop::collection::vec(person, 1..5), prop::collection::vec(note, 0..5)).prop_map(|(people, notes)| {
        let count = people.len() as i64;
        // Nobody has a boss who is not there.
        let known = |id: Value| if id.as_i64().is_some_and(|id| id <= count) { id } else { Value::Null };
        let people = (1..)
            .zip(people)
            .map(|(id, (name, age, level, data, boss))| vec![Value::Int(id), name, age, level, data, known(boss)]);
        let notes = (1..).zip(notes).map(|(id, (person, title))| vec![Value::Int(id), known(person), title]);
        World { people: people.collect(), notes: notes.collect() }
    })
}

fn document() -> impl Strategy<Value = Value> {
    select(vec![
        value!({}),
        value!({ "a": null }),
        value!({ "a": 1 }),
        value!({ "a": 1.5 }),
        value!({ "a": "x" }),
        value!({ "a": true }),
        value!({ "a": [1, "x"] }),
        value!([{ "a": "x" }]),
    ])
}

fn param(ids: &'static [u16]) -> impl Strategy<Value = ParamId> {
    select(ids).prop_map(ParamId)
}

fn comparison() -> impl Strategy<Value = Comparison> {
    use Comparison::{Eq, Gt, Gte, Lt, Lte, Ne};
    select(vec![Eq, Ne, Lt, Lte, Gt, Gte])
}

fn text_match() -> impl Strategy<Value = TextMatch> {
    select(vec![TextMatch::Contains, TextMatch::StartsWith, TextMatch::EndsWith, TextMatch::Like])
}

fn number() -> impl Strategy<Value = Operand> {
    let boss = |field| Operand::Related { path: vec![BOSS], field, visible: Vec::new() };
    let level = Operand::Rank { of: Box::new(Operand::Field(person::LEVEL)), values: words() };
    prop_oneof![
        4 => Just(Operand::Field(person::AGE)),
        1 => Just(Operand::Field(person::ID)),
        1 => Just(boss(person::AGE)),
        1 => Just(level),
        2 => param(NUMBERS).prop_map(Operand::Param),
        1 => select(vec![Literal::Int(1), Literal::Null]).prop_map(Operand::Const),
    ]
}

fn words() -> Vec<String> {
    LEVELS.iter().map(|level| (*level).into()).collect()
}

fn text() -> impl Strategy<Value = Operand> {
    prop_oneof![
        3 => Just(Operand::Field(person::NAME)),
        1 => Just(Operand::Field(person::LEVEL)),
        1 => Just(Operand::Const(Literal::Word("mid".into()))),
        2 => param(TEXTS).prop_map(Operand::Param),
    ]
}

fn json_test() -> impl Strategy<Value = JsonTest> {
    prop_oneof![
        (comparison(), param(JSON)).prop_map(|(op, param)| JsonTest::Compare(op, param)),
        param(JSON_LISTS).prop_map(JsonTest::In),
        Just(JsonTest::Exists),
        (text_match(), param(JSON_PATTERNS), any::<bool>()).prop_map(|(op, pattern, fold)| JsonTest::Text {
            op,
            pattern,
            fold
        }),
    ]
}

/// A condition on a person that holds no others, constants included.
fn leaf() -> impl Strategy<Value = Expr> {
    let steps = prop_oneof![Just(PathStep::Key("a".into())), Just(PathStep::Index(0))];
    prop_oneof![
        2 => select(vec![Some(true), Some(false), None]).prop_map(Expr::Const),
        3 => (number(), comparison(), number())
            .prop_map(|(left, op, right)| Expr::Compare { left, op, right, fold: false }),
        3 => (text(), comparison(), text(), any::<bool>())
            .prop_map(|(left, op, right, fold)| Expr::Compare { left, op, right, fold }),
        1 => (number(), param(NUMBER_LISTS)).prop_map(|(value, list)| Expr::In { value, list, fold: false }),
        1 => (text(), param(TEXT_LISTS), any::<bool>()).prop_map(|(value, list, fold)| Expr::In { value, list, fold }),
        1 => prop_oneof![number(), text()].prop_map(Expr::IsNull),
        2 => (text(), text_match(), text(), any::<bool>())
            .prop_map(|(value, op, pattern, fold)| Expr::Text { value, op, pattern, fold }),
        1 => (param(TEXTS), any::<bool>())
            .prop_map(|(word, prefix)| Expr::Word { fields: vec![person::NAME], word, prefix }),
        2 => (prop::collection::vec(steps, 1..3), json_test())
            .prop_map(|(path, test)| Expr::Json { field: person::DATA, path, test }),
    ]
}

/// A condition on a note.
fn note_leaf() -> impl Strategy<Value = Expr> {
    let title = || Operand::Field(FieldId(2));
    prop_oneof![
        (comparison(), param(TEXTS)).prop_map(move |(op, right)| Expr::Compare {
            left: title(),
            op,
            right: Operand::Param(right),
            fold: false
        }),
        Just(Expr::IsNull(title())),
        select(vec![Some(true), Some(false), None]).prop_map(Expr::Const),
    ]
}

fn quantifier() -> impl Strategy<Value = Quantifier> {
    select(vec![Quantifier::Some, Quantifier::Every, Quantifier::None])
}

/// A condition on a person.
pub fn expr() -> impl Strategy<Value = Expr> {
    let notes = (quantifier(), note_leaf(), note_leaf()).prop_map(|(quantifier, visible, filter)| Expr::Related {
        between: Box::new(Expr::TRUE),
        relation: NOTES,
        quantifier,
        visible: Box::new(visible),
        filter: Box::new(filter),
    });
    prop_oneof![5 => leaf(), 1 => notes].prop_recursive(4, 24, 4, |inner| {
        let boss =
            (quantifier(), inner.clone(), inner.clone()).prop_map(|(quantifier, visible, filter)| Expr::Related {
                between: Box::new(Expr::TRUE),
                relation: BOSS,
                quantifier,
                visible: Box::new(visible),
                filter: Box::new(filter),
            });
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 0..4).prop_map(Expr::And),
            3 => prop::collection::vec(inner.clone(), 0..4).prop_map(Expr::Or),
            3 => inner.prop_map(|part| Expr::Not(Box::new(part))),
            1 => boss,
        ]
    })
}
