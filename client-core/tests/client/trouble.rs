//! For each class of errors: what happened, what it is taken for, and that the client does what it says.

use crate::bench::{Bench, loaded, message, ready};
use client_core::{Action, Class, Delivery, End, Event, Input, LinkId, Output, Severity, Side, Transport, What};
use protocol::Secret;
use serde_json::json;

/// What the log says of the last thing that went wrong.
fn last(bench: &Bench) -> (&'static str, Class, Severity, Action) {
    let troubles = bench.client.log().filter_map(|entry| match entry.what {
        What::Trouble { trouble, action, .. } => Some((trouble.word(), trouble.class(), action)),
        _ => None,
    });
    let (word, class, action) = troubles.last().expect("something went wrong");
    (word, class, class.severity(), action)
}

fn close(bench: &mut Bench, link: LinkId, code: u16, reason: &serde_json::Value) {
    bench.input(Input::Closed { link, end: End::Socket { code, reason: reason.to_string() } });
}

/// Lets the gate answer, and opens the link that follows; returns it.
fn reopened(bench: &mut Bench, head: u64) -> LinkId {
    bench.answer("/health", 200, &json!({"status": "ok"}));
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    bench.frames(link, &ready(head, head + 1));
    bench.frames(link, &json!({"type": "synced", "head": head}));
    link
}

fn asks_the_gate(bench: &Bench) -> bool {
    bench.outputs.iter().any(|output| matches!(output, Output::Request { call, .. } if call.path.contains("/health")))
}

fn operator() -> (Bench, LinkId) {
    let mut bench = Bench::new(Side::Operator { dialog_id: 7 });
    bench.input(Input::Start);
    let page = json!({"epoch": 1, "head": 1, "messages": [message(1, "a", "visitor")]});
    bench.answer("/api/dialogs/7/messages", 200, &page);
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    bench.frames(link, &ready(1, 2));
    (bench, link)
}

#[test]
fn a_timeout_is_grave_and_the_link_is_opened_anew() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.pass(28_500);
    assert_eq!(last(&bench), ("silence", Class::ConnectionTimeout, Severity::High, Action::Reconnect));
    assert!(bench.outputs.contains(&Output::Drop { link }));
    assert_ne!(reopened(&mut bench, 2), link);

    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    bench.send("hello");
    bench.pass(5_000);
    assert_eq!(last(&bench), ("request_timeout", Class::ConnectionTimeout, Severity::High, Action::Reconnect));
    bench.pass(1_500);
    assert!(asks_the_gate(&bench));
}

#[test]
fn a_link_that_never_becomes_ready_is_a_timeout_too() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.input(Input::Closed { link, end: End::Broken });
    bench.pass(250);
    bench.answer("/health", 200, &json!({"status": "ok"}));
    bench.taken();
    bench.pass(60_000);
    let timeouts = bench.client.log().filter(|entry| entry.event() == "open_timeout").count();
    assert!(timeouts >= 1);
    assert!(bench.client.counters().connection_failures >= 2);
    assert!(asks_the_gate(&bench), "and it is tried again");
}

#[test]
fn a_token_that_is_not_taken_is_critical_and_another_one_is_asked_for() {
    for code in [4300, 4301] {
        let (mut bench, link) = operator();
        close(&mut bench, link, code, &json!({}));
        let expected = ("closed", Class::AuthenticationFailed, Severity::Critical, Action::Reauthenticate);
        assert_eq!(last(&bench), expected);
        assert!(bench.outputs.contains(&Output::Event(Event::CredentialsNeeded)));
        bench.input(Input::Credential(Secret::new("another")));
        let next = bench.link(Transport::WebSocket);
        assert_ne!(next, link, "with the new token it goes on");
    }
}

#[test]
fn what_can_never_be_taken_is_critical_and_the_page_is_told() {
    // A visitor's key is all there is; and a page that may not embed the chat stays so.
    for (code, reason) in [(4301, "unauthorized"), (4003, "forbidden_origin"), (4405, "unknown_site")] {
        let mut bench = Bench::visitor();
        let link = bench.online();
        close(&mut bench, link, code, &json!({"reason": reason}));
        assert_eq!(last(&bench), ("closed", Class::AuthenticationFailed, Severity::Critical, Action::GiveUp), "{code}");
        assert!(bench.outputs.iter().any(|output| matches!(output, Output::Event(Event::Refused { .. }))));
        bench.taken();
        bench.pass(600_000);
        assert_eq!(bench.opens(), 0, "{code}");
    }
}

#[test]
fn a_dialog_that_is_gone_begins_anew_for_a_visitor_and_ends_for_an_operator() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    close(&mut bench, link, 4404, &json!({"reason": "dialog_not_found"}));
    assert_eq!(last(&bench), ("dialog_gone", Class::AuthenticationFailed, Severity::Critical, Action::Retry));
    bench.pass(1_500);
    bench.taken();
    bench.send("again");
    bench.pass(5_000);
    assert!(!bench.taken().is_empty(), "it is looked up again");

    let (mut bench, link) = operator();
    close(&mut bench, link, 4404, &json!({"reason": "dialog_not_found"}));
    assert_eq!(last(&bench), ("dialog_gone", Class::AuthenticationFailed, Severity::Critical, Action::GiveUp));
    bench.taken();
    bench.pass(600_000);
    assert_eq!(bench.opens(), 0);
}

#[test]
fn an_overloaded_server_is_left_alone_for_as_long_as_it_says() {
    for code in [4200, 4205] {
        let mut bench = Bench::visitor();
        let link = bench.online();
        close(&mut bench, link, code, &json!({"reason": "overloaded", "retry_ms": 7_000}));
        assert_eq!(last(&bench), ("closed", Class::ServerOverload, Severity::Medium, Action::BackOff), "{code}");
        bench.taken();
        bench.pass(6_999);
        assert!(!asks_the_gate(&bench));
        bench.pass(30_000);
        assert!(asks_the_gate(&bench));
    }
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.input(Input::Closed { link, end: End::Broken });
    bench.pass(250);
    bench.answer("/health", 503, &json!({"status": "draining", "retry_ms": 5_000}));
    assert_eq!(last(&bench).1, Class::ServerOverload);
    bench.taken();
    bench.pass(4_999);
    assert!(!asks_the_gate(&bench));
    bench.pass(1_001);
    assert!(asks_the_gate(&bench));
}

#[test]
fn a_message_that_comes_too_fast_waits_for_as_long_as_the_server_says() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let id = bench.send("fast");
    let refusal = json!({"type": "refused", "id": id, "code": "rate_limited", "message": "", "retry": true, "retry_after_ms": 400});
    bench.frames(link, &refusal);
    assert_eq!(last(&bench), ("limited", Class::ServerOverload, Severity::Medium, Action::BackOff));
    bench.pass(399);
    assert_eq!(bench.sent(link, "message").len(), 1);
    bench.pass(1);
    assert_eq!(bench.sent(link, "message").len(), 2, "then it is sent again");
}

#[test]
fn a_broken_network_is_grave_and_the_link_is_opened_anew() {
    let ends = [
        (End::Broken, "broken"),
        (End::Socket { code: 1006, reason: String::new() }, "closed"),
        (End::Socket { code: 1012, reason: String::new() }, "closed"),
    ];
    for (end, word) in ends {
        let mut bench = Bench::visitor();
        let link = bench.online();
        bench.input(Input::Closed { link, end });
        assert_eq!(last(&bench), (word, Class::NetworkError, Severity::High, Action::Reconnect));
        bench.pass(250);
        assert_ne!(reopened(&mut bench, 2), link);
    }
    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    bench.send("hello");
    let (request, _) = bench.request("/api/site/dialogs?");
    bench.input(Input::Unanswered { request });
    assert_eq!(last(&bench), ("unreachable", Class::NetworkError, Severity::High, Action::Reconnect));
    bench.pass(1_500);
    bench.answer("/health", 200, &json!({"status": "ok"}));
    let id = bench.client.view().items[0].key.clone();
    bench.answer("/api/site/dialogs?", 200, &loaded(&[message(1, &id, "visitor")]));
    assert_eq!(bench.opens(), 1);
}

#[test]
fn what_stands_in_between_is_the_network_and_not_the_server() {
    for (status, class) in [(403, Class::NetworkError), (502, Class::NetworkError), (504, Class::ConnectionTimeout)] {
        let mut bench = Bench::visitor();
        bench.input(Input::Start);
        bench.send("hello");
        let (request, _) = bench.request("/api/site/dialogs?");
        bench.input(Input::Answered { request, status, body: "<h1>Log in to the hotel</h1>".into() });
        assert_eq!(last(&bench), ("foreign_answer", class, Severity::High, Action::Reconnect), "{status}");
        bench.pass(1_500);
        assert!(asks_the_gate(&bench), "{status}");
    }
}

#[test]
fn a_frame_that_cannot_be_read_is_asked_for_again() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.input(Input::Received { link, text: "{\"type\":\"message\",".into() });
    assert_eq!(last(&bench), ("bad_frame", Class::ProtocolError, Severity::Medium, Action::Retry));
    bench.pass(250);
    let next = reopened(&mut bench, 2);
    assert_eq!(bench.sent(next, "hello")[0]["after"], 2, "the log has what it was");
}

#[test]
fn a_message_out_of_its_order_is_sent_again() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let id = bench.send("one");
    let refusal = json!({"type": "refused", "id": id, "code": "order", "message": "", "retry": true, "expected": 1});
    bench.frames(link, &refusal);
    assert_eq!(last(&bench), ("order", Class::ProtocolError, Severity::Medium, Action::Retry));
    bench.pass(200);
    assert_eq!(bench.sent(link, "message").len(), 2);
}

#[test]
fn a_frame_that_the_server_could_not_read_is_sent_again_over_another_link() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let id = bench.send("one");
    bench.frames(link, &json!({"type": "error", "code": "invalid_frame", "message": ""}));
    assert_eq!(last(&bench), ("misread", Class::ProtocolError, Severity::Medium, Action::Retry));
    for _ in 0..21 {
        bench.pass(1_000);
        bench.frames(link, &json!({"type": "pong", "timestamp": 1}));
    }
    let next = reopened(&mut bench, 2);
    assert_eq!(bench.sent(next, "message")[0]["id"], json!(id));
}

#[test]
fn a_message_that_is_never_taken_is_shown_as_refused_and_those_behind_it_go_on() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let (bad, good) = (bench.send("bad"), bench.send("good"));
    let refusal = json!({"type": "refused", "id": bad, "code": "text_too_long", "message": "", "retry": false});
    bench.frames(link, &refusal);
    assert_eq!(last(&bench), ("message_refused", Class::ProtocolError, Severity::Medium, Action::GiveUp));
    let refused = bench.texts().iter().any(|(text, delivery)| text == "bad" && *delivery == Delivery::Refused);
    assert!(refused);
    bench.pass(250);
    let next = reopened(&mut bench, 2);
    assert_eq!(bench.sent(next, "message")[0]["id"], json!(good));
}

#[test]
fn what_is_of_no_known_kind_is_noted_and_the_link_goes_on() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let id = bench.send("kept nowhere");
    bench.input(Input::SaveFailed { name: format!("o:{id}") });
    assert_eq!(last(&bench), ("storage", Class::Unknown, Severity::Medium, Action::Continue));
    let mut foreign = message(3, "m3", "operator");
    foreign["dialog_id"] = json!(8);
    bench.frames(link, &foreign);
    assert_eq!(last(&bench), ("other_dialog", Class::Unknown, Severity::Medium, Action::Continue));
    assert!(!bench.outputs.contains(&Output::Drop { link }));
    bench.frames(link, &json!({"type": "stored", "id": id, "seq": 3, "at": 1}));
    assert_eq!(bench.client.unsettled(), 0);
}

#[test]
fn every_class_is_counted() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.input(Input::Received { link, text: "{".into() });
    bench.pass(250);
    let link = reopened(&mut bench, 2);
    bench.input(Input::Closed { link, end: End::Broken });
    let errors = bench.client.counters().errors;
    let named: Vec<(&str, u32)> = Class::ALL.iter().map(|class| class.word()).zip(errors).collect();
    assert_eq!(
        named,
        [
            ("CONNECTION_TIMEOUT", 0),
            ("AUTHENTICATION_FAILED", 0),
            ("SERVER_OVERLOAD", 0),
            ("NETWORK_ERROR", 1),
            ("PROTOCOL_ERROR", 1),
            ("UNKNOWN", 0)
        ]
    );
}
