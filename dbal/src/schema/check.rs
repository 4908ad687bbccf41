//! What `dbal check FOLDER` prints: every fault with its place, or what the schema holds and what was derived.

use std::fmt::Write as _;

use super::load::Loaded;
use crate::yaml::{Faults, Severity};

/// Renders a load for people. It ends in a line that counts.
///
/// ```
/// use dbal::schema::{check, load_sources};
///
/// let text = "entity: Tag\nfields:\n  id: {type: uuid, primary: true}\n  colour: {type: strng}\n";
/// let report = check::render(&load_sources(vec![("tag.yaml".into(), text.into())]));
/// assert!(report.starts_with("tag.yaml:4:18: error: type: there is no type strng; did you mean string?"));
/// assert!(report.ends_with("1 error, 0 warnings\n"));
/// ```
pub fn render(result: &Result<Loaded, Faults>) -> String {
    match result {
        Ok(loaded) => summary(loaded),
        Err(faults) => {
            let errors = faults.0.iter().filter(|fault| fault.severity == Severity::Error).count();
            let (errors, warnings) = (count(errors, "error"), count(faults.0.len() - errors, "warning"));
            format!("{faults}\n{errors}, {warnings}\n")
        }
    }
}

fn summary(loaded: &Loaded) -> String {
    let mut text = String::new();
    for warning in &loaded.warnings {
        line(&mut text, format_args!("{warning}"));
    }
    let (mut fields, mut relations, mut operations) = (0, 0, 0);
    for (_, entity) in loaded.schema.entities() {
        fields += entity.fields.len();
        relations += entity.relations.len();
        operations += entity.operations.len();
        let parts = [
            count(entity.fields.len(), "field"),
            count(entity.indexes.len(), "index"),
            count(entity.relations.len(), "relation"),
            count(entity.operations.len(), "operation"),
        ];
        line(&mut text, format_args!("{} ({}): {}", entity.name, entity.plural, parts.join(", ")));
        for derived in loaded.derived.iter().filter(|derived| derived.entity == entity.name) {
            line(&mut text, format_args!("  derived {}", derived.what));
        }
    }
    let totals = [
        match loaded.schema.entities().count() {
            1 => String::from("1 entity"),
            entities => format!("{entities} entities"),
        },
        count(fields, "field"),
        count(relations, "relation"),
        count(operations, "operation"),
        count(loaded.warnings.len(), "warning"),
    ];
    line(&mut text, format_args!("{}", totals.join(", ")));
    text
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("writing to a String cannot fail");
}

fn count(number: usize, what: &str) -> String {
    match (number, what) {
        (1, _) => format!("1 {what}"),
        (_, "index") => format!("{number} indexes"),
        _ => format!("{number} {what}s"),
    }
}
