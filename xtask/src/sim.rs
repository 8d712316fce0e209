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

/// The simulator, ready for its arguments.
pub(crate) fn simulator() -> Command {
    cargo(&["run", "--quiet", "--profile", "sim", "-p", "tests", "--no-default-features", "--bin", "sim", "--"])
}
