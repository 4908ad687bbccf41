//! The OpenAPI 3.1 document of what a caller may see: of each entity its rows, and the operations that rules let it try.

use dbal::schema::{Field, FieldType, OperationDecl, TextKind, Verb};
use dbal::value::json;
use dbal::{Client, Map, Operation, Principal, Value, value};

use crate::catalogue::{Seen, seen};

/// The document.
pub fn text(client: &Client, principal: Option<&Principal>) -> String {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    schemas.insert("Error", error());
    let keyed = client.keeps_idempotency_keys();
    for seen in seen(client, principal) {
        let name = seen.entity.name.clone();
        schemas.insert(name.clone(), row(&seen));
        for operation in Operation::ALL {
            let Some(verb) = operation.verb() else { continue };
            if seen.verbs.contains(&verb) {
                let path = format!("/v1/{}:{}", seen.entity.plural, operation.as_str());
                let asked = standard(&name, operation);
                let asked = if keyed && operation.writes() { with_key(asked) } else { asked };
                paths.insert(path, Value::Map(Map(vec![("post".into(), asked)])));
            }
        }
        if seen.verbs.contains(&Verb::Read) {
            let (list, read) = (in_query(&name, Operation::List), in_query(&name, Operation::Read));
            paths.insert(format!("/v1/{}", seen.entity.plural), value!({ "get": list }));
            paths.insert(format!("/v1/{}/{{id}}", seen.entity.plural), value!({ "get": read }));
        }
        for decl in &seen.operations {
            if Operation::parse(&decl.name).is_none() {
                let path = format!("/v1/{}:{}", seen.entity.plural, decl.name);
                let asked = declared(&name, decl);
                let asked = if keyed { with_key(asked) } else { asked };
                paths.insert(path, Value::Map(Map(vec![("post".into(), asked)])));
            }
        }
    }
    let security = value!({ "token": { "type": "http", "scheme": "bearer" } });
    json::to_text(&Value::Map(Map(vec![
        ("openapi".into(), "3.1.0".into()),
        ("info".into(), value!({ "title": "dbal", "version": (env!("CARGO_PKG_VERSION")) })),
        ("security".into(), value!([{ "token": [] }, {}])),
        ("paths".into(), Value::Map(paths)),
        (
            "components".into(),
            Value::Map(Map(vec![("schemas".into(), Value::Map(schemas)), ("securitySchemes".into(), security)])),
        ),
    ])))
}

/// An operation that writes, where keys are kept.
fn with_key(operation: Value) -> Value {
    let Value::Map(mut all) = operation else { return operation };
    let schema = value!({ "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$" });
    all.insert("parameters", value!([{ "name": "Idempotency-Key", "in": "header", "schema": schema }]));
    Value::Map(all)
}

fn reference(name: &str) -> Value {
    value!({ "$ref": (format!("#/components/schemas/{name}")) })
}

fn list_of(items: Value) -> Value {
    value!({ "type": "array", "items": items })
}

/// An operation with its answer; every one may fail.
fn operation(id: String, tag: &str, description: &str, body: Option<Value>, answer: Value) -> Value {
    let content = |schema: Value| value!({ "application/json": { "schema": schema } });
    let mut all = Map(vec![
        ("operationId".into(), id.into()),
        ("tags".into(), value!([tag])),
        (
            "responses".into(),
            value!({
                "200": { "description": "The plain result", "content": (content(answer)) },
                "default": { "description": "An error", "content": (content(reference("Error"))) },
            }),
        ),
    ]);
    if !description.is_empty() {
        all.insert("description", description);
    }
    if let Some(body) = body {
        all.insert("requestBody", value!({ "required": true, "content": (content(body)) }));
    }
    Value::Map(all)
}

fn standard(entity: &str, asked: Operation) -> Value {
    let names: &[&str] = match asked {
        Operation::Create => &["data"],
        Operation::CreateMany => &["data", "returning"],
        Operation::Read => &["id", "select", "include"],
        Operation::Update => &["id", "data", "if_version"],
        Operation::Delete => &["id", "if_version"],
        Operation::UpdateMany => &["filter", "data", "all"],
        Operation::DeleteMany => &["filter", "all"],
        Operation::List => LIST,
        Operation::FindMany | Operation::First | Operation::Stream => {
            &["filter", "sort", "limit", "offset", "select", "include"]
        }
        Operation::Count => &["filter"],
        Operation::Distinct => &["field", "filter", "sort"],
        Operation::Aggregate => {
            &["filter", "count", "sum", "avg", "min", "max", "count_distinct", "group_by", "having", "sort", "limit"]
        }
        Operation::Upsert | Operation::UpsertMany | Operation::Call | Operation::Batch => &[],
    };
    let properties: Map = names.iter().map(|name| ((*name).to_owned(), argument(name))).collect();
    let body = value!({ "type": "object", "properties": (Value::Map(properties)), "additionalProperties": false });
    operation(format!("{entity}.{}", asked.as_str()), entity, "", Some(body), answer(entity, asked))
}

const LIST: &[&str] = &["filter", "sort", "page", "offset", "after", "before", "limit", "select", "include", "total"];

fn argument(name: &str) -> Value {
    match name {
        "select" | "sum" | "avg" | "min" | "max" | "count_distinct" | "group_by" => {
            list_of(value!({ "type": "string" }))
        }
        "page" | "offset" | "limit" | "if_version" => value!({ "type": "integer", "minimum": 0 }),
        "all" | "total" | "returning" | "count" => value!({ "type": "boolean" }),
        "field" => value!({ "type": "string" }),
        _ => value!({}),
    }
}

fn answer(entity: &str, asked: Operation) -> Value {
    let row = || reference(entity);
    let count = || value!({ "type": "object", "properties": { "count": { "type": "integer" } } });
    match asked {
        Operation::Create | Operation::Read | Operation::Update | Operation::Upsert => row(),
        Operation::First => value!({ "anyOf": [(row()), { "type": "null" }] }),
        Operation::Delete => value!({ "const": true }),
        Operation::FindMany | Operation::UpsertMany | Operation::Stream => list_of(row()),
        Operation::CreateMany => value!({ "anyOf": [(list_of(row())), (count())] }),
        Operation::UpdateMany | Operation::DeleteMany => count(),
        Operation::Count => value!({ "type": "integer" }),
        Operation::Distinct => list_of(value!({})),
        Operation::Aggregate | Operation::Call | Operation::Batch => value!({}),
        Operation::List => {
            let cursor = value!({ "type": ["string", "null"] });
            value!({ "type": "object", "properties": {
                "data": (list_of(row())),
                "total": { "type": ["integer", "null"] },
                "page": { "type": "integer" },
                "limit": { "type": "integer" },
                "has_more": { "type": "boolean" },
                "next_cursor": (cursor.clone()),
                "prev_cursor": cursor,
            } })
        }
    }
}

/// Read and list by GET: arguments in the query, each as JSON.
fn in_query(entity: &str, asked: Operation) -> Value {
    let names = if asked == Operation::Read { &["select", "include"] } else { LIST };
    let mut parameters: Vec<Value> = names
        .iter()
        .map(|name| {
            let content = value!({ "application/json": { "schema": (argument(name)) } });
            value!({ "name": (*name), "in": "query", "content": content })
        })
        .collect();
    if asked == Operation::Read {
        parameters.push(value!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }));
    }
    let id = format!("{entity}.{}.get", asked.as_str());
    let Value::Map(mut all) = operation(id, entity, "", None, answer(entity, asked)) else { return Value::Null };
    all.insert("parameters", Value::List(parameters));
    Value::Map(all)
}

fn declared(entity: &str, decl: &OperationDecl) -> Value {
    let properties: Map = decl.inputs().map(|name| (name.to_owned(), value!({}))).collect();
    let required = decl.required.iter().map(|name| Value::from(name.as_str())).collect();
    let body =
        value!({ "type": "object", "properties": (Value::Map(properties)), "required": (Value::List(required)) });
    let answer = match decl.output.as_deref() {
        Some(word @ ("boolean" | "integer")) => value!({ "type": word }),
        Some(name) => match name.strip_suffix("[]") {
            Some(name) => value!({ "anyOf": [(list_of(reference(name))), (answer(name, Operation::List))] }),
            None => reference(name),
        },
        None => value!({}),
    };
    operation(format!("{entity}.{}", decl.name), entity, &decl.description, Some(body), answer)
}

fn row(seen: &Seen<'_>) -> Value {
    let properties = seen.fields.iter().map(|(field, read, write)| {
        let Value::Map(mut all) = field_schema(field) else { return (field.name.clone(), Value::Null) };
        if !field.description.is_empty() {
            all.insert("description", field.description.as_str());
        }
        match (read, write) {
            (true, false) => all.insert("readOnly", true),
            (false, true) => all.insert("writeOnly", true),
            _ => {}
        }
        if field.deprecated {
            all.insert("deprecated", true);
        }
        (field.name.clone(), Value::Map(all))
    });
    let mut all = Map(vec![("type".into(), "object".into()), ("properties".into(), Value::Map(properties.collect()))]);
    if !seen.entity.description.is_empty() {
        all.insert("description", seen.entity.description.as_str());
    }
    Value::Map(all)
}

fn field_schema(field: &Field) -> Value {
    let (ty, format) = match &field.ty {
        FieldType::Uuid => ("string", Some("uuid")),
        FieldType::Text(TextKind::Email) => ("string", Some("email")),
        FieldType::Text(_) | FieldType::Enum(_) => ("string", None),
        FieldType::Integer => ("integer", Some("int32")),
        FieldType::BigInt => ("string", Some("int64")),
        FieldType::Float => ("number", Some("double")),
        FieldType::Decimal { .. } => ("string", Some("decimal")),
        FieldType::Boolean => ("boolean", None),
        FieldType::DateTime => ("string", Some("date-time")),
        FieldType::Date => ("string", Some("date")),
        FieldType::Bytes => ("string", None),
        FieldType::Json => return value!({}),
    };
    let mut all = Map::new();
    match field.nullable {
        true => all.insert("type", value!([ty, "null"])),
        false => all.insert("type", ty),
    }
    if let Some(format) = format {
        all.insert("format", format);
    }
    if field.ty == FieldType::Bytes {
        all.insert("contentEncoding", "base64");
    }
    if let FieldType::Enum(words) = &field.ty {
        let mut values: Vec<Value> = words.values.iter().map(|word| word.as_str().into()).collect();
        values.extend(field.nullable.then_some(Value::Null));
        all.insert("enum", Value::List(values));
    }
    for (name, length) in [("minLength", field.min_length), ("maxLength", field.max_length)] {
        if let Some(length) = length.filter(|_| matches!(field.ty, FieldType::Text(_))) {
            all.insert(name, Value::Int(length.into()));
        }
    }
    if let Some(pattern) = &field.pattern {
        all.insert("pattern", pattern.as_str());
    }
    Value::Map(all)
}

fn error() -> Value {
    value!({ "type": "object", "properties": { "error": { "type": "object", "properties": {
        "code": { "type": "string" },
        "number": { "type": "integer" },
        "message": { "type": "string" },
        "reason": { "type": ["string", "null"] },
        "fields": { "type": "array", "items": { "type": "object", "properties": {
            "field": { "type": "string" }, "message": { "type": "string" }, "index": { "type": ["integer", "null"] },
        } } },
        "retry": { "enum": ["no", "yes", "transaction"] },
        "retryable": { "type": "boolean" },
        "retry_after_ms": { "type": ["integer", "null"] },
        "outcome": { "enum": ["not_applied", "unknown", null] },
        "operation": { "type": ["string", "null"] },
        "entity": { "type": ["string", "null"] },
        "entry": { "type": ["integer", "null"] },
        "request_id": { "type": "string" },
    } } } })
}
