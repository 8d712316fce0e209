//! `POST …/frames`: batches, and M5.

use serde_json::{Value, json};
use tests::app::{ALPHA, OPEN, TestApp};
use tests::http::Begun;

fn path(dialog: u64) -> String {
    format!("/api/site/dialogs/{dialog}/frames?site_token={OPEN}&client=page-1")
}

#[tokio::test]
async fn a_batch_is_answered_frame_by_frame_in_its_order() {
    let app = TestApp::start().await;
    let batch = json!([
        {"type": "message", "id": "a", "n": 1, "text": "one"},
        {"type": "ping", "timestamp": 7},
        {"type": "message", "id": "b", "n": 2, "text": "two"},
        {"type": "message", "id": "c", "n": 4, "text": "four"},
        {"type": "message", "id": "d", "text": ""},
    ]);
    let answer = app.post(&path(100), &batch).send().await.expect(200);
    let frames = answer.as_array().unwrap();
    let of = |id: &str| frames.iter().find(|frame| frame["id"] == id).unwrap_or_else(|| panic!("{id}: {answer}"));
    assert_eq!((&of("a")["type"], &of("a")["seq"]), (&json!("stored"), &json!(1)));
    assert_eq!((&of("b")["type"], &of("b")["seq"]), (&json!("stored"), &json!(2)));
    assert_eq!((&of("c")["code"], &of("c")["expected"]), (&json!("order"), &json!(3)));
    assert_eq!(of("d")["code"], "empty_text");
    assert!(frames.contains(&json!({"type": "pong", "timestamp": 7})));
    assert_eq!(frames.len(), 5, "nothing but answers: {answer}");
    assert_eq!(app.texts(100).await, ["one", "two"]);
}

#[tokio::test]
async fn a_bad_frame_does_not_spoil_its_batch() {
    let app = TestApp::start().await;
    let batch =
        json!([{"type": "dance"}, 7, {"type": "message", "id": "a", "text": "good"}, null, {"type": "message"}]);
    let answer = app.post(&path(100), &batch).send().await.expect(200);
    let codes: Vec<_> = answer.as_array().unwrap().iter().filter_map(|frame| frame["code"].as_str()).collect();
    assert_eq!(codes, ["unknown_type", "invalid_frame", "invalid_frame", "invalid_frame"]);
    assert_eq!(app.texts(100).await, ["good"]);
}

#[tokio::test]
async fn an_empty_batch_is_answered_with_an_empty_one() {
    let app = TestApp::start().await;
    assert_eq!(app.post(&path(100), &json!([])).send().await.expect(200), json!([]));
}

#[tokio::test]
async fn what_is_posted_reaches_the_open_sockets_with_receipts_and_typing() {
    let app = TestApp::start().await;
    let mut operator = app.operator_socket(100).await;
    operator.send(&json!({"type": "subscribe", "channels": ["typing", "receipts"]})).await;
    operator.frame("subscribed").await;
    operator.say_as("q", "Can you read this?").await;
    let batch = json!([{"type": "typing", "on": true}, {"type": "message", "id": "a", "text": "Yes"}, {"type": "read", "seq": 1}]);
    app.post(&path(100), &batch).send().await.expect(200);
    let typing = operator.frame("typing").await;
    assert_eq!((&typing["on"], &typing["author"]["kind"]), (&json!(true), &json!("visitor")));
    let wanted = |frame: &Value| frame["type"] == "receipt" && frame["who"] == "visitor" && frame["read"] == 1;
    operator.frame_where("receipt of the visitor", wanted).await;
}

#[tokio::test]
async fn a_thousand_records_in_batches_arrive_without_loss() {
    let app = TestApp::start_with(&["--messages-per-s", "1000"]).await;
    let mut operator = app.operator_socket(100).await;
    let started = std::time::Instant::now();
    for batch in 0..10 {
        let frames: Vec<_> = (1..=100)
            .map(|place| {
                let n = batch * 100 + place;
                json!({"type": "message", "id": format!("r-{n}"), "n": n, "text": format!("record {n}")})
            })
            .collect();
        let answer = app.post(&path(100), &Value::Array(frames)).send().await.expect(200);
        let stored = answer.as_array().unwrap().iter().filter(|frame| frame["type"] == "stored").count();
        assert_eq!(stored, 100, "{answer}");
    }
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    for n in 1..=1000 {
        let message = operator.frame("message").await;
        assert_eq!((&message["seq"], &message["text"]), (&json!(n), &json!(format!("record {n}"))));
    }
    assert_eq!(app.log(100).await.len(), 1000);
}

#[tokio::test]
async fn a_thousand_records_in_batches_over_a_socket_arrive_without_loss() {
    let app = TestApp::start_with(&["--messages-per-s", "1000"]).await;
    let mut operator = app.operator_socket(100).await;
    let mut visitor = app.open_socket(100).await;
    for batch in 0..10 {
        let frames = (0..100).map(
            |place| json!({"type": "message", "id": format!("r-{batch}-{place}"), "text": format!("{batch}:{place}")}),
        );
        visitor.send(&frames.collect()).await;
    }
    for number in 0..1000 {
        assert_eq!(visitor.frame("stored").await["seq"], number + 1);
    }
    for number in 0..1000 {
        let message = operator.frame("message").await;
        assert_eq!(message["text"], format!("{}:{}", number / 100, number % 100));
    }
}

#[tokio::test]
async fn the_default_limit_lets_a_thousand_records_through_within_ten_seconds() {
    let app = TestApp::start().await;
    let started = std::time::Instant::now();
    let mut n = 1;
    while n <= 1000 {
        let frames: Vec<_> = (n..(n + 100).min(1001))
            .map(|n| json!({"type": "message", "id": format!("r-{n}"), "n": n, "text": format!("record {n}")}))
            .collect();
        let answer = app.post(&path(100), &Value::Array(frames)).send().await.expect(200);
        let refused = answer.as_array().unwrap().iter().filter(|frame| frame["type"] == "refused");
        let wait = refused.filter_map(|frame| frame["retry_after_ms"].as_u64()).next();
        let stored = answer.as_array().unwrap().iter().filter(|frame| frame["type"] == "stored").count();
        n += stored;
        if let Some(ms) = wait {
            // What the server asked for is done, no more and no less.
            tokio::time::sleep(std::time::Duration::from_millis(ms.max(200))).await;
        }
    }
    assert!(started.elapsed().as_secs_f64() < 10.5, "{:?}", started.elapsed());
    let texts = app.texts(100).await;
    assert_eq!(texts, (1..=1000).map(|n| format!("record {n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_batch_of_more_frames_than_the_limit_is_refused_as_a_whole() {
    let app = TestApp::start().await;
    let frames: Vec<_> = (0..501).map(|n| json!({"type": "message", "id": format!("r-{n}"), "text": "x"})).collect();
    let answer = app.post(&path(100), &Value::Array(frames)).send().await.expect(200);
    assert_eq!((answer.as_array().unwrap().len(), &answer[0]["code"]), (1, &json!("too_big")));
    assert_eq!(app.texts(100).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_batch_needs_the_same_credentials_as_a_message() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "mine").await;
    let path = format!("/api/site/dialogs/{}/frames?site_token={ALPHA}", visitor.dialog_id);
    let batch = json!([{"type": "message", "text": "not mine"}]);
    assert_eq!(app.post(&path, &batch).send().await.error(), (401, "unauthorized".into()));
    let other = tests::app::new_key();
    assert_eq!(app.post(&path, &batch).bearer(&other).send().await.error(), (404, "dialog_not_found".into()));
    // A key within the batch does not open another dialog.
    let batch = json!([{"type": "hello", "v": 1, "key": other}, {"type": "message", "id": "x", "text": "mine, too"}]);
    let answer = app.post(&path, &batch).bearer(&visitor.key).send().await.expect(200);
    assert_eq!(answer[0]["type"], "stored", "{answer}");
}

/// Begins batches until one is refused; returns those that are under way.
async fn begin_many(app: &TestApp, dialog: u64, bytes: usize, most: usize) -> Vec<Begun> {
    let mut begun = Vec::new();
    while begun.len() < most {
        let batch = app.post(&path(dialog), &json!([])).body("application/json", vec![b' '; bytes]);
        match batch.begin().await {
            Ok(one) => begun.push(one),
            Err(answer) => {
                assert_eq!(answer.error(), (503, "overloaded".into()));
                assert!(answer.json()["error"]["retry_after_ms"].as_u64() > Some(0), "{}", answer.text());
                break;
            }
        }
    }
    begun
}

async fn posts(app: &TestApp, path: &str, bytes: usize) -> bool {
    let mut batch = json!([{"type": "ping", "timestamp": 7}]).to_string();
    batch.extend(std::iter::repeat_n(' ', bytes.saturating_sub(batch.len())));
    let mut ask = app.post(path, &json!([])).body("application/json", batch);
    if path.starts_with("/api/dialogs/") {
        ask = ask.bearer(&app.operator());
    }
    let answer = ask.send().await;
    answer.status == 200 && answer.json()[0]["type"] == "pong"
}

#[tokio::test]
async fn bodies_that_never_come_take_the_post_of_nobody_else() {
    let app = TestApp::start().await;
    let begun = begin_many(&app, 100, 1_000, 140).await;
    assert_eq!(begun.len(), 140, "what is small waits at its own cost");
    assert!(posts(&app, &path(101), 0).await, "another visitor");
    assert!(posts(&app, "/api/dialogs/102/frames", 0).await, "an operator");
}

#[tokio::test]
async fn one_visitor_takes_a_small_share_of_the_large_bodies_and_all_of_them_leave_some_to_the_operators() {
    const LARGE: usize = 100 * 1024;
    let app = TestApp::start().await;
    let one = begin_many(&app, 100, LARGE, 140).await;
    assert_eq!(one.len(), 8);
    assert!(posts(&app, &path(100), 0).await, "a batch of the usual size");
    assert!(posts(&app, &path(101), LARGE).await, "another visitor");
    let mut others = Vec::new();
    for dialog in 101..=130 {
        others.extend(begin_many(&app, dialog, LARGE, 140).await);
    }
    assert_eq!(one.len() + others.len(), 96);
    assert!(!posts(&app, &path(131), LARGE).await, "it is all that visitors may take");
    assert!(posts(&app, "/api/dialogs/131/frames", LARGE).await, "an operator");
    drop((one, others));
    while !posts(&app, &path(131), LARGE).await {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_visitors_at_one_address_take_a_share_of_the_large_bodies() {
    const LARGE: usize = 100 * 1024;
    let app = TestApp::start_with(&["--trusted-proxy", "127.0.0.1"]).await;
    let begin = async |dialog: u64, address: &str| {
        let batch = app.post(&path(dialog), &json!([])).body("application/json", vec![b' '; LARGE]);
        batch.header("x-forwarded-for", address).begin().await
    };
    let mut begun = Vec::new();
    for number in 0..32 {
        begun.push(begin(100 + number, "9.9.9.9").await.unwrap());
    }
    assert_eq!(begin(150, "9.9.9.9").await.err().unwrap().error(), (503, "overloaded".into()));
    assert!(begin(150, "9.9.9.8").await.is_ok());
}
