//! `GET …/messages`: pages of the log, forwards and backwards.

use serde_json::{Value, json};
use tests::app::{ALPHA, OPEN, TestApp};

/// Fills a dialog with so many messages, `text 1` first.
pub(crate) async fn fill(app: &TestApp, dialog: u64, messages: u64) {
    let token = app.operator();
    let mut n = 1;
    while n <= messages {
        let last = (n + 99).min(messages);
        let frames: Vec<_> = (n..=last)
            .map(|n| json!({"type": "message", "id": format!("h-{n}"), "text": format!("text {n}")}))
            .collect();
        let path = format!("/api/dialogs/{dialog}/frames");
        let answer = app.post(&path, &Value::Array(frames)).bearer(&token).send().await.expect(200);
        let stored = answer.as_array().unwrap().iter().filter(|frame| frame["type"] == "stored").count();
        assert_eq!(stored as u64, last - n + 1, "{answer}");
        n = last + 1;
    }
}

fn seqs(page: &Value) -> Vec<u64> {
    page["messages"].as_array().unwrap().iter().map(|message| message["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn pages_go_forwards_and_backwards_without_holes() {
    let app = TestApp::start().await;
    fill(&app, 100, 130).await;
    let page = async |query: &str| {
        app.get(&format!("/api/site/dialogs/100/messages?site_token={OPEN}{query}")).send().await.expect(200)
    };
    let rows = [
        ("", 81..=130, true),
        ("&limit=10", 121..=130, true),
        ("&after=0", 1..=50, false),
        ("&after=100&limit=100", 101..=130, true),
        ("&before=81", 31..=80, true),
        ("&before=31&limit=100", 1..=30, false),
        ("&before=2", 1..=1, false),
        ("&after=129", 130..=130, true),
        ("&after=0&limit=1000", 1..=100, false),
        ("&limit=0", 130..=130, true),
        ("&after=&before=&limit=", 81..=130, true),
    ];
    for (query, expected, older) in rows {
        let page = page(query).await;
        assert_eq!(seqs(&page), expected.collect::<Vec<_>>(), "{query}");
        assert_eq!((&page["head"], &page["older"]), (&json!(130), &json!(older)), "{query}");
    }
    for query in ["&after=130", "&after=131", "&before=1", "&before=0"] {
        assert_eq!(seqs(&page(query).await), Vec::<u64>::new(), "{query}");
    }
}

#[tokio::test]
async fn a_number_that_no_log_will_ever_reach_is_only_a_number() {
    let app = TestApp::start().await;
    fill(&app, 100, 3).await;
    let largest = u64::MAX;
    let beyond_the_database = i64::MAX as u64 + 1;
    for number in [largest, beyond_the_database, i64::MAX as u64] {
        let path = format!("/api/site/dialogs/100/messages?site_token={OPEN}");
        let after = app.get(&format!("{path}&after={number}")).send().await.expect(200);
        assert_eq!(seqs(&after), Vec::<u64>::new(), "after {number}");
        let before = app.get(&format!("{path}&before={number}")).send().await.expect(200);
        assert_eq!(seqs(&before), [1, 2, 3], "before {number}");
        let assistant = app.get(&format!("/api/widget/config?assistant_id={number}")).send().await;
        assert_eq!(assistant.error(), (404, "unknown_assistant".into()), "{number}");
        let mut socket = app.open_socket(100).await;
        let client = json!({"id": "page-1"});
        socket.send(&json!({"type": "hello", "v": 1, "after": number, "client": client})).await;
        assert_eq!(socket.frame("ready").await["mode"], "reset", "{number}");
        socket.send(&json!({"type": "sync", "after": number, "limit": number})).await;
        socket.send(&json!({"type": "received", "seq": number})).await;
        socket.send(&json!({"type": "message", "id": format!("n-{number}"), "n": number, "text": "n"})).await;
        assert_eq!(socket.answer(&format!("n-{number}")).await["code"], "order", "{number}");
        socket.settle("still here").await;
    }
    let list = app.get(&format!("/api/dialogs?before={largest}.{largest}")).bearer(&app.operator()).send().await;
    assert!([200, 400].contains(&list.status), "{}", list.text());
}

#[tokio::test]
async fn a_page_belongs_to_an_epoch_that_stays_over_a_restart() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "Hello").await;
    let path = format!("/api/site/dialogs/{}/messages?site_token={ALPHA}", visitor.dialog_id);
    let before = app.get(&path).bearer(&visitor.key).send().await.expect(200);
    assert!(before["epoch"].as_u64().unwrap() > 0);
    let app = app.restart().await;
    let after = app.get(&path).bearer(&visitor.key).send().await.expect(200);
    assert_eq!(after, before);
}
