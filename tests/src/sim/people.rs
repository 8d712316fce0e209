//! People who say who they are, on one device or two.

use std::collections::BTreeSet;

use client_core::{Identify, Input, Output};
use protocol::{Secret, code};
use server_core::access::KeyHash;
use server_core::session::{Ending, Input as SessionInput};

use super::actions::Action;
use super::machine::Machine;
use super::page::{Owner, PageLife};
use super::server::Claim;
use super::sessions::Target;
use super::store::Claimed;
use super::uploads::Sent;
use super::{Fault, Happening, Sim, trace};

/// Persons who may sit at one computer.
const PERSONS: u64 = 2;

/// Whose a dialog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holder {
    /// A browser's, between two log-outs.
    Browser {
        machine: usize,
        era: u32,
    },
    /// A person's.
    Person(u64),
    Nobody,
}

impl Holder {
    /// Reads it out of a key or a token.
    pub(crate) fn of(credential: &str) -> Self {
        if let Some((person, _)) = person_of(credential) {
            return Self::Person(person);
        }
        let place = credential.split('-').nth(1).and_then(|place| place.split_once('.'));
        let place = place.and_then(|(machine, era)| Some((machine.parse().ok()?, era.parse().ok()?)));
        place.map_or(Self::Nobody, |(machine, era)| Self::Browser { machine, era })
    }
}

/// Returns the person of a token, and its generation.
pub(crate) fn person_of(credential: &str) -> Option<(u64, u32)> {
    let (person, generation) = credential.strip_prefix("h.")?.rsplit_once('.')?.1.split_once('-')?;
    Some((person.parse().ok()?, generation.parse().ok()?))
}

/// Returns the visitor at whose computers a person sits.
pub(crate) const fn visitor_of_person(person: u64) -> usize {
    (person / PERSONS) as usize
}

/// What a site signs: anybody can read whom it speaks of.
fn token(person: u64, generation: u32) -> String {
    format!("h.{}.{person}-{generation}", base64(format!("{{\"sub\":\"p{person}\"}}").as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(LETTERS[(bits >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

impl Sim {
    /// Puts those on the agenda who say who they are; a world without them is as it was.
    pub(crate) fn populate_people(&mut self) {
        let mut random = self.random.fork();
        for visitor in 0..self.plan.visitors {
            if !random.chance(self.plan.known) {
                continue;
            }
            for _ in 0..self.plan.account_changes {
                let at = random.below(self.plan.duration_ms.min(600_000));
                self.agenda.plan(at, Happening::Act(Action::Account { visitor }));
            }
            if random.chance(self.plan.second_devices) {
                let at = random.below(self.plan.duration_ms.min(600_000));
                self.agenda.plan(at, Happening::Act(Action::SecondDevice { visitor }));
            }
        }
    }

    pub(crate) fn second_device(&mut self, visitor: usize) {
        let mut machine = Machine::new(Some(visitor));
        machine.account = Some(visitor as u64 * PERSONS);
        self.machines.push(machine);
        self.bite(Fault::SecondDevice);
        self.open_visitor(self.machines.len() - 1, visitor, 10);
    }

    /// Somebody logs in, out, or as somebody else, in a page of one of these computers.
    pub(crate) fn change_account(&mut self, visitor: usize) {
        let is_free = |page: &usize| {
            let state = &self.pages[*page];
            let is_theirs = matches!(state.owner, Owner::Visitor { visitor: owner, .. } if owner == visitor);
            is_theirs && state.life == PageLife::Open && self.machines[state.machine].is_awake()
        };
        let pages: Vec<usize> = self.open_pages().into_iter().filter(is_free).collect();
        if pages.is_empty() {
            return;
        }
        let page = self.random.pick(&pages);
        let machine = self.pages[page].machine;
        let first = visitor as u64 * PERSONS;
        match self.machines[machine].account {
            None => {
                let person = first + u64::from(self.random.chance(250));
                self.log_in(page, person);
            }
            Some(person) => match self.random.below(10) {
                0..=3 => self.log_out(page),
                4 | 5 => {
                    self.bite(Fault::OtherPerson);
                    let other = first + (person - first + 1) % PERSONS;
                    self.log_in(page, other);
                }
                6 | 7 => self.identify(page),
                _ => {
                    self.bite(Fault::AskedAgain);
                    self.name(page, Identify::Asked);
                }
            },
        }
    }

    fn log_in(&mut self, page: usize, person: u64) {
        self.bite(Fault::LogIn);
        let machine = self.pages[page].machine;
        trace!(self, "person {person} logs in on machine {machine}");
        self.machines[machine].account = Some(person);
        if self.random.chance(400) {
            // A log-in is a page of its own, mostly.
            self.reload(page);
        } else {
            self.identify(page);
        }
    }

    /// The page says who the visitor is, or that it can.
    pub(crate) fn identify(&mut self, page: usize) {
        let Some(person) = self.machines[self.pages[page].machine].account else { return };
        let identify = if self.random.chance(500) {
            Identify::Asked
        } else {
            Identify::Token(Secret::new(token(person, self.server.token_generation)))
        };
        self.name(page, identify);
    }

    fn name(&mut self, page: usize, identify: Identify) {
        if let Identify::Token(token) = &identify
            && let Some((person, _)) = person_of(token.expose())
        {
            let state = &self.pages[page];
            let place = (state.machine, state.era);
            if self.person_in(page).is_some_and(|before| before != person) {
                // What could not be kept is forgotten with the one who wrote it.
                self.ledger.page_gone(page);
            }
            self.machines[place.0].present.insert(person);
            self.ledger.claims.entry(place).or_default().insert(person);
        }
        self.pages[page].is_nameable = true;
        self.pages[page].is_doubted = matches!(identify, Identify::Asked) && self.person_in(page).is_some();
        let before = self.pages[page].bearer().filter(|_| self.person_in(page).is_none());
        let draft = self.draft_of_nobody(page);
        self.input(page, Input::Identify(identify));
        if before.is_some() && self.person_in(page).is_some() {
            self.pages[page].former = before;
        }
        let machine = self.pages[page].machine;
        if self.person_in(page).is_some()
            && draft.is_some()
            && self.machines[machine].storage.values.get("draft") == draft.as_ref()
        {
            self.violate(format!("what was typed in page {page} is still nobody's: {draft:?}"));
        }
    }

    /// Returns what somebody types in a page before it is known who it is.
    fn draft_of_nobody(&self, page: usize) -> Option<String> {
        let client = self.pages[page].client.as_ref().filter(|_| self.person_in(page).is_none())?;
        Some(client.view().draft).filter(|draft| !draft.is_empty())
    }

    /// The page was asked who the visitor is, and asks its own server.
    pub(crate) fn answer_who(&mut self, page: usize) {
        let identify = match self.machines[self.pages[page].machine].account {
            Some(person) => Identify::Token(Secret::new(token(person, self.server.token_generation))),
            None => Identify::Failed,
        };
        if self.pages[page].is_nameable {
            self.name(page, identify);
        }
    }

    fn log_out(&mut self, page: usize) {
        self.bite(Fault::LogOut);
        let machine = self.pages[page].machine;
        trace!(self, "somebody logs out on machine {machine}, in page {page}");
        let is_other = |other: &usize| {
            let state = &self.pages[*other];
            *other != page && state.machine == machine && state.life == PageLife::Open
        };
        let others: Vec<usize> = self.open_pages().into_iter().filter(is_other).collect();
        if !others.is_empty() && self.random.chance(500) {
            // One in the back-forward cache is told nothing.
            let other = self.random.pick(&others);
            let ms = self.random.between(1_000, 20_000);
            self.freeze(other, ms);
        }
        // What was not sent is forgotten, by design: docs/identity.md.
        self.ledger.logged_out(machine);
        self.machines[machine].account = None;
        self.machines[machine].era += 1;
        self.machines[machine].present.clear();
        self.machines[machine].strays.clear();
        self.pages[page].era = self.machines[machine].era;
        self.leave(page);
        self.left(page);
        self.pages[page].sent = Sent::default();
        let fresh = self.fresh_key(page);
        self.pages[page].is_nameable = false;
        self.pages[page].is_doubted = false;
        self.input(page, Input::Logout { key: Secret::new(fresh) });
        if self.random.chance(500) {
            self.reload(page);
        }
    }

    fn reload(&mut self, page: usize) {
        let (machine, owner, tab) = (self.pages[page].machine, self.pages[page].owner, self.pages[page].tab);
        self.input(page, Input::Page(client_core::Page::Frozen));
        self.close_page(page);
        self.open_page(machine, owner, tab);
    }

    /// What a page is asked to do with the storage, for the sake of persons.
    pub(crate) fn perform_person(&mut self, page: usize, output: Output) -> Option<Input> {
        match output {
            Output::Person { tag } => {
                self.belong_to(page, &tag);
                if let Some(person) = self.person_in(page) {
                    self.ledger.tags.insert(tag.clone(), person);
                }
                Some(Input::Person { values: self.load(page), tag })
            }
            Output::Forget { key } => {
                self.forget_others(page, key.as_ref().map(Secret::expose));
                None
            }
            Output::Save { .. }
            | Output::Remove { .. }
            | Output::Open { .. }
            | Output::Drop { .. }
            | Output::Transmit { .. }
            | Output::Request { .. }
            | Output::Abort { .. }
            | Output::Event(_) => None,
        }
    }

    /// Returns the person whom a page takes the visitor for.
    pub(crate) fn person_in(&self, page: usize) -> Option<u64> {
        Some(person_of(&self.pages[page].bearer()?)?.0)
    }

    /// Carries a claim out, and sends those away who came by the former key.
    pub(crate) fn carry_out_claim(&mut self, claim: &Claim) -> Option<u64> {
        let server_core::access::Who::Visitor { site_id, .. } = &claim.who else { return None };
        let Claimed { dialog, is_rekeyed } = self.store.claim(*site_id, claim.key, claim.holder, claim.former);
        if let (Some(id), true) = (dialog, is_rekeyed) {
            self.bite(Fault::Claimed);
            trace!(self, "dialog {id} is {:?}'s now", claim.holder);
            self.send_away(id, claim.key);
        }
        dialog
    }

    fn send_away(&mut self, dialog: u64, key: KeyHash) {
        let ending = Ending { code: protocol::close::NOT_FOUND, reason: code::DIALOG_NOT_FOUND, retry_ms: None };
        for target in self.targets_with_another_key(dialog, key) {
            self.end_session(target, &ending);
        }
    }

    /// A day of its own for those whose token ends.
    pub(crate) fn expire_people(&mut self) {
        let mut people = Vec::new();
        for (page, state) in self.pages.iter().enumerate() {
            if matches!(state.owner, Owner::Visitor { .. }) && self.person_in(page).is_some() {
                people.extend(state.links.values().copied());
            }
        }
        for conn in people {
            self.tell_session(Target::Conn(conn), SessionInput::CredentialsExpired);
        }
    }

    /// What a browser still holds of somebody who has logged out.
    pub(crate) fn left_behind(&self, machine: usize) -> Option<String> {
        let state = &self.machines[machine];
        if state.era == 0 || state.told == super::machine::LogOutTold::No {
            return None;
        }
        let here: BTreeSet<u64> = self
            .open_pages()
            .into_iter()
            .filter(|page| self.pages[*page].machine == machine)
            .filter_map(|page| self.person_in(page))
            .chain(state.present.iter().copied())
            .collect();
        let is_of = |holder: Holder| match holder {
            Holder::Person(person) => here.contains(&person),
            Holder::Browser { machine: place, era } => {
                place == machine && (era == state.era || state.strays.contains(&era))
            }
            Holder::Nobody => true,
        };
        let is_kept_rightly = |(name, value): (&String, &String)| match name.split_once('@') {
            Some((_, tag)) => self.ledger.tags.get(tag).is_none_or(|person| here.contains(person)),
            None if name == "key" => is_of(Holder::of(value)),
            None if name == "draft" => self.ledger.drafts.get(value).copied().is_none_or(is_of),
            None if name == "dialog" => {
                let log = value.parse().ok().and_then(|id: u64| self.store.dialogs.get(&id));
                log.is_none_or(|log| is_of(log.holder))
            }
            None => name.strip_prefix("o:").and_then(|id| self.ledger.holder_of(id)).is_none_or(is_of),
        };
        let wrong = state.storage.values.iter().find(|entry| !is_kept_rightly(*entry));
        wrong.map(|(name, value)| format!("machine {machine} still has {name} = {value}"))
    }

    /// Says whose page it is: a person's, or its browser's.
    pub(crate) fn holder_in(&self, page: usize) -> Holder {
        let state = &self.pages[page];
        match (self.person_in(page), state.owner) {
            (Some(person), _) => Holder::Person(person),
            // Of another page's key, perhaps.
            (None, Owner::Visitor { .. }) => Holder::of(&state.bearer().unwrap_or_default()),
            (None, Owner::Operator { .. }) => Holder::Nobody,
        }
    }

    /// Says whether what is of one may be seen by, or become, the other's: a person's only their own, a browser's also those
    /// persons' who said there who they are.
    pub(crate) fn may_pass(&self, from: Holder, to: Holder) -> bool {
        match (from, to) {
            _ if from == to => true,
            (Holder::Browser { machine, era }, Holder::Person(person)) => {
                self.claims(machine, era).any(|persons| persons.contains(&person))
            }
            // Whoever writes in a page that has slept through a log-out, with nothing to lose, is the one who sits there now.
            (Holder::Browser { machine, era }, Holder::Browser { machine: place, era: now }) => {
                machine == place && era < now && self.machines[machine].strays.contains(&era)
            }
            (Holder::Nobody, _) | (_, Holder::Nobody) => true,
            (Holder::Person(_), Holder::Browser { .. } | Holder::Person(_)) => false,
        }
    }

    /// Returns who has said who they are where somebody was whom nobody knew.
    pub(crate) fn claims(&self, machine: usize, era: u32) -> impl Iterator<Item = &BTreeSet<u64>> {
        // A page that has slept through a log-out, with nothing to lose, begins with the key that it had.
        let is_late = self.machines[machine].strays.contains(&era);
        let last = if is_late { u32::MAX } else { era };
        self.ledger.claims.range((machine, era)..=(machine, last)).map(|(_, persons)| persons)
    }

    /// Says what is wrong with the dialog that a visitor's page shows, if it is somebody else's.
    pub(crate) fn wrong_dialog(&self, page: usize, dialog: u64) -> Option<String> {
        if !matches!(self.pages[page].owner, Owner::Visitor { .. }) {
            return None;
        }
        let holder = self.holder_in(page);
        let of = |store: &super::Store| store.dialogs.get(&dialog).map(|log| log.holder);
        let holders: Vec<Holder> = [of(&self.store)].into_iter().chain(self.ledger.past().map(of)).flatten().collect();
        // A page that came by the key may still show what it had when the dialog became somebody's.
        let fits = |of: &Holder| self.may_pass(*of, holder) || self.may_pass(holder, *of);
        (!holders.is_empty() && !holders.iter().any(fits))
            .then(|| format!("dialog {dialog} of {holders:?}, and it is {holder:?}"))
    }
}
