use crate::folder::{Folder, SEED};

#[test]
fn migrate_says_what_it_does_and_then_that_there_is_nothing_to_do() {
    let folder = Folder::new();
    let pending = folder.run(&["migrate", "--dry-run"]);
    assert!(pending.out.contains("CREATE TABLE \"authors\"") && pending.err.contains("would run"), "{pending:?}");
    assert!(!folder.path().join("app.db").exists());
    assert_eq!(folder.ok(&["migrate"]), pending.out);
    let again = folder.run(&["migrate"]);
    assert_eq!((again.code, again.out.as_str()), (0, ""));
    assert!(again.err.starts_with("nothing to do"));
    assert_eq!(folder.ok(&["migrate", "--format", "json"]), "{\"applied\":true,\"statements\":[]}\n");
}

#[test]
fn a_new_field_is_a_pending_column() {
    let folder = Folder::seeded();
    folder.write("schema/library.yaml", &crate::folder::SCHEMA.replace("  tags:", "  isbn: { type: string }\n  tags:"));
    assert!(folder.ok(&["migrate", "--dry-run"]).contains("ADD COLUMN \"isbn\""));
    assert!(folder.ok(&["migrate"]).contains("ADD COLUMN \"isbn\""));
    assert_eq!(folder.ok(&["query", "Book", "--count", "--filter", "{\"isbn\": null}"]), "2\n");
}

#[test]
fn rows_of_all_formats_are_counted() {
    let folder = Folder::migrated();
    folder.write("seed.yaml", SEED);
    folder.write("more.json", r#"{"Author": [{"name": "Json"}]}"#);
    assert_eq!(folder.ok(&["seed", "seed.yaml", "more.json"]), "wrote 5 rows: 3 Author, 2 Book\n");
    folder.write(
        "books.csv",
        "author_id,title,price,copies,rating,in_print,tags\n1,\"A, B\",1.5,9007199254740993,2,true,\"{\"\"a\"\": 1}\"\n2,C,,,,,\n",
    );
    assert_eq!(
        folder.ok(&["seed", "books.csv", "--entity", "books", "--format", "json"]),
        "{\"written\":{\"Book\":2}}\n"
    );
    let out = folder.ok(&["query", "Book", "--filter", r#"{"title": "A, B"}"#, "--format", "json", "--first"]);
    assert!(
        out.contains(r#""price":"1.50","copies":"9007199254740993","rating":2.0,"in_print":true,"tags":{"a":1}"#),
        "{out}"
    );
}

#[test]
fn references_find_their_rows() {
    let folder = Folder::seeded();
    let out = folder.ok(&["query", "Book", "--filter", r#"{"author": {"name": "Ursula"}}"#, "--count"]);
    assert_eq!(out, "2\n");
}

#[test]
fn every_faulty_row_is_named_and_nothing_is_written() {
    let folder = Folder::migrated();
    folder.write(
        "bad.yaml",
        "Author:\n  a: { name: x }\n  b:\n    name: Bea\n    born: never\n  c: { name: Cleo }\nBook:\n  - { author_id: { $ref: c.nme }, title: T }\n  - { author_id: { $ref: nobody }, title: T }\n  - { author_id: { $ref: a }, title: left out in silence }\n  - { author_id: 99, title: T }\n",
    );
    let err = folder.fails(1, &["seed", "bad.yaml"]);
    let lines: Vec<&str> = err.lines().collect();
    assert!(lines[0].starts_with("bad.yaml:2: Author.name: "), "{err}");
    assert!(lines[1].starts_with("bad.yaml:5: Author.born: "), "{err}");
    assert!(lines[2].starts_with("bad.yaml:8: Book.author_id: $ref: Author c has no field nme"), "{err}");
    assert!(lines[3].starts_with("bad.yaml:9: Book.author_id: $ref: no row above is named nobody"), "{err}");
    assert!(lines[4].starts_with("bad.yaml:11: Book.author_id: CONFLICT"), "{err}");
    assert_eq!(lines[5], "error: VALIDATION_ERROR: faulty rows: 5 of 7; nothing was written");
    assert_eq!(folder.ok(&["query", "Author", "--count"]), "0\n");
}

#[test]
fn faults_of_the_files_themselves_come_first_and_together() {
    let folder = Folder::migrated();
    folder.write("a.yaml", "Authr:\n  - { name: Ann }\nBook: 5\n");
    folder.write("b.csv", "name,brn\nAnn,2000-01-01\n");
    let err = folder.fails(1, &["seed", "a.yaml", "b.csv", "--entity", "Author"]);
    assert!(err.contains("b.csv:1: Author.brn: unknown field; did you mean born?"), "{err}");
    let err = folder.fails(1, &["seed", "a.yaml"]);
    assert!(err.contains("a.yaml:1: Authr: unknown entity; did you mean Author?"), "{err}");
    assert!(err.contains("a.yaml:3: Book: expected a list of rows"), "{err}");
    folder.write("c.csv", "name,born\nAnn\nBob,x\n");
    let err = folder.fails(1, &["seed", "c.csv", "--entity", "Author"]);
    assert!(err.contains("c.csv:2: Author: expected 2 cells as in the first line, found 1"), "{err}");
    folder.write("d.yaml", "Author:\n  - { name: [\n");
    assert!(folder.fails(1, &["seed", "d.yaml"]).starts_with("d.yaml:"));
    assert!(folder.fails(1, &["seed", "none.yaml"]).contains("none.yaml cannot be read"));
    folder.write("e.txt", "");
    folder.fails(2, &["seed", "e.txt"]);
    folder.fails(2, &["seed", "b.csv"]);
}
