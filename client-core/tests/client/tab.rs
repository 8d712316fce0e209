//! One page of a browser whose visitor may be known, with the storage that it shares with others.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::bench::{Bench, loaded, ready};
use client_core::{Event, Identify, Input, LinkId, Output, Side, Transport};
use protocol::Secret;
use serde_json::{Value, json};

/// `{"sub":"ann"}` and `{"sub":"bob"}`, as anybody could have signed them; the last part tells tokens of one person apart.
pub(crate) const ANN: &str = "h.eyJzdWIiOiJhbm4ifQ.1";
pub(crate) const ANN_LATER: &str = "h.eyJzdWIiOiJhbm4ifQ.2";
pub(crate) const BOB: &str = "h.eyJzdWIiOiJib2IifQ.1";
pub(crate) const KEY: &str = "vk_0123456789abcdefghijkl";

/// The storage of one browser.
pub(crate) type Shelf = Rc<RefCell<BTreeMap<String, String>>>;

/// One page of a browser, which keeps things as the widget does.
pub(crate) struct Tab {
    pub(crate) bench: Bench,
    pub(crate) shelf: Shelf,
    pub(crate) suffix: String,
}

impl Tab {
    /// Opens a page; storage is what earlier ones have left.
    pub(crate) fn open(shelf: &Shelf) -> Self {
        let mut config = client_core::Config::new(Side::Site { site_token: "st_demo".into() }, Secret::new(KEY));
        config.request_timeout_ms = 5_000;
        let mut tab = Self { bench: Bench::of(config), shelf: shelf.clone(), suffix: String::new() };
        tab.input(Input::Restored(tab.values()));
        tab
    }

    pub(crate) fn values(&self) -> Vec<(String, String)> {
        let own = |name: &str| match name.split_once('@') {
            Some((name, tag)) => (format!("@{tag}") == self.suffix).then(|| name.to_owned()),
            None => self.suffix.is_empty().then(|| name.to_owned()),
        };
        let shelf = self.shelf.borrow();
        shelf.iter().filter_map(|(name, value)| own(name).map(|name| (name, value.clone()))).collect()
    }

    pub(crate) fn input(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let before = self.bench.outputs.len();
            self.bench.input(input);
            for output in self.bench.outputs[before..].iter().cloned() {
                match output {
                    Output::Save { name, value } => {
                        if name.starts_with("o:") && !self.suffix.is_empty() {
                            self.shelf.borrow_mut().remove(&name);
                        }
                        self.shelf.borrow_mut().insert(name + &self.suffix, value);
                    }
                    Output::Remove { name } => {
                        self.shelf.borrow_mut().remove(&(name + &self.suffix));
                    }
                    Output::Person { tag } => {
                        self.suffix = format!("@{tag}");
                        inputs.push(Input::Person { tag, values: self.values() });
                    }
                    Output::Forget { key } => {
                        let key = key.as_ref().map(Secret::expose);
                        let is_brought = key.is_some() && self.shelf.borrow().get("key").map(String::as_str) == key;
                        self.shelf.borrow_mut().retain(|name, _| match name.contains('@') {
                            true => name.ends_with(&self.suffix) || name.starts_with("o:"),
                            false => !is_brought,
                        });
                    }
                    _ => {}
                }
            }
        }
    }

    pub(crate) fn identify(&mut self, token: &str) {
        self.input(Input::Identify(Identify::Token(Secret::new(token))));
    }

    pub(crate) fn answer(&mut self, part: &str, status: u16, body: &Value) {
        let (request, _) = self.bench.request(part);
        self.input(Input::Answered { request, status, body: body.to_string() });
    }

    /// The body of the newest question for the dialog.
    pub(crate) fn asked(&mut self) -> Value {
        serde_json::from_str(&self.bench.request("/dialogs?").1.body.unwrap()).unwrap()
    }

    /// Answers the question for the dialog, and lets the socket open.
    pub(crate) fn link(&mut self, messages: &[Value]) -> LinkId {
        self.answer("/dialogs?", 200, &loaded(messages));
        self.reopen(messages.len() as u64)
    }

    pub(crate) fn reopen(&mut self, head: u64) -> LinkId {
        let link = self.bench.link(Transport::WebSocket);
        self.input(Input::Opened { link });
        self.input(Input::Received { link, text: ready(head, head + 1).to_string() });
        self.input(Input::Received { link, text: json!({"type": "synced", "head": head}).to_string() });
        link
    }

    pub(crate) fn send(&mut self, text: &str) -> String {
        self.input(Input::Send { text: text.into() });
        self.bench.client.view().items.last().unwrap().key.clone()
    }

    pub(crate) fn needs(&mut self) -> usize {
        let outputs = self.bench.taken();
        outputs.iter().filter(|output| matches!(output, Output::Event(Event::CredentialsNeeded))).count()
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.bench.client.view().items.into_iter().map(|item| item.text).collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.shelf.borrow().keys().cloned().collect()
    }
}

pub(crate) fn shelf() -> Shelf {
    Shelf::default()
}
