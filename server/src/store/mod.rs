//! The durable log of every dialog, and who may write to it.
//!
//! A method queues its request when it is *called*, in the order of the calls; the future that it returns only waits for
//! the answer, may be kept anywhere, and may be dropped without undoing the request. An answer to a write comes after
//! its COMMIT, never before, and what it wrote has been handed to [`Published`] by then.

#[cfg(test)]
mod conformance;
mod error;
mod file;
mod site;
pub mod sqlite;
mod visitor;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use protocol::{AuthorKind, Known, Secret, Stored};
use server_core::access::{DialogFacts, KeyHash, ScopedDialog, Sites};
use server_core::append::NewMessage;
use server_core::session::Cursor;
use server_core::{Event, Millis, Refusal};
use tokio::sync::Notify;

pub use error::StoreError;
pub use file::{
    FileOwner, FilePut, FileQuota, FileRoom, KeptFile, NEWCOMERS_QUOTA, NewFile, OPERATOR_QUOTA, VISITOR_QUOTA,
};
pub use site::{Assistant, CannedAnswer, FileKinds, Files, Identity, Metrics, Operator, Site};
pub use visitor::{Claim, Claimed, Profile, Rekeyed, Visitor};

/// A future of an answer; it may outlive the call.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'static>>;

/// Is called after each COMMIT with what it made durable, one call at a time, by `seq` within each dialog.
///
/// It must not block and must not call the store.
pub type Published = Box<dyn Fn(&[Committed]) + Send>;

/// One event that has become durable.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The site of its dialog.
    pub site_id: u64,
    /// The event.
    pub event: Arc<Event>,
}

/// What became of a message: its place in the log, or why it was not taken.
pub type Taken = Result<Stored, Refusal>;

/// A visitor's first message.
#[derive(Clone, Debug)]
pub struct NewDialog {
    /// The site.
    pub site_id: u64,
    /// The assistant that answers, if one does.
    pub assistant_id: Option<u64>,
    /// The SHA-256 of the visitor's key; there is one dialog for each site, assistant and key.
    pub key_hash: KeyHash,
    /// The first message, or the next one where the dialog exists already.
    pub message: NewMessage,
}

/// A dialog that exists, and what became of the message.
#[derive(Clone, Debug, PartialEq)]
pub struct Started {
    /// The visitor's dialog; none where there was none and the message was not taken.
    pub dialog_id: Option<u64>,
    /// What became of the message.
    pub taken: Taken,
}

/// What a session needs to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Resumed {
    /// The epoch of the log.
    pub epoch: u64,
    /// The last `seq` of the log; 0: empty.
    pub head: u64,
    /// The hash of the log up to where the session begins: [`Cursor::begin`].
    pub hash: u64,
    /// Which of the pending ids the log knows.
    pub known: Vec<Known>,
    /// The last `n` taken from the client; 0: none.
    pub last_n: u64,
}

/// A stretch of a dialog's log.
#[derive(Clone, Debug)]
pub struct LogPage {
    /// Events by `seq`, without holes.
    pub events: Vec<Arc<Event>>,
    /// The last `seq` of the log at the moment of reading.
    pub head: u64,
    /// The hash of the log up to its head.
    pub hash: u64,
}

/// How far one side of a dialog has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The last `seq` that has reached its page.
    pub received: u64,
    /// The last `seq` that it has seen.
    pub read: u64,
}

/// How far both sides of a dialog have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The visitor.
    pub visitor: Mark,
    /// The operators, all together.
    pub operator: Mark,
}

/// One line of an operator's list of dialogs.
#[derive(Clone, Debug, PartialEq)]
pub struct DialogSummary {
    /// The dialog.
    pub id: u64,
    /// Its site.
    pub site_id: u64,
    /// The name of its site.
    pub site_name: String,
    /// The assistant that answers in it.
    pub assistant_id: Option<u64>,
    /// The last `seq` of its log.
    pub head: u64,
    /// The marks of both sides.
    pub marks: Marks,
    /// The visitor's messages that no operator has read, counted up to 100.
    pub unread: u64,
    /// The kind of the last message's author.
    pub last_author: AuthorKind,
    /// The last message, cut to 200 characters.
    pub last_text: String,
    /// Where the visitor can be written to.
    pub email: Option<Secret>,
    /// When the last message was stored, ms since 1970; when the dialog was made, while it has none.
    pub at: Millis,
    /// Who the visitor is, where anybody has said.
    pub visitor: Option<Visitor>,
    /// Whether its site takes files.
    pub takes_files: bool,
}

/// A visitor's message that an assistant has to answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its number; [`Store::answer`] takes it.
    pub id: u64,
    /// What the visitor wrote.
    pub question: String,
    /// Who answers; none where the assistant is gone.
    pub assistant: Option<Arc<Assistant>>,
}

/// Which dialogs to list: the latest first, to the second.
#[derive(Clone, Debug)]
pub struct DialogFilter {
    /// The sites to look at.
    pub sites: Sites,
    /// Only what comes after this line: `(at, id)` of the last one of the page before.
    pub before: Option<(Millis, u64)>,
    /// At most so many, up to 200.
    pub limit: u32,
}

/// The log and its neighbours; every implementation passes the conformance suite.
pub trait Store: Send + Sync + 'static {
    /// Returns the epoch of the log: random, below 2^53, and another one after a backup was restored.
    fn epoch(&self) -> u64;

    /// Appends a message, and the site's welcome before a visitor's first one.
    fn append(&self, dialog: ScopedDialog, message: NewMessage) -> Answer<Taken>;

    /// Finds a visitor's dialog.
    fn find_dialog(&self, site_id: u64, assistant_id: Option<u64>, key_hash: KeyHash) -> Answer<Option<u64>>;

    /// Makes a visitor's dialog, unless it exists, and appends the message to it, in one transaction.
    fn start_dialog(&self, dialog: NewDialog) -> Answer<Started>;

    /// Takes what a visitor has to say about themself, and finds their dialog: the one that is theirs, or else the former
    /// one, which becomes theirs and nobody else's in the same transaction. Two logs are never made one.
    fn claim(&self, claim: Claim) -> Answer<Claimed>;

    /// Returns what `authorize` must know about a dialog; none where there is no such dialog.
    fn dialog_facts(&self, dialog_id: u64) -> Answer<Option<DialogFacts>>;

    /// Returns what a session needs to go on: the head, and what is known of what it has in doubt.
    fn resume(
        &self,
        dialog: ScopedDialog,
        cursor: Cursor,
        pending: Vec<String>,
        client: Option<String>,
    ) -> Answer<Resumed>;

    /// Reads up to `limit` events after `after`, the oldest first.
    fn read(&self, dialog: ScopedDialog, after: u64, limit: u64) -> Answer<LogPage>;

    /// Reads the last `limit` events before `before`, the oldest first.
    fn before(&self, dialog: ScopedDialog, before: u64, limit: u64) -> Answer<LogPage>;

    /// Moves the marks of the side that holds the dialog forward, and returns those of both sides.
    ///
    /// A mark never goes back and never beyond the head; what is read has also been received.
    fn mark(&self, dialog: ScopedDialog, received: u64, read: u64) -> Answer<Marks>;

    /// Keeps where the visitor can be written to, or forgets it.
    fn set_contact(&self, dialog: ScopedDialog, email: Option<Secret>) -> Answer<()>;

    /// Returns whether the visitor can be written to.
    fn has_contact(&self, dialog: ScopedDialog) -> Answer<bool>;

    /// Returns the marks of both sides.
    fn marks(&self, dialog: ScopedDialog) -> Answer<Marks>;

    /// Lists dialogs, those with the latest messages first.
    fn dialogs(&self, filter: DialogFilter) -> Answer<Vec<DialogSummary>>;

    /// Takes note of an upload whose bytes are durable, unless its id is known or there is no room.
    fn put_file(&self, new: NewFile) -> Answer<FilePut>;

    /// Says whether an owner may upload one more file of so many bytes.
    fn file_room(&self, owner: FileOwner, bytes: u64) -> Answer<FileRoom>;

    /// Finds a file of the dialog's log; one that was not sent yet is not there.
    fn file(&self, dialog: ScopedDialog, id: &str) -> Answer<Option<KeptFile>>;

    /// Returns when this log was last put in the place of another, which may have known other files; 0: never.
    fn restored_at(&self) -> Millis;

    /// Forgets some uploads that came before a moment and that no message refers to; returns the names of their bytes,
    /// none where none are left.
    fn forget_unsent_files(&self, before: Millis) -> Answer<Vec<String>>;

    /// Returns those of the names of bytes that the store knows.
    fn known_blobs(&self, names: Vec<String>) -> Answer<Vec<String>>;

    /// Returns the site with this token.
    fn site_by_token(&self, token: &str) -> Answer<Option<Arc<Site>>>;

    /// Returns a site.
    fn site(&self, site_id: u64) -> Answer<Option<Arc<Site>>>;

    /// Returns an assistant.
    fn assistant(&self, assistant_id: u64) -> Answer<Option<Arc<Assistant>>>;

    /// Returns the operator with this address, in any case of letters.
    fn operator_by_email(&self, email: &str) -> Answer<Option<Arc<Operator>>>;

    /// Returns an operator.
    fn operator(&self, operator_id: u64) -> Answer<Option<Arc<Operator>>>;

    /// Returns the picture of an operator of a site, by the name that visitors see.
    fn avatar(&self, site_id: u64, name: String) -> Answer<Option<Vec<u8>>>;

    /// Returns the oldest jobs of assistants.
    fn jobs(&self, limit: u32) -> Answer<Vec<Job>>;

    /// Ends a job: appends the answer as message `re-<seq of the question>`, unless there is none or an operator has
    /// written in the dialog since `keep_out_since`; the job is gone in the same transaction.
    fn answer(&self, job_id: u64, text: Option<String>, keep_out_since: Millis) -> Answer<()>;

    /// Is notified after each commit that left new jobs behind, and when the store is closed.
    fn job_added(&self) -> Arc<Notify>;

    /// Proves that the store can read and write, for `/ready`.
    fn check(&self) -> Answer<()>;

    /// Commits what waits and closes the files; every later request is answered with [`StoreError::Closed`].
    fn close(&self) -> Answer<()>;

    /// Waits until the store can no longer go on: the process must end with this error and start again.
    fn failed(&self) -> Pin<Box<dyn Future<Output = StoreError> + Send + 'static>>;
}
