//! What SQLite reports, in the words of the catalogue; and what is stored wrongly.

use dbal::adapter::sqlite::{SqliteAdapter, SqliteOptions};
use dbal::adapter::{Adapter, Connection, Intent};
use dbal::query::ast::*;
use dbal::schema::FieldId;
use dbal::{Error, ErrorKind, Outcome, Reason, Uuid, Value};

use crate::schema::*;

fn with(check: impl FnOnce(&mut dyn Connection)) {
    let adapter = open(SqliteOptions::memory());
    let mut connection = adapter.connect(Intent::Write, None).unwrap();
    add_user(&mut *connection, 1, &[(user::EMAIL, "a@example.org".into())]).unwrap();
    check(&mut *connection);
}

#[track_caller]
fn assert_conflict(error: &Error, reason: Reason, fields: &[&str]) {
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Conflict, Some(reason)), "{error:?}");
    assert_eq!(error.fields().iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), fields);
    assert!(!error.message().contains("constraint"), "{}", error.message());
}

fn add_post(connection: &mut dyn Connection, author: u128) -> Result<u64, Error> {
    let values = ["t".into(), Uuid::from_u128(author).into()];
    effect(connection, insert(POST, [post::TITLE, post::AUTHOR].into_iter(), &[]), &values)
}

#[test]
fn a_unique_conflict_names_the_fields_of_the_key() {
    with(|connection| {
        assert_conflict(&add_user(connection, 1, &[]).unwrap_err(), Reason::Unique, &["id"]);
        let taken = add_user(connection, 2, &[(user::EMAIL, "a@example.org".into())]).unwrap_err();
        assert_conflict(&taken, Reason::Unique, &["email"]);
        assert_eq!(taken.entity(), Some("User"));
        add_post(connection, 1).unwrap();
        effect(connection, insert(dbal::schema::EntityId(2), (0..2).map(FieldId), &[]), &["x".into(), "X".into()])
            .unwrap();
        let pair = |id: i64| [id.into(), 1.into(), "x".into()];
        effect(connection, insert(POST_TAG, (0..3).map(FieldId), &[]), &pair(1)).unwrap();
        let twice = effect(connection, insert(POST_TAG, (0..3).map(FieldId), &[]), &pair(2)).unwrap_err();
        assert_conflict(&twice, Reason::Unique, &["post", "tag"]);
    });
}

#[test]
fn nulls_in_a_unique_key_are_distinct() {
    with(|connection| {
        add_user(connection, 2, &[]).unwrap();
        add_user(connection, 3, &[]).unwrap();
    });
}

#[test]
fn a_reference_that_points_nowhere_or_is_pointed_at() {
    with(|connection| {
        assert_conflict(&add_post(connection, 404).unwrap_err(), Reason::ForeignKey, &["author"]);
        add_user(connection, 2, &[(user::MANAGER, Uuid::from_u128(1).into())]).unwrap();
        let lost = add_user(connection, 3, &[(user::MANAGER, Uuid::from_u128(404).into())]).unwrap_err();
        assert_conflict(&lost, Reason::ForeignKey, &["manager"]);
        add_post(connection, 1).unwrap();
        let pair = |post: i64, tag: &str| [1.into(), post.into(), tag.into()];
        effect(connection, insert(dbal::schema::EntityId(2), (0..2).map(FieldId), &[]), &["x".into(), "X".into()])
            .unwrap();
        for (values, field) in [(pair(1, "none"), "tag"), (pair(404, "x"), "post"), (pair(404, "none"), "post")] {
            let lost = effect(connection, insert(POST_TAG, (0..3).map(FieldId), &[]), &values).unwrap_err();
            assert_conflict(&lost, Reason::ForeignKey, &[field]);
        }
        let set = vec![(post::AUTHOR, Assign::Set(param(0)))];
        let update = Update { entity: POST, filter: Expr::TRUE, set, returning: vec![], check: None };
        let moved = effect(connection, Statement::Update(update), &[Uuid::from_u128(404).into()]).unwrap_err();
        assert_conflict(&moved, Reason::ForeignKey, &["author"]);
        let delete = |id: u128| {
            (
                Statement::Delete(Delete { entity: USER, filter: compare(user::ID, Comparison::Eq, param(0)) }),
                [Value::from(Uuid::from_u128(id))],
            )
        };
        let (statement, values) = delete(1);
        assert_conflict(&effect(connection, statement, &values).unwrap_err(), Reason::ForeignKey, &["manager"]);
        let all = Statement::Delete(Delete { entity: USER, filter: Expr::TRUE });
        assert_eq!(effect(connection, all, &[]).unwrap(), 2, "together they can go, and the post goes with them");
        let posts = Statement::Count(Count { entity: POST, filter: Expr::TRUE });
        assert_eq!(rows(connection, posts, &[]).unwrap()[0][0], Value::Int(0));
    });
}

#[test]
fn a_table_that_is_missing() {
    let adapter = SqliteAdapter::open(schema(), SqliteOptions::memory()).unwrap();
    let error = add_user(&mut *adapter.connect(Intent::Write, None).unwrap(), 1, &[]).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::DatabaseError, Some(Outcome::NotApplied)));
    assert!(error.message().contains("run migrate"));
    assert!(!error.message().contains("users") && error.detail().unwrap().contains("users"));
}

#[test]
fn a_value_that_is_too_large() {
    with(|connection| {
        let huge = Value::Bytes(vec![0; 65 << 20]);
        assert_eq!(add_user(connection, 2, &[(user::AVATAR, huge)]).unwrap_err().kind(), ErrorKind::ValidationError);
    });
}

#[test]
fn a_stored_value_that_does_not_fit_is_reported_and_never_coerced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let adapter = open(SqliteOptions::file(&path));
    add_user(&mut *adapter.connect(Intent::Write, None).unwrap(), 1, &[]).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.create_collation("dbal_decimal", |a, b| a.cmp(b)).unwrap();
    let mut reader = adapter.connect(Intent::Read, None).unwrap();
    for (field, name, stored) in [
        (user::NAME, "name", "CAST(X'FFFE' AS TEXT)"),
        (user::ROLE, "role", "'emperor'"),
        (user::AGE, "age", "1 << 40"),
        (user::BALANCE, "balance", "'ten'"),
        (user::ACTIVE, "active", "2"),
        (user::PROFILE, "profile", "'{'"),
        (user::BORN, "born", "'2023-02-29'"),
        (user::SEEN, "seen", "9223372036854775807"),
        (user::SCORE, "score", "9e999"),
    ] {
        other.execute_batch(&format!("SAVEPOINT before; UPDATE users SET {name} = {stored}; RELEASE before")).unwrap();
        let read = |reader: &mut dyn Connection, columns: &[FieldId]| {
            rows(reader, Statement::Select(select(USER, columns, Expr::TRUE)), &[])
        };
        let error = read(&mut *reader, &[user::ID, field]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DatabaseError);
        let id = Uuid::from_u128(1);
        assert!(error.message().contains(&format!("User.{name} of {id} does not fit its type")), "{}", error.message());
        assert_eq!(error.entity(), Some("User"));
        assert_eq!(read(&mut *reader, &[user::ID]).unwrap().len(), 1, "only fields in the result matter");
        let filter = compare(field, Comparison::Eq, param(0));
        let sought = rows(&mut *reader, Statement::Select(select(USER, &[user::ID], filter)), &[Value::Null]).unwrap();
        assert!(sought.is_empty());
    }
    other.execute_batch("UPDATE users SET id = 'nobody'").unwrap();
    let error = rows(&mut *reader, Statement::Select(select(USER, &[user::ID], Expr::TRUE)), &[]).unwrap_err();
    assert!(error.message().contains("User.id does not fit its type uuid"), "{}", error.message());
}
