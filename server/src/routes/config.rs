//! What the widget needs before any dialog exists.

use axum::response::{IntoResponse, Response};
use protocol::http::SiteConfig;
use server_core::access::VisitorAuth;

use super::Json;
use super::call::{Call, Side};
use crate::error::ApiError;
use crate::store::{Identity, Metrics};

/// Tells a site's settings.
pub(super) async fn read<S: Side>(mut call: Call<S>) -> Result<Response, ApiError> {
    let caller = call.caller().await?;
    let site = caller.site().ok_or(ApiError::UnknownSite)?;
    // An assistant answers at any time.
    let assisted = caller.assistant().is_some();
    let now = call.app.now().wall;
    let config = SiteConfig {
        name: site.name.clone(),
        welcome: site.welcome.clone(),
        color: site.color.clone(),
        assistant: caller.assistant().map(|assistant| assistant.name.clone()).unwrap_or_default(),
        operators: call.app.hub().operators(site.id),
        open: site.visitor_auth == VisitorAuth::Open,
        metrics: site.metrics == Metrics::On,
        servers: call.app.servers().to_vec(),
        hours: if assisted { None } else { site.opening(now) },
        absent: !assisted && call.app.hub().is_deserted(site.id, call.app.absent_ms()),
        away: site.away.clone(),
        now,
        identity_required: site.identity == Identity::Required,
        files: call.app.files().and_then(|_| site.files.told()),
    };
    Ok(Json(config).into_response())
}
