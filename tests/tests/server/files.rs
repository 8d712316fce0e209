//! `PUT` and `GET …/files/{file}`: what is taken, what is served, and to whom.

use std::time::Duration;

use serde_json::json;
use tests::app::{ALPHA, BETA, GAMMA, OPEN, TestApp, Visitor, new_id, new_key};
use tests::http::{Answer, Ask};
use tests::identity::{give_secret, token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SECRET: &str = "is_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

/// One pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\nIDATx\x9cc\0\x01\0\0\x05\0\x01\r\n-\xb4\0\0\0\0IEND\xaeB`\x82";

fn put(app: &TestApp, path: &str, bytes: impl Into<bytes::Bytes>) -> Ask {
    Ask::new(app.address, "PUT", path).body("application/octet-stream", bytes)
}

fn path(visitor: &Visitor, file: &str) -> String {
    format!("/api/site/dialogs/{}/files/{file}?site_token={}", visitor.dialog_id, visitor.site)
}

async fn upload(app: &TestApp, visitor: &Visitor, file: &str, name: &str, bytes: &[u8]) -> Answer {
    let path = format!("{}&name={name}", path(visitor, file));
    put(app, &path, bytes.to_vec()).bearer(&visitor.key).send().await
}

async fn send(app: &TestApp, visitor: &Visitor, file: &str) -> Answer {
    let path = format!("/api/site/dialogs/{}/messages?site_token={}", visitor.dialog_id, visitor.site);
    app.post(&path, &json!({"id": new_id(), "text": "", "file": file})).bearer(&visitor.key).send().await
}

fn blobs(app: &TestApp) -> Vec<String> {
    let entries = std::fs::read_dir(app.data().join("files")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn an_image_goes_up_along_with_a_message_and_down_again() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "see this").await;
    let file = new_id();
    let told = upload(&app, &visitor, &file, "%C3%9Cber%20uns.png", PNG).await.expect(201);
    let expected =
        json!({"id": file, "name": "Über uns.png", "mime": "image/png", "size": PNG.len(), "width": 1, "height": 1});
    assert_eq!(told["file"], expected);
    // The same again, for ever.
    assert_eq!(upload(&app, &visitor, &file, "other.png", PNG).await.expect(200)["file"], expected);
    assert_eq!(upload(&app, &visitor, &file, "x", b"other bytes").await.error(), (422, "id_conflict".into()));
    assert_eq!(
        app.get(&path(&visitor, &file)).bearer(&visitor.key).send().await.error(),
        (404, "file_not_found".into())
    );
    assert_eq!(send(&app, &visitor, &file).await.status, 201);
    assert_eq!(send(&app, &visitor, &file).await.error(), (422, "file_not_found".into()), "it goes with one message");
    assert_eq!(app.log(visitor.dialog_id).await[2]["file"], expected);
    assert_eq!(upload(&app, &visitor, &file, "x", PNG).await.status, 200, "also after it was sent");

    let served = app.get(&path(&visitor, &file)).bearer(&visitor.key).send().await;
    assert_eq!((served.status, &served.body[..]), (200, PNG));
    let header =
        |name: &str| served.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(
        header("content-disposition"),
        "inline; filename=\"_ber uns.png\"; filename*=UTF-8''%C3%9Cber%20uns.png"
    );
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox");
    assert_eq!(header("cache-control"), "private, no-store");
    assert_eq!(header("cross-origin-resource-policy"), "same-origin");
    let operator = app.get(&format!("/api/dialogs/{}/files/{file}", visitor.dialog_id)).bearer(&app.operator());
    assert_eq!(operator.send().await.body, PNG);
    assert_eq!(blobs(&app).len(), 1, "nothing is left of what was not needed");
}

#[tokio::test]
async fn a_file_of_any_other_kind_is_saved_and_never_shown() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "see this").await;
    for (bytes, name, mime, kept) in [
        (&b"%PDF-1.7\n"[..], "a.pdf", "application/pdf", "a.pdf"),
        (b"PK\x03\x04\x14\0\0\0", "a.zip", "application/zip", "a.zip"),
        ("Grüße".as_bytes(), "page.html", "text/plain; charset=utf-8", "page.html.txt"),
        (PNG, "virus.exe", "image/png", "virus.exe.png"),
    ] {
        let file = new_id();
        upload(&app, &visitor, &file, name, bytes).await.expect(201);
        assert_eq!(send(&app, &visitor, &file).await.status, 201);
        let served = app.get(&path(&visitor, &file)).bearer(&visitor.key).send().await;
        assert_eq!(served.headers["content-type"], mime);
        let how = if mime == "image/png" { "inline" } else { "attachment" };
        assert_eq!(served.headers["content-disposition"], format!("{how}; filename=\"{kept}\""));
    }
}

#[tokio::test]
async fn the_type_is_what_the_bytes_are_and_dangerous_ones_are_refused() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "see this").await;
    for bytes in [
        &b"<!doctype html><script>alert(1)</script>"[..],
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0",
        b"#!/bin/sh\n",
        b"\0\0\0\0",
        b"",
    ] {
        let path = format!("{}&name=photo.png", path(&visitor, &new_id()));
        let ask = put(&app, &path, bytes.to_vec()).header("content-type", "image/png").bearer(&visitor.key);
        assert_eq!(ask.send().await.error(), (415, "file_type".into()), "{bytes:?}");
    }
    assert_eq!(blobs(&app), [""; 0]);
}

#[tokio::test]
async fn names_are_no_paths() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "see this").await;
    for id in ["..%2f..%2frejoin.db", "a%2fb", "%00", "ä"] {
        let id = id.replace('ä', "%C3%A4");
        let answer = put(&app, &path(&visitor, &id), PNG).bearer(&visitor.key).send().await;
        assert!((400..500).contains(&answer.status), "{id}: {}", answer.status);
    }
    let file = new_id();
    let told = upload(&app, &visitor, &file, "..%2F..%2Fetc%2Fpasswd", PNG).await.expect(201);
    assert_eq!(told["file"]["name"], "passwd.png");
    let stored = blobs(&app);
    assert!(stored.len() == 1 && stored[0].bytes().all(|byte| byte.is_ascii_hexdigit()), "{stored:?}");
}

#[tokio::test]
async fn nobody_else_gets_a_file_or_leaves_one() {
    let app = TestApp::start().await;
    let (visitor, stranger) = (app.visitor(ALPHA, "mine").await, app.visitor(ALPHA, "other").await);
    let file = new_id();
    upload(&app, &visitor, &file, "a.png", PNG).await.expect(201);
    assert_eq!(send(&app, &visitor, &file).await.status, 201);
    let id = visitor.dialog_id;
    let (site, widget, desk) = (
        format!("/api/site/dialogs/{id}/files/{file}?site_token={ALPHA}"),
        format!("/api/widget/dialogs/{id}/files/{file}?assistant_id=1"),
        format!("/api/dialogs/{id}/files/{file}"),
    );
    let beta = format!("/api/site/dialogs/{id}/files/{file}?site_token={BETA}");
    let gone = (404, "dialog_not_found".to_owned());
    for (path, secret, expected) in [
        (&site, stranger.key.clone(), gone.clone()),
        (&site, new_key(), gone.clone()),
        (&beta, visitor.key.clone(), gone.clone()),
        (&widget, visitor.key.clone(), gone.clone()),
        (&desk, app.token("beta@desk.example"), gone.clone()),
        (&desk, app.expired_token("all@desk.example"), (401, "token_expired".into())),
        (&desk, visitor.key.clone(), (401, "unauthorized".into())),
        (&site, String::from("nonsense"), (401, "unauthorized".into())),
    ] {
        assert_eq!(app.get(path).bearer(&secret).send().await.error(), expected, "GET {path}");
        let up = put(&app, path, PNG).bearer(&secret).send().await;
        assert_eq!(up.error(), expected, "PUT {path}");
    }
    assert_eq!(app.get(&site).send().await.error(), (401, "unauthorized".into()));
    // A stranger's own dialog does not have it, and cannot take it along.
    assert_eq!(app.get(&path(&stranger, &file)).bearer(&stranger.key).send().await.error().1, "file_not_found");
    let mine = new_id();
    upload(&app, &visitor, &mine, "a.png", PNG).await.expect(201);
    assert_eq!(send(&app, &stranger, &mine).await.error(), (422, "file_not_found".into()));
    // The key is no credential in an address.
    let open = format!("{}&token={}", path(&visitor, &file), visitor.key);
    let page = app.get(&open).origin("https://evil.example").send().await;
    assert_eq!(page.error(), (403, "forbidden_origin".into()));
}

#[tokio::test]
async fn a_visitor_may_begin_with_a_file_and_gets_one_welcome() {
    let app = TestApp::start().await;
    let (key, file, id) = (new_key(), new_id(), new_id());
    let staged = format!("/api/site/files/{file}?site_token={ALPHA}&name=a.png");
    assert_eq!(put(&app, &staged, PNG).send().await.error(), (401, "unauthorized".into()));
    put(&app, &staged, PNG).bearer(&key).send().await.expect(201);
    let begin = json!({"message": {"id": id, "text": "", "file": file}});
    let start = format!("/api/site/dialogs?site_token={ALPHA}");
    let other = app.post(&start, &begin).bearer(&new_key()).send().await;
    assert_eq!(other.error(), (422, "file_not_found".into()), "it is another visitor's");
    let loaded = app.post(&start, &begin).bearer(&key).send().await.expect(201);
    let again = app.post(&start, &begin).bearer(&key).send().await.expect(200);
    assert_eq!(loaded["dialog_id"], again["dialog_id"]);
    let log = app.log(loaded["dialog_id"].as_u64().unwrap()).await;
    assert_eq!(log.iter().map(|message| message["id"].clone()).collect::<Vec<_>>(), [json!("welcome"), json!(id)]);
    assert_eq!(log[1]["file"]["id"], json!(file));
    // The address of those who have no dialog leads into the one that there is now.
    assert_eq!(put(&app, &staged, PNG).bearer(&key).send().await.status, 200);
    let second = staged.replace(&file, &new_id());
    put(&app, &second, PNG).bearer(&key).send().await.expect(201);
}

#[tokio::test]
async fn sites_say_what_they_take_and_hold_to_it() {
    let app = TestApp::start().await;
    let config = |token: &str| app.get(&format!("/api/site/config?site_token={token}"));
    assert_eq!(config(ALPHA).send().await.expect(200)["files"], json!({"bytes": 1 << 20}));
    assert_eq!(config(GAMMA).send().await.expect(200).get("files"), None);
    let off = app.visitor(GAMMA, "hello").await;
    assert_eq!(upload(&app, &off, &new_id(), "a.png", PNG).await.error(), (403, "files_off".into()));
    let visitor = app.visitor(ALPHA, "hello").await;
    let mut large = PNG.to_vec();
    large.resize((1 << 20) + 1, 0);
    assert_eq!(upload(&app, &visitor, &new_id(), "a.png", &large).await.error(), (413, "file_too_big".into()));
    large.pop();
    upload(&app, &visitor, &new_id(), "a.png", &large).await.expect(201);
    let mut socket = app.visitor_socket(&visitor, None).await;
    assert_eq!(socket.frame("ready").await["limits"]["files"], json!({"bytes": 1 << 20}));
    let mut desk = tests::socket::Socket::open(
        app.address,
        &format!("/ws/dialogs/{}?token={}", visitor.dialog_id, app.operator()),
    )
    .await;
    assert_eq!(desk.frame("ready").await["limits"]["files"], json!({"bytes": 1 << 20}));
    assert_eq!(blobs(&app).len(), 1);
}

#[tokio::test]
async fn a_message_over_a_socket_brings_its_file_to_everybody() {
    let app = TestApp::start().await;
    let mut visitor = app.open_socket(100).await;
    let mut operator = app.operator_socket(100).await;
    let file = new_id();
    put(&app, &format!("/api/site/dialogs/100/files/{file}?site_token={OPEN}&name=a.png"), PNG)
        .send()
        .await
        .expect(201);
    visitor.send(&json!({"type": "message", "id": "m", "text": "", "file": "nothing"})).await;
    assert_eq!(visitor.frame("refused").await["code"], "file_not_found");
    visitor.send(&json!({"type": "message", "id": "m", "text": "", "file": file})).await;
    assert_eq!(visitor.frame("stored").await["seq"], 1);
    assert_eq!(operator.frame("message").await["file"]["mime"], "image/png");
    let list = app.get("/api/dialogs?limit=200").bearer(&app.operator()).send().await.expect(200);
    let line = list["dialogs"].as_array().unwrap().iter().find(|line| line["dialog_id"] == 100).unwrap().clone();
    assert_eq!(line["preview"], "📎 a.png");
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "hello").await;
    let file = new_id();
    let mut raw = TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 1000\r\n\r\n",
        path(&visitor, &file),
        visitor.key
    );
    raw.write_all(head.as_bytes()).await.unwrap();
    raw.write_all(PNG).await.unwrap();
    wait_for(|| blobs(&app).len() == 1).await;
    drop(raw);
    wait_for(|| blobs(&app).is_empty()).await;
    upload(&app, &visitor, &file, "a.png", PNG).await.expect(201);
}

#[tokio::test]
async fn an_upload_that_does_not_say_its_length_is_bounded_all_the_same() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "hello").await;
    for (bytes, status) in [(1 << 20, "HTTP/1.1 201"), ((1 << 20) + 1, "HTTP/1.1 413")] {
        let mut body = PNG.to_vec();
        body.resize(bytes, 0);
        let head = format!(
            "PUT {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n{bytes:x}\r\n",
            path(&visitor, &new_id()),
            visitor.key
        );
        let mut raw = TcpStream::connect(app.address).await.unwrap();
        for piece in [head.as_bytes(), &body, b"\r\n0\r\n\r\n"] {
            raw.write_all(piece).await.unwrap();
        }
        let mut answer = [0; 12];
        raw.read_exact(&mut answer).await.unwrap();
        assert_eq!(std::str::from_utf8(&answer), Ok(status), "{bytes} bytes");
    }
    assert_eq!(blobs(&app).len(), 1);
}

#[tokio::test]
async fn a_file_whose_bytes_are_lost_on_the_way_to_their_place_goes_with_no_message() {
    let mut app = TestApp::start().await;
    app.expect_error("a file cannot be written");
    let visitor = app.visitor(ALPHA, "hello").await;
    let file = new_id();
    let mut raw = TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
        path(&visitor, &file),
        visitor.key,
        PNG.len()
    );
    raw.write_all(head.as_bytes()).await.unwrap();
    wait_for(|| blobs(&app).len() == 1).await;
    std::fs::remove_file(app.data().join("files").join(&blobs(&app)[0])).unwrap();
    raw.write_all(PNG).await.unwrap();
    let mut answer = [0; 12];
    raw.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 500");
    assert_eq!(send(&app, &visitor, &file).await.error(), (422, "file_not_found".into()));
    upload(&app, &visitor, &file, "a.png", PNG).await.expect(201);
    assert_eq!(send(&app, &visitor, &file).await.status, 201);
}

#[tokio::test]
async fn one_visitor_has_four_uploads_under_way() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "hello").await;
    let mut under_way = Vec::new();
    for number in 0..4 {
        let mut raw = TcpStream::connect(app.address).await.unwrap();
        let head = format!(
            "PUT {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
            path(&visitor, &new_id()),
            visitor.key,
            PNG.len()
        );
        raw.write_all(head.as_bytes()).await.unwrap();
        wait_for(|| blobs(&app).len() == number + 1).await;
        under_way.push(raw);
    }
    assert_eq!(upload(&app, &visitor, &new_id(), "a.png", PNG).await.error(), (503, "overloaded".into()));
    for mut raw in under_way {
        raw.write_all(PNG).await.unwrap();
        let mut answer = [0; 12];
        raw.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 201");
    }
    upload(&app, &visitor, &new_id(), "a.png", PNG).await.expect(201);
}

#[tokio::test]
async fn what_is_uploaded_outlives_a_server_that_dies_before_the_message_comes() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "hello").await;
    let file = new_id();
    upload(&app, &visitor, &file, "a.png", PNG).await.expect(201);
    let app = app.restart().await;
    assert_eq!(upload(&app, &visitor, &file, "a.png", PNG).await.status, 200);
    assert_eq!(send(&app, &visitor, &file).await.status, 201);
    let app = app.restart().await;
    assert_eq!(app.get(&path(&visitor, &file)).bearer(&visitor.key).send().await.body, PNG);
    assert_eq!(app.admin().check_files().unwrap(), 1);
    std::fs::write(app.data().join("files").join(&blobs(&app)[0]), "cut").unwrap();
    assert!(app.admin().check_files().is_err());
}

#[tokio::test]
async fn a_backup_has_the_files_of_its_messages() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "hello").await;
    let (sent, unsent) = (new_id(), new_id());
    for file in [&sent, &unsent] {
        upload(&app, &visitor, file, "a.png", PNG).await.expect(201);
    }
    assert_eq!(send(&app, &visitor, &sent).await.status, 201);
    let elsewhere = tempfile::tempdir().unwrap();
    let backup = elsewhere.path().join("copy.db");
    app.admin().back_up(&backup).unwrap();
    let data = elsewhere.path().join("data");
    server::store::sqlite::restore(&data, &backup).unwrap();
    let restored = server::store::sqlite::Admin::open(&data).unwrap();
    assert_eq!(restored.check_files().unwrap(), 1);
    assert_eq!(std::fs::read_dir(data.join("files")).unwrap().count(), 1);
    std::fs::remove_dir_all(elsewhere.path().join("copy.db.files")).unwrap();
    let failed = server::store::sqlite::restore(&elsewhere.path().join("other"), &backup).unwrap_err().to_string();
    assert!(failed.contains("copy.db.files"), "{failed}");
}

#[tokio::test]
async fn a_file_that_is_gone_is_named_and_everything_else_is_backed_up_and_restored() {
    use server::store::sqlite::{Admin, BackupError, restore};
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "hello").await;
    for _ in 0..2 {
        let file = new_id();
        upload(&app, &visitor, &file, "a.png", PNG).await.expect(201);
        assert_eq!(send(&app, &visitor, &file).await.status, 201);
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let (backup, folder) = (elsewhere.path().join("copy.db"), app.data().join("files"));
    // A copy that fails midway leaves nothing in the way of the next one.
    let gone = blobs(&app).remove(0);
    std::fs::remove_file(folder.join(&gone)).unwrap();
    std::fs::create_dir(folder.join(&gone)).unwrap();
    assert!(matches!(app.admin().back_up(&backup).unwrap_err(), BackupError::File { .. }));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    std::fs::remove_dir(folder.join(&gone)).unwrap();
    let told = app.admin().back_up(&backup).unwrap_err().to_string();
    assert!(told.contains(&gone) && told.contains("1 files"), "{told}");
    let data = elsewhere.path().join("data");
    let told = restore(&data, &backup).unwrap_err().to_string();
    assert!(told.contains(&gone), "{told}");
    assert_eq!(Admin::open(&data).unwrap().check().unwrap().messages, app.admin().check().unwrap().messages);
    assert_eq!(std::fs::read_dir(data.join("files")).unwrap().count(), 1);
}

#[tokio::test]
async fn who_makes_up_keys_is_bound_by_the_address_and_others_are_not() {
    let app = TestApp::start_with(&["--trusted-proxy", "127.0.0.1"]).await;
    let begin = async |address: &str| {
        let staged = format!("/api/site/files/{}?site_token={ALPHA}", new_id());
        let ask = put(&app, &staged, PNG).bearer(&new_key()).header("x-forwarded-for", address);
        ask.send().await
    };
    for number in 0..60 {
        assert_eq!(begin("9.9.9.9").await.status, 201, "{number}");
    }
    assert_eq!(begin("9.9.9.9").await.error(), (429, "rate_limited".into()));
    assert_eq!(begin("9.9.9.8").await.status, 201);
    // Of one network there is one client.
    for number in 0..60 {
        assert_eq!(begin(&format!("2001:db8::{number}")).await.status, 201);
    }
    assert_eq!(begin("2001:db8::ffff").await.error(), (429, "rate_limited".into()));
    assert_eq!(blobs(&app).len(), 121);
}

#[tokio::test]
async fn an_id_is_one_file_of_the_dialog_whichever_side_uploads_it() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "hello").await;
    let file = new_id();
    let desk = format!("/api/dialogs/{}/files/{file}", visitor.dialog_id);
    put(&app, &desk, PNG).bearer(&app.operator()).send().await.expect(201);
    assert_eq!(upload(&app, &visitor, &file, "x", b"other bytes").await.error(), (422, "id_conflict".into()));
    let answer = json!({"id": new_id(), "text": "", "file": file});
    app.post(&format!("/api/dialogs/{}/messages", visitor.dialog_id), &answer)
        .bearer(&app.operator())
        .send()
        .await
        .expect(201);
    for bytes in [&b"other bytes"[..], PNG] {
        assert_eq!(upload(&app, &visitor, &file, "x", bytes).await.error(), (422, "id_conflict".into()));
    }
    assert_eq!(send(&app, &visitor, &file).await.error(), (422, "file_not_found".into()));
    assert_eq!(app.get(&path(&visitor, &file)).bearer(&visitor.key).send().await.body, PNG);
    assert_eq!(blobs(&app).len(), 1);
    // Nor by way of a key that has no dialog yet, and then says that it is the visitor of this one.
    give_secret(&app, ALPHA, SECRET);
    let (ann, stranger) = (token(SECRET, "ann", 3_600), new_key());
    let start = format!("/api/site/dialogs?site_token={ALPHA}");
    app.post(&start, &json!({"key": visitor.key})).bearer(&ann).send().await.expect(200);
    put(&app, &format!("/api/site/files/{file}?site_token={ALPHA}"), &b"other bytes"[..])
        .bearer(&stranger)
        .send()
        .await
        .expect(201);
    let message = json!({"id": new_id(), "text": "", "file": file});
    let taken = app.post(&start, &json!({"key": stranger, "message": message})).bearer(&ann).send().await;
    assert_eq!(taken.error().0, 422);
    assert_eq!(app.get(&desk).bearer(&app.operator()).send().await.body, PNG);
}

#[tokio::test]
async fn what_was_uploaded_before_somebody_said_who_they_are_goes_along() {
    let app = TestApp::start().await;
    give_secret(&app, ALPHA, SECRET);
    let start = format!("/api/site/dialogs?site_token={ALPHA}");
    let with = |file: &str| json!({"id": new_id(), "text": "", "file": file});
    // Nobody has a dialog yet; then the person has one, and the key has none; then both have.
    for person in ["ann", "bob", "cid"] {
        let (key, file, person_token) = (new_key(), new_id(), token(SECRET, person, 3_600));
        if person != "ann" {
            let first = json!({"message": {"id": new_id(), "text": "mine"}});
            app.post(&start, &first).bearer(&person_token).send().await.expect(201);
        }
        if person == "cid" {
            let first = json!({"message": {"id": new_id(), "text": "in another browser"}});
            app.post(&start, &first).bearer(&key).send().await.expect(201);
        }
        let staged = format!("/api/site/files/{file}?site_token={ALPHA}");
        put(&app, &staged, PNG).bearer(&key).send().await.expect(201);
        app.post(&start, &json!({"key": key})).bearer(&person_token).send().await.expect(200);
        let stranger = app.post(&start, &json!({"message": with(&file)})).bearer(&key).send().await;
        assert_eq!(stranger.error(), (422, "file_not_found".into()), "{person}: it is the person's now");
        let begun = app.post(&start, &json!({"key": key, "message": with(&file)})).bearer(&person_token).send().await;
        let dialog_id = begun.expect(201)["dialog_id"].as_u64().unwrap();
        let served = app.get(&format!("/api/dialogs/{dialog_id}/files/{file}")).bearer(&app.operator()).send().await;
        assert_eq!(served.body, PNG, "{person}");
    }
}

async fn wait_for(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(tests::PATIENCE, waiting).await.expect("it becomes so in time");
}

#[tokio::test]
async fn a_file_whose_bytes_are_gone_is_whole_again_when_it_is_sent_up_once_more() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "see this").await;
    let (unsent, sent) = (new_id(), new_id());
    for file in [&unsent, &sent] {
        upload(&app, &visitor, file, "a.png", PNG).await.expect(201);
    }
    assert_eq!(send(&app, &visitor, &sent).await.status, 201);
    for blob in blobs(&app) {
        std::fs::remove_file(app.data().join("files").join(blob)).unwrap();
    }
    for file in [&unsent, &sent] {
        upload(&app, &visitor, file, "a.png", PNG).await.expect(200);
    }
    assert_eq!(send(&app, &visitor, &unsent).await.status, 201);
    for file in [&unsent, &sent] {
        let served = app.get(&path(&visitor, file)).bearer(&visitor.key).send().await;
        assert_eq!((served.status, &served.body[..]), (200, PNG));
    }
    upload(&app, &visitor, &sent, "a.png", PNG).await.expect(200);
    assert_eq!(blobs(&app).len(), 2, "bytes that are there are not kept twice");
}
