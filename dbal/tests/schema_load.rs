//! The schema loader: every rule with the place of its fault, what is derived, and what cannot panic.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use dbal::Value;
use dbal::schema::{
    AclGrant, Bound, DefaultValue, Entity, Field, FieldId, FieldType, Generator, Loaded, Referential, RelationKind,
    Schema, StoredAs, TextKind, Verb, check, load_dir, load_sources, load_value,
};
use dbal::{Error, ErrorKind, value};

fn sources(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn load(files: &[(&str, &str)]) -> Loaded {
    load_sources(sources(files)).unwrap_or_else(|faults| panic!("{faults}"))
}

fn quiet(files: &[(&str, &str)]) -> Schema {
    let loaded = load(files);
    assert_eq!(warnings(&loaded), "");
    loaded.schema
}

fn warnings(loaded: &Loaded) -> String {
    loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn faults_of(files: &[(&str, &str)]) -> String {
    load_sources(sources(files)).expect_err("the schema is faulty").to_string()
}

/// The faults of one entity `Item` with a sound key and these lines as further fields, from line 4 on.
fn field_faults(fields: &str) -> String {
    faults_of(&[("a.yaml", &item(fields))])
}

fn item(fields: &str) -> String {
    format!("entity: Item\nfields:\n  id: {{type: uuid, primary: true, generated: true}}\n{fields}\n")
}

/// The schema of one entity `Item` with a field `f`.
fn with_field(field: &str) -> Schema {
    quiet(&[("a.yaml", &item(&format!("  f: {field}")))])
}

fn f(schema: &Schema) -> &Field {
    field(entity(schema, "Item"), "f")
}

fn entity<'s>(schema: &'s Schema, name: &str) -> &'s Entity {
    schema.entity(schema.by_name(name).unwrap())
}

fn field<'s>(entity: &'s Entity, name: &str) -> &'s Field {
    entity.field(entity.field_by_name(name).unwrap())
}

fn relation(entity: &Entity, name: &str) -> (RelationKind, u16, u16, u16) {
    let relation = entity.relation(entity.relation_by_name(name).unwrap_or_else(|| panic!("no relation {name}")));
    (relation.kind, relation.target.0, relation.local.0, relation.remote.0)
}

#[test]
fn the_reference_contract_loads_without_a_warning() {
    let loaded =
        load_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../api/schema")).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(warnings(&loaded), "");
    let schema = &loaded.schema;
    let names: Vec<&str> = schema.entities().map(|(_, entity)| entity.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "ComponentHierarchy",
            "Credential",
            "LuaScript",
            "Package",
            "PageView",
            "Session",
            "User",
            "Workflow",
            // For the rate limit of Credential.verify.
            "DbalRateLimit"
        ]
    );
    let user = entity(schema, "User");
    assert!(field(user, "username").required && !field(user, "role").required && !field(user, "role").nullable);
    assert_eq!(user.acl.grants(Verb::Create), [AclGrant::Public { row_level: None }]);
    let token = field(entity(schema, "Session"), "token");
    assert_eq!(
        (token.generated, token.stored_as, token.required),
        (Some(Generator::Token), Some(StoredAs::Sha256), false)
    );
    let components = entity(schema, "ComponentHierarchy");
    assert!(field(components, "parent_id").nullable);
    assert_eq!(relation(components, "parent").0, RelationKind::BelongsTo);
    assert_eq!(relation(components, "children").0, RelationKind::HasMany);
    let verify = entity(schema, "Credential").operation("verify").unwrap();
    assert!(verify.public && verify.runs_as_system && verify.required == ["username", "password"]);
    assert!(verify.rest.as_map().unwrap().get("steps").is_some());
    assert!(schema.malicious.iter().any(|pattern| pattern.pattern.is_match("<script>")));
}

#[test]
fn required_optional_and_nullable() {
    // (declaration, a create must give it, null is allowed)
    for (declared, required, nullable) in [
        ("{type: string}", false, true),
        ("{type: string, required: true}", true, false),
        ("{type: string, required: false}", false, true),
        ("{type: string, required: true, nullable: true}", true, true),
        ("{type: string, nullable: false}", true, false),
        ("{type: string, optional: true}", false, true),
        ("{type: string, optional: true, nullable: false, default: x}", false, false),
        ("{type: string, optional: false}", true, false),
        ("{type: integer, required: true, default: 0}", false, false),
        ("{type: integer, default: 0}", false, true),
        ("{type: datetime, required: true, generated: true}", false, false),
        ("{type: datetime, required: true, auto_update: true}", false, false),
        ("{type: integer, version: true}", false, false),
        ("string", false, true),
        ("{type: string?, required: true}", true, true),
    ] {
        let schema = with_field(declared);
        assert_eq!((f(&schema).required, f(&schema).nullable), (required, nullable), "{declared}");
    }
    let both = load(&[("a.yaml", &item("  f: {type: string, required: true, optional: true}"))]);
    assert_eq!(warnings(&both), "a.yaml:4:37: warning: both required and optional; optional holds");
    let key = quiet(&[("a.yaml", "entity: Item\nfields: {code: {type: string, primary: true}}")]);
    assert!(field(entity(&key, "Item"), "code").required);
}

#[test]
fn types_and_their_other_names() {
    for (written, expected) in [
        ("uuid", "uuid"),
        ("String", "string"),
        ("varchar(20)", "string"),
        ("cuid", "string"),
        ("int", "integer"),
        ("Number", "float"),
        ("bigint", "bigint"),
        ("Boolean", "boolean"),
        ("DateTime", "datetime"),
        ("timestamp", "datetime"),
        ("Json", "json"),
        ("string[]", "json"),
        ("object", "json"),
        ("decimal(10, 2)", "decimal"),
        ("enum(a, b)", "enum"),
        ("bytes", "bytes"),
        ("email", "email"),
        ("date", "date"),
    ] {
        let schema = with_field(&format!("{{type: '{written}'}}"));
        assert_eq!(f(&schema).ty.as_str(), expected, "{written}");
    }
    let schema = with_field("{type: decimal, precision: 10, scale: 2, min: 0.10, max: 9.99}");
    assert_eq!(f(&schema).ty, FieldType::Decimal { precision: Some(10), scale: Some(2) });
    assert_eq!(f(&schema).min, Some(Bound::Decimal("0.1".parse().unwrap())));
    let schema = with_field("{type: number, dbType: INTEGER}");
    assert_eq!(f(&schema).ty, FieldType::BigInt);
    let schema = with_field("{type: string, enum: [G, PG-13, 18, true], default: 18}");
    assert_eq!(f(&schema).default, Some(DefaultValue::Value(value!("18"))));
    assert_eq!(
        field_faults(
            "  a: {type: strin}\n  b: {required: true}\n  c: {type: enum}\n  d: {type: enum, values: []}\n  e: {type: [x]}"
        ),
        "a.yaml:4:13: error: type: there is no type strin; did you mean string? Expected one of uuid, string, text, email, object_id, \
         enum, integer, bigint, float, decimal, boolean, datetime, date, json, bytes\n\
         a.yaml:5:3: error: the field b has no type\n\
         a.yaml:6:3: error: the enum c has no values\n\
         a.yaml:7:27: error: values: expected a list of words, found an empty one\n\
         a.yaml:8:13: error: type: expected a type's name, found a list"
    );
}

#[test]
fn generators_follow_the_type() {
    for (declared, expected) in [
        ("{type: uuid, generated: true}", Generator::Uuid),
        ("{type: integer, generated: true}", Generator::Sequence),
        ("{type: bigint, generated: true}", Generator::Sequence),
        ("{type: datetime, generated: true}", Generator::Now),
        ("{type: cuid, generated: true}", Generator::Cuid),
        ("{type: string, generated: token}", Generator::Token),
        ("{type: string, generated: uuid}", Generator::Uuid),
        ("{type: datetime, autoValue: now}", Generator::Now),
        ("{type: timestamp, auto_now_add: true}", Generator::Now),
        ("{type: datetime, autoSet: creation}", Generator::Now),
    ] {
        assert_eq!(f(&with_field(declared)).generated, Some(expected), "{declared}");
    }
    assert_eq!(
        field_faults(
            "  f: {type: boolean, generated: true}\n  g: {type: uuid, generated: sequenc}\n  h: {type: json, generated: token}"
        ),
        "a.yaml:4:33: error: generated: true makes no value of type boolean\n\
         a.yaml:5:30: error: generated: expected sequence (one of uuid, cuid, sequence, now, token), found the text \"sequenc\"\n\
         a.yaml:6:30: error: generated: token makes no value of type json"
    );
}

#[test]
fn timestamps_of_the_wild_count_milliseconds() {
    let schema = quiet(&[(
        "a.yaml",
        &item(
            "  createdAt: {type: bigint, generated: true}\n  updatedAt: {type: bigint, generated: true}\n  total: {type: bigint, generated: true}",
        ),
    )]);
    let entity = entity(&schema, "Item");
    let (created, updated) = (field(entity, "createdAt"), field(entity, "updatedAt"));
    assert_eq!((created.generated, created.auto_update), (Some(Generator::Now), false));
    assert_eq!((updated.generated, updated.auto_update), (Some(Generator::Now), true));
    assert_eq!(field(entity, "total").generated, Some(Generator::Sequence));
    let now = dbal::DateTime::from_epoch_millis(1_700_000_000_123).unwrap();
    assert_eq!(created.ty.instant(now), Value::Int(1_700_000_000_123));
    assert_eq!(FieldType::DateTime.instant(now), Value::DateTime(now));
}

#[test]
fn defaults_are_values_of_the_type() {
    for (declared, expected) in [
        ("{type: datetime, default: now}", DefaultValue::Now),
        ("{type: uuid, default: uuid}", DefaultValue::Uuid),
        ("{type: string, default: now}", DefaultValue::Value(value!("now"))),
        ("{type: json, default: {}}", DefaultValue::Value(value!({}))),
        ("{type: json, default: []}", DefaultValue::Value(value!([]))),
        ("{type: boolean, default: false}", DefaultValue::Value(value!(false))),
        ("{type: float, default: 1}", DefaultValue::Value(value!(1.0))),
        ("{type: bigint, defaultValue: 'current_timestamp_ms()'}", DefaultValue::Now),
    ] {
        assert_eq!(f(&with_field(declared)).default.as_ref(), Some(&expected), "{declared}");
    }
    assert_eq!(
        field_faults(
            "  a: {type: integer, default: many}\n  b: {type: enum, values: [x, y], default: z}\n  c: {type: integer, max: 5, default: 6}\n  d: {type: string, required: true, default: null}\n  e: {type: boolean, default: 'yes'}"
        ),
        "a.yaml:4:31: error: default: expected an integer, got text\n\
         a.yaml:5:44: error: default: expected one of x, y\n\
         a.yaml:6:39: error: default: greater than 5\n\
         a.yaml:7:46: error: default: null, but d cannot be null\n\
         a.yaml:8:31: error: default: expected a boolean, got text"
    );
}

#[test]
fn rules_fit_their_type() {
    let schema = with_field("{type: string, minLength: 3, maxLength: 50, pattern: '^[a-z]+$'}");
    let name = f(&schema);
    assert_eq!((name.min_length, name.max_length), (Some(3), Some(50)));
    assert!(name.pattern.as_ref().unwrap().is_match("ada"));
    assert_eq!(
        field_faults(
            "  a: {type: string, min_length: 9, max_length: 3}\n  b: {type: integer, min: 5, max: 1}\n  c: {type: string, pattern: '(?=x)'}\n  d: {type: string, min: 1}\n  e: {type: integer, max_length: 3}\n  g: {type: integer, max: 3000000000}\n  h: {type: boolean, pattern: x}"
        ),
        "a.yaml:4:6: error: min_length 9 is greater than max_length 3\n\
         a.yaml:5:6: error: min of b is greater than its max\n\
         a.yaml:6:30: error: pattern: not a regular expression of Rust's regex: look-around, including look-ahead and look-behind, is not supported\n\
         a.yaml:7:21: error: min is for numbers; d is string; min_length limits text\n\
         a.yaml:8:22: error: max_length is for text and bytes; e is integer\n\
         a.yaml:9:27: error: max: expected a number that type integer can hold, found the number 3000000000\n\
         a.yaml:10:22: error: pattern is for text; h is boolean"
    );
}

#[test]
fn keys_of_a_field_agree() {
    assert_eq!(
        field_faults(
            "  a: {type: json, unique: true}\n  b: {type: integer, auto_update: true}\n  c: {type: string, version: true}\n  d: {type: integer, stored_as: sha256}\n  e: {type: string, stored_as: argon2id, unique: true}\n  g: {type: uuid, generated: true, default: uuid}\n  h: {type: string, unique: yes}"
        ),
        "a.yaml:4:3: error: a is json, which cannot be unique or indexed\n\
         a.yaml:5:3: error: auto_update is for a datetime; b is integer\n\
         a.yaml:6:3: error: version is for an integer or bigint; c is string\n\
         a.yaml:7:3: error: stored_as is for text; d is integer\n\
         a.yaml:8:3: error: e is stored as argon2id, whose hashes of one value all differ, so it cannot be unique\n\
         a.yaml:9:3: error: g has both a generator and a default; keep one\n\
         a.yaml:10:29: error: unique: expected true or false, found the text \"yes\""
    );
}

#[test]
fn a_key_is_there_and_sound() {
    let text = "entity: Item\nfields:\n  a: {type: uuid, primary: true}\n  b: {type: uuid, primary: true}\n  c: {type: json}\n";
    let several = quiet(&[("a.yaml", text)]);
    let names = |id: &FieldId| entity(&several, "Item").field(*id).name.to_string();
    assert_eq!(names(&entity(&several, "Item").key), "a");
    assert_eq!(entity(&several, "Item").key_rest.iter().map(names).collect::<Vec<_>>(), ["b"]);
    let none = "entity: Item\nfields:\n  name: {type: string}\n";
    assert_eq!(faults_of(&[("a.yaml", none)]), "a.yaml:1:9: error: Item has no key; mark one field primary: true");
    let json = "entity: Item\nfields:\n  id: {type: json, primary: true, nullable: true}\n";
    assert_eq!(
        faults_of(&[("a.yaml", json)]),
        "a.yaml:3:3: error: the key id cannot be null\n\
         a.yaml:3:3: error: the key id cannot be of type json; expected uuid, string, integer or another with an order"
    );
    let wild = load(&[("a.yaml", "name: item\nfields:\n  id: {type: string, required: true, unique: true}\n")]);
    assert_eq!(warnings(&wild), "a.yaml:3:3: warning: no field of item is marked primary; id is taken for the key");
    assert_eq!(faults_of(&[("a.yaml", "entity: Item\n")]), "a.yaml:1:9: error: the entity Item has no fields");
    assert_eq!(
        faults_of(&[("errors.yaml", "NOT_FOUND: 1\n")]),
        "schema: error: no entity found; one is a document with the key entity"
    );
}

#[test]
fn names_are_names_and_differ() {
    assert_eq!(
        field_faults("  9a: string\n  _dbal_x: string\n  a.b: string\n  Name: string\n  name: string"),
        "a.yaml:4:3: error: 9a cannot be a field's name: expected letters, digits and underscores, not beginning with a digit\n\
         a.yaml:5:3: error: _dbal_x cannot be a field's name: names that begin so belong to the database or to the engine\n\
         a.yaml:6:3: error: a.b cannot be a field's name: expected letters, digits and underscores, not beginning with a digit\n\
         a.yaml:8:3: error: the column of name is also that of Name (case does not count)"
    );
    let one = item("");
    let other = one.replace("Item", "Items");
    assert_eq!(
        faults_of(&[("a.yaml", &one), ("b.yaml", &other)]),
        "b.yaml:1:9: error: the plural items of Items is also that of Item in a.yaml:1\n\
         b.yaml:1:9: error: the table items of Items is also that of Item in a.yaml:1"
    );
    assert_eq!(
        faults_of(&[("a.yaml", &one), ("b.yaml", &one)]),
        "b.yaml:1:9: error: the entity Item is already declared in a.yaml:1"
    );
    assert_eq!(
        faults_of(&[("a.yaml", &format!("plural: transaction\n{one}"))]),
        "a.yaml:1:9: error: the plural transaction is taken by the client itself; declare another"
    );
    assert!(field_faults("  name: string\n  name: text").contains("a.yaml:5:3: error: the key name comes twice"));
}

const USER: &str = "entity: User\nfields:\n  id: {type: uuid, primary: true}\n  name: {type: string, unique: true}\n  nick: {type: string}\n";

fn with_user(fields: &str) -> Vec<(String, String)> {
    sources(&[("user.yaml", USER), ("a.yaml", &item(fields))])
}

#[test]
fn foreign_keys_point_somewhere() {
    let fields = "  a: {type: uuid, foreign_key: {entity: Usr, field: id}}\n  b: {type: uuid, foreign_key: {entity: User, field: idd}}\n  c: {type: string, foreign_key: {entity: User, field: nick}}\n  d: {type: string, foreign_key: User}\n  e: {type: uuid, required: true, foreign_key: {entity: User, on_delete: set_null}}\n  g: {type: uuid, foreign_key: {entity: User, on_delete: cascad}}\n  h: {type: uuid, foreign_key: {field: id}}";
    let faults = load_sources(with_user(fields)).unwrap_err().to_string();
    assert_eq!(
        faults,
        "a.yaml:4:41: error: foreign_key of a: there is no entity Usr; did you mean User?\n\
         a.yaml:5:54: error: foreign_key of b: User has no field idd; did you mean id?\n\
         a.yaml:6:21: error: foreign_key of c: User.nick is neither the key nor unique, so it cannot be pointed at\n\
         a.yaml:7:21: error: foreign_key of d: d is string, but User.id is uuid\n\
         a.yaml:8:35: error: foreign_key of e: on_delete set_null, but e cannot be null; make it nullable\n\
         a.yaml:9:58: error: on_delete: expected cascade (one of restrict, cascade, set_null), found the text \"cascad\"\n\
         a.yaml:10:19: error: foreign_key: expected entity, the name of the entity it points to"
    );
    let fields = "  user_id: {type: uuid, foreignKey: {entity: User, field: id, onDelete: set_null}}\n  user_name: {type: string, references: User.name}";
    let loaded = load_sources(with_user(fields)).unwrap();
    let item = entity(&loaded.schema, "Item");
    let key = field(item, "user_id").foreign_key.unwrap();
    assert_eq!(
        (key.entity, key.field.0, key.on_delete),
        (loaded.schema.by_name("User").unwrap(), 0, Referential::SetNull)
    );
    assert_eq!(field(item, "user_name").foreign_key.unwrap().field.0, 1);
}

#[test]
fn relations_are_derived() {
    let post = "entity: Post\nfields:\n  id: {type: uuid, primary: true}\n  author_id: {type: uuid, foreign_key: User}\n  editor_id: {type: uuid, foreign_key: User}\n";
    let comment = "entity: Comment\nfields:\n  id: {type: uuid, primary: true}\n  post_id: {type: uuid, foreign_key: Post}\n  parent_id: {type: uuid, foreign_key: Comment}\n  created_by: {type: uuid, foreign_key: User}\n";
    let profile = "entity: Profile\nfields:\n  id: {type: uuid, primary: true}\n  userId: {type: uuid, unique: true, foreign_key: User}\n  user: {type: string}\n";
    let schema = quiet(&[("1.yaml", USER), ("2.yaml", post), ("3.yaml", comment), ("4.yaml", profile)]);
    let names =
        |name: &str| -> Vec<String> { entity(&schema, name).relations.iter().map(|r| r.name.clone()).collect() };
    assert_eq!(names("User"), ["posts_by_author", "posts_by_editor", "comments", "profile"]);
    assert_eq!(names("Post"), ["author", "editor", "comments"]);
    assert_eq!(names("Comment"), ["post", "parent", "children", "created_by_user"]);
    assert_eq!(names("Profile"), ["userUser"]);
    assert_eq!(relation(entity(&schema, "Post"), "author"), (RelationKind::BelongsTo, 0, 1, 0));
    assert_eq!(relation(entity(&schema, "User"), "posts_by_editor"), (RelationKind::HasMany, 1, 0, 2));
    assert_eq!(relation(entity(&schema, "User"), "profile"), (RelationKind::HasOne, 3, 0, 1));
    assert_eq!(relation(entity(&schema, "Comment"), "children"), (RelationKind::HasMany, 2, 0, 2));
}

#[test]
fn explicit_relations_win() {
    let post = "entity: Post\nfields:\n  id: {type: uuid, primary: true}\n  author_id: {type: uuid, foreign_key: User}\nrelations:\n  writer: {type: belongs_to, entity: User, foreign_key: author_id}\n  tags: {type: many_to_many, entity: Tag, through: PostTag}\n";
    let tag = "entity: Tag\nfields: {id: {type: uuid, primary: true}}\n";
    let between = "entity: PostTag\nfields:\n  id: {type: uuid, primary: true}\n  post_id: {type: uuid, foreign_key: Post}\n  tag_id: {type: uuid, foreign_key: Tag}\n";
    let files = [("1.yaml", USER), ("2.yaml", post), ("3.yaml", tag), ("4.yaml", between)];
    let schema = quiet(&files);
    let post_entity = entity(&schema, "Post");
    let names: Vec<&str> = post_entity.relations.iter().map(|relation| relation.name.as_str()).collect();
    assert_eq!(names, ["writer", "tags", "post_tags"]);
    let tags = post_entity.relation(post_entity.relation_by_name("tags").unwrap());
    let through = tags.through.unwrap();
    assert_eq!((through.this.0, through.other.0, tags.local.0, tags.remote.0), (1, 2, 0, 0));

    let broken = "entity: Post\nfields:\n  id: {type: uuid, primary: true}\n  author_id: {type: uuid, foreign_key: User}\nrelations:\n  a: {type: belongs_to, entity: Usr}\n  b: {type: belongs_to, entity: User, foreign_key: autor_id}\n  c: {type: has_one, entity: Tag}\n  d: {entity: User}\n  e: {type: has_mny, entity: User}\n  author_id: {type: belongs_to, entity: User}\n  f: {type: many_to_many, entity: Tag}\n";
    assert_eq!(
        faults_of(&[("1.yaml", USER), ("2.yaml", broken), ("3.yaml", tag)]),
        "2.yaml:6:3: error: the relation a: there is no entity Usr; did you mean User?\n\
         2.yaml:7:3: error: the relation b: Post has no field autor_id; did you mean author_id?\n\
         2.yaml:8:3: error: the relation c: no field of Tag points to Post; say foreign_key, a field of Tag\n\
         2.yaml:9:3: error: a relation needs a type: belongs_to, has_one, has_many or many_to_many\n\
         2.yaml:10:13: error: type: expected has_many (one of belongs_to, has_one, has_many, many_to_many), found the text \"has_mny\"\n\
         2.yaml:11:3: error: the relation author_id: a field of that name exists already\n\
         2.yaml:12:3: error: the relation f: many_to_many needs through, the entity in between"
    );
}

#[test]
fn indexes_have_stable_names_that_fit() {
    let text = item(
        "  email: {type: email, unique: true}\n  user_id: {type: uuid, foreign_key: Item}\n  level: {type: integer, index: true}\n  name: {type: string}\nindexes:\n  - fields: [email]\n    unique: true\n  - {fields: [user_id, level]}\n  - {fields: [name], unique: true}\n  - {fields: [name, level], where: 'level > 3'}\n  - {fields: [name, level], unique: true, name: best name}",
    );
    let schema = quiet(&[("a.yaml", &text)]);
    let item = entity(&schema, "Item");
    let all: Vec<(&str, bool, usize)> =
        item.indexes.iter().map(|i| (i.name.as_str(), i.unique, i.fields.len())).collect();
    assert_eq!(
        all,
        [
            ("items_user_id_level_idx", false, 2),
            ("items_name_level_idx", false, 2),
            ("items_best_name", true, 2),
            ("items_email_key", true, 1),
            ("items_level_idx", false, 1),
            ("items_name_key", true, 1),
        ]
    );
    assert!(field(item, "name").unique, "a unique index over one field makes it unique");
    assert_eq!(item.indexes[1].filter.as_ref().map(|filter| filter.text.as_str()), Some("level > 3"));

    let long = "x".repeat(60);
    let text = format!("{}  {long}: {{type: string, unique: true}}\n", item_text());
    let schema = quiet(&[("a.yaml", &text)]);
    assert_eq!(entity(&schema, "Item").indexes[0].name.len(), 63);
    assert_eq!(
        field_faults("indexes:\n  - {fields: [idd]}\n  - {unique: true}\n  - {fields: [id], uniqe: true}"),
        "a.yaml:5:15: error: indexes: Item has no field idd; did you mean id?\n\
         a.yaml:6:5: error: an index of Item needs fields, a list of names\n\
         a.yaml:7:20: warning: unknown key uniqe in an index of Item; did you mean unique?"
    );
}

fn item_text() -> String {
    item("").trim_end().to_owned() + "\n"
}

#[test]
fn whole_entity_rules_name_their_fields() {
    assert_eq!(
        field_faults(
            "  n: {type: integer}\n  t: {type: text}\n  s: {type: string, sensitive: true}\nowner: user_id\nttl: {field: n, auto_delete: true, after: 5}\nsearchable: [t, n, s, x]\nsecurity: {never_expose: [tt], scan_for_malicious: [n], audit: true}"
        ),
        "a.yaml:1:9: error: searchable: s is sensitive, and a search would tell what it holds\n\
         a.yaml:7:8: error: owner: Item has no field user_id\n\
         a.yaml:8:14: error: ttl: n is integer; expected a datetime\n\
         a.yaml:8:36: error: unknown key after in ttl of Item; expected one of field, auto_delete\n\
         a.yaml:9:17: error: searchable: n is integer; expected text\n\
         a.yaml:9:23: error: searchable: Item has no field x\n\
         a.yaml:10:27: error: never_expose: Item has no field tt; did you mean t?\n\
         a.yaml:10:53: error: scan_for_malicious: n is integer; expected text\n\
         a.yaml:10:57: error: unknown key audit in security of Item; did you mean audit_all_access?"
    );
    let schema = quiet(&[(
        "a.yaml",
        &item("  until: {type: datetime}\n  code: {type: text}\nttl: {field: until}\nsearchable: [code]\nowner: id\nsecurity: {never_expose: [code], scan_for_malicious: [code]}").replace("searchable: [code]\n", ""),
    )]);
    let item = entity(&schema, "Item");
    assert_eq!((item.ttl.unwrap().field.0, item.ttl.unwrap().auto_delete, item.owner.unwrap().0), (1, false, 0));
    assert!(field(item, "code").sensitive, "never_expose marks the field");
}

#[test]
fn a_hash_has_no_words() {
    assert_eq!(
        field_faults("  t: {type: text, stored_as: sha256}\nsearchable: [t]"),
        "a.yaml:1:9: error: searchable: t is stored as a hash, which has no words"
    );
}

fn grants(acl: &str, verb: Verb) -> Vec<AclGrant> {
    let schema = quiet(&[("a.yaml", &item(&format!("  user_id: uuid\nacl:\n{acl}")))]);
    entity(&schema, "Item").acl.grants(verb).to_vec()
}

fn roles(roles: &[&str], row_level: Option<&str>) -> AclGrant {
    AclGrant::Roles {
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        row_level: row_level.map(str::to_owned),
    }
}

#[test]
fn access_is_granted_as_written_and_nothing_more() {
    assert_eq!(grants("  read: {public: true}", Verb::Read), [AclGrant::Public { row_level: None }]);
    assert_eq!(grants("  read: {public: true}", Verb::Update), []);
    assert_eq!(grants("  read: {public: false}", Verb::Read), []);
    assert_eq!(grants("  delete: false", Verb::Delete), [AclGrant::System]);
    assert_eq!(grants("  read: {admin: true}", Verb::Read), [roles(&["admin", "god", "supergod"], None)]);
    assert_eq!(grants("  read: {role: [a, b], moderator: true}", Verb::Read), [roles(&["a", "b", "moderator"], None)]);
    assert_eq!(grants("  read: {role: editor, row_level: 'x = 1'}", Verb::Read), [roles(&["editor"], Some("x = 1"))]);
    // Nothing says whose a row is, so the expression does, and the moderator is not held to it.
    let own = AclGrant::Own { row_level: Some("user_id = $user.id".into()) };
    assert_eq!(
        grants("  update: {self: true, row_level: user_id = $user.id, moderator: true}", Verb::Update),
        [roles(&["moderator"], None), own.clone()]
    );
    // With an owner it narrows everything it stands beside.
    assert_eq!(
        grants("  update: {self: true, admin: true, row_level: user_id = $user.id}\nowner: user_id", Verb::Update),
        [roles(&["admin", "god", "supergod"], Some("user_id = $user.id")), own]
    );
}

#[test]
fn what_is_not_understood_opens_no_door() {
    let acl = "acl:\n  read: {pubic: true}\n  raed: {public: true}\n  create: {public: yes}\n  update: {role: 5, row_level: }\n  delete: {row_level: 'a = 1'}";
    assert_eq!(
        field_faults(acl),
        "a.yaml:5:10: error: acl of Item, read: unknown key pubic; did you mean public? A role of that name is written role: [pubic]\n\
         a.yaml:6:3: error: acl of Item: there is no verb raed; did you mean read? (expected create, read, update or delete)\n\
         a.yaml:7:20: error: acl of Item, create: public: expected true or false, found the text \"yes\"\n\
         a.yaml:8:18: error: acl of Item, update: role: expected a list of roles, found the number 5\n\
         a.yaml:8:30: error: acl of Item, update: row_level: expected an expression as text, found nothing\n\
         a.yaml:9:3: error: acl of Item, delete: row_level refines a grant, and there is none beside it"
    );
    assert_eq!(
        field_faults(
            "  f: {type: string, acl: {read: [a], wriet: [b]}}\nacl: {read: {roles_of: [x]}, update: [admin], delete: }"
        ),
        "a.yaml:4:38: error: unknown key wriet in acl of the field f; did you mean write?\n\
         a.yaml:5:14: error: acl of Item, read: unknown key roles_of (expected public, self, admin, system, role, row_level, or a role's name with true)\n\
         a.yaml:5:38: error: acl of Item, update: expected a mapping such as { role: [editor] } or { public: true }, found a list\n\
         a.yaml:5:53: error: acl of Item, delete: expected a mapping such as { role: [editor] } or { public: true }, found nothing"
    );
    let wild = load(&[(
        "a.yaml",
        &item(
            "acl:\n  read: {public: true, min_level: 3}\n  update: [{authenticated: true}]\n  permissions: {editor: [read]}\n  delete: {self: true}",
        ),
    )]);
    let item = entity(&wild.schema, "Item");
    assert_eq!(
        (item.acl.grants(Verb::Read), item.acl.grants(Verb::Update)),
        (&[AclGrant::System][..], &[AclGrant::System][..])
    );
    assert_eq!(
        warnings(&wild),
        "a.yaml:5:24: warning: acl of Item, read: min_level cannot be said here; the verb is for trusted code only\n\
         a.yaml:6:3: warning: acl of Item, update: a list of conditions cannot be said here; the verb is for trusted code only\n\
         a.yaml:7:3: warning: acl of Item: permissions cannot be read; it grants nobody anything\n\
         a.yaml:8:3: warning: acl of Item, delete: self grants nothing, because Item declares no owner; declare owner"
    );
}

#[test]
fn unknown_keys_warn_in_descriptions_and_fields() {
    let loaded = load(&[("a.yaml", &item("  f: {type: string, requird: true, label: x}\ncolour: red"))]);
    assert_eq!(
        warnings(&loaded),
        "a.yaml:4:21: warning: unknown key requird in the field f of Item; did you mean required?\n\
         a.yaml:5:1: warning: unknown key colour in the entity Item; it is ignored"
    );
}

#[test]
fn operations_attach_by_name() {
    let operations = "operations:\n  list:\n    input: {optional: [page]}\n    output: Item[]\n    acl_required: ['item:read']\n    max_limit: 50\n    default_limit: 10\n  verify:\n    input: [name, code?]\n    output: boolean\n    public: true\n    runs_as: system\n    rate_limit: {max_attempts: 5, window_seconds: 300, per: name}\n    security: {audit: true, never_log_code: true}\n    steps: [{return: true}]\n";
    for files in [
        vec![("deep/item.yaml", item("")), ("ops/item.ops.yaml", operations.to_owned())],
        vec![("a.yaml", format!("{}---\nentity: Item\n{operations}", item("")))],
        vec![("a.yaml", format!("{}{operations}", item("")))],
    ] {
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let schema = quiet(&files);
        let list = entity(&schema, "Item").operation("list").unwrap().clone();
        assert_eq!((list.max_limit, list.default_limit, list.output.as_deref()), (Some(50), Some(10), Some("Item[]")));
        let verify = entity(&schema, "Item").operation("verify").unwrap();
        assert_eq!((&verify.required[..], &verify.optional[..]), (&["name".to_owned()][..], &["code".to_owned()][..]));
        assert!(verify.public && verify.runs_as_system);
        assert_eq!(verify.rest.as_map().unwrap().get("steps"), Some(&value!([{ "return": true }])));
    }
    let broken = "operations:\n  a: {public: true, system_only: true}\n  b: {rate_limit: {max_attempts: 5, per: x}, runs_as: root}\n  c: {security: {never_log: true}, input: {required: [x], optional: [x]}, default_limit: 9, max_limit: 3}\n  d: {max_limits: 3}\n";
    assert_eq!(
        faults_of(&[("a.yaml", &item("")), ("item.ops.yaml", broken), ("itm.ops.yaml", "operations: {}\n")]),
        "item.ops.yaml:2:3: error: a is both public and system_only; keep one\n\
         item.ops.yaml:3:7: error: rate_limit of b needs max_attempts and window_seconds\n\
         item.ops.yaml:3:42: error: per: expected principal or an input field of the operation, found the text \"x\"\n\
         item.ops.yaml:3:55: error: runs_as: expected one of caller, system, found the text \"root\"\n\
         item.ops.yaml:4:3: error: c: default_limit 9 is greater than max_limit 3\n\
         item.ops.yaml:4:18: error: unknown key never_log in security of c; expected audit or never_log_<field>\n\
         item.ops.yaml:4:36: error: input of c: x comes twice\n\
         item.ops.yaml:5:7: warning: unknown key max_limits in the operation d of Item; did you mean max_limit?\n\
         itm.ops.yaml:1:1: error: operations of itm: there is no such entity; did you mean Item?"
            .replace("the operation d of Item", "the operation d of item")
    );
}

#[test]
fn bodies_are_checked_when_they_are_loaded() {
    let broken = "operations:\n  a:\n    input: {required: [id], optional: [n]}\n    steps:\n      - {operation: updat, id: {$input: id}}\n      - {operation: update, id: {$input: idd}, data: {nn: 1}}\n      - {operation: find_many, filter: {n: {$input: n}}, save: all}\n      - {operation: first, entity: Itm}\n      - {operation: create, data: {n: five}, save: made}\n      - {operation: create, dta: {}}\n      - {delete_expired: {}}\n      - {verify_secret: {where: {n: 1}, field: n, input: x}}\n      - return: [{$ref: mad}, {$ref: made.m}, {$now: false}]\n      - {operation: count}\n";
    let item = item("  n: {type: integer}");
    let faults = faults_of(&[("a.yaml", &item), ("item.ops.yaml", broken)]);
    for expected in [
        "5:21: error: a: a step cannot be the operation updat; did you mean update?",
        "6:42: error: a: there is no input idd; did you mean id?",
        "6:55: error: a: Item has no field nn; did you mean n?",
        "7:44: error: a: $input: n may be left out; say $given to leave its condition out then",
        "8:36: error: a: there is no entity Itm; did you mean Item?",
        "9:39: error: a: n: expected an integer, got text",
        "10:29: error: a: unknown option dta of create; expected data",
        "10:9: error: a: create needs data",
        "11:10: error: a: delete_expired: rows of Item do not expire",
        "12:10: error: a: verify_secret comes before all other steps",
        "error: a: verify_secret: n is no field of Item that is stored as a hash",
        "error: a: there is no input x",
        "error: a: $ref: no earlier step saves mad; did you mean made?",
        "error: a: $ref: Item has no field m",
        "error: a: $now: expected true, found false",
        "14:9: error: a: a step after return never runs",
    ] {
        assert!(faults.contains(expected), "{expected} is not in\n{faults}");
    }
    let shapes = "operations:\n  count: {output: integer, input: [n?]}\n  by_n: {output: 'Item[]', input: [n], pagination: true}\n  vague: {input: [x]}\n";
    let loaded = load(&[("a.yaml", &item), ("item.ops.yaml", shapes)]);
    let told: Vec<&str> = loaded.derived.iter().map(|derived| derived.what.as_str()).collect();
    assert_eq!(told, ["operation count: counts rows", "operation by_n: a page of rows by n"]);
    assert!(warnings(&loaded).contains("vague says nothing of what it does"), "{}", warnings(&loaded));
}

#[test]
fn security_patterns() {
    let good = "patterns:\n  - {id: tag, pattern: '<script'}\n";
    assert_eq!(quiet(&[("a.yaml", &item("")), ("x/security.yaml", good)]).malicious[0].id, "tag");
    let bad =
        "patterns:\n  - {id: tag, pattern: '('}\n  - {pattern: x}\n  - {id: tag, pattern: y, flags: i}\nother: 1\n";
    assert_eq!(
        faults_of(&[("a.yaml", &item("")), ("security.yaml", bad)]),
        "security.yaml:2:24: error: pattern: not a regular expression of Rust's regex: unclosed group\n\
         security.yaml:3:5: error: a pattern needs id and pattern\n\
         security.yaml:4:27: error: unknown key flags in a pattern; expected one of id, pattern, description\n\
         security.yaml:5:1: error: unknown key other in security.yaml; expected one of patterns"
    );
}

#[test]
fn a_registry_names_files_that_are_loaded_once() {
    let registry = "entities:\n  - $ref: './core/item.yaml'\n  - $ref: ../user.yaml\n";
    let schema = quiet(&[("s/all.yaml", registry), ("s/core/item.yaml", &item("")), ("user.yaml", USER)]);
    assert_eq!(schema.entities().count(), 2);
    assert_eq!(
        faults_of(&[("s/all.yaml", "entities: [{$ref: ../../etc/passwd}, 5]\n"), ("s/item.yaml", &item(""))]),
        "s/all.yaml:1:19: error: $ref: ../etc/passwd is not among the files of this schema\n\
         s/all.yaml:1:38: error: entities: expected an entity or a $ref, found the number 5"
    );
    let inline = "entities:\n  Item:\n    fields: {id: {type: uuid, primary: true}}\noperations:\n  Item:\n    list: {output: 'Item[]'}\n";
    assert!(entity(&quiet(&[("a.yaml", inline)]), "Item").operation("list").is_some());
}

#[test]
fn a_host_may_give_objects() {
    let object = value!({
        "entities": [{ "entity": "Item", "fields": { "id": { "type": "uuid", "primary": true }, "n": { "type": "integer", "max": 5.0 } } }],
        "security": { "patterns": [{ "id": "a", "pattern": "x" }] }
    });
    let loaded = load_value(&object).unwrap();
    assert_eq!(field(entity(&loaded.schema, "Item"), "n").max, Some(Bound::Int(5)));
    let faulty = value!({ "entity": "Item", "fields": { "id": { "type": "uid", "primary": true } } });
    assert!(load_value(&faulty).unwrap_err().to_string().starts_with("schema: error: type: there is no type uid"));
    assert!(load_value(&Value::Int(5)).is_err());
}

#[test]
fn a_folder_with_everything_the_wild_has() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("entities/all.yaml", "entities:\n  - $ref: './shop/product.yaml'\n  - $ref: './mail.yml'\n");
    write(
        "entities/shop/product.yaml",
        "name: Product\ndisplayName: Product\npackage: shop\nfields:\n  id: {type: String, label: ID, required: true, primaryKey: true, defaultValue: 'gen_ulid()'}\n  name: {type: String, required: true, maxLength: 255, example: Chair}\n  price: {type: decimal, precision: 10, scale: 2, minimum: 0}\n  stock: {type: Number, defaultValue: 0, indexed: true}\n  tags: {type: 'string[]', nullable: true}\n  meta: {type: Json, default: {}}\n  status: {type: string, enum: [new, sold], default: new}\n  orders: {type: relationship, entity: order, relation: one-to-many, foreignKey: productId}\n  createdAt: {type: DateTime, required: true, autoCreate: true}\n  updatedAt: {type: DateTime, autoUpdate: true}\nrelations:\n  carts: {type: oneToMany, target: Basket, foreignKey: productId}\nindexes:\n  - {fields: [name, status], unique: false, name: idx_product}\n",
    );
    write(
        "entities/mail.yml",
        "entity: Order\nversion: 1.0\nfields:\n  id: {type: cuid, primary: true, generated: true}\n  productId: {type: String, required: true}\n  sentAt: {type: bigint, nullable: true}\n  createdAt: {type: bigint, generated: true}\nacl:\n  create: {user: true}\n  read: {self: true, row_level: 'productId = $user.id', admin: true}\n  delete: false\n---\nentity: Note\nfields: {id: {type: int, primary: true, generated: true}}\n",
    );
    write("operations/order.ops.yaml", "operations:\n  create: {output: Order, errors: [{CONFLICT: twice}]}\n");
    write("capabilities.yaml", "capabilities: {adapters: {}}\n");
    write(".hidden/broken.yaml", "{");
    write("readme.md", "not yaml: [");
    let loaded = load_dir(folder.path()).unwrap_or_else(|faults| panic!("{faults}"));
    let told = warnings(&loaded).replace(&format!("{}/", folder.path().display()), "");
    assert_eq!(
        told,
        "entities/shop/product.yaml:16:3: warning: the relation carts: there is no entity Basket; the relation is left out"
    );
    let product = entity(&loaded.schema, "Product");
    assert_eq!(field(product, "id").generated, Some(Generator::Cuid));
    assert_eq!((relation(product, "orders").0, field(product, "stock").index), (RelationKind::HasMany, true));
    assert_eq!(field(product, "createdAt").generated, Some(Generator::Now));
    assert!(field(product, "updatedAt").auto_update);
    let order = entity(&loaded.schema, "Order");
    assert_eq!((order.version.as_str(), order.operations.len()), ("1.0", 1));
    assert_eq!(field(order, "id").ty, FieldType::Text(TextKind::String));
    assert!(loaded.schema.by_plural("notes").is_some());
    let missing = load_dir(folder.path().join("nowhere")).unwrap_err().to_string();
    assert!(missing.contains("nowhere: error: cannot read this folder"), "{missing}");
}

#[test]
fn faults_of_all_files_come_together_and_become_one_error() {
    let faults =
        load_sources(sources(&[("a.yaml", &item("  f: {type: strng}")), ("b.yaml", "entity: B\nfields: [\n")]))
            .unwrap_err();
    let text = faults.to_string();
    assert!(text.contains("a.yaml:4:13: error: type") && text.contains("b.yaml:3:1: error: not valid YAML"), "{text}");
    // What a file that cannot be read might declare is not missed.
    let text =
        faults_of(&[("a.yaml", &item("  b_id: {type: uuid, foreign_key: B}")), ("b.yaml", "entity: B\nfields: [\n")]);
    assert_eq!(text.lines().count(), 1, "{text}");
    let error = Error::from(faults);
    assert_eq!((error.kind(), error.fields().len()), (ErrorKind::ValidationError, 2));
    assert_eq!(error.fields()[0].field, "a.yaml:4:13");
}

#[test]
fn a_report_says_what_there_is() {
    let post = "entity: Post\nfields:\n  id: {type: uuid, primary: true}\n  user_id: {type: uuid, foreign_key: User}\n";
    let report = check::render(&Ok(load(&[("1.yaml", USER), ("2.yaml", post)])));
    assert_eq!(
        report,
        "User (users): 3 fields, 1 index, 1 relation, 0 operations\n  derived relation posts: every Post whose user_id points here\n\
         Post (posts): 2 fields, 1 index, 1 relation, 0 operations\n  derived relation user: the User of user_id\n\
         2 entities, 5 fields, 2 relations, 0 operations, 0 warnings\n"
    );
}

#[test]
fn the_condition_of_an_index_looks_at_constants_and_its_own_row() {
    let fields = "  n: {type: integer}\n  w: {type: string}\n  k: {type: enum, values: [a, b, c]}\n  d: {type: json}\n  \
                  b: {type: boolean}\n  h: {type: string, stored_as: sha256}\n  i_id: {type: uuid, foreign_key: Item}\nindexes:\n";
    let said = |condition: &str| {
        let text = field_faults(&format!("{fields}  - {{fields: [n], unique: true, where: \"{condition}\"}}"));
        text.split_once("error: ").expect("a fault").1.to_owned()
    };
    let expected = [
        ("n >", "where: column 4: expected a field, a claim or a value, found the end"),
        ("m > 1", "where: column 1: unknown field `m` of Item"),
        ("n > 'x'", "where: column 5: expected an integer, got text"),
        ("n > $user.level", "where: column 5: an index is the same for every caller: it cannot look at a claim"),
        ("$now > n", "where: column 1: an index cannot look at the time"),
        ("i.n = 1", "where: column 1: an index looks at fields of its own row only"),
        ("n = null", "where: column 5: null is never equal to anything; expected IS NULL or IS NOT NULL"),
        ("n = n", "where: column 3: the condition of an index compares a field with a constant"),
        ("1 = 2", "where: column 5: expected a field"),
        ("n", "where: column 1: expected a condition, found integer without a comparison"),
        ("b > true", "where: column 3: booleans have no order"),
        ("k > 'a'", "where: column 3: this enum has no order; declare it `ordered: true` or use IN"),
        ("d = 1", "where: column 5: json values cannot be compared here, only tested for null"),
        ("h = 'x'", "where: column 1: `h` is stored hashed; an index cannot look at it"),
    ];
    for (condition, message) in expected {
        let text = said(condition);
        assert!(text.starts_with(message), "{condition}: {text}");
    }
    let both = field_faults(&format!("{fields}  - {{fields: [n], where: \"m = 1 OR k = 'z' AND NOT w > 1\"}}"));
    assert_eq!(both.lines().count(), 3, "{both}");
}
