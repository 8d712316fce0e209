//! A server in this process, with a small world of sites, operators and dialogs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use clap::Parser;
use protocol::Secret;
use serde_json::{Value, json};
use server::config::ServeConfig;
use server::credentials::{Credentials, ServerSecret};
use server::hours::Zone;
use server::store::sqlite::{Admin, NewAssistant, NewOperator, NewSite};
use server::store::{Files, Metrics};
use server_core::access::{Sites, VisitorAuth};
use server_core::origin::Pattern;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::http::Ask;
use crate::journal::Journal;
use crate::socket::Socket;

/// A site whose visitors show a key.
pub const ALPHA: &str = "st_alpha";
/// Another such site.
pub const BETA: &str = "st_beta";
/// A third one.
pub const GAMMA: &str = "st_gamma";
/// A site whose token alone opens its dialogs; it has no welcome.
pub const OPEN: &str = "st_open";

/// The assistants of the sites, in their order.
pub const ASSISTANTS: [(u64, &str); 4] = [(1, ALPHA), (2, BETA), (3, GAMMA), (4, OPEN)];

/// Dialogs of the open site, all empty and of one kind.
pub const OPEN_DIALOGS: std::ops::RangeInclusive<u64> = 100..=199;
/// A dialog of the open site with its assistant.
pub const OPEN_WIDGET_DIALOG: u64 = 223;

/// Operators: who may see every site, and who may see one.
pub const OPERATORS: [(&str, Option<u64>); 4] = [
    ("all@desk.example", None),
    ("alpha@desk.example", Some(1)),
    ("beta@desk.example", Some(2)),
    ("gamma@desk.example", Some(3)),
];

/// A server in this process.
#[derive(Debug)]
pub struct TestApp {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it logs.
    pub journal: Journal,
    data: Arc<TempDir>,
    credentials: Credentials,
    stop: Option<oneshot::Sender<Stop>>,
    thread: Mutex<Option<JoinHandle<Result<(), String>>>>,
    /// Parts of lines that may be errors in this test.
    expected_errors: Vec<&'static str>,
}

/// How a server ends.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// As on SIGTERM.
    Orderly,
    /// As on SIGKILL, as far as a thread can.
    AtOnce,
}

/// A visitor with a dialog.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The visitor's key.
    pub key: String,
    /// The visitor's dialog.
    pub dialog_id: u64,
    /// The site.
    pub site: &'static str,
}

#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    serve: ServeConfig,
}

impl TestApp {
    /// Starts a server.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a server with options of `rejoin serve`.
    pub async fn start_with(options: &[&str]) -> Self {
        let data = directory();
        make_world(data.path());
        Self::start_on(Arc::new(data), options).await
    }

    async fn start_on(data: Arc<TempDir>, options: &[&str]) -> Self {
        let journal = Journal::default();
        let mut arguments = vec!["serve"];
        if !options.contains(&"--drain-ms") {
            arguments.extend(["--drain-ms", "300"]);
        }
        arguments.extend(options);
        let config = Options::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}")).serve;
        let (stop, stopping) = oneshot::channel();
        let (started, address) = mpsc::channel();
        let (kept, path) = (journal.clone(), data.path().to_owned());
        let thread = std::thread::Builder::new()
            .name("server".into())
            .spawn(move || serve(&kept, &path, &config, &started, stopping))
            .expect("a thread can be made");
        let address = tokio::task::spawn_blocking(move || address.recv_timeout(crate::PATIENCE)).await;
        let address = match address.expect("waiting does not fail") {
            Ok(address) => address,
            Err(_) => panic!("the server does not start: {:?} {}", thread.join(), journal.text()),
        };
        let secret = ServerSecret::open(data.path()).expect("the server has made its secret");
        Self {
            address,
            journal,
            credentials: Credentials::new(&secret),
            data,
            stop: Some(stop),
            thread: Mutex::new(Some(thread)),
            expected_errors: Vec::new(),
        }
    }

    /// Lets lines with this part be errors.
    pub fn expect_error(&mut self, part: &'static str) {
        self.expected_errors.push(part);
    }

    /// Returns the data directory.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Returns a connection for commands.
    pub fn admin(&self) -> Admin {
        Admin::open(self.data.path()).expect("the database can be opened")
    }

    /// Ends the server as SIGTERM does; connected clients are told.
    pub fn drain(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _already_over = stop.send(Stop::Orderly);
        }
    }

    /// Waits until a drained server has ended.
    ///
    /// # Panics
    /// It does not end in time, or not in order.
    pub async fn ended(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take().expect("it is waited for once");
        let joined = tokio::time::timeout(crate::PATIENCE, tokio::task::spawn_blocking(|| thread.join())).await;
        let result = joined.expect("the server ends in time").expect("waiting does not fail");
        assert_eq!(result.expect("the server does not panic"), Ok(()));
    }

    /// Ends the server without a word, and starts another one on the same data; its port is another one.
    pub async fn restart(mut self) -> Self {
        let data = Arc::clone(&self.data);
        self.halt();
        drop(self);
        Self::start_on(data, &[]).await
    }

    /// Begins a GET.
    pub fn get(&self, path: &str) -> Ask {
        Ask::new(self.address, "GET", path)
    }

    /// Begins a POST of JSON.
    pub fn post(&self, path: &str, body: &Value) -> Ask {
        Ask::new(self.address, "POST", path).json(body)
    }

    /// Returns a good token of an operator of [`OPERATORS`].
    pub fn token(&self, email: &str) -> String {
        self.token_for(email, 3_600_000)
    }

    /// Returns a token that is good for so long.
    pub fn token_for(&self, email: &str, valid_ms: u64) -> String {
        let operator = self.admin().operator(email).expect("the database answers").expect("the operator exists");
        let token = self
            .credentials
            .operators
            .issue(operator.id, operator.token_epoch, &operator.name, now(), valid_ms)
            .expect("it can be signed");
        token.expose().to_owned()
    }

    /// Returns a token that has expired.
    pub fn expired_token(&self, email: &str) -> String {
        let operator = self.admin().operator(email).expect("the database answers").expect("the operator exists");
        let token = self
            .credentials
            .operators
            .issue(operator.id, operator.token_epoch, &operator.name, now() - 60_000, 1_000)
            .expect("it can be signed");
        token.expose().to_owned()
    }

    /// Returns the ticket that the embed page of an assistant would carry on a page of this origin.
    pub fn ticket(&self, assistant_id: u64, parent_origin: &str) -> String {
        let ticket = self.credentials.frames.issue(assistant_id, parent_origin, now()).expect("it can be signed");
        ticket.expose().to_owned()
    }

    /// Returns a good token of the operator who may see every site.
    pub fn operator(&self) -> String {
        self.token(OPERATORS[0].0)
    }

    /// Starts a dialog with a first message, as a new visitor.
    pub async fn visitor(&self, site: &'static str, text: &str) -> Visitor {
        let key = new_key();
        let path = format!("/api/site/dialogs?site_token={site}");
        let id = new_id();
        let answer = self.post(&path, &json!({"message": {"id": id, "text": text}})).bearer(&key).send().await;
        let loaded = answer.expect(201);
        let dialog_id = loaded["dialog_id"].as_u64().unwrap_or_else(|| panic!("no dialog: {loaded}"));
        Visitor { key, dialog_id, site }
    }

    /// Opens a bare socket of a visitor of the open site.
    pub async fn open_socket(&self, dialog_id: u64) -> Socket {
        let mut socket = Socket::open(self.address, &site_socket(dialog_id, OPEN)).await;
        socket.frame("synced").await;
        socket
    }

    /// Opens a bare socket of an operator who may see every site.
    pub async fn operator_socket(&self, dialog_id: u64) -> Socket {
        let path = format!("/ws/dialogs/{dialog_id}?token={}", self.operator());
        let mut socket = Socket::open(self.address, &path).await;
        socket.frame("synced").await;
        socket
    }

    /// Opens a socket as a page does: with `hello` in front.
    pub async fn visitor_socket(&self, visitor: &Visitor, after: Option<u64>) -> Socket {
        let path = format!("{}&hello=1", site_socket(visitor.dialog_id, visitor.site));
        let mut socket = Socket::open(self.address, &path).await;
        let mut hello = json!({"type": "hello", "v": 1, "key": visitor.key});
        if let Some(after) = after {
            hello["after"] = after.into();
        }
        socket.send(&hello).await;
        socket
    }

    /// Returns the whole log of a dialog, read page by page as an operator.
    pub async fn log(&self, dialog_id: u64) -> Vec<Value> {
        read_log(self.address, dialog_id, &self.operator()).await
    }

    /// Returns the texts of a dialog's log.
    pub async fn texts(&self, dialog_id: u64) -> Vec<String> {
        texts(&self.log(dialog_id).await)
    }

    fn halt(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _already_over = stop.send(Stop::AtOnce);
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ended = thread.map(JoinHandle::join);
        if std::thread::panicking() {
            return;
        }
        match ended {
            Some(Ok(Err(error))) => panic!("the server failed: {error}"),
            Some(Err(_)) => panic!("the server panicked"),
            Some(Ok(Ok(()))) | None => {}
        }
        let mut errors = self.journal.lines(&["ERROR"]);
        errors.retain(|line| line.split_whitespace().nth(1) == Some("ERROR"));
        let surprise = errors.iter().find(|line| !self.expected_errors.iter().any(|part| line.contains(part)));
        assert_eq!(surprise, None, "an error in the log fails the test");
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.halt();
    }
}

fn serve(
    journal: &Journal,
    data: &Path,
    config: &ServeConfig,
    started: &mpsc::Sender<SocketAddr>,
    stopping: oneshot::Receiver<Stop>,
) -> Result<(), String> {
    journal.keep();
    let kept = journal.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .on_thread_start(move || kept.keep())
        .build()
        .map_err(|error| error.to_string())?;
    let result = runtime.block_on(async {
        let secret = ServerSecret::open(data).map_err(|error| error.to_string())?;
        let hub = server::Hub::new();
        let store = server::store::sqlite::SqliteStore::open(data, hub.published());
        let store = Arc::new(store.map_err(|error| error.to_string())?);
        let app = server::App::new(config, store.clone(), hub, Credentials::new(&secret));
        app.keep_files(data).map_err(|error| error.to_string())?;
        let listener = server::accept::bind(([127, 0, 0, 1], 0).into()).map_err(|error| error.to_string())?;
        let _nobody_waits = started.send(listener.local_addr().map_err(|error| error.to_string())?);
        let (told, orderly) = oneshot::channel();
        let shutdown = async {
            let _dropped = orderly.await;
            server::shutdown::Order::End
        };
        let running = server::run(listener, app, shutdown);
        tokio::pin!(running);
        let mut told = Some(told);
        let mut stopping = Some(stopping);
        loop {
            tokio::select! {
                ended = &mut running => {
                    return ended.map_err(|error| error.to_string());
                }
                stop = async { match stopping.as_mut() { Some(stopping) => stopping.await, None => std::future::pending().await } } => {
                    stopping = None;
                    match stop {
                        Ok(Stop::Orderly) => drop(told.take().map(|told| told.send(()))),
                        Ok(Stop::AtOnce) | Err(_) => {
                            use server::store::Store;
                            let closed = store.close().await;
                            return closed.map_err(|error| error.to_string());
                        }
                    }
                }
            }
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    result
}

/// Returns an empty directory, in memory where there is room: what a disk costs is no part of most tests.
pub(crate) fn directory() -> TempDir {
    const ROOM_BYTES: u64 = 1 << 30;
    let mut builder = tempfile::Builder::new();
    builder.prefix("rejoin-test-");
    let memory = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(memory).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    let made = if room > ROOM_BYTES { builder.tempdir_in(memory) } else { builder.tempdir() };
    made.expect("a directory can be made")
}

/// Makes sites, assistants, operators and dialogs in a new database.
pub fn make_world(data: &Path) {
    let mut admin = Admin::open(data).expect("a database can be made");
    let site = |id, token: &str, name: &str, welcome: &str, visitor_auth, origins: &[&str]| NewSite {
        id: Some(id),
        token: token.into(),
        name: name.into(),
        welcome: welcome.into(),
        color: "#123456".into(),
        visitor_auth,
        metrics: if id == 4 { Metrics::On } else { Metrics::Off },
        hours: None,
        zone: Zone::default(),
        away: String::new(),
        locale: String::new(),
        origins: origins.iter().map(|origin| Pattern::parse(origin).expect("it is an origin")).collect(),
        files: if id == 3 { Files::OFF } else { Files { most_mb: 1, ..Files::default() } },
    };
    let sites = [
        site(
            1,
            ALPHA,
            "Alpha",
            "Welcome to Alpha!",
            VisitorAuth::Key,
            &["https://alpha.example", "https://*.alpha.example"],
        ),
        site(2, BETA, "Beta", "Welcome to Beta!", VisitorAuth::Key, &["https://beta.example"]),
        site(3, GAMMA, "Gamma", "Welcome to Gamma!", VisitorAuth::Key, &["https://gamma.example:8443"]),
        site(4, OPEN, "Open", "", VisitorAuth::Open, &["https://open.example"]),
    ];
    for site in &sites {
        admin.put_site(site).expect("a site can be made");
    }
    for (id, token) in ASSISTANTS {
        let site_id = sites.iter().find(|site| site.token == token).and_then(|site| site.id).unwrap_or_default();
        let assistant = NewAssistant {
            id: Some(id),
            site_id,
            name: format!("Robin {id}"),
            fallback: String::new(),
            answers: Vec::new(),
        };
        admin.put_assistant(&assistant).expect("an assistant can be made");
    }
    for (email, site) in OPERATORS {
        let operator = NewOperator {
            email: email.into(),
            name: email.split('@').next().unwrap_or_default().into(),
            // Nobody logs in with it: tokens are signed by the tests.
            password_hash: Secret::new("$argon2id$none"),
            sites: site.map_or(Sites::All, |site| Sites::Only([site].into())),
        };
        admin.put_operator(&operator).expect("an operator can be made");
    }
    for dialog in OPEN_DIALOGS {
        admin.put_dialog(dialog, 4, None, now()).expect("a dialog can be made");
    }
    admin.put_dialog(OPEN_WIDGET_DIALOG, 4, Some(4), now()).expect("a dialog can be made");
}

/// Returns the whole log of a dialog, read page by page as an operator.
pub async fn read_log(address: SocketAddr, dialog_id: u64, token: &str) -> Vec<Value> {
    let mut log: Vec<Value> = Vec::new();
    loop {
        let after = log.last().map_or(0, |message| message["seq"].as_u64().unwrap_or_default());
        let path = format!("/api/dialogs/{dialog_id}/messages?after={after}&limit=100");
        let page = Ask::new(address, "GET", &path).bearer(token).send().await.expect(200);
        let messages = page["messages"].as_array().cloned().unwrap_or_default();
        if messages.is_empty() {
            assert_eq!(page["head"], after, "the log ends at its head");
            return log;
        }
        log.extend(messages);
    }
}

/// Returns the texts of messages.
pub fn texts(messages: &[Value]) -> Vec<String> {
    messages.iter().map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Returns the path of a visitor's socket by direct embed.
pub fn site_socket(dialog_id: u64, site: &str) -> String {
    format!("/ws/site/dialogs/{dialog_id}?site_token={site}")
}

/// Returns the path of a visitor's socket in an iframe.
pub fn widget_socket(dialog_id: u64, assistant_id: u64) -> String {
    format!("/ws/widget/dialogs/{dialog_id}?assistant_id={assistant_id}")
}

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Returns an id that no other message has.
pub fn new_id() -> String {
    format!("m-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns a key that no other visitor has.
pub fn new_key() -> String {
    format!("vk_test{:020}", u64::from(std::process::id()) << 32 | NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns the wall clock, ms since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns a directory of its own for a server, with the world in it.
pub fn world() -> (TempDir, PathBuf) {
    let directory = tempfile::Builder::new().prefix("rejoin-test-").tempdir().expect("a directory can be made");
    let data = directory.path().join("data");
    make_world(&data);
    (directory, data)
}
