//! Typing, presence and receipts: for those who asked for them.

use serde_json::{Value, json};
use tests::app::{ALPHA, TestApp};
use tests::socket::Socket;

async fn subscribe(socket: &mut Socket, channels: &[&str]) -> Value {
    socket.send(&json!({"type": "subscribe", "channels": channels})).await;
    socket.frame("subscribed").await
}

#[tokio::test]
async fn subscriptions_are_confirmed_and_unknown_channels_named() {
    let app = TestApp::start().await;
    let mut socket = app.open_socket(100).await;
    let confirmed = subscribe(&mut socket, &["typing", "presence", "receipts"]).await;
    assert_eq!(
        confirmed,
        json!({"type": "subscribed", "channels": ["typing", "presence", "receipts"], "status": "ok"})
    );
    socket.send(&json!({"type": "unsubscribe", "channels": ["typing"]})).await;
    let ended = socket.frame("unsubscribed").await;
    assert_eq!(ended, json!({"type": "unsubscribed", "channels": ["typing"], "status": "ok"}));
    socket.send(&json!({"type": "subscribe", "channels": ["weather"]})).await;
    assert_eq!(socket.frame("error").await["code"], "unknown_channel");
    socket.send(&json!({"type": "subscribe", "channels": ["weather", "typing"]})).await;
    assert_eq!(socket.frame("error").await["code"], "unknown_channel");
    assert_eq!(socket.frame("subscribed").await["channels"], json!(["typing"]));
}

#[tokio::test]
async fn typing_is_told_to_the_others_who_asked_and_to_nobody_else() {
    let app = TestApp::start().await;
    let mut visitor = app.open_socket(100).await;
    let mut operator = app.operator_socket(100).await;
    let mut deaf = app.operator_socket(100).await;
    let mut elsewhere = app.operator_socket(101).await;
    for socket in [&mut visitor, &mut operator, &mut elsewhere] {
        subscribe(socket, &["typing"]).await;
    }
    visitor.send(&json!({"type": "typing", "on": true})).await;
    let typing = operator.frame("typing").await;
    assert_eq!((&typing["on"], &typing["author"]["kind"]), (&json!(true), &json!("visitor")));
    visitor.send(&json!({"type": "typing", "on": false})).await;
    assert_eq!(operator.frame("typing").await["on"], false);
    operator.send(&json!({"type": "typing", "on": true})).await;
    let typing = visitor.frame("typing").await;
    assert_eq!((&typing["author"]["kind"], &typing["author"]["name"]), (&json!("operator"), &json!("all")));
    for socket in [&mut visitor, &mut operator, &mut deaf, &mut elsewhere] {
        let rest = socket.settle("end").await;
        assert!(!rest.iter().any(|frame| frame["type"] == "typing"), "{rest:?}");
    }
}

#[tokio::test]
async fn presence_is_told_at_once_and_with_every_change() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "Is somebody there?").await;
    let mut socket = app.visitor_socket(&visitor, None).await;
    socket.frame("synced").await;
    subscribe(&mut socket, &["presence"]).await;
    let names = async |socket: &mut Socket, expected: Value| {
        let wanted = |frame: &Value| frame["type"] == "presence" && frame["operators"] == expected;
        socket.frame_where("presence", wanted).await;
    };
    names(&mut socket, json!([])).await;
    let operator = app.operator_socket(visitor.dialog_id).await;
    names(&mut socket, json!(["all"])).await;
    // An operator of this site only, in the inbox; one of another site does not count.
    let mut other = Socket::open(app.address, &format!("/ws/inbox?token={}", app.token("beta@desk.example"))).await;
    other.frame("inbox").await;
    let mut own = Socket::open(app.address, &format!("/ws/inbox?token={}", app.token("alpha@desk.example"))).await;
    own.frame("inbox").await;
    names(&mut socket, json!(["all", "alpha"])).await;
    let config = app.get(&format!("/api/site/config?site_token={ALPHA}")).send().await.expect(200);
    assert_eq!(config["operators"], json!(["all", "alpha"]));
    // The second socket of an operator is no second person.
    let second = app.operator_socket(visitor.dialog_id).await;
    second.close().await;
    operator.close().await;
    names(&mut socket, json!(["alpha"])).await;
    own.close().await;
    names(&mut socket, json!([])).await;
}

#[tokio::test]
async fn receipts_say_how_far_a_side_has_come_and_never_go_back() {
    let app = TestApp::start().await;
    let mut visitor = app.open_socket(100).await;
    let mut operator = app.operator_socket(100).await;
    for seq in 1..=3 {
        visitor.say_as(&format!("m-{seq}"), "text").await;
        operator.frame_where("message", |frame| frame["seq"] == seq && frame["type"] == "message").await;
    }
    subscribe(&mut visitor, &["receipts"]).await;
    let receipt = async |socket: &mut Socket, received: u64, read: u64| {
        let wanted = |frame: &Value| {
            frame["type"] == "receipt"
                && frame["who"] == "operator"
                && frame["received"] == received
                && frame["read"] == read
        };
        socket.frame_where("receipt", wanted).await;
    };
    operator.send(&json!({"type": "received", "seq": 2})).await;
    receipt(&mut visitor, 2, 0).await;
    operator.send(&json!({"type": "read", "seq": 1})).await;
    receipt(&mut visitor, 2, 1).await;
    operator.send(&json!({"type": "received", "seq": 1})).await;
    operator.send(&json!({"type": "read", "seq": 3})).await;
    receipt(&mut visitor, 3, 3).await;
    // Beyond what was sent there is nothing to have been received.
    operator.send(&json!({"type": "read", "seq": 99})).await;
    operator.settle("end").await;
    // A link that comes later is told how it stands, also after a restart.
    let mut late = app.open_socket(100).await;
    subscribe(&mut late, &["receipts"]).await;
    receipt(&mut late, 3, 3).await;
    let app = app.restart().await;
    let mut late = app.open_socket(100).await;
    subscribe(&mut late, &["receipts"]).await;
    receipt(&mut late, 3, 3).await;
}

#[tokio::test]
async fn messages_come_without_any_subscription() {
    let app = TestApp::start().await;
    let mut operator = app.operator_socket(100).await;
    operator.send(&json!({"type": "unsubscribe", "channels": ["typing", "presence", "receipts"]})).await;
    operator.frame("unsubscribed").await;
    let mut visitor = app.open_socket(100).await;
    visitor.say("Hello").await;
    assert_eq!(operator.frame("message").await["text"], "Hello");
}
