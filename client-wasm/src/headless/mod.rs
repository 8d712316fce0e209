//! The link without a user interface: for an operator's console, and for pages with an interface of their own.
//!
//! `connect(options, onChange)` gives a [`Link`]. Bytes matter less here than in the widget, so options and views cross the
//! border through serde.

mod account;
mod options;
mod picture;

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use account::Form;
use client_core::{Event, Identify, Input, Level, Panel, Report, View};
use protocol::Secret;
use wasm_bindgen::prelude::*;

use crate::browser::{Function, get_guarded, object, set_number, set_text, stringify, window};
use crate::driver::{Face, Parts, Shell};
use crate::storage::Storage;
use crate::wake::{Wake, Waker};
use options::{Keep, Options};

thread_local! {
    static SHELLS: RefCell<Vec<Rc<Shell<Listeners>>>> = const { RefCell::new(Vec::new()) };
    static LAST: Cell<u32> = const { Cell::new(0) };
    static ENTRY: Closure<dyn Fn(u32, u32, u32, JsValue)> = Closure::new(wake);
}

fn wake(shell: u32, wake: u32, id: u32, value: JsValue) {
    let Some(wake) = Wake::from_number(wake) else { return };
    let found = SHELLS.with_borrow(|shells| shells.iter().find(|known| known.number() == shell).cloned());
    if let Some(found) = found {
        found.wake(wake, id, &value);
    }
}

/// Opens a link and keeps it open. `onCredentials` is called on `credentials`, which may come before anything else can listen.
///
/// # Errors
/// An option is missing or of another shape; the error says which.
#[wasm_bindgen]
pub fn connect(
    options: JsValue,
    #[wasm_bindgen(js_name = onChange)] on_change: JsValue,
    #[wasm_bindgen(js_name = onCredentials)] on_credentials: JsValue,
) -> Result<Link, JsError> {
    let options: Options = serde_wasm_bindgen::from_value(options)?;
    let window = window();
    let store = match options.keep() {
        Keep::Local => get_guarded(&window, "localStorage").ok(),
        Keep::Session => get_guarded(&window, "sessionStorage").ok(),
        Keep::Nothing => None,
    };
    let store = store.filter(JsValue::is_object).map(JsCast::unchecked_into);
    let storage = Rc::new(Storage::new(store, options.prefix()));
    let restored = storage.load();
    let kept = restored.iter().find(|(name, _)| name == "key").map(|(_, key)| key.clone());
    let config = options.config(kept.unwrap_or_else(crate::random::visitor_key))?;
    let number = LAST.get() + 1;
    LAST.set(number);
    let waker = Rc::new(Waker::new(number, ENTRY.with(|entry| entry.as_ref().clone()).unchecked_into()));
    let face = Listeners {
        on_change: on_change.unchecked_into(),
        listeners: RefCell::new(vec![("credentials".into(), on_credentials.unchecked_into())]),
        reader: RefCell::default(),
    };
    let base = options.base();
    let mut inputs = vec![Input::Restored(restored)];
    inputs.extend(options.identity());
    inputs.push(Input::Start);
    let shell = Rc::new(Shell::new(Parts { waker, base, storage, window, config, inputs, view: Rc::default(), face }));
    SHELLS.with_borrow_mut(|shells| shells.push(shell.clone()));
    shell.run();
    Ok(Link { shell })
}

/// One dialog's link.
#[wasm_bindgen]
pub struct Link {
    shell: Rc<Shell<Listeners>>,
}

#[wasm_bindgen]
impl Link {
    /// Returns all that a person sees, as a plain object.
    ///
    /// # Errors
    /// Never; the signature is serde's.
    pub fn view(&self) -> Result<JsValue, JsError> {
        picture::of(&self.shell.view())
    }

    /// Sends a message.
    pub fn send(&self, text: String) {
        self.shell.push(Input::Send { text });
    }

    /// Sends a message again that was given up.
    pub fn retry(&self, id: String) {
        self.shell.push(Input::Retry { id });
    }

    /// Tells what is written and not sent yet.
    pub fn draft(&self, text: String) {
        self.shell.push(Input::Draft { text });
    }

    /// Tells whether the conversation is on the screen.
    pub fn panel(&self, open: bool) {
        self.shell.push(Input::Panel(if open { Panel::Open } else { Panel::Closed }));
    }

    /// Asks for older messages.
    pub fn older(&self) {
        self.shell.push(Input::Older);
    }

    /// Reconnects at once.
    #[wasm_bindgen(js_name = tryNow)]
    pub fn try_now(&self) {
        self.shell.push(Input::TryNow);
    }

    /// Gives new credentials, after the event `credentials` or before; an empty text says that there are none.
    pub fn credential(&self, token: String) {
        if token.is_empty() {
            return self.shell.push(Input::Identify(Identify::Failed));
        }
        self.shell.push(Input::Credential(Secret::new(token)));
    }

    /// Says who the visitor is, by a token that the site has signed; without one it will be asked for by the event
    /// `credentials`. Another person than before starts afresh.
    pub fn identify(&self, token: Option<String>) {
        let token = token.filter(|token| !token.is_empty());
        self.shell.push(Input::Identify(token.map_or(Identify::Asked, |token| Identify::Token(Secret::new(token)))));
    }

    /// Says something about the visitor, all of it each time: an object of up to 20 texts, numbers and truth values.
    ///
    /// # Errors
    /// The object cannot be written as JSON.
    pub fn attributes(&self, attributes: JsValue) -> Result<(), JsError> {
        let text =
            stringify(&attributes).map_err(|_| JsError::new("attributes: an object of simple values is wanted"))?;
        self.shell.push(Input::Attributes(text));
        Ok(())
    }

    /// Ends the visitor's dialog here, and leaves nothing of it in the browser; other pages follow.
    pub fn logout(&self) {
        self.shell.log_out();
    }

    /// Returns how good the link is: round trip, loss, stability, transport, breaks.
    ///
    /// # Errors
    /// Never; the signature is serde's, here and below.
    pub fn quality(&self) -> Result<JsValue, JsError> {
        account::quality(&self.shell.ask(client_core::Client::quality))
    }

    /// Returns whether all is well: `HEALTHY`, `WARNING` or `CRITICAL`, a score and a list of issues.
    ///
    /// # Errors
    /// Never.
    pub fn health(&self) -> Result<JsValue, JsError> {
        account::health(&self.shell.ask(client_core::Client::health))
    }

    /// Returns what was counted from the start of the page on.
    ///
    /// # Errors
    /// Never.
    pub fn counters(&self) -> Result<JsValue, JsError> {
        account::counters(&self.shell.ask(client_core::Client::counters))
    }

    /// Returns the last entries of the log, oldest first: as objects, or as lines of `json` or `plain` words.
    ///
    /// # Errors
    /// Never.
    pub fn entries(&self, form: Option<String>) -> Result<Vec<JsValue>, JsError> {
        let entries = self.shell.ask(|client| client.log().copied().collect::<Vec<_>>());
        entries.iter().map(|entry| account::entry(entry, Form::of(form.as_deref()))).collect()
    }

    /// Calls back with every entry of the log from a level on (`debug`, `info`, `warn`, `error`), in the same forms; any other
    /// word ends it.
    pub fn log(&self, level: &str, callback: JsValue, form: Option<String>) {
        let level = Level::of(level);
        let reader = level.map(|_| (callback.unchecked_into(), Form::of(form.as_deref())));
        self.shell.face().reader.replace(reader);
        self.shell.push(Input::Log(level));
    }

    /// Calls back on `message`, `loaded`, `credentials`, `refused`, `quality` and `audit`.
    pub fn on(&self, event: String, callback: JsValue) {
        self.shell.face().listeners.borrow_mut().push((event, callback.unchecked_into()));
    }

    /// Ends the link; an intentional end does not reconnect.
    pub fn close(&self) {
        self.shell.push(Input::Stop);
        let number = self.shell.number();
        SHELLS.with_borrow_mut(|shells| shells.retain(|shell| shell.number() != number));
    }
}

/// The page's own functions.
struct Listeners {
    on_change: Function,
    listeners: RefCell<Vec<(String, Function)>>,
    /// Who reads the log, and how.
    reader: RefCell<Option<(Function, Form)>>,
}

impl Listeners {
    fn emit(&self, name: &str, value: &JsValue) {
        // A callback may call `on`: nothing is borrowed while it runs.
        let listeners: Vec<Function> = self
            .listeners
            .borrow()
            .iter()
            .filter(|(event, _)| event == name)
            .map(|(_, callback)| copy(callback))
            .collect();
        for listener in listeners {
            let _ = listener.call_guarded(&JsValue::UNDEFINED, value);
        }
    }
}

fn copy(function: &Function) -> Function {
    AsRef::<JsValue>::as_ref(function).clone().unchecked_into()
}

impl Face for Listeners {
    fn show(&self, view: &View, _last: &View) {
        if let Ok(picture) = picture::of(view) {
            let _ = self.on_change.call_guarded(&JsValue::UNDEFINED, &picture);
        }
    }

    fn measured(&self, report: &Report) {
        if let Ok(report) = account::report(report) {
            self.emit("quality", &report);
        }
    }

    fn tell(&self, event: &Event) {
        let value = object();
        match event {
            Event::Message { seq } => {
                set_number(&value, "seq", *seq as f64);
                self.emit("message", &value);
            }
            Event::DialogLoaded { dialog_id } => {
                set_number(&value, "dialogId", *dialog_id as f64);
                self.emit("loaded", &value);
            }
            Event::CredentialsNeeded => self.emit("credentials", &value),
            Event::AuditFailed { seq } => {
                set_number(&value, "seq", *seq as f64);
                self.emit("audit", &value);
            }
            Event::Log(entry) => {
                let reader = self.reader.borrow().as_ref().map(|(reader, form)| (copy(reader), *form));
                if let Some((reader, form)) = reader
                    && let Ok(entry) = account::entry(entry, form)
                {
                    let _ = reader.call_guarded(&JsValue::UNDEFINED, &entry);
                }
            }
            Event::FileLost { file } => {
                set_text(&value, "file", file);
                self.emit("lost", &value);
            }
            // Told by `measured`; and a link without a panel says nothing.
            Event::Quality | Event::Locale(_) => {}
            Event::Refused { code, reason } => {
                set_number(&value, "code", f64::from(*code));
                set_text(&value, "reason", reason);
                self.emit("refused", &value);
            }
        }
    }
}
