//! Values that are hashed before they are stored, and the check of a secret against its hash.

use std::fmt::Write as _;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use sha2::{Digest, Sha256};

use super::StoredAs;
use crate::error::{Error, Result};

/// The stored form of a text. SHA-256 gives the same each time and suits only secrets that cannot be guessed, such as
/// tokens; Argon2id (19 MiB, 2 passes, the parameters OWASP advises) is salted and slow on purpose, for passwords.
///
/// ```
/// use dbal::schema::{convert, StoredAs};
/// let stored = convert::hash_stored(StoredAs::Argon2id, "correct horse")?;
/// assert!(stored.starts_with("$argon2id$"));
/// assert!(convert::verify_hash(StoredAs::Argon2id, &stored, "correct horse"));
/// assert!(!convert::verify_hash(StoredAs::Argon2id, &stored, "battery staple"));
/// # Ok::<(), dbal::Error>(())
/// ```
pub fn hash_stored(how: StoredAs, text: &str) -> Result<String> {
    match how {
        StoredAs::Sha256 => {
            let mut hex = String::with_capacity(64);
            for byte in Sha256::digest(text) {
                write!(hex, "{byte:02x}").expect("a String takes any text");
            }
            Ok(hex)
        }
        StoredAs::Argon2id => {
            let hash = Argon2::default().hash_password(text.as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|_| Error::internal("the password could not be hashed"))
        }
    }
}

/// Whether a stored hash is that of the text. What is not a hash matches nothing.
pub fn verify_hash(how: StoredAs, stored: &str, text: &str) -> bool {
    match how {
        StoredAs::Sha256 => {
            let given = hash_stored(how, text).unwrap_or_default();
            // All bytes are looked at whatever they are, so that the time says nothing of where they differ.
            let differing = given.bytes().zip(stored.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
            given.len() == stored.len() && differing == 0
        }
        StoredAs::Argon2id => PasswordHash::new(stored)
            .is_ok_and(|hash| Argon2::default().verify_password(text.as_bytes(), &hash).is_ok()),
    }
}
