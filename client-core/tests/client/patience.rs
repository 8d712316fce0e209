//! Nothing is awaited for ever, and nothing is tried again as fast as the network allows.

use crate::bench::{Bench, message, ready};
use client_core::{Delivery, Input, LinkState, Output, Side, Transport};
use protocol::Secret;
use serde_json::json;

#[test]
fn a_proxy_that_says_goodbye_does_not_speak_for_the_server() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.pass(40);
    bench.closes(link, 1000, "");
    assert_eq!(bench.link_state(), LinkState::Reconnecting);
    let link = bench.reopened(2);
    bench.closes(link, 1000, r#"{"reason":"done"}"#);
    assert_eq!(bench.link_state(), LinkState::Stopped);
}

#[test]
fn settings_that_fail_are_asked_for_more_and_more_seldom_and_not_after_a_stop() {
    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    let mut waits = Vec::new();
    for _ in 0..8 {
        let (request, _) = bench.request("/config?");
        bench.taken();
        bench.input(Input::Unanswered { request });
        let failed = bench.ms;
        while bench.outputs.is_empty() {
            bench.pass(1_000);
        }
        waits.push((bench.ms - failed) / 1_000);
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 320]);
    let (request, _) = bench.request("/config?");
    bench.input(Input::Stop);
    bench.taken();
    bench.input(Input::Unanswered { request });
    bench.pass(3_600_000);
    assert_eq!(bench.taken(), []);
    bench.input(Input::Start);
    bench.request("/config?");
}

#[test]
fn a_bad_token_that_is_handed_over_again_and_again_is_not_tried_as_fast_as_the_network_allows() {
    let mut bench = Bench::new(Side::Operator { dialog_id: 7 });
    bench.input(Input::Start);
    let mut tries = 0;
    let start = bench.ms;
    while bench.ms - start < 60_000 {
        let asked = bench.outputs.iter().any(|output| matches!(output, Output::Request { .. }));
        if asked {
            tries += 1;
            let body = json!({"error": {"code": "unauthorized", "message": ""}});
            bench.answer("/messages", 401, &body);
            bench.taken();
            bench.input(Input::Credential(Secret::new("the same")));
        }
        bench.pass(50);
    }
    assert!((3..20).contains(&tries), "{tries} tries in a minute");
}

#[test]
fn a_head_that_is_wrong_costs_fewer_and_fewer_links() {
    let mut bench = Bench::visitor();
    let mut link = bench.online();
    let start = bench.ms;
    let mut links = 1;
    while bench.ms - start < 600_000 {
        bench.taken();
        bench.heartbeat(link, 9);
        bench.frames(link, &json!({"type": "pong", "timestamp": bench.ms}));
        bench.pass(1_000);
        if bench.link_state() != LinkState::Online {
            links += 1;
            link = bench.reopened(2);
            bench.frames(link, &json!({"type": "synced", "head": 2}));
        }
    }
    assert!((3..12).contains(&links), "{links} links in ten minutes");
}

#[test]
fn beside_a_stream_no_gap_is_asked_for_by_a_post() {
    let mut bench = Bench::visitor();
    let socket = bench.opening();
    bench.closes(socket, 1006, "");
    let stream = bench.link(Transport::Sse);
    bench.frames(stream, &ready(1, 2));
    bench.frames(stream, &json!({"type": "synced", "head": 1}));
    bench.frames(stream, &message(3, "m3", "operator"));
    bench.pass(3_000);
    let posts = bench.outputs.iter().filter_map(|output| match output {
        Output::Request { call, .. } => call.body.as_deref(),
        _ => None,
    });
    assert_eq!(posts.filter(|body| body.contains("sync")).count(), 0);
    assert!(bench.outputs.contains(&Output::Drop { link: stream }), "another stream begins with it");
}

#[test]
fn c12_no_request_is_awaited_for_more_than_5_s() {
    // The first message.
    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    bench.send("hello");
    let (settings, _) = bench.request("/config?");
    let (load, _) = bench.request("/api/site/dialogs?");
    bench.taken();
    bench.pass(5_000);
    for request in [settings, load] {
        assert!(bench.outputs.contains(&Output::Abort { request }));
    }
    assert_eq!(bench.link_state(), LinkState::Reconnecting);
    // A message over a socket, and older messages.
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.frames(link, &json!({"type": "pong", "timestamp": 1}));
    bench.send("over the socket");
    for _ in 0..5 {
        bench.pass(1_000);
        bench.heartbeat(link, 2);
    }
    assert_eq!(bench.texts().last().unwrap().1, Delivery::Unconfirmed);
    // A POST beside a stream, or beside polls.
    let mut bench = Bench::visitor();
    bench.polling();
    bench.send("by POST");
    let (post, _) = bench.request("/frames");
    bench.pass(5_000);
    assert!(bench.outputs.contains(&Output::Abort { request: post }));
    bench.pass(1_000);
    assert_ne!(bench.request("/frames").0, post, "sent again, by the same id");
}
