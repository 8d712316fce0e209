//! `GET …/poll`: the same session, one request at a time.

use serde_json::{Value, json};
use tests::app::{ALPHA, OPEN, TestApp, new_id};

use crate::history::fill;

fn path(rest: &str) -> String {
    format!("/api/site/dialogs/100/poll?site_token={OPEN}{rest}")
}

async fn poll(app: &TestApp, rest: &str) -> Vec<Value> {
    let answer = app.get(&path(rest)).send().await;
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.expect(200).as_array().unwrap().clone()
}

fn kinds(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect()
}

/// Returns when the server counts so many links of visitors.
async fn until_open(app: &TestApp, links: u64) {
    let end = std::time::Instant::now() + tests::PATIENCE;
    while app.get("/health/websocket").send().await.json()["active_site_connections"] != links {
        assert!(std::time::Instant::now() < end, "never {links} links");
    }
}

/// Returns the first link that has come to its dialog.
async fn until_listed(app: &TestApp, token: &str) -> Value {
    let end = std::time::Instant::now() + tests::PATIENCE;
    loop {
        let status = app.get("/api/debug/websocket/status").bearer(token).send().await.expect(200);
        let links = status["links"].as_array().unwrap();
        if let Some(link) = links.iter().find(|link| link["transport"] == "long-polling") {
            return link.clone();
        }
        assert!(std::time::Instant::now() < end, "never listed");
    }
}

#[tokio::test]
async fn a_short_poll_says_how_things_stand_and_says_it_again_to_the_same_cursor() {
    let app = TestApp::start().await;
    fill(&app, 100, 5).await;
    for _ in 0..2 {
        let frames = poll(&app, "&after=3&wait=0").await;
        assert_eq!(kinds(&frames), ["ready", "message", "message", "synced"]);
        assert_eq!((&frames[0]["mode"], &frames[0]["next"]), (&json!("delta"), &json!(4)));
        assert_eq!((&frames[1]["seq"], &frames[2]["seq"], &frames[3]["head"]), (&json!(4), &json!(5), &json!(5)));
    }
    let frames = poll(&app, "&after=5&wait=0").await;
    assert_eq!(kinds(&frames), ["ready", "synced"]);
}

#[tokio::test]
async fn what_lies_behind_the_cursor_is_answered_without_waiting() {
    let app = TestApp::start().await;
    fill(&app, 100, 2).await;
    let frames = poll(&app, "&after=1&wait=25").await;
    assert_eq!(kinds(&frames), ["ready", "message", "synced"]);
    // So is a cursor of another log.
    assert_eq!(poll(&app, "&after=2&epoch=1&wait=25").await[0]["mode"], "reset");
    assert_eq!(poll(&app, "&after=9&wait=25").await[0]["mode"], "reset");
}

#[tokio::test]
async fn a_long_poll_ends_with_the_first_news_and_is_counted_while_it_waits() {
    let app = TestApp::start().await;
    fill(&app, 100, 2).await;
    let asked = tokio::spawn(app.get(&path("&after=2&wait=25")).send());
    let token = app.operator();
    let link = until_listed(&app, &token).await;
    assert_eq!((&link["transport"], &link["pool"]), (&json!("long-polling"), &json!("site")));
    let mut operator = app.operator_socket(100).await;
    operator.say_as("three", "three").await;
    let frames = asked.await.unwrap().expect(200);
    let frames = frames.as_array().unwrap();
    let mut seen = kinds(frames);
    seen.sort_unstable();
    assert_eq!(seen, ["message", "ready", "synced"]);
    let message = frames.iter().find(|frame| frame["type"] == "message").unwrap();
    assert_eq!((&message["seq"], &message["text"]), (&json!(3), &json!("three")));
    until_open(&app, 0).await;
}

#[tokio::test]
async fn a_wait_without_news_ends_when_it_is_over() {
    let app = TestApp::start().await;
    let started = std::time::Instant::now();
    let frames = poll(&app, "&after=0&wait=1").await;
    assert_eq!(kinds(&frames), ["ready", "synced"]);
    assert!(started.elapsed().as_millis() >= 1_000);
}

#[tokio::test]
async fn channels_are_told_as_they_stand_and_a_change_ends_the_wait() {
    let app = TestApp::start().await;
    fill(&app, 100, 2).await;
    let mut operator = app.operator_socket(100).await;
    let rest = "&after=2&channels=typing,presence,receipts&client=page-1";
    let frames = poll(&app, &format!("{rest}&wait=0")).await;
    assert_eq!(kinds(&frames)[..2], ["ready", "synced"], "the channels come behind the log");
    let mut seen = kinds(&frames)[2..].to_vec();
    seen.sort_unstable();
    assert_eq!(seen, ["presence", "receipt"]);
    let asked = tokio::spawn(app.get(&path(&format!("{rest}&wait=25"))).send());
    until_listed(&app, &app.operator()).await;
    // The one's own does not come back, the other's ends the wait.
    let frames = format!("/api/site/dialogs/100/frames?site_token={OPEN}&client=page-1");
    app.post(&frames, &json!([{"type": "typing", "on": true}])).send().await.expect(200);
    operator.send(&json!({"type": "read", "seq": 2})).await;
    let frames = asked.await.unwrap().expect(200);
    let last = frames.as_array().unwrap().last().unwrap();
    assert_eq!((&last["type"], &last["who"], &last["read"]), (&json!("receipt"), &json!("operator"), &json!(2)));
}

#[tokio::test]
async fn an_operator_who_polls_is_there_between_two_polls() {
    let app = TestApp::start().await;
    let token = app.operator();
    app.get("/api/dialogs/100/poll?wait=0").bearer(&token).send().await.expect(200);
    let frames = poll(&app, "&wait=0&channels=presence").await;
    let presence = frames.iter().find(|frame| frame["type"] == "presence").unwrap();
    assert_eq!(presence["operators"], json!(["all"]));
}

#[tokio::test]
async fn polls_of_all_three_sides_hear_each_other() {
    let app = TestApp::start().await;
    let token = app.operator();
    let asks = [
        app.get("/api/site/dialogs/223/poll?site_token=st_open&after=0&wait=25"),
        app.get("/api/widget/dialogs/223/poll?assistant_id=4&after=0&wait=25"),
        app.get("/api/dialogs/223/poll?after=0&wait=25").bearer(&token),
    ];
    let waiting = asks.map(|ask| tokio::spawn(ask.send()));
    app.post("/api/dialogs/223/messages", &json!({"text": "to all"})).bearer(&token).send().await.expect(201);
    for waiting in waiting {
        let frames = waiting.await.unwrap().expect(200);
        assert!(frames.as_array().unwrap().iter().any(|frame| frame["text"] == "to all"), "{frames}");
    }
}

#[tokio::test]
async fn a_long_log_comes_in_several_answers_without_a_hole() {
    let app = TestApp::start_with(&["--messages-per-s", "1000"]).await;
    let mut operator = app.operator_socket(100).await;
    let text = "x".repeat(10_000);
    for _ in 0..60 {
        assert_eq!(operator.say_as(&new_id(), &text).await["type"], "stored");
    }
    let (mut cursor, mut answers) = (0, 0);
    loop {
        let frames = poll(&app, &format!("&after={cursor}&wait=0")).await;
        answers += 1;
        for frame in frames.iter().filter(|frame| frame["type"] == "message") {
            cursor += 1;
            assert_eq!(frame["seq"], cursor);
        }
        if frames.last().unwrap()["type"] == "synced" {
            break;
        }
    }
    assert_eq!((cursor, answers > 1), (60, true), "{answers} answers");
}

#[tokio::test]
async fn a_drained_poll_is_answered_with_goodbye_and_so_is_one_that_comes_too_late() {
    let mut app = TestApp::start_with(&["--drain-ms", "5000"]).await;
    let asked = tokio::spawn(app.get(&path("&after=0&wait=25")).send());
    let mut sockets = Vec::new();
    for _ in 0..500 {
        sockets.push(tests::socket::Socket::open(app.address, &tests::app::site_socket(101, OPEN)).await);
    }
    until_open(&app, 501).await;
    app.drain();
    sockets[0].frame("drain").await;
    let late = poll(&app, "&after=0&wait=25").await;
    assert_eq!((&late[0]["type"], &late[0]["code"], late.len()), (&json!("bye"), &json!(4100), 1));
    assert!(late[0]["after_ms"].as_u64().unwrap() > 0);
    let frames = asked.await.unwrap().expect(200);
    let last = frames.as_array().unwrap().last().unwrap();
    assert_eq!((&last["type"], &last["code"], &last["retry"]), (&json!("bye"), &json!(4100), &json!(true)));
    drop(sockets);
    app.ended().await;
}

#[tokio::test]
async fn refusals_of_a_poll_have_a_status_and_a_code_and_no_place_is_a_goodbye() {
    let app = TestApp::start_with(&["--max-connections", "1"]).await;
    let refused = async |ask: tests::http::Ask| ask.send().await.error();
    assert_eq!(refused(app.get("/api/dialogs/100/poll")).await, (401, "unauthorized".into()));
    let alpha = format!("/api/site/dialogs/100/poll?site_token={ALPHA}");
    assert_eq!(refused(app.get(&alpha)).await, (401, "unauthorized".into()));
    let nobody = "/api/site/dialogs/100/poll?site_token=st_nobody";
    assert_eq!(refused(app.get(nobody)).await, (404, "unknown_site".into()));
    assert_eq!(refused(app.get(&path("&wait=x"))).await, (400, "invalid_parameter".into()));
    let _socket = app.open_socket(100).await;
    let frames = poll(&app, "&wait=0").await;
    assert_eq!((&frames[0]["type"], &frames[0]["code"]), (&json!("bye"), &json!(4200)));
}
