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
use crate::store::StoreError;
pub(crate) use kind::is_shown_inline;
pub(crate) use name::disposition;
pub(crate) use sweep::sweep;
pub(crate) use upload::{Complete, Patience, Terms, discard};

/// Where they are, in the data folder.
pub(crate) const FOLDER: &str = "files";
/// How a name ends while its bytes are still coming.
const UNFINISHED: &str = ".new";
/// Uploads under way at once, of all.
const UPLOADS: usize = 256;
/// Uploads under way at once, of all visitors: the rest are for operators.
const UPLOADS_OF_VISITORS: usize = 192;
/// Uploads under way at once, of one owner.
const UPLOADS_OF_ONE: usize = 4;
/// With less room than this on the disk nothing is taken: the database needs it more, in bytes.
const LEAST_FREE_BYTES: u64 = 64 << 20;

/// The folder, and what is on its way into it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    uploads: Arc<Semaphore>,
    of_visitors: Arc<Semaphore>,
    of_each: Arc<Mutex<HashMap<(u64, Pool), usize>>>,
    /// Bytes that uploads under way have still to write.
    expected: Arc<Mutex<u64>>,
    /// Says how much may still be written to the disk of a path.
    free_bytes: fn(&Path) -> u64,
    pub(crate) flush: upload::Flush,
    pub(crate) patience: Patience,
}

/// Room on the disk for what an upload has still to write; given back when it is dropped.
#[derive(Debug)]
struct Reserved {
    bytes: u64,
    expected: Arc<Mutex<u64>>,
}

/// A place for one upload; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Place {
    _permits: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
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
        let of_visitors = Arc::new(Semaphore::new(UPLOADS_OF_VISITORS));
        let (of_each, expected) = (Arc::default(), Arc::default());
        let flush = fs::File::sync_all;
        Ok(Self { path, uploads, of_visitors, of_each, expected, free_bytes, flush, patience })
    }

    /// Takes a place for an upload.
    ///
    /// # Errors
    /// As many are under way as there may be, of all or of this owner.
    pub(crate) fn place(&self, owner: (u64, Pool)) -> Result<Place, ApiError> {
        let full = ApiError::Overloaded { retry_after_ms: 2_000 };
        let permit = |of: &Arc<Semaphore>| Arc::clone(of).try_acquire_owned().map_err(|_| full.clone());
        let of_visitors = match owner.1 {
            Pool::Admin => None,
            Pool::Widget | Pool::Site => Some(permit(&self.of_visitors)?),
        };
        let permits = (permit(&self.uploads)?, of_visitors);
        let mut of_each = self.of_each.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = of_each.entry(owner).or_default();
        if *under_way >= UPLOADS_OF_ONE {
            return Err(full);
        }
        *under_way += 1;
        drop(of_each);
        Ok(Place { _permits: permits, of_each: Arc::clone(&self.of_each), owner })
    }

    /// Returns where the bytes of that name are.
    pub(crate) fn path_of(&self, blob: &str) -> PathBuf {
        self.path.join(blob)
    }

    /// Removes bytes that nobody needs; `false`: it cannot, and they are left to the sweep.
    fn remove(&self, blob: &str) -> bool {
        fs::remove_file(self.path_of(blob)).is_ok()
    }

    /// Reserves room on the disk, beside what the uploads under way have reserved.
    ///
    /// # Errors
    /// There is too little.
    fn reserve(&self, bytes: u64) -> Result<Reserved, ApiError> {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = expected.saturating_add(bytes);
        if (self.free_bytes)(&self.path) < LEAST_FREE_BYTES.saturating_add(wanted) {
            return Err(StoreError::DiskFull.into());
        }
        *expected = wanted;
        Ok(Reserved { bytes, expected: Arc::clone(&self.expected) })
    }
}

impl Reserved {
    /// Notes that so many bytes are on the disk now.
    fn write(&mut self, bytes: u64) {
        let written = bytes.min(self.bytes);
        self.bytes -= written;
        *self.expected.lock().unwrap_or_else(PoisonError::into_inner) -= written;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.write(self.bytes);
    }
}

fn free_bytes(path: &Path) -> u64 {
    rustix::fs::statvfs(path).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
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

/// Says what begins with these bytes, how its names may end, and what its name becomes; none where it is not taken.
#[cfg(feature = "probe")]
pub(crate) fn named(given: &str, head: &[u8]) -> Option<(&'static str, &'static [&'static str], String)> {
    let kind = kind::Kind::of(head)?;
    Some((kind.mime, kind.extensions, name::of_kind(given, kind)))
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
    fn visitors_leave_places_for_operators() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::open(data.path(), Patience::default()).unwrap();
        let places: Vec<_> = (0..1_000).map_while(|key| folder.place((key, Pool::Site)).ok()).collect();
        assert_eq!(places.len(), UPLOADS_OF_VISITORS);
        assert!(folder.place((1_000, Pool::Widget)).is_err());
        let of_operators: Vec<_> = (0..1_000).map_while(|dialog| folder.place((dialog, Pool::Admin)).ok()).collect();
        assert_eq!(of_operators.len(), UPLOADS - UPLOADS_OF_VISITORS);
    }

    #[test]
    fn what_uploads_under_way_will_write_is_no_longer_free() {
        let data = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(data.path(), Patience::default()).unwrap();
        folder.free_bytes = |_| LEAST_FREE_BYTES + 10;
        let mut first = folder.reserve(6).unwrap();
        assert!(folder.reserve(5).is_err());
        let second = folder.reserve(4).unwrap();
        first.write(100);
        assert_eq!(*folder.expected.lock().unwrap(), 4, "it is on the disk, and no longer free there");
        drop((first, second));
        assert_eq!(*folder.expected.lock().unwrap(), 0);
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
