//! Our own pages and assets, with the headers that keep them ours.

use axum::extract::Request;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::assets;
use crate::error::ApiError;

/// Serves the page or the asset with this path.
pub(super) async fn any(State(app): State<App>, request: Request) -> Response {
    let path = request.uri().path();
    if ["/api/", "/ws/", "/health"].iter().any(|prefix| path.starts_with(prefix)) {
        return ApiError::NotFound.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return ApiError::MethodNotAllowed.into_response();
    }
    // The template of the frame is a page only when it is asked for by `/embed`.
    let asset = assets::find(path.trim_start_matches('/')).filter(|asset| asset.path() != "embed.html");
    let Some(asset) = asset else {
        if let Some(earlier) = app.earlier()
            && let Some(kept) = earlier.find(path.trim_start_matches('/')).await
        {
            return kept.response(request.headers());
        }
        return if assets::are_missing() {
            missing()
        } else {
            plain(StatusCode::NOT_FOUND, "Not found", "There is no such page.")
        };
    };
    let mut response = asset.response(request.headers());
    if asset.is_page() {
        let ancestors = if path.starts_with("/console") { "'none'" } else { "'self'" };
        protect(response.headers_mut(), request.headers(), app.servers(), ancestors);
    }
    response
}

/// Sets the headers of a page of ours, which may stand inside `ancestors` only.
pub(super) fn protect(answer: &mut HeaderMap, request: &HeaderMap, servers: &[String], ancestors: &str) {
    let policy = policy(request, servers, ancestors);
    let mut set = |name: HeaderName, value: &'static str| {
        answer.insert(name, HeaderValue::from_static(value));
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        answer.insert(CONTENT_SECURITY_POLICY, policy);
    }
}

/// Scripts, styles and connections of our own only; WebAssembly may run, and nothing can become HTML.
fn policy(request: &HeaderMap, servers: &[String], ancestors: &str) -> String {
    let mut connect = String::from("'self'");
    // Not every browser takes the scheme of sockets for one of 'self'.
    if let Some(host) = request.get(HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host)) {
        connect.push_str(&format!(" ws://{host} wss://{host}"));
    }
    for server in servers {
        let socket = server.replacen("http", "ws", 1);
        connect.push_str(&format!(" {server} {socket}"));
    }
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
         font-src 'self'; media-src 'self' data:; connect-src {connect}; frame-src 'self'; manifest-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

/// Nothing that could end a directive and begin another; a policy has no words for addresses of IPv6.
fn is_host(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:_".contains(&byte))
}

/// Says that the binary was built without web assets.
pub(super) fn missing() -> Response {
    plain(
        StatusCode::SERVICE_UNAVAILABLE,
        "No web assets",
        "This server was built without its web assets. Build them and the server with <code>cargo xtask build</code>.",
    )
}

/// A page of one sentence; `text` is ours, never a client's.
pub(super) fn plain(status: StatusCode, title: &'static str, text: &str) -> Response {
    sentence(status, title, text, "", "default-src 'none'; img-src data:; base-uri 'none'".into())
}

/// A page of one sentence in a frame, which tells the page around it why: `code` is ours.
pub(super) fn refusal(status: StatusCode, title: &'static str, text: &str, code: &'static str) -> Response {
    let script = format!("parent.postMessage('{code}','*')");
    let hash = STANDARD.encode(Sha256::digest(&script));
    let policy = format!("default-src 'none'; img-src data:; base-uri 'none'; script-src 'sha256-{hash}'");
    sentence(status, title, text, &format!("<script>{script}</script>"), policy)
}

fn sentence(status: StatusCode, title: &str, text: &str, script: &str, policy: String) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><link rel=\"icon\" href=\"data:,\">\
         <title>{title}</title><h1>{title}</h1><p>{text}</p>{script}\n"
    );
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'")),
        ),
    ];
    (status, headers, page).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_our_sockets_and_cannot_be_extended_by_a_host() {
        let policy_of = |host: &'static str| {
            let request = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            policy(&request, &["https://b.example".into()], "'none'")
        };
        let policy = policy_of("127.0.0.1:8787");
        let connect = "connect-src 'self' ws://127.0.0.1:8787 wss://127.0.0.1:8787 https://b.example wss://b.example;";
        assert!(policy.contains(connect), "{policy}");
        assert!(policy.contains("frame-ancestors 'none';"));
        assert!(!policy_of("a.example; script-src *").contains("a.example"));
    }
}
