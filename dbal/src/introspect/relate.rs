//! Relations that references alone do not give: those whose names are taken, and those through rows in between.

use super::draft::{Draft, RelationDraft};
use crate::schema::{FieldType, RelationKind, Schema, plural, snake_case};

/// Adds to drafts what the schema that they make lacks; whether there was anything.
pub(super) fn complete(drafts: &mut [Draft], schema: &Schema) -> bool {
    let mut added: Vec<(usize, RelationDraft)> = Vec::new();
    for (at, draft) in drafts.iter().enumerate() {
        for field in &draft.fields {
            let Some(reference) = &field.reference else { continue };
            let Some(target) = drafts.iter().position(|other| other.entity == reference.entity) else { continue };
            let one = draft.is_single(field);
            if !has(schema, draft, |kind, to, local, _| {
                kind == RelationKind::BelongsTo && to == reference.entity && local == field.name
            }) {
                let name = [format!("{}_{}", field.name, snake_case(&reference.entity)), format!("{}_row", field.name)];
                added.push((
                    at,
                    plain(
                        schema,
                        drafts,
                        at,
                        &added,
                        &name,
                        RelationKind::BelongsTo,
                        &reference.entity,
                        field,
                        &reference.field,
                    ),
                ));
            }
            let back = has(schema, &drafts[target], |kind, to, local, remote| {
                kind != RelationKind::BelongsTo
                    && kind != RelationKind::ManyToMany
                    && to == draft.entity
                    && local == reference.field
                    && remote == field.name
            });
            if !back {
                let kind = if one { RelationKind::HasOne } else { RelationKind::HasMany };
                let stem = plural(&draft.entity);
                let name = [format!("{stem}_of_{}", field.name), format!("{stem}_rows")];
                added.push((
                    target,
                    plain(schema, drafts, target, &added, &name, kind, &draft.entity, field, &reference.field),
                ));
            }
        }
    }
    for between in drafts.iter().filter(|draft| is_between(draft)) {
        let ends: Vec<_> = between.fields.iter().filter(|field| field.reference.is_some()).collect();
        let [a, b] = ends[..] else { continue };
        for (this, other) in [(a, b), (b, a)] {
            let (Some(own), Some(target)) = (&this.reference, &other.reference) else { continue };
            let Some(at) = drafts.iter().position(|draft| draft.entity == own.entity) else { continue };
            if has(schema, &drafts[at], |kind, to, _, _| kind == RelationKind::ManyToMany && to == target.entity) {
                continue;
            }
            let many = plural(&target.entity);
            // Of an entity with itself both directions lead to the same.
            let by_field =
                format!("{many}_by_{}", snake_case(other.name.trim_end_matches("_id").trim_end_matches("Id")));
            let names = if own.entity == target.entity {
                vec![by_field]
            } else {
                vec![many.clone(), by_field, format!("{many}_through_{}", snake_case(&between.entity))]
            };
            let name = free(schema, drafts, at, &added, &names);
            added.push((
                at,
                RelationDraft {
                    name,
                    kind: RelationKind::ManyToMany,
                    entity: target.entity.clone(),
                    foreign_key: Some(this.name.clone()),
                    references: None,
                    through: Some(between.entity.clone()),
                    other_key: Some(other.name.clone()),
                    remark: None,
                },
            ));
        }
    }
    let any = !added.is_empty();
    for (at, relation) in added {
        drafts[at].relations.push(relation);
    }
    any
}

/// Whether rows of a table do nothing but join two others: two references that are always there, unique together, and
/// beside them no more than a key and times.
fn is_between(draft: &Draft) -> bool {
    let references: Vec<_> = draft.fields.iter().filter(|field| field.reference.is_some()).collect();
    let [a, b] = references[..] else { return false };
    if a.nullable || b.nullable || draft.is_single(a) || draft.is_single(b) {
        return false;
    }
    let rest = draft.fields.iter().filter(|field| field.reference.is_none() && !field.primary);
    let times = rest.clone().all(|field| matches!(field.ty, FieldType::DateTime | FieldType::Date));
    let pair = |fields: &[String]| fields.len() == 2 && fields.contains(&a.name) && fields.contains(&b.name);
    let keys: Vec<String> = draft.fields.iter().filter(|field| field.primary).map(|field| field.name.clone()).collect();
    let unique = pair(&keys) || draft.indexes.iter().any(|index| index.unique && pair(&index.fields));
    times && (unique || rest.count() == 0)
}

#[expect(clippy::too_many_arguments, reason = "each is a part of one relation")]
fn plain(
    schema: &Schema,
    drafts: &[Draft],
    at: usize,
    added: &[(usize, RelationDraft)],
    names: &[String],
    kind: RelationKind,
    entity: &str,
    field: &super::draft::FieldDraft,
    pointed: &str,
) -> RelationDraft {
    RelationDraft {
        name: free(schema, drafts, at, added, names),
        kind,
        entity: entity.to_owned(),
        foreign_key: Some(field.name.clone()),
        references: Some(pointed.to_owned()),
        through: None,
        other_key: None,
        remark: None,
    }
}

fn has(schema: &Schema, draft: &Draft, like: impl Fn(RelationKind, &str, &str, &str) -> bool) -> bool {
    let Some(id) = schema.by_name(&draft.entity) else { return false };
    let entity = schema.entity(id);
    entity.relations.iter().any(|relation| {
        let target = schema.entity(relation.target);
        like(relation.kind, &target.name, &entity.field(relation.local).name, &target.field(relation.remote).name)
    })
}

/// The first name that nothing of the entity has, or the last one with a number.
pub(super) fn free(
    schema: &Schema,
    drafts: &[Draft],
    at: usize,
    added: &[(usize, RelationDraft)],
    names: &[String],
) -> String {
    let draft = &drafts[at];
    let declared = schema.by_name(&draft.entity).map(|id| schema.entity(id));
    let taken = |name: &str| {
        draft.field(name).is_some()
            || draft.relations.iter().any(|relation| relation.name == name)
            || added.iter().any(|(of, relation)| *of == at && relation.name == name)
            || declared.is_some_and(|entity| entity.relation_by_name(name).is_some())
    };
    if let Some(name) = names.iter().find(|name| !taken(name)) {
        return name.clone();
    }
    let last = names.last().map_or("rows", String::as_str);
    (2..).map(|count| format!("{last}_{count}")).find(|name| !taken(name)).expect("numbers do not end")
}
