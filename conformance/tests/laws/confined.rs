//! Writes stay inside: whatever a caller asks, the database before and after differ only in rows that its rules let it
//! write, in fields that it named and may write, and in what cascades are declared to take along.

use dbal::schema::Verb;
use dbal::{Map, Operation, Principal, Request, Value};

use crate::ask::Ask;
use crate::dice::Dice;
use crate::model::Model;
use crate::open::{BACKENDS, ask, line, open, seeds, snapshot, told};
use crate::tenants::{self, KEYS, Rules, World};
use crate::worlds::{load, world};

/// One write and what it did.
struct Written<'t> {
    model: &'t Model,
    rules: &'t Rules,
    caller: &'t Principal,
    request: &'t Request,
    before: &'t World,
    after: &'t World,
}

impl Written<'_> {
    /// The first change that nothing allows.
    fn fault(&self) -> Option<String> {
        for (entity, declared) in self.model.entities.iter().enumerate() {
            let asked = *declared.name == *self.request.entity;
            let (before, after) = (&self.before.0[entity], &self.after.0[entity]);
            for (id, row) in before {
                let fault = match after.get(id) {
                    Some(new) if new == row => None,
                    Some(new) => self.changed(entity, asked, row, new),
                    None => self.removed(entity, asked, row),
                };
                if let Some(fault) = fault {
                    return Some(format!("{} {id}: {fault}", declared.name));
                }
            }
            for (id, row) in after.iter().filter(|(id, _)| !before.contains_key(id)) {
                if let Some(fault) = self.made(entity, asked, row) {
                    return Some(format!("{} {id}: {fault}", declared.name));
                }
            }
        }
        None
    }

    fn is(&self, operations: &[Operation]) -> bool {
        operations.contains(&self.request.operation)
    }

    fn allows(&self, world: &World, entity: usize, row: &Map, verb: Verb) -> bool {
        self.rules.allow(world, entity, row, verb, self.caller)
    }

    fn made(&self, entity: usize, asked: bool, row: &Map) -> Option<String> {
        if !asked || !self.is(&[Operation::Create, Operation::CreateMany, Operation::Upsert, Operation::UpsertMany]) {
            return Some("made by a request that makes none".into());
        }
        for field in self.model.entities[entity].fields.iter().filter(|field| field.locked && !field.version) {
            let value = row.get(&field.name).unwrap_or(&Value::Null);
            if !value.is_null() && field.default.is_none() {
                return Some(format!("made with {}, which its caller may not write", field.name));
            }
        }
        // Of several upserts a later one may have updated what an earlier one made.
        let updated = self.is(&[Operation::UpsertMany]) && self.allows(self.after, entity, row, Verb::Update);
        (!updated && !self.allows(self.after, entity, row, Verb::Create))
            .then(|| "made outside the caller's filter".into())
    }

    fn removed(&self, entity: usize, asked: bool, row: &Map) -> Option<String> {
        let fields = &self.model.entities[entity].fields;
        let cascades = fields.iter().any(|field| {
            let cascade = field.reference.as_ref().is_some_and(|reference| reference.on_delete == "cascade");
            let target = self.before.target(self.model, field, row);
            cascade
                && target.is_some_and(|target| self.is_gone(field.reference.as_ref().expect("cascades").entity, target))
        });
        if cascades {
            return None;
        }
        if !asked || !self.is(&[Operation::Delete, Operation::DeleteMany]) {
            return Some("removed by a request that removes none".into());
        }
        let named = self.request.args.get("id").and_then(Value::as_i64);
        if named.is_some_and(|id| row.get("id").and_then(Value::as_i64) != Some(id)) {
            return Some("removed instead of another".into());
        }
        (!self.allows(self.before, entity, row, Verb::Delete)).then(|| "removed outside the caller's filter".into())
    }

    fn is_gone(&self, entity: usize, row: &Map) -> bool {
        let id = row.get("id").and_then(Value::as_i64).expect("every row has its key");
        !self.after.0[entity].contains_key(&id)
    }

    fn changed(&self, entity: usize, asked: bool, old: &Map, new: &Map) -> Option<String> {
        const UPDATES: [Operation; 4] =
            [Operation::Update, Operation::UpdateMany, Operation::Upsert, Operation::UpsertMany];
        let updates = asked && self.is(&UPDATES);
        let patches = self.patches();
        let mut written = false;
        for field in
            self.model.entities[entity].fields.iter().filter(|field| old.get(&field.name) != new.get(&field.name))
        {
            if self.follows(field, old, new) {
                continue;
            }
            let named = patches.iter().any(|patch| patch.get(&field.name).is_some());
            if !updates || !(named || field.version) {
                return Some(format!("{} changed, which nobody named", field.name));
            }
            if !field.version && (field.locked || field.immutable) {
                return Some(format!("{} changed, which this caller may not write", field.name));
            }
            written = true;
        }
        if !written {
            return None;
        }
        let named = self.request.args.get("id").and_then(Value::as_i64);
        if named.is_some_and(|id| old.get("id").and_then(Value::as_i64) != Some(id)) {
            return Some("changed instead of another".into());
        }
        if !self.allows(self.before, entity, old, Verb::Update) {
            return Some("changed outside the caller's filter".into());
        }
        (!self.allows(self.after, entity, new, Verb::Update)).then(|| "moved out of the caller's filter".into())
    }

    /// What the request asks to change in rows that exist: of several upserts, what any of them asks.
    fn patches(&self) -> Vec<&Map> {
        let args = &self.request.args;
        let many = args.get("data").and_then(Value::as_list).unwrap_or_default();
        let patches: Vec<Option<&Value>> = match self.request.operation {
            Operation::Upsert => vec![args.get("update")],
            Operation::UpsertMany => many.iter().map(|row| row.as_map()?.get("update")).collect(),
            _ => vec![args.get("data")],
        };
        patches.into_iter().flatten().filter_map(Value::as_map).collect()
    }

    /// Whether a reference changed because the row that it led to went away, or changed what others refer to it by.
    fn follows(&self, field: &crate::model::Field, old: &Map, new: &Map) -> bool {
        let (Some(reference), Some(target)) = (&field.reference, self.before.target(self.model, field, old)) else {
            return false;
        };
        let now = new.get(&field.name).unwrap_or(&Value::Null);
        let id = target.get("id").and_then(Value::as_i64).expect("every row has its key");
        match self.after.0[reference.entity].get(&id) {
            None => reference.on_delete == "set_null" && now.is_null(),
            Some(target) => {
                let name = &self.model.entities[reference.entity].fields[reference.field].name;
                reference.on_update == "cascade" && target.get(name) == Some(now)
            }
        }
    }
}

#[test]
fn nothing_outside_a_callers_filter_changes() {
    let (mut asked, mut wrote) = (0, 0);
    seeds(30, |seed| {
        let mut dice = Dice::new(seed ^ 0xC0F1);
        let model = tenants::model(&mut dice);
        let rules = Rules::new(&model, &mut dice);
        let rows = world(&model, &mut dice).rows(&model);
        let about = Ask { model: &model, known: KEYS.to_vec(), fresh: vec![1, 103, 201, 202, 203, 204, 205, 206, 207] };
        let requests: Vec<(Principal, Request)> =
            (0..40).map(|_| (tenants::caller(&mut dice), about.write(&mut dice))).collect();
        let (schema, text) = (load(&model), rules.text(&model));
        for backend in BACKENDS {
            let database = open(backend, &schema, &text, &rows);
            let mut before = World::of(&snapshot(&database, &model));
            for (caller, request) in &requests {
                let answer = ask(&database.as_principal(caller.clone()), request);
                let after = World::of(&snapshot(&database, &model));
                asked += 1;
                wrote += usize::from(before.0 != after.0);
                let written = Written { model: &model, rules: &rules, caller, request, before: &before, after: &after };
                let fault = match &answer {
                    Err(_) if before.0 != after.0 => Some("a refused write left something behind".to_owned()),
                    _ => written.fault(),
                };
                if let Some(fault) = fault {
                    let request = line(request, Some(caller));
                    panic!(
                        "seed {seed}, {backend}: {request}\n{fault}\nanswer: {}\n{}\n{text}",
                        told(&answer),
                        model.schema()
                    );
                }
                before = after;
            }
        }
    });
    if asked > 1000 {
        assert!(wrote * 14 > asked, "only {wrote} of {asked} requests wrote something");
    }
}
