//! Which tests are to catch which planted bug.

use mutants::Mutant::{self, *};

use super::Suite::{self, *};

/// Bugs that are planted together, and the tests that must catch them.
///
/// Where client and server both hold a promise, one of them is enough: only both bugs together can be seen.
pub(super) struct Row {
    pub(super) mutants: &'static [Mutant],
    /// Suites and the beginning of the names of tests; each of them must catch the bug.
    pub(super) tests: &'static [(Suite, &'static str)],
}

const fn row(mutants: &'static [Mutant], tests: &'static [(Suite, &'static str)]) -> Row {
    Row { mutants, tests }
}

/// Every schedule that the simulator makes.
const SIMULATED: (Suite, &str) = (Simulator, "");

pub(super) const PLAN: &[Row] = &[
    row(&[ClientNoCursor], &[SIMULATED, (Client, "timeline::")]),
    row(&[ClientNoGapCheck], &[(Client, "timeline::"), (Properties, "order::events_in_any_order")]),
    row(&[ClientFreshIds], &[SIMULATED]),
    row(&[ClientSentIsStored], &[SIMULATED]),
    row(&[ClientNoRestore], &[SIMULATED, (ClientJourneys, "journeys::a_reload_brings_back")]),
    row(&[ClientNoPulse], &[SIMULATED, (ClientJourneys, "journeys::a_half_open_link_is_noticed")]),
    row(&[ClientNoSync], &[(ClientJourneys, "journeys::a_gap_is_asked_for")]),
    row(&[ClientNoRenumber], &[SIMULATED]),
    row(&[ClientNoReset], &[SIMULATED, (Client, "timeline::")]),
    row(&[ClientOneSender], &[SIMULATED, (ClientJourneys, "review::what_is_still_in_the_old_links_pipe")]),
    row(&[ClientNoGate], &[(ClientJourneys, "journeys::")]),
    row(&[ClientNoJitter], &[(Client, "backoff::")]),
    row(
        &[ClientAnyDialog],
        &[(ClientJourneys, "review::a_message_of_another_dialog"), (Properties, "order::a_client_keeps")],
    ),
    row(&[ClientDropsMessage], &[SIMULATED, (Client, "timeline::"), (ClientJourneys, "quality::a_client_that_drops")]),
    row(&[ClientEndlessOutbox], &[(Client, "outbox::")]),
    row(&[ClientNoFallback], &[SIMULATED, (ClientJourneys, "ladder::behind_a_proxy")]),
    row(&[ClientBreakBeforeMake], &[(ClientJourneys, "ladder::a_link_made_of_polls")]),
    row(&[ClientNoFailover], &[SIMULATED, (ClientJourneys, "servers::a_server_that_is_away")]),
    row(&[ClientNoBlame], &[(ClientJourneys, "ladder::a_websocket_that_opens_and_dies")]),
    row(&[ClientNoShortPolls], &[(ClientJourneys, "ladder::a_held_poll_that_is_cut")]),
    row(&[NoIds], &[SIMULATED, (ServerCore, "append::")]),
    row(&[NoOrder], &[SIMULATED, (Properties, "append::messages_that_overtake")]),
    row(&[NoGapCheck, ClientNoGapCheck], &[SIMULATED]),
    row(&[NoGapCheck, ClientNoSync], &[SIMULATED]),
    row(&[NoGapCheck], &[(ServerCore, "session::tests::a_gap_is_filled"), (Properties, "order::a_session_keeps")]),
    row(&[NoCatchUp, ClientNoSync], &[SIMULATED]),
    row(&[NoCatchUp], &[(Properties, "order::a_session_keeps"), (ServerCore, "session::tests::after_congestion")]),
    row(&[NoCursor], &[SIMULATED, (Sockets, "resume::")]),
    row(&[NoEpoch], &[SIMULATED, (Sockets, "resume::")]),
    row(&[OffByOne], &[SIMULATED, (Properties, "order::a_session_keeps"), (Sockets, "resume::")]),
    row(&[ManyWelcomes], &[SIMULATED]),
    row(&[AnySite], &[(ServerCore, "access::"), (Sockets, "access::everybody_enters")]),
    row(&[AnyKey], &[(ServerCore, "access::"), (Sockets, "access::everybody_enters")]),
    row(&[SuffixOrigins], &[(Properties, "origins::"), (ServerCore, "origin::"), (Sockets, "origins::")]),
    row(&[NoRateLimit], &[(ServerCore, "rate::"), (Sockets, "limits::")]),
    row(&[NoHeartbeat], &[(ServerCore, "session::tests::the_heartbeat_tells"), (Sockets, "heartbeat::")]),
    row(&[NoHelloTimeout], &[(Sockets, "credentials::a_socket_without_a_key")]),
    row(&[MarksBeyond], &[(Properties, "order::a_session_keeps"), (ServerCore, "session::tests::marks_only_grow")]),
    row(&[AnswerBeforeCommit], &[SIMULATED, (Store, "store::sqlite::tests::")]),
    row(&[BroadcastBeforeCommit], &[(Store, "store::sqlite::tests::")]),
    row(&[SynchronousNormal], &[(Store, "store::sqlite::tests::")]),
    row(&[EpochKept], &[SIMULATED, (Program, "a_backup_of_a_running_server"), (Store, "store::sqlite::tests::")]),
    row(&[EndlessQueue], &[(Store, "connection::outgoing::")]),
    row(&[TokenInLog], &[(Store, "canary_tests::")]),
    row(&[TokenNeverExpires], &[(Sockets, "credentials::a_token_that_expires")]),
    row(&[InboxOfAllSites], &[(Sockets, "inbox::")]),
    row(&[SlowHeaders], &[(Sockets, "bad_frames::a_connection_that_sends_no_http")]),
    row(&[HugeFrames], &[(Sockets, "bad_frames::a_frame_beyond_the_limit")]),
    row(&[AnyParent], &[(Sockets, "origins::")]),
    row(&[DeepJson], &[(Properties, "texts::deep_nesting"), (Store, "connection::decode::")]),
    row(&[EndlessConnections], &[(Store, "connection::links::"), (Sockets, "limits::")]),
    row(&[DrainAtOnce], &[(Store, "connection::links::"), (Sockets, "drain::every_client_is_told")]),
];
