//! Every error of the HTTP API.

use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::http::{ErrorBody, ErrorDetail};
use protocol::{close, code};
use server_core::Refusal;
use server_core::session::Ending;

use crate::connection::NoPlace;
use crate::store::StoreError;

/// Why a request was not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ApiError {
    /// The body is not JSON.
    InvalidJson(String),
    /// The body is JSON of another shape.
    InvalidBody(String),
    /// A parameter of the path or the query is missing or cannot be read.
    InvalidParameter(&'static str),
    /// No credentials, or wrong ones.
    Unauthorized(&'static str),
    /// The visitor must say who they are.
    IdentityRequired,
    /// The token has expired.
    TokenExpired,
    /// The page's origin is not on the site's list.
    ForbiddenOrigin,
    /// No such dialog, or not for this client.
    DialogNotFound,
    /// No such site.
    UnknownSite,
    /// No such assistant.
    UnknownAssistant,
    /// No such address.
    NotFound,
    /// The address does not take this method.
    MethodNotAllowed,
    /// The address takes WebSocket upgrades only.
    NotAnUpgrade,
    /// The body is larger than the limit.
    TooBig {
        /// The limit.
        limit_bytes: usize,
    },
    /// The site takes no files.
    FilesOff,
    /// The file is larger than the site takes.
    FileTooBig {
        /// The limit.
        limit_bytes: u64,
    },
    /// The file is of a type that is not taken.
    FileType {
        /// Only images are.
        images: bool,
    },
    /// As many files as one dialog may hold.
    FileLimit,
    /// No such file in the dialog.
    FileNotFound,
    /// The body is not `application/json`.
    UnsupportedMediaType,
    /// The body did not arrive within its time.
    BodyTimeout,
    /// The connection broke within the body.
    BodyBroken,
    /// The message was not taken.
    Refused(Refusal),
    /// As many connections as the server takes.
    Overloaded {
        /// When to try again.
        retry_after_ms: u32,
    },
    /// More than one address, one visitor or one site may have.
    Limited {
        /// Which bound it is, one of [`protocol::code`].
        code: &'static str,
        /// When to try again.
        retry_after_ms: u32,
    },
    /// The server is going away.
    Draining {
        /// When to try again.
        retry_after_ms: u32,
    },
    /// The store gave no answer.
    Store(StoreError),
    /// The work was cut off by a fault of the program.
    Internal,
}

impl ApiError {
    /// Returns the status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::InvalidJson(_) | Self::InvalidBody(_) | Self::InvalidParameter(_) | Self::BodyBroken => {
                StatusCode::BAD_REQUEST
            }
            Self::Unauthorized(_) | Self::IdentityRequired | Self::TokenExpired => StatusCode::UNAUTHORIZED,
            Self::ForbiddenOrigin | Self::FilesOff | Self::FileLimit => StatusCode::FORBIDDEN,
            Self::FileNotFound | Self::DialogNotFound | Self::UnknownSite | Self::UnknownAssistant | Self::NotFound => {
                StatusCode::NOT_FOUND
            }
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAnUpgrade => StatusCode::UPGRADE_REQUIRED,
            Self::TooBig { .. } | Self::FileTooBig { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType | Self::FileType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Refused(refusal) => refusal_status(refusal.code),
            Self::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded { .. } | Self::Draining { .. } | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the code of the answer, one of [`protocol::code`].
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::InvalidJson(_) | Self::BodyBroken => code::INVALID_JSON,
            Self::InvalidBody(_) => code::INVALID_FRAME,
            Self::InvalidParameter(_) | Self::NotAnUpgrade => code::INVALID_PARAMETER,
            Self::Unauthorized(_) => code::UNAUTHORIZED,
            Self::IdentityRequired => code::IDENTITY_REQUIRED,
            Self::TokenExpired => code::TOKEN_EXPIRED,
            Self::ForbiddenOrigin => code::FORBIDDEN_ORIGIN,
            Self::DialogNotFound => code::DIALOG_NOT_FOUND,
            Self::UnknownSite => code::UNKNOWN_SITE,
            Self::UnknownAssistant => code::UNKNOWN_ASSISTANT,
            Self::NotFound => code::NOT_FOUND,
            Self::MethodNotAllowed => code::METHOD_NOT_ALLOWED,
            Self::TooBig { .. } => code::TOO_BIG,
            Self::FilesOff => code::FILES_OFF,
            Self::FileTooBig { .. } => code::FILE_TOO_BIG,
            Self::FileType { .. } => code::FILE_TYPE,
            Self::FileLimit => code::FILE_LIMIT,
            Self::FileNotFound => code::FILE_NOT_FOUND,
            Self::UnsupportedMediaType => code::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTimeout => code::TIMEOUT,
            Self::Refused(refusal) => refusal.code,
            Self::Limited { code, .. } => code,
            Self::Overloaded { .. } => code::OVERLOADED,
            Self::Draining { .. } => code::DRAINING,
            Self::Store(error) => error.code(),
            Self::Internal => code::INTERNAL,
        }
    }

    /// Returns when to try again, where that helps.
    pub(crate) fn retry_after_ms(&self) -> Option<u32> {
        match self {
            Self::Refused(refusal) => refusal.retry_after_ms,
            Self::Overloaded { retry_after_ms }
            | Self::Limited { retry_after_ms, .. }
            | Self::Draining { retry_after_ms } => Some(*retry_after_ms),
            Self::Store(error) => error.refusal().and_then(|refusal| refusal.retry_after_ms),
            Self::InvalidJson(_)
            | Self::InvalidBody(_)
            | Self::InvalidParameter(_)
            | Self::Unauthorized(_)
            | Self::IdentityRequired
            | Self::TokenExpired
            | Self::ForbiddenOrigin
            | Self::DialogNotFound
            | Self::UnknownSite
            | Self::UnknownAssistant
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::NotAnUpgrade
            | Self::TooBig { .. }
            | Self::FilesOff
            | Self::FileTooBig { .. }
            | Self::FileType { .. }
            | Self::FileLimit
            | Self::FileNotFound
            | Self::UnsupportedMediaType
            | Self::BodyTimeout
            | Self::BodyBroken
            | Self::Internal => None,
        }
    }

    /// Returns how a socket that is refused for this ends.
    pub(crate) fn ending(&self) -> Ending {
        let code = match self {
            Self::Unauthorized(_) | Self::IdentityRequired => close::UNAUTHORIZED,
            Self::TokenExpired => close::EXPIRED,
            Self::ForbiddenOrigin => close::FORBIDDEN_ORIGIN,
            Self::DialogNotFound | Self::InvalidParameter(_) | Self::NotFound => close::NOT_FOUND,
            Self::UnknownSite | Self::UnknownAssistant => close::UNKNOWN_SITE,
            Self::Overloaded { .. } | Self::Limited { .. } => close::OVERLOADED,
            Self::Refused(refusal) if refusal.code == code::RATE_LIMITED => close::TOO_FAST,
            Self::Draining { .. } => close::DRAINING,
            Self::Store(_)
            | Self::Internal
            | Self::InvalidJson(_)
            | Self::InvalidBody(_)
            | Self::MethodNotAllowed
            | Self::NotAnUpgrade
            | Self::TooBig { .. }
            | Self::FilesOff
            | Self::FileTooBig { .. }
            | Self::FileType { .. }
            | Self::FileLimit
            | Self::FileNotFound
            | Self::UnsupportedMediaType
            | Self::BodyTimeout
            | Self::BodyBroken
            | Self::Refused(_) => close::STORE_UNAVAILABLE,
        };
        let retry_ms = match close::action(code) {
            close::Action::BackOff => Some(self.retry_after_ms().unwrap_or(2_000)),
            close::Action::Spread | close::Action::Reconnect => self.retry_after_ms(),
            close::Action::Done | close::Action::Stop | close::Action::Renew => None,
        };
        Ending { code, reason: self.code(), retry_ms }
    }

    /// Returns what to do, for a developer.
    fn message(&self) -> String {
        match self {
            Self::InvalidJson(detail) => format!("the body is not JSON: {detail}"),
            Self::InvalidBody(detail) => format!("the body is not what this address takes: {detail}"),
            Self::InvalidParameter(what) | Self::Unauthorized(what) => (*what).to_owned(),
            Self::IdentityRequired => "this site wants to know who its visitors are: a signed token is missing".into(),
            Self::TokenExpired => "the token has expired: a fresh one is needed".into(),
            Self::ForbiddenOrigin => "this page's origin is not on the site's list; add it with `rejoin site`".into(),
            Self::DialogNotFound => "no such dialog, or not for these credentials".into(),
            Self::UnknownSite => "no site has this site_token".into(),
            Self::UnknownAssistant => "no assistant has this assistant_id".into(),
            Self::NotFound => "no such address".into(),
            Self::MethodNotAllowed => "this address does not take this method".into(),
            Self::NotAnUpgrade => "this address takes WebSocket upgrades only (version 13)".into(),
            Self::TooBig { limit_bytes } => format!("a body has at most {limit_bytes} bytes here"),
            Self::FilesOff => "this site takes no files; `rejoin site set <token> --files on` changes that".into(),
            Self::FileTooBig { limit_bytes } => format!("a file has at most {limit_bytes} bytes here"),
            Self::FileType { images: true } => "only images are taken here: PNG, JPEG, GIF, WebP or AVIF".into(),
            Self::FileType { images: false } => {
                "files of this type are not passed on: images, PDF, text, office documents, archives, sound and video are".into()
            }
            Self::FileLimit => "as many files, or bytes in files, as one dialog may hold".into(),
            Self::FileNotFound => "no such file in this dialog".into(),
            Self::UnsupportedMediaType => "the body must be application/json".into(),
            Self::BodyTimeout => "the body did not arrive in time".into(),
            Self::BodyBroken => "the connection broke within the body".into(),
            Self::Refused(refusal) => match refusal.expected {
                Some(expected) => format!("{}; the next is {expected}", refusal.message),
                None => refusal.message.to_owned(),
            },
            Self::Limited { code, .. } => limited_message(code).into(),
            Self::Overloaded { .. } => "as many connections as this server takes; try again later".into(),
            Self::Draining { .. } => "this server is going away; try again later".into(),
            Self::Store(error) => public_message(error).into(),
            Self::Internal => "something is wrong with the server; its log says more".into(),
        }
    }
}

fn limited_message(limit: &str) -> &'static str {
    match limit {
        code::ADDRESS_LIMIT => "as many links, or uploads, as one address may have; try again later",
        code::VISITOR_LIMIT => "as many links as one visitor may have; close one, or try again later",
        code::SITE_LIMIT => "as many links, or uploads, as the visitors of one site may have; try again later",
        _ => "more new dialogs than are taken; try again later",
    }
}

/// What the database says in its own words is for the log, not for the world.
fn public_message(error: &StoreError) -> &'static str {
    match error {
        StoreError::DiskFull => "the disk is full: nothing can be written now, everything can be read",
        StoreError::Overloaded { .. } => "more messages wait to be stored than the server takes",
        StoreError::Locked
        | StoreError::Corrupt { .. }
        | StoreError::Io { .. }
        | StoreError::Closed
        | StoreError::Internal { .. } => "the database does not answer now",
    }
}

fn refusal_status(refusal: &str) -> StatusCode {
    match refusal {
        code::ORDER => StatusCode::CONFLICT,
        code::RATE_LIMITED => StatusCode::TOO_MANY_REQUESTS,
        code::DISK_FULL | code::STORE_UNAVAILABLE | code::OVERLOADED => StatusCode::SERVICE_UNAVAILABLE,
        // Text and id have a format, and an id that is known means something else.
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<NoPlace> for ApiError {
    fn from(no_place: NoPlace) -> Self {
        match no_place {
            NoPlace::Full { retry_ms } => Self::Overloaded { retry_after_ms: retry_ms },
            NoPlace::Draining { retry_ms } => Self::Draining { retry_after_ms: retry_ms },
        }
    }
}

impl From<server_core::access::Denied> for ApiError {
    fn from(_: server_core::access::Denied) -> Self {
        Self::DialogNotFound
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry_after_ms = self.retry_after_ms();
        let body =
            ErrorBody { error: ErrorDetail { code: self.code().into(), message: self.message(), retry_after_ms } };
        let mut response = (self.status(), crate::routes::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(ms) = retry_after_ms {
            headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000).max(1)));
        }
        // The middleware that logs requests finds it here.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_status_and_its_code() {
        let rows: [(ApiError, u16, &str); 22] = [
            (ApiError::FilesOff, 403, "files_off"),
            (ApiError::FileLimit, 403, "file_limit"),
            (ApiError::FileNotFound, 404, "file_not_found"),
            (ApiError::FileTooBig { limit_bytes: 1 }, 413, "file_too_big"),
            (ApiError::FileType { images: true }, 415, "file_type"),
            (ApiError::InvalidJson(String::new()), 400, "invalid_json"),
            (ApiError::InvalidParameter("x"), 400, "invalid_parameter"),
            (ApiError::Unauthorized("x"), 401, "unauthorized"),
            (ApiError::TokenExpired, 401, "token_expired"),
            (ApiError::ForbiddenOrigin, 403, "forbidden_origin"),
            (ApiError::DialogNotFound, 404, "dialog_not_found"),
            (ApiError::MethodNotAllowed, 405, "method_not_allowed"),
            (ApiError::BodyTimeout, 408, "timeout"),
            (ApiError::TooBig { limit_bytes: 1 }, 413, "too_big"),
            (ApiError::UnsupportedMediaType, 415, "unsupported_media_type"),
            (Refusal::order(3).into(), 409, "order"),
            (Refusal::id_conflict().into(), 422, "id_conflict"),
            (Refusal::rate_limited(1_500).into(), 429, "rate_limited"),
            (ApiError::Limited { code: code::SITE_LIMIT, retry_after_ms: 5 }, 429, "site_limit"),
            (Refusal::disk_full().into(), 503, "disk_full"),
            (StoreError::DiskFull.into(), 503, "disk_full"),
            (ApiError::Draining { retry_after_ms: 10 }, 503, "draining"),
        ];
        for (error, status, code) in rows {
            assert_eq!((error.status().as_u16(), error.code()), (status, code), "{error:?}");
        }
    }

    #[test]
    fn retry_after_is_told_in_whole_seconds_and_in_milliseconds() {
        let response = ApiError::from(Refusal::rate_limited(1_500)).into_response();
        assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), "2");
        assert_eq!(response.headers().get(CACHE_CONTROL).unwrap(), "no-store");
    }

    #[test]
    fn the_database_s_own_words_stay_inside() {
        let error = ApiError::from(StoreError::Corrupt { message: "/var/lib/secret.db".into() });
        assert!(!error.message().contains("secret"));
    }
}
