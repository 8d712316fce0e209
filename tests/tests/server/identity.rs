//! Visitors whom the site itself vouches for: their tokens, their dialogs, and how they come to them.

use protocol::Secret;
use serde_json::{Value, json};
use server::store::sqlite::NewSite;
use server_core::access::VisitorAuth;
use tests::app::{ALPHA, BETA, OPEN, OPERATORS, TestApp, new_id, new_key, site_socket};
use tests::http::Ask;
use tests::identity::{give_secret, sign, token};
use tests::socket::Socket;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const SECRET: &str = "is_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

async fn app() -> TestApp {
    let app = TestApp::start().await;
    give_secret(&app, ALPHA, SECRET);
    app
}

fn start(site: &str) -> String {
    format!("/api/site/dialogs?site_token={site}")
}

fn first(text: &str) -> Value {
    json!({"message": {"id": new_id(), "text": text}})
}

/// Asks for a dialog with a credential, and returns its number.
async fn find(app: &TestApp, credential: &str, body: &Value) -> Option<u64> {
    let answer = app.post(&start(ALPHA), body).bearer(credential).send().await;
    assert!((200..300).contains(&answer.status.into()), "{}", answer.text());
    answer.json()["dialog_id"].as_u64()
}

async fn socket(app: &TestApp, dialog_id: u64, hello: Value) -> Socket {
    socket_of(app, ALPHA, dialog_id, hello).await
}

async fn socket_of(app: &TestApp, site: &str, dialog_id: u64, hello: Value) -> Socket {
    let mut socket = Socket::open(app.address, &format!("{}&hello=1", site_socket(dialog_id, site))).await;
    let mut frame = json!({"type": "hello", "v": 1, "after": 0});
    frame.as_object_mut().unwrap().extend(hello.as_object().unwrap().clone());
    socket.send(&frame).await;
    socket
}

async fn visitor_of(app: &TestApp, dialog_id: u64) -> Value {
    let list = app.get("/api/dialogs?limit=200").bearer(&app.token(OPERATORS[1].0)).send().await.expect(200);
    let lines = list["dialogs"].as_array().unwrap().clone();
    lines.into_iter().find(|line| line["dialog_id"] == dialog_id).unwrap()["visitor"].clone()
}

#[tokio::test]
async fn the_same_person_finds_their_dialog_on_another_device_and_nobody_else_does() {
    let app = app().await;
    let ann = token(SECRET, "ann", 3_600);
    let dialog_id = find(&app, &ann, &first("from the laptop")).await.unwrap();
    // Another device: another token, and no key at all.
    let phone = token(SECRET, "ann", 1_800);
    assert_eq!(find(&app, &phone, &json!({})).await, Some(dialog_id));
    let mut link = socket(&app, dialog_id, json!({"token": phone})).await;
    link.frame("synced").await;
    let bob = token(SECRET, "bob", 3_600);
    assert_eq!(find(&app, &bob, &json!({})).await, None);
    for stranger in [json!({"token": bob}), json!({"key": new_key()})] {
        let close = socket(&app, dialog_id, stranger).await.closed().await.word();
        assert_eq!(close, (4404, "dialog_not_found".into()));
    }
    let path = format!("/api/site/dialogs/{dialog_id}/messages?site_token={ALPHA}");
    assert_eq!(app.get(&path).bearer(&bob).send().await.error(), (404, "dialog_not_found".into()));
    assert_eq!(app.get(&path).bearer(&phone).send().await.expect(200)["head"], 2);
}

#[tokio::test]
async fn a_bad_token_is_refused_and_says_what_to_change() {
    let app = app().await;
    let good = token(SECRET, "ann", 3_600);
    let far = i64::try_from(tests::app::now() / 1_000).unwrap() + 100_000;
    let dialog_id = find(&app, &good, &first("hello")).await.unwrap();
    let bad = [
        ("another secret", token("is_another", "ann", 60), "unauthorized"),
        ("an operator's token", app.operator(), "unauthorized"),
        ("expired", token(SECRET, "ann", -120), "token_expired"),
        ("without end", sign(SECRET, &json!({"sub": "ann"})), "unauthorized"),
        ("too long", sign(SECRET, &json!({"sub": "ann", "exp": far})), "unauthorized"),
        ("nobody", sign(SECRET, &json!({"exp": far - 90_000})), "unauthorized"),
        ("half", good[..good.len() - 5].into(), "unauthorized"),
        (
            "a name that is more than a name",
            sign(SECRET, &json!({"sub": "ann", "exp": far - 90_000, "name": "Ann\u{202e}x"})),
            "unauthorized",
        ),
        (
            "an address of two lines",
            sign(SECRET, &json!({"sub": "ann", "exp": far - 90_000, "email": "a@b.example\nc"})),
            "unauthorized",
        ),
        ("a word", "ann".into(), "unauthorized"),
        ("a short key", "vk_short".into(), "unauthorized"),
    ];
    for (what, token, code) in bad {
        let answer = app.post(&start(ALPHA), &json!({})).bearer(&token).send().await;
        assert_eq!(answer.error(), (401, code.into()), "{what}");
        assert!(!answer.text().contains(SECRET), "{what}");
        let close = socket(&app, dialog_id, json!({"token": token})).await.closed().await;
        let expected = if code == "token_expired" { 4300 } else { 4301 };
        assert_eq!(close.word(), (expected, code.into()), "{what}");
    }
    // A token of one site is nothing on another, with a secret or without.
    assert_eq!(app.post(&start(BETA), &json!({})).bearer(&good).send().await.error(), (401, "unauthorized".into()));
    give_secret(&app, BETA, "is_the other site's own");
    assert_eq!(app.post(&start(BETA), &json!({})).bearer(&good).send().await.error(), (401, "unauthorized".into()));
}

#[tokio::test]
async fn a_token_that_expires_ends_the_open_socket_unless_a_fresh_one_of_the_same_person_came() {
    let app = app().await;
    // A minute is forgiven: clocks differ.
    let soon = || token(SECRET, "ann", -55);
    let dialog_id = find(&app, &soon(), &first("hello")).await.unwrap();
    let mut renewed = socket(&app, dialog_id, json!({"token": soon()})).await;
    let mut expiring = socket(&app, dialog_id, json!({"token": soon()})).await;
    renewed.frame("synced").await;
    expiring.frame("synced").await;
    renewed.send(&json!({"type": "auth", "token": token(SECRET, "ann", 3_600)})).await;
    assert_eq!(expiring.closed().await.word(), (4300, "expired".into()));
    renewed.settle("still here").await;
    renewed.send(&json!({"type": "auth", "token": token(SECRET, "bob", 3_600)})).await;
    assert_eq!(renewed.closed().await.word(), (4301, "unauthorized".into()));
    // A stream ends likewise, with a word.
    let path = format!("/api/site/dialogs/{dialog_id}/poll?site_token={ALPHA}&after=2&wait=25");
    let answer = app.get(&path).bearer(&token(SECRET, "ann", -57)).send().await.expect(200);
    let last = answer.as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["type"], &last["code"]), (&json!("bye"), &json!(4300)), "{answer}");
}

#[tokio::test]
async fn who_says_who_they_are_takes_the_dialog_from_before_along_and_the_key_no_longer_opens_it() {
    let app = app().await;
    let visitor = app.visitor(ALPHA, "before I logged in").await;
    let mut other_tab = app.visitor_socket(&visitor, Some(0)).await;
    other_tab.frame("synced").await;
    let ann = token(SECRET, "ann", 3_600);
    let claimed = find(&app, &ann, &json!({"key": visitor.key})).await;
    assert_eq!(claimed, Some(visitor.dialog_id));
    assert_eq!(other_tab.closed().await.word(), (4404, "dialog_not_found".into()));
    assert_eq!(find(&app, &visitor.key, &json!({})).await, None);
    assert_eq!(
        socket(&app, visitor.dialog_id, json!({"key": visitor.key})).await.closed().await.word(),
        (4404, "dialog_not_found".into())
    );
    // Again, and from a device that never had the key: the same dialog.
    assert_eq!(find(&app, &ann, &json!({"key": visitor.key})).await, claimed);
    assert_eq!(find(&app, &ann, &json!({})).await, claimed);
    // The key may begin a new dialog, of nobody we know.
    let next = find(&app, &visitor.key, &first("after I logged out")).await;
    assert!(next.is_some() && next != claimed);
    assert_eq!(app.log(visitor.dialog_id).await.len(), 2);
}

#[tokio::test]
async fn who_has_a_dialog_already_leaves_the_one_from_before_as_it_is() {
    let app = app().await;
    let ann = token(SECRET, "ann", 3_600);
    let own = find(&app, &ann, &first("mine")).await.unwrap();
    let visitor = app.visitor(ALPHA, "in another browser").await;
    let body = json!({"key": visitor.key, "message": {"id": new_id(), "text": "now known"}});
    assert_eq!(find(&app, &ann, &body).await, Some(own));
    assert_eq!(find(&app, &visitor.key, &json!({})).await, Some(visitor.dialog_id), "it is still the key's");
    assert_eq!(app.texts(own).await, ["Welcome to Alpha!", "mine", "now known"]);
    assert_eq!(app.texts(visitor.dialog_id).await, ["Welcome to Alpha!", "in another browser"]);
    // Nor can a key claim anything: only a token can.
    let thief = new_key();
    assert_eq!(find(&app, &thief, &json!({"key": visitor.key})).await, None);
}

#[tokio::test]
async fn two_devices_that_start_at_once_have_one_dialog() {
    let app = app().await;
    let before = app.visitor(ALPHA, "anonymous").await;
    for (sub, key) in [("ann", None), ("bob", Some(before.key.clone()))] {
        let posts = (0..60).map(|number| {
            let mut body = first(&format!("text {number}"));
            if let Some(key) = &key {
                body["key"] = json!(key);
            }
            tokio::spawn(app.post(&start(ALPHA), &body).bearer(&token(SECRET, sub, 600 + number)).send())
        });
        let mut dialogs = std::collections::BTreeSet::new();
        for post in posts.collect::<Vec<_>>() {
            let answer = post.await.unwrap();
            assert_eq!(answer.status, 201, "{}", answer.text());
            dialogs.insert(answer.json()["dialog_id"].as_u64().unwrap());
        }
        assert_eq!(dialogs.len(), 1, "{dialogs:?}");
        let expected = if key.is_some() { 62 } else { 61 };
        assert_eq!(app.log(*dialogs.first().unwrap()).await.len(), expected);
    }
}

#[tokio::test]
async fn a_rotated_secret_is_good_until_it_is_dropped() {
    let app = app().await;
    let former = token(SECRET, "ann", 3_600);
    let dialog_id = find(&app, &former, &first("hello")).await;
    let newer = give_secret(&app, ALPHA, "is_newer");
    assert_eq!(find(&app, &former, &json!({})).await, dialog_id);
    assert_eq!(find(&app, &token(&newer, "ann", 60), &json!({})).await, dialog_id);
    let admin = app.admin();
    let site = admin.site(ALPHA).unwrap().unwrap();
    assert_eq!(site.identity_secrets, [Secret::new("is_newer"), Secret::new(SECRET)]);
    admin.drop_identity_secrets(site.id, 1).unwrap();
    let answer = app.post(&start(ALPHA), &json!({})).bearer(&former).send().await;
    assert_eq!(answer.error(), (401, "unauthorized".into()));
    assert_eq!(find(&app, &token(&newer, "ann", 60), &json!({})).await, dialog_id);
}

#[tokio::test]
async fn a_site_that_wants_to_know_its_visitors_takes_no_others() {
    let app = app().await;
    let visitor = app.visitor(ALPHA, "before").await;
    let admin = app.admin();
    let site = admin.site(ALPHA).unwrap().unwrap();
    admin.set_identity(site.id, server::store::Identity::Required).unwrap();
    let answer = app.post(&start(ALPHA), &first("hello")).bearer(&visitor.key).send().await;
    assert_eq!(answer.error(), (401, "identity_required".into()));
    let close = socket(&app, visitor.dialog_id, json!({"key": visitor.key})).await.closed().await.word();
    assert_eq!(close, (4301, "identity_required".into()));
    let config = app.get(&format!("/api/site/config?site_token={ALPHA}")).send().await.expect(200);
    assert_eq!(config["identity_required"], true);
    // What they said before is theirs.
    let ann = token(SECRET, "ann", 3_600);
    assert_eq!(find(&app, &ann, &json!({"key": visitor.key})).await, Some(visitor.dialog_id));
}

#[tokio::test]
async fn operators_see_who_it_is_and_what_the_page_says() {
    let app = app().await;
    let visitor = app.visitor(ALPHA, "hello").await;
    assert_eq!(visitor_of(&app, visitor.dialog_id).await, Value::Null);
    let attributes = |text: &str| json!({"attributes": text});
    find(&app, &visitor.key, &attributes(r#"{"plan":"pro","seats":3}"#)).await;
    let expected = json!({"name": "", "email": "", "verified": false, "attributes": r#"{"plan":"pro","seats":3}"#});
    assert_eq!(visitor_of(&app, visitor.dialog_id).await, expected);
    let ann = token(SECRET, "ann", 3_600);
    find(&app, &ann, &json!({"key": visitor.key})).await;
    let known = json!({"name": "Name of ann", "email": "ann@example.org", "verified": true,
        "attributes": r#"{"plan":"pro","seats":3}"#});
    assert_eq!(visitor_of(&app, visitor.dialog_id).await, known);
    find(&app, &ann, &attributes("{}")).await;
    assert_eq!(visitor_of(&app, visitor.dialog_id).await["attributes"], "{}");
    // With the first message of all.
    let bob = token(SECRET, "bob", 3_600);
    let mut body = first("hello");
    body["attributes"] = json!("{\"<b>\": true}");
    let dialog_id = find(&app, &bob, &body).await.unwrap();
    assert_eq!(visitor_of(&app, dialog_id).await["attributes"], r#"{"<b>":true}"#);
    assert_eq!(visitor_of(&app, dialog_id).await["verified"], true);
    let answer = app.post(&start(ALPHA), &attributes("[1]")).bearer(&bob).send().await;
    assert_eq!(answer.error(), (400, "invalid_frame".into()));
}

/// Asks as a page does that is left at once: nobody reads the answer, and the connection ends with what is returned.
async fn ask_in_passing(app: &TestApp, credential: &str, body: &Value) -> TcpStream {
    let body = body.to_string();
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {credential}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        start(ALPHA),
        app.address,
        body.len()
    );
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_claim_sends_the_others_away_even_when_whoever_made_it_has_hung_up() {
    let app = app().await;
    let mut claimed = 0;
    for number in 0..60 {
        let visitor = app.visitor(ALPHA, "before I logged in").await;
        let mut other_tab = app.visitor_socket(&visitor, Some(0)).await;
        other_tab.frame("synced").await;
        let person = token(SECRET, &format!("person {number}"), 3_600);
        let page = ask_in_passing(&app, &person, &json!({"key": visitor.key})).await;
        for _ in 0..number % 20 {
            tokio::task::yield_now().await;
        }
        // How far the others come is the machine's affair; these leave with their claim just made.
        for _ in 0..1_000 {
            if number < 50 || find(&app, &person, &json!({})).await.is_some() {
                break;
            }
        }
        drop(page);
        // It may not have come as far as the claim; once it has, nobody stays who came in by the key.
        for _ in 0..20 {
            if find(&app, &person, &json!({})).await.is_some() {
                claimed += 1;
                assert_eq!(other_tab.closed().await.word(), (4404, "dialog_not_found".into()), "claim {number}");
                break;
            }
        }
    }
    assert!(claimed > 0, "no claim was made before its maker had gone");
}

#[tokio::test]
async fn an_open_socket_is_renewed_by_the_secrets_that_the_site_has_now() {
    let app = app().await;
    let admin = app.admin();
    let site_id = admin.site(ALPHA).unwrap().unwrap().id;
    let dialog_id = find(&app, &token(SECRET, "ann", 3_600), &first("hello")).await.unwrap();
    let mut honest = socket(&app, dialog_id, json!({"token": token(SECRET, "ann", 3_600)})).await;
    let mut forger = socket(&app, dialog_id, json!({"token": token(SECRET, "ann", 3_600)})).await;
    honest.frame("synced").await;
    forger.frame("synced").await;
    let newer = give_secret(&app, ALPHA, "is_newer");
    honest.send(&json!({"type": "auth", "token": token(&newer, "ann", 3_600)})).await;
    honest.settle("signed with the new secret").await;
    admin.drop_identity_secrets(site_id, 1).unwrap();
    forger.send(&json!({"type": "auth", "token": token(SECRET, "ann", 3_600)})).await;
    assert_eq!(forger.closed().await.word(), (4301, "unauthorized".into()));
    admin.drop_identity_secrets(site_id, 0).unwrap();
    honest.send(&json!({"type": "auth", "token": token(&newer, "ann", 3_600)})).await;
    assert_eq!(honest.closed().await.word(), (4301, "unauthorized".into()));
}

#[tokio::test]
async fn who_came_in_without_a_key_while_the_site_was_open_leaves_when_the_dialog_becomes_somebody_s() {
    let app = TestApp::start().await;
    let visitor = app.visitor(OPEN, "before I logged in").await;
    let mut keyless = socket_of(&app, OPEN, visitor.dialog_id, json!({})).await;
    keyless.frame("synced").await;
    let mut admin = app.admin();
    let site = admin.site(OPEN).unwrap().unwrap();
    let changed = NewSite {
        id: Some(site.id),
        token: site.token,
        name: site.name,
        welcome: site.welcome,
        color: site.color,
        visitor_auth: VisitorAuth::Key,
        metrics: site.metrics,
        hours: site.hours,
        zone: site.zone,
        away: site.away,
        origins: site.origins,
        files: site.files,
        locale: site.locale,
    };
    admin.put_site(&changed).unwrap();
    give_secret(&app, OPEN, SECRET);
    let ask = app.post(&start(OPEN), &json!({"key": visitor.key})).bearer(&token(SECRET, "ann", 3_600));
    assert_eq!(ask.send().await.expect(200)["dialog_id"], visitor.dialog_id);
    assert_eq!(keyless.closed().await.word(), (4404, "dialog_not_found".into()));
}

#[tokio::test]
async fn who_a_visitor_is_goes_with_the_dialog() {
    let app = app().await;
    let dialog_id = find(&app, &token(SECRET, "ann", 3_600), &first("hello")).await.unwrap();
    let database = rusqlite::Connection::open(app.data().join("rejoin.db")).unwrap();
    database.busy_timeout(tests::PATIENCE).unwrap();
    let kept = || {
        let sql = "SELECT count(*) FROM visitors WHERE dialog_id = ?1";
        database.query_row(sql, [dialog_id], |row| row.get::<_, u64>(0)).unwrap()
    };
    assert_eq!(kept(), 1);
    database.execute("UPDATE dialogs SET deleted = 1 WHERE id = ?1", [dialog_id]).unwrap();
    assert_eq!(kept(), 0);
}

#[tokio::test]
async fn a_request_whose_body_comes_after_the_claim_neither_reads_nor_writes() {
    let app = app().await;
    let visitor = app.visitor(ALPHA, "before I logged in").await;
    let of = |rest: &str| format!("/api/site/dialogs/{}/{rest}?site_token={ALPHA}", visitor.dialog_id);
    let message = json!({"type": "message", "id": "late", "text": "by the old key"});
    let asks = [
        app.post(&of("messages"), &json!({"id": "late", "text": "by the old key"})),
        app.post(&of("frames"), &json!([message, {"type": "sync", "after": 0}])),
        app.post(&of("contact"), &json!({"email": "late@example.org"})),
        Ask::new(app.address, "PUT", &of("files/late")).body("application/octet-stream", "by the old key"),
        Ask::new(app.address, "PUT", &format!("/api/site/files/late-too?site_token={ALPHA}"))
            .body("application/octet-stream", "by the old key"),
    ];
    let mut begun = Vec::new();
    for ask in asks {
        begun.push(ask.bearer(&visitor.key).begin().await.unwrap());
    }
    let ann = token(SECRET, "ann", 3_600);
    assert_eq!(find(&app, &ann, &json!({"key": visitor.key})).await, Some(visitor.dialog_id));
    for (number, begun) in begun.into_iter().enumerate() {
        assert_eq!(begun.finish().await.error(), (404, "dialog_not_found".into()), "request {number}");
    }
    assert_eq!(app.texts(visitor.dialog_id).await, ["Welcome to Alpha!", "before I logged in"]);
    let list = app.get("/api/dialogs?limit=200").bearer(&app.operator()).send().await.expect(200);
    let lines = list["dialogs"].as_array().unwrap();
    let line = lines.iter().find(|line| line["dialog_id"] == visitor.dialog_id).unwrap();
    assert_eq!(line["email"], Value::Null, "{line}");
    assert_eq!(std::fs::read_dir(app.data().join("files")).unwrap().count(), 0);
}
