//! What the loader and the embed page call: one widget for one page.
//!
//! `mount(options)` once, then `command(name, value)` on what it gives, and `free()` at the end. The options are an object of the loader's own making:
//! - `root`: the shadow root in which the panel is made; `style(css)`: adopts a style sheet there;
//! - `origin`: the page that embeds the widget; `base`: the server's address without a slash at its end; `site`, or `assistant` with `parent` and `ticket`: who this is;
//! - `store`: `localStorage`, `sessionStorage`, or null;
//! - `color`, `touch`, `closable`, `inline`: how the panel looks and behaves;
//! - `emit(name, value)`: what happened; `wake(_, wake, id, value)`: calls [`Widget::wake`] and catches
//!   what it throws.

use core::cell::Cell;

use client_core::{Config, Event, Input, Panel as Opened, Side, View};
use protocol::{Secret, code};
use wasm_bindgen::prelude::*;

use crate::browser::{Function, console_error, get, text, window};
use crate::dom::{Done, Panel, STYLE};
use crate::driver::{Face, Parts, Shell};
use crate::storage::Storage;
use crate::wake::{Wake, Waker};
use crate::words;

/// Makes the widget, closed.
#[wasm_bindgen]
pub fn mount(options: JsValue) -> Widget {
    let waker = Waker::new(0, get(&options, "wake").unchecked_into());
    get(&options, "style").unchecked_into::<Function>().call(&JsValue::UNDEFINED, STYLE, &JsValue::UNDEFINED);

    let (site, assistant) = (text(&options, "site"), text(&options, "assistant"));
    let mut prefix = String::from("rejoin:");
    if site.is_empty() {
        prefix.push('a');
    }
    prefix.push_str(if site.is_empty() { &assistant } else { &site });
    prefix.push(':');
    let store = get(&options, "store");
    let storage = Storage::new(if store.is_object() { Some(store.unchecked_into()) } else { None }, prefix);
    let restored = storage.load();
    let kept = |wanted: &str| restored.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let key = kept("key").unwrap_or_else(crate::random::visitor_key);
    let side = if site.is_empty() {
        Side::Widget {
            assistant_id: assistant.parse().unwrap_or_default(),
            parent_origin: text(&options, "parent"),
            ticket: text(&options, "ticket"),
        }
    } else {
        Side::Site { site_token: site }
    };
    // Or a first message was written that has not reached the server yet.
    let under_way = restored.iter().any(|(name, _)| name == "dialog" || name.starts_with("o:"));
    let window = window();
    let face = Screen {
        panel: Panel::new(&options, &window, &waker),
        emit: get(&options, "emit").unchecked_into(),
        origin: text(&options, "origin"),
        open: Cell::new(false),
    };
    let config = Config::new(side, Secret::new(key));
    let base = text(&options, "base");
    let shell = Shell::new(Parts { waker, base, storage, window, config, restored, face });
    if under_way {
        shell.push(Input::Start);
    }
    shell.face().emit("ready", &JsValue::from_str(env!("CARGO_PKG_VERSION")));
    Widget { shell }
}

/// The widget of one page.
#[wasm_bindgen]
pub struct Widget {
    shell: Shell<Screen>,
}

#[wasm_bindgen]
impl Widget {
    /// Does what the page asks for: `open`, `close`, `toggle`, `send` and `compose` with a text.
    pub fn command(&self, name: &str, value: JsValue) {
        let shell = &self.shell;
        let open = shell.face().open.get();
        match name {
            "open" => shell.open_panel(),
            "close" => shell.close_panel(),
            "toggle" if open => shell.close_panel(),
            "toggle" => shell.open_panel(),
            "send" => shell.push(Input::Send { text: value.as_string().unwrap_or_default() }),
            "compose" => {
                let input = shell.face().panel.compose(&value.as_string().unwrap_or_default());
                shell.push(input);
            }
            _ => {}
        }
    }

    /// Takes a call of the browser; the numbers are those that the options' `wake` was bound to.
    pub fn wake(&self, wake: u32, id: u32, value: JsValue) {
        if let Some(wake) = Wake::from_number(wake) {
            self.shell.wake(wake, id, &value);
        }
    }
}

impl Shell<Screen> {
    fn open_panel(&self) {
        let face = self.face();
        let first = !face.open.replace(true);
        if first {
            // While the focus is still where it was: the page gives it back there.
            face.emit("open", &JsValue::UNDEFINED);
        }
        // Asked again, it takes the focus again: a frame could not while its page had not shown it yet.
        face.panel.open();
        if first {
            self.push(Input::Start);
            self.push(Input::Panel(Opened::Open));
        }
    }

    fn close_panel(&self) {
        if self.face().close() {
            self.push(Input::Panel(Opened::Closed));
        }
    }
}

/// The panel, and the page's own functions.
struct Screen {
    panel: Panel,
    emit: Function,
    /// The page that embeds the widget.
    origin: String,
    open: Cell<bool>,
}

impl Screen {
    fn emit(&self, name: &str, value: &JsValue) {
        self.emit.call(&JsValue::UNDEFINED, name, value);
    }

    /// Tells the site's owner, in one line of the console, what to change.
    fn explain(&self, reason: &str) {
        let mut line = String::from("[rejoin] ");
        line.push_str(reason);
        if reason == code::FORBIDDEN_ORIGIN {
            line.push_str(": this page may not embed the chat. On the server: rejoin site set <token> --origin ");
            line.push_str(&self.origin);
        } else if reason == code::UNKNOWN_SITE || reason == code::UNKNOWN_ASSISTANT {
            line.push_str(": look at the number or the token in the script tag. On the server: rejoin site list");
        }
        console_error(&line);
    }

    /// Returns whether there was something to close.
    fn close(&self) -> bool {
        let open = self.open.replace(false);
        if open {
            // First the page, while the focus is still in the panel: it decides whether to take it back.
            self.emit("close", &JsValue::UNDEFINED);
            self.panel.close();
        }
        open
    }
}

impl Face for Screen {
    fn show(&self, view: &View, last: &View) {
        self.panel.show(view, last);
        if view.unread != last.unread {
            self.emit("unread", &JsValue::from(view.unread));
        }
        if view.link != last.link {
            self.emit("connection", &JsValue::from_str(words::link(view.link)));
        }
        if view.typing != last.typing {
            self.emit("typing", &JsValue::from_str(&view.typing));
        }
    }

    fn tell(&self, event: &Event) {
        match event {
            Event::Message { seq } => self.emit("message", &JsValue::from(*seq as f64)),
            Event::DialogLoaded { dialog_id } => self.emit("dialog", &JsValue::from(*dialog_id as f64)),
            Event::CredentialsNeeded => self.emit("credentials", &JsValue::UNDEFINED),
            Event::Health | Event::Log(_) => {}
            Event::Refused { code: _, reason } => {
                self.explain(reason);
                self.emit("error", &JsValue::from_str(reason));
            }
        }
    }

    fn wake(&self, id: u32, value: &JsValue) -> Option<Input> {
        match self.panel.wake(id, value) {
            Done::Input(input) => input,
            Done::Close => self.close().then_some(Input::Panel(Opened::Closed)),
        }
    }
}
