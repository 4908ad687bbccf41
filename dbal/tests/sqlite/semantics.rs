//! That lowered statements mean what SEMANTICS.md says.

use dbal::adapter::sqlite::SqliteOptions;
use dbal::adapter::{Adapter, Connection, Intent};
use dbal::query::ast::*;
use dbal::schema::FieldId;
use dbal::{Date, DateTime, Decimal, ErrorKind, Reason, Uuid, Value, value};

use crate::schema::*;

fn with_users(users: &[&[(FieldId, Value)]], check: impl FnOnce(&mut dyn Connection)) {
    let adapter = open(SqliteOptions::memory());
    let mut connection = adapter.connect(Intent::Write, None).unwrap();
    for (number, fields) in (1..).zip(users) {
        add_user(&mut *connection, number, fields).unwrap();
    }
    check(&mut *connection);
}

/// Which users pass, by number.
fn passing(connection: &mut dyn Connection, filter: Expr, values: &[Value]) -> Vec<u128> {
    let order = vec![Order { by: Operand::Field(user::ID), descending: false, nulls_first: true }];
    let found =
        rows(connection, Statement::Select(Select { order, ..select(USER, &[user::ID], filter) }), values).unwrap();
    let number = |row: &Vec<Value>| match &row[0] {
        Value::Uuid(id) => id.as_u128(),
        other => panic!("not an id: {other:?}"),
    };
    found.iter().map(number).collect()
}

fn decimal(text: &str) -> Value {
    Value::Decimal(Box::new(text.parse::<Decimal>().unwrap()))
}

fn all_types() -> Vec<(FieldId, Value)> {
    vec![
        (user::ID, Uuid::from_u128(7).into()),
        (user::NAME, "Zoë".into()),
        (user::EMAIL, "zoe@example.org".into()),
        (user::ROLE, "admin".into()),
        (user::AGE, 44.into()),
        (user::BALANCE, decimal("10.50")),
        (user::ACTIVE, false.into()),
        (user::PROFILE, value!({ "b": [1, null], "a": "x" })),
        (user::AVATAR, Value::Bytes(vec![0, 255])),
        (user::BORN, "1980-02-29".parse::<Date>().unwrap().into()),
        (user::SEEN, DateTime::from_epoch_millis(-5).unwrap().into()),
        (user::SCORE, 0.1.into()),
        (user::MANAGER, Value::Null),
    ]
}

#[test]
fn every_type_comes_back_as_it_went_in() {
    let adapter = open(SqliteOptions::memory());
    let mut connection = adapter.connect(Intent::Write, None).unwrap();
    let all = all_types();
    let fields: Vec<FieldId> = all.iter().map(|(field, _)| *field).collect();
    let given = values(all);
    let returned = rows(&mut *connection, insert(USER, fields.iter().copied(), &fields), &given).unwrap();
    assert_eq!(returned, std::slice::from_ref(&given));
    let read = rows(&mut *connection, Statement::Select(select(USER, &fields, Expr::TRUE)), &[]).unwrap();
    assert_eq!(read, [given]);
}

#[test]
fn every_type_is_found_by_its_value_and_in_a_list() {
    with_users(&[&all_types(), &[]], |connection| {
        for (field, value) in all_types() {
            if value.is_null() {
                continue;
            }
            let equal = compare(field, Comparison::Eq, param(0));
            assert_eq!(passing(connection, equal, std::slice::from_ref(&value)), [7], "{field:?}");
            if field != user::PROFILE {
                let list = Expr::In { value: Operand::Field(field), list: ParamId(0), fold: false };
                assert_eq!(passing(connection, list, &[Value::List(vec![value.clone(), value])]), [7], "{field:?}");
            }
        }
    });
}

#[test]
fn unknown_stays_unknown() {
    with_users(&[&[(user::AGE, 30.into())], &[(user::AGE, 40.into())], &[]], |connection| {
        let ne = || compare(user::AGE, Comparison::Ne, param(0));
        assert_eq!(passing(connection, ne(), &[30.into()]), [2]);
        assert_eq!(passing(connection, Expr::Not(Box::new(ne())), &[30.into()]), [1]);
        assert_eq!(passing(connection, ne(), &[Value::Null]), []);
        assert_eq!(passing(connection, Expr::Not(Box::new(Expr::Const(None))), &[]), []);
    });
}

#[test]
fn lists_empty_and_unknown() {
    with_users(&[&[(user::AGE, 30.into())], &[]], |connection| {
        let list = || Expr::In { value: Operand::Field(user::AGE), list: ParamId(0), fold: false };
        let not = || Expr::Not(Box::new(list()));
        assert_eq!(passing(connection, list(), &[value!([])]), []);
        assert_eq!(passing(connection, not(), &[value!([])]), [1, 2], "nothing is in an empty list, null neither");
        assert_eq!(passing(connection, not(), &[value!([31])]), [1]);
        assert_eq!(passing(connection, not(), &[Value::Null]), [], "a list that is not known fails closed");
    });
}

#[test]
fn text_is_matched_by_code_point() {
    let names = ["Ärger", "äpfel", "zebra", "zebra\u{10ffff}z", "100%"];
    let users: Vec<[(FieldId, Value); 1]> = names.map(|name| [(user::NAME, name.into())]).to_vec();
    let users: Vec<&[(FieldId, Value)]> = users.iter().map(|fields| fields.as_slice()).collect();
    with_users(&users, |connection| {
        let mut matches = |op, fold, pattern: &str| {
            let filter = Expr::Text { value: Operand::Field(user::NAME), op, pattern: param(0), fold };
            passing(connection, filter, &[pattern.into()])
        };
        assert_eq!(matches(TextMatch::StartsWith, false, "zebra"), [3, 4]);
        assert_eq!(matches(TextMatch::StartsWith, true, "ä"), [1, 2]);
        assert_eq!(matches(TextMatch::Contains, false, "ebr"), [3, 4]);
        assert_eq!(matches(TextMatch::EndsWith, false, "l"), [2]);
        assert_eq!(matches(TextMatch::EndsWith, false, "a longer needle than any text"), []);
        assert_eq!(matches(TextMatch::Like, false, "100\\%"), [5]);
        assert_eq!(matches(TextMatch::Like, true, "ä%"), [1, 2]);
        for op in [TextMatch::StartsWith, TextMatch::Contains, TextMatch::EndsWith] {
            assert_eq!(matches(op, false, ""), [1, 2, 3, 4, 5], "{op:?}");
        }
    });
}

#[test]
fn a_prefix_is_looked_up_in_the_index() {
    let sqlite = rusqlite::Connection::open_in_memory().unwrap();
    rusqlite::vtab::array::load_module(&sqlite).unwrap();
    sqlite
        .execute_batch("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT) STRICT; CREATE INDEX i ON users (name)")
        .unwrap();
    let plan = |filter| {
        let schema = schema();
        let statement = Statement::Select(select(USER, &[user::ID], filter));
        let sql =
            dbal::sql::lower::lower(&schema, &statement, &params(1), dbal::sql::dialect::Dialect::Sqlite).unwrap();
        let mut explain = sqlite.prepare(&format!("EXPLAIN QUERY PLAN {}", sql.text)).unwrap();
        explain.raw_query().mapped(|row| row.get::<_, String>(3)).collect::<Result<Vec<_>, _>>().unwrap().join("; ")
    };
    let prefix =
        Expr::Text { value: Operand::Field(user::NAME), op: TextMatch::StartsWith, pattern: param(0), fold: false };
    assert!(plan(prefix).contains("SEARCH users USING INDEX i (name>? AND name<?)"));
    let list = Expr::In { value: Operand::Field(user::ID), list: ParamId(0), fold: false };
    assert!(plan(list).contains("(id=?)"));
}

#[test]
fn decimals_are_compared_by_value() {
    let balances = ["9.00", "10.00", "-1.50"];
    let users: Vec<[(FieldId, Value); 1]> = balances.map(|text| [(user::BALANCE, decimal(text))]).to_vec();
    let users: Vec<&[(FieldId, Value)]> = users.iter().map(|fields| fields.as_slice()).collect();
    with_users(&users, |connection| {
        assert_eq!(passing(connection, compare(user::BALANCE, Comparison::Eq, param(0)), &[decimal("10")]), [2]);
        assert_eq!(passing(connection, compare(user::BALANCE, Comparison::Lt, param(0)), &[decimal("10")]), [1, 3]);
        let list = Expr::In { value: Operand::Field(user::BALANCE), list: ParamId(0), fold: false };
        assert_eq!(passing(connection, list, &[Value::List(vec![decimal("9"), decimal("-1.5")])]), [1, 3]);
        let order = vec![Order { by: Operand::Field(user::BALANCE), descending: false, nulls_first: true }];
        let sorted = Statement::Select(Select { order, ..select(USER, &[user::BALANCE], Expr::TRUE) });
        let sorted: Vec<Value> = rows(connection, sorted, &[]).unwrap().into_iter().flatten().collect();
        assert_eq!(sorted, [decimal("-1.50"), decimal("9.00"), decimal("10.00")]);
    });
}

#[test]
fn json_documents_and_paths() {
    let users: [&[(FieldId, Value)]; 3] =
        [&[(user::PROFILE, value!({ "a": [1, "x"], "n": null }))], &[(user::PROFILE, value!({ "a": 1 }))], &[]];
    with_users(&users, |connection| {
        let at = |keys: &[PathStep], test| Expr::Json { field: user::PROFILE, path: keys.to_vec(), test };
        let a = PathStep::Key("a".into());
        let eq = |id| JsonTest::Compare(Comparison::Eq, ParamId(id));
        assert_eq!(passing(connection, at(&[a.clone(), PathStep::Index(1)], eq(0)), &["x".into()]), [1]);
        assert_eq!(passing(connection, at(std::slice::from_ref(&a), eq(0)), &[1.into()]), [2]);
        assert_eq!(passing(connection, at(std::slice::from_ref(&a), eq(0)), &["1".into()]), [], "1 is not \"1\"");
        let n = [PathStep::Key("n".into())];
        assert_eq!(passing(connection, at(&n, eq(0)), &[Value::Null]), [1, 2], "JSON null and a missing path");
        assert_eq!(passing(connection, at(&n, JsonTest::Exists), &[]), [1]);
        assert_eq!(
            passing(connection, Expr::Not(Box::new(at(&n, JsonTest::Exists))), &[]),
            [2],
            "a null column is unknown"
        );
        let list = at(&[a], JsonTest::In(ParamId(0)));
        assert_eq!(passing(connection, list, &[value!([2, 1])]), [2]);
        let same = compare(user::PROFILE, Comparison::Eq, param(0));
        assert_eq!(passing(connection, same, &[value!({ "n": null, "a": [1.0, "x"] })]), [1]);
    });
}

#[test]
fn related_rows_are_never_unknown() {
    let boss = |number: u128| (user::MANAGER, Value::from(Uuid::from_u128(number)));
    let users: [&[(FieldId, Value)]; 4] =
        [&[], &[boss(1), (user::AGE, 20.into())], &[boss(1)], &[boss(2), (user::AGE, 20.into())]];
    with_users(&users, |connection| {
        let mut reports = |quantifier, visible: Expr, filter: Expr| {
            let (visible, filter) = (Box::new(visible), Box::new(filter));
            let related =
                Expr::Related { between: Box::new(Expr::TRUE), relation: user::REPORTS, quantifier, visible, filter };
            let both = (
                passing(connection, related.clone(), &[20.into(), Uuid::from_u128(2).into()]),
                passing(connection, Expr::Not(Box::new(related)), &[20.into(), Uuid::from_u128(2).into()]),
            );
            assert_eq!(both.0.len() + both.1.len(), 4);
            both.0
        };
        let young = || compare(user::AGE, Comparison::Eq, param(0));
        assert_eq!(reports(Quantifier::Some, Expr::TRUE, young()), [1, 2]);
        assert_eq!(reports(Quantifier::None, Expr::TRUE, young()), [3, 4]);
        assert_eq!(
            reports(Quantifier::Every, Expr::TRUE, young()),
            [2, 3, 4],
            "3's age is null: 1 has one that does not match"
        );
        let only_two = || compare(user::ID, Comparison::Eq, param(1));
        assert_eq!(reports(Quantifier::Every, only_two(), young()), [1, 2, 3, 4]);
        assert_eq!(reports(Quantifier::Some, only_two(), Expr::TRUE), [1]);
    });
}

#[test]
fn wide_conditions_stay_within_the_depth_limit() {
    with_users(&[&[]], |connection| {
        let wide = |make: fn(Vec<Expr>) -> Expr| {
            make((0..3_000).map(|_| compare(user::NAME, Comparison::Ne, param(0))).collect())
        };
        assert_eq!(passing(connection, wide(Expr::Or), &["x".into()]), [1]);
        assert_eq!(passing(connection, wide(Expr::And), &["x".into()]), [1]);
    });
}

#[test]
fn children_are_limited_for_each_parent() {
    with_users(&[&[], &[]], |connection| {
        for (title, author) in [("a", 1), ("b", 1), ("c", 1), ("d", 2)] {
            let values = [title.into(), Uuid::from_u128(author).into()];
            effect(connection, insert(POST, [post::TITLE, post::AUTHOR].into_iter(), &[]), &values).unwrap();
        }
        let order = vec![Order { by: Operand::Field(post::TITLE), descending: true, nulls_first: false }];
        let link = Some(Link { field: post::AUTHOR, parents: ParamId(0), through: None });
        let children =
            Select { order, link, limit: Some(literal(2)), ..select(POST, &[post::TITLE, post::AUTHOR], Expr::TRUE) };
        let parents = Value::List([1, 2].map(|number| Uuid::from_u128(number).into()).to_vec());
        let found = rows(connection, Statement::Select(children), &[parents]).unwrap();
        let mut titles: Vec<&str> = found.iter().filter_map(|row| row[0].as_str()).collect();
        titles.sort_unstable();
        assert_eq!(titles, ["b", "c", "d"]);
    });
}

#[test]
fn sequences_never_come_back() {
    with_users(&[&[]], |connection| {
        let mut add = || {
            let values = ["t".into(), Uuid::from_u128(1).into()];
            let made =
                rows(connection, insert(POST, [post::TITLE, post::AUTHOR].into_iter(), &[post::ID]), &values).unwrap();
            let all = Statement::Delete(Delete { entity: POST, filter: Expr::TRUE });
            assert_eq!(effect(connection, all, &[]).unwrap(), 1);
            made[0][0].as_i64().unwrap()
        };
        assert_eq!([add(), add()], [1, 2]);
    });
}

#[test]
fn increments_stop_at_the_bounds() {
    let users: [&[(FieldId, Value)]; 2] =
        [&[(user::AGE, 149.into()), (user::BALANCE, decimal("9999999999.50")), (user::SCORE, 1e308.into())], &[]];
    with_users(&users, |connection| {
        let mut add = |field, by: Value| {
            let set = vec![(field, Assign::Increment(param(0)))];
            let update = Update { entity: USER, filter: Expr::TRUE, set, returning: vec![field], check: None };
            rows(connection, Statement::Update(update), &[by])
                .map(|rows| rows.into_iter().flatten().collect::<Vec<Value>>())
        };
        assert_eq!(add(user::AGE, 1.into()).unwrap(), [150.into(), Value::Null]);
        assert_eq!(add(user::BALANCE, decimal("0.49")).unwrap(), [decimal("9999999999.99"), Value::Null]);
        let overflow = Some(Reason::Overflow);
        for (field, by, name, reason) in [
            (user::AGE, 1.into(), "age", None),
            (user::AGE, i64::MAX.into(), "age", overflow),
            (user::AGE, i64::from(i32::MAX).into(), "age", overflow),
            (user::BALANCE, decimal("0.01"), "balance", overflow),
            (user::SCORE, 1e308.into(), "score", overflow),
        ] {
            let error = add(field, by).unwrap_err();
            assert_eq!((error.kind(), error.reason()), (ErrorKind::ValidationError, reason));
            assert_eq!(error.fields()[0].field, name);
        }
        assert_eq!(add(user::AGE, 0.into()).unwrap(), [150.into(), Value::Null], "what was refused left nothing");
    });
}

#[test]
fn a_check_that_is_unknown_does_not_hold() {
    with_users(&[], |connection| {
        let make = |age: Value, number: u128| {
            let values = vec![
                (user::ID, Value::from(Uuid::from_u128(number))),
                (user::NAME, "n".into()),
                (user::ROLE, "user".into()),
                (user::ACTIVE, true.into()),
                (user::AGE, age),
            ];
            let Statement::Insert(insert) = insert(USER, values.iter().map(|(field, _)| *field), &[]) else {
                unreachable!()
            };
            let check = Some(compare(user::AGE, Comparison::Gt, literal(18)));
            (Statement::Insert(Insert { check, ..insert }), crate::schema::values(values))
        };
        for (number, (age, holds)) in (1..).zip([(20.into(), true), (10.into(), false), (Value::Null, false)]) {
            let (statement, values) = make(age, number);
            assert_eq!(rows(connection, statement, &values).unwrap(), [[Value::Bool(holds)]]);
        }
    });
}

#[test]
fn a_check_may_ask_for_related_rows() {
    with_users(&[&[(user::ROLE, "admin".into())], &[(user::MANAGER, Uuid::from_u128(1).into())]], |connection| {
        let admin = || Box::new(compare(user::ROLE, Comparison::Eq, Operand::Const(Literal::Word("admin".into()))));
        let check = Some(Expr::Related {
            between: Box::new(Expr::TRUE),
            relation: user::BOSS,
            quantifier: Quantifier::Some,
            visible: Box::new(Expr::TRUE),
            filter: admin(),
        });
        let set = vec![(user::AGE, Assign::Set(literal(1)))];
        let update = Update { entity: USER, filter: Expr::TRUE, set, returning: vec![user::ID], check };
        let found = rows(connection, Statement::Update(update), &[]).unwrap();
        let holds: Vec<&Value> = found.iter().map(|row| &row[1]).collect();
        assert_eq!(holds, [&Value::Bool(false), &Value::Bool(true)]);
    });
}
