//! From an HTTP request to a socket.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use mutants::Mutant;
use protocol::limits;
use tungstenite::WebSocket;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocketConfig};

use super::wire::Wire;
use crate::accept::{Peer, Place};
use crate::error::ApiError;
use crate::patience::Patient;

/// Bytes read at once; every open socket has a buffer of this size.
const READ_BUFFER: usize = 2 * 1024;
/// Bytes gathered before they are written without being flushed.
const WRITE_BUFFER: usize = 4 * 1024;
/// Bytes of the largest frame of ours that may wait in the socket, beside those of the largest that a client may send.
const LARGEST_OWN: usize = 128 * 1024;

/// A request that asks to become a socket.
pub(crate) struct Upgrade {
    upgrade: OnUpgrade,
    accept: HeaderValue,
    /// Bytes of the largest message that is taken.
    pub(crate) most_bytes: usize,
    /// Its place among the TCP connections, for as long as the socket lives.
    place: Option<Arc<Place>>,
}

/// A socket right after its handshake, and its place among the TCP connections.
pub(crate) struct Accepted {
    pub(super) socket: WebSocket<Wire>,
    pub(super) place: Option<Arc<Place>>,
}

impl<S: Sync> FromRequestParts<S> for Upgrade {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let headers = &parts.headers;
        let asks = has_word(headers, CONNECTION, "upgrade")
            && has_word(headers, UPGRADE, "websocket")
            && headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
        let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| asks).ok_or(ApiError::NotAnUpgrade)?;
        let accept = derive_accept_key(key.as_bytes());
        let accept = HeaderValue::from_str(&accept).map_err(|_| ApiError::NotAnUpgrade)?;
        let upgrade = parts.extensions.remove::<OnUpgrade>().ok_or(ApiError::NotAnUpgrade)?;
        let place = parts.extensions.get::<Peer>().map(|peer| Arc::clone(&peer.place));
        let most_bytes = if mutants::planted(Mutant::HugeFrames) { usize::MAX } else { limits::FRAME_BYTES as usize };
        Ok(Self { upgrade, accept, most_bytes, place })
    }
}

/// Answers the request, and hands the socket to `serve` when it is there.
pub(crate) fn accept<F>(upgrade: Upgrade, serve: impl FnOnce(Accepted) -> F + Send + 'static) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let Upgrade { upgrade, accept, most_bytes, place } = upgrade;
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<Patient>>() else { return };
        let wire = Wire::new(parts.io.into_inner().into_tcp());
        let read = parts.read_buf.to_vec();
        let socket = WebSocket::from_partially_read(wire, read, Role::Server, Some(settings(most_bytes)));
        // A task of its own is no larger than it must be, and this one is gone.
        tokio::spawn(serve(Accepted { socket, place }));
    });
    let headers = [
        (CONNECTION, HeaderValue::from_static("upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_ACCEPT, accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

fn settings(most_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        // The gathered ones and two of the largest frames.
        .max_write_buffer_size(most_bytes.max(LARGEST_OWN).saturating_mul(2).saturating_add(WRITE_BUFFER))
        .max_message_size(Some(most_bytes))
        .max_frame_size(Some(most_bytes))
}

fn has_word(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let in_value = |value: &HeaderValue| {
        value.to_str().is_ok_and(|value| value.split(',').any(|one| one.trim().eq_ignore_ascii_case(word)))
    };
    headers.get_all(name).iter().any(in_value)
}
