#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
use dbal::config::Secret;
use dbal::value;
use ring::rand::SystemRandom;
use ring::signature::KeyPair;

use super::*;

const SECRET: &str = "a secret of thirty-two bytes or more";
const NOW: i64 = 1_800_000_000;

fn settings() -> Jwt {
    Jwt {
        key: JwtKey::Secret(Secret::new(SECRET)),
        issuer: Some("https://id".into()),
        audience: vec!["dbal".into()],
        role_claim: "role".into(),
        leeway: 0,
    }
}

fn verifier() -> Verifier {
    Verifier::new(&settings()).unwrap()
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json::to_text(value))
}

fn token(head: Value, claims: Value) -> String {
    let signed = format!("{}.{}", part(&head), part(&claims));
    let how = match head.as_map().and_then(|head| head.get("alg")).and_then(Value::as_str) {
        Some("HS384") => hmac::HMAC_SHA384,
        Some("HS512") => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let tag = hmac::sign(&hmac::Key::new(how, SECRET.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn claims(changes: &[(&str, Option<Value>)]) -> Value {
    let mut all = Map::new();
    for (name, value) in [
        ("sub", Value::from("u1")),
        ("iss", "https://id".into()),
        ("aud", "dbal".into()),
        ("exp", Value::Int(NOW + 60)),
        ("role", "admin".into()),
    ] {
        all.insert(name, value);
    }
    for (name, value) in changes {
        match value {
            Some(value) => all.insert(name.to_string(), value.clone()),
            None => all.0.retain(|(known, _)| known != name),
        }
    }
    Value::Map(all)
}

fn hs256() -> Value {
    value!({ "alg": "HS256", "typ": "JWT" })
}

#[test]
fn a_good_token_says_who_it_names() {
    for name in ["HS256", "HS384", "HS512"] {
        let said = verifier().verify(&token(value!({ "alg": name }), claims(&[])), NOW).unwrap();
        assert_eq!((said.subject.as_str(), said.role.as_deref()), ("u1", Some("admin")));
    }
    let several = claims(&[("aud", Some(value!(["other", "dbal"])))]);
    verifier().verify(&token(hs256(), several), NOW).unwrap();
}

#[test]
fn whatever_is_wrong_is_refused_alike() {
    let late = claims(&[("exp", Some(Value::Int(NOW)))]);
    let mut wrong: Vec<(&str, String)> = vec![
        ("no dots", "abc".into()),
        ("no signature", format!("{}.{}.", part(&hs256()), part(&claims(&[])))),
        ("late", token(hs256(), late)),
        ("alg none", format!("{}.{}.", part(&value!({ "alg": "none" })), part(&claims(&[])))),
        ("alg of a public key", token(value!({ "alg": "RS256" }), claims(&[]))),
        ("another alg than signed", {
            let good = token(hs256(), claims(&[]));
            let (_, rest) = good.split_once('.').unwrap();
            format!("{}.{rest}", part(&value!({ "alg": "HS512" })))
        }),
        ("crit", token(value!({ "alg": "HS256", "crit": ["x"] }), claims(&[]))),
        ("unencoded payload", token(value!({ "alg": "HS256", "b64": false }), claims(&[]))),
        ("kid that is no text", token(value!({ "alg": "HS256", "kid": 1 }), claims(&[]))),
    ];
    let changes: [(&str, Option<Value>); 16] = [
        ("exp", None),
        ("exp", Some((NOW + 60).to_string().into())),
        ("exp", Some(Value::Float(NOW as f64 + 60.5))),
        ("exp", Some(Value::Null)),
        ("exp", Some(Value::Int(i64::MAX))),
        ("exp", Some(Value::Int(i64::MAX / 1_000))),
        ("nbf", Some(Value::Int(NOW + 60))),
        ("nbf", Some("soon".into())),
        ("iat", Some("then".into())),
        ("iss", None),
        ("iss", Some("https://evil".into())),
        ("aud", None),
        ("aud", Some("dbal2".into())),
        ("aud", Some(Value::List(Vec::new()))),
        ("sub", None),
        ("sub", Some(Value::Int(1))),
    ];
    for change in changes {
        wrong.push((change.0, token(hs256(), claims(std::slice::from_ref(&change)))));
    }
    let good = token(hs256(), claims(&[]));
    for place in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        wrong.push(("one letter changed", String::from_utf8(bytes).unwrap()));
    }
    for suffix in ["=", ".", ".x", " "] {
        wrong.push(("something after it", format!("{good}{suffix}")));
    }
    for (what, token) in wrong {
        assert!(token == good || verifier().verify(&token, NOW).is_err(), "{what}: {token}");
    }
}

#[test]
fn a_token_for_somebody_is_not_for_whoever_did_not_say_who_they_are() {
    let open = Verifier::new(&Jwt { issuer: None, audience: Vec::new(), ..settings() }).unwrap();
    let without = claims(&[("iss", None), ("aud", None)]);
    open.verify(&token(hs256(), without), NOW).unwrap();
    for audience in ["dbal".into(), "".into(), value!(["dbal"]), Value::List(Vec::new()), Value::Null] {
        let told = claims(&[("aud", Some(audience))]);
        assert!(open.verify(&token(hs256(), told.clone()), NOW).is_err(), "{told:?}");
    }
}

#[test]
fn clocks_may_be_apart_as_far_as_is_said() {
    let lenient = Verifier::new(&Jwt { leeway: 30, ..settings() }).unwrap();
    let at = |name: &'static str, seconds: i64| token(hs256(), claims(&[(name, Some(Value::Int(seconds)))]));
    for (token, strict_too, lenient_too) in [
        (at("exp", NOW + 1), true, true),
        (at("exp", NOW), false, true),
        (at("exp", NOW - 29), false, true),
        (at("exp", NOW - 30), false, false),
        (at("nbf", NOW), true, true),
        (at("nbf", NOW + 1), false, true),
        (at("nbf", NOW + 31), false, false),
    ] {
        let counts = |verifier: &Verifier| verifier.verify(&token, NOW).is_ok();
        assert_eq!((counts(&verifier()), counts(&lenient)), (strict_too, lenient_too), "{token}");
    }
    assert_eq!(lenient.verify(&at("exp", NOW), NOW).unwrap().expires, NOW + 30);
}

#[test]
fn a_public_key_verifies_its_own_algorithm_only() {
    let random = SystemRandom::new();
    let how = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let pair = signature::EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
    let pair = signature::EcdsaKeyPair::from_pkcs8(how, pair.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let keys = value!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k1", "x": x, "y": y }] });
    std::fs::write(&file, json::to_text(&keys)).unwrap();
    let key = JwtKey::JwksFile(file.clone());
    let settings = Jwt { key, issuer: None, ..settings() };
    let verifier = Verifier::new(&settings).unwrap();
    let sign = |head: Value| {
        let signed = format!("{}.{}", part(&head), part(&claims(&[])));
        let tag = pair.sign(&random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    verifier.verify(&sign(value!({ "alg": "ES256", "kid": "k1" })), NOW).unwrap();
    verifier.verify(&sign(value!({ "alg": "ES256" })), NOW).unwrap();
    assert!(verifier.verify(&sign(value!({ "alg": "ES256", "kid": "k2" })), NOW).is_err());
    // The public key as the secret of a MAC.
    let signed = format!("{}.{}", part(&value!({ "alg": "HS256", "kid": "k1" })), part(&claims(&[])));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, point), signed.as_bytes());
    assert!(verifier.verify(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag)), NOW).is_err());

    std::fs::write(&file, r#"{"keys": [{"kty": "oct", "k": "AA"}]}"#).unwrap();
    let error = Verifier::new(&settings).err().unwrap().to_string();
    assert!(error.contains("keys[0]"), "{error}");
}
