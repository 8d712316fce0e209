//! Everything that can happen to a client.

use protocol::Secret;
use protocol::http::SiteConfig;

use crate::{Level, LinkId, RequestId};

/// Everything that can happen to a [`crate::Client`].
#[derive(Clone, Debug)]
#[cfg_attr(
    target_pointer_width = "64",
    expect(clippy::large_enum_variant, reason = "the settings come once, and are taken apart where they arrive")
)]
pub enum Input {
    /// What storage held when the page came up: names and values as [`crate::Output::Save`] wrote them. Given once, first.
    Restored(Vec<(String, String)>),
    /// A value could not be written: storage is full or absent.
    SaveFailed {
        /// The name of [`crate::Output::Save`].
        name: String,
    },
    /// The site's settings, which somebody else has asked for already.
    Settings(SiteConfig),
    /// The application wants the link up: the widget was opened, or a dialog is under way.
    Start,
    /// The application wants no link; nothing is forgotten.
    Stop,
    /// A person sends a message.
    Send {
        /// As it was written.
        text: String,
    },
    /// A person asks for a message again that was given up, or that is in doubt for long; it keeps its id.
    Retry {
        /// Its id.
        id: String,
    },
    /// A person does not want to wait: for a link, or for a better one than there is.
    TryNow,
    /// The text in the composer has changed.
    Draft {
        /// All of it.
        text: String,
    },
    /// A person leaves an address to be written to.
    Contact {
        /// As it was written.
        email: String,
    },
    /// The panel was opened or closed.
    Panel(Panel),
    /// A person wants to see older messages.
    Older,
    /// New credentials, after [`crate::Event::CredentialsNeeded`] or before; a visitor's are a token, as with
    /// [`Identify::Token`].
    Credential(Secret),
    /// The page says who the visitor is.
    Identify(Identify),
    /// What storage holds of a person, after [`crate::Output::Person`].
    Person {
        /// Whose they are.
        tag: String,
        /// Names and values.
        values: Vec<(String, String)>,
    },
    /// The page says something about the visitor: the text of a JSON object, all of it each time.
    Attributes(String),
    /// The visitor logs out, here or in another page; storage has been cleared.
    Logout {
        /// A visitor key that nobody has seen; it is not kept before the visitor does something.
        key: Secret,
    },
    /// Another page has taken a message of nobody's out of storage: it is stored, or goes along with a person.
    Taken {
        /// Its id.
        id: String,
    },
    /// The visitor's key is gone from storage: another page knows now who this is.
    Disowned {
        /// A visitor key that nobody has seen.
        key: Secret,
    },
    /// Something happened to the page.
    Page(Page),
    /// The browser says which of this visitor's pages leads.
    Tab(Tab),
    /// A link is open, but not yet ready.
    Opened {
        /// Which.
        link: LinkId,
    },
    /// Text came over a link: one WebSocket message, or the data of one SSE event.
    Received {
        /// Which.
        link: LinkId,
        /// A frame or a batch.
        text: String,
    },
    /// A link is gone.
    Closed {
        /// Which.
        link: LinkId,
        /// How it ended.
        end: End,
    },
    /// A request was answered.
    Answered {
        /// Which.
        request: RequestId,
        /// The status, 200 to 599.
        status: u16,
        /// The whole body.
        body: String,
    },
    /// A request got no answer: network, CORS, abort.
    Unanswered {
        /// Which.
        request: RequestId,
    },
    /// The instant of [`crate::Client::poll_timeout`] has come.
    Timeout,
    /// The page wants to be told of log entries from this level on, or of none.
    Log(Option<Level>),
}

/// What a page says about who the visitor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identify {
    /// It can say so, when it is asked by [`crate::Event::CredentialsNeeded`]; somebody else may have logged in.
    Asked,
    /// This is the token that the site has signed.
    Token(Secret),
    /// It was asked, and has no token to give.
    Failed,
}

/// Whether the widget's panel is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panel {
    /// The conversation is on the screen.
    Open,
    /// Only the launcher is.
    Closed,
}

/// What happened to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// `visibilitychange` to visible, or `focus`.
    Visible,
    /// `visibilitychange` to hidden.
    Hidden,
    /// `pageshow` from the back-forward cache, or `resume`.
    Resumed,
    /// `pagehide` or `freeze`: no timer will run for a while, perhaps for ever.
    Frozen,
    /// `online`.
    Online,
    /// `offline`.
    Offline,
}

/// What a page is among the pages of one visitor, where the browser can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// The one whose link stays, hidden or not.
    Leads,
    /// Another one leads.
    Follows,
}

/// How a link ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A WebSocket was closed.
    Socket {
        /// The close code, 1006 where there was none.
        code: u16,
        /// The close reason.
        reason: String,
    },
    /// An SSE request was answered with an error.
    Refused {
        /// The status, 400 to 599.
        status: u16,
        /// The whole body.
        body: String,
    },
    /// The network, without a word.
    Broken,
}
