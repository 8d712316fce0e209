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
    row(
        &[ClientKeepsOutbox],
        &[
            SIMULATED,
            (ClientJourneys, "identity::who_logs_out_leaves_nothing"),
            (ClientJourneys, "identity::another_person_starts_afresh"),
        ],
    ),
    row(
        &[ClientOneDrawer],
        &[SIMULATED, (Client, "identity::"), (ClientJourneys, "identity::two_pages_of_two_people_never_send")],
    ),
    row(&[ClientNoClaim], &[(ClientJourneys, "identity::the_dialog_and_what_was_not_sent")]),
    row(&[ClientNoForget], &[SIMULATED, (ClientJourneys, "identity::the_dialog_and_what_was_not_sent")]),
    row(&[ClientNoDoubt], &[SIMULATED, (ClientJourneys, "identity::who_may_be_somebody_else_by_now_sends_nothing")]),
    row(&[ClientNoEnclosure], &[SIMULATED, (Client, "enclosure::")]),
    row(
        &[NoFileCheck],
        &[
            SIMULATED,
            (ServerCore, "append::tests::a_message_with_a_file"),
            (Store, "store::sqlite::tests::a_file_goes_with_one_message"),
        ],
    ),
    row(
        &[PersonNeverExpires],
        &[
            (Store, "credentials::person_token::tests::a_token_whose_time_is_over"),
            (Sockets, "identity::a_bad_token_is_refused"),
        ],
    ),
    row(&[PersonOfAllSites], &[(Store, "credentials::person_token::tests::a_person_is_another_one")]),
    row(
        &[AnySignature],
        &[
            (Store, "credentials::person_token::tests::a_corpus_of_bad_tokens"),
            (Store, "credentials::operator_token::"),
            (Sockets, "identity::a_bad_token_is_refused"),
        ],
    ),
    row(&[DroppedSecret], &[(Sockets, "identity::an_open_socket_is_renewed")]),
    row(&[ClaimAnyway], &[(Sockets, "identity::who_has_a_dialog_already")]),
    row(&[KeyStaysOpen], &[(Sockets, "identity::who_says_who_they_are_takes_the_dialog")]),
    row(&[AnyFile], &[(Sockets, "files::nobody_else_gets_a_file")]),
    row(
        &[UnsentFiles],
        &[(Sockets, "files::an_image_goes_up"), (Store, "store::sqlite::tests::a_file_goes_with_one_message")],
    ),
    row(
        &[FileOfEitherSide],
        &[(Sockets, "files::an_id_is_one_file"), (Store, "store::sqlite::tests::a_file_goes_with_one_message")],
    ),
    row(&[TypeByName], &[(Sockets, "files::the_type_is_what_the_bytes_are")]),
    row(&[AllInline], &[(Sockets, "files::a_file_of_any_other_kind")]),
    row(&[NoNosniff], &[(Sockets, "files::an_image_goes_up")]),
    row(&[FileNotFlushed], &[(Store, "files::upload::")]),
    row(&[RowBeforeBytes], &[(Sockets, "files::a_file_whose_bytes_are_lost")]),
    row(&[SweepTakesSent], &[(Store, "files::sweep::"), (Store, "store::sqlite::tests::uploads_that_nobody_sends")]),
    row(&[HugeFiles], &[(Sockets, "files::sites_say_what"), (Sockets, "files::an_upload_that_does_not_say")]),
    row(&[EndlessFiles], &[(Store, "store::sqlite::tests::uploads_are_the_same")]),
    row(&[DrainAtOnce], &[(Store, "connection::links::"), (Sockets, "drain::every_client_is_told")]),
];
