//! A small schema, and steps over it.

use std::sync::Arc;

use dbal::adapter::sqlite::{SqliteAdapter, SqliteOptions};
use dbal::adapter::{Adapter, Connection, Intent};
use dbal::plan::operation::{Cell, Lowered, Output, Role, Step};
use dbal::query::ast::{Comparison, Expr, Literal, Measure, Operand, ParamId, Select, Statement};
use dbal::query::param::{ParamSource, Params};
use dbal::row::{Columns, RecordSink, RowSink};
use dbal::schema::field::Bound;
use dbal::schema::{
    Acl, Entity, EntityId, EntitySecurity, EnumType, Field, FieldAcl, FieldId, FieldType, ForeignKey, Generator, Index,
    Referential, Relation, RelationId, RelationKind, Schema, TextKind, Through,
};
use dbal::sql::dialect::Dialect;
use dbal::sql::lower::lower;
use dbal::sql::migrate::create_missing;
use dbal::{Result, Value};

pub const USER: EntityId = EntityId(0);
pub const POST: EntityId = EntityId(1);
pub const POST_TAG: EntityId = EntityId(3);

/// Fields of `User`, in order.
pub mod user {
    use super::*;
    pub const ID: FieldId = FieldId(0);
    pub const NAME: FieldId = FieldId(1);
    pub const EMAIL: FieldId = FieldId(2);
    pub const ROLE: FieldId = FieldId(3);
    pub const AGE: FieldId = FieldId(4);
    pub const BALANCE: FieldId = FieldId(5);
    pub const ACTIVE: FieldId = FieldId(6);
    pub const PROFILE: FieldId = FieldId(7);
    pub const AVATAR: FieldId = FieldId(8);
    pub const BORN: FieldId = FieldId(9);
    pub const SEEN: FieldId = FieldId(10);
    pub const SCORE: FieldId = FieldId(11);
    pub const MANAGER: FieldId = FieldId(12);
    pub const POSTS: RelationId = RelationId(0);
    pub const BOSS: RelationId = RelationId(1);
    pub const REPORTS: RelationId = RelationId(2);
}

/// Fields of `Post`, in order.
pub mod post {
    use super::*;
    pub const ID: FieldId = FieldId(0);
    pub const TITLE: FieldId = FieldId(1);
    pub const AUTHOR: FieldId = FieldId(2);
    pub const BY: RelationId = RelationId(0);
    pub const TAGS: RelationId = RelationId(1);
}

pub fn field(name: &str, ty: FieldType) -> Field {
    Field {
        name: name.into(),
        column: name.into(),
        storage: None,
        ty,
        description: String::new(),
        primary: false,
        nullable: false,
        required: true,
        generated: None,
        default: None,
        unique: false,
        index: false,
        min_length: None,
        max_length: None,
        pattern: None,
        min: None,
        max: None,
        immutable: false,
        auto_update: false,
        version: false,
        sensitive: false,
        stored_as: None,
        renamed_from: None,
        backfill: None,
        deprecated: false,
        foreign_key: None,
        acl: FieldAcl::default(),
    }
}

pub fn nullable(name: &str, ty: FieldType) -> Field {
    Field { nullable: true, required: false, ..field(name, ty) }
}

fn key(name: &str, ty: FieldType) -> Field {
    Field { primary: true, ..field(name, ty) }
}

fn refers(field: Field, entity: EntityId, on_delete: Referential) -> Field {
    let foreign_key = ForeignKey { entity, field: FieldId(0), on_delete, on_update: Referential::Restrict };
    Field { foreign_key: Some(foreign_key), ..field }
}

pub fn entity(name: &str, table: &str, fields: Vec<Field>) -> Entity {
    Entity {
        name: name.into(),
        plural: table.into(),
        table: table.into(),
        table_declared: true,
        version: "1.0".into(),
        description: String::new(),
        fields,
        key: FieldId(0),
        key_rest: Vec::new(),
        indexes: Vec::new(),
        relations: Vec::new(),
        acl: Acl::default(),
        owner: None,
        ttl: None,
        security: EntitySecurity::default(),
        searchable: Vec::new(),
        renamed_from: None,
        operations: Vec::new(),
    }
}

fn relation(name: &str, kind: RelationKind, target: EntityId, local: FieldId, remote: FieldId) -> Relation {
    Relation { name: name.into(), kind, target, local, remote, through: None }
}

fn index(name: &str, fields: &[FieldId], unique: bool) -> Index {
    Index { name: name.into(), fields: fields.to_vec(), unique, filter: None }
}

pub const TEXT: FieldType = FieldType::Text(TextKind::String);
pub const DECIMAL: FieldType = FieldType::Decimal { precision: Some(12), scale: Some(2) };

pub fn roles() -> Vec<String> {
    ["guest", "user", "admin"].map(String::from).to_vec()
}

pub fn entities() -> Vec<Entity> {
    let role = FieldType::Enum(Arc::new(EnumType { values: roles(), ordered: true }));
    let mut users = entity(
        "User",
        "users",
        vec![
            key("id", FieldType::Uuid),
            field("name", TEXT),
            nullable("email", TEXT),
            field("role", role),
            Field { max: Some(Bound::Int(150)), ..nullable("age", FieldType::Integer) },
            nullable("balance", DECIMAL),
            field("active", FieldType::Boolean),
            nullable("profile", FieldType::Json),
            nullable("avatar", FieldType::Bytes),
            nullable("born", FieldType::Date),
            nullable("seen", FieldType::DateTime),
            nullable("score", FieldType::Float),
            refers(nullable("manager", FieldType::Uuid), USER, Referential::Restrict),
        ],
    );
    users.indexes = vec![
        index("users_email", &[user::EMAIL], true),
        index("users_name", &[user::NAME], false),
        index("users_balance", &[user::BALANCE], false),
    ];
    users.relations = vec![
        relation("posts", RelationKind::HasMany, POST, user::ID, post::AUTHOR),
        relation("boss", RelationKind::BelongsTo, USER, user::MANAGER, user::ID),
        relation("reports", RelationKind::HasMany, USER, user::ID, user::MANAGER),
    ];
    let mut posts = entity(
        "Post",
        "posts",
        vec![
            Field { generated: Some(Generator::Sequence), required: false, ..key("id", FieldType::BigInt) },
            field("title", TEXT),
            refers(
                Field { column: "author_id".into(), ..field("author", FieldType::Uuid) },
                USER,
                Referential::Cascade,
            ),
        ],
    );
    posts.indexes = vec![index("posts_author", &[post::AUTHOR], false)];
    posts.relations = vec![
        relation("by", RelationKind::BelongsTo, USER, post::AUTHOR, user::ID),
        Relation {
            through: Some(Through { entity: POST_TAG, this: FieldId(1), other: FieldId(2) }),
            ..relation("tags", RelationKind::ManyToMany, EntityId(2), post::ID, FieldId(0))
        },
    ];
    let tags = entity("Tag", "tags", vec![key("id", TEXT), field("label", TEXT)]);
    let mut post_tags = entity(
        "PostTag",
        "post_tags",
        vec![
            key("id", FieldType::Integer),
            refers(field("post", FieldType::BigInt), POST, Referential::Cascade),
            refers(field("tag", TEXT), EntityId(2), Referential::SetNull),
        ],
    );
    post_tags.indexes = vec![index("post_tags_pair", &[FieldId(1), FieldId(2)], true)];
    vec![users, posts, tags, post_tags]
}

pub fn schema() -> Arc<Schema> {
    Arc::new(Schema::new(entities(), Vec::new()))
}

/// Parameters whose values are given when a step runs.
pub fn params(count: usize) -> Params {
    Params((0..count).map(|_| ParamSource::Const(Value::Null)).collect())
}

pub fn param(id: u16) -> Operand {
    Operand::Param(ParamId(id))
}

pub fn literal(number: i64) -> Operand {
    Operand::Const(Literal::Int(number))
}

pub fn compare(field: FieldId, op: Comparison, right: Operand) -> Expr {
    Expr::Compare { left: Operand::Field(field), op, right, fold: false }
}

pub fn select(entity: EntityId, columns: &[FieldId], filter: Expr) -> Select {
    Select {
        entity,
        columns: columns.to_vec(),
        filter,
        order: Vec::new(),
        limit: None,
        offset: None,
        link: None,
        beyond: None,
    }
}

/// A step with the cells that its statement gives.
pub fn step(schema: &Schema, statement: &Statement) -> Step {
    let entity = schema.entity(statement.entity());
    let cells = |fields: &[FieldId]| -> Vec<Cell> {
        fields.iter().map(|field| Cell { ty: entity.field(*field).ty.clone(), field: Some(*field) }).collect()
    };
    let with_check = |fields: &[FieldId], check: bool| {
        let check = check.then_some(Cell { ty: FieldType::Boolean, field: None });
        cells(fields).into_iter().chain(check).collect()
    };
    let cells: Vec<Cell> = match statement {
        Statement::Select(select) => cells(&select.columns),
        Statement::Count(_) => vec![Cell { ty: FieldType::BigInt, field: None }],
        Statement::Aggregate(aggregate) => {
            let measures = &aggregate.measures[..aggregate.shown];
            let measure = |measure: &Measure| Cell { ty: measure.ty(entity), field: None };
            cells(&aggregate.group_by).into_iter().chain(measures.iter().map(measure)).collect()
        }
        Statement::Insert(insert) => with_check(&insert.returning, insert.check.is_some()),
        Statement::Update(update) => with_check(&update.returning, update.check.is_some()),
        Statement::Delete(_) => Vec::new(),
    };
    let sql = lower(schema, statement, &params(64), Dialect::Sqlite).unwrap();
    let output = Output { columns: Arc::default(), visible: cells.len(), check: None, sources: None };
    Step::new(statement.entity(), Lowered::Sql(sql), cells, Role::Root(output))
}

/// A database with the schema's tables.
pub fn open(options: SqliteOptions) -> SqliteAdapter {
    let schema = schema();
    let adapter = SqliteAdapter::open(schema.clone(), options).unwrap();
    migrate(&adapter, &schema);
    adapter
}

pub fn migrate(adapter: &SqliteAdapter, schema: &Schema) -> usize {
    let mut connection = adapter.connect(Intent::Write, None).unwrap();
    let statements = create_missing(schema, &connection.inspect().unwrap(), Dialect::Sqlite).unwrap();
    for statement in &statements {
        connection.execute_ddl(statement).unwrap();
    }
    statements.len()
}

/// Runs a statement and gives its rows.
pub fn rows(connection: &mut dyn Connection, statement: Statement, values: &[Value]) -> Result<Vec<Vec<Value>>> {
    let step = step(&schema(), &statement);
    let mut sink = RecordSink::default();
    let names = (0..step.cells.len()).map(|number| number.to_string().into()).collect();
    sink.start(&Arc::new(Columns { names }))?;
    connection.run(&step, values, None, &mut sink)?;
    Ok(sink.records.into_iter().map(|record| record.into_values()).collect())
}

/// How many rows a statement touched.
pub fn effect(connection: &mut dyn Connection, statement: Statement, values: &[Value]) -> Result<u64> {
    connection.run(&step(&schema(), &statement), values, None, &mut RecordSink::default())
}

/// An insert of a user with a number as its id and name.
pub fn add_user(connection: &mut dyn Connection, number: u128, fields: &[(FieldId, Value)]) -> Result<u64> {
    let id = dbal::Uuid::from_u128(number);
    let mut all: Vec<(FieldId, Value)> = vec![(user::ID, id.into()), (user::NAME, format!("user {number}").into())];
    for (field, value) in [(user::ROLE, Value::from("user")), (user::ACTIVE, Value::from(true))] {
        if !fields.iter().any(|(given, _)| *given == field) {
            all.push((field, value));
        }
    }
    all.retain(|(field, _)| !fields.iter().any(|(given, _)| given == field));
    all.extend_from_slice(fields);
    effect(connection, insert(USER, all.iter().map(|(field, _)| *field), &[]), &values(all))
}

pub fn values(pairs: Vec<(FieldId, Value)>) -> Vec<Value> {
    pairs.into_iter().map(|(_, value)| value).collect()
}

/// An insert whose parameters are the fields in order.
pub fn insert(entity: EntityId, fields: impl Iterator<Item = FieldId>, returning: &[FieldId]) -> Statement {
    Statement::Insert(dbal::query::ast::Insert {
        entity,
        values: fields.zip(0..).map(|(field, number)| (field, param(number))).collect(),
        returning: returning.to_vec(),
        check: None,
        unless: Vec::new(),
    })
}
