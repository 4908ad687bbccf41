use crate::folder::Folder;

/// A folder with a migrated database and a configuration that names it.
fn healthy() -> Folder {
    let folder = Folder::new();
    folder.write("dbal.yaml", "mode: development\ndatabase: { url: 'sqlite:app.db' }\nschema: ./schema\n");
    folder.ok(&["migrate", "apply", "--config", "dbal.yaml"]);
    folder
}

#[test]
fn nothing_is_wrong_with_what_is_right() {
    let folder = healthy();
    let out = folder.ok(&["doctor", "--config", "dbal.yaml"]);
    for line in [
        "ok    configuration dbal.yaml",
        "ok    server        sqlite 3.",
        "nothing pending",
        "ok    capabilities",
        "ok    schema        2 entities",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    let json = folder.ok(&["doctor", "--config", "dbal.yaml", "--format", "json"]);
    assert!(json.starts_with(r#"{"ok":true,"findings":["#), "{json}");
}

#[test]
fn every_fault_of_the_configuration_has_its_place_and_a_cure() {
    let folder = healthy();
    folder.write("bad.yaml", "databse: {}\nlogging: { level: loud }\nserver: { bind: '${NO_SUCH_NAME}' }\n");
    let said = folder.run(&["doctor", "--config", "bad.yaml"]);
    assert_eq!(said.code, 1, "{said:?}");
    for part in
        ["bad.yaml:1:1: unknown key databse", "bad.yaml:2:19: level", "NO_SUCH_NAME is not set", "cure: mend the file"]
    {
        assert!(said.out.contains(part), "{part}\n{}", said.out);
    }
}

#[test]
fn what_is_pending_or_cannot_be_opened_is_said_with_its_cure() {
    let folder = healthy();
    let more =
        crate::folder::SCHEMA.replace("  born: { type: date }\n", "  born: { type: date }\n  died: { type: date }\n");
    folder.write("schema/library.yaml", &more);
    let said = folder.run(&["doctor", "--config", "dbal.yaml"]);
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("WRONG migrations") && said.out.contains("died") && said.out.contains("dbal migrate apply"),
        "{}",
        said.out
    );

    folder.write("gone.yaml", "database: { url: 'sqlite:gone.db' }\nschema: ./schema\n");
    let said = folder.run(&["doctor", "--config", "gone.yaml"]);
    assert!(said.code == 1 && said.out.contains("there is no database gone.db"), "{said:?}");
    assert!(!folder.path().join("gone.db").exists(), "looking changes nothing");

    folder.write("away.yaml", "database: { url: 'postgresql://ada:hunter2@127.0.0.1:1/app' }\nschema: ./schema\n");
    let said = folder.run(&["doctor", "--config", "away.yaml"]);
    assert!(said.code == 1 && said.out.contains("cure: see that the server runs"), "{said:?}");
    assert!(!said.out.contains("hunter2") && !said.err.contains("hunter2"), "{said:?}");
}

/// The adapter `prisma` with a schema of dbal's own, as in the development configuration of the first document.
#[test]
fn what_prisma_migrates_is_no_fault() {
    let folder = Folder::new();
    let doctor = ["doctor", "--config", "dev.yaml"];
    folder
        .write("dev.yaml", "mode: development\ndatabase: { adapter: prisma, url: 'file:dev.db' }\nschema: ./schema\n");
    folder.ok(&["migrate", "--config", "dev.yaml"]);
    let out = folder.ok(&doctor);
    for line in ["ok    server        sqlite 3.", "ok    migrations    nothing pending", "ok    capabilities"] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    assert!(!out.contains("CAPABILITY_NOT_SUPPORTED") && !out.contains("odd"), "{out}");

    let more =
        crate::folder::SCHEMA.to_owned() + "---\nentity: Shelf\nfields: { id: { type: integer, primary: true } }\n";
    folder.write("schema/library.yaml", &more);
    let said = folder.run(&doctor);
    assert!(said.code == 1 && said.out.contains("pending: 1 statement"), "{said:?}");
    assert!(said.out.contains("let Prisma migrate") && said.out.contains("`dbal migrate` makes"), "{said:?}");

    let more =
        crate::folder::SCHEMA.replace("  born: { type: date }\n", "  born: { type: date }\n  died: { type: date }\n");
    folder.write("schema/library.yaml", &more);
    let said = folder.run(&doctor);
    assert!(said.code == 1 && said.out.contains("Author.died: the table"), "{said:?}");
    assert!(!said.out.contains("see that the server runs"), "{said:?}");

    // A history of dbal's own says that the adapter is not what it was.
    folder.write("schema/library.yaml", crate::folder::SCHEMA);
    folder.ok(&["migrate", "apply", "--url", "sqlite:own.db", "--schema", "schema"]);
    folder.write("dev.yaml", "database: { adapter: prisma, url: 'file:own.db' }\nschema: ./schema\n");
    let said = folder.run(&doctor);
    assert!(said.code == 1 && said.out.contains("take `adapter: prisma` out"), "{said:?}");
    folder.write("dev.yaml", "database: { url: 'file:own.db' }\nschema: ./schema\n");
    folder.ok(&doctor);
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_may_read_is_found() {
    use std::os::unix::fs::PermissionsExt;
    let folder = healthy();
    folder.write("url.secret", "sqlite:app.db\n");
    folder.write("dbal.yaml", "mode: development\ndatabase: { url_file: url.secret }\nschema: ./schema\n");
    let mode = |mode: u32| {
        let file = folder.path().join("url.secret");
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o644);
    let said = folder.run(&["doctor", "--config", "dbal.yaml"]);
    assert!(said.code == 1 && said.out.contains("chmod 600 url.secret"), "{said:?}");
    mode(0o600);
    folder.ok(&["doctor", "--config", "dbal.yaml"]);
    // A configuration with a secret in it is such a file itself.
    folder.write("own.yaml", "database: { url: 'postgresql://ada:hunter2@127.0.0.1:1/app' }\nschema: ./schema\n");
    std::fs::set_permissions(folder.path().join("own.yaml"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = folder.run(&["doctor", "--config", "own.yaml"]);
    assert!(said.code == 1 && said.out.contains("chmod 600 own.yaml"), "{said:?}");
}
