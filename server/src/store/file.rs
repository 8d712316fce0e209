//! Files that go with messages, as the store knows them; their bytes are elsewhere ([`crate::files`]).

use protocol::File;
use server_core::access::{KeyHash, ScopedDialog, Side};

/// Whose an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileOwner {
    /// A side of a dialog.
    Dialog(ScopedDialog),
    /// A visitor who has no dialog yet, and will begin one with it.
    Newcomer {
        /// The site.
        site_id: u64,
        /// The assistant that will answer, if one does.
        assistant_id: Option<u64>,
        /// The SHA-256 of the visitor's key.
        key_hash: KeyHash,
    },
}

impl FileOwner {
    /// Returns the side that the owner is on.
    pub const fn side(&self) -> Side {
        match self {
            Self::Dialog(dialog) => dialog.side(),
            Self::Newcomer { .. } => Side::Visitor,
        }
    }
}

/// An upload whose bytes are durable.
#[derive(Clone, Debug, PartialEq)]
pub struct NewFile {
    /// Whose it is.
    pub owner: FileOwner,
    /// What a message will show.
    pub file: File,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
    /// Its name in the folder of files.
    pub blob: String,
}

/// What became of an upload.
#[derive(Clone, Debug, PartialEq)]
pub enum FilePut {
    /// It is new, and waits for its message.
    Stored,
    /// It was there: the same bytes, under this name; those that came now are not needed, unless the others are gone.
    Known(KeptFile),
    /// The id is known with other bytes.
    Conflict,
    /// There is no room for more.
    Full,
    /// There is no room for more of all the visitors of the site who have no dialog yet.
    SiteFull,
}

/// Whether there is room for one more file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRoom {
    /// There is.
    Free,
    /// The owner has as much as it may.
    Full,
    /// All visitors of the site who have no dialog yet have as much as they may together.
    SiteFull,
}

/// A file of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptFile {
    /// What its message shows.
    pub file: File,
    /// Its name in the folder of files.
    pub blob: String,
}

/// How much one owner may have.
///
/// Of a dialog each side is counted alone: a visitor cannot keep an operator from answering.
#[derive(Clone, Copy, Debug)]
pub struct FileQuota {
    /// Files.
    pub files: u64,
    /// Bytes in all of them.
    pub bytes: u64,
    /// Files that no message refers to yet.
    pub unsent: u64,
}

/// What a visitor may have in one dialog.
pub const VISITOR_QUOTA: FileQuota = FileQuota { files: 200, bytes: 512 << 20, unsent: 20 };
/// What the visitors of one site may have together who have no dialog yet: a key costs nothing, so that one visitor's
/// bounds are none for many.
pub const NEWCOMERS_QUOTA: FileQuota = FileQuota { files: 5_000, bytes: 2 << 30, unsent: 5_000 };
/// What the operators may have in one dialog.
pub const OPERATOR_QUOTA: FileQuota = FileQuota { files: 2_000, bytes: 4 << 30, unsent: 50 };
