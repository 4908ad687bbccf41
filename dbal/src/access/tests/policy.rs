use super::{POST, Show, USER, field, schema, schema_with};
use crate::access::{Policy, Principal};
use crate::query::view::View;
use crate::schema::{AclGrant, Entity, EntityId, FieldAcl, FieldId, FieldType, Schema, Verb};
use crate::{ErrorKind, Value};

fn readable(schema: &Schema, policy: &Policy, principal: &Principal, entity: EntityId) -> Vec<String> {
    let view = policy.view(principal);
    let fields = schema.entity(entity).field_ids().filter(|(id, _)| view.readable(entity, *id));
    fields.map(|(_, field)| field.name.clone()).collect()
}

fn writable(schema: &Schema, policy: &Policy, principal: &Principal, entity: EntityId) -> Vec<String> {
    let view = policy.view(principal);
    let fields = schema.entity(entity).field_ids().filter(|(id, _)| view.writable(entity, *id));
    fields.map(|(_, field)| field.name.clone()).collect()
}

fn rules(schema: &Schema, text: &str) -> Policy {
    Policy::from_rules(schema, text, "acl.yaml").unwrap_or_else(|faults| panic!("{faults}"))
}

fn grant(entity: &mut Entity, verb: Verb, grant: AclGrant) {
    entity.acl.verbs[verb as usize].push(grant);
}

fn role(name: &str) -> Principal {
    Principal::new("018f3c1e-7b1c-7000-8000-000000000001", name)
}

#[test]
fn nothing_is_permitted_by_default() {
    let schema = schema();
    for policy in [Policy::from_acl(&schema).0, rules(&schema, "rules: []")] {
        for (id, entity) in schema.entities() {
            for verb in Verb::ALL {
                for caller in [role("supergod"), role("system"), Principal::anonymous()] {
                    let error = policy.permits(&caller, id, verb).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Forbidden);
                    assert_eq!(error.entity(), Some(entity.name.as_str()));
                    assert!(readable(&schema, &policy, &caller, id).is_empty());
                    assert!(writable(&schema, &policy, &caller, id).is_empty());
                }
            }
        }
    }
}

#[test]
fn acl_blocks_grant_what_they_say() {
    let schema = schema_with(|entities| {
        grant(&mut entities[0], Verb::Create, AclGrant::Public { row_level: None });
        grant(&mut entities[0], Verb::Read, AclGrant::Own { row_level: None });
        grant(&mut entities[0], Verb::Read, AclGrant::Roles { roles: vec!["admin".into()], row_level: None });
        grant(&mut entities[0], Verb::Delete, AclGrant::System);
    });
    let (policy, warnings) = Policy::from_acl(&schema);
    assert!(warnings.is_empty());
    let permitted = |caller: &Principal| Verb::ALL.map(|verb| policy.permits(caller, USER, verb).is_ok());
    assert_eq!(permitted(&role("user")), [true, true, false, false]);
    assert_eq!(permitted(&role("admin")), [true, true, false, false]);
    assert_eq!(permitted(&role("system")), [true, true, false, false], "a role called system is not trust");
    let shown = readable(&schema, &policy, &role("user"), USER);
    assert!(shown.contains(&"name".to_owned()));
    assert!(!shown.contains(&"secret".to_owned()) && !shown.contains(&"password".to_owned()));
    let written = writable(&schema, &policy, &role("user"), USER);
    assert!(written.contains(&"password".to_owned()), "writing follows write alone");
    assert!(!written.contains(&"id".to_owned()), "generated values are given by trusted code only");
}

#[test]
fn an_untypable_filter_closes_its_verb_whole() {
    let schema = schema_with(|entities| {
        let broken = || Some("levle <= $user.level".to_owned());
        grant(&mut entities[1], Verb::Update, AclGrant::Public { row_level: None });
        grant(&mut entities[1], Verb::Update, AclGrant::Own { row_level: broken() });
        grant(&mut entities[1], Verb::Update, AclGrant::Roles { roles: vec!["admin".into()], row_level: broken() });
        grant(&mut entities[1], Verb::Delete, AclGrant::Public { row_level: None });
        entities[1].fields[2].acl.check = Some("title".into());
    });
    let (policy, warnings) = Policy::from_acl(&schema);
    let messages: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let why = "column 1: unknown field `levle` of Post; did you mean `level`?; the verb is for trusted code only";
    assert_eq!(
        messages,
        [
            format!("schema: warning: Post.acl.update.self: {why}"),
            format!("schema: warning: Post.acl.update.role[admin]: {why}"),
            "schema: warning: Post.title.acl.check: column 1: expected a condition, found string without a comparison; \
             the field can be written by trusted code only"
                .to_owned(),
        ]
    );
    let permitted = Verb::ALL.map(|verb| policy.permits(&role("admin"), POST, verb).is_ok());
    assert_eq!(permitted, [false, false, false, true]);
    let closed = writable(&schema, &policy, &role("admin"), POST);
    assert!(!closed.contains(&"title".to_owned()));
}

#[test]
fn self_is_the_owner_and_an_expression_beside_it_narrows() {
    let own = |row_level: Option<&str>| AclGrant::Own { row_level: row_level.map(str::to_owned) };
    let filter = |schema: &Schema, entity: EntityId| {
        let (policy, warnings) = Policy::from_acl(schema);
        assert!(warnings.is_empty());
        let grant = policy.grant(&role("user"), entity, Verb::Read, &[])?;
        Some(Show { schema, params: &policy.params }.expr(entity, &grant.filter))
    };
    let with = |owner: Option<u16>, grants: Vec<AclGrant>| {
        schema_with(|entities| {
            entities[1].owner = owner.map(FieldId);
            entities[1].acl.verbs[Verb::Read as usize] = grants.clone();
            entities[0].acl.verbs[Verb::Read as usize] = grants;
        })
    };
    // A User without an owner is its own; a Post without one is nobody's, unless the expression says whose.
    let plain = with(None, vec![own(None)]);
    assert_eq!(filter(&plain, USER).as_deref(), Some("id = $user.id:uuid"));
    assert_eq!(filter(&plain, POST), None);
    let owned = with(Some(1), vec![own(None)]);
    assert_eq!(filter(&owned, POST).as_deref(), Some("author_id = $user.id:uuid"));
    let narrowed = with(Some(1), vec![own(Some("level < 3"))]);
    assert_eq!(filter(&narrowed, POST).as_deref(), Some("(author_id = $user.id:uuid and level < 3)"));
    assert_eq!(filter(&narrowed, USER).as_deref(), Some("(id = $user.id:uuid and level < 3)"));
    let defined = with(None, vec![own(Some("level < 3"))]);
    assert_eq!(filter(&defined, POST).as_deref(), Some("level < 3"));
    // What grants nothing does not close what others grant.
    let beside = with(None, vec![own(None), AclGrant::Roles { roles: vec!["user".into()], row_level: None }]);
    assert_eq!(filter(&beside, POST).as_deref(), Some("true"));
}

#[test]
fn a_field_is_read_and_written_by_its_roles() {
    let schema = schema_with(|entities| {
        for verb in Verb::ALL {
            grant(&mut entities[1], verb, AclGrant::Public { row_level: None });
        }
        let admins = || Some(vec!["admin".to_owned()]);
        entities[1].fields[2].acl = FieldAcl { read: admins(), write: None, check: None };
        entities[1].fields[3].acl = FieldAcl { read: None, write: admins(), check: None };
        entities[1].fields[4].acl = FieldAcl { read: Some(vec!["system".into()]), write: Some(vec![]), check: None };
    });
    let policy = Policy::from_acl(&schema).0;
    assert_eq!(readable(&schema, &policy, &role("user"), POST), ["id", "author_id", "level", "views"]);
    assert_eq!(writable(&schema, &policy, &role("user"), POST), ["author_id", "title", "views"]);
    assert_eq!(readable(&schema, &policy, &role("admin"), POST), ["id", "author_id", "title", "level", "views"]);
    assert_eq!(readable(&schema, &policy, &role("system"), POST), ["id", "author_id", "level", "views"]);
    assert_eq!(writable(&schema, &policy, &role("admin"), POST), ["author_id", "title", "level", "views"]);
}

#[test]
fn fields_of_rules_never_show_a_row_against_its_rule() {
    let schema = schema();
    let of = |text: &str, caller: &Principal| readable(&schema, &rules(&schema, text), caller, POST);
    // Equal row filters, written differently, add up.
    let equal = "
rules:
  - { entity: Post, role: [a], operations: [read], row_level_filter: 'level <= 3', fields: { read: [title] } }
  - { entity: Post, role: [a], operations: [read], row_level_filter: 'level<=3', fields: { read: [views] } }";
    assert_eq!(of(equal, &role("a")), ["id", "title", "views"]);
    // Different ones leave what both show.
    let different = "
rules:
  - { entity: Post, role: [a], operations: [read], row_level_filter: level <= 3, fields: { read: [title, views] } }
  - { entity: Post, role: [a], operations: [read], row_level_filter: level >= 5, fields: { read: [views] } }";
    assert_eq!(of(different, &role("a")), ["id", "views"]);
    // A rule for all rows speaks for the rows of the other, not the other way round.
    let wide = "
rules:
  - { entity: Post, role: [a], operations: [read], fields: { read: [title] } }
  - { entity: Post, role: [a], operations: [read], row_level_filter: level <= 3, fields: { read: [views] } }";
    assert_eq!(of(wide, &role("a")), ["id", "title"]);
    // Only rules of the caller's roles count.
    let roles = "
rules:
  - { entity: Post, role: [a], operations: [read], fields: { read: [title] } }
  - { entity: Post, role: [b], operations: [read] }";
    assert_eq!(of(roles, &role("a")), ["id", "title"]);
    assert_eq!(of(roles, &role("b")).len(), 6);
    // None but the key.
    let none = "rules: [{ entity: Post, role: a, operations: read, fields: { read: [] } }]";
    assert_eq!(of(none, &role("a")), ["id"]);
    // Taken away again.
    let hidden = "
rules:
  - { entity: Post, role: [a, b], operations: [read] }
  - { entity: Post, role: [b], operations: [read], effect: forbid, fields: { read: [title] } }";
    assert_eq!(of(hidden, &role("a")).len(), 6);
    assert_eq!(of(hidden, &role("b")), ["id", "author_id", "level", "state", "views"]);
}

#[test]
fn a_forbid_rule_beats_every_permit() {
    let schema = schema();
    let policy = rules(
        &schema,
        "
rules:
  - { entity: Post, role: [a], operations: [read, update] }
  - { entity: Post, role: [barred], operations: [read], effect: forbid }",
    );
    let mut both = role("a");
    both.roles.push("barred".into());
    assert!(policy.permits(&role("a"), POST, Verb::Read).is_ok());
    assert!(policy.permits(&both, POST, Verb::Read).is_err());
    assert!(policy.permits(&both, POST, Verb::Update).is_ok());
    assert!(readable(&schema, &policy, &both, POST).is_empty());
}

#[test]
fn row_filters_can_be_switched_off_without_opening_verbs() {
    let schema = schema();
    let text = "
rules:
  - { entity: Post, role: [a], operations: [read], row_level_filter: level <= $user.level }
  - { entity: Post, role: [a], operations: [read], effect: forbid, row_level_filter: level = 5 }
  - { entity: Post, role: [a], operations: [read, delete] , effect: forbid, fields: { read: [title] } }";
    let policy = rules(&schema, text);
    let version = policy.version();
    let open = policy.without_row_filters();
    assert_ne!(open.version(), version);
    assert!(open.permits(&role("a"), POST, Verb::Read).is_ok());
    assert!(open.permits(&role("a"), POST, Verb::Delete).is_err());
    assert!(!readable(&schema, &open, &role("a"), POST).contains(&"title".to_owned()));
}

#[test]
fn the_shape_key_tells_apart_what_changes_a_query() {
    let schema = schema();
    let text = "rules: [{ entity: Post, role: [a, b], operations: [read], row_level_filter: level <= $user.level }]";
    let policy = rules(&schema, text);
    let with = |level: Value| role("a").claim("level", level);
    let key = |caller: &Principal| policy.shape_key(caller);
    assert_eq!(key(&with(1.into())), key(&with(9.into())), "values are parameters");
    let mut keys = vec![
        key(&role("a")),
        key(&role("b")),
        key(&Principal::anonymous()),
        key(&with(Value::Null)),
        key(&with(1.into())),
        key(&with("1".into())),
        key(&with(true.into())),
        rules(&schema, text).shape_key(&role("a")),
    ];
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count);
    let mut twice = with(1.into());
    twice.roles = vec!["stranger".into(), "a".into(), "a".into()];
    assert_eq!(key(&twice), key(&with(1.into())), "roles that no rule mentions change nothing");
}

#[test]
fn never_exposed_fields_are_hidden_even_if_nobody_marked_them() {
    let schema = schema_with(|entities| {
        entities[2].fields.push(field("internal", FieldType::Integer));
        entities[2].security.never_expose = vec![FieldId(2)];
        grant(&mut entities[2], Verb::Read, AclGrant::Public { row_level: None });
    });
    let policy = Policy::from_acl(&schema).0;
    assert_eq!(readable(&schema, &policy, &role("god"), super::TAG), ["id", "word"]);
}
