//! A small schema made by hand, and conditions written out as people would write them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod expression;
mod noise;
mod policy;
mod rewrite;
mod rules_file;
mod writing;

use std::sync::Arc;

use crate::query::ast::{Comparison, Expr, Literal, Operand, ParamId, Quantifier};
use crate::query::param::{ClaimScope, ParamSource, Params};
use crate::schema::*;
use crate::value::Value;

pub(super) const USER: EntityId = EntityId(0);
pub(super) const POST: EntityId = EntityId(1);
pub(super) const TAG: EntityId = EntityId(2);

pub(super) fn field(name: &str, ty: FieldType) -> Field {
    Field {
        name: name.into(),
        column: name.into(),
        storage: None,
        ty,
        description: String::new(),
        primary: name == "id",
        nullable: name != "id",
        required: false,
        generated: (name == "id").then_some(Generator::Uuid),
        default: None,
        unique: name == "id",
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

pub(super) fn entity(name: &str, fields: Vec<Field>) -> Entity {
    Entity {
        name: name.into(),
        plural: format!("{}s", name.to_lowercase()),
        table: name.to_lowercase(),
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

fn text() -> FieldType {
    FieldType::Text(TextKind::String)
}

fn words(values: &[&str], ordered: bool) -> FieldType {
    FieldType::Enum(Arc::new(EnumType { values: values.iter().map(|word| (*word).into()).collect(), ordered }))
}

fn relation(name: &str, kind: RelationKind, target: EntityId, local: u16, remote: u16) -> Relation {
    Relation { name: name.into(), kind, target, local: FieldId(local), remote: FieldId(remote), through: None }
}

/// Users write posts, posts have tags. `change` sees the entities before they become a schema.
pub(super) fn schema_with(change: impl FnOnce(&mut Vec<Entity>)) -> Schema {
    let uuid = || FieldType::Uuid;
    let to = |entity| {
        let (on_delete, on_update) = (Referential::Restrict, Referential::Restrict);
        Some(ForeignKey { entity, field: FieldId(0), on_delete, on_update })
    };
    let mut user = entity(
        "User",
        vec![
            field("id", uuid()),
            field("name", text()),
            Field {
                default: Some(DefaultValue::Value("user".into())),
                ..field("role", words(&["user", "admin", "god"], true))
            },
            field("level", FieldType::Integer),
            field("score", FieldType::Float),
            field("balance", FieldType::Decimal { precision: Some(10), scale: Some(2) }),
            field("active", FieldType::Boolean),
            field("born", FieldType::Date),
            field("seen_at", FieldType::DateTime),
            field("prefs", FieldType::Json),
            field("avatar", FieldType::Bytes),
            Field { sensitive: true, ..field("secret", text()) },
            Field { sensitive: true, stored_as: Some(StoredAs::Argon2id), ..field("password", text()) },
        ],
    );
    user.relations = vec![relation("posts", RelationKind::HasMany, POST, 0, 1)];
    let mut post = entity(
        "Post",
        vec![
            field("id", uuid()),
            Field { foreign_key: to(USER), ..field("author_id", uuid()) },
            field("title", text()),
            field("level", FieldType::Integer),
            field("state", words(&["draft", "live"], false)),
            field("views", FieldType::BigInt),
        ],
    );
    let mut tags = relation("tags", RelationKind::ManyToMany, TAG, 0, 0);
    tags.through = Some(Through { entity: EntityId(3), this: FieldId(1), other: FieldId(2) });
    post.relations = vec![relation("author", RelationKind::BelongsTo, USER, 1, 0), tags];
    let tag = entity("Tag", vec![field("id", uuid()), field("word", text())]);
    let link = entity("Link", vec![field("id", uuid()), field("post_id", uuid()), field("tag_id", uuid())]);
    let mut entities = vec![user, post, tag, link];
    change(&mut entities);
    Schema::new(entities, Vec::new())
}

pub(super) fn schema() -> Schema {
    schema_with(|_| ())
}

/// Writes conditions with names instead of ids.
pub(super) struct Show<'a> {
    pub schema: &'a Schema,
    pub params: &'a Params,
}

impl Show<'_> {
    pub fn expr(&self, entity: EntityId, expr: &Expr) -> String {
        let join = |parts: &[Expr], word: &str| {
            let parts: Vec<String> = parts.iter().map(|part| self.expr(entity, part)).collect();
            format!("({})", parts.join(word))
        };
        match expr {
            Expr::Const(Some(value)) => value.to_string(),
            Expr::Const(None) => "unknown".into(),
            Expr::And(parts) => join(parts, " and "),
            Expr::Or(parts) => join(parts, " or "),
            Expr::Not(inner) => format!("not {}", self.expr(entity, inner)),
            Expr::Compare { left, op, right, .. } => {
                let sign = match op {
                    Comparison::Eq => "=",
                    Comparison::Ne => "!=",
                    Comparison::Lt => "<",
                    Comparison::Lte => "<=",
                    Comparison::Gt => ">",
                    Comparison::Gte => ">=",
                };
                format!("{} {sign} {}", self.operand(entity, left), self.operand(entity, right))
            }
            Expr::In { value, list, .. } => format!("{} in {}", self.operand(entity, value), self.param(*list)),
            Expr::IsNull(operand) => format!("{} is null", self.operand(entity, operand)),
            Expr::Related { relation, quantifier, between, visible, filter } => {
                let relation = self.schema.entity(entity).relation(*relation);
                let quantifier = match quantifier {
                    Quantifier::Some => "some",
                    Quantifier::Every => "every",
                    Quantifier::None => "none",
                };
                let (visible, filter) = (self.expr(relation.target, visible), self.expr(relation.target, filter));
                let by = match (relation.through, &**between) {
                    (None, _) | (_, &Expr::TRUE) => String::new(),
                    (Some(through), between) => format!(" by {{{}}}", self.expr(through.entity, between)),
                };
                format!("{quantifier} {}{by} [{visible}: {filter}]", relation.name)
            }
            other => format!("{other:?}"),
        }
    }

    fn operand(&self, entity: EntityId, operand: &Operand) -> String {
        match operand {
            Operand::Field(field) => self.schema.entity(entity).field(*field).name.clone(),
            Operand::Related { path, field, .. } => {
                let mut at = self.schema.entity(entity);
                let mut text = String::new();
                for step in path {
                    let relation = at.relation(*step);
                    text += &format!("{}.", relation.name);
                    at = self.schema.entity(relation.target);
                }
                text + &at.field(*field).name
            }
            Operand::Column(column) => format!("column {column}"),
            Operand::Param(id) => self.param(*id),
            Operand::Const(Literal::Null) => "null".into(),
            Operand::Const(Literal::Bool(value)) => value.to_string(),
            Operand::Const(Literal::Int(value)) => format!("#{value}"),
            Operand::Const(Literal::Word(word)) => format!("`{word}`"),
            Operand::Rank { of, .. } => format!("rank({})", self.operand(entity, of)),
        }
    }

    fn param(&self, id: ParamId) -> String {
        match self.params.get(id) {
            ParamSource::Argument { value, .. } => format!("given {}", shown(value)),
            ParamSource::Const(value) => shown(value),
            ParamSource::Claim { scope, name, ty, rank } => {
                let scope = if *scope == ClaimScope::User { "user" } else { "session" };
                format!("${scope}.{name}:{}{}", ty.as_str(), if *rank { ":rank" } else { "" })
            }
            ParamSource::Now => "$now".into(),
            other => format!("{other:?}"),
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("'{text}'"),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}f"),
        Value::Decimal(number) => format!("{number}d"),
        Value::Uuid(uuid) => uuid.to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => other.kind().into(),
    }
}
