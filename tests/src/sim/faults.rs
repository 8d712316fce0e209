//! Every kind of fault, and how often each has bitten.

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[$doc])* $variant,)*
        }

        impl Fault {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns its name in reports.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

faults! {
    /// A connection was reset; both ends are told.
    Cut => "connection cut",
    /// A connection was lost, and only the server was told.
    HalfOpenClient => "half-open: only the server noticed",
    /// A connection was lost, and only the page was told.
    HalfOpenServer => "half-open: only the page noticed",
    /// Frames of the page do not arrive for a while.
    HoleUp => "black hole on the way up",
    /// Frames of the server do not arrive for a while.
    HoleDown => "black hole on the way down",
    /// A packet was sent again: everything behind it waits.
    Jam => "connection jammed",
    /// Nothing of one machine arrives for a while.
    Outage => "machine without network",
    /// The browser says so.
    OfflineEvent => "browser says offline",
    /// A request never arrived.
    RequestLost => "request lost",
    /// An answer never arrived.
    AnswerLost => "answer lost",
    /// A request arrived twice.
    RequestRepeated => "request repeated",
    /// A request arrived again, long after.
    RequestStale => "request repeated much later",
    /// A proxy lets no WebSocket through.
    SocketBlocked => "WebSocket blocked",
    /// A proxy kept the events of a stream back.
    StreamBuffered => "stream kept back by a proxy",
    /// A proxy refused streams.
    StreamBlocked => "stream refused by a proxy",
    /// A proxy cut a poll that was held.
    PollCut => "held poll cut by a proxy",
    /// A WebSocket was opened, worked, and was killed by a proxy.
    SocketKilled => "WebSocket killed by a proxy",
    /// The first server could not be reached, while the second could.
    PrimaryDown => "first server away",
    /// None of the servers could be reached.
    AllDown => "all servers away",
    /// A dialog was younger than the log that came back.
    DialogLost => "dialog younger than the backup",
    /// The server died before a commit.
    CrashBeforeCommit => "server crash before the commit",
    /// The server died after a commit and before its answers.
    CrashAfterCommit => "server crash after the commit, before the answer",
    /// The server died at another moment.
    Crash => "server crash",
    /// The server was asked to end, and ended in good order.
    Drain => "server drained",
    /// A new process took over: the old one's connections were asked to come to it.
    Handover => "server replaced by the next one",
    /// The server's process stood still.
    ServerStall => "server stopped for a while",
    /// An older log came back.
    BackupRestored => "backup restored",
    /// Nothing could be written.
    DiskFull => "server's disk full",
    /// Tokens expired.
    TokenExpired => "operator's token expired",
    /// A page is not seen for a while, and another one leads.
    Hidden => "hidden page that may rest",
    /// A page was loaded anew.
    Reload => "page reloaded",
    /// A page died without a word.
    PageCrash => "page crashed",
    /// Storage had lost the last writes of a crashed page.
    WritesLost => "storage lost the last writes",
    /// A page was closed, to be opened later.
    PageClosed => "page closed",
    /// A second tab was opened.
    SecondTab => "second tab",
    /// A machine slept.
    Sleep => "machine asleep",
    /// A page was frozen by the browser.
    Frozen => "page frozen",
    /// A timer came late.
    TimerLate => "timer late",
    /// A timer came many times at once.
    TimerBurst => "timer in a burst",
    /// The wall clock jumped.
    ClockJump => "wall clock jumped",
    /// Storage took nothing any more.
    StorageFull => "storage full",
    /// There was no storage.
    StorageAbsent => "storage absent",
    /// The hub lost a hint.
    HintLost => "hub lost a hint",
    /// The hub repeated a hint.
    HintRepeated => "hub repeated a hint",
    /// The hub brought a hint late, after others.
    HintLate => "hub brought a hint late",
    /// A page read slowly.
    SlowReader => "slow reader",
    /// A queue of the server was thrown away.
    Congestion => "queue thrown away",
    /// The outbox took no more.
    OutboxFull => "outbox full",
    /// Somebody said who they are.
    LogIn => "log-in",
    /// Somebody logged out.
    LogOut => "log-out",
    /// Another person took over without a log-out in between.
    OtherPerson => "another person, without a log-out",
    /// A page had to ask who it is by now.
    AskedAgain => "page asked again who it is",
    /// A person came on a second device.
    SecondDevice => "second device of a person",
    /// A dialog of nobody became somebody's.
    Claimed => "dialog that became somebody's",
    /// The key of a page went with another page's person.
    Disowned => "page whose key was taken along",
    /// A page missed the log-out of another one, and heard of it later.
    LateLogOut => "log-out heard late",
    /// A message came with a file.
    FileSent => "message with a file",
    /// A message named a file that is not there.
    FileMissing => "message without its file refused",
    /// A file that the server did not have went up once more.
    FileRepeated => "lost file brought once more",
    /// A message arrived in the dialog that was left at log-in, and in the person's.
    Echo => "message in the dialog before the log-in, too",
}

/// How often each kind of fault has bitten.
#[derive(Clone, Debug)]
pub struct Counts(Vec<u64>);

impl Default for Counts {
    fn default() -> Self {
        Self(vec![0; Fault::ALL.len()])
    }
}

impl Counts {
    pub(crate) fn bite(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// Returns how often this kind has bitten.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// Adds those of another schedule.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }
}
