//! Messages of a dialog.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::http::{Page, PostMessage, PostedMessage};
use protocol::limits;
use server_core::access::ScopedDialog;
use server_core::append::NewMessage;
use server_core::{Entry, Refusal, id, text};

use super::call::{Call, Side, Stretch};
use super::{Json, body};
use crate::app::App;
use crate::credentials;
use crate::error::ApiError;
use crate::store::LogPage;

/// Reads a stretch of the log.
pub(super) async fn read<S: Side>(mut call: Call<S>) -> Result<Response, ApiError> {
    let (_, admission) = call.admit().await?;
    let (stretch, limit) = (call.stretch()?, call.limit(limits::PAGE)?);
    Ok(Json(page(&call.app, admission.dialog, stretch, limit).await?).into_response())
}

/// Stores a message: 201, or 200 where it was there already.
pub(super) async fn post<S: Side>(mut call: Call<S>, request_body: Body) -> Result<Response, ApiError> {
    let (caller, admission) = call.admit().await?;
    let key = (admission.dialog.id(), S::POOL);
    call.app.posts().take(key, call.app.clock().mono()).map_err(Refusal::rate_limited)?;
    let posted: PostMessage = body::json(&call.headers, request_body).await?;
    let admission = call.admit_again(&caller, admission.dialog).await?;
    let message = message(posted, admission.author)?;
    let stored = call.app.store().append(admission.dialog, message).await??;
    let status = if stored.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    let answer = PostedMessage { dialog_id: admission.dialog.id(), id: stored.id, seq: stored.seq, at: stored.at };
    Ok((status, Json(answer)).into_response())
}

/// Checks what a client wants to have stored.
///
/// # Errors
/// A text or an id that is not allowed.
pub(super) fn message(posted: PostMessage, author: protocol::Author) -> Result<NewMessage, ApiError> {
    text::check_with(&posted.text, posted.file.as_deref())?;
    let id = match posted.id {
        Some(id) => {
            id::check(&id)?;
            id
        }
        None => {
            let bits = || credentials::seed().map_err(|_| ApiError::Internal);
            format!("s-{:016x}{:016x}", bits()?, bits()?)
        }
    };
    if let Some(client) = &posted.client {
        id::check(client)?;
    }
    Ok(NewMessage { id, n: posted.n, client: posted.client, author, text: posted.text, file: posted.file })
}

/// Reads a stretch of a dialog's log.
///
/// # Errors
/// A store that does not answer.
pub(super) async fn page(app: &App, dialog: ScopedDialog, stretch: Stretch, limit: u64) -> Result<Page, ApiError> {
    let store = app.store();
    let LogPage { events, head, hash } = match stretch {
        Stretch::After(after) => store.read(dialog, after, limit).await?,
        Stretch::Before(before) => store.before(dialog, before, limit).await?,
        Stretch::Last => store.before(dialog, u64::MAX, limit).await?,
    };
    let older = events.first().is_some_and(|event| event.seq > 1);
    let messages = events.iter().filter_map(|event| match &event.entry {
        Entry::Message(message) => Some(message.clone()),
        Entry::Change(_) => None,
    });
    Ok(Page { epoch: store.epoch(), head, messages: messages.collect(), older, hash: Some(hash) })
}
