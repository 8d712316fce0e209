//! `cargo xtask chaos`: the real server and real clients, over a network that breaks.

use std::process::Command;

use crate::build::{self, Mode};
use crate::failure::Result;
use crate::process::{cargo, root, run as run_process, run_watching, target};
use crate::setup;
use crate::tally::Counts;

/// How the clients are built; the server is always that of a release.
#[derive(Clone, Copy)]
enum Clients {
    /// As the tests are, so that nothing is built twice.
    Quick,
    /// So that they load the server and not the machine.
    Fast,
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let is_there = |wanted: &str| args.iter().any(|arg| arg == wanted);
    if !is_there("--list") && !is_there("--help") && !is_there("--check") {
        setup::for_chaos();
        build::everything(Mode::Release)?;
    }
    let clients = if is_there("--full") { Clients::Fast } else { Clients::Quick };
    run_process(chaos(clients)?.args(args))
}

/// The short run, of a server that has been built.
pub(crate) fn short(counts: &mut Counts) -> Result<()> {
    setup::for_chaos();
    run_watching(chaos(Clients::Quick)?.arg("--short"), |line| {
        if let Some(more) = Counts::of_chaos_line(line) {
            counts.add(more);
        }
    })
}

/// Builds the suite, and returns it ready for its arguments.
fn chaos(clients: Clients) -> Result<Command> {
    // The whole workspace decides on the features, as it does for the tests: what they have built is taken.
    let mut build = cargo(&["build", "--quiet", "--workspace", "--bin", "chaos"]);
    let profile = match clients {
        Clients::Quick => "debug",
        Clients::Fast => {
            build.arg("--release");
            "release"
        }
    };
    run_process(&mut build)?;
    let mut command = Command::new(target().join(profile).join("chaos"));
    command.current_dir(root()).env("REJOIN_BIN", build::binary(Mode::Release));
    Ok(command)
}
