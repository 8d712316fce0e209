//! What happens to the page.

use client_core::Page;
use wasm_bindgen::JsValue;

use crate::browser::{flag, get, text};
use crate::wake::{Listener, Wake, Waker};

/// Where an event is heard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Window,
    Document,
}

/// Where it is heard, its name, and what it says. There is no `unload`: it would close the back-forward cache.
const EVENTS: [(At, &str, Page); 8] = [
    (At::Document, "visibilitychange", Page::Visible),
    (At::Document, "freeze", Page::Frozen),
    (At::Document, "resume", Page::Resumed),
    (At::Window, "focus", Page::Visible),
    (At::Window, "pageshow", Page::Resumed),
    (At::Window, "pagehide", Page::Frozen),
    (At::Window, "online", Page::Online),
    (At::Window, "offline", Page::Offline),
];

/// Listens to everything that happens to the page.
pub(crate) fn listen(waker: &Waker, window: &JsValue) -> Vec<Listener> {
    let document = get(window, "document");
    let mut listeners = Vec::new();
    for (id, (at, name, _)) in EVENTS.iter().enumerate() {
        let target = if *at == At::Window { window } else { &document };
        listeners.push(waker.listen(target, name, Wake::Page, id as u32));
    }
    listeners
}

/// Reads an event; `None` for a first `pageshow`, which says nothing new.
pub(crate) fn read(id: u32, event: &JsValue) -> Option<Page> {
    let (_, name, page) = EVENTS.get(id as usize)?;
    match *name {
        "pageshow" if !flag(event, "persisted") => None,
        "visibilitychange" if text(&get(event, "target"), "visibilityState") == "hidden" => Some(Page::Hidden),
        _ => Some(*page),
    }
}
