//! The log of a dialog by one request at a time, for networks that let nothing else through.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use protocol::{json, limits};

use super::call::{Call, Side};
use crate::connection::{Batch, Link, poll as answer};
use crate::error::ApiError;
use crate::hub::Transport;

/// Answers with what follows a cursor, at once or as soon as there is something.
pub(super) async fn poll<S: Side>(mut call: Call<S>) -> Result<Response, ApiError> {
    let wait_s = call.wait()?.unwrap_or(0).min(limits::POLL_WAIT_S);
    let transport = if wait_s == 0 { Transport::Polling } else { Transport::LongPolling };
    let open = match call.app.links().open(S::POOL, transport) {
        Ok(open) => open,
        // As a socket is told: an error of HTTP would stand in the browser's console.
        Err(no_place) => {
            let mut batch = Batch::default();
            batch.push(&json::to_string(&no_place.ending().bye()));
            return Ok(batch.into_response());
        }
    };
    let (caller, admission) = call.admit().await?;
    let entry = call.entry(Arc::new(caller), Some(admission), transport, None)?;
    Ok(answer(Link::new(call.app, open, entry), wait_s * 1_000).await.into_response())
}
