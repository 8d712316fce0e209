//! Server-sent events of a dialog.

use std::sync::Arc;

use axum::http::HeaderName;
use axum::response::Response;

use super::call::{Call, Side};
use crate::connection::{Link, events};
use crate::error::ApiError;
use crate::hub::Transport;

static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Streams a dialog from a cursor on.
pub(super) async fn stream<S: Side>(mut call: Call<S>) -> Result<Response, ApiError> {
    let mut open = call.open(Transport::Sse)?;
    let (caller, admission) = call.admit().await?;
    call.open_on_site(&mut open, &caller)?;
    let last_event = call.headers.get(&LAST_EVENT_ID).and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let entry = call.entry(Arc::new(caller), Some(admission), Transport::Sse, last_event)?;
    Ok(events(Link::new(call.app, open, entry)))
}
