//! A server over real sockets, address by address.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod abuse;
mod access;
mod audit;
mod avatars;
mod bad_bodies;
mod bad_frames;
mod contact;
mod credentials;
mod delivery;
mod dialogs;
mod drain;
mod events;
mod faults;
mod figures;
mod files;
mod frames;
mod health;
mod heartbeat;
mod history;
mod hours;
mod identity;
mod inbox;
mod injection;
mod journal;
mod limits;
mod messages;
mod origins;
mod polls;
mod resume;
mod routes;
mod slow_reader;
mod subscriptions;
mod tickets;
