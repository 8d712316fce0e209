//! Clients that break the rules of the wire.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::network::{BRISK, pairs};
use crate::app::{OPEN, OPEN_DIALOGS, site_socket};
use crate::chaos::crowd::Crowd;
use crate::chaos::outcome::{Bound, Outcome, Rigour};
use crate::chaos::scenario::{Call, Company, Scenario, Stop};
use crate::chaos::stage::{Program, Stage};
use crate::sim::random::Random;
use crate::socket::{Down, Socket};

pub(super) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "protocol-violation",
    about: "Clients send what no client should: each is told what was wrong, and nobody else notices.",
    company: Company::Bears,
    limits_s: (90, 600),
    play: |call| Box::pin(protocol_violation(call)),
}];

/// What is sent.
#[derive(Clone, Debug)]
enum Wrong {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Vec<u8>),
    /// Bytes on a new connection, which are no request, or none that can be served.
    Bytes(Vec<u8>),
}

/// What should come of it.
#[derive(Clone, Copy, Debug)]
enum Right {
    /// An `error` frame with this code, and the link lives on.
    Error(&'static str),
    /// The end, with this code.
    Closed(u16),
    /// A status of 400 to 499, or the end of the connection.
    TurnedAway,
}

fn rows(random: &mut Random) -> Vec<(Wrong, Right)> {
    let noise: Vec<u8> = (0..200).map(|_| random.below(256) as u8).collect();
    let text = |text: &str| Wrong::Text(text.into());
    let deep = format!("{}1{}", "[".repeat(2_000), "]".repeat(2_000));
    vec![
        (text("invalid json"), Right::Error("invalid_json")),
        (text(""), Right::Error("empty_frame")),
        (text("{incomplete json"), Right::Error("invalid_json")),
        (text("null"), Right::Error("invalid_frame")),
        (text("\u{1f642}"), Right::Error("invalid_json")),
        (text("\u{0}\u{1}\u{2}"), Right::Error("invalid_json")),
        (text("{\"type\":\"ready\"}"), Right::Error("unknown_type")),
        (text("{\"type\":\"message\",\"text\":{}}"), Right::Error("invalid_frame")),
        (text(&"x".repeat(40_000)), Right::Error("invalid_json")),
        (Wrong::Text(format!("{{\"type\":\"ping\",\"timestamp\":{deep}}}")), Right::Error("invalid_frame")),
        (Wrong::Binary(noise.clone()), Right::Error("binary_frame")),
        (Wrong::Text("y".repeat(1_000_000)), Right::Closed(1009)),
        (Wrong::Text("y".repeat(10_000_000)), Right::Closed(1009)),
        (Wrong::Bytes(noise), Right::TurnedAway),
        (Wrong::Bytes(b"GET / HTTP/9.9\r\n\r\n".to_vec()), Right::TurnedAway),
        (Wrong::Bytes([b"GET / HTTP/1.1\r\nx: ".to_vec(), vec![b'a'; 200_000]].concat()), Right::TurnedAway),
    ]
}

async fn protocol_violation(call: Call) -> Result<Outcome, Stop> {
    let rounds: u32 = call.pick(3, 100);
    let mut random = Random::new(call.seed);
    let stage = Stage::set(&call, Program::default()).await?;
    let crowd = Crowd::gather(&stage, pairs(5)).await?;
    let talk = crowd.talk(BRISK, call.seed);
    let (mut tried, mut right, mut wrong) = (0, 0, Vec::new());
    for _ in 0..rounds {
        let dialog = random.between(*OPEN_DIALOGS.start(), *OPEN_DIALOGS.end());
        for (bad, expected) in rows(&mut random) {
            tried += 1;
            stage.bites.add("violations");
            match send(&stage, dialog, &bad, expected).await {
                Ok(()) => right += 1,
                Err(why) => {
                    let shown: String = format!("{bad:?}").chars().take(60).collect();
                    wrong.push(format!("{shown}: {why}, and not {expected:?}"));
                }
            }
        }
    }
    talk.hush().await;
    let verdict = stage.judge(&crowd).await?;
    let breaks = verdict.breaks as f64;
    let mut outcome = Outcome::of(format!("{tried} bad inputs beside {} clients.", crowd.members.len()))
        .bitten(stage.bites.all(), &["violations"])
        .judged(verdict)
        .figure(
            "answered as they should be",
            right as f64 / tried as f64 * 100.0,
            Bound::AtLeast(100.0),
            "%",
            Rigour::Always,
        )
        .figure("links of the others that broke", breaks, Bound::AtMost(0.0), "", Rigour::InFull)
        .problems(wrong.into_iter().take(10))
        .problems(stage.complaints(&[]));
    outcome.success = (right, tried);
    Ok(outcome)
}

/// Sends something wrong, and says what came of it where it is not what should.
async fn send(stage: &Stage, dialog: u64, bad: &Wrong, expected: Right) -> Result<(), String> {
    let message = match bad {
        Wrong::Text(text) => Message::text(text.clone()),
        Wrong::Binary(bytes) => Message::binary(bytes.clone()),
        Wrong::Bytes(bytes) => return turned_away(stage, bytes).await,
    };
    let mut socket = Socket::attempt(stage.address, &site_socket(dialog, OPEN)).await?;
    socket.frame("synced").await;
    socket.send_raw(message).await;
    loop {
        match (socket.next().await, expected) {
            (Down::Frame(frame), Right::Error(code)) if frame["type"] == "error" => {
                if frame["code"] != code {
                    return Err(frame.to_string());
                }
                // The link lives on.
                socket.send(&json!({"type": "ping", "timestamp": "mark"})).await;
                let lives = |frame: &serde_json::Value| frame["type"] == "pong";
                socket.frame_where("pong", lives).await;
                return Ok(());
            }
            (Down::Frame(_), Right::Error(_) | Right::Closed(_) | Right::TurnedAway) => {}
            (Down::Closed(close), Right::Closed(code)) if close.code == code => return Ok(()),
            (Down::Closed(close), Right::Error(_) | Right::Closed(_) | Right::TurnedAway) => {
                return Err(format!("closed with {}", close.code));
            }
        }
    }
}

async fn turned_away(stage: &Stage, bytes: &[u8]) -> Result<(), String> {
    let mut stream = TcpStream::connect(stage.address).await.map_err(|error| error.to_string())?;
    // The server may hang up before it has heard everything.
    let _hung_up = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let reading =
        async { while answer.len() < 1_000 && stream.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {} };
    if timeout(Duration::from_secs(15), reading).await.is_err() && answer.is_empty() {
        return Err("nothing, for 15 s".into());
    }
    let text = String::from_utf8_lossy(&answer);
    let status: Option<u16> = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    match status {
        None if answer.is_empty() => Ok(()),
        Some(400..=499 | 505) => Ok(()),
        Some(_) | None => Err(text.lines().next().unwrap_or_default().into()),
    }
}
