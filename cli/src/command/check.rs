//! `dbal check`

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use dbal::access::Policy;
use dbal::schema::check::render;
use dbal::schema::load_dir;
use dbal::value::json;
use dbal::yaml::{Fault, Severity};
use dbal::{Schema, Value, value};

use crate::failure::Failure;
use crate::options::Report;
use crate::print::{Done, count, plain};

/// Check a schema folder, and a rules file against it: all faults at once, each with its place
#[derive(Args, Debug)]
#[command(after_help = "\
Without faults it says what the schema holds, and what was derived from foreign keys and known shapes.

Examples:
  dbal check api/schema
  dbal check api/schema --rules acl.yaml --format json")]
pub struct Check {
    /// The folder of entity files
    #[arg(env = "DBAL_SCHEMA", default_value = "./api/schema")]
    folder: PathBuf,
    /// A rules file to check against the schema
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// How faults and summary are written
    #[arg(long, value_enum, default_value_t)]
    pub format: Report,
}

impl Check {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let loaded = load_dir(&self.folder);
        // Rules speak of entities, so they are looked at once those are known.
        let of_rules = match &loaded {
            Ok(loaded) => self.rule_faults(&loaded.schema)?,
            Err(_) => Vec::new(),
        };
        let of_schema: &[Fault] = match &loaded {
            Ok(loaded) => &loaded.warnings,
            Err(faults) => &faults.0,
        };
        let faulty = of_schema.iter().chain(&of_rules).any(|fault| fault.severity == Severity::Error);
        match self.format {
            Report::Json => {
                let faults: Vec<Value> = of_schema.iter().chain(&of_rules).map(fault_value).collect();
                let entities = loaded.as_ref().map(|loaded| entities(&loaded.schema)).unwrap_or_default();
                let derived = loaded.as_ref().map(|loaded| loaded.derived.iter()).unwrap_or_default();
                let derived: Vec<Value> = derived
                    .map(|derived| value!({ "entity": (derived.entity.as_str()), "what": (derived.what.as_str()) }))
                    .collect();
                let answer = value!({ "ok": (!faulty), "faults": faults, "entities": entities, "derived": derived });
                writeln!(out, "{}", json::to_wire(&answer))?;
            }
            Report::Text => {
                for line in render(&loaded).lines() {
                    writeln!(out, "{}", plain(line))?;
                }
                for fault in &of_rules {
                    writeln!(out, "{}", plain(&fault.to_string()))?;
                }
                if let (Some(rules), Ok(_)) = (&self.rules, &loaded) {
                    let errors = of_rules.iter().filter(|fault| fault.severity == Severity::Error).count() as u64;
                    writeln!(out, "{}: {}", rules.display(), count(errors, "error"))?;
                }
                if let (Some(rules), Err(_)) = (&self.rules, &loaded) {
                    writeln!(out, "{}: not looked at before the schema is without faults", rules.display())?;
                }
            }
        }
        if faulty { Err(Failure::Told) } else { Ok(()) }
    }

    /// The faults and warnings of the access rules: the file's, or those of the entities' own blocks.
    fn rule_faults(&self, schema: &Schema) -> Result<Vec<Fault>, Failure> {
        let Some(path) = &self.rules else { return Ok(Policy::from_acl(schema).1) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::Unreadable(format!("{} cannot be read: {error}", path.display())))?;
        Ok(match Policy::from_rules(schema, &text, &path.display().to_string()) {
            Ok(policy) => policy.warnings().to_vec(),
            Err(faults) => faults.0,
        })
    }
}

fn fault_value(fault: &Fault) -> Value {
    let severity = match fault.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    value!({
        "file": (&*fault.file),
        "line": (fault.line),
        "column": (fault.column),
        "severity": severity,
        "message": (fault.message.as_str()),
    })
}

fn entities(schema: &Schema) -> Vec<Value> {
    let texts = |names: Vec<&str>| Value::List(names.into_iter().map(Value::from).collect());
    let entities = schema.entities().map(|(_, entity)| {
        value!({
            "name": (entity.name.as_str()),
            "plural": (entity.plural.as_str()),
            "fields": (texts(entity.fields.iter().map(|field| field.name.as_str()).collect())),
            "relations": (texts(entity.relations.iter().map(|relation| relation.name.as_str()).collect())),
            "operations": (texts(entity.operations.iter().map(|operation| operation.name.as_str()).collect())),
        })
    });
    entities.collect()
}
