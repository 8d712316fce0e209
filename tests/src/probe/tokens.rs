//! Tokens of people: what the server takes, an honest verifier takes, and a page reads the same person out of it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use client_core::{Client, Config, Identify, Input, Instant, Now, Output, Side};
use hmac::{Hmac, KeyInit, Mac};
use protocol::{Secret, code};
use serde_json::{Value, json};
use server::credentials::{PersonPass, check_person};
use sha2::Sha256;

use super::json::{Text, judge};

const SECRET: &str = "is_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const FORMER: &str = "is_what_the_site_had_before_it_changed_its_secret";
const SITE: u64 = 7;
/// The clock, in seconds since 1970.
const NOW_S: u64 = 1_790_000_000;
/// Clocks may differ by so much, and no token is good for longer than a day.
const LEEWAY_S: u64 = 60;

/// Reads bytes as a token: as it comes, or as head and claims that somebody signs who can.
pub fn probe(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (head, claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match kind % 4 {
        0 => check(&String::from_utf8_lossy(bytes)),
        // Signed with the secret, with the one from before, and with one that is none of the site's.
        1 => check(&sign(br#"{"alg":"HS256","typ":"JWT"}"#, bytes, SECRET)),
        2 => check(&sign(head, claims, FORMER)),
        _ => {
            let token = sign(br#"{"alg":"HS256"}"#, bytes, "is_somebody_else's");
            assert!(verify(&token).is_none());
            check(&token);
        }
    }
}

/// Nothing that an honest verifier refuses is taken, and whom the server lets in as somebody is the same one to a page.
///
/// # Panics
/// It is not so.
pub fn check(token: &str) {
    let secrets = [Secret::new(SECRET), Secret::new(FORMER)];
    let now = NOW_S * 1_000;
    match check_person(&secrets, SITE, token, now) {
        Ok(pass) => {
            let honest = verify(token);
            let (sub, exp, claims) =
                honest.unwrap_or_else(|| panic!("the server takes what is no good token: {token}"));
            assert_eq!(pass.expires_at, (exp + LEEWAY_S) * 1_000, "{token}");
            check_pass(&pass, &sub, &claims);
            let text = claims_text(token).unwrap_or_default();
            // A page passes over claims that it cannot read: then it is not signed in, and says so.
            if judge(&text) == Text::Plain && !protocol::json::is_too_deep(text.as_bytes()) {
                assert_eq!(tag_of(token), tag_of(&good(&sub)), "a page takes {token} for somebody else than {sub:?}");
            }
            // Nor is it good for ever, at another site's secret, or with its end cut off.
            assert!(check_person(&secrets, SITE, token, pass.expires_at).is_err(), "after its end");
            assert!(check_person(&[Secret::new("is_another")], SITE, token, now).is_err(), "with another secret");
            assert!(check_person(&secrets, SITE, &token[..token.len() - 1], now).is_err(), "cut off");
        }
        Err(error) => {
            assert!([code::UNAUTHORIZED, code::TOKEN_EXPIRED].contains(&error.code()), "{token}");
            let why = error.to_string();
            assert!(!why.is_empty() && !why.contains(SECRET) && !why.contains(FORMER), "{why}");
        }
    }
    // A page never stumbles over it.
    let _tag = tag_of(token);
}

fn check_pass(pass: &PersonPass, sub: &str, claims: &Value) {
    let again = check_person(&[Secret::new(SECRET)], SITE, &good(sub), NOW_S * 1_000).expect("it is good");
    assert_eq!(pass.key_hash, again.key_hash, "{sub:?} has two dialogs");
    for (shown, name) in [(&pass.profile.name, "name"), (&pass.profile.email, "email")] {
        assert_eq!(shown.as_str(), claims[name].as_str().unwrap_or_default().trim(), "{name}");
        assert!(shown.chars().count() <= 255, "{name}");
        let turns =
            |letter: char| letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!shown.contains(turns), "{name} is {shown:?}");
    }
}

/// A token that nobody could object to.
fn good(sub: &str) -> String {
    let claims = json!({"sub": sub, "exp": NOW_S + 60}).to_string();
    sign(br#"{"alg":"HS256","typ":"JWT"}"#, claims.as_bytes(), SECRET)
}

/// Signs any head and any claims, as the holder of a secret can.
pub fn sign(head: &[u8], claims: &[u8], secret: &str) -> String {
    let message = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(head), BASE64_URL_SAFE_NO_PAD.encode(claims));
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac(&message, secret).finalize().into_bytes()))
}

fn mac(message: &str, secret: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac
}

fn claims_text(token: &str) -> Option<String> {
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?).ok()
}

/// What RFC 7519 and docs/identity.md ask, written anew: subject, end and claims of a good token.
fn verify(token: &str) -> Option<(String, u64, Value)> {
    let [head, claims, signature] = token.split('.').collect::<Vec<_>>().try_into().ok()?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
    let message = format!("{head}.{claims}");
    if token.len() > 4_096
        || ![SECRET, FORMER].iter().any(|secret| mac(&message, secret).verify_slice(&signature).is_ok())
    {
        return None;
    }
    let read = |part: &str| serde_json::from_slice::<Value>(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let (head, claims) = (read(head)?, read(claims)?);
    let sub = claims["sub"].as_str().filter(|sub| (1..=255).contains(&sub.chars().count()))?.to_owned();
    let exp = claims["exp"].as_u64()?;
    let is_in_time = exp.saturating_add(LEEWAY_S) > NOW_S && exp <= NOW_S + 24 * 3_600 + LEEWAY_S;
    let has_begun =
        claims.get("nbf").is_none_or(|nbf| nbf.is_null() || nbf.as_u64().is_some_and(|nbf| nbf <= NOW_S + LEEWAY_S));
    let is_text = |name: &str| claims.get(name).is_none_or(|text| text.is_null() || text.is_string());
    let is_good = head["alg"] == "HS256" && is_in_time && has_begun && is_text("name") && is_text("email");
    (is_good && !sub.contains(char::is_control)).then_some((sub, exp, claims))
}

/// Whose drawer of the storage a page opens for a token; none where it is nobody's to it.
fn tag_of(token: &str) -> Option<String> {
    let config = Config::new(Side::Site { site_token: "st_demo".into() }, Secret::new("vk_0123456789abcdefghijkl"));
    let mut client = Client::new(config, 1);
    let now = Now { mono: Instant::from_millis(1), wall: NOW_S * 1_000 };
    client.handle(now, Input::Identify(Identify::Token(Secret::new(token))));
    let mut tag = None;
    while let Some(output) = client.poll_output() {
        if let Output::Person { tag: whose } = output {
            assert!(whose.len() == 26 && whose.bytes().all(|letter| letter.is_ascii_hexdigit()), "{whose}");
            tag = Some(whose);
        }
    }
    tag
}
