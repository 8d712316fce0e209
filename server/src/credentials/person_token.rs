//! The token of a visitor who is somebody: a JWT that the site's own backend signs and this server checks.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use mutants::Mutant;
use protocol::{Secret, code};
use serde::Deserialize;
use server_core::Millis;
use server_core::access::KeyHash;
use sha2::{Digest, Sha256};

use super::hs256;
use crate::letters::misleads;
use crate::store::Profile;

/// The longest token that is looked at, in bytes.
const LONGEST_BYTES: usize = 4096;
/// Characters of `sub`, `name` and `email`.
const MOST_CHARS: usize = 255;
/// The clocks of two servers may differ by so much.
const LEEWAY_MS: Millis = 60_000;
/// No token is good for longer.
const LONGEST_MS: Millis = 24 * 3_600_000;
/// What the hash of a person begins with. A visitor key begins with `vk_`: no key can have the hash of a person.
const DOMAIN: &[u8] = b"rejoin person, 1\0";

/// What a good token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonPass {
    /// What the person's dialogs are kept under.
    pub key_hash: KeyHash,
    /// When the token expires, wall clock; an open connection ends then, unless it has brought a fresh one.
    pub expires_at: Millis,
    /// Who it is, for operators.
    pub profile: Profile,
}

/// Why a token is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonTokenError {
    /// It was good once.
    Expired,
    /// It is not one; the text says to the site's developer what to change.
    Invalid(&'static str),
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    nbf: Option<u64>,
    name: Option<String>,
    email: Option<String>,
}

/// Checks a token that a site has signed; `now` is the wall clock.
///
/// Claims that are not known here are ignored: libraries add their own.
///
/// # Errors
/// [`PersonTokenError`].
pub fn check_person(
    secrets: &[Secret],
    site_id: u64,
    token: &str,
    now: Millis,
) -> Result<PersonPass, PersonTokenError> {
    use PersonTokenError::{Expired, Invalid};
    if secrets.is_empty() {
        return Err(Invalid("this site has no identity secret: make one with `rejoin site identity`"));
    }
    if token.len() > LONGEST_BYTES {
        return Err(Invalid("a token has at most 4,096 bytes"));
    }
    let claims = verify(secrets, token)?;
    if claims.sub.is_empty() || claims.sub.chars().count() > MOST_CHARS || claims.sub.chars().any(char::is_control) {
        return Err(Invalid("`sub` of the token must be a text of 1 to 255 characters"));
    }
    let profile = Profile { name: shown(claims.name)?, email: shown(claims.email)? };
    let expires_at = claims.exp.saturating_mul(1_000).saturating_add(LEEWAY_MS);
    if expires_at <= now && !mutants::planted(Mutant::PersonNeverExpires) {
        return Err(Expired);
    }
    if expires_at > now.saturating_add(LONGEST_MS + 2 * LEEWAY_MS) {
        return Err(Invalid("`exp` of the token is more than 24 hours away (it counts seconds)"));
    }
    if claims.nbf.is_some_and(|nbf| nbf.saturating_mul(1_000) > now.saturating_add(LEEWAY_MS)) {
        return Err(Invalid("the token is not valid yet (`nbf`): are the clocks right?"));
    }
    Ok(PersonPass { key_hash: hash_person(site_id, &claims.sub), expires_at, profile })
}

/// Returns what a person's dialogs are kept under, in place of the hash of a visitor key.
fn hash_person(site_id: u64, sub: &str) -> KeyHash {
    let site_id = if mutants::planted(Mutant::PersonOfAllSites) { 0 } else { site_id };
    Sha256::new().chain_update(DOMAIN).chain_update(site_id.to_le_bytes()).chain_update(sub).finalize().into()
}

/// Returns what the token claims, if one of the secrets has signed it.
fn verify(secrets: &[Secret], token: &str) -> Result<Claims, PersonTokenError> {
    hs256::install();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_required_spec_claims::<&str>(&[]);
    // Looked at here, against the clock that is given.
    validation.validate_exp = false;
    // The secret is for this purpose alone, so whoever can sign means us.
    validation.validate_aud = false;
    let mut wrong = "";
    for secret in secrets {
        // Exposed to be compared with the signature.
        let key = DecodingKey::from_secret(secret.expose().as_bytes());
        match jsonwebtoken::decode::<Claims>(token, &key, &validation) {
            Ok(decoded) if is_json(token) => return Ok(decoded.claims),
            Ok(_) => return Err(PersonTokenError::Invalid("the token must be JSON in UTF-8, to its last claim")),
            Err(error) => wrong = explain(error.kind()),
        }
        if wrong != SIGNATURE {
            break;
        }
    }
    Err(PersonTokenError::Invalid(wrong))
}

/// Says whether head and claims are JSON, those parts among it that nobody here reads.
fn is_json(token: &str) -> bool {
    let is_value = |bytes: Vec<u8>| serde_json::from_slice::<serde_json::Value>(&bytes).is_ok();
    token.split('.').take(2).all(|part| BASE64_URL_SAFE_NO_PAD.decode(part).is_ok_and(is_value))
}

const SIGNATURE: &str = "the token was not signed with this site's identity secret";

fn explain(kind: &ErrorKind) -> &'static str {
    use ErrorKind::{InvalidAlgorithm, InvalidAlgorithmName, InvalidSignature, Json};
    // What each of the library's errors means is its own business, but for these.
    if matches!(kind, InvalidSignature) {
        SIGNATURE
    } else if matches!(kind, InvalidAlgorithm | InvalidAlgorithmName) {
        "the token must be signed with HS256"
    } else if matches!(kind, Json(_)) {
        "the token must claim `sub` as a text and `exp` in whole seconds"
    } else {
        "this is neither a visitor key (vk_…) nor a token (JWT)"
    }
}

fn shown(text: Option<String>) -> Result<String, PersonTokenError> {
    let text = text.unwrap_or_default();
    if text.chars().count() > MOST_CHARS {
        return Err(PersonTokenError::Invalid("`name` and `email` of the token have at most 255 characters"));
    }
    if text.trim().chars().any(misleads) {
        let why = "`name` and `email` of the token are one line, without control characters and turns of direction";
        return Err(PersonTokenError::Invalid(why));
    }
    Ok(text.trim().to_owned())
}

impl PersonTokenError {
    /// Returns the code of the answer.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Expired => code::TOKEN_EXPIRED,
            Self::Invalid(_) => code::UNAUTHORIZED,
        }
    }
}

impl fmt::Display for PersonTokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("the token has expired: sign a fresh one"),
            Self::Invalid(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for PersonTokenError {}

#[cfg(test)]
#[path = "person_token_tests.rs"]
mod tests;
