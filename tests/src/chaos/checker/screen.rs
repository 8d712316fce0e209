//! What stood on the screens.

use std::collections::{HashMap, HashSet};

use super::Verdict;
use crate::chaos::history::Row;

#[derive(Default)]
pub(super) struct Screens(HashMap<String, Screen>);

#[derive(Default)]
struct Screen {
    dialog: u64,
    rows: Vec<Row>,
    ids: HashSet<String>,
    texts: HashSet<String>,
    last: bool,
}

impl Screens {
    pub(super) fn add(&mut self, who: &str, dialog: u64, row: Row, verdict: &mut Verdict) {
        let screen = self.0.entry(who.into()).or_default();
        screen.dialog = dialog;
        screen.forget_pending();
        screen.push(who, row, verdict);
    }

    pub(super) fn replace(&mut self, who: &str, dialog: u64, rows: Vec<Row>, last: bool, verdict: &mut Verdict) {
        let screen = self.0.entry(who.into()).or_default();
        *screen = Screen { dialog, last, ..Screen::default() };
        for row in rows {
            screen.push(who, row, verdict);
        }
    }

    pub(super) fn is_there_at_the_end(&self, who: &str) -> bool {
        self.0.get(who).is_some_and(|screen| screen.last)
    }

    /// Compares the last screens with the logs.
    pub(super) fn judge(&self, logs: &HashMap<u64, &[Row]>, verdict: &mut Verdict) {
        for (who, screen) in self.0.iter().filter(|(_, screen)| screen.last) {
            let Some(log) = logs.get(&screen.dialog) else { continue };
            let placed: HashMap<u64, &Row> =
                screen.rows.iter().filter(|row| row.seq > 0).map(|row| (row.seq, row)).collect();
            // Older messages may be left out: they are asked for.
            let first = placed.keys().copied().min().unwrap_or(1);
            for row in log.iter().filter(|row| row.seq >= first) {
                match placed.get(&row.seq) {
                    Some(shown) if *shown == row => {}
                    Some(shown) => {
                        verdict.phantoms += 1;
                        verdict.example(|| format!("the screen of {who} has {shown:?}, and the log {row:?}"));
                    }
                    None => {
                        verdict.lost += 1;
                        verdict.example(|| format!("{row:?} is missing on the screen of {who}"));
                    }
                }
            }
            let head = log.last().map_or(0, |row| row.seq);
            for shown in screen.rows.iter().filter(|row| row.seq > head) {
                verdict.phantoms += 1;
                verdict.example(|| format!("the screen of {who} has {shown:?}, and the log ends at {head}"));
            }
        }
    }
}

impl Screen {
    /// What had no place in the log when the whole screen was seen may have one by now, or stands further below.
    fn forget_pending(&mut self) {
        while self.rows.last().is_some_and(|row| row.seq == 0) {
            let Some(row) = self.rows.pop() else { return };
            self.ids.remove(&row.id);
            self.texts.remove(&row.text);
        }
    }

    fn push(&mut self, who: &str, row: Row, verdict: &mut Verdict) {
        let welcome = row.id == protocol::WELCOME_ID;
        let known = !self.ids.insert(row.id.clone());
        if welcome && known {
            verdict.welcomes += 1;
            verdict.example(|| format!("{who} sees a second welcome: {row:?}"));
        } else if known || !welcome && !self.texts.insert(row.text.clone()) {
            verdict.twice += 1;
            verdict.example(|| format!("{who} sees {row:?} once more"));
        }
        let above = self.rows.last().map_or(0, |above| above.seq);
        let pending_above = self.rows.last().is_some_and(|above| above.seq == 0);
        if row.seq > 0 && (row.seq <= above || pending_above) {
            verdict.reordered += 1;
            verdict.example(|| format!("{who} sees {row:?} below {above}"));
        }
        self.rows.push(row);
    }
}
