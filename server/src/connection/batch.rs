//! An array of frames that are JSON already: an answer over plain HTTP.

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

/// An array of frames that are JSON already.
#[derive(Debug, Default)]
pub(crate) struct Batch(String);

impl Batch {
    /// Puts a frame at the end.
    pub(crate) fn push(&mut self, frame: &str) {
        self.0.push(if self.0.is_empty() { '[' } else { ',' });
        self.0.push_str(frame);
    }

    /// Returns its bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl IntoResponse for Batch {
    fn into_response(mut self) -> Response {
        if self.0.is_empty() {
            self.0.push('[');
        }
        self.0.push(']');
        let json = HeaderValue::from_static("application/json");
        ([(CONTENT_TYPE, json), (CACHE_CONTROL, HeaderValue::from_static("no-store"))], self.0).into_response()
    }
}
