//! A case: what it asks and what must come back. The grammar is described in `common/contracts/README.md`.

use std::collections::BTreeMap;

use dbal::capability::Capabilities;
use dbal::{ErrorKind, Map, Name, Value};

use crate::expect::{Expect, ExpectError, ExpectPage};
use crate::host::Caller;
use crate::term::{self, Faults, Saved, Side, Term};
use crate::yaml::{Entry, Node, Place};

/// One case of a file.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file below the contracts folder without its ending, such as `filters/null`.
    pub file: String,
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
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// One thing a case does.
#[derive(Clone, Debug)]
pub enum Step {
    /// One request.
    Request(Box<RequestStep>),
    /// Several, all or nothing.
    Transaction(TransactionStep),
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
            terms.iter().map(|(name, term)| Ok((name.clone(), term.resolve(saved)?))).collect::<Result<Vec<_>, _>>().map(Map)
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

/// Reads the cases of one file's document.
pub fn read_file(file: &str, document: &Node, faults: &mut Faults) -> Vec<Case> {
    let mut top = Keys::of(document, faults);
    let fixture = top.text("fixture", faults);
    let cases = top.take("cases").and_then(Node::list).unwrap_or_default();
    if cases.is_empty() {
        faults.push((document.place, "expected `cases:`, a list that is not empty".into()));
    }
    top.finish("a case file", faults);
    let mut read: Vec<Case> = Vec::with_capacity(cases.len());
    for node in cases {
        let case = read_case(file, node, fixture.as_deref(), faults);
        if read.iter().any(|other| other.name == case.name) {
            faults.push((case.place, format!("a case named `{}` stands above", case.name)));
        }
        read.push(case);
    }
    read
}

fn read_case(file: &str, node: &Node, fixture: Option<&str>, faults: &mut Faults) -> Case {
    let mut keys = Keys::of(node, faults);
    let place = keys.take("name").map_or(node.place, |name| name.place);
    let name = keys.required("name", faults);
    let fixture = keys.text("fixture", faults).or_else(|| fixture.map(str::to_owned));
    if fixture.is_none() {
        faults.push((place, "no `fixture`, neither here nor at the top of the file".into()));
    }
    let requires = keys.texts("requires", faults);
    let known = Capabilities::NONE.list();
    for capability in &requires {
        if !known.iter().any(|(name, _)| name == capability) {
            faults.push((place, format!("unknown capability `{capability}` in `requires`")));
        }
    }
    let mut differs = BTreeMap::new();
    for entry in keys.take("differs").and_then(Node::map).unwrap_or_default() {
        match entry.value.text() {
            Some(reason) if !reason.is_empty() => drop(differs.insert(entry.key.clone(), reason.to_owned())),
            _ => faults.push((entry.place, "`differs` maps a backend to the reason".into())),
        }
    }
    let caller = keys.take("as").map_or_else(CallerTerm::default, |node| read_caller(node, faults));
    let steps = match keys.take("steps") {
        Some(list) => {
            keys.finish("a case with steps", faults);
            read_steps(list, &caller, Within::Case, faults)
        }
        None => vec![Step::Request(Box::new(read_request(node, keys, caller, &["name", "fixture"], faults)))],
    };
    Case { file: file.to_owned(), place, name, fixture: fixture.unwrap_or_default(), requires, differs, steps }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Case,
    Transaction,
}

fn read_steps(list: &Node, caller: &CallerTerm, within: Within, faults: &mut Faults) -> Vec<Step> {
    let items = list.list().unwrap_or_default();
    if items.is_empty() {
        faults.push((list.place, "expected a list of steps that is not empty".into()));
    }
    items.iter().map(|node| read_step(node, caller, within, faults)).collect()
}

fn read_step(node: &Node, caller: &CallerTerm, within: Within, faults: &mut Faults) -> Step {
    let mut keys = Keys::of(node, faults);
    let outside = keys.flag("outside", faults);
    let own = keys.take("as");
    if within == Within::Transaction && own.is_some() && !outside {
        faults.push((node.place, "a transaction has one caller: say `as` beside `transaction`".into()));
    }
    if within == Within::Case && outside {
        faults.push((node.place, "`outside` is for steps of a transaction".into()));
    }
    let caller = own.map_or_else(|| caller.clone(), |node| read_caller(node, faults));
    if let Some(list) = keys.take("transaction") {
        let roll_back = keys.flag("rollback", faults);
        let expect = keys.take("expect").and_then(|node| read_expect(node, faults).error);
        keys.finish("a transaction", faults);
        let steps = read_steps(list, &caller, Within::Transaction, faults);
        return Step::Transaction(TransactionStep { place: node.place, caller, steps, roll_back, expect });
    }
    let mut step = read_request(node, keys, caller, &[], faults);
    step.outside = outside;
    Step::Request(Box::new(step))
}

fn read_request(node: &Node, mut keys: Keys<'_>, caller: CallerTerm, also: &[&str], faults: &mut Faults) -> RequestStep {
    for key in also {
        keys.take(key);
    }
    let save = keys.text("save", faults);
    let expect = keys.take("expect").map(|node| read_expect(node, faults)).unwrap_or_default();
    let (mut operation, mut entity, mut args) = (String::new(), String::new(), Vec::new());
    match keys.take("request") {
        None => faults.push((node.place, "expected `request`, `steps` or `transaction`".into())),
        Some(request) => {
            for Entry { key, value, .. } in request.map().unwrap_or_default() {
                match key.as_str() {
                    "operation" => operation = value.text().unwrap_or_default().to_owned(),
                    "entity" => entity = value.text().unwrap_or_default().to_owned(),
                    _ => args.push((Name::from(key.clone()), term::read(value, Side::Given, faults))),
                }
            }
            if operation.is_empty() || entity.is_empty() {
                faults.push((request.place, "a request names its `operation` and its `entity`".into()));
            }
        }
    }
    keys.finish("a step", faults);
    RequestStep { place: node.place, caller, operation, entity, args, save, expect, outside: false }
}

fn read_caller(node: &Node, faults: &mut Faults) -> CallerTerm {
    match node.text() {
        Some("anonymous") => return CallerTerm::Anonymous,
        Some("trusted") => return CallerTerm::Trusted,
        _ => {}
    }
    let Some(entries) = node.map() else {
        faults.push((node.place, "`as` is a principal, `anonymous` or `trusted`".into()));
        return CallerTerm::Anonymous;
    };
    let (mut user, mut session, mut roles) = (Vec::new(), Vec::new(), None);
    for Entry { key, value, .. } in entries {
        let claim = term::read(value, Side::Given, faults);
        match (key.as_str(), claim) {
            ("session", Term::Map(claims)) => session = claims,
            ("roles", _) => roles = Some(texts(value, faults)),
            (name, claim) => user.push((Name::from(name.to_owned()), claim)),
        }
    }
    let role = node.get("role").and_then(Node::text).map(str::to_owned);
    CallerTerm::Principal { user, session, roles: roles.unwrap_or_else(|| role.into_iter().collect()) }
}

fn read_expect(node: &Node, faults: &mut Faults) -> Expect {
    let mut keys = Keys::of(node, faults);
    let mut term = |keys: &mut Keys<'_>, key: &str| keys.take(key).map(|node| term::read(node, Side::Expected, faults));
    let ids = term(&mut keys, "ids");
    let row = term(&mut keys, "row");
    let rows = term(&mut keys, "rows");
    let value = term(&mut keys, "value");
    let expect = Expect {
        ids,
        row,
        rows,
        value,
        page: keys.take("page").map(|node| read_page(node, faults)),
        null: keys.flag("null", faults),
        absent: keys.texts("absent", faults),
        exact: keys.flag("exact", faults),
        error: keys.take("error").map(|node| read_error(node, faults)),
    };
    keys.finish("`expect`", faults);
    if expect.is_empty() {
        faults.push((node.place, "`expect` says nothing; leave it out where any answer but an error will do".into()));
    }
    expect
}

fn read_page(node: &Node, faults: &mut Faults) -> ExpectPage {
    let mut keys = Keys::of(node, faults);
    let ids = keys.take("ids").map(|node| term::read(node, Side::Expected, faults));
    let data = keys.take("data").map(|node| term::read(node, Side::Expected, faults));
    let mut envelope = Vec::new();
    for name in ["total", "page", "limit", "has_more", "next_cursor", "prev_cursor"] {
        if let Some(node) = keys.take(name) {
            envelope.push((name, term::read(node, Side::Expected, faults)));
        }
    }
    keys.finish("`page`", faults);
    ExpectPage { ids, data, envelope }
}

fn read_error(node: &Node, faults: &mut Faults) -> ExpectError {
    if let Some(code) = node.text() {
        return ExpectError { code: known_code(code, node.place, faults), ..ExpectError::default() };
    }
    let mut keys = Keys::of(node, faults);
    let code = keys.required("code", faults);
    let error = ExpectError {
        code: known_code(&code, node.place, faults),
        reason: keys.text("reason", faults),
        fields: keys.take("fields").map(|node| texts(node, faults)),
        contains: keys.texts("contains", faults),
        lacks: keys.texts("lacks", faults),
        index: keys.take("index").and_then(Node::text).and_then(|text| text.parse().ok()),
        same_as: keys.text("same_as", faults),
    };
    keys.finish("`error`", faults);
    error
}

fn known_code(code: &str, place: Place, faults: &mut Faults) -> String {
    if !ErrorKind::ALL.iter().any(|kind| kind.code() == code) {
        faults.push((place, format!("`{code}` is no error code of the catalogue")));
    }
    code.to_owned()
}

fn texts(node: &Node, faults: &mut Faults) -> Vec<String> {
    let items: Option<Vec<String>> = match node.list() {
        Some(items) => items.iter().map(|item| item.text().map(str::to_owned)).collect(),
        None => node.text().map(|text| vec![text.to_owned()]),
    };
    items.unwrap_or_else(|| {
        faults.push((node.place, "expected a text or a list of texts".into()));
        Vec::new()
    })
}

/// The keys of a map, taken one by one; what is left at the end is unknown.
pub struct Keys<'n> {
    entries: Vec<(&'n Entry, bool)>,
}

impl<'n> Keys<'n> {
    /// The keys of a node, which must be a map.
    pub fn of(node: &'n Node, faults: &mut Faults) -> Self {
        if node.map().is_none() {
            faults.push((node.place, format!("expected a map, found {}", node.describe())));
        }
        Keys { entries: node.map().unwrap_or_default().iter().map(|entry| (entry, false)).collect() }
    }

    /// The value under a key.
    pub fn take(&mut self, key: &str) -> Option<&'n Node> {
        self.entries.iter_mut().find(|(entry, _)| entry.key == key).map(|(entry, taken)| {
            *taken = true;
            &entry.value
        })
    }

    /// A text under a key.
    pub fn text(&mut self, key: &str, faults: &mut Faults) -> Option<String> {
        let node = self.take(key)?;
        if node.text().is_none() {
            faults.push((node.place, format!("`{key}` is a text, not {}", node.describe())));
        }
        node.text().map(str::to_owned)
    }

    /// A text that must be there.
    pub fn required(&mut self, key: &str, faults: &mut Faults) -> String {
        self.text(key, faults).unwrap_or_else(|| {
            let place = self.entries.first().map(|(entry, _)| entry.place).unwrap_or_default();
            faults.push((place, format!("`{key}` is missing")));
            String::new()
        })
    }

    fn texts(&mut self, key: &str, faults: &mut Faults) -> Vec<String> {
        self.take(key).map(|node| texts(node, faults)).unwrap_or_default()
    }

    fn flag(&mut self, key: &str, faults: &mut Faults) -> bool {
        let Some(node) = self.take(key) else { return false };
        match node.text() {
            Some("true") => true,
            Some("false") => false,
            _ => {
                faults.push((node.place, format!("`{key}` is true or false")));
                false
            }
        }
    }

    /// Faults every key that was not taken.
    pub fn finish(self, of: &str, faults: &mut Faults) {
        for (entry, taken) in self.entries {
            if !taken {
                faults.push((entry.place, format!("`{}` is no key of {of}", entry.key)));
            }
        }
    }
}

/// The request of a step, references filled in.
pub fn arguments(args: &[(Name, Term)], saved: &Saved) -> Result<Map, String> {
    let pairs = args.iter().map(|(name, term)| Ok((name.clone(), term.resolve(saved)?)));
    pairs.collect::<Result<Vec<(Name, Value)>, String>>().map(Map)
}
