//! Cursors: the sort keys of a row, sealed so that only the list that gave a cursor takes it back.
//!
//! A cursor holds values and not a row's place or key alone, so rows may come and go, that row too. It is encrypted,
//! because a sort key may be one that the caller does not see, and bound to what was asked and by whom: anything else
//! does not open it.

use std::fmt;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::query::cursor_bytes as bytes;
use crate::request::{Operation, Request};
use crate::value::{Map, Value};

/// Longer cursors are neither given nor read.
pub const MAX_BYTES: usize = 64 << 10;

/// Bytes of a nonce; so many that random ones never meet.
const NONCE: usize = 24;

/// What is sealed is filled up to a multiple of this, so that the length of a cursor says little about what is in it.
const BLOCK: usize = 64;

/// The secret that seals cursors.
#[derive(Clone, Copy)]
pub struct CursorKey([u8; 32]);

impl CursorKey {
    /// A key that several processes share, so that each takes the cursors of the others.
    pub fn new(key: [u8; 32]) -> Self {
        CursorKey(key)
    }

    /// A key that this process made for itself: cursors end with it.
    pub fn of_process() -> Self {
        static KEY: OnceLock<[u8; 32]> = OnceLock::new();
        CursorKey(*KEY.get_or_init(random))
    }
}

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey(..)")
    }
}

/// Which rows are wanted, as seen from the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Those that follow.
    After,
    /// Those that come before.
    Before,
}

/// The cursor that a list asks with; its value is null for the first page (`after`) or the last (`before`).
pub fn asked(request: &Request) -> Option<(Side, &Value)> {
    match request.operation {
        Operation::List => asked_in(&request.args),
        _ => None,
    }
}

/// The same for the arguments of a list.
pub(super) fn asked_in(args: &Map) -> Option<(Side, &Value)> {
    let given = |name: &str| args.get(name).filter(|value| !matches!(value, Value::Undefined));
    let after = given("after").map(|value| (Side::After, value));
    after.or_else(|| given("before").map(|value| (Side::Before, value)))
}

/// Who asks: cursors of one caller are nothing to another.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// What is known of the user.
    pub user: &'a Map,
    /// What is known of the session; it counts where there is no user.
    pub session: &'a Map,
    /// The roles.
    pub roles: &'a [String],
}

/// Seals and opens the cursors of one list.
#[derive(Clone)]
pub struct Seal {
    key: CursorKey,
    /// A digest of what the cursors are bound to.
    bound_to: [u8; 32],
    /// Made beforehand, one for each cursor of a page: sealing itself asks nothing of the system.
    nonces: [[u8; NONCE]; 2],
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

impl Seal {
    /// For this request about an entity, of this caller; none for trusted code.
    pub fn new(key: CursorKey, entity: &str, request: &Request, identity: Option<Identity<'_>>) -> Seal {
        let mut bound = Vec::with_capacity(256);
        bytes::text(entity, &mut bound);
        bytes::canonical(request.args.get("filter").unwrap_or(&Value::Undefined), &mut bound);
        // A sort keeps its order, however it is written.
        match request.args.get("sort") {
            None | Some(Value::Undefined) => bound.push(0),
            Some(Value::Map(keys)) => keys.0.iter().for_each(|(name, how)| sort_key(name, how, &mut bound)),
            Some(Value::List(items)) => {
                for (name, how) in items.iter().filter_map(Value::as_map).flat_map(|keys| keys.0.iter()) {
                    sort_key(name, how, &mut bound);
                }
            }
            Some(other) => bytes::canonical(other, &mut bound),
        }
        match identity {
            None => bound.push(0xF0),
            Some(identity) => {
                bound.push(0xF1);
                bytes::map(identity.user, &mut bound);
                if identity.user.get("id").is_none_or(Value::is_null) {
                    bytes::map(identity.session, &mut bound);
                }
                let mut roles: Vec<&String> = identity.roles.iter().collect();
                roles.sort_unstable();
                roles.into_iter().for_each(|role| bytes::text(role, &mut bound));
            }
        }
        Seal { key, bound_to: Sha256::digest(&bound).into(), nonces: [random(), random()] }
    }

    /// The cursor of a row with these sort keys: the one before a page (0), or the one after it (1).
    ///
    /// # Errors
    /// VALIDATION_ERROR when the keys are too long for a cursor.
    pub fn seal(&self, which: usize, keys: &[Value]) -> Result<String> {
        let mut plain = Vec::with_capacity(BLOCK);
        keys.iter().try_for_each(|key| bytes::write(key, &mut plain))?;
        let end = plain.len() + 1;
        plain.push(1);
        plain.resize(end.next_multiple_of(BLOCK), 0);
        let nonce = self.nonces[which];
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: &self.bound_to });
        let sealed = sealed.map_err(|_| Error::internal("a cursor could not be sealed"))?;
        let mut whole = nonce.to_vec();
        whole.extend_from_slice(&sealed);
        let text = URL_SAFE_NO_PAD.encode(whole);
        match text.len() <= MAX_BYTES {
            true => Ok(text),
            false => Err(Error::validation(
                "sort",
                format!("the sort keys of a row are too long for a cursor of {MAX_BYTES} bytes"),
            )),
        }
    }

    /// The sort keys in a cursor; none when it is not one of this list and this caller.
    pub fn open(&self, text: &str) -> Option<Vec<Value>> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let whole = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = whole.split_first_chunk::<NONCE>()?;
        let plain = self.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &self.bound_to }).ok()?;
        let end = plain.iter().rposition(|byte| *byte != 0)?;
        bytes::read_all(&plain[..end])
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(self.key.0))
    }
}

fn sort_key(name: &str, how: &Value, bound: &mut Vec<u8>) {
    bound.push(1);
    bytes::text(name, bound);
    bytes::canonical(how, bound);
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("an operating system without randomness runs no database");
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use crate::value;

    fn seal(filter: Value, user: &str) -> Seal {
        let request = Request::new(Operation::List, "User").arg("filter", filter);
        let user: Map = [("id", Value::from(user))].into_iter().collect();
        let identity = Identity { user: &user, session: &Map::new(), roles: &[] };
        Seal::new(CursorKey::new([7; 32]), "User", &request, Some(identity))
    }

    #[test]
    fn a_cursor_opens_for_the_same_list_and_caller_alone() {
        let keys = vec![Value::Null, Value::Int(-5), Value::from("secret"), Value::Float(0.5), Value::Bool(true)];
        let cursor = seal(value!({ "a": 1, "b": 2 }), "ada").seal(0, &keys).unwrap();
        assert_eq!(seal(value!({ "a": 1, "b": 2 }), "ada").open(&cursor), Some(keys.clone()));
        assert_eq!(seal(value!({ "b": 2, "a": 1 }), "ada").open(&cursor), Some(keys));
        assert_eq!(seal(value!({ "a": 1, "b": 3 }), "ada").open(&cursor), None);
        assert_eq!(seal(value!({ "a": 1, "b": 2 }), "bob").open(&cursor), None);
    }

    #[test]
    fn what_is_mangled_or_too_long_does_not_open() {
        let seal = seal(value!({}), "ada");
        let cursor = seal.seal(1, &[Value::Int(1)]).unwrap();
        for position in 0..cursor.len() {
            let mut mangled = cursor.clone().into_bytes();
            mangled[position] = if mangled[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(seal.open(std::str::from_utf8(&mangled).unwrap()), None, "{position}");
        }
        assert_eq!(seal.open(""), None);
        assert_eq!(seal.open(&cursor[..cursor.len() - 4]), None);
        assert_eq!(seal.open(&"A".repeat(MAX_BYTES + 1)), None);
    }

    #[test]
    fn lengths_tell_little() {
        let seal = seal(value!({}), "ada");
        let length = |text: &str| seal.seal(0, &[Value::from(text)]).unwrap().len();
        assert_eq!(length(""), length("forty characters, more or less, are here"));
    }
}
