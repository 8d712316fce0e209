//! One open connection of a client: its session, its queue and its transport.

mod batch;
mod decode;
#[cfg(feature = "probe")]
mod echo;
mod events;
mod handshake;
mod inbox;
mod link;
mod links;
mod outgoing;
mod poll;
mod question;
mod socket;
mod timer;
mod wire;

pub(crate) use batch::Batch;
pub(crate) use decode::frames;
#[cfg(feature = "probe")]
pub(crate) use echo::Echo;
#[cfg(feature = "probe")]
pub(crate) use events::append;
pub(crate) use events::events;
pub(crate) use handshake::{Upgrade, accept};
pub(crate) use inbox::Inbox;
pub(crate) use link::{Drained, Entry, Link};
pub(crate) use links::{Links, NoPlace, Onward, OpenLink};
#[cfg(feature = "probe")]
pub(crate) use outgoing::Frame;
pub(crate) use poll::poll;
pub(crate) use socket::{Socket, Talk, refuse};
