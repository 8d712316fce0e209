//! What the writer is asked, and how each question is answered after COMMIT.

use protocol::Secret;
use server_core::Millis;
use server_core::access::Side;
use server_core::append::NewMessage;
use tokio::sync::oneshot;

use crate::store::{Claim, Claimed, FilePut, Marks, NewDialog, NewFile, Started, StoreError, Taken};

/// Where the answer to a request goes.
pub(super) type AnswerTo<T> = oneshot::Sender<Result<T, StoreError>>;

/// A question to the writer.
#[derive(Debug)]
pub(super) enum Request {
    Append { dialog_id: u64, message: NewMessage, to: AnswerTo<Taken> },
    Start { dialog: NewDialog, to: AnswerTo<Started> },
    Claim { claim: Box<Claim>, to: AnswerTo<Claimed> },
    Mark { dialog_id: u64, side: Side, received: u64, read: u64, to: AnswerTo<Marks> },
    Contact { dialog_id: u64, email: Option<Secret>, to: AnswerTo<()> },
    Job { job_id: u64, text: Option<String>, keep_out_since: Millis, to: AnswerTo<()> },
    PutFile { new: Box<NewFile>, to: AnswerTo<FilePut> },
    ForgetUnsent { before: Millis, to: AnswerTo<Vec<String>> },
    Check { to: AnswerTo<()> },
    Close { to: AnswerTo<()> },
}

/// What the open transaction did for a request.
#[derive(Debug)]
pub(super) enum Outcome {
    Taken(Taken),
    Started(Started),
    Claimed(Claimed),
    Marks(Marks),
    File(FilePut),
    Blobs(Vec<String>),
    Done,
}

impl Request {
    /// Returns about how many bytes it holds while it waits.
    pub(super) fn bytes(&self) -> usize {
        let message = |message: &NewMessage| {
            message.text.len() + message.id.len() + message.client.as_ref().map_or(0, String::len)
        };
        let held = match self {
            Self::Append { message: new, .. } => message(new),
            Self::Start { dialog, .. } => message(&dialog.message),
            Self::Job { text, .. } => text.as_ref().map_or(0, String::len),
            Self::Claim { claim, .. } => {
                let profile = claim.profile.as_ref().map_or(0, |profile| profile.name.len() + profile.email.len());
                profile + claim.attributes.as_ref().map_or(0, String::len)
            }
            Self::Contact { email, .. } => email.as_ref().map_or(0, |email| email.expose().len()),
            Self::PutFile { .. } => size_of::<NewFile>(),
            Self::Mark { .. } | Self::ForgetUnsent { .. } | Self::Check { .. } | Self::Close { .. } => 0,
        };
        held + size_of::<Self>()
    }

    /// Tells whoever asked; nobody may be left to hear it.
    pub(super) fn answer(self, outcome: Outcome) {
        let _gone = match (self, outcome) {
            (Self::Append { to, .. }, Outcome::Taken(taken)) => to.send(Ok(taken)).is_err(),
            (Self::Start { to, .. }, Outcome::Started(started)) => to.send(Ok(started)).is_err(),
            (Self::Claim { to, .. }, Outcome::Claimed(claimed)) => to.send(Ok(claimed)).is_err(),
            (Self::Mark { to, .. }, Outcome::Marks(marks)) => to.send(Ok(marks)).is_err(),
            (
                Self::Contact { to, .. } | Self::Job { to, .. } | Self::Check { to } | Self::Close { to },
                Outcome::Done,
            ) => to.send(Ok(())).is_err(),
            (Self::PutFile { to, .. }, Outcome::File(put)) => to.send(Ok(put)).is_err(),
            (Self::ForgetUnsent { to, .. }, Outcome::Blobs(blobs)) => to.send(Ok(blobs)).is_err(),
            (
                request @ (Self::Append { .. }
                | Self::Start { .. }
                | Self::Claim { .. }
                | Self::Mark { .. }
                | Self::Contact { .. }
                | Self::Job { .. }
                | Self::PutFile { .. }
                | Self::ForgetUnsent { .. }
                | Self::Check { .. }
                | Self::Close { .. }),
                Outcome::Taken(_)
                | Outcome::Started(_)
                | Outcome::Claimed(_)
                | Outcome::Marks(_)
                | Outcome::File(_)
                | Outcome::Blobs(_)
                | Outcome::Done,
            ) => {
                request.fail(StoreError::Internal { message: "an answer to another question".into() });
                false
            }
        };
    }

    /// Tells whoever asked that it went wrong.
    pub(super) fn fail(self, error: StoreError) {
        let _gone = match self {
            Self::Append { to, .. } => to.send(Err(error)).is_err(),
            Self::Start { to, .. } => to.send(Err(error)).is_err(),
            Self::Claim { to, .. } => to.send(Err(error)).is_err(),
            Self::Mark { to, .. } => to.send(Err(error)).is_err(),
            Self::Contact { to, .. } | Self::Job { to, .. } | Self::Check { to } | Self::Close { to } => {
                to.send(Err(error)).is_err()
            }
            Self::PutFile { to, .. } => to.send(Err(error)).is_err(),
            Self::ForgetUnsent { to, .. } => to.send(Err(error)).is_err(),
        };
    }
}
