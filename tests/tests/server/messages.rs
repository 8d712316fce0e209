//! `POST …/messages` and messages over sockets: M1 and M4.

use serde_json::{Value, json};
use tests::app::{ALPHA, OPEN, OPEN_WIDGET_DIALOG, TestApp, new_id};

fn path(dialog: u64) -> String {
    format!("/api/site/dialogs/{dialog}/messages?site_token={OPEN}")
}

#[tokio::test]
async fn a_new_message_is_201_its_replay_200_with_the_same_body_and_another_text_422() {
    let app = TestApp::start().await;
    let message = json!({"id": "m-1", "text": "Hello"});
    let first = app.post(&path(100), &message).send().await;
    assert_eq!(first.status, 201);
    let body = first.json();
    assert_eq!((&body["dialog_id"], &body["id"], &body["seq"]), (&json!(100), &json!("m-1"), &json!(1)));
    assert!(body["at"].as_u64().unwrap() > 1_700_000_000_000);
    for _ in 0..3 {
        let again = app.post(&path(100), &message).send().await;
        assert_eq!((again.status, again.text()), (200, first.text()));
    }
    let other = app.post(&path(100), &json!({"id": "m-1", "text": "Hallo"})).send().await;
    assert_eq!(other.error(), (422, "id_conflict".into()));
    // The same id from the other side is a conflict, too; in another dialog it is free.
    let operator = app.post("/api/dialogs/100/messages", &message).bearer(&app.operator()).send().await;
    assert_eq!(operator.error(), (422, "id_conflict".into()));
    assert_eq!(app.post(&path(101), &message).send().await.status, 201);
    assert_eq!(app.texts(100).await, ["Hello"]);
}

#[tokio::test]
async fn all_three_sides_post_as_who_they_are() {
    let app = TestApp::start().await;
    let widget = format!("/api/widget/dialogs/{OPEN_WIDGET_DIALOG}/messages?assistant_id=4");
    let site = path(OPEN_WIDGET_DIALOG);
    let operator = format!("/api/dialogs/{OPEN_WIDGET_DIALOG}/messages");
    for (path, text) in [(&widget, "frame"), (&site, "page"), (&operator, "desk")] {
        let mut ask = app.post(path, &json!({"text": text}));
        if path == &operator {
            ask = ask.bearer(&app.operator());
        }
        let answer = ask.send().await.expect(201);
        // The server names what came without a name.
        assert!(!answer["id"].as_str().unwrap().is_empty());
    }
    let log = app.log(OPEN_WIDGET_DIALOG).await;
    let authors: Vec<_> = log.iter().map(|message| (&message["author"]["kind"], &message["text"])).collect();
    assert_eq!(
        authors,
        [
            (&json!("visitor"), &json!("frame")),
            (&json!("visitor"), &json!("page")),
            (&json!("operator"), &json!("desk"))
        ]
    );
    assert_eq!(log[2]["author"]["name"], "all");
}

#[tokio::test]
async fn messages_without_an_id_are_each_stored() {
    let app = TestApp::start().await;
    for seq in 1..=3 {
        assert_eq!(app.post(&path(100), &json!({"text": "again"})).send().await.expect(201)["seq"], seq);
    }
    let mut socket = app.open_socket(100).await;
    socket.say("again").await;
    socket.say("again").await;
    assert_eq!(socket.frame("stored").await["seq"], 4);
    assert_eq!(socket.frame("stored").await["seq"], 5);
    let log = app.log(100).await;
    let mut ids: Vec<_> = log.iter().map(|message| message["id"].to_string()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[tokio::test]
async fn a_message_repeated_over_any_way_in_keeps_its_place() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "first").await;
    let id = new_id();
    let mut socket = app.visitor_socket(&visitor, Some(0)).await;
    let stored = socket.say_as(&id, "once").await;
    assert_eq!((&stored["type"], &stored["seq"], &stored["duplicate"]), (&json!("stored"), &json!(3), &Value::Null));
    let again = socket.say_as(&id, "once").await;
    assert_eq!((&again["seq"], &again["at"], &again["duplicate"]), (&json!(3), &stored["at"], &json!(true)));

    let site = format!("/api/site/dialogs/{}", visitor.dialog_id);
    let query = format!("site_token={ALPHA}");
    let posted = app.post(&format!("{site}/messages?{query}"), &json!({"id": id, "text": "once"})).bearer(&visitor.key);
    assert_eq!(posted.send().await.expect(200)["seq"], 3);
    let batch = json!([{"type": "message", "id": id, "text": "once"}]);
    let frames = app.post(&format!("{site}/frames?{query}"), &batch).bearer(&visitor.key).send().await.expect(200);
    assert_eq!(
        (&frames[0]["type"], &frames[0]["seq"], &frames[0]["duplicate"]),
        (&json!("stored"), &json!(3), &json!(true))
    );
    let start = json!({"message": {"id": id, "text": "once"}});
    let started = app.post(&format!("/api/site/dialogs?{query}"), &start).bearer(&visitor.key).send().await.expect(200);
    assert_eq!((&started["dialog_id"], &started["stored"]["seq"]), (&json!(visitor.dialog_id), &json!(3)));
    let conflict = socket.say_as(&id, "twice").await;
    assert_eq!(
        (&conflict["type"], &conflict["code"], &conflict["retry"]),
        (&json!("refused"), &json!("id_conflict"), &json!(false))
    );
    assert_eq!(app.texts(visitor.dialog_id).await, ["Welcome to Alpha!", "first", "once"]);
}

#[tokio::test]
async fn a_hundred_at_once_get_places_without_a_hole_and_the_answers_are_true() {
    let app = TestApp::start().await;
    let posts = (0..100).map(|number| {
        let ask = app.post(&path(100), &json!({"id": format!("p-{number}"), "text": format!("text {number}")}));
        tokio::spawn(ask.send())
    });
    let mut told: Vec<(u64, String)> = Vec::new();
    for post in posts.collect::<Vec<_>>() {
        let body = post.await.unwrap().expect(201);
        told.push((body["seq"].as_u64().unwrap(), body["id"].as_str().unwrap().to_owned()));
    }
    told.sort();
    let log = app.log(100).await;
    let logged =
        log.iter().map(|message| (message["seq"].as_u64().unwrap(), message["id"].as_str().unwrap().to_owned()));
    assert_eq!(logged.collect::<Vec<_>>(), told);
    assert_eq!(told.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), (1..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_was_answered_before_the_other_one_sent_has_the_smaller_seq() {
    let app = TestApp::start().await;
    let (mut visitor, mut operator) = (app.open_socket(100).await, app.operator_socket(100).await);
    let mut last = 0;
    for round in 0..20 {
        for socket in [&mut visitor, &mut operator] {
            let seq = socket.say_as(&new_id(), &format!("round {round}")).await["seq"].as_u64().unwrap();
            assert!(seq > last, "{seq} after {last}");
            last = seq;
        }
    }
}

#[tokio::test]
async fn ordered_messages_are_taken_in_their_order_only() {
    let app = TestApp::start().await;
    let post = async |id: &str, n: u64| {
        app.post(&path(100), &json!({"id": id, "n": n, "client": "page-1", "text": id})).send().await
    };
    assert_eq!(post("a", 1).await.status, 201);
    let refused = post("c", 3).await;
    assert_eq!(refused.error(), (409, "order".into()));
    assert_eq!(post("b", 2).await.status, 201);
    assert_eq!(post("a", 1).await.status, 200);
    assert_eq!(post("c", 3).await.status, 201);
    // Over a socket the answer says what is expected.
    let mut socket = app.open_socket(100).await;
    socket.send(&json!({"type": "hello", "v": 1, "client": {"id": "page-1"}})).await;
    assert_eq!(socket.frame("ready").await["last_n"], 3);
    socket.send(&json!({"type": "message", "id": "e", "n": 5, "text": "e"})).await;
    let refused = socket.answer("e").await;
    assert_eq!((&refused["code"], &refused["expected"], &refused["retry"]), (&json!("order"), &json!(4), &json!(true)));
    socket.send(&json!({"type": "message", "id": "d", "n": 4, "text": "d"})).await;
    assert_eq!(socket.answer("d").await["seq"], 4);
    assert_eq!(app.texts(100).await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn after_a_restart_the_same_ids_get_the_same_answers_and_nothing_is_stored_twice() {
    let app = TestApp::start().await;
    let mut told = Vec::new();
    let mut socket = app.open_socket(100).await;
    for number in 0..20 {
        let id = format!("r-{number}");
        let stored = socket.say_as(&id, &format!("text {number}")).await;
        told.push((id, stored["seq"].clone(), stored["at"].clone()));
    }
    let before = app.log(100).await;
    let app = app.restart().await;
    assert_eq!(app.log(100).await, before);
    let mut socket = app.open_socket(100).await;
    for (number, (id, seq, at)) in told.iter().enumerate() {
        let again = socket.say_as(id, &format!("text {number}")).await;
        assert_eq!((&again["seq"], &again["at"], &again["duplicate"]), (seq, at, &json!(true)));
    }
    assert_eq!(socket.say_as("new", "new").await["seq"], 21);
    assert_eq!(app.log(100).await[..20], before);
}
