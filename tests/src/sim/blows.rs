//! Faults that fate deals as blows.

use client_core::{Input, Page as PageEvent, Tab};
use server_core::Millis;
use server_core::session::Input as SessionInput;

use super::actions::Action;
use super::machine::{Clock, LogOutTold, Network, Power, Room};
use super::network::{Pace, Told, Wire};
use super::page::{Owner, PageLife};
use super::plan::FirstServer;
use super::server::{Disk, Doom, Life};
use super::{Door, Fault, Happening, Sim, trace};

const HOUR_MS: Millis = 3_600_000;
/// Messages older than this are not sent without being asked.
const DAY_MS: Millis = protocol::limits::OUTBOX_MS;

/// Faults that fate deals as blows; the others come by rate, or by themselves.
const ALL: &[Fault] = &[
    Fault::Cut,
    Fault::HalfOpenClient,
    Fault::HalfOpenServer,
    Fault::HoleUp,
    Fault::HoleDown,
    Fault::Outage,
    Fault::PrimaryDown,
    Fault::AllDown,
    Fault::CrashBeforeCommit,
    Fault::CrashAfterCommit,
    Fault::Crash,
    Fault::Drain,
    Fault::Handover,
    Fault::ServerStall,
    Fault::BackupRestored,
    Fault::DiskFull,
    Fault::TokenExpired,
    Fault::Reload,
    Fault::PageCrash,
    Fault::PageClosed,
    Fault::Sleep,
    Fault::Frozen,
    Fault::Hidden,
    Fault::ClockJump,
    Fault::StorageFull,
    Fault::SlowReader,
];

/// What troubles connections.
const NETWORK: &[Fault] = &[
    Fault::Cut,
    Fault::HalfOpenClient,
    Fault::HalfOpenServer,
    Fault::HoleUp,
    Fault::HoleDown,
    Fault::Outage,
    Fault::SlowReader,
    Fault::Handover,
    Fault::PrimaryDown,
];

/// What troubles the server.
const SERVER: &[Fault] = &[
    Fault::PrimaryDown,
    Fault::AllDown,
    Fault::CrashBeforeCommit,
    Fault::CrashAfterCommit,
    Fault::Crash,
    Fault::Drain,
    Fault::Handover,
    Fault::ServerStall,
    Fault::BackupRestored,
    Fault::DiskFull,
    Fault::TokenExpired,
];

/// What troubles pages and machines.
const PAGES: &[Fault] = &[
    Fault::Reload,
    Fault::PageCrash,
    Fault::PageClosed,
    Fault::Sleep,
    Fault::Frozen,
    Fault::Hidden,
    Fault::ClockJump,
    Fault::StorageFull,
    Fault::Cut,
];

/// Links that follow one another.
const LINKS: &[Fault] = &[Fault::Handover, Fault::Handover, Fault::HoleUp, Fault::Cut];

/// What a schedule is about: all faults at once hide one another.
pub(crate) const THEMES: &[&[Fault]] = &[ALL, ALL, ALL, NETWORK, SERVER, PAGES, LINKS];

impl Sim {
    fn some_page(&mut self) -> Option<usize> {
        let pages: Vec<usize> =
            self.open_pages().into_iter().filter(|&page| self.pages[page].life == PageLife::Open).collect();
        (!pages.is_empty()).then(|| self.random.pick(&pages))
    }

    fn some_conn(&mut self) -> Option<u32> {
        let held = |conn: u32| self.conns.get(&conn).is_some_and(|state| state.wire == Wire::Whole);
        let conns: Vec<u32> =
            self.pages.iter().flat_map(|page| page.links.values().copied()).filter(|&conn| held(conn)).collect();
        (!conns.is_empty()).then(|| self.random.pick(&conns))
    }

    pub(crate) fn blow(&mut self, fault: Fault) {
        let ms = self.random.pick(&[300, 2_000, 8_000, 20_000, 70_000]);
        match fault {
            Fault::Cut | Fault::HalfOpenClient | Fault::HalfOpenServer => {
                let Some(conn) = self.some_conn() else { return };
                self.bite(fault);
                trace!(self, "conn {conn} is cut");
                let page = if fault == Fault::HalfOpenClient { Told::No } else { Told::Yes };
                let server = if fault == Fault::HalfOpenServer { Told::No } else { Told::Yes };
                self.cut(conn, page, server);
            }
            Fault::HoleUp | Fault::HoleDown => {
                let Some(conn) = self.some_conn() else { return };
                self.bite(fault);
                trace!(self, "conn {conn} becomes a hole");
                self.shut(conn, fault == Fault::HoleUp, fault == Fault::HoleDown);
                self.plan_in(ms, Happening::Act(Action::Heal { conn }));
            }
            Fault::SlowReader => {
                let Some(conn) = self.some_conn() else { return };
                self.bite(fault);
                if let Some(state) = self.conns.get_mut(&conn) {
                    state.pace = Pace::Slow;
                }
            }
            Fault::Crash => {
                self.bite(fault);
                self.crash();
            }
            Fault::CrashBeforeCommit => self.server.doom = Some(Doom::Before),
            Fault::CrashAfterCommit => self.server.doom = Some(Doom::After),
            Fault::Drain => {
                if self.server.life == Life::Up {
                    self.bite(fault);
                    self.server.life = Life::Draining;
                    self.tell_all_sessions(&SessionInput::Drain { in_ms: 2_000, spread_ms: 800 });
                    let run = self.server.run;
                    self.plan_in(3_000, Happening::Act(Action::DrainEnds { run }));
                }
            }
            Fault::Handover => self.hand_over(),
            Fault::ServerStall => {
                self.bite(fault);
                self.server.stall(self.now + ms.min(20_000));
            }
            Fault::BackupRestored => match self.backup {
                Some(_) => self.restore_backup(),
                None => {
                    self.backup = Some(self.store.clone());
                    let later = self.random.between(1, self.plan.duration_ms / 2);
                    self.plan_in(later, Happening::Act(Action::Blow(Fault::BackupRestored)));
                }
            },
            Fault::PrimaryDown => {
                if self.plan.servers > 1 {
                    self.bite(fault);
                    self.shut_door(0, ms);
                }
            }
            Fault::AllDown => {
                self.bite(fault);
                for door in 0..super::DOORS {
                    self.shut_door(door, ms);
                }
            }
            Fault::DiskFull => {
                self.server.set_disk(Disk::Full);
                self.plan_in(ms, Happening::Act(Action::DiskFrees));
            }
            Fault::TokenExpired => {
                self.bite(fault);
                self.server.token_generation += 1;
                let operators: Vec<u32> = self
                    .pages
                    .iter()
                    .filter(|page| matches!(page.owner, Owner::Operator { .. }))
                    .flat_map(|page| page.links.values().copied())
                    .collect();
                for conn in operators {
                    self.tell_session(super::Target::Conn(conn), SessionInput::CredentialsExpired);
                }
                self.expire_people();
            }
            Fault::Reload | Fault::PageCrash | Fault::PageClosed => self.end_page(fault, ms),
            Fault::Sleep => self.sleep(),
            Fault::Outage => self.outage(ms),
            Fault::Frozen => {
                if let Some((page, _)) = self.some_machine() {
                    self.freeze(page, ms);
                }
            }
            Fault::Hidden => {
                if let Some((page, _)) = self.some_machine() {
                    self.bite(Fault::Hidden);
                    self.input(page, Input::Tab(Tab::Follows));
                    self.input(page, Input::Page(PageEvent::Hidden));
                    // Long enough to rest, mostly.
                    self.plan_in(ms + 50_000, Happening::Act(Action::Show { page }));
                }
            }
            Fault::ClockJump => self.jump(),
            Fault::StorageFull => self.fill_storage(ms),
            Fault::OfflineEvent
            | Fault::Jam
            | Fault::RequestLost
            | Fault::AnswerLost
            | Fault::RequestRepeated
            | Fault::RequestStale
            | Fault::SocketBlocked
            | Fault::SocketKilled
            | Fault::StreamBuffered
            | Fault::StreamBlocked
            | Fault::PollCut
            | Fault::DialogLost
            | Fault::WritesLost
            | Fault::SecondTab
            | Fault::TimerLate
            | Fault::TimerBurst
            | Fault::StorageAbsent
            | Fault::HintLost
            | Fault::HintRepeated
            | Fault::HintLate
            | Fault::Congestion
            | Fault::OutboxFull
            | Fault::LogIn
            | Fault::LogOut
            | Fault::OtherPerson
            | Fault::AskedAgain
            | Fault::SecondDevice
            | Fault::Claimed
            | Fault::Disowned
            | Fault::LateLogOut
            | Fault::FileSent
            | Fault::FileMissing
            | Fault::FileRepeated
            | Fault::Echo => {}
        }
    }

    /// The next process takes whoever comes; those that are here are asked to come to it, and are cut off later.
    fn hand_over(&mut self) {
        if self.server.life != Life::Up {
            return;
        }
        self.bite(Fault::Handover);
        self.tell_all_sessions(&SessionInput::Drain { in_ms: 4_000, spread_ms: 800 });
        let run = self.server.run;
        let conns = self.conns.iter().filter(|(_, conn)| conn.server.is_some()).map(|(number, _)| *number).collect();
        self.plan_in(5_000, Happening::Act(Action::Retire { run, conns }));
        for after_ms in [300, 800, 1_500, 2_500] {
            self.plan_in(after_ms, Happening::Act(Action::Talk));
        }
    }

    /// Nothing gets through to one of the servers for a while.
    fn shut_door(&mut self, door: usize, ms: Millis) {
        let told = if self.random.chance(500) { Told::Yes } else { Told::No };
        self.doors[door] = if told == Told::Yes { Door::Shut } else { Door::Silent };
        trace!(self, "door {door} is {:?} for {ms} ms", self.doors[door]);
        let through: Vec<u32> =
            self.conns.iter().filter(|(_, conn)| conn.door == door).map(|(number, _)| *number).collect();
        for conn in through {
            self.cut(conn, told, Told::Yes);
        }
        let asked: Vec<super::Call> = self.calls.values().filter(|call| call.door == door).cloned().collect();
        self.calls.retain(|_, call| call.door != door);
        for super::Call { page, request, .. } in asked {
            if told == Told::Yes {
                self.plan_in(50, Happening::ToPage { page, input: Input::Unanswered { request } });
            }
        }
        self.plan_in(ms, Happening::Act(Action::DoorOpens { door }));
    }

    /// A server can be reached again, unless it is gone for good.
    pub(crate) fn door_opens(&mut self, door: usize) {
        if door > 0 || self.plan.servers == 1 || self.plan.first_server == FirstServer::ComesBack {
            self.doors[door] = Door::Open;
        }
    }

    fn end_page(&mut self, fault: Fault, ms: Millis) {
        let Some(page) = self.some_page() else { return };
        let (machine, owner, tab) = (self.pages[page].machine, self.pages[page].owner, self.pages[page].tab);
        if !self.machines[machine].is_awake() {
            return;
        }
        self.bite(fault);
        if fault != Fault::PageCrash {
            self.input(page, Input::Page(PageEvent::Frozen));
        }
        self.close_page(page);
        if fault == Fault::PageCrash {
            let writes = self.machines[machine].storage.volatile(self.now);
            // Other tabs would have to die with it: what they have written is in the same file.
            let alone = !self.open_pages().iter().any(|&other| self.pages[other].machine == machine);
            if writes > 0 && alone {
                self.bite(Fault::WritesLost);
                let lost = self.random.between(1, writes as u64) as usize;
                // A log-out that has not reached the disk is undone with the rest.
                self.machines[machine].told = LogOutTold::No;
                for name in self.machines[machine].storage.lose(lost) {
                    trace!(self, "storage has lost {name}");
                    if let Some(id) = name.strip_prefix("o:") {
                        self.ledger.write_lost(id.split('@').next().unwrap_or_default());
                    }
                }
            }
        }
        match (fault, owner) {
            (Fault::PageClosed, Owner::Visitor { visitor, .. }) => {
                self.plan_in(ms, Happening::Act(Action::OpenVisitor { machine, visitor, tab }));
            }
            _ => self.open_page(machine, owner, tab),
        }
    }

    /// Returns a page that is in use, and its machine.
    fn some_machine(&mut self) -> Option<(usize, usize)> {
        let page = self.some_page()?;
        let machine = self.pages[page].machine;
        self.machines[machine].is_awake().then_some((page, machine))
    }

    fn sleep(&mut self) {
        let Some((page, machine)) = self.some_machine() else { return };
        self.bite(Fault::Sleep);
        trace!(self, "machine {machine} sleeps");
        self.machines[machine].power = Power::Asleep { since: self.now };
        let ms = self.random.pick(&[2_000, 30_000, 300_000, 3 * HOUR_MS, 30 * HOUR_MS]);
        if ms > DAY_MS {
            self.ledger.day_passes(self.pages[page].owner);
        }
        self.plan_in(ms, Happening::Act(Action::Wake { machine }));
    }

    fn outage(&mut self, ms: Millis) {
        let Some((_, machine)) = self.some_machine() else { return };
        self.bite(Fault::Outage);
        self.machines[machine].network = Network::Down;
        self.plan_in(ms, Happening::Act(Action::OutageEnds { machine }));
        if self.random.chance(500) {
            self.bite(Fault::OfflineEvent);
            self.tell_machine(machine, PageEvent::Offline);
        }
    }

    fn jump(&mut self) {
        let Some((page, machine)) = self.some_machine() else { return };
        self.bite(Fault::ClockJump);
        let jump = self.random.pick(&[-3_600_000, -60_000, 60_000, 3_600_000, 3 * 24 * 3_600_000]);
        trace!(self, "the clock of machine {machine} jumps by {jump}");
        self.machines[machine].skew_ms += jump;
        if jump < 0 {
            self.machines[machine].clock = Clock::WentBack;
        }
        if jump.unsigned_abs() > DAY_MS {
            self.ledger.day_passes(self.pages[page].owner);
        }
    }

    fn fill_storage(&mut self, ms: Millis) {
        let Some((_, machine)) = self.some_machine() else { return };
        if self.machines[machine].storage.room == Room::Some {
            self.machines[machine].storage.room = Room::Full;
            self.plan_in(ms, Happening::Act(Action::StorageFrees { machine }));
        }
    }
}
