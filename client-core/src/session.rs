//! A link from its first frame on: hello, ready, pings, and the link that takes over.

use mutants::Mutant;
use protocol::{CHANNELS, ClientFrame, ClientInfo, Drain, Hello, Ping, Ready, Subscription, Timestamp, VERSION, json};

use crate::client::Settled;
use crate::connection::{Catching, Next, Online, Phase, SOON_MS, Try, Why};
use crate::pulse::Pulse;
use crate::{Client, Instant, LinkId, Output, Side, Transport};

impl Client {
    /// A WebSocket is open: it says who is there.
    pub(crate) fn opened(&mut self, link: LinkId) {
        if !self.knows(link) {
            return;
        }
        if self.link() == Some(link) || self.opening().is_some_and(|opening| opening.socket != Try::Open(link)) {
            return;
        }
        let next_why = self.online().and_then(|online| online.next_at).map_or(Why::Upgrade, |(_, why)| why);
        let why = self.opening().map_or(next_why, |opening| opening.why);
        let ticket = match &self.config.side {
            Side::Widget { ticket, .. } if !ticket.is_empty() => Some(protocol::Secret::new(ticket.clone())),
            Side::Widget { .. } | Side::Site { .. } | Side::Operator { .. } => None,
        };
        let credential = Some(self.config.credential.clone());
        let (key, token) = if self.is_visitor() { (credential, None) } else { (None, credential) };
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
        let is_stream = self.opening().is_some_and(|opening| opening.stream == Try::Open(link));
        let transport = match self.transport() {
            Some(transport) if self.link() == Some(link) => transport,
            _ if is_stream => Transport::Sse,
            _ => Transport::WebSocket,
        };
        if self.dialog_id != Some(ready.dialog_id) {
            return self.attempt_failed(link, 0);
        }
        for other in self.links().into_iter().flatten().filter(|other| *other != link) {
            self.outputs.push_back(Output::Drop { link: other });
        }
        let now = self.now.mono;
        let next_at = match (transport, &self.phase) {
            (Transport::Sse, Phase::Opening(opening)) if opening.socket != Try::Untried => {
                Some((self.sockets.failed(now, &self.config), Why::Upgrade))
            }
            (Transport::Sse, _) => Some((self.sockets.bad_until.unwrap_or(now), Why::Upgrade)),
            (Transport::WebSocket, _) => None,
        };
        self.saw_ready(link, transport);
        self.take_up(&ready);
        self.phase = Phase::Online(Box::new(Online {
            link,
            transport,
            since: now,
            pulse: Pulse::new(now, u64::from(ready.heartbeat_ms)),
            catching: Catching::Up,
            spread_ms: u64::from(ready.spread_ms).max(SOON_MS),
            next: Next::None,
            next_at,
        }));
        self.lost_at = None;
        self.hold_until = None;
        if transport == Transport::WebSocket {
            self.ping();
        }
    }

    /// Takes up what a session says about the log and about the messages in doubt.
    fn take_up(&mut self, ready: &Ready) {
        if self.timeline.epoch().is_some_and(|epoch| epoch != ready.epoch) {
            self.settled.clear();
            self.marks.forget();
            self.marks.loaded(ready.head);
        }
        self.timeline.resume(ready);
        let cursor = self.timeline.cursor();
        self.settled.retain(|settled| settled.seq > cursor);
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
            self.sockets.worked(now);
            self.saw_pong(now.since(sent_at));
        }
    }

    /// The server will go: the next link is opened first, and this one left after.
    pub(crate) fn drain(&mut self, drain: Drain) {
        let half = u64::from(drain.in_ms) / 2;
        let at = self.now.mono.plus(self.rng.up_to(half));
        if let Phase::Online(online) = &mut self.phase {
            online.spread_ms = online.spread_ms.max(u64::from(drain.spread_ms));
            online.next_at = Some((at, Why::Drain));
        }
    }

    /// Opens the next link while this one is up, its gate being passed.
    pub(crate) fn open_next(&mut self) {
        let until = self.now.mono.plus(self.config.transports.open_timeout_ms);
        let Try::Open(link) = self.open(Transport::WebSocket) else { return };
        if let Phase::Online(online) = &mut self.phase {
            online.next = Next::Opening { link, until };
        }
    }

    /// The next link did not come about; this one stays.
    pub(crate) fn next_failed(&mut self) {
        let now = self.now.mono;
        if let Phase::Online(online) = &mut self.phase {
            if let Next::Opening { link, .. } = online.next {
                self.outputs.push_back(Output::Drop { link });
            }
            online.next = Next::None;
            online.next_at = match online.transport {
                Transport::Sse => Some((self.sockets.failed(now, &self.config), Why::Upgrade)),
                Transport::WebSocket => None,
            };
        }
    }
}
