//! One entry of `fields`.

use std::sync::Arc;

use super::declare::{FieldDecl, RelationDecl, Spot};
use super::types::{self, Word};
use super::{names, reference, relation, rules};
use crate::schema::{
    Backfill, DefaultValue, EnumType, Field, FieldAcl, FieldType, Generator, Storage, StoredAs, TextKind, convert,
};
use crate::value::Value;
use crate::yaml::{Block, Entry, Place, Report};

/// Keys of other tools, and the key of the contract that each one is.
const SYNONYMS: &[(&str, &str)] = &[
    ("primary_key", "primary"),
    ("default_value", "default"),
    ("indexed", "index"),
    ("minimum", "min"),
    ("maximum", "max"),
    ("enum", "values"),
    ("auto_now", "auto_update"),
    ("auto_now_add", "generated"),
    ("auto_create", "generated"),
    ("auto_value", "generated"),
    ("auto_increment", "generated"),
    ("column_name", "column"),
];

/// What an entry of `fields` turns out to be.
pub(super) enum Declared {
    Field(Box<FieldDecl>),
    /// A field, and a relation that the entry documents.
    Both(Box<FieldDecl>, RelationDecl),
    Relation(RelationDecl),
}

/// Reads one field; none when it is too faulty to say what it is.
pub(super) fn read(report: &Report, entity: &str, entry: &Entry) -> Option<Declared> {
    let name = &entry.key;
    if let Some(fault) = names::fault(name) {
        report.error(entry.place, format!("{name} cannot be a field's name: {fault}"));
    }
    // `name: string` is short for `name: {type: string}`.
    if entry.value.as_str().is_some() {
        let typed = types::read(report, entry)?;
        let Word::Type(ty) = typed.word else {
            report.error(entry.value.place, "expected a type of the contract, or a mapping with its keys");
            return None;
        };
        return Some(Declared::Field(Box::new(FieldDecl {
            field: blank(name, ty),
            place: entry.place,
            foreign_key: None,
            bare: false,
        })));
    }
    let what = format!("the field {name} of {entity}");
    let mut block = report.lenient(&entry.value, what)?.synonyms(SYNONYMS);
    let written = match block.entry("type") {
        Some(ty) => types::read(report, ty),
        None => None,
    };
    let values = block.entry("values").map(|values| (types::values(report, values), values.place));
    let declared_type = written.is_some() || entry.value.entries().iter().any(|entry| entry.key == "type");
    let Some(written) = written.or_else(|| values.as_ref().map(|_| no_word())) else {
        if !declared_type {
            report.error(entry.place, format!("the field {name} has no type"));
        }
        // Its other keys were not looked at, so they are not reported as unknown either.
        let _ = block.rest();
        return None;
    };
    if matches!(written.word, Word::Relation) {
        return relation::of_field(entry, block).map(Declared::Relation);
    }
    let loose = block.block("relationship").and_then(|about| relation::beside_field(entry, about));
    let mut reader = Reader { report, entry, block };
    let decl = Box::new(reader.field(written, values));
    reader.block.finish();
    Some(match loose {
        Some(relation) => Declared::Both(decl, relation),
        None => Declared::Field(decl),
    })
}

/// What a field without a type but with values is.
fn no_word() -> types::Written {
    let ty = FieldType::Enum(Arc::new(EnumType { values: Vec::new(), ordered: false }));
    types::Written { word: Word::Type(ty), arguments: Vec::new(), nullable: false }
}

/// A field about which nothing but its type is known: optional and nullable.
pub(super) fn blank(name: &str, ty: FieldType) -> Field {
    Field {
        name: name.to_owned(),
        column: name.to_owned(),
        storage: None,
        renamed_from: None,
        backfill: None,
        ty,
        description: String::new(),
        primary: false,
        nullable: true,
        required: false,
        generated: None,
        default: None,
        unique: false,
        index: false,
        min_length: None,
        max_length: None,
        pattern: None,
        min: None,
        max: None,
        immutable: false,
        auto_update: false,
        version: false,
        sensitive: false,
        stored_as: None,
        deprecated: false,
        foreign_key: None,
        acl: FieldAcl::default(),
    }
}

struct Reader<'n> {
    report: &'n Report,
    entry: &'n Entry,
    block: Block<'n>,
}

impl<'n> Reader<'n> {
    fn field(&mut self, written: types::Written, values: Option<(Vec<String>, Place)>) -> FieldDecl {
        let may_be_null = written.nullable;
        let ty = self.field_type(written, values);
        let mut field = blank(&self.entry.key, ty);
        if let Some(column) = self.block.entry("column") {
            match column.value.as_str() {
                Some(name) if names::fault_in_database(name).is_none() => field.column = name.to_owned(),
                Some(name) => {
                    let fault = names::fault_in_database(name).unwrap_or_default();
                    self.error(column.value.place, format!("column: {fault}"));
                }
                None => self.block.wrong(column, "a column's name"),
            }
        }
        self.storage(&mut field);
        field.renamed_from = names::renamed_from(&mut self.block);
        // For people and for the tools of other formats.
        self.block.accept(&["label", "title", "display_name", "example", "examples", "comment"]);
        field.description = self.block.written("description").unwrap_or_default().to_owned();
        field.primary = self.flag("primary");
        field.unique = self.flag("unique");
        let index = self.block.boolean("index");
        field.index = index == Some(true);
        field.immutable = self.flag("immutable");
        field.version = self.flag("version");
        field.sensitive = self.flag("sensitive");
        field.deprecated = match self.block.entry("deprecated") {
            Some(entry) => entry.value.as_bool().unwrap_or(entry.value.as_str().is_some()),
            None => false,
        };
        field.auto_update = self.flag("auto_update");
        self.when_set(&mut field);
        let stored_as = [("sha256", StoredAs::Sha256), ("argon2id", StoredAs::Argon2id)];
        field.stored_as = self.block.word("stored_as", &stored_as);
        self.generated(&mut field);
        self.presence(&mut field, may_be_null);
        rules::read(self.report, &mut self.block, &mut field);
        rules::narrow(&mut field);
        self.acl(&mut field);
        let foreign_key = reference::read(self.report, self.entry, &mut self.block);
        self.default(&mut field);
        self.backfill(&mut field);
        rules::agree(self.report, self.entry, &field);
        FieldDecl { field, place: self.entry.place, foreign_key, bare: index == Some(false) }
    }

    fn flag(&mut self, name: &'static str) -> bool {
        self.block.boolean(name).unwrap_or(false)
    }

    fn error(&self, place: Place, message: impl Into<String>) {
        self.report.error(place, message);
    }

    fn field_type(&mut self, written: types::Written, values: Option<(Vec<String>, Place)>) -> FieldType {
        let place = self.entry.place;
        let ordered = self.block.boolean("ordered");
        let precision = self.block.integer("precision", 1, 34).and_then(|digits| u32::try_from(digits).ok());
        let scale = self.block.integer("scale", 0, 34).and_then(|digits| u32::try_from(digits).ok());
        let integers = self.block.written("db_type").is_some_and(|ty| ty.to_lowercase().contains("int"));
        let ty = match written.word {
            Word::Type(ty) => ty,
            Word::TextId | Word::Relation => FieldType::Text(TextKind::String),
            Word::Number if integers => FieldType::BigInt,
            Word::Number => FieldType::Float,
        };
        let digits = |at: usize| written.arguments.get(at).and_then(|text| text.parse::<u32>().ok());
        let is_enum = matches!(ty, FieldType::Enum(_));
        let ty = match ty {
            FieldType::Decimal { .. } => {
                let (precision, scale) = (precision.or(digits(0)), scale.or(digits(1)));
                if let (Some(precision), Some(scale)) = (precision, scale)
                    && scale > precision
                {
                    self.error(place, format!("scale {scale} is greater than precision {precision}"));
                }
                if precision.is_some_and(|n| n == 0 || n > 34) || scale.is_some_and(|n| n > 34) {
                    self.error(place, "a decimal has 1 to 34 digits");
                }
                return FieldType::Decimal { precision, scale };
            }
            // Other tools declare an enum as a string with a list of values.
            FieldType::Enum(_) | FieldType::Text(_) if values.is_some() || is_enum => {
                if values.is_none() && written.arguments.is_empty() {
                    self.error(place, format!("the enum {} has no values", self.entry.key));
                }
                let words = values.map_or(written.arguments, |(words, _)| words);
                return FieldType::Enum(Arc::new(EnumType { values: words, ordered: ordered == Some(true) }));
            }
            ty => ty,
        };
        if let Some((_, place)) = values {
            let message = format!("values are for an enum; {} is of type {}", self.entry.key, ty.as_str());
            self.report.warning(place, format!("{message}, so any value of it is accepted"));
        }
        if ordered.is_some() {
            self.error(place, format!("ordered is for an enum; {} is of type {}", self.entry.key, ty.as_str()));
        }
        if precision.is_some() || scale.is_some() {
            self.report.warning(place, format!("precision and scale mean nothing for type {}", ty.as_str()));
        }
        ty
    }

    /// `storage: iso`: how a column that others made holds the values.
    fn storage(&mut self, field: &mut Field) {
        let Some(entry) = self.block.entry("storage") else { return };
        let place = entry.value.place;
        let expected = || match Storage::words(&field.ty).join(", ") {
            none if none.is_empty() => format!("type {} has one storage only", field.ty.as_str()),
            words => format!("type {} has {words}", field.ty.as_str()),
        };
        let Some(word) = entry.value.as_str() else { return self.block.wrong(entry, "the word of a storage") };
        match Storage::parse(word) {
            None => self.error(place, format!("storage: there is no storage {word}; {}", expected())),
            Some(storage) if storage.of(&field.ty).is_empty() => {
                self.error(place, format!("storage: {word} is no storage of {}; {}", field.name, expected()));
            }
            Some(storage) => field.storage = Some(storage),
        }
    }

    /// `autoSet: creation | update` and `onUpdate: now`, as other tools say when a time is set.
    fn when_set(&mut self, field: &mut Field) {
        let set = [("creation", false), ("create", false), ("update", true), ("true", is_time_of_change(&field.name))];
        match self.block.word("auto_set", &set) {
            Some(true) => field.auto_update = true,
            Some(false) => field.generated = Some(Generator::Now),
            None => {}
        }
        if self.block.word("on_update", &[("now", true)]).is_some() {
            field.auto_update = true;
        }
    }

    fn generated(&mut self, field: &mut Field) {
        let Some(entry) = self.block.entry("generated") else {
            return;
        };
        const WORDS: [(&str, Generator); 5] = [
            ("uuid", Generator::Uuid),
            ("cuid", Generator::Cuid),
            ("sequence", Generator::Sequence),
            ("now", Generator::Now),
            ("token", Generator::Token),
        ];
        let timestamp = is_timestamp(&field.name) && !field.primary;
        let generator = match entry.value.as_bool() {
            Some(false) => return,
            Some(true) => match &field.ty {
                FieldType::Uuid => Some(Generator::Uuid),
                FieldType::BigInt if timestamp => {
                    // The one form in the wild of a time of change without `auto_update`.
                    field.auto_update |= is_time_of_change(&field.name);
                    Some(Generator::Now)
                }
                FieldType::Integer | FieldType::BigInt => Some(Generator::Sequence),
                FieldType::DateTime | FieldType::Date => Some(Generator::Now),
                FieldType::Text(_) => Some(Generator::Cuid),
                _ => None,
            },
            None => match self.block.word("generated", &WORDS) {
                Some(generator) => Some(generator),
                None => return,
            },
        };
        let fits = |generator| match (generator, &field.ty) {
            (Generator::Uuid, FieldType::Uuid | FieldType::Text(_)) => true,
            (Generator::Cuid | Generator::Token, FieldType::Text(_)) => true,
            (Generator::Sequence, FieldType::Integer | FieldType::BigInt) => true,
            (Generator::Now, FieldType::DateTime | FieldType::Date | FieldType::BigInt) => true,
            // A number of milliseconds, where the declaration says no more than `number`.
            (Generator::Now, FieldType::Float) => true,
            _ => false,
        };
        field.generated = generator.filter(|generator| fits(*generator));
        if field.generated.is_none() {
            let value = entry.value.written().unwrap_or_default();
            let message = format!("{}: {value} makes no value of type {}", entry.key, field.ty.as_str());
            self.error(entry.value.place, message);
        }
    }

    /// Whether a value must be given, and whether it may be null.
    fn presence(&mut self, field: &mut Field, may_be_null: bool) {
        let required = self.block.boolean("required");
        let optional = self.block.entry("optional").map(|entry| (entry.value.as_bool(), entry.place));
        let nullable = self.block.entry("nullable").map(|entry| (entry.value.as_bool(), entry.place));
        for (word, given) in [("optional", optional), ("nullable", nullable)] {
            if let Some((None, place)) = given {
                self.error(place, format!("{word}: expected true or false"));
            }
        }
        let is_optional = optional.and_then(|(given, _)| given);
        let is_nullable = nullable.and_then(|(given, _)| given);
        if let (Some(true), Some((Some(true), place))) = (required, optional) {
            self.report.warning(place, "both required and optional; optional holds");
        }
        let required = match (is_optional, required) {
            (Some(optional), _) => !optional,
            (None, Some(required)) => required,
            // `nullable: false` says as much.
            (None, None) => field.primary || is_nullable == Some(false),
        };
        field.nullable = is_nullable.unwrap_or(!required || may_be_null) && !field.version;
        if field.primary {
            if is_nullable == Some(true) || is_optional == Some(true) || may_be_null {
                self.error(self.entry.place, format!("the key {} cannot be null", field.name));
            }
            field.nullable = false;
        }
        let filled = field.generated.is_some() || field.auto_update || field.version;
        field.required = (required || field.primary) && !filled;
    }

    fn default(&mut self, field: &mut Field) {
        let Some(entry) = self.block.entry_or_null("default") else {
            return;
        };
        let node = &entry.value;
        if node.is_null() {
            if !field.nullable {
                self.error(node.place, format!("default: null, but {} cannot be null", field.name));
            }
            return;
        }
        if matches!(&field.ty, FieldType::Enum(words) if words.values.is_empty()) {
            return; // Its values have been reported; no word could be right.
        }
        // A word of the contract, `now` or `uuid`; or the call that other tools write for one.
        let call = types::generator_call(node);
        let is_time = matches!(field.ty, FieldType::DateTime | FieldType::Date | FieldType::BigInt | FieldType::Float);
        let is_id = field.ty == FieldType::Uuid || (matches!(field.ty, FieldType::Text(_)) && field.primary);
        match call.or(node.as_str()) {
            Some("now") if is_time => field.default = Some(DefaultValue::Now),
            Some("uuid") if is_id || call.is_some() => field.default = Some(DefaultValue::Uuid),
            Some("cuid") if call.is_some() && matches!(field.ty, FieldType::Text(_)) => {
                field.generated = field.generated.or(Some(Generator::Cuid));
            }
            Some("sequence") if call.is_some() && matches!(field.ty, FieldType::Integer | FieldType::BigInt) => {
                field.generated = field.generated.or(Some(Generator::Sequence));
            }
            _ => match convert::convert(&field.ty, &rules::value_for(&field.ty, node)) {
                Err(fault) => return self.error(node.place, format!("default: {fault}")),
                Ok(value) => {
                    // The hash is what is stored; the rules are for what is given.
                    if let Err(fault) = convert::check_rules(field, &value) {
                        self.error(node.place, format!("default: {fault}"));
                    }
                    field.default = Some(DefaultValue::Value(value));
                }
            },
        }
        field.required = false;
    }

    /// `backfill: 0`, or `backfill: { from: other_field }`.
    fn backfill(&mut self, field: &mut Field) {
        let Some(entry) = self.block.entry("backfill") else { return };
        if field.ty != FieldType::Json
            && let Some([from]) = entry.value.as_map()
            && from.key == "from"
        {
            match from.value.as_str() {
                Some(other) => field.backfill = Some(Backfill::From(other.to_owned())),
                None => self.error(from.value.place, "backfill: from: expected the name of a field"),
            }
            return;
        }
        match convert::convert(&field.ty, &rules::value_for(&field.ty, &entry.value)) {
            Err(fault) => self.error(entry.value.place, format!("backfill: {fault}")),
            Ok(Value::Null) => self.error(entry.value.place, "backfill: null is what rows have without it"),
            Ok(value) => match convert::check_rules(field, &value) {
                Err(fault) => self.error(entry.value.place, format!("backfill: {fault}")),
                Ok(()) if field.stored_as.is_some() => {
                    self.error(entry.value.place, "backfill: a value that is stored as a hash is nobody's secret");
                }
                Ok(()) => field.backfill = Some(Backfill::Value(value)),
            },
        }
    }

    fn acl(&mut self, field: &mut Field) {
        let Some(entry) = self.block.entry("acl") else {
            return;
        };
        let what = format!("acl of the field {}", field.name);
        let Some(mut block) = self.report.strict(&entry.value, what) else {
            // Whatever was meant, nobody gets it.
            field.acl = FieldAcl { read: Some(Vec::new()), write: Some(Vec::new()), check: None };
            return;
        };
        field.acl.read = block.texts("read");
        field.acl.write = block.texts("write");
        field.acl.check = block.text("check").map(str::to_owned);
        block.finish();
    }
}

/// A text with its place; anything else is reported.
pub(super) fn spot(block: &Block<'_>, entry: &Entry) -> Option<Spot> {
    let text = entry.value.as_str();
    if text.is_none() {
        block.wrong(entry, "a name");
    }
    text.map(|text| Spot::new(text, entry.value.place))
}

/// Whether a field is named like an instant: `created_at`, `lastSyncAt`, `timestamp`.
fn is_timestamp(name: &str) -> bool {
    let snake = names::snake_case(name);
    snake.ends_with("_at") || ["timestamp", "created", "updated", "modified"].contains(&snake.as_str())
}

fn is_time_of_change(name: &str) -> bool {
    ["updated_at", "updated", "modified_at", "modified", "last_updated_at"].contains(&names::snake_case(name).as_str())
}
