//! `POST …/dialogs`: finding and starting a visitor's dialog, and the welcome: M2.

use serde_json::{Value, json};
use tests::app::{ALPHA, BETA, OPEN, TestApp, new_id, new_key};

fn start(site: &str) -> String {
    format!("/api/site/dialogs?site_token={site}")
}

fn first(text: &str) -> Value {
    json!({"message": {"id": new_id(), "text": text}})
}

#[tokio::test]
async fn without_a_message_a_dialog_is_found_and_never_made() {
    let app = TestApp::start().await;
    let key = new_key();
    for _ in 0..3 {
        let answer = app.post(&start(ALPHA), &json!({})).bearer(&key).send().await.expect(200);
        assert_eq!((&answer["dialog_id"], &answer["page"]["head"]), (&Value::Null, &json!(0)), "{answer}");
        assert_eq!(answer["page"]["messages"], json!([]));
    }
    let list = app.get("/api/dialogs?limit=200").bearer(&app.token("alpha@desk.example")).send().await.expect(200);
    assert_eq!(list["dialogs"], json!([]));
}

#[tokio::test]
async fn the_first_message_makes_the_dialog_and_stores_the_welcome_before_itself() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "Hello").await;
    let found = app.post(&start(ALPHA), &json!({})).bearer(&visitor.key).send().await.expect(200);
    assert_eq!(found["dialog_id"], visitor.dialog_id);
    let messages = found["page"]["messages"].as_array().unwrap();
    let shown: Vec<_> = messages.iter().map(|m| (&m["seq"], &m["author"]["kind"], &m["text"])).collect();
    assert_eq!(
        shown,
        [(&json!(1), &json!("system"), &json!("Welcome to Alpha!")), (&json!(2), &json!("visitor"), &json!("Hello"))]
    );
    assert_eq!((&messages[0]["id"], &found["page"]["older"]), (&json!("welcome"), &json!(false)));
}

#[tokio::test]
async fn a_site_without_a_welcome_has_none() {
    let app = TestApp::start().await;
    let mut socket = app.open_socket(100).await;
    assert_eq!(socket.say_as("m1", "Hello").await["seq"], 1);
    assert_eq!(app.texts(100).await, ["Hello"]);
}

#[tokio::test]
async fn two_hundred_first_messages_at_once_make_one_dialog_with_one_welcome() {
    let app = TestApp::start().await;
    let key = new_key();
    let posts = (0..200).map(|number| {
        let body = json!({"message": {"id": format!("first-{number}"), "text": format!("text {number}")}});
        tokio::spawn(app.post(&start(ALPHA), &body).bearer(&key).send())
    });
    let mut dialogs = std::collections::BTreeSet::new();
    for post in posts.collect::<Vec<_>>() {
        let answer = post.await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text());
        dialogs.insert(answer.json()["dialog_id"].as_u64().unwrap());
    }
    assert_eq!(dialogs.len(), 1, "{dialogs:?}");
    let log = app.log(*dialogs.first().unwrap()).await;
    assert_eq!(log.len(), 201);
    let welcomes: Vec<_> =
        log.iter().filter(|message| message["id"] == "welcome").map(|message| &message["seq"]).collect();
    assert_eq!(welcomes, [&json!(1)]);
    let mut texts = tests::app::texts(&log[1..]);
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 200);
}

#[tokio::test]
async fn the_same_first_message_two_hundred_times_is_stored_once() {
    let app = TestApp::start().await;
    let key = new_key();
    let body = first("only once");
    let posts = (0..200).map(|_| tokio::spawn(app.post(&start(ALPHA), &body).bearer(&key).send()));
    let mut created = 0;
    let mut bodies = std::collections::BTreeSet::new();
    for post in posts.collect::<Vec<_>>() {
        let answer = post.await.unwrap();
        assert!([200, 201].contains(&answer.status), "{}", answer.text());
        created += usize::from(answer.status == 201);
        bodies.insert((answer.json()["dialog_id"].to_string(), answer.json()["stored"]["seq"].to_string()));
    }
    assert_eq!((created, bodies.len()), (1, 1), "{bodies:?}");
    let dialog = bodies.first().unwrap().0.parse().unwrap();
    assert_eq!(app.texts(dialog).await, ["Welcome to Alpha!", "only once"]);
}

#[tokio::test]
async fn the_welcome_stays_one_over_reload_second_tab_and_restart() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "Hello").await;
    let app = app.restart().await;
    for round in 0..3 {
        let found = app.post(&start(ALPHA), &json!({})).bearer(&visitor.key).send().await.expect(200);
        assert_eq!(found["dialog_id"], visitor.dialog_id);
        let mut tabs = [app.visitor_socket(&visitor, Some(0)).await, app.visitor_socket(&visitor, Some(0)).await];
        for tab in &mut tabs {
            tab.frame("synced").await;
            tab.say_as(&new_id(), &format!("round {round}")).await;
        }
    }
    let texts = app.texts(visitor.dialog_id).await;
    assert_eq!(texts.iter().filter(|text| *text == "Welcome to Alpha!").count(), 1);
    assert_eq!((texts.len(), texts[0].as_str()), (2 + 6, "Welcome to Alpha!"));
}

#[tokio::test]
async fn nobody_else_can_write_a_message_with_the_welcome_s_id() {
    let app = TestApp::start().await;
    let key = new_key();
    let body = json!({"message": {"id": "welcome", "text": "I am the welcome"}});
    let answer = app.post(&start(ALPHA), &body).bearer(&key).send().await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    let found = app.post(&start(ALPHA), &json!({})).bearer(&key).send().await.expect(200);
    assert_eq!(found["page"]["messages"].as_array().map_or(0, Vec::len), 0, "{found}");
    // The next message of the same visitor finds everything in order.
    let answer = app.post(&start(ALPHA), &first("Hello")).bearer(&key).send().await.expect(201);
    assert_eq!(app.texts(answer["dialog_id"].as_u64().unwrap()).await, ["Welcome to Alpha!", "Hello"]);
}

#[tokio::test]
async fn one_key_has_a_dialog_on_each_site_and_in_each_frame() {
    let app = TestApp::start().await;
    let key = new_key();
    let mut ids = std::collections::BTreeSet::new();
    for path in [
        start(ALPHA),
        start(BETA),
        "/api/widget/dialogs?assistant_id=1".into(),
        "/api/widget/dialogs?assistant_id=2".into(),
    ] {
        let answer = app.post(&path, &first("Hello")).bearer(&key).send().await.expect(201);
        ids.insert(answer["dialog_id"].as_u64().unwrap());
    }
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn a_dialog_is_not_made_without_a_key_or_for_a_text_that_is_not_taken() {
    let app = TestApp::start().await;
    for site in [ALPHA, OPEN] {
        assert_eq!(app.post(&start(site), &first("Hello")).send().await.error(), (401, "unauthorized".into()));
    }
    for key in ["vk_short", "st_alpha", "vk_with spaces in it, 22 long"] {
        let refused = app.post(&start(ALPHA), &first("Hello")).bearer(key).send().await;
        assert_eq!(refused.error(), (401, "unauthorized".into()), "{key}");
    }
    let key = new_key();
    let long = "x".repeat(10_001);
    for (text, code) in [("", "empty_text"), (" \n\t", "empty_text"), (long.as_str(), "text_too_long")] {
        let refused = app.post(&start(ALPHA), &first(text)).bearer(&key).send().await;
        assert_eq!(refused.error(), (422, code.into()));
    }
    let unknown = app.post(&start("st_nobody"), &first("Hello")).bearer(&key).send().await;
    assert_eq!(unknown.error(), (404, "unknown_site".into()));
    let found = app.post(&start(ALPHA), &json!({})).bearer(&key).send().await.expect(200);
    assert_eq!(found["dialog_id"], Value::Null);
}
