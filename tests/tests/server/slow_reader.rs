//! Rule 11: who does not read costs nobody else, and misses nothing.

use serde_json::{Value, json};
use tests::app::{OPEN, TestApp, site_socket};
use tests::socket::Socket;

/// Fills a dialog with large messages, more than the kernel and the server keep for one connection.
async fn write_much(app: &TestApp, dialog: u64, messages: u64) {
    let text = "y".repeat(9_000);
    let token = app.operator();
    for batch in (1..=messages).step_by(50) {
        let frames: Vec<_> = (batch..batch + 50)
            .map(|n| json!({"type": "message", "id": format!("big-{n}"), "text": format!("{n} {text}")}))
            .collect();
        let path = format!("/api/dialogs/{dialog}/frames");
        let answer = app.post(&path, &Value::Array(frames)).bearer(&token).send().await.expect(200);
        assert!(
            answer.as_array().unwrap().iter().all(|frame| frame["type"] == "stored"),
            "{:.300}",
            answer.to_string()
        );
    }
}

#[tokio::test]
async fn who_reads_late_gets_everything_in_order_and_the_others_did_not_wait() {
    const MESSAGES: u64 = 1_000;
    let app = TestApp::start_with(&["--messages-per-s", "10000"]).await;
    let mut slow = Socket::open_narrow(app.address, &site_socket(100, OPEN)).await;
    slow.frame("synced").await;
    let mut fast = app.open_socket(100).await;
    let memory = resident_bytes();
    let reading = tokio::spawn(async move {
        for seq in 1..=MESSAGES {
            assert_eq!(fast.frame("message").await["seq"], seq);
        }
    });
    write_much(&app, 100, MESSAGES).await;
    reading.await.unwrap();
    // Nine megabytes were not kept for the one who does not read.
    let grown = resident_bytes().saturating_sub(memory);
    assert!(grown < 64 << 20, "{grown} bytes");
    for seq in 1..=MESSAGES {
        let message = slow.frame("message").await;
        assert_eq!(message["seq"], seq);
        assert!(message["text"].as_str().unwrap().starts_with(&format!("{seq} ")));
    }
    slow.settle("caught up").await;
}

#[tokio::test]
async fn a_slow_reader_that_resumes_far_behind_gets_everything_too() {
    let app = TestApp::start_with(&["--messages-per-s", "10000"]).await;
    write_much(&app, 100, 200).await;
    let mut slow = Socket::open_narrow(app.address, &format!("{}&after=0", site_socket(100, OPEN))).await;
    // Written while the first part is still on its way.
    write_much_more(&app).await;
    for seq in 1..=250 {
        assert_eq!(slow.frame("message").await["seq"], seq);
    }
}

async fn write_much_more(app: &TestApp) {
    let path = format!("/api/site/dialogs/100/messages?site_token={OPEN}");
    for n in 0..50 {
        app.post(&path, &json!({"id": format!("more-{n}"), "text": "z".repeat(9_000)})).send().await.expect(201);
    }
}

#[tokio::test]
async fn a_client_that_asks_and_never_reads_is_not_read_either() {
    let app = TestApp::start().await;
    write_much_more(&app).await;
    let mut greedy = Socket::open_narrow(app.address, &site_socket(100, OPEN)).await;
    let memory = resident_bytes();
    // Each of these asks for half a megabyte; nothing of it is read.
    for _ in 0..40 {
        greedy.send(&json!({"type": "sync", "after": 0})).await;
    }
    let mut neighbour = app.open_socket(101).await;
    for n in 0..20 {
        assert_eq!(neighbour.say_as(&format!("n-{n}"), "calm").await["type"], "stored");
    }
    let grown = resident_bytes().saturating_sub(memory);
    assert!(grown < 64 << 20, "{grown} bytes");
}

#[tokio::test]
#[ignore = "takes 17 s: the stall limit as it stands"]
async fn who_reads_nothing_for_fifteen_seconds_is_closed_as_too_slow() {
    let app = TestApp::start_with(&["--messages-per-s", "10000"]).await;
    let mut slow = Socket::open_narrow(app.address, &site_socket(100, OPEN)).await;
    slow.frame("synced").await;
    write_much(&app, 100, 1_000).await;
    let end = std::time::Instant::now() + std::time::Duration::from_secs(25);
    while app.journal.lines(&["link closed", "code=4201"]).is_empty() {
        assert!(std::time::Instant::now() < end, "{}", app.journal.text());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let health = app.get("/health/websocket").send().await.expect(200);
    assert_eq!(health["active_site_connections"], 0);
}

/// Returns the memory of this process, in which the server runs, too.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = status.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * 4096
}
