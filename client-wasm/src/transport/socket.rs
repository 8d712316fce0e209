//! A WebSocket.

use client_core::{End, LinkId};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::*;
use web_sys::WebSocket;

use crate::browser::{Function, get, number, set, text};
use crate::wake::{Listener, Wake, Waker};

/// `readyState` while it opens …
const CONNECTING: f64 = 0.0;
/// … and while it can send.
const OPEN: f64 = 1.0;

/// One socket; dropping it closes it without another word.
pub(crate) struct Socket {
    pub(crate) link: LinkId,
    socket: WebSocket,
    _listeners: [Listener; 3],
}

impl Socket {
    /// Opens one; `None` where the browser does not even try.
    pub(crate) fn open(link: LinkId, address: &str, waker: &Waker) -> Option<Self> {
        // http becomes ws, and https wss.
        let mut url = String::from("ws");
        url.push_str(address.strip_prefix("http")?);
        let socket = WebSocket::new(&url).ok()?;
        let listen = |name, wake| waker.listen(&socket, name, wake, link.0);
        let listeners = [
            listen("open", Wake::SocketOpen),
            listen("message", Wake::SocketText),
            listen("close", Wake::SocketClosed),
        ];
        Some(Self { link, socket, _listeners: listeners })
    }

    /// Sends text, once the socket is open. What is lost with a socket that is closing is asked for on the next.
    pub(crate) fn send(&self, text: &str) {
        // Asked to send while it closes, a socket writes an error into the page's console.
        if number(&self.socket, "readyState") == OPEN {
            let _ = self.socket.send_with_str(text);
        }
    }

    /// Reads the text of a `message` event; frames are never binary.
    pub(crate) fn text_of(event: &JsValue) -> String {
        text(event, "data")
    }

    /// Reads a `close` event.
    pub(crate) fn end_of(event: &JsValue) -> End {
        End::Socket { code: number(event, "code") as u16, reason: text(event, "reason") }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if number(&self.socket, "readyState") == CONNECTING {
            // Closed while it opens, a socket writes an error into the page's console; so it is closed as soon as it is open.
            let close: Function = get(&self.socket, "close").unchecked_into();
            set(&self.socket, "onopen", &close.bind_close(&self.socket, 1000, ""));
        } else {
            let _ = self.socket.close_with_code(1000);
        }
    }
}
