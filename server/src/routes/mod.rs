//! Every address of the server, each exactly once.

mod attributes;
pub(crate) mod body;
mod call;
mod client_address;
mod config;
mod cors;
mod debug;
mod dialogs;
mod embed;
mod events;
mod files;
mod frames;
mod health;
mod log;
mod login;
mod messages;
mod page;
mod parameters;
mod poll;
mod sockets;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post, put};
use serde::Serialize;

use crate::app::App;
use crate::error::ApiError;
use call::{Admin, Site, Widget};
pub(crate) use client_address::client_address;

/// One address.
struct Address {
    path: &'static str,
    methods: MethodRouter<App>,
}

/// Returns every address; the pages and the web assets stand behind all others.
#[rustfmt::skip]
fn table() -> Vec<Address> {
    let at = |path, methods| Address { path, methods };
    vec![
        at("/ws/dialogs/{id}", get(sockets::dialog::<Admin>)),
        at("/ws/widget/dialogs/{id}", get(sockets::dialog::<Widget>)),
        at("/ws/site/dialogs/{id}", get(sockets::dialog::<Site>)),
        at("/ws/inbox", get(sockets::inbox)),

        at("/api/dialogs", get(dialogs::list)),
        at("/api/dialogs/{id}/messages", get(messages::read::<Admin>).post(messages::post::<Admin>)),
        at("/api/dialogs/{id}/frames", post(frames::post::<Admin>)),
        at("/api/dialogs/{id}/files/{file}", get(files::read::<Admin>).put(files::put::<Admin>)),
        at("/api/dialogs/{id}/events", get(events::stream::<Admin>)),
        at("/api/dialogs/{id}/poll", get(poll::poll::<Admin>)),
        at("/api/login", post(login::post)),

        at("/api/site/config", get(config::read::<Site>)),
        at("/api/site/avatar", get(config::avatar::<Site>)),
        at("/api/site/dialogs", post(dialogs::start::<Site>)),
        at("/api/site/files/{file}", put(files::begin::<Site>)),
        at("/api/site/dialogs/{id}/messages", get(messages::read::<Site>).post(messages::post::<Site>)),
        at("/api/site/dialogs/{id}/frames", post(frames::post::<Site>)),
        at("/api/site/dialogs/{id}/files/{file}", get(files::read::<Site>).put(files::put::<Site>)),
        at("/api/site/dialogs/{id}/events", get(events::stream::<Site>)),
        at("/api/site/dialogs/{id}/poll", get(poll::poll::<Site>)),
        at("/api/site/dialogs/{id}/contact", post(dialogs::contact::<Site>)),

        at("/api/widget/config", get(config::read::<Widget>)),
        at("/api/widget/avatar", get(config::avatar::<Widget>)),
        at("/api/widget/dialogs", post(dialogs::start::<Widget>)),
        at("/api/widget/files/{file}", put(files::begin::<Widget>)),
        at("/api/widget/dialogs/{id}/messages", get(messages::read::<Widget>).post(messages::post::<Widget>)),
        at("/api/widget/dialogs/{id}/frames", post(frames::post::<Widget>)),
        at("/api/widget/dialogs/{id}/files/{file}", get(files::read::<Widget>).put(files::put::<Widget>)),
        at("/api/widget/dialogs/{id}/events", get(events::stream::<Widget>)),
        at("/api/widget/dialogs/{id}/poll", get(poll::poll::<Widget>)),
        at("/api/widget/dialogs/{id}/contact", post(dialogs::contact::<Widget>)),

        at("/api/debug/websocket/status", get(debug::status)),
        at("/api/debug/websocket/sync", get(debug::sync)),

        at("/health", get(health::health)),
        at("/ready", get(health::ready)),
        at("/health/websocket", get(health::websocket)),

        at("/embed", get(embed::page)),
    ]
}

/// Returns the service of every address.
pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new();
    for Address { path, methods } in table() {
        router = router.route(path, methods);
    }
    router
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .fallback(page::any)
        .layer(middleware::from_fn(cors::answer))
        .layer(middleware::from_fn(log::request))
        .with_state(app)
}

/// An answer of the API.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let json = HeaderValue::from_static("application/json");
                let no_store = HeaderValue::from_static("no-store");
                ([(CONTENT_TYPE, json), (axum::http::header::CACHE_CONTROL, no_store)], body).into_response()
            }
            // Every type of the wire can be written.
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_path_stands_in_the_table_once_and_the_sockets_are_those_of_the_protocol() {
        let paths: Vec<_> = table().iter().map(|address| address.path).collect();
        let each: BTreeSet<_> = paths.iter().collect();
        assert_eq!(paths.len(), each.len(), "a path has two handlers");
        let sockets: Vec<_> = paths.iter().filter(|path| path.starts_with("/ws/")).copied().collect();
        let known = ["/ws/dialogs/{id}", "/ws/widget/dialogs/{id}", "/ws/site/dialogs/{id}", "/ws/inbox"];
        assert_eq!(sockets, known);
    }
}
