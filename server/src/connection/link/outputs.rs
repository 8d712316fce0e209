//! What a session asks for, carried out.

use std::sync::Arc;

use protocol::{MetricsReceived, Presence, ServerFrame, json};
use server_core::access::VisitorAuth;
use server_core::session::{Cursor, Input, Output, Ticket};
use server_core::{Ephemeral, Millis, Now};

use super::super::outgoing::{Frame, Pushed};
use super::super::question::Question;
use super::super::socket::Talk;
use super::{Flow, Inside, Link, Place};
use crate::admission::Admission;
use crate::store::Metrics;

impl Link {
    /// Carries out everything that the session asks for.
    pub(super) fn carry_out(&mut self, now: Now) {
        while let Some(output) = self.session.poll_output() {
            self.perform(now, output);
        }
    }

    fn perform(&mut self, now: Now, output: Output) {
        if self.flow == Flow::Shut {
            return;
        }
        match output {
            Output::Transmit(mut frame) => {
                // What a site takes is the store's to know, not the session's.
                if let ServerFrame::Ready(ready) = &mut frame {
                    ready.limits.files = self.admission.as_ref().and_then(|admission| admission.files);
                }
                self.transmit(&frame);
            }
            Output::Deliver(event) => {
                // What follows a queue that was thrown away would leave a hole.
                if self.flow != Flow::Congested
                    && let Pushed::Overflow { written } = self.outgoing.push(Frame::Event(event))
                {
                    self.flow = Flow::Congested;
                    self.session.handle(now, Input::Congested { written });
                }
            }
            Output::Admit { ticket, hello } => {
                if let (Some(client), Some(card)) = (&hello.client, self.card()) {
                    card.note_client(&client.id);
                }
                let (app, caller, dialog_id) = (self.app.clone(), Arc::clone(&self.caller), self.dialog_id);
                let answer = Box::pin(async move { caller.admit(&app, dialog_id, Some(&hello)).await });
                self.questions.push(Question::Admit { ticket, answer });
            }
            Output::Renew { ticket, token } => {
                let (app, caller) = (self.app.clone(), Arc::clone(&self.caller));
                let answer = Box::pin(async move { caller.renew(&app, &token).await });
                self.questions.push(Question::Renew { ticket, answer });
            }
            Output::Resume { ticket, cursor, pending, client } => self.resume(ticket, cursor, pending, client),
            Output::Read { ticket, after, limit } => self.questions.push(Question::ReadLater { ticket, after, limit }),
            Output::Head => {
                let head = self.app.hub().head(self.dialog_id);
                self.session.handle(now, Input::Head { head });
            }
            Output::Append(message) => {
                if let Some(admission) = &self.admission {
                    let id = message.id.clone();
                    let answer = self.app.store().append(admission.dialog, message);
                    self.questions.push(Question::Append { id, answer });
                }
            }
            Output::Mark { received, read } => {
                if let Some(card) = self.card() {
                    card.note_received(received);
                }
                if let Some(admission) = &self.admission {
                    let answer = self.app.store().mark(admission.dialog, received, read);
                    self.questions.push(Question::Mark { answer });
                }
            }
            Output::Publish(ephemeral) => self.app.hub().tell(self.dialog_id, ephemeral, self.own_number()),
            Output::Subscribed(channels) => match self.flow {
                Flow::Waiting => self.early_channels = channels,
                Flow::Open | Flow::Congested | Flow::Shut => self.bring(&channels, now),
            },
            Output::Metrics(measures) => {
                let wanted = self.caller.site().filter(|site| site.metrics == Metrics::On);
                if let Some(site) = wanted {
                    self.app.figures().add(site.id, &measures, now.wall);
                }
                let status = if wanted.is_some() { "ok" } else { "off" };
                self.transmit(&ServerFrame::MetricsReceived(MetricsReceived {
                    status: status.into(),
                    timestamp: now.wall,
                }));
            }
            Output::Close(ending) => self.end(ending),
        }
    }

    fn transmit(&mut self, frame: &ServerFrame) {
        // Only a pong can carry a fraction, which the small writer does not know.
        let text = serde_json::to_string(frame).unwrap_or_else(|_| json::to_string(frame));
        let frame = match frame {
            ServerFrame::Ready(_) => Frame::Ready(text),
            ServerFrame::Synced(_) if self.flow == Flow::Congested => return,
            ServerFrame::Synced(_) => Frame::Synced(text),
            ServerFrame::Receipt(_) | ServerFrame::Typing(_) | ServerFrame::Presence(_) => Frame::Passing(text),
            ServerFrame::Heartbeat(_) => Frame::Beat(text),
            ServerFrame::Message(_)
            | ServerFrame::Dialog(_)
            | ServerFrame::Stored(_)
            | ServerFrame::Refused(_)
            | ServerFrame::Pong(_)
            | ServerFrame::Drain(_)
            | ServerFrame::Error(_)
            | ServerFrame::Subscribed(_)
            | ServerFrame::Unsubscribed(_)
            | ServerFrame::MetricsReceived(_)
            | ServerFrame::Bye(_) => Frame::Answer(text),
        };
        self.outgoing.push(frame);
    }

    /// Subscribes to the dialog, then asks the log where it ends: what comes in between is heard.
    fn resume(&mut self, ticket: Ticket, cursor: Cursor, pending: Vec<String>, client: Option<String>) {
        let Some(admission) = &self.admission else { return };
        let scoped = admission.dialog;
        if let (None, Place::Open(open)) = (&self.presence, &self.open) {
            let guest = match self.is_visitor_with_key().then(|| self.app.bounds().visitor(self.dialog_id)).transpose()
            {
                Ok(guest) => guest,
                Err(limited) => return self.end(limited.ending()),
            };
            let hub = self.app.hub();
            let arrival = admission.operator.as_ref().map(|who| hub.arrive(who.id, &who.name, &who.sites));
            let membership = hub.join(self.dialog_id, admission.site_id, open.card());
            self.presence = Some(Box::new(Inside { _membership: membership, _guest: guest, arrival }));
            let may_be_claimed = admission.expires_at == Millis::MAX
                && self.caller.site().is_some_and(|site| !site.identity_secrets.is_empty());
            let (tag, link) = (open.card().pool.tag(), open.card().id);
            let (dialog, transport) = (self.dialog_id, open.card().transport);
            match transport.is_poll() {
                true => tracing::debug!(tag, link, dialog, transport = transport.name(), "poll"),
                false => tracing::info!(tag, link, dialog, transport = transport.name(), "link opened"),
            }
            if may_be_claimed {
                // It may have happened before this link could be told.
                self.recheck();
            }
        }
        let answer = self.app.store().resume(scoped, cursor, pending, client);
        self.questions.push(Question::Resume { ticket, answer });
    }

    /// Looks up again what the dialog is kept under: it may have become a person's since this visitor came in by a key.
    pub(super) fn recheck(&mut self) {
        if let Some(Admission { dialog, operator: None, .. }) = self.admission.as_deref() {
            let answer = self.app.store().dialog_facts(dialog.id());
            self.questions.push(Question::Recheck { answer });
        }
    }

    /// Looks whether the operator is still one, and may still use this token: it may have been taken away, or changed.
    pub(super) fn look(&mut self, now: Now) {
        self.look_at = now.mono + Millis::from(self.app.limits().heartbeat_ms);
        if let Some(operator) = self.admission.as_ref().and_then(|admission| admission.operator.as_ref()) {
            let answer = self.app.store().operator(operator.id);
            self.questions.push(Question::Look { answer });
        }
    }

    /// Returns whether the dialog is one visitor's alone; on an open site whoever likes may share one.
    fn is_visitor_with_key(&self) -> bool {
        self.caller.site().is_some_and(|site| site.visitor_auth == VisitorAuth::Key)
    }

    /// Brings the present state of channels that were subscribed to just now.
    pub(super) fn bring(&mut self, channels: &[&'static str], now: Now) {
        let Some(admission) = &self.admission else { return };
        if channels.contains(&"receipts") {
            let answer = self.app.store().marks(admission.dialog);
            self.questions.push(Question::Marks { answer });
        }
        if channels.contains(&"presence") {
            let operators = self.app.hub().operators(admission.site_id);
            self.session.handle(now, Input::Ephemeral(Ephemeral::Presence(Presence { operators })));
            self.carry_out(now);
        }
    }
}
