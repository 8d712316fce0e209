//! The scenarios, by what they break.

mod links;
mod network;
mod process;

use super::scenario::Scenario;

/// Returns all scenarios, in the order of the report.
pub fn all() -> Vec<Scenario> {
    [network::SCENARIOS, links::SCENARIOS, process::SCENARIOS].concat()
}
