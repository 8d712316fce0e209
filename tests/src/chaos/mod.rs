//! The chaos suite: the real program and real clients, a network that breaks, and a judge.
//!
//! A scenario starts `rejoin serve` as a process, lays a [`proxy::Proxy`] before it, and lets a crowd of clients talk
//! through it while a nemesis breaks what the scenario is about. Everything that clients send, are told, see and show goes
//! into a [`history::History`]; when all is whole again the server's log is added, and [`checker::check`] judges. A
//! nemesis that did not bite makes its scenario void.

pub mod bites;
pub mod checker;
pub mod crowd;
pub mod disk;
pub mod history;
pub mod outcome;
pub mod proxy;
pub mod report;
pub mod scenario;
pub mod scenarios;
pub mod stage;
mod witness;
