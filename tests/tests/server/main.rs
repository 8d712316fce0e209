//! A server over real sockets, address by address.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod credentials;
mod delivery;
mod dialogs;
mod frames;
mod health;
mod messages;
mod origins;
mod routes;
