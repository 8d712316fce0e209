//! How frames travel; each way opens, sends, closes and reports, and decides nothing.

mod request;
mod socket;
mod stream;

use wasm_bindgen::JsValue;

use crate::browser::{object, set, set_text};

pub(crate) use request::{Outlive, Request};
pub(crate) use socket::Socket;
pub(crate) use stream::{Chunk, Stream};

/// Where a request is made, and as whom.
pub(crate) struct Origin<'a> {
    /// The server's base address, without a slash at its end; empty where the path holds it already.
    pub(crate) base: &'a str,
    /// What goes into `Authorization: Bearer …`; empty: nothing does.
    pub(crate) bearer: &'a str,
}

impl Origin<'_> {
    fn url(&self, path: &str) -> String {
        let mut url = String::from(self.base);
        url.push_str(path);
        url
    }

    /// Returns the options of a `fetch` that carries no cookie, is not cached, and ends with the signal.
    fn init(&self, signal: &JsValue, body: Option<&str>) -> JsValue {
        let (init, headers) = (object(), object());
        if !self.bearer.is_empty() {
            let mut bearer = String::from("Bearer ");
            bearer.push_str(self.bearer);
            set_text(&headers, "Authorization", &bearer);
        }
        if let Some(body) = body {
            set_text(&headers, "Content-Type", "application/json");
            set_text(&init, "method", "POST");
            set_text(&init, "body", body);
        }
        set(&init, "headers", &headers);
        set(&init, "signal", signal);
        set_text(&init, "cache", "no-store");
        set_text(&init, "credentials", "omit");
        init
    }
}
