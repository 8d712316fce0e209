//! The process: killed, frozen, told to end, away for a while.

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::network::{BRISK, pairs};
use crate::chaos::crowd::{Crowd, Talk};
use crate::chaos::outcome::{Bound, Outcome, Rigour, Short, us};
use crate::chaos::scenario::{Call, Company, Scenario, Stop};
use crate::chaos::stage::{Program, Stage};
use crate::sim::random::Random;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "killed-server",
        about: "The server is killed as by kill -9 in the middle of everything, again and again.",
        company: Company::Shuns,
        limits_s: (90, 7_200),
        play: |call| Box::pin(killed_server(call)),
    },
    Scenario {
        name: "frozen-server",
        about: "The server is stopped as by SIGSTOP and goes on later: it accepts and does not answer.",
        company: Company::Bears,
        limits_s: (90, 900),
        play: |call| Box::pin(frozen_server(call)),
    },
    Scenario {
        name: "drained-server",
        about: "The server is told to end by SIGTERM and another one takes over, under load.",
        company: Company::Shuns,
        limits_s: (90, 1_200),
        play: |call| Box::pin(drained_server(call)),
    },
    Scenario {
        name: "outages",
        about: "The server is away for a while, and nobody answers at its address.",
        company: Company::Bears,
        limits_s: (90, 1_200),
        play: |call| Box::pin(outages(call)),
    },
];

/// The kill of a server whose links are not young any more.
const RESTED: &str = "kill of a rested server";
/// One kill after the other.
const ROW: &str = "kill in a row";
/// A link that held for so long is not young.
const REST: Duration = Duration::from_millis(10_500);

async fn killed_server(call: Call) -> Result<Outcome, Stop> {
    let (in_a_row, rested): (u32, u32) = call.pick((6, 0), (960, 40));
    let mut random = Random::new(call.seed);
    let mut stage = Stage::set(&call, Program::default()).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(5, 15))).await?;
    let talk = crowd.talk(BRISK, call.seed);
    let mut ready_us = Vec::new();
    for number in 0..rested + in_a_row {
        let what = if number < rested { RESTED } else { ROW };
        match what {
            RESTED => sleep(REST).await,
            _ => sleep(Duration::from_millis(random.between(100, 1_500))).await,
        }
        stage.fault(what);
        stage.kill().await;
        ready_us.push(us(stage.start_again().await));
        stage.healed(what);
    }
    talk.hush().await;
    let verdict = stage.judge(&crowd).await?;
    ready_us.sort_unstable();
    let outcome = Outcome::of(format!("{} kills, {} clients.", rested + in_a_row, crowd.members.len()))
        .bitten(stage.bites.all(), &["kills"])
        .judged(verdict)
        .time("ready again", &ready_us, 99, 300, 10)
        .back(ROW, 99, 5_000, 2)
        .problems(stage.complaints(&[]));
    Ok(if rested > 0 { outcome.back(RESTED, 99, 1_000, 1) } else { outcome })
}

async fn frozen_server(call: Call) -> Result<Outcome, Stop> {
    let freezes_ms: &[u64] = call.pick(&[1_000, 7_000], &[1_000, 2_000, 5_000, 10_000, 20_000, 30_000]);
    let stage = Stage::set(&call, Program::default()).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(5, 15))).await?;
    let talk = crowd.talk(BRISK, call.seed);
    for freeze_ms in freezes_ms {
        sleep(Duration::from_millis(1_500)).await;
        stage.fault("freeze");
        stage.signal(Signal::STOP);
        sleep(Duration::from_millis(*freeze_ms)).await;
        stage.signal(Signal::CONT);
        stage.bites.add("freezes");
        stage.healed("freeze");
        crowd.until_up(Duration::from_secs(20)).await?;
    }
    talk.hush().await;
    let verdict = stage.judge(&crowd).await?;
    let noticed = verdict.recoveries.get("freeze").map(|recovery| recovery.noticed_us.clone()).unwrap_or_default();
    let false_answers = verdict.false_answers as f64;
    Ok(Outcome::of(format!("Frozen for {freezes_ms:?} ms, {} clients.", crowd.members.len()))
        .bitten(stage.bites.all(), &["freezes"])
        .judged(verdict)
        .figure("false answers", false_answers, Bound::AtMost(0.0), "", Rigour::Always)
        .time("marked degraded while in use", &noticed, 99, 4_000, 2)
        .back("freeze", 99, 2_000, 3)
        .problems(stage.complaints(&[])))
}

async fn drained_server(call: Call) -> Result<Outcome, Stop> {
    let (conversations, drains, pause_ms) = call.pick((20, 2, 2_500), (1_000, 5, 30_000));
    let options = call.pick(vec!["--drain-ms".to_owned(), "1500".into()], vec![]);
    let mut stage = Stage::set(&call, Program { options, ..Program::default() }).await?;
    let crowd = Crowd::gather(&stage, pairs(conversations)).await?;
    let every_ms = call.pick(1_000, 20_000);
    let talk = crowd.talk(Talk { every_ms, bytes: 80 }, call.seed);
    let mut exits = Vec::new();
    for _ in 0..drains {
        sleep(Duration::from_millis(pause_ms)).await;
        stage.fault("drain");
        stage.signal(Signal::TERM);
        stage.bites.add("SIGTERMs");
        exits.extend(stage.ended().await);
        stage.start_again().await;
        stage.healed("drain");
        crowd.until_up(Duration::from_secs(30)).await?;
    }
    talk.hush().await;
    let verdict = stage.judge(&crowd).await?;
    let declined = verdict.declined as f64;
    let bad = exits.iter().filter(|code| **code != 0).map(|code| format!("a drained server ended with {code}"));
    let missing = drains - exits.len().min(drains);
    Ok(Outcome::of(format!("{drains} times, {} sockets.", crowd.members.len()))
        .bitten(stage.bites.all(), &["SIGTERMs"])
        .judged(verdict)
        .figure("visible failed sends", declined, Bound::AtMost(0.0), "", Rigour::Always)
        .back("drain", 99, 3_000, 2)
        .problems(bad)
        .problems((missing > 0).then(|| format!("{missing} drained servers were ended by a signal")))
        .problems(stage.complaints(&[])))
}

async fn outages(call: Call) -> Result<Outcome, Stop> {
    let outages_s: &[u64] = call.pick(&[1, 5], &[1, 10, 30, 60, 120]);
    let mut stage = Stage::set(&call, Program::default()).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(5, 15))).await?;
    // Nobody types for ever while nothing goes: the outbox is bounded.
    let every_ms = call.pick(400, 2_000);
    let talk = crowd.talk(Talk { every_ms, bytes: 80 }, call.seed);
    let mut names = Vec::new();
    for outage_s in outages_s {
        sleep(call.pick(Duration::from_millis(1_000), REST)).await;
        let what = format!("outage of {outage_s} s");
        stage.fault(&what);
        stage.kill().await;
        let begun = Instant::now();
        sleep(Duration::from_secs(*outage_s).saturating_sub(begun.elapsed())).await;
        stage.start_again().await;
        stage.bites.add("outages");
        stage.healed(&what);
        crowd.until_up(Duration::from_secs(30)).await?;
        names.push(what);
    }
    talk.hush().await;
    let verdict = stage.judge(&crowd).await?;
    let slack = if call.short == Short::Yes { 3 } else { 1 };
    let outcome = Outcome::of(format!("{outages_s:?} s, {} clients.", crowd.members.len()))
        .bitten(stage.bites.all(), &["outages"])
        .judged(verdict)
        .problems(stage.complaints(&[]));
    Ok(names.iter().fold(outcome, |outcome, what| outcome.back(what, 99, 1_500, slack)))
}
