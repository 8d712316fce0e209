//! C14: texts that would like to be something else.

use serde_json::json;
use tests::app::{ALPHA, OPEN, TestApp, new_key};

/// Texts that broke somebody's system once.
const CORPUS: [&str; 38] = [
    "'; DROP TABLE messages; --",
    "' OR '1'='1",
    "' OR 1=1 --",
    "\" OR \"\"=\"",
    "1; UPDATE dialogs SET site_id = 1",
    "' UNION SELECT password_hash FROM operators --",
    "'); DELETE FROM dialogs; --",
    "admin'--",
    "?1 ?2 :name @name $name",
    "%' AND 1=0 UNION ALL SELECT 1,2,3 --",
    "\\'; SELECT load_extension('x'); --",
    "x' AND randomblob(1000000000) --",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "\"><script>alert(String.fromCharCode(88))</script>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "<iframe src=javascript:alert(1)>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "</script><script>alert(1)</script>",
    "<!--<script>alert(1)//-->",
    "&lt;script&gt;&#x3C;&amp;",
    "{{7*7}} ${7*7} <%= 7*7 %> #{7*7}",
    "${jndi:ldap://127.0.0.1/a}",
    "$(reboot) `reboot` ; reboot | reboot && reboot",
    "../../../../etc/passwd",
    "%00%0d%0aSet-Cookie:%20a=b",
    "line\r\nbreak\r\n\r\nHTTP/1.1 200 OK",
    "data: {\"type\":\"bye\"}\n\nevent: x\nid: 99\n\n",
    "{\"type\":\"message\",\"text\":\"nested\"}",
    "\",\"seq\":99,\"x\":\"",
    "\\u0000\\ud800 \\x00 \\",
    "\u{1}\u{2}\u{7f}\u{1b}[31mred",
    "\u{202e}gnp.exe \u{200b}zero\u{200d}width\u{feff}",
    "Z\u{0351}\u{036b}\u{0343}\u{036a}\u{0302}a\u{0334}\u{0335}lgo",
    "a\u{2028}b\u{2029}c\u{85}d",
    "\u{1f1e9}\u{1f1ea} \u{1f469}\u{1f3fd}\u{200d}\u{1f680} \u{10ffff}",
];

#[tokio::test]
async fn whatever_is_written_is_stored_and_returned_as_the_text_it_is() {
    let app = TestApp::start().await;
    let mut operator = app.operator_socket(100).await;
    let mut visitor = app.open_socket(100).await;
    let mut events =
        tests::events::Events::open(app.get(&format!("/api/site/dialogs/100/events?site_token={OPEN}"))).await.unwrap();
    let mut expected = Vec::new();
    for (number, text) in CORPUS.into_iter().enumerate() {
        assert_eq!(visitor.say_as(&format!("s-{number}"), text).await["type"], "stored", "{text:?}");
        assert_eq!(operator.frame("message").await["text"], text);
        assert_eq!(events.frame("message").await["text"], text);
        let posted = app.post(&format!("/api/site/dialogs/100/messages?site_token={OPEN}"), &json!({"text": text}));
        posted.send().await.expect(201);
        assert_eq!(operator.frame("message").await["text"], text);
        assert_eq!(events.frame("message").await["text"], text);
        expected.extend([text, text]);
    }
    assert_eq!(app.texts(100).await, expected);
    let page = app.get(&format!("/api/site/dialogs/100/messages?site_token={OPEN}")).send().await;
    assert_eq!(page.header("content-type"), "application/json", "no browser reads it as a page");
    // Every table is as it was.
    let census = app.admin().check().unwrap();
    assert_eq!((census.sites, census.dialogs, census.messages), (4, 101, expected.len() as u64));
    let app = app.restart().await;
    assert_eq!(app.texts(100).await, expected);
}

#[tokio::test]
async fn a_nul_is_kept_or_refused_but_nothing_is_cut_off_behind_it() {
    let app = TestApp::start().await;
    let mut visitor = app.open_socket(100).await;
    let text = "before\u{0}after";
    let answer = visitor.say_as("nul", text).await;
    match answer["type"].as_str() {
        Some("stored") => assert_eq!(app.texts(100).await, [text]),
        Some("refused") => assert_eq!(app.texts(100).await, Vec::<String>::new()),
        _ => panic!("{answer}"),
    }
}

#[tokio::test]
async fn every_field_with_a_format_refuses_what_has_another() {
    let app = TestApp::start().await;
    let key = new_key();
    let mut socket = app.open_socket(100).await;
    for text in CORPUS {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let refused = socket.say_as(text, "text").await;
        assert_eq!(refused["code"], "invalid_id", "id {text:?}");
        let asks = [
            app.get(&format!("/api/site/config?site_token={encoded}")),
            app.get(&format!("/api/widget/config?assistant_id={encoded}")),
            app.get(&format!("/api/site/dialogs/{encoded}/messages?site_token={OPEN}")),
            app.get(&format!("/api/site/dialogs/100/messages?site_token={OPEN}&after={encoded}")),
            app.get(&format!("/api/site/dialogs/100/messages?site_token={OPEN}&before={encoded}")),
            app.get(&format!("/api/dialogs?token={encoded}")),
            app.get(&format!("/api/dialogs?before={encoded}")).bearer(&app.operator()),
            app.post(
                &format!("/api/site/dialogs?site_token={ALPHA}&client={encoded}"),
                &json!({"client": text, "message": {"id": text, "text": "x"}}),
            )
            .bearer(&key),
            app.post("/api/login", &json!({"email": text, "password": text})).header("x-forwarded-for", "1.2.3.4"),
        ];
        for ask in asks {
            let what = format!("{ask:?}");
            let answer = ask.send().await;
            let (status, code) = answer.error();
            assert!((400..500).contains(&status), "{what}: {status} {code}");
            let short: String = text.chars().take(12).collect();
            assert!(!answer.text().contains(&short), "an answer does not repeat what it was given: {what}");
        }
        // A field that is only compared may hold anything.
        socket.send(&json!({"type": "hello", "v": 1, "after": 0, "pending": [text], "client": {"id": text, "transport": text, "why": text}})).await;
        assert_eq!(socket.frame("ready").await["known"], serde_json::Value::Null);
        socket.frame("synced").await;
        socket.send(&json!({"type": "subscribe", "channels": [text]})).await;
        assert_eq!(socket.frame_where("error", |frame| frame["code"] == "unknown_channel").await["type"], "error");
    }
    assert_eq!(app.texts(100).await, Vec::<String>::new());
}
