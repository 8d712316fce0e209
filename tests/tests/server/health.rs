//! `/health`, `/ready` and `/health/websocket`: O1, O2, and C4's pools.

use serde_json::{Value, json};
use tests::app::{OPEN, OPEN_WIDGET_DIALOG, TestApp, site_socket, widget_socket};
use tests::events::Events;
use tests::socket::Socket;

/// Returns the links of each pool, and the dialogs of each: admin, widget, site.
fn pools(health: &Value) -> ([u64; 3], [u64; 3]) {
    let figure = |name: String| health[&name].as_u64().unwrap_or_else(|| panic!("no {name} in {health}"));
    let links = ["admin", "widget", "site"].map(|pool| figure(format!("active_{pool}_connections")));
    let dialogs = ["admin", "widget", "site"].map(|pool| figure(format!("total_dialogs_{pool}")));
    (links, dialogs)
}

async fn health(app: &TestApp) -> Value {
    app.get("/health/websocket").send().await.expect(200)
}

/// Waits until the figures are these: a link is gone a moment after its socket.
async fn until(app: &TestApp, links: [u64; 3], dialogs: [u64; 3]) {
    let end = std::time::Instant::now() + tests::PATIENCE;
    loop {
        let now = pools(&health(app).await);
        if now == (links, dialogs) {
            return;
        }
        assert!(std::time::Instant::now() < end, "{now:?}, and not {:?}", (links, dialogs));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn health_and_readiness_say_ok() {
    let app = TestApp::start().await;
    for path in ["/health", "/health?ws=1", "/ready"] {
        let answer = app.get(path).send().await;
        assert_eq!(answer.expect(200), json!({"status": "ok", "retry_ms": 0}), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    let health = health(&app).await;
    assert_eq!(health["status"], "ok");
    assert_eq!(pools(&health), ([0; 3], [0; 3]));
}

#[tokio::test]
async fn every_socket_is_counted_in_its_own_pool_and_in_no_other() {
    let app = TestApp::start().await;
    let token = app.operator();
    let paths =
        [format!("/ws/dialogs/100?token={token}"), widget_socket(OPEN_WIDGET_DIALOG, 4), site_socket(100, OPEN)];
    for (pool, path) in paths.iter().enumerate() {
        let mut expected = [0; 3];
        expected[pool] = 1;
        let mut socket = Socket::open(app.address, path).await;
        socket.frame("synced").await;
        assert_eq!(pools(&health(&app).await), (expected, expected), "{path}");
        socket.close().await;
        until(&app, [0; 3], [0; 3]).await;
    }
}

#[tokio::test]
async fn links_and_dialogs_are_counted_apart() {
    let app = TestApp::start().await;
    let mut open = Vec::new();
    for dialog in [100, 100, 101] {
        open.push(app.open_socket(dialog).await);
    }
    for dialog in [100, 101, 102, 102] {
        open.push(app.operator_socket(dialog).await);
    }
    let mut widget = Socket::open(app.address, &widget_socket(OPEN_WIDGET_DIALOG, 4)).await;
    widget.frame("synced").await;
    assert_eq!(pools(&health(&app).await), ([4, 1, 3], [3, 1, 2]));
    drop(widget);
    drop(open);
    until(&app, [0; 3], [0; 3]).await;
}

#[tokio::test]
async fn a_stream_of_events_is_counted_in_the_pool_of_its_path() {
    let app = TestApp::start().await;
    let token = app.operator();
    let rows = [
        ("/api/dialogs/100/events".to_owned(), [1, 0, 0]),
        (format!("/api/widget/dialogs/{OPEN_WIDGET_DIALOG}/events?assistant_id=4"), [0, 1, 0]),
        (format!("/api/site/dialogs/100/events?site_token={OPEN}"), [0, 0, 1]),
    ];
    for (path, expected) in rows {
        let mut ask = app.get(&path);
        if path.starts_with("/api/dialogs") {
            ask = ask.bearer(&token);
        }
        let mut events = Events::open(ask).await.unwrap();
        events.frame("synced").await;
        assert_eq!(pools(&health(&app).await), (expected, expected), "{path}");
        drop(events);
        until(&app, [0; 3], [0; 3]).await;
    }
}

#[tokio::test]
async fn a_refused_socket_is_counted_nowhere() {
    let app = TestApp::start().await;
    for path in
        ["/ws/dialogs/100", "/ws/site/dialogs/100?site_token=st_nobody", "/ws/widget/dialogs/100?assistant_id=99"]
    {
        let mut socket = Socket::open(app.address, path).await;
        socket.closed().await;
        until(&app, [0; 3], [0; 3]).await;
    }
}

#[tokio::test]
async fn the_debug_pages_say_who_is_connected_and_whether_everything_has_arrived() {
    let app = TestApp::start().await;
    let mut visitor = app.open_socket(100).await;
    let mut operator = app.operator_socket(100).await;
    visitor.say_as("m1", "Hello").await;
    operator.frame("message").await;
    let sync = |app: &TestApp| app.get("/api/debug/websocket/sync?dialog_id=100").bearer(&app.operator());
    let before = sync(&app).send().await.expect(200);
    assert_eq!((&before["head"], &before["in_sync"]), (&json!(1), &json!(false)), "{before}");
    assert_eq!((&before["visitor"]["links"], &before["operator"]["links"]), (&json!(1), &json!(1)));

    visitor.send(&json!({"type": "received", "seq": 1})).await;
    operator.send(&json!({"type": "read", "seq": 1})).await;
    let end = std::time::Instant::now() + tests::PATIENCE;
    loop {
        let after = sync(&app).send().await.expect(200);
        if after["in_sync"] == true {
            assert_eq!(after["operator"]["read"], 1);
            break;
        }
        assert!(std::time::Instant::now() < end, "{after}");
    }
    let status = app.get("/api/debug/websocket/status").bearer(&app.operator()).send().await.expect(200);
    let links: Vec<_> =
        status["links"].as_array().unwrap().iter().map(|link| (&link["pool"], &link["transport"])).collect();
    assert_eq!(links, [(&json!("site"), &json!("websocket")), (&json!("admin"), &json!("websocket"))]);
    // Another site's operator sees none of it.
    let other = app.token("alpha@desk.example");
    let status = app.get("/api/debug/websocket/status").bearer(&other).send().await.expect(200);
    assert_eq!(status["links"], json!([]));
    let refused = app.get("/api/debug/websocket/sync?dialog_id=100").bearer(&other).send().await;
    assert_eq!(refused.error(), (404, "dialog_not_found".into()));
    for path in ["/api/debug/websocket/status", "/api/debug/websocket/sync?dialog_id=100"] {
        assert_eq!(app.get(path).send().await.error(), (401, "unauthorized".into()), "{path}");
    }
}
