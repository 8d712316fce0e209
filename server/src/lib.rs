//! (skeleton)

pub mod config;
pub mod credentials;
pub mod store;
