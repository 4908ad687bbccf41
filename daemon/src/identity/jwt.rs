//! Tokens that somebody else signs (RFC 7519), verified strictly.
//!
//! The algorithm is the key's, never the token's: a token may only agree. Times are whole numbers; `exp` and `sub` must
//! be there; `iss` and `aud` too where the configuration says what they are. Whatever is wrong, the answer is the same.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dbal::config::{Jwt, JwtKey};
use dbal::value::json;
use dbal::{DateTime, Error, Map, Result, Value};
use ring::{hmac, signature};

use super::jwks::{self, Key, Public};

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the algorithm of the same name in RFC 7518 and RFC 8037")]
pub enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    /// The algorithm of a name; none of `none`.
    pub fn parse(name: &str) -> Option<Algorithm> {
        Some(match name {
            "HS256" => Algorithm::Hs256,
            "HS384" => Algorithm::Hs384,
            "HS512" => Algorithm::Hs512,
            "RS256" => Algorithm::Rs256,
            "RS384" => Algorithm::Rs384,
            "RS512" => Algorithm::Rs512,
            "ES256" => Algorithm::Es256,
            "ES384" => Algorithm::Es384,
            "EdDSA" => Algorithm::EdDsa,
            _ => return None,
        })
    }
}

/// What a verified token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// Whom it names.
    pub subject: String,
    /// The role that it gives.
    pub role: Option<String>,
    /// When it stops counting, in seconds since 1970.
    pub expires: i64,
    /// All of it.
    pub all: Map,
}

/// Verifies tokens by the keys of a configuration.
pub struct Verifier {
    keys: Keys,
    issuer: Option<String>,
    audience: Vec<String>,
    role_claim: String,
    /// How far clocks may be apart, in seconds.
    leeway: i64,
}

enum Keys {
    /// HS256, HS384 and HS512 by one secret.
    Secret(Vec<u8>),
    Public(Vec<Key>),
}

impl Verifier {
    /// Reads the keys.
    ///
    /// # Errors
    /// VALIDATION_ERROR for a faulty file of keys.
    pub fn new(settings: &Jwt) -> Result<Verifier> {
        let keys = match &settings.key {
            JwtKey::Secret(secret) => Keys::Secret(secret.expose().as_bytes().to_vec()),
            JwtKey::JwksFile(path) => Keys::Public(jwks::load(path)?),
        };
        Ok(Verifier {
            keys,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            role_claim: settings.role_claim.clone(),
            leeway: settings.leeway.into(),
        })
    }

    /// What a token says, if it counts at this second.
    ///
    /// # Errors
    /// UNAUTHORIZED.
    pub fn verify(&self, token: &str, now: i64) -> Result<Claims> {
        self.claims(token, now).ok_or_else(Error::unauthorized)
    }

    fn claims(&self, token: &str, now: i64) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (head, payload) = signed.split_once('.')?;
        let head = object(head)?;
        // Extensions that must be understood are not.
        if head.get("crit").is_some() || head.get("b64").is_some() {
            return None;
        }
        let algorithm = Algorithm::parse(head.get("alg")?.as_str()?)?;
        let id = match head.get("kid") {
            None => None,
            Some(id) => Some(id.as_str()?),
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        if !self.signed(algorithm, id, signed.as_bytes(), &signature) {
            return None;
        }
        let claims = object(payload)?;
        let seconds = |name: &str| match claims.get(name) {
            None => Some(None),
            Some(Value::Int(seconds)) => Some(Some(*seconds)),
            // A time that cannot be read is not a time that is absent.
            Some(_) => None,
        };
        let expires = seconds("exp")??;
        let ends = expires.checked_add(self.leeway)?;
        // A time that no clock will show would be no end at all.
        DateTime::from_epoch_millis(ends.checked_mul(1_000)?)?;
        if ends <= now {
            return None;
        }
        if seconds("nbf")?.is_some_and(|from| from.saturating_sub(self.leeway) > now) {
            return None;
        }
        seconds("iat")?;
        if let Some(issuer) = &self.issuer
            && claims.get("iss").and_then(Value::as_str) != Some(issuer)
        {
            return None;
        }
        let meant = |given: &str| self.audience.iter().any(|own| own == given);
        let for_us = match claims.get("aud") {
            // A token for somebody is not for whoever did not say who they are.
            None => self.audience.is_empty(),
            Some(Value::Text(audience)) => meant(audience),
            Some(Value::List(all)) => all.iter().any(|one| one.as_str().is_some_and(meant)),
            Some(_) => false,
        };
        let subject = claims.get("sub")?.as_str().filter(|subject| !subject.is_empty())?.to_owned();
        let role = claims.get(&self.role_claim).and_then(Value::as_str).map(str::to_owned);
        for_us.then_some(Claims { subject, role, expires: ends, all: claims })
    }

    fn signed(&self, algorithm: Algorithm, id: Option<&str>, message: &[u8], signed: &[u8]) -> bool {
        match &self.keys {
            Keys::Secret(secret) => {
                let how = match algorithm {
                    Algorithm::Hs256 => hmac::HMAC_SHA256,
                    Algorithm::Hs384 => hmac::HMAC_SHA384,
                    Algorithm::Hs512 => hmac::HMAC_SHA512,
                    _ => return false,
                };
                hmac::verify(&hmac::Key::new(how, secret), message, signed).is_ok()
            }
            Keys::Public(keys) => {
                // A token that names a key is verified by that one; one that names none, by the only one there is of its
                // algorithm.
                let mut fitting = keys.iter().filter(|key| key.algorithm == algorithm);
                let key = match id {
                    Some(id) => fitting.find(|key| key.id.as_deref() == Some(id)),
                    None => match (fitting.next(), fitting.next()) {
                        (Some(key), None) => Some(key),
                        _ => None,
                    },
                };
                key.is_some_and(|key| verified_by(key, message, signed))
            }
        }
    }
}

fn verified_by(key: &Key, message: &[u8], signed: &[u8]) -> bool {
    match (&key.public, key.algorithm) {
        (Public::Rsa(n, e), algorithm) => {
            let how = match algorithm {
                Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
                _ => return false,
            };
            signature::RsaPublicKeyComponents { n, e }.verify(how, message, signed).is_ok()
        }
        (Public::Point(point), algorithm) => {
            let how: &dyn signature::VerificationAlgorithm = match algorithm {
                Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
                Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
                Algorithm::EdDsa => &signature::ED25519,
                _ => return false,
            };
            signature::UnparsedPublicKey::new(how, point).verify(message, signed).is_ok()
        }
    }
}

/// A part of a token. Duplicate members are refused by the parser.
fn object(part: &str) -> Option<Map> {
    let text = URL_SAFE_NO_PAD.decode(part).ok()?;
    let limits = json::Limits { depth: 16, keep_floats: true };
    match json::parse_with(&text, &limits).ok()? {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
