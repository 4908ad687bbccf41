//! The form of a request: everything about it but the values that become parameters.
//!
//! Two requests of one form get the same plan, so the form must hold whatever could change the plan: names, operators,
//! the kind of each value, which values are null, whether a list is empty or holds nulls, booleans, and small limits.
//! The form is a byte string that a cache can compare whole; a hash alone would let a forged request borrow a plan.

use std::cell::Cell;

use smallvec::SmallVec;

use super::search;
use crate::request::{Operation, Request};
use crate::value::{Map, Value};

/// Limits up to this are spelled into the plan; greater ones are parameters.
pub const SPELLED_LIMIT: i64 = 1_000;

/// Deeper requests are refused by validation; this only keeps the walk off the end of the stack.
const MAX_DEPTH: u32 = 96;

/// Room for the keys of most requests.
const KEY_BYTES: usize = 256;

/// A longer one is not kept for the next request.
const KEPT_BYTES: usize = 4 << 10;

std::thread_local! {
    /// The memory of the last key: reading a row by its key should not have to ask for any.
    static KEY: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A request's form and the values it leaves out, in the order of the walk.
#[derive(Debug, Default)]
pub struct Form<'r> {
    /// The form as bytes.
    pub key: Vec<u8>,
    /// The values that become parameters; a slot is an index here.
    pub slots: SmallVec<[&'r Value; 16]>,
    /// Nested too deeply to be walked; never cached.
    pub too_deep: bool,
    /// Bytes of the texts and bytes values seen.
    pub bytes: usize,
}

impl Drop for Form<'_> {
    fn drop(&mut self) {
        if (1..=KEPT_BYTES).contains(&self.key.capacity()) {
            let _ = KEY.try_with(|kept| kept.set(std::mem::take(&mut self.key)));
        }
    }
}

impl<'r> Form<'r> {
    /// Walks a request. `caller` tells callers apart whose plans differ.
    pub fn of(request: &'r Request, caller: u32) -> Form<'r> {
        let args = request.args.0.iter().map(|(name, value)| (name.as_ref(), value));
        Form::of_args(request.operation, &request.entity, args, caller)
    }

    /// The same of a request that is not put together as one: part of another.
    pub fn of_args<'n>(
        operation: Operation,
        entity: &str,
        args: impl IntoIterator<Item = (&'n str, &'r Value)>,
        caller: u32,
    ) -> Form<'r> {
        let mut form = Form::default();
        form.key = KEY.try_with(Cell::take).unwrap_or_default();
        form.key.clear();
        form.key.reserve(KEY_BYTES);
        form.key.extend_from_slice(&caller.to_le_bytes());
        form.key.push(operation as u8);
        form.text(entity);
        for (name, value) in args {
            form.text(name);
            match name {
                "filter" | "having" => form.filter(value, 0),
                "include" => form.includes(value, 0),
                "data" => form.data(value),
                "id" => form.key_value(value),
                "if_version" | "after" | "before" => form.literal(value),
                "limit" => form.number(value, SPELLED_LIMIT),
                "page" => form.number(value, 1),
                "offset" => form.number(value, 0),
                _ => form.structure(value, 0),
            }
        }
        form
    }

    /// Which sort keys in the request's cursor are null: that decides which rows lie beyond it.
    pub fn cursor(&mut self, keys: &[Value]) {
        self.key.extend(keys.iter().map(|key| b'0' + u8::from(key.is_null())));
    }

    /// Adds the values that are spelled into the plan; what comes before them says which these are.
    pub fn spell(&mut self, slots: &[u16]) {
        // No name is so long: a form with words is never the beginning of another form.
        self.key.extend_from_slice(&u32::MAX.to_le_bytes());
        for slot in slots {
            if let Some(Value::Text(word)) = self.slots.get(usize::from(*slot)).copied() {
                self.key.extend_from_slice(&(word.len() as u32).to_le_bytes());
                self.key.extend_from_slice(word.as_bytes());
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes += text.len();
        self.key.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.key.extend_from_slice(text.as_bytes());
    }

    fn count(&mut self, tag: u8, count: usize) {
        self.key.push(tag);
        self.key.extend_from_slice(&(count as u32).to_le_bytes());
    }

    /// A whole number that is spelled up to `spelled` and a parameter above it.
    fn number(&mut self, value: &'r Value, spelled: i64) {
        match value {
            Value::Int(number) if (0..=spelled).contains(number) => {
                self.key.push(b'#');
                self.key.extend_from_slice(&number.to_le_bytes());
            }
            other => self.literal(other),
        }
    }

    fn literal(&mut self, value: &'r Value) {
        self.key.push(kind(value));
        self.bytes += bytes(value);
        self.slots.push(value);
    }

    /// The values of `$in`: a parameter whole, but for what null and emptiness change.
    fn list(&mut self, value: &'r Value) {
        if let Value::List(items) = value {
            let nulls = items.iter().any(Value::is_null);
            let others = items.iter().any(|item| !item.is_null());
            self.key.push(b'0' + u8::from(nulls) + 2 * u8::from(others));
        }
        self.literal(value);
    }

    /// The text of a search is a parameter for each of its words.
    fn search(&mut self, value: &'r Value) {
        self.count(b'w', value.as_str().map_or(0, search::count));
        self.literal(value);
    }

    /// `id`: a value, or a unique key by its fields.
    fn key_value(&mut self, value: &'r Value) {
        match value {
            Value::Map(map) => self.fields(map),
            other => self.literal(other),
        }
    }

    fn fields(&mut self, map: &'r Map) {
        self.count(b'{', map.len());
        for (name, value) in &map.0 {
            self.text(name);
            self.literal(value);
        }
    }

    fn data(&mut self, value: &'r Value) {
        let Value::Map(map) = value else { return self.structure(value, 0) };
        self.count(b'{', map.len());
        for (name, value) in &map.0 {
            self.text(name);
            match value {
                Value::Map(operators) if is_operators(operators) => self.fields(operators),
                other => self.literal(other),
            }
        }
    }

    fn filter(&mut self, value: &'r Value, depth: u32) {
        if depth > MAX_DEPTH {
            self.too_deep = true;
            return;
        }
        match value {
            Value::Map(map) => {
                self.count(b'{', map.len());
                for (name, value) in &map.0 {
                    self.text(name);
                    match name.as_ref() {
                        "$and" | "$or" => self.filters(value, depth + 1),
                        "$not" => self.filter(value, depth + 1),
                        "$search" => self.search(value),
                        _ => self.condition(value, depth + 1),
                    }
                }
            }
            other => self.literal(other),
        }
    }

    fn filters(&mut self, value: &'r Value, depth: u32) {
        match value {
            Value::List(items) => {
                self.count(b'[', items.len());
                for item in items {
                    self.filter(item, depth);
                }
            }
            other => self.literal(other),
        }
    }

    /// What stands beside a field: a value, operators, or the filter of a relation.
    fn condition(&mut self, value: &'r Value, depth: u32) {
        if depth > MAX_DEPTH {
            self.too_deep = true;
            return;
        }
        let Value::Map(map) = value else { return self.literal(value) };
        self.count(b'{', map.len());
        for (name, value) in &map.0 {
            self.text(name);
            match name.as_ref() {
                "$in" | "$nin" => self.list(value),
                "$path" | "$mode" | "$exists" => self.structure(value, depth + 1),
                "$some" | "$every" | "$none" | "$is" | "$isNot" => self.filter(value, depth + 1),
                "$and" | "$or" => self.filters(value, depth + 1),
                "$search" => self.search(value),
                "$between" => match value {
                    Value::List(items) => {
                        self.count(b'[', items.len());
                        for item in items {
                            self.literal(item);
                        }
                    }
                    other => self.literal(other),
                },
                _ => self.condition(value, depth + 1),
            }
        }
    }

    /// Relations and their options. Only an option called `filter` is one: a relation may have that name too.
    fn includes(&mut self, value: &'r Value, depth: u32) {
        let Value::Map(relations) = value else { return self.structure(value, depth) };
        if depth > MAX_DEPTH {
            self.too_deep = true;
            return;
        }
        self.count(b'{', relations.len());
        for (name, options) in &relations.0 {
            self.text(name);
            let Value::Map(options) = options else {
                self.structure(options, depth + 1);
                continue;
            };
            self.count(b'{', options.len());
            for (name, value) in &options.0 {
                self.text(name);
                match name.as_ref() {
                    "filter" => self.filter(value, depth + 1),
                    "include" => self.includes(value, depth + 1),
                    _ => self.structure(value, depth + 1),
                }
            }
        }
    }

    /// Parts whose values shape the plan: select, sort, flags.
    fn structure(&mut self, value: &'r Value, depth: u32) {
        if depth > MAX_DEPTH {
            self.too_deep = true;
            return;
        }
        match value {
            Value::Map(map) => {
                self.count(b'{', map.len());
                for (name, value) in &map.0 {
                    self.text(name);
                    self.structure(value, depth + 1);
                }
            }
            Value::List(items) => {
                self.count(b'[', items.len());
                for item in items {
                    self.structure(item, depth + 1);
                }
            }
            Value::Text(text) => {
                self.key.push(b'"');
                self.text(text);
            }
            Value::Int(number) => {
                self.key.push(b'#');
                self.key.extend_from_slice(&number.to_le_bytes());
            }
            other => {
                self.literal(other);
            }
        }
    }
}

/// The kind of a value, as plans depend on it.
pub fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => b'0',
        Value::Undefined => b'u',
        Value::Bool(false) => b'f',
        Value::Bool(true) => b't',
        Value::Int(_) => b'i',
        Value::Float(_) => b'd',
        Value::Decimal(_) => b'n',
        Value::Text(_) => b's',
        Value::Bytes(_) => b'b',
        Value::Uuid(_) => b'g',
        Value::DateTime(_) => b'w',
        Value::Date(_) => b'y',
        Value::List(_) => b'l',
        Value::Map(_) => b'm',
        Value::Json(_) => b'j',
        Value::Record(_) | Value::Records(_) => b'r',
    }
}

/// What a value counts of a request's bytes.
pub fn bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Json(text) => text.len(),
        Value::List(_) | Value::Map(_) => super::size::bytes(value),
        _ => 0,
    }
}

/// The slot of a value of the walked request, found by where it lies in memory.
pub fn slot(slots: &[&Value], value: &Value) -> Option<u16> {
    slots.iter().position(|slot| std::ptr::eq(*slot, value)).map(|position| position as u16)
}

/// Whether a map holds operators such as `$increment` rather than a json document.
pub fn is_operators(map: &Map) -> bool {
    map.0.first().is_some_and(|(name, _)| name.starts_with('$'))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_field_or_a_relation_may_be_called_filter() {
        let key = |name: &'static str, value: Value| {
            Form::of(&Request::new(Operation::List, "User").arg(name, value), 0).key.clone()
        };
        assert_ne!(key("sort", value!({ "filter": "asc" })), key("sort", value!({ "filter": "desc" })));
        assert_ne!(
            key("include", value!({ "filter": { "limit": 1 } })),
            key("include", value!({ "filter": { "limit": 2 } }))
        );
        assert_eq!(
            key("include", value!({ "posts": { "filter": { "id": 1 } } })),
            key("include", value!({ "posts": { "filter": { "id": 2 } } }))
        );
    }

    use super::*;
    use crate::value;

    fn key(filter: Value) -> Vec<u8> {
        let request = Request::new(Operation::List, "User").arg("filter", filter);
        Form::of(&request, 0).key.clone()
    }

    #[test]
    fn values_are_left_out_and_structure_is_kept() {
        assert_eq!(key(value!({ "role": "admin" })), key(value!({ "role": "user" })));
        assert_ne!(key(value!({ "role": "admin" })), key(value!({ "role": 1 })));
        assert_ne!(key(value!({ "role": "admin" })), key(value!({ "role": null })));
        assert_ne!(key(value!({ "on": true })), key(value!({ "on": false })));
        assert_ne!(key(value!({ "a": "x" })), key(value!({ "a": { "$gt": "x" } })));
    }

    #[test]
    fn lists_differ_by_nulls_and_emptiness_only() {
        let list = |items: Value| {
            key(Value::Map([("a", Value::Map([("$in", items)].into_iter().collect()))].into_iter().collect()))
        };
        assert_eq!(list(value!([1, 2])), list(value!([3])));
        assert_ne!(list(value!([1])), list(value!([])));
        assert_ne!(list(value!([1])), list(value!([1, null])));
        assert_ne!(list(value!([null])), list(value!([1, null])));
    }

    #[test]
    fn names_cannot_be_shifted_into_each_other() {
        assert_ne!(key(value!({ "ab": 1, "c": 1 })), key(value!({ "a": 1, "bc": 1 })));
    }

    #[test]
    fn limits_are_spelled_when_small() {
        let limit = |n: i64| Form::of(&Request::new(Operation::List, "U").arg("limit", n), 0).key.clone();
        assert_ne!(limit(10), limit(11));
        assert_eq!(limit(2_000), limit(3_000));
    }
}
