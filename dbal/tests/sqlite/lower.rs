//! Golden texts of lowered statements.

use dbal::query::ast::*;
use dbal::schema::{EntityId, FieldId};
use dbal::sql::dialect::Dialect;

use crate::schema::*;

/// The text, and the parameters in the order of its placeholders.
fn sql(statement: Statement) -> (String, Vec<u16>) {
    let sql = dbal::sql::lower::lower(&schema(), &statement, &params(64), Dialect::Sqlite).unwrap();
    (sql.text.to_string(), sql.params.iter().map(|param| param.id.0).collect())
}

#[track_caller]
fn lowers(statement: Statement, text: &str, order: &[u16]) {
    assert_eq!(sql(statement), (text.to_owned(), order.to_vec()));
}

/// The condition of a select of users' ids.
#[track_caller]
fn filters(filter: Expr, text: &str, order: &[u16]) {
    filters_of(USER, filter, &format!(r#"SELECT "id" FROM "users" WHERE {text}"#), order);
}

#[track_caller]
fn filters_of(entity: EntityId, filter: Expr, text: &str, order: &[u16]) {
    lowers(Statement::Select(select(entity, &[FieldId(0)], filter)), text, order);
}

fn by(field: FieldId, descending: bool, nulls_first: bool) -> Order {
    Order { by: Operand::Field(field), descending, nulls_first }
}

fn text(value: FieldId, op: TextMatch, fold: bool) -> Expr {
    Expr::Text { value: Operand::Field(value), op, pattern: param(0), fold }
}

#[test]
fn a_word_is_sought_in_the_tables_of_its_fields() {
    let word = |fields: &[FieldId], prefix| Expr::Word { fields: fields.to_vec(), word: ParamId(0), prefix };
    filters(
        word(&[user::NAME, user::EMAIL], false),
        r#""id" IN (SELECT "key" FROM "users$name$words" WHERE "word" = ? UNION ALL SELECT "key" FROM "users$email$words" WHERE "word" = ?)"#,
        &[0, 0],
    );
    filters(
        word(&[user::NAME], true),
        r#""id" IN (SELECT "key" FROM "users$name$words" WHERE "word" >= ? AND "word" < (? || CAST(X'FF' AS TEXT)))"#,
        &[0, 0],
    );
}

fn related(relation: dbal::schema::RelationId, quantifier: Quantifier, visible: Expr, filter: Expr) -> Expr {
    Expr::Related {
        between: Box::new(Expr::TRUE),
        relation,
        quantifier,
        visible: Box::new(visible),
        filter: Box::new(filter),
    }
}

#[test]
fn a_point_read_is_as_short_as_by_hand() {
    lowers(
        Statement::Select(select(USER, &[user::ID, user::NAME], compare(user::ID, Comparison::Eq, param(0)))),
        r#"SELECT "id", "name" FROM "users" WHERE "id" = ?"#,
        &[0],
    );
}

#[test]
fn columns_are_written_as_they_are_named_in_the_database() {
    filters_of(
        POST,
        compare(post::AUTHOR, Comparison::Ne, param(3)),
        r#"SELECT "id" FROM "posts" WHERE "author_id" <> ?"#,
        &[3],
    );
}

#[test]
fn quotes_in_names_are_doubled() {
    let evil = entity("Evil", "ta\"ble", vec![field("co\"l", TEXT)]);
    let schema = dbal::Schema::new(vec![evil], Vec::new());
    let statement = Statement::Select(select(EntityId(0), &[FieldId(0)], Expr::IsNull(Operand::Field(FieldId(0)))));
    let sql = dbal::sql::lower::lower(&schema, &statement, &params(0), Dialect::Sqlite).unwrap();
    assert_eq!(&*sql.text, r#"SELECT "co""l" FROM "ta""ble" WHERE "co""l" IS NULL"#);
}

#[test]
fn logic_keeps_its_shape() {
    let age = |op, id| compare(user::AGE, op, param(id));
    let either = Expr::Or(vec![age(Comparison::Lt, 0), age(Comparison::Gte, 1)]);
    filters(
        Expr::And(vec![either.clone(), Expr::Not(Box::new(either)), Expr::IsNull(Operand::Field(user::EMAIL))]),
        r#"("age" < ? OR "age" >= ?) AND (NOT ("age" < ? OR "age" >= ?)) AND "email" IS NULL"#,
        &[0, 1, 0, 1],
    );
}

#[test]
fn constants_and_empty_lists_of_conditions() {
    filters(Expr::Const(None), "NULL", &[]);
    filters(Expr::FALSE, "FALSE", &[]);
    filters(Expr::Or(vec![]), "FALSE", &[]);
}

#[test]
fn a_condition_that_is_always_true_is_left_out() {
    lowers(Statement::Count(Count { entity: USER, filter: Expr::TRUE }), r#"SELECT COUNT(*) FROM "users""#, &[]);
    lowers(Statement::Select(select(USER, &[user::ID], Expr::And(vec![]))), r#"SELECT "id" FROM "users""#, &[]);
}

#[test]
fn literals_are_spelled() {
    filters(
        Expr::And(vec![
            compare(user::ACTIVE, Comparison::Eq, Operand::Const(Literal::Bool(true))),
            compare(user::ROLE, Comparison::Ne, Operand::Const(Literal::Word("o'neil".into()))),
            compare(user::AGE, Comparison::Gt, Operand::Const(Literal::Null)),
        ]),
        r#""active" = TRUE AND "role" <> 'o''neil' AND "age" > NULL"#,
        &[],
    );
}

#[test]
fn a_list_is_one_parameter() {
    filters(Expr::In { value: Operand::Field(user::ID), list: ParamId(2), fold: false }, r#""id" IN rarray(?)"#, &[2]);
    filters(
        Expr::In { value: Operand::Field(user::NAME), list: ParamId(0), fold: true },
        r#"dbal_fold("name") IN rarray(?)"#,
        &[0],
    );
}

#[test]
fn text_matches() {
    filters(text(user::NAME, TextMatch::Contains, false), r#"instr("name", ?) > 0"#, &[0]);
    filters(
        text(user::NAME, TextMatch::StartsWith, false),
        r#""name" >= ? AND "name" < (? || CAST(X'FF' AS TEXT))"#,
        &[0, 0],
    );
    filters(text(user::NAME, TextMatch::EndsWith, false), r#"dbal_ends_with("name", ?)"#, &[0]);
    filters(text(user::NAME, TextMatch::Like, true), r#"dbal_like(dbal_fold("name"), ?)"#, &[0]);
    filters(
        Expr::Compare { left: Operand::Field(user::NAME), op: Comparison::Eq, right: param(0), fold: true },
        r#"dbal_fold("name") = ?"#,
        &[0],
    );
}

#[test]
fn json_paths_and_documents() {
    let path = vec![PathStep::Key("it's".into()), PathStep::Index(0)];
    let json = |test| Expr::Json { field: user::PROFILE, path: path.clone(), test };
    filters(
        json(JsonTest::Compare(Comparison::Gte, ParamId(0))),
        r#"dbal_json("profile", '["it''s",0]', 'gte', ?)"#,
        &[0],
    );
    filters(json(JsonTest::Exists), r#"dbal_json("profile", '["it''s",0]', 'exists', NULL)"#, &[]);
    filters(
        json(JsonTest::Text { op: TextMatch::StartsWith, pattern: ParamId(1), fold: true }),
        r#"dbal_json("profile", '["it''s",0]', 'istarts_with', ?)"#,
        &[1],
    );
    filters(compare(user::PROFILE, Comparison::Ne, param(0)), r#"NOT dbal_json_equal("profile", ?)"#, &[0]);
}

#[test]
fn ranks_are_positions() {
    let rank = Operand::Rank { of: Box::new(Operand::Field(user::ROLE)), values: roles() };
    filters(
        Expr::Compare { left: rank, op: Comparison::Lte, right: literal(1), fold: false },
        r#"(CASE WHEN ("role" = 'guest') THEN 0 WHEN ("role" = 'user') THEN 1 WHEN ("role" = 'admin') THEN 2 END) <= 1"#,
        &[],
    );
}

#[test]
fn a_related_field_is_a_scalar_subquery() {
    let operand = Operand::Related { path: vec![post::BY, user::BOSS], field: user::NAME, visible: Vec::new() };
    filters_of(
        POST,
        Expr::Compare { left: operand, op: Comparison::Eq, right: param(0), fold: false },
        r#"SELECT "id" FROM "posts" WHERE (SELECT (SELECT "$2"."name" FROM "users" AS "$2" WHERE "$2"."id" = "$1"."manager") FROM "users" AS "$1" WHERE "$1"."id" = "posts"."author_id") = ?"#,
        &[0],
    );
}

#[test]
fn related_rows() {
    let title = || compare(post::TITLE, Comparison::Eq, param(0));
    let visible = || compare(post::ID, Comparison::Gt, param(1));
    filters(
        related(user::POSTS, Quantifier::Some, visible(), title()),
        r#"EXISTS(SELECT 1 FROM "posts" AS "$1" WHERE "$1"."author_id" = "users"."id" AND "$1"."id" > ? AND "$1"."title" = ?)"#,
        &[1, 0],
    );
    filters(
        related(user::POSTS, Quantifier::None, Expr::TRUE, Expr::TRUE),
        r#"NOT EXISTS(SELECT 1 FROM "posts" AS "$1" WHERE "$1"."author_id" = "users"."id")"#,
        &[],
    );
    filters(
        related(user::POSTS, Quantifier::Every, visible(), title()),
        r#"NOT EXISTS(SELECT 1 FROM "posts" AS "$1" WHERE "$1"."author_id" = "users"."id" AND "$1"."id" > ? AND ("$1"."title" = ?) IS NOT TRUE)"#,
        &[1, 0],
    );
}

#[test]
fn related_rows_of_the_same_table_and_through_another() {
    filters(
        related(
            user::REPORTS,
            Quantifier::Some,
            Expr::TRUE,
            related(user::BOSS, Quantifier::Some, Expr::TRUE, Expr::TRUE),
        ),
        r#"EXISTS(SELECT 1 FROM "users" AS "$1" WHERE "$1"."manager" = "users"."id" AND EXISTS(SELECT 1 FROM "users" AS "$2" WHERE "$2"."id" = "$1"."manager"))"#,
        &[],
    );
    filters_of(
        POST,
        related(post::TAGS, Quantifier::Some, Expr::TRUE, compare(FieldId(1), Comparison::Eq, param(0))),
        r#"SELECT "id" FROM "posts" WHERE EXISTS(SELECT 1 FROM "tags" AS "$1", "post_tags" AS "$2" WHERE "$2"."post" = "posts"."id" AND "$1"."id" = "$2"."tag" AND "$1"."label" = ?)"#,
        &[0],
    );
}

#[test]
fn a_row_related_by_its_key_is_joined() {
    let boss = |filter| related(user::BOSS, Quantifier::Some, compare(user::ID, Comparison::Gt, param(1)), filter);
    filters_of(
        USER,
        Expr::And(vec![
            compare(user::AGE, Comparison::Gt, param(2)),
            boss(compare(user::NAME, Comparison::Eq, param(0))),
        ]),
        r#"SELECT "users"."id" FROM "users", "users" AS "$1" WHERE "$1"."id" = "users"."manager" AND "$1"."id" > ? AND "$1"."name" = ? AND "users"."age" > ?"#,
        &[1, 0, 2],
    );
    // Inside anything but a conjunction it says whether there is such a row.
    filters(
        Expr::Not(Box::new(related(user::BOSS, Quantifier::Some, Expr::TRUE, Expr::TRUE))),
        r#"NOT EXISTS(SELECT 1 FROM "users" AS "$1" WHERE "$1"."id" = "users"."manager")"#,
        &[],
    );
}

#[test]
fn an_index_that_gives_the_order_but_for_the_key_is_entered() {
    let limit = Some(Operand::Const(Literal::Int(5)));
    let by_name = vec![by(user::NAME, true, false), by(user::ID, false, true)];
    let first = |filter| {
        Statement::Select(Select { order: by_name.clone(), limit: limit.clone(), ..select(USER, &[user::ID], filter) })
    };
    lowers(
        first(Expr::TRUE),
        r#"SELECT "id" FROM "users" WHERE "name" >= (SELECT '') ORDER BY "name" DESC, "id" ASC LIMIT 5"#,
        &[],
    );
    lowers(
        first(compare(user::AGE, Comparison::Eq, param(0))),
        r#"SELECT "id" FROM "users" WHERE "age" = ? AND "name" >= (SELECT '') ORDER BY "name" DESC, "id" ASC LIMIT 5"#,
        &[0],
    );
    // Where a condition leads to few rows, these are read and sorted.
    lowers(
        first(compare(user::EMAIL, Comparison::Eq, param(0))),
        r#"SELECT "id" FROM "users" WHERE "email" = ? ORDER BY "name" DESC, "id" ASC LIMIT 5"#,
        &[0],
    );
}

#[test]
fn nulls_are_placed_only_where_sqlite_would_not() {
    let order = vec![
        by(user::AGE, false, true),
        by(user::EMAIL, true, false),
        by(user::SCORE, false, false),
        by(user::BORN, true, true),
        by(user::NAME, false, false),
        by(user::ID, false, true),
    ];
    lowers(
        Statement::Select(Select { order, limit: Some(param(0)), ..select(USER, &[user::ID], Expr::TRUE) }),
        r#"SELECT "id" FROM "users" ORDER BY "age" ASC, "email" DESC, "score" ASC NULLS LAST, "born" DESC NULLS FIRST, "name" ASC, "id" ASC LIMIT ?"#,
        &[0],
    );
}

#[test]
fn limits_and_offsets() {
    let page = |limit, offset| Statement::Select(Select { limit, offset, ..select(USER, &[user::ID], Expr::TRUE) });
    lowers(page(Some(literal(20)), None), r#"SELECT "id" FROM "users" LIMIT 20"#, &[]);
    lowers(page(Some(param(1)), Some(param(0))), r#"SELECT "id" FROM "users" LIMIT ? OFFSET ?"#, &[1, 0]);
    lowers(page(None, Some(param(0))), r#"SELECT "id" FROM "users" LIMIT 9223372036854775807 OFFSET ?"#, &[0]);
}

#[test]
fn a_decimal_that_is_no_bare_column_keeps_its_collation() {
    let balance = || Operand::Related { path: vec![user::BOSS], field: user::BALANCE, visible: Vec::new() };
    filters(
        Expr::Compare { left: balance(), op: Comparison::Gt, right: param(0), fold: false },
        r#"((SELECT "$1"."balance" FROM "users" AS "$1" WHERE "$1"."id" = "users"."manager") COLLATE dbal_decimal) > ?"#,
        &[0],
    );
    filters(
        Expr::Compare { left: param(0), op: Comparison::Gt, right: Operand::Field(user::BALANCE), fold: false },
        r#"? > "balance""#,
        &[0],
    );
}

#[test]
fn children_of_parents() {
    let link = Some(Link { field: post::AUTHOR, parents: ParamId(5), through: None });
    let order = vec![by(post::TITLE, true, false), by(post::ID, false, true)];
    let children = Select {
        order,
        link,
        ..select(POST, &[post::TITLE, post::AUTHOR], compare(post::ID, Comparison::Gt, param(0)))
    };
    lowers(
        Statement::Select(children.clone()),
        r#"SELECT "title", "author_id" FROM "posts" WHERE "author_id" IN rarray(?) AND "id" > ? ORDER BY "title" DESC, "id" ASC"#,
        &[5, 0],
    );
    lowers(
        Statement::Select(Select { limit: Some(literal(3)), offset: Some(param(1)), ..children }),
        r#"SELECT "title", "author_id" FROM (SELECT "value" AS "$parent" FROM rarray(?) AS "$list") AS "$0" CROSS JOIN "posts" WHERE "id" IN (SELECT "$1"."id" FROM "posts" AS "$1" WHERE "$1"."author_id" = "$0"."$parent" AND "$1"."id" > ? ORDER BY "$1"."title" DESC, "$1"."id" ASC LIMIT 3 OFFSET ?) ORDER BY "title" DESC, "id" ASC"#,
        &[5, 0, 1],
    );
}

#[test]
fn inserts() {
    let mut insert = Insert {
        entity: POST,
        values: vec![(post::TITLE, param(1)), (post::AUTHOR, param(0))],
        returning: vec![post::ID],
        check: Some(compare(post::TITLE, Comparison::Ne, param(2))),
        unless: Vec::new(),
    };
    lowers(
        Statement::Insert(insert.clone()),
        r#"INSERT INTO "posts" ("title", "author_id") VALUES (?, ?) RETURNING "id", ("title" <> ?) IS TRUE"#,
        &[1, 0, 2],
    );
    insert.check = None;
    insert.returning.clear();
    lowers(Statement::Insert(insert.clone()), r#"INSERT INTO "posts" ("title", "author_id") VALUES (?, ?)"#, &[1, 0]);
    insert.values.clear();
    insert.returning.push(post::ID);
    lowers(Statement::Insert(insert), r#"INSERT INTO "posts" DEFAULT VALUES RETURNING "id""#, &[]);
}

#[test]
fn updates_and_deletes() {
    let set = vec![
        (user::NAME, Assign::Set(param(0))),
        (user::AGE, Assign::Increment(param(1))),
        (user::BALANCE, Assign::Increment(param(2))),
        (user::SCORE, Assign::Increment(param(2))),
        (user::EMAIL, Assign::Set(Operand::Const(Literal::Null))),
    ];
    let filter = compare(user::ID, Comparison::Eq, param(3));
    lowers(
        Statement::Update(Update {
            entity: USER,
            filter: filter.clone(),
            set,
            returning: vec![user::AGE],
            check: None,
        }),
        r#"UPDATE "users" SET "name" = ?, "age" = dbal_add_integer("age", ?, 32, NULL, 150, 'age'), "balance" = dbal_add_decimal("balance", ?, 12, 2, NULL, NULL, 'balance'), "score" = dbal_add_float("score", ?, NULL, NULL, 'score'), "email" = NULL WHERE "id" = ? RETURNING "age""#,
        &[0, 1, 2, 2, 3],
    );
    lowers(Statement::Delete(Delete { entity: USER, filter }), r#"DELETE FROM "users" WHERE "id" = ?"#, &[3]);
    lowers(Statement::Delete(Delete { entity: USER, filter: Expr::TRUE }), r#"DELETE FROM "users""#, &[]);
}

#[test]
fn a_path_through_many_rows_is_refused() {
    let operand = Operand::Related { path: vec![user::POSTS], field: post::TITLE, visible: Vec::new() };
    let statement = Statement::Count(Count { entity: USER, filter: Expr::IsNull(operand) });
    assert!(dbal::sql::lower::lower(&schema(), &statement, &params(0), Dialect::Sqlite).is_err());
}
