//! From a schema.prisma to entity files.

mod field;
mod relation;

use std::collections::{HashMap, HashSet};

use self::relation::Relations;
use super::EntityFile;
use super::lex::{Fault, Place};
use super::parse::{Attribute, Enum, Expr, Field, Model, Psl, attribute};
use crate::schema::snake_case;
use crate::yaml::as_word;

/// What came of a file.
#[derive(Debug, Default)]
pub struct Imported {
    /// One for each entity.
    pub files: Vec<EntityFile>,
    /// What has no counterpart, and is left out or only alike.
    pub warnings: Vec<Fault>,
    /// What makes no sense.
    pub faults: Vec<Fault>,
}

/// The kind of database that the file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    Sqlite,
    Postgres,
}

/// What all parts of an import look into and write to.
struct Import<'p> {
    psl: &'p Psl,
    provider: Provider,
    models: HashMap<&'p str, &'p Model>,
    enums: HashMap<&'p str, &'p Enum>,
    out: Imported,
}

/// Entity files of what a schema.prisma declares.
pub fn import(psl: &Psl) -> Imported {
    let mut import = Import {
        psl,
        provider: Provider::Sqlite,
        models: psl.models.iter().map(|model| (model.name.as_str(), model)).collect(),
        enums: psl.enums.iter().map(|declared| (declared.name.as_str(), declared)).collect(),
        out: Imported::default(),
    };
    import.settings();
    import.twice();
    for (kind, name, place) in &psl.others {
        import.warn(*place, format!("{kind} {name} has no counterpart and is left out"));
    }
    let relations = Relations::of(&mut import);
    for model in psl.models.iter().filter(|model| !ignored(&model.attributes)) {
        let text = import.entity(model, &relations);
        import.out.files.push(EntityFile { file: snake_case(&model.name), text });
    }
    let between = relations.between(&mut import);
    import.out.files.extend(between);
    name_files(&mut import.out.files);
    import.out.warnings.sort_by_key(|warning| warning.place);
    import.out.faults.sort_by_key(|fault| fault.place);
    import.out
}

/// Gives each file a name of its own, and none that means something else in a folder of entity files.
fn name_files(files: &mut [EntityFile]) {
    let mut taken: HashSet<String> = HashSet::from(["security".to_owned()]);
    for file in files {
        let mut name = file.file.to_lowercase();
        for number in 2.. {
            if taken.insert(name.clone()) {
                break;
            }
            name = format!("{}_{number}", file.file.to_lowercase());
        }
        file.file = format!("{name}.yaml");
    }
}

fn ignored(attributes: &[Attribute]) -> bool {
    attribute(attributes, "ignore").is_some()
}

/// What a model or a field is called in the database.
fn mapped<'a>(name: &'a str, attributes: &'a [Attribute]) -> &'a str {
    attribute(attributes, "map").and_then(|map| map.get("name", true)?.as_text()).unwrap_or(name)
}

impl<'p> Import<'p> {
    fn warn(&mut self, place: Place, message: impl Into<String>) {
        self.out.warnings.push(Fault { place, message: message.into() });
    }

    fn fault(&mut self, place: Place, message: impl Into<String>) {
        self.out.faults.push(Fault { place, message: message.into() });
    }

    fn settings(&mut self) {
        let psl = self.psl;
        for settings in psl.settings.iter().filter(|settings| settings.kind == "datasource") {
            for (name, value, place) in &settings.entries {
                match (name.as_str(), value) {
                    ("provider", Expr::Text(provider)) => match provider.as_str() {
                        "sqlite" => self.provider = Provider::Sqlite,
                        "postgresql" | "postgres" => self.provider = Provider::Postgres,
                        other => {
                            let message =
                                format!("provider {other}: dbal opens what Prisma made in sqlite and postgresql");
                            self.fault(*place, message);
                        }
                    },
                    ("relationMode", Expr::Text(mode)) if mode == "prisma" => self.warn(
                        *place,
                        "relationMode prisma: the database has no foreign keys, so dbal neither checks nor cascades",
                    ),
                    ("schemas", _) => self.warn(*place, "schemas: all tables are sought in one schema of PostgreSQL"),
                    _ => {}
                }
            }
        }
    }

    /// Names that are declared twice.
    fn twice(&mut self) {
        let psl = self.psl;
        let mut seen: HashMap<&str, u32> = HashMap::new();
        let models = psl.models.iter().map(|model| (model.name.as_str(), model.place));
        let all = models.chain(psl.enums.iter().map(|declared| (declared.name.as_str(), declared.place)));
        for (name, place) in all {
            if let Some(line) = seen.insert(name, place.line) {
                self.fault(place, format!("{name} is already declared in line {line}"));
            }
        }
        for model in &psl.models {
            let mut seen: HashMap<&str, u32> = HashMap::new();
            for field in &model.fields {
                if let Some(line) = seen.insert(&field.name, field.place.line) {
                    self.fault(
                        field.place,
                        format!("{}.{} is already declared in line {line}", model.name, field.name),
                    );
                }
            }
        }
    }

    /// Whether a field is a column.
    fn is_column(&self, field: &Field) -> bool {
        !self.models.contains_key(field.ty.as_str())
    }

    fn entity(&mut self, model: &'p Model, relations: &Relations<'p>) -> String {
        let mut text = format!("entity: {}\n", as_word(&model.name));
        text += &format!("table: {}\n", as_word(mapped(&model.name, &model.attributes)));
        if !model.document.is_empty() {
            text += &format!("description: {}\n", as_word(&model.document.join(" ")));
        }
        let key: Vec<&str> = match attribute(&model.attributes, "id").and_then(|id| id.get("fields", true)) {
            Some(fields) => fields.names(),
            None => model
                .fields
                .iter()
                .filter(|field| attribute(&field.attributes, "id").is_some())
                .map(|field| field.name.as_str())
                .collect(),
        };
        let key = if key.is_empty() { self.unique_as_key(model) } else { key };
        text += "fields:\n";
        let mut kept = Vec::new();
        for field in &model.fields {
            if !self.is_column(field) {
                continue;
            }
            let key = key.contains(&field.name.as_str());
            let faults = self.out.faults.len();
            if let Some(written) = self.field(model, field, key, relations.reference(model, field)) {
                text += &format!("  {}: {{ {written} }}\n", as_word(&field.name));
                kept.push(field.name.as_str());
            } else if key && faults == self.out.faults.len() {
                self.fault(
                    field.place,
                    format!("{}.{} is a part of the key and cannot be left out", model.name, field.name),
                );
            }
        }
        text += &self.indexes(model, &kept);
        text + &relations.written(model)
    }

    /// Prisma takes any unique key for a model's own where there is no id.
    fn unique_as_key(&mut self, model: &'p Model) -> Vec<&'p str> {
        let required = |field: &&Field| !field.optional;
        let unique = model.fields.iter().filter(required).find(|f| attribute(&f.attributes, "unique").is_some());
        if let Some(field) = unique {
            return vec![&field.name];
        }
        let several = attribute(&model.attributes, "unique").and_then(|unique| unique.get("fields", true));
        let fields = several.map(Expr::names).unwrap_or_default();
        if fields.is_empty() {
            self.fault(model.place, format!("{} has no @id, @@id, @unique or @@unique", model.name));
        }
        fields
    }

    fn indexes(&mut self, model: &'p Model, kept: &[&str]) -> String {
        let mut text = String::new();
        for one in &model.attributes {
            let unique = match one.name.as_str() {
                "unique" => true,
                "index" => false,
                "id" | "map" | "ignore" => continue,
                other => {
                    self.warn(one.place, format!("@@{other} has no counterpart and is left out"));
                    continue;
                }
            };
            let fields = one.get("fields", true).map(Expr::names).unwrap_or_default();
            if let Some(lost) = fields.iter().find(|field| !kept.contains(*field)) {
                let known = model.fields.iter().any(|field| field.name == **lost);
                let message =
                    format!("@@{} is over {lost}, which is {}", one.name, if known { "left out" } else { "no field" });
                if known {
                    self.warn(one.place, message)
                } else {
                    self.fault(one.place, message)
                }
                continue;
            }
            if one.get("type", false).is_some() {
                self.warn(one.place, "an index of another type than a tree is only named, not made, by dbal");
            }
            let names: Vec<String> = fields.iter().map(|field| as_word(field)).collect();
            let unique = if unique { ", unique: true" } else { "" };
            text += &format!("  - {{ fields: [{}]{unique} }}\n", names.join(", "));
        }
        if text.is_empty() { text } else { format!("indexes:\n{text}") }
    }
}
