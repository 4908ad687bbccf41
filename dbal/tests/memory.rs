//! The reference backend: statements, keys, references, transactions.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::schema::{TEXT, entity, field, key, reference, relation, schema, through, unique, unique_index};
use dbal::adapter::memory::MemoryAdapter;
use dbal::adapter::{Adapter, Connection, Intent};
use dbal::plan::operation::{Lowered, Role, Step};
use dbal::query::ast::{
    Assign, Comparison, Count, Delete, Expr, Insert, Link, Literal, Operand, Order, ParamId, Quantifier, Select,
    Statement, Update,
};
use dbal::row::{Columns, RecordSink, RowSink};
use dbal::schema::field::Bound;
use dbal::schema::{Entity, EntityId, Field, FieldId, FieldType, Referential, RelationId, RelationKind};
use dbal::{Error, ErrorKind, Outcome, Reason, Result, Schema, Value, ValueRef, value};

use Referential::{Cascade, Restrict, SetNull};

const ITEM: EntityId = EntityId(0);
const ID: FieldId = FieldId(0);

fn int(name: &str) -> Field {
    field(name, FieldType::Integer)
}

/// id, name (unique), count, parent -> Item
fn items(on_delete: Referential) -> Arc<Schema> {
    let fields = vec![
        key("id"),
        unique(field("name", TEXT)),
        int("count"),
        reference("parent_id", 0, 0, FieldType::Integer, on_delete, Restrict),
    ];
    schema(vec![entity("Item", fields)])
}

const NAME: FieldId = FieldId(1);
const COUNT: FieldId = FieldId(2);
const PARENT: FieldId = FieldId(3);

/// A connection that writes, and short ways to say things to it.
struct Session<'a>(Box<dyn Connection + 'a>);

fn session(adapter: &MemoryAdapter) -> Session<'_> {
    Session(adapter.connect(Intent::Write, None).unwrap())
}

fn reader(adapter: &MemoryAdapter) -> Session<'_> {
    Session(adapter.connect(Intent::Read, None).unwrap())
}

fn open(schema: Arc<Schema>) -> MemoryAdapter {
    MemoryAdapter::open(schema).unwrap()
}

impl Session<'_> {
    fn run(&mut self, statement: Statement, params: &[Value]) -> Result<(u64, Vec<Vec<Value>>)> {
        let mut sink = Rows::default();
        let count = self.0.run(&step(statement), params, None, &mut sink)?;
        Ok((count, sink.0))
    }

    fn insert(&mut self, entity: EntityId, values: &[(FieldId, Value)]) -> Result<Value> {
        let params: Vec<Value> = values.iter().map(|(_, value)| value.clone()).collect();
        let values = values.iter().zip(0..).map(|((field, _), id)| (*field, Operand::Param(ParamId(id)))).collect();
        let insert = Insert { entity, values, returning: vec![ID], check: None, unless: Vec::new() };
        Ok(self.run(Statement::Insert(insert), &params)?.1.remove(0).remove(0))
    }

    fn item(&mut self, id: i64, parent: impl Into<Value>) -> Result<Value> {
        self.insert(ITEM, &[(ID, value!(id)), (PARENT, parent.into())])
    }

    fn rows(&mut self, entity: EntityId, columns: &[FieldId]) -> Vec<Vec<Value>> {
        self.run(Statement::Select(all(entity, columns)), &[]).unwrap().1
    }

    fn ids(&mut self, entity: EntityId) -> Vec<i64> {
        self.rows(entity, &[ID]).iter().map(|row| row[0].as_i64().unwrap()).collect()
    }

    fn update(&mut self, entity: EntityId, filter: Expr, set: &[(FieldId, Value)]) -> Result<u64> {
        let params: Vec<Value> = set.iter().map(|(_, value)| value.clone()).collect();
        let set =
            set.iter().zip(0..).map(|((field, _), id)| (*field, Assign::Set(Operand::Param(ParamId(id))))).collect();
        let update = Update { entity, filter, set, returning: Vec::new(), check: None };
        Ok(self.run(Statement::Update(update), &params)?.0)
    }

    fn delete(&mut self, entity: EntityId, filter: Expr) -> Result<u64> {
        Ok(self.run(Statement::Delete(Delete { entity, filter }), &[])?.0)
    }
}

#[derive(Default)]
struct Rows(Vec<Vec<Value>>);

impl RowSink for Rows {
    fn start(&mut self, _columns: &Arc<Columns>) -> Result<()> {
        panic!("an adapter never calls start");
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        self.0.push(cells.iter().map(|cell| cell.to_value()).collect());
        Ok(())
    }
}

fn step(statement: Statement) -> Step {
    Step::new(statement.entity(), Lowered::Ast(Box::new(statement)), Vec::new(), Role::Effect)
}

fn all(entity: EntityId, columns: &[FieldId]) -> Select {
    let order = vec![Order { by: Operand::Field(ID), descending: false, nulls_first: true }];
    Select {
        entity,
        columns: columns.to_vec(),
        filter: Expr::TRUE,
        order,
        limit: None,
        offset: None,
        link: None,
        beyond: None,
    }
}

fn is(field: FieldId, number: i64) -> Expr {
    let right = Operand::Const(Literal::Int(number));
    Expr::Compare { left: Operand::Field(field), op: Comparison::Eq, right, fold: false }
}

/// Reason and fields of a conflict.
fn conflict(error: &Error) -> (Reason, Vec<&str>) {
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
    (error.reason().unwrap(), error.fields().iter().map(|fault| fault.field.as_str()).collect())
}

#[test]
fn rows_carry_every_field_and_sequences_never_collide() {
    let adapter = open(items(Restrict));
    let mut db = session(&adapter);
    assert_eq!(db.insert(ITEM, &[(NAME, value!("a"))]).unwrap(), value!(1));
    assert_eq!(db.insert(ITEM, &[(ID, value!(7))]).unwrap(), value!(7));
    assert_eq!(db.insert(ITEM, &[]).unwrap(), value!(8));
    assert_eq!(db.delete(ITEM, is(ID, 8)).unwrap(), 1);
    assert_eq!(db.insert(ITEM, &[]).unwrap(), value!(9), "a number is not given twice");
    assert_eq!(db.rows(ITEM, &[ID, NAME, COUNT, PARENT])[0], [value!(1), value!("a"), Value::Null, Value::Null]);
    db.insert(ITEM, &[(ID, value!(i32::MAX))]).unwrap();
    assert_eq!(db.insert(ITEM, &[]).unwrap_err().reason(), Some(Reason::Overflow));
}

#[test]
fn unique_keys_let_nulls_be_and_name_their_fields() {
    let mut schema_entity = entity("Item", vec![key("id"), int("a"), int("b")]);
    schema_entity.indexes.push(unique_index("ab", &[1, 2]));
    let adapter = open(schema(vec![schema_entity]));
    let mut db = session(&adapter);
    let (a, b) = (FieldId(1), FieldId(2));
    let mut insert = |one: Value, two: Value| db.insert(ITEM, &[(a, one), (b, two)]);
    insert(value!(1), value!(1)).unwrap();
    insert(value!(1), value!(2)).unwrap();
    insert(value!(1), Value::Null).unwrap();
    insert(value!(1), Value::Null).unwrap();
    assert_eq!(conflict(&insert(value!(1), value!(2)).unwrap_err()), (Reason::Unique, vec!["a", "b"]));
    let error = db.insert(ITEM, &[(ID, value!(1))]).unwrap_err();
    assert_eq!(conflict(&error), (Reason::Unique, vec!["id"]));
    assert!(!error.message().contains('1'), "no value of another row: {}", error.message());
    assert_eq!(db.ids(ITEM), [1, 2, 3, 4]);
}

#[test]
fn a_statement_that_fails_leaves_nothing() {
    let adapter = open(items(Restrict));
    let mut db = session(&adapter);
    for id in 1..=3 {
        db.insert(ITEM, &[(ID, value!(id)), (NAME, value!(["a", "b", "c"][id as usize - 1]))]).unwrap();
    }
    let before = db.rows(ITEM, &[ID, NAME]);
    for transaction in [false, true] {
        if transaction {
            db.0.begin(None).unwrap();
        }
        let error = db.update(ITEM, Expr::TRUE, &[(NAME, value!("same"))]).unwrap_err();
        assert_eq!(conflict(&error), (Reason::Unique, vec!["name"]));
        assert_eq!(db.rows(ITEM, &[ID, NAME]), before);
    }
    db.0.commit().unwrap();
    assert_eq!(db.rows(ITEM, &[ID, NAME]), before);
}

/// Refuses the second row.
struct Refusing(u32);

impl RowSink for Refusing {
    fn start(&mut self, _columns: &Arc<Columns>) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, _cells: &[ValueRef<'_>]) -> Result<()> {
        self.0 += 1;
        if self.0 == 2 { Err(Error::internal("enough")) } else { Ok(()) }
    }
}

#[test]
fn a_sink_that_refuses_undoes_the_statement() {
    let adapter = open(items(Restrict));
    let mut db = session(&adapter);
    for id in 1..=3 {
        db.item(id, Value::Null).unwrap();
    }
    let set = vec![(COUNT, Assign::Set(Operand::Const(Literal::Int(5))))];
    let update = Update { entity: ITEM, filter: Expr::TRUE, set, returning: vec![ID], check: None };
    let error = db.0.run(&step(Statement::Update(update)), &[], None, &mut Refusing(0)).unwrap_err();
    assert_eq!(error.message(), "enough");
    assert!(db.rows(ITEM, &[COUNT]).iter().all(|row| row[0].is_null()));
}

#[test]
fn checks_come_last_and_see_the_row_as_written() {
    let adapter = open(items(Restrict));
    let mut db = session(&adapter);
    let check = |limit| Expr::Compare {
        left: Operand::Field(COUNT),
        op: Comparison::Lt,
        right: Operand::Const(Literal::Int(limit)),
        fold: false,
    };
    let insert = |id: i64, count: Operand| {
        let values = vec![(ID, Operand::Const(Literal::Int(id))), (COUNT, count)];
        Statement::Insert(Insert {
            entity: ITEM,
            values,
            returning: vec![ID, NAME],
            check: Some(check(5)),
            unless: Vec::new(),
        })
    };
    let number = |number| Operand::Const(Literal::Int(number));
    assert_eq!(db.run(insert(1, number(3)), &[]).unwrap().1, [[value!(1), Value::Null, value!(true)]]);
    assert_eq!(db.run(insert(2, number(9)), &[]).unwrap().1, [[value!(2), Value::Null, value!(false)]]);
    assert_eq!(
        db.run(insert(3, Operand::Const(Literal::Null)), &[]).unwrap().1,
        [[value!(3), Value::Null, Value::Null]]
    );
    let set = vec![(COUNT, Assign::Increment(number(4)))];
    let update = Update { entity: ITEM, filter: Expr::TRUE, set, returning: vec![COUNT], check: Some(check(10)) };
    let (count, rows) = db.run(Statement::Update(update), &[]).unwrap();
    assert_eq!(count, 3);
    assert_eq!(rows, [[value!(7), value!(true)], [value!(13), value!(false)], [Value::Null, Value::Null]]);
}

#[test]
fn increments_stay_within_type_and_bounds() {
    let mut bounded = int("level");
    bounded.max = Some(Bound::Int(5));
    let money = FieldType::Decimal { precision: Some(4), scale: Some(2) };
    let fields = vec![
        key("id"),
        int("small"),
        field("big", FieldType::BigInt),
        bounded,
        field("money", money),
        field("ratio", FieldType::Float),
    ];
    let adapter = open(schema(vec![entity("Item", fields)]));
    let mut db = session(&adapter);
    let decimal = |text: &str| Value::from(text.parse::<dbal::Decimal>().unwrap());
    let values = [value!(i32::MAX), value!(i64::MAX), value!(4), decimal("99.98"), value!(f64::MAX)];
    let fields: Vec<(FieldId, Value)> = (1..).map(FieldId).zip(values).collect();
    db.insert(ITEM, &fields).unwrap();
    let mut add = |field: u16, by: Value| {
        let set = vec![(FieldId(field), Assign::Increment(Operand::Param(ParamId(0))))];
        let update = Update { entity: ITEM, filter: Expr::TRUE, set, returning: vec![FieldId(field)], check: None };
        Ok::<_, Error>(db.run(Statement::Update(update), &[by])?.1.remove(0).remove(0))
    };
    for (field, by) in [(1, value!(1)), (2, value!(1)), (4, decimal("0.02")), (5, value!(f64::MAX))] {
        let error = add(field, by).unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::ValidationError, Some(Reason::Overflow)), "{error}");
    }
    assert_eq!(add(3, value!(1)).unwrap(), value!(5));
    let error = add(3, value!(1)).unwrap_err();
    assert_eq!((error.kind(), error.fields()[0].field.as_str()), (ErrorKind::ValidationError, "level"));
    let Value::Decimal(sum) = add(4, decimal("0.01")).unwrap() else { panic!("a decimal stays one") };
    assert_eq!(sum.to_string(), "99.99");
}

#[test]
fn references_must_lead_somewhere_when_the_statement_ends() {
    let adapter = open(items(Restrict));
    let mut db = session(&adapter);
    assert_eq!(conflict(&db.item(1, 2).unwrap_err()), (Reason::ForeignKey, vec!["parent_id"]));
    db.item(1, 1).unwrap();
    db.item(2, 1).unwrap();
    let error = db.update(ITEM, is(ID, 2), &[(PARENT, value!(9))]).unwrap_err();
    assert_eq!(conflict(&error), (Reason::ForeignKey, vec!["parent_id"]));
    assert_eq!(conflict(&db.delete(ITEM, is(ID, 1)).unwrap_err()), (Reason::ForeignKey, vec!["parent_id"]));
    assert_eq!(db.ids(ITEM), [1, 2]);
    assert_eq!(db.delete(ITEM, Expr::TRUE).unwrap(), 2, "those that refer to each other go together");
}

#[test]
fn cascades_follow_trees_and_circles() {
    let adapter = open(items(Cascade));
    let mut db = session(&adapter);
    for (id, parent) in [(1, None), (2, Some(1)), (3, Some(2)), (4, Some(2)), (5, None), (6, Some(5))] {
        db.item(id, parent.map(i64::from)).unwrap();
    }
    assert_eq!(db.delete(ITEM, is(ID, 1)).unwrap(), 1, "only the rows asked for are counted");
    assert_eq!(db.ids(ITEM), [5, 6]);
    db.update(ITEM, is(ID, 5), &[(PARENT, value!(6))]).unwrap();
    db.delete(ITEM, is(ID, 6)).unwrap();
    assert_eq!(db.ids(ITEM), [0_i64; 0]);
}

#[test]
fn set_null_lets_go() {
    let adapter = open(items(SetNull));
    let mut db = session(&adapter);
    for (id, parent) in [(1, None), (2, Some(1)), (3, Some(2))] {
        db.item(id, parent.map(i64::from)).unwrap();
    }
    db.delete(ITEM, is(ID, 1)).unwrap();
    assert_eq!(db.rows(ITEM, &[ID, PARENT]), [[value!(2), Value::Null], [value!(3), value!(2)]]);
}

/// Users with a unique name, credentials and posts that refer to the name.
fn named(on_update: Referential) -> MemoryAdapter {
    open(schema(vec![
        entity("User", vec![key("id"), unique(field("name", TEXT))]),
        entity("Credential", vec![key("id"), unique(reference("username", 0, 1, TEXT, Cascade, on_update))]),
        entity("Login", vec![key("id"), reference("username", 1, 1, TEXT, Cascade, on_update)]),
    ]))
}

#[test]
fn a_changed_target_takes_its_references_along() {
    let (user, credential, login) = (EntityId(0), EntityId(1), EntityId(2));
    let fill = |db: &mut Session<'_>| {
        for name in ["ann", "bob"] {
            for entity in [user, credential, login] {
                db.insert(entity, &[(NAME, value!(name))]).unwrap();
            }
        }
    };
    let rename = |db: &mut Session<'_>| db.update(user, is(ID, 1), &[(NAME, value!("eve"))]);
    let names = |db: &mut Session<'_>, entity| db.rows(entity, &[NAME]).concat();

    let adapter = named(Cascade);
    let mut db = session(&adapter);
    fill(&mut db);
    assert_eq!(rename(&mut db).unwrap(), 1);
    assert_eq!(names(&mut db, credential), [value!("eve"), value!("bob")]);
    assert_eq!(names(&mut db, login), [value!("eve"), value!("bob")], "through two references");
    db.delete(user, is(ID, 1)).unwrap();
    assert_eq!((db.ids(credential), db.ids(login)), (vec![2], vec![2]));

    let adapter = named(SetNull);
    let mut db = session(&adapter);
    fill(&mut db);
    rename(&mut db).unwrap();
    assert_eq!(names(&mut db, credential), [Value::Null, value!("bob")]);
    assert_eq!(names(&mut db, login), [Value::Null, value!("bob")]);

    let adapter = named(Restrict);
    let mut db = session(&adapter);
    fill(&mut db);
    assert_eq!(conflict(&rename(&mut db).unwrap_err()), (Reason::ForeignKey, vec!["username"]));
    assert_eq!(names(&mut db, user), [value!("ann"), value!("bob")]);
}

#[test]
fn references_follow_their_own_row_when_targets_trade_values() {
    let adapter = open(schema(vec![
        entity("Shelf", vec![key("id"), unique(int("place"))]),
        entity("Book", vec![key("id"), unique(reference("place", 0, 1, FieldType::Integer, Cascade, Cascade))]),
    ]));
    let (shelf, book, place) = (EntityId(0), EntityId(1), FieldId(1));
    let mut db = session(&adapter);
    for number in 1..=3 {
        db.insert(shelf, &[(place, value!(number))]).unwrap();
        db.insert(book, &[(place, value!(number))]).unwrap();
    }
    let set = vec![(place, Assign::Increment(Operand::Const(Literal::Int(1))))];
    let update = Update { entity: shelf, filter: Expr::TRUE, set, returning: Vec::new(), check: None };
    db.run(Statement::Update(update), &[]).unwrap();
    assert_eq!(db.rows(shelf, &[place]).concat(), [2, 3, 4].map(|place| value!(place)));
    assert_eq!(db.rows(book, &[place]).concat(), [2, 3, 4].map(|place| value!(place)));
}

#[test]
fn a_row_that_goes_by_one_reference_does_not_stay_by_another() {
    let adapter = open(schema(vec![
        entity("User", vec![key("id")]),
        entity(
            "Letter",
            vec![
                key("id"),
                reference("from_id", 0, 0, FieldType::Integer, SetNull, Restrict),
                reference("to_id", 0, 0, FieldType::Integer, Cascade, Restrict),
            ],
        ),
    ]));
    let (user, letter) = (EntityId(0), EntityId(1));
    let mut db = session(&adapter);
    for _ in 0..2 {
        db.insert(user, &[]).unwrap();
    }
    for (from, to) in [(1, 1), (1, 2), (2, 1)] {
        db.insert(letter, &[(FieldId(1), value!(from)), (FieldId(2), value!(to))]).unwrap();
    }
    db.delete(user, is(ID, 1)).unwrap();
    assert_eq!(db.rows(letter, &[ID, FieldId(1)]), [[value!(2), Value::Null]]);
}

#[test]
fn required_fields_are_never_null() {
    let fields = vec![key("id"), Field { nullable: false, ..int("a") }, Field { nullable: false, ..int("b") }];
    let adapter = open(schema(vec![entity("Item", fields)]));
    let error = session(&adapter).insert(ITEM, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ValidationError);
    assert_eq!(error.fields().iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn a_reader_sees_one_moment() {
    let adapter = open(items(Restrict));
    let (mut writer, mut early, mut outside) = (session(&adapter), reader(&adapter), reader(&adapter));
    writer.item(1, Value::Null).unwrap();
    early.0.begin(None).unwrap();
    writer.0.begin(None).unwrap();
    writer.item(2, Value::Null).unwrap();
    assert_eq!(writer.ids(ITEM), [1, 2], "a transaction sees its own rows");
    assert_eq!(outside.ids(ITEM), [1], "nobody else does before commit");
    writer.0.commit().unwrap();
    assert_eq!(outside.ids(ITEM), [1, 2]);
    assert_eq!(early.ids(ITEM), [1]);
    early.0.commit().unwrap();
    assert_eq!(early.ids(ITEM), [1, 2]);
}

#[test]
fn a_dropped_transaction_rolls_back_and_lets_the_next_writer_in() {
    let adapter = open(items(Restrict));
    let mut first = session(&adapter);
    first.0.begin(None).unwrap();
    first.item(1, Value::Null).unwrap();

    let mut second = session(&adapter);
    let soon = Some(Instant::now() + Duration::from_millis(20));
    let error = second.0.begin(soon).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Timeout, Some(Outcome::NotApplied)));

    drop(first);
    assert_eq!(second.ids(ITEM), [0_i64; 0]);
    second.item(1, Value::Null).unwrap();
    second.0.begin(None).unwrap();
    second.delete(ITEM, Expr::TRUE).unwrap();
    second.0.rollback().unwrap();
    assert_eq!(second.ids(ITEM), [1]);
}

#[test]
fn savepoints_nest() {
    let adapter = open(items(Restrict));
    let mut db = session(&adapter);
    db.0.begin(None).unwrap();
    db.item(1, Value::Null).unwrap();
    db.0.savepoint(1).unwrap();
    db.item(2, Value::Null).unwrap();
    db.0.savepoint(2).unwrap();
    db.item(3, Value::Null).unwrap();
    db.0.rollback_to(2).unwrap();
    assert_eq!(db.ids(ITEM), [1, 2]);
    assert!(db.0.release(2).is_err(), "it is gone");
    db.0.savepoint(2).unwrap();
    db.item(4, Value::Null).unwrap();
    db.0.release(2).unwrap();
    assert_eq!(db.ids(ITEM), [1, 2, 4]);
    db.0.rollback_to(1).unwrap();
    assert_eq!(db.ids(ITEM), [1]);
    db.0.commit().unwrap();
    assert_eq!(db.ids(ITEM), [1]);
}

#[test]
fn a_connection_for_reading_does_not_write() {
    let adapter = open(items(Restrict));
    let error = reader(&adapter).item(1, Value::Null).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InternalError);
}

#[test]
fn a_passed_deadline_stops_a_statement() {
    let adapter = open(items(Restrict));
    let mut db = session(&adapter);
    db.item(1, Value::Null).unwrap();
    let past = Some(Instant::now() - Duration::from_millis(1));
    let statements =
        [Statement::Select(all(ITEM, &[ID])), Statement::Delete(Delete { entity: ITEM, filter: Expr::TRUE })];
    for statement in statements {
        let error = db.0.run(&step(statement), &[], past, &mut RecordSink::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
    }
    assert_eq!(db.ids(ITEM), [1]);
}

#[test]
fn selects_sort_page_and_count() {
    let adapter = open(items(Restrict));
    let mut db = session(&adapter);
    for (id, count) in [(1, Some(2)), (2, None), (3, Some(1)), (4, Some(2))] {
        db.insert(ITEM, &[(ID, value!(id)), (COUNT, Value::from(count.map(i64::from)))]).unwrap();
    }
    let order = |by, descending| Order { by: Operand::Field(by), descending, nulls_first: !descending };
    let mut ids = |limit: Value, offset: i64| {
        let select = Select {
            order: vec![order(COUNT, true), order(ID, false)],
            limit: Some(Operand::Param(ParamId(0))),
            offset: Some(Operand::Param(ParamId(1))),
            ..all(ITEM, &[ID])
        };
        let rows = db.run(Statement::Select(select), &[limit, value!(offset)]).unwrap().1;
        rows.concat().iter().map(|id| id.as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ids(Value::Null, 0), [1, 4, 3, 2]);
    assert_eq!(ids(value!(2), 1), [4, 3]);
    assert_eq!(ids(value!(0), 0), [0_i64; 0]);
    assert_eq!(ids(value!(2), 9), [0_i64; 0]);
    let count = |filter| Statement::Count(Count { entity: ITEM, filter });
    assert_eq!(db.run(count(is(COUNT, 2)), &[]).unwrap().1, [[value!(2)]]);
    assert_eq!(db.run(count(Expr::Const(None)), &[]).unwrap().1, [[value!(0)]]);
}

#[test]
fn linked_rows_are_limited_for_each_parent() {
    let adapter = open(items(Restrict));
    let mut db = session(&adapter);
    for (id, parent) in [(1, None), (2, None), (3, Some(1)), (4, Some(1)), (5, Some(1)), (6, Some(2)), (7, None)] {
        db.item(id, parent.map(i64::from)).unwrap();
    }
    let select = Select {
        limit: Some(Operand::Const(Literal::Int(2))),
        order: vec![Order { by: Operand::Field(ID), descending: true, nulls_first: false }],
        link: Some(Link { field: PARENT, parents: ParamId(0), through: None }),
        ..all(ITEM, &[ID, PARENT])
    };
    let rows = db.run(Statement::Select(select), &[value!([1, 2, 1, 9])]).unwrap().1;
    assert_eq!(rows, [[value!(6), value!(2)], [value!(5), value!(1)], [value!(4), value!(1)]]);
}

#[test]
fn filters_reach_through_relations() {
    let (tag, tagging) = (EntityId(1), EntityId(2));
    let item = Entity {
        relations: vec![through(relation("tags", RelationKind::ManyToMany, 1, 0, 0), 2, 1, 2)],
        ..entity("Item", vec![key("id")])
    };
    let link = |name, entity| reference(name, entity, 0, FieldType::Integer, Cascade, Restrict);
    let adapter = open(schema(vec![
        item,
        entity("Tag", vec![key("id"), field("word", TEXT)]),
        entity("Tagging", vec![key("id"), link("item_id", 0), link("tag_id", 1)]),
    ]));
    let mut db = session(&adapter);
    for _ in 0..3 {
        db.insert(ITEM, &[]).unwrap();
    }
    for word in ["red", "blue"] {
        db.insert(tag, &[(FieldId(1), value!(word))]).unwrap();
    }
    for (item, tag) in [(1, 1), (1, 2), (2, 2)] {
        db.insert(tagging, &[(FieldId(1), value!(item)), (FieldId(2), value!(tag))]).unwrap();
    }
    let red = Expr::Compare {
        left: Operand::Field(FieldId(1)),
        op: Comparison::Eq,
        right: Operand::Const(Literal::Word("red".into())),
        fold: false,
    };
    for (quantifier, expected) in
        [(Quantifier::Some, [1].as_slice()), (Quantifier::Every, &[3]), (Quantifier::None, &[2, 3])]
    {
        let (relation, visible, filter) = (RelationId(0), Box::new(Expr::TRUE), Box::new(red.clone()));
        let filter = Expr::Related { between: Box::new(Expr::TRUE), relation, quantifier, visible, filter };
        let rows = db.run(Statement::Select(Select { filter, ..all(ITEM, &[ID]) }), &[]).unwrap().1.concat();
        assert_eq!(rows.iter().map(|id| id.as_i64().unwrap()).collect::<Vec<_>>(), expected, "{quantifier:?}");
    }
}

#[test]
fn everything_declared_exists() {
    let adapter = open(items(Restrict));
    let snapshot = session(&adapter).0.inspect().unwrap();
    assert_eq!(snapshot.tables[0].name, "items");
    assert_eq!(snapshot.tables[0].columns, ["id", "name", "count", "parent_id"]);
}

#[test]
fn writers_on_many_threads_lose_nothing() {
    let adapter = open(items(Restrict));
    session(&adapter).insert(ITEM, &[(ID, value!(1)), (COUNT, value!(0))]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut db = session(&adapter);
                for _ in 0..50 {
                    let set = vec![(COUNT, Assign::Increment(Operand::Const(Literal::Int(1))))];
                    let update = Update { entity: ITEM, filter: is(ID, 1), set, returning: Vec::new(), check: None };
                    db.run(Statement::Update(update), &[]).unwrap();
                    db.insert(ITEM, &[]).unwrap();
                }
            });
        }
    });
    let mut db = session(&adapter);
    assert_eq!(db.rows(ITEM, &[COUNT])[0], [value!(200)]);
    assert_eq!(db.ids(ITEM).len(), 201);
}

#[test]
fn the_reference_contract_runs_in_memory() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../api/schema");
    let schema = Arc::new(dbal::schema::load_dir(folder).unwrap().schema);
    let adapter = open(schema.clone());
    let component = schema.by_name("ComponentHierarchy").unwrap();
    let page = schema.by_name("PageView").unwrap();
    let of = |entity: EntityId, name: &str| schema.entity(entity).field_by_name(name).unwrap();
    let mut db = session(&adapter);
    // What is required and not given here is filled by the engine; the backend only refuses nulls.
    let mut insert = |entity: EntityId, given: &[(&str, Value)]| {
        let filler = |field: &Field| match field.ty {
            FieldType::Text(_) => value!("x"),
            FieldType::Integer | FieldType::BigInt => value!(1),
            FieldType::Boolean => value!(true),
            FieldType::DateTime => Value::DateTime(dbal::DateTime::from_epoch_millis(0).unwrap()),
            _ => value!({}),
        };
        let fields = schema.entity(entity).field_ids().filter(|(_, field)| !field.nullable || field.primary);
        let mut values: Vec<(FieldId, Value)> = fields.map(|(id, field)| (id, filler(field))).collect();
        for (name, value) in given {
            values.retain(|(id, _)| *id != of(entity, name));
            values.push((of(entity, name), value.clone()));
        }
        db.insert(entity, &values).unwrap()
    };
    let id = |number| Value::Uuid(dbal::Uuid::from_u128(number));
    insert(page, &[("id", id(1))]);
    insert(component, &[("id", id(2)), ("page_id", id(1))]);
    insert(component, &[("id", id(3)), ("page_id", id(1)), ("parent_id", id(2))]);
    db.delete(page, Expr::TRUE).unwrap();
    assert!(db.rows(component, &[of(component, "id")]).is_empty(), "components go with their page");
}
