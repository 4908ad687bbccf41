//! `dbal check`

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use dbal::access::Policy;
use dbal::config::Settings;
use dbal::migrate::compat::{Difference, Level, compare};
use dbal::schema::check::render;
use dbal::schema::load_dir;
use dbal::value::json;
use dbal::yaml::{Fault, Severity};
use dbal::{Error, Schema, Value, value};

use crate::failure::Failure;
use crate::options::Report;
use crate::print::{Done, count, plain};
use crate::targets::{Lack, lacks};

/// Check a schema folder, and a rules file against it: all faults at once, each with its place
#[derive(Args, Debug)]
#[command(after_help = "\
Without faults it says what the schema holds, and what was derived from foreign keys and known shapes.

With --against it also says what changed since another version of the folder, and which version the change needs by
api/versioning/compat.md; what needs a major one is a fault.

With --config it also names what the configuration's `targets` lack of what the schema uses, by capability, entity and
field: that is no fault.

Examples:
  dbal check api/schema
  dbal check --config dbal.yaml
  dbal check api/schema --against released/schema
  dbal check api/schema --rules acl.yaml --format json")]
pub struct Check {
    /// The folder of entity files
    #[arg(env = "DBAL_SCHEMA")]
    folder: Option<PathBuf>,
    /// A configuration file: it is checked too, its schema and rules are those to check, and what its targets lack of
    /// the schema is named
    #[arg(long, value_name = "FILE", env = "DBAL_CONFIG")]
    config: Option<PathBuf>,
    /// A rules file to check against the schema
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// The folder of an earlier version: say what changed since, and whether that breaks anybody
    #[arg(long, value_name = "FOLDER")]
    against: Option<PathBuf>,
    /// How faults and summary are written
    #[arg(long, value_enum, default_value_t)]
    pub format: Report,
}

impl Check {
    pub fn run(&self, out: &mut dyn Write) -> Done {
        let settings = self.config.as_ref().map(Settings::load).transpose().map_err(Error::from)?;
        let (config_schema, config_rules, targets) = match settings {
            Some(settings) => (settings.schema, settings.acl.rules_file, settings.targets),
            None => (None, None, Vec::new()),
        };
        // What stands beside the command counts, then the file, then the usual place.
        let folder = match &self.config {
            Some(_) => config_schema.or_else(|| self.folder.clone()),
            None => self.folder.clone(),
        };
        let loaded = load_dir(folder.unwrap_or_else(|| PathBuf::from("./api/schema")));
        let rules = self.rules.clone().or(config_rules);
        let lacking = loaded.as_ref().map(|loaded| lacks(&loaded.schema, &targets)).unwrap_or_default();
        // Rules speak of entities, so they are looked at once those are known.
        let of_rules = match &loaded {
            Ok(loaded) => rule_faults(rules.as_deref(), &loaded.schema)?,
            Err(_) => Vec::new(),
        };
        let of_schema: &[Fault] = match &loaded {
            Ok(loaded) => &loaded.warnings,
            Err(faults) => &faults.0,
        };
        let differences = match (&self.against, &loaded) {
            (Some(folder), Ok(loaded)) => {
                let earlier = load_dir(folder).map_err(|faults| Error::validation("against", faults.to_string()))?;
                compare(&earlier.schema, &loaded.schema)
            }
            (Some(_), Err(_)) | (None, _) => Vec::new(),
        };
        let breaking = differences.iter().any(|one| one.level == Level::Major);
        let faulty = of_schema.iter().chain(&of_rules).any(|fault| fault.severity == Severity::Error) || breaking;
        match self.format {
            Report::Json => {
                let faults: Vec<Value> = of_schema.iter().chain(&of_rules).map(fault_value).collect();
                let entities = loaded.as_ref().map(|loaded| entities(&loaded.schema)).unwrap_or_default();
                let derived = loaded.as_ref().map(|loaded| loaded.derived.iter()).unwrap_or_default();
                let derived: Vec<Value> = derived
                    .map(|derived| value!({ "entity": (derived.entity.as_str()), "what": (derived.what.as_str()) }))
                    .collect();
                let mut answer =
                    value!({ "ok": (!faulty), "faults": faults, "entities": entities, "derived": derived });
                if let (Some(_), Value::Map(map)) = (&self.against, &mut answer) {
                    map.insert("breaking", breaking);
                    map.insert("changes", differences.iter().map(difference).collect::<Vec<_>>());
                }
                if let (Some(_), Value::Map(map)) = (&self.config, &mut answer) {
                    map.insert("lacking", lacking.iter().map(lack).collect::<Vec<_>>());
                }
                writeln!(out, "{}", json::to_wire(&answer))?;
            }
            Report::Text => {
                for line in render(&loaded).lines() {
                    writeln!(out, "{}", plain(line))?;
                }
                for fault in &of_rules {
                    writeln!(out, "{}", plain(&fault.to_string()))?;
                }
                for Lack { target, capability, about, message } in &lacking {
                    let about = about.as_deref().map(|about| format!("{about}: ")).unwrap_or_default();
                    writeln!(out, "{} lacks {capability}: {}{message}", target.as_str(), plain(&about))?;
                }
                for one in &differences {
                    writeln!(out, "{}: {}: {}", one.level.as_str(), plain(&one.about), plain(&one.message))?;
                }
                if let (Some(folder), Ok(_)) = (&self.against, &loaded) {
                    let needed = differences.iter().map(|one| one.level).max();
                    let needed = needed.map_or("no change".to_owned(), |level| format!("a {} version", level.as_str()));
                    writeln!(out, "since {}: {needed}", folder.display())?;
                }
                if let (Some(rules), Ok(_)) = (&rules, &loaded) {
                    let errors = of_rules.iter().filter(|fault| fault.severity == Severity::Error).count() as u64;
                    writeln!(out, "{}: {}", rules.display(), count(errors, "error"))?;
                }
                if let (Some(rules), Err(_)) = (&rules, &loaded) {
                    writeln!(out, "{}: not looked at before the schema is without faults", rules.display())?;
                }
            }
        }
        if faulty { Err(Failure::Told) } else { Ok(()) }
    }
}

/// The faults and warnings of the access rules: the file's, or those of the entities' own blocks.
fn rule_faults(rules: Option<&Path>, schema: &Schema) -> Result<Vec<Fault>, Failure> {
    let Some(path) = rules else {
        let (policy, mut faults) = Policy::from_acl(schema);
        faults.extend(policy.row_level_checks(schema).1);
        return Ok(faults);
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Unreadable(format!("{} cannot be read: {error}", path.display())))?;
    Ok(match Policy::from_rules(schema, &text, &path.display().to_string()) {
        Ok(policy) => [policy.warnings(), &policy.row_level_checks(schema).1].concat(),
        Err(faults) => faults.0,
    })
}

fn lack(one: &Lack) -> Value {
    value!({
        "target": (one.target.as_str()),
        "capability": (one.capability),
        "about": (one.about.as_deref()),
        "message": (one.message.as_str()),
    })
}

fn difference(one: &Difference) -> Value {
    value!({ "level": (one.level.as_str()), "about": (one.about.as_str()), "message": (one.message.as_str()) })
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
