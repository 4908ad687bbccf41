//! Lines that each hold the hash of the one before: whoever changes, removes or adds one later breaks the chain there.
//! What is cut off at the end is not missed; whoever must know keeps the last hash elsewhere.

use std::io::{self, BufRead};

use sha2::{Digest, Sha256};

use crate::value::{Map, Value, json};

/// What stands for the hash before the first line.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The end of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    seq: u64,
    hash: String,
}

impl Chain {
    /// A chain without lines.
    pub fn new() -> Self {
        Chain { seq: 0, hash: NOTHING.to_owned() }
    }

    /// The chain that the last linked one of these lines ends; none where none is linked.
    pub fn after<'l>(lines: impl DoubleEndedIterator<Item = &'l str>) -> Option<Self> {
        let last = lines.rev().find_map(|line| Link::read(line).filter(|link| link.holds(line)));
        last.map(|link| Chain { seq: link.seq, hash: link.hash })
    }

    /// The line with its number and hashes, and the chain that it ends.
    pub fn link(&self, line: &str) -> (String, Chain) {
        let seq = self.seq + 1;
        let open = line.strip_suffix('}').unwrap_or(line);
        let text = format!("{open},\"seq\":{seq},\"prev_hash\":\"{}\"", self.hash);
        let hash = hash(&text);
        (format!("{text},\"hash\":\"{hash}\"}}"), Chain { seq, hash })
    }
}

/// What a line says of its place in a chain.
struct Link {
    seq: u64,
    prev: String,
    hash: String,
}

impl Link {
    fn read(line: &str) -> Option<Link> {
        let Ok(Value::Map(map)) = json::parse(line.as_bytes()) else { return None };
        let text = |map: &Map, name: &str| map.get(name).and_then(Value::as_str).map(str::to_owned);
        let seq = map.get("seq").and_then(Value::as_i64).and_then(|seq| u64::try_from(seq).ok())?;
        Some(Link { seq, prev: text(&map, "prev_hash")?, hash: text(&map, "hash")? })
    }

    /// Whether the hash is that of the line.
    fn holds(&self, line: &str) -> bool {
        let end = format!(",\"hash\":\"{}\"}}", self.hash);
        line.strip_suffix(&end).is_some_and(|text| hash(text) == self.hash)
    }
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What [`verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Linked lines.
    pub lines: u64,
    /// The number of the first; more than 1 where older files were removed.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
    /// The hash of the last: kept elsewhere, it tells later whether the end was cut off.
    pub hash: String,
    /// Where the chain is broken, as sentences with file and line.
    pub faults: Vec<String>,
}

/// Follows a chain through files of lines, the oldest first, each with its name. Lines without a hash are allowed before
/// the chain begins; a line that was written in part is no fault where the chain goes on behind it.
///
/// # Errors
/// When a file cannot be read.
///
/// ```
/// use dbal::audit::{Audit, verify};
/// use dbal::{Client, Config, query};
///
/// let folder = std::env::temp_dir().join(format!("dbal-chain-{}", std::process::id()));
/// let file = folder.join("audit.log");
/// let schema = "entity: Note\nfields: { id: { type: integer, primary: true } }\n";
/// let db = Client::open(Config::memory().schema_text(schema).audit(Audit::file(&file).chained()))?;
/// for _ in 0..3 {
///     db.entity("Note")?.count(query())?;
/// }
/// let text = std::fs::read_to_string(&file).unwrap();
/// let found = verify([("audit.log".to_owned(), text.as_bytes())]).unwrap();
/// assert_eq!((found.lines, found.faults.len()), (3, 0));
/// let changed = text.replacen("count", "list", 1);
/// assert_eq!(verify([("audit.log".to_owned(), changed.as_bytes())]).unwrap().faults.len(), 1);
/// # std::fs::remove_dir_all(folder).unwrap();
/// # Ok::<(), dbal::Error>(())
/// ```
pub fn verify<R: BufRead>(files: impl IntoIterator<Item = (String, R)>) -> io::Result<Verified> {
    let mut found = Verified { lines: 0, first: 0, last: 0, hash: NOTHING.to_owned(), faults: Vec::new() };
    for (name, mut reader) in files {
        let (mut line, mut number) = (Vec::new(), 0_u64);
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            number += 1;
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches('\n');
            let at = || format!("{name}:{number}");
            let Some(link) = Link::read(text) else {
                let whole = json::parse(text.as_bytes()).is_ok();
                if whole && found.lines > 0 {
                    found.faults.push(format!("{}: a line without a hash inside the chain", at()));
                }
                continue;
            };
            if !link.holds(text) {
                found.faults.push(format!("{}: the line was changed", at()));
            } else if found.lines > 0 && (link.seq != found.last + 1 || link.prev != found.hash) {
                found.faults.push(format!("{}: line {} follows line {}", at(), link.seq, found.last));
            }
            if found.lines == 0 {
                found.first = link.seq;
            }
            found.lines += 1;
            (found.last, found.hash) = (link.seq, link.hash);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> Vec<String> {
        let mut chain = Chain::new();
        let one = |number| {
            let (line, next) = chain.link(&format!("{{\"operation\":\"{number}\"}}"));
            chain = next;
            line
        };
        (0..count).map(one).collect()
    }

    fn faults(lines: &[String]) -> usize {
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        verify([("a".to_owned(), text.as_bytes())]).expect("read").faults.len()
    }

    #[test]
    fn whatever_is_done_to_a_line_is_seen() {
        let good = lines(5);
        assert_eq!(faults(&good), 0);
        let with = |change: &dyn Fn(&mut Vec<String>)| {
            let mut lines = good.clone();
            change(&mut lines);
            faults(&lines)
        };
        assert!(with(&|lines| drop(lines.remove(2))) > 0);
        assert!(with(&|lines| lines.swap(1, 2)) > 0);
        assert!(with(&|lines| lines[2] = lines[2].replace("\"2\"", "\"9\"")) > 0);
        assert!(with(&|lines| lines[2] = "junk".into()) > 0);
        assert!(with(&|lines| lines.insert(2, lines[1].clone())) > 0);
        assert!(with(&|lines| lines.insert(2, "{\"operation\":\"x\"}".into())) > 0);
        // Written anew with a good hash of its own, it still does not fit what follows.
        let other = Chain::after(good[..2].iter().map(String::as_str)).expect("linked").link("{\"operation\":\"x\"}").0;
        assert!(with(&|lines| lines[2] = other.clone()) > 0);
        // Allowed: older lines that were put away, older lines without a hash, a torn line that was written again.
        assert_eq!(with(&|lines| drop(lines.drain(..2))), 0);
        assert_eq!(with(&|lines| lines.insert(0, "{\"operation\":\"x\"}".into())), 0);
        assert_eq!(with(&|lines| lines.insert(2, lines[2][..20].to_owned())), 0);
        let (next, _) = Chain::after(good.iter().map(String::as_str)).expect("linked").link("{}");
        assert!(next.contains("\"seq\":6"), "{next}");
    }
}
