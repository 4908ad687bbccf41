//! Putting values at places of a tree.

use std::ffi::c_char;

use dbal::FieldFault;
use dbal::value::{Date, DateTime};

use crate::error::{Fault, quiet};
use crate::handle::{held, shared, take};
use crate::text::{self, TO_NUL, Text};
use crate::value::{Node, dbal_value, node_of, parsed};

/// Lists do not grow further by naming a place in them.
const LONGEST: usize = 1 << 24;

/// `~1` is a slash in a name and `~0` a tilde.
pub fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// The part at a place, made if it is not there.
fn place<'v>(root: &'v mut dbal_value, path: &str) -> Result<&'v mut dbal_value, String> {
    let mut value = root;
    for step in path.split('/').filter(|step| !step.is_empty()) {
        let index = match step {
            "+" => Some(usize::MAX),
            _ => step.parse::<usize>().ok().filter(|_| step.bytes().all(|byte| byte.is_ascii_digit())),
        };
        if matches!(value.node, Node::Unset) {
            value.node = if index.is_some() { Node::List(Vec::new()) } else { Node::Map(Vec::new()) };
        }
        value = match (&mut value.node, index) {
            (Node::List(items), Some(index)) => {
                let index = index.min(items.len());
                if index == items.len() && items.len() < LONGEST {
                    items.push(dbal_value::part(Node::Unset));
                }
                items.get_mut(index).ok_or("the list is full")?
            }
            (Node::Map(pairs), _) => {
                let name = unescaped(step);
                let known = pairs.iter().position(|(known, _)| known.as_str() == name);
                let known = known.unwrap_or_else(|| {
                    pairs.push((Text::new(&name), dbal_value::part(Node::Unset)));
                    pairs.len() - 1
                });
                &mut pairs[known].1
            }
            (Node::List(_), None) => {
                return Err(format!("a list has no {step:?}; expected a number, or + for its end"));
            }
            _ => return Err(format!("a value stands where {step:?} should be inside")),
        };
    }
    Ok(value)
}

/// Puts something at a place. What cannot be is kept, and told by the request that is made of the value.
unsafe fn set(value: *mut dbal_value, path: *const c_char, node: impl FnOnce() -> Result<Node, String>) {
    quiet((), || {
        // Before the value is held: what is put in it may be read from it.
        let node = node();
        let mut root = held(value).ok()?;
        let path = if path.is_null() { Ok("") } else { text::given(path, "the place").map_err(said) };
        let (path, named) = match path {
            Ok(path) => (path, Ok(())),
            Err(message) => ("", Err(message)),
        };
        let done = named.and_then(|()| {
            let node = node?;
            let steps = path.split('/').filter(|step| !step.is_empty()).count();
            root.deepen(steps + node.levels())?;
            place(&mut root, path).map(|place| place.node = node)
        });
        if let Err(message) = done {
            // As the engine names places: the fields of data by their own names.
            let field = path.strip_prefix("data/").unwrap_or(path).replace('/', ".");
            root.faults.push(FieldFault { field, message, index: None });
        }
        Some(())
    });
}

/// What a fault says.
pub fn said(fault: Fault) -> String {
    match fault {
        Fault::Misuse(message) => message,
        Fault::Engine(error) => error.message().to_owned(),
        Fault::Stopped => String::new(),
    }
}

/// Puts null at a place of a value. A place is names with "/" between them: "data/username", "filter/level/$lte",
/// "sort/created_at"; a number is a position in a list, "+" one behind its end: "select/+", "filter/$or/0/role". "~1" is a
/// slash inside a name, "~0" a tilde; "" is the value itself. What is not there is made. Setters give nothing back: what
/// cannot be set is told by the request that the value is given to, all of it at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_set_null(value: *mut dbal_value, path: *const c_char) {
    set(value, path, || Ok(Node::Null));
}

/// Puts true or false at a place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_set_bool(value: *mut dbal_value, path: *const c_char, flag: bool) {
    set(value, path, || Ok(Node::Bool(flag)));
}

/// Puts a whole number at a place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_set_int(value: *mut dbal_value, path: *const c_char, number: i64) {
    set(value, path, || Ok(Node::Int(number)));
}

/// Puts a number with a fraction at a place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_set_float(value: *mut dbal_value, path: *const c_char, number: f64) {
    set(value, path, || Ok(Node::Float(number)));
}

/// Puts a text at a place, up to its NUL; a UUID, a decimal, a date or an instant too. It is copied, and so is all that
/// setters are given.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_set_text(value: *mut dbal_value, path: *const c_char, text: *const c_char) {
    dbal_set_text_n(value, path, text, TO_NUL);
}

/// Puts a text of `length` bytes at a place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_set_text_n(
    value: *mut dbal_value,
    path: *const c_char,
    text: *const c_char,
    length: usize,
) {
    set(value, path, || text::given_of(text, length, "the text").map(|text| Node::Text(Text::new(text))).map_err(said));
}

/// Puts bytes at a place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_set_bytes(value: *mut dbal_value, path: *const c_char, bytes: *const u8, length: usize) {
    set(value, path, || match length {
        TO_NUL => Err("bytes need a length".to_owned()),
        _ => text::bytes_of(bytes.cast(), length, "the bytes").map(|bytes| Node::Bytes(bytes.to_vec())).map_err(said),
    });
}

/// Puts an instant at a place, in milliseconds since 1970-01-01 in UTC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_set_datetime(value: *mut dbal_value, path: *const c_char, milliseconds: i64) {
    set(value, path, || {
        DateTime::from_epoch_millis(milliseconds).map(Node::DateTime).ok_or("expected a year from 1 to 9999".to_owned())
    });
}

/// Puts a day at a place, in days since 1970-01-01.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_set_date(value: *mut dbal_value, path: *const c_char, days: i32) {
    set(value, path, || Date::from_epoch_days(days).map(Node::Date).ok_or("expected a year from 1 to 9999".to_owned()));
}

/// Puts what a JSON text says at a place: a whole filter, a document.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_set_json(value: *mut dbal_value, path: *const c_char, json: *const c_char) {
    set(value, path, || {
        let text = text::given(json, "the JSON text").map_err(said)?;
        Ok(node_of(&parsed(text.as_bytes()).map_err(said)?))
    });
}

/// Puts a copy of another value at a place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_set_value(value: *mut dbal_value, path: *const c_char, other: *const dbal_value) {
    set(value, path, || {
        let other = shared(other).map_err(said)?;
        let mut faults = Vec::new();
        other.gathered(&mut faults);
        match faults.first() {
            Some(fault) => Err(format!("{}: {}", fault.field, fault.message)),
            None => Ok(copied(&other.node)),
        }
    });
}

/// Leaves a place open for a value that is bound later: positions are numbered from 0. For dbal_prepare.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_set_param(value: *mut dbal_value, path: *const c_char, position: usize) {
    set(value, path, || Ok(Node::Param(position)));
}

/// Puts a value under a name as it is, whatever it is made of, and takes it: it is not to be used or freed afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_map_put(
    map: *mut dbal_value,
    name: *const c_char,
    length: usize,
    value: *mut dbal_value,
) {
    let taken = take(value);
    quiet((), || {
        let mut map = held(map).ok()?;
        let name = text::given_of(name, length, "a name").map_err(said);
        let put = name.and_then(|name| {
            let value = taken.ok_or("the value is NULL, in use, or a part of another one")?;
            map.deepen(1 + value.levels)?;
            if matches!(map.node, Node::Unset) {
                map.node = Node::Map(Vec::new());
            }
            match &mut map.node {
                Node::Map(pairs) => pairs.push((Text::new(name), part_of(*value))),
                _ => return Err("names with values were expected here".to_owned()),
            }
            Ok(())
        });
        put.unwrap_or_else(|message| map.faults.push(FieldFault { field: "data".into(), message, index: None }));
        Some(())
    });
}

/// Puts a value at the end of a list, and takes it: it is not to be used or freed afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_list_push(list: *mut dbal_value, value: *mut dbal_value) {
    let taken = take(value);
    quiet((), || {
        let mut list = held(list).ok()?;
        if matches!(list.node, Node::Unset) {
            list.node = Node::List(Vec::new());
        }
        let pushed = taken.ok_or("the value is NULL, in use, or a part of another one".to_owned()).and_then(|value| {
            list.deepen(1 + value.levels)?;
            match &mut list.node {
                Node::List(items) => items.push(part_of(*value)),
                _ => return Err("a list was expected here".to_owned()),
            }
            Ok(())
        });
        pushed.unwrap_or_else(|message| list.faults.push(FieldFault { field: "data".into(), message, index: None }));
        Some(())
    });
}

/// Makes a value an empty list, which no place in it would.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_set_list(value: *mut dbal_value, path: *const c_char) {
    set(value, path, || Ok(Node::List(Vec::new())));
}

/// Makes a value names with values, of which there are none yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_set_map(value: *mut dbal_value, path: *const c_char) {
    set(value, path, || Ok(Node::Map(Vec::new())));
}

fn part_of(value: dbal_value) -> Box<dbal_value> {
    let mut part = dbal_value::part(value.node);
    part.faults = value.faults;
    part
}

fn copied(node: &Node) -> Node {
    match node {
        Node::Unset => Node::Unset,
        Node::Null => Node::Null,
        Node::Bool(v) => Node::Bool(*v),
        Node::Int(v) => Node::Int(*v),
        Node::Float(v) => Node::Float(*v),
        Node::Text(v) => Node::Text(v.clone()),
        Node::Worded(kind, v) => Node::Worded(*kind, v.clone()),
        Node::Bytes(v) => Node::Bytes(v.clone()),
        Node::DateTime(v) => Node::DateTime(*v),
        Node::Date(v) => Node::Date(*v),
        Node::Param(v) => Node::Param(*v),
        Node::List(items) => Node::List(items.iter().map(|item| dbal_value::part(copied(&item.node))).collect()),
        Node::Map(pairs) => {
            Node::Map(pairs.iter().map(|(name, value)| (name.clone(), dbal_value::part(copied(&value.node)))).collect())
        }
    }
}
