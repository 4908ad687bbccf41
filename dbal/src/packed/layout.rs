//! How the rows of a result are laid out: the name and the kind of each column, sent once to whoever
//! reads them.

use std::sync::Arc;

use foldhash::HashMap;
use parking_lot::Mutex;

use crate::row::Columns;
use crate::schema::{EntityId, FieldType, Schema};
use crate::value::{Name, Value, json};

/// How the cells of a column are written. `bindings/node/lib/decode.js` has the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A number in its slot.
    Number = 0,
    /// 0 or 1 in its slot.
    Bool = 1,
    /// The end of its text in its slot.
    Text = 2,
    /// Milliseconds since 1970 in its slot.
    Date = 3,
    /// 64 bits in its slot.
    BigInt = 4,
    /// Their number in its slot, then the bytes themselves, eight in a slot.
    Bytes = 5,
    /// The end of its JSON text in its slot; below zero when it holds numbers that JavaScript's parser would round.
    Json = 6,
    /// A layout in its slot, then the row.
    One = 7,
    /// How many rows in its slot; if any, their layout and then the rows.
    Many = 8,
    /// A kind in its slot, then as that kind says; whole numbers are numbers.
    Any = 9,
    /// The same, whole numbers are bigints.
    AnyBig = 10,
}

impl Kind {
    /// The kind of a number.
    pub fn of(number: i64) -> Option<Kind> {
        use Kind::{Any, AnyBig, BigInt, Bool, Bytes, Date, Json, Many, Number, One, Text};
        let all = [Number, Bool, Text, Date, BigInt, Bytes, Json, One, Many, Any, AnyBig];
        all.get(usize::try_from(number).ok()?).copied()
    }
}

/// The layout of a result's rows.
#[derive(Debug)]
pub struct Layout {
    /// Its number, which no other layout of the database ever gets.
    pub id: u32,
    /// The kind of each column.
    pub kinds: Vec<Kind>,
    /// For a relation, the entity it leads to.
    pub targets: Vec<Option<EntityId>>,
    /// Names and kinds as JSON.
    text: String,
}

/// The layouts of one opened database.
pub struct Layouts {
    /// Its schema.
    pub schema: Arc<Schema>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By the place of the columns in memory, which holds as long as they are kept here.
    by_place: HashMap<(usize, EntityId), (Arc<Columns>, Arc<Layout>)>,
    by_text: HashMap<String, Arc<Layout>>,
    by_id: HashMap<u32, Arc<Layout>>,
    next: u32,
}

/// More layouts than this are forgotten; their numbers are not used again.
const MOST: usize = 4096;

impl std::fmt::Debug for Layouts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layouts").finish_non_exhaustive()
    }
}

impl Layouts {
    /// None yet.
    pub fn new(schema: Arc<Schema>) -> Self {
        Layouts { schema, state: Mutex::default() }
    }

    /// The layout of these columns of an entity's rows.
    pub fn of(&self, entity: EntityId, columns: &Arc<Columns>) -> Arc<Layout> {
        let mut state = self.state.lock();
        let place = (Arc::as_ptr(columns) as usize, entity);
        if let Some((_, layout)) = state.by_place.get(&place) {
            return layout.clone();
        }
        let layout = self.make(&mut state, entity, columns);
        if state.by_place.len() >= MOST {
            state.by_place.clear();
        }
        state.by_place.insert(place, (columns.clone(), layout.clone()));
        layout
    }

    /// The description of a layout as JSON: `entity`, `names`, `kinds`, `targets`, `types`.
    pub fn describe(&self, id: u32) -> Option<String> {
        self.state.lock().by_id.get(&id).map(|layout| layout.text.clone())
    }

    fn make(&self, state: &mut State, entity: EntityId, columns: &Columns) -> Arc<Layout> {
        let (kinds, targets): (Vec<Kind>, Vec<Option<EntityId>>) =
            columns.names.iter().map(|name| kind(&self.schema, entity, name)).unzip();
        let text = describe(&self.schema, entity, columns, &kinds, &targets);
        if let Some(layout) = state.by_text.get(&text) {
            return layout.clone();
        }
        if state.by_text.len() >= MOST {
            // All three: one that is only found by its place would no longer be described.
            state.by_text.clear();
            state.by_id.clear();
            state.by_place.clear();
        }
        state.next += 1;
        let layout = Arc::new(Layout { id: state.next, kinds, targets, text: text.clone() });
        state.by_text.insert(text, layout.clone());
        state.by_id.insert(layout.id, layout.clone());
        layout
    }
}

/// The kind of a column and, for a relation, where it leads.
fn kind(schema: &Schema, entity: EntityId, name: &str) -> (Kind, Option<EntityId>) {
    let declared = schema.entity(entity);
    if let Some(id) = declared.field_by_name(name) {
        return (of_type(&declared.field(id).ty), None);
    }
    if let Some(id) = declared.relation_by_name(name) {
        let relation = declared.relation(id);
        return (if relation.kind.is_to_one() { Kind::One } else { Kind::Many }, Some(relation.target));
    }
    let kind = match name.split_once('.') {
        // Sums of whole numbers have 64 bits.
        Some(("sum", _)) => Kind::AnyBig,
        Some(("min" | "max", field)) => {
            declared.field_by_name(field).map_or(Kind::Any, |id| of_type(&declared.field(id).ty))
        }
        _ => Kind::Any,
    };
    (kind, None)
}

fn of_type(ty: &FieldType) -> Kind {
    match ty {
        FieldType::Uuid | FieldType::Text(_) | FieldType::Enum(_) | FieldType::Decimal { .. } | FieldType::Date => {
            Kind::Text
        }
        FieldType::Integer | FieldType::Float => Kind::Number,
        FieldType::BigInt => Kind::BigInt,
        FieldType::Boolean => Kind::Bool,
        FieldType::DateTime => Kind::Date,
        FieldType::Bytes => Kind::Bytes,
        FieldType::Json => Kind::Json,
    }
}

fn describe(
    schema: &Schema,
    entity: EntityId,
    columns: &Columns,
    kinds: &[Kind],
    targets: &[Option<EntityId>],
) -> String {
    let mut text = String::from("{\"entity\":");
    json::write(&Value::from(schema.entity(entity).name.as_str()), &mut text);
    text.push_str(",\"names\":");
    json::write(&Value::List(columns.names.iter().map(|name| Value::from(name.as_ref())).collect()), &mut text);
    text.push_str(",\"kinds\":");
    json::write(&Value::List(kinds.iter().map(|kind| Value::Int(*kind as i64)).collect()), &mut text);
    text.push_str(",\"targets\":");
    let name = |target: &Option<EntityId>| target.map(|id| schema.entity(id).name.clone()).into();
    json::write(&Value::List(targets.iter().map(name).collect()), &mut text);
    // What a text is, for languages that tell a uuid from a date.
    text.push_str(",\"types\":");
    let declared = schema.entity(entity);
    let ty = |name: &Name| -> Value {
        let field = match name.split_once('.') {
            Some(("min" | "max", field)) => field,
            _ => name.as_ref(),
        };
        declared.field_by_name(field).map(|id| declared.field(id).ty.as_str()).into()
    };
    json::write(&Value::List(columns.names.iter().map(ty).collect()), &mut text);
    text.push('}');
    text
}
