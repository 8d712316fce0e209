//! Which operators are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::Presence;
use server_core::access::Sites;
use server_core::{Ephemeral, Millis};

use super::{Hub, lock, sees};

/// The operators with at least one link, by their numbers.
pub(super) type Operators = BTreeMap<u64, Present>;

/// Operators who have gone since the start, and when each did, on the hub's clock.
pub(super) type Departed = BTreeMap<u64, (Sites, Millis)>;

#[derive(Debug)]
pub(super) struct Present {
    name: String,
    sites: Sites,
    links: usize,
}

/// One link of an operator; the operator is gone with the last of them.
#[derive(Debug)]
pub(crate) struct Arrival {
    hub: Arc<Hub>,
    operator_id: u64,
}

impl Hub {
    /// Notes that an operator has one more link, and tells the dialogs when it is the first.
    pub(crate) fn arrive(self: &Arc<Self>, operator_id: u64, name: &str, sites: &Sites) -> Arrival {
        let (first, former) = {
            let mut operators = lock(&self.operators);
            let here = operators.entry(operator_id).or_insert_with(|| Present {
                name: name.to_owned(),
                sites: sites.clone(),
                links: 0,
            });
            here.links += 1;
            // Whoever was renamed, or has other sites, comes back link by link.
            let is_other = here.name != name || here.sites != *sites;
            let former = is_other.then(|| std::mem::replace(&mut here.sites, sites.clone()));
            if is_other {
                name.clone_into(&mut here.name);
            }
            (here.links == 1, former)
        };
        if first || former.is_some() {
            self.tell_presence(sites);
        }
        if let Some(former) = former {
            self.tell_presence(&former);
        }
        Arrival { hub: Arc::clone(self), operator_id }
    }

    /// Returns the names of the operators that are there for a site.
    pub(crate) fn operators(&self, site_id: u64) -> Vec<String> {
        let operators = lock(&self.operators);
        let names = operators.values().filter(|here| sees(&here.sites, site_id)).map(|here| here.name.clone());
        // Two operators may have one name, which is told once.
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Returns whether no operator of a site has been there for so long; nobody knows who was before the start.
    pub(crate) fn is_deserted(&self, site_id: u64, for_ms: Millis) -> bool {
        let since = self.clock.mono().checked_sub(for_ms);
        let here = lock(&self.operators).values().any(|here| sees(&here.sites, site_id));
        let lately = |(sites, at): &(Sites, Millis)| sees(sites, site_id) && since.is_some_and(|since| *at > since);
        since.is_some() && !here && !lock(&self.departed).values().any(lately)
    }

    fn tell_presence(&self, sites: &Sites) {
        self.tell_sites(sites, |site_id| Ephemeral::Presence(Presence { operators: self.operators(site_id) }));
    }

    fn depart(&self, operator_id: u64) {
        let gone = {
            let mut operators = lock(&self.operators);
            let Some(here) = operators.get_mut(&operator_id) else { return };
            here.links -= 1;
            if here.links > 0 {
                return;
            }
            lock(&self.departed).insert(operator_id, (here.sites.clone(), self.clock.mono()));
            operators.remove(&operator_id)
        };
        if let Some(gone) = gone {
            self.tell_presence(&gone.sites);
        }
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.hub.depart(self.operator_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_who_was_renamed_or_has_other_sites_is_known_by_that_from_the_first_link_on() {
        let hub = Hub::new();
        let only = |site| Sites::Only(BTreeSet::from([site]));
        let before = [hub.arrive(7, "Ann", &only(1)), hub.arrive(7, "Ann", &only(1))];
        // The other link has not come back yet.
        let after = hub.arrive(7, "Anna", &only(2));
        assert_eq!((hub.operators(1), hub.operators(2)), (Vec::new(), vec!["Anna".to_owned()]));
        drop(before);
        assert_eq!(hub.operators(2), ["Anna"]);
        drop(after);
        assert_eq!(hub.operators(2), Vec::<String>::new());
    }
}
