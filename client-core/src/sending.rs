//! From the outbox to the log: in order, and never blindly twice on one socket.

use mutants::Mutant;
use protocol::http::ErrorBody;
use protocol::{ClientFrame, Refused, ServerFrame, Stored, code, json, limits};

use crate::client::Settled;
use crate::connection::{Phase, Why};
use crate::enclosure::{frame_of, parts_of};
use crate::outbox::{Pending, State};
use crate::requests::Purpose;
use crate::servers::Failure;
use crate::timers::UNCONFIRMED_MS;
use crate::trouble::Trouble;
use crate::{Client, Event, LinkId, Output, Transport};

/// Messages on their way at once over a WebSocket.
const WINDOW: usize = 50;
/// POSTs under way at once beside an SSE link.
const POSTS: usize = 4;
/// Bytes of one batch; the rest of the frame limit is for the brackets.
const BATCH_BYTES: usize = limits::FRAME_BYTES as usize - 1_024;
/// What came out of order is sent again after so long, in ms.
const ORDER_PAUSE_MS: u64 = 100;
/// A POST that got no answer is tried again after so long, in ms.
const POST_PAUSE_MS: u64 = 1_000;
/// A slow line takes so many bytes up in a ms; what is sent is given the time.
const SLOW_BYTES: u64 = 8;
/// After so many setbacks without a success the link is opened anew.
const SETBACKS: u32 = 5;

impl Client {
    /// Sends what waits, as far as the window allows.
    pub(crate) fn flush(&mut self) {
        if self.hold_until.is_some_and(|until| self.now.mono < until) {
            return;
        }
        self.hold_until = None;
        if self.is_doubted() && !mutants::planted(Mutant::ClientNoDoubt) {
            return;
        }
        while let Some(link) = self.room() {
            let (frames, ids) = self.next_batch(link);
            if frames.is_empty() {
                return;
            }
            let sent = if mutants::planted(Mutant::ClientSentIsStored) { ids.clone() } else { Vec::new() };
            self.transmit(&frames, ids);
            for id in sent {
                self.forget(&id);
            }
            self.await_answer();
        }
    }

    /// Returns the link, if it takes more messages now.
    fn room(&self) -> Option<LinkId> {
        let Phase::Online(online) = &self.phase else { return None };
        let room = match online.transport {
            Transport::WebSocket => self.outbox.on_their_way() < WINDOW,
            Transport::Sse | Transport::LongPolling | Transport::Polling => self.requests.frames_under_way() < POSTS,
        };
        room.then_some(online.link)
    }

    /// A person asks for a message again: one that was given up is sent anew, one in doubt is asked for over another link, which
    /// says whether the log has its id.
    pub(crate) fn retry(&mut self, id: &str) {
        let is_overdue = |item: &&Pending| item.id == id && self.is_overdue(item);
        let is_stuck = self.outbox.items().iter().any(|item| is_overdue(&item));
        self.outbox.revive(id, self.now.wall);
        if is_stuck && self.online().is_some() {
            self.lost(Why::Lost);
        }
        self.start();
        self.try_now();
    }

    /// Returns whether a message is on its way for longer than an answer usually takes.
    pub(crate) fn is_overdue(&self, item: &Pending) -> bool {
        matches!(item.state, State::Sent { at, .. } if self.now.mono.since(at) >= UNCONFIRMED_MS)
    }

    fn next_batch(&mut self, link: LinkId) -> (Vec<ClientFrame>, Vec<String>) {
        let (mut frames, mut ids, mut bytes) = (Vec::new(), Vec::new(), 0);
        let (now, batch) = (self.now.mono, self.config.buffer.batch);
        if self.expire_old() {
            // The numbers behind have moved, and what is still in the pipe has the old ones: another link, another sender.
            self.lost(Why::Lost);
            return (frames, ids);
        }
        for item in self.outbox.waiting() {
            let mut message = frame_of(item, Some(item.n));
            if mutants::planted(Mutant::ClientFreshIds) && item.state == State::Doubtful {
                message.id = message.id.map(|id| id + "x");
            }
            let frame = ClientFrame::Message(message);
            bytes += json::to_string(&frame).len() + 1;
            if !frames.is_empty() && (frames.len() >= batch || bytes > BATCH_BYTES) {
                break;
            }
            item.state = State::Sent { link, at: now };
            ids.push(item.id.clone());
            frames.push(frame);
        }
        (frames, ids)
    }

    /// Takes out what is too old to be sent without being asked; returns whether there was anything.
    pub(crate) fn expire_old(&mut self) -> bool {
        let is_old = |item: &&Pending| item.state == State::Doubtful && self.is_too_old(item.at);
        let old: Vec<String> = self.outbox.items().iter().filter(is_old).map(|item| item.id.clone()).collect();
        for id in &old {
            self.outbox.expire(id);
        }
        !old.is_empty()
    }

    /// Sends frames up: on the socket, or as a POST beside an SSE link.
    pub(crate) fn transmit(&mut self, frames: &[ClientFrame], ids: Vec<String>) {
        let Phase::Online(online) = &self.phase else { return };
        let (link, transport) = (online.link, online.transport);
        let text = match frames {
            [frame] => json::to_string(frame),
            frames => json::to_string(frames),
        };
        match (transport, self.dialog_id) {
            (Transport::WebSocket, _) => self.outputs.push_back(Output::Transmit { link, text }),
            (Transport::Sse | Transport::LongPolling | Transport::Polling, Some(dialog_id)) => {
                let limit =
                    online.pulse.patience().min(self.config.request_timeout_ms) + text.len() as u64 / SLOW_BYTES;
                let call = self.config.side.frames(dialog_id, &self.sender(link), text);
                self.ask(Purpose::Frames { link, ids }, call, limit);
            }
            (Transport::Sse | Transport::LongPolling | Transport::Polling, None) => {}
        }
    }

    /// The page goes: what is not known to be stored is sent once more, by a request that outlives it.
    ///
    /// The next page, or this one when it comes back, asks about all of it again.
    pub(crate) fn last_words(&mut self) {
        if self.is_doubted() {
            return;
        }
        self.expire_old();
        let Some(dialog_id) = self.dialog_id else {
            if self.outbox.wants_link() {
                let (purpose, call) = self.load_call();
                self.ask(purpose, call, self.config.request_timeout_ms);
            }
            return;
        };
        let (mut frames, mut ids, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (item, n) in self.outbox.waiting().zip(1..) {
            let frame = ClientFrame::Message(frame_of(item, Some(n)));
            bytes += json::to_string(&frame).len() + 1;
            if bytes > BATCH_BYTES || frames.len() >= WINDOW {
                break;
            }
            ids.push(item.id.clone());
            frames.push(frame);
        }
        if !frames.is_empty() {
            // Its numbers are those of no link.
            let link = self.new_link();
            let call = self.config.side.frames(dialog_id, &self.sender(link), json::to_string(&frames));
            self.ask(Purpose::Frames { link, ids }, call, self.config.request_timeout_ms);
        }
    }

    /// The server has a message for good.
    pub(crate) fn on_stored(&mut self, stored: Stored) {
        self.timeline.learn_head(stored.seq);
        self.attempts = 0;
        self.setbacks = 0;
        self.backoff.reset();
        let Some(item) = self.forget(&stored.id) else { return };
        self.saw_stored();
        if stored.seq > self.timeline.cursor() {
            self.settle(Settled { id: item.id, seq: stored.seq, text: item.text, at: stored.at });
        }
    }

    /// Keeps what is durable until the log brings it, by `seq`: answers of POSTs overtake each other.
    pub(crate) fn settle(&mut self, settled: Settled) {
        let place = self.settled.iter().position(|other| other.seq > settled.seq).unwrap_or(self.settled.len());
        self.settled.insert(place, settled);
    }

    /// Takes a message that is stored out of the outbox and out of storage.
    pub(crate) fn forget(&mut self, id: &str) -> Option<crate::outbox::Pending> {
        let item = self.outbox.settle(id)?;
        let mut name = String::from("o:");
        name.push_str(id);
        self.remove(name);
        Some(item)
    }

    /// The server has not taken a message.
    pub(crate) fn on_refused(&mut self, refused: &Refused) {
        self.trouble(Trouble::of_refusal(&refused.code, refused.retry), "message");
        if !refused.retry && refused.code != code::ORDER {
            self.give_up(&refused.id, &refused.code);
            // A POST may be repeated much later, and then its file be there again.
            let may_return = refused.code == code::FILE_NOT_FOUND
                && self.online().is_some_and(|online| online.transport != Transport::WebSocket);
            if may_return || self.outbox.on_their_way() > 0 {
                // What follows has numbers that do not count the refused one, or those under way do: another link, another sender.
                self.lost(Why::Lost);
            }
            return;
        }
        let before = self.outbox.on_their_way();
        self.outbox.put_back_from(&refused.id);
        let pause = match refused.retry_after_ms {
            Some(ms) => u64::from(ms),
            None if refused.code == code::ORDER => ORDER_PAUSE_MS,
            None => self.config.buffer.flush_interval_ms,
        };
        self.hold_until = self.hold_until.max(Some(self.now.mono.plus(pause)));
        // The first refusal puts back everything behind it, and the refusals of all that are no news.
        if refused.code == code::ORDER && self.outbox.on_their_way() < before {
            self.set_back();
        }
    }

    /// The server will never take a message as it is.
    pub(crate) fn give_up(&mut self, id: &str, why: &str) {
        self.outbox.refuse(id);
        let is_enclosed = |item: &Pending| item.id == id && !parts_of(&item.text).1.is_empty();
        if why == code::FILE_NOT_FOUND
            && self.outbox.items().iter().any(is_enclosed)
            && let Some(item) = self.forget(id)
        {
            self.emit(Event::FileLost { file: String::from(parts_of(&item.text).1) });
        }
    }

    /// Counts a setback; too many in a row, and the link is opened anew: `ready` puts the numbers right.
    fn set_back(&mut self) {
        self.setbacks += 1;
        if self.setbacks >= SETBACKS {
            self.setbacks = 0;
            self.lost(Why::Lost);
        }
    }

    /// A POST of frames was answered.
    pub(crate) fn on_frames_answer(&mut self, link: LinkId, ids: &[String], status: u16, body: &str) {
        let error = json::from_str::<ErrorBody>(body).ok().map(|body| body.error);
        match (status, json::frames::<ServerFrame>(body), error) {
            (200..=299, Ok(frames), _) => {
                for frame in frames {
                    // What a link before refused was sent again over this one, and is answered there.
                    if self.link() == Some(link) || matches!(frame, ServerFrame::Stored(_)) {
                        self.answer_frame(frame);
                    }
                }
                // What the answer passed over in silence is asked again.
                let before = self.outbox.on_their_way();
                self.put_back(link, ids);
                if self.outbox.on_their_way() < before {
                    self.hold_until = self.hold_until.max(Some(self.now.mono.plus(POST_PAUSE_MS)));
                }
                self.watch_gap();
            }
            (401, _, Some(error)) => self.renew(&error.code),
            (403 | 404, _, Some(error)) => {
                self.put_back(link, ids);
                self.refused_for_good(status, &error.code);
            }
            // Somebody in between has no room for so much at once, and will have none.
            (413, _, None) => {
                match ids {
                    [id] if self.link() == Some(link) => {
                        self.outbox.refuse(id);
                        self.lost(Why::Lost);
                    }
                    _ => self.config.buffer.batch = 1,
                }
                self.post_failed(link, ids, POST_PAUSE_MS);
            }
            (_, _, error) => {
                let pause = error.and_then(|error| error.retry_after_ms).map_or(POST_PAUSE_MS, u64::from);
                self.post_failed(link, ids, pause);
            }
        }
    }

    /// A POST of frames got no answer; it may have arrived.
    pub(crate) fn on_frames_failure(&mut self, link: LinkId, ids: &[String], failure: Failure) {
        if failure == Failure::Silent && !ids.is_empty() && self.link() == Some(link) {
            // A hole: what comes down may be as dead, and cannot be asked.
            return self.lost(Why::Lost);
        }
        self.post_failed(link, ids, POST_PAUSE_MS);
    }

    fn post_failed(&mut self, link: LinkId, ids: &[String], pause_ms: u64) {
        self.put_back(link, ids);
        if self.link() == Some(link) {
            self.hold_until = self.hold_until.max(Some(self.now.mono.plus(pause_ms)));
            if ids.is_empty() {
                self.marks.unsent();
            } else {
                self.set_back();
            }
        }
    }

    fn put_back(&mut self, link: LinkId, ids: &[String]) {
        self.outbox.put_back_ids(link, ids);
    }

    fn answer_frame(&mut self, frame: ServerFrame) {
        match frame {
            ServerFrame::Stored(stored) => self.on_stored(stored),
            ServerFrame::Refused(refused) => self.on_refused(&refused),
            ServerFrame::Ready(_)
            | ServerFrame::Message(_)
            | ServerFrame::Dialog(_)
            | ServerFrame::Synced(_)
            | ServerFrame::Receipt(_)
            | ServerFrame::Typing(_)
            | ServerFrame::Presence(_)
            | ServerFrame::Heartbeat(_)
            | ServerFrame::Pong(_)
            | ServerFrame::Drain(_)
            | ServerFrame::Error(_)
            | ServerFrame::Subscribed(_)
            | ServerFrame::Unsubscribed(_)
            | ServerFrame::MetricsReceived(_)
            | ServerFrame::Bye(_) => {}
        }
    }
}
