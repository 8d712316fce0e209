//! One durable entry of a dialog's log.

use std::sync::Arc;

use protocol::{DialogChange, Message, ServerFrame, json};

use crate::Millis;

/// One durable entry of a dialog's log, with its frame ready to be sent.
///
/// It is made once, at append or at read, and shared by all who deliver it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The dialog it belongs to.
    pub dialog_id: u64,
    /// Its place: 1, 2, 3 … without holes.
    pub seq: u64,
    /// When it was stored, wall clock.
    pub at: Millis,
    /// What it is.
    pub entry: Entry,
    /// The [`protocol::digest`] of the log up to it, where it is known.
    pub hash: Option<u64>,
    /// The frame that carries it.
    pub json: Arc<str>,
}

/// What an event is.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A message.
    Message(Message),
    /// Anything else that stands in the log.
    Change(DialogChange),
}

impl Event {
    /// Makes the event of a stored message.
    pub fn message(message: Message) -> Self {
        let frame = ServerFrame::Message(message);
        let json = json::to_string(&frame).into();
        let ServerFrame::Message(message) = frame else { unreachable!("made above") };
        let (dialog_id, seq, at) = (message.dialog_id, message.seq, message.at);
        Self { dialog_id, seq, at, entry: Entry::Message(message), hash: None, json }
    }

    /// Notes the hash of the log up to this event.
    #[must_use]
    pub fn hashed(self, hash: u64) -> Self {
        Self { hash: Some(hash), ..self }
    }

    /// Makes the event of a stored change.
    pub fn change(change: DialogChange) -> Self {
        let frame = ServerFrame::Dialog(change);
        let json = json::to_string(&frame).into();
        let ServerFrame::Dialog(change) = frame else { unreachable!("made above") };
        let (dialog_id, seq, at) = (change.dialog_id, change.seq, change.at);
        Self { dialog_id, seq, at, entry: Entry::Change(change), hash: None, json }
    }
}
