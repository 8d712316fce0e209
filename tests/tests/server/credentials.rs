//! Tokens and keys on sockets and requests: C1 to C3, and the end of a token on an open socket.

use serde_json::json;
use tests::app::{ALPHA, OPEN, OPERATORS, TestApp, site_socket};
use tests::socket::Socket;

/// Opens a socket, and returns how it was closed before anything came.
async fn refused(app: &TestApp, path: &str) -> (u16, String) {
    let mut socket = Socket::open(app.address, path).await;
    match socket.next().await {
        tests::socket::Down::Closed(close) => close.word(),
        tests::socket::Down::Frame(frame) => panic!("{path} is let in: {frame}"),
    }
}

#[tokio::test]
async fn an_operator_s_socket_wants_a_good_token() {
    let app = TestApp::start().await;
    let good = app.operator();
    let mut parts: Vec<_> = good.split('.').map(str::to_owned).collect();
    let unsigned = format!("{}.{}.", "eyJhbGciOiJub25lIn0", parts[1]);
    let flipped = if parts[2].starts_with('A') { "B" } else { "A" };
    parts[2].replace_range(..1, flipped);
    let forged = parts.join(".");
    let bad = [
        ("nothing", String::new()),
        ("a word", "token".into()),
        ("a forged signature", forged),
        ("no signature", unsigned),
        ("half of it", good[..good.len() / 2].into()),
        ("two of them", format!("{good}.{good}")),
        ("a visitor key", "vk_0123456789abcdefghijkl".into()),
        ("SQL", "'%20OR%20'1'='1".into()),
        ("10,000 characters", "x".repeat(10_000)),
    ];
    for (what, token) in bad {
        let close = refused(&app, &format!("/ws/dialogs/100?token={token}")).await;
        assert_eq!(close, (4301, "unauthorized".into()), "{what}");
    }
    assert_eq!(refused(&app, "/ws/dialogs/100").await, (4301, "unauthorized".into()));
    assert_eq!(refused(&app, "/ws/inbox").await, (4301, "unauthorized".into()));
    let expired = app.expired_token(OPERATORS[0].0);
    for path in ["/ws/dialogs/100", "/ws/inbox"] {
        assert_eq!(refused(&app, &format!("{path}?token={expired}")).await, (4300, "token_expired".into()));
    }
    let answer = app.get("/api/dialogs").bearer(&expired).send().await;
    assert_eq!(answer.error(), (401, "token_expired".into()));
    let mut socket = Socket::open(app.address, &format!("/ws/dialogs/100?token={good}")).await;
    assert_eq!(socket.next_frame().await["type"], "ready");
}

#[tokio::test]
async fn a_refusal_carries_its_reason_as_json_that_fits_into_a_close_frame() {
    let app = TestApp::start().await;
    let mut socket = Socket::open(app.address, "/ws/dialogs/100").await;
    let close = socket.closed().await;
    assert_eq!(close.reason(), json!({"reason": "unauthorized"}));
}

#[tokio::test]
async fn an_unknown_site_or_assistant_is_4405() {
    let app = TestApp::start().await;
    let rows = [
        ("/ws/site/dialogs/100?site_token=st_nobody", "unknown_site"),
        ("/ws/site/dialogs/100?site_token=", "unknown_site"),
        ("/ws/site/dialogs/100", "unknown_site"),
        ("/ws/site/dialogs/100?site_token=ST_OPEN", "unknown_site"),
        ("/ws/site/dialogs/100?site_token=st_open%00", "unknown_site"),
        ("/ws/widget/dialogs/100?assistant_id=99", "unknown_assistant"),
        ("/ws/widget/dialogs/100?assistant_id=x", "unknown_assistant"),
        ("/ws/widget/dialogs/100", "unknown_assistant"),
    ];
    for (path, reason) in rows {
        assert_eq!(refused(&app, path).await, (4405, reason.into()), "{path}");
    }
}

#[tokio::test]
async fn a_socket_without_a_key_must_say_hello_within_five_seconds() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "hello").await;
    // Anything but hello, first.
    let mut socket = Socket::open(app.address, &site_socket(visitor.dialog_id, ALPHA)).await;
    socket.say("let me in").await;
    assert_eq!(socket.closed().await.word(), (4203, "no_hello".into()));
    // A ping is answered before hello, and nothing else comes.
    let mut socket = Socket::open(app.address, &site_socket(visitor.dialog_id, ALPHA)).await;
    assert_eq!(socket.settle("early").await, Vec::<serde_json::Value>::new());
    // Nothing at all.
    let started = std::time::Instant::now();
    let close = socket.closed().await;
    assert_eq!(close.word(), (4203, "no_hello".into()));
    assert!(close.reason()["retry_ms"].is_u64());
    let waited = started.elapsed().as_millis();
    assert!((4_000..8_000).contains(&waited), "{waited} ms");
}

#[tokio::test]
async fn a_key_in_hello_opens_the_visitor_s_dialog_and_a_wrong_one_does_not() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "hello").await;
    let mut socket = app.visitor_socket(&visitor, Some(0)).await;
    assert_eq!(socket.next_frame().await["dialog_id"], visitor.dialog_id);
    for (key, expected) in [
        ("vk_9999999999999999999999", (4404, "dialog_not_found")),
        ("vk_short", (4301, "unauthorized")),
        ("", (4301, "unauthorized")),
        ("st_alpha", (4301, "unauthorized")),
    ] {
        let path = format!("{}&hello=1", site_socket(visitor.dialog_id, ALPHA));
        let mut socket = Socket::open(app.address, &path).await;
        socket.send(&json!({"type": "hello", "v": 1, "key": key})).await;
        let close = socket.closed().await.word();
        assert_eq!((close.0, close.1.as_str()), expected, "{key}");
    }
}

#[tokio::test]
async fn another_version_of_the_wire_is_4406() {
    let app = TestApp::start().await;
    for version in [0, 2, 99] {
        let mut socket = Socket::open(app.address, &format!("{}&hello=1", site_socket(100, OPEN))).await;
        socket.send(&json!({"type": "hello", "v": version})).await;
        assert_eq!(socket.closed().await.word(), (4406, "unsupported_version".into()), "{version}");
    }
}

#[tokio::test]
async fn a_token_that_expires_ends_the_open_socket_unless_a_fresh_one_came() {
    let app = TestApp::start().await;
    let open = async |valid_ms| {
        let token = app.token_for(OPERATORS[0].0, valid_ms);
        let mut socket = Socket::open(app.address, &format!("/ws/dialogs/100?token={token}")).await;
        socket.frame("synced").await;
        socket
    };
    let mut renewed = open(4_000).await;
    let mut expiring = open(4_000).await;
    renewed.send(&json!({"type": "auth", "token": app.operator()})).await;
    assert_eq!(expiring.closed().await.code, 4300);
    renewed.settle("still here").await;
    // A token of somebody else is no renewal.
    let mut socket = open(60_000).await;
    socket.send(&json!({"type": "auth", "token": app.token("beta@desk.example")})).await;
    assert_eq!(socket.closed().await.word(), (4301, "unauthorized".into()));
    let mut socket = open(60_000).await;
    socket.send(&json!({"type": "auth", "token": "forged"})).await;
    assert_eq!(socket.closed().await.word(), (4301, "unauthorized".into()));
    let mut socket = open(60_000).await;
    socket.send(&json!({"type": "auth", "token": app.expired_token(OPERATORS[0].0)})).await;
    assert_eq!(socket.closed().await.word(), (4300, "token_expired".into()));
}
