//! Rule 11 of the wire: everybody is told before the server goes.

use serde_json::json;
use tests::app::{OPEN, TestApp, site_socket};
use tests::socket::Socket;

#[tokio::test]
async fn every_client_is_told_its_own_moment_and_then_closed_with_4100() {
    let mut app = TestApp::start().await;
    let mut sockets = Vec::new();
    for dialog in 100..120 {
        sockets.push(app.open_socket(dialog).await);
        sockets.push(app.operator_socket(dialog).await);
    }
    let mut inbox = Socket::open(app.address, &format!("/ws/inbox?token={}", app.operator())).await;
    inbox.frame("inbox").await;
    sockets.push(inbox);
    app.drain();
    let mut moments = Vec::new();
    for socket in &mut sockets {
        let drain = socket.frame("drain").await;
        assert!(drain["in_ms"].as_u64().unwrap() <= drain["spread_ms"].as_u64().unwrap(), "{drain}");
        moments.push(drain["in_ms"].as_u64().unwrap());
    }
    for socket in &mut sockets {
        let close = socket.closed().await;
        assert_eq!(close.word(), (4100, "draining".into()));
    }
    moments.sort_unstable();
    moments.dedup();
    assert!(moments.len() > 20, "the moments are spread: {moments:?}");
    app.ended().await;
}

#[tokio::test]
async fn while_it_drains_messages_are_still_stored_and_the_gate_is_closed() {
    let mut app = TestApp::start_with(&["--drain-ms", "5000", "--server", "https://b.example"]).await;
    // Enough links for a drain that lasts: a few are let go at once, and so are all who have nowhere else to go.
    let mut sockets = Vec::new();
    for _ in 0..1_000 {
        sockets.push(app.open_socket(101).await);
    }
    app.drain();
    let mut last = None;
    for socket in &mut sockets {
        let drain = socket.frame("drain").await;
        if drain["in_ms"].as_u64() > last.as_ref().map(|(ms, _)| *ms) {
            last = Some((drain["in_ms"].as_u64().unwrap(), socket));
        }
    }
    let (in_ms, socket) = last.unwrap();
    assert!(in_ms > 500, "{in_ms}");
    assert_eq!(socket.say_as("late", "one last word").await["type"], "stored");
    let gate = app.get("/health?ws=1").send().await;
    assert_eq!((gate.status, &gate.json()["status"]), (200, &json!("draining")));
    assert!(gate.json()["retry_ms"].as_u64().unwrap() > 0);
    assert_eq!((app.get("/ready").send().await.status, app.get("/health").send().await.status), (503, 200));
    assert_eq!(app.get("/health/websocket").send().await.expect(200)["status"], "draining");
    let mut refused = Socket::open(app.address, &site_socket(100, OPEN)).await;
    assert_eq!(refused.closed().await.word(), (4100, "draining".into()));
    let posted = app.post(&format!("/api/site/dialogs/100/messages?site_token={OPEN}"), &json!({"text": "by post"}));
    assert_eq!(posted.send().await.status, 201);
    assert_eq!(socket.closed().await.code, 4100);
    app.ended().await;
    let app = app.restart().await;
    assert_eq!((app.texts(101).await, app.texts(100).await), (vec!["one last word".into()], vec!["by post".into()]));
}

#[tokio::test]
async fn a_socket_that_is_not_let_in_yet_is_drained_too() {
    let mut app = TestApp::start().await;
    let mut waiting = Socket::open(app.address, &format!("{}&hello=1", site_socket(100, OPEN))).await;
    waiting.settle("open").await;
    app.drain();
    assert_eq!(waiting.closed().await.code, 4100);
    app.ended().await;
}
