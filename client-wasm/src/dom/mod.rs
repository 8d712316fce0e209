//! The panel: compares the view with what is on the screen, and touches what differs.
//!
//! Everything stands in a shadow root that the loader made. Texts become text nodes, styles an adopted style sheet: the
//! page may forbid `style`, `eval` and markup from strings altogether.

mod clock;
mod colour;
mod composer;
mod contact;
pub(crate) mod files;
mod links;
mod log;
mod node;
mod parts;
mod row;
mod talk;
mod texts;

use core::cell::RefCell;
use std::rc::Rc;

use client_core::{Banner, Contact, Input, Staffing, View};
use protocol::AuthorKind;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::*;

use crate::browser::{Function, flag, get, number, paint, set_text, text, window};
use crate::news::Agent;
use crate::wake::{Listener, Wake, Waker};
use crate::words;
use clock::Calendar;
use composer::Composer;
use contact::ContactForm;
use log::Log;
use node::{Node, Shown};
use parts::{Part, Parts};
pub(crate) use texts::{Late, Speech, Texts, Word};

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
    Newer,
    TryNow,
    Click,
    Resize,
}

impl Act {
    const ALL: [Self; 10] = [
        Self::Close,
        Self::Send,
        Self::Write,
        Self::Enter,
        Self::Key,
        Self::Scroll,
        Self::Newer,
        Self::TryNow,
        Self::Click,
        Self::Resize,
    ];
}

/// What came of it.
#[cfg_attr(
    target_pointer_width = "64",
    expect(clippy::large_enum_variant, reason = "it is taken apart where it arrives")
)]
pub(crate) enum Done {
    /// The client should know, if there is something to know.
    Input(Option<Input>),
    /// The person closed the panel.
    Close,
}

/// The panel and everything in it.
pub(crate) struct Panel {
    parts: Rc<Parts>,
    host: JsValue,
    viewport: JsValue,
    own_colour: bool,
    touch: bool,
    takes_focus: bool,
    /// It is no part of its page.
    floats: bool,
    log: RefCell<Log>,
    composer: RefCell<Composer>,
    texts: RefCell<Rc<Texts>>,
    contact: RefCell<Option<ContactForm>>,
    /// Adopts a style sheet.
    style: Function,
    _listeners: Vec<Listener>,
}

/// What is listened to, beside the viewport.
const LISTENERS: [(Part, &str, Act); 8] = [
    (Part::Close, "click", Act::Close),
    (Part::Send, "click", Act::Send),
    (Part::Field, "input", Act::Write),
    (Part::Field, "keydown", Act::Enter),
    (Part::Dialog, "keydown", Act::Key),
    (Part::List, "scroll", Act::Scroll),
    (Part::List, "click", Act::Click),
    (Part::TryNow, "click", Act::TryNow),
];

impl Panel {
    /// Makes a closed panel in the shadow root of the options.
    pub(crate) fn new(options: &JsValue, window: &JsValue, waker: &Waker) -> Self {
        let root = get(options, "root");
        let host = get(&root, "host");
        let parts = Rc::new(Parts::new(root.unchecked_ref()));
        let inline = flag(options, "inline");
        if inline {
            parts.of(Part::Dialog).attribute("class", "p i");
        }
        let closable = !inline || flag(options, "closable");
        parts.of(Part::Close).show(Shown::when(closable));
        let viewport = get(window, "visualViewport");
        let mut listeners = Vec::new();
        let mut listen = |target: &JsValue, name, act| {
            listeners.push(waker.listen(target, name, Wake::Face, act as u32));
        };
        for &(part, name, act) in &LISTENERS {
            listen(parts.of(part), name, act);
        }
        for &name in &["resize", "scroll"] {
            listen(&viewport, name, Act::Resize);
        }
        let colour = text(options, "color");
        let panel = Self {
            host,
            viewport,
            own_colour: !colour.is_empty(),
            touch: flag(options, "touch"),
            takes_focus: closable,
            floats: !inline,
            log: RefCell::new(Log::new(parts.clone())),
            composer: RefCell::new(Composer::new(parts.clone())),
            parts,
            texts: RefCell::new(Rc::new(Texts::new(String::new()))),
            contact: RefCell::default(),
            style: get(options, "style").unchecked_into(),
            _listeners: listeners,
        };
        panel.paint(&colour);
        files::attach(panel.parts.of(Part::Dialog), &waker.of(Wake::Files, 0));
        panel
    }

    /// Brings the panel up and the focus into it.
    pub(crate) fn open(&self) {
        self.parts.of(Part::Dialog).show(Shown::Yes);
        self.resize();
        self.log.borrow().to_end();
        if !self.takes_focus {
            // A part of its page: the focus is where the reader put it.
            return;
        }
        // On a phone the keyboard would jump up over what there is to read.
        if self.touch {
            self.parts.of(Part::Dialog).focus();
        } else {
            self.composer.borrow().field().focus();
        }
    }

    /// Takes the panel away.
    pub(crate) fn close(&self) {
        self.parts.of(Part::Dialog).show(Shown::No);
    }

    /// Puts a text into the composer.
    pub(crate) fn compose(&self, words: &str) -> Input {
        self.composer.borrow().set(words, &self.texts());
        Input::Draft { text: String::from(words) }
    }

    /// Speaks a language from now on; what is on the screen is to be shown anew.
    pub(crate) fn speak(&self, texts: Texts) {
        self.parts.speak(&texts);
        let host: &Node = self.host.unchecked_ref();
        host.attribute("lang", texts.locale());
        host.attribute("dir", texts.of(Word::Direction));
        self.composer.borrow().changed(&texts);
        self.texts.replace(Rc::new(texts));
    }

    /// Returns the language that is spoken.
    pub(crate) fn texts(&self) -> Rc<Texts> {
        self.texts.borrow().clone()
    }

    /// Shows what has changed.
    pub(crate) fn show(&self, view: &View, last: &View, speech: Speech) {
        let texts = self.texts();
        let is_new = speech == Speech::New;
        if is_new || view.site != last.site || view.operators != last.operators || view.staffing != last.staffing {
            self.head(view, &texts);
            self.away(view, &texts);
        }
        if is_new || view.banner != last.banner {
            self.banner(view.banner, &texts);
        }
        if view.link != last.link {
            self.parts.of(Part::Dialog).attribute("data-state", words::link(view.link));
        }
        self.log.borrow_mut().show(view, last, &texts, speech);
        self.composer.borrow_mut().show(view, last, &texts, speech);
    }

    /// Takes a [`Wake::Face`].
    pub(crate) fn wake(&self, id: u32, event: &JsValue) -> Done {
        let mut input = None;
        match Act::ALL.get(id as usize) {
            Some(Act::Close) => return Done::Close,
            Some(Act::Send) => input = self.send(),
            Some(Act::Write) => {
                // The field grows, and takes its room from the list.
                let end = self.log.borrow().at_end();
                input = Some(Input::Draft { text: self.composer.borrow().changed(&self.texts()) });
                if end {
                    self.log.borrow().to_end();
                }
            }
            Some(Act::Enter) if Composer::sends(event) => input = self.send(),
            // What the page has put into a place of its own has nothing that would bring it back.
            Some(Act::Key) if self.takes_focus && text(event, "key") == "Escape" && !flag(event, "isComposing") => {
                event.unchecked_ref::<Node>().prevent_default();
                return Done::Close;
            }
            Some(Act::Key) if text(event, "key") == "Tab" => self.keep_focus(event),
            Some(Act::Scroll) => self.log.borrow().scrolled(),
            Some(Act::Newer) => self.log.borrow().to_end(),
            Some(Act::TryNow) => input = Some(Input::TryNow),
            Some(Act::Click) => input = clicked(&get(event, "target")),
            Some(Act::Resize) => self.resize(),
            Some(Act::Enter | Act::Key) | None => {}
        }
        Done::Input(input)
    }

    fn send(&self) -> Option<Input> {
        let written = self.composer.borrow_mut().take(&self.texts());
        self.composer.borrow().field().focus();
        written.map(|text| Input::Send { text })
    }

    fn head(&self, view: &View, texts: &Texts) {
        let site = view.site.as_ref();
        self.parts.of(Part::Attach).show(Shown::when(site.is_some_and(|site| site.files)));
        let name =
            site.map(|site| site.name.as_str()).filter(|name| !name.is_empty()).unwrap_or_else(|| texts.of(Word::Chat));
        self.parts.of(Part::Name).put(name);
        self.parts.of(Part::Dialog).attribute("aria-label", name);
        self.parts.of(Part::Letter).put(initial(name));
        let assistant = site.map(|site| site.assistant.as_str()).unwrap_or_default();
        if let Some(colour) = site.map(|site| site.color.as_str()).filter(|_| !self.own_colour) {
            self.paint(colour);
        }
        let mut who = String::new();
        let is_away = view.staffing != Staffing::Here;
        // Somebody may look in outside of the hours, and has promised nothing.
        for operator in view.operators.iter().take(if is_away { 0 } else { 3 }) {
            if !who.is_empty() {
                who.push_str(", ");
            }
            who.push_str(operator);
        }
        // The dot: somebody is there.
        set_text(self.parts.of(Part::Who), "className", if who.is_empty() && assistant.is_empty() { "" } else { "on" });
        if who.is_empty() {
            who.push_str(match assistant {
                "" if is_away => "",
                "" => texts.of(Word::Invitation),
                assistant => assistant,
            });
        }
        self.parts.of(Part::Who).put(&who);
    }

    /// Says when somebody is back, in the visitor's own time, and what the site says meanwhile.
    fn away(&self, view: &View, texts: &Texts) {
        let back = match view.staffing {
            Staffing::Until(at) => Calendar::now().back(at, texts),
            Staffing::Away => String::from(texts.of(Word::Away)),
            Staffing::Here => String::new(),
        };
        let more = view.site.as_ref().filter(|_| view.staffing != Staffing::Here).map(|site| site.away.as_str());
        self.parts.of(Part::AwayWords).put(&back);
        self.parts.of(Part::AwayMore).put(more.unwrap_or_default());
        self.parts.of(Part::Away).show(Shown::when(view.staffing != Staffing::Here));
    }

    /// Asks for an address while nobody is there. Only the link's half may call this: it brings the code along.
    pub(crate) fn ask(&self, view: &View, waker: &Waker) {
        let mut contact = self.contact.borrow_mut();
        if contact.is_none() && view.contact != Contact::None {
            *contact = Some(ContactForm::new(self.parts.of(Part::Away), waker, &self.style));
            // It takes its room from the list.
            self.log.borrow().to_end();
        }
        if let Some(contact) = &mut *contact {
            contact.show(view, &self.texts());
        }
    }

    /// Takes the conversation and the draft out of sight, or gives them back. Only the link's half may call this.
    pub(crate) fn veil(&self, is_veiled: bool) {
        // The field stays where it is: whoever writes goes on, should it be the same person.
        let hidden = [
            (Part::List, "visibility", "hidden"),
            (Part::Away, "visibility", "hidden"),
            (Part::Field, "color", "#0000"),
        ];
        for (part, name, value) in hidden {
            self.parts.of(part).style(name, if is_veiled { value } else { "" });
        }
    }

    /// Shows the first letter of whoever answers, in a colour of the name's own. Only the link's half may call this.
    pub(crate) fn introduce(&self, name: &str) {
        /// Each is readable below white.
        const COLOURS: [&str; 6] = ["#3457d5", "#8a3ffc", "#a8327d", "#b3452c", "#7a5c00", "#0b7261"];
        if name.is_empty() {
            return;
        }
        let letter = self.parts.of(Part::Letter);
        letter.put(initial(name));
        let sum = name.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        letter.style("background", COLOURS.get(sum % COLOURS.len()).copied().unwrap_or_default());
        letter.style("color", "#fff");
    }

    /// Shows the picture of whoever answers, if it is a person who has one. Only the link's half may call this.
    pub(crate) fn portray(&self, address: &str, agent: Option<Agent<'_>>) {
        let person = agent.filter(|agent| agent.kind == AuthorKind::Operator);
        paint(self.parts.of(Part::Letter), address, person.map_or("", |agent| agent.name));
    }

    /// Takes a [`Wake::Contact`]. Only the link's half may call this.
    pub(crate) fn contact(&self, id: u32, event: &JsValue, view: &View) -> Option<Input> {
        self.contact.borrow_mut().as_mut().and_then(|contact| contact.heard(id, event, view, &self.texts()))
    }

    fn banner(&self, banner: Banner, texts: &Texts) {
        self.parts.of(Part::Banner).show(Shown::when(banner != Banner::None));
        self.parts.of(Part::TryNow).show(Shown::when(!matches!(banner, Banner::None | Banner::Refused)));
        self.parts.of(Part::BannerWords).put(match banner {
            Banner::None => "",
            // The link's half says these: see `Panel::after`.
            Banner::Reconnecting | Banner::Limited => "",
            Banner::Offline => texts.of(Word::Offline),
            Banner::Refused => texts.of(Word::Unavailable),
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

    /// Keeps a panel that fills the screen above the keyboard; a reader who zooms in wants to see it as large as it was.
    fn resize(&self) {
        if number(&self.viewport, "scale") > 1.0 {
            return;
        }
        for &(name, of) in &[("--h", "height"), ("--t", "offsetTop")] {
            let mut px = pixels(number(&self.viewport, of));
            px.push_str("px");
            self.parts.of(Part::Dialog).style(name, &px);
        }
        self.parts.of(Part::Dialog).attribute("aria-modal", if self.fills() { "true" } else { "false" });
        self.log.borrow().resized();
    }

    /// Returns whether nothing of the page is to be seen beside the panel.
    fn fills(&self) -> bool {
        // The page may have a scroll bar.
        const BAR_PX: f64 = 20.0;
        let width = number(self.parts.of(Part::Dialog), "offsetWidth");
        self.floats && width + BAR_PX >= number(&window(), "innerWidth")
    }

    /// Keeps the focus where it is seen: from the last of a panel that fills the screen it goes on to the first, and back.
    fn keep_focus(&self, event: &JsValue) {
        let (close, send, field) = (self.parts.of(Part::Close), self.parts.of(Part::Send), self.parts.of(Part::Field));
        let last = if flag(send, "disabled") { field } else { send };
        let active = get(&get(&self.host, "shadowRoot"), "activeElement");
        let is = |node: &Node| active == **node;
        let next = match flag(event, "shiftKey") {
            true if is(close) || is(self.parts.of(Part::Dialog)) => last,
            false if is(last) => close,
            true | false => return,
        };
        if self.fills() {
            event.unchecked_ref::<Node>().prevent_default();
            next.focus();
        }
    }
}

/// Returns what a click in the list asks for: its buttons come and go.
fn clicked(target: &JsValue) -> Option<Input> {
    if text(target, "className") == "q" {
        return Some(Input::Older);
    }
    let id = text(&get(target, "dataset"), "retry");
    if id.is_empty() { None } else { Some(Input::Retry { id }) }
}

/// Returns the first letter of a name.
fn initial(name: &str) -> &str {
    (1..=4).find_map(|end| name.get(..end)).unwrap_or_default()
}

fn pixels(px: f64) -> String {
    composer::signed(px as i32)
}
