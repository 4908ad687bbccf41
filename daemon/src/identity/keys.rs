//! API keys: a file that lists the hashes of keys with whom each names.
//!
//! ```yaml
//! keys:
//!   - { name: nightly-import, sha256: "<64 hex digits>", user: "018f…", role: admin, expires_at: "2027-01-01T00:00:00Z" }
//! ```

use std::path::Path;

use dbal::yaml::{Block, Report};
use dbal::{DateTime, Error, Map, Result};
use foldhash::HashMap;
use sha2::{Digest, Sha256};

/// With what every key begins: it tells them from session tokens, and makes a leaked one easy to find.
pub const PREFIX: &str = "dbal_";

/// The keys of a file.
#[derive(Debug)]
pub struct ApiKeys {
    by_hash: HashMap<[u8; 32], ApiKey>,
}

/// Whom a key names.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKey {
    name: String,
    /// The id of a user.
    pub user: String,
    /// The role, where no User row says it.
    pub role: Option<String>,
    /// When it stops counting.
    pub expires: Option<DateTime>,
}

impl ApiKey {
    /// What rules find under `$session`.
    pub fn session(&self) -> Map {
        Map(vec![("key".into(), self.name.as_str().into())])
    }
}

impl ApiKeys {
    /// Reads a file.
    ///
    /// # Errors
    /// VALIDATION_ERROR with every fault and its place.
    pub fn load(path: &Path) -> Result<ApiKeys> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::validation("auth.api_keys_file", format!("cannot be read ({}): {error}", path.display()))
        })?;
        ApiKeys::read(&path.display().to_string(), &text)
    }

    fn read(file: &str, text: &str) -> Result<ApiKeys> {
        let report = Report::new();
        let document = report.read_one(file, text);
        let mut by_hash = HashMap::default();
        if let Some(mut top) = report.strict(&document, "the file of API keys") {
            for node in top.list("keys").unwrap_or_default() {
                let Some(block) = report.strict(node, "an API key") else { continue };
                let place = block.place();
                if let Some((hash, key)) = read_key(block)
                    && by_hash.insert(hash, key).is_some()
                {
                    report.error(place, "the same key stands above");
                }
            }
            top.finish();
        }
        let (by_hash, _) = report.finish(by_hash)?;
        Ok(ApiKeys { by_hash })
    }

    /// Whom a key names at this moment.
    ///
    /// # Errors
    /// UNAUTHORIZED.
    pub fn find(&self, key: &str, now: DateTime) -> Result<&ApiKey> {
        let hash: [u8; 32] = Sha256::digest(key).into();
        let found = self.by_hash.get(&hash).filter(|key| key.expires.is_none_or(|expires| expires > now));
        found.ok_or_else(Error::unauthorized)
    }
}

fn read_key(mut block: Block<'_>) -> Option<([u8; 32], ApiKey)> {
    let report = block.report();
    let place = block.place();
    let hash = block.written("sha256").and_then(unhex);
    if hash.is_none() {
        report.error(place, "sha256: expected the 64 hex digits of a key's hash; `dbal token issue` writes them");
    }
    let user = block.written("user").map(str::to_owned);
    if user.is_none() {
        report.error(place, "user: expected the id of a user");
    }
    let name = block.written("name").unwrap_or("key").to_owned();
    let role = block.written("role").map(str::to_owned);
    let expires = block.written("expires_at").map(str::parse::<DateTime>);
    if let Some(Err(fault)) = &expires {
        report.error(place, format!("expires_at: {fault}"));
    }
    block.finish();
    Some((hash?, ApiKey { name, user: user?, role, expires: expires.and_then(Result::ok) }))
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (place, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[place * 2..place * 2 + 2], 16).ok()?;
    }
    Some(hash)
}

/// A value as the file would have it.
#[cfg(test)]
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_hash_until_it_expires() {
        let hash = hex(&Sha256::digest("dbal_secret"));
        let text = format!(
            "keys:\n  - {{ sha256: \"{hash}\", user: u1, role: admin, expires_at: \"2030-01-01T00:00:00Z\" }}\n"
        );
        let keys = ApiKeys::read("keys.yaml", &text).unwrap();
        let then = |text: &str| text.parse::<DateTime>().unwrap();
        assert_eq!(keys.find("dbal_secret", then("2029-12-31T23:59:59Z")).unwrap().role.as_deref(), Some("admin"));
        for (key, now) in [("dbal_secret", "2030-01-01T00:00:00Z"), ("dbal_secreT", "2029-01-01T00:00:00Z")] {
            assert_eq!(keys.find(key, then(now)).unwrap_err().code(), "UNAUTHORIZED");
        }
    }

    #[test]
    fn every_fault_of_the_file_is_told() {
        let text = "keys:\n  - { sha256: abc, user: u1 }\n  - { sha256: \"\", rol: x }\n";
        let error = ApiKeys::read("keys.yaml", text).unwrap_err().to_string();
        for part in ["keys.yaml:2", "sha256", "keys.yaml:3", "user", "rol"] {
            assert!(error.contains(part), "{part} is not in {error}");
        }
    }
}
