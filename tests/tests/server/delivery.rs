//! C6 and C7: a message reaches everybody in its dialog, and nobody else.

use serde_json::{Value, json};
use tests::app::{ALPHA, BETA, GAMMA, OPEN, OPEN_WIDGET_DIALOG, TestApp, new_id, site_socket, widget_socket};
use tests::socket::Socket;

async fn open(app: &TestApp, path: &str) -> Socket {
    let mut socket = Socket::open(app.address, path).await;
    socket.frame("synced").await;
    socket
}

#[tokio::test]
async fn a_message_of_each_side_over_each_way_reaches_the_sockets_of_all_sides() {
    let app = TestApp::start().await;
    let dialog = OPEN_WIDGET_DIALOG;
    let token = app.operator();
    let mut everybody = [
        open(&app, &site_socket(dialog, OPEN)).await,
        open(&app, &widget_socket(dialog, 4)).await,
        open(&app, &format!("/ws/dialogs/{dialog}?token={token}")).await,
    ];
    let posts = [
        ("visitor", format!("/api/site/dialogs/{dialog}/messages?site_token={OPEN}"), None),
        ("visitor", format!("/api/widget/dialogs/{dialog}/messages?assistant_id=4"), None),
        ("operator", format!("/api/dialogs/{dialog}/messages"), Some(&token)),
    ];
    let mut seq = 0;
    for (kind, path, token) in posts {
        seq += 1;
        let text = format!("posted {seq}");
        let mut ask = app.post(&path, &json!({"text": text}));
        if let Some(token) = token {
            ask = ask.bearer(token);
        }
        assert_eq!(ask.send().await.expect(201)["seq"], seq);
        for socket in &mut everybody {
            let message = socket.frame("message").await;
            assert_eq!(
                (&message["seq"], &message["text"], &message["author"]["kind"]),
                (&json!(seq), &json!(text), &json!(kind))
            );
            assert_eq!(message["dialog_id"], dialog);
        }
    }
    for (sender, kind) in [(0, "visitor"), (1, "visitor"), (2, "operator")] {
        seq += 1;
        let text = format!("said {seq}");
        everybody[sender].say(&text).await;
        for socket in &mut everybody {
            let message = socket.frame("message").await;
            assert_eq!(
                (&message["seq"], &message["text"], &message["author"]["kind"]),
                (&json!(seq), &json!(text), &json!(kind))
            );
        }
    }
}

#[tokio::test]
async fn every_socket_of_a_dialog_gets_every_message_once_and_in_order() {
    let app = TestApp::start().await;
    let mut sockets = Vec::new();
    for _ in 0..5 {
        sockets.push(app.open_socket(100).await);
        sockets.push(app.operator_socket(100).await);
    }
    let mut sender = app.open_socket(100).await;
    for number in 1..=50 {
        sender.say(&format!("number {number}")).await;
    }
    for socket in &mut sockets {
        for number in 1..=50 {
            let message = socket.frame("message").await;
            assert_eq!((&message["seq"], &message["text"]), (&json!(number), &json!(format!("number {number}"))));
        }
    }
}

#[tokio::test]
async fn nobody_sees_a_message_before_it_can_be_read_from_the_log() {
    let app = TestApp::start().await;
    let mut operator = app.operator_socket(100).await;
    for number in 1..=10 {
        let post = app.post(&format!("/api/site/dialogs/100/messages?site_token={OPEN}"), &json!({"text": "hello"}));
        let post = tokio::spawn(post.send());
        let message = operator.frame("message").await;
        let page = app.get(&format!("/api/site/dialogs/100/messages?site_token={OPEN}&after={}", number - 1));
        let page = page.send().await.expect(200);
        assert_eq!(page["messages"][0]["id"], message["id"]);
        post.await.unwrap().expect(201);
    }
}

#[tokio::test]
async fn three_sites_and_many_dialogs_at_once_do_not_hear_each_other() {
    const VISITORS: usize = 8;
    const MESSAGES: usize = 12;
    let app = TestApp::start().await;
    let mut rooms = Vec::new();
    for site in [ALPHA, BETA, GAMMA] {
        for number in 0..VISITORS {
            let visitor = app.visitor(site, &format!("{site} {number} begins")).await;
            let socket = app.visitor_socket(&visitor, Some(2)).await;
            let desk = format!("{}@desk.example", site.trim_start_matches("st_"));
            let path = format!("/ws/dialogs/{}?token={}", visitor.dialog_id, app.token(&desk));
            let operator = open(&app, &path).await;
            rooms.push((visitor, socket, operator, format!("{site} {number}")));
        }
    }
    let mut talks = Vec::new();
    for (visitor, mut socket, mut operator, name) in rooms {
        talks.push(tokio::spawn(async move {
            for number in 0..MESSAGES {
                socket.say_as(&new_id(), &format!("{name} asks {number}")).await;
                operator.say_as(&new_id(), &format!("{name} is answered {number}")).await;
            }
            let mut expected = Vec::new();
            for number in 0..MESSAGES {
                expected.push(format!("{name} asks {number}"));
                expected.push(format!("{name} is answered {number}"));
            }
            (visitor, expected, [socket.settle("end").await, operator.settle("end").await], name)
        }));
    }
    for talk in talks {
        let (visitor, expected, _, name) = talk.await.unwrap();
        let log = app.log(visitor.dialog_id).await;
        let mut whole = vec![format!("Welcome to {}!", title(visitor.site)), format!("{name} begins")];
        whole.extend(expected);
        assert_eq!(tests::app::texts(&log), whole);
        assert!(log.iter().all(|message| message["dialog_id"] == visitor.dialog_id));
    }
}

fn title(site: &str) -> String {
    let name = site.trim_start_matches("st_");
    name[..1].to_uppercase() + &name[1..]
}

#[tokio::test]
async fn what_a_socket_hears_belongs_to_its_dialog_while_others_talk() {
    let app = TestApp::start().await;
    let mut listeners = Vec::new();
    for dialog in 100..110 {
        let mut listener = app.open_socket(dialog).await;
        listener.send(&json!({"type": "subscribe", "channels": ["typing", "presence", "receipts"]})).await;
        listener.frame("subscribed").await;
        listeners.push((dialog, listener));
    }
    let talkers = (100..110).map(|dialog| {
        let address = app.address;
        tokio::spawn(async move {
            let mut socket = Socket::open(address, &site_socket(dialog, OPEN)).await;
            for number in 0..20 {
                socket.send(&json!({"type": "typing", "on": true})).await;
                socket.say_as(&new_id(), &format!("{dialog}: {number}")).await;
            }
        })
    });
    for talker in talkers.collect::<Vec<_>>() {
        talker.await.unwrap();
    }
    for (dialog, mut listener) in listeners {
        let mut heard: Vec<Value> = Vec::new();
        while heard.iter().filter(|frame| frame["type"] == "message").count() < 20 {
            heard.push(listener.next_frame().await);
        }
        heard.extend(listener.settle("end").await);
        let messages: Vec<_> = heard.iter().filter(|frame| frame["type"] == "message").collect();
        assert_eq!(messages.len(), 20);
        for (number, message) in messages.iter().enumerate() {
            assert_eq!(
                (&message["dialog_id"], &message["text"]),
                (&json!(dialog), &json!(format!("{dialog}: {number}")))
            );
        }
        assert!(heard.iter().all(|frame| frame.get("dialog_id").is_none_or(|id| *id == dialog)), "{heard:#?}");
    }
}
