use super::{POST, Show, TAG, USER, schema};
use crate::access::{Policy, Principal};
use crate::query::ast::*;
use crate::query::eval::{Row, Scope, Source};
use crate::query::param::{Cast, ClaimScope, ParamSource, Params};
use crate::request::Operation;
use crate::schema::convert::convert;
use crate::schema::{EntityId, FieldId, FieldType, RelationId, Schema};
use crate::{Error, ErrorKind, Value, ValueRef};

const AUTHOR: RelationId = RelationId(0);
const TAGS: RelationId = RelationId(1);
const POSTS: RelationId = RelationId(0);

fn caller() -> Principal {
    Principal::new("018f3c1e-7b1c-7000-8000-000000000001", "a").claim("level", 3)
}

fn rules(schema: &Schema, text: &str) -> Policy {
    Policy::from_rules(schema, text, "acl.yaml").unwrap_or_else(|faults| panic!("{faults}"))
}

fn select(entity: EntityId, filter: Expr) -> Query {
    let columns = vec![FieldId(0), FieldId(1)];
    let select = Select { entity, columns, filter, order: vec![], limit: None, offset: None, link: None, beyond: None };
    Query {
        statement: Statement::Select(select),
        visible: 2,
        includes: vec![],
        shape: Shape::Maybe,
        version: None,
        parents: Vec::new(),
    }
}

fn rewritten(text: &str, query: &mut Query) -> Result<(Params, Vec<String>), Error> {
    let schema = schema();
    let mut params = Params::default();
    let applied = rules(&schema, text).rewrite(&schema, &caller(), Operation::FindMany, query, &mut params)?;
    Ok((params, applied))
}

/// The filter that a select of `entity` ends up with.
fn filtered(text: &str, entity: EntityId, filter: Expr) -> Result<String, Error> {
    let mut query = select(entity, filter);
    let (params, _) = rewritten(text, &mut query)?;
    let Statement::Select(select) = &query.statement else { unreachable!() };
    Ok(Show { schema: &schema(), params: &params }.expr(entity, &select.filter))
}

fn is(field: u16, literal: i64) -> Expr {
    let right = Operand::Const(Literal::Int(literal));
    Expr::Compare { left: Operand::Field(FieldId(field)), op: Comparison::Eq, right, fold: false }
}

fn related(relation: RelationId, quantifier: Quantifier, filter: Expr) -> Expr {
    Expr::Related {
        between: Box::new(Expr::TRUE),
        relation,
        quantifier,
        visible: Box::new(Expr::TRUE),
        filter: Box::new(filter),
    }
}

const SEEN: &str = "
rules:
  - { id: posts, entity: Post, role: [a], operations: [read], row_level_filter: level <= $user.level }
  - { id: users, entity: User, role: [a], operations: [read], row_level_filter: id = $user.id }
  - { id: tags, entity: Tag, role: [a], operations: [read] }
  - { id: links, entity: Link, role: [a], operations: [read] }
";

#[test]
fn the_rules_stand_outside_what_the_caller_asks() {
    let either = Expr::Or(vec![is(3, 1), is(3, 9)]);
    assert_eq!(filtered(SEEN, POST, either).unwrap(), "(level <= $user.level:integer and (level = #1 or level = #9))");
    assert_eq!(filtered(SEEN, POST, Expr::TRUE).unwrap(), "level <= $user.level:integer");
    assert_eq!(filtered(SEEN, TAG, Expr::TRUE).unwrap(), "true");
}

#[test]
fn permits_or_and_forbids_take_away() {
    let text = "
rules:
  - { entity: Post, role: [a], operations: [read], row_level_filter: level <= $user.level }
  - { entity: Post, role: [b], operations: [read] }
  - { entity: Post, public: true, operations: [read], row_level_filter: state = 'live' }
  - { entity: Post, role: [a], operations: [read], row_level_filter: state = 'live' and views > 9 }
  - { entity: Post, role: [a], operations: [read], effect: forbid, row_level_filter: title = $user.barred }
  - { entity: Post, role: [a], operations: [update], effect: forbid }
";
    let expected = "((level <= $user.level:integer or state = `live`) and not title = $user.barred:string)";
    assert_eq!(filtered(text, POST, Expr::TRUE).unwrap(), expected);
}

#[test]
fn related_rows_exist_only_if_the_caller_may_read_them() {
    let nested = related(POSTS, Quantifier::None, related(AUTHOR, Quantifier::Some, is(3, 1)));
    assert_eq!(
        filtered(SEEN, USER, Expr::Not(Box::new(nested))).unwrap(),
        "(id = $user.id:uuid and not none posts [level <= $user.level:integer: some author [id = $user.id:uuid: level = #1]])"
    );
    let tagged = related(TAGS, Quantifier::Every, Expr::TRUE);
    assert_eq!(
        filtered(SEEN, POST, tagged.clone()).unwrap(),
        "(level <= $user.level:integer and every tags [true: true])"
    );

    // No rule for the target.
    let posts_only = "rules: [{ entity: Post, role: a, operations: read }]";
    let error = filtered(posts_only, POST, related(AUTHOR, Quantifier::Some, Expr::TRUE)).unwrap_err();
    assert_eq!((error.kind(), error.entity()), (ErrorKind::Forbidden, Some("User")));
    // Rows in between exist only if the caller may read them, too.
    let links =
        SEEN.replace("id: links, entity: Link", "id: links, entity: Link, row_level_filter: post_id = $user.id");
    assert_eq!(
        filtered(&links, POST, tagged).unwrap(),
        "(level <= $user.level:integer and every tags by {post_id = $user.id:uuid} [true: true])"
    );
    // The field that links is hidden: matching through it would tell its value.
    let hidden = SEEN.replace("id: posts,", "id: posts, fields: { read: [title] },");
    let error = filtered(&hidden, USER, related(POSTS, Quantifier::Some, Expr::TRUE)).unwrap_err();
    assert_eq!(error.fields()[0].message, "unknown field `posts` of User");
}

#[test]
fn a_related_sort_key_counts_where_its_row_is_visible() {
    let by_author = |field| {
        let mut query = select(POST, Expr::TRUE);
        let Statement::Select(select) = &mut query.statement else { unreachable!() };
        let by = Operand::Related { path: vec![AUTHOR], field: FieldId(field), visible: Vec::new() };
        select.order = vec![Order { by, descending: false, nulls_first: true }];
        query
    };
    let mut sorted = by_author(1);
    let (params, _) = rewritten(SEEN, &mut sorted).unwrap();
    let Statement::Select(Select { order, .. }) = &sorted.statement else { unreachable!() };
    let Operand::Related { visible, .. } = &order[0].by else { unreachable!() };
    let [visible] = visible.as_slice() else { panic!("{visible:?}") };
    assert_eq!(Show { schema: &schema(), params: &params }.expr(USER, visible), "id = $user.id:uuid");
    let open = SEEN.replace(", row_level_filter: id = $user.id", "");
    assert!(rewritten(&open, &mut by_author(1)).is_ok());
    assert!(rewritten(&open, &mut by_author(11)).is_err(), "sensitive");
}

#[test]
fn includes_and_counts_are_filtered_at_every_level() {
    let include = |name: &str, entity, link: u16, parents: u16, includes| Include {
        name: name.to_owned().into(),
        to_one: false,
        parent_column: 0,
        child_column: 1,
        visible: 1,
        select: Select {
            entity,
            columns: vec![FieldId(0), FieldId(link)],
            filter: Expr::TRUE,
            order: vec![],
            limit: None,
            offset: None,
            link: Some(Link { field: FieldId(link), parents: ParamId(parents), through: None }),
            beyond: None,
        },
        most: None,
        includes,
    };
    let mut query = select(USER, Expr::TRUE);
    let author = include("author", USER, 0, 0, vec![]);
    query.includes = vec![include("posts", POST, 1, 0, vec![author])];
    let schema = schema();
    let mut params = Params(vec![ParamSource::Parents(FieldType::Uuid)]);
    let policy = rules(&schema, SEEN);
    let applied = policy.rewrite(&schema, &caller(), Operation::List, &mut query, &mut params).unwrap();
    assert_eq!(applied, ["posts", "users"]);
    let show = Show { schema: &schema, params: &params };
    let posts = &query.includes[0];
    assert_eq!(show.expr(POST, &posts.select.filter), "level <= $user.level:integer");
    assert_eq!(show.expr(USER, &posts.includes[0].select.filter), "id = $user.id:uuid");
    assert_eq!(params.0.len(), 3, "a claim is one parameter however often rules name it");

    let count = Statement::Count(Count { entity: POST, filter: Expr::TRUE });
    let mut query = Query {
        statement: count,
        visible: 1,
        includes: vec![],
        shape: Shape::Count,
        version: None,
        parents: Vec::new(),
    };
    rewritten(SEEN, &mut query).unwrap();
    let Statement::Count(count) = &query.statement else { unreachable!() };
    assert_ne!(count.filter, Expr::TRUE);
}

#[test]
fn rules_of_another_schema_are_not_applied() {
    let policy = rules(&schema(), SEEN);
    let other = schema();
    let mut query = select(POST, Expr::TRUE);
    let error = policy.rewrite(&other, &caller(), Operation::List, &mut query, &mut Params::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InternalError);
}

#[test]
fn parameters_never_wrap_around() {
    let mut params = Params(vec![ParamSource::Now; 65_000]);
    let schema = schema();
    let mut query = select(POST, Expr::TRUE);
    let error = rules(&schema, SEEN).rewrite(&schema, &caller(), Operation::List, &mut query, &mut params).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ValidationError);
}

/// No related rows.
pub(super) struct Alone;

impl Source for Alone {
    fn rows<'a>(&'a self, _: EntityId, _: FieldId, _: ValueRef<'_>) -> Box<dyn Iterator<Item = &'a Row> + 'a> {
        Box::new(std::iter::empty())
    }
}

/// A parameter's value as a run has it: a claim that is missing, null or of another type is null.
fn value(source: &ParamSource, principal: &Principal) -> Value {
    match source {
        ParamSource::Const(value) => value.clone(),
        ParamSource::Claim { scope: ClaimScope::User, name, ty, rank } => {
            let claim = principal.user.get(name).and_then(|value| convert(ty, value).ok()).unwrap_or_default();
            match (ty, &claim, rank) {
                (FieldType::Enum(words), Value::Text(word), true) => {
                    Value::from(words.values.iter().position(|known| known == word).map(|rank| rank as i64))
                }
                _ => claim,
            }
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_a_certain_answer_opens_a_row() {
    let schema = schema();
    let claims = [
        ("fits", Some(Value::Int(3))),
        ("null", Some(Value::Null)),
        ("missing", None),
        ("wrong type", Some(Value::from("3"))),
        ("wrong type", Some(Value::Float(3.0))),
        ("wrong type", Some(Value::Bool(true))),
        ("wrong type", Some(Value::List(vec![Value::Int(3)]))),
    ];
    let rows = [("matching", Value::Int(2)), ("other", Value::Int(9)), ("null", Value::Null)];
    // For each rule: what it answers for the two rows that are not null, with a claim that fits.
    let filters = [
        ("level <= $user.level", [true, false]),
        ("NOT level > $user.level", [true, false]),
        ("NOT level <= $user.level", [false, true]),
        ("level != $user.level", [true, true]),
        ("NOT level = $user.level", [true, true]),
        ("level NOT IN ($user.level, 9)", [true, false]),
        ("NOT (level <= $user.level AND level IS NOT NULL)", [false, true]),
        ("$user.level >= level OR level > $user.level", [true, true]),
    ];
    for (claim_kind, claim) in &claims {
        let mut principal = Principal::new("018f3c1e-7b1c-7000-8000-000000000001", "a");
        if let Some(claim) = claim {
            principal = principal.claim("level", claim.clone());
        }
        for (row_kind, level) in &rows {
            for (filter, sure) in &filters {
                for forbid in [false, true] {
                    let permit = if forbid { "" } else { filter };
                    let permit =
                        if permit.is_empty() { String::new() } else { format!(", row_level_filter: '{permit}'") };
                    let mut text = format!("rules:\n  - {{ entity: Post, role: a, operations: read{permit} }}\n");
                    if forbid {
                        text += &format!(
                            "  - {{ entity: Post, role: a, operations: read, effect: forbid, row_level_filter: '{filter}' }}\n"
                        );
                    }
                    let mut query = select(POST, Expr::TRUE);
                    let mut params = Params::default();
                    let policy = rules(&schema, &text);
                    policy.rewrite(&schema, &principal, Operation::List, &mut query, &mut params).unwrap();
                    let Statement::Select(select) = &query.statement else { unreachable!() };
                    let values: Vec<Value> = params.0.iter().map(|source| value(source, &principal)).collect();
                    let mut row = vec![Value::Null; 6];
                    row[3] = level.clone();
                    let seen =
                        Scope { schema: &schema, source: &Alone, params: &values }.matches(POST, &select.filter, &row);
                    let known = match (*claim_kind, *row_kind) {
                        ("fits", "matching") => Some(sure[0]),
                        ("fits", "other") => Some(sure[1]),
                        _ => None,
                    };
                    let certain_without = filter.contains("IN (") && *row_kind == "other" && *claim_kind != "fits";
                    let by_conjunct = filter.contains("IS NOT NULL") && *row_kind == "null";
                    let expected = match known {
                        Some(holds) => holds != forbid,
                        // `9 NOT IN (unknown, 9)` is false, and `NOT (unknown AND false)` true, whatever is unknown.
                        None if certain_without => forbid,
                        None if by_conjunct => !forbid,
                        None => false,
                    };
                    assert_eq!(seen, expected, "claim {claim_kind}, row {row_kind}, {filter}, forbid: {forbid}");
                }
            }
        }
    }
}

#[test]
fn ranks_compare_by_declared_order_and_unknown_words_deny() {
    let schema = schema();
    let text = "rules: [{ entity: User, role: a, operations: read, row_level_filter: role <= $user.role }]";
    let policy = rules(&schema, text);
    let seen = |role: Value, claim: &str| {
        let principal = caller().claim("role", claim);
        let mut query = select(USER, Expr::TRUE);
        let mut params = Params::default();
        policy.rewrite(&schema, &principal, Operation::List, &mut query, &mut params).unwrap();
        let Statement::Select(select) = &query.statement else { unreachable!() };
        let values: Vec<Value> = params.0.iter().map(|source| value(source, &principal)).collect();
        let mut row = vec![Value::Null; 13];
        row[2] = role;
        Scope { schema: &schema, source: &Alone, params: &values }.matches(USER, &select.filter, &row)
    };
    assert!(seen("user".into(), "admin") && seen("admin".into(), "admin") && !seen("god".into(), "admin"));
    assert!(!seen("user".into(), "root") && !seen("root".into(), "god") && !seen(Value::Null, "god"));
}

#[test]
fn the_example_of_the_handbook_means_what_it_says() {
    let schema = crate::access::tests::schema_with(|entities| {
        entities[1].name = "PageView".into();
    });
    let text = r#"
# acl.yaml
rules:
  - entity: User
    role: [user]
    operations: [read]
    row_level_filter: "id = $user.id"
    
  - entity: User
    role: [admin, god, supergod]
    operations: [create, read, update, delete]
    
  - entity: PageView
    role: [god, supergod]
    operations: [create, update, delete]
    
  - entity: PageView
    role: [user, admin]
    operations: [read]
    row_level_filter: "level <= $user.level"
"#;
    let policy = rules(&schema, text);
    assert!(policy.warnings().is_empty());
    let filter = |role: &str, entity| {
        let mut query = select(entity, Expr::TRUE);
        let mut params = Params::default();
        let principal = Principal::new("018f3c1e-7b1c-7000-8000-000000000001", role);
        let applied = policy.rewrite(&schema, &principal, Operation::List, &mut query, &mut params).ok()?;
        let Statement::Select(select) = &query.statement else { unreachable!() };
        Some(format!(
            "{}: {}",
            applied.join(", "),
            Show { schema: &schema, params: &params }.expr(entity, &select.filter)
        ))
    };
    assert_eq!(filter("user", USER).unwrap(), "acl.yaml:rule 1: id = $user.id:uuid");
    assert_eq!(filter("admin", USER).unwrap(), "acl.yaml:rule 2: true");
    assert_eq!(filter("admin", POST).unwrap(), "acl.yaml:rule 4: level <= $user.level:integer");
    assert_eq!(filter("god", POST), None);
    assert_eq!(filter("anonymous", USER), None);
}

#[test]
fn arguments_of_the_request_keep_their_places() {
    let schema = schema();
    let argument =
        ParamSource::Argument { slot: Some(0), cast: Cast::Compare(FieldType::Integer), value: Value::Int(7) };
    let mut params = Params(vec![argument]);
    let asked = Expr::Compare {
        left: Operand::Field(FieldId(3)),
        op: Comparison::Eq,
        right: Operand::Param(ParamId(0)),
        fold: false,
    };
    let mut query = select(POST, asked);
    rules(&schema, SEEN).rewrite(&schema, &caller(), Operation::List, &mut query, &mut params).unwrap();
    let Statement::Select(select) = &query.statement else { unreachable!() };
    let shown = Show { schema: &schema, params: &params }.expr(POST, &select.filter);
    assert_eq!(shown, "(level <= $user.level:integer and level = given 7)");
}
