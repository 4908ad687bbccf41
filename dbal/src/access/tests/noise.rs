//! Text that nobody means. It gets a fault or a meaning, never a panic.

use super::{POST, schema};
use crate::access::Policy;
use crate::access::expression::compile;

/// Enough chance for a test, and the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.roll(of.len())]
    }
}

const PIECES: [&str; 48] = [
    "level",
    "title",
    "state",
    "author",
    "author.level",
    "author_id",
    "tags",
    "views",
    "nothing",
    "é",
    "_",
    "$user.id",
    "$user.level",
    "$session.x",
    "$now",
    "$user",
    "$",
    "$x",
    "1",
    "-1",
    "1.5",
    "1.",
    "-",
    "99999999999999999999",
    "'a'",
    "'live'",
    "\"b\"",
    "'",
    "true",
    "FALSE",
    "null",
    "AND",
    "or",
    "NOT",
    "&&",
    "||",
    "!",
    "&",
    "IN",
    "is",
    "(",
    ")",
    ",",
    ".",
    "=",
    "!=",
    "<=",
    "\u{0}",
];

#[test]
fn expressions_of_random_words_never_panic() {
    let schema = schema();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..30_000 {
        let mut text = String::new();
        for _ in 0..dice.roll(12) {
            text += dice.pick(&PIECES);
            text += dice.pick(&["", " ", " ", "\n"]);
        }
        match compile(&schema, POST, &text) {
            Ok(_) => good += 1,
            Err(faults) => {
                bad += 1;
                let length = text.chars().count();
                for fault in &faults {
                    assert!((1..=length + 1).contains(&fault.column), "{text:?}: {fault}");
                    assert!(!fault.message.is_empty());
                }
            }
        }
    }
    assert!(good > 20 && bad > 20_000, "{good} good, {bad} bad");
}

#[test]
fn a_sound_expression_survives_any_cut() {
    let schema = schema();
    let text = "NOT (author.level <= $user.level AND title IN ('a''b', \"c\")) || state = 'live' && views >= -12";
    compile(&schema, POST, text).unwrap();
    for from in 0..text.len() {
        for to in from..text.len() {
            let _ = compile(&schema, POST, &text[from..to]);
        }
    }
}

#[test]
fn rules_files_with_random_edits_never_panic() {
    let schema = schema();
    let sound = "\
rules:
  - id: one
    entity: Post
    role: [user, admin]
    operations: [read, update]
    row_level_filter: \"level <= $user.level AND author.level > 2\"
    fields: { read: [title, level], write: [title] }
  - entity: User
    role: [admin]
    operations: [create]
    effect: forbid
";
    Policy::from_rules(&schema, sound, "acl.yaml").unwrap();
    let mut dice = Dice(42);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..4_000 {
        let mut text: Vec<char> = sound.chars().collect();
        for _ in 0..=dice.roll(4) {
            let at = dice.roll(text.len());
            match dice.roll(4) {
                0 => {
                    text.remove(at);
                }
                1 => text.insert(
                    at,
                    dice.pick(&["[", "{", ":", "-", "'", " ", "\n", "&a ", "*a ", "\t"]).chars().next().unwrap(),
                ),
                2 => text.insert(at, PIECES[dice.roll(PIECES.len())].chars().next().unwrap()),
                _ => {
                    let other = dice.roll(text.len());
                    text.swap(at, other);
                }
            }
        }
        let text: String = text.into_iter().collect();
        match Policy::from_rules(&schema, &text, "acl.yaml") {
            Ok(_) => good += 1,
            Err(faults) => {
                bad += 1;
                assert!(faults.0.iter().all(|fault| fault.line > 0), "{faults}");
            }
        }
    }
    assert!(good > 50 && bad > 1_000, "{good} good, {bad} bad");
}
