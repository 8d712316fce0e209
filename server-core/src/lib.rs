//! What a Rejoin server decides, without IO: no sockets, no clock, no randomness, no database.
//!
//! A connection's life: the shell makes a [`session::Session`], feeds it everything that happens as
//! [`session::Input`] and carries out every [`session::Output`], draining them to the end after each input. The
//! session never touches the log. It asks ([`session::Output::Resume`], [`session::Output::Read`],
//! [`session::Output::Append`]) and goes on when the answer comes; each question carries a [`session::Ticket`], and an
//! answer to a question that no longer matters is dropped in one place.
//!
//! The log decides what is true. Hints of the hub ([`session::Input::Published`]) may be lost, repeated or late: the
//! session delivers strictly by `seq`, and reads the log wherever it sees a gap. Events reach the hub only after their
//! commit, so nobody sees a message that is not durable.
//!
//! What a message does to the log is [`append::decide`], a function from looked-up facts to rows, which every store
//! calls inside its own transaction. Who may touch a dialog is [`access::authorize`]; the [`access::ScopedDialog`] that
//! it gives out is the only handle that a store takes. [`origin`], [`text`], [`id`] and [`rate`] hold the rules for
//! pages, texts, ids and speed.

pub mod access;
pub mod append;
pub mod email;
mod ephemeral;
mod event;
pub mod id;
pub mod origin;
pub mod rate;
mod refusal;
pub mod session;
pub mod text;
mod time;

pub use ephemeral::Ephemeral;
pub use event::{Entry, Event};
pub use refusal::Refusal;
pub use time::{Millis, Now};
