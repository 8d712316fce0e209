//! Answers to requests: the settings, the dialog, the gate, older messages.

use protocol::http::{DialogLoaded, ErrorBody, Health, Page, SiteConfig, StartDialog};
use protocol::{code, json};

use crate::client::{Device, Loading, Wanted};
use crate::connection::{Phase, Then, Why};
use crate::enclosure::frame_of;
use crate::outbox::State;
use crate::requests::Purpose;
use crate::servers::Failure;
use crate::trouble::Trouble;
use crate::{Call, Client, Event, LinkId, Older, RequestId, Side, path};

/// The gate is asked again after so long, in ms …
const GATE_FIRST_MS: u64 = 250;
/// … and so long at the most, for the first ten minutes …
const GATE_USUAL_MS: u64 = 1_000;
/// … and so long later on.
const GATE_SLOW_MS: u64 = 3_000;
/// The slow tries begin after so many failures.
const GATE_SLOW_AFTER: u32 = 600;
/// The settings are asked for again after so long, in ms, then after twice as long …
const SETTINGS_AGAIN_MS: u64 = 5_000;
/// … up to so long.
const SETTINGS_SELDOM_MS: u64 = 320_000;

impl Client {
    /// A request was answered.
    pub(crate) fn answered(&mut self, request: RequestId, status: u16, body: &str) {
        let Some((purpose, asked_at)) = self.requests.take(request) else { return };
        let is_ok = (200..300).contains(&status);
        // A gate that is not ours lets everything pass but what says that the server is not there.
        if is_ok || (purpose.word() == "gate" && status < 500 && status != 429) {
            self.went_well();
        } else {
            self.saw_status(status, body, purpose.word());
        }
        if is_ok && matches!(purpose, Purpose::Frames { .. }) {
            // What comes down cannot be asked for a sign of life; what goes up beside it is answered at once.
            let round_trip_ms = self.now.mono.since(asked_at);
            self.saw_round_trip(round_trip_ms);
            if let Phase::Online(online) = &mut self.phase {
                online.pulse.measured(round_trip_ms);
                self.line = online.pulse.line();
            }
        }
        match purpose {
            Purpose::Settings => self.on_settings(status, body),
            Purpose::Load { first } if is_ok => self.on_loaded(first.as_deref(), body),
            Purpose::Load { first } => self.on_load_refused(first.as_deref(), status, body),
            Purpose::Gate => self.on_gate(status, body),
            Purpose::NextGate if is_ok && gate_says(status, body).is_ok() => self.next_passed(),
            Purpose::NextGate => self.next_failed(),
            Purpose::Poll { link } => self.on_poll(link, status, body),
            Purpose::Tell if is_ok => self.attributes_told(),
            Purpose::Tell if status == 400 => drop(self.drop_attributes()),
            Purpose::Tell => {}
            Purpose::Frames { link, ids } => self.on_frames_answer(link, &ids, status, body),
            Purpose::Contact => self.on_address(status),
            Purpose::Older { before } => match json::from_str::<Page>(body) {
                Ok(page) if is_ok => self.on_older(before, page),
                _ => self.failed(purpose, Failure::Fast),
            },
        }
    }

    /// A request got no answer.
    pub(crate) fn unanswered(&mut self, request: RequestId) {
        if let Some((purpose, _)) = self.requests.take(request) {
            self.trouble(Trouble::Unreachable, purpose.word());
            self.failed(purpose, Failure::Fast);
        }
    }

    /// A request got no answer, or none in time.
    pub(crate) fn failed(&mut self, purpose: Purpose, failure: Failure) {
        match purpose {
            Purpose::Settings => self.ask_settings_later(),
            Purpose::Load { .. } => self.back_off(0),
            Purpose::Gate => self.gate_again(0, failure),
            Purpose::NextGate => self.next_failed(),
            Purpose::Poll { link } => {
                if self.knows(link) {
                    self.poll_failed(link);
                }
            }
            Purpose::Frames { link, ids } => self.on_frames_failure(link, &ids, failure),
            Purpose::Contact => self.address_again(),
            // It goes along the next time.
            Purpose::Tell => {}
            Purpose::Older { before } => {
                if self.timeline.awaits(before) {
                    self.timeline.older = Older::Some;
                }
            }
        }
    }

    /// The settings did not come: they are asked for again, more and more seldom, as long as somebody wants them.
    fn ask_settings_later(&mut self) {
        if self.wanted == Wanted::Yes && !matches!(self.phase, Phase::Stopped) {
            let delay = SETTINGS_AGAIN_MS << self.site_failures.min(6);
            self.site_failures += 1;
            self.site_again_at = Some(self.now.mono.plus(delay.min(SETTINGS_SELDOM_MS)));
        }
    }

    /// Asks for what the site says about itself, once.
    pub(crate) fn ask_settings(&mut self) {
        let asked = self.requests.has(&Purpose::Settings) || self.site_again_at.is_some();
        if self.is_visitor() && self.site.is_none() && !asked {
            let call = self.config.side.config();
            self.ask(Purpose::Settings, call, self.config.request_timeout_ms);
        }
    }

    /// Takes the settings.
    pub(crate) fn settings(&mut self, site: SiteConfig) {
        self.marks.operators.clone_from(&site.operators);
        self.servers.learn(&site.servers);
        self.site_failures = 0;
        if !site.locale.is_empty() {
            self.emit(Event::Locale(site.locale.clone()));
        }
        self.site = Some(crate::staffing::receive(site, self.now.wall));
    }

    fn on_settings(&mut self, status: u16, body: &str) {
        match (status, json::from_str::<SiteConfig>(body), json::from_str::<ErrorBody>(body)) {
            (200..=299, Ok(site), _) => self.settings(site),
            (400..=404, _, Ok(body)) => self.refused_for_good(status, &body.error.code),
            _ => self.ask_settings_later(),
        }
    }

    /// Asks for the dialog and the end of its log; the first message goes along where there is no dialog yet.
    pub(crate) fn load(&mut self) {
        if self.is_doubted() && self.dialog_id.is_none() && self.outbox.wants_link() {
            // The first message begins the dialog: whose, has to be known before.
            return self.ask_token();
        }
        let (purpose, call) = self.load_call();
        if let Purpose::Load { first: Some(id) } = &purpose
            && let Some(item) = self.outbox.waiting().find(|item| item.id == *id)
        {
            // No link has this number.
            item.state = State::Sent { link: LinkId(0), at: self.now.mono };
        }
        self.phase = Phase::Loading;
        self.ask(purpose, call, self.config.request_timeout_ms);
    }

    pub(crate) fn load_call(&mut self) -> (Purpose, Call) {
        match self.config.side {
            Side::Operator { dialog_id } => (Purpose::Load { first: None }, self.config.side.history(dialog_id, None)),
            Side::Site { .. } | Side::Widget { .. } => {
                let message = if self.dialog_id.is_none() { self.outbox.first() } else { None };
                let first = message.map(|item| item.id.clone());
                // Without `n`: a dialog that begins anew does not know the numbers of the last one.
                let message = message.map(|item| frame_of(item, None));
                let mut start = StartDialog { message, client: Some(self.client_id.clone()), ..StartDialog::default() };
                self.introduce(&mut start);
                (Purpose::Load { first }, self.config.side.start(json::to_string(&start)))
            }
        }
    }

    fn on_loaded(&mut self, first: Option<&str>, body: &str) {
        if !matches!(self.phase, Phase::Loading) {
            return;
        }
        let loaded = match self.config.side {
            Side::Operator { dialog_id } => json::from_str::<Page>(body).map(|page| DialogLoaded {
                dialog_id: Some(dialog_id),
                page,
                ..DialogLoaded::default()
            }),
            Side::Site { .. } | Side::Widget { .. } => json::from_str::<DialogLoaded>(body),
        };
        let Ok(loaded) = loaded else { return self.back_off(0) };
        self.settle_person();
        let Some(dialog_id) = loaded.dialog_id else { return self.on_no_dialog(first) };
        self.attempts = 0;
        if self.is_visitor() {
            self.attributes_told();
            self.save_key();
            self.save("dialog", json::to_string(&dialog_id));
        }
        self.dialog_id = Some(dialog_id);
        for message in &loaded.page.messages {
            self.forget(&message.id);
        }
        if let Some(stored) = loaded.stored {
            self.forget(&stored.id);
        }
        let head = loaded.page.head;
        // What was stored by a page on its way out is in the log that has come.
        self.settled.retain(|settled| settled.seq > head);
        self.marks.loaded(head);
        self.timeline.load(loaded.page);
        self.learn_address(loaded.contact);
        self.loading = Loading::Done;
        self.emit(Event::DialogLoaded { dialog_id });
        self.proceed(Why::Start);
    }

    /// The server knows no dialog of this visitor.
    fn on_no_dialog(&mut self, first: Option<&str>) {
        if self.dialog_id.is_some() {
            self.forget_dialog();
        }
        if !self.outbox.wants_link() {
            self.lost_at = None;
            self.phase = Phase::Idle;
        } else if first.is_none() {
            self.load();
        } else {
            self.back_off(0);
        }
    }

    /// The dialog is gone, with the log that it was in; what was not stored begins a new one.
    pub(crate) fn forget_dialog(&mut self) {
        self.drop_dialog();
        self.remove(String::from("dialog"));
    }

    fn on_load_refused(&mut self, first: Option<&str>, status: u16, body: &str) {
        let error = json::from_str::<ErrorBody>(body).ok().map(|body| body.error);
        let retry_ms = error.as_ref().and_then(|error| error.retry_after_ms).map_or(0, u64::from);
        // What stands in between (a proxy, a hotel's log-in page) says nothing about us.
        let reason = match (error, first) {
            (Some(error), _) => error.code,
            // It has no room for so much, and will have none.
            (None, Some(_)) if status == 413 => String::new(),
            (None, _) => return self.back_off(0),
        };
        match (status, first) {
            (409 | 413 | 422, Some(id)) if reason != code::ORDER => {
                self.give_up(id, &reason);
                self.lost_at = None;
                self.phase = Phase::Idle;
                // The message is refused, and not the one who wrote it: a dialog may be there all the same.
                if self.outbox.wants_link() || self.dialog_id.is_some() || self.is_known() {
                    self.load();
                }
            }
            (401, _) => self.renew(&reason),
            (400, _) if self.drop_attributes() => self.load(),
            (400 | 403 | 404, _) => self.refused_for_good(status, &reason),
            _ => self.back_off(retry_ms),
        }
    }

    /// An SSE link was answered with an error.
    pub(crate) fn link_refused(&mut self, link: LinkId, status: u16, body: &str) {
        let error = json::from_str::<ErrorBody>(body).ok().map(|body| body.error);
        let retry_ms = error.as_ref().and_then(|error| error.retry_after_ms).map_or(0, u64::from);
        match (status, error) {
            (401, Some(error)) => self.renew(&error.code),
            // A server that does not know the address has other ways in.
            (403 | 404, Some(error)) if error.code != code::NOT_FOUND => self.refused_for_good(status, &error.code),
            _ => self.broken(link, retry_ms),
        }
    }

    /// Finds out whether the server is there, before a socket is opened.
    pub(crate) fn gate(&mut self, why: Why) {
        self.phase = Phase::Gate { why };
        self.ask(Purpose::Gate, path::gate(), path::GATE_TIMEOUT_MS);
    }

    fn on_gate(&mut self, status: u16, body: &str) {
        let Phase::Gate { why } = self.phase else { return };
        let retry_ms = match gate_says(status, body) {
            Ok(retry_ms) => retry_ms,
            Err(retry_ms) => return self.gate_again(retry_ms, Failure::Fast),
        };
        if !mutants::planted(mutants::Mutant::ClientNoBlame) {
            self.ladder.blame(self.now.mono);
        }
        if retry_ms > 0 {
            self.pause(self.now.mono.plus(retry_ms), Then::Proceed, why);
        } else {
            self.proceed(why);
        }
    }

    fn gate_again(&mut self, at_least_ms: u64, failure: Failure) {
        let Phase::Gate { why } = self.phase else { return };
        self.attempts += 1;
        self.ladder.excuse();
        if self.servers.strike(failure) {
            // The next one is asked at once, as long as there is one that was not.
            let delay = if self.servers.all_failed() { GATE_USUAL_MS } else { GATE_FIRST_MS };
            return self.pause(self.now.mono.plus(delay), Then::Gate, why);
        }
        let bound = match self.attempts {
            1 => GATE_FIRST_MS,
            2 => GATE_FIRST_MS * 2,
            n if n < GATE_SLOW_AFTER && self.device == Device::Online => GATE_USUAL_MS,
            // The device will say when it is online again, mostly.
            _ => GATE_SLOW_MS,
        };
        let delay = bound - self.rng.up_to(bound / 4);
        self.pause(self.now.mono.plus(delay.max(at_least_ms)), Then::Gate, why);
    }

    /// A person wants to see older messages.
    pub(crate) fn ask_older(&mut self) {
        let (Some(dialog_id), Older::Some) = (self.dialog_id, self.timeline.older) else { return };
        let before = self.timeline.ask_older();
        let call = self.config.side.history(dialog_id, Some(before));
        self.ask(Purpose::Older { before }, call, self.config.request_timeout_ms);
    }

    fn on_older(&mut self, before: u64, page: Page) {
        // A snapshot, or another dialog, may have come in between.
        if self.timeline.awaits(before) {
            for message in &page.messages {
                self.forget(&message.id);
            }
            self.timeline.prepend(page);
        }
    }
}

/// Returns after how many ms the gate lets this client in, or else after how many it may be asked again.
fn gate_says(status: u16, body: &str) -> Result<u64, u64> {
    let health = json::from_str::<Health>(body).unwrap_or_default();
    let retry_ms = u64::from(health.retry_ms);
    // One that is closed says so with 200, too: a browser writes every other status on its console.
    let is_closed = matches!(health.status.as_str(), "draining" | "overloaded");
    if is_closed || status >= 500 || status == 429 { Err(retry_ms) } else { Ok(retry_ms) }
}
