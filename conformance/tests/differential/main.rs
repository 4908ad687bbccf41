//! Memory and each other backend are asked the same over the same generated rows, and must answer the same: rows, order,
//! totals, and the codes and fields of errors.

mod generate;

use std::sync::atomic::{AtomicUsize, Ordering};

use dbal_conformance::expect::{plain, show, tell};
use dbal_conformance::servers::{MONGODB_URL, POSTGRES_URL};
use dbal_conformance::{Backend, Caller, Face, Failure, Fixture, Host, Request, RustHost, SchemaSource};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// What of an error must be the same everywhere.
fn essence(failure: &Failure) -> (String, Option<String>, Vec<String>) {
    let mut fields: Vec<String> = failure.fields.iter().map(|fault| fault.field.clone()).collect();
    fields.sort();
    (failure.code.clone(), failure.reason.clone(), fields)
}

fn config(cases: u32) -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(cases);
    // A failure is printed small and whole: it becomes a case of common/contracts, not a seed in a file.
    Config { cases, failure_persistence: None, max_shrink_iters: 500, ..Config::default() }
}

#[test]
fn memory_and_sqlite_answer_alike() {
    answers_alike(Backend::Sqlite);
}

#[test]
fn memory_and_postgres_answer_alike() {
    match std::env::var_os(POSTGRES_URL) {
        Some(url) if !url.is_empty() => answers_alike(Backend::Postgres),
        _ => eprintln!("LEFT OUT: {POSTGRES_URL} is not set; see cargo xtask servers"),
    }
}

#[test]
fn memory_and_mongodb_answer_alike() {
    match std::env::var_os(MONGODB_URL) {
        Some(url) if !url.is_empty() => answers_alike(Backend::Mongodb),
        _ => eprintln!("LEFT OUT: {MONGODB_URL} is not set; see cargo xtask servers"),
    }
}

fn answers_alike(backend: Backend) {
    let number = AtomicUsize::new(0);
    let answered = AtomicUsize::new(0);
    let asked = AtomicUsize::new(0);
    let strategy = (generate::data(), vec((generate::caller(), generate::request()), 1..40));
    let result = TestRunner::new(config(50)).run(&strategy, |(data, questions)| {
        let fixture = Fixture {
            name: format!("generated-{}", number.fetch_add(1, Ordering::Relaxed)),
            schema: SchemaSource::Text(generate::SCHEMA.into()),
            rules: Some(generate::RULES.into()),
            data,
        };
        // Dropped with what it made, so that schemas and connections do not pile up.
        let host = |backend| {
            let made = RustHost::new(backend, Face::Blocking);
            made.map_err(|failure| TestCaseError::fail(tell(&failure)))
        };
        let (memory, other) = (host(Backend::Memory)?, host(backend)?);
        let missing: Vec<String> =
            other.capabilities().into_iter().filter(|(_, has)| !has).map(|(name, _)| name).collect();
        let open = |host: &RustHost| host.open(&fixture).map_err(|failure| TestCaseError::fail(tell(&failure)));
        let (left, right) = (open(&memory)?, open(&other)?);
        for (caller, request) in &questions {
            let (left, right) = (left.run(caller, request).map(plain), right.run(caller, request).map(plain));
            asked.fetch_add(1, Ordering::Relaxed);
            answered.fetch_add(usize::from(left.is_ok()), Ordering::Relaxed);
            let alike = match (&left, &right) {
                (Ok(left), Ok(right)) => left == right,
                // What a backend lacks it says, and nothing can be compared.
                (_, Err(right)) if right.code == "CAPABILITY_NOT_SUPPORTED" => {
                    right.fields.iter().any(|fault| missing.contains(&fault.field))
                }
                (Err(left), Err(right)) => essence(left) == essence(right),
                _ => false,
            };
            prop_assert!(
                alike,
                "{}\nmemory: {}\n{backend:?}: {}",
                question(caller, request),
                told(&left),
                told(&right)
            );
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let (answered, asked) = (answered.into_inner(), asked.into_inner());
    assert!(answered * 2 > asked, "only {answered} of {asked} requests were answered: the generator asks nonsense");
}

fn question(caller: &Caller, request: &Request) -> String {
    format!("{} {} {} as {caller:?}", request.operation, request.entity, show(&dbal::Value::Map(request.args.clone())))
}

fn told(answer: &Result<dbal::Value, Failure>) -> String {
    answer.as_ref().map_or_else(tell, show)
}
