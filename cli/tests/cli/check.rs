use crate::folder::Folder;

#[test]
fn a_good_folder_is_summed_up() {
    let folder = Folder::new();
    let out = folder.ok(&["check"]);
    assert!(out.contains("Author (authors): 3 fields"), "{out}");
    assert!(out.contains("derived relation books"), "{out}");
    assert!(out.ends_with("0 warnings\n"), "{out}");
    assert!(folder.ok(&["check", "schema", "--format", "json"]).starts_with(r#"{"ok":true,"faults":[],"#));
}

#[test]
fn every_fault_comes_with_its_place() {
    let folder = Folder::new();
    folder.write(
        "schema/bad.yaml",
        "entity: Bad\nfields:\n  id: { type: uuid, primary: true, generated: x }\n  n: { type: integer, min: x }\n",
    );
    let said = folder.run(&["check", "schema"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("schema/bad.yaml:3:"), "{}", said.out);
    assert!(said.out.contains("schema/bad.yaml:4:"), "{}", said.out);
    assert!(said.out.contains("2 errors"), "{}", said.out);
    let json = folder.run(&["check", "schema", "--format", "json"]);
    assert_eq!(json.code, 1);
    assert!(json.out.contains(r#""file":"schema/bad.yaml","line":3,"#), "{}", json.out);
}

#[test]
fn rules_are_checked_against_the_schema() {
    let folder = Folder::new();
    folder.write(
        "acl.yaml",
        "rules:\n  - { entity: Book, role: [reader], operations: [read], row_level_filter: \"copies > $user.n\" }\n",
    );
    assert!(folder.ok(&["check", "--rules", "acl.yaml"]).contains("acl.yaml: 0 errors"));
    folder.write("acl.yaml", "rules:\n  - { entity: Bok, role: [reader], operations: [read] }\n");
    let said = folder.run(&["check", "--rules", "acl.yaml"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("acl.yaml:2:") && said.out.contains("did you mean"), "{}", said.out);
    assert!(folder.fails(1, &["check", "--rules", "none.yaml"]).starts_with("error: NOT_FOUND: none.yaml"));
}

#[test]
fn warnings_do_not_fail_a_check() {
    let folder = Folder::new();
    folder.write("schema/odd.yaml", "entity: Odd\ncolour: red\nfields:\n  id: { type: uuid, primary: true }\n");
    let out = folder.ok(&["check"]);
    assert!(out.contains("schema/odd.yaml:2:1: warning:"), "{out}");
    assert!(out.ends_with("1 warning\n"), "{out}");
}

#[test]
fn a_folder_that_is_not_there_is_faulty() {
    assert_eq!(Folder::new().run(&["check", "nowhere"]).code, 1);
}
