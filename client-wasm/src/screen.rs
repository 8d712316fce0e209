//! What the page and the panel are told: the one place that shows a view and calls the page's own functions.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use client_core::{Event, Input, Report, Transport, View};
use protocol::code;
use wasm_bindgen::prelude::*;

use crate::browser::{Function, console_error, form, get, object, set_number, set_text, suggest, text, window};
use crate::dom::{Late, Panel, Speech, Texts, Word, files};
use crate::driver::Face;
use crate::news::{self, Agent};
use crate::storage::Storage;
use crate::tabs::ring;
use crate::wake::Waker;
use crate::words;

/// The panel, and the page's own functions.
pub(crate) struct Screen {
    pub(crate) panel: Panel,
    pub(crate) emit: Function,
    /// The page that embeds the widget.
    pub(crate) origin: String,
    pub(crate) waker: Rc<Waker>,
    pub(crate) open: Cell<bool>,
    pub(crate) sound: Cell<bool>,
    /// What the site calls the launcher, or nothing.
    pub(crate) label: String,
    pub(crate) speech: Cell<Speech>,
    /// Whom the page was told of last, and whether at all.
    pub(crate) introduced: RefCell<Option<String>>,
    /// What the link knows to say of the next thing that is explained.
    pub(crate) more: Cell<&'static str>,
    /// Where the picture of an operator is asked for.
    pub(crate) avatars: RefCell<String>,
    pub(crate) storage: Rc<Storage>,
}

impl Screen {
    /// Tells the page how far its messages have come that were written before the link was here.
    pub(crate) fn tell_states(&self, view: &View) {
        news::states(view, &View::default(), |status| self.emit("status", status));
    }

    pub(crate) fn emit(&self, name: &str, value: &JsValue) {
        self.emit.call(&JsValue::UNDEFINED, name, value);
    }

    pub(crate) fn speak(&self, texts: Texts) {
        self.emit("locale", &JsValue::from_str(texts.locale()));
        self.panel.speak(texts);
        self.speech.set(Speech::New);
    }

    /// Shows all that there is to see without a link.
    pub(crate) fn display(&self, view: &View, last: &View) {
        let speech = self.speech.replace(Speech::Same);
        self.panel.show(view, last, speech);
        if speech == Speech::New {
            self.introduce(&self.label());
        }
        if view.link != last.link {
            for &name in &["state", "connection"] {
                self.emit(name, &JsValue::from_str(words::link(view.link)));
            }
        }
    }

    /// Returns what the launcher is.
    pub(crate) fn label(&self) -> String {
        if self.label.is_empty() { String::from(self.panel.texts().of(Word::Open)) } else { self.label.clone() }
    }

    pub(crate) fn introduce(&self, label: &str) {
        self.emit("label", &JsValue::from_str(label));
    }

    /// Tells the site's owner, in one line of the console, what to change.
    pub(crate) fn explain(&self, reason: &str) {
        let mut line = String::from("[rejoin] ");
        line.push_str(reason);
        if reason == code::FORBIDDEN_ORIGIN {
            line.push_str(": this page may not embed the chat. On the server: rejoin site set <token> --origin ");
            line.push_str(&self.origin);
        } else if reason == code::UNKNOWN_SITE || reason == code::UNKNOWN_ASSISTANT {
            line.push_str(": look at the number or the token in the script tag. On the server: rejoin site list");
        }
        line.push_str(self.more.take());
        console_error(&line);
    }

    /// Rings for a message that nobody is looking at.
    pub(crate) fn announce(&self, seq: u64) {
        let is_seen = self.open.get() && text(&get(&window(), "document"), "visibilityState") == "visible";
        if self.sound.get() && !is_seen {
            let mut name = String::from(self.storage.prefix());
            name.push_str(&protocol::json::to_string(&seq));
            ring(&name);
        }
    }

    /// Returns whether there was something to close.
    pub(crate) fn close(&self) -> bool {
        let open = self.open.replace(false);
        if open {
            // First the page, while the focus is still in the panel: it decides whether to take it back.
            self.emit("close", &JsValue::UNDEFINED);
            self.panel.close();
        }
        open
    }
}

/// Returns what to change where a link was refused; nothing for what [`Screen::explain`] knows.
fn advice(reason: &str) -> &'static str {
    match reason {
        code::UNAUTHORIZED => {
            ": the token of identify is not taken: is it signed with this site's secret, is sub a text, is exp in the future? See docs/identity.md"
        }
        code::IDENTITY_REQUIRED => {
            ": this site wants to know who writes: call rejoin('identify', …). See docs/identity.md"
        }
        "attributes" => ": an object of texts, numbers and truths, and not too large. See docs/identity.md",
        _ => "",
    }
}

impl Face for Rc<Screen> {
    fn show(&self, view: &View, last: &View) {
        if self.panel.converse(&self.waker) {
            // What is there already gets what only a conversation has.
            self.speech.set(Speech::New);
        }
        let speech = self.speech.get();
        let before = self.panel.before(view, last);
        self.display(view, last);
        self.panel.after(&before, view, last, speech);
        if view.unread != last.unread {
            self.emit("unread", &JsValue::from(view.unread));
        }
        if view.unread != last.unread || speech == Speech::New && view.unread > 0 {
            let mut label = self.label();
            if view.unread > 0 {
                let number = protocol::json::to_string(&view.unread);
                label.push_str(&self.panel.texts().counted(Late::Unread, form(view.unread) as usize, &number));
            }
            self.introduce(&label);
        }
        if view.typing != last.typing {
            self.emit("typing", &JsValue::from_str(&view.typing));
        }
    }

    fn ask(&self, view: &View, last: &View, waker: &Waker) {
        self.panel.ask(view, waker);
        if view.is_veiled != last.is_veiled {
            self.panel.veil(view.is_veiled);
        }
        let agent = Agent::of(view);
        let name = agent.map_or("", |agent| agent.name);
        self.panel.introduce(name);
        if agent != Agent::of(last) || self.introduced.borrow().is_none() {
            if self.introduced.replace(Some(String::from(name))).is_none_or(|before| before != name) {
                self.panel.portray(&self.avatars.borrow(), agent);
            }
            self.emit("agent", &agent.map_or(JsValue::UNDEFINED, Agent::told));
        }
        news::states(view, last, |status| self.emit("status", status));
    }

    fn heed(&self, event: &Event) {
        if let Event::FileLost { file } = event {
            files::resume(file);
        } else if let Event::Locale(locale) = event {
            suggest(&JsValue::from_str(locale));
        } else if let Event::Refused { code: _, reason } = event {
            self.more.set(advice(reason));
        }
    }

    fn learn_avatars(&self, address: String) {
        self.avatars.replace(address);
    }

    fn received(&self, view: &View, seq: u64) {
        self.announce(seq);
        if let Some(message) = news::message(view, seq) {
            self.emit("message", &message);
        }
    }

    fn contact(&self, id: u32, event: &JsValue, view: &View) -> Option<Input> {
        self.panel.contact(id, event, view)
    }

    fn measured(&self, report: &Report) {
        let (quality, health, mut issues) = (object(), object(), String::new());
        set_text(&quality, "transport", report.transport.map_or("", Transport::word));
        set_text(&quality, "because", report.because);
        for (name, value) in report.figures {
            set_number(&quality, name, f64::from(value));
        }
        for issue in &report.issues {
            if !issues.is_empty() {
                issues.push(' ');
            }
            issues.push_str(issue.name);
        }
        set_text(&health, "status", report.status.word());
        set_number(&health, "score", f64::from(report.score));
        set_text(&health, "issues", &issues);
        self.emit("quality", &quality);
        self.emit("health", &health);
    }

    fn tell(&self, event: &Event) {
        match event {
            Event::DialogLoaded { dialog_id } => self.emit("dialog", &JsValue::from(*dialog_id as f64)),
            Event::CredentialsNeeded => self.emit("credentials", &JsValue::UNDEFINED),
            Event::Message { .. }
            | Event::FileLost { .. }
            | Event::Locale(_)
            | Event::Quality
            | Event::Log(_)
            | Event::AuditFailed { .. } => {}
            Event::Refused { code: _, reason } => {
                self.explain(reason);
                self.emit("error", &JsValue::from_str(reason));
            }
        }
    }
}
