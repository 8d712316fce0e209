//! The accept loop: takes connections, bounds them, and hands each to HTTP.
//!
//! A connection that sends nothing, or its header too slowly, is closed after 5 s. When the process runs out of file
//! descriptors, one kept in reserve answers 503, so that the loop neither stops nor spins.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use mutants::Mutant;
use rustix::io::Errno;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use crate::app::App;
use crate::bounds::Connected;
use crate::clock::Clock;
use crate::listening::{self, Keeper, Listening};
use crate::logging::{Sample, Sampled};
use crate::patience::Patient;

/// How long a connection may take to send its first byte, and then its header.
const HEADER_READ: Duration = Duration::from_secs(5);
/// At the end, a connection that was just taken may take so long to send its request.
const FIRST_REQUEST: Duration = Duration::from_millis(250);
/// Headers in one request.
const HEADERS: usize = 64;
/// Bytes of a request's header; a JWT in the query must fit.
const HEADER_BYTES: usize = 16 * 1024;
/// A peer that acknowledges nothing for so long is gone.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);
/// An idle connection is asked after so long whether its peer still exists.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Connections that are told 503 at the same time.
pub(crate) const REFUSALS: usize = 128;
/// How long the loop may be busy with one connection on the last descriptor.
const LAST_RESERVE_LIMIT: Duration = Duration::from_millis(20);
/// The answer of the last reserve.
const LAST_RESERVE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Type: application/json\r\n\
    Content-Length: 106\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n\
    {\"error\":{\"code\":\"overloaded\",\"message\":\"as many connections as this server takes\",\"retry_after_ms\":5000}}";

/// Opens a listening socket of this process alone; must be called inside a tokio runtime.
///
/// # Errors
/// The system's: the port is in use, the address is not ours, …
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    Listening { listener: listening::bind(address)?, keeper: Keeper::Nobody }.into_tokio()
}

/// Raises the process's limit of open files as far as it may go, and returns it.
pub(crate) fn raise_open_files() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum {
        let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limit = raised;
        }
    }
    // None is unlimited.
    limit.current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}

/// The answer to an address that has as many connections as it may.
const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nContent-Type: application/json\r\n\
    Content-Length: 112\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n\
    {\"error\":{\"code\":\"address_limit\",\"message\":\"as many connections as one address may have\",\"retry_after_ms\":5000}}";

/// Counts the open TCP connections, those that have become sockets included.
#[derive(Debug)]
pub(crate) struct Connections {
    open: AtomicUsize,
    most: usize,
}

/// One place among the connections; free again when the last holder drops it.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Arc<Connections>,
    _of_address: Connected,
}

impl Connections {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { open: AtomicUsize::new(0), most })
    }

    fn take(self: &Arc<Self>, of_address: Connected) -> Option<Place> {
        let free = |open: usize| (open < self.most || mutants::planted(Mutant::EndlessConnections)).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).ok()?;
        Some(Place { connections: Arc::clone(self), _of_address: of_address })
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the accept loop knows about the connection of a request.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The other end; a proxy where there is one.
    pub(crate) address: SocketAddr,
    /// Held for as long as the connection lives, by sockets too.
    pub(crate) place: Arc<Place>,
}

/// Takes connections until `stop` turns true, then lets each finish the request that it is serving.
pub(crate) async fn serve(listener: TcpListener, app: App, router: Router, mut stop: watch::Receiver<bool>) {
    let mut reserve = Reserve::new();
    let refusals = Refusals(Arc::new(Semaphore::new(REFUSALS)));
    let stopping = stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, address)) => match take(&app, address) {
                Ok(place) => {
                    let peer = Peer { address, place: Arc::new(place) };
                    let connection = connection(stream, peer, router.clone(), stopping.clone());
                    tokio::spawn(connection);
                }
                Err(answer) => refusals.start(stream, answer),
            },
            Err(error) => reserve.answer(&listener, &error).await,
        }
    }
}

/// Takes a place for a connection from an address, or says how it is refused.
fn take(app: &App, address: SocketAddr) -> Result<Place, &'static [u8]> {
    let of_address = app.bounds().connection(address.ip()).ok_or(TOO_MANY)?;
    app.connections().take(of_address).ok_or(LAST_RESERVE)
}

/// Serves one connection until it ends, or has become a socket.
async fn connection(stream: TcpStream, peer: Peer, router: Router, mut stop: watch::Receiver<bool>) {
    tune(&stream);
    let (began, mut begun) = watch::channel(false);
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        began.send_replace(true);
        request.extensions_mut().insert(peer.clone());
        router.clone().oneshot(request.map(Body::new))
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(if mutants::planted(Mutant::SlowHeaders) { HEADER_READ * 1_000 } else { HEADER_READ })
        .max_headers(HEADERS)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream)), service)
        .with_upgrades();
    let mut serving = Box::pin(serving);
    tokio::select! {
        ended = serving.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended");
            }
            return;
        }
        _ = stop.wait_for(|stop| *stop) => {}
    }
    // A request may be on its way; closed at once, the connection would break it off.
    tokio::select! {
        _ended = serving.as_mut() => return,
        _ = tokio::time::timeout(FIRST_REQUEST, begun.wait_for(|begun| *begun)) => {}
    }
    serving.as_mut().graceful_shutdown();
    let _ended = serving.await;
}

/// Small frames leave at once; a peer that has vanished is noticed. A socket without these still works.
fn tune(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    let keepalive = keepalive.with_interval(Duration::from_secs(10)).with_retries(3);
    let mut outcomes = vec![socket.set_tcp_nodelay(true), socket.set_tcp_keepalive(&keepalive)];
    #[cfg(target_os = "linux")]
    outcomes.push(socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED)));
    for error in outcomes.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "a socket option cannot be set");
    }
}

/// Connections that are being refused at the same time; one beyond is dropped without a word.
struct Refusals(Arc<Semaphore>);

impl Refusals {
    fn start(&self, stream: TcpStream, answer: &'static [u8]) {
        let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() else {
            // No time to see that it was read, but an empty buffer takes it at once.
            let _best_effort = stream.try_write(answer);
            return;
        };
        tokio::spawn(async move {
            refuse(stream, answer, Duration::from_secs(1)).await;
            drop(permit);
        });
    }
}

/// Answers without reading the request.
async fn refuse(mut stream: TcpStream, answer: &[u8], limit: Duration) {
    let answer = async {
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        // What is still unread at the end would cut the answer off with a reset.
        let mut unread = [0; 1_024];
        while stream.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    };
    let _too_slow = tokio::time::timeout(limit, answer).await;
}

/// One file descriptor kept for the moment when there is none left.
struct Reserve {
    file: Option<File>,
    clock: Clock,
    sample: Sample,
}

impl Reserve {
    fn new() -> Self {
        Self { file: open_reserve(), clock: Clock::new(), sample: Sample::new(1) }
    }

    /// Goes on after an error of `accept`.
    async fn answer(&mut self, listener: &TcpListener, error: &io::Error) {
        let errno = error.raw_os_error();
        let none_left = [Errno::MFILE, Errno::NFILE].iter().any(|none| errno == Some(none.raw_os_error()));
        if !none_left {
            // The peer was gone before it was accepted, or the kernel is short of memory.
            tracing::debug!(%error, "a connection could not be accepted");
            let passing = errno == Some(Errno::CONNABORTED.raw_os_error());
            if !passing {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            return;
        }
        if let Sampled::Write { held } = self.sample.next(self.clock.mono()) {
            tracing::warn!(%error, not_logged = held, "no file descriptor left; raise the limit of open files (ulimit -n)");
        }
        self.file = None;
        // Without a time limit this would wait for the next connection while the reserve is open.
        if let Ok(Ok((stream, _))) = tokio::time::timeout(LAST_RESERVE_LIMIT, listener.accept()).await {
            // The loop waits for it: the reserve is needed again for the next one.
            refuse(stream, LAST_RESERVE, LAST_RESERVE_LIMIT).await;
        }
        self.file = open_reserve();
        if self.file.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn open_reserve() -> Option<File> {
    File::open("/dev/null").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_of_the_loop_say_their_own_length() {
        for (answer, code) in [(LAST_RESERVE, protocol::code::OVERLOADED), (TOO_MANY, protocol::code::ADDRESS_LIMIT)] {
            let text = std::str::from_utf8(answer).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
            let body: protocol::http::ErrorBody = serde_json::from_str(body).unwrap();
            assert_eq!(body.error.code, code);
        }
    }

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let connections = Connections::new(1);
        let place = connections.take(None).unwrap();
        assert!(connections.take(None).is_none());
        drop(place);
        assert!(connections.take(None).is_some());
        assert_eq!(connections.open(), 0);
    }
}
