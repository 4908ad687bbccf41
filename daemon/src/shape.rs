//! What a request looks like without its values, for the log: they may be secret, names of the schema are not.

use std::fmt::Write;

use dbal::{Map, Request, Value};

/// Such as `list User filter(role, level($lte)) sort limit`.
pub fn of(request: &Request) -> String {
    let mut out = format!("{} {}", request.operation.as_str(), request.entity);
    for (name, value) in request.args.iter() {
        let _ = write!(out, " {name}");
        match (name, value) {
            ("filter" | "where" | "having", Value::Map(filter)) => names(filter, true, &mut out),
            ("data" | "create" | "update" | "include" | "input", Value::Map(data)) => names(data, false, &mut out),
            ("name", Value::Text(operation)) => {
                let _ = write!(out, "({operation})");
            }
            ("data" | "entries", Value::List(rows)) => {
                let _ = write!(out, "({})", rows.len());
            }
            _ => {}
        }
    }
    out
}

/// Names of fields and operators. Below an operator that compares there are values only.
fn names(map: &Map, deep: bool, out: &mut String) {
    out.push('(');
    for (position, (name, value)) in map.iter().enumerate() {
        if position > 0 {
            out.push_str(", ");
        }
        out.push_str(name);
        let connects = matches!(name, "$and" | "$or" | "$not" | "$is" | "$isNot" | "$some" | "$every" | "$none");
        if !deep || (name.starts_with('$') && !connects) {
            continue;
        }
        match value {
            Value::Map(inner) => names(inner, true, out),
            Value::List(branches) if connects => {
                branches.iter().filter_map(Value::as_map).for_each(|branch| names(branch, true, out));
            }
            _ => {}
        }
    }
    out.push(')');
}

#[cfg(test)]
mod tests {
    use dbal::{Operation, value};

    use super::*;

    #[test]
    fn no_value_is_in_a_shape() {
        let filter =
            value!({ "name": "canary", "$or": [{ "level": { "$lte": 3 } }, { "doc": { "$eq": { "canary": 1 } } }] });
        let request = Request::new(Operation::List, "User").arg("filter", filter).arg("limit", 5);
        assert_eq!(of(&request), "list User filter(name, $or(level($lte))(doc($eq))) limit");
        let data = value!({ "name": "canary", "doc": { "canary": true } });
        assert_eq!(of(&Request::new(Operation::Create, "User").arg("data", data)), "create User data(name, doc)");
    }
}
