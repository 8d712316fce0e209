//! What happens to a link, as inputs of its session.

use std::task::{Context, Poll};

use mutants::Mutant;
use protocol::{AuthorKind, Receipt};
use server_core::access::{KeyHash, Side};
use server_core::session::Input;
use server_core::{Ephemeral, Millis, Now};

use super::super::question::{Outcome, Question};
use super::super::socket::Talk;
use super::{Flow, Link};
use crate::admission::Renewed;
use crate::error::ApiError;
use crate::hub::{Letter, Mail};
use crate::store::{Marks, Resumed};

impl Link {
    pub(super) fn take_letters(&mut self, now: Now, context: &Context<'_>) -> bool {
        if self.flow == Flow::Shut || self.is_in_question() {
            return false;
        }
        // Letters that were lost show as a gap, and the session reads the log.
        let Some(Mail { letters, leave, rekeyed, .. }) = self.card().map(|card| card.take(context)) else {
            return false;
        };
        if let Some(key_hash) = rekeyed
            && !self.is_kept_under(Some(key_hash))
        {
            self.shut(ApiError::DialogNotFound.ending());
            return true;
        }
        let heard = !letters.is_empty() || leave.is_some();
        for letter in letters {
            match letter {
                Letter::Event(event) => self.step(now, Input::Published(event)),
                Letter::Ephemeral(ephemeral) => self.step(now, Input::Ephemeral((*ephemeral).clone())),
                // For the inbox only.
                Letter::Activity { .. } => {}
            }
        }
        if let Some(leave) = leave {
            self.step(now, Input::Drain { in_ms: leave.in_ms, spread_ms: leave.spread_ms });
        }
        heard
    }

    pub(super) fn take_answers(&mut self, now: Now, context: &mut Context<'_>) -> bool {
        let mut answered = false;
        let mut index = 0;
        let mut in_question = self.is_in_question();
        while index < self.questions.len() {
            if in_question && !self.questions[index].is_of_right() {
                index += 1;
                continue;
            }
            if let Question::ReadLater { ticket, after, limit } = self.questions[index]
                && self.outgoing.is_low()
                && let Some(admission) = &self.admission
            {
                let answer = self.app.store().read(admission.dialog, after, limit);
                self.questions[index] = Question::Read { ticket, answer };
            }
            match self.questions[index].poll(context) {
                Poll::Pending => index += 1,
                Poll::Ready(outcome) => {
                    // The others keep their order: messages are answered in the order in which they came.
                    drop(self.questions.remove(index));
                    self.take_outcome(now, outcome);
                    in_question = self.is_in_question();
                    answered = true;
                }
            }
        }
        if self.questions.is_empty() && self.questions.capacity() > 8 {
            // An idle link should not keep the room of its busiest moment.
            self.questions = Vec::new();
        }
        answered
    }

    fn take_outcome(&mut self, now: Now, outcome: Outcome) {
        match outcome {
            Outcome::Input(input) => self.step(now, input),
            Outcome::Admitted(ticket, admission) => {
                let (dialog, author) = (admission.dialog, admission.author.clone());
                self.admission = Some(admission);
                self.step(now, Input::Admitted { ticket, dialog, author });
            }
            Outcome::Renewed(ticket, renewed) => {
                let Some(admission) = &mut self.admission else { return };
                let (is_same, expires_at) = match &*renewed {
                    Renewed::Operator(fresh) => {
                        let before = admission.operator.as_mut().filter(|before| before.id == fresh.id);
                        let is_same = before.map(|before| before.token_epoch = fresh.token_epoch).is_some();
                        (is_same, fresh.expires_at)
                    }
                    Renewed::Person(fresh) => (admission.key_hash == Some(fresh.key_hash), fresh.expires_at),
                };
                let (dialog, author) = (admission.dialog, admission.author.clone());
                if is_same {
                    admission.expires_at = expires_at;
                    self.step(now, Input::Admitted { ticket, dialog, author });
                } else {
                    let code = protocol::close::UNAUTHORIZED;
                    self.step(now, Input::Denied { ticket, code, reason: protocol::code::UNAUTHORIZED });
                }
            }
            Outcome::Rechecked(facts) => {
                if !self.is_kept_under(facts.and_then(|facts| facts.key_hash)) {
                    self.shut(ApiError::DialogNotFound.ending());
                }
            }
            Outcome::Looked(known) => {
                let operator = self.admission.as_ref().and_then(|admission| admission.operator.as_ref());
                if let Some(ending) = operator.and_then(|operator| operator.ending(known.as_deref())) {
                    self.shut(ending);
                }
            }
            Outcome::Resumed(ticket, Resumed { epoch, head, hash, known, last_n }) => {
                self.app.hub().note_head(self.dialog_id, head);
                if self.flow == Flow::Waiting {
                    self.flow = Flow::Open;
                }
                self.step(now, Input::Resumed { ticket, epoch, head, hash: Some(hash), known, last_n });
                let channels = std::mem::take(&mut self.early_channels);
                self.bring(&channels, now);
            }
            Outcome::Marked(marks) => {
                if let Some(admission) = &self.admission {
                    let receipt = receipt(marks, admission.dialog.side());
                    self.app.hub().tell(self.dialog_id, Ephemeral::Receipt(receipt), self.own_number());
                }
            }
            Outcome::Marks(marks) => {
                if let Some(admission) = &self.admission {
                    let other = match admission.dialog.side() {
                        Side::Visitor => Side::Operator,
                        Side::Operator => Side::Visitor,
                    };
                    self.step(now, Input::Ephemeral(Ephemeral::Receipt(receipt(marks, other))));
                }
            }
            Outcome::Nothing => {}
        }
    }

    /// Returns whether this link came by the key that the dialog is kept under; an operator's needs none.
    fn is_kept_under(&self, key_hash: Option<KeyHash>) -> bool {
        let admission = self.admission.as_ref().filter(|admission| admission.operator.is_none());
        // Who came in without a key, while the site was open to everybody, is no exception.
        admission.is_none_or(|admission| admission.key_hash == key_hash)
    }

    pub(super) fn take_time(&mut self, now: Now) -> bool {
        if self.expires_in(now) == Some(0) {
            if let Some(admission) = &mut self.admission {
                admission.expires_at = Millis::MAX;
            }
            self.step(now, Input::CredentialsExpired);
            return true;
        }
        if self.look_at().is_some_and(|at| at <= now.mono) {
            self.look(now);
            return true;
        }
        let before = self.session.poll_timeout();
        if before.is_none_or(|(at, _)| at > now.mono) {
            return false;
        }
        self.step(now, Input::Timeout);
        // A deadline that stays would keep this loop turning: it is looked at again when the timer says so.
        self.session.poll_timeout() != before
    }

    pub(super) fn deadline(&self, now: Now) -> Millis {
        let session = self.session.poll_timeout().map_or(Millis::MAX, |(at, _)| at);
        let expiry = self.expires_in(now).map_or(Millis::MAX, |ms| now.mono.saturating_add(ms));
        session.min(expiry).min(self.look_at().unwrap_or(Millis::MAX)).min(self.stall_at)
    }

    /// Returns when it is asked next whether the operator is still one; visitors are none.
    fn look_at(&self) -> Option<Millis> {
        let is_operator = self.admission.as_ref().is_some_and(|admission| admission.operator.is_some());
        (is_operator && self.ending.is_none()).then_some(self.look_at)
    }

    /// Returns the ms until the token expires that was shown.
    fn expires_in(&self, now: Now) -> Option<Millis> {
        let expires_at = self.admission.as_ref()?.expires_at;
        let expires = expires_at != Millis::MAX && !mutants::planted(Mutant::TokenNeverExpires);
        expires.then(|| expires_at.saturating_sub(now.wall))
    }
}

fn receipt(marks: Marks, side: Side) -> Receipt {
    let (who, mark) = match side {
        Side::Visitor => (AuthorKind::Visitor, marks.visitor),
        Side::Operator => (AuthorKind::Operator, marks.operator),
    };
    Receipt { who, received: mark.received, read: mark.read }
}
