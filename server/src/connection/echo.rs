//! A conversation that says back what it hears, for suites that test WebSockets and know no chat.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Context;

use server_core::Millis;
use server_core::session::Ending;
use tungstenite::Message;

use super::decode::Unreadable;
use super::link::Drained;
use super::outgoing::Frame;
use super::socket::Talk;
use super::timer::Timer;
use crate::app::App;
use crate::hub::Card;

/// Says back every message, one after the other.
pub(crate) struct Echo {
    app: App,
    heard: VecDeque<Message>,
    ending: Option<Ending>,
    timer: Timer,
    stall_at: Millis,
}

impl Echo {
    pub(crate) fn new(app: App) -> Self {
        Self { app, heard: VecDeque::new(), ending: None, timer: Timer::new(), stall_at: Millis::MAX }
    }
}

impl Talk for Echo {
    fn take_text(&mut self, text: &str) {
        self.heard.push_back(Message::text(text));
    }

    fn take_unreadable(&mut self, _unreadable: Unreadable) {}

    fn take_binary(&mut self, bytes: &[u8]) {
        self.heard.push_back(Message::binary(bytes.to_vec()));
    }

    fn is_reading(&self) -> bool {
        self.heard.is_empty() && self.ending.is_none()
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        self.timer.arm(self.app.clock(), self.stall_at, context);
    }

    fn next_frame(&mut self) -> Option<Frame> {
        None
    }

    fn next_message(&mut self) -> Option<Message> {
        self.heard.pop_front()
    }

    fn has_frames(&self) -> bool {
        !self.heard.is_empty()
    }

    fn note_drained(&mut self) -> Drained {
        if self.heard.is_empty() { Drained::Idle } else { Drained::GoesOn }
    }

    fn set_stall(&mut self, stall_at: Option<Millis>) {
        self.stall_at = stall_at.unwrap_or(Millis::MAX);
    }

    fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
    }

    fn card(&self) -> Option<&Arc<Card>> {
        None
    }

    fn dialog_id(&self) -> u64 {
        0
    }

    fn app(&self) -> &App {
        &self.app
    }
}
