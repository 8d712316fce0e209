//! What is told to whoever is there, and never stored in the log.

use protocol::{Presence, Receipt, ServerFrame, TypingBy};

/// Something that is only worth telling now.
#[derive(Clone, Debug, PartialEq)]
pub enum Ephemeral {
    /// Somebody types, or has stopped; never told to the session that said it.
    Typing(TypingBy),
    /// Which operators are there.
    Presence(Presence),
    /// How far one side has come.
    Receipt(Receipt),
}

impl Ephemeral {
    /// Returns the channel of [`protocol::CHANNELS`] that carries it.
    pub const fn channel(&self) -> &'static str {
        match self {
            Self::Typing(_) => "typing",
            Self::Presence(_) => "presence",
            Self::Receipt(_) => "receipts",
        }
    }

    /// Returns its frame.
    pub fn into_frame(self) -> ServerFrame {
        match self {
            Self::Typing(typing) => ServerFrame::Typing(typing),
            Self::Presence(presence) => ServerFrame::Presence(presence),
            Self::Receipt(receipt) => ServerFrame::Receipt(receipt),
        }
    }
}
