//! The HTTP side of the server: paths, credentials and answers.

use protocol::http::{DialogLoaded, ErrorBody, ErrorDetail, Health, SiteConfig, StartDialog};
use protocol::{Author, AuthorKind, ClientFrame, SendMessage, Stored, code, json};
use server_core::access::{KeyHash, Sites, VisitorAuth, Who};
use server_core::append::NewMessage;
use server_core::session::Entrance;
use server_core::{Refusal, id, text};

use super::network::Call;
use super::people::{Holder, person_of, visitor_of_person};
use super::server::{Claim, Life};
use super::{Sim, trace};

/// Messages in the page that comes with a dialog.
const LOADED: u64 = 50;

/// Whose door a path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Site(u64),
    Widget(u64),
    Operator,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Gate,
    Config { door: Door },
    Start { door: Door },
    Messages { door: Door, dialog: u64, before: Option<u64>, limit: u64 },
    Frames { door: Door, dialog: u64, client: Option<String> },
    Events { door: Door, dialog: u64, client: Option<String>, after: u64, epoch: Option<u64> },
    Poll { door: Door, dialog: u64, client: Option<String>, after: u64, epoch: Option<u64>, wait_s: u64 },
    Socket { door: Door, dialog: u64 },
}

impl Route {
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parameter = |name: &str| {
            query
                .split('&')
                .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
                .map(|(_, value)| value)
        };
        let number = |name: &str| parameter(name).and_then(|value| value.parse::<u64>().ok());
        let client = || parameter("client").map(str::to_owned);
        let site = || parameter("site_token")?.strip_prefix("st_")?.parse().ok().map(Door::Site);
        let widget = || number("assistant_id").map(Door::Widget);
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let (door, rest) = match parts.as_slice() {
            ["health"] => return Some(Self::Gate),
            ["api" | "ws", "site", rest @ ..] => (site()?, rest),
            ["api" | "ws", "widget", rest @ ..] => (widget()?, rest),
            ["api" | "ws", rest @ ..] => (Door::Operator, rest),
            _ => return None,
        };
        let socket = parts.first() == Some(&"ws");
        match rest {
            ["config"] => Some(Self::Config { door }),
            ["dialogs"] => Some(Self::Start { door }),
            ["dialogs", dialog] if socket => Some(Self::Socket { door, dialog: dialog.parse().ok()? }),
            ["dialogs", dialog, leaf] => {
                let dialog = dialog.parse().ok()?;
                match *leaf {
                    "messages" => {
                        let limit = number("limit").unwrap_or(LOADED).min(protocol::limits::PAGE);
                        Some(Self::Messages { door, dialog, before: number("before"), limit })
                    }
                    "frames" => Some(Self::Frames { door, dialog, client: client() }),
                    "events" => {
                        let after = number("after")?;
                        Some(Self::Events { door, dialog, client: client(), after, epoch: number("epoch") })
                    }
                    "poll" => {
                        let (after, wait_s) = (number("after")?, number("wait").unwrap_or(0).min(25));
                        Some(Self::Poll { door, dialog, client: client(), after, epoch: number("epoch"), wait_s })
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn door(&self) -> Option<&Door> {
        match self {
            Self::Gate => None,
            Self::Config { door }
            | Self::Start { door }
            | Self::Messages { door, .. }
            | Self::Frames { door, .. }
            | Self::Events { door, .. }
            | Self::Poll { door, .. }
            | Self::Socket { door, .. } => Some(door),
        }
    }
}

/// Returns the visitor that a key or a token belongs to.
pub(crate) fn visitor_of(credential: &str) -> Option<usize> {
    if let Some((person, _)) = person_of(credential) {
        return Some(visitor_of_person(person));
    }
    credential.strip_prefix("vk_")?.split('-').next()?.parse().ok()
}

/// Stands for SHA-256; of a person, whatever the token.
pub(crate) fn hash(credential: &str) -> KeyHash {
    match person_of(credential) {
        Some((person, _)) => hash_text(&format!("person {person}")),
        None => hash_text(credential),
    }
}

fn hash_text(key: &str) -> KeyHash {
    let mut hash = [0; 32];
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    for (index, byte) in key.bytes().cycle().take(key.len().max(1) * 4).enumerate() {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        hash[index % 32] ^= (state >> 32) as u8;
    }
    hash
}

/// Checks the first message of a dialog as the server does.
fn checked(message: SendMessage, client: Option<String>) -> Result<NewMessage, Refusal> {
    let SendMessage { id, n, text, file } = message;
    let id = id.unwrap_or_default();
    id::check(&id)?;
    if file.is_none() {
        text::check(&text)?;
    }
    let author = Author { kind: AuthorKind::Visitor, name: String::new() };
    Ok(NewMessage { id, n, client, author, text, file })
}

pub(crate) fn error_body(code: &str) -> ErrorBody {
    ErrorBody { error: ErrorDetail { code: code.into(), message: String::new(), retry_after_ms: None } }
}

pub(crate) fn error(refusal: &Refusal) -> String {
    let error = ErrorDetail {
        code: refusal.code.into(),
        message: refusal.message.into(),
        retry_after_ms: refusal.retry_after_ms,
    };
    json::to_string(&ErrorBody { error })
}

impl Sim {
    pub(crate) fn operator_by(&self, token: &str) -> Option<Who> {
        let good = token == format!("op-{}", self.server.token_generation);
        good.then(|| Who::Operator { id: 1, name: super::store::operator().name, sites: Sites::All })
    }

    pub(crate) fn who(&self, route: &Route, credential: Option<&str>) -> Option<Who> {
        if credential.and_then(person_of).is_some_and(|(_, generation)| generation < self.server.token_generation) {
            return None;
        }
        let visitor = |site_id, assistant_id| Who::Visitor {
            site_id,
            assistant_id,
            key_hash: credential.map(hash),
            auth: VisitorAuth::Key,
        };
        match route.door()? {
            Door::Site(site) => Some(visitor(*site, None)),
            // The assistant of a site has the site's number.
            Door::Widget(assistant) => Some(visitor(*assistant, Some(*assistant))),
            Door::Operator => self.operator_by(credential?),
        }
    }

    /// A request reaches the server.
    pub(crate) fn call_arrives(&mut self, number: u32, copy: bool) {
        let Some(Call { page, request, call, bearer, .. }) = self.calls.get(&number).cloned() else { return };
        let to = (!copy).then_some(number);
        if self.server.life == Life::Down {
            if !copy {
                let latency = self.latency();
                let input = client_core::Input::Unanswered { request };
                self.plan_in(latency, super::Happening::ToPage { page, input });
            }
            return;
        }
        trace!(self, "call {number} arrives{}", if copy { " again" } else { "" });
        self.trace.mix(self.now, &call.path);
        self.trace.mix(self.now, call.body.as_deref().unwrap_or(""));
        let Some(route) = Route::parse(&call.path) else {
            return self.violate(format!("no such path: {}", call.path));
        };
        if self.server.life == Life::Draining && matches!(route, Route::Gate) {
            let health = Health { status: code::DRAINING.into(), retry_ms: 300 };
            return self.reply(to, 200, json::to_string(&health));
        }
        if self.server.life == Life::Draining && !matches!(route, Route::Frames { .. }) {
            return self.reply(to, 503, json::to_string(&error_body(code::DRAINING)));
        }
        self.serve(to, &route, call.body.as_deref().unwrap_or(""), bearer.as_deref());
    }

    fn reply(&mut self, to: Option<u32>, status: u16, body: String) {
        if let Some(call) = to {
            self.answer(call, status, body);
        }
    }

    fn serve(&mut self, to: Option<u32>, route: &Route, body: &str, bearer: Option<&str>) {
        match route {
            Route::Gate => {
                let health = Health { status: "ok".into(), retry_ms: 0 };
                self.reply(to, 200, json::to_string(&health));
            }
            Route::Config { door } => {
                let (Door::Site(site) | Door::Widget(site)) = door else { return };
                let config =
                    SiteConfig { name: "Shop".into(), welcome: super::store::welcome(*site), ..SiteConfig::default() };
                self.reply(to, 200, json::to_string(&config));
            }
            Route::Start { .. } => self.serve_start(to, route, body, bearer),
            Route::Messages { dialog, before, limit, .. } => match self.admit(route, *dialog, bearer) {
                Ok((dialog, _)) => {
                    let epoch = self.store.epoch;
                    let page = self.store.dialogs.get(&dialog.id()).map(|log| log.page(epoch, *before, *limit));
                    self.reply(to, 200, json::to_string(&page.unwrap_or_default()));
                }
                Err((status, code)) => self.reply(to, status, json::to_string(&error_body(code))),
            },
            Route::Frames { dialog, client, .. } => match self.admit(route, *dialog, bearer) {
                Ok((dialog, author)) => match json::frames::<ClientFrame>(body) {
                    Ok(frames) => {
                        let entrance = Entrance::Post { dialog, author, client: client.clone() };
                        self.post_frames(to, entrance, frames);
                    }
                    Err(_) => self.violate(format!("a client sent what cannot be read: {body}")),
                },
                Err((status, code)) => self.reply(to, status, json::to_string(&error_body(code))),
            },
            Route::Poll { dialog, client, after, epoch, wait_s, .. } => match self.admit(route, *dialog, bearer) {
                Ok((dialog, author)) => {
                    let hello = super::sessions::hello(client.clone(), *after, *epoch);
                    let entrance = Entrance::Admitted { dialog, author, hello: Box::new(hello), channels: Vec::new() };
                    self.poll(to, entrance, *wait_s);
                }
                Err((status, code)) => self.reply(to, status, json::to_string(&error_body(code))),
            },
            Route::Events { .. } | Route::Socket { .. } => self.violate(format!("a request to {route:?}")),
        }
    }

    /// Finds the visitor's dialog, or starts one with its first message.
    fn serve_start(&mut self, to: Option<u32>, route: &Route, body: &str, bearer: Option<&str>) {
        let (Some(who), Some(key)) = (self.who(route, bearer), bearer) else {
            return self.reply(to, 401, json::to_string(&error_body(code::UNAUTHORIZED)));
        };
        let Ok(start) = json::from_str::<StartDialog>(body) else {
            return self.violate(format!("a client sent what cannot be read: {body}"));
        };
        let Who::Visitor { site_id, .. } = &who else { return };
        let (Some(visitor), hash) = (visitor_of(key), hash(key)) else { return };
        let message = match start.message {
            Some(message) => match checked(message, start.client) {
                Ok(message) => Some(message),
                Err(refusal) => return self.reply(to, 422, error(&refusal)),
            },
            None => None,
        };
        let holder = Holder::of(key);
        if person_of(key).is_some() {
            let former = start.key.map(|key| self::hash(key.expose()));
            return self.claim(to, Claim { who, key: hash, holder, visitor, former }, message);
        }
        let Some(message) = message else {
            let found = self.store.find(*site_id, hash).map(|dialog| dialog.facts.id);
            return match (found, to) {
                (Some(dialog), Some(call)) => self.answer_loaded(call, dialog, None),
                (None, _) => self.reply(to, 200, json::to_string(&DialogLoaded::default())),
                (Some(_), None) => {}
            };
        };
        self.start(to, Claim { who, key: hash, holder, visitor, former: None }, message);
    }

    /// Answers with a dialog, the end of its log, and what became of the message.
    pub(crate) fn answer_loaded(&mut self, call: u32, dialog: u64, result: Option<&Result<Stored, Refusal>>) {
        let stored = match result {
            Some(Ok(stored)) => Some(stored.clone()),
            Some(Err(refusal)) => {
                let status = if refusal.retry { 409 } else { 422 };
                return self.answer(call, status, error(refusal));
            }
            None => None,
        };
        let Some(log) = self.store.dialogs.get(&dialog) else { return };
        let page = log.page(self.store.epoch, None, LOADED);
        let loaded = DialogLoaded { dialog_id: Some(dialog), stored, page, ..DialogLoaded::default() };
        self.answer(call, 200, json::to_string(&loaded));
    }
}
