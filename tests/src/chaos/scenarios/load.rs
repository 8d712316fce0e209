//! More than usual: bursts, steady load, churn, and readers that do not read.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::network::{BRISK, pairs};
use crate::app::{OPEN, OPEN_DIALOGS, site_socket};
use crate::chaos::crowd::{Crowd, Gathering, Sides, Talk};
use crate::chaos::outcome::{Bound, Outcome, Rigour, us};
use crate::chaos::scenario::{Call, Company, Scenario, Stop};
use crate::chaos::stage::{Program, Stage};
use crate::http::Ask;
use crate::socket::Socket;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "server-overload",
        about: "Three connections of each of fifty dialogs send a hundred messages of 1 kB at once.",
        company: Company::Shuns,
        limits_s: (120, 900),
        play: |call| Box::pin(server_overload(call)),
    },
    Scenario {
        name: "memory-leak",
        about: "Everybody talks and is cut off again and again: the server's memory does not grow.",
        company: Company::Shuns,
        limits_s: (90, 3_000),
        play: |call| Box::pin(memory_leak(call)),
    },
    Scenario {
        name: "slow-readers",
        about: "Many sockets are never read, and more come than there is room for: nobody else notices.",
        company: Company::Shuns,
        limits_s: (120, 900),
        play: |call| Box::pin(slow_readers(call)),
    },
    Scenario {
        name: "documents-load",
        about: "The load of the documents: 100 connections, ten messages a second from each.",
        company: Company::Shuns,
        limits_s: (120, 1_800),
        play: |call| Box::pin(documents_load(call)),
    },
];

const MEBIBYTE: f64 = 1_048_576.0;

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / MEBIBYTE
}

async fn server_overload(call: Call) -> Result<Outcome, Stop> {
    let (conversations, messages) = call.pick((20, 25), (50, 100));
    let stage = Stage::set(&call, Program::default()).await?;
    let crowd = Crowd::gather(&stage, Gathering { sides: Sides::Three, ..pairs(conversations) }).await?;
    let begun = Instant::now();
    let before = stage.memory();
    for _ in 0..messages {
        crowd.say(1_000);
    }
    stage.bites.add_many("messages at once", messages * crowd.members.len() as u64);
    crowd.until_settled(Duration::from_secs(call.pick(60, 300))).await?;
    let took_s = begun.elapsed().as_secs_f64();
    let grown = mebibytes(stage.memory().saturating_sub(before));
    let verdict = stage.judge(&crowd).await?;
    let rate = verdict.sent as f64 / took_s;
    Ok(Outcome::of(format!("{} connections, {messages} messages of 1 kB each.", crowd.members.len()))
        .bitten(stage.bites.all(), &["messages at once"])
        .judged(verdict)
        .figure("durable messages", rate, Bound::AtLeast(500.0), "a second", Rigour::Times(20))
        .figure("memory grown", grown, Bound::AtMost(128.0), "MiB", Rigour::Always)
        .problems(stage.complaints(&[])))
}

async fn memory_leak(call: Call) -> Result<Outcome, Stop> {
    let (warm_s, run_s, every_ms) = call.pick((3, 5, 1_000), (600, 1_200, 2_000));
    let options = ["--messages-per-s", "100000"].map(str::to_owned).into();
    let stage = Stage::set(&call, Program { options, ..Program::default() }).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(20, 100))).await?;
    let talk = crowd.talk(Talk { every_ms: call.pick(400, 4_000), bytes: 200 }, call.seed);
    let faults = async |seconds: u64| {
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            sleep(Duration::from_millis(every_ms)).await;
            stage.fault("reset");
            stage.proxy.cut();
            stage.healed("reset");
        }
    };
    // The page caches of the database fill up with the log, up to their bound: a full run sees to that first.
    let (batches, dialogs) = call.pick((0, 0), (10, 100));
    feed(&stage, batches, dialogs).await?;
    read_back(&stage, dialogs).await?;
    faults(warm_s).await;
    let warm = stage.memory();
    let mut samples = Vec::new();
    for _ in 0..5 {
        faults(run_s / 5).await;
        samples.push(format!("{:.1}", mebibytes(stage.memory())));
    }
    let grown = mebibytes(stage.memory().saturating_sub(warm));
    talk.hush().await;
    let verdict = stage.judge(&crowd).await?;
    // A short run sees the caches fill.
    let bound = call.pick(32.0, mebibytes(warm) / 10.0);
    Ok(Outcome::of(format!(
        "{run_s} s after {warm_s} s of warming up to {:.1} MiB, {} clients; MiB after each fifth: {}.",
        mebibytes(warm),
        crowd.members.len(),
        samples.join(", ")
    ))
    .bitten(stage.bites.all(), &["connections broken"])
    .judged(verdict)
    .figure("memory grown after warming up", grown, Bound::AtMost(bound), "MiB", Rigour::Always)
    .problems(stage.complaints(&[])))
}

async fn slow_readers(call: Call) -> Result<Outcome, Stop> {
    let (readers, batches) = call.pick((100, 2), (1_000, 12));
    let conversations = 10;
    let room = readers + conversations * 2 + 20;
    let options = ["--max-connections", &room.to_string(), "--connections-per-address", "100000"];
    let more = ["--connections-per-site", "100000", "--requests-per-s", "100000", "--messages-per-s", "10000"];
    let options = options.iter().chain(&more).map(|word| (*word).to_owned()).collect();
    let stage = Stage::set(&call, Program { options, ..Program::default() }).await?;
    let crowd = Crowd::gather(&stage, pairs(conversations)).await?;
    let talk = crowd.talk(BRISK, call.seed);
    let mut slow = Vec::new();
    for (_, dialog) in (0..readers).zip(OPEN_DIALOGS.cycle()) {
        slow.push(Socket::open_narrow(stage.address, &site_socket(dialog, OPEN)).await);
    }
    stage.bites.add_many("readers that do not read", slow.len() as u64);
    let before = stage.memory();
    stage.fault("five times too many");
    feed(&stage, batches, call.pick(10, 100)).await?;
    let grown = mebibytes(stage.memory().saturating_sub(before));
    // Five times as many as there is room for.
    let (refused, told) = crush(&stage, call.pick(100, room * 4)).await;
    stage.bites.add_many("connections too many", refused);
    stage.healed("five times too many");
    sleep(Duration::from_secs(3)).await;
    talk.hush().await;
    drop(slow);
    let verdict = stage.judge(&crowd).await?;
    let (delivered, breaks) = (verdict.delivered_us.clone(), verdict.breaks as f64);
    let untold = refused.saturating_sub(told) as f64;
    let bound = 0.35 * f64::from(u32::try_from(readers).unwrap_or(u32::MAX)) + 32.0;
    Ok(Outcome::of(format!("{readers} slow readers, {refused} refused, {} clients beside them.", crowd.members.len()))
        .bitten(stage.bites.all(), &["readers that do not read", "connections too many"])
        .judged(verdict)
        .time("delivery between the others", &delivered, 99, 100, 50)
        .figure("links of the others that broke", breaks, Bound::AtMost(0.0), "", Rigour::Always)
        .figure("refused without a word when to come again", untold, Bound::AtMost(0.0), "", Rigour::Always)
        .figure("memory grown", grown, Bound::AtMost(bound), "MiB", Rigour::Always)
        .problems(stage.complaints(&[])))
}

/// Writes into the first dialogs of the open site, so many batches of 50 messages of 9 kB each.
async fn feed(stage: &Stage, batches: u32, dialogs: usize) -> Result<(), String> {
    let text = "y".repeat(1_200);
    for dialog in OPEN_DIALOGS.take(dialogs) {
        for batch in 0..batches {
            let frames: Vec<Value> =
                (0..50).map(|n| json!({"type": "message", "id": format!("feed-{batch}-{n}"), "text": text})).collect();
            let post = Ask::new(stage.address, "POST", &format!("/api/dialogs/{dialog}/frames"));
            let answer = post.bearer(stage.token()).json(&Value::Array(frames)).attempt().await;
            let answer = answer.map_err(|error| error.0)?;
            let stored = answer.text().matches("\"stored\"").count();
            if stored < 50 {
                return Err(format!("{stored} of 50 were stored: {:.200}", answer.text()));
            }
        }
    }
    Ok(())
}

/// Reads the first dialogs of the open site from their beginnings, twice: once for each connection that reads.
async fn read_back(stage: &Stage, dialogs: usize) -> Result<(), String> {
    for dialog in OPEN_DIALOGS.take(dialogs).chain(OPEN_DIALOGS.take(dialogs)) {
        let mut after = 0;
        loop {
            let path = format!("/api/dialogs/{dialog}/messages?after={after}&limit=100");
            let page = Ask::new(stage.address, "GET", &path).bearer(stage.token()).attempt().await;
            let answer = page.map_err(|error| error.0)?;
            if answer.status == 429 {
                // Faster than one address may ask.
                sleep(Duration::from_millis(250)).await;
                continue;
            }
            let page = answer.expect(200);
            match page["messages"].as_array().and_then(|messages| messages.last()) {
                Some(last) => after = last["seq"].as_u64().unwrap_or(u64::MAX),
                None => break,
            }
        }
    }
    Ok(())
}

/// Opens more sockets than there is room for; returns how many were refused, and how many of them were told for how long.
async fn crush(stage: &Stage, sockets: usize) -> (u64, u64) {
    const AT_ONCE: usize = 100;
    let mut opening = JoinSet::new();
    let (mut refused, mut told, mut kept) = (0, 0, Vec::new());
    let mut count = |opened: Option<(Option<Socket>, bool, bool)>| {
        if let Some((socket, was_refused, was_told)) = opened {
            refused += u64::from(was_refused);
            told += u64::from(was_told);
            kept.extend(socket);
        }
    };
    for _ in 0..sockets {
        let (address, path) = (stage.address, site_socket(*OPEN_DIALOGS.start(), OPEN));
        opening.spawn(async move {
            let mut socket = match Socket::attempt(address, &path).await {
                Ok(socket) => socket,
                // The last reserve of places: the status says it, with Retry-After.
                Err(why) => return (None, true, why.contains("503")),
            };
            // The first thing that comes is the welcome or the end.
            match socket.next().await {
                crate::socket::Down::Closed(close) => {
                    (None, true, close.code == 4200 && close.reason()["retry_ms"].as_u64().is_some_and(|ms| ms > 0))
                }
                crate::socket::Down::Frame(_) => (Some(socket), false, false),
            }
        });
        if opening.len() >= AT_ONCE {
            count(opening.join_next().await.and_then(Result::ok));
        }
    }
    while let Some(opened) = opening.join_next().await {
        count(opened.ok());
    }
    (refused, told)
}

async fn documents_load(call: Call) -> Result<Outcome, Stop> {
    let seconds = call.pick(5, 300);
    let stage = Stage::set(&call, Program::default()).await?;
    // A hundred connections: a visitor and an operator in each of fifty dialogs.
    let crowd = Crowd::gather(&stage, pairs(50)).await?;
    let (begun, cpu) = (Instant::now(), stage.cpu_s());
    let talk = crowd.talk(Talk { every_ms: call.pick(400, 100), bytes: 80 }, call.seed);
    sleep(Duration::from_secs(seconds / 3)).await;
    let warm = stage.memory();
    sleep(Duration::from_secs(seconds - seconds / 3)).await;
    talk.hush().await;
    let busy = (stage.cpu_s() - cpu) / begun.elapsed().as_secs_f64() / 2.0 * 100.0;
    let grown = mebibytes(stage.memory().saturating_sub(warm));
    stage.bites.add_many("seconds of load", us(begun.elapsed()) / 1_000_000);
    let verdict = stage.judge(&crowd).await?;
    let (delivered, answered) = (verdict.delivered_us.clone(), verdict.answered_us.clone());
    let done = format!("{seconds} s, {} connections, {} messages.", crowd.members.len(), verdict.sent);
    Ok(Outcome::of(done)
        .bitten(stage.bites.all(), &["seconds of load"])
        .judged(verdict)
        .time("delivery", &delivered, 99, 25, 200)
        .time("answer", &answered, 99, 25, 200)
        .figure("the server's share of two cores", busy, Bound::AtMost(35.0), "%", Rigour::Times(2))
        .figure("memory grown in the last two thirds", grown, Bound::AtMost(32.0), "MiB", Rigour::Always)
        .problems(stage.complaints(&[])))
}
