//! The import rules of `dbal/src`, and that each of them can fail.

use std::collections::HashSet;

use xtask::tidy::layers::LAYERS;
use xtask::tidy::{Source, Violation, layers, names, sources};

fn rust() -> Vec<Source> {
    sources(&xtask::root(), &|name| name.ends_with(".rs")).expect("the sources can be read")
}

fn file(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

fn lines(found: &[Violation]) -> String {
    found.iter().map(|violation| format!("{violation}\n")).collect()
}

#[test]
fn areas_import_only_what_they_may() {
    let found = layers::check(&rust());
    assert!(found.is_empty(), "\n{}", lines(&found));
}

#[test]
fn drivers_are_named_by_their_adapter_and_pure_areas_do_no_io() {
    let found = names::check(&rust());
    assert!(found.is_empty(), "\n{}", lines(&found));
}

#[test]
fn the_table_speaks_of_areas_it_knows() {
    let areas: HashSet<&str> = LAYERS.iter().map(|(area, _)| *area).collect();
    assert_eq!(areas.len(), LAYERS.len(), "an area stands in the table twice");
    for (area, allowed) in LAYERS {
        for target in *allowed {
            assert!(areas.contains(target), "{area} is allowed {target}, which is no area");
        }
    }
}

#[test]
fn a_forbidden_import_is_found_with_file_and_line() {
    let cases = [
        ("dbal/src/query/eval.rs", "\nuse crate::{error, sql::ddl};", 2, "query may not import sql"),
        ("dbal/src/plan/mod.rs", "use crate::adapter::Adapter;", 1, "plan may not import adapter"),
        (
            "dbal/src/adapter/sqlite/mod.rs",
            "use super::memory::X;",
            1,
            "adapter::sqlite may not import adapter::memory",
        ),
        ("dbal/src/adapter/sqlite/value.rs", "fn f() { crate::query::eval::run() }", 1, "may not import query"),
        ("dbal/src/adapter/sqlite/value.rs", "use crate::plan::verify;", 1, "may not import plan "),
        ("dbal/src/exec/machine.rs", "use crate::adapter::Connection;", 1, "exec::machine may not import adapter"),
        ("dbal/src/error.rs", "type X = crate::Schema;", 1, "error may not import schema"),
        ("dbal/src/novelty.rs", "", 1, "novelty is in no area"),
    ];
    let root = file("dbal/src/lib.rs", "pub use schema::Schema;");
    for (path, text, line, message) in cases {
        let found = layers::check(&[file(path, text), file(&root.path, &root.text)]);
        let [violation] = found.as_slice() else { panic!("{path}: expected one violation\n{}", lines(&found)) };
        assert_eq!((violation.file.as_str(), violation.line), (path, line));
        assert!(violation.message.contains(message), "{violation}");
    }
}

#[test]
fn tests_may_import_what_they_like() {
    let sources = [
        file(
            "dbal/src/query/mod.rs",
            "#[cfg(test)]\nmod tests { use crate::client::Client; }\n#[cfg(test)] mod cases;",
        ),
        file("dbal/src/query/cases.rs", "use crate::client::Client;"),
    ];
    assert_eq!(layers::check(&sources), []);
}

#[test]
fn a_driver_or_io_in_the_wrong_place_is_found() {
    let cases = [
        ("dbal/src/exec/mod.rs", "use rusqlite::Connection;", "only dbal/src/adapter/sqlite names rusqlite"),
        ("cli/src/main.rs", "fn main() { rusqlite::version(); }", "only dbal/src/adapter/sqlite names rusqlite"),
        ("dbal/src/plan/mod.rs", "use sea_query::Query;", "only dbal/src/sql names sea_query"),
        ("dbal/src/query/eval.rs", "async fn f() {}", "names async"),
        ("dbal/src/access/policy.rs", "use std::{fs, fmt};", "names std::fs"),
        ("dbal/src/exec/machine.rs", "fn f() { std::thread::yield_now() }", "names std::thread"),
        ("dbal/src/plan/operation.rs", "use tokio::sync;", "names tokio"),
    ];
    for (path, text, message) in cases {
        let found = names::check(&[file(path, text)]);
        let [violation] = found.as_slice() else { panic!("{path}: expected one violation\n{}", lines(&found)) };
        assert_eq!((violation.file.as_str(), violation.line), (path, 1));
        assert!(violation.message.contains(message), "{violation}");
    }
    let right = [
        file("dbal/src/adapter/sqlite/connection.rs", "use rusqlite::Connection; use std::fs;"),
        file("dbal/src/sql/lower.rs", "use sea_query::Query;"),
        file("dbal/tests/sqlite.rs", "use rusqlite::Connection;"),
    ];
    assert_eq!(names::check(&right), []);
}
