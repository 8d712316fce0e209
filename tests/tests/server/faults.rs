//! A database that does not answer.

use serde_json::json;
use tests::app::{OPEN, TestApp, new_id, read_log, texts};
use tests::events::Events;

#[tokio::test]
async fn while_another_process_holds_the_database_messages_are_refused_and_everything_can_be_read() {
    let app = TestApp::start().await;
    let mut socket = app.open_socket(100).await;
    socket.say_as("before", "before").await;
    let operator = app.operator();
    let other = rusqlite::Connection::open(app.data().join("rejoin.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let path = format!("/api/site/dialogs/100/messages?site_token={OPEN}");
    let post = app.post(&path, &json!({"id": "during", "text": "during"}));
    let post = tokio::spawn(post.send());
    // Reads do not wait for it.
    let started = std::time::Instant::now();
    assert_eq!(texts(&read_log(app.address, 100, &operator).await), ["before"]);
    let mut late = app.open_socket(100).await;
    late.settle("open").await;
    assert!(started.elapsed().as_millis() < 2_000, "{:?}", started.elapsed());
    let refused = post.await.unwrap();
    assert_eq!(refused.error(), (503, "store_unavailable".into()));
    assert!(!refused.header("retry-after").is_empty());
    socket.send(&json!({"type": "message", "id": "also", "text": "also"})).await;
    let refused = socket.answer("also").await;
    assert_eq!((&refused["code"], &refused["retry"]), (&json!("store_unavailable"), &json!(true)), "{refused}");
    other.execute_batch("ROLLBACK").unwrap();
    // The same ids are taken as soon as it is free.
    assert_eq!(socket.say_as("also", "also").await["seq"], 2);
    let again = app.post(&path, &json!({"id": "during", "text": "during"})).send().await;
    assert_eq!(again.expect(201)["seq"], 3);
    assert_eq!(app.texts(100).await, ["before", "also", "during"]);
}

#[tokio::test]
async fn a_stream_that_is_read_late_brings_everything_and_nobody_waits_for_it() {
    let app = TestApp::start_with(&["--messages-per-s", "10000"]).await;
    let mut slow = Events::open(app.get(&format!("/api/site/dialogs/100/events?site_token={OPEN}"))).await.unwrap();
    slow.frame("synced").await;
    let mut fast = app.open_socket(100).await;
    let text = "y".repeat(9_000);
    for _ in 0..1_200 {
        fast.send(&json!({"type": "message", "id": new_id(), "text": text})).await;
        fast.frame("stored").await;
    }
    let mut seq = 1;
    while seq <= 1_200 {
        let (id, message) = slow.next().await.unwrap();
        if message["type"] == "message" {
            assert_eq!((id, &message["seq"]), (Some(seq), &json!(seq)));
            seq += 1;
        }
    }
}
