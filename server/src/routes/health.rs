//! How the server is.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::http::{Health, WebSocketHealth};
use serde::Deserialize;

use super::Json;
use super::parameters::Parameters;
use crate::app::App;
use crate::hub::Pool;

/// How long the store may take to prove that it works.
const CHECK: Duration = Duration::from_secs(2);

/// The parameters of `/health`.
#[derive(Debug, Deserialize)]
pub(super) struct HealthQuery {
    ws: Option<String>,
}

/// The process is alive; with `?ws=1`, whether and when this client may open a socket.
pub(super) async fn health(State(app): State<App>, Parameters(query): Parameters<HealthQuery>) -> Response {
    let links = app.links();
    let status = if links.is_draining() { "draining" } else { "ok" };
    if query.ws.is_none() {
        return Json(Health { status: status.into(), retry_ms: 0 }).into_response();
    }
    let closed = match (links.is_draining(), links.is_full()) {
        (true, _) => Some("draining"),
        (false, true) => Some("overloaded"),
        (false, false) => None,
    };
    // Always 200: a browser writes every other status on its console, and this is asked again and again.
    let (status, retry_ms) = match closed {
        None => (status, links.gate_ms(app.clock().mono())),
        Some(status) => (status, links.closed_ms()),
    };
    Json(Health { status: status.into(), retry_ms }).into_response()
}

/// The server can store and read messages, and is not about to leave.
pub(super) async fn ready(State(app): State<App>) -> Response {
    let status = if app.links().is_draining() {
        "draining"
    } else {
        match tokio::time::timeout(CHECK, app.store().check()).await {
            Ok(Ok(())) => "ok",
            Ok(Err(error)) => {
                tracing::warn!(%error, "not ready");
                "degraded"
            }
            Err(_) => {
                tracing::warn!("not ready: the store does not answer");
                "degraded"
            }
        }
    };
    let code = if status == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(Health { status: status.into(), retry_ms: 0 })).into_response()
}

/// How many links there are, by pool.
pub(super) async fn websocket(State(app): State<App>) -> Response {
    Json(websocket_health(&app)).into_response()
}

/// Counts the links.
pub(super) fn websocket_health(app: &App) -> WebSocketHealth {
    let links = app.links();
    let status = match (links.is_draining(), links.is_full()) {
        (true, _) => "draining",
        (false, true) => "degraded",
        (false, false) => "ok",
    };
    let count = |pool| links.count(pool) as u64;
    let [admin, widget, site] = app.hub().dialogs();
    WebSocketHealth {
        status: status.into(),
        active_admin_connections: count(Pool::Admin),
        active_widget_connections: count(Pool::Widget),
        active_site_connections: count(Pool::Site),
        total_dialogs_admin: admin as u64,
        total_dialogs_widget: widget as u64,
        total_dialogs_site: site as u64,
    }
}
