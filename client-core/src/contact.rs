//! The address that a visitor leaves when nobody is there: kept, sent until it is stored, and asked for once.

use protocol::http::Contact as Body;
use protocol::{Secret, email, json};

use crate::client::Loading;
use crate::connection::Phase;
use crate::requests::Purpose;
use crate::{Client, Contact, From, Instant, Staffing};

/// What was not taken is tried again after so long, in ms.
const AGAIN_MS: u64 = 5_000;
/// Its name in storage.
const NAME: &str = "mail";

/// The visitor's address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Address {
    /// What is not known to be stored yet.
    waiting: Option<Secret>,
    state: State,
    again_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    None,
    Refused,
    Stored,
}

impl Client {
    /// The visitor has left an address.
    pub(crate) fn leave_address(&mut self, given: &str) {
        let given = given.trim();
        if !email::is_plausible(given) {
            self.address.state = State::Refused;
            return;
        }
        self.address = Address { waiting: Some(Secret::new(given)), ..Address::default() };
        self.abort(&Purpose::Contact);
        self.save(NAME, String::from(given));
    }

    /// Forgets the address, and returns what was not stored yet.
    pub(crate) fn take_address(&mut self) -> Option<Secret> {
        self.abort(&Purpose::Contact);
        core::mem::take(&mut self.address).waiting
    }

    /// What an earlier page has left.
    pub(crate) fn restore_address(&mut self, given: String) {
        self.address.waiting = Some(Secret::new(given));
    }

    /// The server says whether it has an address of this visitor.
    pub(crate) fn learn_address(&mut self, is_stored: bool) {
        self.address.state = if is_stored { State::Stored } else { State::None };
    }

    /// Sends the address, once there is a dialog and a link.
    pub(crate) fn send_address(&mut self) {
        let now = self.now.mono;
        let (Some(dialog_id), Loading::Done, Phase::Online(_)) = (self.dialog_id, self.loading, &self.phase) else {
            return;
        };
        let Some(email) = &self.address.waiting else { return };
        if self.address.again_at.is_some_and(|at| at > now) || self.is_doubted() || self.requests.has(&Purpose::Contact)
        {
            return;
        }
        let body = json::to_string(&Body { email: email.clone() });
        let call = self.config.side.contact(dialog_id, body);
        self.ask(Purpose::Contact, call, self.config.request_timeout_ms);
    }

    pub(crate) fn on_address(&mut self, status: u16) {
        match status {
            200..=299 => self.end_address(State::Stored),
            // Our page and our server are not of one mind about addresses.
            400 | 422 => self.end_address(State::Refused),
            _ => self.address_again(),
        }
    }

    fn end_address(&mut self, state: State) {
        self.address = Address { state, ..Address::default() };
        self.remove(String::from(NAME));
    }

    pub(crate) fn address_again(&mut self) {
        self.address.again_at = Some(self.now.mono.plus(AGAIN_MS));
    }

    /// Returns when the address is tried again.
    pub(crate) fn address_due(&self) -> Option<Instant> {
        let is_under_way = self.requests.has(&Purpose::Contact) || !matches!(self.phase, Phase::Online(_));
        self.address.again_at.filter(|_| self.address.waiting.is_some() && !is_under_way)
    }

    /// Returns what the panel says about the address.
    pub(crate) fn contact(&self, staffing: Staffing, items: &[crate::Item]) -> Contact {
        let is_asked = staffing != Staffing::Here && items.iter().any(|item| item.from == From::Own);
        match (self.address.state, &self.address.waiting) {
            _ if !self.is_visitor() || !is_asked => Contact::None,
            (_, Some(_)) => Contact::Sending,
            (State::Stored, None) => Contact::Given,
            (State::Refused, None) => Contact::Refused,
            (State::None, None) => Contact::Wanted,
        }
    }
}
