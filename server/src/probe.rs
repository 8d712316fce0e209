//! Doors for tests and fuzzers to code that only the network reaches otherwise; no release is built with them.

use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use protocol::{ClientFrame, ServerFrame, json};
use serde::de::DeserializeOwned;
use server_core::Event;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::accept;
use crate::app::App;
use crate::connection::{self, Echo, Socket, Upgrade};
use crate::error::ApiError;
use crate::files;
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
            Brought::Event(event) => connection::Frame::Event(Arc::clone(event)),
            Brought::Frame(frame) => connection::Frame::Answer(json::to_string(frame)),
        };
        connection::append(&mut stream, &frame);
    }
    stream
}

/// What the server makes of the bytes and the name of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its type.
    pub mime: &'static str,
    /// How its name may end.
    pub extensions: &'static [&'static str],
    /// Its name, as it is kept and shown.
    pub name: String,
    /// Whether it is shown where it stands.
    pub is_inline: bool,
    /// The header that it is served with.
    pub disposition: String,
}

/// Judges an upload by its first bytes, and names it; none where it is not taken.
pub fn named(given: &str, head: &[u8]) -> Option<Named> {
    files::named(given, head).map(|(mime, extensions, name)| {
        let is_inline = files::is_shown_inline(mime);
        let disposition = files::disposition(&name, is_inline);
        Named { mime, extensions, name, is_inline, disposition }
    })
}

/// Takes uploads into a folder of its own, and forgets them again.
#[derive(Debug)]
pub struct Uploads {
    folder: files::Folder,
    runtime: tokio::runtime::Runtime,
}

/// An upload that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// What a message would show.
    pub file: protocol::File,
    /// SHA-256 of the bytes.
    pub digest: [u8; 32],
    /// What lies on the disk.
    pub bytes: Vec<u8>,
}

impl Uploads {
    /// Opens the folder `files` of a data folder; what is written is not flushed.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(data: &Path) -> io::Result<Self> {
        let mut folder = files::Folder::open(data, files::Patience::default())?;
        folder.flush = |_| Ok(());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        Ok(Self { folder, runtime })
    }

    /// Takes a body that comes in these pieces.
    ///
    /// # Errors
    /// The code of the error.
    pub fn take(
        &self,
        pieces: Vec<Vec<u8>>,
        declared: Option<u64>,
        most_bytes: u64,
        is_images_only: bool,
        name: &str,
    ) -> Result<Upload, &'static str> {
        let pieces = pieces.into_iter().map(|piece| Ok::<_, io::Error>(Frame::data(Bytes::from(piece))));
        let mut body = Body::new(StreamBody::new(stream::iter(pieces)));
        let terms = files::Terms { most_bytes, images: is_images_only };
        let taken = self
            .runtime
            .block_on(async { self.folder.receive(&mut body, terms, declared, name).await?.finish().await });
        let received = taken.map_err(|error: ApiError| error.code())?;
        let bytes = std::fs::read(self.folder.path_of(&received.blob)).map_err(|_| protocol::code::INTERNAL)?;
        Ok(Upload { file: received.file.clone(), digest: received.digest, bytes })
    }
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
