//! Data as a tree: what a program builds for a request, and what it reads of documents and descriptions.

use std::ffi::c_char;
use std::ptr::null;

use dbal::value::{Date, DateTime, Map, Name, json};
use dbal::{Error, FieldFault, Value, ValueRef};

use crate::error::{Fault, dbal_error, done, misuse, quiet};
use crate::generated::status::dbal_status;
use crate::handle::{Out, Tag, give, glance, handle, held, take};
use crate::rows::dbal_type;
use crate::text::{self, Text};

/// Data: a value, a list or names with values, inside each other as deep as they need to be. The arguments of a request
/// are names with values. Make it with dbal_value_new, put values at places of it with dbal_set_text and its siblings, and
/// free it with dbal_value_free. One thread at a time.
#[repr(C)]
pub struct dbal_value {
    tag: Tag,
    /// It.
    pub node: Node,
    /// What setters were given that cannot be, told by the request that is made of it.
    pub faults: Vec<FieldFault>,
    /// Levels inside of it, at most; kept for whole values, not for their parts.
    pub levels: usize,
    shown: Option<Text>,
}

handle!(dbal_value, "dbal_value", b"dval");

/// What a value is.
#[derive(Default)]
pub enum Node {
    /// Not given: absent in data, a fault in a filter.
    #[default]
    Unset,
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Text),
    /// Digits, and the name of what they are: a decimal or a UUID.
    Worded(dbal_type, Text),
    Bytes(Vec<u8>),
    DateTime(DateTime),
    Date(Date),
    /// The value that is bound at this position when the request runs.
    Param(usize),
    #[allow(clippy::vec_box, reason = "programs hold pointers to the items")]
    List(Vec<Box<dbal_value>>),
    Map(Vec<(Text, Box<dbal_value>)>),
}

/// Where a parameter stands in the arguments of a request: positions in lists and maps.
pub type Place = Vec<usize>;

impl Node {
    /// How many levels of values there are inside.
    pub fn levels(&self) -> usize {
        match self {
            Node::List(items) => items.iter().map(|item| 1 + item.node.levels()).max().unwrap_or(0),
            Node::Map(pairs) => pairs.iter().map(|(_, value)| 1 + value.node.levels()).max().unwrap_or(0),
            _ => 0,
        }
    }
}

impl dbal_value {
    /// A value of its own.
    pub fn new(node: Node) -> Self {
        let levels = node.levels();
        dbal_value { tag: Tag::new::<dbal_value>(), node, faults: Vec::new(), levels, shown: None }
    }

    /// A part of another one.
    pub fn part(node: Node) -> Box<Self> {
        let tag = Tag::lent::<dbal_value>();
        Box::new(dbal_value { tag, node, faults: Vec::new(), levels: 0, shown: None })
    }

    /// Makes room for something so many levels deep. What walks a value calls itself for each level, and a stack that is
    /// used up ends the program.
    ///
    /// # Errors
    /// It would be too deep.
    pub fn deepen(&mut self, levels: usize) -> Result<(), String> {
        if levels > DEEPEST as usize {
            return Err(format!("more than {DEEPEST} levels of values in values"));
        }
        self.levels = self.levels.max(levels);
        Ok(())
    }

    /// As the engine has it, with the places of parameters.
    pub fn value(&self, at: &mut Place, params: &mut Vec<(usize, Place)>) -> Value {
        match &self.node {
            Node::Unset => Value::Undefined,
            Node::Null => Value::Null,
            Node::Bool(v) => Value::Bool(*v),
            Node::Int(v) => Value::Int(*v),
            Node::Float(v) => Value::Float(*v),
            Node::Text(v) | Node::Worded(_, v) => Value::Text(v.as_str().to_owned()),
            Node::Bytes(v) => Value::Bytes(v.clone()),
            Node::DateTime(v) => Value::DateTime(*v),
            Node::Date(v) => Value::Date(*v),
            Node::Param(number) => {
                params.push((*number, at.clone()));
                Value::Null
            }
            Node::List(items) => {
                Value::List(items.iter().enumerate().map(|(place, item)| inside(item, place, at, params)).collect())
            }
            Node::Map(pairs) => {
                let pair = |(place, (name, value)): (usize, &(Text, Box<dbal_value>))| {
                    (name_of(name.as_str()), inside(value, place, at, params))
                };
                Value::Map(Map(pairs.iter().enumerate().map(pair).collect()))
            }
        }
    }

    /// What setters were given that cannot be, here and in all parts.
    pub fn gathered(&self, faults: &mut Vec<FieldFault>) {
        faults.extend(self.faults.iter().cloned());
        match &self.node {
            Node::List(items) => items.iter().for_each(|item| item.gathered(faults)),
            Node::Map(pairs) => pairs.iter().for_each(|(_, value)| value.gathered(faults)),
            _ => {}
        }
    }

    /// As the engine has it, where there is nothing to bind.
    ///
    /// # Errors
    /// What setters were given that cannot be; a parameter.
    pub fn plain(&self) -> Result<Value, Fault> {
        let mut params = Vec::new();
        let value = self.checked(&mut params)?;
        match params.is_empty() {
            true => Ok(value),
            false => Err(misuse("the arguments hold parameters: they are for dbal_prepare")),
        }
    }

    /// As the engine has it.
    ///
    /// # Errors
    /// What setters were given that cannot be.
    pub fn checked(&self, params: &mut Vec<(usize, Place)>) -> Result<Value, Fault> {
        let mut faults = Vec::new();
        self.gathered(&mut faults);
        match faults.is_empty() {
            true => Ok(self.value(&mut Vec::new(), params)),
            false => Err(Error::invalid(faults).into()),
        }
    }

    /// The part at a place, if it is there.
    fn find(&self, path: &str) -> Option<&dbal_value> {
        path.split('/').filter(|step| !step.is_empty()).try_fold(self, |value, step| match &value.node {
            Node::List(items) => items.get(step.parse::<usize>().ok()?).map(Box::as_ref),
            Node::Map(pairs) => {
                let step = crate::set::unescaped(step);
                pairs.iter().find(|(name, _)| name.as_str() == step).map(|(_, value)| value.as_ref())
            }
            _ => None,
        })
    }

    fn child(&self, index: usize) -> Option<&dbal_value> {
        match &self.node {
            Node::List(items) => items.get(index).map(Box::as_ref),
            Node::Map(pairs) => pairs.get(index).map(|(_, value)| value.as_ref()),
            _ => None,
        }
    }
}

fn inside(value: &dbal_value, place: usize, at: &mut Place, params: &mut Vec<(usize, Place)>) -> Value {
    at.push(place);
    let made = value.value(at, params);
    at.pop();
    made
}

/// Names that most requests have need no memory of their own.
pub fn name_of(text: &str) -> Name {
    const WORDS: &[&str] = &["id", "data", "filter", "limit", "sort", "select", "include", "total", "page"];
    WORDS.iter().find(|word| **word == text).map_or_else(|| Name::Owned(text.to_owned()), |word| (*word).into())
}

/// The engine's value as a tree.
pub fn node_of(value: &Value) -> Node {
    match value {
        Value::Undefined => Node::Unset,
        Value::Null => Node::Null,
        Value::Bool(v) => Node::Bool(*v),
        Value::Int(v) => Node::Int(*v),
        Value::Float(v) => Node::Float(*v),
        Value::Decimal(v) => Node::Worded(dbal_type::DBAL_TYPE_DECIMAL, Text::new(&v.to_string())),
        Value::Uuid(v) => Node::Worded(dbal_type::DBAL_TYPE_UUID, Text::new(&v.to_string())),
        Value::Text(v) => Node::Text(Text::new(v)),
        Value::Bytes(v) => Node::Bytes(v.clone()),
        Value::DateTime(v) => Node::DateTime(*v),
        Value::Date(v) => Node::Date(*v),
        Value::List(items) => Node::List(items.iter().map(|item| dbal_value::part(node_of(item))).collect()),
        Value::Map(map) => Node::Map(map.iter().map(pair).collect()),
        Value::Json(text) => node_of(&ValueRef::Json(text).to_value()),
        Value::Record(record) => Node::Map(record.iter().map(pair).collect()),
        Value::Records(records) => {
            let row = |record: &dbal::Record| dbal_value::part(Node::Map(record.iter().map(pair).collect()));
            Node::List(records.iter().map(row).collect())
        }
    }
}

fn pair((name, value): (&str, &Value)) -> (Text, Box<dbal_value>) {
    (Text::new(name), dbal_value::part(node_of(value)))
}

/// Deeper data is refused. The engine's own limits for requests are far below.
const DEEPEST: u32 = 2000;

/// JSON text as the engine reads that of a request: deeper than any document, and numbers as they are written.
///
/// # Errors
/// VALIDATION_ERROR saying what is wrong with it.
pub fn parsed(text: &[u8]) -> Result<Value, Fault> {
    let limits = json::Limits { depth: DEEPEST, keep_floats: true };
    Ok(json::parse_with(text, &limits)?)
}

/// A value that is not given yet. What is set inside makes it a list or names with values.
#[unsafe(no_mangle)]
pub extern "C" fn dbal_value_new() -> *mut dbal_value {
    give(dbal_value::new(Node::Unset))
}

/// The value that a JSON text says. `length` in bytes, DBAL_NUL for up to the NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_value_of_json(
    json: *const c_char,
    length: usize,
    value: *mut *mut dbal_value,
    err: *mut *mut dbal_error,
) -> dbal_status {
    done(err, || {
        let out = Out::new(value, "value")?;
        let text = text::bytes_of(json, length, "json")?;
        out.set(give(dbal_value::new(node_of(&parsed(text)?))));
        Ok(())
    })
}

/// Frees a value and all of its parts. NULL is fine; parts of another one are left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_value_free(value: *mut dbal_value) {
    drop(take(value));
}

/// What it is; DBAL_TYPE_UNSET of NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_value_type(value: *const dbal_value) -> dbal_type {
    quiet(dbal_type::DBAL_TYPE_UNSET, || {
        Some(match &glance(value)?.node {
            Node::Unset | Node::Param(_) => dbal_type::DBAL_TYPE_UNSET,
            Node::Null => dbal_type::DBAL_TYPE_NULL,
            Node::Bool(_) => dbal_type::DBAL_TYPE_BOOL,
            Node::Int(_) => dbal_type::DBAL_TYPE_INT,
            Node::Float(_) => dbal_type::DBAL_TYPE_FLOAT,
            Node::Text(_) => dbal_type::DBAL_TYPE_TEXT,
            Node::Worded(kind, _) => *kind,
            Node::Bytes(_) => dbal_type::DBAL_TYPE_BYTES,
            Node::DateTime(_) => dbal_type::DBAL_TYPE_DATETIME,
            Node::Date(_) => dbal_type::DBAL_TYPE_DATE,
            Node::List(_) => dbal_type::DBAL_TYPE_LIST,
            Node::Map(_) => dbal_type::DBAL_TYPE_MAP,
        })
    })
}

/// A boolean; false of everything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_value_bool(value: *const dbal_value) -> bool {
    quiet(false, || match glance(value)?.node {
        Node::Bool(v) => Some(v),
        _ => None,
    })
}

/// A whole number; the milliseconds since 1970 of an instant, the days of a date; 0 of everything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_value_int(value: *const dbal_value) -> i64 {
    quiet(0, || match &glance(value)?.node {
        Node::Int(v) => Some(*v),
        Node::Bool(v) => Some(i64::from(*v)),
        Node::DateTime(v) => Some(v.epoch_millis()),
        Node::Date(v) => Some(v.epoch_days().into()),
        _ => None,
    })
}

/// A number; 0 of everything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_value_float(value: *const dbal_value) -> f64 {
    quiet(0.0, || match &glance(value)?.node {
        Node::Float(v) => Some(*v),
        Node::Int(v) => Some(*v as f64),
        Node::Worded(dbal_type::DBAL_TYPE_DECIMAL, v) => v.as_str().parse().ok(),
        _ => None,
    })
}

/// A text, a UUID or a decimal, with NUL behind it; NULL of everything else. Its length goes to `length` unless that is
/// NULL. It lasts as long as the value does and is not changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_value_text(value: *const dbal_value, length: *mut usize) -> *const c_char {
    let found = quiet(None, || match &glance(value)?.node {
        Node::Text(v) | Node::Worded(_, v) => Some(Some((v.pointer(), v.len()))),
        _ => None,
    });
    text::tell(length, found.map_or(0, |(_, length)| length));
    found.map_or(null(), |(pointer, _)| pointer)
}

/// Bytes; NULL of everything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_value_bytes(value: *const dbal_value, length: *mut usize) -> *const u8 {
    let found = quiet(None, || match &glance(value)?.node {
        Node::Bytes(v) => Some(Some((v.as_ptr(), v.len()))),
        _ => None,
    });
    text::tell(length, found.map_or(0, |(_, length)| length));
    found.map_or(null(), |(pointer, _)| pointer)
}

/// How many parts a list, or names with values, has; 0 of everything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_value_count(value: *const dbal_value) -> usize {
    quiet(0, || match &glance(value)?.node {
        Node::List(items) => Some(items.len()),
        Node::Map(pairs) => Some(pairs.len()),
        _ => None,
    })
}

/// Part `index` of a list, or the value of name `index`; NULL past the last. It belongs to `value`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_value_at(value: *const dbal_value, index: usize) -> *const dbal_value {
    quiet(null(), || glance(value)?.child(index).map(std::ptr::from_ref))
}

/// Name `index`; NULL past the last, and of everything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_value_name(value: *const dbal_value, index: usize, length: *mut usize) -> *const c_char {
    let found = quiet(None, || match &glance(value)?.node {
        Node::Map(pairs) => pairs.get(index).map(|(name, _)| Some((name.pointer(), name.len()))),
        _ => None,
    });
    text::tell(length, found.map_or(0, |(_, length)| length));
    found.map_or(null(), |(pointer, _)| pointer)
}

/// The part at a place, such as "steps/0/text"; NULL where there is none. It belongs to `value`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_value_get(value: *const dbal_value, path: *const c_char) -> *const dbal_value {
    quiet(null(), || glance(value)?.find(text::given(path, "path").ok()?).map(std::ptr::from_ref))
}

/// The value as JSON; NULL where it cannot be told. It lasts until the value is changed, freed, or asked once more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dbal_value_to_json(value: *mut dbal_value, length: *mut usize) -> *const c_char {
    let found = quiet(None, || {
        let mut value = held(value).ok()?;
        let told = Text::new(&json::to_wire(&value.value(&mut Vec::new(), &mut Vec::new())));
        let told = value.shown.insert(told);
        Some(Some((told.pointer(), told.len())))
    });
    text::tell(length, found.map_or(0, |(_, length)| length));
    found.map_or(null(), |(pointer, _)| pointer)
}
