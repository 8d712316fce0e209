use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::Mac;
use serde_json::{Value, json};

use super::*;
use crate::credentials::server_secret::mac;

const NOW: u64 = 1_790_000_000_000;
const FAR: u64 = 4_000_000_000;

fn secret() -> ServerSecret {
    ServerSecret::from_text("an unusual text of 32 characters and more").unwrap()
}

fn forge(header: &Value, claims: &Value, key: &[u8]) -> String {
    let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let mut mac = mac(key);
    mac.update(message.as_bytes());
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn good_claims() -> Value {
    json!({"sub": "7", "iss": "rejoin", "aud": "rejoin-operator", "iat": 1, "exp": FAR})
}

#[test]
fn a_token_of_this_server_is_taken_and_says_when_it_expires() {
    let tokens = OperatorTokens::new(&secret());
    let token = tokens.issue(7, 5, "Ann", NOW, (FAR * 1000) - NOW).unwrap();
    assert_eq!(tokens.check(token.expose()), Ok(OperatorPass { operator_id: 7, epoch: 5, expires_at: FAR * 1000 }));
}

#[test]
fn a_token_whose_time_is_over_has_expired() {
    let tokens = OperatorTokens::new(&secret());
    let token = tokens.issue(7, 5, "Ann", 1_000_000, 60_000).unwrap();
    assert_eq!(tokens.check(token.expose()), Err(TokenError::Expired));
}

#[test]
fn a_corpus_of_bad_tokens_is_refused() {
    let tokens = OperatorTokens::new(&secret());
    let key = secret().key("operator token, 1");
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let with = |name: &str, value: Value| {
        let mut claims = good_claims();
        claims[name] = value;
        forge(&header, &claims, &key)
    };
    let without = |name: &str| {
        let mut claims = good_claims();
        claims.as_object_mut().unwrap().remove(name);
        forge(&header, &claims, &key)
    };
    let good = forge(&header, &good_claims(), &key);
    assert!(tokens.check(&good).is_ok(), "the forger can forge a good one, so the others fail for their own reason");
    let (message, signature) = good.rsplit_once('.').unwrap();
    let bad = [
        String::new(),
        ".".into(),
        "..".into(),
        "a.b.c".into(),
        "null".into(),
        "x".repeat(10_000),
        format!("{message}."),
        message.into(),
        format!("{message}.{}", &signature[..signature.len() - 4]),
        format!("{good}.{signature}"),
        format!("{good}\n"),
        forge(&header, &good_claims(), b"another key"),
        forge(&header, &good_claims(), b""),
        forge(&json!({"alg": "none"}), &good_claims(), &key),
        forge(&json!({"alg": "None"}), &good_claims(), &key),
        forge(&json!({"alg": "HS512"}), &good_claims(), &key),
        forge(&json!({"alg": "HS384"}), &good_claims(), &key),
        forge(&json!({"alg": "RS256"}), &good_claims(), &key),
        forge(&json!({"alg": "ES256"}), &good_claims(), &key),
        forge(&json!({"typ": "JWT"}), &good_claims(), &key),
        with("exp", json!("4000000000")),
        with("exp", json!(true)),
        with("exp", json!(null)),
        with("exp", json!([4_000_000_000_u64])),
        with("exp", json!({"a": 1})),
        with("exp", json!(-1)),
        with("exp", json!(1e300)),
        with("iss", json!("somebody")),
        with("iss", json!(["rejoin"])),
        with("aud", json!("rejoin-visitor")),
        with("aud", json!(1)),
        with("sub", json!("7 OR 1=1")),
        with("sub", json!("")),
        with("sub", json!(7)),
        with("admin", json!(true)),
        with("epoch", json!("0")),
        with("epoch", json!(-1)),
        without("exp"),
        without("iss"),
        without("aud"),
        without("sub"),
    ];
    for token in bad {
        assert_eq!(tokens.check(&token), Err(TokenError::Invalid), "{token}");
    }
}

#[test]
fn a_token_from_before_there_were_epochs_names_the_first() {
    let old = forge(&json!({"alg": "HS256"}), &good_claims(), &secret().key("operator token, 1"));
    assert_eq!(OperatorTokens::new(&secret()).check(&old).unwrap().epoch, 0);
}

#[test]
fn a_token_of_another_server_is_refused() {
    let other = ServerSecret::from_text("quite another text of 32 characters or more").unwrap();
    let token = OperatorTokens::new(&other).issue(7, 5, "Ann", NOW, FAR).unwrap();
    assert_eq!(OperatorTokens::new(&secret()).check(token.expose()), Err(TokenError::Invalid));
}
