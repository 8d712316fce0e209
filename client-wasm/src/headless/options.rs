//! What a page says about the link that it wants.

use client_core::{Config, Identify, Input, Jitter, Side};
use protocol::Secret;
use serde::Deserialize;
use wasm_bindgen::JsError;

/// The options of `connect`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Options {
    base_url: String,
    /// Other servers over the same data, the best first.
    #[serde(default)]
    servers: Vec<String>,
    side: Who,
    #[serde(default)]
    dialog_id: u64,
    #[serde(default)]
    token: String,
    /// Whether the page can be asked who the visitor is.
    #[serde(default)]
    identify: bool,
    #[serde(default)]
    site_token: String,
    #[serde(default)]
    assistant_id: u64,
    /// Percent-encoded.
    #[serde(default)]
    parent_origin: String,
    #[serde(default)]
    ticket: String,
    storage: Option<Keep>,
    #[serde(default)]
    reconnect: Reconnect,
    #[serde(default)]
    heartbeat: Heartbeat,
    #[serde(default)]
    buffer: Buffer,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Who {
    Operator,
    Site,
    Widget,
}

/// Where values are kept.
#[derive(Clone, Copy, Deserialize)]
pub(super) enum Keep {
    #[serde(rename = "local")]
    Local,
    #[serde(rename = "session")]
    Session,
    #[serde(rename = "none")]
    Nothing,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Reconnect {
    max_attempts: Option<u32>,
    initial_delay_ms: Option<u64>,
    backoff_multiplier: Option<f64>,
    max_delay_ms: Option<u64>,
    jitter: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Heartbeat {
    interval_ms: Option<u64>,
    timeout_ms: Option<u64>,
    failure_threshold: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Buffer {
    max_size: Option<usize>,
    flush_interval_ms: Option<u64>,
    batch: Option<usize>,
}

impl Options {
    /// Returns the server's address without a slash at its end.
    pub(super) fn base(&self) -> String {
        self.base_url.trim_end_matches('/').to_owned()
    }

    /// Returns where values are kept: an operator's unsent messages belong to the tab, a visitor's to the site.
    pub(super) fn keep(&self) -> Keep {
        self.storage.unwrap_or(if self.side == Who::Operator { Keep::Session } else { Keep::Local })
    }

    /// Returns what sets this client's values apart from all others of the page's origin.
    pub(super) fn prefix(&self) -> String {
        match self.side {
            Who::Operator => format!("rejoin:d{}:", self.dialog_id),
            Who::Site => format!("rejoin:{}:", self.site_token),
            Who::Widget => format!("rejoin:a{}:", self.assistant_id),
        }
    }

    /// Returns who the visitor is, where the options say so: by a `token` that the site has signed, or by `identify: true`, and
    /// the token will be asked for.
    pub(super) fn identity(&self) -> Option<Input> {
        match self.token.as_str() {
            _ if self.side == Who::Operator => None,
            "" if self.identify => Some(Input::Identify(Identify::Asked)),
            "" => None,
            key if key.starts_with("vk_") => None,
            token => Some(Input::Identify(Identify::Token(Secret::new(token)))),
        }
    }

    /// Returns the client's configuration; `key` is the visitor's, where no token is given.
    ///
    /// # Errors
    /// What this side needs is missing.
    pub(super) fn config(&self, key: String) -> Result<Config, JsError> {
        let missing = |name: &str| Err(JsError::new(&format!("`{name}` is missing")));
        let side = match self.side {
            Who::Operator if self.dialog_id == 0 => return missing("dialogId"),
            Who::Operator if self.token.is_empty() => return missing("token"),
            Who::Operator => Side::Operator { dialog_id: self.dialog_id },
            Who::Site if self.site_token.is_empty() => return missing("siteToken"),
            Who::Site => Side::Site { site_token: self.site_token.clone() },
            Who::Widget if self.assistant_id == 0 => return missing("assistantId"),
            Who::Widget => Side::Widget {
                assistant_id: self.assistant_id,
                parent_origin: self.parent_origin.clone(),
                ticket: self.ticket.clone(),
            },
        };
        let is_credential = self.side == Who::Operator || self.token.starts_with("vk_");
        let credential = if is_credential { self.token.clone() } else { key };
        let mut config = Config::new(side, Secret::new(credential));
        config.servers = self.servers.iter().map(|server| server.trim_end_matches('/').to_owned()).collect();
        let Reconnect { max_attempts, initial_delay_ms, backoff_multiplier, max_delay_ms, jitter } = self.reconnect;
        set(&mut config.reconnect.max_attempts, max_attempts);
        set(&mut config.reconnect.initial_delay_ms, initial_delay_ms);
        set(&mut config.reconnect.multiplier_percent, backoff_multiplier.map(|times| (times * 100.0) as u64));
        set(&mut config.reconnect.max_delay_ms, max_delay_ms);
        set(&mut config.reconnect.jitter, jitter.map(|on| if on { Jitter::Full } else { Jitter::None }));
        let Heartbeat { interval_ms, timeout_ms, failure_threshold } = self.heartbeat;
        set(&mut config.heartbeat.interval_ms, interval_ms);
        set(&mut config.heartbeat.timeout_ms, timeout_ms);
        set(&mut config.heartbeat.failure_threshold, failure_threshold);
        let Buffer { max_size, flush_interval_ms, batch } = self.buffer;
        set(&mut config.buffer.max_messages, max_size);
        set(&mut config.buffer.flush_interval_ms, flush_interval_ms);
        set(&mut config.buffer.batch, batch);
        Ok(config)
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
