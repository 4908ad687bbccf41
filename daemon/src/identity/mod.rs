//! Who is asking: a token becomes a verified caller, or nothing does.
//!
//! A caller is kept for a few seconds, so that a token is not looked up for each request; for as long, one that was
//! revoked still counts.

mod jwks;
pub mod jwt;
mod keys;
mod sessions;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use dbal::config::{Auth, JwtKey};
use dbal::{AsyncClient, DateTime, Error, ErrorKind, Operation, Principal, Request, Result, Value};
use foldhash::HashMap;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::caller::Caller;
use crate::failure::{sound, together};
use crate::http::arguments;
use jwt::Verifier;
use keys::ApiKeys;

/// How long a caller is kept, and so how long after its revocation a token still counts at most.
pub const KEPT: Duration = Duration::from_secs(5);

/// Callers kept at a time.
const MOST: usize = 10_000;

/// No token is longer: a JWT with many claims has a few KiB.
pub const LONGEST_TOKEN: usize = 16 << 10;

/// Whom a token names.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// Whom the rules see; none for trusted code. No token of the daemon's own ways is that.
    pub principal: Option<Principal>,
    /// When the token stops counting.
    pub expires: Option<DateTime>,
}

/// A future of a trait object.
pub type Verifying<'a> = Pin<Box<dyn Future<Output = Result<Verified>> + Send + 'a>>;

/// Verifies tokens.
pub trait Identify: Send + Sync {
    /// Whom a token names. `trusted` is the database without any rules.
    ///
    /// # Errors
    /// UNAUTHORIZED, the same whatever is wrong with it; DATABASE_ERROR and TIMEOUT.
    fn identify<'a>(&'a self, trusted: &'a AsyncClient, token: &'a str) -> Verifying<'a>;

    /// The same of a token that was verified before, for something that goes on. It writes nothing: what goes on may be a
    /// transaction that everybody who writes waits for.
    ///
    /// # Errors
    /// As [`Identify::identify`].
    fn identify_again<'a>(&'a self, trusted: &'a AsyncClient, token: &'a str) -> Verifying<'a> {
        self.identify(trusted, token)
    }

    /// Files that it reads, to be read again when they change.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Reads its files again; what is faulty changes nothing.
    ///
    /// # Errors
    /// Names the file and what is wrong in it.
    fn reload(&self) -> Result<()> {
        Ok(())
    }
}

/// The ways of `auth:` in a configuration.
pub struct Configured {
    sessions: bool,
    auth: Auth,
    jwt: Option<ArcSwap<Verifier>>,
    keys: Option<ArcSwap<ApiKeys>>,
}

impl Configured {
    /// Reads the keys that it names.
    ///
    /// # Errors
    /// VALIDATION_ERROR with each file and what is wrong in it.
    pub fn new(auth: &Auth) -> Result<Configured> {
        let (jwt, keys) = read(auth)?;
        let (jwt, keys) = (jwt.map(ArcSwap::from_pointee), keys.map(ArcSwap::from_pointee));
        Ok(Configured { sessions: auth.sessions, auth: auth.clone(), jwt, keys })
    }

    /// `again`: nothing is written.
    async fn verified(&self, trusted: &AsyncClient, token: &str, again: bool) -> Result<Verified> {
        // Neither session tokens nor API keys have dots.
        if let (Some(jwt), true) = (&self.jwt, token.contains('.')) {
            let claims = jwt.load().verify(token, now_seconds())?;
            let expires = DateTime::from_epoch_millis(claims.expires.saturating_mul(1_000));
            let principal = with_row(trusted, &claims.subject, claims.role.as_deref()).await?;
            let principal = Principal { session: claims.all, ..principal };
            return Ok(Verified { principal: Some(principal), expires });
        }
        if let (Some(keys), true) = (&self.keys, token.starts_with(keys::PREFIX)) {
            let keys = keys.load();
            let key = keys.find(token, DateTime::now())?;
            let principal = with_row(trusted, &key.user, key.role.as_deref()).await?;
            let principal = Principal { session: key.session(), ..principal };
            return Ok(Verified { principal: Some(principal), expires: key.expires });
        }
        if self.sessions {
            return sessions::verify(trusted, token, again).await;
        }
        Err(Error::unauthorized())
    }
}

impl Identify for Configured {
    fn identify<'a>(&'a self, trusted: &'a AsyncClient, token: &'a str) -> Verifying<'a> {
        Box::pin(self.verified(trusted, token, false))
    }

    fn identify_again<'a>(&'a self, trusted: &'a AsyncClient, token: &'a str) -> Verifying<'a> {
        Box::pin(self.verified(trusted, token, true))
    }

    fn files(&self) -> Vec<PathBuf> {
        let jwks = self.auth.jwt.as_ref().and_then(|jwt| match &jwt.key {
            JwtKey::JwksFile(file) => Some(file.clone()),
            JwtKey::Secret(_) => None,
        });
        jwks.into_iter().chain(self.auth.api_keys_file.clone()).collect()
    }

    fn reload(&self) -> Result<()> {
        // All of it or nothing: what is faulty changes nothing.
        let (jwt, keys) = read(&self.auth)?;
        if let (Some(own), Some(jwt)) = (&self.jwt, jwt) {
            own.store(Arc::new(jwt));
        }
        if let (Some(own), Some(keys)) = (&self.keys, keys) {
            own.store(Arc::new(keys));
        }
        Ok(())
    }
}

/// What the files of keys hold; the faults of both come together.
fn read(auth: &Auth) -> Result<(Option<Verifier>, Option<ApiKeys>)> {
    let mut faults = Vec::new();
    let jwt = sound(&mut faults, auth.jwt.as_ref().map(Verifier::new).transpose());
    let keys = sound(&mut faults, auth.api_keys_file.as_deref().map(ApiKeys::load).transpose());
    match (jwt, keys) {
        (Some(jwt), Some(keys)) => Ok((jwt, keys)),
        _ => Err(together(faults)),
    }
}

/// Whom rules see as `$user`: the row of the User entity that has this id. Without a row, the id and what the token
/// says of the role.
async fn with_row(trusted: &AsyncClient, id: &str, role: Option<&str>) -> Result<Principal> {
    let schema = trusted.blocking().schema();
    let known = schema.by_name(USER).is_some();
    // As its field has it, for rules that compare it.
    let id = arguments::key(schema, USER, id.to_owned());
    let row = match known {
        false => None,
        true => {
            let request = Request::new(Operation::Read, USER).arg("id", id.clone());
            match trusted.execute(&request).await {
                Ok(response) => match response.into_value() {
                    Value::Record(row) => Some(*row),
                    _ => None,
                },
                // No such row, or no such id.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ValidationError) => None,
                Err(error) => return Err(error),
            }
        }
    };
    match row {
        Some(row) => Ok(Principal::of_user(row.into_map())),
        None => {
            let principal = Principal::anonymous().claim("id", id);
            Ok(match role {
                Some(role) => Principal { roles: vec![role.to_owned()], ..principal.claim("role", role) },
                None => principal,
            })
        }
    }
}

/// The entity that `$user` is a row of.
const USER: &str = "User";

fn now_seconds() -> i64 {
    DateTime::now().epoch_millis().div_euclid(1_000)
}

/// What a token is kept by. Tokens are not kept as they are, and to look one up by its hash takes as long whatever it is.
fn name(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// A caller, and until when it is kept.
type Kept = (Arc<Caller>, Instant);

/// Callers by their tokens, for as long as they are kept.
pub struct Identities {
    identify: Arc<dyn Identify>,
    kept: Mutex<HashMap<[u8; 32], Kept>>,
}

impl Identities {
    /// None kept yet.
    pub fn new(identify: Arc<dyn Identify>) -> Self {
        Identities { identify, kept: Mutex::default() }
    }

    /// What verifies.
    pub fn identify(&self) -> &dyn Identify {
        &*self.identify
    }

    /// The caller of a token that was verified a moment ago.
    pub fn known(&self, trusted: &AsyncClient, token: &str) -> Option<Arc<Caller>> {
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let rules = trusted.blocking().policy().version();
        let kept = self.kept.lock();
        let (caller, until) = kept.get(&name(token))?;
        (*until > Instant::now() && caller.rules == rules).then(|| caller.clone())
    }

    /// The caller that a token names, looked up, on a client of the rules in force.
    ///
    /// # Errors
    /// As [`Identify::identify`].
    pub async fn caller(&self, trusted: &AsyncClient, token: &str) -> Result<Arc<Caller>> {
        if token.is_empty() || token.len() > LONGEST_TOKEN {
            return Err(Error::unauthorized());
        }
        let (name, now) = (name(token), Instant::now());
        // A copy of the database that is behind knows of no session that has just begun, and of none that has just ended.
        let verified = match self.identify.identify(&trusted.newest(), token).await {
            Ok(verified) => verified,
            Err(error) => {
                self.kept.lock().remove(&name);
                return Err(error);
            }
        };
        let mut keep = KEPT;
        if let Some(expires) = verified.expires {
            let left = expires.epoch_millis() - DateTime::now().epoch_millis();
            let left = u64::try_from(left).map_err(|_| Error::unauthorized())?;
            keep = keep.min(Duration::from_millis(left));
        }
        let caller = Arc::new(Caller::bind(trusted, verified.principal));
        let mut kept = self.kept.lock();
        if kept.len() >= MOST {
            kept.retain(|_, (_, until)| *until > now);
            if kept.len() >= MOST {
                kept.clear();
            }
        }
        kept.insert(name, (caller.clone(), now + keep));
        Ok(caller)
    }

    /// Keeps none: keys or rules changed.
    pub fn forget(&self) {
        self.kept.lock().clear();
    }
}
