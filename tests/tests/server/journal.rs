//! O5, and what must never be in a log.

use serde_json::json;
use tests::app::{ALPHA, TestApp, site_socket, widget_socket};
use tests::events::Events;
use tests::journal::Journal;
use tests::socket::Socket;

#[tokio::test]
async fn the_lines_of_each_pool_carry_its_tag_and_broadcasts_are_logged() {
    let app = TestApp::start().await;
    let mut sockets = vec![
        app.open_socket(223).await,
        Socket::open(app.address, &widget_socket(223, 4)).await,
        app.operator_socket(223).await,
    ];
    sockets[1].frame("synced").await;
    sockets[0].say("Hello").await;
    for socket in &mut sockets {
        socket.frame("message").await;
    }
    for socket in sockets {
        socket.close().await;
    }
    let end = std::time::Instant::now() + tests::PATIENCE;
    while app.journal.lines(&["link closed"]).len() < 3 {
        assert!(std::time::Instant::now() < end, "{}", app.journal.text());
        tokio::task::yield_now().await;
    }
    for tag in ["[Site]", "[Widget]", "[Admin]"] {
        assert_eq!(app.journal.lines(&[tag, "link opened", "dialog=223"]).len(), 1, "{tag}: {}", app.journal.text());
        assert_eq!(app.journal.lines(&[tag, "link closed", "dialog=223"]).len(), 1, "{tag}: {}", app.journal.text());
    }
    // The store's thread belongs to no server that the tests know of.
    let logged = format!("{}{}", app.journal.text(), Journal::stray());
    assert!(logged.lines().any(|line| line.contains("broadcast") && line.contains("dialog=223")), "{logged}");
}

#[tokio::test]
async fn no_text_no_key_no_token_and_no_name_is_ever_logged() {
    const TEXT: &str = "canary-text-2f6c1";
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, &format!("{TEXT} first")).await;
    let token = app.operator();
    let forged = "canary.token.9b1d4";
    let ticket = "canary-ticket-77aa0";
    let id = "canary-id-31337";
    let password = "canary-password-5ee5e";

    let mut operator = Socket::open(app.address, &format!("/ws/dialogs/{}?token={token}", visitor.dialog_id)).await;
    operator.frame("synced").await;
    let mut socket = app.visitor_socket(&visitor, Some(0)).await;
    socket.say_as(id, &format!("{TEXT} over a socket")).await;
    socket.send(&json!({"type": "message", "id": id, "text": format!("{TEXT} in conflict")})).await;
    socket.send_text(&format!("{{\"type\":\"message\",\"text\":\"{TEXT}\"")).await;
    socket.send(&json!({"type": TEXT})).await;
    socket.send(&json!({"type": "subscribe", "channels": [TEXT]})).await;
    socket.settle("end").await;
    operator.send(&json!({"type": "auth", "token": forged})).await;
    operator.closed().await;
    for path in [
        format!("/ws/dialogs/{}?token={forged}", visitor.dialog_id),
        format!("/ws/site/dialogs/1?site_token={TEXT}"),
        format!("/ws/widget/dialogs/1?assistant_id={TEXT}"),
        format!("/ws/widget/dialogs/1?assistant_id=1&parent_origin=https://user:{password}@evil.example/{TEXT}"),
        format!("/ws/nothing?token={token}"),
    ] {
        let _refused = Socket::attempt(app.address, &path).await;
    }
    let mut hello = Socket::open(app.address, &format!("{}&hello=1", site_socket(visitor.dialog_id, ALPHA))).await;
    hello.send(&json!({"type": "hello", "v": 1, "key": forged, "ticket": ticket})).await;
    hello.closed().await;

    let site = format!("/api/site/dialogs/{}", visitor.dialog_id);
    let asks = [
        app.post(&format!("{site}/messages?site_token={ALPHA}"), &json!({"text": format!("{TEXT} posted")}))
            .bearer(&visitor.key),
        app.post(&format!("{site}/messages?site_token={ALPHA}"), &json!({"id": id, "text": TEXT})).bearer(&visitor.key),
        app.post(&format!("{site}/frames?site_token={ALPHA}"), &json!([{"type": "message", "text": TEXT}]))
            .bearer(&visitor.key),
        app.post(&format!("{site}/messages?site_token={ALPHA}"), &json!({"text": TEXT})).bearer(forged),
        app.get(&format!("{site}/messages?site_token={ALPHA}&after={TEXT}")).bearer(&visitor.key),
        app.get(&format!("{site}/messages?site_token={ALPHA}"))
            .bearer(&visitor.key)
            .origin(&format!("https://{TEXT}.example/{password}")),
        app.post("/api/login", &json!({"email": format!("{TEXT}@desk.example"), "password": password})),
        app.get(&format!("/api/dialogs?token={token}")),
        app.get("/api/dialogs").bearer(&token),
        tests::http::Ask::new(app.address, "POST", &format!("{site}/messages?site_token={ALPHA}"))
            .body("application/json", TEXT)
            .bearer(&visitor.key),
    ];
    for ask in asks {
        ask.send().await;
    }
    let mut events =
        Events::open(app.get(&format!("{site}/events?site_token={ALPHA}&after=0")).bearer(&visitor.key)).await.unwrap();
    events.frame("synced").await;
    drop((events, socket));
    let app = app.restart().await;
    app.texts(visitor.dialog_id).await;

    // Of both servers, and of every other one in this process: nobody logs what it was given.
    let logged = Journal::everything();
    assert!(logged.lines().count() > 20, "there is a log to look at: {logged}");
    for secret in [TEXT, forged, ticket, id, password, &visitor.key, &token, &token[token.len() - 20..], "user:"] {
        let found: Vec<_> = logged.lines().filter(|line| line.contains(secret)).collect();
        assert!(found.is_empty(), "{secret}: {found:#?}");
    }
}

#[tokio::test]
async fn a_log_line_stays_one_line_whatever_a_client_sends() {
    let app = TestApp::start().await;
    let path = "/api/site/dialogs/1%0aERROR%20forged%1b[31m/messages?site_token=st_open";
    app.get(path).send().await;
    app.get("/%0a2026-11-20T00:00:00Z%20ERROR%20forged").send().await;
    for line in app.journal.text().lines() {
        assert_eq!(
            line.split_whitespace().nth(1).map(|level| ["INFO", "WARN", "DEBUG"].contains(&level)),
            Some(true),
            "{line}"
        );
        assert!(!line.contains('\u{1b}'));
    }
}
