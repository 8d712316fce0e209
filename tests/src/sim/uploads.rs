//! Files that people send, and how they go up before their messages: the model of `www/files/files.js` and of what answers it.

use std::collections::{BTreeMap, BTreeSet};

use client_core::Client;
use protocol::{File, Stored, code, json};
use server_core::access::Side;
use server_core::append::NewMessage;
use server_core::{Millis, Refusal};

use super::actions::Action;
use super::http::{Door, Route, hash};
use super::page::Owner;
use super::people::Holder;
use super::server::Life;
use super::store::{Home, Put};
use super::{Fault, Happening, Sim, trace};

/// An upload that has failed is made again after so long, then after twice as long …
const AGAIN_MS: Millis = 1_000;
/// … up to so long.
const AGAIN_MAX_MS: Millis = 30_000;
/// So many refusals, and a file is given up.
const STRIKES: u32 = 8;

/// A file on its way up.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    page: usize,
    file: File,
    /// Whose it was when the page had it in hand last.
    whose: Holder,
    /// Log-outs before it was picked.
    era: u32,
    tries: u32,
    strikes: u32,
}

/// What a page knows of the files that it has sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Those whose bytes it has still.
    mine: BTreeSet<String>,
    /// Those that had to go up once more, and how the server answered, once it has.
    repeated: BTreeMap<String, Option<Put>>,
}

/// What is kept of a message with a file.
fn enclosed(file: &str) -> String {
    format!("\u{1}{file}")
}

/// What stands for a message of the log among what was written.
pub(crate) fn written_text(text: &str, file: Option<&File>) -> String {
    file.map_or_else(|| text.to_owned(), |file| enclosed(&json::to_string(file)))
}

/// What stands for an entry of the screen among what was written.
pub(crate) fn item_text(item: &client_core::Item) -> String {
    if item.file.is_empty() { item.text.clone() } else { enclosed(&item.file) }
}

impl Sim {
    /// Somebody picks a file; it goes up before its message.
    pub(crate) fn say_file(&mut self, page: usize) {
        let number = self.ledger.next_number();
        let file = File {
            id: format!("f{number}"),
            name: format!("{number} by {page}.png"),
            mime: "image/png".into(),
            size: number,
            ..File::default()
        };
        trace!(self, "page {page} has a file: {}", file.id);
        let parcel = self.parcel(page, file);
        if self.random.chance(self.plan.uploads_lost) {
            // The server has answered that it has it, and has it no more.
            return self.uploaded(parcel, Put::Stored);
        }
        self.try_upload(parcel);
    }

    fn parcel(&self, page: usize, file: File) -> Box<Parcel> {
        let (whose, era) = (self.holder_in(page), self.pages[page].era);
        Box::new(Parcel { page, file, whose, era, tries: 0, strikes: 0 })
    }

    fn try_upload(&mut self, mut parcel: Box<Parcel>) {
        if !self.is_wanted(&parcel) {
            return;
        }
        let page = parcel.page;
        parcel.whose = self.holder_in(page);
        let latency = self.latency();
        let is_lost = self.fate(self.plan.request_lost);
        let is_reachable = self.machines[self.pages[page].machine].is_reachable();
        match self.pages[page].bearer().filter(|_| is_reachable && !is_lost) {
            Some(bearer) => {
                let dialog = self.pages[page].client.as_ref().and_then(Client::dialog_id);
                self.plan_in(latency, Happening::Act(Action::Upload { parcel, bearer, dialog }));
            }
            None => self.try_later(parcel),
        }
    }

    /// Nothing of one person becomes another's, and a log-out ends all uploads.
    fn is_wanted(&self, parcel: &Parcel) -> bool {
        let page = parcel.page;
        parcel.era == self.pages[page].era && self.may_pass(parcel.whose, self.holder_in(page))
    }

    fn try_later(&mut self, mut parcel: Box<Parcel>) {
        let ms = (AGAIN_MS << parcel.tries.min(8)).min(AGAIN_MAX_MS);
        parcel.tries += 1;
        self.plan_in(ms, Happening::Act(Action::UploadAgain(parcel)));
    }

    pub(crate) fn upload_again(&mut self, parcel: Box<Parcel>) {
        let noticed = self.noticed(parcel.page, Happening::Act(Action::UploadAgain(parcel)));
        if let Some(Happening::Act(Action::UploadAgain(parcel))) = noticed {
            self.try_upload(parcel);
        }
    }

    /// An upload reaches the server: it is durable when it is answered.
    pub(crate) fn upload_arrives(&mut self, mut parcel: Box<Parcel>, bearer: &str, dialog: Option<u64>) {
        if self.server.life != Life::Up {
            return self.try_later(parcel);
        }
        let home = match self.pages[parcel.page].owner {
            Owner::Operator { dialog } => self.home_in(Door::Operator, dialog, bearer),
            Owner::Visitor { site, .. } => self.home_of_visitor(site, bearer, dialog),
        };
        let Some(home) = home else {
            parcel.strikes += 1;
            if parcel.strikes < STRIKES {
                self.try_later(parcel);
            }
            return;
        };
        let put = self.store.upload(home, parcel.file.clone());
        trace!(self, "{} is there, in {home:?}: {put:?}", parcel.file.id);
        let latency = self.latency();
        if self.fate(self.plan.answer_lost) {
            return self.try_later(parcel);
        }
        self.plan_in(latency, Happening::Act(Action::Uploaded { parcel, put }));
    }

    fn home_in(&self, door: Door, dialog: u64, bearer: &str) -> Option<Home> {
        let (dialog, _) = self.admit(&Route::Socket { door, dialog }, dialog, Some(bearer)).ok()?;
        Some(Home::Dialog(dialog.id(), dialog.side()))
    }

    fn home_of_visitor(&self, site: u64, bearer: &str, dialog: Option<u64>) -> Option<Home> {
        let door = if site % 2 == 1 { Door::Site(site) } else { Door::Widget(site) };
        if let Some(dialog) = dialog {
            return self.home_in(door, dialog, bearer);
        }
        self.who(&Route::Start { door }, Some(bearer))?;
        let key = hash(bearer);
        let begun = self.store.find(site, key).map(|dialog| Home::Dialog(dialog.facts.id, Side::Visitor));
        Some(begun.unwrap_or(Home::Newcomer(site, key)))
    }

    /// The page has heard that its file is there, and sends the message.
    pub(crate) fn uploaded(&mut self, parcel: Box<Parcel>, put: Put) {
        let noticed = self.noticed(parcel.page, Happening::Act(Action::Uploaded { parcel, put }));
        let Some(Happening::Act(Action::Uploaded { parcel, .. })) = noticed else { return };
        let page = parcel.page;
        if !self.is_wanted(&parcel) {
            return;
        }
        let sent = &mut self.pages[page].sent;
        if let Some(answer) = sent.repeated.get_mut(&parcel.file.id) {
            // After a try without an answer it may be that one that the server has.
            *answer = Some(put).filter(|_| parcel.tries == 0);
        }
        sent.mine.insert(parcel.file.id.clone());
        self.ledger.next_number();
        self.send_text(page, enclosed(&json::to_string(&parcel.file)));
    }

    /// The server did not have the file of a message: who still has the bytes brings them once more.
    pub(crate) fn file_lost(&mut self, page: usize, file: &str) {
        let text = enclosed(file);
        self.pages[page].lost_file_at = Some(self.now);
        let Ok(file) = json::from_str::<File>(file) else {
            return self.violate(format!("page {page} cannot read which file is lost: {file}"));
        };
        let sent = &mut self.pages[page].sent;
        let answered = sent.repeated.get(&file.id).copied();
        if answered == Some(Some(Put::Known)) {
            // Another message has taken it along, and nobody is told anything.
            return;
        }
        self.ledger.file_lost(&text);
        // Otherwise the person is asked to choose it again.
        if answered.is_none() && sent.mine.contains(&file.id) {
            sent.repeated.insert(file.id.clone(), None);
            self.bite(Fault::FileRepeated);
            let parcel = self.parcel(page, file);
            self.try_upload(parcel);
        }
    }

    /// Notes what became of a message's file.
    pub(crate) fn note_file(&mut self, message: &NewMessage, result: &Result<Stored, Refusal>) {
        match result {
            _ if message.file.is_none() => {}
            Ok(stored) if !stored.duplicate => self.bite(Fault::FileSent),
            Err(refusal) if refusal.code == code::FILE_NOT_FOUND => self.bite(Fault::FileMissing),
            Ok(_) | Err(_) => {}
        }
    }
}
