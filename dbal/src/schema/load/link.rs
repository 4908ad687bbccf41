//! Relations: explicit ones, and those that foreign keys imply.
//!
//! A foreign key of `Comment` to `Post` gives both ends a relation, unless an explicit one already follows the key in
//! that direction:
//!
//! - The holder gets a belongs_to. It is called like the field without `_id` or `Id` (`author_id`: `author`); a field
//!   that has no such ending keeps its name and adds the target (`created_by`: `created_by_user`, `createdBy`:
//!   `createdByUser`).
//! - The target gets a has_many called like the plural of the holder (`comments`), or a has_one called like the holder
//!   (`profile`) where the field is unique or the key. Where the holder points to the target with several fields, each
//!   name says which: `posts_by_author`, `posts_by_editor`.
//! - An entity that points to itself with `parent_id` gets `parent` and `children`.
//!
//! A name that a field or another relation has taken gives way: the holder's to the field with the target
//! (`author_user`), the target's to the one that says which field (`comments_by_author`). Where that is taken as well,
//! nothing is derived, and a warning says so.

use super::declare::RelationDecl;
use super::names::{joined, snake_case, without_id};
use super::resolve::{Derived, Names, same_type};
use crate::schema::{EntityId, FieldId, ForeignKey, Relation, RelationKind, Through};
use crate::yaml::Severity;

/// The relations of every entity, in the order of entities, and what was derived.
pub(super) fn relations(names: &Names<'_>) -> (Vec<Vec<Relation>>, Vec<Derived>) {
    let mut links = Links { names, relations: vec![Vec::new(); names.entities.len()], derived: Vec::new() };
    for entity in 0..names.entities.len() {
        for decl in names.entities[entity].relations.iter().filter(|decl| decl.name.is_some()) {
            links.explicit(entity, decl);
        }
    }
    for entity in 0..names.entities.len() {
        for decl in names.entities[entity].relations.iter().filter(|decl| decl.name.is_none()) {
            links.explicit(entity, decl);
        }
    }
    for entity in 0..names.entities.len() {
        links.derive(entity);
    }
    (links.relations, links.derived)
}

struct Links<'n> {
    names: &'n Names<'n>,
    relations: Vec<Vec<Relation>>,
    derived: Vec<Derived>,
}

/// Why a relation cannot be: in words, or nothing where something else has been reported.
type Cannot = Option<String>;

/// Where a relation meets: local field, remote field, and the entity in between.
type Ends = (FieldId, FieldId, Option<Through>);

impl Links<'_> {
    fn explicit(&mut self, entity: usize, decl: &RelationDecl) {
        let names = self.names;
        let Some(target) = names.entity(&decl.target.text) else {
            // A relation to what a package elsewhere may bring is left out; a slip of the pen is a fault.
            let near = names.nearest_entity(&decl.target.text);
            let severity = if near.is_none() || decl.loose { Severity::Warning } else { Severity::Error };
            let hint = near.map(|name| format!("; did you mean {name}?")).unwrap_or_default();
            if !names.incomplete {
                let message = format!("there is no entity {}{hint}", decl.target.text);
                self.fault(decl, severity, &message);
            }
            return;
        };
        let severity = if decl.loose { Severity::Warning } else { Severity::Error };
        let (kind, ends) = match self.ends(entity, target, decl) {
            Ok(ends) => ends,
            Err(None) => return,
            Err(Some(message)) => return self.fault(decl, severity, &message),
        };
        let (local, remote, through) = ends;
        if let Some(name) = &decl.name {
            let taken = self.taken(entity, &name.text);
            if let Some(taken) = taken {
                return self.fault(decl, severity, &format!("{taken} of that name exists already"));
            }
            let relation = Relation { name: name.text.clone(), kind, target: id(target), local, remote, through };
            self.relations[entity].push(relation);
            return;
        }
        let relation = Relation { name: String::new(), kind, target: id(target), local, remote, through };
        if self.follows(entity, &relation) {
            return;
        }
        let field = &names.field_of(entity, local).name;
        let candidates = match kind {
            RelationKind::BelongsTo => self.holder_names(entity, local, target),
            RelationKind::HasOne => vec![snake_case(&names.entities[target].name.text), joined(field, "one", field)],
            _ => vec![names.entities[target].plural.text.clone()],
        };
        match candidates.into_iter().find(|name| self.taken(entity, name).is_none()) {
            Some(name) => self.relations[entity].push(Relation { name, ..relation }),
            None => self.fault(decl, Severity::Warning, "no name is left for it; declare it under a name of its own"),
        }
    }

    fn fault(&self, decl: &RelationDecl, severity: Severity, message: &str) {
        let what = match &decl.name {
            Some(name) => format!("the relation {}", name.text),
            None => format!("a relation to {}", decl.target.text),
        };
        let consequence = if severity == Severity::Warning { "; the relation is left out" } else { "" };
        self.names.report.add(decl.place, severity, format!("{what}: {message}{consequence}"));
    }

    fn ends(&self, entity: usize, target: usize, decl: &RelationDecl) -> Result<(RelationKind, Ends), Cannot> {
        let names = self.names;
        let (entity_name, target_name) = (&names.entities[entity].name.text, &names.entities[target].name.text);
        let mut kind = decl.kind;
        // "One to one" does not say who holds the reference.
        if let (RelationKind::HasOne, true, Some(key)) = (kind, decl.loose, &decl.foreign_key)
            && names.field(target, &key.text).is_none()
            && names.field(entity, &key.text).is_some()
        {
            kind = RelationKind::BelongsTo;
        }
        let (holder, pointed) = match kind {
            RelationKind::ManyToMany => return Ok((kind, self.many_ends(entity, target, decl)?)),
            RelationKind::BelongsTo => (entity, target),
            RelationKind::HasOne | RelationKind::HasMany => (target, entity),
        };
        let key = match &decl.foreign_key {
            Some(name) => names.field_or_message(holder, &name.text)?,
            None => self.only_key(holder, pointed)?,
        };
        let referenced = match &decl.references {
            Some(name) => names.field_or_message(pointed, &name.text)?,
            None => match names.field_of(holder, key).foreign_key {
                Some(foreign) if foreign.entity == id(pointed) => foreign.field,
                _ => names.key(pointed).ok_or(None)?,
            },
        };
        let (key_field, referenced_field) = (names.field_of(holder, key), names.field_of(pointed, referenced));
        if !same_type(&key_field.ty, &referenced_field.ty) {
            let (a, b) = (key_field.ty.as_str(), referenced_field.ty.as_str());
            return Err(Some(format!("{} is {a}, but {} is {b}", key_field.name, referenced_field.name)));
        }
        if !referenced_field.primary && !referenced_field.unique {
            return Err(Some(format!("references: {} is neither the key nor unique", referenced_field.name)));
        }
        if kind == RelationKind::HasOne && !key_field.unique && !key_field.primary {
            let field = &key_field.name;
            return Err(Some(format!(
                "{entity_name} has one {target_name} only if {target_name}.{field} is unique; say has_many"
            )));
        }
        Ok(match kind {
            RelationKind::BelongsTo => (kind, (key, referenced, None)),
            _ => (kind, (referenced, key, None)),
        })
    }

    fn many_ends(&self, entity: usize, target: usize, decl: &RelationDecl) -> Result<Ends, Cannot> {
        let names = self.names;
        let through =
            decl.through.as_ref().ok_or_else(|| Some("many_to_many needs through, the entity in between".into()))?;
        let between = names.entity(&through.text).ok_or_else(|| {
            let hint = names.nearest_entity(&through.text).map(|name| format!("; did you mean {name}?"));
            let message = format!("through: there is no entity {}{}", through.text, hint.unwrap_or_default());
            (!names.incomplete).then_some(message)
        })?;
        let end = |given: &Option<super::declare::Spot>, pointed: usize| -> Result<(FieldId, FieldId), Cannot> {
            let field = match given {
                Some(name) => names.field_or_message(between, &name.text)?,
                None => self.only_key(between, pointed)?,
            };
            let referenced = match names.field_of(between, field).foreign_key {
                Some(foreign) if foreign.entity == id(pointed) => foreign.field,
                _ => names.key(pointed).ok_or(None)?,
            };
            let (a, b) = (names.field_of(between, field), names.field_of(pointed, referenced));
            if !same_type(&a.ty, &b.ty) {
                let (one, other) = (a.ty.as_str(), b.ty.as_str());
                return Err(Some(format!("{} is {one}, but {} is {other}", a.name, b.name)));
            }
            Ok((field, referenced))
        };
        if entity == target && (decl.foreign_key.is_none() || decl.other_key.is_none()) {
            return Err(Some("many_to_many of an entity with itself needs foreign_key and other_key".into()));
        }
        let (this, local) = end(&decl.foreign_key, entity)?;
        let (other, remote) = end(&decl.other_key, target)?;
        Ok((local, remote, Some(Through { entity: id(between), this, other })))
    }

    /// The one foreign key from an entity to another.
    fn only_key(&self, holder: usize, pointed: usize) -> Result<FieldId, Cannot> {
        let names = self.names;
        let (from, to) = (&names.entities[holder].name.text, &names.entities[pointed].name.text);
        match self.keys(holder, pointed)[..] {
            [only] => Ok(only),
            [] => Err(Some(format!("no field of {from} points to {to}; say foreign_key, a field of {from}"))),
            _ => Err(Some(format!("several fields of {from} point to {to}; say foreign_key, one of them"))),
        }
    }

    fn keys(&self, holder: usize, pointed: usize) -> Vec<FieldId> {
        let fields = self.names.entities[holder].fields.iter().enumerate();
        let pointing = fields.filter(|(_, decl)| decl.field.foreign_key.is_some_and(|key| key.entity == id(pointed)));
        pointing.map(|(at, _)| FieldId(at as u16)).collect()
    }

    /// What has this name in the entity already.
    fn taken(&self, entity: usize, name: &str) -> Option<&'static str> {
        if self.names.field(entity, name).is_some() {
            return Some("a field");
        }
        self.relations[entity].iter().any(|relation| relation.name == name).then_some("a relation")
    }

    /// Whether some relation of the entity already follows the same fields.
    fn follows(&self, entity: usize, new: &Relation) -> bool {
        self.relations[entity].iter().any(|old| {
            (old.target, old.local, old.remote, old.through) == (new.target, new.local, new.remote, new.through)
                // A key that points to itself could be followed either way.
                && (old.kind == RelationKind::BelongsTo) == (new.kind == RelationKind::BelongsTo)
        })
    }

    fn derive(&mut self, holder: usize) {
        for at in 0..self.names.entities[holder].fields.len() {
            let field = FieldId(at as u16);
            if let Some(key) = self.names.field_of(holder, field).foreign_key {
                self.derive_holder(holder, field, key);
                self.derive_target(holder, field, key);
            }
        }
    }

    fn holder_names(&self, holder: usize, field: FieldId, target: usize) -> Vec<String> {
        let name = &self.names.field_of(holder, field).name;
        let target = snake_case(&self.names.entities[target].name.text);
        match without_id(name) {
            Some(stem) => vec![stem.to_owned(), joined(stem, &target, name)],
            None => vec![joined(name, &target, name)],
        }
    }

    fn derive_holder(&mut self, holder: usize, field: FieldId, key: ForeignKey) {
        let target = usize::from(key.entity.0);
        let candidates = self.holder_names(holder, field, target);
        let relation = Relation {
            name: String::new(),
            kind: RelationKind::BelongsTo,
            target: key.entity,
            local: field,
            remote: key.field,
            through: None,
        };
        let (field, target) = (&self.names.field_of(holder, field).name, &self.names.entities[target].name.text);
        let why = format!("the {target} of {field}");
        self.push(holder, relation, candidates, &why, field);
    }

    fn derive_target(&mut self, holder: usize, field: FieldId, key: ForeignKey) {
        let names = self.names;
        let target = usize::from(key.entity.0);
        let decl = names.field_of(holder, field);
        let to_one = decl.unique || decl.primary;
        let (holder_name, plural) = (&names.entities[holder].name.text, &names.entities[holder].plural.text);
        let stem = without_id(&decl.name).unwrap_or(&decl.name);
        let plain = if to_one { snake_case(holder_name) } else { plural.clone() };
        let by_field = format!("{plain}_by_{}", snake_case(stem));
        let candidates = if holder == target && snake_case(stem) == "parent" {
            vec![if to_one { "child".into() } else { "children".into() }, by_field]
        } else if self.keys(holder, target).len() > 1 {
            vec![by_field]
        } else {
            vec![plain, by_field]
        };
        let kind = if to_one { RelationKind::HasOne } else { RelationKind::HasMany };
        let relation =
            Relation { name: String::new(), kind, target: id(holder), local: key.field, remote: field, through: None };
        let count = if to_one { "the one" } else { "every" };
        let why = format!("{count} {holder_name} whose {} points here", decl.name);
        self.push(target, relation, candidates, &why, &decl.name);
    }

    fn push(&mut self, entity: usize, relation: Relation, candidates: Vec<String>, why: &str, field: &str) {
        if self.follows(entity, &relation) {
            return;
        }
        let decl = &self.names.entities[entity];
        let Some(name) = candidates.iter().find(|name| self.taken(entity, name).is_none()) else {
            let all = candidates.join(" and ");
            let message = format!(
                "no relation of {} is derived for {field}, because {all} are taken; declare one under relations",
                decl.name.text
            );
            return self.names.report.warning(decl.name.place, message);
        };
        let what = format!("relation {name}: {why}");
        self.derived.push(Derived { entity: decl.name.text.clone(), what });
        self.relations[entity].push(Relation { name: name.clone(), ..relation });
    }
}

fn id(entity: usize) -> EntityId {
    // The loader refuses more entities than ids can count.
    EntityId(entity as u16)
}
