//! A client whose clock, server and network are written by hand.

use client_core::{Call, Client, Config, Delivery, Input, Instant, LinkId, Now, Output, RequestId, Side, Transport};
use protocol::Secret;
use serde_json::{Value, json};

/// A client, its clock, and what it asked for.
pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) ms: u64,
    pub(crate) outputs: Vec<Output>,
}

impl Bench {
    pub(crate) fn new(side: Side) -> Self {
        Self::of(Config::new(side, Secret::new("vk_0123456789abcdefghijkl")))
    }

    pub(crate) fn of(config: Config) -> Self {
        let client = Client::new(config, 42);
        let mut bench = Self { client, ms: 1_000, outputs: Vec::new() };
        bench.input(Input::Restored(Vec::new()));
        bench
    }

    pub(crate) fn visitor() -> Self {
        Self::new(Side::Site { site_token: "st_demo".into() })
    }

    pub(crate) fn now(&self) -> Now {
        Now { mono: Instant::from_millis(self.ms), wall: 1_763_640_000_000 + self.ms }
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.client.handle(self.now(), input);
        while let Some(output) = self.client.poll_output() {
            self.outputs.push(output);
        }
    }

    /// Lets time pass, with every timer at its moment.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.ms + ms;
        while let Some((at, _)) = self.client.poll_timeout().filter(|(at, _)| at.as_millis() <= end) {
            self.ms = self.ms.max(at.as_millis());
            self.input(Input::Timeout);
        }
        self.ms = end;
    }

    pub(crate) fn taken(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// Takes the newest request whose path holds this.
    pub(crate) fn request(&mut self, part: &str) -> (RequestId, Call) {
        let found = self.outputs.iter().rev().find_map(|output| match output {
            Output::Request { request, call } if call.path.contains(part) => Some((*request, call.clone())),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no request for {part} among {:#?}", self.outputs))
    }

    /// Takes the newest question to a gate whose address begins with this.
    pub(crate) fn gate_at(&self, start: &str) -> Option<RequestId> {
        self.outputs.iter().rev().find_map(|output| match output {
            Output::Request { request, call } if call.path.starts_with(start) => Some(*request),
            _ => None,
        })
    }

    pub(crate) fn answer(&mut self, part: &str, status: u16, body: &Value) {
        let (request, _) = self.request(part);
        self.input(Input::Answered { request, status, body: body.to_string() });
    }

    /// Takes the newest link of a kind.
    pub(crate) fn link(&self, kind: Transport) -> LinkId {
        let found = self.outputs.iter().rev().find_map(|output| match output {
            Output::Open { link, transport, .. } if *transport == kind => Some(*link),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no {kind:?} among {:#?}", self.outputs))
    }

    pub(crate) fn opens(&self) -> usize {
        self.outputs.iter().filter(|output| matches!(output, Output::Open { .. })).count()
    }

    pub(crate) fn frames(&mut self, link: LinkId, frames: &Value) {
        self.input(Input::Received { link, text: frames.to_string() });
    }

    /// Everything that was transmitted over a link, as one list of frames.
    pub(crate) fn transmitted(&self, over: LinkId) -> Vec<Value> {
        let texts = self.outputs.iter().filter_map(|output| match output {
            Output::Transmit { link, text } if *link == over => Some(serde_json::from_str(text).unwrap()),
            _ => None,
        });
        texts.flat_map(|value: Value| value.as_array().cloned().unwrap_or_else(|| vec![value])).collect()
    }

    pub(crate) fn sent(&self, over: LinkId, kind: &str) -> Vec<Value> {
        self.transmitted(over).into_iter().filter(|frame| frame["type"] == kind).collect()
    }

    pub(crate) fn send(&mut self, text: &str) -> String {
        self.input(Input::Send { text: text.into() });
        self.client.view().items.last().unwrap().key.clone()
    }

    /// Brings a visitor online with a dialog of one message.
    pub(crate) fn online(&mut self) -> LinkId {
        self.input(Input::Start);
        let id = self.send("hello");
        self.answer("/api/site/dialogs?", 200, &loaded(&[message(1, "welcome", "system"), message(2, &id, "visitor")]));
        let link = self.link(Transport::WebSocket);
        self.input(Input::Opened { link });
        self.frames(link, &ready(2, 3));
        self.frames(link, &json!({"type": "synced", "head": 2}));
        link
    }

    pub(crate) fn texts(&self) -> Vec<(String, Delivery)> {
        self.client.view().items.into_iter().map(|item| (item.text, item.delivery)).collect()
    }
}

pub(crate) fn message(seq: u64, id: &str, kind: &str) -> Value {
    json!({"type": "message", "dialog_id": 7, "seq": seq, "id": id, "author": {"kind": kind}, "text": format!("text of {id}"), "at": 5})
}

pub(crate) fn loaded(messages: &[Value]) -> Value {
    json!({"dialog_id": 7, "page": {"epoch": 1, "head": messages.len(), "messages": messages}})
}

pub(crate) fn ready(head: u64, next: u64) -> Value {
    json!({"type": "ready", "v": 1, "dialog_id": 7, "epoch": 1, "head": head, "mode": "delta", "next": next, "last_n": 0,
        "heartbeat_ms": 20000, "spread_ms": 250, "now": 1})
}
