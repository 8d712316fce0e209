//! The token of an operator: a JWT that this server signs and checks.

use std::fmt;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use protocol::{Secret, code};
use serde::{Deserialize, Serialize};
use server_core::Millis;

use super::{ServerSecret, hs256};

/// Who signs.
const ISSUER: &str = "rejoin";

/// What the token is for.
const AUDIENCE: &str = "rejoin-operator";

/// The longest token that is looked at, in bytes.
const LONGEST_BYTES: usize = 4096;

/// Signs and checks the tokens of operators.
pub struct OperatorTokens {
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
}

/// What a good token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorPass {
    /// The operator; whether it still exists is for the store to say.
    pub operator_id: u64,
    /// Which of its tokens it is; whether those are still good is for the store to say.
    pub epoch: u64,
    /// When the token expires, wall clock; an open connection ends then, unless it has brought a fresh one.
    pub expires_at: Millis,
}

/// Why a token is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It was good once.
    Expired,
    /// It is forged, damaged, for something else, or no token at all.
    Invalid,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    sub: String,
    /// For the console's own header; nothing is decided by it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    epoch: u64,
    iss: String,
    aud: String,
    iat: u64,
    exp: u64,
}

impl OperatorTokens {
    /// Derives the key from the server's secret.
    pub(super) fn new(secret: &ServerSecret) -> Self {
        hs256::install();
        let key = secret.key("operator token, 1");
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Self { signing: EncodingKey::from_secret(&key), checking: DecodingKey::from_secret(&key), validation }
    }

    /// Signs a token; `now` is the wall clock, `name` the shown name of the operator, `epoch` its `token_epoch`.
    ///
    /// # Errors
    /// [`TokenError::Invalid`] when the library cannot sign.
    pub fn issue(
        &self,
        operator_id: u64,
        epoch: u64,
        name: &str,
        now: Millis,
        valid_ms: Millis,
    ) -> Result<Secret, TokenError> {
        let iat = now / 1000;
        let claims = Claims {
            sub: operator_id.to_string(),
            name: name.into(),
            epoch,
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            iat,
            exp: iat.saturating_add(valid_ms / 1000),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing);
        token.map(Secret::new).map_err(|_| TokenError::Invalid)
    }

    /// Checks a token against the system's clock.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn check(&self, token: &str) -> Result<OperatorPass, TokenError> {
        if token.len() > LONGEST_BYTES {
            return Err(TokenError::Invalid);
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.checking, &self.validation)
            .map_err(|error| match matches!(error.kind(), ErrorKind::ExpiredSignature) {
                true => TokenError::Expired,
                false => TokenError::Invalid,
            })?
            .claims;
        let operator_id = claims.sub.parse().map_err(|_| TokenError::Invalid)?;
        Ok(OperatorPass { operator_id, epoch: claims.epoch, expires_at: claims.exp.saturating_mul(1000) })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(epoch: &u64) -> bool {
    *epoch == 0
}

impl fmt::Debug for OperatorTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorTokens(…)")
    }
}

impl TokenError {
    /// Returns the code of the answer.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Expired => code::TOKEN_EXPIRED,
            Self::Invalid => code::UNAUTHORIZED,
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("the token has expired: log in again"),
            Self::Invalid => f.write_str("the token is not one of this server: log in again"),
        }
    }
}

impl std::error::Error for TokenError {}

#[cfg(test)]
#[path = "operator_token_tests.rs"]
mod tests;
