//! Doors for tests and fuzzers to code that only the network reaches otherwise; no release is built with them.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use protocol::{ClientFrame, ServerFrame, json};
use serde::de::DeserializeOwned;
use server_core::Event;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::accept;
use crate::app::App;
use crate::connection::{self, Echo, Frame, Socket, Upgrade};
use crate::routes::body;

/// Reads a text of a client as a socket does: each frame of it, or the code of its error.
pub fn frames(text: &str) -> Vec<Result<ClientFrame, &'static str>> {
    let mut read = Vec::new();
    connection::frames(text, |frame| read.push(frame.map_err(|unreadable| unreadable.code)));
    read
}

/// Reads the body of a request as a handler does.
///
/// # Errors
/// The code of the error.
pub fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, &'static str> {
    body::read(bytes).map_err(|error| error.code())
}

/// Something that a stream brings.
#[derive(Clone, Debug)]
pub enum Brought {
    /// An event of the log.
    Event(Arc<Event>),
    /// Another frame.
    Frame(ServerFrame),
}

/// Writes server-sent events as a stream does.
pub fn stream(brought: &[Brought]) -> String {
    let mut stream = String::new();
    for one in brought {
        let frame = match one {
            Brought::Event(event) => Frame::Event(Arc::clone(event)),
            Brought::Frame(frame) => Frame::Answer(json::to_string(frame)),
        };
        connection::append(&mut stream, &frame);
    }
    stream
}

/// Serves sockets on every address that say back what they hear, messages of up to `most_bytes`, until `stop` turns true.
///
/// All but the conversation is what serves the chat: the accept loop, HTTP, the upgrade, and the socket with its buffers,
/// its closing and its time limits.
pub async fn echo(listener: TcpListener, app: App, most_bytes: usize, stop: watch::Receiver<bool>) {
    let answer = async move |State(app): State<App>, mut upgrade: Upgrade| -> Response {
        upgrade.most_bytes = most_bytes;
        connection::accept(upgrade, move |accepted| Socket::new(accepted, Echo::new(app)))
    };
    let router = Router::new().fallback(answer).with_state(app.clone());
    accept::serve(listener, app, router, stop).await;
}
