//! Load tools: they start the real server, load it over loopback, and print what they measured.
//!
//! Nothing here asserts a figure: what is printed depends on the machine. A lost, doubled or reordered message is an
//! error all the same.

mod abuse;
mod drain;
mod durable;
mod failure;
mod idle;
mod latency;
mod link;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Result;

/// Load tools for the Rejoin server.
#[derive(Debug, Parser)]
#[command(name = "rejoin-bench", version)]
struct Cli {
    /// The server's binary; without it, a release build is made and taken
    #[arg(long, value_name = "FILE", global = true)]
    server: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The server's memory for each idle socket
    Idle {
        /// Sockets, two to a dialog
        #[arg(long, value_name = "N", default_value_t = 5_000)]
        sockets: usize,
    },
    /// A restart of the server under a crowd of real clients
    Drain {
        /// Clients, each with a dialog
        #[arg(long, value_name = "N", default_value_t = 2_000)]
        clients: usize,
        /// How the server is restarted
        #[arg(long, value_enum, default_value_t = drain::Restart::Deploy)]
        restart: drain::Restart,
    },
    /// An honest client beside slow readers, and beside attackers
    Abuse {
        /// Sockets that read nothing
        #[arg(long, value_name = "N", default_value_t = 1_000)]
        slow: usize,
        /// Connections that never finish their request
        #[arg(long, value_name = "N", default_value_t = 2_000)]
        half_open: usize,
        /// How long each of the three measurements takes
        #[arg(long, value_name = "N", default_value_t = 20)]
        seconds: u64,
    },
    /// Durable messages a second over WebSocket, with the server on one core
    Durable {
        /// Dialogs, each with a visitor and an operator
        #[arg(long, value_name = "N", default_value_t = 500)]
        dialogs: usize,
        /// How long the last rate is held
        #[arg(long, value_name = "N", default_value_t = 10)]
        seconds: u64,
        /// Hold this rate only, instead of looking for the highest
        #[arg(long, value_name = "N")]
        rate: Option<u64>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("rejoin-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    raise_open_files();
    let binary = match &cli.server {
        Some(binary) => binary.clone(),
        None => server::build()?,
    };
    match cli.command {
        Command::Idle { sockets } => runtime()?.block_on(idle::run(&binary, sockets)),
        Command::Drain { clients, restart } => crowd()?.block_on(drain::run(&binary, clients, restart)),
        Command::Abuse { slow, half_open, seconds } => {
            runtime()?.block_on(abuse::run(&binary, slow, half_open, seconds))
        }
        Command::Durable { dialogs, seconds, rate } => {
            let cores = server::share_cores()?;
            runtime()?.block_on(durable::run(&binary, cores, dialogs, seconds, rate))
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Clients that think cost more than those that only send.
fn crowd() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Every socket is a file; how many there may be is said by the hard limit.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if setrlimit(Resource::Nofile, raised).is_err() {
        eprintln!("the limit of open files cannot be raised");
    }
}
