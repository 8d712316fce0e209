//! Carries inputs into one client and its outputs out.
//!
//! A callback only pushes an input and calls [`Shell::run`], which returns at once when it is running already. It drains the
//! client, carries out what it asks for, lets go of every borrow, and only then shows the view and calls the page's own
//! functions: whatever they do comes back as one more input.

use core::cell::{Cell, RefCell};
use core::mem::take;
use std::rc::Rc;

use client_core::{Authorization, Call, Client, Config, End, Event, Input, LinkId, Output, Report, Transport, View};
use protocol::Secret;
#[cfg(feature = "widget")]
use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;

use crate::browser::text;
#[cfg(feature = "widget")]
use crate::browser::{Function, get, set, set_text};
#[cfg(feature = "widget")]
use crate::dom::files;
use crate::page;
use crate::storage::{Heard, Storage};
use crate::timer::{Timer, now};
use crate::transport::{Chunk, Origin, Outlive, Request, Socket, Stream};
use crate::wake::{Listener, Wake, Waker};

/// Who sees what a client does.
pub(crate) trait Face {
    /// Shows what has changed; `last` is what is on the screen.
    fn show(&self, view: &View, last: &View);
    /// Tells how good the link is.
    fn measured(&self, report: &Report);
    /// Is told where the picture of an operator is asked for; its name comes behind it.
    fn learn_avatars(&self, _address: String) {}
    /// Asks for what only a link needs; after [`Face::show`].
    fn ask(&self, _view: &View, _last: &View, _waker: &Waker) {}
    /// Takes a [`Wake::Contact`].
    fn contact(&self, _id: u32, _event: &JsValue, _view: &View) -> Option<Input> {
        None
    }
    /// Passes on that a message of the other side has come.
    fn received(&self, _view: &View, seq: u64) {
        self.tell(&Event::Message { seq });
    }
    /// Does what an event asks of a panel.
    fn heed(&self, _event: &Event) {}
    /// Passes on what happened.
    fn tell(&self, event: &Event);
}

/// One client in one page.
pub(crate) struct Shell<F: Face> {
    waker: Rc<Waker>,
    storage: Rc<Storage>,
    face: F,
    client: RefCell<Client>,
    queue: RefCell<Vec<Input>>,
    running: Cell<bool>,
    view: RefCell<Rc<View>>,
    sockets: RefCell<Vec<Socket>>,
    streams: RefCell<Vec<Stream>>,
    requests: RefCell<Vec<Request>>,
    timer: RefCell<Timer>,
    outlive: Cell<Outlive>,
    _listeners: Vec<Listener>,
}

/// What a shell is made of.
pub(crate) struct Parts<F> {
    pub(crate) waker: Rc<Waker>,
    /// The server's base address, without a slash at its end.
    pub(crate) base: String,
    pub(crate) storage: Rc<Storage>,
    pub(crate) window: JsValue,
    pub(crate) config: Config,
    /// What the client is told first.
    pub(crate) inputs: Vec<Input>,
    /// What is on the screen already.
    pub(crate) view: Rc<View>,
    pub(crate) face: F,
}

impl<F: Face> Shell<F> {
    /// Makes a shell that has not asked for anything yet.
    pub(crate) fn new(parts: Parts<F>) -> Self {
        let Parts { waker, base, storage, window, mut config, inputs: mut queue, view, face } = parts;
        // The client says at which server something is asked for: the one that the page names is the first.
        let mut avatars = base.clone();
        avatars.push_str(&config.side.avatar());
        face.learn_avatars(avatars);
        config.servers.insert(0, base);
        for input in &queue {
            if let Input::Restored(values) = input {
                values.iter().for_each(|(name, _)| storage.note(name));
            }
        }
        if text(&crate::browser::get(&window, "document"), "visibilityState") == "hidden" {
            queue.push(Input::Page(client_core::Page::Hidden));
        }
        let mut listeners = page::listen(&waker, &window);
        listeners.push(waker.listen(&window, "storage", Wake::Storage, 0));
        Self {
            client: RefCell::new(Client::new(config, crate::random::seed())),
            timer: RefCell::new(Timer::new(waker.of(Wake::Timer, 0))),
            _listeners: listeners,
            queue: RefCell::new(queue),
            waker,
            storage,
            face,
            running: Cell::new(false),
            view: RefCell::new(view),
            sockets: RefCell::default(),
            streams: RefCell::default(),
            requests: RefCell::default(),
            outlive: Cell::new(Outlive::No),
        }
    }

    /// Returns the number that the page's callbacks carry.
    #[cfg(feature = "headless")]
    pub(crate) fn number(&self) -> u32 {
        self.waker.shell()
    }

    /// Returns whom it is shown to.
    #[cfg(feature = "headless")]
    pub(crate) fn face(&self) -> &F {
        &self.face
    }

    /// Returns what is on the screen.
    #[cfg(feature = "headless")]
    pub(crate) fn view(&self) -> Rc<View> {
        self.view.borrow().clone()
    }

    /// Asks the client something.
    #[cfg(feature = "headless")]
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Client) -> T) -> T {
        question(&self.client.borrow())
    }

    /// Shows everything anew, in other words.
    #[cfg(feature = "widget")]
    pub(crate) fn repeat(&self) {
        let view = self.view.borrow().clone();
        self.face.show(&view, &view);
        self.face.ask(&view, &view, &self.waker);
    }

    /// Ends the visitor's dialog, here and in other pages.
    pub(crate) fn log_out(&self) {
        self.storage.log_out();
        self.push(Input::Logout { key: Secret::new(crate::random::visitor_key()) });
    }

    /// Takes an input from outside.
    pub(crate) fn push(&self, input: Input) {
        self.queue.borrow_mut().push(input);
        self.run();
    }

    /// Takes a call of the browser.
    pub(crate) fn wake(&self, wake: Wake, id: u32, value: &JsValue) {
        let mut inputs = Vec::new();
        let input = self.read(wake, id, value, &mut inputs);
        self.queue.borrow_mut().extend(inputs.into_iter().chain(input));
        self.run();
    }

    /// Does what waits.
    pub(crate) fn run(&self) {
        if self.running.replace(true) {
            return;
        }
        loop {
            let inputs = take(&mut *self.queue.borrow_mut());
            if inputs.is_empty() {
                break;
            }
            let mut events = Vec::new();
            for input in inputs {
                self.handle(input, &mut events);
            }
            self.set_timer();
            let view = Rc::new(self.client.borrow().view());
            let last = self.view.replace(view.clone());
            if view != last {
                self.face.show(&view, &last);
                self.face.ask(&view, &last, &self.waker);
            }
            for event in events {
                if event == Event::Quality {
                    let report = self.client.borrow().report();
                    self.face.measured(&report);
                } else if let Event::Message { seq } = event {
                    self.face.received(&view, seq);
                } else {
                    self.face.heed(&event);
                    self.face.tell(&event);
                }
            }
        }
        self.running.set(false);
    }

    fn handle(&self, input: Input, events: &mut Vec<Event>) {
        if let Input::Send { .. } = input {
            // Another page of this visitor may have been first, a moment ago.
            self.client.borrow_mut().handle(now(), Input::Restored(self.storage.common()));
        }
        if let Input::Logout { .. } = input {
            // Not before: what waited in front of it may have written something.
            self.storage.left();
            #[cfg(feature = "widget")]
            files::forget();
        }
        self.client.borrow_mut().handle(now(), input);
        loop {
            let output = self.client.borrow_mut().poll_output();
            match output {
                Some(Output::Event(event)) => events.push(event),
                Some(output) => self.perform(output),
                None => break,
            }
        }
    }

    fn perform(&self, output: Output) {
        match output {
            Output::Save { name, value } => {
                // First: where storage is full this makes room, and nobody's it is not in any case.
                self.storage.claim(&name);
                if !self.storage.save_own(&name, &value) {
                    self.queue.borrow_mut().push(Input::SaveFailed { name });
                }
            }
            Output::Remove { name } => self.storage.remove(&name),
            Output::Person { tag } => {
                self.storage.belong_to(&tag);
                let values = self.storage.load();
                values.iter().for_each(|(name, _)| self.storage.note(name));
                self.queue.borrow_mut().push(Input::Person { tag, values });
                #[cfg(feature = "widget")]
                self.resume_files();
            }
            Output::Forget { key } => self.storage.forget_others(key.as_ref().map(Secret::expose), now().wall),
            Output::Open { link, transport, path } => self.open(link, transport, &path),
            Output::Drop { link } => {
                self.sockets.borrow_mut().retain(|socket| socket.link != link);
                self.streams.borrow_mut().retain(|stream| stream.link != link);
            }
            Output::Transmit { link, text } => {
                if let Some(socket) = self.sockets.borrow().iter().find(|socket| socket.link == link) {
                    socket.send(&text);
                }
            }
            Output::Request { request, call: Call { path, body, auth } } => {
                let client = self.client.borrow();
                let bearer = if auth == Authorization::Bearer { client.bearer().expose() } else { "" };
                let origin = Origin { base: "", bearer };
                let outlive = self.outlive.get();
                match Request::send(request, &origin, &path, body.as_deref(), outlive, &self.waker) {
                    Some(sent) => self.requests.borrow_mut().push(sent),
                    None => self.queue.borrow_mut().push(Input::Unanswered { request }),
                }
            }
            Output::Abort { request } => self.requests.borrow_mut().retain(|sent| sent.id != request),
            Output::Event(_) => {}
        }
    }

    fn open(&self, link: LinkId, transport: Transport, path: &str) {
        let opened = match transport {
            Transport::WebSocket => {
                Socket::open(link, path, &self.waker).map(|socket| self.sockets.borrow_mut().push(socket))
            }
            Transport::Sse => {
                let client = self.client.borrow();
                let origin = Origin { base: "", bearer: client.bearer().expose() };
                Stream::open(link, &origin, path, &self.waker).map(|stream| self.streams.borrow_mut().push(stream))
            }
            // Polls are requests.
            Transport::LongPolling | Transport::Polling => None,
        };
        if opened.is_none() {
            self.queue.borrow_mut().push(Input::Closed { link, end: End::Broken });
        }
    }

    fn set_timer(&self) {
        let due = self.client.borrow().poll_timeout().map(|(due, _)| due);
        self.timer.borrow_mut().set(due);
    }

    /// Returns what another page has done, for the client; `before` gets what it has to know first.
    fn told(&self, heard: Heard, before: &mut Vec<Input>) -> Option<Input> {
        let fresh = || Secret::new(crate::random::visitor_key());
        match heard {
            Heard::Nothing | Heard::Common => None,
            Heard::Taken(id) => Some(Input::Taken { id }),
            Heard::KeyGone => {
                // What went along with the key: told by itself it may have come when the key was gone already, and said nothing.
                before.extend(self.storage.messages(false).into_iter().map(|id| Input::Taken { id }));
                // Where there is one again, it is the visitor's.
                Some(Input::Disowned { key: self.storage.key().unwrap_or_else(fresh) })
            }
            Heard::LoggedOut => Some(Input::Logout { key: fresh() }),
        }
    }

    /// Reads what happened. What a dead link or request still tells finds nobody here.
    fn read(&self, wake: Wake, id: u32, value: &JsValue, inputs: &mut Vec<Input>) -> Option<Input> {
        let link = LinkId(id);
        Some(match wake {
            Wake::Timer => {
                self.timer.borrow_mut().rang();
                Input::Timeout
            }
            Wake::Page => {
                let page = page::read(id, value)?;
                self.outlive.set(if page == client_core::Page::Frozen { Outlive::Page } else { Outlive::No });
                if page == client_core::Page::Resumed {
                    let heard = self.storage.heard(value);
                    let told = self.told(heard, inputs);
                    inputs.extend(told);
                    // It has heard of nothing that was written meanwhile.
                    inputs.push(Input::Restored(self.storage.common()));
                }
                Input::Page(page)
            }
            Wake::Storage => {
                match self.storage.heard(value) {
                    Heard::Nothing => return None,
                    Heard::Common => {}
                    heard @ (Heard::Taken(_) | Heard::KeyGone | Heard::LoggedOut) => return self.told(heard, inputs),
                }
                // The dialog is of all pages: this one joins in.
                inputs.push(Input::Restored(self.storage.common()));
                Input::Start
            }
            Wake::SocketOpen => Input::Opened { link },
            Wake::SocketText => Input::Received { link, text: Socket::text_of(value) },
            Wake::SocketClosed => {
                self.sockets.borrow_mut().retain(|socket| socket.link != link);
                Input::Closed { link, end: Socket::end_of(value) }
            }
            Wake::StreamHead | Wake::StreamChunk | Wake::StreamRefused | Wake::StreamFailed => {
                return self.stream(wake, link, value, inputs);
            }
            Wake::AnswerHead | Wake::AnswerBody | Wake::AnswerFailed => return self.answer(wake, id, value),
            Wake::Tab => {
                Input::Tab(if value.is_truthy() { client_core::Tab::Leads } else { client_core::Tab::Follows })
            }
            Wake::Contact => {
                let view = self.view.borrow().clone();
                return self.face.contact(id, value, &view);
            }
            Wake::Files => {
                // What the outbox keeps of a file is a text.
                if let Some(text) = value.as_string() {
                    return Some(Input::Send { text });
                }
                #[cfg(feature = "widget")]
                self.direct(value);
                return None;
            }
            // These are not the link's.
            Wake::Face | Wake::LinkHere | Wake::LinkFailed | Wake::Speech => return None,
        })
    }

    /// Goes on with the files that an earlier page has left, and with no one else's.
    #[cfg(feature = "widget")]
    pub(crate) fn resume_files(&self) {
        files::resume(if self.storage.has_files() { "0" } else { "" });
    }

    /// Says where files go, and as whose, and under which name they are kept: a star stands for the name of one.
    #[cfg(feature = "widget")]
    fn direct(&self, asked: &JsValue) {
        let client = self.client.borrow();
        set_text(asked, "url", &client.files_address());
        set_text(asked, "bearer", client.bearer().expose());
        set_text(asked, "key", &self.storage.full("f:*"));
        if let Some(store) = self.storage.store() {
            set(asked, "store", store);
        }
        drop(client);
        // It only resolves a promise.
        get(asked, "done").unchecked_into::<Function>().call(&JsValue::UNDEFINED, "", asked);
    }

    fn stream(&self, wake: Wake, link: LinkId, value: &JsValue, inputs: &mut Vec<Input>) -> Option<Input> {
        let mut streams = self.streams.borrow_mut();
        let at = streams.iter().position(|stream| stream.link == link)?;
        let stream = streams.get_mut(at)?;
        let end = if wake == Wake::StreamHead {
            return stream.head(value, &self.waker).then_some(Input::Opened { link });
        } else if wake == Wake::StreamChunk {
            match stream.chunk(value, &self.waker) {
                Chunk::Events(events) => {
                    inputs.extend(events.into_iter().map(|text| Input::Received { link, text }));
                    return None;
                }
                Chunk::End => End::Broken,
            }
        } else if wake == Wake::StreamRefused {
            stream.refused(value)
        } else {
            End::Broken
        };
        streams.swap_remove(at);
        Some(Input::Closed { link, end })
    }

    fn answer(&self, wake: Wake, id: u32, value: &JsValue) -> Option<Input> {
        let mut requests = self.requests.borrow_mut();
        let at = requests.iter().position(|request| request.id.0 == id)?;
        if wake == Wake::AnswerHead {
            requests.get_mut(at)?.head(value, &self.waker);
            return None;
        }
        let request = requests.swap_remove(at);
        Some(if wake == Wake::AnswerBody { request.answer(value) } else { Input::Unanswered { request: request.id } })
    }
}
