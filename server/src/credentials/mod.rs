//! Who somebody is: tokens of operators, keys and tokens of visitors, tickets of frames, passwords, and the server's own secret.

mod frame_ticket;
mod hs256;
mod login;
mod operator_token;
mod password;
mod person_token;
mod random;
mod server_secret;
mod visitor_key;

pub use frame_ticket::{FramePass, FrameTickets, TicketError};
pub use login::{LoginError, log_in};
pub use operator_token::{OperatorPass, OperatorTokens, TokenError};
pub use password::Passwords;
pub use person_token::{PersonPass, PersonTokenError, check_person};
pub use random::{RandomError, epoch, identity_secret, password, seed, site_token};
#[cfg(test)]
pub(crate) use server_secret::mac;
pub use server_secret::{SecretError, ServerSecret};
pub use visitor_key::{InvalidKey, hash_visitor_key};

/// Everything that the server checks credentials with.
#[derive(Debug)]
pub struct Credentials {
    /// Tokens of operators.
    pub operators: OperatorTokens,
    /// Tickets of frames.
    pub frames: FrameTickets,
    /// Passwords of operators.
    pub passwords: Passwords,
}

impl Credentials {
    /// Derives all keys from the server's secret.
    pub fn new(secret: &ServerSecret) -> Self {
        Self {
            operators: OperatorTokens::new(secret),
            frames: FrameTickets::new(secret),
            passwords: Passwords::default(),
        }
    }
}
