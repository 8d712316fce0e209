use hmac::Mac;
use serde_json::{Value, json};

use super::PersonTokenError::{Expired, Invalid};
use super::*;
use crate::credentials::hash_visitor_key;
use crate::credentials::server_secret::mac;

const NOW_S: u64 = 1_790_000_000;
const NOW: Millis = NOW_S * 1_000;
const SECRET: &str = "q2rN0ZpKcXk4Vw8vS1tB7uYhJmQeLdGf3aR5xTzCoIA";

fn secrets() -> Vec<Secret> {
    vec![Secret::new(SECRET)]
}

fn forge(header: &Value, claims: &Value, key: &str) -> String {
    forge_bytes(header.to_string().as_bytes(), claims.to_string().as_bytes(), key)
}

fn forge_bytes(header: &[u8], claims: &[u8], key: &str) -> String {
    let message = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(claims));
    let mut mac = mac(key.as_bytes());
    mac.update(message.as_bytes());
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn header() -> Value {
    json!({"alg": "HS256", "typ": "JWT"})
}

fn good_claims() -> Value {
    json!({"sub": "user-7", "exp": NOW_S + 3_600})
}

fn with(name: &str, value: Value) -> String {
    let mut claims = good_claims();
    claims[name] = value;
    forge(&header(), &claims, SECRET)
}

fn check(token: &str) -> Result<PersonPass, PersonTokenError> {
    check_person(&secrets(), 1, token, NOW)
}

#[test]
fn a_token_of_the_site_says_who_it_is_and_when_it_expires() {
    let mut claims = good_claims();
    claims["name"] = json!("Ann");
    claims["email"] = json!("ann@example.org");
    // What libraries add is nobody's business here.
    claims["iat"] = json!(NOW_S);
    claims["iss"] = json!("https://shop.example");
    claims["aud"] = json!(["somebody"]);
    let pass = check(&forge(&header(), &claims, SECRET)).unwrap();
    assert_eq!(pass.profile, Profile { name: "Ann".into(), email: "ann@example.org".into() });
    assert_eq!(pass.expires_at, NOW + 3_660_000);
}

#[test]
fn a_token_whose_time_is_over_has_expired_and_clocks_may_differ_by_a_minute() {
    for (exp, now_ms, good) in [
        (NOW_S, NOW + 59_999, true),
        (NOW_S, NOW + 60_000, false),
        (NOW_S - 61, NOW, false),
        (0, NOW, false),
        (1, 60_999, true),
    ] {
        let token = with("exp", json!(exp));
        let checked = check_person(&secrets(), 1, &token, now_ms);
        assert_eq!(checked.is_ok(), good, "{exp} at {now_ms}");
        assert!(good || checked == Err(Expired), "{exp} at {now_ms}");
    }
}

#[test]
fn a_token_is_good_for_a_day_at_most() {
    assert!(check(&with("exp", json!(NOW_S + 86_400 + 60))).is_ok());
    for exp in [NOW_S + 86_400 + 61, NOW_S * 1_000, u64::MAX] {
        assert!(matches!(check(&with("exp", json!(exp))), Err(Invalid(why)) if why.contains("24 hours")), "{exp}");
    }
}

#[test]
fn a_corpus_of_bad_tokens_is_refused() {
    let good = forge(&header(), &good_claims(), SECRET);
    assert!(check(&good).is_ok(), "the forger can forge a good one, so the others fail for their own reason");
    let (message, signature) = good.rsplit_once('.').unwrap();
    let without = |name: &str| {
        let mut claims = good_claims();
        claims.as_object_mut().unwrap().remove(name);
        forge(&header(), &claims, SECRET)
    };
    let algorithm = |name: &str| forge(&json!({"alg": name}), &good_claims(), SECRET);
    let bad = [
        String::new(),
        ".".into(),
        "..".into(),
        "a.b.c".into(),
        "null".into(),
        "vk_0123456789abcdefghijAB".into(),
        "x".repeat(10_000),
        format!("{message}."),
        message.into(),
        format!("{message}.{}", &signature[..signature.len() - 4]),
        format!("{good}.{signature}"),
        format!("{good}\n"),
        format!(" {good}"),
        forge(&header(), &good_claims(), "another key"),
        forge(&header(), &good_claims(), ""),
        algorithm("none"),
        algorithm("None"),
        algorithm("HS512"),
        algorithm("HS384"),
        algorithm("RS256"),
        algorithm("ES256"),
        algorithm("EdDSA"),
        forge(&json!({"typ": "JWT"}), &good_claims(), SECRET),
        with("exp", json!((NOW_S + 60).to_string())),
        with("exp", json!(true)),
        with("exp", json!(null)),
        with("exp", json!([NOW_S + 60])),
        with("exp", json!(-1)),
        with("exp", json!(1e300)),
        with("exp", json!(NOW_S as f64 + 0.5)),
        with("nbf", json!(NOW_S + 120)),
        with("nbf", json!("now")),
        with("sub", json!("")),
        with("sub", json!(7)),
        with("sub", json!(null)),
        with("sub", json!(["user-7"])),
        with("sub", json!("user\u{0}7")),
        with("sub", json!("x".repeat(256))),
        with("name", json!("x".repeat(256))),
        with("name", json!({"first": "Ann"})),
        with("email", json!("x".repeat(256))),
        without("exp"),
        without("sub"),
    ];
    for token in bad {
        assert!(matches!(check(&token), Err(Invalid(why)) if !why.is_empty()), "{token}");
    }
}

#[test]
fn a_token_is_json_in_utf_8_to_its_last_claim() {
    let header = header().to_string();
    let claims =
        |more: &[u8]| [format!("{{\"sub\":\"ann\",\"exp\":{},\"x\":", NOW_S + 60).as_bytes(), more, b"}"].concat();
    let check_bytes = |header: &[u8], more: &[u8]| check(&forge_bytes(header, &claims(more), SECRET));
    assert!(check_bytes(header.as_bytes(), b"[{\"a\":1.5}]").is_ok(), "the others fail for their own reason");
    for more in [&b"\"\x96\""[..], b"\"\\ud83d\"", &[b"[".repeat(200), b"]".repeat(200)].concat()] {
        let refused = check_bytes(header.as_bytes(), more);
        assert!(matches!(refused, Err(Invalid(why)) if why.contains("UTF-8")), "{more:?}: {refused:?}");
    }
    assert!(check_bytes(b"{\"alg\":\"HS256\",\"x\":\"\x96\"}", b"1").is_err());
}

#[test]
fn a_former_secret_is_good_until_it_is_dropped() {
    let token = forge(&header(), &good_claims(), SECRET);
    let newer = Secret::new("another secret of the same site");
    assert!(check_person(&[newer.clone(), Secret::new(SECRET)], 1, &token, NOW).is_ok());
    assert!(check_person(&[newer], 1, &token, NOW).is_err());
    assert!(check_person(&[], 1, &token, NOW).is_err(), "without secrets nobody is anybody");
    assert!(check_person(&[Secret::new("")], 1, &token, NOW).is_err());
}

#[test]
fn a_person_is_another_one_on_another_site_and_never_a_visitor_key() {
    let hash = |site_id, sub: &str| {
        let token = with("sub", json!(sub));
        check_person(&secrets(), site_id, &token, NOW).unwrap().key_hash
    };
    assert_eq!(hash(1, "user-7"), hash(1, "user-7"));
    assert_ne!(hash(1, "user-7"), hash(2, "user-7"));
    assert_ne!(hash(1, "user-7"), hash(1, "user-8"));
    assert_ne!(hash(1, "user-7"), hash(1, "User-7"));
    let key = "vk_0123456789abcdefghijAB";
    assert_ne!(hash(1, key), hash_visitor_key(key).unwrap());
    assert!(!DOMAIN.starts_with(b"vk_"), "no visitor key can begin as a person does");
}
