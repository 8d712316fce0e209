//! `GET …/events`: the same session as server-sent events.

use serde_json::{Value, json};
use tests::app::{ALPHA, OPEN, TestApp};
use tests::events::Events;

use crate::history::fill;

fn path(rest: &str) -> String {
    format!("/api/site/dialogs/100/events?site_token={OPEN}{rest}")
}

/// Reads up to `synced`; the cursor of each event comes with its `seq`.
async fn until_synced(events: &mut Events) -> (Value, Vec<(Option<u64>, Value)>) {
    let ready = events.next().await.unwrap().1;
    assert_eq!(ready["type"], "ready");
    let mut messages = Vec::new();
    loop {
        let (id, frame) = events.next().await.unwrap();
        if frame["type"] == "synced" {
            return (ready, messages);
        }
        messages.push((id, frame["seq"].clone()));
    }
}

#[tokio::test]
async fn a_stream_begins_at_its_cursor_and_every_event_carries_it() {
    let app = TestApp::start().await;
    fill(&app, 100, 5).await;
    let mut events = Events::open(app.get(&path("&after=3"))).await.unwrap();
    let (ready, messages) = until_synced(&mut events).await;
    assert_eq!((&ready["mode"], &ready["next"]), (&json!("delta"), &json!(4)));
    assert_eq!(messages, [(Some(4), json!(4)), (Some(5), json!(5))]);
    let mut operator = app.operator_socket(100).await;
    operator.say_as("six", "six").await;
    let (id, frame) = events.next().await.unwrap();
    assert_eq!((id, &frame["type"], &frame["text"]), (Some(6), &json!("message"), &json!("six")));
}

#[tokio::test]
async fn without_a_cursor_a_stream_is_live_from_the_head() {
    let app = TestApp::start().await;
    fill(&app, 100, 5).await;
    let mut events = Events::open(app.get(&path(""))).await.unwrap();
    let (ready, messages) = until_synced(&mut events).await;
    assert_eq!((&ready["next"], messages.len()), (&json!(6), 0));
}

#[tokio::test]
async fn the_last_event_id_of_a_browser_stands_for_the_cursor() {
    let app = TestApp::start().await;
    fill(&app, 100, 5).await;
    let ask = app.get(&path("&after=0")).header("last-event-id", "4");
    let mut events = Events::open(ask).await.unwrap();
    let (_, messages) = until_synced(&mut events).await;
    assert_eq!(messages, [(Some(5), json!(5))]);
}

#[tokio::test]
async fn another_epoch_resets_and_too_far_behind_is_a_snapshot() {
    let app = TestApp::start_with(&["--messages-per-s", "1000"]).await;
    fill(&app, 100, 230).await;
    for (rest, mode) in [("&after=5&epoch=1", "reset"), ("&after=5", "snapshot"), ("&after=500", "reset")] {
        let mut events = Events::open(app.get(&path(rest))).await.unwrap();
        let (ready, messages) = until_synced(&mut events).await;
        assert_eq!((&ready["mode"], &ready["next"]), (&json!(mode), &json!(181)), "{rest}");
        assert_eq!(messages.len(), 50, "{rest}");
    }
}

#[tokio::test]
async fn what_the_same_client_posts_comes_back_over_its_stream_once() {
    let app = TestApp::start().await;
    let mut events = Events::open(app.get(&path("&client=page-1&after=0&channels=typing,receipts"))).await.unwrap();
    until_synced(&mut events).await;
    let frames = format!("/api/site/dialogs/100/frames?site_token={OPEN}&client=page-1");
    let batch = json!([{"type": "typing", "on": true}, {"type": "message", "id": "a", "n": 1, "text": "Hello"}]);
    let answer = app.post(&frames, &batch).send().await.expect(200);
    assert_eq!((&answer[0]["type"], &answer[0]["seq"]), (&json!("stored"), &json!(1)));
    let message = events.frame("message").await;
    assert_eq!((&message["id"], &message["seq"]), (&json!("a"), &json!(1)));
    let mut operator = app.operator_socket(100).await;
    operator.say_as("b", "Good day").await;
    let (_, next) = events.next().await.unwrap();
    assert_eq!((&next["type"], &next["id"]), (&json!("message"), &json!("b")), "one's own typing does not come back");
}

#[tokio::test]
async fn streams_of_all_three_sides_hear_each_other() {
    let app = TestApp::start().await;
    let token = app.operator();
    let asks = [
        app.get("/api/site/dialogs/223/events?site_token=st_open"),
        app.get("/api/widget/dialogs/223/events?assistant_id=4"),
        app.get("/api/dialogs/223/events").bearer(&token),
    ];
    let mut streams = Vec::new();
    for ask in asks {
        let mut events = Events::open(ask).await.unwrap();
        until_synced(&mut events).await;
        streams.push(events);
    }
    app.post("/api/dialogs/223/messages", &json!({"text": "to all"})).bearer(&token).send().await.expect(201);
    for events in &mut streams {
        assert_eq!(events.frame("message").await["text"], "to all");
    }
}

#[tokio::test]
async fn a_drained_stream_is_told_and_says_goodbye() {
    let mut app = TestApp::start().await;
    let mut events = Events::open(app.get(&path(""))).await.unwrap();
    until_synced(&mut events).await;
    app.drain();
    let drain = events.frame("drain").await;
    assert!(drain["in_ms"].as_u64().unwrap() <= 300);
    let bye = events.frame("bye").await;
    assert_eq!((&bye["code"], &bye["retry"]), (&json!(4100), &json!(true)));
    assert!(events.next().await.is_none());
    app.ended().await;
}

#[tokio::test]
async fn a_stream_whose_token_expires_says_goodbye() {
    let app = TestApp::start().await;
    let token = app.token_for("all@desk.example", 4_000);
    let mut events = Events::open(app.get("/api/dialogs/100/events").bearer(&token)).await.unwrap();
    let bye = events.frame("bye").await;
    assert_eq!((&bye["code"], &bye["reason"]), (&json!(4300), &json!("expired")));
}

#[tokio::test]
async fn refusals_of_a_stream_have_a_status_and_a_code() {
    let app = TestApp::start().await;
    let refused = async |ask| Events::open(ask).await.unwrap_err().error();
    assert_eq!(refused(app.get("/api/dialogs/100/events")).await, (401, "unauthorized".into()));
    let alpha = format!("/api/site/dialogs/100/events?site_token={ALPHA}");
    assert_eq!(refused(app.get(&alpha)).await, (401, "unauthorized".into()));
    let nobody = "/api/site/dialogs/100/events?site_token=st_nobody";
    assert_eq!(refused(app.get(nobody)).await, (404, "unknown_site".into()));
    assert_eq!(refused(app.get(&path("&after=x"))).await, (400, "invalid_parameter".into()));
}
