//! What clients tell of their links, added up by site; in memory, from the start of this server on.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::http::{FigureLine, SiteMetrics};
use protocol::{Decimal, Measures};
use server_core::Millis;
use server_core::access::Sites;

use crate::hub::sees;

/// Names that are kept for one site; what else is told is dropped.
const NAMES: usize = 64;
/// Sites that are kept; a server has fewer that want figures.
const SITES: usize = 10_000;

/// What clients have told, by site.
#[derive(Debug, Default)]
pub(crate) struct Figures(Mutex<BTreeMap<u64, OfSite>>);

#[derive(Debug, Default)]
struct OfSite {
    reports: u64,
    at: Millis,
    figures: BTreeMap<String, Figure>,
}

#[derive(Clone, Copy, Debug)]
struct Figure {
    count: u64,
    sum: i128,
    min: i64,
    max: i64,
    last: i64,
}

impl Figures {
    /// Adds what one client has told.
    pub(crate) fn add(&self, site_id: u64, measures: &Measures, at: Millis) {
        let mut sites = self.lock();
        if sites.len() >= SITES && !sites.contains_key(&site_id) {
            return;
        }
        let site = sites.entry(site_id).or_default();
        site.reports += 1;
        site.at = at;
        for (name, Decimal(value)) in &measures.0 {
            if let Some(figure) = site.figures.get_mut(name) {
                figure.add(*value);
            } else if site.figures.len() < NAMES {
                site.figures.insert(name.clone(), Figure::new(*value));
            }
        }
    }

    /// Returns what is known of these sites.
    pub(crate) fn of(&self, sites: &Sites) -> Vec<SiteMetrics> {
        let all = self.lock();
        all.iter().filter(|(site_id, _)| sees(sites, **site_id)).map(|(site_id, site)| site.line(*site_id)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, OfSite>> {
        // Sums are whole after every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OfSite {
    fn line(&self, site_id: u64) -> SiteMetrics {
        let figures = self.figures.iter().map(|(name, figure)| figure.line(name)).collect();
        SiteMetrics { site_id, reports: self.reports, at: self.at, figures }
    }
}

impl Figure {
    const fn new(value: i64) -> Self {
        Self { count: 1, sum: value as i128, min: value, max: value, last: value }
    }

    fn add(&mut self, value: i64) {
        self.count += 1;
        self.sum += i128::from(value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.last = value;
    }

    fn line(&self, name: &str) -> FigureLine {
        let mean = i64::try_from(self.sum / i128::from(self.count)).unwrap_or_default();
        FigureLine {
            name: name.to_owned(),
            count: self.count,
            mean: Decimal(mean),
            min: Decimal(self.min),
            max: Decimal(self.max),
            last: Decimal(self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, value: i64) -> Measures {
        Measures(vec![(name.to_owned(), Decimal(value))])
    }

    #[test]
    fn figures_are_added_up_by_site_and_name() {
        let figures = Figures::default();
        for value in [10_000, 30_000, -10_000] {
            figures.add(1, &told("round_trip_ms", value), 5);
        }
        figures.add(2, &told("round_trip_ms", 1_000), 6);
        let all = figures.of(&Sites::All);
        assert_eq!(all.len(), 2);
        let line = all[0].figures[0].clone();
        let expected = FigureLine {
            name: "round_trip_ms".into(),
            count: 3,
            mean: Decimal(10_000),
            min: Decimal(-10_000),
            max: Decimal(30_000),
            last: Decimal(-10_000),
        };
        assert_eq!((all[0].reports, all[0].at, line), (3, 5, expected));
        assert_eq!(figures.of(&Sites::Only([2].into())).len(), 1, "an operator sees its own sites");
    }

    #[test]
    fn names_without_end_fill_no_memory() {
        let figures = Figures::default();
        for n in 0..1_000 {
            figures.add(1, &told(&format!("n{n}"), 0), 1);
        }
        let site = figures.of(&Sites::All).remove(0);
        assert_eq!((site.reports, site.figures.len()), (1_000, NAMES));
    }
}
