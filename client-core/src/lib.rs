//! What a Rejoin client decides, without a clock, randomness or IO.
//!
//! The life of a client: it is made with a [`Config`] and a seed, given what storage held ([`Input::Restored`]), and then
//! told everything that happens as an [`Input`] with the time at which it happens. After each input the driver drains
//! [`Client::poll_output`] to `None` and carries the outputs out, asks [`Client::poll_timeout`] when to come back at the
//! latest, and shows [`Client::view`] when it has changed.
//!
//! A visitor who has said nothing costs nothing: no request, no link, no stored byte (but the site's own settings, once the
//! panel opens). The first message is put into the outbox, kept in storage, and starts the dialog by a POST that may be
//! repeated at will. When the dialog is loaded, the link is opened: a WebSocket first, server-sent events beside it when that takes
//! too long, polls beside both when nothing comes; the first that is ready wins. Whatever breaks, the link comes back by itself: a cheap request (the gate) finds
//! out whether the server is there, and only then a socket is opened. The cursor says what was applied, the log says what
//! came after it, the ids say which of the own messages it knows: nothing else is needed to be right.
//!
//! The same code runs in the browser (client-wasm), in load tools, and in the simulator.

mod answers;
mod audit;
mod backoff;
mod client;
mod config;
mod connection;
mod contact;
mod enclosure;
mod ending;
mod frames;
mod health;
mod identity;
mod input;
mod instant;
mod ladder;
pub mod lobby;
mod log;
mod log_text;
mod marks;
mod message_id;
mod opening;
mod outbox;
mod output;
mod path;
mod polling;
mod pulse;
mod report;
mod requests;
mod screen;
mod sending;
mod servers;
mod session;
pub mod sse;
mod staffing;
mod tabs;
mod takeover;
mod telemetry;
mod timeline;
mod timers;
mod trouble;
mod view;
mod window;

pub use client::Client;
pub use config::{Buffer, Config, Heartbeat, Jitter, Reconnect, Side, Transports};
pub use health::{Health, Issue, Status};
pub use input::{End, Identify, Input, Page, Panel, Tab};
pub use instant::{Instant, Now};
pub use log::{Datum, Entry, Level, What};
pub use log_text::timestamp;
pub use message_id::is_unsendable;
pub use output::{Authorization, Call, Event, Output, Transport};
pub use report::Report;
pub use staffing::Staffing;
pub use telemetry::{Counters, Quality};
pub use trouble::{Action, Class, Severity, Trouble};
pub use view::{Banner, Contact, Delivery, From, Item, LinkState, Notice, Older, Site, View};

/// One attempt at one transport; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(pub u32);

/// One request; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u32);
