//! The ticket that an embed page carries: this server gave the page out, for this assistant inside this parent.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::Mac;
use protocol::Secret;
use server_core::Millis;

use super::server_secret::mac;
use super::{RandomError, ServerSecret, random};

/// How long a ticket is good.
const VALID_MS: Millis = 60_000;

/// Used tickets that are remembered; each is forgotten when it would have expired anyway.
const MOST_USED: usize = 200_000;

/// The longest ticket that is looked at, in bytes.
const LONGEST_BYTES: usize = 1024;

const PREFIX: &str = "ft_";
const MAC_BYTES: usize = 32;
const FIXED_BYTES: usize = 8 + 8 + 16;

type Nonce = [u8; 16];

/// Gives tickets out and takes each back once.
pub struct FrameTickets {
    key: [u8; 32],
    used: Mutex<Used>,
}

/// What a good ticket says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FramePass {
    /// The assistant that the page was made for.
    pub assistant_id: u64,
    /// The origin that the page may stand in.
    pub parent_origin: String,
}

/// Why a ticket is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketError {
    /// It was good once.
    Expired,
    /// It has been used.
    Used,
    /// It is forged, damaged, or no ticket at all.
    Invalid,
    /// More tickets were used within a minute than the server remembers.
    TooMany,
}

/// The tickets used of late, by their time to be forgotten.
#[derive(Default)]
struct Used {
    nonces: HashSet<Nonce>,
    by_expiry: BTreeSet<(Millis, Nonce)>,
}

impl FrameTickets {
    /// Derives the key from the server's secret.
    pub(super) fn new(secret: &ServerSecret) -> Self {
        Self { key: secret.key("frame ticket, 1"), used: Mutex::default() }
    }

    /// Signs a ticket; `now` is the wall clock.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn issue(&self, assistant_id: u64, parent_origin: &str, now: Millis) -> Result<Secret, RandomError> {
        let mut bytes = Vec::with_capacity(FIXED_BYTES + parent_origin.len() + MAC_BYTES);
        bytes.extend(assistant_id.to_be_bytes());
        bytes.extend((now + VALID_MS).to_be_bytes());
        bytes.extend(random::bytes::<16>()?);
        bytes.extend(parent_origin.as_bytes());
        let mut mac = mac(&self.key);
        mac.update(&bytes);
        bytes.extend(mac.finalize().into_bytes());
        Ok(Secret::new(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// Takes a ticket back: it is good once, within a minute.
    ///
    /// # Errors
    /// [`TicketError`].
    pub fn redeem(&self, ticket: &str, now: Millis) -> Result<FramePass, TicketError> {
        let encoded = ticket.strip_prefix(PREFIX).filter(|_| ticket.len() <= LONGEST_BYTES);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(encoded.ok_or(TicketError::Invalid)?);
        let bytes = bytes.map_err(|_| TicketError::Invalid)?;
        let (signed, signature) = bytes.split_last_chunk::<MAC_BYTES>().ok_or(TicketError::Invalid)?;
        let mut mac = mac(&self.key);
        mac.update(signed);
        mac.verify_slice(signature).map_err(|_| TicketError::Invalid)?;
        let (assistant_id, rest) = signed.split_first_chunk::<8>().ok_or(TicketError::Invalid)?;
        let (expires_at, rest) = rest.split_first_chunk::<8>().ok_or(TicketError::Invalid)?;
        let (nonce, origin) = rest.split_first_chunk::<16>().ok_or(TicketError::Invalid)?;
        let expires_at = Millis::from_be_bytes(*expires_at);
        if expires_at <= now {
            return Err(TicketError::Expired);
        }
        let parent_origin = String::from_utf8(origin.to_vec()).map_err(|_| TicketError::Invalid)?;
        self.used.lock().unwrap_or_else(PoisonError::into_inner).add(*nonce, expires_at, now)?;
        Ok(FramePass { assistant_id: u64::from_be_bytes(*assistant_id), parent_origin })
    }
}

impl Used {
    fn add(&mut self, nonce: Nonce, expires_at: Millis, now: Millis) -> Result<(), TicketError> {
        while let Some((_, old)) = self.by_expiry.first().copied().filter(|(expires_at, _)| *expires_at <= now) {
            self.by_expiry.pop_first();
            self.nonces.remove(&old);
        }
        if self.nonces.contains(&nonce) {
            return Err(TicketError::Used);
        }
        if self.nonces.len() >= MOST_USED {
            return Err(TicketError::TooMany);
        }
        self.nonces.insert(nonce);
        self.by_expiry.insert((expires_at, nonce));
        Ok(())
    }
}

impl fmt::Debug for FrameTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameTickets(…)")
    }
}

impl fmt::Display for TicketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("the frame ticket has expired: load the frame again"),
            Self::Used => f.write_str("the frame ticket has been used: load the frame again"),
            Self::Invalid => f.write_str("the frame ticket is not one of this server"),
            Self::TooMany => f.write_str("too many frames were loaded within a minute"),
        }
    }
}

impl std::error::Error for TicketError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn tickets() -> FrameTickets {
        FrameTickets::new(&ServerSecret::from_text("an unusual text of 32 characters and more").unwrap())
    }

    #[test]
    fn a_ticket_is_good_once_within_a_minute() {
        let tickets = tickets();
        let ticket = tickets.issue(3, "https://shop.example", 1_000).unwrap();
        let pass = FramePass { assistant_id: 3, parent_origin: "https://shop.example".into() };
        assert_eq!(tickets.redeem(ticket.expose(), 60_999), Ok(pass));
        assert_eq!(tickets.redeem(ticket.expose(), 60_999), Err(TicketError::Used));
        assert_eq!(tickets.redeem(ticket.expose(), 61_000), Err(TicketError::Expired));
    }

    #[test]
    fn a_used_ticket_is_forgotten_only_when_it_has_expired() {
        let tickets = tickets();
        let first = tickets.issue(3, "https://shop.example", 0).unwrap();
        tickets.redeem(first.expose(), 1).unwrap();
        let second = tickets.issue(3, "https://shop.example", 60_000).unwrap();
        tickets.redeem(second.expose(), 60_000).unwrap();
        assert_eq!(tickets.used.lock().unwrap().nonces.len(), 1);
        assert_eq!(tickets.redeem(first.expose(), 60_000), Err(TicketError::Expired));
    }

    #[test]
    fn every_changed_bit_makes_a_ticket_invalid() {
        let tickets = tickets();
        let ticket = tickets.issue(3, "https://shop.example", 0).unwrap();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&ticket.expose()[PREFIX.len()..]).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let forged = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(forged));
            assert_eq!(tickets.redeem(&forged, 1), Err(TicketError::Invalid), "bit {bit}");
        }
        for text in ["", "ft_", "ft_AAAA", "ft_=", &"ft_A".repeat(1000), &ticket.expose()[..60], &ticket.expose()[3..]]
        {
            assert_eq!(tickets.redeem(text, 1), Err(TicketError::Invalid), "{text}");
        }
        assert!(tickets.redeem(ticket.expose(), 1).is_ok(), "the untouched one is still good");
    }
}
