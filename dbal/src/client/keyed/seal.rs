//! What is stored of a key: digests, and an answer that only who has the key can read. A row of an answer may hold what
//! is nowhere stored in clear, such as a new session's token, and it would stay when its own row is deleted.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Bytes of a nonce; so many that random ones never meet.
const NONCE: usize = 24;

/// One key of one caller, with one request.
pub(super) struct Seal {
    /// The primary key of its row.
    pub id: String,
    /// A digest of the request, which says nothing of it to who has not the key.
    pub request: String,
    secret: [u8; 32],
}

impl Seal {
    /// `owner`: who asks, as bytes that no other caller has. `request`: all of what is asked.
    pub fn new(owner: &[u8], key: &str, request: &[&[u8]]) -> Seal {
        let secret = digest("secret", &[owner, key.as_bytes()]);
        let parts: Vec<&[u8]> = std::iter::once(secret.as_slice()).chain(request.iter().copied()).collect();
        Seal { id: hex(&digest("id", &[owner, key.as_bytes()])), request: hex(&digest("request", &parts)), secret }
    }

    /// An answer as it is stored.
    pub fn seal(&self, plain: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).expect("an operating system without randomness runs no database");
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: self.request.as_bytes() });
        let sealed = sealed.map_err(|_| Error::internal("an answer could not be sealed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// The answer that was stored; none when it is not this request's.
    pub fn open(&self, stored: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = stored.split_first_chunk::<NONCE>()?;
        self.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: self.request.as_bytes() }).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(self.secret))
    }
}

/// A digest for one purpose, of parts that cannot run into each other.
fn digest(purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"dbal idempotency ");
    for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_of_the_same_caller_opens_it() {
        let seal = Seal::new(b"ada", "k1", &[b"create", b"User"]);
        let stored = seal.seal(b"answer").expect("sealed");
        assert!(!stored.windows(6).any(|bytes| bytes == b"answer"));
        assert_eq!(seal.open(&stored).as_deref(), Some(b"answer".as_slice()));
        for other in [
            Seal::new(b"ada", "k2", &[b"create", b"User"]),
            Seal::new(b"bob", "k1", &[b"create", b"User"]),
            Seal::new(b"adak", "1", &[b"create", b"User"]),
        ] {
            assert_ne!(other.id, seal.id);
            assert_ne!(other.request, seal.request, "digests of requests tell those who guess requests");
            assert_eq!(other.open(&stored), None);
        }
        let other = Seal::new(b"ada", "k1", &[b"createU", b"ser"]);
        assert_eq!(other.id, seal.id);
        assert_ne!(other.request, seal.request);
        assert_eq!(other.open(&stored), None);
    }
}
