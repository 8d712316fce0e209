//! C10 over HTTP: bodies that are none.

use serde_json::{Value, json};
use tests::app::{ALPHA, OPEN, TestApp, new_key};
use tests::http::Ask;

fn messages() -> String {
    format!("/api/site/dialogs/100/messages?site_token={OPEN}")
}

fn post(app: &TestApp, path: &str, kind: &str, body: impl Into<Vec<u8>>) -> Ask {
    Ask::new(app.address, "POST", path).body(kind, body.into()).bearer(&new_key())
}

#[tokio::test]
async fn every_bad_body_has_its_status_and_its_code_and_stores_nothing() {
    let app = TestApp::start().await;
    let paths = [messages(), format!("/api/site/dialogs?site_token={ALPHA}")];
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep = format!("{{\"text\":{nested},\"message\":{{\"text\":{nested}}}}}");
    let rows: [(&str, Vec<u8>, u16, &str); 18] = [
        ("invalid json", b"invalid json".into(), 400, "invalid_json"),
        ("nothing", b"".into(), 400, "invalid_json"),
        ("half", b"{incomplete json".into(), 400, "invalid_json"),
        ("null", b"null".into(), 400, "invalid_frame"),
        ("a number", b"7".into(), 400, "invalid_frame"),
        ("a list of things", b"[7]".into(), 400, "invalid_frame"),
        ("the fields as a list", br#"["hello","m-1"]"#.into(), 400, "invalid_frame"),
        ("the field as a list", br#"[{"id":"m-1","text":"hello"}]"#.into(), 400, "invalid_frame"),
        (
            "no UTF-8 where nobody looks",
            b"{\"text\":\"hello\",\"message\":{\"text\":\"hello\"},\"x\":\"\xff\"}".into(),
            400,
            "invalid_json",
        ),
        ("binary junk", vec![0x00, 0xff, 0x1b, 0x80], 400, "invalid_json"),
        ("no UTF-8 within", b"{\"text\":\"\xff\",\"message\":{\"text\":\"\xff\"}}".into(), 400, "invalid_json"),
        ("a lone surrogate", br#"{"text":"\ud83d","message":{"text":"\ud83d"}}"#.into(), 400, "invalid_json"),
        ("a lone emoji", "\u{1f642}".as_bytes().into(), 400, "invalid_json"),
        ("a text of another kind", br#"{"text":7,"message":7}"#.into(), 400, "invalid_frame"),
        ("deep nesting", nested.into_bytes(), 400, "invalid_frame"),
        ("deep nesting within", deep.into_bytes(), 400, "invalid_frame"),
        ("1 MB", vec![b'x'; 1024 * 1024], 413, "too_big"),
        ("10 MB", vec![b'x'; 10 * 1024 * 1024], 413, "too_big"),
    ];
    for path in &paths {
        for (what, body, status, code) in &rows {
            let answer = post(&app, path, "application/json", body.clone()).attempt().await;
            let Ok(answer) = answer else { panic!("no answer to {what}: {answer:?}") };
            let (found, name) = answer.error();
            assert_eq!((found, name.as_str()), (*status, *code), "{what} to {path}");
        }
    }
    assert_eq!(app.texts(100).await, Vec::<String>::new());
}

#[tokio::test]
async fn every_message_that_is_not_allowed_is_422_with_its_code() {
    let app = TestApp::start().await;
    let rows = [
        (json!({"text": ""}), "empty_text"),
        (json!({"text": " \n"}), "empty_text"),
        (json!({"text": "x".repeat(40_000)}), "text_too_long"),
        (json!({"text": "x".repeat(10_001)}), "text_too_long"),
        (json!({"text": "a", "id": ""}), "invalid_id"),
        (json!({"text": "a", "id": "x".repeat(65)}), "invalid_id"),
        (json!({"text": "a", "id": "'; DROP TABLE messages; --"}), "invalid_id"),
        (json!({"text": "a", "client": "<script>"}), "invalid_id"),
    ];
    for (body, code) in rows {
        assert_eq!(app.post(&messages(), &body).send().await.error(), (422, code.into()), "{code}");
    }
    assert_eq!(app.texts(100).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_body_of_another_type_is_415() {
    let app = TestApp::start().await;
    let good = br#"{"text":"hello"}"#.to_vec();
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", ""]
    {
        let answer = post(&app, &messages(), kind, good.clone()).send().await;
        assert_eq!(answer.error(), (415, "unsupported_media_type".into()), "{kind}");
    }
    let without = Ask::new(app.address, "POST", &messages()).send().await;
    assert_eq!(without.error(), (415, "unsupported_media_type".into()));
    for kind in ["application/json", "Application/JSON", "application/json; charset=utf-8"] {
        assert_eq!(post(&app, &messages(), kind, good.clone()).send().await.status, 201, "{kind}");
    }
}

#[tokio::test]
async fn fields_that_nobody_knows_are_left_alone() {
    let app = TestApp::start().await;
    let body =
        json!({"text": "hello", "author": {"kind": "operator"}, "seq": 99, "at": 1, "dialog_id": 101, "admin": true});
    assert_eq!(app.post(&messages(), &body).send().await.expect(201)["seq"], 1);
    let log = app.log(100).await;
    assert_eq!((&log[0]["author"]["kind"], &log[0]["dialog_id"]), (&json!("visitor"), &json!(100)));
    assert!(log[0]["at"].as_u64().unwrap() > 1_700_000_000_000);
}

#[tokio::test]
async fn batches_that_are_none_are_answered_in_frames() {
    let app = TestApp::start().await;
    let path = format!("/api/site/dialogs/100/frames?site_token={OPEN}");
    for (body, code) in [
        ("invalid json", "invalid_json"),
        ("", "empty_frame"),
        ("null", "invalid_frame"),
        ("{}", "invalid_frame"),
        ("[7]", "invalid_frame"),
    ] {
        let answer = post(&app, &path, "application/json", body).send().await.expect(200);
        assert_eq!((answer.as_array().map(Vec::len), &answer[0]["code"]), (Some(1), &json!(code)), "{body}");
    }
    let answer = post(&app, &path, "application/json", vec![0xff, 0xfe]).send().await;
    assert_eq!(answer.error(), (400, "invalid_json".into()));
    let answer = post(&app, &path, "text/plain", "[]").send().await;
    assert_eq!(answer.error(), (415, "unsupported_media_type".into()));
    let answer = post(&app, &path, "application/json", vec![b' '; 2 * 1024 * 1024]).send().await;
    assert_eq!(answer.error(), (413, "too_big".into()));
}

#[tokio::test]
async fn a_login_that_is_none_says_so_and_is_limited() {
    let app = TestApp::start().await;
    for (body, status, code) in [
        (json!({"email": "all@desk.example"}), 400, "invalid_frame"),
        (json!({"email": "nobody@desk.example", "password": "x"}), 401, "unauthorized"),
        (json!({"email": "' OR '1'='1", "password": "' OR '1'='1"}), 401, "unauthorized"),
        (Value::Null, 400, "invalid_frame"),
    ] {
        assert_eq!(app.post("/api/login", &body).send().await.error(), (status, code.into()), "{body}");
    }
    let mut limited = None;
    for _ in 0..30 {
        let answer = app.post("/api/login", &json!({})).send().await;
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("guessing is limited");
    assert_eq!(limited.error(), (429, "rate_limited".into()));
    assert!(!limited.header("retry-after").is_empty());
}

#[tokio::test]
async fn a_body_that_ends_too_early_is_no_message() {
    use tokio::io::AsyncWriteExt;
    let app = TestApp::start().await;
    let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{\"text\":\"half",
        messages()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    drop(stream);
    assert_eq!(app.post(&messages(), &json!({"text": "whole"})).send().await.status, 201);
    assert_eq!(app.texts(100).await, ["whole"]);
}

#[tokio::test]
#[ignore = "takes 10 s: the time limit of a body as it stands"]
async fn a_body_that_does_not_arrive_is_408() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let app = TestApp::start().await;
    let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{\"text\":\"half",
        messages()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let read = tokio::time::timeout(tests::PATIENCE, stream.read(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("\"code\":\"timeout\""), "{answer}");
    assert_eq!(app.texts(100).await, Vec::<String>::new());
}
