//! A server over real sockets, address by address.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod credentials;
mod delivery;
mod dialogs;
mod events;
mod frames;
mod health;
mod heartbeat;
mod history;
mod messages;
mod origins;
mod resume;
mod routes;
