//! The server's sockets as an echo, for suites that know no chat: `echo [--most-bytes N]` prints its address, and ends
//! when its input does.

use std::io::Read;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use server::config::ServeConfig;
use server::credentials::{Credentials, ServerSecret};
use server::store::sqlite::SqliteStore;
use tokio::sync::watch;

/// As an echo, the largest message of the Autobahn suite; the chat takes 64 KiB.
const MOST_BYTES: usize = 32 * 1024 * 1024;

#[derive(Debug, Parser)]
struct Options {
    /// Bytes of the largest message that is taken.
    #[arg(long, default_value_t = MOST_BYTES)]
    most_bytes: usize,
    #[command(flatten)]
    serve: ServeConfig,
}

#[tokio::main]
async fn main() -> ExitCode {
    match echo(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn echo(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let data = tempfile::Builder::new().prefix("rejoin-echo-").tempdir()?;
    let hub = server::Hub::new();
    let store = SqliteStore::open(data.path(), hub.published())?;
    let credentials = Credentials::new(&ServerSecret::open(data.path())?);
    let app = server::App::new(&options.serve, Arc::new(store), hub, credentials);
    let listener = server::accept::bind(([127, 0, 0, 1], 0).into())?;
    println!("ws://{}", listener.local_addr()?);
    let (stop, stopped) = watch::channel(false);
    // Whoever started it holds the other end of its input, and lets go of it in the end, whatever happens.
    std::thread::spawn(move || {
        let mut rest = Vec::new();
        let _ended = std::io::stdin().read_to_end(&mut rest);
        stop.send_replace(true);
    });
    server::probe::echo(listener, app, options.most_bytes, stopped).await;
    Ok(())
}
