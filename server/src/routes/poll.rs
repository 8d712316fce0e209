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
    match begin(&mut call, transport).await {
        Ok(link) => Ok(answer(link, wait_s * 1_000).await.into_response()),
        // As a socket is told: an error of HTTP would stand in the browser's console.
        Err(no_place @ (ApiError::Overloaded { .. } | ApiError::Draining { .. } | ApiError::Limited { .. })) => {
            let mut batch = Batch::default();
            batch.push(&json::to_string(&no_place.ending().bye()));
            Ok(batch.into_response())
        }
        Err(error) => Err(error),
    }
}

async fn begin<S: Side>(call: &mut Call<S>, transport: Transport) -> Result<Link, ApiError> {
    let mut open = call.open(transport)?;
    let (caller, admission) = call.admit().await?;
    call.open_on_site(&mut open, &caller)?;
    let entry = call.entry(Arc::new(caller), Some(admission), transport, None)?;
    Ok(Link::new(call.app.clone(), open, entry))
}
