//! What the widget needs before any dialog exists.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::http::SiteConfig;
use server_core::access::VisitorAuth;

use super::Json;
use super::call::{Call, Side};
use crate::avatar;
use crate::error::ApiError;
use crate::store::{Identity, Metrics};

/// Gives out the picture of an operator of the site, by the name that visitors see; 204 where there is none.
pub(super) async fn avatar<S: Side>(mut call: Call<S>) -> Result<Response, ApiError> {
    let caller = call.caller().await?;
    let site = caller.site().ok_or(ApiError::UnknownSite)?;
    let name = call.name().ok_or(ApiError::InvalidParameter("name is the name of an operator"))?;
    let picture = call.app.store().avatar(site.id, name.to_owned()).await?;
    let cached = (CACHE_CONTROL, HeaderValue::from_static("private, max-age=600"));
    let Some((picture, kind)) = picture.and_then(|picture| avatar::kind(&picture).ok().map(|kind| (picture, kind)))
    else {
        return Ok((StatusCode::NO_CONTENT, [cached]).into_response());
    };
    let headers = [
        cached,
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
    ];
    Ok((headers, picture).into_response())
}

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
        locale: site.locale.clone(),
    };
    Ok(Json(config).into_response())
}
