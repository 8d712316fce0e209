//! A visitor's dialog, and the dialogs of an operator.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mutants::Mutant;
use protocol::http::{Contact, DialogLine, DialogList, DialogLoaded, Page, PostMessage, StartDialog, VisitorLine};
use protocol::{Author, AuthorKind, Secret, SendMessage, limits};
use server_core::{Refusal, email};

use super::call::{Admin, Call, Side, Stretch};
use super::{Json, attributes, body, messages};
use crate::admission::{self, Shows};
use crate::app::App;
use crate::error::ApiError;
use crate::store::{Claim, Claimed, DialogFilter, NewDialog, Rekeyed, Started, StoreError, Visitor};

/// Lines of a list.
const LINES: u64 = 200;

/// Finds the visitor's dialog, or starts one with a first message.
pub(super) async fn start<S: Side>(mut call: Call<S>, request_body: Body) -> Result<Response, ApiError> {
    let caller = call.caller().await?;
    let shows = caller.visitor(&call.app, None)?;
    let (Some(site), Some(shows)) = (caller.site(), shows) else {
        return Err(ApiError::Unauthorized("a visitor key is missing (Authorization: Bearer vk_…)"));
    };
    let mut asked: StartDialog = body::json(&call.headers, request_body).await?;
    let assistant_id = caller.assistant().map(|assistant| assistant.id);
    let claim = claim(site.id, assistant_id, shows, &asked)?;
    let key_hash = claim.key_hash;
    let (dialog_id, stored) = match asked.message.take() {
        None => (found(&call.app, claim).await?, None),
        Some(message) => {
            // By the first half of the hash: every visitor has a bucket, before there is a dialog.
            let [a, b, c, d, e, f, g, h, ..] = key_hash;
            let key = (u64::from_le_bytes([a, b, c, d, e, f, g, h]), S::POOL);
            call.app.posts().take(key, call.app.clock().mono()).map_err(Refusal::rate_limited)?;
            let SendMessage { text, file, id, n } = message;
            let posted = PostMessage { text, file, id, n, client: asked.client };
            let author = Author { kind: AuthorKind::Visitor, name: String::new() };
            let message = messages::message(posted, author)?;
            let is_new = found(&call.app, claim.clone()).await?.is_none();
            if is_new {
                call.begin_dialog(site.id)?;
            }
            let new = NewDialog { site_id: site.id, assistant_id, key_hash, message };
            let Started { dialog_id, taken } = call.app.store().start_dialog(new).await?;
            if is_new {
                found(&call.app, claim).await?;
            }
            (dialog_id, Some(taken?))
        }
    };
    let (page, contact) = match dialog_id {
        None => (Page { epoch: call.app.store().epoch(), ..Page::default() }, false),
        Some(dialog_id) => {
            let dialog = caller.admit(&call.app, dialog_id, None).await?.dialog;
            let page = messages::page(&call.app, dialog, Stretch::Last, limits::SNAPSHOT_EVENTS).await?;
            (page, call.app.store().has_contact(dialog).await?)
        }
    };
    let is_new = stored.as_ref().is_some_and(|stored| !stored.duplicate);
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(DialogLoaded { dialog_id, stored, page, contact })).into_response())
}

/// Keeps where the visitor can be written to.
pub(super) async fn contact<S: Side>(mut call: Call<S>, request_body: Body) -> Result<Response, ApiError> {
    let (caller, admission) = call.admit().await?;
    let key = (admission.dialog.id(), S::POOL);
    call.app.posts().take(key, call.app.clock().mono()).map_err(Refusal::rate_limited)?;
    let Contact { email: given } = body::json(&call.headers, request_body).await?;
    // Exposed to be checked.
    let trimmed = given.expose().trim();
    let email = if trimmed.is_empty() { None } else { Some(Secret::new(trimmed)) };
    if email.is_some() {
        email::check(trimmed)?;
    }
    let admission = call.admit_again(&caller, admission.dialog).await?;
    let store = call.app.store();
    store.set_contact(admission.dialog, email.clone()).await?;
    // Nothing of it stands in the log: operators are told to look at their list again.
    if let Some(last) = store.before(admission.dialog, u64::MAX, 1).await?.events.pop() {
        call.app.hub().remind(admission.site_id, last);
    }
    Ok(Json(Contact { email: email.unwrap_or_default() }).into_response())
}

/// Puts together what the visitor has to say about themself.
///
/// # Errors
/// A former key that is none, or attributes that are not allowed.
fn claim(site_id: u64, assistant_id: Option<u64>, shows: Shows, asked: &StartDialog) -> Result<Claim, ApiError> {
    let attributes = asked.attributes.as_deref().map(attributes::read).transpose()?;
    let (key_hash, former, profile) = match shows {
        // Who has only a key has no other dialog to bring along.
        Shows::Key(hash) => (hash, None, None),
        Shows::Token(pass) => {
            // Exposed to be hashed.
            let former = asked.key.as_ref().map(|key| admission::key_hash(key.expose())).transpose()?;
            (pass.key_hash, former, Some(pass.profile))
        }
    };
    Ok(Claim { site_id, assistant_id, key_hash, former, profile, attributes })
}

/// Finds the dialog of a claim, and sends those away whose key it was kept under until now.
async fn found(app: &App, claim: Claim) -> Result<Option<u64>, ApiError> {
    let app = app.clone();
    // A task of its own: whoever asked may hang up before the answer, and the others must be sent away all the same.
    let carried_out = tokio::spawn(async move {
        let key_hash = claim.key_hash;
        let Claimed { dialog_id, rekeyed } = app.store().claim(claim).await?;
        if let (Some(dialog_id), Rekeyed::Yes, false) = (dialog_id, rekeyed, mutants::planted(Mutant::KeyStaysOpen)) {
            for card in app.hub().members(dialog_id) {
                card.rekey(key_hash);
            }
        }
        Ok(dialog_id)
    });
    carried_out.await.map_err(|_| StoreError::Closed)?
}

/// Lists the dialogs that an operator may see, the latest first.
pub(super) async fn list(mut call: Call<Admin>) -> Result<Response, ApiError> {
    let caller = call.caller().await?;
    let operator = caller.operator(&call.app, None).await?;
    let before = call.before().map(place).transpose()?;
    let limit = u32::try_from(call.limit(LINES)?).unwrap_or(u32::MAX);
    let lines = call.app.store().dialogs(DialogFilter { sites: operator.sites, before, limit }).await?;
    let next = match lines.last() {
        Some(last) if lines.len() == limit as usize => Some(format!("{}.{}", last.at, last.id)),
        Some(_) | None => None,
    };
    let has_folder = call.app.files().is_some();
    let dialogs = lines.into_iter().map(|line| DialogLine {
        dialog_id: line.id,
        site_id: line.site_id,
        site: line.site_name,
        assistant_id: line.assistant_id,
        head: line.head,
        unread: line.unread,
        last_author: line.last_author,
        preview: line.last_text,
        at: line.at,
        visitor: line.visitor.map(|Visitor { profile, verified, attributes }| VisitorLine {
            name: profile.name,
            email: profile.email,
            verified,
            attributes,
        }),
        email: line.email,
        files: has_folder && line.takes_files,
    });
    Ok(Json(DialogList { dialogs: dialogs.collect(), next }).into_response())
}

/// Reads the place that an earlier page gave as `next`.
fn place(text: &str) -> Result<(u64, u64), ApiError> {
    let wrong = ApiError::InvalidParameter("before is the `next` of another page");
    let (at, id) = text.split_once('.').ok_or(wrong.clone())?;
    Ok((at.parse().map_err(|_| wrong.clone())?, id.parse().map_err(|_| wrong)?))
}
