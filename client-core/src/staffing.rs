//! Whether somebody is there to answer: by the site's hours, and by who has been seen.

use protocol::http::{Opening, SiteConfig};

/// Whether somebody is there to answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Staffing {
    /// Somebody is, or nobody knows better.
    #[default]
    Here,
    /// Nobody is, and when that changes is not known.
    Away,
    /// Nobody is, until this moment of the page's own wall clock, ms since 1970.
    Until(u64),
}

/// Brings the moments of a site's settings, which have just come, to the page's own clock.
pub(crate) fn receive(mut site: SiteConfig, wall: u64) -> SiteConfig {
    // A second time they are there already.
    let server = core::mem::take(&mut site.now);
    if let (Some(hours), true) = (&mut site.hours, server > 0) {
        for at in [&mut hours.opens_at, &mut hours.closes_at].into_iter().flatten() {
            *at = (*at + wall).saturating_sub(server);
        }
    }
    site
}

/// Says whether somebody is there at a moment of the page's wall clock.
pub(crate) fn at(site: &SiteConfig, wall: u64) -> Staffing {
    match &site.hours {
        Some(hours) => by_hours(hours, wall),
        None if site.absent => Staffing::Away,
        None => Staffing::Here,
    }
}

fn by_hours(hours: &Opening, wall: u64) -> Staffing {
    let is_past = |at: Option<u64>| at.is_some_and(|at| at <= wall);
    let (opened, closed) = (is_past(hours.opens_at), is_past(hours.closes_at));
    match (hours.open, opened, closed) {
        // Now, or by the second of the two changes that are known.
        (true, _, false) | (true, true, true) | (false, true, false) => Staffing::Here,
        (true, false, true) | (false, false, _) => hours.opens_at.map_or(Staffing::Away, Staffing::Until),
        // Both changes have passed: the site has closed again.
        (false, true, true) => Staffing::Away,
    }
}

/// Returns in how many ms the hours change.
pub(crate) fn change_in_ms(site: &SiteConfig, wall: u64) -> Option<u64> {
    let hours = site.hours.as_ref()?;
    let mut next = None;
    for at in &[hours.opens_at, hours.closes_at] {
        let ms = at.unwrap_or_default().saturating_sub(wall);
        if ms > 0 && next.is_none_or(|next| ms < next) {
            next = Some(ms);
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_changes_that_are_known_come_without_asking_again() {
        let open = Opening { open: true, closes_at: Some(10), opens_at: Some(20) };
        let closed = Opening { open: false, opens_at: Some(10), closes_at: Some(20) };
        let always = Opening { open: true, opens_at: None, closes_at: None };
        let rows = [
            (open, 0, Staffing::Here, Some(10)),
            (open, 9, Staffing::Here, Some(1)),
            (open, 10, Staffing::Until(20), Some(10)),
            (open, 19, Staffing::Until(20), Some(1)),
            (open, 20, Staffing::Here, None),
            (closed, 0, Staffing::Until(10), Some(10)),
            (closed, 10, Staffing::Here, Some(10)),
            (closed, 20, Staffing::Away, None),
            (always, 0, Staffing::Here, None),
            (Opening::default(), 0, Staffing::Away, None),
        ];
        for (hours, wall, expected, change) in rows {
            let site = SiteConfig { hours: Some(hours), absent: true, ..SiteConfig::default() };
            assert_eq!((at(&site, wall), change_in_ms(&site, wall)), (expected, change), "{hours:?} at {wall}");
        }
    }

    #[test]
    fn a_page_whose_clock_is_wrong_changes_at_the_right_moment() {
        let hours = Opening { open: false, opens_at: Some(1_000_500), closes_at: Some(1_000_900) };
        let site = SiteConfig { hours: Some(hours), now: 1_000_000, ..SiteConfig::default() };
        for wall in [0, 7_000, 1_000_000, 2_000_000] {
            let received = receive(receive(site.clone(), wall), wall + 300);
            assert_eq!(at(&received, wall), Staffing::Until(wall + 500));
            assert_eq!(change_in_ms(&received, wall + 499), Some(1));
            assert_eq!(at(&received, wall + 500), Staffing::Here);
        }
    }

    #[test]
    fn without_hours_it_counts_who_was_seen() {
        let site = |absent| SiteConfig { absent, ..SiteConfig::default() };
        assert_eq!((at(&site(false), 5), at(&site(true), 5)), (Staffing::Here, Staffing::Away));
    }
}
