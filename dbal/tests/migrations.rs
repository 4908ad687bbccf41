//! The difference of two models, and what a history keeps of one: laws over generated schemas.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::Arc;

use dbal::migrate::change::apply;
use dbal::migrate::diff::diff;
use dbal::migrate::history::{Renamed, way_back};
use dbal::migrate::model::{Column, Fill, Indexed, Model, Reference, Table};
use dbal::migrate::{Change, record};
use dbal::schema::{EnumType, FieldType, Referential, StoredAs, TextKind};
use dbal::{Decimal, Value};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn ty() -> impl Strategy<Value = FieldType> {
    let words = subsequence(vec!["a", "b", "it's"], 1..=3);
    let words = words.prop_map(|words| words.into_iter().map(str::to_owned).collect::<Vec<_>>());
    prop_oneof![
        Just(FieldType::Uuid),
        select(vec![TextKind::String, TextKind::Text, TextKind::Email]).prop_map(FieldType::Text),
        (words, any::<bool>()).prop_map(|(values, ordered)| FieldType::Enum(Arc::new(EnumType { values, ordered }))),
        Just(FieldType::Integer),
        Just(FieldType::BigInt),
        Just(FieldType::Float),
        (proptest::option::of(1..35u32), proptest::option::of(0..3u32)).prop_map(|(precision, scale)| {
            FieldType::Decimal {
                precision,
                // A digit in front of the point is left for the 1 of `value`.
                scale: scale.map(|scale| precision.map_or(scale, |digits| scale.min(digits - 1))),
            }
        }),
        Just(FieldType::Boolean),
        Just(FieldType::DateTime),
        Just(FieldType::Date),
        Just(FieldType::Json),
        Just(FieldType::Bytes),
    ]
}

/// A value that a field of the type may hold.
fn value(ty: &FieldType) -> Value {
    match ty {
        FieldType::Uuid => Value::from("018f3c1e-7b1c-7000-8000-000000000001".parse::<dbal::Uuid>().unwrap()),
        FieldType::Text(_) => Value::from("it's \"new\"\n"),
        FieldType::Enum(words) => Value::from(words.values[0].as_str()),
        FieldType::Integer | FieldType::BigInt => Value::Int(7),
        FieldType::Float => Value::Float(1.5),
        FieldType::Decimal { scale, .. } => {
            Value::from("1".parse::<Decimal>().unwrap().with_scale(scale.unwrap_or(0)).unwrap())
        }
        FieldType::Boolean => Value::Bool(true),
        FieldType::DateTime => Value::from("2026-11-24T01:02:03.004Z".parse::<dbal::DateTime>().unwrap()),
        FieldType::Date => Value::from("2026-11-24".parse::<dbal::Date>().unwrap()),
        FieldType::Json => dbal::value!({ "a": [1, null, "x"] }),
        FieldType::Bytes => Value::Bytes(vec![0, 255]),
    }
}

fn column(name: &'static str) -> impl Strategy<Value = Column> {
    let points = (select(vec!["A", "B", "C"]), select(vec!["id", "a"]));
    let reference = points.prop_map(|(entity, field)| Reference {
        entity: entity.into(),
        field: field.into(),
        on_delete: Referential::Cascade,
        on_update: Referential::Restrict,
    });
    let fill = select(vec![0, 1, 2, 3, 4]);
    let stored_as = proptest::option::weighted(0.1, select(vec![StoredAs::Sha256, StoredAs::Argon2id]));
    (
        ty(),
        any::<bool>(),
        any::<bool>(),
        proptest::option::weighted(0.3, reference),
        fill,
        select(vec!["", "_x"]),
        stored_as,
    )
        .prop_map(move |(ty, nullable, counted, reference, fill, column, stored_as)| Column {
            field: name.into(),
            column: format!("{name}{column}"),
            storage: None,
            renamed_from: None,
            fill: match fill {
                0 => Some(Fill::Value(value(&ty))),
                1 => Some(Fill::Now),
                2 => Some(Fill::Uuid),
                3 => Some(Fill::Copy("id".into())),
                _ => None,
            },
            ty,
            nullable,
            counted,
            stored_as,
            reference,
        })
}

fn table(entity: &'static str) -> impl Strategy<Value = Table> {
    let columns = (column("a"), column("b"), column("c")).prop_map(|(a, b, c)| vec![a, b, c]);
    let columns = columns.prop_flat_map(|columns| subsequence(columns, 0..=3));
    let key = column("id");
    (key, columns, select(vec!["", "_x"]), any::<[bool; 4]>()).prop_map(move |(key, others, table, dice)| {
        let names: Vec<String> = others.iter().map(|column| column.field.clone()).collect();
        let index = |name: &String| Indexed {
            name: format!("{entity}_{name}"),
            fields: vec![name.clone()],
            unique: dice[0],
            filter: dice[1].then(|| format!("{name} = '{name}' OR {name} is null")),
        };
        Table {
            entity: entity.into(),
            table: format!("{}{table}", entity.to_lowercase()),
            renamed_from: None,
            key: "id".into(),
            indexes: names.iter().filter(|_| dice[2]).map(index).collect(),
            searchable: names.iter().take(1).cloned().collect(),
            expiry: names.last().filter(|_| dice[3]).cloned(),
            columns: [vec![key], others].concat(),
        }
    })
}

fn model() -> impl Strategy<Value = Model> {
    let tables = (table("A"), table("B"), table("C")).prop_map(|(a, b, c)| vec![a, b, c]);
    tables.prop_flat_map(|tables| subsequence(tables, 0..=3)).prop_map(|tables| Model { tables })
}

proptest! {
    #[test]
    fn the_difference_leads_there(old in model(), new in model()) {
        let changes = diff(&old, &new);
        prop_assert!(apply(&old, &changes).same(&new), "{:#?}", changes);
        prop_assert!(apply(&new, &diff(&new, &old)).same(&old));
    }

    #[test]
    fn what_is_the_same_differs_in_nothing(model in model()) {
        prop_assert_eq!(diff(&model, &model), []);
        let mut turned = model.clone();
        turned.tables.reverse();
        turned.tables.iter_mut().for_each(|table| table.columns.reverse());
        prop_assert_eq!(diff(&model, &turned), []);
    }

    #[test]
    fn a_model_survives_being_written(model in model()) {
        let text = record::to_text(&model);
        let read = record::from_text(&text).unwrap();
        prop_assert_eq!(record::to_text(&read), text);
        prop_assert!(read.same(&model));
        for table in &model.tables {
            let fills = |model: &Model| model.table(&table.entity).unwrap().columns.iter().map(|c| c.fill.clone()).collect::<Vec<_>>();
            prop_assert_eq!(fills(&read), fills(&model));
        }
    }

    #[test]
    fn what_is_renamed_is_found_again(model in model()) {
        let mut new = model.clone();
        for (table, at) in new.tables.iter_mut().zip(0..) {
            table.renamed_from = Some(std::mem::replace(&mut table.entity, format!("N{at}")));
            for column in &mut table.columns {
                column.renamed_from = Some(column.field.clone());
                column.field = format!("new_{}", column.field);
            }
            for index in &mut table.indexes {
                let name = &index.fields[0];
                index.filter =
                    index.filter.as_ref().map(|_| format!("new_{name} = '{name}' OR new_{name} is null"));
            }
            let named = table.indexes.iter_mut().flat_map(|index| &mut index.fields);
            let named = named.chain(&mut table.searchable).chain(&mut table.expiry).chain([&mut table.key]);
            named.for_each(|name| *name = format!("new_{name}"));
        }
        // What pointed somewhere points there still.
        let names: Vec<(String, String)> =
            new.tables.iter().map(|table| (table.renamed_from.clone().unwrap(), table.entity.clone())).collect();
        for reference in new.tables.iter_mut().flat_map(|t| &mut t.columns).filter_map(|c| c.reference.as_mut()) {
            let Some((old, entity)) = names.iter().find(|(old, _)| *old == reference.entity) else { continue };
            if model.table(old).unwrap().column(&reference.field).is_some() {
                reference.field = format!("new_{}", reference.field);
            }
            reference.entity.clone_from(entity);
        }
        let changes = diff(&model, &new);
        let renames = |change: &Change| matches!(change, Change::RenameEntity { .. } | Change::RenameField { .. });
        prop_assert!(changes.iter().all(renames), "{:#?}", changes);
        prop_assert!(apply(&model, &changes).same(&new));
        // The way back needs no hint but what was written down.
        let back = diff(&new, &way_back(model.clone(), &Renamed::of(&changes)));
        prop_assert!(back.iter().all(renames), "{:#?}", back);
        prop_assert!(apply(&new, &back).same(&model));
    }
}
