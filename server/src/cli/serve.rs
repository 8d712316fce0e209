//! `rejoin serve`: puts the server together and runs it until it is told to end.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::failure::Failure;
use super::supervise;
use crate::app::App;
use crate::config::{DataConfig, ServeConfig};
use crate::credentials::{Credentials, ServerSecret};
use crate::hub::Hub;
use crate::listening::{self, Listening};
use crate::store::Store;
use crate::store::sqlite::{Admin, DataLock, OpenError, SqliteStore, inspect, make_directory};
use crate::{assistants, clock, demo, logging, shutdown};

/// Is printed by a server that waits for another one to leave the data; read by a supervisor.
pub(super) const WAITING: &str = "waiting for the server before to leave";
/// Begins the last line of a server that has started.
pub(super) const LISTENING: &str = "listening on ";

pub(super) fn run(data: &DataConfig, config: ServeConfig) -> Result<(), Failure> {
    if config.supervise && !listening::is_handed() {
        return supervise::run(&config);
    }
    logging::start(&config.log).map_err(Failure::usage)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(data, config))
}

async fn serve(data: &DataConfig, config: ServeConfig) -> Result<(), Failure> {
    // The socket comes first: connections wait in the kernel while the database is opened, and a port that is in use
    // is found before anything is touched.
    let listening = Listening::open(config.address()).map_err(|error| Failure::bind(config.address(), &error))?;
    let keeper = listening.keeper;
    let listener = listening.into_tokio()?;
    let address = listener.local_addr()?;
    let mut shutdown = pin!(shutdown::signal(keeper)?);
    make_directory(&data.data)?;
    let secret = data.secret()?;
    let lock = tokio::select! {
        lock = lock(&data.data, Duration::from_secs(config.wait_s)) => lock?,
        _ = &mut shutdown => return Ok(()),
    };
    let hub = Hub::new();
    let store = Arc::new(SqliteStore::open_locked(&data.data, lock, hub.published())?);
    let demo = match config.demo {
        true => Some(seed(&data.data, &secret, address, &config.server)?),
        false => None,
    };
    let app = App::new(&config, Arc::clone(&store) as Arc<dyn Store>, hub, Credentials::new(&secret));
    app.keep_assets(&data.data);
    app.keep_files(&data.data)?;
    let sweeping = tokio::spawn(app.clone().sweep_files());
    let assistants = tokio::spawn(assistants::work(Arc::clone(&store) as Arc<dyn Store>));
    announce(address, demo.as_ref());
    let ended = crate::run(listener, app, shutdown).await;
    assistants.abort();
    sweeping.abort();
    ended.map_err(|error| Failure::store(&error))
}

/// Locks the data, or waits so long for another server to leave it.
async fn lock(data: &Path, wait: Duration) -> Result<DataLock, OpenError> {
    match DataLock::take(data) {
        Err(OpenError::InUse { .. }) if !wait.is_zero() => {}
        taken => return taken,
    }
    // The server that runs leaves for one that waits: which has to be one that could take its place.
    inspect(data)?;
    println!("{WAITING}");
    let (to, locked) = oneshot::channel();
    let path = data.to_owned();
    // Not a task: nothing waits for this thread when the time is over.
    let waiting = std::thread::Builder::new().name("data-lock".into()).spawn(move || to.send(DataLock::wait(&path)));
    waiting.map_err(|error| OpenError::Directory { path: data.to_owned(), error })?;
    match tokio::time::timeout(wait, locked).await {
        Ok(Ok(lock)) => lock,
        Ok(Err(_)) | Err(_) => Err(OpenError::InUse { data: data.to_owned() }),
    }
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
    println!("{LISTENING}{url}");
}
