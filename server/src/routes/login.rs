//! An operator logs in.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use protocol::http::{LoggedIn, Login};
use server_core::{Millis, Refusal};

use super::{Json, body};
use crate::accept::Peer;
use crate::app::App;
use crate::credentials::{LoginError, log_in};
use crate::error::ApiError;
use crate::hub::Pool;

/// How long a token is good; an open console asks for the password again after that.
const TOKEN_MS: Millis = 12 * 3_600_000;

/// Gives a token for an address and a password.
pub(super) async fn post(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    request_body: Body,
) -> Result<Response, ApiError> {
    let address = app.bounds().address(peer.address.ip(), &headers);
    app.logins().take(address, app.clock().mono()).map_err(Refusal::rate_limited)?;
    let Login { email, password } = body::json(&headers, request_body).await?;
    // Exposed to be compared with the hash.
    let password = password.expose().to_owned();
    let operator = match log_in(app.store(), &app.credentials().passwords, &email, password).await {
        Ok(operator) => operator,
        Err(LoginError::Refused) => {
            tracing::warn!(tag = Pool::Admin.tag(), "login refused");
            return Err(ApiError::Unauthorized("no operator has this address and password"));
        }
        Err(LoginError::Busy) => return Err(ApiError::Overloaded { retry_after_ms: 1_000 }),
        Err(LoginError::Store(error)) => return Err(error.into()),
    };
    let operators = &app.credentials().operators;
    let token = operators.issue(operator.id, operator.token_epoch, &operator.name, app.now().wall, TOKEN_MS);
    let token = token.map_err(|_| ApiError::Internal)?;
    let pass = app.credentials().operators.check(token.expose()).map_err(|_| ApiError::Internal)?;
    tracing::info!(tag = Pool::Admin.tag(), operator = operator.id, "logged in");
    let answer = LoggedIn { token, name: operator.name.clone(), expires_at: pass.expires_at };
    Ok(Json(answer).into_response())
}
