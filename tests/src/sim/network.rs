//! Connections and requests on their way: late, lost, half-open, repeated.

use std::sync::Arc;

use client_core::{End, Input, LinkId, RequestId, Transport};
use server_core::Millis;

use super::http::Route;
use super::machine::{Sockets, Streams};
use super::sessions::ServerEnd;
use super::{Door, Fault, Happening, Sim, trace};

/// The address of the second server; the first has none.
pub(crate) const SECOND: &str = "https://second.example";

/// A server gives a connection up whose queue does not move for so long.
const STALLED_MS: Millis = 15_000;

/// One connection: a WebSocket, or an SSE stream.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) page: usize,
    pub(crate) link: LinkId,
    pub(crate) transport: Transport,
    pub(crate) route: Route,
    /// Which server's address it was opened at.
    pub(crate) door: usize,
    /// The credential in the headers.
    pub(crate) bearer: Option<String>,
    pub(crate) server: Option<ServerEnd>,
    pub(crate) wire: Wire,
    hole_up: Hole,
    hole_down: Hole,
    pub(crate) pace: Pace,
    stuck_up: Vec<String>,
    stuck_down: Vec<Down>,
    up_free: Millis,
    down_free: Millis,
}

/// Whether a connection still carries anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Whole,
    /// The page is off it; what it had sent still arrives.
    Ebbing,
    Cut,
}

/// Whether a direction swallows what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hole {
    Open,
    Shut,
}

/// How fast a page reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Normal,
    Slow,
}

/// What a server sends down.
#[derive(Clone, Debug)]
pub(crate) enum Down {
    /// The handshake is done, or the headers of the stream are there.
    Opened,
    /// The stream was refused.
    Refused { status: u16, body: String },
    /// An event of the log.
    Event { seq: u64, json: Arc<str> },
    /// `ready`: what is written after it counts from its cursor.
    Ready { text: String },
    /// Any other frame.
    Frame { text: String },
    /// Something that only matters now.
    Ephemeral { text: String },
    /// The end.
    Close { code: u16, reason: String },
    /// A reset: the machine of the server is there and knows nothing of this connection.
    Reset,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) page: usize,
    pub(crate) request: RequestId,
    pub(crate) call: client_core::Call,
    pub(crate) door: usize,
    pub(crate) bearer: Option<String>,
}

impl Sim {
    pub(crate) fn latency(&mut self) -> Millis {
        let (low, high) = self.plan.latency_ms;
        self.random.between(low, high)
    }

    /// A page opens a connection.
    pub(crate) fn connect(&mut self, page: usize, link: LinkId, transport: Transport, path: &str) {
        let bearer = self.pages[page].bearer().filter(|_| transport == Transport::Sse);
        let (door, path) = door_of(path);
        let Some(route) = Route::parse(path) else {
            self.violate(format!("no such path: {path}"));
            return;
        };
        self.next_conn += 1;
        let conn = self.next_conn;
        self.pages[page].links.insert(link, conn);
        self.conns.insert(
            conn,
            Conn {
                page,
                link,
                transport,
                route,
                door,
                bearer,
                server: None,
                wire: Wire::Whole,
                hole_up: Hole::Open,
                hole_down: Hole::Open,
                pace: Pace::Normal,
                stuck_up: Vec::new(),
                stuck_down: Vec::new(),
                up_free: 0,
                down_free: 0,
            },
        );
        trace!(self, "page {page} opens {link:?} as conn {conn}: {transport:?} {path}");
        let machine = &self.machines[self.pages[page].machine];
        let (reachable, sockets, streams) = (machine.is_reachable(), machine.sockets, machine.streams);
        let latency = self.latency() * 2;
        match self.doors[door] {
            Door::Open => {}
            Door::Shut => return self.page_loses(conn, latency),
            Door::Silent => return,
        }
        if transport == Transport::Sse && streams == Streams::Refused {
            self.bite(Fault::StreamBlocked);
            let end = End::Refused { status: 403, body: "<html>blocked</html>".into() };
            self.plan_in(latency, Happening::ToPage { page, input: Input::Closed { link, end } });
            return;
        }
        if transport == Transport::WebSocket {
            match sockets {
                Sockets::Pass => {}
                Sockets::Killed => {
                    let ms = self.random.between(50, 20_000);
                    self.plan_in(ms, Happening::Act(super::Action::Kill { conn }));
                }
                Sockets::Refused => {
                    self.bite(Fault::SocketBlocked);
                    self.page_loses(conn, latency);
                    return;
                }
                Sockets::Swallowed => {
                    self.bite(Fault::SocketBlocked);
                    return;
                }
                Sockets::Mute => {
                    self.bite(Fault::SocketBlocked);
                    self.plan_in(latency, Happening::ToPage { page, input: Input::Opened { link } });
                    return;
                }
            }
        }
        if reachable {
            self.plan_in(latency, Happening::ConnOpens { conn });
        } else if self.random.chance(500) {
            // Some networks say that they are gone, others say nothing.
            self.page_loses(conn, 100);
        }
    }

    /// A page sends text up.
    pub(crate) fn send_up(&mut self, conn: u32, text: String) {
        let latency = self.latency();
        let jam = self.jam();
        let now = self.now;
        let Some(state) = self.conns.get_mut(&conn) else { return };
        let reachable = self.machines[self.pages[state.page].machine].is_reachable();
        if state.wire != Wire::Whole {
            return;
        }
        if state.hole_up == Hole::Shut || !reachable {
            state.stuck_up.push(text);
            return;
        }
        let at = (now + latency + jam).max(state.up_free);
        state.up_free = at;
        self.agenda.plan(at, Happening::ConnUp { conn, text });
    }

    /// Returns for how long a packet is late because it was lost once.
    fn jam(&mut self) -> Millis {
        if !self.fate(self.plan.jam) {
            return 0;
        }
        self.bite(Fault::Jam);
        self.random.pick(&[200, 600, 1_400, 3_000])
    }

    /// The server's machine sends something down.
    pub(crate) fn send_down(&mut self, conn: u32, down: Down) {
        let latency = self.latency();
        let slow = self.random.between(100, 1_500);
        let jam = self.jam();
        let now = self.now;
        let Some(state) = self.conns.get_mut(&conn) else { return };
        if state.wire != Wire::Whole {
            return;
        }
        let latency = if state.pace == Pace::Slow { latency + slow } else { latency };
        let at = (now + latency + jam).max(state.down_free);
        state.down_free = at;
        self.agenda.plan(at, Happening::DownArrives { conn, down });
    }

    pub(crate) fn down_arrives(&mut self, conn: u32, down: Down) {
        let Some(state) = self.conns.get_mut(&conn) else { return };
        if state.wire != Wire::Whole {
            return;
        }
        let machine = &self.machines[self.pages[state.page].machine];
        let reachable = machine.is_reachable();
        let is_body = !matches!(down, Down::Opened | Down::Refused { .. });
        if state.transport == Transport::Sse && machine.streams == Streams::Buffered && is_body {
            state.stuck_down.push(down);
            return self.bite(Fault::StreamBuffered);
        }
        if state.hole_down == Hole::Shut || !reachable || !state.stuck_down.is_empty() {
            state.stuck_down.push(down);
            return;
        }
        self.deliver_down(conn, down);
    }

    fn deliver_down(&mut self, conn: u32, down: Down) {
        let Some(state) = self.conns.get_mut(&conn) else { return };
        let (page, link, transport) = (state.page, state.link, state.transport);
        if let Some(end) = &mut state.server {
            end.in_flight = end.in_flight.saturating_sub(1);
            end.progress += 1;
        }
        self.pump(conn);
        let input = match down {
            Down::Opened => Input::Opened { link },
            Down::Refused { status, body } => Input::Closed { link, end: End::Refused { status, body } },
            Down::Event { json, .. } => Input::Received { link, text: json.to_string() },
            Down::Ready { text } | Down::Frame { text } | Down::Ephemeral { text } => Input::Received { link, text },
            Down::Close { code, reason } => match transport {
                Transport::WebSocket => Input::Closed { link, end: End::Socket { code, reason } },
                Transport::Sse | Transport::LongPolling | Transport::Polling => {
                    Input::Closed { link, end: End::Broken }
                }
            },
            Down::Reset => Input::Closed { link, end: broken(transport) },
        };
        self.happen(Happening::ToPage { page, input });
    }

    /// The page's end learns, after a while, that the connection is gone.
    pub(crate) fn page_loses(&mut self, conn: u32, after_ms: Millis) {
        let Some(state) = self.conns.get(&conn) else { return };
        let (page, link, end) = (state.page, state.link, broken(state.transport));
        self.plan_in(after_ms, Happening::ToPage { page, input: Input::Closed { link, end } });
    }

    /// A connection carries nothing any more; `page` and `server` say who is told.
    pub(crate) fn cut(&mut self, conn: u32, page: Told, server: Told) {
        let latency = self.latency();
        // What was on its way up is lost with it, or arrives still.
        let wire = if self.random.chance(500) { Wire::Ebbing } else { Wire::Cut };
        let now = self.now;
        let Some(state) = self.conns.get_mut(&conn) else { return };
        state.wire = wire;
        state.stuck_up.clear();
        state.stuck_down.clear();
        let gone_at = state.up_free.max(now + latency);
        if page == Told::Yes {
            self.page_loses(conn, latency);
        }
        if server == Told::Yes {
            self.agenda.plan(gone_at, Happening::ConnGone { conn });
        }
    }

    /// Shuts one direction or both for a while.
    pub(crate) fn shut(&mut self, conn: u32, up: bool, down: bool) {
        if let Some(state) = self.conns.get_mut(&conn) {
            if up {
                state.hole_up = Hole::Shut;
            }
            if down {
                state.hole_down = Hole::Shut;
            }
        }
    }

    /// What a connection had swallowed comes after all, or never.
    pub(crate) fn heal(&mut self, conn: u32) {
        let fate = self.random.below(4);
        let latency = self.latency();
        let Some(state) = self.conns.get_mut(&conn) else { return };
        match (state.wire, fate) {
            (Wire::Cut, _) => return,
            (Wire::Whole | Wire::Ebbing, 0) => return self.cut(conn, Told::Yes, Told::Yes),
            (Wire::Whole | Wire::Ebbing, 1) => return self.cut(conn, Told::No, Told::Yes),
            (Wire::Whole | Wire::Ebbing, _) => {}
        }
        state.hole_up = Hole::Open;
        state.hole_down = Hole::Open;
        let up = std::mem::take(&mut state.stuck_up);
        let down = std::mem::take(&mut state.stuck_down);
        let at = state.up_free.max(self.now + latency);
        state.up_free = at;
        let ends = state.wire == Wire::Ebbing;
        for text in up {
            self.agenda.plan(at, Happening::ConnUp { conn, text });
        }
        if ends {
            self.agenda.plan(at, Happening::ConnGone { conn });
        }
        for item in down {
            // It was counted when it was sent first.
            self.send_down(conn, item);
        }
    }

    /// A page lets go of a connection: what it has sent still arrives, perhaps much later.
    pub(crate) fn hang_up(&mut self, conn: u32) {
        let latency = self.latency();
        let now = self.now;
        let Some(state) = self.conns.get_mut(&conn) else { return };
        if state.wire != Wire::Whole {
            return;
        }
        state.wire = Wire::Ebbing;
        state.stuck_down.clear();
        let reachable = self.machines[self.pages[state.page].machine].is_reachable();
        if reachable && state.hole_up == Hole::Open {
            let at = state.up_free.max(now + latency);
            self.agenda.plan(at, Happening::ConnGone { conn });
        }
    }

    /// A page makes a request.
    pub(crate) fn request(&mut self, page: usize, request: RequestId, mut call: client_core::Call) {
        let (door, path) = door_of(&call.path);
        call.path = path.to_owned();
        let carries = call.auth == client_core::Authorization::Bearer;
        let bearer = self.pages[page].bearer().filter(|_| carries);
        self.next_call += 1;
        let number = self.next_call;
        trace!(
            self,
            "page {page} asks {request:?} as call {number}: {} {}",
            call.path,
            call.body.as_deref().unwrap_or("")
        );
        self.pages[page].calls.insert(request, number);
        self.calls.insert(number, Call { page, request, call, door, bearer });
        let latency = self.latency();
        match self.doors[door] {
            Door::Open => {}
            Door::Shut => {
                return self.plan_in(latency, Happening::ToPage { page, input: Input::Unanswered { request } });
            }
            Door::Silent => return,
        }
        if !self.machines[self.pages[page].machine].is_reachable() {
            if self.random.chance(500) {
                self.plan_in(latency, Happening::ToPage { page, input: Input::Unanswered { request } });
            }
            return;
        }
        if self.fate(self.plan.request_lost) {
            self.bite(Fault::RequestLost);
            if self.random.chance(500) {
                self.plan_in(latency * 2, Happening::ToPage { page, input: Input::Unanswered { request } });
            }
            return;
        }
        self.plan_in(latency, Happening::CallArrives { call: number, copy: false });
        if self.fate(self.plan.request_repeated) {
            self.bite(Fault::RequestRepeated);
            let again = self.latency();
            self.plan_in(again, Happening::CallArrives { call: number, copy: true });
        }
        if self.fate(self.plan.request_stale) {
            self.bite(Fault::RequestStale);
            let late = self.random.between(2_000, 60_000);
            self.plan_in(late, Happening::CallArrives { call: number, copy: true });
        }
    }

    /// The server answers a request.
    pub(crate) fn answer(&mut self, call: u32, status: u16, body: String) {
        let Some(Call { page, request, .. }) = self.calls.get(&call).cloned() else { return };
        trace!(self, "call {call} is answered {status} {body}");
        let latency = self.latency();
        if !self.machines[self.pages[page].machine].is_reachable() {
            return;
        }
        if self.fate(self.plan.answer_lost) {
            self.bite(Fault::AnswerLost);
            if self.random.chance(500) {
                self.plan_in(latency, Happening::ToPage { page, input: Input::Unanswered { request } });
            }
            return;
        }
        self.plan_in(latency, Happening::ToPage { page, input: Input::Answered { request, status, body } });
    }
}

/// Returns which server an address belongs to, and the rest of it.
fn door_of(address: &str) -> (usize, &str) {
    address.strip_prefix(SECOND).map_or((0, address), |path| (1, path))
}

/// Whether an end hears of a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Yes,
    No,
}

fn broken(transport: Transport) -> End {
    match transport {
        Transport::WebSocket => End::Socket { code: 1006, reason: String::new() },
        Transport::Sse | Transport::LongPolling | Transport::Polling => End::Broken,
    }
}

impl Sim {
    /// The server gives up connections whose queues do not move.
    pub(crate) fn stall_check(&mut self, conn: u32, progress: u64) {
        let Some(end) = self.conns.get(&conn).and_then(|state| state.server.as_ref()) else { return };
        if end.outgoing.is_empty() {
            return;
        }
        if end.progress == progress {
            trace!(self, "conn {conn} has not moved for too long");
            self.server_loses(conn);
            return;
        }
        let progress = end.progress;
        self.plan_in(STALLED_MS, Happening::StallCheck { conn, progress });
    }

    /// Hands frames to the connection as far as it takes them.
    pub(crate) fn pump(&mut self, conn: u32) {
        loop {
            let Some(state) = self.conns.get_mut(&conn) else { return };
            let window = if state.pace == Pace::Slow { 1 } else { self.plan.window };
            let Some(end) = &mut state.server else { return };
            if end.in_flight >= window {
                if !end.watched && !end.outgoing.is_empty() {
                    end.watched = true;
                    let progress = end.progress;
                    self.plan_in(STALLED_MS, Happening::StallCheck { conn, progress });
                }
                return;
            }
            let Some(down) = end.outgoing.pop_front() else {
                end.watched = false;
                if end.congested {
                    let run = self.server.run;
                    let target = super::Target::Conn(conn);
                    let input = server_core::session::Input::Writable;
                    self.plan_in(0, Happening::ToSession { target, run, input });
                }
                return;
            };
            end.in_flight += 1;
            match &down {
                Down::Event { seq, .. } => end.written = *seq,
                Down::Ready { .. } => end.written = 0,
                Down::Opened
                | Down::Refused { .. }
                | Down::Frame { .. }
                | Down::Ephemeral { .. }
                | Down::Close { .. }
                | Down::Reset => {}
            }
            self.send_down(conn, down);
        }
    }

    /// Puts a frame into a connection's queue; a full queue is thrown away, but for its answers.
    pub(crate) fn queue(&mut self, conn: u32, down: Down) {
        let most = self.plan.queue;
        let run = self.server.run;
        let Some(end) = self.conns.get_mut(&conn).and_then(|state| state.server.as_mut()) else { return };
        if end.congested && matches!(down, Down::Event { .. } | Down::Ephemeral { .. }) {
            return;
        }
        end.outgoing.push_back(down);
        if end.outgoing.len() > most {
            end.outgoing.retain(|down| !matches!(down, Down::Ephemeral { .. }));
        }
        if end.outgoing.len() > most && end.outgoing.iter().any(|down| matches!(down, Down::Event { .. })) {
            end.outgoing.retain(|down| !matches!(down, Down::Event { .. }));
            end.congested = true;
            let input = server_core::session::Input::Congested { written: end.written };
            self.bite(Fault::Congestion);
            self.plan_in(0, Happening::ToSession { target: super::Target::Conn(conn), run, input });
        }
        self.pump(conn);
    }
}
