//! Images and other files of a dialog: up, and down again.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use mutants::Mutant;
use protocol::http::Uploaded;
use protocol::{File, code};
use server_core::{Refusal, id};
use tokio::io::AsyncReadExt;

use super::Json;
use super::call::{Call, Side};
use crate::admission::{Caller, Shows};
use crate::app::App;
use crate::error::ApiError;
use crate::files::{self, Terms};
use crate::store::{FileOwner, FilePut, FileRoom, NewFile, Site, StoreError};

/// Bytes that are read from the disk at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Those who have no dialog yet have left as much on the site as they may together.
const SITE_FULL: ApiError = ApiError::Limited { code: code::SITE_LIMIT, retry_after_ms: 60_000 };

/// Takes a file into a dialog: 201, or 200 where it was there already.
pub(super) async fn put<S: Side>(mut call: Call<S>, body: Body) -> Result<Response, ApiError> {
    let admitted = call.admit().await;
    match admitted {
        Ok((caller, admission)) => {
            let site = call.app.store().site(admission.site_id).await?.ok_or(ApiError::DialogNotFound)?;
            let key = (admission.dialog.id(), S::POOL);
            receive(&call, &caller, &site, FileOwner::Dialog(admission.dialog), key, body).await
        }
        Err(error) => refuse(body, error).await,
    }
}

/// Takes a file of a visitor who may have no dialog yet: the message that goes with it begins one.
pub(super) async fn begin<S: Side>(mut call: Call<S>, body: Body) -> Result<Response, ApiError> {
    let caller = match call.caller().await {
        Ok(caller) => caller,
        Err(error) => return refuse(body, error).await,
    };
    let key_hash = match caller.visitor(&call.app, None) {
        Ok(Some(Shows::Key(key_hash))) => key_hash,
        Ok(Some(Shows::Token(pass))) => pass.key_hash,
        Ok(None) => {
            let missing = ApiError::Unauthorized("a visitor key is missing (Authorization: Bearer vk_…)");
            return refuse(body, missing).await;
        }
        Err(error) => return refuse(body, error).await,
    };
    let site = caller.site().cloned().ok_or(ApiError::UnknownSite)?;
    let assistant_id = caller.assistant().map(|assistant| assistant.id);
    let owner = match call.app.store().find_dialog(site.id, assistant_id, key_hash).await? {
        Some(dialog_id) => FileOwner::Dialog(caller.admit(&call.app, dialog_id, None).await?.dialog),
        None => FileOwner::Newcomer { site_id: site.id, assistant_id, key_hash },
    };
    let [a, b, c, d, e, f, g, h, ..] = key_hash;
    let key = (u64::from_le_bytes([a, b, c, d, e, f, g, h]), S::POOL);
    receive(&call, &caller, &site, owner, key, body).await
}

async fn receive<S: Side>(
    call: &Call<S>,
    caller: &Caller,
    site: &Site,
    owner: FileOwner,
    key: (u64, crate::hub::Pool),
    mut body: Body,
) -> Result<Response, ApiError> {
    let taken = take(call, caller, site, owner, key, &mut body).await;
    match taken {
        Ok((status, file)) => Ok((status, Json(Uploaded { file })).into_response()),
        Err(error) => refuse(body, error).await,
    }
}

async fn take<S: Side>(
    call: &Call<S>,
    caller: &Caller,
    site: &Site,
    owner: FileOwner,
    key: (u64, crate::hub::Pool),
    body: &mut Body,
) -> Result<(StatusCode, File), ApiError> {
    let (Some(told), Some(folder)) = (site.files.told(), call.app.files()) else { return Err(ApiError::FilesOff) };
    let id = call.file_id()?;
    id::check(id)?;
    let declared = call.headers.get(CONTENT_LENGTH).map(|length| {
        let length = length.to_str().ok().and_then(|length| length.parse().ok());
        length.unwrap_or(u64::MAX)
    });
    if declared.is_some_and(|declared| declared > told.bytes) && !mutants::planted(Mutant::HugeFiles) {
        return Err(ApiError::FileTooBig { limit_bytes: told.bytes });
    }
    call.app.posts().take(key, call.app.clock().mono()).map_err(Refusal::rate_limited)?;
    let place = (folder.place(key)?, call.upload(site.id, owner, declared.unwrap_or(told.bytes))?);
    match call.app.store().file_room(owner, declared.unwrap_or(0)).await? {
        FileRoom::Free => {}
        FileRoom::Full => return Err(ApiError::FileLimit),
        FileRoom::SiteFull => return Err(SITE_FULL),
    }
    let most_bytes = if mutants::planted(Mutant::HugeFiles) { u64::from(u32::MAX) } else { told.bytes };
    let terms = Terms { most_bytes, images: told.images };
    let complete = folder.receive(body, terms, declared, call.file_name()).await?;
    if let FileOwner::Dialog(dialog) = owner {
        call.admit_again(caller, dialog).await?;
    }
    // A task of its own: whoever goes away now must not leave bytes without a row.
    let (app, id) = (call.app.clone(), id.to_owned());
    let storing = tokio::spawn(async move {
        let _place = place;
        store(&app, owner, id, complete).await
    });
    storing.await.map_err(|_| ApiError::Internal)?
}

/// Makes the bytes durable, and then the row.
async fn store(
    app: &App,
    owner: FileOwner,
    id: String,
    complete: files::Complete,
) -> Result<(StatusCode, File), ApiError> {
    let early = match mutants::planted(Mutant::RowBeforeBytes) {
        true => {
            let (file, digest, blob) = complete.outlook(&id);
            Some(app.store().put_file(NewFile { owner, file, digest, blob }).await)
        }
        false => None,
    };
    let mut received = complete.finish().await?;
    received.file.id = id;
    let (file, digest, blob) = (received.file.clone(), received.digest, received.blob.clone());
    let put = app.store().put_file(NewFile { owner, file: file.clone(), digest, blob });
    // From here the row may come into being whatever becomes of this task.
    let bytes = received.keep();
    let put = match early {
        Some(put) => put,
        None => put.await,
    };
    match &put {
        Ok(FilePut::Stored) => {}
        Ok(FilePut::Known(known)) => bytes.stand_in_for(&known.blob).await?,
        Ok(FilePut::Conflict | FilePut::Full | FilePut::SiteFull)
        | Err(StoreError::DiskFull | StoreError::Overloaded { .. } | StoreError::Locked) => bytes.remove(),
        // The row may be there all the same: the sweep knows.
        Err(StoreError::Io { .. } | StoreError::Corrupt { .. } | StoreError::Closed | StoreError::Internal { .. }) => {}
    }
    match put? {
        FilePut::Stored => Ok((StatusCode::CREATED, file)),
        FilePut::Known(known) => Ok((StatusCode::OK, known.file)),
        FilePut::Conflict => Err(Refusal::id_conflict().into()),
        FilePut::Full => Err(ApiError::FileLimit),
        FilePut::SiteFull => Err(SITE_FULL),
    }
}

/// Refuses an upload when its sender can hear it.
async fn refuse(body: Body, error: ApiError) -> Result<Response, ApiError> {
    if !matches!(error, ApiError::BodyTimeout | ApiError::BodyBroken) {
        files::discard(body).await;
    }
    Err(error)
}

/// Serves a file of the dialog's log.
pub(super) async fn read<S: Side>(mut call: Call<S>) -> Result<Response, ApiError> {
    let (_, admission) = call.admit().await?;
    let Some(folder) = call.app.files() else { return Err(ApiError::FileNotFound) };
    let kept = call.app.store().file(admission.dialog, call.file_id()?).await?.ok_or(ApiError::FileNotFound)?;
    let opened = tokio::fs::File::open(folder.path_of(&kept.blob)).await;
    let disk = opened.map_err(|error| {
        tracing::error!(%error, dialog = admission.dialog.id(), "a file of the log cannot be read");
        ApiError::Store(StoreError::Internal { message: "a file of the log cannot be read".into() })
    })?;
    let pieces = stream::unfold(disk, async |mut disk| {
        let mut piece = vec![0; PIECE_BYTES];
        match disk.read(&mut piece).await {
            Ok(0) => None,
            Ok(read) => {
                piece.truncate(read);
                Some((Ok(Frame::data(Bytes::from(piece))), disk))
            }
            Err(error) => Some((Err(error), disk)),
        }
    });
    let mut response = Body::new(StreamBody::new(pieces)).into_response();
    let file = kept.file;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(file.size));
    let kind = if file.mime == "text/plain" { "text/plain; charset=utf-8" } else { &file.mime };
    let disposition = files::disposition(&file.name, files::is_shown_inline(&file.mime));
    for (name, value) in [(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, disposition.as_str())] {
        headers.insert(name, HeaderValue::from_str(value).map_err(|_| ApiError::Internal)?);
    }
    for (name, value) in [
        (axum::http::header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (CACHE_CONTROL, "private, no-store"),
        (axum::http::header::VARY, "authorization"),
        (axum::http::header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if mutants::planted(Mutant::NoNosniff) {
        headers.remove(axum::http::header::X_CONTENT_TYPE_OPTIONS);
    }
    Ok(response)
}
