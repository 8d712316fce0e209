//! One request and its answer.

use client_core::{Input, RequestId};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::*;
use web_sys::{AbortController, Response};

use super::Origin;
use crate::browser::{Promise, fetch, set_number};
use crate::wake::{Wake, Waker};

/// A request on its way; dropping it ends it.
pub(crate) struct Request {
    pub(crate) id: RequestId,
    abort: AbortController,
    pub(crate) status: u16,
}

/// Whether a request should outlive the page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlive {
    /// It ends with the page.
    No,
    /// The page is about to go; up to 64 KiB are sent all the same.
    Page,
}

impl Request {
    /// Makes one; `None` where the browser cannot.
    pub(crate) fn send(
        id: RequestId,
        origin: &Origin<'_>,
        path: &str,
        body: Option<&str>,
        outlive: Outlive,
        waker: &Waker,
    ) -> Option<Self> {
        let abort = AbortController::new().ok()?;
        let init = origin.init(&abort.signal(), body);
        if outlive == Outlive::Page {
            set_number(&init, "keepalive", 1.0);
        }
        fetch(&origin.url(path), &init).then(&waker.of(Wake::AnswerHead, id.0), &waker.of(Wake::AnswerFailed, id.0));
        Some(Self { id, abort, status: 0 })
    }

    /// Takes the head of the answer, and asks for the body.
    pub(crate) fn head(&mut self, response: &JsValue, waker: &Waker) {
        let response: &Response = response.unchecked_ref();
        self.status = response.status();
        if let Ok(body) = response.text() {
            let body: Promise = JsValue::from(body).unchecked_into();
            body.then(&waker.of(Wake::AnswerBody, self.id.0), &waker.of(Wake::AnswerFailed, self.id.0));
        }
    }

    /// Takes the head of an answer that the browser is to read as JSON.
    #[cfg(feature = "widget")]
    pub(crate) fn head_of_json(&mut self, response: &JsValue, waker: &Waker) {
        let response: &Response = response.unchecked_ref();
        self.status = response.status();
        if let Ok(body) = response.json() {
            let body: Promise = JsValue::from(body).unchecked_into();
            body.then(&waker.of(Wake::AnswerBody, self.id.0), &waker.of(Wake::AnswerFailed, self.id.0));
        }
    }

    /// Returns the whole answer.
    pub(crate) fn answer(&self, body: &JsValue) -> Input {
        Input::Answered { request: self.id, status: self.status, body: body.as_string().unwrap_or_default() }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // After the answer this does nothing.
        self.abort.abort();
    }
}
