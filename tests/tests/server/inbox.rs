//! `/ws/inbox`: hints of what changes in an operator's dialogs.

use serde_json::json;
use tests::app::{ALPHA, BETA, TestApp};
use tests::socket::Socket;

async fn inbox(app: &TestApp, email: &str) -> Socket {
    let mut socket = Socket::open(app.address, &format!("/ws/inbox?token={}", app.token(email))).await;
    let ready = socket.next_frame().await;
    assert_eq!((&ready["type"], &ready["v"], &ready["heartbeat_ms"]), (&json!("inbox"), &json!(1), &json!(20_000)));
    socket
}

#[tokio::test]
async fn an_inbox_hears_of_its_sites_and_of_no_other() {
    let app = TestApp::start().await;
    let mut alpha = inbox(&app, "alpha@desk.example").await;
    let mut beta = inbox(&app, "beta@desk.example").await;
    let mut all = inbox(&app, "all@desk.example").await;
    let ann = app.visitor(ALPHA, "Hello from Ann").await;
    let bob = app.visitor(BETA, "Hello from Bob").await;
    for (socket, visitor, text) in [(&mut alpha, &ann, "Hello from Ann"), (&mut beta, &bob, "Hello from Bob")] {
        let activity = socket.frame_where("activity", |frame| frame["preview"] == text).await;
        assert_eq!((&activity["dialog_id"], &activity["head"]), (&json!(visitor.dialog_id), &json!(2)));
        assert_eq!(activity["author"]["kind"], "visitor");
        let rest = socket.settle("end").await;
        assert!(rest.is_empty(), "{rest:?}");
    }
    for text in ["Hello from Ann", "Hello from Bob"] {
        all.frame_where("activity", |frame| frame["preview"] == text).await;
    }
}

#[tokio::test]
async fn the_list_of_dialogs_says_what_is_new_and_the_latest_stands_first() {
    let app = TestApp::start().await;
    let ann = app.visitor(ALPHA, "Hello from Ann").await;
    let amy = app.visitor(ALPHA, &"A very long story. ".repeat(40)).await;
    let list = async |query: &str| {
        app.get(&format!("/api/dialogs?{query}")).bearer(&app.token("alpha@desk.example")).send().await.expect(200)
    };
    let all = list("").await;
    let lines: Vec<_> = all["dialogs"].as_array().unwrap().iter().map(|line| &line["dialog_id"]).collect();
    assert_eq!(lines, [&json!(amy.dialog_id), &json!(ann.dialog_id)]);
    let line = &all["dialogs"][0];
    assert_eq!(line["preview"].as_str().unwrap().chars().count(), 200);
    assert_eq!((&line["site"], &line["unread"], &line["last_author"]), (&json!("Alpha"), &json!(1), &json!("visitor")));
    // Page by page.
    let first = list("limit=1").await;
    assert_eq!(first["dialogs"][0]["dialog_id"], amy.dialog_id);
    let second = list(&format!("limit=1&before={}", first["next"].as_str().unwrap())).await;
    assert_eq!(second["dialogs"][0]["dialog_id"], ann.dialog_id);
    // What was read is no longer new, and what was answered stands first, to the second.
    let second = |at: u64| at / 1_000;
    let latest = line["at"].as_u64().unwrap();
    while second(tests::app::now()) <= second(latest) {
        tokio::task::yield_now().await;
    }
    let mut operator = app.operator_socket(ann.dialog_id).await;
    operator.send(&json!({"type": "read", "seq": 2})).await;
    operator.say_as("a", "Good day, Ann").await;
    let end = std::time::Instant::now() + tests::PATIENCE;
    loop {
        let line = list("").await["dialogs"][0].clone();
        if line["unread"] == 0 {
            assert_eq!((&line["dialog_id"], &line["last_author"]), (&json!(ann.dialog_id), &json!("operator")));
            break;
        }
        assert!(std::time::Instant::now() < end, "{}", list("").await);
    }
}

#[tokio::test]
async fn an_inbox_takes_no_messages_and_says_so() {
    let app = TestApp::start().await;
    let mut socket = inbox(&app, "all@desk.example").await;
    for (frame, code) in [
        (r#"{"type":"message","text":"to whom?"}"#, "unknown_type"),
        (r#"{"type":"dance"}"#, "unknown_type"),
        ("nonsense", "invalid_json"),
        ("", "empty_frame"),
    ] {
        socket.send_text(frame).await;
        assert_eq!(socket.frame("error").await["code"], code, "{frame}");
    }
    socket.settle("still here").await;
}

#[tokio::test]
async fn a_token_in_hello_opens_an_inbox_and_a_bad_one_does_not() {
    let app = TestApp::start().await;
    let mut socket = Socket::open(app.address, "/ws/inbox?hello=1").await;
    socket.send(&json!({"type": "hello", "v": 1, "token": app.operator()})).await;
    socket.frame("inbox").await;
    let mut socket = Socket::open(app.address, "/ws/inbox?hello=1").await;
    socket.send(&json!({"type": "hello", "v": 1, "token": "forged"})).await;
    assert_eq!(socket.closed().await.word(), (4301, "unauthorized".into()));
}
