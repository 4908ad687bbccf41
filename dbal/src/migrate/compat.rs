//! What a change of a schema means to those who use the old one: which version it needs, by the rules of
//! `api/versioning/compat.md`.

use crate::schema::{
    AclGrant, Bound, DefaultValue, Entity, EnumType, Field, FieldType, Index, OperationDecl, Schema, Verb,
};

/// Which part of a version has to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No request changes its answer.
    Patch,
    /// Whoever uses the old schema finds all of it.
    Minor,
    /// Somebody who uses the old schema, or the rows that are stored, may break.
    Major,
}

impl Level {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Patch => "patch",
            Level::Minor => "minor",
            Level::Major => "major",
        }
    }
}

/// One difference that somebody may notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which version it needs.
    pub level: Level,
    /// What it is about: `User`, `User.email`, `User.list`.
    pub about: String,
    /// What is other, and why that matters.
    pub message: String,
}

/// Everything that is other in the new schema, in the order of the old one.
///
/// ```
/// use dbal::migrate::compat::{Level, compare};
/// use dbal::schema::load_sources;
///
/// let load = |fields: &str| {
///     let text = format!("entity: Note\nfields:\n  id: {{ type: integer, primary: true }}\n{fields}");
///     load_sources(vec![("note.yaml".into(), text)]).map(|loaded| loaded.schema)
/// };
/// let found = compare(&load("  text: { type: string }\n")?, &load("  text: { type: string, required: true }\n")?);
/// assert_eq!(found[0].level, Level::Major);
/// assert_eq!(found[0].about, "Note.text");
/// # Ok::<(), dbal::yaml::Faults>(())
/// ```
pub fn compare(old: &Schema, new: &Schema) -> Vec<Difference> {
    let mut found = Found(Vec::new());
    for (_, before) in old.entities() {
        match new.by_name(&before.name) {
            Some(id) => of_entity(old, before, new, new.entity(id), &mut found),
            None => {
                let successor = new.entities().find(|(_, entity)| entity.renamed_from.as_ref() == Some(&before.name));
                let what =
                    successor.map_or("is gone".to_owned(), |(_, entity)| format!("is called {} now", entity.name));
                found.add(Level::Major, &before.name, what);
            }
        }
    }
    for (_, entity) in new.entities().filter(|(_, entity)| old.by_name(&entity.name).is_none()) {
        found.add(Level::Minor, &entity.name, "is new");
    }
    found.0
}

struct Found(Vec<Difference>);

impl Found {
    fn add(&mut self, level: Level, about: &str, message: impl Into<String>) {
        self.0.push(Difference { level, about: about.to_owned(), message: message.into() });
    }

    /// Major in one direction, minor in the other.
    fn either(&mut self, major: bool, about: &str, message: impl Into<String>) {
        self.add(if major { Level::Major } else { Level::Minor }, about, message);
    }
}

fn of_entity(old: &Schema, before: &Entity, new: &Schema, after: &Entity, found: &mut Found) {
    let name = &after.name;
    if before.plural != after.plural {
        found.add(Level::Major, name, format!("its handle {} is {} now", before.plural, after.plural));
    }
    if before.table != after.table {
        found.add(Level::Major, name, format!("its table {} is {} now", before.table, after.table));
    }
    let key = |entity: &Entity| entity.field(entity.key).name.clone();
    if key(before) != key(after) {
        found.add(Level::Major, name, format!("its key is {} and no longer {}", key(after), key(before)));
    }
    for field in &before.fields {
        let about = format!("{name}.{}", field.name);
        match after.fields.iter().find(|other| other.name == field.name) {
            Some(other) => of_field(old, field, new, other, &about, found),
            None => {
                let successor = after.fields.iter().find(|other| other.renamed_from.as_ref() == Some(&field.name));
                let what = successor.map_or("is gone".to_owned(), |other| format!("is called {} now", other.name));
                found.add(Level::Major, &about, what);
            }
        }
    }
    for field in after.fields.iter().filter(|field| before.field_by_name(&field.name).is_none()) {
        let about = format!("{name}.{}", field.name);
        match field.required {
            true => found.add(Level::Major, &about, "is new and has to be given: who writes without it fails"),
            false => found.add(Level::Minor, &about, "is new"),
        }
    }
    indexes(before, after, found);
    for verb in Verb::ALL {
        let (had, has) = (before.acl.grants(verb), after.acl.grants(verb));
        if had != has {
            let less = has.iter().all(|grant| had.iter().any(|other| covers(other, grant)));
            let message = if less { "somebody may do less" } else { "somebody may do more" };
            found.either(!less, &format!("{name} acl.{}", verb.as_str()), message);
        }
    }
    if before.ttl != after.ttl {
        found.either(after.ttl.is_some(), name, "its rows expire otherwise");
    }
    for operation in &before.operations {
        let about = format!("{name}.{}()", operation.name);
        match after.operation(&operation.name) {
            Some(other) => of_operation(operation, other, &about, found),
            None => found.add(Level::Major, &about, "is gone"),
        }
    }
    for operation in after.operations.iter().filter(|one| before.operation(&one.name).is_none()) {
        found.add(Level::Minor, &format!("{name}.{}()", operation.name), "is new");
    }
}

fn of_field(old: &Schema, before: &Field, new: &Schema, after: &Field, about: &str, found: &mut Found) {
    if before.ty != after.ty {
        of_type(&before.ty, &after.ty, about, found);
    }
    if before.column != after.column {
        found.add(Level::Major, about, format!("its column {} is {} now", before.column, after.column));
    }
    match (before.nullable, after.nullable) {
        (true, false) => found.add(Level::Major, about, "allows null no longer: stored rows may not fit"),
        (false, true) => found.add(Level::Major, about, "may be null: readers meet null where there was none"),
        _ => {}
    }
    if before.required != after.required && before.nullable == after.nullable {
        found.either(after.required, about, if after.required { "has to be given" } else { "need not be given" });
    }
    limits(before, after, about, found);
    for (name, had, has) in [("sensitive", before.sensitive, after.sensitive)] {
        if had != has {
            found.either(had, about, format!("is {}{name}", if has { "" } else { "no longer " }));
        }
    }
    if before.stored_as != after.stored_as {
        let message = "is hashed otherwise: stored values have to be hashed, or can no longer be compared";
        found.either(before.stored_as.is_some(), about, message);
    }
    if before.unique != after.unique {
        let message = if after.unique { "is unique: stored rows may collide" } else { "is unique no longer" };
        found.either(after.unique, about, message);
    }
    for (what, had, has) in
        [("immutable", before.immutable, after.immutable), ("a version", before.version, after.version)]
    {
        if had != has {
            found.either(has, about, format!("is {what}{}", if has { "" } else { " no longer" }));
        }
    }
    let target = |schema: &Schema, field: &Field| {
        field.foreign_key.map(|key| {
            let target = schema.entity(key.entity);
            (target.name.clone(), target.field(key.field).name.clone(), key.on_delete, key.on_update)
        })
    };
    match (target(old, before), target(new, after)) {
        (had, has) if had == has => {}
        (_, None) => found.add(Level::Minor, about, "points nowhere"),
        (_, Some((entity, field, ..))) => {
            found.add(Level::Major, about, format!("points to {entity}.{field} otherwise than before"));
        }
    }
    if before.default != after.default || before.generated != after.generated {
        let constant = |field: &Field| matches!(field.default, Some(DefaultValue::Value(_)));
        let what =
            if constant(before) || constant(after) { "its default is another" } else { "is generated otherwise" };
        found.add(Level::Minor, about, what);
    }
    for (what, had, has) in
        [("read", &before.acl.read, &after.acl.read), ("written", &before.acl.write, &after.acl.write)]
    {
        let less = match (had, has) {
            (had, has) if had == has => continue,
            (None, Some(_)) => true,
            (Some(had), Some(has)) => has.iter().all(|role| had.contains(role)),
            (_, None) => false,
        };
        found.either(!less, about, format!("is {what} by {} roles", if less { "fewer" } else { "other" }));
    }
    if before.acl.check != after.acl.check {
        found.either(before.acl.check.is_some(), about, "is checked otherwise when it is written");
    }
}

fn of_type(before: &FieldType, after: &FieldType, about: &str, found: &mut Found) {
    match (before, after) {
        (FieldType::Enum(had), FieldType::Enum(has)) => words(had, has, about, found),
        (FieldType::Decimal { precision: had, scale: old }, FieldType::Decimal { precision: has, scale: new })
            if old == new =>
        {
            let wider = has.is_none_or(|has| had.is_some_and(|had| had <= has));
            found.either(!wider, about, format!("has {} digits", if wider { "more" } else { "fewer" }));
        }
        (before, after) => {
            let message = match before.as_str() == after.as_str() {
                true => format!("is {} of another form", after.as_str()),
                false => format!("is {} and no longer {}", after.as_str(), before.as_str()),
            };
            found.add(Level::Major, about, message);
        }
    }
}

fn words(had: &EnumType, has: &EnumType, about: &str, found: &mut Found) {
    for word in had.values.iter().filter(|word| !has.values.contains(word)) {
        found.add(Level::Major, about, format!("the word {word} is gone"));
    }
    if had.ordered != has.ordered {
        found.add(Level::Major, about, "its words are compared otherwise");
    }
    let new: Vec<&str> = has.values.iter().filter(|word| !had.values.contains(word)).map(String::as_str).collect();
    let kept: Vec<&String> = has.values.iter().filter(|word| had.values.contains(word)).collect();
    let at_the_end = has.values.starts_with(&had.values);
    if !new.is_empty() {
        let inside = has.ordered && !at_the_end;
        let place = if inside { ", not at the end: what is less and what is more changes" } else { "" };
        found.either(inside, about, format!("new words: {}{place}", new.join(", ")));
    }
    if !kept.iter().copied().eq(had.values.iter().filter(|word| has.values.contains(word))) {
        found.either(has.ordered, about, "its words are in another order");
    }
}

fn limits(before: &Field, after: &Field, about: &str, found: &mut Found) {
    let length = |limit: Option<u32>| limit.map(|limit| Bound::Int(limit.into()));
    let limits = [
        ("shortest length", false, length(before.min_length), length(after.min_length)),
        ("greatest length", true, length(before.max_length), length(after.max_length)),
        ("least value", false, before.min.clone(), after.min.clone()),
        ("greatest value", true, before.max.clone(), after.max.clone()),
    ];
    for (what, most, had, has) in limits {
        if had == has {
            continue;
        }
        let wider = match (&had, &has) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(had), Some(has)) => {
                if most {
                    number(had) <= number(has)
                } else {
                    number(had) >= number(has)
                }
            }
        };
        let message = format!("its {what} is {}", if wider { "wider" } else { "tighter: stored rows may not fit" });
        found.either(!wider, about, message);
    }
    let pattern = |field: &Field| field.pattern.as_ref().map(|pattern| pattern.as_str().to_owned());
    if pattern(before) != pattern(after) {
        found.either(after.pattern.is_some(), about, "its pattern is another");
    }
}

/// For comparing bounds of one field with each other; both were read as the same type.
fn number(bound: &Bound) -> f64 {
    match bound {
        Bound::Int(number) => *number as f64,
        Bound::Float(number) => *number,
        Bound::Decimal(number) => number.to_string().parse().unwrap_or(f64::NAN),
    }
}

fn indexes(before: &Entity, after: &Entity, found: &mut Found) {
    let fields = |entity: &Entity, index: &Index| -> Vec<String> {
        index.fields.iter().map(|field| entity.field(*field).name.clone()).collect()
    };
    let text = |index: &Index| index.filter.as_ref().map(|filter| filter.text.clone());
    // Of one field, it is said of the field; of some rows only, nothing is said of the field.
    let together = |index: &Index| index.unique && (index.fields.len() > 1 || index.filter.is_some());
    let same = |entity: &Entity, index: &Index, other: &Entity| {
        let has = |one: &&Index| {
            fields(other, one) == fields(entity, index) && one.unique == index.unique && text(one) == text(index)
        };
        other.indexes.iter().any(|one| has(&one))
    };
    for index in after.indexes.iter().filter(|index| !same(after, index, before)) {
        let names = fields(after, index).join(", ");
        if together(index) {
            found.add(Level::Major, &after.name, format!("{names} are unique together: stored rows may collide"));
        } else if !index.unique {
            found.add(Level::Patch, &after.name, format!("an index over {names}"));
        }
    }
    for index in before.indexes.iter().filter(|index| !same(before, index, after)) {
        let names = fields(before, index).join(", ");
        if together(index) {
            found.add(Level::Minor, &after.name, format!("{names} are unique together no longer"));
        } else if !index.unique {
            found.add(Level::Patch, &after.name, format!("no index over {names}"));
        }
    }
}

/// Whether whoever gets the one gets no more than by the other.
fn covers(other: &AclGrant, grant: &AclGrant) -> bool {
    match (other, grant) {
        (_, AclGrant::System) => true,
        (AclGrant::Public { row_level: None }, _) => true,
        (AclGrant::Roles { roles: had, row_level: wider }, AclGrant::Roles { roles: has, row_level: narrower }) => {
            has.iter().all(|role| had.contains(role)) && (wider.is_none() || wider == narrower)
        }
        (AclGrant::Own { row_level: None }, AclGrant::Own { .. }) => true,
        (other, grant) => other == grant,
    }
}

fn of_operation(before: &OperationDecl, after: &OperationDecl, about: &str, found: &mut Found) {
    for input in after.required.iter().filter(|input| !before.required.contains(input)) {
        found.add(Level::Major, about, format!("{input} has to be given"));
    }
    for input in after.optional.iter().filter(|input| !before.takes(input)) {
        found.add(Level::Minor, about, format!("takes {input}"));
    }
    for input in before.inputs().filter(|input| !after.takes(input)) {
        found.add(Level::Major, about, format!("takes {input} no longer"));
    }
    if before.output != after.output {
        found.add(Level::Major, about, "answers with something else");
    }
    let narrower = |had: Option<u32>, has: Option<u32>| match (had, has) {
        (had, Some(has)) => had.is_none_or(|had| has < had),
        (_, None) => false,
    };
    if before.max_limit != after.max_limit {
        let less = narrower(before.max_limit, after.max_limit);
        found.either(less, about, format!("gives {} rows at most", if less { "fewer" } else { "more" }));
    }
    if before.rate_limit != after.rate_limit {
        let less = match (&before.rate_limit, &after.rate_limit) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(had), Some(has)) => {
                let rate = |one: &crate::schema::RateLimit| f64::from(one.max_attempts) / f64::from(one.window_seconds);
                rate(has) < rate(had) || had.per != has.per
            }
        };
        found.either(less, about, format!("may be called {} often", if less { "less" } else { "more" }));
    }
    let callers = |one: &OperationDecl| (one.public, one.system_only, one.acl_required.clone(), one.runs_as_system);
    if callers(before) != callers(after) {
        let less = (before.public && !after.public) || (!before.system_only && after.system_only);
        found.either(!less || after.runs_as_system, about, "is for other callers");
    }
}
