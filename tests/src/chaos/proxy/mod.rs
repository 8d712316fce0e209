//! A TCP proxy that harms what it carries, in every way that networks and other people's proxies do.

mod connection;
mod post;
mod pump;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use crate::chaos::bites::Bites;
use crate::sim::random::Random;

/// A proxy between clients and a server.
#[derive(Debug)]
pub struct Proxy {
    /// Where clients connect to.
    pub address: SocketAddr,
    state: watch::Sender<State>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    to: Mutex<SocketAddr>,
    seed: u64,
    connections: AtomicU64,
    bites: Bites,
}

/// What happens to connections; the default is nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Whether anybody gets in.
    pub doors: Doors,
    /// How bytes travel.
    pub road: Road,
    /// Whether bytes get to the server.
    pub up: Way,
    /// Whether bytes get to clients.
    pub down: Way,
    /// Where new connections are cut by themselves.
    pub cut: Option<Cut>,
    /// What becomes of new WebSockets.
    pub upgrades: Upgrades,
    /// What becomes of new event streams.
    pub streams: Streams,
    /// What becomes of new POSTs.
    pub posts: Posts,
}

/// Whether anybody gets in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doors {
    /// Yes.
    #[default]
    Open,
    /// Nobody listens: connections are refused by the system.
    Closed,
}

/// How bytes travel: late, unevenly, and standing still where a packet was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Road {
    /// One way.
    pub delay_ms: u64,
    /// More or less, evenly.
    pub jitter_ms: u64,
    /// A chunk in a thousand whose packet is lost; what comes behind it waits with it.
    pub loss_per_mille: u64,
    /// How long until it is sent again.
    pub stall_ms: u64,
}

/// Whether bytes get through in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Yes.
    #[default]
    Open,
    /// They wait, as TCP has them wait, and nobody is told.
    Held,
}

/// A connection ends after so many bytes, both directions together, drawn so that few are as likely as many; most of the
/// time that is within a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// At least.
    pub from_bytes: u64,
    /// At most.
    pub to_bytes: u64,
    /// How it ends.
    pub end: End,
}

impl Cut {
    /// Draws a number of bytes: first how long it is, then which.
    fn draw(self, random: &mut Random) -> u64 {
        let (from, to) = (self.from_bytes.max(1), self.to_bytes.max(1));
        let least = 1 << random.between(from.ilog2().into(), to.ilog2().into());
        random.between(least, least * 2 - 1).clamp(from, to)
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a reset.
    Reset,
    /// In order, as far as TCP knows.
    Finish,
}

/// What becomes of a request for a WebSocket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upgrades {
    /// It is carried.
    #[default]
    Carried,
    /// It is answered with 403.
    Refused,
    /// The server's 101 gets through, and nothing after it, either way.
    Silenced,
    /// The connection is reset after so long.
    Killed {
        /// Its life.
        after_ms: u64,
    },
}

/// What becomes of an event stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Streams {
    /// It is carried.
    #[default]
    Carried,
    /// The proxy waits for its end before it passes anything on.
    Buffered,
}

/// What becomes of a POST.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Posts {
    /// It is carried.
    #[default]
    Carried,
    /// It waits up to so long, may be sent twice, and its answer may be lost.
    Shuffled {
        /// The longest wait.
        delay_ms: u64,
        /// POSTs in a thousand that arrive twice.
        twice_per_mille: u64,
        /// POSTs in a thousand whose answer is lost.
        unanswered_per_mille: u64,
    },
}

#[derive(Clone, Copy, Debug)]
struct State {
    weather: Weather,
    /// Connections of an older generation end as `blow` says.
    generation: u64,
    blow: Blow,
    /// How many in a thousand it hits.
    per_mille: u64,
}

/// What becomes of connections that are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// Both ends are told.
    Reset,
    /// Only the server is told; the client's end stays open and silent.
    Strand,
    /// Only the client is told; the server's end stays open and silent.
    Desert,
}

impl Proxy {
    /// Starts a proxy before a server; the seed decides where it cuts, stalls and repeats.
    ///
    /// # Panics
    /// There is no port for it.
    pub async fn start(to: SocketAddr, seed: u64, bites: Bites) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (state, watching) =
            watch::channel(State { weather: Weather::default(), generation: 0, blow: Blow::Reset, per_mille: 0 });
        let shared = Arc::new(Shared { to: Mutex::new(to), seed, connections: AtomicU64::new(0), bites });
        tokio::spawn(accept(listener, address, watching, Arc::clone(&shared)));
        Self { address, state, shared }
    }

    /// Changes the weather; what is drawn for a connection at its beginning stays.
    pub fn weather(&self, change: impl FnOnce(&mut Weather)) {
        self.state.send_modify(|state| change(&mut state.weather));
    }

    /// Everything is carried again; connections that are doomed stay so.
    pub fn clear(&self) {
        self.weather(|weather| *weather = Weather::default());
    }

    /// Resets every connection.
    pub fn cut(&self) {
        self.blow(Blow::Reset, 1_000);
    }

    /// Resets so many connections in a thousand.
    pub fn cut_some(&self, per_mille: u64) {
        self.blow(Blow::Reset, per_mille);
    }

    /// Leaves every client with an open, silent connection whose other end is gone.
    pub fn strand(&self) {
        self.blow(Blow::Strand, 1_000);
    }

    /// Leaves the server with open, silent connections whose clients are gone.
    pub fn desert(&self) {
        self.blow(Blow::Desert, 1_000);
    }

    /// Leads to another server from now on.
    pub fn lead_to(&self, to: SocketAddr) {
        *self.shared.to.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }

    fn blow(&self, blow: Blow, per_mille: u64) {
        self.state.send_modify(|state| {
            state.generation += 1;
            state.blow = blow;
            state.per_mille = per_mille;
        });
    }
}

impl Shared {
    /// Connects to the server, from one of many addresses: behind a proxy that names nobody all would be one client.
    async fn connect(&self, number: u64) -> std::io::Result<TcpStream> {
        let to = *self.to.lock().unwrap_or_else(PoisonError::into_inner);
        let socket = TcpSocket::new_v4()?;
        if cfg!(target_os = "linux") {
            let host = u8::try_from(number % 250).unwrap_or_default() + 1;
            let net = u8::try_from(number / 250 % 4).unwrap_or_default() + 1;
            socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, net, host), 0)))?;
        }
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

async fn accept(listener: TcpListener, address: SocketAddr, mut state: watch::Receiver<State>, shared: Arc<Shared>) {
    let mut listener = Some(listener);
    loop {
        let doors = state.borrow_and_update().weather.doors;
        match doors {
            Doors::Closed => drop(listener.take()),
            Doors::Open if listener.is_none() => listener = Some(listen_again(address).await),
            Doors::Open => {}
        }
        let accepted = tokio::select! {
            accepted = async { match &listener { Some(open) => open.accept().await, None => std::future::pending().await } } => accepted,
            changed = state.changed() => match changed {
                Ok(()) => continue,
                // The proxy was dropped.
                Err(_) => return,
            },
        };
        let Ok((stream, _)) = accepted else { continue };
        let number = shared.connections.fetch_add(1, Ordering::Relaxed);
        let random = Random::new(shared.seed ^ number.wrapping_mul(0x9e37_79b9));
        tokio::spawn(connection::carry(stream, number, state.clone(), Arc::clone(&shared), random));
    }
}

/// Takes the port up again; another connection of this machine may be using it for a moment.
async fn listen_again(address: SocketAddr) -> TcpListener {
    const TRIES: u32 = 200;
    for _ in 0..TRIES {
        if let Ok(listener) = TcpListener::bind(address).await {
            return listener;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("port {} was taken by somebody else", address.port());
}
