//! What a site's own backend does: it signs who its visitors are.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use protocol::Secret;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::app::{TestApp, now};

/// Gives a site of [`crate::app`] a secret, and returns it.
pub fn give_secret(app: &TestApp, site: &str, secret: &str) -> String {
    let admin = app.admin();
    let site = admin.site(site).expect("the database answers").expect("the site exists");
    admin.add_identity_secret(site.id, &Secret::new(secret)).expect("it can be kept");
    secret.to_owned()
}

/// Signs a token that is good for so many seconds.
pub fn token(secret: &str, sub: &str, valid_s: i64) -> String {
    let exp = i64::try_from(now() / 1_000).unwrap_or(i64::MAX) + valid_s;
    sign(
        secret,
        &json!({"sub": sub, "exp": exp, "name": format!("Name of {sub}"), "email": format!("{sub}@example.org")}),
    )
}

/// Signs claims.
pub fn sign(secret: &str, claims: &Value) -> String {
    let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}
