//! Sessions against a log in memory.

mod bench;

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::{Hello, Secret, SendMessage, Subscription, Sync, Typing, TypingBy, Watermark};

use super::*;
use crate::{Ephemeral, Event, Refusal};
use bench::{Bench, DIALOG, admitted, event, events, hello, message, ping, scoped};

#[test]
fn a_bare_socket_is_ready_at_once_and_live_from_the_head() {
    let mut bench = Bench::bare(3);
    assert_eq!(bench.drain(), ["ready delta head 3 next 4 n 0", "synced 3"]);
    assert_eq!(bench.append(), ["event 4"]);
    assert_eq!(bench.frame(message("a")), ["stored a 5"]);
    // The hub brings the own message too.
    assert_eq!(bench.input(Input::Published(event(5))), ["event 5"]);
}

#[test]
fn a_bare_socket_with_a_cursor_gets_what_follows_it() {
    let mut bench = Bench::new(admitted(Hello { after: Some(1), ..Hello::default() }, &[]), 3);
    assert_eq!(bench.drain(), ["ready delta head 3 next 2 n 0", "event 2", "event 3", "synced 3"]);
}

#[test]
fn frames_before_ready_wait_for_it() {
    let mut bench = Bench::bare(3);
    bench.hold = true;
    assert!(bench.drain().is_empty());
    assert_eq!(bench.frame(ping()), ["pong Int(7)"]);
    assert!(bench.frame(message("a")).is_empty());
    assert_eq!(bench.release(), ["ready delta head 3 next 4 n 0", "synced 3", "stored a 4"]);
}

#[test]
fn the_cursor_decides_between_delta_snapshot_and_reset() {
    // after, epoch, head → ready and first event
    let rows = [
        (Some(0), None, 0, "ready delta head 0 next 1 n 3", None),
        (Some(0), None, 200, "ready delta head 200 next 1 n 3", Some(1)),
        (Some(0), None, 201, "ready snapshot head 201 next 152 n 3", Some(152)),
        (Some(5), Some(1), 9, "ready delta head 9 next 6 n 3", Some(6)),
        (Some(9), Some(1), 9, "ready delta head 9 next 10 n 3", None),
        (Some(10), Some(1), 9, "ready reset head 9 next 1 n 3", Some(1)),
        (Some(5), Some(2), 9, "ready reset head 9 next 1 n 3", Some(1)),
        (Some(5), Some(2), 90, "ready reset head 90 next 41 n 3", Some(41)),
        (Some(u64::MAX), None, 9, "ready reset head 9 next 1 n 3", Some(1)),
        (None, None, 9, "ready delta head 9 next 10 n 3", None),
    ];
    for (after, epoch, head, ready, first) in rows {
        let mut bench = Bench::new(Entrance::Hello, head);
        let mut expected = vec![ready.to_owned()];
        if let Some(first) = first {
            expected.extend(events(first..=head));
        }
        expected.push(format!("synced {head}"));
        assert_eq!(bench.hello(after, epoch), expected, "after {after:?}, epoch {epoch:?}, head {head}");
    }
}

#[test]
fn a_second_hello_sets_the_cursor_anew() {
    let mut bench = Bench::bare(3);
    bench.drain();
    assert_eq!(bench.hello(Some(2), Some(1)), ["ready delta head 3 next 3 n 3", "event 3", "synced 3"]);
    assert_eq!(bench.append(), ["event 4"]);
}

#[test]
fn answers_to_the_questions_before_a_second_hello_are_dropped() {
    let mut bench = Bench::new(admitted(Hello { after: Some(0), ..Hello::default() }, &[]), 2);
    let Some(Output::Resume { ticket, .. }) = bench.session.poll_output() else { panic!("it asks the log first") };
    bench.hold = true;
    assert!(bench.hello(Some(2), Some(1)).is_empty());
    let stale = Input::Resumed { ticket, epoch: 1, head: 2, hash: None, known: Vec::new(), last_n: 0 };
    assert!(bench.input(stale).is_empty());
    assert_eq!(bench.release(), ["ready delta head 2 next 3 n 3", "synced 2"]);
}

#[test]
fn wrong_credentials_a_wrong_version_and_a_missing_hello_end_the_session() {
    let mut bench = Bench::new(Entrance::Hello, 3);
    let bad = Hello { token: Some(Secret::new("bad")), ..hello(None, None) };
    assert_eq!(bench.frame(ClientFrame::Hello(bad)), ["close 4404 dialog_not_found"]);
    assert!(bench.frame(ping()).is_empty());

    let mut bench = Bench::new(Entrance::Hello, 3);
    let old = Hello { v: 2, ..hello(None, None) };
    assert_eq!(bench.frame(ClientFrame::Hello(old)), ["close 4406 unsupported_version"]);

    let mut bench = Bench::new(Entrance::Hello, 3);
    assert!(bench.pass(4_999).is_empty());
    assert_eq!(bench.frame(ping()), ["pong Int(7)"]);
    assert_eq!(bench.pass(1), ["close 4203 no_hello"]);

    let mut bench = Bench::new(Entrance::Hello, 3);
    assert_eq!(bench.frame(message("a")), ["close 4203 no_hello"]);
}

#[test]
fn a_gap_is_filled_from_the_log_and_repeats_are_dropped() {
    let mut bench = Bench::bare(3);
    bench.drain();
    bench.head = 6;
    assert_eq!(bench.input(Input::Published(event(6))), events(4..=6));
    assert!(bench.input(Input::Published(event(5))).is_empty());
    assert!(bench.input(Input::Published(event(6))).is_empty());
    assert_eq!(bench.append(), ["event 7"]);
}

#[test]
fn what_is_published_while_the_log_is_read_is_delivered_once_and_in_order() {
    let mut bench = Bench::new(admitted(Hello { after: Some(0), ..Hello::default() }, &[]), 2);
    bench.hold = true;
    assert!(bench.drain().is_empty());
    // Published between the subscription and the answer of the log, which is older.
    assert!(bench.input(Input::Published(event(3))).is_empty());
    let [Output::Resume { ticket, .. }] = bench.held[..] else { panic!("it asks the log") };
    bench.held.clear();
    bench
        .session
        .handle(bench.now, Input::Resumed { ticket, epoch: 1, head: 2, hash: None, known: Vec::new(), last_n: 0 });
    assert_eq!(bench.drain(), ["ready delta head 2 next 1 n 0"]);
    bench.head = 3;
    assert!(bench.append().is_empty());
    assert_eq!(bench.release(), ["event 1", "event 2", "event 3", "event 4", "synced 4"]);
}

#[test]
fn a_long_gap_is_read_in_pages() {
    let mut bench = Bench::bare(0);
    bench.drain();
    bench.head = 250;
    assert_eq!(bench.input(Input::Published(event(250))), events(1..=250));
}

#[test]
fn an_event_of_another_dialog_is_never_delivered() {
    let mut bench = Bench::bare(3);
    bench.drain();
    let foreign = Event { dialog_id: DIALOG + 1, ..(*event(4)).clone() };
    assert!(bench.input(Input::Published(Arc::new(foreign))).is_empty());
    assert_eq!(bench.append(), ["event 4"]);
}

#[test]
fn the_heartbeat_tells_the_head_and_heals_a_lost_hint() {
    let mut bench = Bench::bare(3);
    bench.drain();
    bench.head = 4;
    let lines = bench.pass(22_001);
    assert_eq!(lines, ["heartbeat 4", "event 4"]);
    for _ in 0..50 {
        let before = bench.now.mono;
        let (at, why) = bench.session.poll_timeout().expect("a heartbeat");
        assert_eq!(why, "heartbeat");
        assert!(at <= before + 22_001, "{at}");
        assert_eq!(bench.pass(at - before), ["heartbeat 4"]);
    }
    // A spurious timeout does nothing.
    assert!(bench.input(Input::Timeout).is_empty());
}

#[test]
fn after_congestion_the_log_brings_what_was_not_written() {
    let mut bench = Bench::bare(3);
    bench.drain();
    for _ in 0..5 {
        bench.append();
    }
    assert!(bench.input(Input::Congested { written: 5 }).is_empty());
    assert!(bench.append().is_empty());
    assert!(bench.pass(22_001).is_empty());
    // Answers are not held back.
    assert_eq!(bench.frame(message("a")), ["stored a 10"]);
    assert_eq!(bench.input(Input::Writable), ["event 6", "event 7", "event 8", "event 9", "event 10", "synced 10"]);
    assert!(bench.input(Input::Published(event(10))).is_empty());
    // Nothing was written since `ready`: all of this link comes again, and nothing before it.
    assert!(bench.input(Input::Congested { written: 0 }).is_empty());
    let mut expected = events(4..=10);
    expected.push("synced 10".into());
    assert_eq!(bench.input(Input::Writable), expected);
}

#[test]
fn a_second_hello_on_a_congested_connection_delivers_when_it_is_writable() {
    let mut bench = Bench::bare(3);
    bench.drain();
    assert_eq!(bench.append(), ["event 4"]);
    assert!(bench.input(Input::Congested { written: 0 }).is_empty());
    assert_eq!(bench.hello(Some(2), Some(1)), ["ready delta head 4 next 3 n 3"]);
    assert!(bench.append().is_empty());
    assert_eq!(bench.input(Input::Writable), ["event 3", "event 4", "event 5", "synced 5"]);
    assert_eq!(bench.append(), ["event 6"]);
}

#[test]
fn a_sync_brings_a_stretch_again_and_its_end() {
    let mut bench = Bench::bare(5);
    bench.drain();
    let sync = |after, limit| ClientFrame::Sync(Sync { after, limit });
    assert_eq!(bench.frame(sync(2, Some(2))), ["event 3", "event 4", "synced 5"]);
    assert_eq!(bench.frame(sync(4, None)), ["event 5", "synced 5"]);
    assert_eq!(bench.frame(sync(5, None)), ["synced 5"]);
    assert_eq!(bench.frame(sync(u64::MAX, Some(u64::MAX))), ["synced 5"]);
    bench.hold = true;
    for _ in 0..8 {
        assert!(bench.frame(sync(0, None)).is_empty());
    }
    assert_eq!(bench.frame(sync(0, None)), ["error rate_limited"]);
}

#[test]
fn messages_are_refused_above_the_rate_and_taken_again_below_it() {
    let limits = Limits { refusals: 10, ..Limits::default() };
    let mut bench = Bench::with(admitted(Hello::default(), &[]), 0, limits);
    bench.drain();
    for seq in 1..=5 {
        assert_eq!(bench.frame(message("a")), [format!("stored a {seq}")]);
    }
    assert_eq!(bench.frame(message("a")), ["refused a rate_limited"]);
    bench.pass(100);
    assert_eq!(bench.frame(message("a")), ["stored a 6"]);
    for _ in 0..9 {
        assert_eq!(bench.frame(message("a")), ["refused a rate_limited"]);
    }
    assert_eq!(bench.frame(message("a")), ["refused a rate_limited", "close 4204 too_fast"]);
}

#[test]
fn other_frames_have_a_rate_of_their_own() {
    let mut bench = Bench::with(admitted(Hello::default(), &[]), 0, Limits { frames_burst: 2, ..Limits::default() });
    bench.drain();
    assert_eq!(bench.frame(ping()), ["pong Int(7)"]);
    assert_eq!(bench.frame(ping()), ["pong Int(7)"]);
    assert_eq!(bench.frame(ping()), ["error rate_limited"]);
    assert_eq!(bench.frame(message("a")), ["stored a 1"]);
}

#[test]
fn what_cannot_be_a_message_is_refused_for_good() {
    let rows = [
        (Some("a"), "", "refused a empty_text"),
        (Some("a"), " \n", "refused a empty_text"),
        (Some("welcome"), "x", "refused welcome invalid_id"),
        (Some(""), "x", "refused  invalid_id"),
        (Some("a b"), "x", "refused a b invalid_id"),
    ];
    for (id, text, expected) in rows {
        let mut bench = Bench::bare(0);
        bench.drain();
        let message = SendMessage { id: id.map(Into::into), n: None, text: text.into(), file: None };
        assert_eq!(bench.frame(ClientFrame::Message(message)), [expected]);
    }
    let mut bench = Bench::bare(0);
    bench.drain();
    let message = SendMessage { id: None, n: None, text: "x".repeat(40_000), file: None };
    assert_eq!(bench.frame(ClientFrame::Message(message)), ["refused  text_too_long"]);
}

#[test]
fn messages_without_ids_get_ids_of_their_own() {
    let mut bench = Bench::bare(0);
    bench.drain();
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        let lines = bench.frame(ClientFrame::Message(SendMessage { id: None, n: None, text: "x".into(), file: None }));
        assert!(seen.insert(lines), "{seen:?}");
    }
}

#[test]
fn unreadable_frames_get_an_error_each_and_a_hundred_in_a_row_the_end() {
    let mut bench = Bench::bare(0);
    bench.drain();
    let bad = || Input::Unreadable { code: protocol::code::INVALID_JSON, message: "not JSON" };
    for _ in 0..99 {
        assert_eq!(bench.input(bad()), ["error invalid_json"]);
    }
    assert_eq!(bench.frame(ping()), ["pong Int(7)"]);
    for _ in 0..99 {
        assert_eq!(bench.input(bad()), ["error invalid_json"]);
    }
    assert_eq!(bench.input(bad()), ["error invalid_json", "close 4400 bad_frames"]);
}

#[test]
fn only_subscribed_channels_are_told() {
    let mut bench = Bench::bare(0);
    bench.drain();
    let typing = || Input::Ephemeral(Ephemeral::Typing(TypingBy { author: Author::default(), on: true }));
    let list = |names: &[&str]| Subscription { channels: names.iter().map(|name| (*name).into()).collect() };
    assert!(bench.input(typing()).is_empty());
    let answer = bench.frame(ClientFrame::Subscribe(list(&["typing", "receipts"])));
    assert_eq!(answer, ["state of typing receipts", "subscribed typing receipts ok"]);
    assert_eq!(bench.input(typing()), ["typing"]);
    assert!(bench.input(Input::Ephemeral(Ephemeral::Presence(protocol::Presence::default()))).is_empty());
    assert_eq!(bench.frame(ClientFrame::Unsubscribe(list(&["typing"]))), ["unsubscribed typing"]);
    assert!(bench.input(typing()).is_empty());
    assert_eq!(bench.frame(ClientFrame::Subscribe(list(&["metrics"]))), ["error unknown_channel"]);
    assert_eq!(bench.frame(ClientFrame::Subscribe(list(&[]))), ["subscribed  ok"]);
    let mixed = bench.frame(ClientFrame::Subscribe(list(&["presence", "x"])));
    assert_eq!(mixed, ["state of presence", "error unknown_channel", "subscribed presence ok"]);

    let mut bench = Bench::new(admitted(Hello::default(), &["typing"]), 0);
    bench.drain();
    assert_eq!(bench.input(typing()), ["typing"]);
}

#[test]
fn marks_only_grow_and_never_pass_what_was_delivered() {
    let mut bench = Bench::bare(5);
    bench.drain();
    let received = |seq| ClientFrame::Received(Watermark { seq });
    let read = |seq| ClientFrame::Read(Watermark { seq });
    assert_eq!(bench.frame(received(3)), ["mark 3 0"]);
    assert!(bench.frame(received(2)).is_empty());
    assert_eq!(bench.frame(read(2)), ["mark 3 2"]);
    assert_eq!(bench.frame(read(99)), ["mark 5 5"]);
    assert_eq!(bench.frame(ClientFrame::Typing(Typing { on: true })), ["publish typing"]);
}

#[test]
fn silence_of_a_client_that_speaks_ends_its_session_and_of_others_does_not() {
    let beats = |lines: Vec<String>| lines.into_iter().filter(|line| line.starts_with("close")).collect::<Vec<_>>();
    let mut bench = Bench::bare(0);
    bench.drain();
    assert!(beats(bench.pass(3_600_000)).is_empty());
    bench.frame(message("a"));
    assert!(beats(bench.pass(3_600_000)).is_empty());
    bench.frame(ping());
    assert!(beats(bench.pass(89_000)).is_empty());
    bench.frame(message("b"));
    assert!(beats(bench.pass(89_999)).is_empty());
    assert_eq!(beats(bench.pass(1)), ["close 4202 silent"]);
}

#[test]
fn a_timer_that_comes_late_does_not_blame_the_client() {
    let mut bench = Bench::bare(0);
    bench.drain();
    bench.frame(ping());
    // The process was stopped for two minutes; what the client sent meanwhile has not been read yet.
    bench.advance(120_000);
    let lines = bench.input(Input::Timeout);
    assert!(lines.iter().all(|line| line.starts_with("heartbeat")), "{lines:?}");
    assert_eq!(bench.frame(ping()), ["pong Int(7)"]);
}

#[test]
fn a_drained_session_is_told_and_closed_at_its_moment() {
    let mut bench = Bench::bare(0);
    bench.drain();
    assert_eq!(bench.input(Input::Drain { in_ms: 3_000, spread_ms: 500 }), ["drain 3000 500"]);
    assert_eq!(bench.frame(message("a")), ["stored a 1"]);
    assert!(bench.pass(2_999).is_empty());
    assert_eq!(bench.pass(1), ["close 4100 draining"]);
    assert_eq!(bench.session.poll_timeout(), None);

    let mut bench = Bench::new(Entrance::Hello, 0);
    assert_eq!(bench.input(Input::Drain { in_ms: 3_000, spread_ms: 0 }), ["close 4100 draining"]);
}

#[test]
fn credentials_expire_on_an_open_session_and_are_renewed_in_band() {
    let auth = |token: &str| ClientFrame::Auth(protocol::Auth { token: Secret::new(token) });
    let mut bench = Bench::bare(0);
    bench.drain();
    assert!(bench.frame(auth("good")).is_empty());
    assert_eq!(bench.frame(message("a")), ["stored a 1"]);
    assert_eq!(bench.frame(auth("bad")), ["close 4301 unauthorized"]);

    let mut bench = Bench::bare(0);
    bench.drain();
    assert_eq!(bench.input(Input::CredentialsExpired), ["close 4300 expired"]);
}

#[test]
fn a_store_that_fails_ends_the_session_to_be_tried_again() {
    let mut bench = Bench::bare(0);
    bench.hold = true;
    bench.drain();
    assert_eq!(bench.input(Input::StoreFailed), ["close 4205 store_unavailable"]);
    let mut bench = Bench::bare(0);
    bench.drain();
    bench.hold = true;
    bench.frame(message("a"));
    let failed = Input::Appended { id: "a".into(), result: Err(Refusal::disk_full()) };
    assert_eq!(bench.input(failed), ["refused a disk_full"]);
}

#[test]
fn a_post_answers_its_frames_and_nothing_else() {
    let (dialog, author) = scoped();
    let mut bench = Bench::new(Entrance::Post { dialog, author, client: None }, 5);
    assert!(bench.drain().is_empty());
    assert!(bench.frame(ClientFrame::Hello(hello(None, None))).is_empty());
    assert!(bench.append().is_empty());
    bench.hold = true;
    assert!(bench.frame(message("a")).is_empty());
    assert!(!bench.session.is_settled());
    assert!(matches!(&bench.held[..], [Output::Append(message)] if message.client.as_deref() == Some("c1")));
    assert_eq!(bench.release(), ["stored a 7"]);
    assert!(bench.session.is_settled());
    assert_eq!(bench.frame(ping()), ["pong Int(7)"]);
    assert_eq!(bench.frame(ClientFrame::Received(Watermark { seq: 4 })), ["mark 4 0"]);
    assert_eq!(bench.session.poll_timeout(), None);
}

#[test]
fn what_waits_is_bounded() {
    let mut bench = Bench::bare(0);
    bench.hold = true;
    bench.drain();
    for _ in 0..64 {
        assert!(bench.frame(message("a")).is_empty());
    }
    assert_eq!(bench.frame(message("b")), ["refused b rate_limited"]);
    assert_eq!(bench.session.held(), 64);
}

#[test]
fn a_close_reason_fits_into_a_close_frame() {
    let ending = Ending { code: 4200, reason: "unsupported_version", retry_ms: Some(u32::MAX) };
    assert!(ending.close_reason().len() <= 123);
    assert_eq!(
        Ending { code: 4200, reason: "overloaded", retry_ms: Some(1_200) }.close_reason(),
        r#"{"retry_ms":1200,"reason":"overloaded"}"#
    );
    let ServerFrame::Bye(bye) = ending.bye() else { panic!("a bye") };
    assert!(bye.retry);
}
