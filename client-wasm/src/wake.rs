//! How the browser calls back: through one function, with a number that says what happened.
//!
//! A closure for each listener would cost the visitor more than the listeners do, and each would be a way for a panic into the
//! page. Instead the page gives one function, which is bound to the shell, to what happened and to an id, and which catches
//! what a panic throws.

use wasm_bindgen::prelude::*;

use crate::browser::{Function, Target};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The timer has run down.
    Timer,
    /// Something happened to the page; the id is an index of [`crate::page::EVENTS`].
    Page,
    /// Another page of this visitor has written into storage.
    Storage,
    /// A WebSocket is open; the id is its link's.
    SocketOpen,
    /// A WebSocket brought text.
    SocketText,
    /// A WebSocket is closed.
    SocketClosed,
    /// The head of a stream has come; the id is its link's.
    StreamHead,
    /// A piece of a stream has come.
    StreamChunk,
    /// The body of a refused stream has come.
    StreamRefused,
    /// A stream is broken.
    StreamFailed,
    /// The head of an answer has come; the id is its request's.
    AnswerHead,
    /// The body of an answer has come.
    AnswerBody,
    /// There will be no answer.
    AnswerFailed,
    /// Something happened to the panel; the id says what.
    Face,
    /// The rest of the client has come.
    LinkHere,
    /// The rest of the client could not be fetched.
    LinkFailed,
    /// Whether this page leads the others of its visitor.
    Tab,
    /// Another language is spoken.
    Speech,
    /// Something happened to the question for an address; the id says what.
    Contact,
    /// The files want to know where they go, or one of them is there to be sent.
    Files,
}

impl Wake {
    const ALL: [Self; 20] = [
        Self::Timer,
        Self::Page,
        Self::Storage,
        Self::SocketOpen,
        Self::SocketText,
        Self::SocketClosed,
        Self::StreamHead,
        Self::StreamChunk,
        Self::StreamRefused,
        Self::StreamFailed,
        Self::AnswerHead,
        Self::AnswerBody,
        Self::AnswerFailed,
        Self::Face,
        Self::LinkHere,
        Self::LinkFailed,
        Self::Tab,
        Self::Speech,
        Self::Contact,
        Self::Files,
    ];

    /// Reads the number that [`Waker::of`] bound.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}

/// Makes the callbacks of one shell.
pub(crate) struct Waker {
    shell: u32,
    entry: Function,
}

impl Waker {
    /// `entry` is `(shell, wake, id, value) => …`, and never throws.
    pub(crate) fn new(shell: u32, entry: Function) -> Self {
        Self { shell, entry }
    }

    /// Returns the number of the shell.
    #[cfg(feature = "headless")]
    pub(crate) fn shell(&self) -> u32 {
        self.shell
    }

    /// Returns a callback for one event.
    pub(crate) fn of(&self, wake: Wake, id: u32) -> Function {
        self.entry.bind(&JsValue::UNDEFINED, self.shell, wake as u32, id)
    }

    /// Listens until the listener is dropped.
    pub(crate) fn listen(&self, target: &JsValue, name: &'static str, wake: Wake, id: u32) -> Listener {
        let target: Target = target.clone().unchecked_into();
        let callback = self.of(wake, id);
        target.listen(name, &callback);
        Listener { target, name, callback }
    }
}

/// A listener that is taken off when it is dropped.
pub(crate) struct Listener {
    target: Target,
    name: &'static str,
    callback: Function,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.target.unlisten(self.name, &self.callback);
    }
}
