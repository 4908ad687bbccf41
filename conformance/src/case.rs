//! A case: what it asks and what must come back. The grammar is described in `common/contracts/README.md`.

use std::collections::BTreeMap;
use std::sync::Arc;

use dbal::capability::Capabilities;
use dbal::yaml::{Block, Entry, Node, Place, Report};
use dbal::{ErrorKind, Map, Name, Value};

use crate::expect::{Expect, ExpectError, ExpectPage};
use crate::host::Caller;
use crate::term::{self, Saved, Side, Term};

/// One case of a file.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file below the contracts folder without its ending, such as `filters/null`.
    pub file: String,
    /// The file as it was opened.
    pub path: Arc<str>,
    /// Where its name stands.
    pub place: Place,
    /// The rule it shows, as a sentence.
    pub name: String,
    /// The fixture it runs on.
    pub fixture: String,
    /// Capabilities it needs; where one is missing, the case must be rejected.
    pub requires: Vec<String>,
    /// Hosts on which the answer is known to differ, with the reason.
    pub differs: BTreeMap<String, String>,
    /// Why it does not hold anywhere yet. A pending case that passes is a failure: its mark must go.
    pub pending: Option<String>,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// One thing a case does.
#[derive(Clone, Debug)]
pub enum Step {
    /// One request.
    Request(Box<RequestStep>),
    /// Several, all or nothing.
    Transaction(Box<TransactionStep>),
}

/// A request and what must come back.
#[derive(Clone, Debug)]
pub struct RequestStep {
    /// Where it stands.
    pub place: Place,
    /// On whose behalf.
    pub caller: CallerTerm,
    /// The operation in snake case.
    pub operation: String,
    /// The entity.
    pub entity: String,
    /// The arguments by name.
    pub args: Vec<(Name, Term)>,
    /// Under which name the result is kept.
    pub save: Option<String>,
    /// What must come back; nothing said: anything but an error.
    pub expect: Expect,
    /// Inside a transaction: run beside it, not in it.
    pub outside: bool,
}

/// Steps that apply together or not at all.
#[derive(Clone, Debug)]
pub struct TransactionStep {
    /// Where it stands.
    pub place: Place,
    /// On whose behalf.
    pub caller: CallerTerm,
    /// What is done in it.
    pub steps: Vec<Step>,
    /// Whether it ends with a rollback.
    pub roll_back: bool,
    /// The error with which the commit is refused.
    pub expect: Option<ExpectError>,
}

/// A caller whose claims may refer to saved results.
#[derive(Clone, Debug, Default)]
pub enum CallerTerm {
    /// Trusted in-process code.
    #[default]
    Trusted,
    /// Nobody in particular.
    Anonymous,
    /// A principal.
    Principal {
        /// Claims, `id` and `role` among them.
        user: Vec<(Name, Term)>,
        /// Claims of the session.
        session: Vec<(Name, Term)>,
        /// Roles.
        roles: Vec<String>,
    },
}

impl CallerTerm {
    /// The caller, references filled in.
    pub fn resolve(&self, saved: &Saved) -> Result<Caller, String> {
        let claims = |terms: &[(Name, Term)]| -> Result<Map, String> {
            terms
                .iter()
                .map(|(name, term)| Ok((name.clone(), term.resolve(saved)?)))
                .collect::<Result<Vec<_>, _>>()
                .map(Map)
        };
        Ok(match self {
            CallerTerm::Trusted => Caller::Trusted,
            CallerTerm::Anonymous => Caller::Anonymous,
            CallerTerm::Principal { user, session, roles } => {
                Caller::Principal { user: claims(user)?, session: claims(session)?, roles: roles.clone() }
            }
        })
    }
}

/// Reads the cases of one file's document; `file` is its name below the contracts folder.
pub fn read_file(file: &str, document: &Node, report: &Report) -> Vec<Case> {
    let Some(mut top) = report.strict(document, "a case file") else { return Vec::new() };
    let defaults = Defaults { file, fixture: top.written("fixture"), pending: top.text("pending") };
    let nodes = top.list("cases").unwrap_or_default();
    top.finish();
    if nodes.is_empty() {
        report.error(document.place, "expected cases: a list that is not empty");
    }
    let mut cases: Vec<Case> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let Some(case) = read_case(node, defaults, report) else { continue };
        if cases.iter().any(|other| other.name == case.name) {
            report.error(case.place, format!("a case named {:?} stands above", case.name));
        }
        cases.push(case);
    }
    cases
}

/// What a file says for all its cases.
#[derive(Clone, Copy)]
struct Defaults<'n> {
    file: &'n str,
    fixture: Option<&'n str>,
    pending: Option<&'n str>,
}

fn read_case(node: &Node, defaults: Defaults<'_>, report: &Report) -> Option<Case> {
    let mut block = report.strict(node, "a case")?;
    let name = required(&mut block, "name");
    let fixture = block.written("fixture").or(defaults.fixture);
    let pending = block.text("pending").or(defaults.pending).map(str::to_owned);
    if fixture.is_none() {
        report.error(node.place, "no fixture, neither here nor at the top of the file");
    }
    let requires = block.texts("requires").unwrap_or_default();
    let known = Capabilities::NONE.list();
    for capability in requires.iter().filter(|name| !known.iter().any(|(known, _)| known == name)) {
        report.error(node.place, format!("unknown capability {capability} in requires"));
    }
    let mut differs = BTreeMap::new();
    for entry in block.get("differs").map(Node::entries).unwrap_or_default() {
        match entry.value.as_str() {
            Some(reason) if !reason.is_empty() => drop(differs.insert(entry.key.clone(), reason.to_owned())),
            _ => report.error(entry.place, "differs maps a backend to the reason"),
        }
    }
    let caller = block.get("as").map_or_else(CallerTerm::default, |node| read_caller(node, report));
    let steps = match block.get("steps") {
        Some(list) => {
            block.finish();
            read_steps(list, &caller, Within::Case, report)
        }
        None => vec![Step::Request(Box::new(read_request(block, caller)))],
    };
    let (file, path) = (defaults.file.to_owned(), report.file_name(node.place.file));
    let (place, fixture) = (node.place, fixture?.to_owned());
    Some(Case { file, path, place, name, fixture, requires, differs, pending, steps })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Case,
    Transaction,
}

fn read_steps(list: &Node, caller: &CallerTerm, within: Within, report: &Report) -> Vec<Step> {
    if list.items().is_empty() {
        report.error(list.place, "expected a list of steps that is not empty");
    }
    list.items().iter().filter_map(|node| read_step(node, caller, within, report)).collect()
}

fn read_step(node: &Node, caller: &CallerTerm, within: Within, report: &Report) -> Option<Step> {
    let mut block = report.strict(node, "a step")?;
    let outside = block.boolean("outside").unwrap_or_default();
    let own = block.get("as");
    if within == Within::Transaction && own.is_some() && !outside {
        report.error(node.place, "a transaction has one caller: say `as` beside `transaction`");
    }
    if within == Within::Case && outside {
        report.error(node.place, "outside is for steps of a transaction");
    }
    let caller = own.map_or_else(|| caller.clone(), |node| read_caller(node, report));
    if let Some(list) = block.get("transaction") {
        let roll_back = block.boolean("rollback").unwrap_or_default();
        let expect = block.get("expect").and_then(|node| read_expect(node, report).error);
        block.finish();
        let steps = read_steps(list, &caller, Within::Transaction, report);
        let place = node.place;
        return Some(Step::Transaction(Box::new(TransactionStep { place, caller, steps, roll_back, expect })));
    }
    Some(Step::Request(Box::new(RequestStep { outside, ..read_request(block, caller) })))
}

fn read_request(mut block: Block<'_>, caller: CallerTerm) -> RequestStep {
    let (report, place) = (block.report(), block.place());
    let save = block.written("save").map(str::to_owned);
    let expect = block.get("expect").map(|node| read_expect(node, report)).unwrap_or_default();
    let (mut operation, mut entity, mut args) = (String::new(), String::new(), Vec::new());
    match block.get("request") {
        None => report.error(place, "expected request, steps or transaction"),
        Some(request) => {
            for Entry { key, value, .. } in request.entries() {
                match key.as_str() {
                    "operation" => operation = value.written().unwrap_or_default().to_owned(),
                    "entity" => entity = value.written().unwrap_or_default().to_owned(),
                    _ => args.push((Name::from(key.clone()), term::read(value, Side::Given, report))),
                }
            }
            if operation.is_empty() || entity.is_empty() && operation != "batch" {
                report.error(request.place, "a request names its operation and its entity");
            }
        }
    }
    block.finish();
    RequestStep { place, caller, operation, entity, args, save, expect, outside: false }
}

fn read_caller(node: &Node, report: &Report) -> CallerTerm {
    match node.as_str() {
        Some("anonymous") => return CallerTerm::Anonymous,
        Some("trusted") => return CallerTerm::Trusted,
        _ => {}
    }
    if node.as_map().is_none() {
        report.error(node.place, "`as` is a principal, anonymous or trusted");
    }
    let (mut user, mut session, mut roles) = (Vec::new(), Vec::new(), None);
    for Entry { key, value, .. } in node.entries() {
        match (key.as_str(), term::read(value, Side::Given, report)) {
            ("session", Term::Map(claims)) => session = claims,
            ("roles", _) => roles = Some(value.items().iter().filter_map(Node::as_str).map(str::to_owned).collect()),
            (name, claim) => user.push((Name::from(name.to_owned()), claim)),
        }
    }
    let role = node.get("role").and_then(Node::as_str).map(str::to_owned);
    CallerTerm::Principal { user, session, roles: roles.unwrap_or_else(|| role.into_iter().collect()) }
}

fn expected(block: &mut Block<'_>, name: &'static str) -> Option<Term> {
    let report = block.report();
    block.entry_or_null(name).map(|entry| term::read(&entry.value, Side::Expected, report))
}

fn read_expect(node: &Node, report: &Report) -> Expect {
    let Some(mut block) = report.strict(node, "expect") else { return Expect::default() };
    let expect = Expect {
        ids: expected(&mut block, "ids"),
        row: expected(&mut block, "row"),
        rows: expected(&mut block, "rows"),
        value: expected(&mut block, "value"),
        page: block.get("page").map(|node| read_page(node, report)),
        null: block.boolean("null").unwrap_or_default(),
        absent: block.texts("absent").unwrap_or_default(),
        exact: block.boolean("exact").unwrap_or_default(),
        error: block.get("error").map(|node| read_error(node, report)),
    };
    block.finish();
    if expect.is_empty() {
        report.error(node.place, "expect says nothing; leave it out where any answer but an error will do");
    }
    expect
}

fn read_page(node: &Node, report: &Report) -> ExpectPage {
    let Some(mut block) = report.strict(node, "page") else { return ExpectPage::default() };
    let (ids, data) = (expected(&mut block, "ids"), expected(&mut block, "data"));
    let names = ["total", "page", "limit", "has_more", "next_cursor", "prev_cursor"];
    let envelope = names.into_iter().filter_map(|name| Some((name, expected(&mut block, name)?))).collect();
    block.finish();
    ExpectPage { ids, data, envelope }
}

fn read_error(node: &Node, report: &Report) -> ExpectError {
    if let Some(code) = node.as_str() {
        return ExpectError { code: known_code(code, node.place, report), ..ExpectError::default() };
    }
    let Some(mut block) = report.strict(node, "error") else { return ExpectError::default() };
    let code = required(&mut block, "code");
    let error = ExpectError {
        code: known_code(&code, node.place, report),
        reason: block.written("reason").map(str::to_owned),
        fields: block.texts("fields"),
        contains: block.texts("contains").unwrap_or_default(),
        lacks: block.texts("lacks").unwrap_or_default(),
        index: block.integer("index", 0, i64::MAX).and_then(|index| usize::try_from(index).ok()),
        same_as: block.written("same_as").map(str::to_owned),
    };
    block.finish();
    error
}

fn known_code(code: &str, place: Place, report: &Report) -> String {
    if !ErrorKind::ALL.iter().any(|kind| kind.code() == code) {
        report.error(place, format!("{code} is no error code of the catalogue"));
    }
    code.to_owned()
}

fn required(block: &mut Block<'_>, name: &'static str) -> String {
    let text = block.written(name);
    if text.is_none() {
        block.report().error(block.place(), format!("{} needs {name}", block.what()));
    }
    text.unwrap_or_default().to_owned()
}

/// The request of a step, references filled in.
pub fn arguments(args: &[(Name, Term)], saved: &Saved) -> Result<Map, String> {
    let pairs = args.iter().map(|(name, term)| Ok((name.clone(), term.resolve(saved)?)));
    pairs.collect::<Result<Vec<(Name, Value)>, String>>().map(Map)
}
