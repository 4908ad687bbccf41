//! How `explain --row` writes what the rules say of a row.

use std::io::Write;

use dbal::client::{Judged, JudgedRule, JudgedVerb};
use dbal::schema::Verb;
use dbal::{Value, value};

use crate::print::{Done, plain};

/// Lines for people: a verdict for each verb, and the rules it rests on.
pub fn text(judged: &Judged, out: &mut dyn Write) -> Done {
    for (at, verb) in judged.verbs.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}: {}", verb.verb.as_str(), sentence(verb))?;
        for rule in &verb.rules {
            writeln!(out, "  {} {}: {}", effect(rule), plain(&rule.rule.id), said(rule))?;
        }
        if verb.allowed && verb.verb != Verb::Delete {
            writeln!(out, "  fields: {}", verb.fields.join(", "))?;
        }
    }
    Ok(())
}

fn sentence(verb: &JudgedVerb) -> String {
    let by = verb.by.iter().map(|id| plain(id)).collect::<Vec<_>>().join(", ");
    match (verb.allowed, verb.by.is_empty()) {
        (true, _) => format!("allowed by {by}"),
        (false, false) => format!("refused by {by}"),
        (false, true) => "refused, no rule that permits it holds".to_owned(),
    }
}

fn effect(rule: &JudgedRule) -> &'static str {
    match (rule.rule.forbids, rule.rule.fields_only) {
        (false, _) => "permit",
        (true, false) => "forbid",
        (true, true) => "forbid fields",
    }
}

fn said(rule: &JudgedRule) -> String {
    match (&rule.rule.roles, rule.rule.applies, rule.holds) {
        (Some(roles), false, _) => format!("speaks of {} only", roles.join(", ")),
        (_, _, Some(true)) => "holds".to_owned(),
        (_, _, Some(false)) => "does not hold".to_owned(),
        (_, _, None) => "unknown, a claim or a value is missing".to_owned(),
    }
}

/// The same for programs.
pub fn value(judged: &Judged) -> Value {
    let texts = |texts: &[String]| Value::List(texts.iter().map(|text| Value::from(text.as_str())).collect());
    let verbs = judged.verbs.iter().map(|verb| {
        let rules = verb.rules.iter().map(|rule| {
            value!({
                "id": (rule.rule.id.as_str()),
                "effect": (if rule.rule.forbids { "forbid" } else { "permit" }),
                "fields_only": (rule.rule.fields_only),
                "roles": (rule.rule.roles.as_deref().map_or(Value::Null, texts)),
                "applies": (rule.rule.applies),
                "holds": (rule.holds.map_or(Value::Null, Value::Bool)),
            })
        });
        let rules: Vec<Value> = rules.collect();
        value!({
            "verb": (verb.verb.as_str()),
            "allowed": (verb.allowed),
            "by": (texts(&verb.by)),
            "rules": rules,
            "fields": (texts(&verb.fields)),
        })
    });
    let verbs: Vec<Value> = verbs.collect();
    value!({ "verbs": verbs })
}
