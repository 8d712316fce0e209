//! What a client knows of its own link: figures, health and log.

use crate::bench::{Bench, loaded, message, ready};
use client_core::{Class, Datum, End, Event, Input, Level, LinkState, Output, Status, Transport, What};
use protocol::{AuthorKind, digest};
use serde_json::json;

/// Breaks the link without a word and brings it back.
fn break_and_return(bench: &mut Bench, link: client_core::LinkId) -> client_core::LinkId {
    bench.input(Input::Closed { link, end: End::Broken });
    // Links that die young come back more slowly.
    bench.pass(4_000);
    bench.answer("/health", 200, &json!({"status": "ok"}));
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    let cursor = bench.client.cursor();
    bench.frames(link, &ready(cursor, cursor + 1));
    bench.frames(link, &json!({"type": "synced", "head": cursor}));
    link
}

fn pong(bench: &mut Bench, link: client_core::LinkId, after_ms: u64) {
    let asked_at = bench.sent(link, "ping").last().unwrap()["timestamp"].clone();
    bench.pass(after_ms);
    bench.frames(link, &json!({"type": "pong", "timestamp": asked_at}));
}

/// Lets a link live on: the server's heartbeat comes, and every ping is answered after so long.
fn live(bench: &mut Bench, link: client_core::LinkId, ms: u64, round_trip_ms: u64) {
    let end = bench.ms + ms;
    let mut answered = bench.sent(link, "ping").len();
    while bench.ms < end {
        bench.pass(5_000);
        let cursor = bench.client.cursor();
        bench.frames(link, &json!({"type": "heartbeat", "timestamp": 1, "head": cursor}));
        let asked = bench.sent(link, "ping").len();
        if asked > answered {
            answered = asked;
            let late = bench.ms - bench.sent(link, "ping").last().unwrap()["timestamp"].as_u64().unwrap();
            pong(bench, link, round_trip_ms.saturating_sub(late));
        }
    }
}

#[test]
fn a_link_that_is_well_has_a_round_trip_and_no_issue() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    pong(&mut bench, link, 40);
    let (quality, health, counters) = (bench.client.quality(), bench.client.health(), bench.client.counters());
    assert_eq!((quality.round_trip_ms, quality.round_trips_ms.as_slice()), (40, &[40][..]));
    assert_eq!((quality.transport, quality.because), (Some(Transport::WebSocket), "first_choice"));
    assert_eq!((quality.loss_permille, quality.error_permille, quality.stability_permille), (0, 0, 1_000));
    assert_eq!((health.status, health.score, health.issues.len()), (Status::Healthy, 100, 0));
    assert_eq!((counters.connection_attempts, counters.connection_successes, counters.reconnections), (1, 1, 0));
}

#[test]
fn the_smoothed_round_trip_follows_slowly_and_a_slow_one_is_an_issue() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    pong(&mut bench, link, 100);
    live(&mut bench, link, 40 * 35_000, 900);
    let quality = bench.client.quality();
    assert_eq!(quality.round_trips_ms.len(), 32, "the history is bounded");
    assert!((850..=900).contains(&quality.round_trip_ms), "{}", quality.round_trip_ms);
    let health = bench.client.health();
    let latency = health.issues.iter().find(|issue| issue.name == "latency").unwrap();
    assert_eq!((latency.status, latency.bound), (Status::Warning, 500));
}

#[test]
fn each_break_is_timed_and_takes_from_the_stability() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    pong(&mut bench, link, 10);
    bench.pass(20_000);
    bench.frames(link, &json!({"type": "heartbeat", "timestamp": 1, "head": 2}));
    bench.input(Input::Closed { link, end: End::Broken });
    assert_eq!(bench.client.quality().transport, None);
    for _ in 0..60 {
        let gate = bench.outputs.iter().rev().find_map(|output| match output {
            Output::Request { request, call } if call.path.contains("/health") => Some(*request),
            _ => None,
        });
        bench.input(Input::Unanswered { request: gate.unwrap_or(client_core::RequestId(0)) });
        bench.pass(250);
    }
    let health = bench.client.health();
    assert_eq!(health.status, Status::Critical, "{health:?}");
    assert!(health.issues.iter().any(|issue| issue.name == "link" && issue.status == Status::Critical));
    bench.pass(1_000);
    bench.answer("/health", 200, &json!({"status": "ok"}));
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    bench.frames(link, &ready(2, 3));
    let quality = bench.client.quality();
    assert_eq!(quality.recoveries_ms, [16_000]);
    assert_eq!(quality.stability_permille, 1_000 - 16_000 * 1_000 / 60_000);
    assert_eq!(bench.client.counters().reconnections, 1);
    // Six minutes later it is forgotten.
    live(&mut bench, link, 360_000, 10);
    assert_eq!(bench.client.quality().stability_permille, 1_000);
}

#[test]
fn pings_and_messages_that_die_with_their_link_are_lost() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    pong(&mut bench, link, 10);
    bench.send("one");
    bench.send("two");
    break_and_return(&mut bench, link);
    assert_eq!(bench.client.quality().loss_permille, 2 * 1_000 / 20);
}

#[test]
fn a_silent_link_counts_its_failed_heartbeats() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    pong(&mut bench, link, 10);
    bench.pass(27_000);
    assert!(bench.outputs.contains(&Output::Drop { link }));
    assert_eq!(bench.client.counters().heartbeat_failures, 3);
    let health = bench.client.health();
    let heartbeat = health.issues.iter().find(|issue| issue.name == "heartbeat").unwrap();
    assert_eq!((heartbeat.status, heartbeat.value, heartbeat.bound), (Status::Warning, 3, 2));
}

#[test]
fn what_comes_twice_or_too_early_is_counted() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.frames(link, &message(2, "again", "visitor"));
    bench.frames(link, &message(5, "m5", "operator"));
    bench.frames(link, &message(6, "m6", "operator"));
    let counters = bench.client.counters();
    assert_eq!((counters.duplicates, counters.gaps), (1, 1), "one gap, however much lies behind it");
}

#[test]
fn a_fallback_says_why() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.input(Input::Closed { link, end: End::Broken });
    bench.pass(250);
    bench.answer("/health", 200, &json!({"status": "ok"}));
    let socket = bench.link(Transport::WebSocket);
    bench.input(Input::Closed { link: socket, end: End::Socket { code: 1006, reason: String::new() } });
    let stream = bench.link(Transport::Sse);
    bench.input(Input::Opened { link: stream });
    bench.frames(stream, &ready(2, 3));
    let quality = bench.client.quality();
    assert_eq!((quality.transport, quality.because), (Some(Transport::Sse), "websocket_failed"));
    let counters = bench.client.counters();
    assert_eq!((counters.fallback_activations, counters.connection_failures), (1, 1));
    assert!(bench.client.log().any(|entry| entry.event() == "fell_back"));
    // A stream cannot be asked: the POSTs beside it tell how long the way is.
    bench.pass(500);
    assert_eq!(quality.round_trip_ms, 0);
    bench.send("by POST");
    bench.pass(70);
    bench.answer("/frames", 200, &json!([]));
    assert_eq!(bench.client.quality().round_trip_ms, 70);
}

#[test]
fn the_page_is_told_of_the_levels_that_it_asked_for() {
    let mut bench = Bench::visitor();
    bench.input(Input::Log(Some(Level::Warn)));
    let link = bench.online();
    assert!(logged(&bench).is_empty(), "all is well: {:?}", logged(&bench));
    bench.input(Input::Closed { link, end: End::Broken });
    assert_eq!(logged(&bench), ["broken", "broke"]);
    bench.input(Input::Log(None));
    break_and_return(&mut bench, link);
    assert_eq!(logged(&bench).len(), 2);
}

fn logged(bench: &Bench) -> Vec<&'static str> {
    let events = bench.outputs.iter().filter_map(|output| match output {
        Output::Event(Event::Log(entry)) => Some(entry.event()),
        _ => None,
    });
    events.collect()
}

#[test]
fn the_log_is_bounded_and_holds_no_secret() {
    let mut bench = Bench::visitor();
    let mut link = bench.online();
    for _ in 0..60 {
        bench.send("a secret text");
        link = break_and_return(&mut bench, link);
    }
    let entries: Vec<_> = bench.client.log().collect();
    assert_eq!(entries.len(), 100);
    for entry in entries {
        let shown = format!("{entry:?} {:?}", entry.data());
        for secret in ["vk_", "secret", "st_demo"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn the_page_hears_when_its_health_changes() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.taken();
    bench.input(Input::Closed { link, end: End::Broken });
    bench.pass(2_100);
    let heard = bench.taken().iter().filter(|output| matches!(output, Output::Event(Event::Quality))).count();
    assert!(heard >= 1, "no link for two seconds");
    assert!(bench.client.log().any(|entry| matches!(entry.what, What::Health { .. })));
}

#[test]
fn an_error_entry_names_class_severity_and_action() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.input(Input::Closed { link, end: End::Socket { code: 1006, reason: String::new() } });
    let entry = bench.client.log().find(|entry| entry.event() == "closed").unwrap();
    let What::Trouble { trouble, action, context } = entry.what else { panic!("{entry:?}") };
    assert_eq!((trouble.code(), trouble.class(), context), (1006, Class::NetworkError, "link"));
    assert_eq!((trouble.class().severity().word(), action.word()), ("high", "reconnect"));
    assert_eq!(entry.what.level(), Level::Error);
    let ready = bench.client.log().find(|entry| entry.event() == "ready").unwrap();
    assert_eq!(ready.data()[1], ("transport", Datum::Word("websocket")));
}

/// The hash of a log of `message(seq, id, kind)`.
fn hash_of(log: &[(&str, &str)]) -> u64 {
    let kind = |kind: &str| match kind {
        "system" => AuthorKind::System,
        "operator" => AuthorKind::Operator,
        _ => AuthorKind::Visitor,
    };
    log.iter().zip(1..).fold(digest::EMPTY, |hash, ((id, author), seq)| {
        digest::next(hash, seq, id, kind(author), &format!("text of {id}"))
    })
}

fn audits(bench: &Bench) -> usize {
    bench.outputs.iter().filter(|output| matches!(output, Output::Event(Event::AuditFailed { .. }))).count()
}

/// Brings messages one by one, each announced by a heartbeat with the hash of the log so far; returns that hash.
fn six_more(bench: &mut Bench) -> u64 {
    let link = bench.online();
    let own = bench.client.view().items[1].key.clone();
    let mut log = vec![("welcome", "system"), (own.as_str(), "visitor")];
    for (seq, id) in (3..9).zip(["m3", "m4", "m5", "m6", "m7", "m8"]) {
        log.push((id, "operator"));
        // The beat overtakes the message: it is compared when the message is there.
        bench.frames(link, &json!({"type": "heartbeat", "timestamp": 1, "head": seq, "hash": hash_of(&log)}));
        bench.frames(link, &message(seq, id, "operator"));
    }
    hash_of(&log)
}

#[test]
fn a_client_that_drops_nothing_agrees_with_the_server() {
    let mut bench = Bench::visitor();
    let hash = six_more(&mut bench);
    assert_eq!((audits(&bench), bench.client.log_hash()), (0, Some(hash)));
    assert_eq!(bench.client.counters().audit_failures, 0);
}

#[test]
fn a_client_that_has_another_log_says_so_and_loads_it_again_but_not_for_ever() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let own = bench.client.view().items[1].key.clone();
    bench.frames(link, &message(3, "altered", "operator"));
    let log = [("welcome", "system"), (own.as_str(), "visitor"), ("m3", "operator")];
    bench.frames(link, &json!({"type": "heartbeat", "timestamp": 1, "head": 3, "hash": hash_of(&log)}));
    assert_eq!((audits(&bench), bench.client.counters().audit_failures), (1, 1));
    assert!(bench.client.log().any(|entry| entry.event() == "audit_failed"));
    assert!(bench.client.health().issues.iter().any(|issue| issue.name == "audit"));
    bench.pass(250);
    bench.answer("/health", 200, &json!({"status": "ok"}));
    let mut page =
        loaded(&[message(1, "welcome", "system"), message(2, &own, "visitor"), message(3, "m3", "operator")]);
    // The server's own hash is wrong: nothing that is loaded again will ever fit.
    page["page"]["hash"] = json!(7);
    bench.answer("/api/site/dialogs?", 200, &page);
    let keys: Vec<String> = bench.client.view().items.into_iter().map(|item| item.key).collect();
    assert_eq!(keys, ["welcome", &own, "m3"], "what is shown now is the server's");
    assert_eq!(audits(&bench), 2);
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    bench.frames(link, &ready(3, 4));
    assert_eq!(bench.client.view().link, LinkState::Online, "it goes on with what the server says");
    bench.frames(link, &json!({"type": "heartbeat", "timestamp": 1, "head": 3, "hash": 7}));
    assert_eq!(audits(&bench), 2);
}

/// The visitor's site, which wants figures or not.
fn settings(bench: &mut Bench, metrics: bool) {
    bench.answer("/config", 200, &json!({"name": "Tea", "welcome": "Hello!", "metrics": metrics}));
}

#[test]
fn figures_are_told_to_a_site_that_wants_them_once_a_minute_and_after_a_break() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    settings(&mut bench, true);
    pong(&mut bench, link, 20);
    live(&mut bench, link, 10_000, 20);
    let first = bench.sent(link, "metrics");
    assert_eq!(first.len(), 1);
    assert_eq!((&first[0]["data"]["round_trip_ms"], &first[0]["data"]["connection_attempts"]), (&json!(20), &json!(1)));
    live(&mut bench, link, 300_000, 20);
    let told = bench.sent(link, "metrics");
    assert!((5..=6).contains(&told.len()), "{} in five minutes", told.len());
    assert_eq!(told[1]["data"]["connection_attempts"], 0, "what was counted is told once");
    assert!(told.iter().all(|frame| frame["data"].as_object().unwrap().values().all(serde_json::Value::is_u64)));

    let link = break_and_return(&mut bench, link);
    live(&mut bench, link, 15_000, 20);
    let told = bench.sent(link, "metrics");
    assert_eq!(told.len(), 1, "a break is told before the minute is over");
    assert_eq!(told[0]["data"]["reconnections"], 1);
}

#[test]
fn a_site_that_wants_no_figures_is_told_none() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    settings(&mut bench, false);
    live(&mut bench, link, 200_000, 20);
    assert!(bench.sent(link, "metrics").is_empty());
}
