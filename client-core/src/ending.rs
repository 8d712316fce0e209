//! How links end, and what each end means.

use protocol::{close, json};

use crate::connection::{Phase, Why};
use crate::trouble::Trouble;
use crate::{Client, End, Event, LinkId};

impl Client {
    /// A link has ended.
    pub(crate) fn closed(&mut self, link: LinkId, end: &End) {
        if !self.knows(link) {
            return;
        }
        match end {
            End::Socket { code, reason } => {
                let reason: close::Reason = json::from_str(reason).unwrap_or_default();
                self.saw_close(*code);
                if *code == close::DONE && reason.reason.is_empty() {
                    // A proxy says goodbye, not the server: that would give its reason.
                    self.trouble(Trouble::Broken, "link");
                    return self.broken(link, 0);
                }
                self.end(link, *code, &reason.reason, reason.retry_ms);
            }
            End::Refused { status, body } => {
                self.saw_status(*status, body, "stream");
                self.link_refused(link, *status, body);
            }
            End::Broken => {
                self.trouble(Trouble::Broken, "link");
                self.broken(link, 0);
            }
        }
    }

    pub(crate) fn broken(&mut self, link: LinkId, at_least_ms: u64) {
        if self.link() != Some(link) {
            self.attempt_failed(link, at_least_ms);
        } else if at_least_ms > 0 {
            self.back_off(at_least_ms);
        } else {
            self.killed();
        }
    }

    /// The server ended a link, with a code that says what to do.
    pub(crate) fn end(&mut self, link: LinkId, code: u16, reason: &str, retry_ms: Option<u32>) {
        let retry_ms = u64::from(retry_ms.unwrap_or(0));
        match close::action(code) {
            close::Action::Done => {
                self.let_go();
                self.phase = Phase::Stopped;
            }
            close::Action::Stop => self.refused_for_good(code, reason),
            close::Action::Renew => self.renew(reason),
            close::Action::Spread if self.link() == Some(link) => {
                if let Phase::Online(online) = &mut self.phase {
                    online.spread_ms = online.spread_ms.max(retry_ms);
                }
                self.lost(Why::Drain);
            }
            close::Action::BackOff if self.link() == Some(link) => self.back_off(retry_ms),
            close::Action::Spread | close::Action::BackOff => self.attempt_failed(link, retry_ms.max(1)),
            close::Action::Reconnect => self.broken(link, retry_ms),
        }
    }

    /// The server will not have this page, whatever is tried; but a dialog that is gone may begin anew.
    pub(crate) fn refused_for_good(&mut self, code: u16, reason: &str) {
        let is_gone = code == close::NOT_FOUND || reason == protocol::code::DIALOG_NOT_FOUND;
        // All servers have the same data: a dialog that one does not know is known to none.
        if self.servers.current() > 0 && !is_gone {
            // But only the page's own server knows its origin for good.
            self.servers.choose(0);
            return self.back_off(0);
        }
        if is_gone && self.is_visitor() && self.dialog_id.is_some() {
            // Nor is there anything that a link of it could take over.
            self.let_go();
            self.phase = Phase::Idle;
            self.forget_dialog();
            return self.back_off(0);
        }
        self.let_go();
        self.phase = Phase::Stopped;
        self.emit(Event::Refused { code, reason: String::from(reason) });
    }
}
