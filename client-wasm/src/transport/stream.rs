//! Server-sent events over `fetch`: with headers, with the status of a refusal, and ended at will.

use client_core::sse::Decoder;
use client_core::{End, LinkId};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::*;
use web_sys::{AbortController, ReadableStreamDefaultReader, Response, TextDecoder};

use super::Origin;
use crate::browser::{Promise, fetch, flag, get, object, set_number};
use crate::wake::{Wake, Waker};

/// One stream; dropping it ends it.
pub(crate) struct Stream {
    pub(crate) link: LinkId,
    abort: AbortController,
    utf8: TextDecoder,
    reader: Option<ReadableStreamDefaultReader>,
    status: u16,
    decoder: Decoder,
}

/// What a piece of the stream was.
pub(crate) enum Chunk {
    /// The data of whole events.
    Events(Vec<String>),
    /// The end.
    End,
}

impl Stream {
    /// Opens one; `None` where the browser cannot.
    pub(crate) fn open(link: LinkId, origin: &Origin<'_>, path: &str, waker: &Waker) -> Option<Self> {
        let abort = AbortController::new().ok()?;
        let utf8 = TextDecoder::new().ok()?;
        let init = origin.init(&abort.signal(), None);
        fetch(&origin.url(path), &init)
            .then(&waker.of(Wake::StreamHead, link.0), &waker.of(Wake::StreamFailed, link.0));
        Some(Self { link, abort, utf8, reader: None, status: 0, decoder: Decoder::default() })
    }

    /// Takes the head of the answer; `true` when the stream is open.
    pub(crate) fn head(&mut self, response: &JsValue, waker: &Waker) -> bool {
        let response: &Response = response.unchecked_ref();
        self.status = response.status();
        if flag(response, "ok") {
            self.reader = response.body().map(|body| body.get_reader().unchecked_into());
            self.read(waker);
            return true;
        }
        if let Ok(body) = response.text() {
            let body: Promise = JsValue::from(body).unchecked_into();
            body.then(&waker.of(Wake::StreamRefused, self.link.0), &waker.of(Wake::StreamFailed, self.link.0));
        }
        false
    }

    /// Takes a piece, and asks for the next.
    pub(crate) fn chunk(&mut self, piece: &JsValue, waker: &Waker) -> Chunk {
        if flag(piece, "done") {
            return Chunk::End;
        }
        let options = object();
        set_number(&options, "stream", 1.0);
        let text = self
            .utf8
            .decode_with_buffer_source_and_options(get(piece, "value").unchecked_ref(), options.unchecked_ref())
            .unwrap_or_default();
        let Ok(events) = self.decoder.push(&text) else { return Chunk::End };
        self.read(waker);
        Chunk::Events(events)
    }

    /// Returns how a stream that was not let in has ended.
    pub(crate) fn refused(&self, body: &JsValue) -> End {
        End::Refused { status: self.status, body: body.as_string().unwrap_or_default() }
    }

    fn read(&self, waker: &Waker) {
        if let Some(reader) = &self.reader {
            let piece: Promise = JsValue::from(reader.read()).unchecked_into();
            piece.then(&waker.of(Wake::StreamChunk, self.link.0), &waker.of(Wake::StreamFailed, self.link.0));
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.abort.abort();
    }
}
