//! C11: too fast, and too many.

use serde_json::{Value, json};
use tests::app::{OPEN, TestApp, new_id, site_socket};
use tests::events::Events;
use tests::socket::Socket;

#[tokio::test]
async fn a_thousand_messages_a_second_from_one_socket_are_refused_then_closed_and_neighbours_carry_on() {
    let app = TestApp::start().await;
    let mut neighbour = app.open_socket(150).await;
    let mut listener = app.operator_socket(100).await;
    let mut flood = app.open_socket(100).await;
    let flooding = tokio::spawn(async move {
        let mut sent = 0;
        let (mut stored, mut refused) = (0, 0);
        loop {
            // A batch of a hundred; so many that a thousand are refused in a row.
            let batch = (0..100).map(|n| json!({"type": "message", "id": format!("f-{}", sent + n), "text": "flood"}));
            flood.send(&batch.collect()).await;
            sent += 100;
            let mut answers = 0;
            while answers < 100 {
                match flood.next().await {
                    tests::socket::Down::Frame(frame) if frame["type"] == "stored" => {
                        stored += 1;
                        answers += 1;
                    }
                    tests::socket::Down::Frame(frame) if frame["type"] == "refused" => {
                        assert_eq!((&frame["code"], &frame["retry"]), (&json!("rate_limited"), &json!(true)));
                        assert!(frame["retry_after_ms"].as_u64().unwrap() > 0);
                        refused += 1;
                        answers += 1;
                    }
                    tests::socket::Down::Frame(_) => {}
                    tests::socket::Down::Closed(close) => return (sent, stored, refused, close),
                }
            }
            assert!(sent < 20_000, "never closed: {stored} stored, {refused} refused");
        }
    });
    for round in 0..20 {
        let started = std::time::Instant::now();
        assert_eq!(neighbour.say_as(&new_id(), "calm").await["seq"], round + 1);
        assert!(started.elapsed().as_millis() < 1_000, "{:?}", started.elapsed());
    }
    let (sent, stored, refused, close) = flooding.await.unwrap();
    assert_eq!(close.word(), (4204, "too_fast".into()));
    assert!(close.reason()["retry_ms"].as_u64().unwrap() > 0);
    assert!(refused >= 900, "{sent} sent, {stored} stored, {refused} refused");
    assert!((200..sent).contains(&stored), "{stored} of {sent}");
    // What was stored is there, what was refused is not; the last ones may have lost their answer to the close.
    let logged = app.log(100).await.len();
    assert!((stored..stored + 100).contains(&logged), "{stored} answered, {logged} stored");
    for seq in 1..=stored {
        assert_eq!(listener.frame("message").await["seq"], seq as u64);
    }
}

#[tokio::test]
async fn frames_that_are_no_messages_have_a_limit_too() {
    let app = TestApp::start().await;
    let mut socket = app.open_socket(100).await;
    let pings: Vec<_> = (0..400).map(|n| json!({"type": "ping", "timestamp": n})).collect();
    socket.send(&Value::Array(pings)).await;
    let (mut pongs, mut errors) = (0, 0);
    while pongs + errors < 400 {
        let frame = socket.next_frame().await;
        pongs += usize::from(frame["type"] == "pong");
        errors += usize::from(frame["code"] == "rate_limited");
    }
    assert!(pongs >= 200 && errors >= 100, "{pongs} pongs, {errors} errors");
    // Messages have a limit of their own.
    assert_eq!(socket.say_as("m", "still taken").await["type"], "stored");
}

#[tokio::test]
async fn posts_that_are_too_fast_are_429_with_retry_after() {
    let app = TestApp::start_with(&["--messages-per-s", "5"]).await;
    let path = format!("/api/site/dialogs/100/messages?site_token={OPEN}");
    let mut statuses = Vec::new();
    for n in 0..20 {
        let answer = app.post(&path, &json!({"id": format!("p-{n}"), "text": "fast"})).send().await;
        if answer.status == 429 {
            assert_eq!(answer.error().1, "rate_limited");
            assert_eq!(answer.header("retry-after"), "1");
            assert!(answer.json()["error"]["retry_after_ms"].as_u64().unwrap() > 0);
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses[..10], [201; 10]);
    assert!(statuses.contains(&429));
    // Another dialog is not slowed down.
    let other = app.post(&format!("/api/site/dialogs/101/messages?site_token={OPEN}"), &json!({"text": "calm"}));
    assert_eq!(other.send().await.status, 201);
}

#[tokio::test]
async fn the_next_connection_beyond_the_limit_is_refused_with_a_reason_and_the_gate_says_so() {
    let app = TestApp::start_with(&["--max-connections", "3"]).await;
    let mut open = vec![app.open_socket(100).await, app.operator_socket(100).await];
    let _stream = Events::open(app.get(&format!("/api/site/dialogs/101/events?site_token={OPEN}"))).await.unwrap();
    for _ in 0..3 {
        let mut socket = Socket::open(app.address, &site_socket(100, OPEN)).await;
        let close = socket.closed().await;
        assert_eq!(close.word(), (4200, "overloaded".into()));
        let retry = close.reason()["retry_ms"].as_u64().unwrap();
        assert!((1_000..=10_000).contains(&retry), "{retry}");
    }
    let refused = Events::open(app.get(&format!("/api/site/dialogs/100/events?site_token={OPEN}"))).await.unwrap_err();
    assert_eq!(refused.error(), (503, "overloaded".into()));
    assert!(!refused.header("retry-after").is_empty());
    let gate = app.get("/health?ws=1").send().await;
    assert_eq!((gate.status, &gate.json()["status"]), (200, &json!("overloaded")));
    assert!(gate.json()["retry_ms"].as_u64().unwrap() > 0);
    assert_eq!(app.get("/health").send().await.status, 200, "the process is alive");
    // Those inside do not notice, and the API works on.
    assert_eq!(open[0].say_as("m", "inside").await["type"], "stored");
    assert_eq!(open[1].frame("message").await["text"], "inside");
    assert_eq!(app.texts(100).await, ["inside"]);
    // One leaves, one may come.
    open.pop().unwrap().close().await;
    let end = std::time::Instant::now() + tests::PATIENCE;
    while app.get("/health?ws=1").send().await.json()["status"] != "ok" {
        assert!(std::time::Instant::now() < end, "the place is never free");
    }
    app.open_socket(102).await.settle("let in").await;
}
