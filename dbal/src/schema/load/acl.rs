//! An entity's `acl` block. It is read strictly: a key that is not understood must not open a door.

use crate::schema::{Acl, AclGrant, Verb};
use crate::yaml::{Entry, Place, Report, nearest};

/// The keys of a verb that are not names of roles.
const KEYS: [&str; 6] = ["public", "self", "admin", "system", "role", "row_level"];

/// Conditions of related formats that the rules here cannot say. A verb under one is for trusted code only.
const INEXPRESSIBLE: [&str; 8] = [
    "min_level",
    "minLevel",
    "level",
    "writable_fields",
    "writableFields",
    "readable_fields",
    "readableFields",
    "filter",
];

/// Reads the block. `owned` says whether the entity itself says whose a row is, so that `row_level` beside `self`
/// narrows; where nothing does, it defines `self`, and the other grants of the verb stand without it.
pub(super) fn read(report: &Report, entity: &str, entry: &Entry, owned: bool) -> Acl {
    let mut acl = Acl::default();
    let Some(verbs) = entry.value.as_map() else {
        let found = entry.value.describe();
        report.error(entry.value.place, format!("acl of {entity}: expected a mapping of verbs, found {found}"));
        return acl;
    };
    for verb in verbs {
        match Verb::parse(&verb.key) {
            Some(known) => acl.verbs[known as usize] = grants(report, entity, verb, owned),
            // A whole policy language of another tool: nothing in it is understood, so nothing is granted.
            None if ["default", "permissions"].contains(&verb.key.as_str()) && verb.value.as_map().is_some() => {
                let message = format!("acl of {entity}: {} cannot be read; it grants nobody anything", verb.key);
                report.warning(verb.place, message);
            }
            None => {
                let words = Verb::ALL.map(Verb::as_str);
                let hint = nearest(&verb.key, words).map(|word| format!("; did you mean {word}?")).unwrap_or_default();
                let message = format!("acl of {entity}: there is no verb {}{hint}", verb.key);
                report.error(verb.place, format!("{message} (expected create, read, update or delete)"));
            }
        }
    }
    acl
}

#[derive(Default)]
struct Found {
    public: bool,
    own: bool,
    system: bool,
    closed: bool,
    roles: Vec<String>,
    row_level: Option<String>,
}

fn grants(report: &Report, entity: &str, verb: &Entry, owned: bool) -> Vec<AclGrant> {
    let what = format!("acl of {entity}, {}", verb.key);
    // `delete: false`: nobody from outside.
    if verb.value.as_bool() == Some(false) {
        return vec![AclGrant::System];
    }
    // Alternatives of conditions, in a format in the wild whose conditions are not those here.
    if verb.value.as_list().is_some_and(|items| items.iter().any(|item| item.as_map().is_some())) {
        let message = format!("{what}: a list of conditions cannot be said here; the verb is for trusted code only");
        report.warning(verb.place, message);
        return vec![AclGrant::System];
    }
    let Some(keys) = verb.value.as_map() else {
        let found = verb.value.describe();
        report.error(
            verb.value.place,
            format!("{what}: expected a mapping such as {{ role: [editor] }} or {{ public: true }}, found {found}"),
        );
        return Vec::new();
    };
    let mut found = Found::default();
    for key in keys {
        read_key(report, &what, key, &mut found);
    }
    let Found { public, own, system, closed, roles, row_level } = found;
    if closed {
        return vec![AclGrant::System];
    }
    if row_level.is_some() && !public && !own && roles.is_empty() {
        report.error(verb.place, format!("{what}: row_level refines a grant, and there is none beside it"));
    }
    let defines_own = own && !owned;
    if defines_own && row_level.is_none() {
        let message = format!("{what}: self grants nothing, because {entity} declares no owner; declare owner");
        report.warning(verb.place, message);
    }
    let refine = || if defines_own { None } else { row_level.clone() };
    let mut grants = Vec::new();
    if public {
        grants.push(AclGrant::Public { row_level: refine() });
    }
    if !roles.is_empty() {
        grants.push(AclGrant::Roles { roles, row_level: refine() });
    }
    if own {
        grants.push(AclGrant::Own { row_level });
    }
    if system {
        grants.push(AclGrant::System);
    }
    grants
}

fn read_key(report: &Report, what: &str, key: &Entry, found: &mut Found) {
    let error = |place: Place, message: String| report.error(place, format!("{what}: {message}"));
    let flag = || {
        if key.value.as_bool().is_none() {
            error(key.value.place, format!("{}: expected true or false, found {}", key.key, key.value.describe()));
        }
        key.value.as_bool() == Some(true)
    };
    match key.key.as_str() {
        "public" => found.public = flag(),
        "self" => found.own = flag(),
        "system" => found.system = flag(),
        "admin" => {
            if flag() {
                add(found, ["admin", "god", "supergod"].map(str::to_owned));
            }
        }
        "role" | "roles" => match roles(&key.value) {
            Some(roles) => add(found, roles),
            None => {
                let place = key.value.place;
                error(place, format!("{}: expected a list of roles, found {}", key.key, key.value.describe()));
            }
        },
        "row_level" | "rowLevel" => match key.value.as_str().filter(|text| !text.trim().is_empty()) {
            Some(text) => found.row_level = Some(text.to_owned()),
            None => {
                let place = key.value.place;
                error(place, format!("{}: expected an expression as text, found {}", key.key, key.value.describe()));
            }
        },
        other if INEXPRESSIBLE.contains(&other) => {
            found.closed = true;
            let message = format!("{what}: {other} cannot be said here; the verb is for trusted code only");
            report.warning(key.place, message);
        }
        // A role by its name, unless it looks like a slip of the pen or holds anything but true or false.
        other => match (key.value.as_bool(), nearest_key(other)) {
            (Some(given), None) => {
                if given {
                    add(found, [other.to_owned()]);
                }
            }
            (Some(_), Some(meant)) => error(
                key.place,
                format!("unknown key {other}; did you mean {meant}? A role of that name is written role: [{other}]"),
            ),
            (None, _) => {
                let hint = nearest(other, KEYS).map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
                let all = KEYS.join(", ");
                error(key.place, format!("unknown key {other}{hint} (expected {all}, or a role's name with true)"));
            }
        },
    }
}

fn add(found: &mut Found, roles: impl IntoIterator<Item = String>) {
    for role in roles {
        if !found.roles.contains(&role) {
            found.roles.push(role);
        }
    }
}

fn roles(node: &crate::yaml::Node) -> Option<Vec<String>> {
    let items = node.as_list().unwrap_or(std::slice::from_ref(node));
    items.iter().map(|item| item.as_str().filter(|role| !role.is_empty()).map(str::to_owned)).collect()
}

/// The key that differs from this one by a letter or two changed places.
fn nearest_key(word: &str) -> Option<&'static str> {
    let lower = word.to_lowercase();
    KEYS.into_iter().find(|key| *key != word && strsim::damerau_levenshtein(&lower, key) <= 1)
}
