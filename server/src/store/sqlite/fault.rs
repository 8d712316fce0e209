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
