use super::{POST, USER, schema, schema_with};
use crate::access::{Policy, Principal};
use crate::schema::{AclGrant, Verb};

fn faults(text: &str) -> Vec<String> {
    let faults = Policy::from_rules(&schema(), text, "acl.yaml").expect_err(text);
    faults.0.iter().map(ToString::to_string).collect()
}

#[test]
fn all_faults_come_at_once_with_their_places() {
    let text = "\
rules:
  - id: one
    entity: Usr
    role: [user, user]
    operations: [read, list]
  - id: one
    entity: Post
    role: [system]
    operations: [read]
    row_level_filter: \"levle <= $user.level AND title = 3\"
  - entity: Post
    role: []
    operations: []
    effect: deny
    fields: { read: [titel], wirte: [title] }
    when: never
  - entity: 5
    role: [7]
  - role: [a]
    public: true
    operations: [read]
    effect: forbid
    row_level_filter: true
  - entity: Post
    role: [a]
    operations: [read]
    effect: forbid
    row_level_filter: level = 1
    fields: { read: [title] }
  - just text
extra: 1
";
    assert_eq!(
        faults(text),
        [
            "acl.yaml:3:13: error: unknown entity `Usr`; did you mean `User`?",
            "acl.yaml:4:18: error: role: `user` comes twice",
            "acl.yaml:5:24: error: unknown operation `list`; expected create, read, update or delete",
            "acl.yaml:6:9: error: the id `one` is taken by the rule in line 2",
            "acl.yaml:8:12: error: trusted code needs no rule, and no rule makes anybody trusted",
            "acl.yaml:10:23: error: rule `one`: row_level_filter, column 1: unknown field `levle` of Post; did you mean `level`?",
            "acl.yaml:10:23: error: rule `one`: row_level_filter, column 34: expected text, got integer",
            "acl.yaml:12:11: error: role: expected at least one, found an empty list",
            "acl.yaml:13:17: error: operations: expected at least one, found an empty list",
            "acl.yaml:14:13: error: effect: expected one of permit, forbid, found the text \"deny\"",
            "acl.yaml:15:22: error: unknown field `titel` of Post; did you mean `title`?",
            "acl.yaml:15:30: error: unknown key wirte in fields; did you mean write?",
            "acl.yaml:16:5: error: unknown key when in rule 3; expected one of id, entity, public, role, operations, effect, row_level_filter, fields",
            "acl.yaml:17:5: error: rule 4 has no `operations`; expected a list of create, read, update, delete",
            "acl.yaml:17:13: error: entity: expected the name of an entity, found the number 5",
            "acl.yaml:18:12: error: role: expected a list of texts, found the number 7",
            "acl.yaml:19:5: error: rule 5 has no `entity`; expected the name of an entity",
            "acl.yaml:19:5: error: says `role` and `public`; keep one",
            "acl.yaml:23:23: error: row_level_filter: expected an expression, found true",
            "acl.yaml:24:5: error: rule 6: forbids fields on some rows only; keep `fields` or `row_level_filter`",
            "acl.yaml:30:5: error: expected a mapping for rule 7, found the text \"just text\"",
            "acl.yaml:31:1: error: unknown key extra in the rules file; expected one of rules",
        ]
    );
}

#[test]
fn a_file_without_rules_is_no_rules_file() {
    for text in ["", "rules:", "rules: 1", "[]", "rules: [", "a: 1"] {
        assert!(!faults(text).is_empty(), "{text}");
    }
}

#[test]
fn rules_replace_acl_blocks_but_never_open_system_verbs() {
    let schema = schema_with(|entities| {
        entities[0].acl.verbs[Verb::Read as usize] = vec![AclGrant::System];
        entities[0].acl.verbs[Verb::Update as usize] = vec![AclGrant::Public { row_level: None }];
    });
    let text = "rules: [{ entity: User, role: [a], operations: [read, delete] }]";
    let policy = Policy::from_rules(&schema, text, "acl.yaml").unwrap();
    let caller = Principal::new("018f3c1e-7b1c-7000-8000-000000000001", "a");
    let permitted = Verb::ALL.map(|verb| policy.permits(&caller, USER, verb).is_ok());
    assert_eq!(permitted, [false, false, false, true]);
    let warnings: Vec<String> = policy.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["acl.yaml:1:9: warning: rule `acl.yaml:rule 1`: read of User is declared `system`; the rule does not open it"]
    );
}

#[test]
fn everybody_is_said_in_so_many_words() {
    let schema = schema();
    let text = "rules: [{ entity: Post, public: true, operations: read }]";
    let policy = Policy::from_rules(&schema, text, "acl.yaml").unwrap();
    assert!(policy.permits(&Principal::anonymous(), POST, Verb::Read).is_ok());
    for wrong in ["public: false", "role: [public]", "role: public"] {
        assert!(!faults(&format!("rules: [{{ entity: Post, {wrong}, operations: read }}]")).is_empty());
    }
}
