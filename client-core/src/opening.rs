//! Opening: one transport after the other beside each other, until one is ready.

use crate::client::Loading;
use crate::connection::{Next, Phase, Why};
use crate::{Client, Instant, LinkId, Output, Transport, message_id, path};

/// Links that are being opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) why: Why,
    pub(crate) socket: Try,
    pub(crate) stream: Try,
    poll: Try,
    /// When the next transport is tried beside these.
    pub(crate) fallback_at: Option<Instant>,
    pub(crate) until: Instant,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Try {
    Untried,
    Open(LinkId),
    Failed,
}

impl Opening {
    fn new(why: Why, until: Instant) -> Self {
        Self { why, socket: Try::Untried, stream: Try::Untried, poll: Try::Untried, fallback_at: None, until }
    }

    pub(crate) fn links(&self) -> [Option<LinkId>; 3] {
        [self.socket.link(), self.stream.link(), self.poll.link()]
    }

    fn tries(&mut self) -> [(Transport, &mut Try); 3] {
        [
            (Transport::WebSocket, &mut self.socket),
            (Transport::Sse, &mut self.stream),
            (Transport::LongPolling, &mut self.poll),
        ]
    }

    fn slot(&mut self, transport: Transport) -> &mut Try {
        match transport {
            Transport::WebSocket => &mut self.socket,
            Transport::Sse => &mut self.stream,
            Transport::LongPolling | Transport::Polling => &mut self.poll,
        }
    }
}

impl Try {
    pub(crate) fn link(self) -> Option<LinkId> {
        match self {
            Self::Open(link) => Some(link),
            Self::Untried | Self::Failed => None,
        }
    }
}

impl Client {
    /// Opens the link, after the dialog was loaded.
    pub(crate) fn proceed(&mut self, why: Why) {
        if self.loading == Loading::Todo {
            return self.load();
        }
        let now = self.now.mono;
        self.phase = Phase::Opening(Opening::new(why, now.plus(self.config.transports.open_timeout_ms)));
        self.try_beside(self.ladder.best(now));
    }

    /// Goes on with the link that was to take over, when the one before it is gone; returns whether there was one.
    pub(crate) fn go_over(&mut self) -> bool {
        let Phase::Online(online) = &self.phase else { return false };
        let Next::Opening { why, server, link, transport, until } = online.next else { return false };
        let gone = online.link;
        self.saw_break();
        let mut opening = Opening::new(why, until);
        *opening.slot(transport) = Try::Open(link);
        opening.fallback_at = self.patience(transport);
        self.leave(gone);
        self.in_doubt();
        self.servers.choose(server);
        self.lost_at = Some(self.lost_at.unwrap_or(self.now.mono));
        self.phase = Phase::Opening(opening);
        true
    }

    /// Returns when something else is tried beside a transport.
    fn patience(&self, transport: Transport) -> Option<Instant> {
        let transports = &self.config.transports;
        let patience_ms = match transport {
            _ if mutants::planted(mutants::Mutant::ClientNoFallback) => return None,
            Transport::WebSocket => transports.fallback_after_ms,
            // Nothing of its body has come: a proxy keeps it back.
            Transport::Sse => transports.stream_after_ms,
            Transport::LongPolling | Transport::Polling => return None,
        };
        Some(self.now.mono.plus(patience_ms))
    }

    fn try_beside(&mut self, transport: Transport) {
        let server = self.servers.current();
        let attempt = self.open(transport, server).map_or(Try::Failed, Try::Open);
        let fallback_at = self.patience(transport);
        if let Phase::Opening(opening) = &mut self.phase {
            *opening.slot(transport) = attempt;
            opening.fallback_at = fallback_at;
        }
    }

    /// What is tried takes too long, or has failed: the next transport is tried beside it.
    pub(crate) fn fall_back(&mut self) {
        let now = self.now.mono;
        let Phase::Opening(opening) = &mut self.phase else { return };
        opening.fallback_at = None;
        let stream =
            opening.stream == Try::Untried && opening.poll == Try::Untried && self.ladder.is_good(Transport::Sse, now);
        if stream {
            self.try_beside(Transport::Sse);
        } else if opening.poll == Try::Untried {
            self.try_beside(Transport::LongPolling);
        }
    }

    /// Opens a link at a server.
    pub(crate) fn open(&mut self, transport: Transport, server: usize) -> Option<LinkId> {
        let dialog_id = self.dialog_id?;
        let link = self.new_link();
        let side = &self.config.side;
        let path = match transport {
            Transport::WebSocket => side.socket(dialog_id),
            Transport::Sse => side.stretch(dialog_id, path::EVENTS, &self.stretch(link)),
            Transport::LongPolling | Transport::Polling => {
                // An answer at once proves the way, and brings what is there.
                self.saw_opening(link, transport);
                self.ask_poll(link, server, 0);
                return Some(link);
            }
        };
        let path = self.at(server, &path);
        self.outputs.push_back(Output::Open { link, transport, path });
        self.saw_opening(link, transport);
        Some(link)
    }

    /// Returns from where on a link brings the log.
    pub(crate) fn stretch(&self, link: LinkId) -> path::Stretch {
        path::Stretch { client: self.sender(link), after: self.timeline.cursor(), epoch: self.timeline.epoch() }
    }

    /// Names the sender of a link's messages: each link counts them anew.
    ///
    /// What is still in the pipe of a link before has that link's numbers, and can neither take the place of a message
    /// that is sent again nor overtake it.
    pub(crate) fn sender(&self, link: LinkId) -> String {
        let mut sender = self.client_id.clone();
        if mutants::planted(mutants::Mutant::ClientOneSender) {
            return sender;
        }
        sender.push('-');
        message_id::push_hex(&mut sender, u64::from(link.0), 32, 0);
        sender
    }

    /// A link that is not ready yet has ended; it never will be.
    pub(crate) fn attempt_failed(&mut self, link: LinkId, at_least_ms: u64) {
        self.saw_failure();
        let Phase::Opening(opening) = &mut self.phase else {
            if self.knows(link) && self.link() != Some(link) {
                self.next_failed();
            }
            return;
        };
        let (mut is_open, mut is_latest, mut is_last) = (false, false, false);
        for (transport, attempt) in opening.tries() {
            if *attempt == Try::Open(link) {
                *attempt = Try::Failed;
                is_latest = true;
            } else if *attempt != Try::Untried {
                is_latest = false;
            }
            is_open |= attempt.link().is_some();
            is_last = transport == Transport::LongPolling && *attempt != Try::Untried;
        }
        self.leave(link);
        if at_least_ms > 0 {
            self.back_off(at_least_ms);
        } else if is_latest && !is_last && !mutants::planted(mutants::Mutant::ClientNoFallback) {
            self.fall_back();
        } else if !is_open {
            self.opening_failed();
        }
    }

    /// Nothing that was tried has become ready. Where nothing is better, nothing is to be avoided.
    pub(crate) fn opening_failed(&mut self) {
        self.ladder.try_again();
        self.back_off(0);
    }

    /// Returns the transport of a link that has just become ready, and notes which better ones have failed.
    pub(crate) fn arrived(&mut self, link: LinkId) -> Transport {
        let now = self.now.mono;
        let transports = &self.config.transports;
        match &mut self.phase {
            Phase::Opening(opening) => {
                let tries = opening.tries();
                let found = tries.iter().position(|(_, attempt)| **attempt == Try::Open(link)).unwrap_or(0);
                let mut worse = false;
                for (transport, attempt) in tries.iter().take(found) {
                    if **attempt != Try::Untried {
                        self.ladder.failed(*transport, now, transports);
                        worse = true;
                    }
                }
                if worse {
                    self.ladder.settled();
                }
                match tries.get(found) {
                    Some((Transport::LongPolling, _)) if !self.ladder.is_good(Transport::LongPolling, now) => {
                        Transport::Polling
                    }
                    Some((transport, _)) => *transport,
                    None => Transport::WebSocket,
                }
            }
            Phase::Online(online) => match online.next {
                Next::Opening { link: next, transport, server, .. } if next == link => {
                    self.servers.choose(server);
                    transport
                }
                Next::Opening { .. } | Next::Gate { .. } | Next::None => online.transport,
            },
            Phase::Idle
            | Phase::Loading
            | Phase::Waiting { .. }
            | Phase::Gate { .. }
            | Phase::Frozen
            | Phase::Unauthorized
            | Phase::Stopped => Transport::WebSocket,
        }
    }
}
