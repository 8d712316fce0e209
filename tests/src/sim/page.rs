//! A page: the real client and its driver.

use std::collections::{BTreeMap, VecDeque};

use client_core::{Client, Config, Event, Input, LinkId, LinkState, Output, Page as PageEvent, Panel, RequestId, Side};
use protocol::Secret;
use server_core::Millis;

use super::drawer::Drawer;
use super::ledger::Kept;
use super::machine::Room;
use super::people::Holder;
use super::uploads::{Sent, item_text};
use super::{Fault, Happening, Sim, Weather, trace};

/// A page: the real client and its driver.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) machine: usize,
    pub(crate) owner: Owner,
    /// The tab that it is in: reloads stay in it.
    pub(crate) tab: u64,
    pub(crate) client: Option<Client>,
    pub(crate) life: PageLife,
    pub(crate) links: BTreeMap<LinkId, u32>,
    pub(crate) calls: BTreeMap<RequestId, u32>,
    timer_at: Option<Millis>,
    pub(crate) deferred: Vec<Happening>,
    /// How it sees the storage.
    pub(crate) drawer: Drawer,
    /// Log-outs in its browser that it knows of.
    pub(crate) era: u32,
    pub(crate) sent: Sent,
    /// When it heard last that the file of a message is not there.
    pub(crate) lost_file_at: Option<Millis>,
    /// Whether it has a way to say who the visitor is.
    pub(crate) is_nameable: bool,
    /// Whether it may be somebody else by now, and was asked who it is.
    pub(crate) is_doubted: bool,
    /// The key that it had before it knew who the visitor is.
    pub(crate) former: Option<String>,
    /// When it was online for the first time after the last fault.
    pub(crate) back_at: Option<Millis>,
}

/// Whose page it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Visitor { visitor: usize, site: u64 },
    Operator { dialog: u64 },
}

/// Whether a page runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageLife {
    Open,
    /// No timer runs, and nothing that comes is seen before it is thawed.
    Frozen,
    Closed,
}

/// Says whether a link is up, whatever it is made of.
pub(crate) fn is_online(link: LinkState) -> bool {
    match link {
        LinkState::Online | LinkState::OnlineSse | LinkState::OnlineLongPolling | LinkState::OnlinePolling => true,
        LinkState::Idle | LinkState::Connecting | LinkState::Reconnecting | LinkState::Offline | LinkState::Stopped => {
            false
        }
    }
}

impl Page {
    pub(crate) fn is_open(&self) -> bool {
        self.life != PageLife::Closed
    }

    /// Returns the credential that goes into the headers.
    pub(crate) fn bearer(&self) -> Option<String> {
        self.client.as_ref().map(|client| client.bearer().expose().to_owned())
    }
}

impl Sim {
    /// Opens a page of a visitor or an operator on a machine.
    pub(crate) fn open_page(&mut self, machine: usize, owner: Owner, tab: u64) {
        let storage = &self.machines[machine].storage;
        let kept = storage.values.get("key").cloned().filter(|_| storage.room != Room::Absent);
        let (credential, side) = match owner {
            Owner::Visitor { visitor, site } => {
                let era = self.machines[machine].era;
                let fresh = format!("vk_{visitor}-{machine}.{era}-{:016x}", self.random.next());
                let side = if site % 2 == 1 {
                    Side::Site { site_token: format!("st_{site}") }
                } else {
                    let parent_origin = "https%3A%2F%2Fshop.example".to_owned();
                    Side::Widget { assistant_id: site, parent_origin, ticket: String::new() }
                };
                (kept.unwrap_or(fresh), side)
            }
            Owner::Operator { dialog } => {
                (format!("op-{}", self.server.token_generation), Side::Operator { dialog_id: dialog })
            }
        };
        let mut config = Config::new(side, Secret::new(credential));
        config.buffer.max_messages = self.plan.outbox;
        config.servers = ["", super::network::SECOND].map(String::from)[..self.plan.servers].to_vec();
        let client = Client::new(config, self.random.next());
        self.pages.push(Page {
            machine,
            owner,
            tab,
            client: Some(client),
            life: PageLife::Open,
            links: BTreeMap::new(),
            calls: BTreeMap::new(),
            timer_at: None,
            deferred: Vec::new(),
            drawer: Drawer::default(),
            era: self.machines[machine].era,
            sent: Sent::default(),
            lost_file_at: None,
            is_nameable: false,
            is_doubted: false,
            former: None,
            back_at: None,
        });
        let page = self.pages.len() - 1;
        trace!(self, "page {page} opens: {owner:?}, tab {tab}, machine {machine}");
        let restored = self.load(page);
        self.input(page, Input::Restored(restored));
        if matches!(owner, Owner::Visitor { .. }) {
            self.identify(page);
        }
        let wants_link = matches!(owner, Owner::Operator { .. }) || self.weather == Weather::Fine;
        if wants_link || self.random.chance(700) {
            self.input(page, Input::Start);
        }
        if self.random.chance(500) {
            self.input(page, Input::Panel(Panel::Open));
        }
    }

    /// Ends a page: what was not kept may be lost with it.
    pub(crate) fn close_page(&mut self, page: usize) {
        trace!(self, "page {page} is gone");
        self.ledger.page_gone(page);
        let state = &mut self.pages[page];
        state.life = PageLife::Closed;
        state.client = None;
        state.deferred.clear();
        state.calls.clear();
        let conns: Vec<u32> = std::mem::take(&mut state.links).into_values().collect();
        for conn in conns {
            self.hang_up(conn);
        }
    }

    /// Returns what happens to a page, if it notices now: one that is frozen or asleep does so later.
    pub(crate) fn noticed(&mut self, page: usize, happening: Happening) -> Option<Happening> {
        let state = &mut self.pages[page];
        match state.life {
            PageLife::Closed => return None,
            PageLife::Frozen => {
                state.deferred.push(happening);
                return None;
            }
            PageLife::Open => {}
        }
        let machine = &mut self.machines[state.machine];
        if !machine.is_awake() {
            machine.deferred.push(happening);
            return None;
        }
        Some(happening)
    }

    /// The network, or the browser, tells a page something.
    pub(crate) fn tell_page(&mut self, page: usize, input: Input) {
        let Some(Happening::ToPage { input, .. }) = self.noticed(page, Happening::ToPage { page, input }) else {
            return;
        };
        if self.is_for_nobody(page, &input) {
            return;
        }
        self.input(page, input);
    }

    /// The browser tells a page what another one has done; one in the back-forward cache is told nothing.
    pub(crate) fn tell_heard(&mut self, page: usize, name: String, is_gone: bool) {
        let state = &self.pages[page];
        match state.life {
            PageLife::Closed | PageLife::Frozen => return,
            PageLife::Open => {}
        }
        if !self.machines[state.machine].is_awake() {
            self.machines[state.machine].deferred.push(Happening::Heard { page, name, is_gone });
            return;
        }
        self.heard(page, &name, is_gone);
    }

    /// Says whether what comes belongs to a link or a request that the page has let go.
    fn is_for_nobody(&mut self, page: usize, input: &Input) -> bool {
        let state = &mut self.pages[page];
        match input {
            Input::Opened { link } | Input::Received { link, .. } => !state.links.contains_key(link),
            Input::Closed { link, .. } => {
                let Some(conn) = state.links.remove(link) else { return true };
                self.cut(conn, super::network::Told::No, super::network::Told::Yes);
                false
            }
            Input::Answered { request, .. } | Input::Unanswered { request } => state.calls.remove(request).is_none(),
            Input::Restored(_)
            | Input::Settings(_)
            | Input::SaveFailed { .. }
            | Input::Start
            | Input::Stop
            | Input::Send { .. }
            | Input::Retry { .. }
            | Input::TryNow
            | Input::Draft { .. }
            | Input::Contact { .. }
            | Input::Panel(_)
            | Input::Tab(_)
            | Input::Older
            | Input::Credential(_)
            | Input::Identify(_)
            | Input::Person { .. }
            | Input::Attributes(_)
            | Input::Logout { .. }
            | Input::Taken { .. }
            | Input::Disowned { .. }
            | Input::Page(_)
            | Input::Log(_)
            | Input::Timeout => false,
        }
    }

    pub(crate) fn page_timer(&mut self, page: usize, at: Millis) {
        let state = &mut self.pages[page];
        if state.timer_at != Some(at) || state.life != PageLife::Open || !self.machines[state.machine].is_awake() {
            return;
        }
        state.timer_at = None;
        self.input(page, Input::Timeout);
        if self.fate(self.plan.timer_burst) {
            self.bite(Fault::TimerBurst);
            for _ in 0..self.random.between(1, 5) {
                self.input(page, Input::Timeout);
            }
        }
    }

    /// Gives a page one input, carries out what it asks for, and looks at what it shows.
    pub(crate) fn input(&mut self, page: usize, input: Input) {
        let shows = matches!(input, Input::Received { .. } | Input::Answered { .. } | Input::Send { .. });
        let joins = matches!(input, Input::Restored(_));
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now = self.machines[self.pages[page].machine].now(self.now);
            let Some(mut client) = self.pages[page].client.take() else { return };
            self.note_input(page, &input);
            client.handle(now, input);
            let mut outputs = Vec::new();
            while let Some(output) = client.poll_output() {
                outputs.push(output);
            }
            self.pages[page].client = Some(client);
            for output in outputs {
                inputs.extend(self.perform(page, output));
            }
        }
        self.set_timer(page);
        if let (true, Holder::Browser { era, .. }) = (joins, self.holder_in(page)) {
            // The key of another page may be younger.
            self.pages[page].era = self.pages[page].era.max(era);
        }
        if shows {
            self.glance(page);
        }
        self.note_return(page);
    }

    fn note_input(&mut self, page: usize, input: &Input) {
        match input {
            Input::Received { link, text } => {
                trace!(self, "page {page} {link:?} < {text}");
                self.trace.mix(self.now, text);
            }
            Input::Restored(_)
            | Input::Settings(_)
            | Input::SaveFailed { .. }
            | Input::Start
            | Input::Stop
            | Input::Send { .. }
            | Input::Retry { .. }
            | Input::TryNow
            | Input::Draft { .. }
            | Input::Contact { .. }
            | Input::Panel(_)
            | Input::Tab(_)
            | Input::Older
            | Input::Credential(_)
            | Input::Identify(_)
            | Input::Person { .. }
            | Input::Attributes(_)
            | Input::Logout { .. }
            | Input::Taken { .. }
            | Input::Disowned { .. }
            | Input::Page(_)
            | Input::Opened { .. }
            | Input::Closed { .. }
            | Input::Answered { .. }
            | Input::Unanswered { .. }
            | Input::Log(_)
            | Input::Timeout => trace!(self, "page {page} {input:?}"),
        }
    }

    pub(crate) fn set_timer(&mut self, page: usize) {
        let state = &self.pages[page];
        let Some(client) = &state.client else { return };
        if state.life != PageLife::Open {
            return;
        }
        let due = client.poll_timeout().map(|(at, _)| self.machines[state.machine].moment(at));
        if due == state.timer_at {
            return;
        }
        self.pages[page].timer_at = due;
        let Some(at) = due else { return };
        let mut late = 0;
        if self.fate(self.plan.timer_late) {
            self.bite(Fault::TimerLate);
            late = self.random.pick(&[50, 900, 1_000, 6_000, 20_000]);
        }
        self.agenda.plan(at.max(self.now) + late, Happening::PageTimer { page, at });
    }

    /// Forgets when the timer was to come: the clocks have moved.
    pub(crate) fn reset_timer(&mut self, page: usize) {
        self.pages[page].timer_at = None;
        self.set_timer(page);
    }

    /// Carries one output out; returns what it leads to at once.
    fn perform(&mut self, page: usize, output: Output) -> Option<Input> {
        match output {
            Output::Save { name, value } => return self.save(page, name, value),
            Output::Remove { name } => self.erase(page, &name),
            Output::Open { link, transport, path } => self.connect(page, link, transport, &path),
            Output::Drop { link } => {
                trace!(self, "page {page} drops {link:?}");
                if let Some(conn) = self.pages[page].links.remove(&link) {
                    self.hang_up(conn);
                }
            }
            Output::Transmit { link, text } => match self.pages[page].links.get(&link).copied() {
                Some(conn) => {
                    self.check_doubt(page, &text);
                    if text.len() > protocol::limits::FRAME_BYTES as usize {
                        self.violate(format!("page {page} sends {} bytes in one frame", text.len()));
                    }
                    self.send_up(conn, text);
                }
                // A browser drops what is sent on a socket that has closed.
                None => trace!(self, "page {page} sends on {link:?}, which has closed"),
            },
            Output::Request { request, call } => {
                self.check_doubt(page, call.body.as_deref().unwrap_or_default());
                self.request(page, request, call);
                if self.pages[page].calls.len() > 16 {
                    self.violate(format!("page {page} has {} requests under way", self.pages[page].calls.len()));
                }
            }
            Output::Abort { request } => {
                trace!(self, "page {page} aborts {request:?}");
                self.pages[page].calls.remove(&request);
            }
            Output::Person { .. } | Output::Forget { .. } => return self.perform_person(page, output),
            Output::Event(event) => self.page_event(page, &event),
        }
        None
    }

    /// Nothing that was written is sent while it may be somebody else by now.
    fn check_doubt(&mut self, page: usize, sent: &str) {
        if self.pages[page].is_doubted && (sent.contains("\"type\":\"message\"") || sent.contains("\"message\":{")) {
            self.violate(format!("page {page} sends before it knows who it is: {sent}"));
        }
    }

    fn page_event(&mut self, page: usize, event: &Event) {
        trace!(self, "page {page} tells {event:?}");
        match event {
            Event::Message { .. } | Event::DialogLoaded { .. } | Event::Locale(_) | Event::Quality | Event::Log(_) => {}
            Event::FileLost { file } => self.file_lost(page, file),
            Event::CredentialsNeeded => {
                let ms = self.random.between(10, 2_000);
                self.plan_in(ms, Happening::Act(super::Action::Credential { page }));
            }
            // Nobody has said who it is: it is asked for, more and more seldom.
            Event::Refused { code: 401, .. } if self.pages[page].is_nameable => {}
            // What a backup did not have is gone for its operators.
            Event::Refused { .. } if self.is_gone(page) => {}
            Event::AuditFailed { seq } => {
                self.violate(format!("page {page} has another log than the server up to {seq}"))
            }
            Event::Refused { code, reason } => self.violate(format!("page {page} is refused: {code} {reason}")),
        }
    }

    /// Says whether this is an operator's page of a dialog that no backup had.
    pub(crate) fn is_gone(&self, page: usize) -> bool {
        match self.pages[page].owner {
            Owner::Operator { dialog } => !self.store.dialogs.contains_key(&dialog),
            Owner::Visitor { .. } => false,
        }
    }

    fn save(&mut self, page: usize, name: String, value: String) -> Option<Input> {
        let machine = self.pages[page].machine;
        let kept = self.write(page, &name, &value);
        let suffix = &self.pages[page].drawer.suffix;
        trace!(self, "page {page} saves {name}{suffix} = {value}{}", if kept { "" } else { ": no room" });
        if let Some(id) = name.strip_prefix("o:") {
            self.ledger.accepted(id, &value, if kept { Kept::Yes } else { Kept::No });
            if let Some(person) = self.person_in(page) {
                let clock = self.machines[self.pages[page].machine].clock;
                self.ledger.belongs(id, person, page, clock);
            }
        }
        if !kept {
            let absent = self.machines[machine].storage.room == Room::Absent;
            self.bite(if absent { Fault::StorageAbsent } else { Fault::StorageFull });
            return Some(Input::SaveFailed { name });
        }
        None
    }

    /// Notes when a page is online for the first time after the last fault.
    fn note_return(&mut self, page: usize) {
        if self.weather == Weather::Bad || self.pages[page].back_at.is_some() {
            return;
        }
        let Some(client) = &self.pages[page].client else { return };
        if is_online(client.view().link) {
            self.pages[page].back_at = Some(self.now);
        }
    }

    /// Somebody types a message and sends it.
    pub(crate) fn say(&mut self, page: usize) {
        if self.plan.files > 0 && self.random.chance(self.plan.files) {
            return self.say_file(page);
        }
        if self.plan.drafts > 0 && self.random.chance(self.plan.drafts) {
            return self.draft(page);
        }
        let state = &self.pages[page];
        let who = match state.owner {
            Owner::Visitor { visitor, .. } => format!("v{visitor}"),
            Owner::Operator { dialog } => format!("o{dialog}"),
        };
        let tail = self.random.pick(&["hi", "\"quoted\\\"", "ü🙂", "<b>bold</b>", "two\nlines", "\u{1}"]);
        let number = self.ledger.next_number();
        let state = &self.pages[page];
        let text = format!("{who}.{}.{number} {tail}.", state.tab);
        self.send_text(page, text);
    }

    /// Somebody types a message and does not send it yet.
    fn draft(&mut self, page: usize) {
        let text = format!("draft {}", self.ledger.next_number());
        self.ledger.drafts.insert(text.clone(), self.holder_in(page));
        self.input(page, Input::Draft { text });
    }

    /// A page sends what somebody has written or picked.
    pub(crate) fn send_text(&mut self, page: usize, text: String) {
        let before = self.ledger.written();
        // Another page of this visitor may have been first, a moment ago.
        let common = self.common(page);
        self.input(page, Input::Restored(common));
        let holder = self.holder_in(page);
        self.ledger.said(&text, page, &self.pages[page], holder);
        self.input(page, Input::Send { text: text.clone() });
        if self.ledger.written() > before {
            return;
        }
        // Nothing was kept of it; if it is on the screen, it was taken all the same.
        let view = self.pages[page].client.as_ref().map(client_core::Client::view).unwrap_or_default();
        match view.items.iter().find(|item| item_text(item) == text) {
            Some(item) => self.ledger.accepted(&item.key, &text, Kept::No),
            None => self.bite(Fault::OutboxFull),
        }
    }

    pub(crate) fn freeze(&mut self, page: usize, ms: Millis) {
        self.bite(Fault::Frozen);
        self.input(page, Input::Page(PageEvent::Frozen));
        self.pages[page].life = PageLife::Frozen;
        self.plan_in(ms, Happening::Act(super::Action::Thaw { page }));
    }

    pub(crate) fn thaw(&mut self, page: usize) {
        if self.pages[page].life != PageLife::Frozen {
            return;
        }
        self.pages[page].life = PageLife::Open;
        self.catch_up(page);
        self.input(page, Input::Page(PageEvent::Resumed));
        for happening in std::mem::take(&mut self.pages[page].deferred) {
            self.plan_in(0, happening);
        }
        self.reset_timer(page);
    }

    /// Returns the pages that are open.
    pub(crate) fn open_pages(&self) -> Vec<usize> {
        (0..self.pages.len()).filter(|&page| self.pages[page].is_open()).collect()
    }
}
