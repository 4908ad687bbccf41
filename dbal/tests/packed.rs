//! Packed rows are the rows again when they are unpacked, whatever is in them; and what is no message is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::Arc;

use dbal::packed::{Frame, Layouts, Message, Packer, Told, Unpacker};
use dbal::schema::load_sources;
use dbal::value::{Map, Name};
use dbal::{Columns, Date, DateTime, Decimal, Record, RecordSink, RowSink, Schema, Uuid, Value, value};
use proptest::prelude::*;

const SCHEMA: &str = "
entity: Thing
fields:
  id: { type: uuid, primary: true }
  name: { type: string }
  kind: { type: enum, values: [a, b] }
  small: { type: integer }
  large: { type: bigint }
  part: { type: float }
  price: { type: decimal }
  done: { type: boolean }
  at: { type: datetime }
  day: { type: date }
  doc: { type: json }
  raw: { type: bytes }
  owner_id: { type: uuid, foreign_key: { entity: Owner } }
---
entity: Owner
fields: { id: { type: uuid, primary: true }, name: { type: string } }
";

const FIELDS: [&str; 12] = ["id", "name", "kind", "small", "large", "part", "price", "done", "at", "day", "doc", "raw"];

fn schema() -> Arc<Schema> {
    Arc::new(load_sources(vec![("schema".into(), SCHEMA.into())]).expect("the schema is sound").schema)
}

fn text() -> impl Strategy<Value = Value> {
    prop_oneof![Just("".to_owned()), "[a-z]{1,40}", "\\PC{0,12}", Just("🎈é\u{ffff}𝄞".to_owned())].prop_map(Value::Text)
}

/// A value of each field, or null.
fn field(name: &str) -> BoxedStrategy<Value> {
    let value = match name {
        "id" => any::<[u8; 16]>().prop_map(|bytes| Value::Uuid(Uuid::from_bytes(bytes))).boxed(),
        "name" => text().boxed(),
        "kind" => prop_oneof![Just(Value::from("a")), Just(Value::from("b"))].boxed(),
        "small" => any::<i32>().prop_map(|n| Value::Int(n.into())).boxed(),
        "large" => prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX)].prop_map(Value::Int).boxed(),
        "part" => any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::Float).boxed(),
        "price" => (any::<i64>(), 0u32..10)
            .prop_map(|(n, scale)| Value::Decimal(Box::new(Decimal::new(n.into(), scale).unwrap())))
            .boxed(),
        "done" => any::<bool>().prop_map(Value::Bool).boxed(),
        "at" => {
            let millis = -62_135_596_800_000i64..=253_402_300_799_999;
            millis.prop_map(|n| Value::DateTime(DateTime::from_epoch_millis(n).unwrap())).boxed()
        }
        "day" => (-719_162i32..=2_932_896).prop_map(|n| Value::Date(Date::from_epoch_days(n).unwrap())).boxed(),
        "doc" => prop_oneof![
            text(),
            any::<i64>().prop_map(Value::Int),
            Just(value!({ "a": [1, 9_007_199_254_740_993_i64, { "b": null }], "c": "é" })),
        ]
        .boxed(),
        "raw" => prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::Bytes).boxed(),
        other => panic!("{other} has no values"),
    };
    prop_oneof![1 => Just(Value::Null), 5 => value].boxed()
}

fn columns(names: &[&'static str]) -> Arc<Columns> {
    Arc::new(Columns { names: names.iter().map(|name| Name::from(*name)).collect() })
}

/// Rows of these fields, with an owner, or several, or none.
fn rows() -> impl Strategy<Value = Vec<Record>> {
    let chosen = prop::sample::subsequence(FIELDS.to_vec(), 1..=FIELDS.len());
    chosen.prop_flat_map(|names| {
        let cells: Vec<_> = names.iter().map(|name| field(name)).collect();
        let owner = prop_oneof![
            Just(Value::Null),
            text().prop_map(|name| Value::Record(Box::new(Record::new(columns(&["name"]), vec![name])))),
        ];
        let mut names = names;
        names.push("owner");
        let columns = columns(&names);
        let row = (cells, owner).prop_map(move |(mut cells, owner)| {
            cells.push(owner);
            Record::new(columns.clone(), cells)
        });
        prop::collection::vec(row, 0..60)
    })
}

fn packed(schema: &Arc<Schema>, rows: &[Record], head: Map) -> Vec<u8> {
    let layouts = Arc::new(Layouts::new(schema.clone()));
    let mut packer = Packer::new(layouts.clone(), schema.by_name("Thing").unwrap());
    rows.iter().for_each(|row| packer.record(row).unwrap());
    let mut told = Told::default();
    let mut frame = Frame::new(&layouts, &mut told);
    frame.pieces(packer.finish()).unwrap();
    frame.finish(head)
}

fn unpacked(schema: &Arc<Schema>, message: &[u8]) -> dbal::Result<Vec<Record>> {
    let mut unpacker = Unpacker::new(schema.clone());
    let mut message = Message::read(message)?;
    unpacker.learn(&message.head)?;
    let mut sink = RecordSink::default();
    unpacker.rows(&mut message, &mut sink)?;
    Ok(sink.records)
}

proptest! {
    #[test]
    fn rows_come_back_as_they_were(rows in rows()) {
        let schema = schema();
        let message = packed(&schema, &rows, Map(vec![("id".into(), 7.into())]));
        prop_assert_eq!(message.len() % 8, 0);
        prop_assert_eq!(unpacked(&schema, &message).unwrap(), rows);
    }

    #[test]
    fn a_damaged_message_is_an_error_and_no_panic(rows in rows(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let schema = schema();
        let mut message = packed(&schema, &rows, Map::new());
        let place = at.index(message.len());
        message[place] = byte;
        drop(unpacked(&schema, &message));
        let cut = cut.index(message.len());
        prop_assert!(unpacked(&schema, &message[..cut]).is_err());
    }
}

#[test]
fn more_rows_than_a_piece_holds_come_back_in_order() {
    let schema = schema();
    let columns = columns(&["name", "small"]);
    let rows: Vec<Record> = (0..20_000)
        .map(|n| Record::new(columns.clone(), vec![Value::Text(format!("row {n}é")), Value::Int(n)]))
        .collect();
    assert_eq!(unpacked(&schema, &packed(&schema, &rows, Map::new())).unwrap(), rows);
}

#[test]
fn computed_columns_keep_their_types() {
    let schema = schema();
    let columns = columns(&["count", "sum.large", "sum.price", "avg.small", "min.day", "count_distinct.name"]);
    let values = vec![
        Value::Int(3),
        Value::Int(i64::MAX),
        Value::Decimal(Box::new("1.50".parse().unwrap())),
        Value::Float(2.0),
        Value::Date("2024-02-29".parse().unwrap()),
        Value::Int(2),
    ];
    let rows = vec![Record::new(columns, values)];
    let back = unpacked(&schema, &packed(&schema, &rows, Map::new())).unwrap();
    assert_eq!(back, rows);
    assert_eq!(back[0].get("avg.small").unwrap().kind(), "float");
}

#[test]
fn a_layout_is_told_once_to_an_end() {
    let schema = schema();
    let layouts = Arc::new(Layouts::new(schema.clone()));
    let row = Record::new(columns(&["name"]), vec!["x".into()]);
    let (mut told, mut lengths) = (Told::default(), Vec::new());
    let mut unpacker = Unpacker::new(schema.clone());
    for _ in 0..2 {
        let mut packer = Packer::new(layouts.clone(), schema.by_name("Thing").unwrap());
        packer.record(&row).unwrap();
        let mut frame = Frame::new(&layouts, &mut told);
        frame.pieces(packer.finish()).unwrap();
        let bytes = frame.finish(Map::new());
        let mut message = Message::read(&bytes).unwrap();
        unpacker.learn(&message.head).unwrap();
        lengths.push(message.head.len());
        let mut sink = RecordSink::default();
        unpacker.rows(&mut message, &mut sink).unwrap();
        assert_eq!(sink.records, std::slice::from_ref(&row));
    }
    assert_eq!(lengths, [1, 0], "only the first message brings the layout");
}

/// A sink that takes nothing, to see that rows of no columns are no trouble.
#[test]
fn no_rows_are_no_pieces() {
    struct Nothing;
    impl RowSink for Nothing {
        fn start(&mut self, _: &Arc<Columns>) -> dbal::Result<()> {
            panic!("there are no rows")
        }
        fn row(&mut self, _: &[dbal::ValueRef<'_>]) -> dbal::Result<()> {
            panic!("there are no rows")
        }
    }
    let schema = schema();
    let bytes = packed(&schema, &[], Map::new());
    let unpacker = Unpacker::new(schema);
    assert_eq!(unpacker.rows(&mut Message::read(&bytes).unwrap(), &mut Nothing).unwrap(), None);
}
