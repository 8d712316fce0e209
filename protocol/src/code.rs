//! Codes of errors and refusals, the same in frames and in HTTP answers.

/// The text is not JSON.
pub const INVALID_JSON: &str = "invalid_json";
/// JSON, but not a frame: no object, no `type`, a field missing or of another shape.
pub const INVALID_FRAME: &str = "invalid_frame";
/// An empty frame.
pub const EMPTY_FRAME: &str = "empty_frame";
/// A binary frame; frames are text.
pub const BINARY_FRAME: &str = "binary_frame";
/// A `type` that this path does not know.
pub const UNKNOWN_TYPE: &str = "unknown_type";
/// More than the limit allows.
pub const TOO_BIG: &str = "too_big";
/// A text of no characters, or of white space only.
pub const EMPTY_TEXT: &str = "empty_text";
/// A text of more characters than the limit.
pub const TEXT_TOO_LONG: &str = "text_too_long";
/// An id that is empty, too long or has other characters than letters, digits and `-_.:`.
pub const INVALID_ID: &str = "invalid_id";
/// An e-mail address that cannot be one.
pub const INVALID_EMAIL: &str = "invalid_email";
/// The `n` of a message is not the next one.
pub const ORDER: &str = "order";
/// The id is known, with another text or from another author.
pub const ID_CONFLICT: &str = "id_conflict";
/// Faster than the limit allows.
pub const RATE_LIMITED: &str = "rate_limited";
/// A channel that does not exist.
pub const UNKNOWN_CHANNEL: &str = "unknown_channel";
/// A parameter is missing or cannot be read.
pub const INVALID_PARAMETER: &str = "invalid_parameter";
/// No credentials, or wrong ones.
pub const UNAUTHORIZED: &str = "unauthorized";
/// The site wants to know who its visitors are, and this one has not said so.
pub const IDENTITY_REQUIRED: &str = "identity_required";
/// The token has expired.
pub const TOKEN_EXPIRED: &str = "token_expired";
/// No such dialog, or not yours.
pub const DIALOG_NOT_FOUND: &str = "dialog_not_found";
/// No such site.
pub const UNKNOWN_SITE: &str = "unknown_site";
/// No such assistant.
pub const UNKNOWN_ASSISTANT: &str = "unknown_assistant";
/// The page's origin is not on the site's list.
pub const FORBIDDEN_ORIGIN: &str = "forbidden_origin";
/// The disk is full: nothing can be written, everything can be read.
pub const DISK_FULL: &str = "disk_full";
/// The database does not answer.
pub const STORE_UNAVAILABLE: &str = "store_unavailable";
/// As many connections as the server takes.
pub const OVERLOADED: &str = "overloaded";
/// As many links as one address may have.
pub const ADDRESS_LIMIT: &str = "address_limit";
/// As many links as one visitor may have.
pub const VISITOR_LIMIT: &str = "visitor_limit";
/// As many links as the visitors of one site may have.
pub const SITE_LIMIT: &str = "site_limit";
/// As many new dialogs as one address, or one site, may begin.
pub const DIALOG_LIMIT: &str = "dialog_limit";
/// The server is going away.
pub const DRAINING: &str = "draining";
/// A `v` that the server does not speak.
pub const UNSUPPORTED_VERSION: &str = "unsupported_version";
/// No such address.
pub const NOT_FOUND: &str = "not_found";
/// The address does not take this method.
pub const METHOD_NOT_ALLOWED: &str = "method_not_allowed";
/// The site takes no files.
pub const FILES_OFF: &str = "files_off";
/// A file of more bytes than the site takes.
pub const FILE_TOO_BIG: &str = "file_too_big";
/// A file of a type that the site does not take, or that no server passes on.
pub const FILE_TYPE: &str = "file_type";
/// As many files, or bytes in files, as one dialog may hold.
pub const FILE_LIMIT: &str = "file_limit";
/// No such file in this dialog, or it belongs to another message.
pub const FILE_NOT_FOUND: &str = "file_not_found";
/// A body of another type than `application/json`.
pub const UNSUPPORTED_MEDIA_TYPE: &str = "unsupported_media_type";
/// The request did not arrive in time.
pub const TIMEOUT: &str = "timeout";
/// Something is wrong with the server.
pub const INTERNAL: &str = "internal";
