//! Frames of a client by POST: the way up beside a stream of events.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use protocol::{ClientFrame, json};
use server_core::Refusal;

use super::body;
use super::call::{Call, Side};
use crate::connection::{self, Batch, Drained, Link, Talk};
use crate::credentials;
use crate::error::ApiError;

/// Takes a batch of frames and answers with those that a socket would have sent for them, as an array.
pub(super) async fn post<S: Side>(mut call: Call<S>, request_body: Body) -> Result<Response, ApiError> {
    let (caller, admission) = call.admit().await?;
    let app = call.app.clone();
    let _place = call.body_place(admission.dialog.id())?;
    let bytes = body::bytes(&call.headers, request_body, body::BATCH_BYTES).await?;
    let admission = call.admit_again(&caller, admission.dialog).await?;
    let text = std::str::from_utf8(&bytes).map_err(|error| ApiError::InvalidJson(error.to_string()))?;
    let key = (admission.dialog.id(), S::POOL);
    let seed = credentials::seed().map_err(|_| ApiError::Internal)?;
    let mut link = Link::post(app.clone(), Arc::new(caller), admission, call.client(None), seed);
    let mut answer = Batch::default();
    connection::frames(text, |frame| match frame {
        Ok(ClientFrame::Message(message)) => match app.posts().take(key, app.clock().mono()) {
            Ok(()) => link.take_frame(ClientFrame::Message(message)),
            Err(after_ms) => {
                let refused = Refusal::rate_limited(after_ms).into_frame(message.id.unwrap_or_default());
                answer.push(&json::to_string(&refused));
            }
        },
        Ok(frame) => link.take_frame(frame),
        Err(unreadable) => link.take_unreadable(unreadable),
    });
    poll_fn(|context| {
        loop {
            link.poll(context);
            while let Some(frame) = link.next_frame() {
                answer.push(frame.text());
            }
            match link.note_drained() {
                Drained::GoesOn => {}
                Drained::Idle if link.is_settled() => return Poll::Ready(()),
                Drained::Idle => return Poll::Pending,
            }
        }
    })
    .await;
    if let Some(ending) = link.ending() {
        answer.push(&json::to_string(&ending.bye()));
    }
    Ok(answer.into_response())
}
