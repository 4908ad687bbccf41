//! Relations that no database declares, where names say them and every value that is there bears them out.

use super::catalogue::Catalogue;
use super::draft::{Draft, RelationDraft};
use super::name;
use crate::adapter::Connection;
use crate::error::Result;
use crate::plan::operation::Lowering;
use crate::schema::{FieldType, RelationKind, plural, snake_case};
use crate::sql::quoted;
use crate::value::json;

/// Adds relations to drafts.
pub(super) fn relations(
    connection: &mut dyn Connection,
    how: Lowering,
    catalogue: &Catalogue,
    drafts: &mut [Draft],
) -> Result<()> {
    let mut found: Vec<(usize, String, usize)> = Vec::new();
    for (at, draft) in drafts.iter().enumerate() {
        let fields =
            draft.fields.iter().filter(|field| !field.primary && field.reference.is_none() && field.seen_or_sql(how));
        for field in fields {
            let named = drafts.iter().position(|target| points(draft, &field.name, target));
            if let Some(target) = named {
                let key = drafts[target].key();
                if key.is_some_and(|key| {
                    alike(&key.ty, &field.ty) && (how != Lowering::Document || key.storage == field.storage)
                }) {
                    found.push((at, field.name.clone(), target));
                }
            }
        }
    }
    for (at, field, target) in found {
        let Some(checked) = borne_out(connection, how, catalogue, &drafts[at], &field, &drafts[target])? else {
            continue;
        };
        let remark = format!("no reference is declared; {checked}");
        let (own, theirs) = (drafts[at].entity.clone(), drafts[target].entity.clone());
        let Some(key) = drafts[target].fields.iter().find(|field| field.primary).map(|field| field.name.clone()) else {
            continue;
        };
        let several = drafts[at].relations.iter().any(|known| known.entity == theirs)
            || drafts[at]
                .fields
                .iter()
                .any(|field| field.reference.as_ref().is_some_and(|known| known.entity == theirs));
        let stem = stem(&field);
        let one = unused(&drafts[at], &[stem.to_owned(), format!("{stem}_row")]);
        let unique = drafts[at].field(&field).is_some_and(|one| drafts[at].is_single(one));
        let many = if unique { snake_case(&own) } else { plural(&own) };
        let by = format!("{many}_by_{}", snake_case(stem));
        let back = unused(
            &drafts[target],
            &if several || at == target { vec![by.clone(), format!("{by}_rows")] } else { vec![many, by] },
        );
        let relation = |name: String, kind, entity: &str| RelationDraft {
            name,
            kind,
            entity: entity.to_owned(),
            foreign_key: Some(field.clone()),
            references: Some(key.clone()),
            through: None,
            other_key: None,
            remark: Some(remark.clone()),
        };
        let kind = if unique { RelationKind::HasOne } else { RelationKind::HasMany };
        drafts[at].relations.push(relation(one, RelationKind::BelongsTo, &theirs));
        drafts[target].relations.push(relation(back, kind, &own));
    }
    Ok(())
}

impl super::draft::FieldDraft {
    /// Whether there is something to check.
    fn seen_or_sql(&self, how: Lowering) -> bool {
        self.seen || matches!(how, Lowering::Sql(_))
    }
}

fn stem(field: &str) -> &str {
    ["_id", "Id", "_ID", "ID"]
        .iter()
        .find_map(|end| field.strip_suffix(end))
        .filter(|stem| !stem.is_empty())
        .unwrap_or(field)
}

/// Whether a field is named after an entity, or like the key of one that is called by no common name.
fn points(own: &Draft, field: &str, target: &Draft) -> bool {
    let key = target.key();
    let key_name = key.map_or("", |key| key.name.as_str());
    let folded = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let stem = folded(stem(field));
    let said = folded(field);
    if own.entity != target.entity
        && !["id", "_id", "name", "code", "key"].contains(&key_name)
        && said == folded(key_name)
    {
        return true;
    }
    let entity = folded(&target.entity);
    let singular = folded(&name::entity(&target.table));
    stem == entity || stem == singular || (said != stem && own.entity == target.entity && stem == "parent")
}

fn alike(a: &FieldType, b: &FieldType) -> bool {
    a == b || matches!((a, b), (FieldType::Text(_), FieldType::Text(_)))
}

/// What was looked at, where every value of a field is the key of a row; none where one is not, or none is there.
fn borne_out(
    connection: &mut dyn Connection,
    how: Lowering,
    catalogue: &Catalogue,
    own: &Draft,
    field: &str,
    target: &Draft,
) -> Result<Option<String>> {
    let column = own.field(field).map(|field| field.column.clone()).unwrap_or_default();
    let key = target.key().map(|field| field.column.clone()).unwrap_or_default();
    let count = |rows: Vec<crate::value::Map>| {
        let n = rows.first().and_then(|row| row.get("n")).cloned();
        n.and_then(|n| n.as_i64().or_else(|| n.as_str()?.parse().ok())).unwrap_or(0)
    };
    match how {
        Lowering::Sql(_) => {
            let (table, other, column, key) =
                (quoted(&own.table), quoted(&target.table), quoted(&column), quoted(&key));
            let values = count(connection.ask(&format!("SELECT count({column}) AS n FROM {table}"))?);
            let astray = format!(
                "SELECT count(*) AS n FROM {table} AS a WHERE a.{column} IS NOT NULL \
                 AND NOT EXISTS (SELECT 1 FROM {other} AS b WHERE b.{key} = a.{column})"
            );
            if values == 0 || count(connection.ask(&astray)?) > 0 {
                return Ok(None);
            }
            Ok(Some(format!(
                "each of {} values of {field} is the key of a row of {}",
                super::typed::number(values.unsigned_abs()),
                target.table
            )))
        }
        Lowering::Document => {
            let seen = catalogue
                .table(&own.table)
                .and_then(|table| table.column(&column))
                .and_then(|column| column.seen.as_ref());
            let Some(seen) = seen.filter(|seen| !seen.examples.is_empty()) else { return Ok(None) };
            let ids = seen.kinds.first().is_some_and(|(kind, _)| kind == "objectId");
            let spelled = seen.examples.iter().map(|value| match ids {
                true => format!("{{\"$oid\":{}}}", json::to_text(value)),
                false => json::to_text(value),
            });
            let list = spelled.collect::<Vec<_>>().join(",");
            let text = |text: &str| json::to_text(&crate::value::Value::from(text));
            let question = format!(
                "{{\"aggregate\":{},\"pipeline\":[{{\"$match\":{{\"_id\":{{\"$in\":[{list}]}}}}}},{{\"$count\":\"n\"}}],\"cursor\":{{}}}}",
                text(&target.table)
            );
            let found = count(connection.ask(&question)?);
            let wanted = seen.examples.len();
            Ok((found == wanted as i64).then(|| {
                format!(
                    "each of {wanted} different values of {field} that were looked at is the _id of a document of {}",
                    target.table
                )
            }))
        }
        Lowering::Ast => Ok(None),
    }
}

fn unused(draft: &Draft, names: &[String]) -> String {
    let taken =
        |name: &str| draft.field(name).is_some() || draft.relations.iter().any(|relation| relation.name == name);
    let last = names.last().map_or("rows", String::as_str);
    let numbered = (2..).map(|count| format!("{last}_{count}"));
    names.iter().cloned().chain(numbered).find(|name| !taken(name)).expect("numbers do not end")
}
