//! Judges a history: what was lost, shown twice, reordered, crossed, or told wrongly, and how long it took to come back.
//!
//! The log of the server, read at the end, is the truth that all else is compared with. Labels name the conversation and
//! the sender they were written in (`3.v3.17`: conversation 3, client v3, its message 17), so that a message shows by
//! itself where it belongs.

mod recovery;
mod screen;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

use super::history::{Fact, Line, Row};
use recovery::Links;
use screen::Screens;

pub use recovery::Recovery;

/// Violations that are told in words.
const EXAMPLES: usize = 20;

/// What a history shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Messages that persons have sent.
    pub sent: u64,
    /// … and that are in the log once, in their dialog.
    pub arrived: u64,
    /// … and that the client told the person it does not take.
    pub declined: u64,
    /// … and that an older log, put back by intention, does not have.
    pub rewound: u64,
    /// Messages in the log, welcomes among them.
    pub logged: u64,
    /// Messages that were sent and are not in the log, or are in the log and missing on a screen.
    pub lost: u64,
    /// Messages that stand twice on a screen or in the log.
    pub twice: u64,
    /// Messages out of their order, and holes in the log.
    pub reordered: u64,
    /// Messages in a dialog that is not theirs.
    pub crossed: u64,
    /// Welcomes beyond the first of a dialog.
    pub welcomes: u64,
    /// Answers that said "stored" and are not true.
    pub false_answers: u64,
    /// Messages that somebody saw and that are not in the log at that place, or that nobody has written.
    pub phantoms: u64,
    /// Clients whose link was not up at the end.
    pub never_back: u64,
    /// How often links that were up went down.
    pub breaks: u64,
    /// How long it took until links were up again, by what had been broken.
    pub recoveries: BTreeMap<String, Recovery>,
    /// From sending to the answer, µs.
    pub answered_us: Vec<u64>,
    /// From sending to the other side's wire, µs.
    pub delivered_us: Vec<u64>,
    /// The first violations, in words.
    pub examples: Vec<String>,
}

impl Verdict {
    /// Returns whether nothing is wrong with the messages.
    pub fn is_clean(&self) -> bool {
        self.violations() == 0
    }

    /// Returns how many things are wrong with the messages.
    pub fn violations(&self) -> u64 {
        self.lost + self.twice + self.reordered + self.crossed + self.welcomes + self.false_answers + self.phantoms
    }

    /// Returns the recoveries from all faults, µs, the shortest first.
    pub fn back_us(&self) -> Vec<u64> {
        let mut all: Vec<u64> = self.recoveries.values().flat_map(|recovery| recovery.back_us.clone()).collect();
        all.sort_unstable();
        all
    }

    fn example(&mut self, words: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(words());
        }
    }
}

/// Judges a history.
///
/// # Errors
/// The history cannot be read.
pub fn check(lines: impl IntoIterator<Item = io::Result<Line>>) -> io::Result<Verdict> {
    let mut trial = Trial::default();
    for line in lines {
        trial.hear(line?);
    }
    Ok(trial.judge())
}

/// A conversation, as labels and clients name it.
type Conversation = u64;

#[derive(Default)]
struct Trial {
    verdict: Verdict,
    sent: HashMap<String, Sent>,
    named: HashMap<String, String>,
    declined: HashSet<String>,
    stored: HashMap<String, Stored>,
    seen: HashMap<(u64, u64, u64), (Row, String)>,
    delivered: HashMap<String, u64>,
    dialogs: HashMap<Conversation, u64>,
    log: BTreeMap<u64, Log>,
    screens: Screens,
    links: Links,
    put_back: bool,
}

struct Sent {
    at_us: u64,
    who: String,
}

struct Stored {
    at_us: u64,
    dialog: u64,
    epoch: u64,
    seq: u64,
    who: String,
}

#[derive(Default)]
struct Log {
    epoch: u64,
    rows: Vec<Row>,
}

impl Trial {
    fn hear(&mut self, line: Line) {
        let Line { at_us, who, fact } = line;
        match fact {
            Fact::Sent { text } => {
                self.verdict.sent += 1;
                self.sent.insert(text, Sent { at_us, who });
            }
            Fact::Named { id, text } => {
                self.named.insert(id, text);
            }
            Fact::Declined { text } => {
                self.declined.insert(text);
            }
            Fact::Stored { dialog, epoch, id, seq } => {
                self.lives_in(&who, dialog);
                let known = self.stored.get(&id);
                if let Some(known) = known.filter(|known| known.epoch == epoch) {
                    if (known.seq, known.dialog) != (seq, dialog) {
                        self.verdict.false_answers += 1;
                        let before = known.seq;
                        self.verdict.example(|| format!("{who} was told that {id} is {seq}, and {before} before"));
                    }
                } else {
                    self.stored.insert(id, Stored { at_us, dialog, epoch, seq, who });
                }
            }
            Fact::Seen { dialog, epoch, row } => {
                self.lives_in(&who, dialog);
                let theirs = place(&row.text).map(|(conversation, _, _)| conversation);
                if theirs.is_some() && theirs != conversation(&who) {
                    self.verdict.crossed += 1;
                    self.verdict.example(|| format!("{who} saw {row:?} in dialog {dialog}"));
                } else if self.sent.get(&row.text).is_some_and(|sent| sent.who != who) {
                    self.delivered.entry(row.text.clone()).or_insert(at_us);
                }
                if let Some((known, by)) = self.seen.get(&(dialog, epoch, row.seq)) {
                    if *known != row {
                        self.verdict.phantoms += 1;
                        let by = by.clone();
                        self.verdict.example(|| format!("{by} and {who} saw different messages: {row:?}"));
                    }
                } else {
                    self.seen.insert((dialog, epoch, row.seq), (row, who));
                }
            }
            Fact::Shown { dialog, row } => {
                self.lives_in(&who, dialog);
                self.screens.add(&who, dialog, row, &mut self.verdict);
            }
            Fact::Screen { dialog, rows, last } => {
                self.lives_in(&who, dialog);
                self.screens.replace(&who, dialog, rows, last, &mut self.verdict);
            }
            Fact::Link { state } => self.links.change(who, at_us, state.starts_with("Online")),
            Fact::Logged { dialog, epoch, row } => {
                let log = self.log.entry(dialog).or_default();
                log.epoch = epoch;
                log.rows.push(row);
            }
            Fact::Fault { what } => self.links.fault(what, at_us),
            Fact::Healed { what } => self.links.heal(&what, at_us),
            Fact::PutBack => self.put_back = true,
        }
    }

    /// A client has one dialog, and both sides of a conversation have the same.
    fn lives_in(&mut self, who: &str, dialog: u64) {
        let Some(conversation) = conversation(who) else { return };
        let known = *self.dialogs.entry(conversation).or_insert(dialog);
        if known != dialog {
            self.verdict.crossed += 1;
            self.verdict.example(|| format!("{who} is in dialog {dialog}, and its conversation in {known}"));
        }
    }

    fn judge(mut self) -> Verdict {
        let log = std::mem::take(&mut self.log);
        let mut places: HashMap<String, (u64, u64)> = HashMap::new();
        let mut ids = HashSet::new();
        for (dialog, log) in &log {
            self.judge_log(*dialog, log, &mut places, &mut ids);
        }
        self.judge_sent(&places);
        self.judge_answers(&log);
        self.judge_seen(&log);
        let logs: HashMap<u64, &[Row]> = log.iter().map(|(dialog, log)| (*dialog, log.rows.as_slice())).collect();
        self.screens.judge(&logs, &mut self.verdict);
        self.verdict.breaks = self.links.breaks();
        self.verdict.recoveries = self.links.recoveries();
        self.verdict.never_back = self.links.never_back(|who| self.screens.is_there_at_the_end(who));
        for (id, stored) in &self.stored {
            if let Some(sent) = self.named.get(id).and_then(|text| self.sent.get(text)) {
                self.verdict.answered_us.push(stored.at_us.saturating_sub(sent.at_us));
            }
        }
        for (text, at_us) in &self.delivered {
            if let Some(sent) = self.sent.get(text) {
                self.verdict.delivered_us.push(at_us.saturating_sub(sent.at_us));
            }
        }
        self.verdict.answered_us.sort_unstable();
        self.verdict.delivered_us.sort_unstable();
        self.verdict
    }

    fn judge_log(
        &mut self,
        dialog: u64,
        log: &Log,
        places: &mut HashMap<String, (u64, u64)>,
        ids: &mut HashSet<String>,
    ) {
        let verdict = &mut self.verdict;
        let mut last_of: HashMap<&str, u64> = HashMap::new();
        let mut welcomed = false;
        for (at, row) in log.rows.iter().enumerate() {
            verdict.logged += 1;
            if row.seq != at as u64 + 1 {
                verdict.reordered += 1;
                verdict.example(|| format!("the log of {dialog} has {row:?} at place {}", at + 1));
            }
            if row.id == protocol::WELCOME_ID {
                if std::mem::replace(&mut welcomed, true) {
                    verdict.welcomes += 1;
                    verdict.example(|| format!("dialog {dialog} has a second welcome: {row:?}"));
                }
                continue;
            }
            let known = !ids.insert(row.id.clone());
            if known || places.insert(row.text.clone(), (dialog, row.seq)).is_some() {
                verdict.twice += 1;
                verdict.example(|| format!("the log of {dialog} has {row:?} once more"));
            }
            if !self.sent.contains_key(&row.text) {
                verdict.phantoms += 1;
                verdict.example(|| format!("the log of {dialog} has {row:?}, which nobody has sent"));
                continue;
            }
            let Some((conversation, sender, number)) = place(&row.text) else { continue };
            if self.dialogs.get(&conversation).is_some_and(|own| *own != dialog) {
                verdict.crossed += 1;
                verdict.example(|| format!("the log of {dialog} has {row:?} of another conversation"));
            }
            let last = last_of.entry(sender).or_insert(0);
            if number < *last {
                verdict.reordered += 1;
                verdict.example(|| format!("the log of {dialog} has {row:?} after number {last} of the same sender"));
            }
            *last = number.max(*last);
        }
    }

    fn judge_sent(&mut self, places: &HashMap<String, (u64, u64)>) {
        let stored: HashSet<String> = match self.put_back {
            true => {
                let answered = self.stored.keys().filter_map(|id| self.named.get(id)).cloned();
                self.seen.values().map(|(row, _)| row.text.clone()).chain(answered).collect()
            }
            false => HashSet::new(),
        };
        for (text, sent) in &self.sent {
            if places.contains_key(text) {
                self.verdict.arrived += 1;
            } else if self.declined.contains(text) {
                self.verdict.declined += 1;
            } else if stored.contains(text) {
                self.verdict.rewound += 1;
            } else {
                self.verdict.lost += 1;
                self.verdict.example(|| format!("{text} of {} at {} µs is not in the log", sent.who, sent.at_us));
            }
        }
    }

    fn judge_answers(&mut self, logs: &BTreeMap<u64, Log>) {
        for (id, stored) in &self.stored {
            let Some(log) = logs.get(&stored.dialog) else { continue };
            if self.put_back && stored.epoch != log.epoch {
                continue;
            }
            if row(log, stored.seq).is_none_or(|row| row.id != *id) {
                self.verdict.false_answers += 1;
                self.verdict.example(|| {
                    format!("{} was told that {id} is {} of {}, and it is not", stored.who, stored.seq, stored.dialog)
                });
            }
        }
    }

    fn judge_seen(&mut self, logs: &BTreeMap<u64, Log>) {
        for ((dialog, epoch, seq), (seen, who)) in &self.seen {
            let Some(log) = logs.get(dialog) else { continue };
            if self.put_back && *epoch != log.epoch {
                continue;
            }
            if row(log, *seq) != Some(seen) {
                self.verdict.phantoms += 1;
                self.verdict.example(|| format!("{who} saw {seen:?} in dialog {dialog}, and the log has it not there"));
            }
        }
    }
}

fn row(log: &Log, seq: u64) -> Option<&Row> {
    let at = usize::try_from(seq.checked_sub(1)?).ok()?;
    log.rows.get(at).filter(|row| row.seq == seq)
}

/// Takes a label apart: conversation, sender, number.
fn place(label: &str) -> Option<(Conversation, &str, u64)> {
    let mut parts = label.split('.');
    let place = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(place)
}

/// Returns the conversation of a client: `v3`, `o3` and `v3b` are in conversation 3.
fn conversation(who: &str) -> Option<Conversation> {
    let digits: String = who.chars().skip(1).take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests;
