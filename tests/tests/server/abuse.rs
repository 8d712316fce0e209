//! What one address, one visitor or one site takes too much of is refused with a code of its own, and nobody else
//! notices.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::app::{ALPHA, BETA, OPEN, TestApp, new_id, new_key, site_socket};
use tests::events::Events;
use tests::http::{Answer, Ask};
use tests::socket::{Close, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// A proxy on this machine, whose word about addresses is taken.
const PROXY: [&str; 2] = ["--trusted-proxy", "127.0.0.1"];

async fn behind_proxy(options: &[&str]) -> TestApp {
    TestApp::start_with(&[&PROXY, options].concat()).await
}

async fn socket_from(app: &TestApp, forwarded: &str, path: &str) -> Socket {
    Socket::open_with(app.address, path, &[("x-forwarded-for", forwarded)]).await
}

async fn refused(socket: &mut Socket) -> (u16, String) {
    let close: Close = socket.closed().await;
    assert!(close.reason()["retry_ms"].as_u64().unwrap() > 0);
    close.word()
}

fn from(ask: Ask, forwarded: &str) -> Ask {
    ask.header("x-forwarded-for", forwarded)
}

#[tokio::test]
async fn one_address_has_so_many_links_and_every_other_has_its_own() {
    let app = behind_proxy(&["--connections-per-address", "2"]).await;
    let path = site_socket(100, OPEN);
    let mut inside = vec![socket_from(&app, "9.9.9.9", &path).await, socket_from(&app, "9.9.9.9", &path).await];
    for socket in &mut inside {
        socket.frame("synced").await;
    }
    // What the client itself writes in front of its address changes nothing.
    for forwarded in ["9.9.9.9", "1.2.3.4, 9.9.9.9"] {
        let mut next = socket_from(&app, forwarded, &path).await;
        assert_eq!(refused(&mut next).await, (4200, "address_limit".into()), "{forwarded}");
    }
    let stream = format!("/api/site/dialogs/100/events?site_token={OPEN}");
    let answer = Events::open(from(app.get(&stream), "9.9.9.9")).await.unwrap_err();
    assert_eq!(answer.error(), (429, "address_limit".into()));
    assert!(!answer.header("retry-after").is_empty());
    let poll =
        from(app.get(&format!("/api/site/dialogs/100/poll?site_token={OPEN}")), "9.9.9.9").send().await.expect(200);
    assert_eq!(
        (&poll[0]["type"], &poll[0]["code"], &poll[0]["reason"]),
        (&json!("bye"), &json!(4200), &json!("address_limit"))
    );
    socket_from(&app, "9.9.9.8", &path).await.settle("another address").await;
    // A place that is given back is taken again.
    inside.pop().unwrap().close().await;
    let end = Instant::now() + tests::PATIENCE;
    loop {
        let mut next = socket_from(&app, "9.9.9.9", &path).await;
        if next.next_frame_or_close().await.is_ok() {
            break;
        }
        assert!(Instant::now() < end, "the place is never free");
    }
}

#[tokio::test]
async fn one_visitor_has_so_many_links_and_its_neighbour_its_own() {
    let app = TestApp::start_with(&["--connections-per-visitor", "2"]).await;
    let (ada, ben) = (app.visitor(ALPHA, "I am Ada").await, app.visitor(ALPHA, "I am Ben").await);
    let mut inside = Vec::new();
    for _ in 0..2 {
        let mut socket = app.visitor_socket(&ada, Some(0)).await;
        socket.frame("synced").await;
        inside.push(socket);
    }
    assert_eq!(refused(&mut app.visitor_socket(&ada, Some(0)).await).await, (4200, "visitor_limit".into()));
    let path = format!("/api/site/dialogs/{}/poll?site_token={ALPHA}", ada.dialog_id);
    let poll = app.get(&path).bearer(&ada.key).send().await.expect(200);
    assert_eq!(poll.as_array().unwrap().last().unwrap()["reason"], "visitor_limit");
    app.visitor_socket(&ben, Some(0)).await.frame("synced").await;
    assert_eq!(inside[0].say_as(&new_id(), "still here").await["type"], "stored");
}

#[tokio::test]
async fn the_visitors_of_one_site_leave_room_for_others_and_for_operators() {
    let app = TestApp::start_with(&["--connections-per-site", "3"]).await;
    let mut inside = Vec::new();
    for dialog in 100..103 {
        inside.push(app.open_socket(dialog).await);
    }
    let mut next = Socket::open(app.address, &site_socket(103, OPEN)).await;
    assert_eq!(refused(&mut next).await, (4200, "site_limit".into()));
    let mut operator = app.operator_socket(100).await;
    let visitor = app.visitor(BETA, "of another site").await;
    app.visitor_socket(&visitor, Some(0)).await.frame("synced").await;
    inside[0].say_as("m", "inside").await;
    assert_eq!(operator.frame("message").await["text"], "inside");
}

async fn begin(app: &TestApp, site: &str, forwarded: &str, key: &str) -> Answer {
    let body = json!({"message": {"id": new_id(), "text": "hello"}});
    from(app.post(&format!("/api/site/dialogs?site_token={site}"), &body), forwarded).bearer(key).send().await
}

#[tokio::test]
async fn a_flood_of_new_dialogs_is_refused_by_address_and_by_site_and_old_ones_go_on() {
    let app = behind_proxy(&["--dialogs-per-minute", "3", "--site-dialogs-per-minute", "5"]).await;
    let key = new_key();
    assert_eq!(begin(&app, ALPHA, "9.9.9.9", &key).await.status, 201);
    let mut statuses = Vec::new();
    for _ in 0..20 {
        let answer = begin(&app, ALPHA, "9.9.9.9", &new_key()).await;
        if answer.status != 201 {
            assert_eq!(answer.error(), (429, "dialog_limit".into()));
            assert!(answer.json()["error"]["retry_after_ms"].as_u64().unwrap() > 0);
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 2, "{statuses:?}");
    // Who has a dialog goes on in it, wherever it comes from.
    assert_eq!(begin(&app, ALPHA, "9.9.9.9", &key).await.status, 201);
    // A hundred addresses share the bound of the site, and another site has its own.
    let mut taken = 0;
    for n in 0..20 {
        taken += usize::from(begin(&app, ALPHA, &format!("9.9.8.{n}"), &new_key()).await.status == 201);
    }
    assert_eq!(taken, 2);
    assert_eq!(begin(&app, BETA, "9.9.7.1", &new_key()).await.status, 201);
    let dialogs = app.get("/api/dialogs?limit=200").bearer(&app.token("alpha@desk.example")).send().await.expect(200);
    assert_eq!(dialogs["dialogs"].as_array().unwrap().len(), 5, "what was refused was not made");
}

#[tokio::test]
async fn requests_that_come_too_fast_from_one_address_are_429_and_sockets_4204() {
    let app = behind_proxy(&["--requests-per-s", "5"]).await;
    let path = format!("/api/site/dialogs/100/messages?site_token={OPEN}");
    let mut limited = None;
    for _ in 0..60 {
        let answer = from(app.get(&path), "9.9.9.9").send().await;
        if answer.status != 200 {
            assert_eq!(answer.error(), (429, "rate_limited".into()));
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("sixty requests are more than a burst of twenty");
    assert!(!limited.header("retry-after").is_empty());
    let mut words = Vec::new();
    for _ in 0..30 {
        let mut socket = socket_from(&app, "9.9.9.9", &site_socket(100, OPEN)).await;
        if let Err(close) = socket.next_frame_or_close().await {
            words.push(close.word());
        }
    }
    assert!(words.contains(&(4204, "rate_limited".into())), "{words:?}");
    assert_eq!(from(app.get(&path), "9.9.9.8").send().await.status, 200);
    // The page and the gate are not the API.
    assert_eq!(from(app.get("/health?ws=1"), "9.9.9.9").send().await.json()["status"], "ok");
}

/// Connects as another machine would.
async fn connect_from(source: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Reads until the other end has closed, and returns what came.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let whole = tokio::time::timeout(tests::PATIENCE, stream.read_to_end(&mut answer)).await;
    let _reset = whole.expect("it is closed in time");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn one_address_has_so_many_connections_before_it_has_said_a_word() {
    let app = TestApp::start_with(&["--connections-per-address", "2"]).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(connect_from([127, 0, 0, 2], app.address).await);
    }
    let mut next = connect_from([127, 0, 0, 2], app.address).await;
    let answer = until_closed(&mut next).await;
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("address_limit"), "{answer}");
    let mut other = connect_from([127, 0, 0, 3], app.address).await;
    other.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(until_closed(&mut other).await.starts_with("HTTP/1.1 200"));
    // Nobody is let in who only waits.
    for stream in &mut silent {
        assert_eq!(until_closed(stream).await, "");
    }
}

#[tokio::test]
async fn who_says_nothing_or_only_a_little_at_a_time_is_cut_off_after_five_seconds() {
    let app = TestApp::start().await;
    let started = Instant::now();
    let mut silent = TcpStream::connect(app.address).await.unwrap();
    let (mut read, mut write) = TcpStream::connect(app.address).await.unwrap().into_split();
    let dribbling = tokio::spawn(async move {
        for byte in b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ".iter().chain([b'z'; 200].iter()) {
            if write.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut mute = Socket::open(app.address, &format!("{}&hello=1", site_socket(100, OPEN))).await;
    let mut honest = app.open_socket(101).await;
    assert_eq!(honest.say_as("m", "beside them").await["type"], "stored");
    assert_eq!(mute.closed().await.word(), (4203, "no_hello".into()));
    until_closed(&mut silent).await;
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(tests::PATIENCE, read.read_to_end(&mut answer)).await;
    let _reset = closed.expect("it is closed in time");
    assert!(started.elapsed() >= Duration::from_millis(4_500), "{:?}", started.elapsed());
    dribbling.await.unwrap();
}

#[tokio::test]
async fn slow_readers_and_half_open_connections_cost_an_honest_client_nothing() {
    let app = TestApp::start_with(&["--messages-per-s", "10000"]).await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        slow.push(Socket::open_narrow(app.address, &site_socket(100, OPEN)).await);
    }
    let mut half_open = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        stream.write_all(b"GET /ws/site").await.unwrap();
        half_open.push(stream);
    }
    let token = app.operator();
    let text = "y".repeat(5_000);
    let address = app.address;
    let flooding = tokio::spawn(async move {
        for n in 0..8 {
            let frames: Vec<_> =
                (0..50).map(|m| json!({"type": "message", "id": format!("f-{n}-{m}"), "text": text})).collect();
            let ask = Ask::new(address, "POST", "/api/dialogs/100/frames").json(&Value::Array(frames));
            ask.bearer(&token).send().await.expect(200);
        }
    });
    let mut honest = app.open_socket(150).await;
    let mut slowest = Duration::ZERO;
    for round in 1..=100 {
        let started = Instant::now();
        assert_eq!(honest.say_as(&new_id(), "calm").await["seq"], round);
        slowest = slowest.max(started.elapsed());
    }
    flooding.await.unwrap();
    // A machine that is busy with other tests takes its time; waiting for one of the slow would take 15 s.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    assert_eq!(app.texts(150).await.len(), 100);
    drop((slow, half_open));
}

#[tokio::test]
#[ignore = "takes 16 s: the stall limit as it stands"]
async fn a_stream_that_is_not_read_for_fifteen_seconds_is_given_up() {
    let app = TestApp::start_with(&["--messages-per-s", "10000"]).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let mut stream = socket.connect(app.address).await.unwrap();
    let ask = format!("GET /api/site/dialogs/100/events?site_token={OPEN}&after=0 HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    let links = async || app.get("/health/websocket").send().await.json()["active_site_connections"].clone();
    let end = Instant::now() + Duration::from_secs(60);
    while links().await != 1 {
        assert!(Instant::now() < end);
    }
    let token = app.operator();
    let text = "y".repeat(9_000);
    for n in 0..20 {
        let frames: Vec<_> =
            (0..50).map(|m| json!({"type": "message", "id": format!("f-{n}-{m}"), "text": text})).collect();
        app.post("/api/dialogs/100/frames", &Value::Array(frames)).bearer(&token).send().await.expect(200);
    }
    while links().await != 0 {
        assert!(Instant::now() < end, "it is never given up");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
