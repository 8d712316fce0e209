//! Writes down what one page is told, sees and shows.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use client_core::{Client, Delivery, Input, Item, LinkState, Notice, Output};
use serde_json::Value;
use tokio::sync::watch;

use super::history::{Fact, History, Row, label};
use crate::native::Observer;

/// A screen is looked at so often at the most.
const LOOK: Duration = Duration::from_millis(100);
/// … and less often where looking takes long: this part of the time at the most, for a hundred of them look at once.
const LOOK_PART: u32 = 400;

/// The witness of one page.
pub(super) struct Witness {
    who: String,
    history: History,
    glance: watch::Sender<Glance>,
    ending: Arc<AtomicBool>,
    dialog: Option<u64>,
    epoch: u64,
    link: LinkState,
    sent: u64,
    just_sent: Option<String>,
    declined: HashSet<String>,
    /// The messages with a place in the log, as they were last seen on the screen.
    shown: Vec<Row>,
    changed: bool,
    next_look: Instant,
}

/// The least that can be seen of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// How the link is.
    pub link: LinkState,
    /// The dialog, once there is one.
    pub dialog: Option<u64>,
    /// Messages that a person has sent.
    pub sent: u64,
    /// Messages that are not known to be stored.
    pub unsettled: usize,
    /// The last `seq` that was applied.
    pub cursor: u64,
    /// Whether the last screen was written down.
    pub ended: bool,
}

impl Glance {
    /// Returns whether the link is up.
    pub fn is_up(&self) -> bool {
        is_up(self.link)
    }
}

/// Returns whether a client with this link can send and receive.
fn is_up(link: LinkState) -> bool {
    !matches!(
        link,
        LinkState::Idle | LinkState::Connecting | LinkState::Reconnecting | LinkState::Offline | LinkState::Stopped
    )
}

impl Witness {
    pub(super) fn new(who: String, history: History, glance: watch::Sender<Glance>, ending: Arc<AtomicBool>) -> Self {
        Self {
            who,
            history,
            glance,
            ending,
            dialog: None,
            epoch: 0,
            link: LinkState::Idle,
            sent: 0,
            just_sent: None,
            declined: HashSet::new(),
            shown: Vec::new(),
            changed: false,
            next_look: Instant::now(),
        }
    }

    fn tell(&self, fact: Fact) {
        self.history.tell(&self.who, fact);
    }

    /// Reads everything that an answer or a link may carry.
    fn read(&mut self, text: &str) {
        match serde_json::from_str(text) {
            Ok(Value::Array(frames)) => frames.iter().for_each(|frame| self.read_frame(frame)),
            Ok(Value::Object(fields)) => self.read_frame(&Value::Object(fields)),
            Ok(_) | Err(_) => {}
        }
    }

    fn read_frame(&mut self, frame: &Value) {
        match frame["type"].as_str() {
            Some("ready") => {
                self.epoch = frame["epoch"].as_u64().unwrap_or_default();
                self.dialog = frame["dialog_id"].as_u64().or(self.dialog);
                each(&frame["known"], |known| self.stored(known));
            }
            Some("message") => self.seen(frame, frame["dialog_id"].as_u64(), self.epoch),
            Some("stored") => self.stored(frame),
            Some(_) => {}
            None => self.read_page(frame),
        }
    }

    /// Reads the answer to a request: the dialog that was loaded, a page of its log, or a message that was posted.
    fn read_page(&mut self, body: &Value) {
        let dialog = body["dialog_id"].as_u64();
        self.dialog = dialog.or(self.dialog);
        let page = if body["page"].is_object() { &body["page"] } else { body };
        let epoch = page["epoch"].as_u64().unwrap_or(self.epoch);
        if self.epoch == 0 {
            self.epoch = epoch;
        }
        if body["stored"].is_object() {
            self.stored_in(&body["stored"], epoch);
        }
        each(&page["messages"], |message| self.seen(message, message["dialog_id"].as_u64(), epoch));
    }

    fn stored(&mut self, stored: &Value) {
        self.stored_in(stored, self.epoch);
    }

    fn stored_in(&mut self, stored: &Value, epoch: u64) {
        let (Some(dialog), Some(id), Some(seq)) = (self.dialog, stored["id"].as_str(), stored["seq"].as_u64()) else {
            return;
        };
        self.tell(Fact::Stored { dialog, epoch, id: id.into(), seq });
    }

    fn seen(&mut self, message: &Value, dialog: Option<u64>, epoch: u64) {
        let (Some(dialog), Some(id), Some(seq)) =
            (dialog.or(self.dialog), message["id"].as_str(), message["seq"].as_u64())
        else {
            return;
        };
        let text = label(message["text"].as_str().unwrap_or_default());
        self.tell(Fact::Seen { dialog, epoch, row: Row { seq, id: id.into(), text } });
    }

    /// Looks at the screen, and writes down what has been added to it, or all of it where it changed otherwise.
    fn look(&mut self, client: &Client, last: bool) {
        let begun = Instant::now();
        let items = client.view().items;
        for item in &items {
            if matches!(item.delivery, Delivery::Refused | Delivery::Expired) {
                let text = label(&item.text);
                if self.declined.insert(text.clone()) {
                    self.tell(Fact::Declined { text });
                }
            }
        }
        let Some(dialog) = self.dialog else { return };
        let grown = self.grown(&items);
        match grown {
            Some(rows) if !last => {
                for row in rows {
                    self.tell(Fact::Shown { dialog, row: row.clone() });
                    self.shown.push(row);
                }
            }
            Some(_) | None => {
                let rows: Vec<Row> = items.iter().map(row).collect();
                self.shown = rows.iter().filter(|row| row.seq > 0).cloned().collect();
                self.tell(Fact::Screen { dialog, rows, last });
            }
        }
        self.next_look = Instant::now() + LOOK.max(begun.elapsed() * LOOK_PART);
        self.changed = false;
    }

    /// Returns what was added at the end, where nothing else has changed and nothing is there twice.
    fn grown(&self, items: &[Item]) -> Option<Vec<Row>> {
        let (mut ids, mut texts) = (HashSet::new(), HashSet::new());
        let doubled = items.iter().any(|item| !ids.insert(&item.key) || !texts.insert(&item.text));
        let mut placed = items.iter().filter(|item| item.seq > 0);
        let same =
            self.shown.iter().all(|row| placed.next().is_some_and(|item| (item.seq, &item.key) == (row.seq, &row.id)));
        (same && !doubled).then(|| placed.map(row).collect())
    }
}

fn row(item: &Item) -> Row {
    Row { seq: item.seq, id: item.key.clone(), text: label(&item.text) }
}

fn each(list: &Value, take: impl FnMut(&Value)) {
    list.as_array().into_iter().flatten().for_each(take);
}

impl Observer for Witness {
    fn told(&mut self, input: &Input) {
        if let Input::Send { text } = input {
            let text = label(text);
            self.sent += 1;
            self.just_sent = Some(text.clone());
            self.tell(Fact::Sent { text });
        } else if let Input::Received { text, .. } | Input::Answered { body: text, .. } = input {
            self.changed = true;
            self.read(text);
        }
    }

    fn asked(&mut self, output: &Output) {
        let Output::Save { name, value } = output else { return };
        if let Some(id) = name.strip_prefix("o:") {
            self.tell(Fact::Named { id: id.into(), text: label(value) });
        }
    }

    fn settled(&mut self, client: &Client) {
        if let Some(text) = self.just_sent.take()
            && client.notice() != Notice::None
            && self.declined.insert(text.clone())
        {
            self.tell(Fact::Declined { text });
        }
        let link = client.link_state();
        if link != self.link {
            self.link = link;
            self.tell(Fact::Link { state: format!("{link:?}") });
        }
        self.dialog = client.dialog_id().or(self.dialog);
        let ending = self.ending.load(Ordering::Relaxed);
        if ending && !self.glance.borrow().ended {
            self.look(client, true);
        } else if self.changed && Instant::now() >= self.next_look {
            self.look(client, false);
        }
        let now = Glance {
            link,
            dialog: client.dialog_id(),
            sent: self.sent,
            unsettled: client.unsettled(),
            cursor: client.cursor(),
            ended: ending,
        };
        self.glance.send_if_modified(|glance| {
            let other = *glance != now;
            *glance = now;
            other
        });
    }
}
