//! The server's process: when it lives, what waits for the commit, and the hub.

use std::collections::BTreeMap;
use std::sync::Arc;

use mutants::Mutant;
use server_core::access::{KeyHash, ScopedDialog, Who, authorize};
use server_core::append::NewMessage;
use server_core::session::Input;
use server_core::{Ephemeral, Event, Millis, Now, Refusal};

use super::machine::WALL_START;
use super::network::{Down, Told};
use super::people::Holder;
use super::sessions::{Post, Target};
use super::{Fault, Happening, Sim, Weather, trace};

/// The server's process.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) life: Life,
    /// Counts the processes: what was meant for an earlier one is lost.
    pub(crate) run: u32,
    pub(crate) posts: BTreeMap<u32, Post>,
    pub(crate) next_post: u32,
    waiting: Vec<Write>,
    disk: Disk,
    stall_until: Millis,
    /// How the next commit ends, where it ends badly.
    pub(crate) doom: Option<Doom>,
    /// Operators' tokens of earlier generations have expired.
    pub(crate) token_generation: u32,
}

/// Whether the server is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Up,
    /// It tells everyone to go, and takes nobody new.
    Draining,
    Down,
}

/// Whether the log can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    Free,
    Full,
}

/// How a commit goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doom {
    Before,
    After,
}

/// Something that waits for the next commit.
#[derive(Debug)]
enum Write {
    Append { target: Target, dialog: ScopedDialog, message: NewMessage },
    Start { call: Option<u32>, claim: Claim, message: NewMessage },
    Claim { call: Option<u32>, claim: Claim, message: Option<NewMessage> },
}

/// A visitor who comes for their dialog.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) who: Who,
    pub(crate) key: KeyHash,
    pub(crate) holder: Holder,
    pub(crate) visitor: usize,
    /// The key from before they were known.
    pub(crate) former: Option<KeyHash>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self {
            life: Life::Up,
            run: 1,
            posts: BTreeMap::new(),
            next_post: 0,
            waiting: Vec::new(),
            disk: Disk::Free,
            stall_until: 0,
            doom: None,
            token_generation: 1,
        }
    }

    /// Returns until when this has to wait, if it is the stopped process that does it.
    pub(crate) fn stalled_until(&self, happening: &Happening) -> Option<Millis> {
        match happening {
            Happening::ConnOpens { .. }
            | Happening::ConnUp { .. }
            | Happening::ConnGone { .. }
            | Happening::StallCheck { .. }
            | Happening::CallArrives { .. }
            | Happening::ToSession { .. }
            | Happening::SessionTimer { .. }
            | Happening::PollEnds { .. }
            | Happening::Commit { .. } => Some(self.stall_until),
            Happening::ToPage { .. }
            | Happening::Heard { .. }
            | Happening::PageTimer { .. }
            | Happening::DownArrives { .. }
            | Happening::Act(_) => None,
        }
    }

    pub(crate) fn stall(&mut self, until: Millis) {
        self.stall_until = until;
    }

    pub(crate) fn set_disk(&mut self, disk: Disk) {
        self.disk = disk;
    }
}

impl Sim {
    pub(crate) fn server_now(&self) -> Now {
        Now { mono: self.now, wall: WALL_START + self.now }
    }

    fn wait_for_commit(&mut self, write: Write) {
        self.server.waiting.push(write);
        if self.server.waiting.len() == 1 {
            let ms = self.random.between(1, self.plan.commit_ms);
            let run = self.server.run;
            self.plan_in(ms, Happening::Commit { run });
        }
    }

    pub(crate) fn append(&mut self, target: Target, dialog: ScopedDialog, message: NewMessage) {
        if mutants::planted(Mutant::AnswerBeforeCommit) {
            let at = self.server_now().wall;
            let result = self.store.clone().append(dialog, &message, at).result;
            let (run, id) = (self.server.run, message.id.clone());
            self.plan_in(0, Happening::ToSession { target, run, input: Input::Appended { id, result } });
        }
        self.wait_for_commit(Write::Append { target, dialog, message });
    }

    pub(crate) fn start(&mut self, call: Option<u32>, claim: Claim, message: NewMessage) {
        self.wait_for_commit(Write::Start { call, claim, message });
    }

    pub(crate) fn claim(&mut self, call: Option<u32>, claim: Claim, message: Option<NewMessage>) {
        self.wait_for_commit(Write::Claim { call, claim, message });
    }

    /// Commits what waits as one transaction, answers, and tells the hub.
    pub(crate) fn commit(&mut self) {
        let writes = std::mem::take(&mut self.server.waiting);
        if self.server.doom == Some(Doom::Before) {
            self.bite(Fault::CrashBeforeCommit);
            return self.crash();
        }
        let doomed = self.server.doom == Some(Doom::After);
        let mut published = Vec::new();
        for write in writes {
            if self.server.disk == Disk::Full {
                self.bite(Fault::DiskFull);
                self.refuse_write(write);
                continue;
            }
            let events = self.carry_out(write, doomed);
            self.ledger_committed(&events);
            published.extend(events);
        }
        if doomed {
            self.bite(Fault::CrashAfterCommit);
            return self.crash();
        }
        for event in published {
            self.publish(&event);
        }
    }

    fn carry_out(&mut self, write: Write, doomed: bool) -> Vec<Arc<Event>> {
        let at = self.server_now().wall;
        match write {
            Write::Append { target, dialog, message } => {
                let appended = self.store.append(dialog, &message, at);
                self.note_file(&message, &appended.result);
                trace!(self, "commit {:?} in {}: {:?}", message.id, dialog.id(), appended.result);
                if !doomed && !mutants::planted(Mutant::AnswerBeforeCommit) {
                    let run = self.server.run;
                    let input = Input::Appended { id: message.id, result: appended.result };
                    self.plan_in(1, Happening::ToSession { target, run, input });
                }
                appended.events
            }
            Write::Claim { call, claim, message } => {
                let claimed = self.carry_out_claim(&claim);
                match (message, call) {
                    _ if doomed => {}
                    (Some(message), call) => {
                        let former = claim.former.filter(|_| claimed.is_none());
                        self.start(call, Claim { former, ..claim }, message);
                    }
                    (None, Some(call)) => match claimed {
                        Some(dialog) => self.answer_loaded(call, dialog, None),
                        None => {
                            let nothing = protocol::http::DialogLoaded::default();
                            self.answer(call, 200, protocol::json::to_string(&nothing));
                        }
                    },
                    (None, None) => {}
                }
                Vec::new()
            }
            Write::Start { call, claim, message } => {
                let Claim { who, key, holder, visitor, .. } = &claim;
                let visitor = *visitor;
                let Who::Visitor { site_id, assistant_id, .. } = who else { return Vec::new() };
                let facts = self.store.start(*site_id, *assistant_id, *key, *holder);
                let Ok(dialog) = authorize(who, Some(&facts)) else {
                    self.violate(format!("visitor {visitor} may not enter its own dialog {}", facts.id));
                    return Vec::new();
                };
                let appended = self.store.append(dialog, &message, at);
                if appended.result.is_err() && self.store.dialogs.get(&facts.id).is_some_and(|log| log.head() == 0) {
                    // A dialog is made by its first message or not at all.
                    self.store.unmake(facts.id);
                }
                if appended.result.is_ok() {
                    self.ledger.owns(facts.id, visitor);
                }
                self.note_file(&message, &appended.result);
                trace!(self, "commit {:?} starts {}: {:?}", message.id, dialog.id(), appended.result);
                if claim.former.is_some() {
                    // What has come since the claim before comes along, too.
                    self.carry_out_claim(&claim);
                }
                if let (Some(call), false) = (call, doomed) {
                    self.answer_loaded(call, facts.id, Some(&appended.result));
                }
                appended.events
            }
        }
    }

    fn refuse_write(&mut self, write: Write) {
        match write {
            Write::Append { target, message, .. } => {
                let run = self.server.run;
                let input = Input::Appended { id: message.id, result: Err(Refusal::disk_full()) };
                self.plan_in(0, Happening::ToSession { target, run, input });
            }
            Write::Start { call: Some(call), .. } | Write::Claim { call: Some(call), .. } => {
                self.answer(call, 503, super::http::error(&Refusal::disk_full()));
            }
            Write::Start { call: None, .. } | Write::Claim { call: None, .. } => {}
        }
    }

    /// The hub tells every session of the dialog; it may lose, repeat and delay.
    fn publish(&mut self, event: &Arc<Event>) {
        for target in self.subscribers(event.dialog_id) {
            let run = self.server.run;
            let input = Input::Published(Arc::clone(event));
            if self.fate(self.plan.hint_lost) {
                self.bite(Fault::HintLost);
                continue;
            }
            let mut after_ms = 1;
            if self.fate(self.plan.hint_late) {
                self.bite(Fault::HintLate);
                after_ms = self.random.between(2, 300);
            }
            if self.fate(self.plan.hint_repeated) {
                self.bite(Fault::HintRepeated);
                let again = self.random.between(1, 500);
                self.plan_in(again, Happening::ToSession { target, run, input: input.clone() });
            }
            self.plan_in(after_ms, Happening::ToSession { target, run, input });
        }
    }

    /// Tells the other sessions of a dialog.
    pub(crate) fn publish_ephemeral(&mut self, from: Target, dialog_id: u64, ephemeral: &Ephemeral) {
        for target in self.subscribers(dialog_id) {
            if target != from {
                let run = self.server.run;
                let input = Input::Ephemeral(ephemeral.clone());
                self.plan_in(1, Happening::ToSession { target, run, input });
            }
        }
    }

    fn subscribers(&self, dialog_id: u64) -> Vec<Target> {
        let subscribed = |conn: &super::Conn| conn.server.as_ref().is_some_and(|end| end.subscribed == Some(dialog_id));
        let conns = self.conns.iter().filter(|(_, conn)| subscribed(conn)).map(|(number, _)| Target::Conn(*number));
        let polls = self.server.posts.iter().filter(|(_, post)| post.is_poll() && post.dialog.id() == dialog_id);
        conns.chain(polls.map(|(number, _)| Target::Post(*number))).collect()
    }

    /// The process dies: everything but the log is gone.
    pub(crate) fn crash(&mut self) {
        trace!(self, "the server dies");
        self.server.run += 1;
        self.server.life = Life::Down;
        self.server.waiting.clear();
        self.server.posts.clear();
        self.server.doom = None;
        self.server.stall(0);
        let conns: Vec<u32> = self.conns.keys().copied().collect();
        // A process that dies leaves a machine that says so; a machine that dies says nothing.
        let told = if self.random.chance(800) { Told::Yes } else { Told::No };
        for conn in conns {
            let Some(state) = self.conns.get_mut(&conn) else { continue };
            if state.server.take().is_some() && told == Told::Yes {
                self.send_down(conn, Down::Reset);
            }
        }
        let after_ms = if self.weather == Weather::Fine { 10 } else { self.random.pick(&[50, 500, 3_000, 20_000]) };
        self.plan_in(after_ms, Happening::Act(super::Action::ServerStarts));
    }

    pub(crate) fn server_starts(&mut self) {
        if self.server.life != Life::Up {
            trace!(self, "the server is back");
            self.server.life = Life::Up;
        }
    }

    /// An older log comes back, under another epoch.
    pub(crate) fn restore_backup(&mut self) {
        let Some(backup) = self.backup.take() else { return };
        self.bite(Fault::BackupRestored);
        if backup.dialogs.len() < self.store.dialogs.len() {
            self.bite(Fault::DialogLost);
        }
        let epoch = self.store.epoch + u64::from(!mutants::planted(Mutant::EpochKept));
        // The number of a dialog that is gone is not given to another one.
        let last_id = self.store.last_id;
        let lost = std::mem::replace(&mut self.store, super::Store { epoch, last_id, ..backup });
        self.ledger_restored(lost);
        self.crash();
    }
}
