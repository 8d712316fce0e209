//! One line for each request, with its path only: a query may carry a token.

use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use mutants::Mutant;

use crate::error::ApiError;

/// Logs the request when it is answered.
pub(super) async fn request(request: Request, next: Next) -> Response {
    if !tracing::enabled!(tracing::Level::WARN) {
        return next.run(request).await;
    }
    let start = Instant::now();
    let method = request.method().clone();
    let path = match mutants::planted(Mutant::TokenInLog) {
        true => request.uri().to_string(),
        false => request.uri().path().to_owned(),
    };
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    let ms = start.elapsed().as_millis();
    match response.extensions_mut().remove::<ApiError>() {
        // Nobody's fault, and it would be said for every client.
        Some(ApiError::Overloaded { .. } | ApiError::Draining { .. }) | None => {
            tracing::debug!(%method, path, status, ms, "request");
        }
        Some(error) if status >= 500 => tracing::warn!(%method, path, status, ms, ?error, "request failed"),
        Some(error) => tracing::debug!(%method, path, status, ms, code = error.code(), "request refused"),
    }
    response
}
