//! Down the ladder of transports and servers, and back up.

use crate::bench::{Bench, loaded, message, ready};
use client_core::{Banner, End, Input, LinkId, LinkState, Output, Page, RequestId, Transport};
use serde_json::{Value, json};

impl Bench {
    /// Brings a visitor to where its first link is being opened; the log has one message.
    pub(crate) fn opening(&mut self) -> LinkId {
        self.input(Input::Start);
        let id = self.send("hello");
        self.answer("/api/site/dialogs?", 200, &loaded(&[message(1, &id, "visitor")]));
        self.link(Transport::WebSocket)
    }

    pub(crate) fn closes(&mut self, link: LinkId, code: u16, reason: &str) {
        self.input(Input::Closed { link, end: End::Socket { code, reason: reason.into() } });
    }

    /// Brings a visitor online by polls: the WebSocket fails, and the stream brings nothing.
    pub(crate) fn polling(&mut self) {
        let socket = self.opening();
        self.closes(socket, 1006, "");
        self.pass(3_000);
        self.polled(1, &[]);
    }

    /// Answers the poll that is under way with what comes after the cursor.
    pub(crate) fn polled(&mut self, head: u64, events: &[Value]) {
        let mut frames = vec![ready(head, head + 1 - events.len() as u64)];
        frames.extend(events.iter().cloned());
        frames.push(json!({"type": "synced", "head": head}));
        self.answer("/poll?", 200, &Value::Array(frames));
    }

    pub(crate) fn poll(&mut self) -> (RequestId, String) {
        let (request, call) = self.request("/poll?");
        (request, call.path)
    }

    pub(crate) fn polls(&self) -> usize {
        let is_it = |output: &&Output| matches!(output, Output::Request { call, .. } if call.path.contains("/poll?"));
        self.outputs.iter().filter(is_it).count()
    }

    pub(crate) fn gates(&self) -> Vec<String> {
        let path = |output: &Output| match output {
            Output::Request { call, .. } if call.path.contains("/health") => Some(call.path.clone()),
            _ => None,
        };
        self.outputs.iter().filter_map(path).collect()
    }

    pub(crate) fn gate_opens(&mut self) {
        self.answer("/health", 200, &json!({"status": "ok"}));
    }

    pub(crate) fn link_state(&self) -> LinkState {
        self.client.view().link
    }

    pub(crate) fn saved(&self, wanted: &str) -> Option<String> {
        self.outputs.iter().rev().find_map(|output| match output {
            Output::Save { name, value } if name == wanted => Some(value.clone()),
            _ => None,
        })
    }

    /// The gate answers, a WebSocket is opened, and becomes ready; the log still has so many messages.
    pub(crate) fn reopened(&mut self, head: u64) -> LinkId {
        while self.gates().is_empty() {
            self.pass(50);
        }
        self.gate_opens();
        let link = self.link(Transport::WebSocket);
        self.input(Input::Opened { link });
        self.frames(link, &ready(head, head + 1));
        self.frames(link, &json!({"type": "pong", "timestamp": self.ms}));
        link
    }

    /// Forgets everything that was asked for but the gate.
    pub(crate) fn taken_but_last_gate(&mut self) {
        self.outputs.retain(|output| matches!(output, Output::Request { call, .. } if call.path.contains("/health")));
    }

    /// Takes the link that was opened last.
    pub(crate) fn opened(&self) -> Option<(LinkId, Transport)> {
        self.outputs.iter().rev().find_map(|output| match output {
            Output::Open { link, transport, .. } => Some((*link, *transport)),
            _ => None,
        })
    }

    /// Lets time pass on a socket that is well.
    pub(crate) fn steady(&mut self, link: LinkId, ms: u64) {
        let end = self.ms + ms;
        while self.ms < end {
            self.pass(5_000.min(end - self.ms));
            self.frames(link, &json!({"type": "pong", "timestamp": self.ms}));
        }
    }

    pub(crate) fn heartbeat(&mut self, link: LinkId, head: u64) {
        self.frames(link, &json!({"type": "heartbeat", "timestamp": 1, "head": head}));
    }
}

#[test]
fn behind_a_proxy_that_lets_nothing_through_polls_take_over_within_6_s() {
    let mut bench = Bench::visitor();
    let start = bench.ms;
    let socket = bench.opening();
    bench.input(Input::Opened { link: socket });
    bench.pass(2_500);
    let stream = bench.link(Transport::Sse);
    assert_eq!(bench.opens(), 2, "the WebSocket is still given a chance");
    bench.input(Input::Opened { link: stream });
    assert_eq!(bench.polls(), 0);
    bench.pass(3_000);
    assert!(bench.poll().1.ends_with("&wait=0"), "{}", bench.poll().1);
    bench.polled(1, &[]);
    assert_eq!(bench.link_state(), LinkState::OnlineLongPolling);
    assert!(bench.ms - start <= 6_000);
    for link in [socket, stream] {
        assert!(bench.outputs.contains(&Output::Drop { link }));
    }
    assert!(
        bench.poll().1.ends_with("&after=1&epoch=1&channels=typing,presence,receipts&wait=25"),
        "{}",
        bench.poll().1
    );
}

#[test]
fn what_fails_at_once_is_not_waited_for() {
    let mut bench = Bench::visitor();
    let socket = bench.opening();
    bench.closes(socket, 1006, "");
    let stream = bench.link(Transport::Sse);
    bench.input(Input::Closed { link: stream, end: End::Refused { status: 403, body: "<html>".into() } });
    assert_eq!(bench.polls(), 1);
    bench.polled(1, &[]);
    assert_eq!(bench.link_state(), LinkState::OnlineLongPolling);
}

#[test]
fn a_stream_that_is_late_but_first_still_wins() {
    let mut bench = Bench::visitor();
    let socket = bench.opening();
    bench.closes(socket, 1006, "");
    let stream = bench.link(Transport::Sse);
    bench.pass(3_100);
    let (poll, _) = bench.poll();
    bench.frames(stream, &ready(1, 2));
    assert_eq!(bench.link_state(), LinkState::OnlineSse);
    assert!(bench.outputs.contains(&Output::Abort { request: poll }));
}

#[test]
fn polls_bring_messages_and_posts_take_them() {
    let mut bench = Bench::visitor();
    bench.polling();
    bench.pass(10_000);
    bench.polled(2, &[message(2, "m2", "operator")]);
    assert!(bench.poll().1.contains("&after=2&"), "asked again at once: {}", bench.poll().1);
    let sent = bench.send("by POST");
    bench.answer("/frames", 200, &json!([{"type": "stored", "id": sent, "seq": 3, "at": 9}]));
    bench.polled(3, &[message(3, &sent, "visitor")]);
    assert_eq!(bench.client.cursor(), 3);
    let keys: Vec<String> = bench.client.view().items.into_iter().map(|item| item.key).collect();
    assert_eq!(keys.iter().filter(|key| **key == sent).count(), 1);
    assert_eq!(bench.client.unsettled(), 0);
}

#[test]
fn a_held_poll_that_is_cut_makes_polls_short_and_rare_and_talk_makes_them_frequent() {
    for (status, body) in [(0, ""), (504, "<html>")] {
        let mut bench = Bench::visitor();
        bench.polling();
        bench.pass(10_000);
        let (held, _) = bench.poll();
        if status == 0 {
            bench.input(Input::Unanswered { request: held });
        } else {
            bench.input(Input::Answered { request: held, status, body: body.into() });
        }
        assert!(bench.poll().1.ends_with("&wait=0"), "is it the holding, or the whole way?");
        assert_eq!(bench.link_state(), LinkState::OnlineLongPolling);
        bench.polled(1, &[]);
        assert_eq!(bench.link_state(), LinkState::OnlinePolling);
        assert_eq!(bench.client.view().banner, Banner::Limited);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            bench.taken();
            let asked = bench.ms;
            while bench.polls() == 0 {
                bench.pass(500);
            }
            pauses.push(bench.ms - asked);
            assert!(bench.poll().1.ends_with("&wait=0"));
            bench.polled(1, &[]);
        }
        assert_eq!(pauses, [3_000, 4_500, 7_000, 10_500, 15_500, 23_000, 30_000, 30_000]);
        bench.taken();
        bench.input(Input::Draft { text: "so".into() });
        bench.pass(3_000);
        assert_eq!(bench.polls(), 1, "somebody is there");
    }
}

#[test]
fn a_poll_that_nobody_answers_is_given_up_and_where_short_ones_fail_too_the_link_is_lost() {
    let mut bench = Bench::visitor();
    bench.polling();
    bench.pass(29_999);
    let before = bench.polls();
    bench.pass(1);
    assert_eq!(bench.polls(), before + 1, "25 s, and 5 s for the way");
    bench.pass(5_000);
    assert_eq!(bench.link_state(), LinkState::Reconnecting);
}

#[test]
fn polls_that_are_answered_at_once_with_nothing_do_not_spin() {
    let mut bench = Bench::visitor();
    bench.polling();
    let end = bench.ms + 60_000;
    let (mut asked, mut last) = (0, None);
    while bench.ms < end {
        let (request, _) = bench.poll();
        if last == Some(request) {
            bench.pass(50);
        } else {
            (asked, last) = (asked + 1, Some(request));
            bench.polled(1, &[]);
        }
    }
    assert!((5..15).contains(&asked), "{asked} polls in a minute");
}

#[test]
fn a_link_made_of_polls_climbs_to_a_stream_where_a_websocket_stays_blocked() {
    let mut bench = Bench::visitor();
    bench.polling();
    let end = bench.ms + 60_000;
    while bench.ms < end {
        bench.pass(20_000);
        if bench.ms < end {
            bench.polled(1, &[]);
        }
    }
    bench.gate_opens();
    let socket = bench.link(Transport::WebSocket);
    bench.taken();
    bench.closes(socket, 1006, "");
    let stream = bench.link(Transport::Sse);
    assert_eq!(bench.link_state(), LinkState::OnlineLongPolling, "left only when the stream is ready");
    bench.frames(stream, &ready(1, 2));
    assert_eq!(bench.link_state(), LinkState::OnlineSse);
    assert!(bench.outputs.iter().any(|output| matches!(output, Output::Abort { .. })), "of the poll under way");
}

#[test]
fn a_websocket_that_opens_and_dies_twice_is_left_alone_for_half_an_hour() {
    let mut bench = Bench::visitor();
    let mut link = bench.online();
    bench.frames(link, &json!({"type": "pong", "timestamp": 1}));
    for _ in 0..2 {
        bench.pass(10_000);
        bench.taken();
        bench.closes(link, 1006, "");
        while bench.gates().is_empty() {
            bench.pass(50);
        }
        bench.taken_but_last_gate();
        bench.gate_opens();
        let opened = bench.opened();
        if let Some((next, Transport::WebSocket)) = opened {
            link = next;
            bench.input(Input::Opened { link });
            bench.frames(link, &ready(2, 3));
            bench.frames(link, &json!({"type": "pong", "timestamp": bench.ms}));
        }
    }
    let stream = bench.link(Transport::Sse);
    bench.frames(stream, &ready(2, 3));
    assert_eq!(bench.link_state(), LinkState::OnlineSse);
    bench.taken();
    for _ in 0..89 {
        bench.pass(20_000);
        bench.heartbeat(stream, 2);
    }
    assert_eq!(bench.gates().len(), 0, "not even asked for");
    bench.pass(20_000);
    bench.gate_opens();
    bench.link(Transport::WebSocket);
}

#[test]
fn links_that_a_dying_server_takes_with_it_condemn_nothing() {
    let mut bench = Bench::visitor();
    let mut link = bench.online();
    for _ in 0..4 {
        bench.pass(5_000);
        bench.taken();
        bench.closes(link, 1006, "");
        while bench.gates().is_empty() {
            bench.pass(50);
        }
        let (request, _) = bench.request("/health");
        bench.taken();
        bench.input(Input::Unanswered { request });
        link = bench.reopened(2);
    }
    assert_eq!(bench.link_state(), LinkState::Online);
}

#[test]
fn where_a_websocket_has_worked_it_is_back_within_60_s_of_the_end_of_a_block() {
    let mut bench = Bench::visitor();
    let mut socket = bench.online();
    bench.steady(socket, 60_000);
    bench.taken();
    bench.closes(socket, 1006, "");
    while bench.gates().is_empty() {
        bench.pass(50);
    }
    bench.gate_opens();
    bench.closes(bench.link(Transport::WebSocket), 1006, "");
    let stream = bench.link(Transport::Sse);
    bench.frames(stream, &ready(2, 3));
    let mut tries = Vec::new();
    while tries.len() < 6 {
        bench.taken();
        while bench.gates().is_empty() {
            bench.pass(1_000);
            bench.heartbeat(stream, 2);
        }
        tries.push(bench.ms);
        bench.gate_opens();
        socket = bench.link(Transport::WebSocket);
        bench.closes(socket, 1006, "");
    }
    let gaps: Vec<u64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap <= 46_000), "{gaps:?}");
}

#[test]
fn what_works_here_is_remembered_for_half_an_hour_and_wiped_when_the_network_changes() {
    let mut bench = Bench::visitor();
    bench.polling();
    let kept = bench.saved("way").unwrap();
    let restored = |minutes: u64, kept: &str| {
        let mut bench = Bench::visitor();
        bench.ms += minutes * 60_000;
        let way = ("way".to_owned(), kept.to_owned());
        bench.input(Input::Restored(vec![("key".into(), "vk_0".into()), ("dialog".into(), "7".into()), way]));
        bench.input(Input::Start);
        bench.answer("/api/site/dialogs?", 200, &loaded(&[message(1, "m1", "visitor")]));
        bench
    };
    let mut young = restored(29, &kept);
    assert_eq!((young.opens(), young.polls()), (0, 1), "straight to what works");
    young.polled(1, &[]);
    young.pass(25_000);
    young.polled(1, &[]);
    young.pass(25_000);
    young.polled(1, &[]);
    young.pass(10_000);
    assert_eq!(young.gates().len(), 1, "and up again after a minute");
    restored(31, &kept).link(Transport::WebSocket);
    let mut moved = restored(1, &kept);
    moved.input(Input::Page(Page::Online));
    assert!(moved.outputs.contains(&Output::Remove { name: "way".into() }));
    moved.pass(250);
    moved.gate_opens();
    moved.link(Transport::WebSocket);
}

#[test]
fn a_link_that_is_being_opened_survives_the_one_that_it_was_to_replace() {
    let mut bench = Bench::visitor();
    let old = bench.online();
    bench.frames(old, &json!({"type": "drain", "in_ms": 1000, "spread_ms": 1000}));
    bench.pass(500);
    bench.gate_opens();
    let next = bench.link(Transport::WebSocket);
    assert_ne!(next, old);
    bench.taken();
    bench.closes(old, 1006, "");
    assert!(bench.outputs.contains(&Output::Drop { link: old }));
    assert!(!bench.outputs.contains(&Output::Drop { link: next }));
    bench.input(Input::Opened { link: next });
    assert_eq!(bench.sent(next, "hello").len(), 1);
    bench.frames(next, &ready(2, 3));
    assert_eq!(bench.link_state(), LinkState::Online);
    assert_eq!(bench.opens(), 0, "nothing else was opened");
}

#[test]
fn waking_up_replaces_a_stream_without_a_gap_and_asks_polls_at_once() {
    let mut bench = Bench::visitor();
    let socket = bench.opening();
    bench.closes(socket, 1006, "");
    let stream = bench.link(Transport::Sse);
    bench.frames(stream, &ready(1, 2));
    bench.pass(10_000);
    bench.input(Input::Page(Page::Visible));
    assert_eq!(bench.link_state(), LinkState::OnlineSse);
    bench.gate_opens();
    let next = bench.link(Transport::Sse);
    assert_ne!(next, stream);
    bench.frames(next, &ready(1, 2));
    assert!(bench.outputs.contains(&Output::Drop { link: stream }));
    assert_eq!(bench.link_state(), LinkState::OnlineSse);
    // And one that proves nothing is given up.
    bench.pass(10_000);
    bench.taken();
    bench.input(Input::Page(Page::Resumed));
    bench.pass(2_000);
    assert_eq!(bench.link_state(), LinkState::Reconnecting);
    assert!(bench.outputs.contains(&Output::Drop { link: next }));

    let mut bench = Bench::visitor();
    bench.polling();
    bench.pass(10_000);
    let (held, _) = bench.poll();
    bench.input(Input::Page(Page::Visible));
    assert!(bench.outputs.contains(&Output::Abort { request: held }));
    assert!(bench.poll().1.ends_with("&wait=0"));
    bench.pass(5_000);
    assert_eq!(bench.link_state(), LinkState::Reconnecting, "noticed within 5 s of waking up");
}

#[test]
fn a_page_that_goes_sends_once_more_what_no_socket_has_carried() {
    let mut bench = Bench::visitor();
    bench.polling();
    let sent = bench.send("goodbye");
    let (first, _) = bench.request("/frames");
    bench.taken();
    bench.input(Input::Page(Page::Frozen));
    assert!(bench.outputs.contains(&Output::Abort { request: first }), "it would end with the page");
    let (_, call) = bench.request("/frames");
    assert!(call.body.unwrap().contains(&sent));

    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    let sent = bench.send("the first");
    bench.taken();
    bench.input(Input::Page(Page::Frozen));
    assert!(bench.request("/api/site/dialogs?").1.body.unwrap().contains(&sent));
}

#[test]
fn who_has_only_short_polls_may_ask_for_a_better_way_at_once() {
    let mut bench = Bench::visitor();
    bench.polling();
    let (held, _) = bench.poll();
    bench.input(Input::Unanswered { request: held });
    bench.polled(1, &[]);
    bench.polled(1, &[]);
    assert_eq!(bench.link_state(), LinkState::OnlinePolling);
    bench.taken();
    bench.input(Input::TryNow);
    bench.pass(1_000);
    assert!(bench.gate_at("").is_some(), "the gate is asked for a better way: {:?}", bench.outputs);
}
