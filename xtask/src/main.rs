//! `cargo xtask`: the one tool a developer of Rejoin needs.
//!
//! Every command is a file of its own here, and each does its own set-up: a fresh machine needs
//! rustup, Node and a C compiler, and nothing else. Everything comes from crates.io and npm. A
//! command that fails says what to do about it; a command that was called wrongly exits with 2.

mod autobahn;
mod build;
mod chaos;
mod ci;
mod compression;
mod constants;
mod failure;
mod fuzz;
mod glue;
mod languages;
mod mutants;
mod package;
mod process;
mod run;
mod setup;
mod sim;
mod size;
mod split;
mod tally;
mod test;
mod tidy;
mod www;

use std::env;
use std::process::ExitCode;

use failure::Failure;

const HELP: &str = "\
cargo xtask <command>

  run    [--dev] [-- ARGS]       build everything and start it on http://127.0.0.1:8787 with the demo
                                 ARGS go to `rejoin serve`, or name another command of `rejoin`
  build  [--dev]                 build the WebAssembly, the web assets (dist/www) and the server
  test   [rust|e2e|sim|chaos]    set up, build, and run all tests (or one kind)
  ci                             what CI runs: format, lints, tidy, then all tests
  sim    [--seeds N] [--from S]  run the simulator (100,000 seeds unless told otherwise)
  mutants [NAMES|--list]         plant bugs, one after the other, and want the tests to catch each
  chaos  [--full] [--only NAME]  break the server, the network and the disk under real clients; --list names the
                                 scenarios, --seed N replays one; reports in reports/
  fuzz   [--seconds N] [NAMES]   frames, bodies, sse, session, client: each for a minute unless told otherwise
  autobahn [--own-limits]        the Autobahn suite against the server's sockets; needs Python 2.7
  package [--dev]                the npm package, in dist/npm and as a tarball
  size   [--record|--functions]  what a visitor downloads, in bytes, against the budget; writes docs/size.md, or lists what is in it
  tidy                           rules about the source that no compiler checks
  setup                          only the set-up: wasm target, npm packages, browser
  help                           this list

--dev builds faster and larger: no optimiser for the WebAssembly, no minified scripts, a debug server.
";

fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    let command = words.next();
    let rest: Vec<String> = words.collect();
    let outcome = match command.as_deref() {
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            Ok(())
        }
        Some("autobahn") => autobahn::run(&rest),
        Some("build") => build::run(&rest),
        Some("chaos") => chaos::run(&rest),
        Some("ci") => ci::run(&rest),
        Some("fuzz") => fuzz::run(&rest),
        Some("mutants") => mutants::run(&rest),
        Some("package") => package::run(&rest),
        Some("run") => run::run(&rest),
        Some("setup") => setup::run(&rest),
        Some("sim") => sim::run(&rest),
        Some("size") => size::run(&rest),
        Some("test") => test::run(&rest),
        Some("tidy") => tidy::run(&rest),
        Some(other) => Err(Failure::Usage(format!("there is no command `{other}`"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("error: {message}\n`cargo xtask help` lists the commands and their options");
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
