//! Questions to the store, and their answers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use server_core::access::DialogFacts;
use server_core::session::{Input, Ticket};

use crate::admission::{Admission, Renewed};
use crate::error::ApiError;
use crate::store::{Answer, LogPage, Marks, Operator, Resumed, StoreError, Taken};

/// Bytes of events in one page; the rest is asked for again.
const PAGE_BYTES: usize = 128 * 1024;

/// A check of credentials that is under way.
pub(super) type Check<T> = Pin<Box<dyn Future<Output = Result<T, ApiError>> + Send>>;

/// A question whose answer a session waits for.
pub(super) enum Question {
    /// Are these credentials good?
    Admit { ticket: Ticket, answer: Check<Admission> },
    /// Is this fresh token good?
    Renew { ticket: Ticket, answer: Check<Renewed> },
    /// Is the dialog still kept under what was shown?
    Recheck { answer: Answer<Option<DialogFacts>> },
    /// Is the operator still one?
    Look { answer: Answer<Option<Arc<Operator>>> },
    /// Where does the log end?
    Resume { ticket: Ticket, answer: Answer<Resumed> },
    /// What follows the cursor? Not asked yet: the client has too much to read already.
    ReadLater { ticket: Ticket, after: u64, limit: u64 },
    /// What follows the cursor?
    Read { ticket: Ticket, answer: Answer<LogPage> },
    /// Is the message durable?
    Append { id: String, answer: Answer<Taken> },
    /// How far have both sides come, now that this one has come further?
    Mark { answer: Answer<Marks> },
    /// How far have both sides come?
    Marks { answer: Answer<Marks> },
}

/// What came of a question.
pub(super) enum Outcome {
    /// Something for the session.
    Input(Input),
    /// Credentials were checked.
    Admitted(Ticket, Box<Admission>),
    /// A fresh token was checked.
    Renewed(Ticket, Box<Renewed>),
    /// What the dialog is kept under was looked up again.
    Rechecked(Option<DialogFacts>),
    /// What is known of the operator now.
    Looked(Option<Arc<Operator>>),
    /// The log said where it ends.
    Resumed(Ticket, Resumed),
    /// This side has come further: the others are told.
    Marked(Marks),
    /// The other side's marks, for this link alone.
    Marks(Marks),
    /// Nothing to tell.
    Nothing,
}

impl Question {
    /// Returns whether it is asked if the link still has a right to the dialog.
    pub(super) fn is_of_right(&self) -> bool {
        matches!(self, Self::Recheck { .. } | Self::Look { .. })
    }

    /// Returns what came of it, once it is answered.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        Poll::Ready(match self {
            Self::ReadLater { .. } => return Poll::Pending,
            Self::Admit { ticket, answer } => match std::task::ready!(answer.as_mut().poll(context)) {
                Ok(admission) => Outcome::Admitted(*ticket, Box::new(admission)),
                Err(error) => Outcome::Input(denied(*ticket, &error)),
            },
            Self::Renew { ticket, answer } => match std::task::ready!(answer.as_mut().poll(context)) {
                Ok(renewed) => Outcome::Renewed(*ticket, Box::new(renewed)),
                Err(error) => Outcome::Input(denied(*ticket, &error)),
            },
            Self::Recheck { answer } => match std::task::ready!(answer.as_mut().poll(context)) {
                Ok(facts) => Outcome::Rechecked(facts),
                Err(error) => failed(&error),
            },
            Self::Look { answer } => match std::task::ready!(answer.as_mut().poll(context)) {
                Ok(operator) => Outcome::Looked(operator),
                // It is asked again with the next heartbeat.
                Err(_) => Outcome::Nothing,
            },
            Self::Resume { ticket, answer } => match std::task::ready!(answer.as_mut().poll(context)) {
                Ok(resumed) => Outcome::Resumed(*ticket, resumed),
                Err(error) => failed(&error),
            },
            Self::Read { ticket, answer } => match std::task::ready!(answer.as_mut().poll(context)) {
                Ok(page) => Outcome::Input(bounded(*ticket, page)),
                Err(error) => failed(&error),
            },
            Self::Append { id, answer } => match std::task::ready!(answer.as_mut().poll(context)) {
                Ok(result) => Outcome::Input(Input::Appended { id: std::mem::take(id), result }),
                Err(error) => match error.refusal() {
                    Some(refusal) => Outcome::Input(Input::Appended { id: std::mem::take(id), result: Err(refusal) }),
                    None => failed(&error),
                },
            },
            Self::Mark { answer } => match std::task::ready!(answer.as_mut().poll(context)) {
                Ok(marks) => Outcome::Marked(marks),
                Err(error) => unimportant(&error),
            },
            Self::Marks { answer } => match std::task::ready!(answer.as_mut().poll(context)) {
                Ok(marks) => Outcome::Marks(marks),
                Err(error) => unimportant(&error),
            },
        })
    }
}

fn denied(ticket: Ticket, error: &ApiError) -> Input {
    if let ApiError::Store(_) = error {
        return Input::StoreFailed;
    }
    let ending = error.ending();
    Input::Denied { ticket, code: ending.code, reason: ending.reason }
}

/// Cuts a page down to what a slow client can take; the session asks for the rest.
fn bounded(ticket: Ticket, mut page: LogPage) -> Input {
    let mut bytes = 0;
    let fits = page.events.iter().take_while(|event| {
        bytes += event.json.len();
        bytes <= PAGE_BYTES
    });
    let fits = fits.count().max(1);
    page.events.truncate(fits);
    Input::Page { ticket, events: page.events, head: page.head }
}

fn failed(error: &StoreError) -> Outcome {
    tracing::warn!(%error, "the store gave no answer");
    Outcome::Input(Input::StoreFailed)
}

/// A mark that is lost is sent again with the next one.
fn unimportant(error: &StoreError) -> Outcome {
    tracing::debug!(%error, "a mark was not stored");
    Outcome::Nothing
}
