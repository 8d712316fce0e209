//! What the loader and the embed page call: one widget for one page.
//!
//! `mount(options)` once, then `command(name, value)`, and `unmount()` at the end. The options are an object of the loader's own making:
//! - `root`: the shadow root in which the panel is made; `style(css)`: adopts a style sheet there;
//! - `origin`: the page that embeds the widget; `base`: the server's address without a slash at its end; `site`, or `assistant` with `parent` and `ticket`: who this is;
//! - `store`: `localStorage`, `sessionStorage`, or null;
//! - `color`, `touch`, `closable`, `inline`: how the panel looks and behaves; `sound`: `off` for none; `label`: what the launcher is called;
//! - `emit(name, value)`: what happened; `wake(_, wake, id, value)`: calls [`wake`] and catches
//!   what it throws.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use client_core::lobby::{self, Lobby};
use client_core::{Authorization, Call, Config, Event, Identify, Input, Panel as Opened, RequestId, Side, View};
use protocol::http::{Opening, SiteConfig};
use protocol::{FileLimits, Secret};
use wasm_bindgen::prelude::*;

use crate::browser::{Function, get, get_at, hear, number, speak, suggest, text, window};
use crate::dom::files;
use crate::dom::{Done, Panel, STYLE, Speech, Texts};
use crate::driver::{Face, Parts};
use crate::link::{Knock, knock, load};
use crate::random::visitor_key;
use crate::screen::Screen;
use crate::storage::Storage;
use crate::timer::{Timer, now};
use crate::transport::{Origin, Outlive, Request};
use crate::wake::{Listener, Wake, Waker};

thread_local! {
    static WIDGET: RefCell<Option<Rc<Widget>>> = const { RefCell::new(None) };
}

fn with_widget(call: impl FnOnce(&Widget)) {
    // Nothing is borrowed while the page's functions run.
    if let Some(widget) = WIDGET.with_borrow(Option::clone) {
        call(&widget);
    }
}

/// Does what the page asks for: `open`, `close`, `toggle`, `send` and `compose` with a text, `identify` with a token, with an
/// empty text where there is none to give, or with nothing where it will be asked, `attributes` with an object, `logout`, `sound` with
/// whether to ring, `locale` with a language.
#[wasm_bindgen]
pub fn command(name: &str, value: JsValue) {
    with_widget(|widget| widget.command(name, value));
}

/// Takes a call of the browser; the numbers are those that the options' `wake` was bound to.
#[wasm_bindgen]
pub fn wake(wake: u32, id: u32, value: JsValue) {
    with_widget(|widget| widget.wake(wake, id, value));
}

/// Takes the widget off its page.
#[wasm_bindgen]
pub fn unmount() {
    drop(WIDGET.take());
}

/// Makes the widget, closed.
#[wasm_bindgen]
pub fn mount(options: JsValue) {
    let waker = Rc::new(Waker::new(0, get(&options, "wake").unchecked_into()));
    get(&options, "style").unchecked_into::<Function>().call(&JsValue::UNDEFINED, STYLE, &JsValue::UNDEFINED);

    let (site, assistant) = (text(&options, "site"), text(&options, "assistant"));
    let mut prefix = String::from("rejoin:");
    if site.is_empty() {
        prefix.push('a');
    }
    prefix.push_str(if site.is_empty() { &assistant } else { &site });
    prefix.push(':');
    let store = get(&options, "store");
    let is_shared = store.is_object() && store == get(&window(), "localStorage");
    let store = if store.is_object() { Some(store.unchecked_into()) } else { None };
    let storage = Rc::new(Storage::new(store, prefix));
    let side = if site.is_empty() {
        Side::Widget {
            assistant_id: assistant.parse().unwrap_or_default(),
            parent_origin: text(&options, "parent"),
            ticket: text(&options, "ticket"),
        }
    } else {
        Side::Site { site_token: site }
    };
    let window = window();
    let screen = Rc::new(Screen {
        panel: Panel::new(&options, &window, &waker),
        emit: get(&options, "emit").unchecked_into(),
        origin: text(&options, "origin"),
        waker: waker.clone(),
        open: Cell::new(false),
        sound: Cell::new(text(&options, "sound") != "off"),
        label: text(&options, "label"),
        speech: Cell::new(Speech::Same),
        introduced: RefCell::default(),
        more: Cell::default(),
        avatars: RefCell::default(),
        storage: storage.clone(),
    });
    let lobby = Lobby::new(side.clone(), visitor_key(), storage.load(), crate::random::seed());
    let room = Room {
        lobby,
        side,
        view: Rc::default(),
        request: None,
        questions: u32::MAX,
        words: Vec::new(),
        timer: Timer::new(waker.of(Wake::Timer, 0)),
        // A page that comes back has heard of nothing that was written meanwhile.
        _listeners: ["storage", "pageshow"].map(|name| waker.listen(&window, name, Wake::Storage, 0)),
    };
    let (base, room) = (text(&options, "base"), RefCell::new(Some(room)));
    let widget = Rc::new(Widget { screen, waker, storage, is_shared, base, room });
    WIDGET.set(Some(widget.clone()));
    widget.say(&hear(&widget.waker.of(Wake::Speech, 0)));
    // What an earlier page has left is shown, and sent.
    widget.push(Input::Restored(Vec::new()));
    for &name in &["version", "ready"] {
        widget.screen.emit(name, &JsValue::from_str(env!("CARGO_PKG_VERSION")));
    }
}

/// The widget of one page.
struct Widget {
    screen: Rc<Screen>,
    waker: Rc<Waker>,
    storage: Rc<Storage>,
    /// Whether other pages see what is stored.
    is_shared: bool,
    base: String,
    /// Until the link is here.
    room: RefCell<Option<Room>>,
}

/// The lobby and what drives it.
struct Room {
    lobby: Lobby,
    side: Side,
    view: Rc<View>,
    request: Option<Request>,
    /// The number of the next question for the settings; the client's own begin at the other end.
    questions: u32,
    /// What the page has said about the visitor.
    words: Vec<(String, JsValue)>,
    timer: Timer,
    _listeners: [Listener; 2],
}

impl Widget {
    fn command(&self, name: &str, value: JsValue) {
        match name {
            "open" => self.open_panel(),
            "close" => self.close_panel(),
            "toggle" if self.screen.open.get() => self.close_panel(),
            "toggle" => self.open_panel(),
            "send" => self.push(Input::Send { text: value.as_string().unwrap_or_default() }),
            "locale" => speak(&value),
            "identify" | "attributes" | "logout" => self.word(name, value),
            "sound" => self.screen.sound.set(value.is_truthy()),
            "compose" => self.push(self.screen.panel.compose(&value.as_string().unwrap_or_default())),
            _ => {}
        }
    }

    fn wake(&self, wake: u32, id: u32, value: JsValue) {
        match Wake::from_number(wake) {
            Some(Wake::Face) => match self.screen.panel.wake(id, &value) {
                Done::Input(input) => input.into_iter().for_each(|input| self.push(input)),
                Done::Close => self.close_panel(),
            },
            Some(Wake::LinkHere) => self.begin(&value),
            Some(Wake::Speech) => self.say(&value),
            Some(wake) => {
                if self.room.borrow().is_none() {
                    knock(Knock::Wake(wake, id, value));
                } else {
                    self.happened(wake, id, &value);
                }
            }
            None => {}
        }
    }
}

impl Drop for Widget {
    fn drop(&mut self) {
        if self.room.get_mut().is_none() {
            knock(Knock::End);
        }
    }
}

impl Widget {
    /// Says everything in other words.
    fn say(&self, words: &JsValue) {
        self.screen.speak(Texts::new(words.as_string().unwrap_or_default()));
        let view = self.room.borrow().as_ref().map(|room| room.view.clone());
        match view {
            Some(view) => self.screen.display(&view, &view),
            None => knock(Knock::Repeat),
        }
    }

    fn open_panel(&self) {
        let screen = &self.screen;
        let first = !screen.open.replace(true);
        if first {
            // While the focus is still where it was: the page gives it back there.
            screen.emit("open", &JsValue::UNDEFINED);
        }
        // Asked again, it takes the focus again: a frame could not while its page had not shown it yet.
        screen.panel.open();
        if first {
            self.push(Input::Start);
            self.push(Input::Panel(Opened::Open));
        }
    }

    fn close_panel(&self) {
        if self.screen.close() {
            self.push(Input::Panel(Opened::Closed));
        }
    }

    /// Takes an input, for whoever is there.
    fn push(&self, input: Input) {
        if self.room.borrow().is_none() {
            return knock(Knock::Input(input));
        }
        if let Input::Send { .. } = input {
            self.recall();
        }
        self.hear(input);
    }

    /// The page says something about the visitor: the link's to understand, as soon as it is here.
    ///
    /// Who logs out before that has a page that clears the storage.
    fn word(&self, name: &str, value: JsValue) {
        let word = (String::from(name), value);
        if let Some(room) = &mut *self.room.borrow_mut() {
            let input = match name {
                "logout" => {
                    room.words.clear();
                    files::forget();
                    self.storage.nobody();
                    Input::Logout { key: Secret::new(visitor_key()) }
                }
                _ => {
                    room.words.retain(|(known, _)| known != name);
                    room.words.push(word);
                    if name != "identify" {
                        return;
                    }
                    Input::Identify(Identify::Asked)
                }
            };
            room.lobby.handle(now(), input);
        } else {
            return knock(Knock::Word(word));
        }
        self.settle();
    }

    /// Looks whether another page of this visitor was first, a moment ago.
    fn recall(&self) {
        self.hear(Input::Restored(self.storage.common()));
    }

    /// The browser called while there is no link.
    fn happened(&self, wake: Wake, id: u32, value: &JsValue) {
        let is_answer = matches!(wake, Wake::AnswerHead | Wake::AnswerBody | Wake::AnswerFailed);
        if is_answer && !self.awaits(RequestId(id)) {
            // An older question, which was given up for a new one.
            return;
        }
        match wake {
            Wake::Timer => {
                if let Some(room) = &mut *self.room.borrow_mut() {
                    room.timer.rang();
                }
                self.hear(Input::Timeout);
            }
            // Only another page can have done that: what the page itself does, it does not hear of.
            Wake::Storage if self.storage.is_left(&text(value, "key")) => self.word("logout", JsValue::UNDEFINED),
            Wake::Storage => self.recall(),
            Wake::AnswerHead => {
                if let Some(Room { request: Some(request), .. }) = &mut *self.room.borrow_mut() {
                    request.head_of_json(value, &self.waker);
                }
            }
            Wake::AnswerBody => {
                let request = self.room.borrow_mut().as_mut().and_then(|room| room.request.take());
                match (request.map_or(0, |request| request.status), site(value)) {
                    (200, Some(site)) => {
                        suggest(&within(value, "locale"));
                        self.serve(|lobby| lobby.settled(now(), site));
                    }
                    (status, _) => {
                        let error = within(value, "error");
                        let code = within(&error, "code").as_string().unwrap_or_default();
                        self.serve(|lobby| lobby.refused(now(), status, code));
                    }
                }
            }
            // They ask again.
            Wake::Files => self.serve(|lobby| lobby.link_wanted(now())),
            Wake::AnswerFailed => self.serve(|lobby| lobby.unanswered(now())),
            Wake::LinkFailed => self.serve(|lobby| lobby.link_failed(now())),
            Wake::Page
            | Wake::SocketOpen
            | Wake::SocketText
            | Wake::SocketClosed
            | Wake::StreamHead
            | Wake::StreamChunk
            | Wake::StreamRefused
            | Wake::StreamFailed
            | Wake::Face
            | Wake::LinkHere
            | Wake::Speech
            | Wake::Contact
            | Wake::Tab => {}
        }
    }

    fn awaits(&self, id: RequestId) -> bool {
        self.room.borrow().as_ref().and_then(|room| room.request.as_ref()).is_some_and(|request| request.id == id)
    }

    /// Passes an input on to the lobby.
    #[inline(never)]
    fn hear(&self, input: Input) {
        self.serve(|lobby| lobby.handle(now(), input));
    }

    /// Tells the lobby something, and does what it asks for. Nothing is borrowed while the page's functions run.
    fn serve(&self, tell: impl FnOnce(&mut Lobby)) {
        if let Some(room) = &mut *self.room.borrow_mut() {
            tell(&mut room.lobby);
        }
        self.settle();
    }

    /// Does what the lobby asks for: once, for every kind of telling.
    #[inline(never)]
    fn settle(&self) {
        let mut events = Vec::new();
        let Some((view, last)) = self.room.borrow_mut().as_mut().map(|room| {
            while let Some(output) = room.lobby.poll_output() {
                self.perform(room, output, &mut events);
            }
            room.timer.set(room.lobby.poll_timeout());
            let view = Rc::new(room.lobby.view());
            (view.clone(), core::mem::replace(&mut room.view, view))
        }) else {
            return;
        };
        // Where nothing has changed nothing is touched; to compare it all first would be code that the page has to fetch.
        self.screen.display(&view, &last);
        for event in events {
            self.screen.tell(&event);
        }
    }

    fn perform(&self, room: &mut Room, output: lobby::Output, events: &mut Vec<Event>) {
        match output {
            lobby::Output::Save { name, value } => {
                if !self.storage.save(&name, &value) {
                    room.lobby.handle(now(), Input::SaveFailed { name });
                }
            }
            lobby::Output::Remove { name } => self.storage.remove(&name),
            lobby::Output::Ask(Call { path, body, auth: Authorization::Bearer | Authorization::None }) => {
                let origin = Origin { base: &self.base, bearer: "" };
                let body = body.as_deref();
                let id = RequestId(room.questions);
                room.questions -= 1;
                room.request = Request::send(id, &origin, &path, body, Outlive::No, &self.waker);
            }
            lobby::Output::Link => {
                let name = if self.is_shared { self.storage.prefix() } else { "" };
                let (here, failed) = (self.waker.of(Wake::LinkHere, 0), self.waker.of(Wake::LinkFailed, 0));
                load(name, room.lobby.key(), &here, &failed);
            }
            lobby::Output::Event(event) => events.push(event),
        }
    }

    /// The link is here: from now on it has everything to say. The key is the one that all pages of this visitor agree on; where
    /// they cannot, it is the one that is kept.
    fn begin(&self, key: &JsValue) {
        if let Some(key) = key.as_string() {
            self.serve(|lobby| lobby.claimed(now(), &key));
        }
        self.recall();
        if self.room.borrow().as_ref().is_some_and(|room| room.lobby.is_refused()) {
            return;
        }
        let Some(Room { lobby, side, view, words, .. }) = self.room.take() else { return };
        let config = Config::new(side, Secret::new(lobby.key()));
        let parts = Parts {
            waker: self.waker.clone(),
            base: self.base.clone(),
            storage: self.storage.clone(),
            window: window(),
            config,
            inputs: lobby.hand_over(),
            view,
            face: self.screen.clone(),
        };
        knock(Knock::Begin(Box::new(parts), words, self.is_shared));
    }
}

/// Reads a site's settings out of what the browser has read: its reader of JSON is there already, ours is not yet.
fn site(value: &JsValue) -> Option<SiteConfig> {
    let words = |name| {
        let list = within(value, name);
        let count = if list.is_object() { number(&list, "length") } else { 0.0 };
        (0..count as u32).filter_map(|place| get_at(&list, place).as_string()).collect()
    };
    let word = |name| within(value, name).as_string();
    let moment = |value: &JsValue, name| Some(number(value, name) as u64).filter(|at| *at > 0);
    let hours = within(value, "hours");
    Some(SiteConfig {
        name: word("name")?,
        welcome: word("welcome").unwrap_or_default(),
        color: word("color").unwrap_or_default(),
        assistant: word("assistant").unwrap_or_default(),
        operators: words("operators"),
        open: within(value, "open").is_truthy(),
        metrics: within(value, "metrics").is_truthy(),
        servers: words("servers"),
        // How large, says the server when somebody sends one.
        files: within(value, "files").is_truthy().then(FileLimits::default),
        hours: hours.is_object().then(|| Opening {
            open: within(&hours, "open").is_truthy(),
            opens_at: moment(&hours, "opens_at"),
            closes_at: moment(&hours, "closes_at"),
        }),
        absent: within(value, "absent").is_truthy(),
        away: word("away").unwrap_or_default(),
        now: moment(value, "now").unwrap_or_default(),
        ..SiteConfig::default()
    })
}

/// Reads a property of what may be anything: who answers may not be our server.
fn within(value: &JsValue, name: &str) -> JsValue {
    if value.is_object() { get(value, name) } else { JsValue::UNDEFINED }
}
