//! Bodies of requests, with a bound and a time limit.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::ApiError;

/// Bytes of a usual body.
pub(super) const USUAL_BYTES: usize = 64 * 1024;
/// Bytes of a batch of frames.
pub(super) const BATCH_BYTES: usize = 1024 * 1024;
/// Of a body that is too large, so much is read and thrown away: a reset would overtake the answer.
const DISCARDED_BYTES: usize = 64 * 1024 * 1024;
/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// Reads a JSON body.
///
/// # Errors
/// Another media type, a body that is too large, too late or broken off, or not a `T`.
pub(super) async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, ApiError> {
    let bytes = bytes(headers, body, USUAL_BYTES).await?;
    read(&bytes)
}

/// Reads JSON that has arrived.
///
/// # Errors
/// Not a `T`.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // serde_json looks at the bytes of the fields that it reads, and at no others.
    let text = std::str::from_utf8(bytes).map_err(|error| ApiError::InvalidJson(error.to_string()))?;
    if protocol::json::is_too_deep(bytes) {
        return Err(ApiError::InvalidBody("JSON is nested more than 32 levels deep here".into()));
    }
    let read = match text.trim_ascii_start().starts_with('[') {
        // serde takes a list of the fields for the object: nobody else does.
        true => serde_json::from_str::<Value>(text).and_then(|_| Err(serde::de::Error::custom("an object is wanted"))),
        false => serde_json::from_str(text),
    };
    read.map_err(|error| match error.classify() {
        serde_json::error::Category::Data => ApiError::InvalidBody(error.to_string()),
        serde_json::error::Category::Syntax | serde_json::error::Category::Eof | serde_json::error::Category::Io => {
            ApiError::InvalidJson(error.to_string())
        }
    })
}

/// Reads the bytes of a JSON body.
///
/// # Errors
/// Another media type, or a body that is too large, too late or broken off.
pub(super) async fn bytes(headers: &HeaderMap, body: Body, limit_bytes: usize) -> Result<Bytes, ApiError> {
    if !headers.get(CONTENT_TYPE).is_some_and(is_json) {
        return Err(ApiError::UnsupportedMediaType);
    }
    tokio::time::timeout(ARRIVAL, collect(body, limit_bytes)).await.map_err(|_| ApiError::BodyTimeout)?
}

async fn collect(mut body: Body, limit_bytes: usize) -> Result<Bytes, ApiError> {
    let mut collected = BytesMut::new();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::BodyBroken)?;
        let Some(data) = frame.data_ref() else { continue };
        read += data.len();
        if read <= limit_bytes {
            collected.extend_from_slice(data);
        } else if read > DISCARDED_BYTES {
            break;
        } else {
            collected = BytesMut::new();
        }
    }
    if read <= limit_bytes { Ok(collected.freeze()) } else { Err(ApiError::TooBig { limit_bytes }) }
}

fn is_json(value: &HeaderValue) -> bool {
    let Ok(value) = value.to_str() else { return false };
    let kind = value.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}
