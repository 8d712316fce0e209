//! `POST …/contact`: where a visitor can be written to when nobody is there.

use serde_json::{Value, json};
use tests::app::{ALPHA, OPEN_WIDGET_DIALOG, TestApp, Visitor, new_key};
use tests::socket::Socket;

fn path(visitor: &Visitor) -> String {
    format!("/api/site/dialogs/{}/contact?site_token={}", visitor.dialog_id, visitor.site)
}

async fn leave(app: &TestApp, visitor: &Visitor, email: &str) -> Value {
    app.post(&path(visitor), &json!({"email": email})).bearer(&visitor.key).send().await.expect(200)
}

/// Returns what operators see of the visitor's address.
async fn seen(app: &TestApp, visitor: &Visitor) -> Value {
    let token = app.token("alpha@desk.example");
    let list = app.get("/api/dialogs?limit=200").bearer(&token).send().await.expect(200);
    let lines = list["dialogs"].as_array().unwrap();
    lines.iter().find(|line| line["dialog_id"] == visitor.dialog_id).unwrap()["email"].clone()
}

async fn knows(app: &TestApp, visitor: &Visitor) -> Value {
    let find = format!("/api/site/dialogs?site_token={}", visitor.site);
    app.post(&find, &json!({})).bearer(&visitor.key).send().await.expect(200)["contact"].clone()
}

#[tokio::test]
async fn an_address_is_kept_changed_taken_back_and_survives_a_restart() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "Is anybody there?").await;
    let other = app.visitor(ALPHA, "Hello").await;
    assert_eq!((seen(&app, &visitor).await, knows(&app, &visitor).await), (Value::Null, json!(false)));
    // The same again changes nothing.
    for _ in 0..3 {
        assert_eq!(leave(&app, &visitor, " ann@shop.example ").await, json!({"email": "ann@shop.example"}));
    }
    let app = app.restart().await;
    assert_eq!((seen(&app, &visitor).await, knows(&app, &visitor).await), (json!("ann@shop.example"), json!(true)));
    leave(&app, &visitor, "ann@home.example").await;
    assert_eq!(seen(&app, &visitor).await, "ann@home.example");
    assert_eq!(seen(&app, &other).await, Value::Null, "nobody else's");
    leave(&app, &visitor, "").await;
    assert_eq!((seen(&app, &visitor).await, knows(&app, &visitor).await), (Value::Null, json!(false)));
    assert_eq!(
        app.texts(visitor.dialog_id).await,
        ["Welcome to Alpha!", "Is anybody there?"],
        "the log has nothing of it"
    );
}

#[tokio::test]
async fn what_cannot_be_an_address_is_refused_and_the_old_one_stays() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "Hello").await;
    leave(&app, &visitor, "ann@shop.example").await;
    for wrong in ["ann", "ann@shop", "a@b.c, d@e.f", "ann@shop.example\r\nBcc: x@y.z", "<b>@shop.example"] {
        let answer = app.post(&path(&visitor), &json!({"email": wrong})).bearer(&visitor.key).send().await;
        assert_eq!(answer.expect(422)["error"]["code"], "invalid_email", "{wrong:?}");
    }
    for body in [json!({}), json!({"email": 1}), json!([])] {
        let answer = app.post(&path(&visitor), &body).bearer(&visitor.key).send().await;
        assert_eq!(answer.expect(400)["error"]["code"], "invalid_frame", "{body}");
    }
    assert_eq!(seen(&app, &visitor).await, "ann@shop.example");
}

#[tokio::test]
async fn only_the_visitor_of_a_dialog_leaves_an_address_in_it() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "Hello").await;
    let body = json!({"email": "eve@shop.example"});
    let stranger = app.post(&path(&visitor), &body).bearer(&new_key()).send().await;
    assert_eq!(stranger.expect(404)["error"]["code"], "dialog_not_found");
    app.post(&path(&visitor), &body).send().await.expect(401);
    let operator = app.post(&format!("/api/dialogs/{}/contact", visitor.dialog_id), &body).bearer(&app.operator());
    operator.send().await.expect(404);
    assert_eq!(seen(&app, &visitor).await, Value::Null);
    // In an iframe it is the same.
    let widget = format!("/api/widget/dialogs/{OPEN_WIDGET_DIALOG}/contact?assistant_id=4");
    assert_eq!(app.post(&widget, &body).send().await.expect(200), body);
}

#[tokio::test]
async fn an_address_is_erased_with_its_dialog() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "Hello").await;
    leave(&app, &visitor, "ann@shop.example").await;
    let database = rusqlite::Connection::open(app.data().join("rejoin.db")).unwrap();
    database.busy_timeout(tests::PATIENCE).unwrap();
    let stored = || {
        let sql = "SELECT email FROM dialogs WHERE id = ?1";
        database.query_row(sql, [visitor.dialog_id], |row| row.get::<_, Option<String>>(0)).unwrap()
    };
    assert_eq!(stored().as_deref(), Some("ann@shop.example"));
    database.execute("UPDATE dialogs SET deleted = 1 WHERE id = ?1", [visitor.dialog_id]).unwrap();
    assert_eq!(stored(), None);
}

#[tokio::test]
async fn operators_are_told_to_look_again_when_an_address_comes() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "Hello").await;
    let mut inbox = Socket::open(app.address, &format!("/ws/inbox?token={}", app.token("alpha@desk.example"))).await;
    inbox.frame("inbox").await;
    leave(&app, &visitor, "ann@shop.example").await;
    let hint = inbox.frame("dialog_activity").await;
    assert_eq!((&hint["dialog_id"], &hint["head"]), (&json!(visitor.dialog_id), &json!(2)));
    assert!(!hint.to_string().contains("ann@"), "the list says it, the hint does not");
}
