//! Bugs that a test build can plant, to show that the tests catch them.
//!
//! Every mechanism that a promise rests on asks [`planted`] whether it must fail. Without the feature `planted` the
//! answer is a constant, and nothing of this is left in the program; with it, and without debug assertions, this crate
//! does not compile: no release can carry a bug. In a test build a thread plants them for itself
//! (`plant`), or the variable `REJOIN_MUTANT` does so for the whole process.

#[cfg(all(feature = "planted", not(debug_assertions)))]
compile_error!("planted bugs are for test builds only: a build without debug assertions must not have them");

/// Where a bug is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// What a client decides.
    ClientCore,
    /// What a server decides.
    ServerCore,
    /// The server's process.
    Server,
}

/// Declares each bug once: its name, its place, and in its comment what goes wrong.
macro_rules! mutants {
    ($($place:ident { $(#[doc = $what:literal] $name:literal => $mutant:ident,)* })*) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutant {
            $($(#[doc = $what] $mutant,)*)*
        }

        impl Mutant {
            /// All of them.
            pub const ALL: &[Self] = &[$($(Self::$mutant,)*)*];

            /// Returns the name that commands know it by.
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$mutant => $name,)*)* }
            }

            /// Returns what goes wrong, as one sentence.
            pub const fn what(self) -> &'static str {
                match self { $($(Self::$mutant => $what.trim_ascii(),)*)* }
            }

            /// Returns where it is planted.
            pub const fn place(self) -> Place {
                match self { $($(Self::$mutant => Place::$place,)*)* }
            }
        }
    };
}

mutants! {
    ClientCore {
        /// An event at or before the cursor is applied again.
        "client-no-cursor" => ClientNoCursor,
        /// An event beyond the next one is applied at once.
        "client-no-gap-check" => ClientNoGapCheck,
        /// A message that is sent again gets another id.
        "client-fresh-ids" => ClientFreshIds,
        /// A message leaves the outbox when it is sent.
        "client-sent-is-stored" => ClientSentIsStored,
        /// What an earlier page left behind is not taken up.
        "client-no-restore" => ClientNoRestore,
        /// Silence of a link means nothing.
        "client-no-pulse" => ClientNoPulse,
        /// A gap in the log is not asked for.
        "client-no-sync" => ClientNoSync,
        /// The numbers of the messages stay what they were on the last link.
        "client-no-renumber" => ClientNoRenumber,
        /// Another log goes on where the last one ended.
        "client-no-reset" => ClientNoReset,
        /// All links of a page are one sender of ordered messages.
        "client-one-sender" => ClientOneSender,
        /// A socket is opened without asking first whether the server is there.
        "client-no-gate" => ClientNoGate,
        /// Every client waits for exactly as long as every other.
        "client-no-jitter" => ClientNoJitter,
        /// A message of another dialog is shown.
        "client-any-dialog" => ClientAnyDialog,
        /// A message counts as applied, and is not kept.
        "client-drops-message" => ClientDropsMessage,
        /// The outbox takes any number of messages.
        "client-endless-outbox" => ClientEndlessOutbox,
        /// Nothing is tried beside a transport that does not become ready.
        "client-no-fallback" => ClientNoFallback,
        /// A link is left before the next one is ready.
        "client-break-before-make" => ClientBreakBeforeMake,
        /// A server that fails is never left for the next one.
        "client-no-failover" => ClientNoFailover,
        /// A transport whose links die young is tried again and again.
        "client-no-blame" => ClientNoBlame,
        /// A held poll that was cut is held again.
        "client-no-short-polls" => ClientNoShortPolls,
        /// Who logs out leaves to the next one what was not sent.
        "client-keeps-outbox" => ClientKeepsOutbox,
        /// What is kept of one person is kept where everybody's is.
        "client-one-drawer" => ClientOneDrawer,
        /// The key from before is not shown along with the token.
        "client-no-claim" => ClientNoClaim,
        /// What was said of nobody stays in storage when it has become somebody's.
        "client-no-forget" => ClientNoForget,
        /// What waits is sent although it may be somebody else by now.
        "client-no-doubt" => ClientNoDoubt,
        /// A message is sent without the name of its file.
        "client-no-enclosure" => ClientNoEnclosure,
    }
    ServerCore {
        /// The id of a message is not looked up.
        "no-ids" => NoIds,
        /// The `n` of a message is not looked at.
        "no-order" => NoOrder,
        /// A published event is delivered although one before it is missing.
        "no-gap-check" => NoGapCheck,
        /// The cursor of a `hello` is not looked at.
        "no-cursor" => NoCursor,
        /// A cursor of another epoch is taken for one of this log.
        "no-epoch" => NoEpoch,
        /// A resume begins one event too late.
        "off-by-one" => OffByOne,
        /// Every client's first message brings the welcome.
        "many-welcomes" => ManyWelcomes,
        /// What a full queue threw away is not read again.
        "no-catch-up" => NoCatchUp,
        /// The site of a dialog is not compared.
        "any-site" => AnySite,
        /// The visitor's key is not compared.
        "any-key" => AnyKey,
        /// An origin counts as listed when it ends like one that is.
        "suffix-origins" => SuffixOrigins,
        /// A client may send as fast as it likes.
        "no-rate-limit" => NoRateLimit,
        /// The server sends no heartbeat of its own.
        "no-heartbeat" => NoHeartbeat,
        /// A socket may wait with its `hello` for ever.
        "no-hello-timeout" => NoHelloTimeout,
        /// A page is noted to have what was not sent to it yet.
        "marks-beyond" => MarksBeyond,
        /// A message is stored although the file that it names is not there.
        "no-file-check" => NoFileCheck,
    }
    Server {
        /// A message is answered before its transaction is committed.
        "answer-before-commit" => AnswerBeforeCommit,
        /// A message is shown to the others before its transaction is committed.
        "broadcast-before-commit" => BroadcastBeforeCommit,
        /// A commit does not wait for the disk.
        "synchronous-normal" => SynchronousNormal,
        /// A restored backup keeps the epoch.
        "epoch-kept" => EpochKept,
        /// What waits for one client has no bound.
        "endless-queue" => EndlessQueue,
        /// The whole address of a request is logged, its token too.
        "token-in-log" => TokenInLog,
        /// An open socket outlives its token.
        "token-never-expires" => TokenNeverExpires,
        /// An inbox hears of every site.
        "inbox-of-all-sites" => InboxOfAllSites,
        /// A connection may take all day to send its header.
        "slow-headers" => SlowHeaders,
        /// A frame of any size is taken.
        "huge-frames" => HugeFrames,
        /// The page around an iframe is not judged.
        "any-parent" => AnyParent,
        /// JSON of any depth is read.
        "deep-json" => DeepJson,
        /// There is no bound on connections.
        "endless-connections" => EndlessConnections,
        /// On draining, all clients leave at the same moment.
        "drain-at-once" => DrainAtOnce,
        /// A person's token is good for ever.
        "person-never-expires" => PersonNeverExpires,
        /// Who is somebody at one site is the same one at every other.
        "person-of-all-sites" => PersonOfAllSites,
        /// A token is good whoever has signed it.
        "any-signature" => AnySignature,
        /// An open link goes by the secrets that the site had when it came.
        "dropped-secret" => DroppedSecret,
        /// A claim gives a person the dialog from before although they have one.
        "claim-anyway" => ClaimAnyway,
        /// Who came in by the former key stays when the dialog has become somebody's.
        "key-stays-open" => KeyStaysOpen,
        /// A file is served by its id, whichever dialog it is of.
        "any-file" => AnyFile,
        /// A file is served before a message has brought it.
        "unsent-files" => UnsentFiles,
        /// A side may send, or upload again, what the other side has uploaded.
        "file-of-either-side" => FileOfEitherSide,
        /// A file is what its name says.
        "type-by-name" => TypeByName,
        /// Every file is shown where it stands.
        "all-inline" => AllInline,
        /// A browser may guess what a file is.
        "no-nosniff" => NoNosniff,
        /// A file counts as taken before its bytes are on the disk.
        "file-not-flushed" => FileNotFlushed,
        /// The row of a file is there before its bytes are.
        "row-before-bytes" => RowBeforeBytes,
        /// The sweep takes away what a message has brought.
        "sweep-takes-sent" => SweepTakesSent,
        /// A file may have any size.
        "huge-files" => HugeFiles,
        /// A visitor may leave any number of files.
        "endless-files" => EndlessFiles,
    }
}

/// Says that no bug is planted.
#[cfg(not(feature = "planted"))]
pub const fn planted(_mutant: Mutant) -> bool {
    false
}

#[cfg(feature = "planted")]
pub use switch::{plant, planted};

#[cfg(feature = "planted")]
mod switch {
    use std::cell::Cell;
    use std::sync::OnceLock;

    use super::Mutant;

    /// Names mutants for the whole process, separated by commas.
    const VARIABLE: &str = "REJOIN_MUTANT";

    thread_local! {
        static HERE: Cell<&'static [Mutant]> = const { Cell::new(&[]) };
    }

    /// Plants these for this thread, and no others but those that `REJOIN_MUTANT` names.
    pub fn plant(mutants: &'static [Mutant]) {
        HERE.set(mutants);
    }

    /// Says whether a bug is planted here.
    pub fn planted(mutant: Mutant) -> bool {
        HERE.get().contains(&mutant) || everywhere().contains(&mutant)
    }

    fn everywhere() -> &'static [Mutant] {
        static EVERYWHERE: OnceLock<Vec<Mutant>> = OnceLock::new();
        EVERYWHERE.get_or_init(|| {
            let names = std::env::var(VARIABLE).unwrap_or_default();
            let named = |name: &str| {
                let known = Mutant::ALL.iter().find(|mutant| mutant.name() == name);
                *known.unwrap_or_else(|| panic!("{VARIABLE} names {name}, and there is no such mutant"))
            };
            names.split(',').filter(|name| !name.is_empty()).map(named).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_has_a_name_of_its_own_and_says_what_goes_wrong() {
        for (place, mutant) in Mutant::ALL.iter().enumerate() {
            let alike = Mutant::ALL.iter().position(|other| other.name() == mutant.name());
            assert_eq!(alike, Some(place), "{}", mutant.name());
            assert!(mutant.what().ends_with('.'), "{}", mutant.name());
        }
    }

    #[test]
    fn nothing_is_planted_unless_somebody_asks_for_it() {
        assert!(Mutant::ALL.iter().all(|mutant| !planted(*mutant)));
    }
}
