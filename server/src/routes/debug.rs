//! Who is connected, and whether every side has every message.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use protocol::http::{DialogSync, LinkLine, LinkList, SideSync};
use serde::Deserialize;
use server_core::session::Cursor;

use super::Json;
use super::call::{Admin, Call};
use super::health::websocket_health;
use super::parameters::Parameters;
use crate::error::ApiError;
use crate::hub::{Card, Pool};
use crate::store::{Mark, Resumed};

/// Links that are listed.
const LINES: usize = 1_000;

/// The parameters of `/api/debug/websocket/sync`.
#[derive(Debug, Deserialize)]
pub(super) struct SyncQuery {
    dialog_id: Option<String>,
}

/// Tells an operator who is connected.
pub(super) async fn status(mut call: Call<Admin>) -> Result<Response, ApiError> {
    let caller = call.caller().await?;
    let operator = caller.operator(&call.app, None).await?;
    let app = &call.app;
    let mut links: Vec<_> =
        app.hub().links(&operator.sites, LINES).iter().map(|(dialog_id, card)| line(*dialog_id, card)).collect();
    links.sort_by_key(|line| line.link);
    let list = LinkList {
        health: websocket_health(app),
        max_connections: app.links().most() as u64,
        tcp_connections: app.connections().open() as u64,
        links,
        metrics: app.figures().of(&operator.sites),
    };
    Ok(Json(list).into_response())
}

/// Tells an operator whether every side of a dialog has every message.
pub(super) async fn sync(
    Parameters(query): Parameters<SyncQuery>,
    mut call: Call<Admin>,
) -> Result<Response, ApiError> {
    let dialog_id = query.dialog_id.and_then(|id| id.parse().ok());
    let dialog_id = dialog_id.ok_or(ApiError::InvalidParameter("dialog_id is missing, or no number"))?;
    let caller = call.caller().await?;
    let dialog = caller.admit(&call.app, dialog_id, None).await?.dialog;
    let store = call.app.store();
    let Resumed { epoch, head, hash, .. } = store.resume(dialog, Cursor::default(), Vec::new(), None).await?;
    let marks = store.marks(dialog).await?;
    let links: Vec<_> = call.app.hub().members(dialog_id).iter().map(|card| line(dialog_id, card)).collect();
    let operators = links.iter().filter(|line| line.pool == Pool::Admin.name()).count() as u64;
    let visitor = side(marks.visitor, links.len() as u64 - operators);
    let operator = side(marks.operator, operators);
    let in_sync = visitor.received >= head && operator.received >= head;
    Ok(Json(DialogSync { dialog_id, epoch, head, hash, visitor, operator, in_sync, links }).into_response())
}

fn side(mark: Mark, links: u64) -> SideSync {
    SideSync { received: mark.received, read: mark.read, links }
}

fn line(dialog_id: u64, card: &Arc<Card>) -> LinkLine {
    LinkLine {
        link: card.id,
        pool: card.pool.name().into(),
        transport: card.transport.name().into(),
        dialog_id,
        since: card.since,
        written: card.written(),
        received: card.received(),
    }
}
