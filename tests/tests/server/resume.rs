//! Rule 3: from a cursor to the head, and on with it.

use serde_json::{Value, json};
use tests::app::{ALPHA, OPEN, TestApp, site_socket};
use tests::socket::Socket;

use crate::history::fill;

/// Opens a socket with `hello`; `ready`, the messages and `synced` come back.
async fn resume(app: &TestApp, hello: &Value) -> (Value, Vec<u64>, Value, Socket) {
    let mut socket = Socket::open(app.address, &format!("{}&hello=1", site_socket(100, OPEN))).await;
    let mut frame = json!({"type": "hello", "v": 1});
    frame.as_object_mut().unwrap().extend(hello.as_object().unwrap().clone());
    socket.send(&frame).await;
    let ready = socket.next_frame().await;
    assert_eq!(ready["type"], "ready");
    let mut seqs = Vec::new();
    loop {
        let frame = socket.next_frame().await;
        if frame["type"] == "synced" {
            return (ready, seqs, frame, socket);
        }
        assert_eq!(frame["type"], "message");
        seqs.push(frame["seq"].as_u64().unwrap());
    }
}

#[tokio::test]
async fn what_comes_depends_on_how_far_the_cursor_is_behind() {
    let app = TestApp::start_with(&["--messages-per-s", "1000"]).await;
    fill(&app, 100, 260).await;
    let epoch =
        app.get(&format!("/api/site/dialogs/100/messages?site_token={OPEN}")).send().await.expect(200)["epoch"].clone();
    let rows = [
        (json!({}), "delta", 261),
        (json!({"after": 260}), "delta", 261),
        (json!({"after": 259}), "delta", 260),
        (json!({"after": 61, "epoch": epoch}), "delta", 62),
        (json!({"after": 60}), "delta", 61),
        (json!({"after": 59}), "snapshot", 211),
        (json!({"after": 0}), "snapshot", 211),
        (json!({"after": 261}), "reset", 211),
        (json!({"after": 250, "epoch": 1}), "reset", 211),
        (json!({"after": 0, "epoch": 1}), "reset", 211),
    ];
    for (hello, mode, next) in rows {
        let (ready, seqs, synced, _) = resume(&app, &hello).await;
        assert_eq!(
            (&ready["mode"], &ready["head"], &ready["next"]),
            (&json!(mode), &json!(260), &json!(next)),
            "{hello}"
        );
        assert_eq!(seqs, (next..=260).collect::<Vec<u64>>(), "{hello}");
        assert_eq!(synced["head"], 260, "{hello}");
        assert_eq!(ready["epoch"], epoch);
    }
}

#[tokio::test]
async fn ready_says_what_a_client_must_know() {
    let app = TestApp::start_with(&["--messages-per-s", "77", "--server", "https://b.example"]).await;
    let (ready, ..) = resume(&app, &json!({})).await;
    assert_eq!((&ready["v"], &ready["dialog_id"], &ready["heartbeat_ms"]), (&json!(1), &json!(100), &json!(20_000)));
    let files = json!({"bytes": 1 << 20});
    let limits = json!({"text_chars": 10_000, "frame_bytes": 65_536, "messages_per_s": 77, "files": files});
    assert_eq!(ready["limits"], limits);
    assert_eq!(ready["servers"], json!(["https://b.example"]));
    assert!(ready["spread_ms"].as_u64().unwrap() >= 250);
    assert!(ready["now"].as_u64().unwrap().abs_diff(tests::app::now()) < 10_000);
}

#[tokio::test]
async fn ready_says_which_of_the_messages_in_doubt_are_known_and_the_last_number() {
    let app = TestApp::start().await;
    let mut socket = app.open_socket(100).await;
    socket.send(&json!({"type": "hello", "v": 1, "client": {"id": "page-1"}})).await;
    socket.frame("synced").await;
    for (n, id) in [(1, "a"), (2, "b")] {
        socket.send(&json!({"type": "message", "id": id, "n": n, "text": id})).await;
        socket.answer(id).await;
    }
    let hello = json!({"after": 1, "pending": ["b", "lost", "a"], "client": {"id": "page-1", "transport": "websocket", "why": "lost"}});
    let (ready, seqs, _, mut socket) = resume(&app, &hello).await;
    let mut known: Vec<_> =
        ready["known"].as_array().unwrap().iter().map(|k| (k["id"].clone(), k["seq"].clone())).collect();
    known.sort_by_key(|(id, _)| id.to_string());
    assert_eq!(known, [(json!("a"), json!(1)), (json!("b"), json!(2))]);
    assert_eq!((&ready["last_n"], seqs), (&json!(2), vec![2]));
    // Another page of the same visitor counts for itself.
    let (ready, ..) = resume(&app, &json!({"client": {"id": "page-2"}})).await;
    assert_eq!((&ready["last_n"], &ready["known"]), (&json!(0), &Value::Null));
    socket.send(&json!({"type": "message", "id": "c", "n": 3, "text": "c"})).await;
    assert_eq!(socket.answer("c").await["seq"], 3);
}

#[tokio::test]
async fn a_bare_socket_is_live_from_the_head_and_after_sets_its_cursor() {
    let app = TestApp::start().await;
    fill(&app, 100, 5).await;
    let mut socket = Socket::open(app.address, &site_socket(100, OPEN)).await;
    let ready = socket.next_frame().await;
    assert_eq!((&ready["type"], &ready["next"]), (&json!("ready"), &json!(6)));
    assert_eq!(socket.next_frame().await, json!({"type": "synced", "head": 5, "hash": ready["hash"]}));
    let mut socket = Socket::open(app.address, &format!("{}&after=3", site_socket(100, OPEN))).await;
    assert_eq!(socket.frame("ready").await["next"], 4);
    assert_eq!(socket.next_frame().await["seq"], 4);
    assert_eq!(socket.next_frame().await["seq"], 5);
    assert_eq!(socket.next_frame().await, json!({"type": "synced", "head": 5, "hash": ready["hash"]}));
}

#[tokio::test]
async fn a_later_hello_sets_the_cursor_anew() {
    let app = TestApp::start().await;
    fill(&app, 100, 5).await;
    let mut socket = app.open_socket(100).await;
    socket.send(&json!({"type": "hello", "v": 1, "after": 2})).await;
    assert_eq!(socket.frame("ready").await["next"], 3);
    for seq in 3..=5 {
        assert_eq!(socket.next_frame().await["seq"], seq);
    }
    assert_eq!(socket.next_frame().await["type"], "synced");
    socket.say("six").await;
    assert_eq!(socket.frame("message").await["seq"], 6);
}

#[tokio::test]
async fn a_gap_is_filled_by_sync() {
    let app = TestApp::start().await;
    fill(&app, 100, 150).await;
    let mut socket = app.open_socket(100).await;
    let sync = async |socket: &mut Socket, frame: Value| {
        socket.send(&frame).await;
        let mut seqs = Vec::new();
        loop {
            let frame = socket.next_frame().await;
            if frame["type"] == "synced" {
                assert_eq!(frame["head"], 150);
                return seqs;
            }
            seqs.push(frame["seq"].as_u64().unwrap());
        }
    };
    assert_eq!(sync(&mut socket, json!({"type": "sync", "after": 10, "limit": 3})).await, [11, 12, 13]);
    assert_eq!(sync(&mut socket, json!({"type": "sync", "after": 148})).await, [149, 150]);
    assert_eq!(sync(&mut socket, json!({"type": "sync", "after": 150})).await, Vec::<u64>::new());
    assert_eq!(
        sync(&mut socket, json!({"type": "sync", "after": 0, "limit": 1000})).await,
        (1..=100).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn what_is_written_during_a_resume_comes_after_it_and_once() {
    let app = TestApp::start().await;
    fill(&app, 100, 150).await;
    let writer = {
        let mut socket = app.open_socket(100).await;
        tokio::spawn(async move {
            for number in 0..100 {
                socket.say_as(&format!("w-{number}"), "meanwhile").await;
            }
        })
    };
    // Each of these resumes somewhere within the writing.
    let mut resumed = Vec::new();
    for _ in 0..10 {
        let (_, mut seqs, _, mut socket) = resume(&app, &json!({"after": 140})).await;
        while seqs.last() != Some(&250) {
            seqs.push(socket.frame("message").await["seq"].as_u64().unwrap());
        }
        resumed.push(seqs);
    }
    writer.await.unwrap();
    for seqs in resumed {
        assert_eq!(seqs, (141..=250).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn frames_that_come_right_after_hello_are_not_lost() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "first").await;
    let mut socket = Socket::open(app.address, &format!("{}&hello=1", site_socket(visitor.dialog_id, ALPHA))).await;
    let mut batch = vec![json!({"type": "hello", "v": 1, "key": visitor.key, "after": 0})];
    batch.extend((0..20).map(|n| json!({"type": "message", "id": format!("q-{n}"), "text": format!("quick {n}")})));
    socket.send(&Value::Array(batch)).await;
    for n in 0..20 {
        assert_eq!(socket.answer(&format!("q-{n}")).await["type"], "stored");
    }
    assert_eq!(app.texts(visitor.dialog_id).await.len(), 22);
}
