//! The real client core on tokio: sockets, streams and requests over the network, storage in memory.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant as Clock, SystemTime};

use client_core::{
    Authorization, Client, Config, Delivery, End, Event, Input, Instant, LinkId, LinkState, Now, Output, RequestId,
    Side, Transport, View,
};
use futures_util::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use protocol::Secret;
use tokio::net::TcpStream;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::PATIENCE;
use crate::http::{Ask, NoAnswer};

/// No client waits longer for an answer: a held poll is the longest.
const UNHEARD: Duration = Duration::from_secs(120);

/// What a browser keeps beyond a page; its clones are the same browser's.
#[derive(Clone, Debug)]
pub struct Storage {
    values: Arc<Mutex<BTreeMap<String, String>>>,
    /// Tells the other pages who changed what.
    changes: broadcast::Sender<(u64, String, String)>,
}

/// One page of a visitor or an operator.
#[derive(Debug)]
pub struct Native {
    inputs: mpsc::UnboundedSender<Input>,
    shown: watch::Receiver<Shown>,
    driver: JoinHandle<()>,
}

/// Somebody who looks at a page from within its driver, and sees everything as it happens.
pub trait Observer: Send {
    /// The page is about to be told something.
    fn told(&mut self, input: &Input);

    /// The page asks for something.
    fn asked(&mut self, output: &Output);

    /// The page has done everything that followed from what it was told.
    fn settled(&mut self, client: &Client);
}

/// Everything that can be seen of a client.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// What is on the screen.
    pub view: View,
    /// The dialog, once there is one.
    pub dialog_id: Option<u64>,
    /// The last `seq` that was applied.
    pub cursor: u64,
    /// The rolling hash of the log up to there.
    pub log_hash: Option<u64>,
    /// What the client has counted.
    pub counters: client_core::Counters,
    /// Messages that are not known to be stored.
    pub unsettled: usize,
    /// What the application heard, in order.
    pub events: Vec<Event>,
    /// Links that were opened, in order: how, and after how many of the events.
    pub opened: Vec<(Transport, usize)>,
}

impl Storage {
    /// Returns a browser that has never been here.
    pub fn empty() -> Self {
        Self { values: Arc::default(), changes: broadcast::channel(1_024).0 }
    }

    /// Returns what is kept, by name.
    pub fn values(&self) -> BTreeMap<String, String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Native {
    /// Opens a page with the defaults of a client.
    pub fn open(server: SocketAddr, side: Side, credential: &str, storage: &Storage) -> Self {
        Self::open_with(server, Config::new(side, Secret::new(credential)), storage)
    }

    /// Opens a page.
    pub fn open_with(server: SocketAddr, config: Config, storage: &Storage) -> Self {
        Self::start(server, config, storage, None)
    }

    /// Opens a page that shows itself to its observer only: a whole view after each input is more than a crowd can bear.
    pub fn observed(server: SocketAddr, config: Config, storage: &Storage, observer: Box<dyn Observer>) -> Self {
        Self::start(server, config, storage, Some(observer))
    }

    fn start(server: SocketAddr, config: Config, storage: &Storage, observer: Option<Box<dyn Observer>>) -> Self {
        let (inputs, received) = mpsc::unbounded_channel();
        let (showing, shown) = watch::channel(Shown::default());
        let seed = server::credentials::seed().expect("the system has randomness");
        let driver = Driver {
            server,
            client: Client::new(config, seed),
            page: seed,
            storage: storage.clone(),
            inputs: inputs.clone(),
            links: BTreeMap::new(),
            requests: BTreeMap::new(),
            shown: Shown::default(),
            showing,
            observer,
            started: Clock::now(),
        };
        let changes = storage.changes.subscribe();
        Self { inputs, shown, driver: tokio::spawn(driver.run(received, changes)) }
    }

    /// Tells the client something.
    pub fn tell(&self, input: Input) {
        let _the_page_is_gone = self.inputs.send(input);
    }

    /// Writes a message.
    pub fn say(&self, text: &str) {
        self.tell(Input::Send { text: text.into() });
    }

    /// Returns what can be seen now.
    pub fn shown(&self) -> Shown {
        self.shown.borrow().clone()
    }

    /// Waits until what can be seen is as it should be.
    ///
    /// # Panics
    /// It is not in time.
    pub async fn until(&mut self, what: &str, is_so: impl FnMut(&Shown) -> bool) -> Shown {
        self.until_within(PATIENCE, what, is_so).await
    }

    /// Waits for so long until what can be seen is as it should be.
    ///
    /// # Panics
    /// It is not in time.
    pub async fn until_within(&mut self, time: Duration, what: &str, is_so: impl FnMut(&Shown) -> bool) -> Shown {
        match timeout(time, self.shown.wait_for(is_so)).await {
            Ok(Ok(shown)) => return shown.clone(),
            Ok(Err(_)) => {}
            Err(_) => {}
        }
        panic!("not {what} within {time:?}: {:#?}", self.shown())
    }

    /// Waits until the link is up.
    ///
    /// # Panics
    /// It is not in time.
    pub async fn until_online(&mut self) -> Shown {
        self.until("online", |shown| shown.view.link == LinkState::Online).await
    }

    /// Waits until the link is up, whatever it is made of.
    ///
    /// # Panics
    /// It is not in time.
    pub async fn until_linked(&mut self) -> Shown {
        self.until("linked", Shown::is_linked).await
    }

    /// Waits until a text stands on the screen and, where it is this side's, is stored.
    ///
    /// # Panics
    /// It does not in time.
    pub async fn until_text(&mut self, text: &str) -> Shown {
        self.until(text, |shown| shown.settled_texts().iter().any(|settled| settled == text)).await
    }

    /// Closes the page without a word, as a crash of the browser does.
    pub async fn crash(self) {
        self.driver.abort();
        let _aborted = self.driver.await;
    }
}

impl Shown {
    /// Says whether the link is up, whatever it is made of.
    pub fn is_linked(&self) -> bool {
        match self.view.link {
            LinkState::Online | LinkState::OnlineSse | LinkState::OnlineLongPolling | LinkState::OnlinePolling => true,
            LinkState::Idle
            | LinkState::Connecting
            | LinkState::Reconnecting
            | LinkState::Offline
            | LinkState::Stopped => false,
        }
    }

    /// Returns the texts on the screen, from the top.
    pub fn texts(&self) -> Vec<String> {
        self.view.items.iter().map(|item| item.text.clone()).collect()
    }

    /// Returns the texts on the screen that have their place in the log, from the top.
    pub fn settled_texts(&self) -> Vec<String> {
        let stored = |delivery| matches!(delivery, Delivery::Sent | Delivery::Delivered | Delivery::Read);
        let settled = self.view.items.iter().filter(|item| item.seq > 0 && stored(item.delivery));
        settled.map(|item| item.text.clone()).collect()
    }
}

/// Carries out what a client asks for.
struct Driver {
    server: SocketAddr,
    client: Client,
    page: u64,
    storage: Storage,
    inputs: mpsc::UnboundedSender<Input>,
    links: BTreeMap<LinkId, Line>,
    requests: BTreeMap<RequestId, Task>,
    shown: Shown,
    showing: watch::Sender<Shown>,
    observer: Option<Box<dyn Observer>>,
    started: Clock,
}

struct Line {
    up: mpsc::UnboundedSender<String>,
    _task: Task,
}

/// A task that ends when it is dropped.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Driver {
    async fn run(
        mut self,
        mut received: mpsc::UnboundedReceiver<Input>,
        mut changes: broadcast::Receiver<(u64, String, String)>,
    ) {
        let kept: Vec<_> = self.storage.values().into_iter().collect();
        self.handle(Input::Restored(kept));
        loop {
            let due = self.client.poll_timeout().map(|(at, _)| self.started + Duration::from_millis(at.as_millis()));
            let due = due.unwrap_or_else(|| Clock::now() + Duration::from_secs(3_600));
            let input = tokio::select! {
                input = received.recv() => input,
                change = changes.recv() => match change {
                    // What is of all pages; a page that learns of a dialog joins in.
                    Ok((page, name, value)) if page != self.page && (name == "key" || name == "dialog") => {
                        self.handle(Input::Restored(vec![(name, value)]));
                        Some(Input::Start)
                    }
                    Ok(_) | Err(_) => continue,
                },
                () = sleep_until(due.into()) => Some(Input::Timeout),
            };
            let Some(input) = input else { return };
            if let (Input::Send { .. }, Some(key)) = (&input, self.storage.values().remove("key")) {
                // Another page of this visitor may have been first, a moment ago.
                self.handle(Input::Restored(vec![("key".into(), key)]));
            }
            self.handle(input);
        }
    }

    fn handle(&mut self, input: Input) {
        let mono = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let wall = u64::try_from(wall).unwrap_or(u64::MAX);
        if let Some(observer) = &mut self.observer {
            observer.told(&input);
        }
        self.client.handle(Now { mono: Instant::from_millis(mono), wall }, input);
        while let Some(output) = self.client.poll_output() {
            if let Some(observer) = &mut self.observer {
                observer.asked(&output);
            }
            self.perform(output);
        }
        if let Some(observer) = &mut self.observer {
            observer.settled(&self.client);
            return;
        }
        self.shown.view = self.client.view();
        self.shown.dialog_id = self.client.dialog_id();
        self.shown.cursor = self.client.cursor();
        self.shown.log_hash = self.client.log_hash();
        self.shown.counters = self.client.counters();
        self.shown.unsettled = self.client.unsettled();
        self.showing.send_replace(self.shown.clone());
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Save { name, value } => {
                self.storage.lock().insert(name.clone(), value.clone());
                let _nobody_else_is_open = self.storage.changes.send((self.page, name, value));
            }
            Output::Remove { name } => {
                self.storage.lock().remove(&name);
            }
            // A device has one visitor here, whoever that is.
            Output::Person { tag } => drop(self.inputs.send(Input::Person { tag, values: Vec::new() })),
            Output::Forget { .. } => {}
            Output::Open { link, transport, path } => {
                self.shown.opened.push((transport, self.shown.events.len()));
                let (up, texts) = mpsc::unbounded_channel();
                let (server, inputs) = (self.server, self.inputs.clone());
                let task = match transport {
                    Transport::WebSocket => tokio::spawn(web_socket(server, path, link, inputs, texts)),
                    Transport::Sse => {
                        let ask = Ask::new(server, "GET", &path).bearer(self.client.bearer().expose());
                        tokio::spawn(stream(ask, link, inputs))
                    }
                    Transport::LongPolling | Transport::Polling => unreachable!("polls are requests"),
                };
                self.links.insert(link, Line { up, _task: Task(task) });
            }
            Output::Drop { link } => {
                // A line whose sender is gone says its farewell by itself.
                if let Some(line) = self.links.remove(&link) {
                    drop(line);
                }
            }
            Output::Transmit { link, text } => {
                if let Some(line) = self.links.get(&link) {
                    let _the_line_is_gone = line.up.send(text);
                }
            }
            Output::Request { request, call } => {
                let mut ask = match &call.body {
                    Some(body) => Ask::new(self.server, "POST", &call.path).body("application/json", body.clone()),
                    None => Ask::new(self.server, "GET", &call.path),
                };
                if call.auth == Authorization::Bearer {
                    ask = ask.bearer(self.client.bearer().expose());
                }
                let inputs = self.inputs.clone();
                let asking = async move {
                    // The client itself knows how long it waits, and aborts.
                    let input = match ask.attempt_within(UNHEARD).await {
                        Ok(answer) => Input::Answered { request, status: answer.status, body: answer.text() },
                        Err(NoAnswer(_)) => Input::Unanswered { request },
                    };
                    let _the_page_is_gone = inputs.send(input);
                };
                self.requests.insert(request, Task(tokio::spawn(asking)));
            }
            Output::Abort { request } => {
                self.requests.remove(&request);
            }
            Output::Event(event) => self.shown.events.push(event),
        }
    }
}

async fn web_socket(
    server: SocketAddr,
    path: String,
    link: LinkId,
    inputs: mpsc::UnboundedSender<Input>,
    mut texts: mpsc::UnboundedReceiver<String>,
) {
    let tell = |input| {
        let _the_page_is_gone = inputs.send(input);
    };
    let broken = || Input::Closed { link, end: End::Socket { code: 1006, reason: String::new() } };
    let opening = async {
        let stream = TcpStream::connect(server).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let request = format!("ws://{server}{path}");
        tokio_tungstenite::client_async(request, stream).await.ok()
    };
    let Some((mut socket, _)) = opening.await else { return tell(broken()) };
    tell(Input::Opened { link });
    loop {
        tokio::select! {
            text = texts.recv() => {
                let Some(text) = text else { return };
                if socket.send(Message::text(text)).await.is_err() {
                    return tell(broken());
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => tell(Input::Received { link, text: text.to_string() }),
                Some(Ok(Message::Close(close))) => {
                    let (code, reason) =
                        close.map_or((1005, String::new()), |close| (close.code.into(), close.reason.to_string()));
                    return tell(Input::Closed { link, end: End::Socket { code, reason } });
                }
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(_)) | None => return tell(broken()),
            }
        }
    }
}

async fn stream(ask: Ask, link: LinkId, inputs: mpsc::UnboundedSender<Input>) {
    let tell = |input| {
        let _the_page_is_gone = inputs.send(input);
    };
    let broken = || Input::Closed { link, end: End::Broken };
    let Ok(response) = ask.header("accept", "text/event-stream").open().await else { return tell(broken()) };
    let status = response.status().as_u16();
    let mut body = response.into_body();
    if status != 200 {
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        return tell(Input::Closed { link, end: End::Refused { status, body } });
    }
    tell(Input::Opened { link });
    let mut decoder = client_core::sse::Decoder::default();
    let mut rest = Vec::new();
    while let Some(Ok(chunk)) = body.frame().await {
        let Ok(data) = chunk.into_data() else { continue };
        rest.extend_from_slice(&data);
        // A chunk may end within a character.
        let whole = match std::str::from_utf8(&rest) {
            Ok(_) => rest.len(),
            Err(error) => error.valid_up_to(),
        };
        let text: Vec<u8> = rest.drain(..whole).collect();
        let Ok(texts) = decoder.push(&String::from_utf8_lossy(&text)) else { break };
        for text in texts {
            tell(Input::Received { link, text });
        }
    }
    tell(broken());
}
