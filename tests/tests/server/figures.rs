//! What clients tell of their links: taken where the site wants it, and read by its operators.

use serde_json::{Value, json};
use tests::app::{BETA, OPEN, TestApp};

async fn figures(app: &TestApp, operator: &str) -> Value {
    let token = app.token(operator);
    app.get("/api/debug/websocket/status").bearer(&token).send().await.expect(200)["metrics"].clone()
}

#[tokio::test]
async fn figures_are_answered_and_added_up_for_the_operators_of_the_site() {
    let app = TestApp::start().await;
    let mut socket = app.open_socket(100).await;
    for round_trip in [20, 40] {
        socket.send(&json!({"type": "metrics", "data": {"round_trip_ms": round_trip, "clarity": 0.8}})).await;
        let answer = socket.frame("metrics_received").await;
        assert_eq!(answer["status"], "ok");
        assert!(answer["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
    }
    let batch = json!([{"type": "metrics", "data": {"round_trip_ms": 90}}]);
    let path = format!("/api/site/dialogs/101/frames?site_token={OPEN}&client=page-1");
    let answer = app.post(&path, &batch).send().await.expect(200);
    assert_eq!(answer[0]["type"], "metrics_received");

    let told = figures(&app, "all@desk.example").await;
    assert_eq!((told.as_array().unwrap().len(), &told[0]["site_id"], &told[0]["reports"]), (1, &json!(4), &json!(3)));
    let clarity = json!({"name": "clarity", "count": 2, "mean": 0.8, "min": 0.8, "max": 0.8, "last": 0.8});
    let round_trip = json!({"name": "round_trip_ms", "count": 3, "mean": 50, "min": 20, "max": 90, "last": 90});
    assert_eq!(told[0]["figures"], json!([clarity, round_trip]));
    assert_eq!(figures(&app, "beta@desk.example").await, json!([]), "an operator of another site sees nothing");
}

#[tokio::test]
async fn a_site_that_wants_none_keeps_none() {
    let app = TestApp::start().await;
    let visitor = app.visitor(BETA, "Hello").await;
    let mut socket = app.visitor_socket(&visitor, None).await;
    socket.send(&json!({"type": "metrics", "data": {"round_trip_ms": 20}})).await;
    assert_eq!(socket.frame("metrics_received").await["status"], "off");
    assert_eq!(figures(&app, "all@desk.example").await, json!([]));
    let allows = |site: &str| format!("/api/site/config?site_token={site}");
    assert_eq!(app.get(&allows(BETA)).send().await.expect(200)["metrics"], false);
    assert_eq!(app.get(&allows(OPEN)).send().await.expect(200)["metrics"], true);
}

#[tokio::test]
async fn figures_that_cannot_be_read_are_refused_and_the_link_lives_on() {
    let app = TestApp::start().await;
    let mut socket = app.open_socket(100).await;
    let many: serde_json::Map<_, _> = (0..40).map(|n| (format!("m{n}"), json!(1))).collect();
    for data in [json!({"clarity": "high"}), json!([1]), json!({"": 1}), json!({ "x".repeat(100): 1 }), json!(many)] {
        socket.send(&json!({"type": "metrics", "data": data})).await;
        assert_eq!(socket.frame("error").await["code"], "invalid_frame");
    }
    socket.send(&json!({"type": "metrics", "data": {}})).await;
    assert_eq!(socket.frame("metrics_received").await["status"], "ok");
}
