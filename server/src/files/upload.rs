//! An upload: from the network to the disk, piece by piece.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use protocol::File;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::kind::{HEAD_BYTES, Kind};
use super::{Folder, LEAST_FREE_BYTES, UNFINISHED, name};
use crate::credentials;
use crate::error::ApiError;
use crate::store::StoreError;

/// Of a body that is refused, so much is read and thrown away: a reset would overtake the answer.
const DISCARDED_BYTES: u64 = 64 << 20;
/// And for so long at most.
const DISCARDED_FOR: Duration = Duration::from_secs(30);

/// How slow an upload may be: a slow phone comes to its end, and nobody holds a place for nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// The longest time without a byte.
    pub(crate) silence: Duration,
    /// Within each of these …
    pub(crate) stretch: Duration,
    /// … so many bytes must come.
    pub(crate) bytes: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { silence: Duration::from_secs(30), stretch: Duration::from_secs(60), bytes: 32 << 10 }
    }
}

/// What has come, durable under its name.
#[derive(Debug)]
pub(crate) struct Received {
    /// What a message will show; its `id` is still empty.
    pub(crate) file: File,
    /// SHA-256 of the bytes.
    pub(crate) digest: [u8; 32],
    /// The name in the folder.
    pub(crate) blob: String,
}

/// What a site takes of an upload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Bytes.
    pub(crate) most_bytes: u64,
    /// Only images.
    pub(crate) images: bool,
}

/// A file that is being written; dropping it removes it.
struct Draft {
    path: PathBuf,
    kept: bool,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            let _left = std::fs::remove_file(&self.path);
        }
    }
}

impl Folder {
    /// Writes a body to the disk, as far as it is what the site takes.
    ///
    /// # Errors
    /// Too big, of a type that is not taken, too slow, broken off, or a disk that is full.
    pub(crate) async fn receive(&self, body: &mut Body, terms: Terms, given_name: &str) -> Result<Received, ApiError> {
        if self.free_bytes() < LEAST_FREE_BYTES.saturating_add(terms.most_bytes) {
            return Err(StoreError::DiskFull.into());
        }
        let random = || credentials::seed().map_err(|_| ApiError::Internal);
        let blob = format!("{:016x}{:016x}", random()?, random()?);
        let mut draft = Draft { path: self.path_of(&format!("{blob}{UNFINISHED}")), kept: false };
        let mut options = tokio::fs::File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut disk = options.open(&draft.path).await.map_err(failed)?;
        let (mut digest, mut size, mut head, mut kind) = (Sha256::new(), 0u64, Vec::new(), None);
        let mut pace = Pace::new(self.patience);
        while let Some(data) = pace.next(body).await? {
            size += data.len() as u64;
            if size > terms.most_bytes {
                return Err(ApiError::FileTooBig { limit_bytes: terms.most_bytes });
            }
            if kind.is_none() {
                head.extend_from_slice(&data[..data.len().min(HEAD_BYTES - head.len())]);
                if head.len() == HEAD_BYTES {
                    kind = Some(judge(&head, terms)?);
                }
            }
            digest.update(&data);
            disk.write_all(&data).await.map_err(failed)?;
        }
        let kind = match kind {
            Some(kind) => kind,
            None => judge(&head, terms)?,
        };
        disk.flush().await.map_err(failed)?;
        disk.sync_all().await.map_err(failed)?;
        drop(disk);
        let (from, to) = (draft.path.clone(), self.path_of(&blob));
        let (width, height) = tokio::task::spawn_blocking(move || finish(&from, &to, kind))
            .await
            .map_err(|_| ApiError::Internal)?
            .map_err(failed)?;
        draft.kept = true;
        let name = name::of_kind(given_name, kind);
        let file = File { id: String::new(), name, mime: kind.mime.into(), size, width, height };
        Ok(Received { file, digest: digest.finalize().into(), blob })
    }
}

/// Measures an image and gives the bytes their lasting name.
fn finish(from: &Path, to: &Path, kind: Kind) -> io::Result<(Option<u32>, Option<u32>)> {
    let size = if kind.is_image() { imagesize::size(from).ok() } else { None };
    std::fs::rename(from, to)?;
    if let Some(folder) = to.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    let pixels = |side: usize| u32::try_from(side).ok();
    Ok((size.and_then(|size| pixels(size.width)), size.and_then(|size| pixels(size.height))))
}

fn judge(head: &[u8], terms: Terms) -> Result<Kind, ApiError> {
    Kind::of(head).filter(|kind| kind.is_image() || !terms.images).ok_or(ApiError::FileType { images: terms.images })
}

fn failed(error: io::Error) -> ApiError {
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        tracing::warn!("the disk is full: a file is not taken");
        return StoreError::DiskFull.into();
    }
    tracing::error!(%error, "a file cannot be written");
    ApiError::Internal
}

/// Watches that an upload goes on.
struct Pace {
    patience: Patience,
    since: Instant,
    bytes: u64,
}

impl Pace {
    fn new(patience: Patience) -> Self {
        Self { patience, since: Instant::now(), bytes: 0 }
    }

    /// Waits for the next piece; none at the end.
    async fn next(&mut self, body: &mut Body) -> Result<Option<Bytes>, ApiError> {
        loop {
            let left = self.patience.stretch.saturating_sub(self.since.elapsed());
            let wait = self.patience.silence.min(left.max(Duration::from_millis(1)));
            let frame = match tokio::time::timeout(wait, body.frame()).await {
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => frame.map_err(|_| ApiError::BodyBroken)?,
                Err(_) if wait == self.patience.silence => return Err(ApiError::BodyTimeout),
                Err(_) => {
                    self.turn()?;
                    continue;
                }
            };
            let Ok(data) = frame.into_data() else { continue };
            self.bytes += data.len() as u64;
            if self.since.elapsed() >= self.patience.stretch {
                self.turn()?;
            }
            return Ok(Some(data));
        }
    }

    /// A stretch is over.
    fn turn(&mut self) -> Result<(), ApiError> {
        if self.bytes < self.patience.bytes {
            return Err(ApiError::BodyTimeout);
        }
        (self.since, self.bytes) = (Instant::now(), 0);
        Ok(())
    }
}

/// Reads the rest of a body that was refused, within bounds, so that its sender hears why.
pub(crate) async fn discard(mut body: Body) {
    let rest = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, |data| data.len() as u64);
            if read > DISCARDED_BYTES {
                return;
            }
        }
    };
    let _late = tokio::time::timeout(DISCARDED_FOR, rest).await;
}
