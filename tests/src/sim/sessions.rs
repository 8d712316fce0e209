//! Sessions in the server's process: what they ask for is carried out here.

use std::collections::VecDeque;

use protocol::http::ErrorBody;
use protocol::{ClientFrame, Hello, Receipt, ServerFrame, close, code, json};
use server_core::access::{KeyHash, ScopedDialog, Side, authorize};
use server_core::rate::Bucket;
use server_core::session::{Config, Ending, Entrance, Input, Limits, Output, Session};
use server_core::{Ephemeral, Millis};

use super::http::{Route, hash};
use super::network::Down;
use super::server::Life;
use super::{Happening, Sim, trace};

/// A session: on a connection, or for one POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Conn(u32),
    Post(u32),
}

/// The server's end of a connection.
#[derive(Debug)]
pub(crate) struct ServerEnd {
    /// None once it has ended.
    session: Option<Session>,
    /// The dialog that the hub tells it about.
    pub(crate) subscribed: Option<u64>,
    dialog: Option<ScopedDialog>,
    /// What a visitor came in by.
    key_hash: Option<KeyHash>,
    timer_at: Option<Millis>,
    pub(crate) outgoing: VecDeque<Down>,
    pub(crate) in_flight: usize,
    /// Counts what has arrived.
    pub(crate) progress: u64,
    pub(crate) watched: bool,
    pub(crate) congested: bool,
    /// The last `seq` written since the last `ready`.
    pub(crate) written: u64,
}

/// A request that a session answers: a POST of frames, or a poll.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) session: Option<Session>,
    pub(crate) dialog: ScopedDialog,
    pub(crate) kind: Kind,
    /// None for a copy: its answer goes nowhere.
    pub(crate) call: Option<u32>,
    pub(crate) answers: Vec<String>,
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Answers to its frames.
    Frames,
    /// What is in the log, and the first that comes behind it in so long.
    Poll { wait_ms: Millis },
    /// The same; the hub is asked.
    Held,
}

/// Returns what a stream or a poll says about itself in its address.
pub(crate) fn hello(client: Option<String>, after: u64, epoch: Option<u64>) -> Hello {
    Hello {
        v: protocol::VERSION,
        after: Some(after),
        epoch,
        client: client.map(|id| protocol::ClientInfo { id, ..Default::default() }),
        ..Hello::default()
    }
}

impl Sim {
    pub(crate) fn session_config(&mut self, entrance: Entrance) -> Config {
        Config {
            seed: self.random.next(),
            entrance,
            limits: Limits::default(),
            messages: Bucket::new(protocol::limits::MESSAGES_BURST, protocol::limits::MESSAGES_PER_S, self.now),
            spread_ms: 500,
            servers: [].into(),
        }
    }

    pub(crate) fn conn_opens(&mut self, conn: u32) {
        let Some(state) = self.conns.get(&conn) else { return };
        let (route, bearer) = (state.route.clone(), state.bearer.clone());
        if state.wire == super::network::Wire::Cut {
            return;
        }
        if self.server.life == Life::Down {
            return self.send_down(conn, Down::Reset);
        }
        let entrance = match &route {
            Route::Socket { .. } => Ok(Entrance::Hello),
            Route::Events { dialog, client, after, epoch, .. } => {
                let hello = hello(client.clone(), *after, *epoch);
                let admitted = self.admit(&route, *dialog, bearer.as_deref());
                admitted.map(|(dialog, author)| Entrance::Admitted {
                    dialog,
                    author,
                    hello: Box::new(hello),
                    channels: protocol::CHANNELS.iter().map(|&name| name.into()).collect(),
                })
            }
            Route::Gate
            | Route::Config { .. }
            | Route::Start { .. }
            | Route::Messages { .. }
            | Route::Poll { .. }
            | Route::Frames { .. } => {
                self.violate(format!("a connection to {route:?}"));
                return;
            }
        };
        let ending = match (self.server.life, &entrance) {
            (Life::Draining, _) => Some(Ending { code: close::DRAINING, reason: "draining", retry_ms: Some(500) }),
            (Life::Up, _) => None,
            (Life::Down, _) => return,
        };
        let mut end = ServerEnd {
            session: None,
            subscribed: None,
            dialog: None,
            key_hash: bearer.as_deref().map(hash),
            timer_at: None,
            outgoing: VecDeque::new(),
            in_flight: 0,
            progress: 0,
            watched: false,
            congested: false,
            written: 0,
        };
        let refusal = match (&route, ending, entrance) {
            (Route::Events { .. }, Some(_), _) => Some((503, code::DRAINING)),
            (_, Some(ending), _) => {
                end.outgoing.push_back(Down::Opened);
                end.outgoing.push_back(Down::Close { code: ending.code, reason: ending.close_reason() });
                None
            }
            (_, None, Err(refusal)) => Some(refusal),
            (_, None, Ok(entrance)) => {
                end.outgoing.push_back(Down::Opened);
                if let Entrance::Admitted { dialog, .. } = &entrance {
                    end.dialog = Some(*dialog);
                }
                let config = self.session_config(entrance);
                end.session = Some(Session::new(config, self.server_now()));
                None
            }
        };
        if let Some((status, code)) = refusal {
            let body = super::http::error_body(code);
            end.outgoing.push_back(Down::Refused { status, body: json::to_string::<ErrorBody>(&body) });
        }
        if let Some(state) = self.conns.get_mut(&conn) {
            state.server = Some(end);
        }
        self.pump(conn);
        self.run_session(Target::Conn(conn), None);
    }

    pub(crate) fn conn_up(&mut self, conn: u32, text: &str) {
        let Some(state) = self.conns.get(&conn) else { return };
        if state.wire == super::network::Wire::Cut {
            return;
        }
        if state.server.is_none() {
            // The process that knew this connection is gone; its machine says so.
            return self.send_down(conn, Down::Reset);
        }
        trace!(self, "conn {conn} > {text}");
        self.trace.mix(self.now, text);
        match json::frames::<ClientFrame>(text) {
            Ok(frames) => {
                for frame in frames {
                    self.tell_session(Target::Conn(conn), Input::Frame(frame));
                }
            }
            Err(_) => self.violate(format!("a client sent what cannot be read: {text}")),
        }
    }

    /// Answers a POST of frames.
    pub(crate) fn post_frames(&mut self, call: Option<u32>, entrance: Entrance, frames: Vec<ClientFrame>) {
        let Entrance::Post { dialog, .. } = &entrance else { return };
        let dialog = *dialog;
        let config = self.session_config(entrance);
        self.server.next_post += 1;
        let post = self.server.next_post;
        let session = Some(Session::new(config, self.server_now()));
        self.server.posts.insert(post, Post { session, dialog, kind: Kind::Frames, call, answers: Vec::new() });
        for frame in frames {
            self.tell_session(Target::Post(post), Input::Frame(frame));
        }
        self.settle_post(post);
    }

    pub(crate) fn settle_post(&mut self, number: u32) {
        if self.holds(number) {
            return;
        }
        let Some(post) = self.server.posts.get(&number) else { return };
        if post.session.as_ref().is_some_and(Session::is_settled)
            && let Some(post) = self.server.posts.remove(&number)
            && let Some(call) = post.call
        {
            self.answer(call, 200, format!("[{}]", post.answers.join(",")));
        }
    }

    /// Gives one input to a session, and carries out what it asks for.
    pub(crate) fn tell_session(&mut self, target: Target, input: Input) {
        if let (Target::Conn(conn), Input::Writable) = (target, &input)
            && let Some(end) = self.conns.get_mut(&conn).and_then(|state| state.server.as_mut())
        {
            end.congested = false;
        }
        self.run_session(target, Some(input));
        if let Target::Post(post) = target {
            self.settle_post(post);
        }
    }

    fn session_slot(&mut self, target: Target) -> Option<&mut Option<Session>> {
        match target {
            Target::Conn(conn) => self.conns.get_mut(&conn)?.server.as_mut().map(|end| &mut end.session),
            Target::Post(post) => self.server.posts.get_mut(&post).map(|post| &mut post.session),
        }
    }

    pub(crate) fn run_session(&mut self, target: Target, input: Option<Input>) {
        let now = self.server_now();
        let Some(mut session) = self.session_slot(target).and_then(Option::take) else { return };
        let mut inputs = VecDeque::from_iter(input);
        loop {
            while let Some(output) = session.poll_output() {
                if let Output::Close(ending) = output {
                    return self.session_closes(target, &ending);
                }
                inputs.extend(self.carry_out_output(target, output));
            }
            let Some(input) = inputs.pop_front() else { break };
            session.handle(now, input);
        }
        let limits = Limits::default();
        if session.held() > limits.waiting_frames + limits.open_reads {
            self.violate(format!("a session holds {} things", session.held()));
        }
        let timeout = session.poll_timeout();
        if let Some(slot) = self.session_slot(target) {
            *slot = Some(session);
        }
        if let (Target::Conn(conn), Some((at, _))) = (target, timeout) {
            let (run, now) = (self.server.run, self.now);
            let Some(end) = self.conns.get_mut(&conn).and_then(|state| state.server.as_mut()) else { return };
            if end.timer_at != Some(at) {
                end.timer_at = Some(at);
                self.agenda.plan(at.max(now), Happening::SessionTimer { conn, run, at });
            }
        }
    }

    pub(crate) fn session_timer(&mut self, conn: u32, at: Millis) {
        let Some(end) = self.conns.get_mut(&conn).and_then(|state| state.server.as_mut()) else { return };
        if end.timer_at == Some(at) {
            end.timer_at = None;
            self.tell_session(Target::Conn(conn), Input::Timeout);
        }
    }

    fn session_closes(&mut self, target: Target, ending: &Ending) {
        trace!(self, "{target:?} is closed: {} {}", ending.code, ending.reason);
        match target {
            Target::Conn(conn) => {
                self.queue(conn, Down::Frame { text: json::to_string(&ending.bye()) });
                self.queue(conn, Down::Close { code: ending.code, reason: ending.close_reason() });
                if let Some(end) = self.conns.get_mut(&conn).and_then(|state| state.server.as_mut()) {
                    end.subscribed = None;
                }
            }
            Target::Post(post) => {
                if let Some(call) = self.server.posts.remove(&post).and_then(|post| post.call) {
                    let body = super::http::error_body(code::STORE_UNAVAILABLE);
                    self.answer(call, 503, json::to_string(&body));
                }
            }
        }
    }

    /// Returns the visitors' links of a dialog that came in by another key than this one.
    pub(crate) fn targets_with_another_key(&self, dialog: u64, key: KeyHash) -> Vec<Target> {
        let is_visitors = |scoped: &ScopedDialog| scoped.id() == dialog && scoped.side() == Side::Visitor;
        let conns = self.conns.iter().filter(|(_, state)| {
            let end = state.server.as_ref();
            end.is_some_and(|end| end.dialog.as_ref().is_some_and(is_visitors) && end.key_hash != Some(key))
        });
        let polls = self.server.posts.iter().filter(|(_, post)| {
            let bearer = post.call.and_then(|call| self.calls.get(&call)).and_then(|call| call.bearer.as_deref());
            post.is_poll() && is_visitors(&post.dialog) && bearer.map(hash) != Some(key)
        });
        let conns = conns.map(|(number, _)| Target::Conn(*number));
        conns.chain(polls.map(|(number, _)| Target::Post(*number))).collect()
    }

    /// Ends a session from outside.
    pub(crate) fn end_session(&mut self, target: Target, ending: &Ending) {
        if let Target::Post(post) = target {
            // A poll is answered with what it has, and with the end.
            if let Some(mut post) = self.server.posts.remove(&post)
                && let Some(call) = post.call
            {
                post.answers.push(json::to_string(&ending.bye()));
                self.answer(call, 200, format!("[{}]", post.answers.join(",")));
            }
            return;
        }
        if self.session_slot(target).and_then(Option::take).is_some() {
            self.session_closes(target, ending);
        }
    }

    /// The server notices that a connection is gone.
    pub(crate) fn server_loses(&mut self, conn: u32) {
        if let Some(state) = self.conns.get_mut(&conn) {
            state.server = None;
        }
    }

    fn dialog_of(&self, target: Target) -> Option<ScopedDialog> {
        match target {
            Target::Conn(conn) => self.conns.get(&conn)?.server.as_ref()?.dialog,
            Target::Post(post) => self.server.posts.get(&post).map(|post| post.dialog),
        }
    }

    /// Carries one output out; returns what is answered at once.
    fn carry_out_output(&mut self, target: Target, output: Output) -> Option<Input> {
        let run = self.server.run;
        let soon = self.random.between(0, 5);
        match output {
            Output::Transmit(frame) => self.transmit(target, &frame),
            Output::Deliver(event) => {
                self.check_durable(event.dialog_id, event.seq, None);
                match target {
                    Target::Conn(conn) => {
                        self.queue(conn, Down::Event { seq: event.seq, json: event.json.clone() });
                    }
                    Target::Post(_) => self.answer_frame(target, event.json.to_string()),
                }
            }
            Output::Admit { ticket, hello } => {
                let Target::Conn(conn) = target else { return None };
                let route = self.conns.get(&conn)?.route.clone();
                let Route::Socket { dialog, .. } = route else { return None };
                let credential = hello.token.or(hello.key);
                let admitted = self.admit(&route, dialog, credential.as_ref().map(protocol::Secret::expose));
                let input = match admitted {
                    Ok((dialog, author)) => {
                        if let Some(end) = self.conns.get_mut(&conn).and_then(|state| state.server.as_mut()) {
                            end.dialog = Some(dialog);
                            end.key_hash = credential.as_ref().map(|credential| hash(credential.expose()));
                        }
                        Input::Admitted { ticket, dialog, author }
                    }
                    Err((401, _)) => Input::Denied { ticket, code: close::EXPIRED, reason: code::TOKEN_EXPIRED },
                    Err(_) => Input::Denied { ticket, code: close::NOT_FOUND, reason: code::DIALOG_NOT_FOUND },
                };
                self.plan_in(soon, Happening::ToSession { target, run, input });
            }
            Output::Renew { ticket, token } => {
                let dialog = self.dialog_of(target)?;
                let Target::Conn(conn) = target else { return None };
                let state = self.conns.get(&conn)?;
                let is_same = match dialog.side() {
                    Side::Operator => true,
                    Side::Visitor => state.server.as_ref()?.key_hash == Some(hash(token.expose())),
                };
                let input = match self.who(&state.route, Some(token.expose())) {
                    Some(who) if is_same => Input::Admitted { ticket, dialog, author: who.author() },
                    Some(_) => Input::Denied { ticket, code: close::UNAUTHORIZED, reason: code::UNAUTHORIZED },
                    None => Input::Denied { ticket, code: close::EXPIRED, reason: code::TOKEN_EXPIRED },
                };
                self.plan_in(soon, Happening::ToSession { target, run, input });
            }
            Output::Resume { ticket, cursor, pending, client } => {
                let dialog = self.dialog_of(target)?;
                if let Target::Conn(conn) = target {
                    self.conns.get_mut(&conn)?.server.as_mut()?.subscribed = Some(dialog.id());
                }
                let epoch = self.store.epoch;
                let log = self.store.dialogs.get(&dialog.id())?;
                let (head, known, last_n) = (log.head(), log.known(&pending), log.last_n(client.as_deref()));
                let hash = Some(log.hash_at(cursor.begin(epoch, head).1));
                let input = Input::Resumed { ticket, epoch, head, hash, known, last_n };
                self.plan_in(soon, Happening::ToSession { target, run, input });
            }
            Output::Read { ticket, after, limit } => {
                let log = self.store.dialogs.get(&self.dialog_of(target)?.id())?;
                let input = Input::Page { ticket, events: log.after(after, limit), head: log.head() };
                self.plan_in(soon, Happening::ToSession { target, run, input });
            }
            Output::Head => {
                let head = self.store.dialogs.get(&self.dialog_of(target)?.id())?.head();
                return Some(Input::Head { head });
            }
            Output::Append(message) => {
                let dialog = self.dialog_of(target)?;
                self.append(target, dialog, message);
            }
            Output::Mark { received, read } => {
                let dialog = self.dialog_of(target)?;
                if let Some((received, read)) = self.store.mark(dialog, received, read) {
                    let receipt = Receipt { who: dialog.side().author_kind(), received, read };
                    self.publish_ephemeral(target, dialog.id(), &Ephemeral::Receipt(receipt));
                }
            }
            Output::Publish(ephemeral) => {
                let dialog = self.dialog_of(target)?;
                self.publish_ephemeral(target, dialog.id(), &ephemeral);
            }
            Output::Subscribed(_) | Output::Metrics(_) => {}
            Output::Close(_) => {}
        }
        None
    }

    fn transmit(&mut self, target: Target, frame: &ServerFrame) {
        let text = json::to_string(frame);
        if let ServerFrame::Stored(stored) = frame
            && let Some(dialog) = self.dialog_of(target)
        {
            self.check_durable(dialog.id(), stored.seq, Some(&stored.id));
        }
        match (target, frame) {
            (Target::Post(_), _) => self.answer_frame(target, text),
            (Target::Conn(conn), ServerFrame::Ready(_)) => self.queue(conn, Down::Ready { text }),
            (Target::Conn(conn), ServerFrame::Typing(_) | ServerFrame::Receipt(_) | ServerFrame::Presence(_)) => {
                self.queue(conn, Down::Ephemeral { text });
            }
            (
                Target::Conn(conn),
                ServerFrame::Message(_)
                | ServerFrame::Dialog(_)
                | ServerFrame::Synced(_)
                | ServerFrame::Stored(_)
                | ServerFrame::Refused(_)
                | ServerFrame::Heartbeat(_)
                | ServerFrame::Pong(_)
                | ServerFrame::Drain(_)
                | ServerFrame::Error(_)
                | ServerFrame::Subscribed(_)
                | ServerFrame::Unsubscribed(_)
                | ServerFrame::MetricsReceived(_)
                | ServerFrame::Bye(_),
            ) => self.queue(conn, Down::Frame { text }),
        }
    }

    fn answer_frame(&mut self, target: Target, text: String) {
        if let Target::Post(post) = target
            && let Some(post) = self.server.posts.get_mut(&post)
        {
            post.answers.push(text);
        }
    }

    /// Lets somebody into a dialog, or says with which status not.
    pub(crate) fn admit(
        &self,
        route: &Route,
        dialog: u64,
        credential: Option<&str>,
    ) -> Result<(ScopedDialog, protocol::Author), (u16, &'static str)> {
        let who = self.who(route, credential).ok_or((401, code::TOKEN_EXPIRED))?;
        let facts = self.store.dialogs.get(&dialog).map(|dialog| &dialog.facts);
        match authorize(&who, facts) {
            Ok(scoped) => {
                let expected = match scoped.side() {
                    Side::Visitor | Side::Operator => scoped,
                };
                Ok((expected, who.author()))
            }
            Err(_) => Err((404, code::DIALOG_NOT_FOUND)),
        }
    }

    /// Tells every session something.
    pub(crate) fn tell_all_sessions(&mut self, input: &Input) {
        let conns: Vec<u32> = self.conns.keys().copied().collect();
        for conn in conns {
            self.tell_session(Target::Conn(conn), input.clone());
        }
    }
}
