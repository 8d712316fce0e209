//! A visitor's dialog, and the dialogs of an operator.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::http::{DialogLine, DialogList, DialogLoaded, Page, PostMessage, StartDialog};
use protocol::{Author, AuthorKind, limits};
use server_core::Refusal;

use super::call::{Admin, Call, Side, Stretch};
use super::{Json, body, messages};
use crate::error::ApiError;
use crate::store::{DialogFilter, NewDialog, Started};

/// Lines of a list.
const LINES: u64 = 200;

/// Finds the visitor's dialog, or starts one with a first message.
pub(super) async fn start<S: Side>(mut call: Call<S>, request_body: Body) -> Result<Response, ApiError> {
    let caller = call.caller().await?;
    let (Some(site), Some(key_hash)) = (caller.site(), caller.key_hash(None)?) else {
        return Err(ApiError::Unauthorized("a visitor key is missing (Authorization: Bearer vk_…)"));
    };
    let asked: StartDialog = body::json(&call.headers, request_body).await?;
    let assistant_id = caller.assistant().map(|assistant| assistant.id);
    let store = call.app.store();
    let (dialog_id, stored) = match asked.message {
        None => (store.find_dialog(site.id, assistant_id, key_hash).await?, None),
        Some(message) => {
            // By the first half of the hash: every visitor has a bucket, before there is a dialog.
            let [a, b, c, d, e, f, g, h, ..] = key_hash;
            let key = (u64::from_le_bytes([a, b, c, d, e, f, g, h]), S::POOL);
            call.app.posts().take(key, call.app.clock().mono()).map_err(Refusal::rate_limited)?;
            let posted = PostMessage { text: message.text, id: message.id, n: message.n, client: asked.client };
            let author = Author { kind: AuthorKind::Visitor, name: String::new() };
            let message = messages::message(posted, author)?;
            if store.find_dialog(site.id, assistant_id, key_hash).await?.is_none() {
                call.begin_dialog(site.id)?;
            }
            let new = NewDialog { site_id: site.id, assistant_id, key_hash, message };
            let Started { dialog_id, taken } = store.start_dialog(new).await?;
            (dialog_id, Some(taken?))
        }
    };
    let page = match dialog_id {
        None => Page { epoch: store.epoch(), ..Page::default() },
        Some(dialog_id) => {
            let dialog = caller.admit(&call.app, dialog_id, None).await?.dialog;
            messages::page(&call.app, dialog, Stretch::Last, limits::SNAPSHOT_EVENTS).await?
        }
    };
    let is_new = stored.as_ref().is_some_and(|stored| !stored.duplicate);
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(DialogLoaded { dialog_id, stored, page })).into_response())
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
    });
    Ok(Json(DialogList { dialogs: dialogs.collect(), next }).into_response())
}

/// Reads the place that an earlier page gave as `next`.
fn place(text: &str) -> Result<(u64, u64), ApiError> {
    let wrong = ApiError::InvalidParameter("before is the `next` of another page");
    let (at, id) = text.split_once('.').ok_or(wrong.clone())?;
    Ok((at.parse().map_err(|_| wrong.clone())?, id.parse().map_err(|_| wrong)?))
}
