//! An upload: from the network to the disk, piece by piece.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use mutants::Mutant;
use protocol::File;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::kind::{HEAD_BYTES, Kind};
use super::{Folder, UNFINISHED, name};
use crate::credentials;
use crate::error::ApiError;
use crate::store::StoreError;

/// Of a body that is refused, so much is read and thrown away: a reset would overtake the answer.
const DISCARDED_BYTES: u64 = 64 << 20;
/// And for so long at most.
const DISCARDED_FOR: Duration = Duration::from_secs(30);

/// After so many bytes the room on the disk is looked at again.
const LOOK_BYTES: u64 = 1 << 20;

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

/// What has come, still under its first name.
#[derive(Debug)]
pub(crate) struct Complete {
    draft: Draft,
    disk: std::fs::File,
    blob: String,
    kind: Kind,
    size: u64,
    name: String,
    digest: [u8; 32],
    flush: Flush,
}

/// Makes durable what was written to a file or a folder.
pub(crate) type Flush = fn(&std::fs::File) -> io::Result<()>;

/// What has come, durable under its name; removed when it is dropped, unless it is to be kept.
#[derive(Debug)]
pub(crate) struct Received {
    /// What a message will show; its `id` is still empty.
    pub(crate) file: File,
    /// SHA-256 of the bytes.
    pub(crate) digest: [u8; 32],
    /// The name in the folder.
    pub(crate) blob: String,
    draft: Draft,
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
#[derive(Debug)]
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
    /// Writes a body to the disk, as far as it is what the site takes; `declared` are its bytes, as far as its head says.
    ///
    /// # Errors
    /// Too big, of a type that is not taken, too slow, broken off, or a disk that is full.
    pub(crate) async fn receive(
        &self,
        body: &mut Body,
        terms: Terms,
        declared: Option<u64>,
        given_name: &str,
    ) -> Result<Complete, ApiError> {
        let mut reserved = self.reserve(declared.unwrap_or(terms.most_bytes))?;
        let random = || credentials::seed().map_err(|_| ApiError::Internal);
        let blob = format!("{:016x}{:016x}", random()?, random()?);
        let path = self.path_of(&format!("{blob}{UNFINISHED}"));
        // Whoever goes away while it is being opened drops what this returns.
        let opened = tokio::task::spawn_blocking(move || Draft::open(path)).await;
        let (draft, disk) = opened.map_err(|_| ApiError::Internal)?.map_err(failed)?;
        let mut disk = tokio::fs::File::from_std(disk);
        let (mut digest, mut size, mut head, mut kind) = (Sha256::new(), 0u64, Vec::new(), None);
        let (mut pace, mut look_at) = (Pace::new(self.patience), LOOK_BYTES);
        while let Some(data) = pace.next(body).await? {
            size += data.len() as u64;
            if size > terms.most_bytes {
                return Err(ApiError::FileTooBig { limit_bytes: terms.most_bytes });
            }
            if kind.is_none() {
                head.extend_from_slice(&data[..data.len().min(HEAD_BYTES - head.len())]);
                if head.len() == HEAD_BYTES {
                    kind = Some(judge(&head, given_name, terms)?);
                }
            }
            if size >= look_at {
                // Others write on this disk, too.
                self.reserve(0)?;
                look_at = size + LOOK_BYTES;
            }
            digest.update(&data);
            disk.write_all(&data).await.map_err(failed)?;
            reserved.write(data.len() as u64);
        }
        let kind = match kind {
            Some(kind) => kind,
            None => judge(&head, given_name, terms)?,
        };
        disk.flush().await.map_err(failed)?;
        let disk = disk.into_std().await;
        let name = name::of_kind(given_name, kind);
        let (digest, flush) = (digest.finalize().into(), self.flush);
        Ok(Complete { draft, disk, blob, kind, size, name, digest, flush })
    }
}

impl Draft {
    fn open(path: PathBuf) -> io::Result<(Self, std::fs::File)> {
        let mut options = std::fs::File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let disk = options.open(&path)?;
        Ok((Self { path, kept: false }, disk))
    }
}

impl Complete {
    /// What will stand in its row, but for the measures of an image.
    pub(crate) fn outlook(&self, id: &str) -> (File, [u8; 32], String) {
        let (id, name, mime) = (id.to_owned(), self.name.clone(), self.kind.mime.to_owned());
        let file = File { id, name, mime, size: self.size, width: None, height: None };
        (file, self.digest, self.blob.clone())
    }

    /// Makes the bytes durable, measures an image, and gives them their lasting name.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) async fn finish(self) -> Result<Received, ApiError> {
        let finished = tokio::task::spawn_blocking(move || self.finish_blocking()).await;
        finished.map_err(|_| ApiError::Internal)?.map_err(failed)
    }

    fn finish_blocking(self) -> io::Result<Received> {
        let Self { mut draft, disk, blob, kind, size, name, digest, mut flush } = self;
        if mutants::planted(Mutant::FileNotFlushed) {
            flush = |_| Ok(());
        }
        flush(&disk)?;
        drop(disk);
        let measured = if kind.is_image() { imagesize::size(&draft.path).ok() } else { None };
        let lasting = draft.path.with_file_name(&blob);
        std::fs::rename(&draft.path, &lasting)?;
        draft.path = lasting;
        if let Some(folder) = draft.path.parent() {
            flush(&std::fs::File::open(folder)?)?;
        }
        let pixels = |side: usize| u32::try_from(side).ok();
        let (width, height) = measured.map_or((None, None), |image| (pixels(image.width), pixels(image.height)));
        let file = File { id: String::new(), name, mime: kind.mime.into(), size, width, height };
        Ok(Received { file, digest, blob, draft })
    }
}

impl Received {
    /// Leaves the bytes where they are, unless they are removed later.
    pub(crate) fn keep(mut self) -> Lasting {
        self.draft.kept = true;
        Lasting(self.draft)
    }
}

/// Bytes that stay.
#[derive(Debug)]
pub(crate) struct Lasting(Draft);

impl Lasting {
    /// Removes them after all; what cannot be removed is left to the sweep.
    pub(crate) fn remove(mut self) {
        self.0.kept = false;
    }

    /// Gives them the name of the same bytes from before where those are gone, as behind a copy of the database that was
    /// put back; else removes them.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) async fn stand_in_for(self, blob: &str) -> Result<(), ApiError> {
        let known = self.0.path.with_file_name(blob);
        let stood_in = tokio::task::spawn_blocking(move || {
            if known.exists() {
                self.remove();
                return Ok(());
            }
            tracing::warn!("the bytes of a file were gone, and have come again");
            std::fs::rename(&self.0.path, &known)?;
            known.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
        });
        stood_in.await.map_err(|_| ApiError::Internal)?.map_err(failed)
    }
}

fn judge(head: &[u8], given_name: &str, terms: Terms) -> Result<Kind, ApiError> {
    let kind = if mutants::planted(Mutant::TypeByName) { Kind::named(given_name) } else { Kind::of(head) };
    kind.filter(|kind| kind.is_image() || !terms.images).ok_or(ApiError::FileType { images: terms.images })
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

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { most_bytes: 100, images: false };

    async fn receive(folder: &Folder) -> Result<Received, ApiError> {
        let complete = folder.receive(&mut Body::from("Schöne Grüße"), TERMS, None, "a.txt").await;
        complete.expect("it is a text").finish().await
    }

    fn names(folder: &Folder) -> Vec<String> {
        let entries = std::fs::read_dir(folder.path_of("")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[tokio::test]
    async fn what_cannot_be_made_durable_is_not_taken_and_leaves_nothing() {
        let data = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(data.path(), Patience::default()).unwrap();
        let received = receive(&folder).await.unwrap();
        assert_eq!(names(&folder), std::slice::from_ref(&received.blob), "a disk that does its work");
        drop(received);
        assert_eq!(names(&folder), [""; 0]);
        // First the bytes cannot be flushed, then the folder that has their name.
        folder.flush = |_| Err(io::Error::other("the disk does not answer"));
        assert!(receive(&folder).await.is_err());
        assert_eq!(names(&folder), [""; 0]);
        folder.flush = |file| match file.metadata()?.is_dir() {
            true => Err(io::Error::other("the disk does not answer")),
            false => Ok(()),
        };
        assert!(receive(&folder).await.is_err());
        assert_eq!(names(&folder), [""; 0]);
    }
}
