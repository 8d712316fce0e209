//! Bodies of requests, with a bound and a time limit.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// Bytes of a usual body.
pub(super) const USUAL_BYTES: usize = 64 * 1024;
/// Bytes of a batch of frames.
pub(super) const BATCH_BYTES: usize = 1024 * 1024;
/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// Reads a JSON body.
///
/// # Errors
/// Another media type, a body that is too large, too late or broken off, or not a `T`.
pub(super) async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, ApiError> {
    let bytes = bytes(headers, body, USUAL_BYTES).await?;
    serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
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
    let collected = tokio::time::timeout(ARRIVAL, Limited::new(body, limit_bytes).collect()).await;
    match collected.map_err(|_| ApiError::BodyTimeout)? {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::TooBig { limit_bytes }),
        Err(_) => Err(ApiError::BodyBroken),
    }
}

fn is_json(value: &HeaderValue) -> bool {
    let Ok(value) = value.to_str() else { return false };
    let kind = value.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}
