//! Who may enter whose dialog, by which address: every combination.

use serde_json::json;
use tests::app::{ALPHA, BETA, OPEN, TestApp, new_id};
use tests::events::Events;
use tests::socket::Socket;

/// Somebody at a door.
#[derive(Clone, Debug)]
struct Who {
    name: &'static str,
    /// What the address says: its beginning and its query.
    side: Side,
    /// A key or a token.
    secret: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Site(&'static str),
    Widget(u64),
    Operator,
}

/// What is done to a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Socket,
    Hello,
    Events,
    Read,
    Post,
    Frames,
}

const ACTS: [Act; 6] = [Act::Socket, Act::Hello, Act::Events, Act::Read, Act::Post, Act::Frames];

/// How somebody is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Let,
    Unauthorized,
    NotFound,
}

impl Who {
    fn path(&self, kind: &str, dialog: &str, rest: &str) -> String {
        let rest = if rest.is_empty() { String::new() } else { format!("/{rest}") };
        match self.side {
            Side::Site(token) => format!("/{kind}/site/dialogs/{dialog}{rest}?site_token={token}"),
            Side::Widget(id) => format!("/{kind}/widget/dialogs/{dialog}{rest}?assistant_id={id}"),
            Side::Operator => format!("/{kind}/dialogs/{dialog}{rest}?v=1"),
        }
    }

    async fn act(&self, app: &TestApp, act: Act, dialog: &str) -> Answer {
        let bearer = self.secret.as_ref().map(|secret| format!("Bearer {secret}"));
        let mut headers = Vec::new();
        if let Some(bearer) = &bearer {
            headers.push(("authorization", bearer.as_str()));
        }
        let with = |ask: tests::http::Ask| match &self.secret {
            Some(secret) => ask.bearer(secret),
            None => ask,
        };
        let of_status = |status: u16, text: &str| match status {
            200 | 201 => Answer::Let,
            401 => Answer::Unauthorized,
            404 => Answer::NotFound,
            _ => panic!("{self:?} {act:?} {dialog}: {status} {text}"),
        };
        match act {
            Act::Socket => {
                // A key does not travel in an address: without a header, a visitor must say hello.
                if self.secret.is_none() && matches!(self.side, Side::Site(ALPHA) | Side::Widget(1)) {
                    return self.say_hello(app, dialog, &[]).await;
                }
                let mut socket = Socket::open_with(app.address, &self.path("ws", dialog, ""), &headers).await;
                entered(&mut socket, dialog).await
            }
            Act::Hello => self.say_hello(app, dialog, &[]).await,
            Act::Events => match Events::open(with(app.get(&self.path("api", dialog, "events")))).await {
                Ok(mut events) => {
                    assert_eq!(events.frame("ready").await["dialog_id"].to_string(), dialog);
                    Answer::Let
                }
                Err(answer) => of_status(answer.status, &answer.text()),
            },
            Act::Read => {
                let answer = with(app.get(&self.path("api", dialog, "messages"))).send().await;
                of_status(answer.status, &answer.text())
            }
            Act::Post => {
                let body = json!({"id": new_id(), "text": "knock"});
                let answer = with(app.post(&self.path("api", dialog, "messages"), &body)).send().await;
                of_status(answer.status, &answer.text())
            }
            Act::Frames => {
                let body = json!([{"type": "ping", "timestamp": 1}]);
                let answer = with(app.post(&self.path("api", dialog, "frames"), &body)).send().await;
                of_status(answer.status, &answer.text())
            }
        }
    }

    async fn say_hello(&self, app: &TestApp, dialog: &str, headers: &[(&str, &str)]) -> Answer {
        let path = format!("{}&hello=1", self.path("ws", dialog, ""));
        let mut socket = Socket::open_with(app.address, &path, headers).await;
        let mut hello = json!({"type": "hello", "v": 1, "after": 0});
        if let Some(secret) = &self.secret {
            let field = if self.side == Side::Operator { "token" } else { "key" };
            hello[field] = secret.as_str().into();
        }
        socket.send(&hello).await;
        entered(&mut socket, dialog).await
    }
}

async fn entered(socket: &mut Socket, dialog: &str) -> Answer {
    match socket.next().await {
        tests::socket::Down::Frame(frame) => {
            assert_eq!((&frame["type"], frame["dialog_id"].to_string().as_str()), (&json!("ready"), dialog));
            Answer::Let
        }
        tests::socket::Down::Closed(close) => match close.word() {
            (4301, word) if word == "unauthorized" => Answer::Unauthorized,
            (4404, word) if word == "dialog_not_found" => Answer::NotFound,
            other => panic!("{other:?}"),
        },
    }
}

/// The people, the dialogs, and who of them may enter which.
struct Street {
    app: TestApp,
    people: Vec<Who>,
    /// The name of a dialog, its number, and who may enter.
    dialogs: Vec<(&'static str, String, Vec<&'static str>)>,
}

async fn street() -> Street {
    let app = TestApp::start().await;
    let ann = app.visitor(ALPHA, "I am Ann").await;
    let amy = app.visitor(ALPHA, "I am Amy").await;
    let bob = app.visitor(BETA, "I am Bob").await;
    let gone = app.visitor(ALPHA, "I was here").await;
    let widget = {
        let body = json!({"message": {"id": new_id(), "text": "in a frame"}});
        let ask = app.post("/api/widget/dialogs?assistant_id=1", &body).bearer(&ann.key);
        ask.send().await.expect(201)["dialog_id"].to_string()
    };
    let database = rusqlite::Connection::open(app.data().join("rejoin.db")).unwrap();
    database.busy_timeout(tests::PATIENCE).unwrap();
    assert_eq!(database.execute("UPDATE dialogs SET deleted = 1 WHERE id = ?1", [gone.dialog_id]).unwrap(), 1);
    let person = |name, side, secret: Option<&str>| Who { name, side, secret: secret.map(str::to_owned) };
    let people = vec![
        person("ann", Side::Site(ALPHA), Some(&ann.key)),
        person("amy", Side::Site(ALPHA), Some(&amy.key)),
        person("bob", Side::Site(BETA), Some(&bob.key)),
        person("gone", Side::Site(ALPHA), Some(&gone.key)),
        person("ann at beta", Side::Site(BETA), Some(&ann.key)),
        person("ann in the frame", Side::Widget(1), Some(&ann.key)),
        person("amy in the frame", Side::Widget(1), Some(&amy.key)),
        person("ann in another frame", Side::Widget(2), Some(&ann.key)),
        person("nobody", Side::Site(ALPHA), None),
        person("nobody in the frame", Side::Widget(1), None),
        person("open", Side::Site(OPEN), None),
        person("open in the frame", Side::Widget(4), None),
        person("operator of all", Side::Operator, Some(&app.operator())),
        person("operator of alpha", Side::Operator, Some(&app.token("alpha@desk.example"))),
        person("operator of beta", Side::Operator, Some(&app.token("beta@desk.example"))),
        person("ann as an operator", Side::Operator, Some(&ann.key)),
        person("an operator as a visitor", Side::Site(ALPHA), Some(&app.operator())),
        person("no operator", Side::Operator, None),
    ];
    let everybody = "operator of all";
    let dialogs = vec![
        ("ann's", ann.dialog_id.to_string(), vec!["ann", everybody, "operator of alpha"]),
        ("amy's", amy.dialog_id.to_string(), vec!["amy", everybody, "operator of alpha"]),
        ("bob's", bob.dialog_id.to_string(), vec!["bob", everybody, "operator of beta"]),
        ("ann's in the frame", widget, vec!["ann", "ann in the frame", everybody, "operator of alpha"]),
        ("the open one", "100".into(), vec!["open", everybody]),
        ("the open one in the frame", "223".into(), vec!["open", "open in the frame", everybody]),
        ("a deleted one", gone.dialog_id.to_string(), vec![]),
        ("an unknown one", "999999".into(), vec![]),
        ("none", "0".into(), vec![]),
        ("a word", "abc".into(), vec![]),
        ("a negative one", "-1".into(), vec![]),
        ("beyond every number", "18446744073709551616".into(), vec![]),
        ("the last number", "18446744073709551615".into(), vec![]),
        ("beyond the database's numbers", "9223372036854775808".into(), vec![]),
        ("an injected one", "1%20OR%201=1".into(), vec![]),
    ];
    Street { app, people, dialogs }
}

/// People whose credentials are none: they are told so, whatever the dialog.
const STRANGERS: [&str; 5] =
    ["nobody", "nobody in the frame", "ann as an operator", "an operator as a visitor", "no operator"];

#[tokio::test]
async fn everybody_enters_their_own_dialogs_by_every_address_and_nobody_else_s() {
    let Street { app, people, dialogs } = street().await;
    let mut seen = 0;
    for who in &people {
        for (dialog, id, allowed) in &dialogs {
            for act in ACTS {
                // What is no number names no dialog, whoever asks.
                let readable = id.parse::<u64>().is_ok();
                let expected = match (STRANGERS.contains(&who.name) && readable, allowed.contains(&who.name)) {
                    (true, _) => Answer::Unauthorized,
                    (false, true) => Answer::Let,
                    (false, false) => Answer::NotFound,
                };
                let answer = who.act(&app, act, id).await;
                assert_eq!(answer, expected, "{} does {act:?} to {dialog}", who.name);
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 18 * 15 * 6);
    // Nothing that was refused has left a trace.
    for (dialog, id, allowed) in &dialogs {
        if let Ok(id) = id.parse::<u64>()
            && !allowed.is_empty()
        {
            let knocks = app.texts(id).await.iter().filter(|text| *text == "knock").count();
            assert_eq!(knocks, allowed.len(), "{dialog}");
        }
    }
}

#[tokio::test]
async fn an_unknown_a_foreign_and_a_deleted_dialog_look_the_same_to_the_letter() {
    let Street { app, people, dialogs } = street().await;
    let ann = people.iter().find(|who| who.name == "ann").unwrap();
    let mut answers = Vec::new();
    for (_, id, allowed) in dialogs.iter().filter(|(_, _, allowed)| !allowed.contains(&"ann")) {
        let path = ann.path("api", id, "messages");
        let answer = app.get(&path).bearer(ann.secret.as_ref().unwrap()).send().await;
        let headers: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        answers.push((answer.status, headers, answer.text()));
        let _ = allowed;
    }
    assert!(answers.len() > 8);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

#[tokio::test]
async fn the_list_of_an_operator_has_the_dialogs_of_its_sites_only() {
    let Street { app, dialogs, .. } = street().await;
    let id = |name: &str| dialogs.iter().find(|dialog| dialog.0 == name).unwrap().1.clone();
    let list = |email: &'static str| {
        let app = &app;
        async move {
            let answer = app.get("/api/dialogs?limit=200").bearer(&app.token(email)).send().await.expect(200);
            let lines = answer["dialogs"].as_array().unwrap().clone();
            lines.iter().map(|line| line["dialog_id"].to_string()).collect::<Vec<_>>()
        }
    };
    let mut alpha = list("alpha@desk.example").await;
    alpha.sort();
    let mut expected = vec![id("ann's"), id("amy's"), id("ann's in the frame")];
    expected.sort();
    assert_eq!(alpha, expected);
    assert_eq!(list("beta@desk.example").await, [id("bob's")]);
    let all = list("all@desk.example").await;
    assert!(all.contains(&id("ann's")) && all.contains(&id("bob's")) && all.contains(&"100".to_owned()));
    assert!(!all.contains(&id("a deleted one")));
    assert_eq!(app.get("/api/dialogs").send().await.error(), (401, "unauthorized".into()));
}
