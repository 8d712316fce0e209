//! Who the visitor is: nobody that anybody knows, or a person for whom the site has signed.
//!
//! A person's token stands in the place of the visitor key. What a person leaves in storage is kept apart from everybody else's, so
//! that nothing of one is ever shown or sent as another's, in whatever order pages come and go.

use mutants::Mutant;
use protocol::http::{StartDialog, TokenClaims};
use protocol::{AuthorKind, ClientFrame, Secret, digest, json};

use crate::client::{Key, Loading, Wanted};
use crate::connection::{Phase, Then, Why};
use crate::outbox::{Outbox, Pending, State};
use crate::requests::Purpose;
use crate::{Client, Event, Identify, Instant, Output, Transport, message_id};

/// Whoever is asked for a token may take so long, in ms; then they are asked again.
const ASK_MS: u64 = 15_000;

/// What was written before it was known who writes.
#[derive(Clone, Debug)]
struct Carried {
    outbox: Outbox,
    draft: String,
    address: Option<Secret>,
}

/// Who the visitor is, and what is known of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    who: Who,
    /// The key from before: the dialog that it opens becomes the person's.
    former: Option<Secret>,
    /// What goes along with it.
    carried: Option<Carried>,
    /// Whether a token was given that no link has been made with yet.
    pub(crate) is_untried: bool,
    /// Whether it may be somebody else by now: nothing is sent before it is known who it is.
    is_doubted: bool,
    /// When the application is asked for a token again.
    pub(crate) ask_at: Option<Instant>,
    /// What the page says about the visitor, what is on its way of it, and what has arrived.
    attributes: Option<String>,
    telling: Option<String>,
    told: Option<String>,
}

#[derive(Clone, Debug, Default)]
enum Who {
    #[default]
    Anonymous,
    /// Somebody who can say who they are, but has not done so yet.
    Somebody,
    Person {
        sub: String,
        token: Secret,
    },
}

impl Client {
    /// Says whether the visitor is, or will be, a person.
    pub(crate) fn is_known(&self) -> bool {
        !matches!(self.identity.who, Who::Anonymous)
    }

    /// Returns the token of a person.
    pub(crate) fn token(&self) -> Option<&Secret> {
        match &self.identity.who {
            Who::Person { token, .. } => Some(token),
            Who::Anonymous | Who::Somebody => None,
        }
    }

    /// Says whether nothing can be asked for before the person has said who they are.
    pub(crate) fn awaits_token(&self) -> bool {
        matches!(self.identity.who, Who::Somebody) || self.is_doubted()
    }

    /// Says whether the page has another way to say who the visitor is, and has not said it yet.
    pub(crate) fn is_doubted(&self) -> bool {
        self.identity.is_doubted
    }

    /// Returns when doubt has lasted for too long.
    pub(crate) fn doubt_due(&self) -> Option<Instant> {
        self.identity.ask_at.filter(|_| self.is_doubted())
    }

    /// The page says who the visitor is, or that it can.
    pub(crate) fn identify(&mut self, identify: Identify) {
        if !self.is_visitor() {
            return;
        }
        match identify {
            Identify::Token(token) => match subject(token.expose()) {
                Some(sub) => self.is_person(sub, token),
                None => {
                    if !self.is_known() {
                        // They go on as nobody, and whoever made that page has to know why.
                        self.emit(Event::Refused { code: 401, reason: String::from(protocol::code::UNAUTHORIZED) });
                    }
                    self.no_token();
                }
            },
            Identify::Failed => self.no_token(),
            Identify::Asked => {
                if !self.is_known() {
                    self.identity.who = Who::Somebody;
                    if self.wanted == Wanted::Yes {
                        self.let_go();
                        self.ask_token();
                    }
                } else {
                    // It may be somebody else by now.
                    self.identity.is_doubted = true;
                    if self.wanted == Wanted::Yes && !matches!(self.phase, Phase::Unauthorized) {
                        self.identity.ask_at = Some(self.now.mono.plus(ASK_MS));
                        self.emit(Event::CredentialsNeeded);
                    }
                }
            }
        }
    }

    fn is_person(&mut self, sub: String, token: Secret) {
        match &mut self.identity.who {
            Who::Person { sub: known, token: kept } if *known == sub => {
                *kept = token;
                self.identity.ask_at = None;
                self.identity.is_doubted = false;
                self.credentials_came();
            }
            Who::Anonymous | Who::Somebody => {
                let has_key = self.key != Key::Unsaved || self.dialog_id.is_some();
                if !self.draft.is_empty() {
                    // It goes along even where no key of nobody's does, and is not to be found by the next one.
                    self.remove(String::from("draft"));
                }
                self.outbox.leave_taken();
                self.identity.former = has_key.then(|| self.config.credential.clone());
                self.identity.carried = Some(Carried {
                    outbox: core::mem::take(&mut self.outbox),
                    draft: core::mem::take(&mut self.draft),
                    address: self.take_address(),
                });
                self.become_person(sub, token);
            }
            Who::Person { .. } => {
                // Where it has not gone along with the one before, it is not to go along with this one.
                let key = self.identity.former.take();
                self.identity.carried = None;
                // They were said of somebody else.
                self.identity.attributes = None;
                self.become_person(sub, token);
                self.outputs.push_back(Output::Forget { key });
            }
        }
    }

    /// Begins afresh as this person; what storage has of them comes as [`crate::Input::Person`].
    fn become_person(&mut self, sub: String, token: Secret) {
        self.begin_afresh();
        let tag = tag(&sub);
        self.identity.who = Who::Person { sub, token };
        self.outputs.push_back(Output::Person { tag });
    }

    /// Storage has told what it holds of the person with this tag.
    pub(crate) fn restore_person(&mut self, whose: &str, values: Vec<(String, String)>) {
        if !matches!(&self.identity.who, Who::Person { sub, .. } if tag(sub) == whose) {
            // It is somebody else by now.
            return;
        }
        for (name, value) in values {
            if let Some(id) = name.strip_prefix("o:") {
                self.take_over(id, value);
                continue;
            }
            match name.as_str() {
                "key" => self.key = Key::Saved,
                "dialog" => self.dialog_id = json::from_str(&value).ok(),
                "draft" => self.draft = value,
                "mail" => self.restore_address(value),
                "way" => self.restore_way(&value),
                "read" => self.marks.restore(json::from_str(&value).ok()),
                _ => {}
            }
        }
        if let Some(Carried { outbox, draft, address }) = self.identity.carried.take() {
            for Pending { id, text, at, .. } in outbox.items() {
                self.save_message(id, text);
                self.outbox.restore(id.clone(), text.clone(), *at, State::Doubtful);
            }
            if self.draft.is_empty() && !draft.is_empty() {
                self.save_key();
                self.save("draft", draft.clone());
                self.draft = draft;
            }
            if let Some(address) = address {
                self.save_key();
                self.leave_address(address.expose());
            }
        }
        if self.wanted == Wanted::Yes {
            self.start();
        }
    }

    /// The page has no token to give, or one that is none.
    fn no_token(&mut self) {
        if self.is_doubted() && !matches!(self.phase, Phase::Unauthorized) {
            // Whoever it was until now may have gone.
            self.let_go();
            self.lost_at = Some(self.lost_at.unwrap_or(self.now.mono));
            self.renewals += 1;
            self.phase = Phase::Unauthorized;
        }
        if !self.is_known() || !matches!(self.phase, Phase::Unauthorized) {
            return;
        }
        let delay = self.backoff.next(&self.config.reconnect, &mut self.rng);
        self.identity.ask_at = Some(self.now.mono.plus(delay));
        if self.renewals == 1 {
            self.emit(Event::Refused { code: 401, reason: String::from(protocol::code::UNAUTHORIZED) });
        }
    }

    /// The credential is not taken: another one can be given, but a visitor's key is all there is.
    pub(crate) fn renew(&mut self, reason: &str) {
        if self.is_visitor() && !self.is_known() {
            return self.refused_for_good(401, reason);
        }
        self.let_go();
        self.lost_at = Some(self.lost_at.unwrap_or(self.now.mono));
        if self.is_visitor() && self.renewals == 1 {
            // What was given when it was asked for is not taken either: whoever made that page has to know why.
            self.emit(Event::Refused { code: 401, reason: String::from(protocol::code::UNAUTHORIZED) });
        }
        self.ask_token();
    }

    /// Asks the application for a token; without one nothing goes on.
    pub(crate) fn ask_token(&mut self) {
        self.renewals += 1;
        self.phase = Phase::Unauthorized;
        self.identity.ask_at = self.is_visitor().then(|| self.now.mono.plus(ASK_MS));
        self.emit(Event::CredentialsNeeded);
    }

    /// Whoever was asked who it is by now has not answered.
    pub(crate) fn doubt_lasts(&mut self) {
        if self.doubt_due().is_some_and(|at| at <= self.now.mono) && !matches!(self.phase, Phase::Unauthorized) {
            self.no_token();
        }
    }

    /// Whoever was asked for a token has not answered, or had none.
    pub(crate) fn ask_token_again(&mut self) {
        if self.identity.ask_at.is_some_and(|at| at <= self.now.mono) {
            self.ask_token();
        }
    }

    /// The application has other credentials.
    pub(crate) fn credential(&mut self, secret: Secret) {
        if self.is_visitor() {
            return self.identify(Identify::Token(secret));
        }
        self.config.credential = secret;
        self.credentials_came();
    }

    fn credentials_came(&mut self) {
        if matches!(self.phase, Phase::Unauthorized) {
            let is_again = if self.is_visitor() {
                // Those who had none to give for a while need not wait for it.
                core::mem::replace(&mut self.identity.is_untried, true)
            } else {
                self.renewals > 1
            };
            if is_again {
                // The last ones were no better: whoever hands them over need not be asked as fast as the network allows.
                let delay = self.backoff.next(&self.config.reconnect, &mut self.rng);
                return self.pause(self.now.mono.plus(delay), Then::Proceed, Why::Start);
            }
            self.proceed(Why::Start);
        } else if self.transport() == Some(Transport::WebSocket) {
            let token = self.bearer().clone();
            self.transmit(&[ClientFrame::Auth(protocol::Auth { token })], Vec::new());
        }
    }

    /// The visitor is nobody any more, with a key that nobody has seen.
    pub(crate) fn log_out(&mut self, key: Secret) {
        self.begin_afresh();
        self.identity = Identity::default();
        self.config.credential = key;
    }

    /// Another page has made the dialog of the visitor's key somebody's: what was not sent, and did not go along, goes on under
    /// another key.
    pub(crate) fn disowned(&mut self, key: Secret) {
        if self.is_known() || self.key != Key::Saved {
            return;
        }
        self.let_go();
        self.drop_dialog();
        self.phase = Phase::Idle;
        self.lost_at = None;
        self.key = Key::Unsaved;
        self.config.credential = key;
        self.outbox.leave_taken();
        let unsent: Vec<_> = self.outbox.items().iter().map(|item| (item.id.clone(), item.text.clone())).collect();
        for (id, text) in unsent {
            self.save_message(&id, &text);
        }
        if self.wanted == Wanted::Yes {
            self.start();
        }
    }

    /// Forgets everything that is of one visitor and not of the page.
    fn begin_afresh(&mut self) {
        self.let_go();
        self.drop_dialog();
        self.phase = Phase::Idle;
        if !mutants::planted(Mutant::ClientKeepsOutbox) {
            self.outbox = Outbox::default();
        }
        drop(self.take_address());
        self.key = Key::Unsaved;
        self.draft.clear();
        self.notice = crate::Notice::None;
        self.lost_at = None;
        self.hold_until = None;
        self.setbacks = 0;
        self.attempts = 0;
        self.renewals = 0;
        self.stale = (0, 0);
        self.identity.is_untried = false;
        self.identity.is_doubted = false;
        self.identity.ask_at = None;
        self.identity.told = None;
        self.identity.telling = None;
    }

    /// Forgets the dialog, where it is in memory.
    pub(crate) fn drop_dialog(&mut self) {
        self.dialog_id = None;
        self.loading = Loading::Todo;
        self.timeline = crate::timeline::Timeline::default();
        self.settled.clear();
        self.marks.forget();
        self.outbox.put_back(None);
        self.drop_history();
    }

    /// The server has answered for this person: what was here from before is not needed any more.
    pub(crate) fn settle_person(&mut self) {
        if self.token().is_some() && !mutants::planted(Mutant::ClientNoForget) {
            let key = self.identity.former.take();
            self.outputs.push_back(Output::Forget { key });
        }
    }

    /// Adds what a person has to say about themself.
    pub(crate) fn introduce(&mut self, start: &mut StartDialog) {
        start.key = self.identity.former.clone().filter(|_| !mutants::planted(Mutant::ClientNoClaim));
        if self.identity.attributes != self.identity.told {
            start.attributes = self.identity.attributes.clone();
            self.identity.telling = self.identity.attributes.clone();
        }
    }

    /// The page says something about the visitor: the text of a JSON object.
    pub(crate) fn attributes(&mut self, text: String) {
        self.identity.attributes = Some(text);
        self.tell_attributes();
    }

    /// Tells the server what the page says, while the dialog is open; otherwise it goes along when the dialog is loaded.
    pub(crate) fn tell_attributes(&mut self) {
        let is_news = self.identity.attributes.is_some() && self.identity.attributes != self.identity.told;
        if is_news && self.is_visitor() && self.online().is_some() && !self.requests.has(&Purpose::Tell) {
            let mut start = StartDialog::default();
            self.introduce(&mut start);
            let call = self.config.side.start(json::to_string(&start));
            self.ask(Purpose::Tell, call, self.config.request_timeout_ms);
        }
    }

    /// The server does not take what was told: the dialog goes on without it. Returns whether there was anything.
    pub(crate) fn drop_attributes(&mut self) -> bool {
        let was_told = self.identity.telling.take().is_some();
        if was_told {
            self.identity.attributes = None;
            self.identity.told = None;
            self.emit(Event::Refused { code: 400, reason: String::from("attributes") });
        }
        was_told
    }

    /// What was told has arrived.
    pub(crate) fn attributes_told(&mut self) {
        if let Some(told) = self.identity.telling.take() {
            self.identity.told = Some(told);
            self.tell_attributes();
        }
    }

    fn save_message(&mut self, id: &str, text: &str) {
        self.save_key();
        let mut name = String::from("o:");
        name.push_str(id);
        self.save(&name, String::from(text));
    }

    fn take_over(&mut self, id: &str, text: String) {
        self.witness(id);
        let at = message_id::millis(id);
        let state = if self.is_too_old(at) { State::Expired } else { State::Doubtful };
        self.outbox.restore(String::from(id), text, at, state);
    }
}

/// Returns what tells a person's values in storage from all others: 26 hexadecimal digits.
///
/// It is a plain hash without a key, and no secret: who the person is does not stand there, but whoever sees the browser's storage
/// can try the subjects that they know of. Storage of one origin is open to its own pages anyway.
fn tag(sub: &str) -> String {
    let sub = if mutants::planted(Mutant::ClientOneDrawer) { "" } else { sub };
    let mut tag = String::new();
    let mut hash = digest::EMPTY;
    for round in 0..2 {
        hash = digest::next(hash, round, "", AuthorKind::Visitor, sub);
        message_id::push_hex(&mut tag, hash, 52, 0);
    }
    tag
}

/// Returns whom a token speaks of, as far as anybody can tell who cannot check it.
fn subject(token: &str) -> Option<String> {
    let mut parts = token.as_bytes().split(|byte| *byte == b'.');
    let claims = parts.nth(1)?;
    parts.next()?;
    let claims = json::from_str::<TokenClaims>(&base64(claims)?).ok()?;
    if claims.sub.is_empty() { None } else { Some(claims.sub) }
}

fn base64(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for &letter in text {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_whom_it_speaks_of_to_anybody() {
        let rows = [
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4iLCJleHAiOjEuNSwieCI6W119.c2ln", Some("ann")),
            // {"sub":"Änne \" \n"}
            ("h.eyJzdWIiOiLDhG5uZSBcIiBcbiJ9.s", Some("Änne \" \n")),
            ("h.eyJzdWIiOiIifQ.s", None),
            ("h.eyJzdWIiOjd9.s", None),
            ("h.e30.s", None),
            ("h.W10.s", None),
            ("h.!.s", None),
            ("eyJzdWIiOiJhbm4ifQ", None),
            ("h.eyJzdWIiOiJhbm4ifQ", None),
            ("", None),
            ("vk_0123456789abcdefghijAB", None),
        ];
        for (token, sub) in rows {
            assert_eq!(subject(token).as_deref(), sub, "{token}");
        }
    }

    #[test]
    fn tags_tell_people_apart_without_their_subjects_in_them() {
        assert_eq!(tag("ann"), tag("ann"));
        assert_ne!(tag("ann"), tag("anN"));
        assert_eq!(tag("ann").len(), 26);
        assert!(tag("ann@example.org").bytes().all(|letter| letter.is_ascii_hexdigit()));
    }
}
