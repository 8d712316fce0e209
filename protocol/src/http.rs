//! Bodies of the HTTP API.

use crate::wire::wire;
use crate::{AuthorKind, Decimal, File, FileLimits, Message, Secret, SendMessage, Stored};

wire! {
    /// `POST /api/{site,widget}/dialogs`: finds this visitor's dialog, or starts one with a first message.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct StartDialog {
        /// The first message; without it a dialog is found but never made.
        pub message: Option<SendMessage> [optional],
        /// The sender that `message.n` counts for.
        pub client: Option<String> [optional],
        /// From a visitor who shows a token: the key that was theirs before. Its dialog becomes theirs, unless they have one.
        pub key: Option<Secret> [optional],
        /// What the page says about the visitor: the text of a JSON object of up to 20 texts, numbers and truth values.
        pub attributes: Option<String> [optional],
    }
}

wire! {
    /// What a page reads out of a site-signed token, without being able to check it.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct TokenClaims {
        /// Whom it speaks of.
        pub sub: String,
    }
}

wire! {
    /// The answer to [`StartDialog`].
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct DialogLoaded {
        /// The visitor's dialog; none where none was made yet.
        pub dialog_id: Option<u64> [optional],
        /// What became of the first message.
        pub stored: Option<Stored> [optional],
        /// The end of the log.
        pub page: Page,
        /// Whether the visitor has left an address to be written to.
        pub contact: bool [default],
    }
}

wire! {
    /// `POST …/contact`: where the visitor can be written to when nobody is there.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Contact {
        /// An e-mail address; empty: none any more.
        pub email: Secret,
    }
}

wire! {
    /// A stretch of a dialog's log, and the answer of `GET …/messages`.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Page {
        /// The epoch of the log.
        pub epoch: u64,
        /// The last `seq` of the log.
        pub head: u64,
        /// Messages by `seq`.
        pub messages: Vec<Message>,
        /// Whether there are older ones than the first of these.
        pub older: bool [default],
        /// The [`crate::digest`] of the log up to `head`, where the server knows it.
        pub hash: Option<u64> [optional],
    }
}

wire! {
    /// `POST …/messages`.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct PostMessage {
        /// What was written; with a file it may be empty.
        pub text: String,
        /// The id of a file that was uploaded before.
        pub file: Option<String> [optional],
        /// The name that makes a retry harmless; the server makes one where there is none.
        pub id: Option<String> [optional],
        /// 1, 2, 3 … within `client`.
        pub n: Option<u64> [optional],
        /// The sender that `n` counts for.
        pub client: Option<String> [optional],
    }
}

wire! {
    /// The answer to [`PostMessage`]: 201 for a new message, 200 for one that was there.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct PostedMessage {
        /// The dialog it belongs to.
        pub dialog_id: u64,
        /// Its id.
        pub id: String,
        /// Its place in the log.
        pub seq: u64,
        /// When it was stored, ms since 1970.
        pub at: u64,
    }
}

wire! {
    /// `GET /api/{site,widget}/config`: what the widget needs before any dialog exists.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct SiteConfig {
        /// The name in the widget's header.
        pub name: String,
        /// The welcome message, shown while no dialog exists.
        pub welcome: String [default],
        /// The accent colour, `#rrggbb`.
        pub color: String [default],
        /// The shown name of the assistant that answers, if one does.
        pub assistant: String [optional],
        /// The names of the operators that are there now.
        pub operators: Vec<String> [default],
        /// Whether the site token alone opens dialogs (`visitor_auth = "open"`).
        pub open: bool [default],
        /// Whether the site's owner wants to be told how good the links are (`metrics`).
        pub metrics: bool [default],
        /// Where else to go, best first; empty: only here.
        pub servers: Vec<String> [optional],
        /// Whether the visitors must say who they are, by a token that the site has signed.
        pub identity_required: bool [optional],
        /// The hours of the site as they are now; none where it has none, or where an assistant answers at any time.
        pub hours: Option<Opening> [optional],
        /// Whether nobody has been there for a while who could answer.
        pub absent: bool [default],
        /// What the site says while nobody is there; empty: nothing beside when somebody is back.
        pub away: String [optional],
        /// The server's clock, ms since 1970: that of the page may be another one.
        pub now: u64 [default],
        /// The files that the site takes; none where it takes none.
        pub files: Option<FileLimits> [optional],
        /// The language of the site, for pages that name none that is spoken; empty: the visitor's own.
        pub locale: String [optional],
    }
}

wire! {
    /// Whether a site is open, and when that changes next.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Opening {
        /// Whether it is open now.
        pub open: bool,
        /// The next opening after now, ms since 1970; none where it is never closed.
        pub opens_at: Option<u64> [optional],
        /// The next closing after now; none where it is never closed.
        pub closes_at: Option<u64> [optional],
    }
}

wire! {
    /// The answer to `PUT …/files/{file}`: 201 for a new one, 200 for one that was there.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Uploaded {
        /// The file, as a message will show it.
        pub file: File,
    }
}

wire! {
    /// `GET /health`; with `?ws=1` it is the gate that a client asks before it opens a socket.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Health {
        /// `ok`, `draining` or `degraded`.
        pub status: String,
        /// How long this client should wait before it opens its socket.
        pub retry_ms: u32 [default],
    }
}

wire! {
    /// Every error of the HTTP API.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct ErrorBody {
        /// What went wrong.
        pub error: ErrorDetail,
    }
}

wire! {
    /// What went wrong.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct ErrorDetail {
        /// One of [`crate::code`].
        pub code: String,
        /// What to do, for a developer.
        pub message: String,
        /// Not before, where trying again helps.
        pub retry_after_ms: Option<u32> [optional],
    }
}

wire! {
    /// `POST /api/login`: an operator asks for a token.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Login {
        /// The address that the operator was made with.
        pub email: String,
        /// The password.
        pub password: Secret,
    }
}

wire! {
    /// The answer to [`Login`].
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct LoggedIn {
        /// The operator's JWT.
        pub token: Secret,
        /// The operator's shown name.
        pub name: String,
        /// When the token expires, ms since 1970.
        pub expires_at: u64,
    }
}

wire! {
    /// `GET /api/dialogs?limit=&before=`: the operator's dialogs, the latest first.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct DialogList {
        /// One line each.
        pub dialogs: Vec<DialogLine>,
        /// `before` of the next page, where there may be one.
        pub next: Option<String> [optional],
    }
}

wire! {
    /// One line of an operator's list of dialogs.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct DialogLine {
        /// The dialog.
        pub dialog_id: u64,
        /// Its site.
        pub site_id: u64,
        /// The name of its site.
        pub site: String,
        /// The assistant that answers in it.
        pub assistant_id: Option<u64> [optional],
        /// The last `seq` of its log.
        pub head: u64,
        /// The visitor's messages that no operator has read, counted up to 100.
        pub unread: u64,
        /// The kind of the last message's author.
        pub last_author: AuthorKind,
        /// The last message, up to 200 characters.
        pub preview: String,
        /// When the last message was stored, ms since 1970.
        pub at: u64,
        /// Who the visitor is, where anybody has said.
        pub visitor: Option<VisitorLine> [optional],
        /// Where the visitor can be written to, if an address was left.
        pub email: Option<Secret> [optional],
        /// Whether its site takes files.
        pub files: bool [default],
    }
}

wire! {
    /// Who the visitor of a dialog is.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct VisitorLine {
        /// The shown name; empty: not known.
        pub name: String [default],
        /// The address; empty: not known.
        pub email: String [default],
        /// Whether the site has signed who this is.
        pub verified: bool,
        /// What the page says: the text of a JSON object; nobody vouches for it.
        pub attributes: String [default],
    }
}

wire! {
    /// `GET /health/websocket`: how many links there are, each counted in its own pool.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct WebSocketHealth {
        /// `ok`, `draining` or `degraded`.
        pub status: String,
        /// Links of operators.
        pub active_admin_connections: u64,
        /// Links of visitors in an iframe.
        pub active_widget_connections: u64,
        /// Links of visitors by direct embed.
        pub active_site_connections: u64,
        /// Dialogs with an operator in them.
        pub total_dialogs_admin: u64,
        /// Dialogs with a visitor in an iframe in them.
        pub total_dialogs_widget: u64,
        /// Dialogs with a visitor by direct embed in them.
        pub total_dialogs_site: u64,
    }
}

wire! {
    /// `GET /api/debug/websocket/status`: who is connected.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct LinkList {
        /// The same figures as on `/health/websocket`.
        pub health: WebSocketHealth,
        /// The most links that this server takes.
        pub max_connections: u64,
        /// TCP connections, those of the links included.
        pub tcp_connections: u64,
        /// The links in dialogs of the operator's sites, up to 1,000.
        pub links: Vec<LinkLine>,
        /// What clients have told of their links since this server started, by site.
        pub metrics: Vec<SiteMetrics> [default],
    }
}

wire! {
    /// What the clients of one site have told of their links.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct SiteMetrics {
        /// The site.
        pub site_id: u64,
        /// How often any of them has told something.
        pub reports: u64,
        /// When one did so last, ms since 1970.
        pub at: u64,
        /// Each figure, by name.
        pub figures: Vec<FigureLine>,
    }
}

wire! {
    /// One figure over all that clients have told.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct FigureLine {
        /// Its name.
        pub name: String,
        /// How often it was told.
        pub count: u64,
        /// Its mean.
        pub mean: Decimal,
        /// The least.
        pub min: Decimal,
        /// The most.
        pub max: Decimal,
        /// The last.
        pub last: Decimal,
    }
}

wire! {
    /// One link.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct LinkLine {
        /// Its number.
        pub link: u64,
        /// Its pool: `admin`, `widget` or `site`.
        pub pool: String,
        /// `websocket` or `sse`.
        pub transport: String,
        /// Its dialog.
        pub dialog_id: u64,
        /// When it came, ms since 1970.
        pub since: u64,
        /// The last `seq` that was written to it; 0 where it has been sent none.
        pub written: u64,
        /// The last `seq` that its page said it has; 0 where it has said none.
        pub received: u64,
    }
}

wire! {
    /// `GET /api/debug/websocket/sync?dialog_id=N`: whether every side has seen every message.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct DialogSync {
        /// The dialog.
        pub dialog_id: u64,
        /// The epoch of the log.
        pub epoch: u64,
        /// The last `seq` of its log.
        pub head: u64,
        /// The [`crate::digest`] of its log.
        pub hash: u64 [default],
        /// How far the visitor has come.
        pub visitor: SideSync,
        /// How far the operators have come, all together.
        pub operator: SideSync,
        /// Whether both sides have received everything.
        pub in_sync: bool,
        /// Who is in the dialog now.
        pub links: Vec<LinkLine>,
    }
}

wire! {
    /// How far one side of a dialog has come.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct SideSync {
        /// The last `seq` that has reached its page.
        pub received: u64,
        /// The last `seq` that a person has seen.
        pub read: u64,
        /// Links that are open now.
        pub links: u64,
    }
}
