//! What an operator of the server can set, by options and by `REJOIN_*` variables.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use ipnet::IpNet;

use crate::credentials::{SecretError, ServerSecret};

/// Where the data is: `--data`, `REJOIN_DATA`.
#[derive(Args, Clone, Debug)]
pub struct DataConfig {
    /// The directory of the database and of the server's secret
    #[arg(long, value_name = "DIR", env = "REJOIN_DATA", default_value = "data", global = true)]
    pub data: PathBuf,
}

/// How the server runs; each option has a variable, as `REJOIN_MAX_CONNECTIONS` for `--max-connections`.
#[derive(Args, Clone, Debug)]
pub struct ServeConfig {
    /// The address to listen on; 0.0.0.0 for every one of this machine
    #[arg(long, value_name = "ADDRESS", env = "REJOIN_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// The port to listen on; 0 takes a free one
    #[arg(long, value_name = "PORT", env = "REJOIN_PORT", default_value_t = 8787, value_parser = port)]
    pub port: u16,

    /// Bring a demo: three shops, a widget page, and the operator `demo`
    #[arg(long, env = "REJOIN_DEMO", value_parser = BoolishValueParser::new())]
    pub demo: bool,

    /// Connections at once; the next one is refused with a clear error
    #[arg(long, value_name = "N", env = "REJOIN_MAX_CONNECTIONS", default_value_t = 20_000, value_parser = at_least_one)]
    pub max_connections: usize,

    /// Messages a second from one connection, sustained
    #[arg(
        long,
        value_name = "N",
        env = "REJOIN_MESSAGES_PER_S",
        default_value_t = protocol::limits::MESSAGES_PER_S,
        value_parser = clap::value_parser!(u32).range(1..=100_000),
    )]
    pub messages_per_s: u32,

    /// How often an open link hears from the server, give or take a tenth
    #[arg(
        long,
        value_name = "MS",
        env = "REJOIN_HEARTBEAT_MS",
        default_value_t = protocol::limits::HEARTBEAT_MS,
        value_parser = clap::value_parser!(u32).range(100..=600_000),
    )]
    pub heartbeat_ms: u32,

    /// How long clients have to leave when the server is told to end
    #[arg(
        long,
        value_name = "MS",
        env = "REJOIN_DRAIN_MS",
        default_value_t = 5_000,
        value_parser = clap::value_parser!(u32).range(0..=600_000),
    )]
    pub drain_ms: u32,

    /// How long no operator must have been there before visitors are told that nobody is
    #[arg(
        long,
        value_name = "MS",
        env = "REJOIN_ABSENT_MS",
        default_value_t = 300_000,
        value_parser = clap::value_parser!(u32).range(0..=86_400_000),
    )]
    pub absent_ms: u32,

    /// Keep the listening socket in a small parent process that starts the server, starts it again when it dies, and
    /// replaces it on SIGHUP, so that no connection is ever refused
    #[arg(long, env = "REJOIN_SUPERVISE", value_parser = BoolishValueParser::new())]
    pub supervise: bool,

    /// How long to wait for another server on the same data to leave, before giving up
    #[arg(
        long,
        value_name = "SECONDS",
        env = "REJOIN_WAIT_S",
        default_value_t = 0,
        value_parser = clap::value_parser!(u64).range(0..=3_600),
    )]
    pub wait_s: u64,

    /// What one address, one visitor and one site may take.
    #[command(flatten)]
    pub bounds: BoundsConfig,

    /// Another address of this service that clients may go to, best first; may be given more than once
    #[arg(long, value_name = "URL", env = "REJOIN_SERVER", value_delimiter = ',', value_parser = web_url)]
    pub server: Vec<String>,

    /// What is logged: a level (off, error, warn, info, debug, trace), or `target=level` pairs with commas
    #[arg(long, value_name = "FILTER", env = "REJOIN_LOG", default_value = "info")]
    pub log: String,
}

/// What one address, one visitor and one site may take; 0 is as much as there is.
///
/// An address of this machine itself (127.0.0.1, ::1) is not bound: it is a proxy or a program of our own.
#[derive(Args, Clone, Debug)]
pub struct BoundsConfig {
    /// A proxy, or a network of proxies, whose X-Forwarded-For is believed; may be given more than once
    #[arg(
        long,
        value_name = "CIDR",
        env = "REJOIN_TRUSTED_PROXY",
        value_delimiter = ',',
        value_parser = network,
    )]
    pub trusted_proxy: Vec<IpNet>,

    /// Links at once from one address; of IPv6, from one /64. Visitors behind one router share it
    #[arg(long, value_name = "N", env = "REJOIN_CONNECTIONS_PER_ADDRESS", default_value_t = 1_000)]
    pub connections_per_address: usize,

    /// Links at once of one visitor: browsers and tabs
    #[arg(long, value_name = "N", env = "REJOIN_CONNECTIONS_PER_VISITOR", default_value_t = 50)]
    pub connections_per_visitor: usize,

    /// Links at once of the visitors of one site; four fifths of all where nothing is said
    #[arg(long, value_name = "N", env = "REJOIN_CONNECTIONS_PER_SITE")]
    pub connections_per_site: Option<usize>,

    /// Requests a second from one address, sustained; four times as many at once
    #[arg(long, value_name = "N", env = "REJOIN_REQUESTS_PER_S", default_value_t = 200)]
    pub requests_per_s: u32,

    /// New dialogs a minute from one address
    #[arg(long, value_name = "N", env = "REJOIN_DIALOGS_PER_MINUTE", default_value_t = 60)]
    pub dialogs_per_minute: u32,

    /// New dialogs a minute on one site
    #[arg(long, value_name = "N", env = "REJOIN_SITE_DIALOGS_PER_MINUTE", default_value_t = 6_000)]
    pub site_dialogs_per_minute: u32,

    /// Mebibytes of files an hour from the visitors at one address, all of them at once
    #[arg(long, value_name = "MIB", env = "REJOIN_UPLOAD_MB_PER_HOUR", default_value_t = 1_024)]
    pub upload_mb_per_hour: u32,

    /// Mebibytes of files an hour from the visitors of one site
    #[arg(long, value_name = "MIB", env = "REJOIN_SITE_UPLOAD_MB_PER_HOUR", default_value_t = 16_384)]
    pub site_upload_mb_per_hour: u32,
}

impl Default for BoundsConfig {
    fn default() -> Self {
        Self {
            trusted_proxy: Vec::new(),
            connections_per_address: 1_000,
            connections_per_visitor: 50,
            connections_per_site: None,
            requests_per_s: 200,
            dialogs_per_minute: 60,
            site_dialogs_per_minute: 6_000,
            upload_mb_per_hour: 1_024,
            site_upload_mb_per_hour: 16_384,
        }
    }
}

impl DataConfig {
    /// Returns the server's secret: `REJOIN_SECRET`, which all nodes of an installation share, or else the one that
    /// the data directory keeps and that is made at the first start.
    ///
    /// # Errors
    /// [`SecretError`] says what to do.
    pub fn secret(&self) -> Result<ServerSecret, SecretError> {
        // No option: options are seen by everybody who lists the machine's processes.
        match std::env::var("REJOIN_SECRET") {
            Ok(text) => ServerSecret::from_text(&text),
            Err(_) => ServerSecret::open(&self.data),
        }
    }
}

impl ServeConfig {
    /// Returns the address to listen on.
    pub const fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "a port is a whole number from 0 to 65535; 0 takes a free one".into())
}

fn network(text: &str) -> Result<IpNet, String> {
    let alone = text.parse().map(|address: IpAddr| IpNet::from(address.to_canonical()));
    alone.or_else(|_| text.parse()).map_err(|_| "an address or a network such as 10.0.0.0/8 is needed".into())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "a number of at least 1 is needed".into())
}

/// Takes the address of a server: what stands before its paths.
pub(crate) fn web_url(text: &str) -> Result<String, String> {
    let origin = server_core::origin::Origin::parse(text.trim_end_matches('/'));
    let wrong = |_| "an address such as https://chat.example is needed, without a path".into();
    origin.map(|origin| origin.to_string()).map_err(wrong)
}
