//! Several pages of one visitor: which of them may rest.
//!
//! Each page has a link of its own and is right without knowing of the others. Where the browser can tell which page leads, one that
//! follows and has been hidden for a while lets its link go: the leader hears what comes. It links again when it is
//! seen, when it leads, or when it has something to send.

use crate::connection::{Phase, Why};
use crate::{Client, Instant, Tab};

/// A page that follows rests after it has been hidden for so long, in ms.
const REST_MS: u64 = 60_000;

/// What a page knows about itself among the others.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tabs {
    tab: Option<Tab>,
    hidden_at: Option<Instant>,
    is_resting: bool,
}

impl Client {
    /// The browser has said which page leads.
    pub(crate) fn tab(&mut self, tab: Tab) {
        self.tabs.tab = Some(tab);
        if tab == Tab::Leads {
            self.end_rest();
        }
    }

    /// The page is seen no longer, or again.
    pub(crate) fn seen(&mut self, is_seen: bool) {
        self.tabs.hidden_at = if is_seen { None } else { self.tabs.hidden_at.or(Some(self.now.mono)) };
        if is_seen {
            self.no_rest();
        }
    }

    /// Whatever ended the link now, it was not a rest.
    pub(crate) fn no_rest(&mut self) {
        self.tabs.is_resting = false;
    }

    /// Links again, if it was only resting.
    pub(crate) fn end_rest(&mut self) {
        if core::mem::take(&mut self.tabs.is_resting) && matches!(self.phase, Phase::Frozen) {
            self.tabs.hidden_at = self.tabs.hidden_at.map(|_| self.now.mono);
            self.wake(Why::Wake);
        }
    }

    pub(crate) fn rest_due(&self) -> Option<Instant> {
        let follows = self.tabs.tab == Some(Tab::Follows) && matches!(self.phase, Phase::Online(_));
        // What waits is sent first.
        let is_idle = follows && !self.outbox.wants_link();
        self.tabs.hidden_at.filter(|_| is_idle).map(|at| at.plus(REST_MS))
    }

    pub(crate) fn rest(&mut self) {
        if self.rest_due().is_some_and(|at| at <= self.now.mono) {
            self.freeze();
            self.tabs.is_resting = true;
        }
    }
}
