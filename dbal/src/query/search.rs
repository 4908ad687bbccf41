//! `$search`: every word of a text must be a word of some searchable field, the last one as the beginning of one.
//!
//! Each word is a condition and a parameter of its own, made from the same text of the request; so how many words
//! there are is part of a request's form.

use crate::query::ast::Expr;
use crate::query::cast::Cast;
use crate::query::filter::counted;
use crate::query::validate::Check;
use crate::schema::{EntityId, FieldId};
use crate::value::words::words;
use crate::value::{Value, text};

/// The longest text of a search, in bytes. Each of its words is found by reading the text anew.
pub const MOST_BYTES: usize = 4_096;

/// The condition. Only fields that the caller may read are looked in: without any, the entity has none for the caller.
/// A text without words asks for nothing, and every row has that.
pub(super) fn search(check: &mut Check<'_>, entity: EntityId, value: &Value, path: &str) -> Expr {
    let declared = check.entity(entity);
    let view = check.context.view;
    let mut fields: Vec<FieldId> =
        declared.searchable.iter().copied().filter(|field| view.readable(entity, *field)).collect();
    fields.sort_unstable();
    fields.dedup();
    if fields.is_empty() {
        check.fault(path, format!("{} has no searchable fields", declared.name));
        return Expr::FALSE;
    }
    // The text is a parameter also where it has no words, so that it is checked each time.
    let Some(mut word) = check.argument(value, Cast::Word(0), path) else { return Expr::FALSE };
    let last = value.as_str().map_or(0, count);
    let mut all = Vec::with_capacity(last);
    for at in 1..=last {
        all.push(Expr::Word { fields: fields.clone(), word, prefix: at == last });
        if at < last {
            if !counted(check) {
                return Expr::FALSE;
            }
            let Some(next) = check.argument(value, Cast::Word(at as u16), path) else { return Expr::FALSE };
            word = next;
        }
    }
    if all.len() == 1 { all.remove(0) } else { Expr::And(all) }
}

/// How many words the text of a search has; none if it is too long to be one.
pub(super) fn count(text: &str) -> usize {
    if text.len() > MOST_BYTES { 0 } else { words(text).count() }
}

/// One word of the text of a search.
pub(super) fn word(value: &Value, at: u16) -> Result<Value, String> {
    match value {
        Value::Text(text) if text.len() > MOST_BYTES => {
            Err(format!("{} bytes to search for; at most {MOST_BYTES}", text.len()))
        }
        Value::Text(text) => {
            text::check(text)?;
            Ok(words(text).nth(usize::from(at)).map_or(Value::Null, |word| Value::Text(word.into_owned())))
        }
        other => Err(format!("expected text, got {}", other.kind())),
    }
}
