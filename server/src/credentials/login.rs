//! An operator logs in.

use std::fmt;
use std::sync::Arc;

use super::Passwords;
use crate::store::{Operator, Store, StoreError};

/// Why somebody could not log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// There is no such operator, or the password is another one: the two look and last the same.
    Refused,
    /// Too many log in at once.
    Busy,
    /// The store did not answer.
    Store(StoreError),
}

/// Returns the operator with this address and password.
///
/// # Errors
/// [`LoginError`].
pub async fn log_in(
    store: &dyn Store,
    passwords: &Passwords,
    email: &str,
    password: String,
) -> Result<Arc<Operator>, LoginError> {
    let operator = store.operator_by_email(email).await.map_err(LoginError::Store)?;
    let hash = operator.as_ref().map(|operator| operator.password_hash.clone());
    let good = passwords.verify(password, hash).await.map_err(|_| LoginError::Busy)?;
    operator.filter(|_| good).ok_or(LoginError::Refused)
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("no operator has this address and password"),
            Self::Busy => f.write_str("too many log in at once: try again"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LoginError {}
