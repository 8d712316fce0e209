//! One connection's session: frames and answers of the store in, commands out.

mod config;
mod input;
mod output;

pub use config::{Config, Entrance, Limits};
pub use input::{Input, Ticket};
pub use output::{Ending, Output};

use crate::{Millis, Now};

/// One connection's session.
///
/// Every [`Session::new`] and [`Session::handle`] must be followed by draining [`Session::poll_output`] to `None`, and
/// then by asking [`Session::poll_timeout`] when to call again. A spurious [`Input::Timeout`] does nothing. After
/// [`Output::Close`] it ignores everything.
#[derive(Debug)]
pub struct Session {
    config: Config,
}

impl Session {
    /// Begins a session as `config.entrance` says.
    pub fn new(config: Config, _now: Now) -> Self {
        Self { config }
    }

    /// Advances the session by one input.
    pub fn handle(&mut self, _now: Now, _input: Input) {
        let _ = &self.config;
    }

    /// Returns the next thing for the shell to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// Returns when to call with [`Input::Timeout`] next, on the monotonic clock, and why.
    pub fn poll_timeout(&self) -> Option<(Millis, &'static str)> {
        None
    }

    /// Ends the session and gives the bucket back that it was made with.
    pub fn into_bucket(self) -> crate::rate::Bucket {
        self.config.messages
    }

    /// Returns whether every question to the store has been answered: then the answer to a POST is complete.
    pub fn is_settled(&self) -> bool {
        true
    }
}
