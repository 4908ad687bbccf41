//! Two worlds: databases that differ only in what a caller may not see give that caller the same answers, whatever it
//! asks, faults and their words included.
//!
//! The known exceptions, at which a sequence of requests ends:
//!
//! - a write that a unique key or a foreign key of a hidden row refuses (CONFLICT `unique`, `foreign_key`);
//! - gaps in generated sequences, and what cascades take along: no entity here has a sequence, and rules do not look at
//!   what a cascade changes.

use std::sync::Arc;

use dbal::schema::load_sources;
use dbal::{Operation, Principal, Reason, Request, Schema, Value};

use crate::ask::Ask;
use crate::dice::Dice;
use crate::model::Model;
use crate::open::{Answer, BACKENDS, ask, ask_together, line, open, seeds, streamed, told};
use crate::tenants::{self, KEYS, Rules, World, settle};

/// Two worlds that look the same to a caller.
pub struct Twins {
    pub left: World,
    pub right: World,
}

impl Twins {
    pub fn new(model: &Model, rules: &Rules, caller: &Principal, dice: &mut Dice) -> Twins {
        let left = world(model, dice);
        let right = twin(model, rules, caller, &left, dice);
        Twins { left, right }
    }
}

/// A world of any rows.
pub fn world(model: &Model, dice: &mut Dice) -> World {
    let mut world = World::new(model);
    for entity in 0..model.entities.len() {
        for id in KEYS {
            let mut row = tenants::row(model, entity, id, dice);
            if dice.percent(75) && settle(&world, model, entity, &mut row) {
                world.0[entity].insert(id, row);
            }
        }
    }
    world
}

/// A world that a caller cannot tell from `left`.
fn twin(model: &Model, rules: &Rules, caller: &Principal, left: &World, dice: &mut Dice) -> World {
    // Rows that visible ones refer to are there in both, with what rules look at and others refer to: no more.
    let shown: Vec<Vec<i64>> = left
        .0
        .iter()
        .enumerate()
        .map(|(entity, rows)| {
            rows.iter().filter(|(_, row)| rules.show(left, entity, row, caller)).map(|(id, _)| *id).collect()
        })
        .collect();
    let mut pinned = shown.clone();
    for entity in (0..model.entities.len()).rev() {
        let mut at = 0;
        while at < pinned[entity].len() {
            let row = &left.0[entity][&pinned[entity][at]];
            at += 1;
            for field in &model.entities[entity].fields {
                if let Some(target) = left.target(model, field, row) {
                    let (of, id) = (field.reference.as_ref().expect("followed").entity, target.get("id"));
                    let id = id.and_then(Value::as_i64).expect("every row has its key");
                    if !pinned[of].contains(&id) {
                        pinned[of].push(id);
                    }
                }
            }
        }
    }
    let mut right = World::new(model);
    for entity in 0..model.entities.len() {
        let fields = &model.entities[entity].fields;
        for id in KEYS {
            let other = tenants::row(model, entity, id, dice);
            let there = dice.percent(60);
            let mut row = match left.0[entity].get(&id) {
                Some(row) if pinned[entity].contains(&id) => {
                    let visible = shown[entity].contains(&id);
                    let mut row = row.clone();
                    for field in fields.iter().filter(|field| field.name != "id" && !field.version) {
                        let ruled = field.reference.is_some() || field.unique || field.immutable;
                        if !ruled && (field.hidden || !visible) {
                            row.insert(field.name.clone(), other.get(&field.name).cloned().unwrap_or(Value::Null));
                        }
                    }
                    row
                }
                _ if there => other,
                _ => continue,
            };
            let sound = settle(&right, model, entity, &mut row);
            let known = shown[entity].contains(&id);
            if sound && rules.show(&right, entity, &row, caller) == known {
                right.0[entity].insert(id, row);
            } else {
                assert!(!pinned[entity].contains(&id), "a twin lost a row that its caller knows of");
            }
        }
    }
    right
}

fn conflicts(answer: &Answer) -> bool {
    matches!(answer, Err(told) if matches!(told.reason, Some(Reason::Unique | Reason::ForeignKey)))
}

pub fn load(model: &Model) -> Arc<Schema> {
    let text = model.schema();
    match load_sources(vec![("generated.yaml".to_owned(), text.clone())]) {
        Ok(loaded) => Arc::new(loaded.schema),
        Err(faults) => panic!("{faults}\n{text}"),
    }
}

#[test]
fn a_caller_cannot_tell_worlds_apart_that_differ_in_what_it_may_not_see() {
    let (mut asked, mut answered, mut exceptions, mut differing) = (0, 0, 0, 0);
    seeds(40, |seed| {
        let mut dice = Dice::new(seed);
        let model = tenants::model(&mut dice);
        let rules = Rules::new(&model, &mut dice);
        let caller = tenants::caller(&mut dice);
        let twins = Twins::new(&model, &rules, &caller, &mut dice);
        differing += usize::from(twins.left.0 != twins.right.0);
        let about = Ask { model: &model, known: KEYS.to_vec(), fresh: vec![1, 2, 201, 202, 203, 204, 205, 206, 207] };
        let requests: Vec<Request> =
            (0..40).map(|_| if dice.percent(65) { about.read(&mut dice) } else { about.write(&mut dice) }).collect();
        let (schema, text) = (load(&model), rules.text(&model));
        for backend in BACKENDS {
            let side = |world: &World| open(backend, &schema, &text, &world.rows(&model)).as_principal(caller.clone());
            let (left, right) = (side(&twins.left), side(&twins.right));
            'asking: for (at, request) in requests.iter().enumerate() {
                let mut asked_of = vec![(ask(&left, request), ask(&right, request), std::slice::from_ref(request))];
                if request.operation == Operation::FindMany {
                    for (side, whole) in [(&left, &asked_of[0].0), (&right, &asked_of[0].1)] {
                        assert_eq!(streamed(side, request), *whole, "seed {seed}: {}", line(request, Some(&caller)));
                    }
                }
                // Now and then the last three once more, all or none of them.
                if at % 8 == 7 {
                    let together = &requests[at - 2..=at];
                    asked_of.push((ask_together(&left, together), ask_together(&right, together), together));
                }
                for (one, other, requests) in asked_of {
                    asked += 1;
                    answered += usize::from(one.is_ok());
                    if one != other {
                        let writes = |request: &Request| request.operation.verb() != Some(dbal::schema::Verb::Read);
                        if requests.iter().any(writes) && (conflicts(&one) || conflicts(&other)) {
                            exceptions += 1;
                            break 'asking;
                        }
                        let requests: Vec<String> =
                            requests.iter().map(|request| line(request, Some(&caller))).collect();
                        panic!(
                            "seed {seed}, {backend}: {}\nleft:  {}\nright: {}\n{}\n{text}",
                            requests.join("\n"),
                            told(&one),
                            told(&other),
                            model.schema()
                        );
                    }
                }
                if request.operation == Operation::Read {
                    let refused = left.explain(request, None).map_err(|error| error.code());
                    assert_eq!(refused.err(), Some("FORBIDDEN"), "explain is for trusted code");
                }
            }
        }
    });
    if asked > 1000 {
        assert!(answered * 3 > asked, "only {answered} of {asked} requests were answered");
        assert!(exceptions * 25 < asked, "{exceptions} exceptions in {asked} requests");
    }
    assert!(differing > 0, "the worlds never differ");
}
