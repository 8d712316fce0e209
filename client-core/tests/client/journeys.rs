//! A client from its first input on, with every answer of the server written by hand.

use crate::bench::{Bench, loaded, message, ready};
use client_core::{Banner, Delivery, End, Event, Input, Instant, LinkState, Now, Output, Page, Panel, Side, Transport};
use protocol::Secret;
use serde_json::json;

#[test]
fn nothing_is_stored_or_opened_before_the_visitor_says_something() {
    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    bench.input(Input::Panel(Panel::Open));
    bench.answer("/config", 200, &json!({"name": "Tea", "welcome": "Hello!"}));
    bench.pass(3_600_000);
    assert!(
        bench
            .taken()
            .iter()
            .all(|output| matches!(output, Output::Request { call, .. } if call.path.contains("/config")))
    );
    assert_eq!(bench.texts(), [("Hello!".to_owned(), Delivery::Sent)]);
}

#[test]
fn the_first_message_is_kept_before_it_is_sent_and_starts_the_dialog() {
    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    bench.send("hello");
    let names: Vec<String> = bench
        .outputs
        .iter()
        .filter_map(|output| match output {
            Output::Save { name, .. } => Some(name.clone()),
            Output::Request { call, .. } => Some(call.path.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(names[0], "/api/site/config?site_token=st_demo");
    assert_eq!(names[1], "key");
    assert!(names[2].starts_with("o:"));
    assert_eq!(names[3], "/api/site/dialogs?site_token=st_demo");
    assert_eq!(bench.opens(), 0, "no socket before the dialog is loaded");
}

#[test]
fn the_socket_is_opened_only_after_the_dialog_was_loaded() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let events: Vec<&Output> = bench
        .outputs
        .iter()
        .filter(|output| matches!(output, Output::Event(Event::DialogLoaded { .. }) | Output::Open { .. }))
        .collect();
    assert!(matches!(events[0], Output::Event(Event::DialogLoaded { dialog_id: 7 })));
    assert!(matches!(events[1], Output::Open { transport: Transport::WebSocket, .. }));
    assert_eq!(bench.sent(link, "hello")[0]["after"], 2);
    assert_eq!(bench.client.view().link, LinkState::Online);
    assert_eq!(bench.texts().len(), 2, "the welcome and the message, each once");
}

#[test]
fn a_lost_answer_to_the_first_message_is_asked_for_again_with_the_same_id() {
    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    let id = bench.send("hello");
    bench.pass(5_000);
    assert!(bench.outputs.iter().any(|output| matches!(output, Output::Abort { .. })), "a request ends after 5 s");
    bench.pass(1_500);
    bench.answer("/health", 200, &json!({"status": "ok"}));
    let (_, call) = bench.request("/api/site/dialogs?");
    assert!(call.body.unwrap().contains(&id));
}

#[test]
fn what_is_in_doubt_is_asked_for_and_never_sent_twice_on_one_socket() {
    let mut bench = Bench::visitor();
    let first = bench.online();
    let (a, b) = (bench.send("a"), bench.send("b"));
    assert_eq!(bench.sent(first, "message").len(), 2);
    bench.pass(1);
    assert_eq!(bench.sent(first, "message").len(), 2);
    bench.input(Input::Closed { link: first, end: End::Socket { code: 1006, reason: String::new() } });
    bench.pass(250);
    assert_eq!(bench.opens(), 1, "the gate comes first");
    bench.answer("/health", 200, &json!({"status": "ok"}));
    let second = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link: second });
    assert_eq!(bench.sent(second, "hello")[0]["pending"], json!([a, b]));
    let mut frame = ready(3, 3);
    frame["known"] = json!([{"id": a, "seq": 3, "at": 9}]);
    frame["last_n"] = json!(1);
    bench.frames(second, &frame);
    let sent = bench.sent(second, "message");
    assert_eq!(sent.len(), 1, "only what the log does not know");
    assert_eq!((&sent[0]["id"], &sent[0]["n"]), (&json!(b), &json!(2)));
    bench.frames(second, &json!([message(3, &a, "visitor"), {"type": "stored", "id": b, "seq": 4, "at": 9}]));
    bench.frames(second, &message(4, &b, "visitor"));
    let keys: Vec<String> = bench.client.view().items.into_iter().map(|item| item.key).collect();
    assert_eq!(keys.len(), 4);
    assert_eq!(&keys[2..], [a, b]);
    assert_eq!(bench.client.unsettled(), 0);
}

#[test]
fn a_reload_brings_back_what_was_not_confirmed() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.send("unsent");
    let kept: Vec<(String, String)> = bench
        .taken()
        .into_iter()
        .filter_map(|output| match output {
            Output::Save { name, value } => Some((name, value)),
            _ => None,
        })
        .collect();
    assert_eq!(bench.sent(link, "message").len(), 0);
    let mut page = Bench::visitor();
    page.input(Input::Restored(kept.into_iter().filter(|(name, _)| name != "o:gone").collect()));
    page.input(Input::Start);
    let (_, call) = page.request("/api/site/dialogs?");
    assert!(!call.body.unwrap().contains("message"), "the dialog is known: it is only looked up");
    page.answer("/api/site/dialogs?", 200, &loaded(&[message(1, "welcome", "system")]));
    let link = page.link(Transport::WebSocket);
    page.input(Input::Opened { link });
    let pending = page.sent(link, "hello")[0]["pending"].as_array().unwrap().len();
    assert_eq!(pending, 2, "both messages of the earlier page are in doubt");
}

#[test]
fn sse_takes_over_when_the_websocket_is_blocked_and_hands_back() {
    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    let id = bench.send("hello");
    bench.answer("/api/site/dialogs?", 200, &loaded(&[message(1, &id, "visitor")]));
    let socket = bench.link(Transport::WebSocket);
    bench.input(Input::Closed { link: socket, end: End::Socket { code: 1006, reason: String::new() } });
    let stream = bench.link(Transport::Sse);
    bench.input(Input::Opened { link: stream });
    bench.frames(stream, &ready(1, 2));
    assert_eq!(bench.client.view().link, LinkState::OnlineSse);
    let sent = bench.send("by POST");
    let (_, call) = bench.request("/frames");
    assert!(call.body.as_ref().unwrap().contains(&sent));
    bench.answer("/frames", 200, &json!([{"type": "stored", "id": sent, "seq": 2, "at": 9}]));
    assert_eq!(bench.texts().last().unwrap().1, Delivery::Sent);
    bench.frames(stream, &message(2, &sent, "visitor"));
    bench.pass(20_000);
    bench.frames(stream, &json!({"type": "heartbeat", "timestamp": 1, "head": 2}));
    bench.pass(20_000);
    bench.frames(stream, &json!({"type": "heartbeat", "timestamp": 1, "head": 2}));
    bench.pass(20_001);
    bench.answer("/health", 200, &json!({"status": "ok"}));
    let upgrade = bench.link(Transport::WebSocket);
    assert_eq!(bench.client.view().link, LinkState::OnlineSse, "the stream is left only when the socket is ready");
    bench.input(Input::Opened { link: upgrade });
    bench.frames(upgrade, &ready(2, 3));
    assert_eq!(bench.client.view().link, LinkState::Online);
    assert!(bench.outputs.contains(&Output::Drop { link: stream }));
}

#[test]
fn a_gap_is_asked_for_and_a_silent_one_costs_the_link() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.frames(link, &message(4, "m4", "operator"));
    assert_eq!(bench.texts().len(), 2, "nothing is shown out of order");
    bench.pass(250);
    assert_eq!(bench.sent(link, "sync")[0]["after"], 2);
    bench.frames(link, &message(3, "m3", "operator"));
    assert_eq!(bench.texts().len(), 4);
    bench.frames(link, &json!({"type": "heartbeat", "timestamp": 1, "head": 9}));
    for _ in 0..12 {
        bench.pass(500);
        bench.frames(link, &json!({"type": "pong", "timestamp": 1}));
    }
    assert!(bench.outputs.contains(&Output::Drop { link }), "a hint that leads nowhere is resumed from the log");
}

#[test]
fn a_half_open_link_is_noticed_within_4_s_of_a_send() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.frames(link, &json!({"type": "pong", "timestamp": bench.ms}));
    bench.pass(10_000);
    bench.send("into the void");
    bench.pass(4_000);
    assert!(bench.outputs.contains(&Output::Drop { link }));
    assert_eq!(bench.texts().last().unwrap().1, Delivery::Unconfirmed);
}

#[test]
fn waking_up_proves_the_link_or_replaces_it() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let before = bench.sent(link, "ping").len();
    bench.pass(5_000);
    // Eight hours asleep: the monotonic clock stood still, the wall clock did not.
    let now = Now { wall: bench.now().wall + 8 * 3_600_000, ..bench.now() };
    bench.client.handle(now, Input::Page(Page::Hidden));
    while let Some(output) = bench.client.poll_output() {
        bench.outputs.push(output);
    }
    assert_eq!(bench.sent(link, "ping").len(), before + 1);
    bench.ms += 2_000;
    bench.client.handle(Now { mono: Instant::from_millis(bench.ms), wall: now.wall + 2_000 }, Input::Timeout);
    assert_eq!(bench.client.poll_output(), Some(Output::Drop { link }));
}

#[test]
fn the_banner_waits_two_seconds_and_the_state_is_offline_after_ten_failures() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.input(Input::Closed { link, end: End::Broken });
    bench.pass(1_900);
    assert_eq!(bench.client.view().banner, Banner::None);
    bench.pass(200);
    assert_eq!(bench.client.view().banner, Banner::Reconnecting);
    for _ in 0..200 {
        bench.pass(100);
        let gate = bench.outputs.iter().rev().find_map(|output| match output {
            Output::Request { request, call } if call.path.contains("/health") => Some(*request),
            _ => None,
        });
        bench.input(Input::Unanswered { request: gate.unwrap() });
    }
    assert_eq!((bench.client.view().banner, bench.client.view().link), (Banner::Offline, LinkState::Offline));
    bench.taken();
    bench.pass(5_000);
    assert!(!bench.taken().is_empty(), "slow tries go on");
}

#[test]
fn however_long_a_server_is_away_within_minutes_the_gate_is_asked_every_second() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.input(Input::Closed { link, end: End::Broken });
    let lost = bench.ms;
    let mut asked_at = lost;
    while bench.ms < lost + 300_000 {
        bench.pass(1);
        let gate = bench.taken().into_iter().find_map(|output| match output {
            Output::Request { request, call } if call.path.contains("/health") => Some(request),
            _ => None,
        });
        let Some(request) = gate else { continue };
        let (after, pause) = (bench.ms - lost, bench.ms - asked_at);
        assert!(pause <= 1_000, "a pause of {pause} ms after {after} ms");
        asked_at = bench.ms;
        // Nothing listens: it is refused at once.
        bench.input(Input::Unanswered { request });
    }
    assert!(bench.ms - asked_at <= 1_000, "it still asks");
}

#[test]
fn a_page_that_goes_keeps_its_draft_whatever_another_tab_has_done_with_its_own() {
    let mut bench = Bench::visitor();
    bench.online();
    bench.input(Input::Draft { text: "half a thought".into() });
    bench.taken();
    // Meanwhile another tab of this visitor sends something, and clears the one draft that is kept.
    bench.input(Input::Page(Page::Frozen));
    let kept = Output::Save { name: "draft".into(), value: "half a thought".into() };
    assert!(bench.taken().contains(&kept));
    let mut empty = Bench::visitor();
    empty.online();
    empty.taken();
    empty.input(Input::Page(Page::Frozen));
    assert!(!empty.taken().iter().any(|output| matches!(output, Output::Save { name, .. } if name == "draft")));
}

#[test]
fn what_another_server_refuses_is_asked_of_the_pages_own_again() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let mut frame = ready(2, 3);
    frame["servers"] = json!(["https://b.example"]);
    bench.frames(link, &frame);
    bench.input(Input::Closed { link, end: End::Broken });
    while bench
        .outputs
        .iter()
        .all(|output| !matches!(output, Output::Request { call, .. } if call.path.contains("b.example")))
    {
        bench.pass(2_500);
        if let Some(request) = bench.gate_at("/health") {
            bench.input(Input::Unanswered { request });
        }
    }
    bench.answer("https://b.example/health", 200, &json!({"status": "ok"}));
    let other = bench.link(Transport::WebSocket);
    let reason = json!({"reason": "forbidden_origin"}).to_string();
    bench.taken();
    bench.input(Input::Closed { link: other, end: End::Socket { code: 4003, reason } });
    assert!(!bench.outputs.iter().any(|output| matches!(output, Output::Event(Event::Refused { .. }))));
    bench.pass(2_500);
    assert!(bench.gate_at("/health").is_some(), "{:#?}", bench.outputs);
}

#[test]
fn a_forbidden_page_stops_and_says_why() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let reason = json!({"reason": "forbidden_origin"}).to_string();
    bench.input(Input::Closed { link, end: End::Socket { code: 4003, reason } });
    assert!(bench.outputs.contains(&Output::Event(Event::Refused { code: 4003, reason: "forbidden_origin".into() })));
    bench.taken();
    bench.pass(3_600_000);
    assert_eq!(bench.opens(), 0);
    assert_eq!(bench.client.view().banner, Banner::Refused);
}

#[test]
fn an_intentional_stop_does_not_reconnect() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.input(Input::Stop);
    assert!(bench.taken().contains(&Output::Drop { link }));
    bench.pass(600_000);
    assert_eq!(bench.opens(), 0);
    bench.input(Input::Start);
    assert_eq!(bench.opens(), 1);
}

#[test]
fn an_operator_whose_token_has_expired_is_asked_for_another_one() {
    let mut bench = Bench::new(Side::Operator { dialog_id: 7 });
    bench.input(Input::Start);
    bench.answer(
        "/api/dialogs/7/messages",
        200,
        &json!({"epoch": 1, "head": 1, "messages": [message(1, "a", "visitor")]}),
    );
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    bench.frames(link, &ready(1, 2));
    bench.input(Input::Closed { link, end: End::Socket { code: 4300, reason: String::new() } });
    assert!(bench.outputs.contains(&Output::Event(Event::CredentialsNeeded)));
    bench.taken();
    bench.input(Input::Credential(Secret::new("another")));
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    assert_eq!(bench.sent(link, "hello")[0]["token"], "another");
}

#[test]
fn a_thousand_messages_written_offline_are_sent_in_batches_and_in_order() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.input(Input::Closed { link, end: End::Broken });
    let ids: Vec<String> = (0..1_000).map(|n| bench.send(&format!("m{n}"))).collect();
    bench.input(Input::Send { text: "one too many".into() });
    assert_eq!(bench.client.view().notice, client_core::Notice::OutboxFull);
    bench.pass(250);
    bench.answer("/health", 200, &json!({"status": "ok"}));
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    bench.frames(link, &ready(2, 3));
    let mut stored = 0;
    while stored < 1_000 {
        let sent = bench.sent(link, "message");
        assert!(sent.len() > stored, "the window moves on");
        for (place, frame) in sent.iter().enumerate().skip(stored) {
            assert_eq!((&frame["id"], &frame["n"]), (&json!(ids[place]), &json!(place + 1)));
            let answer = json!({"type": "stored", "id": ids[place], "seq": place + 3, "at": 1});
            bench.frames(link, &json!([answer, message(place as u64 + 3, &ids[place], "visitor")]));
        }
        stored = sent.len();
    }
    assert_eq!(bench.client.unsettled(), 0);
}

#[test]
fn nobody_is_said_to_be_there_while_the_link_is_down() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.frames(link, &json!({"type": "presence", "operators": ["Ann"]}));
    assert_eq!(bench.client.view().operators, ["Ann"]);
    bench.input(Input::Closed { link, end: End::Broken });
    assert!(bench.client.view().operators.is_empty());
}

#[test]
fn a_message_in_doubt_is_asked_for_over_another_link_when_a_person_wants_it_with_the_same_id() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let id = bench.send("in doubt");
    // Too early: an answer may come any moment.
    bench.input(Input::Retry { id: id.clone() });
    assert!(!bench.taken().contains(&Output::Drop { link }));
    // Pings are answered, so the link looks well.
    for _ in 0..6 {
        bench.pass(1_000);
        bench.frames(link, &json!({"type": "pong", "timestamp": 1}));
    }
    assert_eq!(bench.client.view().items.last().map(|item| item.delivery), Some(Delivery::Unconfirmed));
    bench.taken();
    bench.input(Input::Retry { id: id.clone() });
    assert!(bench.outputs.contains(&Output::Drop { link }), "the silent link is left");
    bench.answer("/health", 200, &json!({}));
    let next = bench.link(Transport::WebSocket);
    assert_ne!(next, link);
    bench.input(Input::Opened { link: next });
    assert_eq!(bench.sent(next, "hello")[0]["pending"], json!([id]));
    // The log has it: nothing is sent again.
    let mut greeting = ready(3, 3);
    greeting["known"] = json!([{"id": id, "seq": 3, "at": 5}]);
    bench.frames(next, &greeting);
    assert!(bench.sent(next, "message").is_empty());
}
