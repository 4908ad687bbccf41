//! What leads from one model to another: references, what looks back along them, and the tables in between that Prisma
//! makes without a model.

use super::super::EntityFile;
use super::super::parse::{Expr, Field, Model, attribute};
use super::{Import, ignored};
use crate::yaml::as_word;

/// All relations of a file.
pub(super) struct Relations<'p> {
    all: Vec<Relation<'p>>,
}

/// A relation field.
struct Relation<'p> {
    model: &'p Model,
    field: &'p Field,
    target: &'p Model,
    kind: Kind<'p>,
}

enum Kind<'p> {
    /// This field of the model holds the target's value.
    Holds { by: &'p Field, references: &'p str, on_delete: &'static str, on_update: &'static str },
    /// The target holds the model's, one of them or many.
    Held { by: &'p str, many: bool },
    /// A table in between holds both, the model's own in this column.
    Between { table: String, own: &'static str, first: bool },
    /// What has no counterpart; it was warned of.
    Lost,
}

impl<'p> Relations<'p> {
    pub(super) fn of(import: &mut Import<'p>) -> Relations<'p> {
        let mut all = Vec::new();
        for model in &import.psl.models {
            if ignored(&model.attributes) {
                continue;
            }
            for field in model.fields.iter().filter(|field| !ignored(&field.attributes)) {
                let Some(target) = import.models.get(field.ty.as_str()).copied() else { continue };
                let kind = if ignored(&target.attributes) { Kind::Lost } else { kind(import, model, field, target) };
                all.push(Relation { model, field, target, kind });
            }
        }
        Relations { all }
    }

    /// Where a column points.
    pub(super) fn reference(&self, model: &Model, column: &Field) -> Option<String> {
        let holds = self.all.iter().find_map(|relation| match &relation.kind {
            Kind::Holds { by, references, on_delete, on_update }
                if std::ptr::eq(relation.model, model) && by.name == column.name =>
            {
                Some((relation.target, references, on_delete, on_update))
            }
            _ => None,
        });
        let (target, references, on_delete, on_update) = holds?;
        Some(format!(
            "foreign_key: {{ entity: {}, field: {}, on_delete: {on_delete}, on_update: {on_update} }}",
            as_word(&target.name),
            as_word(references)
        ))
    }

    /// The relations of an entity.
    pub(super) fn written(&self, model: &Model) -> String {
        let mut text = String::new();
        for relation in self.all.iter().filter(|relation| std::ptr::eq(relation.model, model)) {
            let target = as_word(&relation.target.name);
            let said = match &relation.kind {
                Kind::Holds { by, references, .. } => format!(
                    "type: belongs_to, entity: {target}, foreign_key: {}, references: {}",
                    as_word(&by.name),
                    as_word(references)
                ),
                Kind::Held { by, many } => {
                    let kind = if *many { "has_many" } else { "has_one" };
                    format!("type: {kind}, entity: {target}, foreign_key: {}", as_word(by))
                }
                Kind::Between { table, own, .. } => {
                    let other = if *own == "A" { "B" } else { "A" };
                    format!(
                        "type: many_to_many, entity: {target}, through: {}, foreign_key: {own}, other_key: {other}",
                        as_word(table)
                    )
                }
                Kind::Lost => continue,
            };
            text += &format!("  {}: {{ {said} }}\n", as_word(&relation.field.name));
        }
        if text.is_empty() { text } else { format!("relations:\n{text}") }
    }

    /// The entities of the tables in between.
    pub(super) fn between(&self, import: &mut Import<'p>) -> Vec<EntityFile> {
        let mut files = Vec::new();
        for relation in &self.all {
            let Kind::Between { table, own, first: true } = &relation.kind else { continue };
            let (a, b) = match *own {
                "A" => (relation.model, relation.target),
                _ => (relation.target, relation.model),
            };
            let mut text = format!("entity: {0}\ntable: {0}\nfields:\n", as_word(table));
            for (column, model) in [("A", a), ("B", b)] {
                let Some(key) = key(model) else { continue };
                let typed = import.field(model, key, true, None).unwrap_or_default();
                // Only the type and how it is stored: the values are those of the key.
                let kept = typed.split(", ").filter(|part| part.starts_with("type:") || part.starts_with("storage:"));
                let kept: Vec<&str> = kept.collect();
                text += &format!(
                    "  {column}: {{ {}, primary: true, foreign_key: {{ entity: {}, field: {}, on_delete: cascade, \
                     on_update: cascade }} }}\n",
                    kept.join(", "),
                    as_word(&model.name),
                    as_word(&key.name)
                );
            }
            files.push(EntityFile { file: table.to_owned(), text });
        }
        files
    }
}

fn key(model: &Model) -> Option<&Field> {
    model.fields.iter().find(|field| attribute(&field.attributes, "id").is_some())
}

/// The name that both ends of a relation give it.
fn name(field: &Field) -> Option<&str> {
    attribute(&field.attributes, "relation")?.get("name", true)?.as_text()
}

fn argument<'p>(field: &'p Field, argument: &str) -> Option<&'p Expr> {
    attribute(&field.attributes, "relation")?.get(argument, false)
}

fn kind<'p>(import: &mut Import<'p>, model: &'p Model, field: &'p Field, target: &'p Model) -> Kind<'p> {
    let what = format!("{}.{}", model.name, field.name);
    if let Some(fields) = argument(field, "fields") {
        return holds(import, model, field, target, &what, fields);
    }
    let back = |other: &&Field| {
        other.ty == model.name
            && name(other) == name(field)
            && !(std::ptr::eq(model, target) && other.name == field.name)
    };
    let Some(back) = target.fields.iter().find(back) else {
        import.fault(field.place, format!("{what}: {} has no field that leads back to {}", target.name, model.name));
        return Kind::Lost;
    };
    if let Some(fields) = argument(back, "fields") {
        return match fields.names().as_slice() {
            [by] => Kind::Held { by: by_name(target, by).map_or("", |field| field.name.as_str()), many: field.list },
            // It was warned of at the other end.
            _ => Kind::Lost,
        };
    }
    if !field.list || !back.list {
        import.fault(field.place, format!("{what}: neither end of the relation has fields and references"));
        return Kind::Lost;
    }
    for end in [model, target] {
        if key(end).is_none() {
            import.fault(field.place, format!("{what}: {} has no @id of one field for the table in between", end.name));
            return Kind::Lost;
        }
    }
    // Column A holds the model that comes first by name; of one model, the end whose field does.
    let first_is_own = match std::ptr::eq(model, target) {
        true => field.name < back.name,
        false => model.name < target.name,
    };
    let (first, second) = if first_is_own { (model, target) } else { (target, model) };
    let table = match name(field) {
        Some(name) => format!("_{name}"),
        None => format!("_{}To{}", first.name, second.name),
    };
    Kind::Between { table, own: if first_is_own { "A" } else { "B" }, first: first_is_own }
}

fn by_name<'p>(model: &'p Model, name: &str) -> Option<&'p Field> {
    model.fields.iter().find(|field| field.name == name)
}

fn holds<'p>(
    import: &mut Import<'p>,
    model: &'p Model,
    field: &'p Field,
    target: &'p Model,
    what: &str,
    fields: &'p Expr,
) -> Kind<'p> {
    let references = argument(field, "references").map(Expr::names).unwrap_or_default();
    let (by, references) = match (fields.names().as_slice(), references.as_slice()) {
        ([by], [references]) => (*by, *references),
        ([_, _, ..], [_, _, ..]) => {
            let message = format!("{what} goes by several fields, which has no counterpart; the relation is left out");
            import.warn(field.place, message);
            return Kind::Lost;
        }
        _ => {
            import.fault(field.place, format!("{what}: fields and references need as many names each, one at least"));
            return Kind::Lost;
        }
    };
    let (Some(by), Some(_)) = (by_name(model, by), by_name(target, references)) else {
        let (holder, missing) = if by_name(model, by).is_none() { (model, by) } else { (target, references) };
        import.fault(field.place, format!("{what}: {} has no field {missing}", holder.name));
        return Kind::Lost;
    };
    let unset = if field.optional { "set_null" } else { "restrict" };
    let on_delete = rule(import, field, what, "onDelete", unset);
    let on_update = rule(import, field, what, "onUpdate", "cascade");
    let references = by_name(target, references).map_or("", |field| field.name.as_str());
    Kind::Holds { by, references, on_delete, on_update }
}

fn rule(import: &mut Import<'_>, field: &Field, what: &str, event: &str, otherwise: &'static str) -> &'static str {
    let Some(given) = argument(field, event) else { return otherwise };
    match given {
        Expr::Word(word) => match word.as_str() {
            "Cascade" => "cascade",
            "Restrict" | "NoAction" => "restrict",
            "SetNull" => "set_null",
            other => {
                import.warn(field.place, format!("{what}: {event} {other} has no counterpart; dbal says restrict"));
                "restrict"
            }
        },
        _ => {
            import.fault(field.place, format!("{what}: {event}: expected Cascade, Restrict, NoAction or SetNull"));
            "restrict"
        }
    }
}
