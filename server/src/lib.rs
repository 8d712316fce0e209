//! The Rejoin server.
//!
//! A connection comes in through [`accept`] and is HTTP at first. `routes` holds every address once. A socket or a
//! stream of events becomes a link: a task around `server_core::session::Session`, which decides everything; the task
//! carries frames in and out and asks the [`store`]. What the store has committed reaches all links of the dialog
//! through the [`hub`], which may lose a hint, because every session sees a gap and reads the log.
//!
//! `admission` is the only way from an address to a dialog. [`run`] is the whole life of the server: it serves until
//! it is told to end, tells every client to leave, each at its own moment, and closes the store.

pub mod accept;
mod admission;
mod app;
mod assets;
pub mod assistants;
pub mod avatar;
mod bounds;
#[cfg(test)]
mod canary_tests;
pub mod cli;
mod clock;
pub mod config;
mod connection;
pub mod credentials;
pub mod demo;
mod earlier;
mod error;
mod figures;
mod files;
pub mod hours;
mod hub;
mod letters;
pub mod listening;
pub mod logging;
mod patience;
#[cfg(feature = "probe")]
pub mod probe;
mod rate;
mod routes;
pub mod shutdown;
#[cfg(test)]
mod stalled_tests;
pub mod store;

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

pub use app::App;
use connection::Onward;
pub use hub::Hub;
use shutdown::Order;
use store::StoreError;

/// After its moment, a link may take so long to close.
const CLOSE: Duration = Duration::from_millis(2_500);
/// The same while another server waits for the data: whoever has not answered by then is cut off.
const HAND_OVER_CLOSE: Duration = Duration::from_millis(500);
/// How long requests that are being served may take at the end.
const LAST_REQUESTS: Duration = Duration::from_secs(1);
/// How long the store may take to commit what waits and to close.
const STORE_CLOSE: Duration = Duration::from_secs(5);
/// A server whose store has failed does not keep its clients for longer than this.
const FAILED_DRAIN_MS: u32 = 500;

/// Serves until `shutdown` is over, then takes leave of every client and closes the store.
///
/// # Errors
/// The store's, when it cannot go on: the process must end and start again.
pub async fn run(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = Order> + Send,
) -> Result<(), StoreError> {
    let (stop, stopped) = watch::channel(false);
    let router = routes::router(app.clone());
    let accepting = tokio::spawn(accept::serve(listener, app.clone(), router, stopped));
    let ended = tokio::select! {
        order = shutdown => Ok(order),
        error = app.store().failed() => Err(error),
    };
    let (drain_ms, close) = match &ended {
        Ok(Order::End) => (app.drain_ms(), CLOSE),
        Ok(Order::HandOver) => {
            // What comes from now on waits in the kernel for the next server.
            stop.send_replace(true);
            (app.drain_ms(), HAND_OVER_CLOSE)
        }
        Err(error) => {
            tracing::warn!(%error, "the store cannot go on: leaving");
            (app.drain_ms().min(FAILED_DRAIN_MS), CLOSE)
        }
    };
    let links = app.links().total();
    // Where there are other servers, a client opens its next link before it leaves this one.
    let onward = if app.servers().is_empty() { Onward::Here } else { Onward::Elsewhere };
    let leave_ms = app.links().drain(onward, drain_ms);
    tracing::info!(links, leave_ms, order = ?ended.as_ref().ok(), "draining");
    // Meanwhile the gate says so, and sockets are refused with the reason.
    let most = Duration::from_millis(leave_ms.into()) + close;
    let _cut_off = tokio::time::timeout(most, app.links().all_gone()).await;
    stop.send_replace(true);
    let _accepting = accepting.await;
    // Every connection holds a receiver until it ends.
    let _cut_off = tokio::time::timeout(LAST_REQUESTS, stop.closed()).await;
    let closed = tokio::time::timeout(STORE_CLOSE, app.store().close()).await;
    let left = app.links().total();
    tracing::info!(cut_off = left, "left");
    match (ended, closed) {
        (Err(error), _) | (Ok(_), Ok(Err(error))) => Err(error),
        (Ok(_), Ok(Ok(()))) => Ok(()),
        (Ok(_), Err(_)) => Err(StoreError::Io { message: "the store did not close in time".into() }),
    }
}
