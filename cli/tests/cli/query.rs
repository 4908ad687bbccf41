use crate::folder::Folder;

#[test]
fn tables_are_aligned_by_width() {
    let out = Folder::seeded().ok(&["query", "authors", "--sort", "-name", "--select", "name,id,born"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], " name          id   born");
    assert_eq!(lines[2], " Ursula         1   1929-10-21");
    assert_eq!(lines[3], " Bruno, 东京    2   null");
    assert_eq!(lines[4], "2 rows");
}

#[test]
fn a_page_says_how_much_there_is() {
    let folder = Folder::seeded();
    let out = folder.ok(&["query", "Author", "--limit", "1", "--page", "2"]);
    assert!(out.ends_with("1 of 2 rows, page 2 of 2\n"), "{out}");
    let out = folder.ok(&["query", "Author", "--limit", "1", "--format", "json", "--select", "id"]);
    let page =
        r#"{"data":[{"id":1}],"total":2,"page":1,"limit":1,"has_more":true,"next_cursor":null,"prev_cursor":null}"#;
    assert_eq!(out.trim_end(), page);
}

#[test]
fn json_is_exact_in_related_rows_too() {
    let out = Folder::seeded().ok(&["query", "Author", "--read", "1", "--include", "books", "--format", "json"]);
    assert!(out.contains(r#""born":"1929-10-21""#), "{out}");
    assert!(out.contains(r#""price":"10.10","copies":"9007199254740993","rating":4.5"#), "{out}");
    assert!(out.contains(r#""price":"7.00","copies":"0","rating":null,"in_print":false,"tags":null"#), "{out}");
}

#[test]
fn filters_keep_big_numbers() {
    let folder = Folder::seeded();
    let count = |filter: &str| folder.ok(&["query", "Book", "--count", "--filter", filter]);
    assert_eq!(count(r#"{"copies": 9007199254740993}"#), "1\n");
    assert_eq!(count(r#"{"copies": 9007199254740992}"#), "0\n");
    assert_eq!(count(r#"{"price": {"$lt": "10.1"}}"#), "1\n");
}

#[test]
fn csv_has_a_header_and_every_row_when_asked() {
    let folder = Folder::seeded();
    let said = folder.run(&["query", "Author", "--format", "csv", "--limit", "1"]);
    assert_eq!(said.out, "id,name,born\n1,Ursula,1929-10-21\n");
    assert!(said.err.contains("1 of 2 rows"), "{}", said.err);
    assert_eq!(
        folder.ok(&["query", "Author", "--all", "--format", "csv"]),
        "id,name,born\n1,Ursula,1929-10-21\n2,\"Bruno, 东京\",\n"
    );
    let nothing = r#"{"name": "nobody"}"#;
    assert_eq!(folder.ok(&["query", "Author", "--all", "--format", "csv", "--filter", nothing]), "id,name,born\n");
}

#[test]
fn one_row_or_none() {
    let folder = Folder::seeded();
    assert!(
        folder.ok(&["query", "Author", "--read", "{\"name\": \"Ursula\"}"]).starts_with(" id     1\n name   Ursula\n")
    );
    assert!(folder.ok(&["query", "Author", "--first", "--sort", "-id"]).contains("Bruno"));
    assert_eq!(folder.ok(&["query", "Author", "--first", "--filter", "{\"id\": 9}", "--format", "json"]), "null\n");
    assert_eq!(folder.ok(&["query", "Author", "--first", "--filter", "{\"id\": 9}"]), "no row\n");
    assert_eq!(
        folder.fails(1, &["query", "Author", "--read", "9"]),
        "error: NOT_FOUND: Author.read: no Author with this key\n"
    );
}

#[test]
fn all_faults_of_a_request_come_together() {
    let folder = Folder::seeded();
    let arguments = ["query", "Author", "--filter", r#"{"nam": 1, "id": "x"}"#, "--sort", "brn", "--limit", "-1"];
    let err = folder.fails(1, &arguments);
    assert!(err.starts_with("error: VALIDATION_ERROR: Author.list: 4 faults\n"), "{err}");
    for field in ["  filter.nam: ", "  filter.id: ", "  sort.0.brn: ", "  limit: "] {
        assert!(err.contains(field), "{field} in {err}");
    }
    let json = folder.fails(1, &[arguments.as_slice(), &["--format", "json"]].concat());
    assert!(json.starts_with(r#"{"error":{"code":"VALIDATION_ERROR","#) && json.lines().count() == 1, "{json}");
}

#[test]
fn a_command_line_without_sense_is_another_thing_than_a_faulty_request() {
    let folder = Folder::seeded();
    folder.fails(2, &["query"]);
    folder.fails(2, &["qury", "Author"]);
    folder.fails(2, &["query", "Author", "--first", "--count"]);
    folder.fails(2, &["query", "Author", "--format", "xml"]);
    folder.fails(2, &["query", "Author", "--claim", "a=b"]);
    folder.fails(2, &["query", "Author", "--as", ":editor"]);
    assert!(folder.fails(2, &["query", "Author", "--filter", "{\"id\": }"]).starts_with("error: --filter: not JSON: "));
    folder.fails(1, &["query", "Athor"]);
}

#[test]
fn a_database_that_is_not_there_is_not_made_by_asking() {
    let folder = Folder::new();
    assert!(folder.fails(1, &["query", "Author"]).contains("there is no database app.db"));
    assert!(!folder.path().join("app.db").exists());
    assert!(folder.fails(1, &["query", "Author", "--url", "mysql:x"]).contains("unknown scheme `mysql`"));
    assert_eq!(folder.ok(&["query", "Author", "--url", "memory:"]), "0 rows\n");
}
