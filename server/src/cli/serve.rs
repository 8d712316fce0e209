//! `rejoin serve`: puts the server together and runs it until it is told to end.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use super::failure::Failure;
use crate::app::App;
use crate::config::{DataConfig, ServeConfig};
use crate::credentials::{Credentials, ServerSecret};
use crate::hub::Hub;
use crate::store::Store;
use crate::store::sqlite::{Admin, OpenError, SqliteStore, make_directory};
use crate::{accept, assistants, clock, demo, logging, shutdown};

pub(super) fn run(data: &DataConfig, config: ServeConfig) -> Result<(), Failure> {
    logging::start(&config.log).map_err(Failure::usage)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(data, config))
}

async fn serve(data: &DataConfig, config: ServeConfig) -> Result<(), Failure> {
    // The socket comes first: connections wait in the kernel while the database is opened, and a port that is in use
    // is found before anything is touched.
    let listener = accept::bind(config.address()).map_err(|error| Failure::bind(config.address(), &error))?;
    let address = listener.local_addr()?;
    let shutdown = shutdown::signal()?;
    make_directory(&data.data)?;
    let secret = data.secret()?;
    let hub = Hub::new();
    let store = Arc::new(SqliteStore::open(&data.data, hub.published())?);
    let demo = match config.demo {
        true => Some(seed(&data.data, &secret, address, &config.server)?),
        false => None,
    };
    let app = App::new(&config, Arc::clone(&store) as Arc<dyn Store>, hub, Credentials::new(&secret));
    let assistants = tokio::spawn(assistants::work(Arc::clone(&store) as Arc<dyn Store>));
    announce(address, demo.as_ref());
    let ended = crate::run(listener, app, shutdown).await;
    assistants.abort();
    ended.map_err(|error| Failure::store(&error))
}

fn seed(data: &Path, secret: &ServerSecret, address: SocketAddr, servers: &[String]) -> Result<demo::Demo, OpenError> {
    demo::seed(&mut Admin::open(data)?, secret, address, servers, clock::wall())
}

/// Prints where the server is; the last line is the sign that it is ready, and is read by programs.
fn announce(address: SocketAddr, demo: Option<&demo::Demo>) {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let url = format!("http://{host}:{}", address.port());
    if demo.is_some() {
        println!("the demo, start here             {url}/");
        println!("three shops with the widget      {url}/demo/one  /demo/two  /demo/three");
        println!("the same in a plain iframe       {url}/demo/plain-iframe");
    }
    println!("where operators answer           {url}/console");
    if let Some(demo) = demo {
        println!("                                 as {} with the password {}", demo::OPERATOR, demo.password);
    }
    println!("listening on {url}");
}
