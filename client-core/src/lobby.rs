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
use crate::message_id::MessageIds;
use crate::{
    Banner, Call, Delivery, Event, From, Input, Instant, Item, LinkState, Notice, Now, Older, Panel, Side, Site, View,
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
    /// What storage holds, or should hold.
    kept: Vec<(String, String)>,
    unsaved: Vec<String>,
    draft: String,
    notice: Notice,
    panel: Option<Panel>,
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
            kept: Vec::new(),
            unsaved: Vec::new(),
            draft: String::new(),
            notice: Notice::None,
            panel: None,
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
            Input::SaveFailed { name } => self.unsaved.push(name),
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
            Input::Stop
            | Input::Retry { .. }
            | Input::Older
            | Input::Credential(_)
            | Input::Page(_)
            | Input::Settings(_)
            | Input::Opened { .. }
            | Input::Received { .. }
            | Input::Closed { .. }
            | Input::Answered { .. }
            | Input::Unanswered { .. } => {}
        }
        let is_under_way = self.kept.iter().any(|(name, _)| name == "dialog" || name.starts_with("o:"));
        if is_under_way || !self.draft.is_empty() {
            self.ask_link();
        }
    }

    /// The settings have come.
    pub fn settled(&mut self, now: Now, site: SiteConfig) {
        self.now = now;
        self.site = Some(site);
        self.settings.state = Fetch::Done;
    }

    /// The question was refused with an error of ours: `reason` is its code, empty where somebody in between said so.
    pub fn refused(&mut self, now: Now, status: u16, reason: String) {
        self.now = now;
        if (400..=404).contains(&status) && !reason.is_empty() {
            self.is_refused = true;
            self.settings.state = Fetch::Done;
            self.outputs.push_back(Output::Event(Event::Refused { code: status, reason }));
        } else {
            self.unanswered(now);
        }
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

    /// All pages of this visitor have agreed on a key; one that is kept is theirs from now on.
    pub fn claimed(&mut self, now: Now, key: &str) {
        self.now = now;
        self.key = String::from(key);
        self.save("key", key);
    }

    /// Returns the next thing for the driver to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when to call with [`Input::Timeout`] at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.settings.due(), self.link.due()].into_iter().flatten().min()
    }

    /// Returns the visitor's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns what a new client has to be told, in this order.
    pub fn hand_over(self) -> Vec<Input> {
        let mut inputs = self.later;
        inputs.push(Input::Restored(self.kept));
        inputs.extend(self.unsaved.into_iter().map(|name| Input::SaveFailed { name }));
        inputs.extend(self.site.map(Input::Settings));
        inputs.push(Input::Start);
        inputs.extend(self.panel.map(Input::Panel));
        inputs
    }

    /// Returns all that a person sees.
    pub fn view(&self) -> View {
        let mut items = Vec::new();
        if let Some(site) = &self.site
            && !site.welcome.is_empty()
        {
            let author = Author { kind: AuthorKind::System, name: site.name.clone() };
            items.push(item(WELCOME_ID, author, From::Other, &site.welcome));
        }
        for (name, text) in &self.kept {
            if let Some(id) = name.strip_prefix("o:") {
                let author = Author { kind: AuthorKind::Visitor, name: String::new() };
                let at = crate::message_id::millis(id);
                let delivery = if self.unsaved.contains(name) { Delivery::Unsaved } else { Delivery::Sending };
                items.push(Item { at, delivery, ..item(id, author, From::Own, text) });
            }
        }
        let (link, banner) = match self.link {
            _ if self.is_refused => (LinkState::Stopped, Banner::Refused),
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
            link,
            banner,
            draft: self.draft.clone(),
            notice: self.notice,
        }
    }

    /// Takes over what is in storage; another page may have been first.
    fn restore(&mut self, name: String, value: String) {
        match name.as_str() {
            "key" => self.key.clone_from(&value),
            "draft" if self.draft.is_empty() => self.draft.clone_from(&value),
            _ => {}
        }
        if let Some(id) = name.strip_prefix("o:") {
            self.ids.witness(id);
        }
        self.keep(name, value);
    }

    fn keep(&mut self, name: String, value: String) {
        self.kept.retain(|(known, _)| *known != name);
        self.kept.push((name, value));
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

/// Returns an entry of the conversation that has no place in the log yet.
pub(crate) fn item(id: &str, author: Author, from: From, text: &str) -> Item {
    let (key, text) = (String::from(id), String::from(text));
    Item { key, seq: 0, author, from, text, at: 0, delivery: Delivery::Sent }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> SiteConfig {
        SiteConfig { name: "Morrow".into(), welcome: "Hello!".into(), ..SiteConfig::default() }
    }

    struct Page {
        lobby: Lobby,
        ms: u64,
    }

    impl Page {
        fn new(restored: &[(&str, &str)]) -> Self {
            let side = Side::Site { site_token: "st_demo".into() };
            let restored = restored.iter().map(|&(name, value)| (name.into(), value.into())).collect();
            Self { lobby: Lobby::new(side, "vk_mine".into(), restored, 7), ms: 1_000 }
        }

        fn now(&self) -> Now {
            Now { mono: Instant::from_millis(self.ms), wall: 1_763_640_000_000 + self.ms }
        }

        fn input(&mut self, input: Input) -> Vec<Output> {
            let now = self.now();
            self.lobby.handle(now, input);
            self.taken()
        }

        fn taken(&mut self) -> Vec<Output> {
            std::iter::from_fn(|| self.lobby.poll_output()).collect()
        }

        /// Waits until there is something to do.
        fn later(&mut self) -> Vec<Output> {
            self.ms = self.lobby.poll_timeout().expect("something is due").as_millis();
            self.input(Input::Timeout)
        }

        fn send(&mut self, text: &str) -> Vec<Output> {
            self.input(Input::Send { text: text.into() })
        }
    }

    #[test]
    fn who_only_looks_asks_for_the_settings_and_for_nothing_else() {
        let mut page = Page::new(&[]);
        assert!(matches!(page.input(Input::Start)[..], [Output::Ask(_)]));
        let now = page.now();
        page.lobby.settled(now, site());
        assert_eq!(page.input(Input::Panel(Panel::Open)), []);
        assert_eq!(page.lobby.poll_timeout(), None);
        let view = page.lobby.view();
        assert_eq!((view.items[0].key.as_str(), view.items[0].text.as_str()), ("welcome", "Hello!"));
        assert_eq!(view.link, LinkState::Idle);
    }

    #[test]
    fn the_first_letter_asks_for_the_link_and_is_kept() {
        let mut page = Page::new(&[]);
        let outputs = page.input(Input::Draft { text: "H".into() });
        assert_eq!(outputs, [Output::Save { name: "draft".into(), value: "H".into() }, Output::Link]);
        assert!(!page.input(Input::Draft { text: "He".into() }).contains(&Output::Link));
    }

    #[test]
    fn what_is_sent_before_the_link_is_there_is_kept_as_the_client_keeps_it() {
        let mut page = Page::new(&[]);
        let outputs = page.send(" first ");
        assert!(matches!(&outputs[0], Output::Save { name, value } if name == "key" && value == "vk_mine"));
        assert!(matches!(&outputs[1], Output::Save { name, value } if name.starts_with("o:") && value == "first"));
        assert!(outputs.contains(&Output::Link));
        page.send("second");
        let texts: Vec<String> = page.lobby.view().items.into_iter().map(|item| item.text).collect();
        assert_eq!(texts, ["first", "second"]);
        let inputs = page.lobby.hand_over();
        let [Input::Restored(kept), Input::Start] = &inputs[..] else { panic!("{inputs:?}") };
        assert_eq!(kept.len(), 3);
    }

    #[test]
    fn a_client_goes_on_where_the_lobby_ended() {
        let mut page = Page::new(&[]);
        page.input(Input::Start);
        let now = page.now();
        page.lobby.settled(now, site());
        page.input(Input::Panel(Panel::Open));
        page.send("first");
        page.send("second");
        let before = page.lobby.view();
        let config = crate::Config::new(Side::Site { site_token: "st_demo".into() }, protocol::Secret::new("vk_mine"));
        let mut client = crate::Client::new(config, 3);
        for input in page.lobby.hand_over() {
            client.handle(now, input);
        }
        let after = client.view();
        let keys = |view: &View| view.items.iter().map(|item| item.key.clone()).collect::<Vec<_>>();
        assert_eq!(keys(&after), keys(&before));
        assert_eq!(after.site, before.site);
        let outputs: Vec<crate::Output> = std::iter::from_fn(|| client.poll_output()).collect();
        let posts = outputs.iter().filter(|output| matches!(output, crate::Output::Request { .. })).count();
        assert_eq!(posts, 1, "the dialog is asked for, the settings are known: {outputs:?}");
    }

    #[test]
    fn a_page_that_was_second_takes_the_key_of_the_first_with_what_it_has_written() {
        let mut page = Page::new(&[]);
        page.send("first words here");
        let now = page.now();
        page.lobby.claimed(now, "vk_theirs");
        assert_eq!(page.taken(), [Output::Save { name: "key".into(), value: "vk_theirs".into() }]);
        assert_eq!(page.lobby.key(), "vk_theirs");
        let inputs = page.lobby.hand_over();
        let [Input::Restored(kept), Input::Start] = &inputs[..] else { panic!("{inputs:?}") };
        let keys: Vec<&str> = kept.iter().filter(|(name, _)| name == "key").map(|(_, key)| key.as_str()).collect();
        assert_eq!(keys, ["vk_theirs"]);
    }

    #[test]
    fn a_reload_before_the_link_came_asks_for_it_at_once() {
        let mut page = Page::new(&[("key", "vk_old"), ("o:0192", "first")]);
        assert_eq!(page.lobby.key(), "vk_old");
        assert!(page.input(Input::Start).contains(&Output::Link));
    }

    #[test]
    fn what_cannot_be_fetched_is_tried_again_and_the_visitor_sees_it() {
        let mut page = Page::new(&[]);
        page.input(Input::Start);
        page.send("hello");
        for _ in 0..10 {
            let now = page.now();
            page.lobby.link_failed(now);
            page.lobby.unanswered(now);
            assert_eq!(page.lobby.view().banner, Banner::Offline);
            let before = page.ms;
            let mut outputs = page.later();
            outputs.append(&mut page.later());
            assert!(outputs.contains(&Output::Link) && outputs.iter().any(|output| matches!(output, Output::Ask(_))));
            assert!(page.ms - before <= AGAIN_MAX_MS);
        }
        let now = page.now();
        page.lobby.link_failed(now);
        assert_eq!(page.input(Input::TryNow), [Output::Link]);
    }

    #[test]
    fn silence_counts_as_a_failure() {
        let mut page = Page::new(&[]);
        page.input(Input::Start);
        assert_eq!(page.later(), [], "the answer is given up");
        assert!(matches!(page.later()[..], [Output::Ask(_)]));
    }

    #[test]
    fn a_site_that_refuses_this_page_is_not_asked_again() {
        let mut page = Page::new(&[]);
        page.input(Input::Start);
        let now = page.now();
        page.lobby.refused(now, 403, "forbidden_origin".into());
        assert!(
            matches!(&page.taken()[..], [Output::Event(Event::Refused { code: 403, reason })] if reason == "forbidden_origin")
        );
        assert_eq!((page.lobby.view().banner, page.lobby.poll_timeout()), (Banner::Refused, None));
    }

    #[test]
    fn a_text_that_is_too_long_is_not_taken() {
        let mut page = Page::new(&[]);
        assert_eq!(page.send(&"x".repeat(limits::TEXT_CHARS as usize + 1)), []);
        assert_eq!(page.lobby.view().notice, Notice::TooLong);
    }
}
