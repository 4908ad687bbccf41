//! Memory and SQLite, asked the same over the same generated schema and rows, answer the same, and hold the same rows
//! after every write.

use dbal::{Principal, Reason, Request};

use crate::ask::Ask;
use crate::dice::Dice;
use crate::open::{Answer, ask, line, open, seeds, snapshot, told};
use crate::random;
use crate::worlds::load;

/// What of two answers must agree. Floats are added in any order, so they may end differently in the last digits. Where
/// a row breaks several keys or references at once, each backend names the one that it looked at first.
fn alike(left: &Answer, right: &Answer) -> bool {
    match (left, right) {
        (Ok(left), Ok(right)) => left == right || close(left, right),
        (Err(left), Err(right)) if matches!(left.reason, Some(Reason::ForeignKey | Reason::Unique)) => {
            left.reason == right.reason && left.fields.is_empty() == right.fields.is_empty()
        }
        (left, right) => left == right,
    }
}

fn close(left: &dbal::Value, right: &dbal::Value) -> bool {
    use dbal::Value::{Float, List, Map};
    match (left, right) {
        (Float(left), Float(right)) => (left - right).abs() <= 1e-12 * left.abs().max(right.abs()),
        (List(left), List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| close(left, right))
        }
        (Map(left), Map(right)) => {
            let same = |((one, left), (other, right)): ((&str, &dbal::Value), (&str, &dbal::Value))| {
                one == other && close(left, right)
            };
            left.len() == right.len() && left.iter().zip(right.iter()).all(same)
        }
        (left, right) => left == right,
    }
}

#[test]
fn memory_and_sqlite_answer_alike_over_generated_schemas() {
    let (mut asked, mut answered, mut wrote) = (0, 0, 0);
    seeds(70, |seed| {
        let mut dice = Dice::new(seed ^ 0xA11CE);
        let model = random::model(&mut dice);
        let rules = random::rules(&model, &mut dice);
        let rows = random::rows(&model, &mut dice);
        let about = Ask { model: &model, known: (1..=7).collect(), fresh: vec![1, 7, 8, 9, 10, 11, 12, 13, 14] };
        let requests: Vec<(Option<Principal>, Request)> = (0..50)
            .map(|_| {
                let request = if dice.percent(55) { about.read(&mut dice) } else { about.write(&mut dice) };
                (random::caller(&mut dice), request)
            })
            .collect();
        let schema = load(&model);
        let side = |backend: &str| open(backend, &schema, &rules, &rows);
        let (memory, sqlite) = (side("memory"), side("sqlite"));
        let mut before = snapshot(&memory, &model);
        for (caller, request) in &requests {
            let bound = |client: &dbal::Client| match caller {
                Some(caller) => client.as_principal(caller.clone()),
                None => client.clone(),
            };
            let (left, right) = (ask(&bound(&memory), request), ask(&bound(&sqlite), request));
            asked += 1;
            answered += usize::from(left.is_ok());
            let told = || {
                let request = line(request, caller.as_ref());
                let (left, right) = (told(&left), told(&right));
                format!("seed {seed}: {request}\nmemory: {left}\nsqlite: {right}\n{}\n{rules}", model.schema())
            };
            assert!(alike(&left, &right), "{}", told());
            if request.operation.verb() != Some(dbal::schema::Verb::Read) {
                let (left, right) = (snapshot(&memory, &model), snapshot(&sqlite, &model));
                assert!(left == right, "{}\nthen:\nmemory: {left:?}\nsqlite: {right:?}", told());
                wrote += usize::from(before != left);
                before = left;
            }
        }
    });
    if asked > 1000 {
        assert!(answered * 2 > asked, "only {answered} of {asked} requests were answered");
        assert!(wrote * 12 > asked, "only {wrote} of {asked} requests wrote something");
    }
}
