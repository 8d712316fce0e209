//! The bytes of images and other files, in the folder `files` of the data directory.
//!
//! An upload is written under a random name that ends in `.new`, flushed, and renamed; only then its row is written, so that
//! a file that a message refers to is durable before the message is. What a crash leaves behind is swept away: half
//! uploads at the next start, bytes that no message refers to after a day or two. Nothing of a client's making is ever a path.

mod kind;
mod name;
mod sweep;
mod upload;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;
use crate::hub::Pool;
pub(crate) use kind::is_shown_inline;
pub(crate) use name::disposition;
pub(crate) use sweep::sweep;
pub(crate) use upload::{Patience, Terms, discard};

/// Where they are, in the data folder.
pub(crate) const FOLDER: &str = "files";
/// How a name ends while its bytes are still coming.
const UNFINISHED: &str = ".new";
/// Uploads under way at once, of all.
const UPLOADS: usize = 256;
/// Uploads under way at once, of one owner.
const UPLOADS_OF_ONE: usize = 4;
/// With less room than this on the disk nothing is taken: the database needs it more, in bytes.
const LEAST_FREE_BYTES: u64 = 64 << 20;

/// The folder, and what is on its way into it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    uploads: Arc<Semaphore>,
    of_each: Arc<Mutex<HashMap<(u64, Pool), usize>>>,
    pub(crate) patience: Patience,
}

/// A place for one upload; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    of_each: Arc<Mutex<HashMap<(u64, Pool), usize>>>,
    owner: (u64, Pool),
}

impl Folder {
    /// Opens the folder, makes it at the first time, and removes what was still coming when the last server ended.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn open(data: &Path, patience: Patience) -> io::Result<Self> {
        let path = data.join(FOLDER);
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.recursive(true).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        for entry in fs::read_dir(&path)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name.ends_with(UNFINISHED)) {
                // The server before may still be ending its uploads, and remove them itself.
                match fs::remove_file(entry.path()) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
        }
        let uploads = Arc::new(Semaphore::new(UPLOADS));
        Ok(Self { path, uploads, of_each: Arc::default(), patience })
    }

    /// Takes a place for an upload.
    ///
    /// # Errors
    /// As many are under way as there may be, of all or of this owner.
    pub(crate) fn place(&self, owner: (u64, Pool)) -> Result<Place, ApiError> {
        let full = ApiError::Overloaded { retry_after_ms: 2_000 };
        let permit = Arc::clone(&self.uploads).try_acquire_owned().map_err(|_| full.clone())?;
        let mut of_each = self.of_each.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = of_each.entry(owner).or_default();
        if *under_way >= UPLOADS_OF_ONE {
            return Err(full);
        }
        *under_way += 1;
        drop(of_each);
        Ok(Place { _permit: permit, of_each: Arc::clone(&self.of_each), owner })
    }

    /// Returns where the bytes of that name are.
    pub(crate) fn path_of(&self, blob: &str) -> PathBuf {
        self.path.join(blob)
    }

    /// Removes bytes that nobody needs; `false`: it cannot, and they are left to the sweep.
    pub(crate) fn remove(&self, blob: &str) -> bool {
        fs::remove_file(self.path_of(blob)).is_ok()
    }

    fn free_bytes(&self) -> u64 {
        rustix::fs::statvfs(&self.path).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut of_each = self.of_each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = of_each.get_mut(&self.owner) {
            *under_way -= 1;
            if *under_way == 0 {
                of_each.remove(&self.owner);
            }
        }
    }
}

/// Says whether this is a name that an upload gets: other files in the folder are left alone.
fn is_blob(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_has_four_places_and_gets_them_back() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::open(data.path(), Patience::default()).unwrap();
        let places: Vec<_> = (0..4).map(|_| folder.place((1, Pool::Site)).unwrap()).collect();
        assert!(folder.place((1, Pool::Site)).is_err());
        assert!(folder.place((2, Pool::Site)).is_ok());
        drop(places);
        assert!(folder.place((1, Pool::Site)).is_ok());
        assert!(folder.of_each.lock().unwrap().is_empty());
    }

    #[test]
    fn what_was_still_coming_is_gone_after_a_start_and_the_rest_is_there() {
        let data = tempfile::tempdir().unwrap();
        drop(Folder::open(data.path(), Patience::default()).unwrap());
        let path = data.path().join(FOLDER);
        fs::write(path.join("a.new"), "half").unwrap();
        fs::write(path.join("0123456789abcdef0123456789abcdef"), "whole").unwrap();
        drop(Folder::open(data.path(), Patience::default()).unwrap());
        let names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["0123456789abcdef0123456789abcdef"]);
    }
}
