//! `cargo xtask chaos`: the real server and real clients, over a network that breaks.

use std::process::Command;

use crate::build::{self, Mode};
use crate::failure::Result;
use crate::process::{cargo, run as run_process, run_watching};
use crate::setup;
use crate::tally::Counts;

pub(crate) fn run(args: &[String]) -> Result<()> {
    if !args.iter().any(|arg| arg == "--list" || arg == "--help") {
        setup::for_chaos();
        build::everything(Mode::Release)?;
    }
    run_process(chaos().args(args))
}

/// The short run, of a server that has been built.
pub(crate) fn short(counts: &mut Counts) -> Result<()> {
    setup::for_chaos();
    run_watching(chaos().arg("--short"), |line| {
        if let Some(more) = Counts::of_chaos_line(line) {
            counts.add(more);
        }
    })
}

fn chaos() -> Command {
    let mut command = cargo(&["run", "--quiet", "--release", "-p", "tests", "--bin", "chaos", "--"]);
    command.env("REJOIN_BIN", build::binary(Mode::Release));
    command
}
