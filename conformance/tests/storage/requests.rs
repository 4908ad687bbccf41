//! What is asked of a column: every kind of condition, order, computation and write that its type knows.

use dbal::schema::FieldType;
use dbal::schema::convert::convert;
use dbal::value::json;
use dbal::{Client, Config, Operation, Request, Value, value};

use super::columns::Column;

fn field(column: &Column) -> FieldType {
    let text = format!("entity: P\nfields:\n  id: {{ type: integer, primary: true }}\n  v: {{ {} }}\n", column.ty);
    let client = Client::open(Config::memory().schema_text(text)).expect("is a schema");
    let schema = client.schema();
    schema.entity(schema.by_name("P").expect("is there")).fields[1].ty.clone()
}

fn values(column: &Column) -> Vec<Value> {
    let ty = field(column);
    let value = |text: &&str| match ty {
        FieldType::Text(_) | FieldType::Enum(_) | FieldType::Uuid | FieldType::DateTime | FieldType::Date => {
            convert(&ty, &Value::from(*text)).expect("is of the type")
        }
        FieldType::Decimal { .. } | FieldType::BigInt => convert(&ty, &Value::from(*text)).expect("is of the type"),
        FieldType::Float => Value::Float(text.parse().expect("is a float")),
        _ => json::parse(text.as_bytes()).expect("is json"),
    };
    column.values.iter().map(value).collect()
}

/// One row for each value, in an order of no meaning; each value of `v` twice, and null. With rows that refer to them.
pub fn rows(column: &Column) -> Vec<Request> {
    let mut made = Vec::new();
    let values = values(column);
    let create = |entity: &'static str, data: Value| Request::new(Operation::Create, entity).arg("data", data);
    for (at, value) in values.iter().enumerate() {
        let id = ((at * 7) % 31) as i64;
        let again = values[(at + 1) % values.len()].clone();
        made.push(create("Item", value!({ "id": id, "v": (value.clone()), "w": (value.clone()), "n": 1 })));
        made.push(create("Item", value!({ "id": (100 + id), "v": again, "w": null, "n": 2 })));
        if column.keyed {
            made.push(create("Part", value!({ "id": id, "of": (value.clone()) })));
            made.push(create("Part", value!({ "id": (50 + id), "of": (value.clone()) })));
            made.push(create("Tag", value!({ "k": (value.clone()), "n": 1 })));
        }
    }
    made.push(create("Item", value!({ "id": 999 })));
    made
}

pub fn of(column: &Column) -> Vec<Request> {
    let mut all = rows(column);
    let values = values(column);
    let find = |filter: Value| {
        Request::new(Operation::FindMany, "Item").arg("filter", filter).arg("sort", value!([{ "id": "asc" }]))
    };
    for value in &values {
        all.push(find(value!({ "v": (value.clone()) })));
        all.push(find(value!({ "v": { "$ne": (value.clone()) } })));
        all.push(find(value!({ "$not": { "v": (value.clone()) } })));
        if column.sorted {
            for op in ["$gt", "$gte", "$lt", "$lte"] {
                let mut test = dbal::Map::new();
                test.insert(op, value.clone());
                all.push(find(value!({ "v": test })));
            }
            all.push(find(value!({ "v": { "$between": [(values[0].clone()), (value.clone())] } })));
            all.push(find(value!({ "v": { "$in": [(value.clone()), null] } })));
            all.push(find(value!({ "v": { "$nin": [(value.clone()), (values[0].clone())] } })));
        }
        if column.text {
            for op in ["$contains", "$startsWith", "$endsWith", "$like", "$icontains", "$ieq", "$istartsWith"] {
                let mut test = dbal::Map::new();
                test.insert(op, value.clone());
                all.push(find(value!({ "v": test })));
            }
        }
        if column.keyed {
            all.push(Request::new(Operation::Read, "Tag").arg("id", value.clone()));
            all.push(Request::new(Operation::Read, "Item").arg("id", value!({ "w": (value.clone()) })));
            all.push(
                Request::new(Operation::FindMany, "Part")
                    .arg("filter", value!({ "item": { "v": { "$gte": (value.clone()) } } }))
                    .arg("sort", value!([{ "item.v": "desc" }, { "id": "asc" }]))
                    .arg("include", value!({ "item": true })),
            );
        }
    }
    all.push(find(value!({ "v": null })));
    all.push(find(value!({ "v": { "$ne": null } })));
    all.push(find(value!({ "v": { "$in": [] } })));
    let aggregate = |args: Value| {
        let Value::Map(args) = args else { unreachable!("it is a map") };
        Request { operation: Operation::Aggregate, entity: "Item".into(), args }
    };
    if column.sorted {
        for direction in ["asc", "desc"] {
            let sorted = Request::new(Operation::List, "Item").arg("sort", value!([{ "v": direction }]));
            all.push(sorted.clone());
            all.push(sorted.arg("limit", 3).arg("offset", 2));
        }
        all.push(Request::new(Operation::Distinct, "Item").arg("field", "v"));
        all.push(aggregate(value!({ "count": true, "group_by": ["v"], "sort": [{ "v": "desc" }] })));
        if !column.ty.contains("boolean") {
            all.push(aggregate(value!({ "count_distinct": ["v"], "min": ["v"], "max": ["v"] })));
            all.push(aggregate(value!({
                "count": true, "group_by": ["n"], "max": ["v"], "having": { "max.v": { "$gte": (values[0].clone()) } },
            })));
        }
    }
    if column.number {
        all.push(aggregate(value!({ "sum": ["v"], "avg": ["v"], "filter": { "id": { "$lt": 50 } } })));
        all.push(aggregate(value!({ "sum": ["v"], "group_by": ["n"], "sort": [{ "sum.v": "desc" }] })));
        let update = |id: i64, by: i64| {
            Request::new(Operation::Update, "Item").arg("id", id).arg("data", value!({ "v": { "$increment": by } }))
        };
        all.extend([update(7, 2), update(999, 2), update(107, -3), update(0, -1)]);
        // In 32 bits of a float it is another number.
        if column.storage != "real" {
            all.push(update(0, i64::from(i32::MAX)));
        }
        all.push(find(value!({})));
    }
    if column.ty.contains("json") {
        all.push(find(value!({ "v.a": { "$exists": true } })));
        all.push(find(value!({ "v": { "$path": ["a"], "$eq": 1 } })));
        all.push(find(value!({ "v": { "$path": [0], "$gt": 0 } })));
        all.push(find(value!({ "v": { "$path": ["a", 1, "b"], "$eq": null } })));
        all.push(find(value!({ "v": { "$path": [], "$contains": "ex" } })));
    }
    all.extend(writes(column, &values));
    all
}

fn writes(column: &Column, values: &[Value]) -> Vec<Request> {
    let (first, last) = (values[0].clone(), values[values.len() - 1].clone());
    let update = |id: i64, data: Value| Request::new(Operation::Update, "Item").arg("id", id).arg("data", data);
    let mut all = vec![update(999, value!({ "v": (last.clone()) })), update(999, value!({ "v": null }))];
    all.push(
        Request::new(Operation::UpdateMany, "Item")
            .arg("filter", value!({ "v": (last.clone()) }))
            .arg("data", value!({ "v": (first.clone()) })),
    );
    if column.keyed {
        let upsert = |value: &Value, n: i64| {
            Request::new(Operation::Upsert, "Tag")
                .arg("where", value!({ "k": (value.clone()) }))
                .arg("create", value!({ "k": (value.clone()), "n": n }))
                .arg("update", value!({ "n": n }))
        };
        all.extend([upsert(&first, 5), upsert(&last, 6)]);
        // There is one already; something refers to it; and so it is gone with what refers to it.
        all.push(Request::new(Operation::Create, "Tag").arg("data", value!({ "k": (first.clone()) })));
        all.push(Request::new(Operation::Delete, "Item").arg("id", value!({ "w": (first.clone()) })));
        all.push(
            Request::new(Operation::DeleteMany, "Part").arg("filter", value!({ "of": { "$in": [(first.clone())] } })),
        );
        all.push(Request::new(Operation::Delete, "Item").arg("id", value!({ "w": (first.clone()) })));
        all.push(Request::new(Operation::Create, "Part").arg("data", value!({ "id": 5000, "of": (first.clone()) })));
        all.push(
            Request::new(Operation::FindMany, "Item")
                .arg("filter", value!({ "parts": { "$some": { "id": { "$gte": 0 } } } }))
                .arg("sort", value!([{ "id": "asc" }]))
                .arg("include", value!({ "parts": { "limit": 1, "sort": [{ "id": "desc" }] } })),
        );
        all.push(Request::new(Operation::FindMany, "Tag").arg("sort", value!([{ "k": "desc" }])));
    }
    all.push(Request::new(Operation::DeleteMany, "Item").arg("filter", value!({ "v": first })));
    all.push(Request::new(Operation::FindMany, "Item").arg("sort", value!([{ "id": "asc" }])));
    all
}
