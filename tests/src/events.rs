//! Server-sent events by hand.

use std::collections::VecDeque;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::time::timeout;

use crate::PATIENCE;
use crate::http::{Answer, Ask, NoAnswer};

/// An open stream of events.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    rest: String,
    waiting: VecDeque<(Option<u64>, Value)>,
    /// Every frame that came, for the message of a test that fails.
    seen: Vec<Value>,
}

impl Events {
    /// Opens a stream.
    ///
    /// # Errors
    /// The answer, where it is an error.
    ///
    /// # Panics
    /// Nobody answered, or it is no stream of events.
    pub async fn open(ask: Ask) -> Result<Self, Answer> {
        let ask = ask.header("accept", "text/event-stream");
        let opened = timeout(PATIENCE, ask.open()).await.expect("an answer comes in time");
        let response = opened.unwrap_or_else(|NoAnswer(why)| panic!("{why}"));
        let (parts, body) = response.into_parts();
        if parts.status.as_u16() != 200 {
            let body = body.collect().await.expect("an error has a whole body").to_bytes();
            return Err(Answer { status: parts.status.as_u16(), headers: parts.headers, body });
        }
        let kind = parts.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        Ok(Self { body, rest: String::new(), waiting: VecDeque::new(), seen: Vec::new() })
    }

    /// Returns the next frame and the cursor of its event, or nothing at the end of the stream.
    ///
    /// # Panics
    /// Nothing comes in time.
    pub async fn next(&mut self) -> Option<(Option<u64>, Value)> {
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                self.seen.push(frame.1.clone());
                return Some(frame);
            }
            let chunk = timeout(PATIENCE, self.body.frame()).await;
            let chunk = chunk.unwrap_or_else(|_| panic!("nothing came; before that: {:#?}", self.seen));
            let Some(Ok(chunk)) = chunk else { return None };
            let Ok(data) = chunk.into_data() else { continue };
            self.rest.push_str(std::str::from_utf8(&data).expect("chunks end at the end of events"));
            while let Some(end) = self.rest.find("\n\n") {
                let event: String = self.rest.drain(..end + 2).collect();
                self.take(&event);
            }
        }
    }

    /// Returns the next frame of a kind and skips the others.
    ///
    /// # Panics
    /// It does not come in time, or the stream ends.
    pub async fn frame(&mut self, kind: &str) -> Value {
        loop {
            let next = self.next().await;
            let (_, frame) = next.unwrap_or_else(|| panic!("the end, and no {kind}; before that: {:#?}", self.seen));
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    fn take(&mut self, event: &str) {
        let field = |name: &str| {
            event.lines().filter_map(|line| line.strip_prefix(name)).map(str::trim_start).collect::<Vec<_>>().join("\n")
        };
        let id = field("id:").parse().ok();
        let data = field("data:");
        if data.is_empty() {
            return;
        }
        let value: Value = serde_json::from_str(&data).unwrap_or_else(|_| panic!("not JSON: {data}"));
        let frames = if let Value::Array(frames) = value { frames } else { vec![value] };
        self.waiting.extend(frames.into_iter().map(|frame| (id, frame)));
    }
}
