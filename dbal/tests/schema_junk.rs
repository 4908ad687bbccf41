//! Broken schemas: whatever happens to a valid text, loading it gives a schema or faults with places, and never panics.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::sync::LazyLock;

use dbal::schema::load_sources;
use dbal::yaml::Severity;
use proptest::prelude::*;
use proptest::sample::Index;

/// Some files of the reference contract, and one in the style of other tools. Few, so that thousands of loads are quick.
static FILES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let names =
        ["entities/user.yaml", "entities/credential.yaml", "entities/session.yaml", "operations/session.ops.yaml"];
    let mut files = Vec::new();
    for name in names {
        let text = std::fs::read_to_string(format!("{}/../api/schema/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        files.push((name.to_owned(), text));
    }
    let wild = "name: Product\nfields:\n  id: {type: String, primaryKey: true, defaultValue: 'cuid()'}\n  total: {type: \
                decimal, precision: 10, scale: 2, minimum: 0.5, defaultValue: 1.25}\n  items: {type: relationship, entity: \
                Product, relation: one-to-many, foreignKey: parentId}\n  parentId: {type: String, references: Product.id}\n\
                acl:\n  read: {self: true, row_level: 'a = b', moderator: true}\n";
    files.push(("product.yaml".into(), wild.into()));
    files.push(("security.yaml".into(), "patterns:\n  - {id: tag, pattern: '<script'}\n".into()));
    files
});

#[derive(Clone, Debug)]
enum Damage {
    DeleteLine(Index),
    DoubleLine(Index),
    SwapLines(Index, Index),
    Indent(Index),
    DeleteWord(Index),
    SwapWords(Index, Index),
    Junk(Index, String),
    Cut(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        at().prop_map(Damage::DeleteLine),
        at().prop_map(Damage::DoubleLine),
        (at(), at()).prop_map(|(a, b)| Damage::SwapLines(a, b)),
        at().prop_map(Damage::Indent),
        at().prop_map(Damage::DeleteWord),
        (at(), at()).prop_map(|(a, b)| Damage::SwapWords(a, b)),
        (at(), "[-a:&*!|>?%@`#'\"{}\\[\\], \t\n0\\\\<~.é\u{0}$]{1,6}").prop_map(|(at, junk)| Damage::Junk(at, junk)),
        at().prop_map(Damage::Cut),
    ]
}

fn apply(text: &str, damage: &Damage) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return text.to_owned();
    }
    let words = |text: &str| -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut start = None;
        for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
            match (letter.is_alphanumeric() || letter == '_', start) {
                (true, None) => start = Some(at),
                (false, Some(from)) => {
                    found.push((from, at));
                    start = None;
                }
                _ => {}
            }
        }
        found
    };
    match damage {
        Damage::DeleteLine(at) => {
            lines.remove(at.index(lines.len()));
        }
        Damage::DoubleLine(at) => {
            let line = lines[at.index(lines.len())].clone();
            lines.insert(at.index(lines.len()), line);
        }
        Damage::SwapLines(a, b) => {
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            lines.swap(a, b);
        }
        Damage::Indent(at) => {
            let at = at.index(lines.len());
            lines[at].insert_str(0, "  ");
        }
        Damage::DeleteWord(at) => {
            let all = words(text);
            let Some((from, to)) = (!all.is_empty()).then(|| all[at.index(all.len())]) else { return text.to_owned() };
            return format!("{}{}", &text[..from], &text[to..]);
        }
        Damage::SwapWords(a, b) => {
            let all = words(text);
            if all.is_empty() {
                return text.to_owned();
            }
            // Only the second place changes: a word of the schema where it does not belong.
            let ((from, to), (at, end)) = (all[a.index(all.len())], all[b.index(all.len())]);
            return format!("{}{}{}", &text[..at], &text[from..to], &text[end..]);
        }
        Damage::Junk(at, junk) => {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let at = places[at.index(places.len())];
            return format!("{}{junk}{}", &text[..at], &text[at..]);
        }
        Damage::Cut(at) => {
            lines.truncate(at.index(lines.len()).max(1));
        }
    }
    lines.join("\n") + "\n"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_damaged_schema_loads_or_faults(damages in prop::collection::vec((any::<Index>(), damage()), 1..6)) {
        let mut files = FILES.clone();
        for (at, damage) in &damages {
            let at = at.index(files.len());
            let (_, text) = &mut files[at];
            *text = apply(text, damage);
        }
        let lines: Vec<(String, u32)> =
            files.iter().map(|(name, text)| (name.clone(), text.lines().count() as u32 + 1)).collect();
        match load_sources(files) {
            Ok(loaded) => prop_assert!(loaded.warnings.iter().all(|fault| fault.severity == Severity::Warning)),
            Err(faults) => {
                prop_assert!(faults.0.iter().any(|fault| fault.severity == Severity::Error));
                for fault in &faults.0 {
                    let of_file = lines.iter().find(|(name, _)| **name == *fault.file);
                    let inside = of_file.is_some_and(|(_, lines)| (1..=*lines).contains(&fault.line) && fault.column >= 1);
                    prop_assert!(inside && !fault.message.is_empty(), "{fault}");
                }
            }
        }
    }
}
