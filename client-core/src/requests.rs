//! Requests that are under way, each with its purpose and its time.

use crate::servers::Failure;
use crate::trouble::Trouble;
use crate::{Call, Client, Instant, LinkId, Output, RequestId};

/// Requests under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests {
    asked: Vec<Asked>,
    last: u32,
}

#[derive(Clone, Debug)]
struct Asked {
    request: RequestId,
    at: Instant,
    until: Instant,
    purpose: Purpose,
}

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// What the site says about itself.
    Settings,
    /// The dialog and the end of its log; with it, perhaps, the first message.
    Load { first: Option<String> },
    /// Whether a socket can be opened.
    Gate,
    /// The same, while a link is still up.
    NextGate,
    /// Frames beside an SSE link; these messages among them.
    Frames { link: LinkId, ids: Vec<String> },
    /// What comes after the cursor, for a link that is made of polls.
    Poll { link: LinkId },
    /// What the page says about the visitor.
    Tell,
    /// Messages before this `seq`.
    Older { before: u64 },
    /// The address that the visitor leaves.
    Contact,
}

impl Purpose {
    /// Returns it in one word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Load { .. } => "load",
            Self::Gate | Self::NextGate => "gate",
            Self::Frames { .. } => "frames",
            Self::Poll { .. } => "poll",
            Self::Tell => "attributes",
            Self::Older { .. } => "history",
            Self::Contact => "contact",
        }
    }
}

impl Requests {
    pub(crate) fn due(&self) -> Option<Instant> {
        self.asked.iter().map(|asked| asked.until).min()
    }

    pub(crate) fn has(&self, purpose: &Purpose) -> bool {
        self.asked.iter().any(|asked| asked.purpose == *purpose)
    }

    pub(crate) fn frames_under_way(&self) -> usize {
        self.asked.iter().filter(|asked| matches!(asked.purpose, Purpose::Frames { .. })).count()
    }

    /// Takes the purpose of a request that was answered, and when it was asked; `None` for one that is no longer awaited.
    pub(crate) fn take(&mut self, request: RequestId) -> Option<(Purpose, Instant)> {
        let place = self.asked.iter().position(|asked| asked.request == request)?;
        let asked = self.asked.swap_remove(place);
        Some((asked.purpose, asked.at))
    }

    /// Takes one request whose time is over.
    fn take_late(&mut self, now: Instant) -> Option<(RequestId, Purpose)> {
        let place = self.asked.iter().position(|asked| asked.until <= now)?;
        let asked = self.asked.swap_remove(place);
        Some((asked.request, asked.purpose))
    }
}

impl Client {
    /// Asks the server that this client is at.
    pub(crate) fn ask(&mut self, purpose: Purpose, call: Call, timeout_ms: u64) {
        self.ask_at(self.servers.current(), purpose, call, timeout_ms);
    }

    /// Asks one of the servers.
    pub(crate) fn ask_at(&mut self, server: usize, purpose: Purpose, mut call: Call, timeout_ms: u64) {
        call.path = self.at(server, &call.path);
        self.requests.last += 1;
        let request = RequestId(self.requests.last);
        let at = self.now.mono;
        self.requests.asked.push(Asked { request, at, until: at.plus(timeout_ms), purpose });
        self.outputs.push_back(Output::Request { request, call });
    }

    /// Aborts a request, if it is under way.
    pub(crate) fn abort(&mut self, purpose: &Purpose) -> bool {
        let Some(place) = self.requests.asked.iter().position(|asked| asked.purpose == *purpose) else { return false };
        let request = self.requests.asked.swap_remove(place).request;
        self.outputs.push_back(Output::Abort { request });
        true
    }

    /// Aborts everything but the settings: the link it belongs to is gone.
    pub(crate) fn abort_requests(&mut self) {
        let outputs = &mut self.outputs;
        self.requests.asked.retain(|asked| {
            let keep = matches!(asked.purpose, Purpose::Settings | Purpose::Older { .. } | Purpose::Contact);
            if !keep {
                outputs.push_back(Output::Abort { request: asked.request });
            }
            keep
        });
    }

    /// Aborts what was asked for an older part of the log.
    pub(crate) fn drop_history(&mut self) {
        let older = self.requests.asked.iter().find(|asked| matches!(asked.purpose, Purpose::Older { .. }));
        if let Some(purpose) = older.map(|asked| asked.purpose.clone()) {
            self.abort(&purpose);
        }
    }

    /// Gives up requests whose time is over.
    pub(crate) fn expire_requests(&mut self) {
        while let Some((request, purpose)) = self.requests.take_late(self.now.mono) {
            self.outputs.push_back(Output::Abort { request });
            self.trouble(Trouble::RequestTimeout, purpose.word());
            self.failed(purpose, Failure::Silent);
        }
    }
}
