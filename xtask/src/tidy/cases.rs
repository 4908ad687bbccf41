//! The form of conformance cases. What they ask and expect is the conformance crate's to understand.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

use super::{Source, Violation};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    #[serde(rename = "fixture")]
    _fixture: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: Spanned<String>,
    #[serde(rename = "as")]
    _principal: Option<IgnoredAny>,
    #[serde(rename = "requires")]
    _requires: Option<Vec<String>>,
    request: Option<IgnoredAny>,
    expect: Option<IgnoredAny>,
    steps: Option<Vec<IgnoredAny>>,
}

/// Case files that do not have the form of one.
pub fn check(sources: &[Source]) -> Vec<Violation> {
    let mut found = Vec::new();
    for source in sources {
        let mut report = |line, message| found.push(Violation { file: source.path.clone(), line, message });
        let file: CaseFile = match serde_saphyr::from_str(&source.text) {
            Ok(file) => file,
            Err(fault) => {
                let line = fault.location().map_or(1, |location| location.line() as usize);
                report(line, fault.to_string());
                continue;
            }
        };
        if file.cases.is_empty() {
            report(1, "expected at least one case".to_owned());
        }
        let mut names = HashSet::new();
        for case in &file.cases {
            let name = &case.name.value;
            let line = case.name.referenced.line() as usize;
            if !names.insert(name.as_str()) {
                report(line, format!("another case of this file is called {name:?}"));
            }
            let one = case.request.is_some() && case.expect.is_some() && case.steps.is_none();
            let several =
                case.request.is_none() && case.expect.is_none() && case.steps.as_ref().is_some_and(|s| !s.is_empty());
            if !one && !several {
                report(line, format!("{name:?}: expected either `request` and `expect`, or `steps`"));
            }
        }
    }
    found
}
