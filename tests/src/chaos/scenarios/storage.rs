//! What holds the data: a disk that is full, that fails, that loses its power, that is put back, and a clock that jumps.

use std::process::Stdio;
use std::time::Duration;

use client_core::Input;
use protocol::Secret;
use serde_json::json;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::network::{BRISK, pairs};
use crate::app::{OPEN, OPERATORS};
use crate::binary;
use crate::chaos::crowd::{Crowd, Talk};
use crate::chaos::disk::{Disk, lying_clock};
use crate::chaos::history::{Fact, NEMESIS};
use crate::chaos::outcome::{Bound, Outcome, Rigour, us};
use crate::chaos::scenario::{Call, Company, Scenario, Stop};
use crate::chaos::stage::{Program, Stage};
use crate::http::Ask;
use crate::sim::random::Random;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "disk-full",
        about: "The disk is full: writes are refused with a clear error, everything can be read, and room heals it.",
        company: Company::Bears,
        limits_s: (90, 600),
        play: |call| Box::pin(disk_full(call)),
    },
    Scenario {
        name: "fsync-error",
        about: "The disk does not take what is flushed (EIO): nothing is confirmed, and the server ends.",
        company: Company::Bears,
        limits_s: (90, 900),
        play: |call| Box::pin(fsync_error(call)),
    },
    Scenario {
        name: "power-cut",
        about: "The power fails: what was not flushed is gone, and everything that was confirmed is there.",
        company: Company::Bears,
        limits_s: (90, 1_800),
        play: |call| Box::pin(power_cut(call)),
    },
    Scenario {
        name: "restored-backup",
        about: "A backup is put back: every client starts anew from it, and none merges two histories.",
        company: Company::Bears,
        limits_s: (90, 600),
        play: |call| Box::pin(restored_backup(call)),
    },
    Scenario {
        name: "clock-jumps",
        about: "The server's clock jumps back by an hour and forth by three days: order and expiry stay sane.",
        company: Company::Bears,
        limits_s: (90, 600),
        play: |call| Box::pin(clock_jumps(call)),
    },
];

async fn disk_full(call: Call) -> Result<Outcome, Stop> {
    let rounds: u32 = call.pick(1, 10);
    let disk = Disk::small(16).await?;
    let stage = Stage::set(&call, Program { data: Some(disk.data()), ..Program::default() }).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(5, 10))).await?;
    let mut answers_us = Vec::new();
    let mut unread = 0_u64;
    for _ in 0..rounds {
        let talk = crowd.talk(Talk { every_ms: 150, bytes: 700 }, call.seed);
        sleep(Duration::from_millis(500)).await;
        stage.fault("disk full");
        disk.fill()?;
        answers_us.push(refused_as_full(&stage).await?);
        stage.bites.add("full disks");
        let reading = format!("/api/dialogs/{}/messages", crowd.dialogs()[0]);
        let read = Ask::new(stage.address, "GET", &reading).bearer(stage.token()).attempt().await;
        unread += u64::from(read.map_or(0, |answer| answer.status) != 200);
        sleep(Duration::from_millis(1_500)).await;
        talk.hush().await;
        disk.empty_again();
        stage.healed("disk full");
        crowd.until_settled(Duration::from_secs(20)).await?;
    }
    let verdict = stage.judge(&crowd).await?;
    answers_us.sort_unstable();
    Ok(Outcome::of(format!("{rounds} times, {} clients.", crowd.members.len()))
        .bitten(stage.bites.all(), &["full disks"])
        .judged(verdict)
        .time("a clear error", &answers_us, 99, 1_000, 2)
        .figure("reads that failed meanwhile", unread as f64, Bound::AtMost(0.0), "", Rigour::Always)
        // Each refusal is logged as what it is.
        .problems(stage.complaints(&["disk", "full"])))
}

/// Posts until the server says that its disk is full; returns how long that answer took.
async fn refused_as_full(stage: &Stage) -> Result<u64, String> {
    const PATIENCE: Duration = Duration::from_secs(20);
    let path = format!("/api/site/dialogs/100/messages?site_token={OPEN}");
    let begun = Instant::now();
    let mut last = String::new();
    while begun.elapsed() < PATIENCE {
        let asked = Instant::now();
        let post = Ask::new(stage.address, "POST", &path).json(&json!({"text": "x".repeat(5_000)}));
        match post.attempt().await {
            Ok(answer) if answer.status < 300 => {}
            Ok(answer) if answer.error().1 == "disk_full" => return Ok(us(asked.elapsed())),
            Ok(answer) => last = answer.text(),
            Err(error) => last = error.0,
        }
    }
    Err(format!("the disk is full, and nobody says so: {last}"))
}

async fn fsync_error(call: Call) -> Result<Outcome, Stop> {
    let rounds: u32 = call.pick(2, 20);
    let mut stage = Stage::set(&call, Program::default()).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(5, 10))).await?;
    let talk = crowd.talk(BRISK, call.seed);
    let mut ended_us = Vec::new();
    for _ in 0..rounds {
        sleep(Duration::from_millis(600)).await;
        let pid = stage.server().id().to_string();
        stage.fault("fsync error");
        let mut strace = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"])
            .args(["-e", "inject=fsync,fdatasync:error=EIO", "-p", &pid])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Stop::Skipped(format!("strace: {error}")))?;
        let attached = Instant::now();
        // It is a tool that comes and goes with the process that it looks at, unless it may not look at all.
        let outcome = tokio::select! {
            code = stage.ended() => Ok(code),
            _ = strace.wait() => Err(()),
        };
        let code = match outcome {
            Ok(code) => code,
            Err(()) if stage.is_ready().await => {
                return Err(Stop::Skipped("strace may not attach to a process".into()));
            }
            Err(()) => stage.ended().await,
        };
        ended_us.push(us(attached.elapsed()));
        if code == Some(0) {
            return Err(Stop::Broken("the server ended as if nothing had happened".into()));
        }
        stage.bites.add("fsync errors");
        stage.start_again().await;
        stage.healed("fsync error");
        crowd.until_up(Duration::from_secs(20)).await?;
    }
    talk.hush().await;
    let verdict = stage.judge(&crowd).await?;
    ended_us.sort_unstable();
    let false_answers = verdict.false_answers as f64;
    Ok(Outcome::of(format!("{rounds} times, {} clients.", crowd.members.len()))
        .bitten(stage.bites.all(), &["fsync errors"])
        .judged(verdict)
        .figure("false answers", false_answers, Bound::AtMost(0.0), "", Rigour::Always)
        // Of which attaching takes a part.
        .time("ended after the first error", &ended_us, 99, 1_000, 10)
        .back("fsync error", 99, 5_000, 2))
}

async fn power_cut(call: Call) -> Result<Outcome, Stop> {
    let cuts: u32 = call.pick(3, 100);
    let mut random = Random::new(call.seed);
    let disk = Disk::ext4(256).await?;
    let mut stage = Stage::set(&call, Program { data: Some(disk.data()), ..Program::default() }).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(5, 10))).await?;
    let talk = crowd.talk(Talk { every_ms: 60, bytes: 300 }, call.seed);
    let mut unsound = Vec::new();
    for cut in 0..cuts {
        sleep(Duration::from_millis(random.between(200, 1_200))).await;
        stage.fault("power cut");
        // Without power nothing goes on. Here the program would, and the file system, shut down while it flushes, has
        // been seen to say that it has flushed.
        stage.hold_still().await?;
        let unflushed = disk.mount.join(format!("unflushed-{cut}"));
        std::fs::write(&unflushed, "this never reaches the medium").map_err(|error| error.to_string())?;
        disk.cut().await.map_err(Stop::Skipped)?;
        stage.kill().await;
        disk.put_in_again().await?;
        if !unflushed.exists() {
            stage.bites.add("power cuts");
        }
        let check = binary::run(stage.data(), &["check"]).await;
        if !check.status.success() {
            unsound.push(format!("after cut {cut}: {}", binary::printed(&check)));
        }
        stage.start_again().await;
        stage.healed("power cut");
    }
    talk.hush().await;
    let verdict = stage.judge(&crowd).await?;
    let (false_answers, phantoms) = (verdict.false_answers as f64, verdict.phantoms as f64);
    let (answered, damaged) = (verdict.answered_us.len(), unsound.len() as f64);
    Ok(Outcome::of(format!("{cuts} cuts, {} clients, {answered} answered messages.", crowd.members.len()))
        .bitten(stage.bites.all(), &["power cuts"])
        .judged(verdict)
        .figure("answered messages lost", false_answers, Bound::AtMost(0.0), "", Rigour::Always)
        .figure("phantoms", phantoms, Bound::AtMost(0.0), "", Rigour::Always)
        .figure("damaged databases", damaged, Bound::AtMost(0.0), "", Rigour::Always)
        .problems(unsound))
}

async fn restored_backup(call: Call) -> Result<Outcome, Stop> {
    let rounds: u32 = call.pick(1, 8);
    let mut stage = Stage::set(&call, Program::default()).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(5, 10))).await?;
    let talk = crowd.talk(BRISK, call.seed);
    for round in 0..rounds {
        sleep(Duration::from_millis(1_000)).await;
        let file = stage.data().join(format!("backup-{round}.db"));
        let file = file.to_string_lossy().into_owned();
        succeed(&stage, &["backup", &file]).await?;
        // What is said from here on is not in the backup.
        sleep(Duration::from_millis(2_000)).await;
        stage.fault("log put back");
        stage.kill().await;
        succeed(&stage, &["restore", &file]).await?;
        stage.history.tell(NEMESIS, Fact::PutBack);
        stage.bites.add("logs put back");
        stage.start_again().await;
        stage.healed("log put back");
        crowd.until_up(Duration::from_secs(20)).await?;
    }
    sleep(Duration::from_millis(1_000)).await;
    talk.hush().await;
    let verdict = stage.judge(&crowd).await?;
    let rewound = verdict.rewound as f64;
    Ok(Outcome::of(format!("{rounds} times, {} clients.", crowd.members.len()))
        .bitten(stage.bites.all(), &["logs put back"])
        .judged(verdict)
        .figure("messages that the backup did not have", rewound, Bound::AtLeast(1.0), "", Rigour::Always)
        .back("log put back", 99, 5_000, 2)
        .problems(stage.complaints(&[])))
}

async fn succeed(stage: &Stage, arguments: &[&str]) -> Result<(), String> {
    let output = binary::run(stage.data(), arguments).await;
    if output.status.success() { Ok(()) } else { Err(binary::printed(&output)) }
}

async fn clock_jumps(call: Call) -> Result<Outcome, Stop> {
    let library = lying_clock().ok_or_else(|| Stop::Skipped("there is no libfaketime".into()))?;
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let says = directory.path().join("clock");
    let set = |offset: &str| std::fs::write(&says, format!("{offset}\n")).map_err(|error| error.to_string());
    set("+0")?;
    let env: Vec<(String, String)> = [
        ("LD_PRELOAD", library.to_string_lossy().into_owned()),
        ("FAKETIME_TIMESTAMP_FILE", says.to_string_lossy().into_owned()),
        ("FAKETIME_NO_CACHE", "1".into()),
        ("DONT_FAKE_MONOTONIC", "1".into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let stage = Stage::set(&call, Program { env: env.clone(), ..Program::default() }).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(5, 10))).await?;
    // Good for a day: in three days it is not.
    let short_lived = token(&stage, &env, "1").await?;
    crowd.operators().for_each(|operator| operator.tell(Input::Credential(Secret::new(short_lived.clone()))));
    let talk = crowd.talk(BRISK, call.seed);
    for (what, offset) in [("clock back by an hour", "-1h"), ("clock right again", "+0")] {
        sleep(Duration::from_millis(1_500)).await;
        stage.fault(what);
        set(offset)?;
        stage.bites.add("clock jumps");
        sleep(Duration::from_millis(500)).await;
        // Whoever comes now is let in as well.
        stage.proxy.cut();
        stage.healed(what);
        crowd.until_up(Duration::from_secs(20)).await?;
    }
    sleep(Duration::from_millis(1_500)).await;
    stage.fault("clock forth by three days");
    set("+3d")?;
    stage.bites.add("clock jumps");
    sleep(Duration::from_millis(500)).await;
    stage.proxy.cut();
    stage.healed("clock forth by three days");
    sleep(Duration::from_millis(2_000)).await;
    let let_in = crowd.operators().filter(|operator| operator.glance().is_up()).count();
    let fresh = token(&stage, &env, "1").await?;
    crowd.operators().for_each(|operator| operator.tell(Input::Credential(Secret::new(fresh.clone()))));
    crowd.until_up(Duration::from_secs(20)).await?;
    sleep(Duration::from_millis(1_000)).await;
    set("+0")?;
    talk.hush().await;
    let verdict = stage.judge(&crowd).await?;
    Ok(Outcome::of(format!("-1 h, back, +3 d, back; {} clients.", crowd.members.len()))
        .bitten(stage.bites.all(), &["clock jumps"])
        .judged(verdict)
        .figure("operators let in with what has expired", let_in as f64, Bound::AtMost(0.0), "", Rigour::Always)
        .back("clock back by an hour", 99, 5_000, 2)
        .problems(stage.complaints(&[])))
}

/// Returns a token that is good for so many days of the server's clock.
async fn token(stage: &Stage, env: &[(String, String)], days: &str) -> Result<String, String> {
    let mut command = binary::command(stage.data(), &["operator", "token", OPERATORS[0].0, "--days", days]);
    command.envs(env.iter().map(|(name, value)| (name, value)));
    let output = binary::finish(command).await;
    let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if token.is_empty() { Err(binary::printed(&output)) } else { Ok(token) }
}
