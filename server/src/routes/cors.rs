//! Pages of other origins may call the API: nothing in it rests on cookies.

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Answers preflights, and lets pages read the answers.
pub(super) async fn answer(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !path.starts_with("/api/") && !path.starts_with("/health") && path != "/ready" {
        return next.run(request).await;
    }
    if request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return (StatusCode::NO_CONTENT, preflight()).into_response();
    }
    let from_page = request.headers().contains_key(ORIGIN);
    let mut response = next.run(request).await;
    if from_page {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    }
    response
}

fn preflight() -> HeaderMap {
    HeaderMap::from_iter([
        (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT")),
        (ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type, last-event-id")),
        (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400")),
    ])
}
