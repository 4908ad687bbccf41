use super::{POST, Show, USER, schema_with};
use crate::access::{Policy, Principal};
use crate::query::ast::*;
use crate::query::param::{Cast, ParamSource, Params};
use crate::request::Operation;
use crate::schema::{EntityId, FieldId, FieldRef, Schema};
use crate::{Error, ErrorKind, Value};

const SELF: &str = "018f3c1e-7b1c-7000-8000-000000000001";

/// Levels and roles may not exceed the writer's own.
fn schema() -> Schema {
    schema_with(|entities| {
        entities[0].fields[2].acl.check = Some("role <= $user.role".into());
        entities[0].fields[3].acl.check = Some("level <= $user.level".into());
    })
}

struct Written {
    query: Query,
    params: Params,
    schema: Schema,
}

impl Written {
    fn check(&self) -> String {
        let check = match &self.query.statement {
            Statement::Insert(insert) => &insert.check,
            Statement::Update(update) => &update.check,
            _ => &None,
        };
        check.as_ref().map_or("none".into(), |check| self.show(check))
    }

    /// What the rows that it refers to must be.
    fn parents(&self) -> Vec<String> {
        let show = Show { schema: &self.schema, params: &self.params };
        self.query.parents.iter().map(|parent| show.expr(parent.count.entity, &parent.count.filter)).collect()
    }

    fn filter(&self) -> String {
        match &self.query.statement {
            Statement::Update(update) => self.show(&update.filter),
            Statement::Delete(delete) => self.show(&delete.filter),
            _ => "none".into(),
        }
    }

    fn show(&self, expr: &Expr) -> String {
        Show { schema: &self.schema, params: &self.params }.expr(self.query.statement.entity(), expr)
    }

    fn answer(&self) -> Vec<&str> {
        let (Statement::Insert(Insert { entity, returning, .. }) | Statement::Update(Update { entity, returning, .. })) =
            &self.query.statement
        else {
            return vec![];
        };
        assert_eq!(self.query.visible, returning.len());
        returning.iter().map(|id| self.schema.entity(*entity).field(*id).name.as_str()).collect()
    }
}

/// What an operation looks like after validation.
enum Asked<'a> {
    Create(&'a [&'a str]),
    Update(&'a [&'a str]),
    UpdateWhere(Expr, &'a [&'a str]),
    Delete,
    DeleteWhere(Expr),
}

fn write(rules: &str, entity: EntityId, asked: Asked<'_>) -> Result<Written, Error> {
    let schema = schema();
    let policy = Policy::from_rules(&schema, rules, "acl.yaml").unwrap_or_else(|faults| panic!("{faults}"));
    let declared = schema.entity(entity);
    let mut params = Params::default();
    let key = Operand::Param(params.push(argument(entity, FieldId(0))));
    let by_key = Expr::Compare { left: Operand::Field(FieldId(0)), op: Comparison::Eq, right: key, fold: false };
    let mut values = |names: &[&str]| -> Vec<(FieldId, Operand)> {
        let value = |name: &&str| {
            let (name, null) = name.strip_suffix("=null").map_or((*name, false), |name| (name, true));
            let id = declared.field_by_name(name).unwrap();
            let operand = match null {
                true => Operand::Const(Literal::Null),
                false => Operand::Param(params.push(argument(entity, id))),
            };
            (id, operand)
        };
        names.iter().map(value).collect()
    };
    let returning: Vec<FieldId> = (0..4).map(FieldId).collect();
    let set =
        |values: Vec<(FieldId, Operand)>| values.into_iter().map(|(id, value)| (id, Assign::Set(value))).collect();
    let (statement, shape) = match asked {
        Asked::Create(names) => {
            let mut values = values(names);
            // Filled by the engine: a key, a default, and an absent value.
            values.push((
                FieldId(0),
                Operand::Param(params.push(ParamSource::Generated(crate::schema::Generator::Uuid))),
            ));
            if entity == USER && !names.iter().any(|name| name.starts_with("role")) {
                values.push((FieldId(2), Operand::Param(params.push(ParamSource::Const("user".into())))));
            }
            if !names.iter().any(|name| name.starts_with("level")) {
                values.push((FieldId(3), Operand::Const(Literal::Null)));
            }
            (Statement::Insert(Insert { entity, values, returning, check: None, unless: Vec::new() }), Shape::One)
        }
        Asked::Update(names) => {
            let set = set(values(names));
            (Statement::Update(Update { entity, filter: by_key, set, returning, check: None }), Shape::One)
        }
        Asked::UpdateWhere(filter, names) => {
            let set = set(values(names));
            (Statement::Update(Update { entity, filter, set, returning: vec![], check: None }), Shape::Count)
        }
        Asked::Delete => (Statement::Delete(Delete { entity, filter: by_key }), Shape::Done),
        Asked::DeleteWhere(filter) => (Statement::Delete(Delete { entity, filter }), Shape::Count),
    };
    let visible = if shape == Shape::One { 4 } else { 0 };
    let mut query = Query { statement, visible, includes: vec![], shape, version: None, parents: Vec::new() };
    let caller = Principal::new(SELF, "a");
    policy.rewrite(&schema, &caller, Operation::Update, &mut query, &mut params)?;
    Ok(Written { query, params, schema })
}

fn argument(entity: EntityId, field: FieldId) -> ParamSource {
    let cast = Cast::Store(FieldRef { entity, field });
    ParamSource::Argument { slot: None, cast, value: Value::Int(1) }
}

fn views_are(number: i64) -> Expr {
    let right = Operand::Const(Literal::Int(number));
    Expr::Compare { left: Operand::Field(FieldId(5)), op: Comparison::Eq, right, fold: false }
}

const OWN: &str = "
rules:
  - { entity: Post, role: a, operations: [create, read, update, delete], row_level_filter: author_id = $user.id }
";

#[test]
fn a_new_row_must_be_in_the_writers_filter() {
    let created = write(OWN, POST, Asked::Create(&["title"])).unwrap();
    assert_eq!(created.check(), "author_id = $user.id:uuid");
    assert_eq!(created.answer(), ["id", "author_id", "title", "level"]);
    let open = "rules: [{ entity: Post, role: a, operations: [create] }]";
    let created = write(open, POST, Asked::Create(&["title"])).unwrap();
    assert_eq!(created.check(), "none");
    assert_eq!(created.answer(), ["id"], "without a rule to read, the key alone comes back");
    assert_eq!(write(open, POST, Asked::Delete).err().unwrap().kind(), ErrorKind::Forbidden);
}

#[test]
fn an_update_may_not_move_a_row_out() {
    let moved = write(OWN, POST, Asked::Update(&["author_id=null"])).unwrap();
    assert_eq!(moved.filter(), "(author_id = $user.id:uuid and id = given 1)");
    assert_eq!(moved.check(), "author_id = $user.id:uuid");
    let stays = write(OWN, POST, Asked::Update(&["title"])).unwrap();
    assert_eq!(stays.check(), "none", "a filter over fields that are not written still holds");
    let through = OWN.replace("author_id = $user.id", "author.level > 1");
    let through = write(&through, POST, Asked::Update(&["title"])).unwrap();
    assert_eq!(through.check(), "author.level > 1");
}

#[test]
fn checks_apply_to_fields_that_the_caller_wrote() {
    let open = "rules: [{ entity: User, role: a, operations: [create, read, update] }]";
    let check = |asked| write(open, USER, asked).unwrap().check();
    assert_eq!(check(Asked::Create(&["name"])), "none");
    assert_eq!(check(Asked::Create(&["role"])), "rank(role) <= $user.role:enum:rank");
    assert_eq!(
        check(Asked::Create(&["role=null"])),
        "rank(role) <= $user.role:enum:rank",
        "null in place of a default"
    );
    assert_eq!(check(Asked::Create(&["level=null"])), "none", "null in place of nothing");
    assert_eq!(check(Asked::Update(&["level=null"])), "level <= $user.level:integer");
    assert_eq!(
        check(Asked::Update(&["role", "level"])),
        "(rank(role) <= $user.role:enum:rank and level <= $user.level:integer)"
    );
}

#[test]
fn one_rule_must_permit_all_fields_written_together() {
    let text = "
rules:
  - { entity: Post, role: a, operations: [update], row_level_filter: level = 1, fields: { write: [title] } }
  - { entity: Post, role: a, operations: [update], row_level_filter: level = 2, fields: { write: [title, views] } }
  - { entity: Post, role: a, operations: [update], row_level_filter: level = 3, fields: { write: [state] } }
";
    let filter = |names| write(text, POST, Asked::Update(names)).map(|written| written.filter());
    assert_eq!(filter(&["title"]).unwrap(), "((level = 1 or level = 2) and id = given 1)");
    assert_eq!(filter(&["title", "views"]).unwrap(), "(level = 2 and id = given 1)");
    assert_eq!(filter(&["title", "state"]).unwrap_err().kind(), ErrorKind::Forbidden);
    let locked = format!(
        "{text}  - {{ entity: Post, role: a, operations: [update], effect: forbid, fields: {{ write: [views] }} }}\n"
    );
    assert!(write(&locked, POST, Asked::Update(&["title", "views"])).is_err());
    assert!(write(&locked, POST, Asked::Update(&["title"])).is_ok());
}

#[test]
fn rows_that_may_be_written_but_not_read_stay_unseen() {
    let text = "
rules:
  - { entity: Post, role: a, operations: [read], row_level_filter: author_id = $user.id }
  - { entity: Post, role: a, operations: [update, delete], row_level_filter: level = 1 }
";
    // By key nothing is learnt but that it is there; the answer holds no more either.
    let by_key = write(text, POST, Asked::Update(&["title"])).unwrap();
    assert_eq!(by_key.filter(), "(level = 1 and id = given 1)");
    assert_eq!(by_key.answer(), ["id"]);
    // A condition on fields asks about the row, so it must be one that may be read.
    let asked = write(text, POST, Asked::UpdateWhere(views_are(7), &["title"])).unwrap();
    assert_eq!(asked.filter(), "(level = 1 and (author_id = $user.id:uuid and views = #7))");
    let asked = write(text, POST, Asked::DeleteWhere(views_are(7))).unwrap();
    assert_eq!(asked.filter(), "(level = 1 and (author_id = $user.id:uuid and views = #7))");
    // Whoever updates a part of what they read sees the answer.
    let narrower = text.replace("row_level_filter: level = 1", "row_level_filter: level = 1 AND author_id = $user.id");
    assert_eq!(
        write(&narrower, POST, Asked::Update(&["title"])).unwrap().answer(),
        ["id", "author_id", "title", "level"]
    );
    // Without any rule to read there is nothing to ask by.
    let blind = "rules: [{ entity: Post, role: a, operations: [update, delete] }]";
    assert!(write(blind, POST, Asked::Delete).is_ok());
    assert_eq!(write(blind, POST, Asked::DeleteWhere(views_are(7))).err().unwrap().kind(), ErrorKind::Forbidden);
}

#[test]
fn a_parent_that_the_caller_cannot_see_is_none() {
    let text = "
rules:
  - { entity: Post, role: a, operations: [create, update] }
  - { entity: User, role: a, operations: [read], row_level_filter: level = 1 }
";
    let parents = |text: &str, asked: Asked| write(text, POST, asked).unwrap().parents();
    let connected = ["(id = given 1 and (level = 1 or id = $user.id:uuid))"];
    assert_eq!(parents(text, Asked::Create(&["author_id"])), connected);
    assert_eq!(parents(text, Asked::Update(&["author_id"])), connected);
    assert!(parents(text, Asked::Update(&["author_id=null"])).is_empty());
    assert!(parents(text, Asked::Create(&["title"])).is_empty());
    // Asked before the write, for one answer: the write itself is not checked for it.
    assert_eq!(write(text, POST, Asked::Create(&["author_id"])).unwrap().check(), "none");
    let blind = "rules: [{ entity: Post, role: a, operations: [create] }]";
    assert_eq!(parents(blind, Asked::Create(&["author_id"])), ["(id = given 1 and (false or id = $user.id:uuid))"]);
    let open = text.replace(", row_level_filter: level = 1", "");
    assert!(parents(&open, Asked::Create(&["author_id"])).is_empty());
}

#[test]
fn what_every_write_changes_is_not_the_callers() {
    let schema = schema_with(|entities| {
        entities[1].fields[5].version = true;
        entities[1].fields[5].acl.check = Some("views < 0".into());
    });
    let text = "rules: [{ entity: Post, role: a, operations: [update], fields: { write: [title] } }]";
    let policy = Policy::from_rules(&schema, text, "acl.yaml").unwrap();
    let mut params = Params::default();
    let title = Operand::Param(params.push(argument(POST, FieldId(2))));
    let one = Operand::Param(params.push(ParamSource::Const(Value::Int(1))));
    let update = Update {
        entity: POST,
        filter: Expr::TRUE,
        set: vec![(FieldId(2), Assign::Set(title)), (FieldId(5), Assign::Increment(one))],
        returning: vec![],
        check: None,
    };
    let mut query = Query {
        statement: Statement::Update(update),
        visible: 0,
        includes: vec![],
        shape: Shape::Count,
        version: None,
        parents: Vec::new(),
    };
    let caller = Principal::new(SELF, "a");
    policy.rewrite(&schema, &caller, Operation::UpdateMany, &mut query, &mut params).unwrap();
    let Statement::Update(update) = &query.statement else { unreachable!() };
    assert_eq!(update.check, None);
}

#[test]
fn an_expired_parent_is_none_either() {
    let schema = schema_with(|entities| {
        entities[0].ttl = Some(crate::schema::Ttl { field: FieldId(8), auto_delete: false });
    });
    let text = "
rules:
  - { entity: Post, role: a, operations: [create] }
  - { entity: User, role: a, operations: [read], row_level_filter: level = 1 }
";
    let policy = Policy::from_rules(&schema, text, "acl.yaml").unwrap();
    let mut params = Params::default();
    let author = Operand::Param(params.push(argument(POST, FieldId(1))));
    let (values, returning) = (vec![(FieldId(1), author)], vec![FieldId(0)]);
    let insert = Insert { entity: POST, values, returning, check: None, unless: Vec::new() };
    let mut query = Query {
        statement: Statement::Insert(insert),
        visible: 1,
        includes: vec![],
        shape: Shape::One,
        version: None,
        parents: Vec::new(),
    };
    policy.rewrite(&schema, &Principal::new(SELF, "a"), Operation::Create, &mut query, &mut params).unwrap();
    crate::query::expire::hide(&schema, &mut query, &mut params);
    let written = Written { query, params, schema };
    assert_eq!(
        written.parents(),
        ["(id = given 1 and (level = 1 or id = $user.id:uuid) and (seen_at > $now or seen_at is null))"]
    );
}
