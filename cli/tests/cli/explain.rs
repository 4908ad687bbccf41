use crate::folder::Folder;

#[test]
fn a_plan_is_shown_without_a_database() {
    let folder = Folder::new();
    let out = folder.ok(&["explain", "Author", "--filter", r#"{"name": "secret"}"#, "--include", "books"]);
    assert!(out.starts_with("Author.list on sqlite: 3 steps"), "{out}");
    assert!(out.contains("access rules: none, trusted code asks"), "{out}");
    assert!(out.contains("FROM \"authors\"") && out.contains("related rows of step 1"), "{out}");
    assert!(out.contains("placeholder 1: a value of the request") && !out.contains("secret"), "{out}");
    assert!(!folder.path().join("app.db").exists());
}

#[test]
fn the_rules_of_a_caller_are_named() {
    let folder = Folder::new();
    folder.write("acl.yaml", "rules:\n  - { id: few, entity: Book, role: [reader], operations: [read], row_level_filter: \"copies <= $user.most\" }\n");
    let out =
        folder.ok(&["explain", "Book", "--count", "--as", "ann:reader", "--claim", "most=3", "--rules", "acl.yaml"]);
    assert!(out.contains("access rules: few\n") && out.contains("placeholder 1: $user.most"), "{out}");
    let json = folder.ok(&["explain", "Book", "--as", "ann:editor", "--format", "json"]);
    assert!(json.contains(r#""adapter":"sqlite""#) && json.contains(r#""rules":["Book.acl.read."#), "{json}");
    assert!(folder.fails(1, &["explain", "Book", "--anonymous"]).starts_with("error: FORBIDDEN"));
}
