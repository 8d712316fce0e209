//! How long links were away after what broke them had passed.

use std::collections::{BTreeMap, HashMap};

/// How clients came back from one kind of fault.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovery {
    /// How often it was done.
    pub faults: u64,
    /// Links that it broke and that were back before the next fault: from the return of the path to the link, µs.
    pub back_us: Vec<u64>,
    /// From the fault to the moment at which the client noticed it, µs.
    pub noticed_us: Vec<u64>,
}

#[derive(Default)]
pub(super) struct Links {
    states: HashMap<String, Vec<(u64, Link)>>,
    faults: Vec<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Up,
    Down,
}

struct Fault {
    what: String,
    begun_us: u64,
    healed_us: Option<u64>,
}

impl Links {
    pub(super) fn change(&mut self, who: String, at_us: u64, up: bool) {
        let link = if up { Link::Up } else { Link::Down };
        self.states.entry(who).or_default().push((at_us, link));
    }

    pub(super) fn fault(&mut self, what: String, at_us: u64) {
        self.faults.push(Fault { what, begun_us: at_us, healed_us: None });
    }

    pub(super) fn heal(&mut self, what: &str, at_us: u64) {
        let open = self.faults.iter_mut().rev().find(|fault| fault.what == what && fault.healed_us.is_none());
        if let Some(fault) = open {
            fault.healed_us = Some(at_us);
        }
    }

    pub(super) fn recoveries(&self) -> BTreeMap<String, Recovery> {
        let mut all: BTreeMap<String, Recovery> = BTreeMap::new();
        for (at, fault) in self.faults.iter().enumerate() {
            let recovery = all.entry(fault.what.clone()).or_default();
            recovery.faults += 1;
            let next_us = self.faults.get(at + 1).map_or(u64::MAX, |next| next.begun_us);
            for states in self.states.values() {
                fault.harm(states, next_us, recovery);
            }
        }
        for recovery in all.values_mut() {
            recovery.back_us.sort_unstable();
            recovery.noticed_us.sort_unstable();
        }
        all
    }

    /// Counts how often links that were up went down.
    pub(super) fn breaks(&self) -> u64 {
        let broke = |pair: &[(u64, Link)]| (pair[0].1, pair[1].1) == (Link::Up, Link::Down);
        self.states.values().map(|states| states.windows(2).filter(|pair| broke(pair)).count() as u64).sum()
    }

    /// Counts the clients that were there at the end and had no link.
    pub(super) fn never_back(&self, there: impl Fn(&str) -> bool) -> u64 {
        let away = |states: &[(u64, Link)]| states.last().is_some_and(|(_, link)| *link == Link::Down);
        self.states.iter().filter(|(who, states)| there(who) && away(states)).count() as u64
    }
}

impl Fault {
    /// Looks at what became of one client between this fault and the next one.
    fn harm(&self, states: &[(u64, Link)], next_us: u64, recovery: &mut Recovery) {
        let Some(healed_us) = self.healed_us else { return };
        let before = states.iter().take_while(|(at, _)| *at < self.begun_us).last();
        let down_us = match before {
            // It was not there yet.
            None => return,
            Some((_, Link::Down)) => Some(self.begun_us),
            Some((_, Link::Up)) => {
                let mut during = states.iter().filter(|(at, _)| (self.begun_us..next_us).contains(at));
                during.find(|(_, link)| *link == Link::Down).map(|(at, _)| *at)
            }
        };
        let Some(down_us) = down_us else { return };
        if down_us > self.begun_us {
            recovery.noticed_us.push(down_us - self.begun_us);
        }
        let away_us = down_us.max(healed_us);
        let up_at = |from: u64| states.iter().rev().find(|(at, _)| *at < from).map(|(_, link)| *link);
        if down_us < healed_us && up_at(healed_us) == Some(Link::Up) {
            // It found another way while the path was still broken.
            recovery.back_us.push(0);
            return;
        }
        let back = states.iter().find(|(at, link)| *link == Link::Up && (away_us..next_us).contains(at));
        if let Some((at, _)) = back {
            recovery.back_us.push(at - healed_us);
        }
    }
}
