use crate::folder::Folder;

const NEXT: &str = "
entity: Author
fields:
  id: { type: integer, primary: true, generated: true }
  full_name: { type: string, required: true, unique: true, renamed_from: name }
  stars: { type: integer, required: true, backfill: 3 }
";

/// A folder with a database of the first schema that has a history, and two rows.
fn begun() -> Folder {
    let folder = Folder::new();
    folder.write("schema/library.yaml", "entity: Author\nfields:\n  id: { type: integer, primary: true, generated: true }\n  name: { type: string, required: true, unique: true }\n  born: { type: date }\n");
    folder.ok(&["migrate", "apply", "--name", "first"]);
    folder.write("rows.yaml", "Author:\n  - { name: Ursula, born: 1929-10-21 }\n  - { name: Bruno }\n");
    folder.ok(&["seed", "rows.yaml"]);
    folder
}

#[test]
fn a_database_goes_on_and_back() {
    let folder = begun();
    folder.write("schema/library.yaml", NEXT);
    let diff = folder.ok(&["migrate", "diff"]);
    assert!(diff.contains("Author.name becomes Author.full_name\n"), "{diff}");
    assert!(diff.contains("Author.born goes, and what it holds  (--drop)\n"), "{diff}");

    let refused = folder.run(&["migrate", "apply"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("Author.born: would be lost with what it holds"), "{}", refused.err);

    let plan = folder.run(&["migrate", "plan", "--drop", "Author.born"]);
    assert_eq!(plan.code, 0, "{}", plan.err);
    let applied = folder.ok(&["migrate", "apply", "--drop", "Author.born"]);
    assert_eq!(plan.out, applied, "a plan is what runs");
    let rows = folder.ok(&["query", "Author", "--sort", "id", "--format", "csv"]);
    assert_eq!(rows, "id,full_name,stars\n1,Ursula,3\n2,Bruno,3\n");
    let status = folder.ok(&["migrate", "status"]);
    assert!(status.contains("   1  ") && status.contains("  first\n"), "{status}");
    assert!(status.ends_with("nothing pending\n"), "{status}");

    let back = folder.run(&["migrate", "rollback"]);
    assert!(back.err.contains("Author.stars"), "{}", back.err);
    folder.ok(&["migrate", "rollback", "--drop", "Author.stars"]);
    let status = folder.ok(&["migrate", "status", "--format", "json"]);
    assert!(status.contains(r#""number":1,"name":"first","state":"applied""#), "{status}");
    assert!(!status.contains(r#""number":2"#), "{status}");
}

#[test]
fn the_short_way_writes_a_history_only_where_there_is_one() {
    let folder = Folder::new();
    folder.ok(&["migrate"]);
    assert!(folder.ok(&["migrate", "status"]).contains("no history"));
    let folder = begun();
    folder.write("schema/library.yaml", "entity: Author\nfields:\n  id: { type: integer, primary: true, generated: true }\n  name: { type: string, required: true, unique: true }\n  born: { type: date }\n  died: { type: date }\n");
    folder.ok(&["migrate"]);
    assert!(folder.ok(&["migrate", "status"]).contains("Author.died is new (date)"));
}

#[test]
fn what_breaks_somebody_is_said() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("old")).unwrap();
    folder.write(
        "old/a.yaml",
        "entity: Note\nfields:\n  id: { type: integer, primary: true }\n  text: { type: string, max_length: 10 }\n",
    );
    let changed = |folder: &Folder, fields: &str| {
        folder.write(
            "schema/library.yaml",
            &format!("entity: Note\nfields:\n  id: {{ type: integer, primary: true }}\n{fields}"),
        );
        folder.run(&["check", "--against", "old"])
    };
    let minor = changed(&folder, "  text: { type: string, max_length: 20 }\n  more: { type: string }\n");
    assert_eq!(minor.code, 0, "{}", minor.out);
    assert!(
        minor.out.contains("minor: Note.text: its greatest length is wider\nminor: Note.more: is new\n"),
        "{}",
        minor.out
    );
    assert!(minor.out.ends_with("since old: a minor version\n"), "{}", minor.out);
    let major = changed(&folder, "  text: { type: string, max_length: 5 }\n");
    assert_eq!(major.code, 1);
    assert!(major.out.contains("major: Note.text: its greatest length is tighter"), "{}", major.out);
}
