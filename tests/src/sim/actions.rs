//! What people do, and what fate does to them.

use client_core::{Delivery, Input, Page as PageEvent, Panel, Tab};
use protocol::Secret;
use server_core::Millis;

use super::machine::{Machine, Network, Room, Sockets, Streams};
use super::network::Pace;
use super::page::{Owner, PageLife};
use super::server::{Disk, Life};
use super::store::Put;
use super::uploads::Parcel;
use super::{DOORS, Fault, Happening, Sim, Weather, trace};

/// What people do, and what fate does to them.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// A visitor opens the page.
    OpenVisitor {
        machine: usize,
        visitor: usize,
        tab: u64,
    },
    /// An operator opens the dialog of a visitor, once there is one.
    OpenOperator {
        visitor: usize,
    },
    /// Somebody sends a few messages.
    Talk,
    /// The process that was replaced is gone, and with it these connections.
    Retire {
        run: u32,
        conns: Vec<u32>,
    },
    /// Somebody sends one more.
    Say {
        page: usize,
    },
    /// The proxy lets WebSockets through.
    SocketsPass {
        machine: usize,
    },
    /// A proxy kills a socket.
    Kill {
        conn: u32,
    },
    /// A proxy has waited long enough for the answer to a poll.
    PollCut {
        call: u32,
    },
    /// A server can be reached again.
    DoorOpens {
        door: usize,
    },
    /// One fault.
    Blow(Fault),
    /// A page gets new credentials.
    Credential {
        page: usize,
    },
    /// Somebody logs in, out, or as somebody else.
    Account {
        visitor: usize,
    },
    /// A person opens the page on another machine.
    SecondDevice {
        visitor: usize,
    },
    /// A file reaches the server.
    Upload {
        parcel: Box<Parcel>,
        bearer: String,
        dialog: Option<u64>,
    },
    /// A file goes up once more.
    UploadAgain(Box<Parcel>),
    /// A page hears that its file has come.
    Uploaded {
        parcel: Box<Parcel>,
        put: Put,
    },
    /// A page that was hidden is seen again, or leads.
    Show {
        page: usize,
    },
    Thaw {
        page: usize,
    },
    Wake {
        machine: usize,
    },
    OutageEnds {
        machine: usize,
    },
    StorageFrees {
        machine: usize,
    },
    Heal {
        conn: u32,
    },
    /// People send again what was given up.
    LookAgain,
    DiskFrees,
    DrainEnds {
        run: u32,
    },
    ServerStarts,
}

/// Most of what happens happens before this.
const FIRST_MS: Millis = 600_000;

impl Sim {
    /// Puts people and faults on the agenda.
    pub(crate) fn populate(&mut self) {
        let duration = self.plan.duration_ms;
        for visitor in 0..self.plan.visitors {
            let mut machine = Machine::new(Some(visitor));
            if self.random.chance(self.plan.sockets_blocked) {
                let ways = [Sockets::Refused, Sockets::Swallowed, Sockets::Mute, Sockets::Killed];
                machine.sockets = self.random.pick(&ways);
                if self.random.chance(500) {
                    let at = self.random.below(duration);
                    self.agenda.plan(at, Happening::Act(Action::SocketsPass { machine: visitor }));
                }
                // A network that blocks one thing blocks others.
                if self.random.chance(self.plan.streams_blocked) {
                    machine.streams = self.random.pick(&[Streams::Buffered, Streams::Buffered, Streams::Refused]);
                }
                if self.random.chance(self.plan.polls_cut) {
                    machine.polls_cut_ms = Some(self.random.pick(&[200, 2_000, 10_000, 20_000]));
                }
            }
            if self.random.chance(self.plan.storage_absent) {
                machine.storage.room = Room::Absent;
            }
            self.machines.push(machine);
            let at = self.random.below(duration.min(FIRST_MS) / 4);
            self.agenda.plan(at, Happening::Act(Action::OpenVisitor { machine: visitor, visitor, tab: 0 }));
            if self.random.chance(self.plan.second_tabs) {
                let at = self.random.below(duration);
                self.agenda.plan(at, Happening::Act(Action::OpenVisitor { machine: visitor, visitor, tab: 1 }));
            }
            if self.random.chance(self.plan.operators) {
                let at = self.random.below(duration);
                self.agenda.plan(at, Happening::Act(Action::OpenOperator { visitor }));
            }
        }
        for _ in 0..self.plan.sends {
            let at = self.some_moment();
            self.agenda.plan(at, Happening::Act(Action::Talk));
        }
        for _ in 0..self.plan.blows {
            let at = self.some_moment();
            let blow = self.random.pick(self.plan.theme);
            self.agenda.plan(at, Happening::Act(Action::Blow(blow)));
        }
        // Some schedules have a backup to go back to.
        if self.random.chance(200) {
            let at = self.some_moment();
            self.agenda.plan(at, Happening::Act(Action::Blow(Fault::BackupRestored)));
        }
    }

    /// Returns a moment of the schedule: mostly one of its first minutes, so that things meet.
    fn some_moment(&mut self) -> Millis {
        let duration = self.plan.duration_ms;
        let bound = if self.random.chance(700) { duration.min(FIRST_MS) } else { duration };
        self.random.below(bound)
    }

    pub(crate) fn act(&mut self, action: Action) {
        match action {
            // Whoever comes now comes to a world without faults: nothing to see.
            Action::OpenVisitor { .. }
            | Action::OpenOperator { .. }
            | Action::Account { .. }
            | Action::SecondDevice { .. }
            | Action::Blow(_)
                if self.weather == Weather::Fine => {}
            Action::OpenVisitor { machine, visitor, tab } => {
                if tab > 0 {
                    self.bite(Fault::SecondTab);
                }
                if self.machines[machine].is_awake() {
                    self.open_visitor(machine, visitor, tab);
                } else {
                    self.plan_in(1_000, Happening::Act(Action::OpenVisitor { machine, visitor, tab }));
                }
            }
            Action::OpenOperator { visitor } => match self.ledger.dialog_of(visitor) {
                Some(dialog) => {
                    self.machines.push(Machine::new(None));
                    self.open_page(self.machines.len() - 1, Owner::Operator { dialog }, 0);
                }
                None => self.plan_in(2_000, Happening::Act(Action::OpenOperator { visitor })),
            },
            Action::Talk => {
                let ready = |sim: &Self, page: &usize| {
                    let state = &sim.pages[*page];
                    state.life == PageLife::Open && sim.machines[state.machine].is_awake()
                };
                let pages: Vec<usize> = self.open_pages().into_iter().filter(|page| ready(self, page)).collect();
                if pages.is_empty() {
                    return;
                }
                let page = self.random.pick(&pages);
                let pause_ms = self.random.pick(&[0, 20, 150, 700]);
                for index in 0..self.random.between(1, self.plan.burst) {
                    if pause_ms == 0 {
                        self.say(page);
                    } else {
                        self.plan_in(index * pause_ms, Happening::Act(Action::Say { page }));
                    }
                }
            }
            Action::Say { page } => {
                if self.pages[page].life == PageLife::Open && self.machines[self.pages[page].machine].is_awake() {
                    self.say(page);
                }
            }
            Action::SocketsPass { machine } => {
                self.machines[machine].sockets = Sockets::Pass;
                self.machines[machine].streams = Streams::Pass;
            }
            Action::Kill { conn } => {
                if self.weather == Weather::Bad {
                    self.bite(Fault::SocketKilled);
                    self.cut(conn, super::network::Told::Yes, super::network::Told::Yes);
                }
            }
            Action::PollCut { call } => self.cut_poll(call),
            Action::DoorOpens { door } => self.door_opens(door),
            Action::Blow(fault) => {
                // What goes wrong matters most to what is on its way.
                if self.random.chance(400) {
                    let before = self.random.below(3_000);
                    self.plan_in(before, Happening::Act(Action::Talk));
                }
                self.blow(fault);
            }
            Action::Retire { run, conns } => {
                for conn in conns {
                    if run == self.server.run && self.weather == Weather::Bad {
                        self.send_down(conn, super::Down::Reset);
                        self.server_loses(conn);
                    }
                }
            }
            Action::Credential { page } => {
                if let Owner::Operator { .. } = self.pages[page].owner {
                    let token = format!("op-{}", self.server.token_generation);
                    self.tell_page(page, Input::Credential(Secret::new(token)));
                } else if self.pages[page].life == PageLife::Open {
                    self.answer_who(page);
                }
            }
            Action::Account { visitor } => self.change_account(visitor),
            Action::SecondDevice { visitor } => self.second_device(visitor),
            Action::Upload { parcel, bearer, dialog } => self.upload_arrives(parcel, &bearer, dialog),
            Action::UploadAgain(parcel) => self.upload_again(parcel),
            Action::Uploaded { parcel, put } => self.uploaded(parcel, put),
            Action::Thaw { page } => self.thaw(page),
            Action::Show { page } => {
                let leads = self.random.chance(500);
                let input = if leads { Input::Tab(Tab::Leads) } else { Input::Page(PageEvent::Visible) };
                self.tell_page(page, input);
            }
            Action::Wake { machine } => self.wake(machine),
            Action::OutageEnds { machine } => self.outage_ends(machine),
            Action::StorageFrees { machine } => {
                if self.machines[machine].storage.room == Room::Full {
                    self.machines[machine].storage.room = Room::Some;
                }
            }
            Action::Heal { conn } => {
                if self.weather == Weather::Bad {
                    self.heal(conn);
                }
            }
            Action::LookAgain => {
                for page in self.open_pages() {
                    self.retry_given_up(page);
                }
            }
            Action::DiskFrees => self.server.set_disk(Disk::Free),
            Action::DrainEnds { run } => {
                if self.server.run == run && self.server.life == Life::Draining {
                    self.crash();
                }
            }
            Action::ServerStarts => self.server_starts(),
        }
    }

    pub(crate) fn open_visitor(&mut self, machine: usize, visitor: usize, tab: u64) {
        let site = visitor as u64 % self.plan.sites + 1;
        self.open_page(machine, Owner::Visitor { visitor, site }, tab);
    }

    pub(crate) fn tell_machine(&mut self, machine: usize, event: PageEvent) {
        for page in self.open_pages() {
            if self.pages[page].machine == machine {
                self.tell_page(page, Input::Page(event));
            }
        }
    }

    fn outage_ends(&mut self, machine: usize) {
        if self.machines[machine].network == Network::Up {
            return;
        }
        self.machines[machine].network = Network::Up;
        self.heal_machine(machine);
        self.tell_machine(machine, PageEvent::Online);
    }

    fn heal_machine(&mut self, machine: usize) {
        let conns: Vec<u32> = self
            .conns
            .iter()
            .filter(|(_, conn)| self.pages[conn.page].machine == machine)
            .map(|(number, _)| *number)
            .collect();
        for conn in conns {
            self.heal(conn);
        }
    }

    fn wake(&mut self, machine: usize) {
        if self.machines[machine].is_awake() {
            return;
        }
        trace!(self, "machine {machine} wakes");
        self.machines[machine].wake(self.now);
        let pages: Vec<usize> =
            self.open_pages().into_iter().filter(|&page| self.pages[page].machine == machine).collect();
        // The browser tells of it, or only a late timer does.
        if self.random.chance(500) {
            self.tell_machine(machine, PageEvent::Visible);
        }
        for page in pages {
            self.reset_timer(page);
        }
        for happening in std::mem::take(&mut self.machines[machine].deferred) {
            self.plan_in(0, happening);
        }
        self.heal_machine(machine);
    }

    /// The faults stop: whatever is still broken is put right, and people look at their pages.
    pub(crate) fn calm(&mut self) {
        trace!(self, "the faults stop");
        // A narrow pipe is slow, not broken.
        self.plan.window = 32;
        self.server.doom = None;
        self.server.set_disk(Disk::Free);
        self.server.stall(0);
        for door in 0..DOORS {
            self.door_opens(door);
        }
        match self.server.life {
            Life::Up => {}
            Life::Draining => self.crash(),
            Life::Down => self.server_starts(),
        }
        for machine in 0..self.machines.len() {
            if self.machines[machine].sockets == Sockets::Killed {
                self.machines[machine].sockets = Sockets::Refused;
            }
            self.wake(machine);
            self.outage_ends(machine);
        }
        for conn in self.conns.keys().copied().collect::<Vec<_>>() {
            if let Some(state) = self.conns.get_mut(&conn) {
                state.pace = Pace::Normal;
            }
            self.heal(conn);
        }
        for page in self.open_pages() {
            self.thaw(page);
            self.input(page, Input::Start);
            self.input(page, Input::Panel(Panel::Open));
            self.input(page, Input::Page(PageEvent::Visible));
            self.reset_timer(page);
        }
        for after_ms in [0, 5_000, 15_000, 30_000] {
            self.plan_in(after_ms, Happening::Act(Action::LookAgain));
        }
        for machine in 0..self.machines.len() {
            let Machine { visitor, storage, .. } = &self.machines[machine];
            let unsent = storage.room != Room::Absent && storage.values.keys().any(|name| name.starts_with("o:"));
            if let (Some(visitor), true) = (*visitor, unsent) {
                // A page that comes up now takes what earlier ones have left behind.
                self.open_visitor(machine, visitor, 2);
            }
        }
    }

    /// A person asks for what was given up to be sent again.
    fn retry_given_up(&mut self, page: usize) {
        let Some(client) = &self.pages[page].client else { return };
        let given_up: Vec<String> = client
            .view()
            .items
            .into_iter()
            .filter(|item| item.delivery == Delivery::Expired)
            .map(|item| item.key)
            .collect();
        for id in given_up {
            self.ledger.retried(&id);
            self.input(page, Input::Retry { id });
        }
    }
}
