//! Before there is anything to link: the panel opens, shows the site's welcome, and takes what is written.
//!
//! Most people who open a chat only look. A [`Lobby`] is all that they need, and the only part of this crate that their
//! browser loads: it asks for the site's settings, and asks for the rest ([`Output::Link`]) as soon as somebody writes or
//! a dialog is under way. What is sent meanwhile is kept in storage as the client itself would keep it; the storage is
//! what is handed over, so a reload in between loses nothing.

use std::collections::VecDeque;

use protocol::http::SiteConfig;
use protocol::{Author, AuthorKind, WELCOME_ID, limits};

use crate::backoff::Rng;
use crate::enclosure::parts_of;
use crate::message_id::MessageIds;
use crate::staffing;
use crate::{
    Banner, Call, Contact, Delivery, Event, From, Input, Instant, Item, LinkState, Notice, Now, Older, Panel, Side,
    Site, View,
};

/// An answer is awaited for so long, in ms.
const ANSWER_MS: u64 = 5_000;
/// The rest of the client may take so long to come, in ms: it is larger than an answer.
const LINK_MS: u64 = 30_000;
/// What failed is tried again after so long at first, in ms; each time twice as long …
const AGAIN_MS: u64 = 500;
/// … and no longer than this, in ms.
const AGAIN_MAX_MS: u64 = 4_000;

/// One visitor before the client is there.
///
/// After every call drain [`Lobby::poll_output`], ask [`Lobby::poll_timeout`], and show [`Lobby::view`].
#[derive(Debug)]
pub struct Lobby {
    side: Side,
    now: Now,
    rng: Rng,
    ids: MessageIds,
    outputs: VecDeque<Output>,
    settings: Errand,
    link: Errand,
    site: Option<SiteConfig>,
    is_refused: bool,
    /// The visitor's key; in `kept` as soon as it is needed.
    key: String,
    /// Whether the visitor for whom the link was asked has logged out.
    has_left: bool,
    /// What storage holds, or should hold.
    kept: Vec<(String, String)>,
    unsaved: Vec<String>,
    draft: String,
    notice: Notice,
    panel: Option<Panel>,
    /// Whether the page has said that it knows the visitor.
    is_known: bool,
    /// Whether storage holds something of somebody whom a page knew.
    somebody: bool,
    later: Vec<Input>,
}

/// Everything a [`Lobby`] asks its driver to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Keep a value beyond the page; answer [`Input::SaveFailed`] if it cannot be kept.
    Save {
        /// Unique among the values of this visitor.
        name: String,
        /// Any text.
        value: String,
    },
    /// Forget a value.
    Remove {
        /// Its name.
        name: String,
    },
    /// Ask for the settings, and forget an older question; answer with [`Lobby::settled`], [`Lobby::refused`] or
    /// [`Lobby::unanswered`].
    Ask(Call),
    /// Bring the rest of the client; then [`Lobby::hand_over`], or else [`Lobby::link_failed`].
    Link,
    /// Tell the application.
    Event(Event),
}

/// Something that has to be fetched.
#[derive(Clone, Copy, Debug, Default)]
struct Errand {
    state: Fetch,
    failures: u32,
}

#[derive(Clone, Copy, Debug, Default)]
enum Fetch {
    #[default]
    Unwanted,
    UnderWay {
        until: Instant,
    },
    Again {
        at: Instant,
    },
    Done,
}

impl Errand {
    fn due(self) -> Option<Instant> {
        match self.state {
            Fetch::UnderWay { until: at } | Fetch::Again { at } => Some(at),
            Fetch::Unwanted | Fetch::Done => None,
        }
    }

    /// Plans the next try, when one is under way.
    fn failed(&mut self, now: Instant, rng: &mut Rng) {
        if let Fetch::UnderWay { .. } = self.state {
            let bound = (AGAIN_MS << self.failures.min(8)).min(AGAIN_MAX_MS);
            self.failures += 1;
            self.state = Fetch::Again { at: now.plus(bound - rng.up_to(bound / 4)) };
        }
    }
}

impl Lobby {
    /// Makes one: `restored` is what storage held, `key` the visitor's key where storage has none.
    pub fn new(side: Side, key: String, restored: Vec<(String, String)>, seed: u64) -> Self {
        let mut lobby = Self {
            side,
            now: Now::default(),
            rng: Rng::new(seed),
            ids: MessageIds::default(),
            outputs: VecDeque::new(),
            settings: Errand::default(),
            link: Errand::default(),
            site: None,
            is_refused: false,
            key,
            has_left: false,
            kept: Vec::new(),
            unsaved: Vec::new(),
            draft: String::new(),
            notice: Notice::None,
            panel: None,
            is_known: false,
            somebody: false,
            later: Vec::new(),
        };
        for (name, value) in restored {
            lobby.restore(name, value);
        }
        lobby
    }

    /// Tells what a person does, or what another page of this visitor has kept ([`Input::Restored`]).
    ///
    /// What only a client knows (links, requests, older messages) means nothing here.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.now = now;
        match input {
            Input::Restored(values) => {
                for (name, value) in values {
                    self.restore(name, value);
                }
            }
            Input::SaveFailed { name } => self.not_saved(name),
            Input::Start => {
                if let Fetch::Unwanted = self.settings.state {
                    self.ask_settings();
                }
            }
            Input::Send { text } => self.send(&text),
            Input::Draft { text } => self.draft(text),
            Input::Panel(panel) => self.panel = Some(panel),
            Input::TryNow => self.try_now(),
            Input::Timeout => self.timeout(),
            // The client's to know, when it is there.
            Input::Log(_) | Input::Tab(_) => self.later.push(input),
            // By what, the client will be told before it starts.
            Input::Identify(_) => self.is_known = true,
            Input::Logout { key } => self.log_out(key),
            Input::Stop
            | Input::Retry { .. }
            | Input::Older
            | Input::Contact { .. }
            | Input::Credential(_)
            | Input::Person { .. }
            | Input::Attributes(_)
            | Input::Taken { .. }
            | Input::Disowned { .. }
            | Input::Page(_)
            | Input::Settings(_)
            | Input::Opened { .. }
            | Input::Received { .. }
            | Input::Closed { .. }
            | Input::Answered { .. }
            | Input::Unanswered { .. } => {}
        }
        let is_under_way =
            self.kept.iter().any(|(name, _)| name == "dialog" || name.starts_with("o:") || name.starts_with("f:"));
        let is_awaited = self.is_known && (self.somebody || !matches!(self.settings.state, Fetch::Unwanted));
        if is_under_way || is_awaited || !self.draft.is_empty() {
            self.ask_link();
        }
    }

    /// The settings have come.
    pub fn settled(&mut self, now: Now, site: SiteConfig) {
        self.now = now;
        self.site = Some(staffing::receive(site, now.wall));
        self.settings.state = Fetch::Done;
    }

    /// The question was refused with an error of ours: `reason` is its code, empty where somebody in between said so.
    pub fn refused(&mut self, now: Now, status: u16, reason: String) {
        self.now = now;
        if (400..=404).contains(&status) && !reason.is_empty() {
            self.is_refused = true;
            self.settings.state = Fetch::Done;
            self.link.state = Fetch::Done;
            self.outputs.push_back(Output::Event(Event::Refused { code: status, reason }));
        } else {
            self.unanswered(now);
        }
    }

    /// Something needs the rest of the client, though nothing was written yet.
    pub fn link_wanted(&mut self, now: Now) {
        self.now = now;
        self.ask_link();
    }

    /// There will be no answer about the settings.
    pub fn unanswered(&mut self, now: Now) {
        self.now = now;
        self.settings.failed(now.mono, &mut self.rng);
    }

    /// The rest of the client could not be fetched.
    pub fn link_failed(&mut self, now: Now) {
        self.now = now;
        self.link.failed(now.mono, &mut self.rng);
    }

    /// All pages of this visitor have agreed on a key; one that is kept is theirs from now on. That of a visitor who has logged out
    /// since they were asked means nothing.
    pub fn claimed(&mut self, now: Now, key: &str) {
        self.now = now;
        if self.has_left {
            return;
        }
        self.key = String::from(key);
        if !self.is_known {
            self.save("key", key);
        }
    }

    /// Returns the next thing for the driver to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when to call with [`Input::Timeout`] at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let hours = self.site.as_ref().and_then(|site| staffing::change_in_ms(site, self.now.wall));
        let mut next = hours.map(|ms| self.now.mono.plus(ms));
        for due in [self.settings, self.link].iter().filter_map(|errand| errand.due()) {
            if next.is_none_or(|next| due < next) {
                next = Some(due);
            }
        }
        next
    }

    /// Says whether the site has refused this page: there is nothing to hand over to.
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Returns the visitor's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns what a new client has to be told, in this order.
    pub fn hand_over(self) -> Vec<Input> {
        // What was written before it was known who writes is there first.
        let mut inputs = vec![Input::Restored(self.kept)];
        inputs.extend(self.unsaved.into_iter().map(|name| Input::SaveFailed { name }));
        inputs.extend(self.later);
        inputs.extend(self.site.map(Input::Settings));
        inputs.push(Input::Start);
        inputs.extend(self.panel.map(Input::Panel));
        inputs
    }

    /// Returns all that a person sees.
    pub fn view(&self) -> View {
        let mut items = Vec::new();
        // A dialog that is under way has its welcome in the log.
        let has_dialog = self.kept.iter().any(|(name, _)| name == "dialog");
        if let Some(site) = &self.site
            && !site.welcome.is_empty()
            && !has_dialog
        {
            let author = Author { kind: AuthorKind::System, name: site.name.clone() };
            items.push(item(WELCOME_ID, author, From::Other, &site.welcome));
        }
        for (name, text) in &self.kept {
            if let Some(id) = name.strip_prefix("o:") {
                let author = Author { kind: AuthorKind::Visitor, name: String::new() };
                let at = crate::message_id::millis(id);
                let is_unsaved = self.unsaved.iter().any(|unsaved| unsaved == name || unsaved == "key");
                let delivery = if is_unsaved { Delivery::Unsaved } else { Delivery::Sending };
                items.push(Item { at, delivery, ..item(id, author, From::Own, text) });
            }
        }
        let (link, banner) = match self.link {
            _ if self.is_refused => (LinkState::Stopped, Banner::Refused),
            _ if self.site.is_none() && self.settings.failures > 0 => (LinkState::Offline, Banner::Offline),
            Errand { state: Fetch::Unwanted, .. } => (LinkState::Idle, Banner::None),
            Errand { failures: 0, .. } => (LinkState::Connecting, Banner::None),
            Errand { .. } => (LinkState::Offline, Banner::Offline),
        };
        View {
            site: self.site.as_ref().map(Site::of),
            items,
            older: Older::None,
            unread: 0,
            typing: String::new(),
            operators: self.site.as_ref().map(|site| site.operators.clone()).unwrap_or_default(),
            staffing: self.site.as_ref().map(|site| staffing::at(site, self.now.wall)).unwrap_or_default(),
            contact: Contact::None,
            link,
            banner,
            draft: self.draft.clone(),
            notice: self.notice,
            is_veiled: false,
        }
    }

    /// Takes over what is in storage; another page may have been first.
    fn restore(&mut self, name: String, value: String) {
        match name.as_str() {
            "@" => {
                self.somebody = true;
                return;
            }
            "key" => self.key.clone_from(&value),
            "draft" if self.draft.is_empty() => self.draft.clone_from(&value),
            _ => {}
        }
        if let Some(id) = name.strip_prefix("o:") {
            self.ids.witness(id);
        }
        self.keep(name, value);
    }

    /// Keeps the order of names: it is that of writing for messages.
    fn keep(&mut self, name: String, value: String) {
        self.kept.retain(|(known, _)| *known != name);
        let place = self.kept.iter().position(|(known, _)| *known > name).unwrap_or(self.kept.len());
        self.kept.insert(place, (name, value));
    }

    fn not_saved(&mut self, name: String) {
        if name == "key" {
            // Without the key a message is nobody's: another page would send it into a dialog of its own.
            for (name, _) in self.kept.iter().filter(|(name, _)| name.starts_with("o:")) {
                self.outputs.push_back(Output::Remove { name: name.clone() });
            }
        }
        if !self.unsaved.contains(&name) {
            self.unsaved.push(name);
        }
    }

    fn save(&mut self, name: &str, value: &str) {
        let (name, value) = (String::from(name), String::from(value));
        self.keep(name.clone(), value.clone());
        self.outputs.push_back(Output::Save { name, value });
    }

    fn send(&mut self, text: &str) {
        let text = text.trim();
        let bytes: usize = self.kept.iter().map(|(_, value)| value.len()).sum();
        self.notice = Notice::None;
        if text.is_empty() {
        } else if text.chars().count() > limits::TEXT_CHARS as usize {
            self.notice = Notice::TooLong;
        } else if bytes + text.len() > limits::OUTBOX_BYTES || self.kept.len() >= limits::OUTBOX_MESSAGES {
            self.notice = Notice::OutboxFull;
        } else {
            let key = self.key.clone();
            self.save("key", &key);
            let mut name = String::from("o:");
            name.push_str(&self.ids.next(self.now.wall, &mut self.rng));
            self.save(&name, text);
            self.draft(String::new());
        }
    }

    /// Everything of this visitor is forgotten; storage has been cleared.
    fn log_out(&mut self, key: protocol::Secret) {
        self.key = String::from(key.expose());
        self.has_left = !matches!(self.link.state, Fetch::Unwanted);
        self.kept.clear();
        self.unsaved.clear();
        self.draft.clear();
        self.notice = Notice::None;
        self.is_known = false;
        self.somebody = false;
    }

    fn draft(&mut self, text: String) {
        self.notice = Notice::None;
        if text == self.draft {
        } else if text.is_empty() {
            let name = String::from("draft");
            self.kept.retain(|(known, _)| *known != name);
            self.outputs.push_back(Output::Remove { name });
        } else {
            self.save("draft", &text);
        }
        self.draft = text;
    }

    fn ask_settings(&mut self) {
        self.settings.state = Fetch::UnderWay { until: self.now.mono.plus(ANSWER_MS) };
        self.outputs.push_back(Output::Ask(self.side.config()));
    }

    fn ask_link(&mut self) {
        if let Fetch::Unwanted = self.link.state {
            self.fetch_link();
        }
    }

    fn fetch_link(&mut self) {
        self.link.state = Fetch::UnderWay { until: self.now.mono.plus(LINK_MS) };
        self.outputs.push_back(Output::Link);
    }

    fn try_now(&mut self) {
        for errand in [&mut self.settings, &mut self.link] {
            if let Fetch::Again { at } = &mut errand.state {
                *at = self.now.mono;
            }
        }
        self.timeout();
    }

    fn timeout(&mut self) {
        let now = self.now.mono;
        for errand in [&mut self.settings, &mut self.link] {
            if errand.due().is_some_and(|at| at <= now) {
                errand.failed(now, &mut self.rng);
            }
        }
        let is_due = |errand: Errand| matches!(errand.state, Fetch::Again { at } if at <= now);
        if is_due(self.settings) {
            self.ask_settings();
        }
        if is_due(self.link) {
            self.fetch_link();
        }
    }
}

/// Returns an entry of the conversation that has no place in the log yet, from what is kept of it.
pub(crate) fn item(id: &str, author: Author, from: From, kept: &str) -> Item {
    let (text, file) = parts_of(kept);
    let (key, text, file) = (String::from(id), String::from(text), String::from(file));
    Item { key, seq: 0, author, from, text, at: 0, delivery: Delivery::Sent, file }
}
