//! The client: one dialog's link, outbox, timeline and view.

use std::collections::VecDeque;

use mutants::Mutant;
use protocol::http::SiteConfig;
use protocol::{AuthorKind, limits};

use crate::backoff::{Backoff, Rng};
use crate::connection::{Phase, Why};
use crate::message_id::{self, MessageIds};
use crate::outbox::{Kept, Outbox, State};
use crate::requests::Requests;
use crate::telemetry::Telemetry;
use crate::timeline::Timeline;
use crate::trouble::Trouble;
use crate::{Config, Event, Input, Instant, LinkId, Notice, Now, Output, Page, Panel, Side};

/// The monotonic and the wall clock may differ by so much before it counts as sleep, in ms.
const SLEEP_MS: u64 = 5_000;

/// One client of one dialog; see the crate's description for its life.
///
/// Every [`Client::handle`] must be followed by draining [`Client::poll_output`] to `None`; then ask
/// [`Client::poll_timeout`] again.
#[derive(Debug)]
pub struct Client {
    pub(crate) config: Config,
    pub(crate) now: Now,
    pub(crate) rng: Rng,
    pub(crate) outputs: VecDeque<Output>,
    // The link.
    pub(crate) phase: Phase,
    pub(crate) wanted: Wanted,
    pub(crate) backoff: Backoff,
    pub(crate) attempts: u32,
    pub(crate) next_link: u32,
    pub(crate) requests: Requests,
    pub(crate) ladder: crate::ladder::Ladder,
    /// What the last link has shown of the line.
    pub(crate) line: crate::pulse::Line,
    pub(crate) servers: crate::servers::Servers,
    /// Credentials that were asked for since one was taken.
    pub(crate) renewals: u32,
    /// Since when there is no link, for the banner.
    pub(crate) lost_at: Option<Instant>,
    pub(crate) device: Device,
    pub(crate) tabs: crate::tabs::Tabs,
    // The dialog.
    pub(crate) dialog_id: Option<u64>,
    pub(crate) loading: Loading,
    pub(crate) timeline: Timeline,
    /// The cursor and the moment since which the log is known to go on.
    pub(crate) behind_since: Option<(u64, Instant)>,
    pub(crate) asked_for_gap: Option<Instant>,
    /// The cursor behind which nothing came though it was said to be there, and how often a link was given up for it.
    pub(crate) stale: (u64, u32),
    // Sending.
    pub(crate) client_id: String,
    ids: MessageIds,
    pub(crate) outbox: Outbox,
    pub(crate) settled: Vec<Settled>,
    pub(crate) hold_until: Option<Instant>,
    pub(crate) setbacks: u32,
    pub(crate) key: Key,
    pub(crate) identity: crate::identity::Identity,
    // The screen.
    pub(crate) site: Option<SiteConfig>,
    pub(crate) site_again_at: Option<Instant>,
    pub(crate) site_failures: u32,
    pub(crate) marks: crate::marks::Marks,
    pub(crate) draft: String,
    pub(crate) notice: Notice,
    pub(crate) address: crate::contact::Address,
    pub(crate) telemetry: Telemetry,
    /// When the log was last loaded again because it was another one than the server's.
    pub(crate) reloaded_at: Option<Instant>,
}

/// Whether the application wants a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Yes,
    No,
}

/// Whether the dialog's history is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loading {
    Todo,
    Done,
}

/// What the device says about its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    Online,
    Offline,
}

/// Whether the visitor's key is in storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Unsaved,
    Saved,
    /// It could not be kept: nothing else is, for another page would take it for its own dialog's.
    Lost,
}

/// A message that is durable, but has not come back in its order yet.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    pub(crate) id: String,
    pub(crate) seq: u64,
    pub(crate) text: String,
    pub(crate) at: u64,
}

impl Client {
    /// Makes a client; the seed decides every jitter and every message id, so give each page load another one.
    pub fn new(mut config: Config, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut client_id = String::from("c");
        message_id::push_hex(&mut client_id, rng.next(), 64, 0);
        let dialog_id = match &config.side {
            Side::Operator { dialog_id } => Some(*dialog_id),
            Side::Site { .. } | Side::Widget { .. } => None,
        };
        Self {
            servers: crate::servers::Servers::new(core::mem::take(&mut config.servers)),
            config,
            now: Now::default(),
            rng,
            outputs: VecDeque::new(),
            phase: Phase::Idle,
            wanted: Wanted::No,
            backoff: Backoff::default(),
            attempts: 0,
            next_link: 0,
            requests: Requests::default(),
            ladder: crate::ladder::Ladder::default(),
            line: crate::pulse::Line::default(),
            renewals: 0,
            lost_at: None,
            device: Device::Online,
            tabs: crate::tabs::Tabs::default(),
            dialog_id,
            loading: Loading::Todo,
            timeline: Timeline::default(),
            behind_since: None,
            asked_for_gap: None,
            stale: (0, 0),
            client_id,
            ids: MessageIds::default(),
            outbox: Outbox::default(),
            settled: Vec::new(),
            hold_until: None,
            setbacks: 0,
            key: Key::Unsaved,
            identity: crate::identity::Identity::default(),
            site: None,
            site_again_at: None,
            site_failures: 0,
            marks: crate::marks::Marks::default(),
            draft: String::new(),
            notice: Notice::None,
            address: crate::contact::Address::default(),
            telemetry: Telemetry::default(),
            reloaded_at: None,
        }
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Now, input: Input) {
        let slept = self.slept(now, &input);
        self.now = now;
        if slept {
            self.wake(Why::Wake);
        }
        match input {
            Input::Restored(values) => self.restore(values),
            Input::SaveFailed { name } => {
                self.trouble(Trouble::Storage, "storage");
                if let Some(id) = name.strip_prefix("o:") {
                    self.outbox.note(id, Kept::No);
                } else if name == "key" {
                    self.lose_key();
                }
            }
            Input::Start => self.start(),
            Input::Stop => self.stop(),
            Input::Send { text } => self.send(text),
            Input::Retry { id } => self.retry(&id),
            Input::TryNow => self.try_now(),
            Input::Draft { text } => self.draft(text),
            Input::Settings(site) => self.settings(site),
            Input::Tab(tab) => self.tab(tab),
            Input::Contact { email } => self.leave_address(&email),
            Input::Panel(panel) => self.panel(panel),
            Input::Older => self.ask_older(),
            Input::Credential(secret) => self.credential(secret),
            Input::Identify(identify) => self.identify(identify),
            Input::Person { tag, values } => self.restore_person(&tag, values),
            Input::Attributes(text) => self.attributes(text),
            Input::Logout { key } => self.log_out(key),
            Input::Taken { id } => self.outbox.note(&id, Kept::Elsewhere),
            Input::Disowned { key } => self.disowned(key),
            Input::Page(page) => self.page(page),
            Input::Opened { link } => self.opened(link),
            Input::Received { link, text } => self.received(link, &text),
            Input::Closed { link, end } => self.closed(link, &end),
            Input::Answered { request, status, body } => self.answered(request, status, &body),
            Input::Unanswered { request } => self.unanswered(request),
            Input::Timeout => self.timeout(),
            Input::Log(level) => self.telemetry.log.told = level,
        }
        self.heed_audit();
        self.flush();
        self.send_address();
        self.mark();
        self.tell_health();
        self.tell_figures();
    }

    /// Returns the next thing for the driver to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns the dialog, once there is one.
    pub fn dialog_id(&self) -> Option<u64> {
        self.dialog_id
    }

    /// Returns what a request has to carry as its bearer; another page of this visitor may have changed it.
    pub fn bearer(&self) -> &protocol::Secret {
        self.token().unwrap_or(&self.config.credential)
    }

    /// Returns the last `seq` that was applied.
    pub fn cursor(&self) -> u64 {
        self.timeline.cursor()
    }

    /// Returns how many messages are not known to be stored.
    pub fn unsettled(&self) -> usize {
        self.outbox.items().iter().filter(|item| item.n > 0).count()
    }

    pub(crate) fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(crate) fn save(&mut self, name: &str, value: String) {
        if self.key == Key::Lost {
            if let Some(id) = name.strip_prefix("o:") {
                self.outbox.note(id, Kept::No);
            }
            return;
        }
        self.outputs.push_back(Output::Save { name: String::from(name), value });
    }

    pub(crate) fn remove(&mut self, name: String) {
        self.outputs.push_back(Output::Remove { name });
    }

    /// The kind of author that this side is.
    pub(crate) fn own_kind(&self) -> AuthorKind {
        match self.config.side {
            Side::Site { .. } | Side::Widget { .. } => AuthorKind::Visitor,
            Side::Operator { .. } => AuthorKind::Operator,
        }
    }

    pub(crate) fn is_visitor(&self) -> bool {
        self.own_kind() == AuthorKind::Visitor
    }

    /// Says whether the machine was asleep: a timer is late, or the clocks have drifted apart.
    fn slept(&self, now: Now, input: &Input) -> bool {
        let first = self.now == Now::default();
        let drift = now.wall.saturating_sub(self.now.wall).saturating_sub(now.mono.since(self.now.mono));
        let late = match (input, self.poll_timeout()) {
            (Input::Timeout, Some((due, _))) => now.mono.since(due) > SLEEP_MS,
            _ => false,
        };
        !first && (drift > SLEEP_MS || late)
    }

    fn restore(&mut self, values: Vec<(String, String)>) {
        for (name, value) in values {
            if let Some(id) = name.strip_prefix("o:") {
                self.restore_message(id, value);
                continue;
            }
            match name.as_str() {
                // Another page of this visitor was first: its key is the visitor's.
                "key" if self.key == Key::Unsaved => {
                    self.key = Key::Saved;
                    if self.token().is_none() {
                        self.config.credential = protocol::Secret::new(value);
                    }
                }
                "key" if self.token().is_some() => {}
                // It has begun a dialog of its own at the same moment: what follows is of that one.
                "key" if self.is_visitor() && value != self.config.credential.expose() => return,
                "dialog" if self.is_visitor() && self.dialog_id.is_none() => {
                    self.dialog_id = protocol::json::from_str(&value).ok();
                }
                "way" => self.restore_way(&value),
                "draft" => self.draft = value,
                "mail" => self.restore_address(value),
                "read" => self.marks.restore(protocol::json::from_str(&value).ok()),
                _ => {}
            }
        }
    }

    fn restore_message(&mut self, id: &str, text: String) {
        // Only what was there when the page came up: what another open page writes later is that page's to send.
        if self.wanted == Wanted::Yes || mutants::planted(Mutant::ClientNoRestore) {
            return;
        }
        self.ids.witness(id);
        let at = message_id::millis(id);
        let state = if self.is_too_old(at) { State::Expired } else { State::Doubtful };
        self.outbox.restore(String::from(id), text, at, state);
    }

    pub(crate) fn is_too_old(&self, at: u64) -> bool {
        self.now.wall.saturating_sub(at) > limits::OUTBOX_MS
    }

    fn send(&mut self, text: String) {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return;
        }
        if trimmed.chars().count() > limits::TEXT_CHARS as usize {
            self.notice = Notice::TooLong;
            return;
        }
        let id = self.ids.next(self.now.wall, &mut self.rng);
        if self.outbox.push(id.clone(), String::from(trimmed), self.now.wall, &self.config.buffer).is_err() {
            self.notice = Notice::OutboxFull;
            return;
        }
        self.notice = Notice::None;
        self.poll_soon();
        self.save_key();
        let mut name = String::from("o:");
        name.push_str(&id);
        self.save(&name, String::from(trimmed));
        self.draft(String::new());
        self.start();
    }

    /// Keeps the visitor's key from the first interaction on.
    pub(crate) fn save_key(&mut self) {
        if self.key == Key::Unsaved && self.is_visitor() {
            self.key = Key::Saved;
            // A person's token is not kept: it says only that somebody was here.
            let key = String::from(if self.token().is_some() { "1" } else { self.config.credential.expose() });
            self.save("key", key);
        }
    }

    /// The key could not be kept: what was kept without it is nobody's. A person's is found by who they are.
    fn lose_key(&mut self) {
        if self.token().is_some() {
            self.key = Key::Unsaved;
            return;
        }
        self.key = Key::Lost;
        let ids: Vec<String> = self.outbox.items().iter().map(|item| item.id.clone()).collect();
        for id in ids {
            let mut name = String::from("o:");
            name.push_str(&id);
            self.remove(name);
            self.outbox.note(&id, Kept::No);
        }
    }

    /// Says whether there is, or should be, a dialog at the server.
    pub(crate) fn has_dialog(&self) -> bool {
        self.dialog_id.is_some() || self.outbox.wants_link() || self.key != Key::Unsaved || self.is_known()
    }

    fn draft(&mut self, text: String) {
        if text == self.draft {
            return;
        }
        if text.is_empty() {
            self.remove(String::from("draft"));
        } else {
            self.save("draft", text.clone());
        }
        let had_text = !self.draft.is_empty();
        self.poll_soon();
        self.draft = text;
        self.notice = Notice::None;
        self.say_typing(had_text);
    }

    /// Another page of this visitor may have cleared the one draft that is kept: the page that goes writes its own again.
    fn keep_draft(&mut self) {
        if !self.draft.is_empty() {
            self.save("draft", self.draft.clone());
        }
    }

    fn panel(&mut self, panel: Panel) {
        self.marks.panel = panel;
        self.poll_soon();
        self.mark_read();
    }

    fn page(&mut self, page: Page) {
        match page {
            Page::Visible => {
                self.seen(true);
                self.marks.page_is_visible = true;
                self.mark_read();
                self.wake(Why::Wake);
            }
            Page::Hidden => {
                self.seen(false);
                self.marks.page_is_visible = false;
            }
            Page::Resumed => {
                self.wake(Why::Wake);
                // Another page may have begun a dialog meanwhile.
                if self.wanted == Wanted::Yes && matches!(self.phase, Phase::Idle) {
                    self.start();
                }
            }
            Page::Frozen => {
                self.keep_draft();
                self.freeze();
                self.no_rest();
            }
            Page::Online => {
                self.device = Device::Online;
                self.line = crate::pulse::Line::default();
                self.forget_way();
                self.wake(Why::Online);
            }
            Page::Offline => {
                self.device = Device::Offline;
                self.wake(Why::Wake);
            }
        }
    }

    /// Makes no id that was made before this one.
    pub(crate) fn witness(&mut self, id: &str) {
        self.ids.witness(id);
    }

    pub(crate) fn new_link(&mut self) -> LinkId {
        self.next_link += 1;
        LinkId(self.next_link)
    }
}
