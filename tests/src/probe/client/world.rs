//! What stands around a client: its page, its links, its requests, and a log that tells the truth.

use std::collections::BTreeSet;

use client_core::{Client, Config, End, Input, Instant, LinkId, Now, Output, RequestId, Side};
use protocol::http::{DialogLoaded, Health, Page, PostedMessage, SiteConfig};
use protocol::{
    Author, AuthorKind, ClientFrame, Message, Ready, Refused, ResumeMode, Secret, ServerFrame, Stored, Synced, code,
    json, limits,
};

use crate::probe::Step;

pub(super) const DIALOG: u64 = 7;
const EPOCH: u64 = 1;
/// Outputs after one input.
const MOST_OUTPUTS: usize = 1_500;
/// Links at the same time: two that race, or one and its successor.
const MOST_LINKS: usize = 3;
/// Requests at the same time: POSTs, gates, the list of servers, the settings, older messages.
const MOST_REQUESTS: usize = 24;

/// A client and its world.
pub(super) struct World {
    client: Client,
    now: Now,
    links: Vec<LinkId>,
    requests: Vec<(RequestId, String, Option<String>)>,
    saved: BTreeSet<String>,
    /// Of the last person whom the client has asked the storage for.
    pub(super) tag: String,
    log: Vec<Message>,
    /// What was sent and is not in the log yet.
    sent: Vec<(String, String)>,
}

impl World {
    pub(super) fn new(side: Side, [_, a, _, c]: Step) -> Self {
        let client = Client::new(Config::new(side, Secret::new("vk_0123456789abcdefghijkl")), c.into());
        let now = Now { mono: Instant::from_millis(1_000), wall: 1_763_640_001_000 };
        let (links, requests, saved) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut world =
            Self { client, now, links, requests, saved, tag: String::new(), log: Vec::new(), sent: Vec::new() };
        (0..a % 70).for_each(|_| world.somebody_writes());
        let restored = if c % 4 == 0 { vec![("dialog".to_owned(), DIALOG.to_string())] } else { Vec::new() };
        world.input(Input::Restored(restored));
        world
    }

    pub(super) fn head(&self) -> u64 {
        self.log.len() as u64
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.now = Now { mono: self.now.mono.plus(ms), wall: self.now.wall + ms };
    }

    /// The wall clock goes on, the other one does not.
    pub(super) fn sleep(&mut self, ms: u64) {
        self.now.wall += ms;
    }

    /// Lets the next timer be due.
    pub(super) fn due(&mut self) {
        let Some((at, why)) = self.client.poll_timeout() else { return };
        self.pass(at.as_millis().saturating_sub(self.now.mono.as_millis()).min(10_000_000));
        for _ in 0..20 {
            self.input(Input::Timeout);
            if self.client.poll_timeout().is_none_or(|(at, _)| at > self.now.mono) {
                return;
            }
        }
        panic!("the timer of {why} is due for ever");
    }

    pub(super) fn input(&mut self, input: Input) {
        self.client.handle(self.now, input);
        let mut outputs = 0;
        while let Some(output) = self.client.poll_output() {
            outputs += 1;
            assert!(outputs <= MOST_OUTPUTS, "one input has {outputs} outputs");
            self.perform(output);
        }
        assert!(self.links.len() <= MOST_LINKS, "{} links", self.links.len());
        assert!(self.requests.len() <= MOST_REQUESTS, "{:?}", self.requests);
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Save { name, .. } => drop(self.saved.insert(name)),
            Output::Remove { name } => drop(self.saved.remove(&name)),
            Output::Person { tag } => {
                self.saved.clear();
                self.tag = tag;
            }
            Output::Forget { .. } => {}
            Output::Open { link, path, .. } => {
                assert!(path.starts_with('/') || path.starts_with("http"), "{path}");
                assert!(!self.links.contains(&link), "a link is opened twice");
                self.links.push(link);
            }
            Output::Drop { link } => self.links.retain(|open| *open != link),
            Output::Transmit { link, text } => {
                assert!(self.links.contains(&link), "over a link that is gone");
                self.take(&text);
            }
            Output::Request { request, call } => {
                if let Some(body) = call.body.as_ref().filter(|_| call.path.contains("/frames")) {
                    self.take(body);
                }
                self.requests.push((request, call.path, call.body));
            }
            Output::Abort { request } => self.requests.retain(|(open, ..)| *open != request),
            Output::Event(_) => {}
        }
    }

    /// Takes up what the client sends.
    fn take(&mut self, text: &str) {
        assert!(text.len() <= limits::FRAME_BYTES as usize, "a frame of {} bytes", text.len());
        for frame in json::frames::<ClientFrame>(text).expect("a client sends frames") {
            if let ClientFrame::Message(message) = frame {
                let id = message.id.expect("a message of ours has an id");
                assert!(server_core::id::check(&id).is_ok() && server_core::text::check(&message.text).is_ok());
                if !self.sent.iter().any(|(sent, _)| *sent == id) {
                    self.sent.push((id, message.text));
                }
            }
        }
    }

    fn somebody_writes(&mut self) {
        let seq = self.head() + 1;
        self.store(&format!("x{seq}"), AuthorKind::Operator, "theirs");
    }

    fn store(&mut self, id: &str, kind: AuthorKind, text: &str) -> u64 {
        if let Some(known) = self.log.iter().find(|message| message.id == id) {
            return known.seq;
        }
        let seq = self.head() + 1;
        let author = Author { kind, name: String::new() };
        let message =
            Message { dialog_id: DIALOG, seq, id: id.into(), author, text: text.into(), at: self.now.wall, file: None };
        self.log.push(message);
        seq
    }

    /// Stores what was sent first; it is answered, or not.
    fn store_next(&mut self) -> Option<Stored> {
        if self.sent.is_empty() {
            return None;
        }
        let (id, text) = self.sent.remove(0);
        let seq = self.store(&id, AuthorKind::Visitor, &text);
        Some(Stored { id, seq, at: self.now.wall, duplicate: false })
    }

    fn link(&self, which: usize) -> LinkId {
        // One that is gone, or never was, now and then.
        let gone = LinkId(u32::try_from(which).unwrap_or_default());
        self.links.get(which % (self.links.len() + 1)).copied().unwrap_or(gone)
    }

    pub(super) fn open(&mut self, which: usize) {
        let link = self.link(which);
        self.input(Input::Opened { link });
    }

    pub(super) fn receive(&mut self, which: usize, frame: &ServerFrame) {
        self.noise(which, &json::to_string(frame));
    }

    pub(super) fn noise(&mut self, which: usize, text: &str) {
        let link = self.link(which);
        self.input(Input::Received { link, text: text.into() });
    }

    pub(super) fn close(&mut self, which: usize, end: End) {
        let link = self.link(which);
        // The client hears of it now: what it does first, because it has slept, may still go over that link.
        self.input(Input::Closed { link, end });
        self.links.retain(|open| *open != link);
    }

    /// A session begins at the client's cursor, or at the end of the log.
    pub(super) fn ready(&mut self, which: usize, b: u8, c: u8) {
        let head = self.head();
        let cursor = self.client.cursor().min(head);
        let (mode, next) = match b % 4 {
            0 => (ResumeMode::Snapshot, head.saturating_sub(u64::from(c) % 50) + 1),
            1 => (ResumeMode::Delta, cursor.saturating_sub(u64::from(c) % 3) + 1),
            _ => (ResumeMode::Delta, cursor + 1),
        };
        let ready = Ready {
            v: 1,
            dialog_id: DIALOG,
            epoch: EPOCH,
            head,
            mode,
            next,
            last_n: u64::from(c % 3),
            heartbeat_ms: 20_000,
            spread_ms: 300,
            now: self.now.wall,
            ..Ready::default()
        };
        self.receive(which, &ServerFrame::Ready(ready));
    }

    /// Brings messages, the next one or any, twice perhaps; or the answer to one that was sent.
    pub(super) fn bring(&mut self, which: usize, b: u8, c: u8) {
        let at = |seq: u64| usize::try_from(seq).unwrap_or(usize::MAX);
        match b % 8 {
            0 => {
                self.somebody_writes();
            }
            1 => {
                if let Some(stored) = self.store_next() {
                    self.receive(which, &ServerFrame::Stored(stored));
                }
            }
            2 => drop(self.store_next()),
            3 => {
                if let Some((id, _)) = self.sent.first().cloned() {
                    let order =
                        Refused { id, code: code::ORDER.into(), retry: true, expected: Some(1), ..Refused::default() };
                    self.receive(which, &ServerFrame::Refused(order));
                }
            }
            4 if c == 255 => {
                if let Some((id, _)) = self.sent.pop() {
                    let never = Refused { id, code: code::TEXT_TOO_LONG.into(), retry: false, ..Refused::default() };
                    self.receive(which, &ServerFrame::Refused(never));
                }
            }
            4 => {
                let mut foreign = self.log.get(usize::from(c)).cloned().unwrap_or_default();
                foreign.dialog_id = DIALOG + 1;
                foreign.text = "foreign".into();
                foreign.seq = self.client.cursor() + 1;
                self.receive(which, &ServerFrame::Message(foreign));
            }
            5 => {
                let frames: Vec<ServerFrame> = self
                    .log
                    .iter()
                    .skip(at(self.client.cursor()))
                    .take(1 + usize::from(c))
                    .cloned()
                    .map(ServerFrame::Message)
                    .collect();
                self.noise(which, &json::to_string(&frames));
            }
            6 => {
                if let Some(message) = self.log.get(at(self.client.cursor())).cloned() {
                    self.receive(which, &ServerFrame::Message(message));
                }
            }
            _ => {
                if let Some(message) = self.log.get(usize::from(c)).cloned() {
                    self.receive(which, &ServerFrame::Message(message));
                }
            }
        }
    }

    /// Answers a request as a server does.
    pub(super) fn answer(&mut self, which: usize) {
        if self.requests.is_empty() {
            return;
        }
        let (request, path, body) = self.requests.remove(which % self.requests.len());
        let page = |world: &Self| {
            let skip = world.log.len().saturating_sub(50);
            Page {
                epoch: EPOCH,
                head: world.head(),
                messages: world.log[skip..].to_vec(),
                older: skip > 0,
                ..Page::default()
            }
        };
        let body = if path.contains("/health") {
            json::to_string(&Health { status: "ok".into(), ..Health::default() })
        } else if path.contains("/config") {
            json::to_string(&SiteConfig { name: "Shop".into(), ..SiteConfig::default() })
        } else if path.contains("/frames") {
            let stored = std::iter::from_fn(|| self.store_next()).map(ServerFrame::Stored);
            json::to_string(&stored.collect::<Vec<_>>())
        } else if path.contains("/poll") {
            let after = usize::try_from(self.client.cursor()).unwrap_or(usize::MAX);
            let mut frames: Vec<_> = self.log.iter().skip(after).take(100).cloned().map(ServerFrame::Message).collect();
            frames.push(ServerFrame::Synced(Synced { head: self.head(), hash: None }));
            json::to_string(&frames)
        } else if path.contains("before=") {
            let older: Vec<_> = self.log.iter().take(which).cloned().collect();
            json::to_string(&Page { epoch: EPOCH, head: self.head(), messages: older, ..Page::default() })
        } else if path.contains("/messages") && body.is_some() {
            let seq = self.head();
            json::to_string(&PostedMessage { dialog_id: DIALOG, id: "x".into(), seq, at: 1 })
        } else if path.contains("/messages") {
            json::to_string(&page(self))
        } else {
            self.take_first(body.as_deref().unwrap_or_default());
            json::to_string(&DialogLoaded { dialog_id: Some(DIALOG), page: page(self), ..DialogLoaded::default() })
        };
        self.input(Input::Answered { request, status: 200, body });
    }

    /// Stores the message that starts a dialog.
    fn take_first(&mut self, body: &str) {
        if let Ok(start) = json::from_str::<protocol::http::StartDialog>(body)
            && let Some(message) = start.message
        {
            self.store(&message.id.unwrap_or_default(), AuthorKind::Visitor, &message.text);
        }
    }

    pub(super) fn answer_badly(&mut self, which: usize, status: u16, body: &str) {
        if !self.requests.is_empty() {
            let (request, ..) = self.requests.remove(which % self.requests.len());
            self.input(Input::Answered { request, status, body: body.into() });
        }
    }

    pub(super) fn leave_unanswered(&mut self, which: usize) {
        if !self.requests.is_empty() {
            let (request, ..) = self.requests.remove(which % self.requests.len());
            self.input(Input::Unanswered { request });
        }
    }

    pub(super) fn retry(&mut self, which: usize) {
        let items = self.client.view().items;
        let id = items.get(which % (items.len() + 1)).map_or_else(|| "nobody's".to_owned(), |item| item.key.clone());
        self.input(Input::Retry { id });
    }

    pub(super) fn fail_to_save(&mut self, which: usize) {
        let name = self.saved.iter().nth(which % (self.saved.len() + 1)).cloned().unwrap_or_else(|| "key".to_owned());
        self.saved.remove(&name);
        self.input(Input::SaveFailed { name });
    }

    /// Looks at what a person sees: each once, in order, and nothing that is not in the log.
    pub(super) fn look(&self) {
        let view = self.client.view();
        let mut keys = BTreeSet::new();
        let mut last = 0;
        for item in &view.items {
            assert!(keys.insert(&item.key), "{} is shown twice", item.key);
            assert_ne!(item.text, "foreign", "a message of another dialog");
            if item.seq == 0 {
                continue;
            }
            assert!(item.seq > last, "{} stands behind {last}", item.seq);
            last = item.seq;
            let stored = usize::try_from(item.seq - 1).ok().and_then(|index| self.log.get(index));
            assert!(
                stored.is_some_and(|stored| stored.id == item.key && stored.text == item.text),
                "{item:?}: {stored:?}"
            );
        }
        assert!(self.client.unsettled() <= limits::OUTBOX_MESSAGES);
        let kept = self.saved.iter().filter(|name| name.starts_with("o:")).count();
        assert!(kept <= limits::OUTBOX_MESSAGES, "{kept} messages are kept");
    }
}
