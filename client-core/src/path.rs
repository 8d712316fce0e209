//! Where each call goes; the paths are those of docs/protocol.md.

use protocol::{CHANNELS, json};

use crate::{Authorization, Call, Side};

/// The leaf of a stream …
pub(crate) const EVENTS: &str = "/events";
/// … and of a poll.
pub(crate) const POLL: &str = "/poll";
/// The gate answers fast or not at all, in ms.
pub(crate) const GATE_TIMEOUT_MS: u64 = 2_000;

/// From where on the log is asked for, and as whom.
pub(crate) struct Stretch {
    pub(crate) client: String,
    pub(crate) after: u64,
    pub(crate) epoch: Option<u64>,
}

/// Appends a number.
pub(crate) fn push_number(out: &mut String, number: u64) {
    out.push_str(&json::to_string(&number));
}

impl Side {
    fn api(&self) -> &'static str {
        match self {
            Self::Site { .. } => "/api/site",
            Self::Widget { .. } => "/api/widget",
            Self::Operator { .. } => "/api",
        }
    }

    /// Appends the parameters that say which site or assistant is meant.
    fn push_query(&self, out: &mut String) {
        match self {
            Self::Site { site_token } => {
                out.push_str("?site_token=");
                out.push_str(site_token);
            }
            Self::Widget { assistant_id, parent_origin, .. } => {
                out.push_str("?assistant_id=");
                push_number(out, *assistant_id);
                if !parent_origin.is_empty() {
                    out.push_str("&parent_origin=");
                    out.push_str(parent_origin);
                }
            }
            Self::Operator { .. } => out.push_str("?v=1"),
        }
    }

    fn of_dialog(&self, dialog_id: u64, rest: &str) -> String {
        let mut path = String::from(self.api());
        path.push_str("/dialogs/");
        push_number(&mut path, dialog_id);
        path.push_str(rest);
        self.push_query(&mut path);
        path
    }

    pub(crate) fn socket(&self, dialog_id: u64) -> String {
        let mut path = String::from(match self {
            Self::Site { .. } => "/ws/site/dialogs/",
            Self::Widget { .. } => "/ws/widget/dialogs/",
            Self::Operator { .. } => "/ws/dialogs/",
        });
        push_number(&mut path, dialog_id);
        self.push_query(&mut path);
        path.push_str("&hello=1");
        path
    }

    /// Returns where a stream or a poll is asked for.
    pub(crate) fn stretch(&self, dialog_id: u64, leaf: &str, of: &Stretch) -> String {
        let mut path = self.of_dialog(dialog_id, leaf);
        path.push_str("&client=");
        path.push_str(&of.client);
        path.push_str("&after=");
        push_number(&mut path, of.after);
        if let Some(epoch) = of.epoch {
            path.push_str("&epoch=");
            push_number(&mut path, epoch);
        }
        path.push_str("&channels=");
        for (place, channel) in CHANNELS.iter().enumerate() {
            if place > 0 {
                path.push(',');
            }
            path.push_str(channel);
        }
        path
    }

    pub(crate) fn frames(&self, dialog_id: u64, client: &str, body: String) -> Call {
        let mut path = self.of_dialog(dialog_id, "/frames");
        path.push_str("&client=");
        path.push_str(client);
        Call { path, body: Some(body), auth: Authorization::Bearer }
    }

    pub(crate) fn history(&self, dialog_id: u64, before: Option<u64>) -> Call {
        let mut path = self.of_dialog(dialog_id, "/messages");
        path.push_str("&limit=50");
        if let Some(before) = before {
            path.push_str("&before=");
            push_number(&mut path, before);
        }
        Call { path, body: None, auth: Authorization::Bearer }
    }

    pub(crate) fn contact(&self, dialog_id: u64, body: String) -> Call {
        Call { path: self.of_dialog(dialog_id, "/contact"), body: Some(body), auth: Authorization::Bearer }
    }

    pub(crate) fn start(&self, body: String) -> Call {
        let mut path = String::from(self.api());
        path.push_str("/dialogs");
        self.push_query(&mut path);
        Call { path, body: Some(body), auth: Authorization::Bearer }
    }

    /// The address of files, with a star for the name of one.
    pub(crate) fn files(&self, dialog_id: Option<u64>) -> String {
        if let Some(dialog_id) = dialog_id {
            return self.of_dialog(dialog_id, "/files/*");
        }
        let mut path = String::from(self.api());
        path.push_str("/files/*");
        self.push_query(&mut path);
        path
    }

    pub(crate) fn config(&self) -> Call {
        let mut path = String::from(self.api());
        path.push_str("/config");
        self.push_query(&mut path);
        Call { path, body: None, auth: Authorization::None }
    }
}

impl Side {
    /// Returns where the picture of an operator is asked for; its name comes behind it.
    pub fn avatar(&self) -> String {
        let mut path = String::from(self.api());
        path.push_str("/avatar");
        self.push_query(&mut path);
        path.push_str("&name=");
        path
    }
}

/// Returns the call that finds out whether a socket can be opened.
pub(crate) fn gate() -> Call {
    Call { path: String::from("/health?ws=1"), body: None, auth: Authorization::None }
}
