use crate::folder::Folder;

#[test]
fn rows_are_made_changed_and_removed() {
    let folder = Folder::migrated();
    let made = folder.ok(&["create", "Author", r#"{"name": "Ann"}"#, "--format", "json"]);
    assert_eq!(made, "{\"id\":1,\"name\":\"Ann\",\"born\":null}\n");
    let changed = folder.ok(&["update", "Author", "1", r#"{"born": "2000-02-29"}"#, "--format", "csv"]);
    assert_eq!(changed, "id,name,born\n1,Ann,2000-02-29\n");
    assert_eq!(folder.ok(&["delete", "authors", r#"{"name": "Ann"}"#]), "deleted one Author\n");
    assert!(folder.fails(1, &["delete", "authors", "1"]).starts_with("error: NOT_FOUND: Author.delete: "));
}

#[test]
fn a_batch_is_written_whole_or_not_at_all() {
    let folder = Folder::migrated();
    let ann = r#"{"operation": "create", "entity": "Author", "data": {"name": "Ann"}}"#;
    let read = r#"{"operation": "read", "entity": "authors", "id": {"$ref": "0.id"}, "select": ["name"]}"#;
    let made = folder.ok(&["batch", &format!("[{ann}, {read}]")]);
    assert_eq!(made, "[{\"id\":1,\"name\":\"Ann\",\"born\":null},{\"name\":\"Ann\"}]\n");
    let gone = r#"{"operation": "delete", "entity": "Author", "id": 1}"#;
    let err = folder.fails(1, &["batch", &format!("[{gone}, {gone}]")]);
    assert!(err.starts_with("error: NOT_FOUND: Author.delete: entry 1: "), "{err}");
    assert_eq!(folder.ok(&["query", "Author", "--count"]), "1\n");
}

#[test]
fn refused_writes_say_which_fields() {
    let folder = Folder::seeded();
    let err = folder.fails(1, &["create", "Author", r#"{"name": "x", "born": 5, "colour": "red"}"#]);
    assert!(err.starts_with("error: VALIDATION_ERROR: Author.create: 3 faults\n"), "{err}");
    let err = folder.fails(1, &["create", "Author", r#"{"name": "Ursula"}"#]);
    assert!(err.starts_with("error: CONFLICT: Author.create: ") && err.contains("  name: unique\n"), "{err}");
    let err = folder.fails(1, &["delete", "Author", "1", "--format", "json"]);
    assert!(err.contains(r#""code":"CONFLICT""#) && err.contains(r#""reason":"foreign_key""#), "{err}");
    folder.fails(2, &["create", "Author", "name=x"]);
}

#[test]
fn callers_get_what_their_rules_give() {
    let folder = Folder::seeded();
    assert_eq!(folder.ok(&["query", "Author", "--anonymous", "--count"]), "2\n");
    assert!(folder.fails(1, &["query", "Book", "--anonymous"]).starts_with("error: FORBIDDEN: Book.list: "));
    assert!(folder.fails(1, &["query", "Book", "--as", "ann:reader"]).starts_with("error: FORBIDDEN"));
    assert_eq!(folder.ok(&["query", "Book", "--as", "ann:editor", "--count"]), "2\n");
    assert!(folder.fails(1, &["create", "Author", r#"{"name": "Bo"}"#, "--as", "ann"]).starts_with("error: FORBIDDEN"));
    folder.ok(&["create", "Author", r#"{"name": "Bo"}"#, "--as", "ann:editor"]);
}

#[test]
fn a_rules_file_takes_the_place_of_the_entities_own_rules() {
    let folder = Folder::seeded();
    folder.write("acl.yaml", "rules:\n  - { entity: Book, role: [reader], operations: [read], row_level_filter: \"copies <= $user.most\" }\n");
    let reader = ["query", "Book", "--rules", "acl.yaml", "--as", "ann:reader", "--count"];
    let with = |claim: &[&str]| folder.ok(&[reader.as_slice(), claim].concat());
    assert_eq!(with(&["--claim", "most=5"]), "1\n");
    // Unknown, or of another type: the rule fails closed.
    assert_eq!(with(&[]), "0\n");
    assert_eq!(with(&["--claim", "most=lots"]), "0\n");
    assert!(
        folder.fails(1, &["query", "Author", "--rules", "acl.yaml", "--anonymous"]).starts_with("error: FORBIDDEN")
    );
    folder.write("acl.yaml", "rules:\n  - { entity: Book, role: [reader], operations: [red] }\n");
    assert!(folder.fails(1, &reader).contains("  acl.yaml:2:"));
}
