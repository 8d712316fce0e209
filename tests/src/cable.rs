//! A TCP proxy that breaks where a test wants it to.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::PATIENCE;

/// What comes of a stream that is held back.
const HELD_BACK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Bytes in which the beginning of a request is looked for.
const HEADER_BYTES: usize = 16 * 1024;

/// A TCP proxy in front of a server.
#[derive(Debug)]
pub struct Cable {
    /// Where clients connect to.
    pub address: SocketAddr,
    state: watch::Sender<State>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    to: Mutex<SocketAddr>,
    carried: AtomicUsize,
    cut: AtomicUsize,
    refused: AtomicUsize,
}

#[derive(Clone, Copy, Debug)]
struct State {
    flow: Flow,
    upgrades: Upgrades,
    streams: Streams,
    /// A held poll is cut after so long.
    polls_cut: Option<Duration>,
    /// Connections of an older generation are cut.
    generation: u64,
}

/// What happens to bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Whole,
    /// Nothing gets through, and everybody is told so at once.
    Cut,
    /// Nothing gets through, and nobody is told.
    Frozen,
}

/// What happens to requests for a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upgrades {
    Carried,
    /// Answered with 403, as some proxies do.
    Refused,
}

/// What happens to streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Streams {
    Carried,
    /// Their head is passed on, and their body kept, as a proxy does that wants to see the end first.
    HeldBack,
}

impl Cable {
    /// Lays a cable to a server.
    ///
    /// # Panics
    /// There is no port for it.
    pub async fn lay(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (state, watching) = watch::channel(State {
            flow: Flow::Whole,
            upgrades: Upgrades::Carried,
            streams: Streams::Carried,
            polls_cut: None,
            generation: 0,
        });
        let shared = Arc::new(Shared {
            to: Mutex::new(to),
            carried: AtomicUsize::new(0),
            cut: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        });
        tokio::spawn(accept(listener, watching, Arc::clone(&shared)));
        Self { address, state, shared }
    }

    /// Breaks every connection, and every new one, until [`Cable::mend`].
    pub fn cut(&self) {
        self.state.send_modify(|state| {
            state.flow = Flow::Cut;
            state.generation += 1;
        });
    }

    /// Breaks every connection; new ones get through.
    pub fn snap(&self) {
        self.state.send_modify(|state| state.generation += 1);
    }

    /// Lets nothing through and breaks nothing: to both ends the other one is silent.
    pub fn freeze(&self) {
        self.state.send_modify(|state| state.flow = Flow::Frozen);
    }

    /// Lets everything through again.
    pub fn mend(&self) {
        self.state.send_modify(|state| state.flow = Flow::Whole);
    }

    /// Answers every request for a WebSocket with 403, and breaks the connections there are.
    pub fn refuse_upgrades(&self) {
        self.state.send_modify(|state| {
            state.upgrades = Upgrades::Refused;
            state.generation += 1;
        });
    }

    /// Carries requests for a WebSocket again; breaks nothing.
    pub fn carry_upgrades(&self) {
        self.state.send_modify(|state| state.upgrades = Upgrades::Carried);
    }

    /// Keeps the bodies of streams back.
    pub fn hold_streams_back(&self) {
        self.state.send_modify(|state| state.streams = Streams::HeldBack);
    }

    /// Carries streams again; those that are held back stay so.
    pub fn carry_streams(&self) {
        self.state.send_modify(|state| state.streams = Streams::Carried);
    }

    /// Cuts polls that the server has held for so long.
    pub fn cut_polls_after(&self, time: Duration) {
        self.state.send_modify(|state| state.polls_cut = Some(time));
    }

    /// Leads to another server from now on.
    pub fn lead_to(&self, to: SocketAddr) {
        *self.shared.to.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }

    /// Returns how many connections were broken by the cable: a fault must show that it bit.
    pub fn cuts(&self) -> usize {
        self.shared.cut.load(Ordering::Relaxed)
    }

    /// Returns how many requests for a WebSocket were refused by the cable, and streams held back.
    pub fn refusals(&self) -> usize {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Returns how many connections have been carried.
    pub fn carried(&self) -> usize {
        self.shared.carried.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, state: watch::Receiver<State>, shared: Arc<Shared>) {
    let mut gone = state.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // The cable was dropped.
            _ = gone.wait_for(|_| false) => return,
        };
        let Ok((stream, _)) = accepted else { return };
        let now = *state.borrow();
        if now.flow == Flow::Cut {
            shared.cut.fetch_add(1, Ordering::Relaxed);
            reset(&stream);
            continue;
        }
        tokio::spawn(carry(stream, state.clone(), now.generation, Arc::clone(&shared)));
    }
}

async fn carry(mut client: TcpStream, mut state: watch::Receiver<State>, generation: u64, shared: Arc<Shared>) {
    let mut watching = state.clone();
    let carrying = async {
        let head = head(&mut client).await?;
        let words = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let upgrade = words.contains("upgrade: websocket");
        if upgrade && watching.borrow().upgrades == Upgrades::Refused {
            shared.refused.fetch_add(1, Ordering::Relaxed);
            client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
            return client.shutdown().await;
        }
        if words.contains("/events?") && watching.borrow().streams == Streams::HeldBack {
            shared.refused.fetch_add(1, Ordering::Relaxed);
            client.write_all(HELD_BACK).await?;
            return std::future::pending().await;
        }
        let to = *shared.to.lock().unwrap_or_else(PoisonError::into_inner);
        let mut server = TcpStream::connect(to).await?;
        shared.carried.fetch_add(1, Ordering::Relaxed);
        server.write_all(&head).await?;
        let (mut client_in, mut client_out) = client.split();
        let (mut server_in, mut server_out) = server.split();
        let mut also_watching = watching.clone();
        let cut_after = watching.borrow().polls_cut.filter(|_| words.contains("/poll?") && !words.contains("wait=0"));
        let up = pump(&mut client_in, &mut server_out, &mut watching);
        let down = pump(&mut server_in, &mut client_out, &mut also_watching);
        let both = async { tokio::try_join!(up, down).map(|_| ()) };
        match cut_after {
            Some(time) => tokio::time::timeout(time, both).await.unwrap_or_else(|_| {
                shared.cut.fetch_add(1, Ordering::Relaxed);
                Err(io::ErrorKind::TimedOut.into())
            }),
            None => both.await,
        }
    };
    let ended = tokio::select! {
        ended = carrying => Some(ended),
        _ = state.wait_for(|state| state.generation > generation) => None,
    };
    match ended {
        Some(Ok(())) => {}
        Some(Err(_)) => reset(&client),
        None => {
            shared.cut.fetch_add(1, Ordering::Relaxed);
            reset(&client);
        }
    }
}

/// Reads the head of the first request.
async fn head(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let reading = async {
        while !head.windows(4).any(|window| window == b"\r\n\r\n") && head.len() < HEADER_BYTES {
            if client.read_buf(&mut head).await? == 0 {
                break;
            }
        }
        io::Result::Ok(())
    };
    tokio::time::timeout(PATIENCE, reading).await??;
    Ok(head)
}

/// Moves bytes one way, as long as the cable lets them through.
async fn pump(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    state: &mut watch::Receiver<State>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if state.wait_for(|state| state.flow != Flow::Frozen).await.is_err() {
            return Ok(());
        }
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}

/// Has the connection end with a reset, as one that was cut does.
fn reset(stream: &TcpStream) {
    let _already_gone = stream.set_zero_linger();
}
