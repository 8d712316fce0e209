//! `cargo xtask sim`: the simulator, compiled for speed and with its assertions on.

use std::process::Command;

use crate::failure::Result;
use crate::process::{cargo, run as run_process};

/// How many seeds a run by hand takes: minutes.
const SEEDS: &str = "100000";

pub(crate) fn run(args: &[String]) -> Result<()> {
    let mut command = simulator();
    if !args.iter().any(|arg| arg == "--seeds" || arg.starts_with("--seeds=")) {
        command.args(["--seeds", SEEDS]);
    }
    run_process(command.args(args))
}

/// The proof that the simulator can fail: every mechanism is switched off once, in a build of its own.
pub(crate) fn mutants() -> Command {
    let mut command = cargo(&["test", "--quiet", "--profile", "sim", "-p", "tests", "--no-default-features"]);
    command.args(["--features", "mutants", "--test", "simulator", "every_mechanism"]);
    command
}

/// The simulator, ready for its arguments.
pub(crate) fn simulator() -> Command {
    cargo(&["run", "--quiet", "--profile", "sim", "-p", "tests", "--no-default-features", "--bin", "sim", "--"])
}
