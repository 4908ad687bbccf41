//! Which code points fold to which, and which ones words are made of: once, from the data of crates that state their
//! Unicode version, so that no backend, host or toolchain has a table of its own.

use unicode_case_mapping::case_folded;
use unicode_general_category::{GeneralCategory, get_general_category};

use super::{HEADER, push};

/// The most characters of a line.
const WIDTH: usize = 120;

/// The module of the tables.
pub fn rust() -> String {
    let version = unicode_case_mapping::UNICODE_VERSION;
    assert_eq!(version, unicode_general_category::UNICODE_VERSION, "the tables are of one version of Unicode");
    let (major, minor, patch) = version;
    let mut out = format!(
        "//! {HEADER}the data of Unicode {major}.{minor}.{patch} (the crates unicode-case-mapping and \
         unicode-general-category). Do not edit.\n\n\
         /// The version of Unicode that the tables are of.\n\
         pub const VERSION: (u64, u64, u64) = ({major}, {minor}, {patch});\n"
    );
    let doc = "/// Simple case folding (statuses C and S): the first and the last of a run, the distance from each to \
               the next,\n/// and what is added to each.";
    let runs: Vec<String> = folding()
        .into_iter()
        .map(|Run { first, last, step, add }| format!("({first:#x}, {last:#x}, {step}, {add})"))
        .collect();
    table(&mut out, doc, "FOLD", "(u32, u32, u32, i32)", &runs);
    let ranges = |wanted: fn(GeneralCategory) -> bool| -> Vec<String> {
        ranges(wanted).into_iter().map(|(first, last)| format!("({first:#x}, {last:#x})")).collect()
    };
    let doc = "/// Letters and digits (the categories L and N): the first and the last of each run.";
    table(&mut out, doc, "LETTERS", "(u32, u32)", &ranges(is_letter));
    let doc = "/// Marks (the category M), which belong to the letter before them.";
    table(&mut out, doc, "MARKS", "(u32, u32)", &ranges(is_mark));
    out
}

/// Code points that fold in the same way.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    first: u32,
    last: u32,
    step: u32,
    add: i32,
}

/// Every code point that does not fold to itself, in order.
fn folding() -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for c in '\0'..=char::MAX {
        let Some(folded) = case_folded(c).map(|folded| folded.get()).filter(|folded| *folded != u32::from(c)) else {
            continue;
        };
        let (at, add) = (u32::from(c), folded as i32 - c as i32);
        match runs.last_mut() {
            // Two that are next or next but one to each other begin a run; a third must keep its step.
            Some(run) if run.add == add && run.first == run.last && at - run.last <= 2 => {
                (run.last, run.step) = (at, at - run.last);
            }
            Some(run) if run.add == add && run.first < run.last && at - run.last == run.step => run.last = at,
            _ => runs.push(Run { first: at, last: at, step: 1, add }),
        }
    }
    runs
}

fn ranges(wanted: fn(GeneralCategory) -> bool) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for at in ('\0'..=char::MAX).filter(|c| wanted(get_general_category(*c))).map(u32::from) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == at => *last = at,
            _ => ranges.push((at, at)),
        }
    }
    ranges
}

fn is_letter(category: GeneralCategory) -> bool {
    use GeneralCategory::*;
    matches!(
        category,
        UppercaseLetter
            | LowercaseLetter
            | TitlecaseLetter
            | ModifierLetter
            | OtherLetter
            | DecimalNumber
            | LetterNumber
            | OtherNumber
    )
}

fn is_mark(category: GeneralCategory) -> bool {
    use GeneralCategory::*;
    matches!(category, NonspacingMark | SpacingMark | EnclosingMark)
}

/// A table with as many entries on a line as fit.
fn table(out: &mut String, doc: &str, name: &str, entry: &str, entries: &[String]) {
    push(out, format_args!("\n{doc}\n#[rustfmt::skip]\npub(crate) const {name}: &[{entry}] = &["));
    let mut width = WIDTH;
    for entry in entries {
        if width + 2 + entry.len() > WIDTH {
            out.push_str("\n   ");
            width = 3;
        }
        push(out, format_args!(" {entry},"));
        width += 2 + entry.len();
    }
    out.push_str("\n];\n");
}

#[cfg(test)]
mod tests {
    use dbal::value::{text, words};

    use super::*;

    #[test]
    fn the_engine_folds_all_of_unicode_as_the_data_says() {
        for c in '\0'..=char::MAX {
            let folded = case_folded(c).and_then(|folded| char::from_u32(folded.get())).unwrap_or(c);
            assert_eq!(text::fold_char(c), folded, "{c:?}");
        }
    }

    #[test]
    fn the_engine_finds_the_letters_and_marks_of_the_data() {
        for c in '\0'..=char::MAX {
            let category = get_general_category(c);
            let expected = usize::from(is_letter(category));
            assert_eq!(words::words(c.encode_utf8(&mut [0; 4])).count(), expected, "{c:?}");
            // After a letter, what belongs to a word makes it longer; anything else leaves it alone, or begins another.
            let found: Vec<String> = words::words(&format!("a{c}")).map(|word| word.into_owned()).collect();
            let longer = is_letter(category) || is_mark(category);
            assert_eq!(found, [if longer { format!("a{}", text::fold_char(c)) } else { "a".to_owned() }], "{c:?}");
        }
    }
}
