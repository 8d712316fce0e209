//! The query of an address, with an error of our own where it cannot be read.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// The parameters of a query.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let unreadable = ApiError::InvalidParameter("the query cannot be read, or has a parameter twice");
        let Query(parameters) = Query::try_from_uri(&parts.uri).map_err(|_| unreadable)?;
        Ok(Self(parameters))
    }
}
