//! Who calls, from where, and whether they may.
//!
//! An address and its headers name a site, an assistant or an operator, and say which page asks: [`Caller`]. Together
//! with a key or a token it becomes an [`Admission`] to one dialog, by way of `server_core::access::authorize` only.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use mutants::Mutant;
use protocol::{Author, FileLimits, Hello, Secret, close};
use serde::Deserialize;
use server_core::access::{self, KeyHash, ScopedDialog, Sites, VisitorAuth, Who};
use server_core::origin::{self, Origin};
use server_core::session::Ending;
use server_core::{Millis, Now};

use crate::app::App;
use crate::credentials::{PersonPass, PersonTokenError, TicketError, TokenError, check_person, hash_visitor_key};
use crate::error::ApiError;
use crate::hub::Pool;
use crate::store::{Assistant, Identity, Operator, Site};

/// What an operator is told who was taken away.
const GONE: &str = "this operator does not exist any more";

/// What the query of an address may say about the caller; fields of other paths are ignored.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct CallerQuery {
    site_token: Option<String>,
    assistant_id: Option<String>,
    parent_origin: Option<String>,
    token: Option<Secret>,
}

/// Who calls, as far as the address and the headers say.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The pool of the path.
    pub(crate) pool: Pool,
    claim: Claim,
    /// What `Authorization` carried, or `token` in the query.
    bearer: Option<Secret>,
}

#[derive(Debug)]
enum Claim {
    Visitor { site: Arc<Site>, assistant: Option<Arc<Assistant>> },
    Operator,
}

/// Somebody who was let into a dialog.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    /// The dialog.
    pub(crate) dialog: ScopedDialog,
    /// Its site.
    pub(crate) site_id: u64,
    /// Who writes.
    pub(crate) author: Author,
    /// The files that its site takes.
    pub(crate) files: Option<FileLimits>,
    /// The operator, on the operators' side.
    pub(crate) operator: Option<OperatorIdentity>,
    /// What a visitor's dialog is kept under; on an open site there may be nothing.
    pub(crate) key_hash: Option<KeyHash>,
    /// When the token expires that was shown, wall clock; [`Millis::MAX`] where none was.
    pub(crate) expires_at: Millis,
}

/// What a visitor has shown, checked.
#[derive(Clone, Debug)]
pub(crate) enum Shows {
    /// A key of the browser's own making.
    Key(KeyHash),
    /// A token of the site.
    Token(Box<PersonPass>),
}

/// Somebody whose token was checked.
#[derive(Clone, Debug)]
pub(crate) enum Renewed {
    /// An operator.
    Operator(OperatorIdentity),
    /// A visitor.
    Person(Box<PersonPass>),
}

/// An operator whose token was checked.
#[derive(Clone, Debug)]
pub(crate) struct OperatorIdentity {
    /// The number.
    pub(crate) id: u64,
    /// The shown name.
    pub(crate) name: String,
    /// The sites that it may see.
    pub(crate) sites: Sites,
    /// Which of the operator's tokens were good when this one was shown.
    pub(crate) token_epoch: u64,
    /// When the token expires, wall clock.
    pub(crate) expires_at: Millis,
}

/// Whether the caller has shown enough to be let in without a `hello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Yes.
    Enough,
    /// A key or a token must follow.
    TooLittle,
}

impl Caller {
    /// Finds out who calls, and refuses pages that may not.
    ///
    /// # Errors
    /// An unknown site or assistant, a forbidden origin, or a store that does not answer.
    pub(crate) async fn identify(
        app: &App,
        pool: Pool,
        query: CallerQuery,
        headers: &HeaderMap,
    ) -> Result<Self, ApiError> {
        let bearer = bearer(headers).or(query.token);
        let claim = match pool {
            Pool::Admin => Claim::Operator,
            Pool::Site => {
                let token = query.site_token.ok_or(ApiError::UnknownSite)?;
                let site = app.store().site_by_token(&token).await?.ok_or(ApiError::UnknownSite)?;
                Claim::Visitor { site, assistant: None }
            }
            Pool::Widget => {
                let id = query.assistant_id.and_then(|id| id.parse().ok()).ok_or(ApiError::UnknownAssistant)?;
                let (site, assistant) = app.assistant(id).await?;
                Claim::Visitor { site, assistant: Some(assistant) }
            }
        };
        let caller = Self { pool, claim, bearer };
        caller.judge_page(app, headers, query.parent_origin.as_deref())?;
        Ok(caller)
    }

    /// Refuses a page that is not on the site's list.
    ///
    /// A frame of ours is judged by the page around it, which is a claim only; what a browser enforces is
    /// `frame-ancestors`. A request without an `Origin` is not sent by a page.
    fn judge_page(&self, app: &App, headers: &HeaderMap, parent: Option<&str>) -> Result<(), ApiError> {
        let page = headers.get(ORIGIN).map(|value| value.to_str().unwrap_or_default());
        let own = |page: &str| app.is_own_origin(page, headers);
        let allowed = match &self.claim {
            Claim::Operator => page.is_none_or(own),
            Claim::Visitor { site, assistant } => {
                let listed = |page: &str| origin::allowed(&site.origins, page);
                match (assistant, parent) {
                    (None, _) | (Some(_), None) => page.is_none_or(|page| {
                        // Without a frame, our own pages must be listed as any other.
                        listed(page) || (assistant.is_some() && own(page))
                    }),
                    (Some(_), Some(parent)) => listed(parent) && page.is_none_or(|page| own(page) || listed(page)),
                }
            }
        };
        if allowed || (parent.is_some() && mutants::planted(Mutant::AnyParent)) {
            return Ok(());
        }
        let shown = |text: Option<&str>| {
            text.and_then(|text| Origin::parse(text).ok()).map_or_else(|| "not an origin".into(), |o| o.to_string())
        };
        let site = self.site().map(|site| site.id);
        tracing::warn!(
            tag = self.pool.tag(),
            site,
            origin = shown(page),
            parent_origin = parent.map(|parent| shown(Some(parent))),
            "WEBSOCKET_4003_ERROR"
        );
        Err(ApiError::ForbiddenOrigin)
    }

    /// Returns the site of a visitor.
    pub(crate) fn site(&self) -> Option<&Arc<Site>> {
        match &self.claim {
            Claim::Visitor { site, .. } => Some(site),
            Claim::Operator => None,
        }
    }

    /// Returns the assistant of a widget's path.
    pub(crate) fn assistant(&self) -> Option<&Arc<Assistant>> {
        match &self.claim {
            Claim::Visitor { assistant, .. } => assistant.as_ref(),
            Claim::Operator => None,
        }
    }

    /// Returns whether the address and the headers carry enough to be let in.
    pub(crate) fn shown(&self) -> Shown {
        let open = self.site().is_some_and(|site| site.visitor_auth == VisitorAuth::Open);
        if open || self.bearer.is_some() { Shown::Enough } else { Shown::TooLittle }
    }

    /// Lets the caller into a dialog with what the address carried, and what `hello` adds.
    ///
    /// # Errors
    /// Missing or bad credentials, a dialog that is not theirs, or a store that does not answer.
    pub(crate) async fn admit(&self, app: &App, dialog_id: u64, hello: Option<&Hello>) -> Result<Admission, ApiError> {
        if let Some(ticket) = hello.and_then(|hello| hello.ticket.as_ref()) {
            self.check_ticket(app, ticket)?;
        }
        let (who, operator, key_hash, expires_at) = match &self.claim {
            Claim::Visitor { site, assistant } => {
                // A token says more than a key.
                let shown = hello.and_then(|hello| hello.token.as_ref().or(hello.key.as_ref()));
                let (key_hash, expires_at) = match self.visitor(app, shown)? {
                    Some(Shows::Key(hash)) => (Some(hash), Millis::MAX),
                    Some(Shows::Token(pass)) => (Some(pass.key_hash), pass.expires_at),
                    None => (None, Millis::MAX),
                };
                let assistant_id = assistant.as_ref().map(|assistant| assistant.id);
                let who = Who::Visitor { site_id: site.id, assistant_id, key_hash, auth: site.visitor_auth };
                (who, None, key_hash, expires_at)
            }
            Claim::Operator => {
                let operator = self.operator(app, hello.and_then(|hello| hello.token.as_ref())).await?;
                let expires_at = operator.expires_at;
                (operator.who(), Some(operator), None, expires_at)
            }
        };
        let facts = app.store().dialog_facts(dialog_id).await?;
        let dialog = access::authorize(&who, facts.as_ref())?;
        let site_id = facts.map(|facts| facts.site_id).unwrap_or_default();
        let site = match self.site() {
            Some(site) => Some(Arc::clone(site)),
            None => app.store().site(site_id).await?,
        };
        let files = site.and_then(|site| site.files.told()).filter(|_| app.files().is_some());
        Ok(Admission { dialog, site_id, author: who.author(), files, operator, key_hash, expires_at })
    }

    /// Returns what the visitor has shown, in `hello` before the headers; nothing only on an open site.
    ///
    /// # Errors
    /// A key or a token that is none, or a missing one where the site asks for it.
    pub(crate) fn visitor(&self, app: &App, shown: Option<&Secret>) -> Result<Option<Shows>, ApiError> {
        let Claim::Visitor { site, .. } = &self.claim else {
            return Err(ApiError::Unauthorized("this address is for operators"));
        };
        // Exposed to be told apart and checked.
        let shown = shown.or(self.bearer.as_ref()).map(Secret::expose);
        if let Some(token) = shown.filter(|shown| !shown.starts_with("vk_") && !site.identity_secrets.is_empty()) {
            return Ok(Some(Shows::Token(Box::new(person(app, site, token)?))));
        }
        if site.identity == Identity::Required {
            return Err(ApiError::IdentityRequired);
        }
        match shown {
            Some(key) => Ok(Some(Shows::Key(key_hash(key)?))),
            None if site.visitor_auth == VisitorAuth::Open => Ok(None),
            None => Err(ApiError::Unauthorized("a visitor key is missing (Authorization: Bearer vk_…)")),
        }
    }

    /// Checks a fresh token, on either side.
    ///
    /// # Errors
    /// A bad or expired token.
    pub(crate) async fn renew(&self, app: &App, token: &Secret) -> Result<Renewed, ApiError> {
        match &self.claim {
            Claim::Visitor { site, .. } => {
                // As it is now: a secret may have been taken back, or added, since this link was opened.
                let fresh = app.store().site(site.id).await?.ok_or(ApiError::UnknownSite)?;
                let site = if mutants::planted(Mutant::DroppedSecret) { site } else { &fresh };
                // Exposed to be checked.
                Ok(Renewed::Person(Box::new(person(app, site, token.expose())?)))
            }
            Claim::Operator => Ok(Renewed::Operator(self.operator(app, Some(token)).await?)),
        }
    }

    /// Checks a token, and that its operator still exists.
    ///
    /// # Errors
    /// A missing, bad or expired token.
    pub(crate) async fn operator(&self, app: &App, token: Option<&Secret>) -> Result<OperatorIdentity, ApiError> {
        let token = token.or(self.bearer.as_ref());
        let token = token.ok_or(ApiError::Unauthorized("an operator's token is missing (log in, then send it)"))?;
        // Exposed to be checked.
        let pass = app.credentials().operators.check(token.expose()).map_err(|error| match error {
            TokenError::Expired => ApiError::TokenExpired,
            TokenError::Invalid => ApiError::Unauthorized("the token is not one of this server: log in again"),
        })?;
        let operator = app.store().operator(pass.operator_id).await?.ok_or(ApiError::Unauthorized(GONE))?;
        if operator.token_epoch != pass.epoch {
            return Err(ApiError::Unauthorized("the operator has a new password: log in again"));
        }
        Ok(OperatorIdentity {
            id: operator.id,
            name: operator.name.clone(),
            sites: operator.sites.clone(),
            token_epoch: operator.token_epoch,
            expires_at: pass.expires_at,
        })
    }

    /// A ticket of ours says which page our frame stands in; one that is old or used says nothing, a forged one is
    /// refused.
    fn check_ticket(&self, app: &App, ticket: &Secret) -> Result<(), ApiError> {
        let Some((site, assistant)) = self.site().zip(self.assistant()) else { return Ok(()) };
        let Now { wall, .. } = app.now();
        match app.credentials().frames.redeem(ticket.expose(), wall) {
            Ok(pass) => {
                let listed = origin::allowed(&site.origins, &pass.parent_origin);
                if pass.assistant_id == assistant.id && listed { Ok(()) } else { Err(ApiError::ForbiddenOrigin) }
            }
            Err(TicketError::Expired | TicketError::Used | TicketError::TooMany) => Ok(()),
            Err(TicketError::Invalid) => Err(ApiError::ForbiddenOrigin),
        }
    }
}

/// Returns the hash of a visitor key.
///
/// # Errors
/// It is none.
pub(crate) fn key_hash(key: &str) -> Result<KeyHash, ApiError> {
    hash_visitor_key(key).map_err(|_| ApiError::Unauthorized("this is not a visitor key (vk_…)"))
}

fn person(app: &App, site: &Site, token: &str) -> Result<PersonPass, ApiError> {
    check_person(&site.identity_secrets, site.id, token, app.now().wall).map_err(|error| match error {
        PersonTokenError::Expired => ApiError::TokenExpired,
        PersonTokenError::Invalid(why) => ApiError::Unauthorized(why),
    })
}

impl OperatorIdentity {
    fn who(&self) -> Who {
        Who::Operator { id: self.id, name: self.name.clone(), sites: self.sites.clone() }
    }

    /// Returns how an open link ends, now that this is what is known of its operator; none where it goes on.
    pub(crate) fn ending(&self, known: Option<&Operator>) -> Option<Ending> {
        let Some(known) = known.filter(|known| known.token_epoch == self.token_epoch) else {
            return Some(ApiError::Unauthorized(GONE).ending());
        };
        // Another name, or other sites: the next link has them.
        let is_same = known.name == self.name && known.sites == self.sites;
        (!is_same).then_some(Ending { code: close::MOVED, reason: "operator_changed", retry_ms: None })
    }
}

/// Returns what `Authorization: Bearer` carries.
fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| Secret::new(token))
}

/// Returns whether a page is one of the server that `Host` names.
pub(crate) fn is_own(page: &str, headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    let Ok(page) = Origin::parse(page) else { return false };
    ["http", "https"].iter().any(|scheme| Origin::parse(&format!("{scheme}://{host}")).is_ok_and(|own| own == page))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn our_own_pages_are_those_of_the_host_that_was_asked_for() {
        let rows = [
            ("http://127.0.0.1:8787", "127.0.0.1:8787", true),
            ("https://chat.example", "chat.example", true),
            ("https://CHAT.example", "chat.example", true),
            ("https://chat.example:443", "chat.example", true),
            ("http://chat.example:443", "chat.example", false),
            ("http://127.0.0.1:8788", "127.0.0.1:8787", false),
            ("https://chat.example.evil.example", "chat.example", false),
            ("https://evil.example", "chat.example", false),
            ("null", "null", false),
            ("", "", false),
        ];
        for (page, host, own) in rows {
            let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            assert_eq!(is_own(page, &headers), own, "{page} asked {host}");
        }
        assert!(!is_own("https://chat.example", &HeaderMap::new()));
    }

    #[test]
    fn only_a_bearer_is_a_bearer() {
        let given = |value: &'static str| {
            bearer(&HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]))
                .map(|secret| secret.expose().to_owned())
        };
        assert_eq!(given("Bearer vk_abc").as_deref(), Some("vk_abc"));
        assert_eq!(given("bearer  vk_abc ").as_deref(), Some("vk_abc"));
        assert_eq!(given("Basic abc"), None);
        assert_eq!(given("Bearer "), None);
        assert_eq!(given("Bearer"), None);
    }
}
