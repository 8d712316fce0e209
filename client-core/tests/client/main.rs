//! A client, driven by hand from its first input on.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::wildcard_enum_match_arm, reason = "each test looks at one kind of output")]

mod bench;
mod contact;
mod files;
mod found_by_the_simulator;
mod identity;
mod journeys;
mod ladder;
mod lobby;
mod patience;
mod quality;
mod review;
mod servers;
mod tab;
mod tabs;
mod trouble;
