//! The panel: compares the view with what is on the screen, and touches what differs.
//!
//! Everything stands in a shadow root that the loader made. Texts become text nodes, styles an adopted style sheet: the
//! page may forbid `style`, `eval` and markup from strings altogether.

mod clock;
mod colour;
mod composer;
mod links;
mod log;
mod node;
mod row;
mod texts;

use core::cell::RefCell;

use client_core::{Banner, Input, View};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::*;

use crate::browser::{flag, get, number, set_text, text};
use crate::wake::{Listener, Wake, Waker};
use crate::words;
use composer::Composer;
use log::Log;
use node::{Node, Shown, icon_button};
use texts::{ENGLISH, Texts};

/// The style sheet, for the loader to adopt.
pub(crate) const STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/widget.css"));

/// What a person does to the panel; the id of a [`Wake::Face`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Close,
    Send,
    Write,
    Enter,
    Key,
    Scroll,
    Older,
    Newer,
    TryNow,
    Click,
    Resize,
}

impl Act {
    const ALL: [Self; 11] = [
        Self::Close,
        Self::Send,
        Self::Write,
        Self::Enter,
        Self::Key,
        Self::Scroll,
        Self::Older,
        Self::Newer,
        Self::TryNow,
        Self::Click,
        Self::Resize,
    ];
}

/// What came of it.
pub(crate) enum Done {
    /// The client should know.
    Inputs(Vec<Input>),
    /// The person closed the panel.
    Close,
}

/// The panel and everything in it.
pub(crate) struct Panel {
    pub(crate) dialog: Node,
    host: JsValue,
    viewport: JsValue,
    own_colour: bool,
    touch: bool,
    takes_focus: bool,
    letter: Node,
    name: Node,
    who: Node,
    banner: Node,
    banner_words: Node,
    try_now: Node,
    log: RefCell<Log>,
    composer: RefCell<Composer>,
    texts: &'static Texts,
    _listeners: Vec<Listener>,
}

impl Panel {
    /// Makes a closed panel in the shadow root of the options.
    pub(crate) fn new(options: &JsValue, window: &JsValue, waker: &Waker) -> Self {
        let texts = &ENGLISH;
        let root: Node = get(options, "root").unchecked_into();
        let host = get(&root, "host");
        let dialog = root.child("div", if flag(options, "inline") { "p i" } else { "p" });
        dialog.show(Shown::No);
        dialog.attribute("role", "dialog");
        dialog.attribute("aria-label", texts.chat);
        dialog.attribute("lang", texts.locale);
        dialog.attribute("tabindex", "-1");
        dialog.attribute("data-state", "idle");

        let head = dialog.child("div", "h");
        let letter = head.child("div", "a");
        letter.attribute("aria-hidden", "true");
        let words = head.child("div", "j");
        let name = words.child("h2", "");
        let who = words.child("p", "");
        let close = icon_button("x", texts.close, "M6 6l12 12M18 6L6 18");
        if flag(options, "closable") {
            head.append(&close);
        }

        let banner = dialog.child("div", "b");
        banner.attribute("role", "status");
        let banner_words = banner.child("span", "");
        let try_now = banner.child("button", "");
        try_now.put(texts.try_now);
        banner.show(Shown::No);

        let log = Log::new(&dialog, texts);
        let composer = Composer::new(&dialog, texts);
        composer.set("", texts);
        let viewport = get(window, "visualViewport");
        let mut listeners = Vec::new();
        for (target, name, act) in [
            (&close, "click", Act::Close),
            (&composer.send, "click", Act::Send),
            (&composer.field, "input", Act::Write),
            (&composer.field, "keydown", Act::Enter),
            (&dialog, "keydown", Act::Key),
            (&log.list, "scroll", Act::Scroll),
            (&log.older, "click", Act::Older),
            (&log.newer, "click", Act::Newer),
            (&try_now, "click", Act::TryNow),
            (&log.list, "click", Act::Click),
            (viewport.unchecked_ref(), "resize", Act::Resize),
            (viewport.unchecked_ref(), "scroll", Act::Resize),
        ] {
            listeners.push(waker.listen(target, name, Wake::Face, act as u32));
        }
        let own_colour = !text(options, "color").is_empty();
        let panel = Self {
            dialog,
            host,
            viewport,
            own_colour,
            touch: flag(options, "touch"),
            takes_focus: flag(options, "closable"),
            letter,
            name,
            who,
            banner,
            banner_words,
            try_now,
            log: RefCell::new(log),
            composer: RefCell::new(composer),
            texts,
            _listeners: listeners,
        };
        panel.paint(&text(options, "color"));
        panel.head(&View::default());
        panel
    }

    /// Brings the panel up and the focus into it.
    pub(crate) fn open(&self) {
        self.dialog.show(Shown::Yes);
        self.resize();
        self.log.borrow().to_end();
        if !self.takes_focus {
            // A part of its page: the focus is where the reader put it.
            return;
        }
        // On a phone the keyboard would jump up over what there is to read.
        if self.touch {
            self.dialog.focus();
        } else {
            self.composer.borrow().field.focus();
        }
    }

    /// Takes the panel away.
    pub(crate) fn close(&self) {
        self.dialog.show(Shown::No);
    }

    /// Puts a text into the composer.
    pub(crate) fn compose(&self, words: &str) -> Input {
        self.composer.borrow().set(words, self.texts);
        Input::Draft { text: String::from(words) }
    }

    /// Shows what has changed.
    pub(crate) fn show(&self, view: &View, last: &View) {
        if view.site != last.site || view.operators != last.operators {
            self.head(view);
        }
        if view.banner != last.banner {
            self.banner(view.banner);
        }
        if view.link != last.link {
            self.dialog.attribute("data-state", words::link(view.link));
        }
        self.log.borrow_mut().show(view, last, self.texts);
        self.composer.borrow_mut().show(view, last, self.texts);
    }

    /// Takes a [`Wake::Face`].
    pub(crate) fn wake(&self, id: u32, event: &JsValue) -> Done {
        let Some(act) = Act::ALL.get(id as usize) else { return Done::Inputs(Vec::new()) };
        Done::Inputs(match act {
            Act::Close => return Done::Close,
            Act::Send => self.send(),
            Act::Write => vec![Input::Draft { text: self.composer.borrow().changed(self.texts) }],
            Act::Enter => {
                if Composer::sends(event) {
                    self.send()
                } else {
                    Vec::new()
                }
            }
            Act::Key => {
                if text(event, "key") == "Escape" {
                    event.unchecked_ref::<Node>().prevent_default();
                    return Done::Close;
                }
                Vec::new()
            }
            Act::Scroll => {
                self.log.borrow().scrolled();
                Vec::new()
            }
            Act::Older => vec![Input::Older],
            Act::Newer => {
                self.log.borrow().to_end();
                Vec::new()
            }
            Act::TryNow => vec![Input::TryNow],
            Act::Click => {
                let id = text(&get(&get(event, "target"), "dataset"), "retry");
                if id.is_empty() { Vec::new() } else { vec![Input::Retry { id }] }
            }
            Act::Resize => {
                self.resize();
                Vec::new()
            }
        })
    }

    fn send(&self) -> Vec<Input> {
        let written = self.composer.borrow_mut().take(self.texts);
        self.composer.borrow().field.focus();
        written.map(|text| Input::Send { text }).into_iter().collect()
    }

    fn head(&self, view: &View) {
        let site = view.site.as_ref();
        let name = site.map(|site| site.name.as_str()).filter(|name| !name.is_empty()).unwrap_or(self.texts.chat);
        self.name.put(name);
        self.dialog.attribute("aria-label", name);
        let first = name.chars().next();
        self.letter.put(first.map(|first| first.encode_utf8(&mut [0; 4]).to_owned()).unwrap_or_default().as_str());
        let assistant = site.map(|site| site.assistant.as_str()).unwrap_or_default();
        if let Some(colour) = site.map(|site| site.color.as_str()).filter(|_| !self.own_colour) {
            self.paint(colour);
        }
        let mut who = String::new();
        for operator in view.operators.iter().take(3) {
            if !who.is_empty() {
                who.push_str(", ");
            }
            who.push_str(operator);
        }
        // The dot: somebody is there.
        set_text(&self.who, "className", if who.is_empty() && assistant.is_empty() { "" } else { "on" });
        if who.is_empty() {
            who.push_str(if assistant.is_empty() { self.texts.invitation } else { assistant });
        }
        self.who.put(&who);
    }

    fn banner(&self, banner: Banner) {
        self.banner.show(Shown::when(banner != Banner::None));
        self.try_now.show(Shown::when(banner == Banner::Offline));
        self.banner_words.put(match banner {
            Banner::None => "",
            Banner::Reconnecting => self.texts.reconnecting,
            Banner::Offline => self.texts.offline,
            Banner::Refused => self.texts.unavailable,
        });
        self.composer.borrow().enable(Shown::when(banner != Banner::Refused));
    }

    /// Gives the launcher and the panel the site's colour; anything that is no colour is left alone.
    fn paint(&self, colour: &str) {
        if colour::luminance(colour).is_some() {
            let host: &Node = self.host.unchecked_ref();
            host.style("--a", colour);
            host.style("--o", colour::readable_on(colour));
        }
    }

    /// Keeps a panel that fills the screen above the keyboard.
    fn resize(&self) {
        for (name, of) in [("--h", "height"), ("--t", "offsetTop")] {
            let mut px = pixels(number(&self.viewport, of));
            px.push_str("px");
            self.dialog.style(name, &px);
        }
    }
}

impl Drop for Panel {
    fn drop(&mut self) {
        self.dialog.remove();
    }
}

fn pixels(px: f64) -> String {
    composer::signed(px as i32)
}
