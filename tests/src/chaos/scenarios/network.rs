//! The network: connections that are cut, that time out, and that lead nowhere for a while.

use std::time::Duration;

use client_core::Config;
use tokio::time::sleep;

use crate::chaos::crowd::{Crowd, Gathering, Sides, Talk};
use crate::chaos::outcome::Outcome;
use crate::chaos::proxy::{Doors, Way};
use crate::chaos::scenario::{Call, Company, Scenario, Stop};
use crate::chaos::stage::{Program, Stage};
use crate::sim::random::Random;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "connection-timeout",
        about: "Connections open and nothing ever answers on them: clients give up in time and come back.",
        company: Company::Bears,
        limits_s: (90, 600),
        play: |call| Box::pin(connection_timeout(call)),
    },
    Scenario {
        name: "random-disconnection",
        about: "Some of the connections are reset, again and again, while everybody talks.",
        company: Company::Bears,
        limits_s: (90, 900),
        play: |call| Box::pin(random_disconnection(call)),
    },
    Scenario {
        name: "network-partition",
        about: "Nothing gets through, in one direction or both, and nobody is told; then everything that waited arrives.",
        company: Company::Bears,
        limits_s: (120, 1_800),
        play: |call| Box::pin(network_partition(call)),
    },
];

/// A crowd that keeps the defaults of a client.
pub(super) fn pairs(conversations: usize) -> Gathering {
    Gathering { conversations, sides: Sides::Both, settings: |_: &mut Config| {} }
}

/// Messages of a person, and far more often.
pub(super) const BRISK: Talk = Talk { every_ms: 400, bytes: 80 };

async fn connection_timeout(call: Call) -> Result<Outcome, Stop> {
    let (rounds, hole_ms) = call.pick((1, 6_000), (6, 20_000));
    let stage = Stage::set(&call, Program::default()).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(5, 20))).await?;
    let talk = crowd.talk(BRISK, call.seed);
    for _ in 0..rounds {
        stage.fault("hole for new connections");
        stage.proxy.weather(|weather| (weather.up, weather.down) = (Way::Held, Way::Held));
        // What is open ends; what is opened now is accepted, and hears nothing.
        stage.proxy.cut();
        sleep(Duration::from_millis(hole_ms)).await;
        stage.proxy.clear();
        stage.healed("hole for new connections");
        crowd.until_up(Duration::from_secs(20)).await?;
        sleep(Duration::from_millis(1_000)).await;
    }
    talk.hush().await;
    let verdict = stage.judge(&crowd).await?;
    let back = verdict.back_us();
    let done = format!("{rounds} times for {} s, {} clients.", hole_ms / 1_000, crowd.members.len());
    Ok(Outcome::of(done)
        .bitten(stage.bites.all(), &["connections broken", "chunks held"])
        .judged(verdict)
        .time("back after the hole", &back, 99, 5_000, 3)
        .problems(stage.complaints(&[])))
}

async fn random_disconnection(call: Call) -> Result<Outcome, Stop> {
    let rounds: u32 = call.pick(12, 150);
    let mut random = Random::new(call.seed);
    let stage = Stage::set(&call, Program::default()).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(6, 40))).await?;
    let talk = crowd.talk(BRISK, call.seed);
    for round in 0..rounds {
        stage.fault("reset");
        stage.proxy.cut_some(random.between(200, 1_000));
        stage.healed("reset");
        if round % 4 == 3 {
            // The port is closed for a moment.
            stage.fault("closed port");
            stage.proxy.weather(|weather| weather.doors = Doors::Closed);
            stage.proxy.cut();
            sleep(Duration::from_millis(random.between(100, 800))).await;
            stage.proxy.clear();
            stage.bites.add("ports closed");
            stage.healed("closed port");
        }
        sleep(Duration::from_millis(random.between(400, 1_400))).await;
    }
    talk.hush().await;
    let verdict = stage.judge(&crowd).await?;
    let back = verdict.back_us();
    Ok(Outcome::of(format!("{rounds} rounds, {} clients.", crowd.members.len()))
        .bitten(stage.bites.all(), &["connections broken", "ports closed"])
        .judged(verdict)
        .time("back after a cut", &back, 99, 5_000, 2)
        .problems(stage.complaints(&[])))
}

async fn network_partition(call: Call) -> Result<Outcome, Stop> {
    let holes_ms: &[u64] = call.pick(&[5_000], &[1_000, 5_000, 15_000, 40_000]);
    let stage = Stage::set(&call, Program::default()).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(5, 20))).await?;
    let talk = crowd.talk(BRISK, call.seed);
    sleep(Duration::from_millis(1_000)).await;
    let ways = [("hole", Way::Held, Way::Held), ("hole up", Way::Held, Way::Open), ("hole down", Way::Open, Way::Held)];
    for hole_ms in holes_ms {
        for (what, up, down) in ways {
            stage.fault(what);
            stage.proxy.weather(|weather| (weather.up, weather.down) = (up, down));
            sleep(Duration::from_millis(*hole_ms)).await;
            stage.proxy.clear();
            stage.bites.add("partitions");
            stage.healed(what);
            crowd.until_up(Duration::from_secs(20)).await?;
            sleep(Duration::from_millis(1_500)).await;
        }
    }
    talk.hush().await;
    let verdict = stage.judge(&crowd).await?;
    let (back, mut noticed) = (verdict.back_us(), Vec::new());
    verdict.recoveries.values().for_each(|recovery| noticed.extend(&recovery.noticed_us));
    noticed.sort_unstable();
    let seconds: Vec<u64> = holes_ms.iter().map(|ms| ms / 1_000).collect();
    Ok(Outcome::of(format!("Both ways, up and down, {seconds:?} s each, {} clients.", crowd.members.len()))
        .bitten(stage.bites.all(), &["partitions", "chunks held"])
        .judged(verdict)
        .time("noticed by those who talk", &noticed, 99, 4_000, 2)
        .time("back after the hole", &back, 99, 5_000, 2)
        .problems(stage.complaints(&[])))
}
