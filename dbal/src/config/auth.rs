//! `auth:`, how a daemon knows who is asking.

use std::path::PathBuf;

use super::Secret;
use super::reader::Reader;
use crate::yaml::Block;

/// How a daemon knows who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// By the sessions of the reference contract.
    pub sessions: bool,
    /// By tokens that somebody else signs.
    pub jwt: Option<Jwt>,
    /// By keys that a file lists.
    pub api_keys_file: Option<PathBuf>,
}

/// Tokens that somebody else signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwt {
    /// What they are verified by.
    pub key: JwtKey,
    /// Who signs them (`iss`).
    pub issuer: Option<String>,
    /// For whom they are (`aud`).
    pub audience: Vec<String>,
    /// The claim with the caller's role.
    pub role_claim: String,
    /// How far the clock of whoever signs may be from ours, in seconds.
    pub leeway: u32,
}

/// What tokens are verified by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwtKey {
    /// Public keys in a file, as a JSON Web Key Set.
    JwksFile(PathBuf),
    /// A secret that both sides know (HS256 and its kin).
    Secret(Secret),
}

/// The most that two clocks may be apart, in seconds: a few minutes, as RFC 7519 has it.
const MOST_LEEWAY: i64 = 300;

/// The shortest secret that signs tokens, in bytes: what HS256 has.
const LEAST_SECRET: usize = 32;

impl Default for Auth {
    fn default() -> Self {
        Auth { sessions: true, jwt: None, api_keys_file: None }
    }
}

impl Auth {
    pub(super) fn read(reader: &Reader<'_>, file: &mut Block<'_>) -> Auth {
        let mut auth = Auth::default();
        let Some(mut block) = reader.section(file, "auth", "auth") else { return auth };
        auth.sessions = block.boolean("sessions").unwrap_or(true);
        auth.jwt = Jwt::read(reader, &mut block);
        auth.api_keys_file = reader.path(&mut block, "api_keys_file");
        reader.secret_files.borrow_mut().extend(auth.api_keys_file.clone());
        block.finish();
        auth
    }
}

impl Jwt {
    fn read(reader: &Reader<'_>, auth: &mut Block<'_>) -> Option<Jwt> {
        let mut block = reader.section(auth, "jwt", "auth.jwt")?;
        let place = block.place();
        let keys = reader.path(&mut block, "jwks_file");
        let named = block.entry_or_null("secret").is_some() || block.entry_or_null("secret_file").is_some();
        let secret = reader.secret(&mut block, "secret", "secret_file");
        let issuer = reader.text(&mut block, "issuer");
        let audience = reader.texts(&mut block, "audience");
        let role_claim = reader.text(&mut block, "role_claim").unwrap_or_else(|| "role".into());
        // None unless it is asked for: `exp` is then taken at its word.
        let leeway = block.integer("leeway", 0, MOST_LEEWAY).unwrap_or(0) as u32;
        if issuer.is_none() {
            let message = "auth.jwt has no `issuer`: a token counts whoever issued it, if the key verifies it";
            reader.report.warning(place, message);
        }
        if audience.is_empty() {
            let message = "auth.jwt has no `audience`: a token counts for whomever it was made, unless it says so itself; \
                           one with an `aud` is refused";
            reader.report.warning(place, message);
        }
        block.finish();
        if let Some(secret) = &secret
            && secret.expose().len() < LEAST_SECRET
        {
            reader.report.error(place, format!("auth.jwt.secret: expected at least {LEAST_SECRET} bytes"));
        }
        let key = match (keys, secret) {
            (Some(_), _) if named => {
                reader.report.error(place, "auth.jwt says jwks_file and secret; keep one");
                return None;
            }
            (Some(keys), _) => JwtKey::JwksFile(keys),
            (None, Some(secret)) => JwtKey::Secret(secret),
            (None, None) => {
                if !named {
                    reader.report.error(place, "auth.jwt has no key; say `jwks_file`, `secret` or `secret_file`");
                }
                return None;
            }
        };
        Some(Jwt { key, issuer, audience, role_claim, leeway })
    }
}
