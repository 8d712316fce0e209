//! The client: one dialog's link, outbox, timeline and view.

use crate::{Config, Input, Instant, Now, Output, View};

/// One client of one dialog; see the crate's description for its life.
#[derive(Debug)]
pub struct Client {}

impl Client {
    /// Makes a client; the seed decides every jitter and every message id, so give each page load another one.
    pub fn new(_config: Config, _seed: u64) -> Self {
        Self {}
    }

    /// Takes one input; drain [`Client::poll_output`] afterwards.
    pub fn handle(&mut self, _now: Now, _input: Input) {}

    /// Returns the next thing for the driver to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// Returns when to call with [`Input::Timeout`] at the latest, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        None
    }

    /// Returns all that a person sees.
    pub fn view(&self) -> View {
        View::default()
    }
}
