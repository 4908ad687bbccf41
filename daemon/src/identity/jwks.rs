//! Public keys in a file, as a JSON Web Key Set (RFC 7517).

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dbal::value::json;
use dbal::{Error, Map, Result, Value};

use super::jwt::Algorithm;

/// One key, for one algorithm.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its name (`kid`).
    pub id: Option<String>,
    /// The only algorithm that it verifies.
    pub algorithm: Algorithm,
    /// What it is.
    pub public: Public,
}

/// The public half.
#[derive(Clone, Debug)]
pub enum Public {
    /// Modulus and exponent, big-endian.
    Rsa(Vec<u8>, Vec<u8>),
    /// An uncompressed point, or the 32 bytes of an Ed25519 key.
    Point(Vec<u8>),
}

/// The keys of a file that signatures may be verified by. Those for encryption are passed over.
///
/// # Errors
/// VALIDATION_ERROR with what is wrong, and where.
pub fn load(path: &Path) -> Result<Vec<Key>> {
    let fault = |message: String| Error::validation("auth.jwt.jwks_file", format!("{}: {message}", path.display()));
    let text = std::fs::read(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
    let document = json::parse(&text).map_err(|error| fault(error.message().to_owned()))?;
    let listed = document.as_map().and_then(|map| map.get("keys")).and_then(Value::as_list);
    let listed = listed.ok_or_else(|| fault("expected an object with a list `keys`".into()))?;
    let mut keys = Vec::new();
    for (position, entry) in listed.iter().enumerate() {
        let map = entry.as_map().ok_or_else(|| fault(format!("keys[{position}] is not an object")))?;
        if map.get("use").and_then(Value::as_str).is_some_and(|what| what != "sig") {
            continue;
        }
        keys.push(read(map).map_err(|message| fault(format!("keys[{position}]: {message}")))?);
    }
    match keys.is_empty() {
        true => Err(fault("no key in it verifies signatures".into())),
        false => Ok(keys),
    }
}

fn read(map: &Map) -> Result<Key, String> {
    let text = |name: &str| map.get(name).and_then(Value::as_str);
    let bytes = |name: &str| {
        let text = text(name).ok_or_else(|| format!("`{name}` is missing"))?;
        URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("`{name}` is not base64url"))
    };
    let named = text("alg").map(|name| Algorithm::parse(name).ok_or_else(|| format!("alg {name} is not known")));
    let named = named.transpose()?;
    let (algorithms, public): (&[Algorithm], Public) = match (text("kty"), text("crv")) {
        (Some("RSA"), _) => {
            let (modulus, exponent) = (bytes("n")?, bytes("e")?);
            if modulus.len() < 256 {
                return Err("an RSA key has at least 2048 bits".into());
            }
            (&[Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512], Public::Rsa(modulus, exponent))
        }
        (Some("EC"), Some("P-256")) => (&[Algorithm::Es256], point(&bytes("x")?, &bytes("y")?, 32)?),
        (Some("EC"), Some("P-384")) => (&[Algorithm::Es384], point(&bytes("x")?, &bytes("y")?, 48)?),
        (Some("OKP"), Some("Ed25519")) => (&[Algorithm::EdDsa], Public::Point(bytes("x")?)),
        _ => return Err("expected kty RSA, EC with crv P-256 or P-384, or OKP with crv Ed25519".into()),
    };
    let algorithm = match named {
        Some(algorithm) if algorithms.contains(&algorithm) => algorithm,
        Some(_) => return Err("`alg` does not go with `kty`".into()),
        // Of several that the key could verify, a token must not choose.
        None => algorithms[0],
    };
    Ok(Key { id: text("kid").map(str::to_owned), algorithm, public })
}

fn point(x: &[u8], y: &[u8], length: usize) -> Result<Public, String> {
    if x.len() != length || y.len() != length {
        return Err(format!("`x` and `y` have {length} bytes each"));
    }
    Ok(Public::Point([&[4], x, y].concat()))
}
