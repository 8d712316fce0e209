//! What comes over a link.

use mutants::Mutant;
use protocol::{ServerFrame, json};

use crate::client::Loading;
use crate::connection::{Catching, Phase, Why};
use crate::timeline::Entry;
use crate::trouble::Trouble;
use crate::{Client, Event, From, LinkId, Transport};

impl Client {
    /// Text came over a link.
    pub(crate) fn received(&mut self, link: LinkId, text: &str) {
        if !self.knows(link) {
            return;
        }
        if let Phase::Online(online) = &mut self.phase
            && online.link == link
        {
            online.pulse.heard(self.now.mono);
        }
        let Ok(frames) = json::frames::<ServerFrame>(text) else {
            // A frame that cannot be read may have been a message: the log has it.
            self.link_failed(link);
            return;
        };
        if let Phase::Online(online) = &mut self.phase
            && online.link == link
            && frames.iter().any(is_answer)
        {
            online.pulse.answered();
        }
        for frame in frames {
            if self.knows(link) {
                self.frame(link, frame);
            }
        }
        if self.outbox.on_their_way() > 0 {
            // The next one's answer is awaited as long.
            self.await_answer();
        }
        self.watch_gap();
        self.mark_read();
    }

    /// Something went over the socket that will be answered.
    pub(crate) fn await_answer(&mut self) {
        if let Phase::Online(online) = &mut self.phase
            && online.transport == Transport::WebSocket
        {
            online.pulse.expect(self.now.mono, &self.config.heartbeat);
        }
    }

    fn frame(&mut self, link: LinkId, frame: ServerFrame) {
        // A link that is not ready yet can become so, or end; nothing else.
        let is_ready = self.link() == Some(link);
        if !is_ready && !matches!(frame, ServerFrame::Ready(_) | ServerFrame::Bye(_)) {
            return;
        }
        match frame {
            ServerFrame::Ready(ready) => self.ready(link, ready),
            ServerFrame::Bye(bye) => {
                self.saw_close(bye.code);
                self.end(link, bye.code, &bye.reason, bye.after_ms);
            }
            ServerFrame::Message(message) => {
                if self.is_ours(message.dialog_id) {
                    self.apply(Entry::Message(message));
                }
            }
            ServerFrame::Dialog(change) => {
                if self.is_ours(change.dialog_id) {
                    self.apply(Entry::Change(change));
                }
            }
            ServerFrame::Synced(synced) => {
                self.timeline.learn_head(synced.head);
                self.timeline.compare(synced.head, synced.hash);
                if let Phase::Online(online) = &mut self.phase {
                    online.catching = Catching::Done;
                }
            }
            ServerFrame::Stored(stored) => self.on_stored(stored),
            ServerFrame::Refused(refused) => self.on_refused(&refused),
            ServerFrame::Receipt(receipt) => self.marks.learn_receipt(receipt, self.own_kind()),
            ServerFrame::Typing(typing) => {
                if typing.author.kind != self.own_kind() {
                    self.marks.learn_typing(typing, self.now.mono);
                }
            }
            ServerFrame::Presence(presence) => {
                if let (Some(site), false) = (&mut self.site, presence.operators.is_empty()) {
                    // Whoever comes is there for a while.
                    site.absent = false;
                }
                self.marks.operators = presence.operators;
            }
            ServerFrame::Heartbeat(beat) => {
                self.timeline.learn_head(beat.head);
                self.timeline.compare(beat.head, beat.hash);
            }
            ServerFrame::Pong(pong) => self.pong(&pong.timestamp),
            ServerFrame::Drain(drain) => self.drain(drain),
            // What it was stays without an answer, and goes over another link in time.
            ServerFrame::Error(_) => self.trouble(Trouble::Misread, "frame"),
            ServerFrame::Subscribed(_) | ServerFrame::Unsubscribed(_) | ServerFrame::MetricsReceived(_) => {}
        }
    }

    /// Every frame names its dialog; one that names another is not shown to anybody.
    fn is_ours(&mut self, dialog_id: u64) -> bool {
        let is_ours = self.dialog_id == Some(dialog_id) || mutants::planted(Mutant::ClientAnyDialog);
        if !is_ours {
            self.trouble(Trouble::OtherDialog, "frame");
        }
        is_ours
    }

    pub(crate) fn apply(&mut self, entry: Entry) {
        self.saw_event(entry.seq());
        for message in self.timeline.apply(entry) {
            self.forget(&message.id);
            self.settled.retain(|settled| settled.id != message.id);
            if self.side_of(message.author.kind) == From::Other {
                self.marks.end_typing();
                if self.loading == Loading::Done {
                    self.emit(Event::Message { seq: message.seq });
                }
            }
        }
    }

    /// Watches whether the log goes on behind the cursor without coming here.
    pub(crate) fn watch_gap(&mut self) {
        if !self.timeline.is_behind() {
            self.behind_since = None;
            self.asked_for_gap = None;
        } else if self.behind_since.is_none_or(|(cursor, _)| cursor != self.timeline.cursor()) {
            self.behind_since = Some((self.timeline.cursor(), self.now.mono));
            self.asked_for_gap = None;
        }
    }

    /// A link carries what cannot be read: another one is opened.
    fn link_failed(&mut self, link: LinkId) {
        self.trouble(Trouble::BadFrame, "link");
        if self.link() == Some(link) {
            self.lost(Why::Lost);
        } else {
            self.attempt_failed(link, 0);
        }
    }
}

/// Returns whether the server says this only when it has heard us; all the rest may come from the log and from others while nothing
/// of ours arrives.
fn is_answer(frame: &ServerFrame) -> bool {
    matches!(frame, ServerFrame::Stored(_) | ServerFrame::Refused(_) | ServerFrame::Pong(_) | ServerFrame::Error(_))
}
