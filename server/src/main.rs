//! Rejoin, the server; `rejoin --help` says what it can do.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::cli::main(std::env::args_os())
}
