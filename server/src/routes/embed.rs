//! The page inside the iframe.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::code;
use serde::Deserialize;
use server_core::origin::{self, Origin};

use super::page;
use super::parameters::Parameters;
use crate::app::App;
use crate::assets;
use crate::error::ApiError;
use crate::hub::Pool;
use crate::store::Site;

/// Where the ticket goes.
const PLACE: &str = "<meta name=\"rejoin-ticket\" content=\"\">";

/// The parameters of `/embed`.
#[derive(Debug, Deserialize)]
pub(super) struct EmbedQuery {
    assistant_id: Option<String>,
    parent_origin: Option<String>,
}

/// Gives out the page of an assistant, for frames on the site's pages.
///
/// What a browser enforces is `frame-ancestors`; the ticket says to our own sockets that this page was given out for
/// that parent, within the last minute and once.
pub(super) async fn page(
    State(app): State<App>,
    Parameters(query): Parameters<EmbedQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let assistant_id = query.assistant_id.and_then(|id| id.parse().ok());
    let found = match assistant_id {
        Some(id) => app.assistant(id).await,
        None => Err(ApiError::UnknownAssistant),
    };
    let (site, assistant) = match found {
        Ok(found) => found,
        Err(ApiError::UnknownAssistant) => {
            let text = "There is no such assistant. The address of this frame needs the assistant_id of one.";
            return Ok(page::refusal(StatusCode::NOT_FOUND, "No such assistant", text, code::UNKNOWN_ASSISTANT));
        }
        Err(error) => return Err(error),
    };
    let parent = query.parent_origin.unwrap_or_default();
    if !parent.is_empty() && !origin::allowed(&site.origins, &parent) {
        let origin = Origin::parse(&parent).map(|origin| origin.to_string());
        let shown = origin.as_deref().unwrap_or("not an origin");
        tracing::warn!(tag = Pool::Widget.tag(), site = site.id, parent_origin = shown, "WEBSOCKET_4003_ERROR");
        let text = match &origin {
            // An origin that can be read has no characters that mean anything in HTML.
            Ok(origin) => format!(
                "This page may not embed the chat: {origin} is not on the site's list. Whoever runs the server can add \
                 it with <code>rejoin site set &lt;token&gt; --origin {origin}</code>; <code>rejoin assistant list</code> \
                 shows the site's token."
            ),
            Err(_) => {
                "This page may not embed the chat: the <code>parent_origin</code> of the frame's address is not an \
                       origin, such as <code>https://shop.example</code>."
                    .into()
            }
        };
        return Ok(page::refusal(StatusCode::FORBIDDEN, "Not allowed here", &text, code::FORBIDDEN_ORIGIN));
    }
    let Some(template) = assets::find("embed.html").and_then(|asset| asset.text()) else {
        return Ok(page::missing());
    };
    let ticket = app.credentials().frames.issue(assistant.id, &parent, app.now().wall);
    let ticket = ticket.map_err(|_| ApiError::Internal)?;
    // Exposed to the page that it was made for; base64url needs no escaping.
    let meta = format!("<meta name=\"rejoin-ticket\" content=\"{}\">", ticket.expose());
    let text = template.replacen(PLACE, &meta, 1);
    let mut response = text.into_response();
    let answer = response.headers_mut();
    answer.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    answer.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    page::protect(answer, &headers, app.servers(), &ancestors(&site));
    Ok(response)
}

/// The pages around the frame; one in which nobody may embed it can still be opened by itself.
fn ancestors(site: &Site) -> String {
    // A policy has no words for addresses of IPv6; browsers complain about one that tries.
    let patterns: Vec<_> =
        site.origins.iter().map(ToString::to_string).filter(|origin| !origin.contains('[')).collect();
    if patterns.is_empty() { "'none'".into() } else { patterns.join(" ") }
}
