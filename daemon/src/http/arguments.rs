//! From paths, queries and bodies to requests. Nothing is interpreted here beyond JSON: what arguments mean, and which
//! there are, is the engine's to say.

use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use dbal::schema::{FieldType, Schema};
use dbal::value::json;
use dbal::{Error, Map, Name, Operation, Request, Result, Value};
use percent_encoding::percent_decode_str;

/// Deeper than any filter or document that the engine takes.
const DEPTH: u32 = 128;

/// JSON of a request, numbers exact.
pub fn parse(what: &str, text: &[u8]) -> Result<Value> {
    let limits = json::Limits { depth: DEPTH, keep_floats: true };
    json::parse_with(text, &limits).map_err(|error| match error.message().contains("nested") {
        true => Error::validation(what, format!("depth: {}", error.message())),
        false => Error::validation(what, error.message()),
    })
}

/// Entity and operation of `{entity}:{operation}`.
pub fn target(target: &str) -> Result<(Name, String)> {
    let target = decoded(target)?;
    // The last colon: names of operations have none.
    let (entity, operation) = target.rsplit_once(':').unwrap_or((target.as_str(), ""));
    Ok((Name::Owned(entity.to_owned()), operation.to_owned()))
}

/// The request of a body.
pub fn of_body(entity: Name, operation: &str, body: &[u8]) -> Result<Request> {
    let args = object(body)?;
    match Operation::parse(operation) {
        Some(Operation::Batch) => Err(Error::validation("operation", "a batch is not of one entity; POST /v1/batch")),
        Some(operation) => Ok(Request { operation, entity, args }),
        // An operation that the schema declares, or nobody does.
        None => Ok(Request::new(Operation::Call, entity).arg("name", operation).arg("input", args)),
    }
}

/// The request of a batch's body.
pub fn batch(body: &[u8]) -> Result<Request> {
    Ok(Request { operation: Operation::Batch, entity: "".into(), args: object(body)? })
}

fn object(body: &[u8]) -> Result<Map> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    match parse("body", body)? {
        Value::Map(args) => Ok(args),
        other => Err(Error::validation("body", format!("expected an object of arguments, got {}", other.kind()))),
    }
}

/// The request of a path and a query: read with an id, else list.
pub fn of_query(schema: &Schema, entity: &str, id: Option<&str>, query: &str) -> Result<Request> {
    let entity = decoded(entity)?;
    let operation = if id.is_some() { Operation::Read } else { Operation::List };
    let mut args = Map::new();
    if let Some(id) = id {
        args.insert("id", key(schema, &entity, decoded(id)?));
    }
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        if args.get(&name).is_some() {
            return Err(Error::validation(name.into_owned(), "given twice"));
        }
        if text.contains('\u{fffd}') {
            return Err(Error::validation(name.into_owned(), "not UTF-8"));
        }
        // What is not JSON is text, so that cursors and words need no quotes.
        let value = match parse(&name, text.as_bytes()) {
            Ok(value) => value,
            Err(error) if text.starts_with(['{', '[', '"']) => return Err(error),
            Err(_) => Value::Text(text.into_owned()),
        };
        args.insert(name.into_owned(), value);
    }
    Ok(Request { operation, entity: entity.into(), args })
}

/// A key as it stands in a path or a token: text, but where the key is a number.
pub fn key(schema: &Schema, entity: &str, text: String) -> Value {
    let declared = schema.find(entity).map(|id| schema.entity(id));
    let number = declared.is_some_and(|entity| matches!(entity.field(entity.key).ty, FieldType::Integer));
    match text.parse() {
        Ok(number_read) if number => Value::Int(number_read),
        _ => Value::Text(text),
    }
}

/// Makes `if_version` of the `If-Match` header, and says whether there was one.
pub fn if_match(headers: &HeaderMap, request: &mut Request) -> Result<bool> {
    let Some(header) = headers.get(IF_MATCH) else { return Ok(false) };
    let wrong = |message: &str| Err(Error::validation("If-Match", message));
    if !matches!(request.operation, Operation::Update | Operation::Delete) {
        return wrong("only update and delete have a version to match");
    }
    if request.args.get("if_version").is_some() {
        return wrong("says what if_version says; keep one");
    }
    let version = header.to_str().ok().and_then(|text| text.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    match version {
        Some(version) => {
            request.args.insert("if_version", Value::Int(version));
            Ok(true)
        }
        None => wrong("expected the ETag of a row, such as \"3\""),
    }
}

fn decoded(text: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| Error::validation("path", "not UTF-8"))?;
    match decoded.contains(['\0', '\n', '\r']) {
        true => Err(Error::validation("path", "holds control characters")),
        false => Ok(decoded.into_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_query_are_json_or_text() {
        let schema = dbal::schema::load_sources(vec![(
            "s".into(),
            "entity: User\nfields: { id: { type: integer, primary: true }, name: { type: string } }".into(),
        )]);
        let schema = schema.unwrap().schema;
        let query = "filter=%7B%22name%22%3A%22a+b%22%7D&limit=10&after=null&before=x1&select=%5B%22id%22%5D";
        let request = of_query(&schema, "users", None, query).unwrap();
        assert_eq!(json::to_text(request.args.get("filter").unwrap()), r#"{"name":"a b"}"#);
        assert_eq!(request.args.get("limit"), Some(&Value::Int(10)));
        assert_eq!(request.args.get("after"), Some(&Value::Null));
        assert_eq!(request.args.get("before"), Some(&Value::from("x1")));
        assert_eq!(of_query(&schema, "users", Some("7"), "").unwrap().args.get("id"), Some(&Value::Int(7)));
        assert_eq!(of_query(&schema, "users", Some("x"), "").unwrap().args.get("id"), Some(&Value::from("x")));
        for wrong in ["limit=1&limit=2", "filter={", "filter=%22", "a=%FF"] {
            assert!(of_query(&schema, "users", None, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn other_names_than_the_operations_are_calls() {
        let request = of_body("Credential".into(), "verify", br#"{"username": "ada"}"#).unwrap();
        assert_eq!((request.operation, request.args.get("name")), (Operation::Call, Some(&"verify".into())));
        assert_eq!(of_body("User".into(), "find_many", b"").unwrap().operation, Operation::FindMany);
        assert!(of_body("User".into(), "batch", b"").is_err());
        assert!(of_body("User".into(), "read", b"[1]").is_err());
        assert!(of_body("User".into(), "read", br#"{"id": 1, "id": 2}"#).is_err());
    }
}
