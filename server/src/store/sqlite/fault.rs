//! What an error of SQLite means for the store.

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;

/// Returns what an error means that came before COMMIT: nothing is durable, and everybody may know.
pub(super) fn before_commit(error: &Error) -> StoreError {
    let message = error.to_string();
    let Some(failure) = error.sqlite_error() else { return StoreError::Internal { message } };
    // The index of the write-ahead log cannot grow: this is how a full disk looks from there.
    if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE || failure.code == ErrorCode::DiskFull {
        return StoreError::DiskFull;
    }
    if matches!(failure.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) {
        return StoreError::Locked;
    }
    if matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) {
        return StoreError::Corrupt { message };
    }
    if matches!(failure.code, ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::FileLockingProtocolFailed)
    {
        return StoreError::Io { message };
    }
    StoreError::Internal { message }
}

/// Returns what an error of COMMIT itself means: only a full disk leaves no doubt that nothing is durable.
pub(super) fn at_commit(error: &Error) -> StoreError {
    // The commit's last frame could not be written, so it does not count.
    if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
        return StoreError::DiskFull;
    }
    StoreError::Io { message: error.to_string() }
}

/// Returns what an error of writing means beside `judged`, once it is asked whether a quota is used up: SQLite knows that a
/// disk can be full, and calls everything else a failure of the disk.
///
/// In COMMIT, too, it leaves no doubt: what could not be written is the log's next frame, as on a full disk.
pub(super) fn or_quota(judged: StoreError, error: &Error, is_used_up: impl FnOnce() -> bool) -> StoreError {
    let unwritten = error.sqlite_error().is_some_and(|failure| failure.extended_code == ffi::SQLITE_IOERR_WRITE);
    if unwritten && is_used_up() { StoreError::DiskFull } else { judged }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_that_is_used_up_is_a_full_disk_and_a_write_that_fails_otherwise_is_not() {
        let judged = |extended_code, is_used_up: bool| {
            let error = Error::SqliteFailure(ffi::Error::new(extended_code), None);
            [before_commit(&error), at_commit(&error)].map(|judged| or_quota(judged, &error, || is_used_up))
        };
        let full = [StoreError::DiskFull, StoreError::DiskFull];
        assert_eq!(judged(ffi::SQLITE_IOERR_WRITE, true), full);
        assert_eq!(judged(ffi::SQLITE_FULL, false), full);
        for (extended_code, is_used_up) in [
            (ffi::SQLITE_IOERR_WRITE, false),
            (ffi::SQLITE_IOERR_FSYNC, true),
            (ffi::SQLITE_IOERR_DIR_FSYNC, true),
            (ffi::SQLITE_IOERR_READ, true),
        ] {
            let [before, at] = judged(extended_code, is_used_up);
            let ends = |error| matches!(error, StoreError::Io { .. });
            assert!(ends(before) && ends(at), "{extended_code} {is_used_up}");
        }
    }
}
