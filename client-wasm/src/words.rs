//! The words for what a style sheet, a test or the page's own program can ask about.

use client_core::{Delivery, LinkState};
#[cfg(feature = "widget")]
use protocol::AuthorKind;

/// How far a message has come.
pub(crate) fn delivery(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Sending => "sending",
        Delivery::Unconfirmed => "unconfirmed",
        Delivery::Unsaved => "unsaved",
        Delivery::Sent => "sent",
        Delivery::Delivered => "delivered",
        Delivery::Read => "read",
        Delivery::Expired => "expired",
        Delivery::Refused => "refused",
    }
}

/// How the link is.
pub(crate) fn link(link: LinkState) -> &'static str {
    match link {
        LinkState::Idle => "idle",
        LinkState::Connecting => "connecting",
        LinkState::Online => "online",
        LinkState::OnlineSse => "online-sse",
        LinkState::OnlineLongPolling => "online-long-polling",
        LinkState::OnlinePolling => "online-polling",
        LinkState::Reconnecting => "reconnecting",
        LinkState::Offline => "offline",
        LinkState::Stopped => "stopped",
    }
}

/// Who wrote.
#[cfg(feature = "widget")]
pub(crate) fn author(kind: AuthorKind) -> &'static str {
    match kind {
        AuthorKind::Visitor => "visitor",
        AuthorKind::Operator => "operator",
        AuthorKind::Assistant => "assistant",
        AuthorKind::System => "system",
    }
}
