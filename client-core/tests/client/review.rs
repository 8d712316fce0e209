//! What has gone wrong once, or nearly: races of links, answers and clocks.

use crate::bench::{Bench, loaded, message, ready};
use client_core::{Delivery, End, Event, Input, LinkId, LinkState, Older, Output, Page, Panel, Side, Transport};
use serde_json::{Value, json};

const DAY_MS: u64 = 24 * 3_600_000;

impl Bench {
    /// Brings a visitor online over SSE, the WebSocket having failed; the log has one message.
    fn on_stream(&mut self) -> LinkId {
        self.input(Input::Start);
        let id = self.send("hello");
        self.answer("/api/site/dialogs?", 200, &loaded(&[message(1, &id, "visitor")]));
        let socket = self.link(Transport::WebSocket);
        self.input(Input::Closed { link: socket, end: End::Socket { code: 1006, reason: String::new() } });
        let stream = self.link(Transport::Sse);
        self.input(Input::Opened { link: stream });
        self.frames(stream, &ready(1, 2));
        self.frames(stream, &json!({"type": "synced", "head": 1}));
        stream
    }

    /// Lets time pass in which nothing but the gate and the heartbeat of a stream work.
    fn beat(&mut self, stream: LinkId, times: u64, head: u64) {
        for _ in 0..times {
            self.pass(20_000);
            self.frames(stream, &json!({"type": "heartbeat", "timestamp": 1, "head": head}));
        }
    }

    fn posts(&self, part: &str) -> usize {
        let is_it = |output: &&Output| matches!(output, Output::Request { call, .. } if call.path.contains(part));
        self.outputs.iter().filter(is_it).count()
    }

    fn keys(&self) -> Vec<String> {
        self.client.view().items.into_iter().map(|item| item.key).collect()
    }

    fn drops(&self, link: LinkId) -> bool {
        self.outputs.contains(&Output::Drop { link })
    }

    /// The gate answers, and a WebSocket is opened.
    fn reopen(&mut self) -> LinkId {
        self.answer("/health", 200, &json!({"status": "ok"}));
        let link = self.link(Transport::WebSocket);
        self.input(Input::Opened { link });
        link
    }
}

fn refused(id: &str, code: &str, retry: bool) -> Value {
    json!({"type": "refused", "id": id, "code": code, "message": "", "retry": retry})
}

/// Returns a page that comes up with messages of the day before yesterday.
fn with_old_messages(count: u64) -> Bench {
    let mut bench = Bench::visitor();
    let mut kept = vec![("key".into(), "vk_0".into()), ("dialog".into(), "7".into())];
    for n in 0..count {
        let millis = bench.now().wall - 2 * DAY_MS + n;
        let id = format!("{:08x}-{:04x}-7000-8000-000000000000", millis >> 16, millis & 0xffff);
        kept.push((format!("o:{id}"), format!("old {n}")));
    }
    bench.input(Input::Restored(kept));
    bench.input(Input::Start);
    bench.answer("/api/site/dialogs?", 200, &loaded(&[message(1, "welcome", "system")]));
    bench
}

#[test]
fn what_the_old_link_brings_before_the_next_is_ready_stays_on_the_screen() {
    let mut bench = Bench::visitor();
    let old = bench.online();
    bench.frames(old, &json!({"type": "drain", "in_ms": 1000, "spread_ms": 1000}));
    bench.pass(500);
    let next = bench.reopen();
    bench.frames(old, &message(3, "m3", "operator"));
    let before = bench.keys();
    bench.taken();
    bench.frames(next, &ready(3, 3));
    assert_eq!(bench.keys(), before);
    bench.frames(next, &json!([message(3, "m3", "operator"), message(4, "m4", "operator")]));
    assert_eq!(bench.keys().len(), 4);
    let heard: Vec<&Output> = bench.outputs.iter().filter(|output| matches!(output, Output::Event(_))).collect();
    assert_eq!(heard, [&Output::Event(Event::Message { seq: 4 })], "each is told once");
    assert_eq!(bench.client.view().older, Older::None);
}

#[test]
fn what_is_written_today_does_not_wait_behind_what_has_expired() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.frames(link, &json!({"type": "pong", "timestamp": 1}));
    for n in 0..5 {
        bench.send(&format!("old {n}"));
    }
    bench.input(Input::Page(Page::Frozen));
    bench.ms += 2 * DAY_MS;
    bench.send("new");
    bench.input(Input::Page(Page::Resumed));
    bench.pass(250);
    let link = bench.reopen();
    bench.frames(link, &ready(2, 3));
    assert_eq!(bench.sent(link, "message").len(), 1, "the new one goes at once");
    assert_eq!(bench.sent(link, "message")[0]["n"], 1);
}

#[test]
fn a_stream_that_withholds_what_a_post_has_stored_is_replaced() {
    let mut bench = Bench::visitor();
    let stream = bench.on_stream();
    let id = bench.send("by POST");
    bench.answer("/frames", 200, &json!([{"type": "stored", "id": id, "seq": 2, "at": 9}]));
    bench.pass(3_500);
    assert!(bench.drops(stream));
}

#[test]
fn marks_that_a_post_did_not_bring_up_are_sent_again() {
    let mut bench = Bench::visitor();
    let stream = bench.on_stream();
    bench.pass(2_000);
    bench.answer("/frames", 500, &json!({}));
    bench.taken();
    bench.beat(stream, 1, 1);
    assert!(bench.request("/frames").1.body.unwrap().contains("received"));
}

#[test]
fn a_late_refusal_over_the_old_link_is_not_taken_for_one_of_the_new() {
    let mut bench = Bench::visitor();
    let stream = bench.on_stream();
    bench.beat(stream, 2, 1);
    bench.pass(20_001);
    let upgrade = bench.reopen();
    let id = bench.send("a");
    let (post, _) = bench.request("/frames");
    bench.frames(upgrade, &ready(1, 2));
    assert_eq!(bench.sent(upgrade, "message").len(), 1);
    bench.input(Input::Answered { request: post, status: 200, body: json!([refused(&id, "order", true)]).to_string() });
    bench.pass(500);
    assert_eq!(bench.sent(upgrade, "message").len(), 1, "never twice on one socket");
}

#[test]
fn one_refused_batch_is_one_setback() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let ids: Vec<String> = (0..10).map(|n| bench.send(&format!("m{n}"))).collect();
    let refusals: Vec<Value> = ids.iter().map(|id| refused(id, "order", true)).collect();
    bench.frames(link, &json!(refusals));
    assert!(!bench.drops(link));
    bench.pass(100);
    assert_eq!(bench.sent(link, "message").len(), 20);
}

#[test]
fn a_post_that_is_answered_with_nothing_is_not_repeated_at_once() {
    let mut bench = Bench::visitor();
    bench.on_stream();
    bench.send("a");
    bench.answer("/frames", 200, &json!([]));
    assert_eq!(bench.posts("/frames"), 1);
    bench.pass(1_100);
    assert_eq!(bench.posts("/frames"), 2);
}

#[test]
fn an_error_page_of_somebody_else_ends_nothing() {
    for status in [400, 401, 403, 404] {
        let mut bench = Bench::visitor();
        bench.input(Input::Start);
        bench.send("hello");
        for part in ["/config", "/api/site/dialogs?"] {
            let (request, _) = bench.request(part);
            bench.input(Input::Answered { request, status, body: "<h1>Log in to the hotel</h1>".into() });
        }
        assert_ne!(bench.client.view().link, LinkState::Stopped, "{status} without a word of ours");
        let mut bench = Bench::visitor();
        bench.on_stream();
        bench.send("by POST");
        let (request, _) = bench.request("/frames");
        bench.input(Input::Answered { request, status, body: "<h1>Log in to the hotel</h1>".into() });
        assert_ne!(bench.client.view().link, LinkState::Stopped, "{status} without a word of ours");
    }
}

#[test]
fn a_stream_that_fails_does_not_keep_the_websocket_away() {
    let mut bench = Bench::visitor();
    let stream = bench.on_stream();
    bench.input(Input::Closed { link: stream, end: End::Broken });
    bench.pass(250);
    bench.answer("/health", 200, &json!({"status": "ok"}));
    let stream = bench.link(Transport::Sse);
    bench.taken();
    bench.input(Input::Closed { link: stream, end: End::Broken });
    let (poll, _) = bench.request("/poll?");
    bench.input(Input::Unanswered { request: poll });
    bench.pass(1_100);
    bench.answer("/health", 200, &json!({"status": "ok"}));
    bench.link(Transport::WebSocket);
}

#[test]
fn a_link_that_dies_as_soon_as_it_is_ready_is_not_opened_as_fast_as_the_network_allows() {
    let mut bench = Bench::visitor();
    let mut link = bench.online();
    bench.taken();
    let start = bench.ms;
    for _ in 0..20 {
        bench.input(Input::Closed { link, end: End::Broken });
        while bench.posts("/health") == 0 {
            bench.pass(50);
        }
        // The server was away: otherwise the WebSocket would be given up.
        bench.answer("/health", 200, &json!({"status": "draining", "retry_ms": 300}));
        bench.taken();
        while bench.posts("/health") == 0 {
            bench.pass(50);
        }
        link = bench.reopen();
        bench.taken();
        bench.frames(link, &ready(2, 3));
    }
    assert!(bench.ms - start > 30_000, "20 links in {} ms", bench.ms - start);
}

#[test]
fn a_gate_that_is_closed_is_asked_again_whatever_its_status() {
    let rows = [(200, "draining"), (200, "overloaded"), (503, "draining"), (502, "a proxy's"), (429, "ok")];
    for (status, word) in rows {
        let mut bench = Bench::visitor();
        let link = bench.online();
        bench.input(Input::Closed { link, end: End::Broken });
        while bench.posts("/health") == 0 {
            bench.pass(50);
        }
        let closed_at = bench.ms;
        bench.answer("/health", status, &json!({"status": word, "retry_ms": 900}));
        bench.taken();
        while bench.posts("/health") == 0 {
            bench.pass(50);
        }
        assert_eq!(bench.opens(), 0, "{status} {word}");
        assert!((900..=1_100).contains(&(bench.ms - closed_at)), "{status} {word}: after {}", bench.ms - closed_at);
        bench.answer("/health", 200, &json!({"status": "ok", "retry_ms": 0}));
        bench.link(Transport::WebSocket);
    }
}

#[test]
fn older_messages_that_come_after_a_snapshot_leave_no_hole() {
    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    bench.send("hello");
    let page = json!({"dialog_id": 7, "page": {"epoch": 1, "head": 101, "older": true, "messages": [message(101, "m101", "operator")]}});
    bench.answer("/api/site/dialogs?", 200, &page);
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    bench.input(Input::Older);
    let (older, _) = bench.request("before=101");
    let mut snapshot = ready(1_000, 951);
    snapshot["mode"] = json!("snapshot");
    bench.frames(link, &snapshot);
    bench.frames(link, &message(951, "m951", "operator"));
    let page = json!({"epoch": 1, "head": 101, "older": true, "messages": [message(100, "m100", "operator")]});
    bench.input(Input::Answered { request: older, status: 200, body: page.to_string() });
    let keys = bench.keys();
    assert!(!keys.contains(&"m100".into()), "{keys:?}");
    assert_eq!(bench.client.view().older, Older::Some, "they can be asked for again");
}

#[test]
fn an_older_page_that_holds_an_own_message_settles_it() {
    let mut bench = with_old_messages(1);
    let id = bench.keys().pop().unwrap();
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    let mut snapshot = ready(1_000, 951);
    snapshot["mode"] = json!("snapshot");
    bench.frames(link, &snapshot);
    bench.input(Input::Older);
    let page = json!({"epoch": 1, "head": 1_000, "messages": [message(901, &id, "visitor")]});
    bench.answer("before=951", 200, &page);
    assert_eq!(bench.keys(), [id]);
}

#[test]
fn what_is_still_in_the_old_links_pipe_overtakes_nothing() {
    let mut bench = Bench::visitor();
    let old = bench.online();
    bench.frames(old, &json!({"type": "drain", "in_ms": 1000, "spread_ms": 1000}));
    bench.pass(500);
    let next = bench.reopen();
    let sender = |bench: &Bench, link| bench.sent(link, "hello")[0]["client"]["id"].clone();
    let ids = [bench.send("a"), bench.send("b"), bench.send("c")];
    let mut log = Log::default();
    let over_old = bench.sent(old, "message");
    log.take(&sender(&bench, old), &over_old[0]);
    let mut frame = ready(3, 3);
    frame["last_n"] = json!(log.last_n(&sender(&bench, next)));
    bench.frames(next, &frame);
    let over_next = bench.sent(next, "message");
    log.take(&sender(&bench, next), &over_next[0]);
    over_old[1..].iter().for_each(|frame| log.take(&sender(&bench, old), frame));
    over_next[1..].iter().for_each(|frame| log.take(&sender(&bench, next), frame));
    assert_eq!(log.ids, ids);
}

/// A dialog at the server, as far as the order of messages goes.
#[derive(Default)]
struct Log {
    ids: Vec<String>,
    senders: Vec<(Value, u64)>,
}

impl Log {
    fn last_n(&self, sender: &Value) -> u64 {
        self.senders.iter().rev().find(|(name, _)| name == sender).map_or(0, |(_, n)| *n)
    }

    fn take(&mut self, sender: &Value, frame: &Value) {
        let (id, n) = (frame["id"].as_str().unwrap(), frame["n"].as_u64().unwrap());
        if n == self.last_n(sender) + 1 {
            self.senders.push((sender.clone(), n));
            if !self.ids.iter().any(|known| known == id) {
                self.ids.push(id.into());
            }
        }
    }
}

#[test]
fn a_frozen_page_that_is_used_is_not_frozen() {
    for used in [Input::Send { text: "hi".into() }, Input::TryNow, Input::Start] {
        let mut bench = Bench::visitor();
        bench.online();
        bench.input(Input::Page(Page::Frozen));
        bench.taken();
        bench.input(used);
        bench.pass(250);
        bench.request("/health");
    }
}

#[test]
fn the_first_message_is_not_in_doubt_from_the_start() {
    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    bench.send("hello");
    assert_eq!(bench.texts(), [("hello".to_owned(), Delivery::Sending)]);
    bench.pass(5_000);
    assert_eq!(bench.texts(), [("hello".to_owned(), Delivery::Unconfirmed)]);
}

#[test]
fn a_hello_stays_within_the_limits_of_a_frame() {
    let mut bench = with_old_messages(2_000);
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    assert!(bench.sent(link, "hello")[0]["pending"].as_array().unwrap().len() <= 1_000);
}

#[test]
fn a_retry_of_what_is_on_its_way_changes_no_order() {
    let mut bench = Bench::visitor();
    bench.online();
    let (a, b) = (bench.send("a"), bench.send("b"));
    bench.input(Input::Retry { id: a.clone() });
    assert_eq!(bench.keys()[2..], [a, b]);
}

#[test]
fn a_message_that_has_expired_is_sent_when_a_person_says_so() {
    let mut bench = with_old_messages(1);
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    bench.frames(link, &ready(1, 2));
    let id = bench.keys().pop().unwrap();
    assert_eq!(bench.texts().last().unwrap().1, Delivery::Expired);
    bench.input(Input::Retry { id });
    assert_eq!(bench.sent(link, "message").len(), 1);
}

#[test]
fn a_ready_after_a_bye_opens_nothing() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let bye = json!({"type": "bye", "code": 4100, "reason": "draining", "retry": true});
    bench.frames(link, &json!([bye, ready(2, 3)]));
    assert_eq!(bench.client.view().link, LinkState::Reconnecting);
}

#[test]
fn an_operator_without_credentials_is_shown_as_disconnected() {
    let mut bench = Bench::new(Side::Operator { dialog_id: 7 });
    bench.input(Input::Start);
    bench.answer("/api/dialogs/7/messages", 200, &json!({"epoch": 1, "head": 0, "messages": []}));
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    bench.frames(link, &ready(0, 1));
    bench.input(Input::Closed { link, end: End::Socket { code: 4300, reason: String::new() } });
    assert_eq!(bench.client.view().link, LinkState::Reconnecting);
}

#[test]
fn answers_of_posts_that_overtake_each_other_change_no_order_on_the_screen() {
    let mut bench = Bench::visitor();
    bench.on_stream();
    let (a, b) = (bench.send("a"), bench.send("b"));
    let (second, _) = bench.request("/frames");
    bench.input(Input::Answered {
        request: second,
        status: 200,
        body: json!([{"type": "stored", "id": b, "seq": 3, "at": 9}]).to_string(),
    });
    let first = client_core::RequestId(second.0 - 1);
    bench.input(Input::Answered {
        request: first,
        status: 200,
        body: json!([{"type": "stored", "id": a, "seq": 2, "at": 9}]).to_string(),
    });
    assert_eq!(bench.keys()[1..], [a, b]);
}

#[test]
fn after_a_restored_backup_new_messages_are_unread() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.input(Input::Panel(Panel::Open));
    bench.frames(link, &json!([message(3, "m3", "operator"), message(4, "m4", "operator")]));
    bench.input(Input::Panel(Panel::Closed));
    bench.input(Input::Closed { link, end: End::Broken });
    bench.pass(250);
    let link = bench.reopen();
    let mut reset = ready(2, 1);
    (reset["mode"], reset["epoch"]) = (json!("reset"), json!(2));
    bench.frames(link, &reset);
    bench.frames(
        link,
        &json!([message(1, "welcome", "system"), message(2, "a", "visitor"), message(3, "n3", "operator")]),
    );
    assert_eq!(bench.client.view().unread, 1);
}

#[test]
fn a_page_that_is_woken_again_and_again_still_notices_a_dead_link() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.pass(1_000);
    for _ in 0..5 {
        bench.input(Input::Page(Page::Visible));
        bench.pass(1_000);
    }
    assert!(bench.drops(link));
}

#[test]
fn a_device_that_comes_online_does_not_wait_for_what_was_begun_before() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.input(Input::Closed { link, end: End::Broken });
    bench.pass(250);
    let second = bench.reopen();
    bench.taken();
    bench.input(Input::Page(Page::Online));
    assert!(bench.drops(second));
    bench.pass(250);
    bench.request("/health");
}

#[test]
fn what_was_in_the_pipe_before_a_send_does_not_stand_for_its_answer() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.pass(1_000);
    bench.send("into the ice");
    bench.pass(5);
    bench.frames(link, &json!({"type": "receipt", "who": "operator", "received": 2, "read": 2}));
    bench.pass(5_000);
    assert!(bench.drops(link));
}

#[test]
fn what_others_write_does_not_stand_for_the_answer_to_a_message() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.pass(1_000);
    bench.send("into a pipe that leads one way");
    for _ in 0..5 {
        bench.pass(500);
        bench.frames(link, &json!({"type": "typing", "author": {"kind": "operator", "name": "Ann"}, "on": true}));
        bench.pass(500);
    }
    assert!(bench.drops(link));
}

#[test]
fn a_post_without_an_answer_costs_a_stream_that_is_silent_its_link_within_4_s() {
    let mut bench = Bench::visitor();
    let socket = bench.opening();
    bench.closes(socket, 1006, "");
    let stream = bench.link(Transport::Sse);
    bench.input(Input::Opened { link: stream });
    bench.frames(stream, &ready(1, 2));
    let id = bench.send("answered");
    bench.pass(60);
    bench.answer("/frames", 200, &json!([{"type": "stored", "id": id, "seq": 2, "at": 1}]));
    bench.send("into the hole");
    bench.pass(4_000);
    assert!(bench.drops(stream));
    assert!(!bench.gates().is_empty(), "the gate is asked");
}

#[test]
fn a_post_without_an_answer_ends_a_link_of_polls_within_4_s() {
    let mut bench = Bench::visitor();
    bench.polling();
    bench.send("into the hole");
    bench.pass(4_000);
    assert_eq!(bench.client.view().link, LinkState::Reconnecting);
    assert!(!bench.gates().is_empty(), "the gate is asked");
}

#[test]
fn a_large_batch_is_given_the_time_that_a_slow_line_needs() {
    let mut bench = Bench::visitor();
    bench.polling();
    bench.send(&"long ".repeat(2_000));
    bench.pass(4_000);
    assert_eq!(bench.client.view().link, LinkState::OnlineLongPolling);
}

#[test]
fn a_message_of_another_dialog_is_shown_to_nobody() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let cursor = bench.client.cursor();
    let author = json!({"kind": "operator", "name": "Ann"});
    for dialog_id in [6, 8] {
        let foreign = json!({"type": "message", "dialog_id": dialog_id, "seq": cursor + 1, "id": "x", "author": author,
            "text": "not for you", "at": 5});
        bench.frames(link, &foreign);
    }
    assert_eq!(bench.client.cursor(), cursor);
    assert!(bench.client.view().items.iter().all(|item| item.text != "not for you"));
}
