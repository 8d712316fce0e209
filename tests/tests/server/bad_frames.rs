//! C10 on sockets: whatever a client sends, it is told what was wrong, and everybody else carries on.

use std::time::Duration;

use serde_json::{Value, json};
use tests::app::{OPEN, TestApp, new_id, site_socket};
use tests::socket::Socket;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// A conversation that goes on beside a test, and must not notice it.
struct Neighbour {
    visitor: Socket,
    operator: Socket,
    count: u64,
}

impl Neighbour {
    async fn of(app: &TestApp) -> Self {
        Self { visitor: app.open_socket(150).await, operator: app.operator_socket(150).await, count: 0 }
    }

    async fn talk(&mut self) {
        self.count += 1;
        let text = format!("undisturbed {}", self.count);
        assert_eq!(self.visitor.say_as(&new_id(), &text).await["seq"], self.count);
        assert_eq!(self.operator.frame("message").await["text"], text);
    }
}

#[tokio::test]
async fn every_bad_frame_gets_its_error_and_the_link_lives_on() {
    let app = TestApp::start().await;
    let mut neighbour = Neighbour::of(&app).await;
    let mut socket = app.open_socket(100).await;
    let long = "x".repeat(40_000);
    let deep_array = format!("{{\"type\":\"ping\",\"timestamp\":{}1{}}}", "[".repeat(2_000), "]".repeat(2_000));
    let deep_object = format!("{}1{}", "{\"type\":".repeat(3_000), "}".repeat(3_000));
    let many = format!("[{}]", vec!["{\"type\":\"ping\"}"; 501].join(","));
    let rows = [
        ("invalid json", "invalid_json"),
        ("", "empty_frame"),
        ("   \n", "empty_frame"),
        ("{incomplete json", "invalid_json"),
        ("{\"type\":\"ping\"", "invalid_json"),
        ("{\"type\":\"ping\"} trailing", "invalid_json"),
        ("null", "invalid_frame"),
        ("true", "invalid_frame"),
        ("42", "invalid_frame"),
        ("\"ping\"", "invalid_frame"),
        ("{}", "invalid_frame"),
        ("{\"type\":null}", "invalid_frame"),
        ("{\"type\":\"ready\"}", "unknown_type"),
        ("{\"type\":\"PING\"}", "unknown_type"),
        ("{\"type\":\"\"}", "unknown_type"),
        ("{\"type\":\"message\"}", "invalid_frame"),
        ("{\"type\":\"message\",\"text\":{}}", "invalid_frame"),
        ("{\"type\":\"message\",\"text\":\"a\",\"n\":-1}", "invalid_frame"),
        ("{\"type\":\"message\",\"text\":\"a\",\"id\":5}", "invalid_frame"),
        ("{\"type\":\"typing\",\"on\":\"yes\"}", "invalid_frame"),
        ("{\"type\":\"received\",\"seq\":1.5}", "invalid_frame"),
        ("{\"type\":\"subscribe\",\"channels\":\"typing\"}", "invalid_frame"),
        ("\u{1f642}", "invalid_json"),
        ("\u{feff}{\"type\":\"ping\"}", "invalid_json"),
        ("{'type':'ping'}", "invalid_json"),
        ("NaN", "invalid_json"),
        ("\u{0}\u{1}\u{2}\u{3}", "invalid_json"),
        ("[", "invalid_json"),
        ("[[{\"type\":\"ping\"}]]", "invalid_frame"),
        (long.as_str(), "invalid_json"),
        (deep_array.as_str(), "invalid_frame"),
        (deep_object.as_str(), "invalid_frame"),
        (many.as_str(), "too_big"),
    ];
    for (text, code) in rows {
        socket.send_text(text).await;
        let error = socket.next_frame().await;
        let shown = &text[..text.len().min(60)];
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(code)), "{shown:?}: {error}");
        assert!(!error["message"].as_str().unwrap_or_default().is_empty(), "{shown:?}");
        assert_eq!(socket.settle("still here").await, Vec::<Value>::new(), "{shown:?}");
    }
    neighbour.talk().await;
    assert_eq!(socket.say_as("good", "and goes on").await["seq"], 1);
}

#[tokio::test]
async fn texts_that_are_not_allowed_are_refused_by_name_and_the_link_lives_on() {
    let app = TestApp::start().await;
    let mut socket = app.open_socket(100).await;
    let long = "x".repeat(40_000);
    let just_too_long = "\u{1f642}".repeat(10_001);
    let long_id = "i".repeat(65);
    let rows = [
        ("a", long.as_str(), "text_too_long"),
        ("a", just_too_long.as_str(), "text_too_long"),
        ("a", "", "empty_text"),
        ("a", " \t\n\u{a0}\u{2003}", "empty_text"),
        ("", "text", "invalid_id"),
        ("with space", "text", "invalid_id"),
        ("quote'", "text", "invalid_id"),
        ("\u{1f642}", "text", "invalid_id"),
        (long_id.as_str(), "text", "invalid_id"),
    ];
    for (id, text, code) in rows {
        let refused = socket.say_as(id, text).await;
        assert_eq!((&refused["type"], &refused["code"]), (&json!("refused"), &json!(code)), "{id:?}");
        assert_eq!(refused["retry"], false);
    }
    // At the limit, everything is stored as it is.
    let longest = "\u{1f642}".repeat(10_000);
    let longest_id = "i".repeat(64);
    for (id, text) in [
        ("lone-emoji", "\u{1f642}"),
        ("family", "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}"),
        (longest_id.as_str(), longest.as_str()),
        ("u:u_u.u-1", " spaces stay "),
    ] {
        socket.send(&json!({"type": "message", "id": id, "text": text})).await;
        let echo = socket
            .frame_where("echo or refusal", |frame| ["message", "refused"].contains(&frame["type"].as_str().unwrap()));
        assert_eq!(echo.await["text"], text, "{id}");
    }
    let log = app.texts(100).await;
    assert_eq!(log, ["\u{1f642}", "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}", longest.as_str(), " spaces stay "]);
}

#[tokio::test]
async fn a_binary_frame_is_an_error_and_the_link_lives_on() {
    let app = TestApp::start().await;
    let mut socket = app.open_socket(100).await;
    for bytes in [vec![], vec![0xff, 0xfe, 0x00], br#"{"type":"ping"}"#.to_vec(), vec![0; 60_000]] {
        socket.send_raw(Message::binary(bytes)).await;
        assert_eq!(socket.next_frame().await["code"], "binary_frame");
    }
    socket.settle("still here").await;
}

#[tokio::test]
async fn a_frame_beyond_the_limit_is_1009_and_the_neighbours_carry_on() {
    let app = TestApp::start().await;
    let mut neighbour = Neighbour::of(&app).await;
    for size in [65_537, 1024 * 1024, 10 * 1024 * 1024] {
        for binary in [false, true] {
            let mut socket = app.open_socket(100).await;
            let message = if binary { Message::binary(vec![b'x'; size]) } else { Message::text("x".repeat(size)) };
            socket.send_raw(message).await;
            assert_eq!(socket.closed().await.word(), (1009, "too_big".into()), "{size} {binary}");
            neighbour.talk().await;
        }
    }
    // The largest that is allowed is read.
    let mut socket = app.open_socket(100).await;
    socket.send_text(&"x".repeat(65_536)).await;
    assert_eq!(socket.next_frame().await["code"], "invalid_json");
}

#[tokio::test]
async fn fragments_are_put_together_and_their_sum_has_the_same_limit() {
    let app = TestApp::start().await;
    let mut socket = app.open_socket(100).await;
    socket.send_fragments(&["{\"type\":", "\"ping\",", "\"timestamp\":", "7}"]).await;
    assert_eq!(socket.next_frame().await, json!({"type": "pong", "timestamp": 7}));
    socket.send_fragments(&["", "", ""]).await;
    assert_eq!(socket.next_frame().await["code"], "empty_frame");
    let part = "x".repeat(8_192);
    socket.send_fragments(&[part.as_str(); 9]).await;
    assert_eq!(socket.closed().await.word(), (1009, "too_big".into()));
}

#[tokio::test]
async fn what_breaks_the_rules_of_websocket_is_closed_with_its_code() {
    let app = TestApp::start().await;
    let mut neighbour = Neighbour::of(&app).await;
    let text = |bytes: &[u8], last| Frame::message(bytes.to_vec(), OpCode::Data(Data::Text), last);
    let mut compressed = text(b"{}", true);
    compressed.header_mut().rsv1 = true;
    let rows = [
        ("bytes that are no UTF-8", vec![text(&[b'"', 0xff, 0xfe, b'"'], true)], 1007),
        ("half of a surrogate pair", vec![text(b"\"\xed\xa0\xbd\"", true)], 1007),
        ("a continuation of nothing", vec![Frame::message(b"x".to_vec(), OpCode::Data(Data::Continue), true)], 1002),
        ("a text within a text", vec![text(b"{", false), text(b"}", true)], 1002),
        ("an extension that was not agreed on", vec![compressed], 1002),
        ("a ping of 126 bytes", vec![Frame::ping(vec![b'x'; 126])], 1002),
    ];
    for (what, frames, code) in rows {
        let mut socket = app.open_socket(100).await;
        for frame in frames {
            socket.send_raw(Message::Frame(frame)).await;
        }
        assert_eq!(socket.closed().await.code, code, "{what}");
        neighbour.talk().await;
    }
}

#[tokio::test]
async fn a_hundred_bad_frames_in_a_row_are_too_many_and_one_good_one_between_forgives_them() {
    let app = TestApp::start().await;
    let mut neighbour = Neighbour::of(&app).await;
    let mut socket = app.open_socket(100).await;
    for round in 0..3 {
        for _ in 0..99 {
            socket.send_text("nonsense").await;
            assert_eq!(socket.next_frame().await["type"], "error");
        }
        socket.settle(&format!("good {round}")).await;
    }
    for _ in 0..100 {
        socket.send_text("nonsense").await;
    }
    assert_eq!(socket.closed().await.word(), (4400, "bad_frames".into()));
    neighbour.talk().await;
}

#[tokio::test]
async fn a_connection_that_sends_no_http_is_let_go_and_the_others_carry_on() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let app = TestApp::start().await;
    let mut neighbour = Neighbour::of(&app).await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(tests::PATIENCE, stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "{bytes:?} is not let go");
        neighbour.talk().await;
    }
    // A header that never ends is cut off after five seconds.
    let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    let started = std::time::Instant::now();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(tests::PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok() && started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    neighbour.talk().await;
}

#[tokio::test]
async fn sockets_that_are_cut_off_anywhere_leave_the_others_alone() {
    use tokio::io::AsyncWriteExt;
    let app = TestApp::start().await;
    let mut neighbour = Neighbour::of(&app).await;
    let path = site_socket(100, OPEN);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\u{81}\u{fe}",
        app.address
    );
    let bytes = request.as_bytes();
    for end in [1, 20, bytes.len() / 2, bytes.len() - 5, bytes.len() - 2, bytes.len()] {
        let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
        stream.write_all(&bytes[..end]).await.unwrap();
        stream.set_zero_linger().unwrap();
        drop(stream);
    }
    neighbour.talk().await;
}

#[tokio::test]
async fn who_broke_the_rules_hears_the_end_at_once_and_not_only_once_it_is_quiet() {
    let app = TestApp::start().await;
    let stream = TcpStream::connect(app.address).await.expect("the server listens");
    let (mut from, mut to) = stream.into_split();
    let path = site_socket(100, OPEN);
    let upgrade = format!(
        "GET {path} HTTP/1.1\r\nHost: rejoin\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    to.write_all(upgrade.as_bytes()).await.expect("the server reads");
    // A continuation of nothing, masked with zeros.
    to.write_all(&[0x80, 0x81, 0, 0, 0, 0, b'x']).await.expect("the server reads");
    let mut heard = Vec::new();
    let mut noises = 0;
    loop {
        tokio::select! {
            end = from.read_to_end(&mut heard) => {
                end.expect("a close frame, and no reset");
                break;
            }
            () = tokio::time::sleep(Duration::from_millis(20)) => {
                noises += 1;
                assert!(noises < 100, "the server listens to noise, and does not end");
                to.write_all(b"?").await.expect("the server reads on");
            }
        }
    }
    assert!(String::from_utf8_lossy(&heard).ends_with("{\"reason\":\"protocol_error\"}"));
}
