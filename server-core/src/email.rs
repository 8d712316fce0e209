//! What an e-mail address that a visitor leaves may be.

use protocol::{code, email};

use crate::Refusal;

/// Checks an address.
///
/// # Errors
/// `invalid_email`.
pub fn check(address: &str) -> Result<(), Refusal> {
    if email::is_plausible(address) {
        return Ok(());
    }
    Err(Refusal::terminal(code::INVALID_EMAIL, "an e-mail address such as ann@shop.example is needed"))
}
