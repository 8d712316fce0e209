//! A model of the durable log: what is in it survives every crash.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::http::Page;
use protocol::{Author, File, Known, Message, Stored, digest};
use server_core::access::{DialogFacts, DialogState, KeyHash, ScopedDialog, Side};
use server_core::append::{Decision, Facts, KnownMessage, NewMessage, Sameness, decide};
use server_core::{Entry, Event, Millis, Refusal};

use super::people::Holder;

/// The durable state of a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    pub(crate) epoch: u64,
    /// The number of the last dialog, counted from 1,000.
    pub(crate) last_id: u64,
    pub(crate) dialogs: BTreeMap<u64, Dialog>,
    pub(crate) by_key: BTreeMap<(u64, KeyHash), u64>,
    /// Uploads, by whose they are and their ids.
    pub(crate) files: BTreeMap<(Home, String), Upload>,
}

/// Whose an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Home {
    Dialog(u64, Side),
    /// A visitor's without a dialog, on a site.
    Newcomer(u64, KeyHash),
}

/// A file that has come.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) file: File,
    /// Whether a message has taken it along.
    pub(crate) sent: bool,
}

/// What became of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    Stored,
    /// It was there already.
    Known,
}

/// One dialog.
#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    pub(crate) facts: DialogFacts,
    /// Whose key or name it is kept under.
    pub(crate) holder: Holder,
    pub(crate) log: Vec<Arc<Event>>,
    ids: BTreeMap<String, u64>,
    last_n: BTreeMap<String, u64>,
    marks: BTreeMap<Side, (u64, u64)>,
}

/// What a committed append has done.
pub(crate) struct Appended {
    pub(crate) result: Result<Stored, Refusal>,
    pub(crate) events: Vec<Arc<Event>>,
}

impl Dialog {
    pub(crate) fn head(&self) -> u64 {
        self.log.len() as u64
    }

    pub(crate) fn event(&self, seq: u64) -> Option<&Arc<Event>> {
        self.log.get(usize::try_from(seq.checked_sub(1)?).ok()?)
    }

    /// Returns the hash of the log up to a `seq`.
    pub(crate) fn hash_at(&self, seq: u64) -> u64 {
        self.event(seq).and_then(|event| event.hash).unwrap_or(digest::EMPTY)
    }

    pub(crate) fn message(&self, seq: u64) -> Option<&Message> {
        match &self.event(seq)?.entry {
            Entry::Message(message) => Some(message),
            Entry::Change(_) => None,
        }
    }

    pub(crate) fn messages(&self) -> impl Iterator<Item = &Message> {
        (1..=self.head()).filter_map(|seq| self.message(seq))
    }

    pub(crate) fn known(&self, ids: &[String]) -> Vec<Known> {
        let known = |id: &String| {
            let seq = *self.ids.get(id)?;
            Some(Known { id: id.clone(), seq, at: self.event(seq)?.at })
        };
        ids.iter().filter_map(known).collect()
    }

    pub(crate) fn last_n(&self, client: Option<&str>) -> u64 {
        client.and_then(|client| self.last_n.get(client)).copied().unwrap_or(0)
    }

    pub(crate) fn after(&self, after: u64, limit: u64) -> Vec<Arc<Event>> {
        (after.saturating_add(1)..=self.head())
            .take(limit as usize)
            .filter_map(|seq| self.event(seq).cloned())
            .collect()
    }

    /// Returns the last messages before a place.
    pub(crate) fn page(&self, epoch: u64, before: Option<u64>, limit: u64) -> Page {
        let end = before.unwrap_or(u64::MAX).min(self.head() + 1);
        let start = end.saturating_sub(limit).max(1);
        let messages = (start..end).filter_map(|seq| self.message(seq).cloned()).collect();
        Page { epoch, head: self.head(), messages, older: start > 1, hash: Some(self.hash_at(self.head())) }
    }

    fn append(&mut self, message: &NewMessage, file: Option<&File>, welcome: &str, at: Millis) -> Appended {
        let known = self.ids.get(&message.id).and_then(|seq| self.message(*seq)).map(|known| KnownMessage {
            seq: known.seq,
            at: known.at,
            same: if known.text == message.text
                && known.author.kind == message.author.kind
                && known.file.as_ref().map(|file| &file.id) == message.file.as_ref()
            {
                Sameness::Replay
            } else {
                Sameness::Other
            },
        });
        let last_n = self.last_n(message.client.as_deref());
        let facts = Facts { head: self.head(), known, last_n, welcome: Some(welcome), at, file };
        let decision = decide(message, &facts);
        let mut events = Vec::new();
        let (rows, counted) = match &decision {
            Decision::Append { rows, last_n } => (rows.as_slice(), *last_n),
            Decision::Duplicate { last_n, .. } => (&[][..], *last_n),
            Decision::Conflict | Decision::Order { .. } | Decision::NoFile => (&[][..], None),
        };
        for row in rows {
            self.ids.insert(row.id.clone(), row.seq);
            let before = self.hash_at(row.seq - 1);
            let hash = digest::next(before, row.seq, &row.id, row.author.kind, &row.text);
            let event = Event::message(Message {
                dialog_id: self.facts.id,
                seq: row.seq,
                id: row.id.clone(),
                author: row.author.clone(),
                text: row.text.clone(),
                at: row.at,
                file: row.file.clone(),
            });
            let event = Arc::new(event.hashed(hash));
            self.log.push(Arc::clone(&event));
            events.push(event);
        }
        if let (Some(n), Some(client)) = (counted, &message.client) {
            self.last_n.insert(client.clone(), n);
        }
        Appended { result: decision.answer(&message.id), events }
    }
}

/// What a claim has done.
pub(crate) struct Claimed {
    pub(crate) dialog: Option<u64>,
    /// The dialog was kept under the former key until now.
    pub(crate) is_rekeyed: bool,
}

impl Store {
    pub(crate) fn find(&self, site_id: u64, key: KeyHash) -> Option<&Dialog> {
        self.dialogs.get(self.by_key.get(&(site_id, key))?)
    }

    /// Finds or makes the dialog of a visitor; part of the transaction of its first message.
    pub(crate) fn start(
        &mut self,
        site_id: u64,
        assistant_id: Option<u64>,
        key: KeyHash,
        holder: Holder,
    ) -> DialogFacts {
        if let Some(dialog) = self.find(site_id, key) {
            return dialog.facts.clone();
        }
        self.last_id += 1;
        let id = 999 + self.last_id;
        let facts = DialogFacts { id, site_id, assistant_id, key_hash: Some(key), state: DialogState::Present };
        self.by_key.insert((site_id, key), id);
        self.dialogs.insert(
            id,
            Dialog {
                facts: facts.clone(),
                holder,
                log: Vec::new(),
                ids: BTreeMap::new(),
                last_n: BTreeMap::new(),
                marks: BTreeMap::new(),
            },
        );
        facts
    }

    /// Takes back a dialog whose first message was not taken.
    pub(crate) fn unmake(&mut self, id: u64) {
        self.dialogs.remove(&id);
        self.by_key.retain(|_, dialog| *dialog != id);
    }

    pub(crate) fn append(&mut self, dialog: ScopedDialog, message: &NewMessage, at: Millis) -> Appended {
        let home = message.file.as_ref().and_then(|id| self.place_of(Home::Dialog(dialog.id(), dialog.side()), id));
        let home = home.filter(|at| self.files.get(at).is_some_and(|upload| !upload.sent));
        let upload = home.as_ref().and_then(|home| self.files.get(home)).map(|upload| upload.file.clone());
        match self.dialogs.get_mut(&dialog.id()) {
            Some(log) => {
                let welcome = welcome(log.facts.site_id);
                let appended = log.append(message, upload.as_ref(), &welcome, at);
                if let (Some((home, id)), false) = (home, appended.events.is_empty())
                    && let Some(upload) = self.files.remove(&(home, id.clone()))
                {
                    self.files.insert((Home::Dialog(dialog.id(), dialog.side()), id), Upload { sent: true, ..upload });
                }
                appended
            }
            None => Appended { result: Err(Refusal::store_unavailable()), events: Vec::new() },
        }
    }

    /// Finds an upload: in a dialog, or else among what its visitor had brought before it began.
    fn place_of(&self, home: Home, id: &str) -> Option<(Home, String)> {
        let facts = match home {
            Home::Dialog(dialog, Side::Visitor) => self.dialogs.get(&dialog).map(|log| &log.facts),
            Home::Dialog(_, Side::Operator) | Home::Newcomer(..) => None,
        };
        let before = facts.and_then(|facts| Some(Home::Newcomer(facts.site_id, facts.key_hash?)));
        let places = [Some(home), before].into_iter().flatten().map(|home| (home, id.to_owned()));
        places.into_iter().find(|at| self.files.contains_key(at))
    }

    /// Takes an upload; what is known stays.
    pub(crate) fn upload(&mut self, home: Home, file: File) -> Put {
        if self.place_of(home, &file.id).is_some() {
            return Put::Known;
        }
        self.files.insert((home, file.id.clone()), Upload { file, sent: false });
        Put::Stored
    }

    /// Brings a person to their dialog, and along with them what they left under a former key.
    pub(crate) fn claim(&mut self, site: u64, key: KeyHash, holder: Holder, former: Option<KeyHash>) -> Claimed {
        let mut dialog = self.by_key.get(&(site, key)).copied();
        let mut is_rekeyed = false;
        if dialog.is_none()
            && let Some(former) = former
            && let Some(id) = self.by_key.remove(&(site, former))
        {
            self.by_key.insert((site, key), id);
            if let Some(log) = self.dialogs.get_mut(&id) {
                log.facts.key_hash = Some(key);
                log.holder = holder;
            }
            dialog = Some(id);
            is_rekeyed = true;
        }
        if let Some(former) = former {
            let left = self.by_key.get(&(site, former)).map(|id| Home::Dialog(*id, Side::Visitor));
            let from = |home: &Home| *home == Home::Newcomer(site, former) || (dialog.is_some() && Some(*home) == left);
            let to = dialog.map_or(Home::Newcomer(site, key), |id| Home::Dialog(id, Side::Visitor));
            let brought: Vec<_> = self
                .files
                .iter()
                .filter(|((home, _), upload)| from(home) && !upload.sent)
                .map(|(at, _)| at.clone())
                .collect();
            for at in brought {
                let place = (to, at.1.clone());
                // What is known there stays behind.
                if !self.files.contains_key(&place)
                    && let Some(upload) = self.files.remove(&at)
                {
                    self.files.insert(place, upload);
                }
            }
        }
        Claimed { dialog, is_rekeyed }
    }

    /// Moves a side's marks; returns where they are, if they have moved.
    pub(crate) fn mark(&mut self, dialog: ScopedDialog, received: u64, read: u64) -> Option<(u64, u64)> {
        let dialog_state = self.dialogs.get_mut(&dialog.id())?;
        let head = dialog_state.head();
        let marks = dialog_state.marks.entry(dialog.side()).or_default();
        let moved = (marks.0.max(received.min(head)), marks.1.max(read.min(head)));
        if moved == *marks {
            return None;
        }
        *marks = moved;
        Some(moved)
    }
}

/// Returns the welcome of a site.
pub(crate) fn welcome(site_id: u64) -> String {
    format!("welcome to site {site_id}")
}

/// Returns the author of operators.
pub(crate) fn operator() -> Author {
    Author { kind: protocol::AuthorKind::Operator, name: "Ann".into() }
}
