//! The words for what a style sheet, a test or the page's own program can ask about.

use client_core::{Delivery, LinkState};

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
