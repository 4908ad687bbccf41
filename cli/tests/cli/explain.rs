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

#[test]
fn the_rules_that_decide_about_a_row_are_named() {
    let folder = Folder::seeded();
    folder.write(
        "acl.yaml",
        "rules:
  - { id: few, entity: Book, role: [reader], operations: [read, update], row_level_filter: \"copies <= $user.most\" }
  - { id: printed, entity: Book, role: [reader], operations: [read], row_level_filter: \"in_print = true\" }
  - { id: all, entity: Book, role: [editor], operations: [read, delete] }
  - { id: secret, entity: Book, role: [reader], operations: [read], effect: forbid, row_level_filter: \"title = 'Gifts'\" }
",
    );
    let json = folder.ok(&["query", "Book", "--format", "json", "--filter", r#"{"title": "Gifts"}"#]);
    let id = json.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let row = |who: &[&str]| {
        let mut arguments = vec!["explain", "Book", "--row", &id, "--rules", "acl.yaml"];
        arguments.extend(who);
        folder.ok(&arguments)
    };
    let out = row(&["--as", "ann:reader", "--claim", "most=3"]);
    let read = "read: refused by secret
  permit few: holds
  permit printed: does not hold
  permit all: speaks of editor only
  forbid secret: holds

update: allowed by few
  permit few: holds
  fields: ";
    assert!(out.starts_with(read), "{out}");
    assert!(out.contains("\ndelete: refused, no rule that permits it holds\n"), "{out}");
    let out = row(&["--as", "ann:reader"]);
    assert!(out.contains("permit few: unknown, a claim or a value is missing"), "{out}");
    let json = row(&["--as", "zoe:editor", "--format", "json"]);
    assert!(json.contains(r#"{"verb":"read","allowed":true,"by":["all"]"#), "{json}");

    let missing = ["explain", "Book", "--row", "018f3c1e-7b1c-7000-8000-000000000001", "--as", "ann:reader"];
    assert!(folder.fails(1, &missing).starts_with("error: NOT_FOUND"));
    assert!(folder.fails(2, &["explain", "Book", "--row", &id]).contains("whose sight of the row?"));
}

#[test]
fn a_user_of_the_database_is_who_its_row_says() {
    let folder = Folder::new();
    folder.write(
        "schema/user.yaml",
        "entity: User
fields:
  id: { type: integer, primary: true }
  role: { type: string }
  level: { type: integer }
acl:
  read: { role: [user], row_level: \"level <= $user.level\" }
",
    );
    folder.ok(&["migrate"]);
    for row in [r#"{"id": 1, "role": "user", "level": 2}"#, r#"{"id": 2, "role": "user", "level": 5}"#] {
        folder.ok(&["create", "User", row]);
    }
    let out = folder.ok(&["explain", "User", "--row", "2", "--as", "user:1"]);
    assert!(
        out.starts_with(
            "read: refused, no rule that permits it holds\n  permit User.acl.read.role[user]: does not hold\n"
        ),
        "{out}"
    );
    let out = folder.ok(&["explain", "User", "--row", "1", "--as", "user:2"]);
    assert!(out.starts_with("read: allowed by User.acl.read.role[user]\n"), "{out}");
    assert!(folder.ok(&["explain", "User", "--as", "user:2"]).contains("access rules: User.acl.read.role[user]"));
    assert_eq!(folder.ok(&["query", "User", "--count", "--as", "user:1"]).trim(), "1");
    let said = folder.fails(1, &["query", "User", "--as", "user:admin"]);
    assert!(
        said.contains("there is no User with this id; a caller whom the database does not know is ID:ROLE"),
        "{said}"
    );
}
