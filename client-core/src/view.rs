//! The user interface as plain data; a driver compares it with the last one and touches the page.

use protocol::Author;
use protocol::http::SiteConfig;

use crate::Staffing;

/// All that a person sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Name, colour and welcome of the site; `None` until they have come.
    pub site: Option<Site>,
    /// The conversation, oldest first; `key` is unique among them and never changes.
    pub items: Vec<Item>,
    /// Whether there are older messages than the first of these.
    pub older: Older,
    /// Messages of the other side that nobody has seen yet.
    pub unread: u32,
    /// Who is typing on the other side; empty: nobody; `…`: somebody without a name.
    pub typing: String,
    /// The names of the operators that are there now.
    pub operators: Vec<String>,
    /// Whether somebody is there to answer.
    pub staffing: Staffing,
    /// Whether the visitor is asked for an address.
    pub contact: Contact,
    /// How the link is.
    pub link: LinkState,
    /// What to tell the person about it; [`Banner::None`] most of the time.
    pub banner: Banner,
    /// The composer's text as it was restored; the driver puts it in once.
    pub draft: String,
    /// Why the last message was not taken into the outbox.
    pub notice: Notice,
    /// Whether somebody else may look at it by now: the conversation and the draft are not to be seen.
    pub is_veiled: bool,
}

/// What a site says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// The name in the header.
    pub name: String,
    /// The accent colour, `#rrggbb`, or empty.
    pub color: String,
    /// The name of the assistant that answers, or empty.
    pub assistant: String,
    /// What it says while nobody is there, or empty.
    pub away: String,
    /// Whether it takes files.
    pub files: bool,
}

impl Site {
    /// Takes what is shown out of the settings.
    pub(crate) fn of(site: &SiteConfig) -> Self {
        Self {
            name: site.name.clone(),
            color: site.color.clone(),
            assistant: site.assistant.clone(),
            away: site.away.clone(),
            files: site.files.is_some(),
        }
    }
}

/// One entry of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The id of the message.
    pub key: String,
    /// Its place in the log; 0 while it has none.
    pub seq: u64,
    /// Who wrote it.
    pub author: Author,
    /// Whose side it is on.
    pub from: From,
    /// What was written: text, never markup.
    pub text: String,
    /// ms since 1970: stored, or written while it is not stored yet; 0 for the welcome before any dialog.
    pub at: u64,
    /// How far it has come; for own messages.
    pub delivery: Delivery,
    /// What was sent with it: a [`protocol::File`] as JSON, which most people who look never see; empty where nothing was.
    pub file: String,
}

/// Whose message it is, seen from this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// This side's: the visitor's in the widget, operators' and assistants' in the console.
    Own,
    /// The other side's.
    Other,
}

/// How far an own message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// On its way.
    Sending,
    /// On its way for longer than usual; it may have arrived, and it is being asked for. A person may have it asked for at once.
    Unconfirmed,
    /// It could not be kept beyond this page: storage is full or absent. It is being sent all the same.
    Unsaved,
    /// Durable at the server.
    Sent,
    /// On the other side's screen or in its page.
    Delivered,
    /// Seen there.
    Read,
    /// Not sent for a day; a person may send it again.
    Expired,
    /// The server does not take it, whatever happens (too long, say).
    Refused,
}

/// Whether older messages can be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Older {
    /// The first message is here.
    #[default]
    None,
    /// There are some.
    Some,
    /// They have been asked for.
    Loading,
}

/// Whether the visitor is asked for an address to be written to, while nobody is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contact {
    /// No.
    #[default]
    None,
    /// It is asked for.
    Wanted,
    /// What was given cannot be an address.
    Refused,
    /// It is on its way, and kept until it has come.
    Sending,
    /// It is stored.
    Given,
}

/// How the link is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// No link is wanted yet.
    #[default]
    Idle,
    /// The first one is being opened.
    Connecting,
    /// All is well.
    Online,
    /// All is well, without a WebSocket.
    OnlineSse,
    /// All is well, by requests that the server holds.
    OnlineLongPolling,
    /// All is well but slow, by requests every few seconds.
    OnlinePolling,
    /// It broke, and is being opened again.
    Reconnecting,
    /// Many tries have failed, or the device says it is offline; slow tries go on.
    Offline,
    /// Ended for good.
    Stopped,
}

/// What to tell a person about the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Banner {
    /// Nothing.
    #[default]
    None,
    /// "Reconnecting…", after two seconds without a link.
    Reconnecting,
    /// "Slow connection. Messages may take a little longer": only polling gets through; with "try now".
    Limited,
    /// "No connection. Messages are kept and sent later", with "try now".
    Offline,
    /// "This chat is not available here".
    Refused,
}

/// Why a message was not taken into the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notice {
    /// Nothing to say.
    #[default]
    None,
    /// The text has too many characters.
    TooLong,
    /// The outbox is full.
    OutboxFull,
}
