//! What the frames of a client do.

use mutants::Mutant;
use protocol::{ClientFrame, Hello, SendMessage, ServerFrame, TypingBy, VERSION, close, code, limits};

use super::dialog::{Flow, Purpose, Read};
use super::{Output, Session, State};
use crate::append::NewMessage;
use crate::{Ephemeral, Now, Refusal, id, text};

/// The subscribed channels, in the order of [`protocol::CHANNELS`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Channels([Subscribed; protocol::CHANNELS.len()]);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Subscribed {
    #[default]
    No,
    Yes,
}

impl Channels {
    pub(super) fn has(&self, channel: &str) -> bool {
        protocol::CHANNELS.iter().zip(self.0).any(|(name, on)| *name == channel && on == Subscribed::Yes)
    }

    /// Sets the named channels; returns those that exist.
    fn set(&mut self, names: &[String], to: Subscribed) -> Vec<&'static str> {
        let mut found = Vec::new();
        for (name, on) in protocol::CHANNELS.iter().zip(&mut self.0) {
            if names.iter().any(|wanted| wanted == name) {
                *on = to;
                found.push(*name);
            }
        }
        found
    }
}

impl Session {
    pub(super) fn on_frame(&mut self, now: Now, frame: ClientFrame) {
        self.unreadable = 0;
        match &frame {
            ClientFrame::Hello(_) | ClientFrame::Ping(_) => self.timers.spoke(now.mono),
            ClientFrame::Message(_)
            | ClientFrame::Received(_)
            | ClientFrame::Read(_)
            | ClientFrame::Typing(_)
            | ClientFrame::Sync(_)
            | ClientFrame::Auth(_)
            | ClientFrame::Subscribe(_)
            | ClientFrame::Unsubscribe(_)
            | ClientFrame::Metrics(_) => self.timers.heard(now.mono),
        }
        if !matches!(frame, ClientFrame::Message(_)) && self.frames.take(now.mono).is_err() {
            self.error(code::RATE_LIMITED, "more frames a second than this server takes");
            self.count_refusal();
            return;
        }
        match frame {
            ClientFrame::Ping(ping) => self.transmit(ServerFrame::Pong(ping)),
            ClientFrame::Hello(hello) => self.on_hello(hello),
            ClientFrame::Message(_)
            | ClientFrame::Received(_)
            | ClientFrame::Read(_)
            | ClientFrame::Typing(_)
            | ClientFrame::Sync(_)
            | ClientFrame::Auth(_)
            | ClientFrame::Subscribe(_)
            | ClientFrame::Unsubscribe(_)
            | ClientFrame::Metrics(_) => self.on_later_frame(now, frame),
        }
    }

    /// Takes a frame that only a member may send; before `ready` it waits.
    fn on_later_frame(&mut self, now: Now, frame: ClientFrame) {
        match &mut self.state {
            State::Outside => self.close(close::NO_HELLO, "no_hello", Some(1_000)),
            State::Admitting { waiting, .. } | State::Resuming { waiting, .. } => {
                if waiting.len() < self.config.limits.waiting_frames {
                    waiting.push(frame);
                } else {
                    self.refuse_waiting(frame);
                }
            }
            State::Inside(_) => self.on_member_frame(now, frame),
            State::Closed => {}
        }
    }

    /// Takes the frames that came before the session was ready.
    pub(super) fn take_waiting(&mut self, now: Now, waiting: Vec<ClientFrame>) {
        for frame in waiting {
            if matches!(self.state, State::Inside(_)) {
                self.on_member_frame(now, frame);
            }
        }
    }

    pub(super) fn on_unreadable(&mut self, now: Now, code: &'static str, message: &'static str) {
        self.timers.heard(now.mono);
        self.error(code, message);
        self.unreadable += 1;
        if self.unreadable >= self.config.limits.unreadable {
            self.close(close::BAD_FRAMES, "bad_frames", None);
        }
    }

    /// Subscribes to those of the named channels that exist, and has their state brought.
    pub(super) fn subscribe(&mut self, names: &[String]) -> Vec<&'static str> {
        let found = self.channels.set(names, Subscribed::Yes);
        if !found.is_empty() {
            self.outputs.push_back(Output::Subscribed(found.clone()));
        }
        found
    }

    /// Returns the client that a `hello` names, if its id is one.
    pub(super) fn client_of(&mut self, hello: &Hello) -> Option<String> {
        let client = hello.client.as_ref()?;
        if let Err(refusal) = id::check(&client.id) {
            self.error(refusal.code, refusal.message);
            return None;
        }
        Some(client.id.clone())
    }

    fn on_hello(&mut self, mut hello: Hello) {
        if hello.v != VERSION {
            self.close(close::VERSION, "unsupported_version", None);
            return;
        }
        hello.pending.truncate(limits::PENDING_IDS);
        self.timers.admitted();
        if let State::Inside(inside) = &self.state
            && inside.is_post()
        {
            let client = self.client_of(&hello);
            if let State::Inside(inside) = &mut self.state {
                inside.member.client = client.or_else(|| inside.member.client.take());
            }
            return;
        }
        let ticket = self.ticket();
        let waiting = match &mut self.state {
            State::Admitting { waiting, .. } | State::Resuming { waiting, .. } => std::mem::take(waiting),
            State::Outside | State::Inside(_) | State::Closed => Vec::new(),
        };
        self.state = State::Admitting { ticket, hello: Box::new(hello.clone()), waiting };
        self.outputs.push_back(Output::Admit { ticket, hello });
    }

    fn on_member_frame(&mut self, now: Now, frame: ClientFrame) {
        match frame {
            ClientFrame::Message(message) => self.on_message(now, message),
            ClientFrame::Received(mark) => self.mark(mark.seq, 0),
            ClientFrame::Read(mark) => self.mark(mark.seq, mark.seq),
            ClientFrame::Typing(typing) => {
                let State::Inside(inside) = &self.state else { return };
                let author = inside.member.author.clone();
                self.outputs.push_back(Output::Publish(Ephemeral::Typing(TypingBy { author, on: typing.on })));
            }
            ClientFrame::Sync(sync) => self.on_sync(sync.after, sync.limit),
            ClientFrame::Auth(auth) => {
                let ticket = self.ticket();
                self.renewal = Some(ticket);
                self.outputs.push_back(Output::Renew { ticket, token: auth.token });
            }
            ClientFrame::Subscribe(subscription) => {
                let found = self.subscribe(&subscription.channels);
                self.answer_channels(&subscription.channels, &found, ServerFrame::Subscribed);
            }
            ClientFrame::Unsubscribe(subscription) => {
                let found = self.channels.set(&subscription.channels, Subscribed::No);
                self.answer_channels(&subscription.channels, &found, ServerFrame::Unsubscribed);
            }
            ClientFrame::Metrics(metrics) => self.outputs.push_back(Output::Metrics(metrics.data)),
            // Answered in `on_frame` already.
            ClientFrame::Hello(_) | ClientFrame::Ping(_) => {}
        }
    }

    fn answer_channels(
        &mut self,
        wanted: &[String],
        found: &[&'static str],
        frame: fn(protocol::Channels) -> ServerFrame,
    ) {
        if wanted.iter().any(|name| !found.contains(&name.as_str())) {
            self.error(code::UNKNOWN_CHANNEL, "the channels of a dialog are typing, presence and receipts");
        }
        if wanted.is_empty() || !found.is_empty() {
            let channels = found.iter().map(|&name| name.into()).collect();
            self.transmit(frame(protocol::Channels { channels, status: "ok".into() }));
        }
    }

    fn on_message(&mut self, now: Now, message: SendMessage) {
        let State::Inside(inside) = &self.state else { return };
        let (author, client) = (inside.member.author.clone(), inside.member.client.clone());
        if let Err(after_ms) = self.config.messages.take(now.mono) {
            self.transmit(Refusal::rate_limited(after_ms).into_frame(message.id.unwrap_or_default()));
            self.count_refusal();
            return;
        }
        self.refusals = self.refusals.saturating_sub(1);
        let checked = match &message.id {
            Some(id) => id::check(id),
            None => Ok(()),
        };
        if let Err(refusal) = checked.and_then(|()| text::check_with(&message.text, message.file.as_deref())) {
            self.transmit(refusal.into_frame(message.id.unwrap_or_default()));
            return;
        }
        let id = message.id.unwrap_or_else(|| self.made_id());
        self.appends += 1;
        let SendMessage { n, text, file, .. } = message;
        self.outputs.push_back(Output::Append(NewMessage { id, n, client, author, text, file }));
    }

    /// Makes an id for a client that gave none; the seed makes it unique.
    fn made_id(&mut self) -> String {
        self.made_ids += 1;
        format!("s-{:016x}-{}", self.config.seed, self.made_ids)
    }

    fn mark(&mut self, received: u64, read: u64) {
        let State::Inside(inside) = &self.state else { return };
        // Nobody has got what was not sent yet.
        let most = if mutants::planted(Mutant::MarksBeyond) { u64::MAX } else { inside.cursor };
        let received = received.min(most).max(self.received);
        let read = read.min(most).max(self.read);
        if (received, read) != (self.received, self.read) {
            (self.received, self.read) = (received, read);
            self.outputs.push_back(Output::Mark { received, read });
        }
    }

    fn on_sync(&mut self, after: u64, limit: Option<u64>) {
        let open_reads = self.config.limits.open_reads;
        let State::Inside(inside) = &mut self.state else { return };
        // What was not written comes anyway as soon as the connection takes it.
        if self.flow == Flow::Congested {
            return;
        }
        if inside.reads.len() >= open_reads {
            self.error(code::RATE_LIMITED, "too many syncs at once");
            return;
        }
        // What lies beyond the cursor comes by itself.
        let after = after.min(inside.cursor);
        let limit = limit.unwrap_or(limits::PAGE).clamp(1, limits::PAGE);
        let ticket = self.ticket();
        if let State::Inside(inside) = &mut self.state {
            inside.reads.push(Read { ticket, purpose: Purpose::Sync });
        }
        self.outputs.push_back(Output::Read { ticket, after, limit });
    }

    fn refuse_waiting(&mut self, frame: ClientFrame) {
        match frame {
            ClientFrame::Message(message) => {
                self.transmit(Refusal::rate_limited(250).into_frame(message.id.unwrap_or_default()));
            }
            ClientFrame::Hello(_)
            | ClientFrame::Received(_)
            | ClientFrame::Read(_)
            | ClientFrame::Typing(_)
            | ClientFrame::Sync(_)
            | ClientFrame::Auth(_)
            | ClientFrame::Ping(_)
            | ClientFrame::Subscribe(_)
            | ClientFrame::Unsubscribe(_)
            | ClientFrame::Metrics(_) => {
                self.error(code::RATE_LIMITED, "too many frames before `ready`");
            }
        }
        self.count_refusal();
    }

    fn count_refusal(&mut self) {
        self.refusals += 1;
        if self.refusals >= self.config.limits.refusals {
            self.close(close::TOO_FAST, "too_fast", Some(5_000));
        }
    }
}
