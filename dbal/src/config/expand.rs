//! `${NAME}` in the scalars of a file that was read. Expanding the text before it is read would let a value with a line
//! break add keys.

use super::Environment;
use crate::yaml::{Entry, Kind, Node, Report};

/// What stands for a value that could not be found, which was said already.
pub(super) const UNKNOWN: &str = "-";

/// The same tree with every variable in its texts replaced. Keys are left alone.
pub(super) fn expand(report: &Report, environment: &Environment, node: Node) -> Node {
    match node.kind {
        Kind::Text(ref text) if text.contains('$') => match expanded(environment, text) {
            Ok(Some((text, whole))) => node.replaced(text, whole),
            Ok(None) => Node::new(Kind::Text(text.replace("$$", "$")), node.place),
            Err(message) => {
                report.error(node.place, message);
                // Something hidden, so that what reads it says nothing of its content.
                node.replaced(UNKNOWN.to_owned(), false)
            }
        },
        Kind::List(items) => {
            let items = items.into_iter().map(|item| expand(report, environment, item)).collect();
            Node::new(Kind::List(items), node.place)
        }
        Kind::Map(entries) => {
            let entries = entries.into_iter().map(|entry| Entry {
                value: expand(report, environment, entry.value),
                key: entry.key,
                place: entry.place,
            });
            Node::new(Kind::Map(entries.collect()), node.place)
        }
        Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::Text(_) => node,
    }
}

/// The text with its variables replaced, and whether it was one variable and nothing else; none without a variable.
fn expanded(environment: &Environment, text: &str) -> Result<Option<(String, bool)>, String> {
    let (mut out, mut rest) = (String::new(), text);
    let (mut variables, mut literal) = (0, false);
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        literal |= at > 0;
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            (literal, rest) = (true, after);
        } else if let Some(after) = rest.strip_prefix('{') {
            let Some((inside, after)) = after.split_once('}') else {
                return Err("`${` without its `}`; a dollar sign itself is written `$$`".to_owned());
            };
            out.push_str(&value(environment, inside)?);
            (variables, rest) = (variables + 1, after);
        } else {
            out.push('$');
            literal = true;
        }
    }
    out.push_str(rest);
    Ok((variables > 0).then_some((out, variables == 1 && !literal && rest.is_empty())))
}

fn value(environment: &Environment, inside: &str) -> Result<String, String> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let starts = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    if !starts || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(format!("`${{{inside}}}` names no variable; expected `${{NAME}}` or `${{NAME:-default}}`"));
    }
    match default {
        Some(default) if default.contains('$') => {
            Err(format!("the default of `${{{name}}}` holds a `$`; variables are not looked for in it"))
        }
        Some(default) => Ok(environment.filled(name).unwrap_or_else(|| default.to_owned())),
        None => environment.get(name).ok_or_else(|| format!("the variable {name} is not set, or is not text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_once_and_only_in_values() {
        let environment = Environment::given([("NAME", "ada"), ("EMPTY", ""), ("TRICK", "${NAME}\nmode: x")]);
        let look = |text: &str| expanded(&environment, text);
        let some = |text: &str, whole| Ok(Some((text.to_owned(), whole)));
        assert_eq!(look("${NAME}"), some("ada", true));
        assert_eq!(look("${NAME}${NAME}"), some("adaada", false));
        assert_eq!(look("x${NAME}"), some("xada", false));
        assert_eq!(look("${NAME}x"), some("adax", false));
        assert_eq!(look("$${NAME}"), Ok(None));
        assert_eq!(look("$$${NAME}"), some("$ada", false));
        assert_eq!(look("${NO:-eve}"), some("eve", true));
        assert_eq!(look("${EMPTY:-eve}"), some("eve", true));
        assert_eq!(look("${EMPTY}"), some("", true));
        assert_eq!(look("${NO:-}"), some("", true));
        assert_eq!(look("${TRICK}"), some("${NAME}\nmode: x", true));
        assert_eq!(look("5 $ a day, $user"), Ok(None));
        for fault in ["${NO}", "${", "${}", "${1A}", "${A B}", "${A:-${B}}", "${A-b}"] {
            assert!(look(fault).is_err(), "{fault}");
        }
    }
}
