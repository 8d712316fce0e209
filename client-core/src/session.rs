//! A link from its first frame on: hello, ready, pings, and the link that takes over.

use mutants::Mutant;
use protocol::{CHANNELS, ClientFrame, ClientInfo, Hello, Ping, Ready, Subscription, Timestamp, VERSION, json};

use crate::client::Settled;
use crate::connection::{Catching, Next, Online, Phase, SOON_MS, Why};
use crate::polling::Polls;
use crate::pulse::Pulse;
use crate::{Client, Instant, LinkId, Output, Side, Transport};

impl Client {
    /// A WebSocket is open: it says who is there.
    pub(crate) fn opened(&mut self, link: LinkId) {
        if !self.knows(link) {
            return;
        }
        let why = match (&self.phase, self.online().map(|online| online.next)) {
            (Phase::Opening(opening), _) if opening.socket.link() == Some(link) => opening.why,
            (_, Some(Next::Opening { link: next, transport: Transport::WebSocket, why, .. })) if next == link => why,
            // A stream says it in its address.
            _ => return,
        };
        let ticket = match &self.config.side {
            Side::Widget { ticket, .. } if !ticket.is_empty() => Some(protocol::Secret::new(ticket.clone())),
            Side::Widget { .. } | Side::Site { .. } | Side::Operator { .. } => None,
        };
        let credential = Some(self.config.credential.clone());
        let (key, token) = match self.token() {
            None if self.is_visitor() => (credential, None),
            None => (None, credential),
            token => (None, token.cloned()),
        };
        let client = ClientInfo { id: self.sender(link), transport: String::from("websocket"), why: why.word().into() };
        let hello = Hello {
            v: VERSION,
            key,
            token,
            ticket,
            after: Some(self.timeline.cursor()),
            epoch: self.timeline.epoch(),
            pending: self.outbox.doubtful(),
            client: Some(client),
        };
        let channels = CHANNELS.iter().map(|channel| String::from(*channel)).collect();
        let frames = [ClientFrame::Hello(hello), ClientFrame::Subscribe(Subscription { channels })];
        self.outputs.push_back(Output::Transmit { link, text: json::to_string(&frames[..]) });
    }

    /// A session begins: whatever else was open or being opened is let go.
    pub(crate) fn ready(&mut self, link: LinkId, ready: Ready) {
        if self.dialog_id != Some(ready.dialog_id) {
            return self.attempt_failed(link, 0);
        }
        self.servers.learn(&ready.servers);
        let is_poll = matches!(self.transport(), Some(Transport::LongPolling | Transport::Polling));
        if is_poll && self.link() == Some(link) {
            return self.poll_goes_on(&ready);
        }
        let transport = self.arrived(link);
        for other in self.links().into_iter().flatten().filter(|other| *other != link) {
            self.leave(other);
        }
        let now = self.now.mono;
        self.saw_ready(link, transport);
        self.servers.fine(now);
        self.renewals = 0;
        self.identity.is_untried = false;
        self.take_up(&ready);
        self.phase = Phase::Online(Box::new(Online {
            link,
            transport,
            since: now,
            pulse: Pulse::new(now, u64::from(ready.heartbeat_ms), self.line),
            polls: Polls::new(now),
            catching: Catching::Up,
            spread_ms: u64::from(ready.spread_ms).max(SOON_MS),
            next: Next::None,
            next_at: self.ladder.climb_at(transport, now).map(|at| (at, Why::Upgrade)),
        }));
        self.lost_at = None;
        self.hold_until = None;
        self.tell_attributes();
        if transport == Transport::WebSocket {
            self.ping();
        } else {
            self.keep_way(transport);
        }
    }

    /// Takes up what a session says about the log and about the messages in doubt.
    fn take_up(&mut self, ready: &Ready) {
        if self.timeline.epoch().is_some_and(|epoch| epoch != ready.epoch) {
            self.settled.clear();
            self.marks.forget();
            self.marks.loaded(ready.head);
        }
        let cursor = self.go_on(ready);
        for known in &ready.known {
            if let Some(item) = self.forget(&known.id)
                && known.seq > cursor
            {
                self.settle(Settled { id: item.id, seq: known.seq, text: item.text, at: known.at });
            }
        }
        self.outbox.put_back(None);
        self.expire_old();
        if !mutants::planted(Mutant::ClientNoRenumber) {
            self.outbox.renumber(ready.last_n);
        }
        self.marks.reopened();
        self.behind_since = None;
        self.watch_gap();
    }

    /// Goes on with the log where the server does; returns the cursor. What is durable and skipped stands among the older ones.
    pub(crate) fn go_on(&mut self, ready: &Ready) -> u64 {
        self.timeline.resume(ready);
        let cursor = self.timeline.cursor();
        self.settled.retain(|settled| settled.seq > cursor);
        cursor
    }

    /// Asks for a sign of life.
    pub(crate) fn ping(&mut self) {
        self.saw_ping();
        let sent_at = i64::try_from(self.now.mono.as_millis()).unwrap_or(0);
        self.transmit(&[ClientFrame::Ping(Ping { timestamp: Timestamp::Int(sent_at) })], Vec::new());
    }

    pub(crate) fn pong(&mut self, timestamp: &Timestamp) {
        let now = self.now.mono;
        if let (Phase::Online(online), Timestamp::Int(sent_at)) = (&mut self.phase, timestamp) {
            let sent_at = Instant::from_millis(u64::try_from(*sent_at).unwrap_or(0));
            online.pulse.measured(now.since(sent_at));
            self.line = online.pulse.line();
            let age_ms = now.since(online.since);
            self.ladder.worked(age_ms);
            self.saw_pong(now.since(sent_at));
            self.keep_way(Transport::WebSocket);
        }
    }
}
