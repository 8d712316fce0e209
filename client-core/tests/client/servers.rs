//! Several servers over the same data.

use crate::bench::{Bench, ready};
use client_core::{Banner, Config, Input, LinkState, Output, Side, Transport};
use protocol::Secret;
use serde_json::json;

fn with_servers(servers: &[&str]) -> Bench {
    let mut config = Config::new(Side::Site { site_token: "st_demo".into() }, Secret::new("vk_0123456789abcdefghijkl"));
    config.servers = servers.iter().map(|server| (*server).into()).collect();
    Bench::of(config)
}

#[test]
fn a_server_that_is_away_is_left_for_the_next_and_gone_back_to_without_a_gap() {
    let mut bench = with_servers(&["https://a", "https://b"]);
    let link = bench.online();
    bench.steady(link, 60_000);
    bench.taken();
    bench.closes(link, 1006, "");
    for _ in 0..2 {
        while bench.gates().is_empty() {
            bench.pass(50);
        }
        let (request, call) = bench.request("/health");
        assert_eq!(call.path, "https://a/health?ws=1");
        bench.taken();
        bench.input(Input::Unanswered { request });
    }
    let backup = bench.reopened(2);
    let opened = |bench: &Bench| {
        let path = |output: &Output| match output {
            Output::Open { path, .. } => Some(path.clone()),
            _ => None,
        };
        bench.outputs.iter().rev().find_map(path).unwrap()
    };
    assert!(opened(&bench).starts_with("https://b/ws/site/dialogs/7?"));
    assert_eq!(bench.link_state(), LinkState::Online);
    bench.taken();
    bench.steady(backup, 30_000);
    let (request, call) = bench.request("/health");
    assert_eq!(call.path, "https://a/health?ws=1", "the better one is asked every 30 s");
    bench.input(Input::Unanswered { request });
    bench.taken();
    bench.steady(backup, 30_000);
    bench.gate_opens();
    assert!(opened(&bench).starts_with("https://a/ws/"));
    let home = bench.link(Transport::WebSocket);
    assert!(!bench.outputs.contains(&Output::Drop { link: backup }), "not before the other is ready");
    bench.input(Input::Opened { link: home });
    bench.frames(home, &ready(2, 3));
    assert!(bench.outputs.contains(&Output::Drop { link: backup }));
    bench.taken();
    bench.steady(home, 60_000);
    assert!(bench.gates().is_empty(), "there is nothing better");
}

#[test]
fn a_silent_server_is_left_after_2_s_and_when_all_are_away_the_visitor_sees_it() {
    let mut bench = with_servers(&["https://a", "https://b"]);
    let link = bench.online();
    bench.steady(link, 60_000);
    bench.taken();
    bench.closes(link, 1006, "");
    bench.pass(250 + 2_000);
    assert_eq!((bench.client.view().banner, bench.link_state()), (Banner::Reconnecting, LinkState::Reconnecting));
    bench.pass(250 + 2_000);
    assert_eq!(bench.gates()[..2], ["https://a/health?ws=1", "https://b/health?ws=1"]);
    assert_eq!((bench.client.view().banner, bench.link_state()), (Banner::Offline, LinkState::Offline));
    let sent = bench.send("kept");
    assert!(bench.client.view().items.iter().any(|item| item.key == sent));
    bench.taken();
    bench.reopened(2);
    assert_eq!((bench.client.view().banner, bench.link_state()), (Banner::None, LinkState::Online));
}

#[test]
fn on_drain_the_next_server_takes_over_where_this_one_takes_nobody() {
    let mut bench = with_servers(&["https://a", "https://b"]);
    let old = bench.online();
    bench.frames(old, &json!({"type": "drain", "in_ms": 1000, "spread_ms": 1000}));
    bench.pass(500);
    bench.taken_but_last_gate();
    bench.answer("/health", 503, &json!({"status": "draining"}));
    assert_eq!(bench.gates().last().unwrap(), "https://b/health?ws=1");
    bench.gate_opens();
    let next = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link: next });
    bench.frames(next, &ready(2, 3));
    assert_eq!(bench.link_state(), LinkState::Online);
    assert!(bench.outputs.contains(&Output::Drop { link: old }));
}

#[test]
fn servers_that_a_session_names_are_used_when_the_first_one_fails() {
    let mut bench = with_servers(&["https://a"]);
    let mut hello = ready(2, 3);
    hello["servers"] = json!(["https://a", "https://c"]);
    let link = bench.online();
    bench.steady(link, 60_000);
    bench.taken();
    bench.closes(link, 1006, "");
    while bench.gates().is_empty() {
        bench.pass(50);
    }
    bench.gate_opens();
    let link = bench.link(Transport::WebSocket);
    bench.frames(link, &hello);
    bench.taken();
    bench.closes(link, 1006, "");
    bench.pass(10_000);
    let gates = bench.gates();
    assert_eq!((gates[0].as_str(), gates[1].as_str()), ("https://a/health?ws=1", "https://c/health?ws=1"));
}
