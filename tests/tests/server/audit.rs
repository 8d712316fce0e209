//! P9: the server says the rolling hash of every log, wherever it says where the log is.

use protocol::{AuthorKind, digest};
use serde_json::{Value, json};
use tests::app::{OPEN, TestApp, site_socket};
use tests::socket::Socket;

use crate::history::fill;

/// Computes the hashes of a log, that of the empty one first.
fn hashes(log: &[Value]) -> Vec<u64> {
    let mut hashes = vec![digest::EMPTY];
    for message in log {
        let author = match message["author"]["kind"].as_str().unwrap() {
            "visitor" => AuthorKind::Visitor,
            "operator" => AuthorKind::Operator,
            "assistant" => AuthorKind::Assistant,
            _ => AuthorKind::System,
        };
        let (id, text) = (message["id"].as_str().unwrap(), message["text"].as_str().unwrap());
        hashes.push(digest::next(*hashes.last().unwrap(), message["seq"].as_u64().unwrap(), id, author, text));
    }
    hashes
}

#[tokio::test]
async fn every_way_in_tells_the_same_hash_of_the_same_log() {
    let app = TestApp::start_with(&["--heartbeat-ms", "300", "--messages-per-s", "1000"]).await;
    fill(&app, 100, 230).await;
    let hashes = hashes(&app.log(100).await);
    let at = |seq: &Value| &hashes[usize::try_from(seq.as_u64().unwrap()).unwrap()];
    // A delta, a snapshot, a reset, and the head; then the events one by one.
    for query in ["&after=228", "&after=1", "&after=999", ""] {
        let mut socket = Socket::open(app.address, &format!("{}{query}", site_socket(100, OPEN))).await;
        let ready = socket.frame("ready").await;
        assert_eq!(ready["hash"], *at(&json!(ready["next"].as_u64().unwrap() - 1)), "{query}");
        let synced = socket.frame("synced").await;
        assert_eq!((&synced["head"], &synced["hash"]), (&json!(230), &json!(hashes[230])), "{query}");
        let beat = socket.frame("heartbeat").await;
        assert_eq!(beat["hash"], *at(&beat["head"]), "{query}");
    }
    let page = app.get(&format!("/api/site/dialogs/100/messages?site_token={OPEN}&before=50")).send().await.expect(200);
    assert_eq!((&page["head"], &page["hash"]), (&json!(230), &json!(hashes[230])));
    let token = app.operator();
    let sync = app.get("/api/debug/websocket/sync?dialog_id=100").bearer(&token).send().await.expect(200);
    assert_eq!((&sync["head"], &sync["hash"], &sync["epoch"]), (&json!(230), &json!(hashes[230]), &page["epoch"]));
}

#[tokio::test]
async fn an_empty_log_has_the_hash_of_nothing_and_the_heartbeat_follows_what_is_written() {
    let app = TestApp::start_with(&["--heartbeat-ms", "100"]).await;
    let mut socket = Socket::open(app.address, &site_socket(100, OPEN)).await;
    assert_eq!(socket.frame("ready").await["hash"], 0);
    for n in 1..=3 {
        socket.say_as(&format!("m{n}"), &format!("text {n}")).await;
    }
    let beat = socket.frame_where("a heartbeat at 3", |frame| frame["type"] == "heartbeat" && frame["head"] == 3).await;
    let hashes = hashes(&app.log(100).await);
    assert_eq!(beat["hash"], hashes[3]);
    let app = app.restart().await;
    let mut socket = Socket::open(app.address, &format!("{}&after=2", site_socket(100, OPEN))).await;
    assert_eq!(socket.frame("ready").await["hash"], hashes[2]);
    assert_eq!(socket.frame("synced").await["hash"], hashes[3]);
    socket.say_as("m4", "after the restart").await;
    assert_eq!(app.admin().check().unwrap().messages, 4);
}
