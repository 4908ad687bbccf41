use crate::folder::{Folder, SEED};

#[test]
fn a_configuration_takes_the_place_of_options_and_options_of_it() {
    let folder = Folder::new();
    folder.write(
        "dbal.yaml",
        "mode: development\ndatabase: { url: 'sqlite:app.db' }\nschema: ./schema\nacl: { rules_file: acl.yaml }\n",
    );
    folder.write("acl.yaml", "rules: [{ id: few, entity: Author, role: [reader], operations: [read], row_level_filter: \"name = 'Ursula'\" }]\n");
    folder.write("seed.yaml", SEED);
    folder.ok(&["migrate", "--config", "dbal.yaml"]);
    folder.ok(&["seed", "seed.yaml", "--config", "dbal.yaml"]);
    let count = |more: &[&str]| folder.ok(&[&["query", "Author", "--count", "--config", "dbal.yaml"], more].concat());
    assert!(count(&[]).contains('2'));
    assert!(count(&["--as", "x:reader"]).contains('1'));
    // Another database, and no rules but those of the entities.
    folder.ok(&["migrate", "--url", "sqlite:other.db", "--schema", "schema"]);
    assert!(count(&["--url", "sqlite:other.db"]).contains('0'));
    let explained = folder.ok(&["explain", "Author", "--as", "x:reader", "--config", "dbal.yaml"]);
    assert!(explained.contains("access rules: few"), "{explained}");
}

#[test]
fn faults_of_a_configuration_come_before_anything_is_done() {
    let folder = Folder::new();
    folder.write(
        "dbal.yaml",
        "database: { adapter: postgres, url: 'sqlite:app.db' }\nacl: { enforce_row_level: false }\n",
    );
    let said = folder.run(&["migrate", "--config", "dbal.yaml"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("dbal.yaml:1:11") && said.err.contains("dbal.yaml:2:27"), "{}", said.err);
    assert!(!folder.path().join("app.db").exists());
    assert_eq!(folder.run(&["migrate", "--config", "nowhere.yaml"]).code, 1);
}
