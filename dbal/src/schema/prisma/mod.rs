//! Prisma's schema language: what a schema.prisma declares, as the documents of entities.

mod import;
mod lex;
mod parse;

use self::lex::Fault;
use crate::yaml::{self, Faults, Place, Report, Severity};

/// One entity of a schema.prisma.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityFile {
    /// What the file of it may be called, such as `page_view.yaml`.
    pub file: String,
    /// The document, as YAML.
    pub text: String,
}

/// The entities of a schema.prisma, with warnings of what has no counterpart. `name` is what faults call the text.
///
/// ```
/// use dbal::schema::prisma::entities;
///
/// let (files, warnings) = entities("schema.prisma", "model Tag {\n  label String @id\n}\n")?;
/// assert_eq!(files[0].file, "tag.yaml");
/// assert!(files[0].text.contains("label: { type: string, primary: true }"));
/// assert!(warnings.is_empty());
///
/// let faults = entities("schema.prisma", "model Tag {\n  label Strin @id\n}\n").unwrap_err();
/// assert!(faults.to_string().starts_with("schema.prisma:2:3: error: "));
/// # Ok::<(), dbal::yaml::Faults>(())
/// ```
///
/// # Errors
/// Everything in it that makes no sense, with line and column.
pub fn entities(name: &str, text: &str) -> Result<(Vec<EntityFile>, Vec<yaml::Fault>), Faults> {
    let report = Report::new();
    let files = read(&report, name, text);
    report.finish(files)
}

/// The same, with faults and warnings in a report.
pub(super) fn read(report: &Report, name: &str, text: &str) -> Vec<EntityFile> {
    let file = report.file(name);
    let (declared, faults) = parse::parse(text);
    let imported = import::import(&declared);
    let tell = |severity: Severity, faults: Vec<Fault>| {
        for Fault { place, message } in faults {
            report.add(Place { file, line: place.line, column: place.column }, severity, message);
        }
    };
    tell(Severity::Error, faults);
    tell(Severity::Error, imported.faults);
    tell(Severity::Warning, imported.warnings);
    imported.files
}
