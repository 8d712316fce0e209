//! Nothing that is secret or personal reaches a log, at any level.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use clap::Parser;
use hmac::Mac;
use protocol::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::config::ServeConfig;
use crate::credentials::{Credentials, ServerSecret};
use crate::logging::capture::Captured;
use crate::store::Store;
use crate::store::sqlite::{Admin, SqliteStore};
use crate::{App, Hub, accept, clock, demo, logging};

/// Each stands for something that must not be seen.
const KEY: &str = "vk_CANARYkeyCANARYkeyCANARY";
const TEXT: &str = "CANARYtext";
const PASSWORD: &str = "CANARYpassword";
const EMAIL: &str = "CANARYemail";
const TOKEN: &str = "CANARYtoken";
const TICKET: &str = "ft_CANARYticket";
const COOKIE: &str = "CANARYcookie";
const IDENTITY: &str = "is_CANARYidentity";
const CANARY: &str = "CANARY";

#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    serve: ServeConfig,
}

#[test]
fn nothing_secret_reaches_the_log_at_any_level() {
    let captured = Captured::default();
    let writer = captured.clone();
    // All tasks run on this thread, whose log this is.
    let _log = tracing::subscriber::set_default(logging::subscriber("trace", move || writer.clone()).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let token = runtime.block_on(serve_and_ask());
    let log = captured.text();
    for told in ["link opened", "link closed", "broadcast", "request", "login refused", "WEBSOCKET_4003_ERROR"] {
        assert!(log.contains(told), "the log does not even say {told:?}: {log}");
    }
    assert!(!log.contains(CANARY), "{log}");
    assert!(!log.contains(&token), "{log}");
    assert!(!log.contains("127.0.0.1"), "a whole address: {log}");
}

/// Serves for a while and returns an operator's token that was used.
async fn serve_and_ask() -> String {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let secret = ServerSecret::open(data).unwrap();
    let listener = accept::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let hub = Hub::new();
    let dispatch = tracing::dispatcher::get_default(Clone::clone);
    let published = hub.published();
    // The store calls this on a thread of its own, which has no log of its own in a test.
    let published =
        Box::new(move |committed: &[_]| tracing::dispatcher::with_default(&dispatch, || published(committed)));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(data, published).unwrap());
    demo::seed(&mut Admin::open(data).unwrap(), &secret, address, &[], clock::wall()).unwrap();
    let admin = Admin::open(data).unwrap();
    let known = admin.site("st_demo").unwrap().unwrap();
    admin.add_identity_secret(known.id, &Secret::new(IDENTITY)).unwrap();
    let config = Options::try_parse_from(["rejoin", "--port", "0"]).unwrap().serve;
    let credentials = Credentials::new(&secret);
    let token = credentials.operators.issue(1, 0, "Ann", clock::wall(), 60_000).unwrap().expose().to_owned();
    let app = App::new(&config, store, hub, credentials);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(crate::run(listener, app, async {
        drop(stopped.await);
        crate::shutdown::Order::End
    }));
    let host = address.to_string();
    ask_everything(&host, &token).await;
    drop(stop);
    serving.await.unwrap().unwrap();
    token
}

async fn ask_everything(host: &str, token: &str) {
    let post = |path: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\nCookie: {COOKIE}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let get = |path: &str, headers: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nCookie: {COOKIE}\r\n{headers}\r\n")
    };
    let upgrade = |path: &str, headers: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        )
    };
    let site = "site_token=st_demo";
    let open = "site_token=st_demo_one";
    let first =
        ask(host, post(&format!("/api/site/dialogs?{site}"), &format!("{{\"message\":{{\"text\":\"{TEXT}\"}}}}")))
            .await;
    assert!(first.starts_with("HTTP/1.1 201"), "{first}");
    let requests = [
        post(&format!("/api/site/dialogs/100/messages?{open}&secret={TOKEN}"), &format!("{{\"text\":\"{TEXT}\"}}")),
        post(&format!("/api/site/dialogs/100/messages?{open}"), &format!("{{\"text\":{TEXT}")),
        post(&format!("/api/site/dialogs/100/messages?{open}"), &format!("{{\"{TEXT}\":\"{TEXT}\"}}")),
        post(
            &format!("/api/site/dialogs/1000/frames?{site}"),
            &format!("[{{\"type\":\"message\",\"text\":\"{TEXT}\"}},{TEXT}]"),
        ),
        post(&format!("/api/site/dialogs/1000/contact?{site}"), &format!("{{\"email\":\"{EMAIL}@shop.example\"}}")),
        post(&format!("/api/site/dialogs/1000/contact?{site}"), &format!("{{\"email\":\"{EMAIL}\"}}")),
        post(&format!("/api/site/dialogs/1000/contact?{site}"), &format!("{{\"email\":{EMAIL}")),
        post("/api/login", &format!("{{\"email\":\"{EMAIL}\",\"password\":\"{PASSWORD}\"}}")),
        get(&format!("/api/dialogs?token={TOKEN}"), ""),
        get(&format!("/api/dialogs?token={token}"), ""),
        get(&format!("/api/site/config?site_token={TOKEN}"), ""),
        get("/embed?assistant_id=3&parent_origin=https%3A%2F%2Fevil.example", ""),
        upgrade("/ws/site/dialogs/100?site_token=st_demo_one", "Origin: https://evil.example\r\n"),
        upgrade(&format!("/ws/dialogs/100?token={TOKEN}"), ""),
    ];
    for request in requests {
        let answer = ask(host, request).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    }
    for (secret, claims) in [
        (IDENTITY, "\"exp\":4000000000"),
        (IDENTITY, "\"exp\":1"),
        (IDENTITY, "\"exp\":EXP"),
        ("is_CANARYforged", "\"exp\":EXP"),
    ] {
        let claims = claims.replace("EXP", &(clock::wall() / 1_000 + 60).to_string());
        let known =
            known(secret, &format!("{{\"sub\":\"CANARYsub\",\"name\":\"CANARYname\",\"email\":\"{EMAIL}\",{claims}}}"));
        let body = format!(
            "{{\"key\":\"{KEY}\",\"message\":{{\"text\":\"{TEXT}\"}},\"attributes\":\"{{\\\"plan\\\":\\\"CANARYplan\\\"}}\"}}"
        );
        let request = post(&format!("/api/site/dialogs?{site}"), &body);
        let answer = ask(host, request.replace(&format!("Bearer {KEY}"), &format!("Bearer {known}"))).await;
        assert!(!answer.contains(CANARY) || answer.contains(TEXT), "an answer tells who it is: {answer}");
        let hello = format!("{{\"type\":\"hello\",\"v\":1,\"token\":\"{known}\"}}");
        let auth = format!("{{\"type\":\"auth\",\"token\":\"{TOKEN}\"}}");
        talk(host, upgrade(&format!("/ws/site/dialogs/1000?{site}&hello=1"), ""), &[&hello, &auth]).await;
    }
    let hello = format!(
        "{{\"type\":\"hello\",\"v\":1,\"key\":\"{KEY}\",\"ticket\":\"{TICKET}\",\"token\":\"{TOKEN}\",\"after\":0}}"
    );
    let message = format!("{{\"type\":\"message\",\"text\":\"{TEXT}\"}}");
    let auth = format!("{{\"type\":\"auth\",\"token\":\"{TOKEN}\"}}");
    talk(host, upgrade(&format!("/ws/site/dialogs/1000?{site}&hello=1"), ""), &[&hello, &message, TEXT, &auth]).await;
    talk(host, upgrade(&format!("/ws/dialogs/1000?token={token}"), ""), &[&message, &auth]).await;
    talk(host, upgrade(&format!("/ws/inbox?token={token}"), ""), &[&message, &auth]).await;
}

/// Signs claims as a site's backend does.
fn known(secret: &str, claims: &str) -> String {
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", part("{\"alg\":\"HS256\"}"), part(claims));
    let mut mac = crate::credentials::mac(secret.as_bytes());
    mac.update(message.as_bytes());
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// Sends a request and returns the answer; that of a socket ends with the reason of its close frame.
async fn ask(host: &str, request: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(request.as_ref()).await.unwrap();
    let mut answer = Vec::new();
    let whole = async {
        let ends = |answer: &[u8]| {
            let answer = String::from_utf8_lossy(answer);
            answer.split_once("\"reason\":").is_some_and(|(_, reason)| reason.contains('}'))
        };
        while !ends(&answer) {
            if stream.read_buf(&mut answer).await.unwrap() == 0 {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), whole).await.expect("the server answers");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Opens a socket and sends frames, the last of which makes the server close it.
async fn talk(host: &str, request: String, frames: &[&str]) {
    let mut bytes = request.into_bytes();
    for frame in frames {
        bytes.extend([0x81, 0x80 | 126]);
        bytes.extend(u16::try_from(frame.len()).unwrap().to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(frame.as_bytes());
    }
    let answer = ask(host, bytes).await;
    assert!(answer.contains("unauthorized") || answer.contains("token_expired"), "{answer}");
}
