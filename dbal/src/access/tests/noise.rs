//! Text that nobody means. It gets a fault or a meaning, never a panic.

use super::rewrite::Alone;
use super::{POST, schema};
use crate::Value;
use crate::access::Policy;
use crate::access::expression::compile;
use crate::access::policy::implies;
use crate::query::ast::{Comparison, Expr, Literal, Operand};
use crate::query::eval::Scope;
use crate::schema::FieldId;

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

/// A condition over two nullable numbers, small enough that random ones often meet.
fn condition(dice: &mut Dice, depth: usize) -> Expr {
    match dice.roll(if depth == 0 { 3 } else { 6 }) {
        0 => Expr::Const([Some(true), Some(false), None][dice.roll(3)]),
        1 | 2 => Expr::Compare {
            left: Operand::Field(FieldId([3, 5][dice.roll(2)])),
            op: Comparison::Eq,
            right: Operand::Const(Literal::Int(dice.roll(2) as i64)),
            fold: false,
        },
        3 => Expr::Not(Box::new(condition(dice, depth - 1))),
        4 => Expr::And((0..dice.roll(3)).map(|_| condition(dice, depth - 1)).collect()),
        _ => Expr::Or((0..dice.roll(3)).map(|_| condition(dice, depth - 1)).collect()),
    }
}

#[test]
fn what_implies_another_is_never_true_alone() {
    let schema = schema();
    let scope = Scope { schema: &schema, source: &Alone, params: &[] };
    let values = [Value::Null, Value::Int(0), Value::Int(1)];
    let mut rows = Vec::new();
    for level in &values {
        for views in &values {
            let mut row = vec![Value::Null; 6];
            row[3] = level.clone();
            row[5] = views.clone();
            rows.push(row);
        }
    }
    let mut dice = Dice(7);
    let mut told = 0;
    for _ in 0..40_000 {
        let (narrow, wide) = (condition(&mut dice, 2), condition(&mut dice, 2));
        if implies(&narrow, &wide) {
            told += 1;
            for row in &rows {
                let apart = scope.matches(POST, &narrow, row) && !scope.matches(POST, &wide, row);
                assert!(!apart, "{narrow:?} holds without {wide:?} for {row:?}");
            }
        }
    }
    assert!(told > 4_000, "{told}");
}
