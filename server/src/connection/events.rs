//! One stream of server-sent events: the same session as on a socket, downwards only.

use std::convert::Infallible;
use std::fmt::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::Stream;
use protocol::json;

use super::link::{Drained, Link};
use super::outgoing::Frame;
use super::socket::{self, Talk};

/// Bytes that are handed to HTTP at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// Returns the answer that streams what the link has to say.
pub(crate) fn events(link: Link) -> Response {
    let opened_at = link.app().clock().mono();
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // nginx would gather the events otherwise.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    let events = Events { link, opened_at, farewell: Farewell::Ahead };
    (headers, Body::from_stream(events)).into_response()
}

struct Events {
    link: Link,
    opened_at: server_core::Millis,
    farewell: Farewell,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Farewell {
    Ahead,
    Said,
}

impl Stream for Events {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            this.link.poll(context);
            let mut chunk = String::new();
            while chunk.len() < CHUNK_BYTES
                && let Some(frame) = this.link.next_frame()
            {
                append(&mut chunk, &frame);
            }
            if !chunk.is_empty() {
                return Poll::Ready(Some(Ok(chunk.into())));
            }
            if let Some(ending) = this.link.ending() {
                if this.farewell == Farewell::Said {
                    return Poll::Ready(None);
                }
                this.farewell = Farewell::Said;
                let bye = json::to_string(&ending.bye());
                append(&mut chunk, &Frame::Answer(bye));
                return Poll::Ready(Some(Ok(chunk.into())));
            }
            if this.link.note_drained() == Drained::Idle {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        socket::log_end(&self.link, self.opened_at);
    }
}

/// Writes one event; its `id` is the cursor, so that a client that comes back says where it was.
pub(crate) fn append(chunk: &mut String, frame: &Frame) {
    // Writing to a string does not fail. JSON has no line breaks of its own.
    let _infallible = match frame {
        Frame::Event(event) => write!(chunk, "id: {}\ndata: {}\n\n", event.seq, event.json),
        Frame::Ready(text) | Frame::Synced(text) | Frame::Passing(text) | Frame::Beat(text) | Frame::Answer(text) => {
            write!(chunk, "data: {text}\n\n")
        }
    };
}
