//! The scenarios, by what they break.

mod links;
mod load;
mod network;
mod pages;
mod process;
mod storage;
mod wrong;

use super::scenario::Scenario;

/// Returns all scenarios, in the order of the report.
pub fn all() -> Vec<Scenario> {
    [
        network::SCENARIOS,
        load::SCENARIOS,
        wrong::SCENARIOS,
        links::SCENARIOS,
        process::SCENARIOS,
        storage::SCENARIOS,
        pages::SCENARIOS,
    ]
    .concat()
}
