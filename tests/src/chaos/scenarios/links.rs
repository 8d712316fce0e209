//! Links that other people's proxies spoil, in all the ways they have.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::network::{BRISK, pairs};
use crate::chaos::crowd::Crowd;
use crate::chaos::outcome::{Bound, Outcome, Rigour, Short};
use crate::chaos::proxy::{Cut, End, Posts, Road, Streams, Upgrades, Way, Weather};
use crate::chaos::scenario::{Call, Company, Scenario, Stop};
use crate::chaos::stage::{Program, Stage};
use crate::http::Ask;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "heartbeat-failure",
        about: "Nobody says anything, and the path goes dark: the missing heartbeat is noticed.",
        company: Company::Bears,
        limits_s: (90, 300),
        play: |call| Box::pin(heartbeat_failure(call)),
    },
    Scenario {
        name: "half-open",
        about: "One end of each connection is gone and the other one is not told.",
        company: Company::Bears,
        limits_s: (90, 600),
        play: |call| Box::pin(half_open(call)),
    },
    Scenario {
        name: "killing-proxy",
        about: "A proxy resets every upgraded connection a moment after it was opened.",
        company: Company::Bears,
        limits_s: (90, 600),
        play: |call| Box::pin(killing_proxy(call)),
    },
    Scenario {
        name: "silent-upgrade",
        about: "A proxy lets the 101 of an upgrade through, and nothing after it.",
        company: Company::Bears,
        limits_s: (90, 600),
        play: |call| Box::pin(silent_upgrade(call)),
    },
    Scenario {
        name: "buffering-proxy",
        about: "A proxy refuses upgrades and keeps event streams to itself until they end: polls remain.",
        company: Company::Bears,
        limits_s: (90, 600),
        play: |call| Box::pin(buffering_proxy(call)),
    },
    Scenario {
        name: "shuffled-posts",
        about: "Without sockets: POSTs overtake each other, arrive twice, and their answers are lost.",
        company: Company::Bears,
        limits_s: (90, 600),
        play: |call| Box::pin(shuffled_posts(call)),
    },
    Scenario {
        name: "truncated-frames",
        about: "Connections end in order in the middle of a frame, or of a request's head.",
        company: Company::Bears,
        limits_s: (90, 900),
        play: |call| Box::pin(cut_at_a_byte(call, End::Finish)),
    },
    Scenario {
        name: "cut-at-a-byte",
        about: "Connections are reset after a random number of bytes.",
        company: Company::Bears,
        limits_s: (90, 3_600),
        play: |call| Box::pin(cut_at_a_byte(call, End::Reset)),
    },
    Scenario {
        name: "slow-and-lossy-link",
        about: "300 ms ± 150 each way and lost packets: nobody takes a slow link for a dead one.",
        company: Company::Bears,
        limits_s: (90, 600),
        play: |call| Box::pin(slow_and_lossy_link(call)),
    },
];

async fn heartbeat_failure(call: Call) -> Result<Outcome, Stop> {
    let heartbeat_ms = call.pick(2_000, 20_000);
    let options = vec!["--heartbeat-ms".into(), heartbeat_ms.to_string()];
    let stage = Stage::set(&call, Program { options, ..Program::default() }).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(5, 50))).await?;
    crowd.say(80);
    crowd.until_settled(Duration::from_secs(20)).await?;
    // Links that are measured and quiet.
    sleep(Duration::from_millis(call.pick(500, 25_000))).await;
    stage.fault("heartbeat lost");
    stage.proxy.weather(|weather| (weather.up, weather.down) = (Way::Held, Way::Held));
    stage.bites.add("heartbeats lost");
    crowd.until(Duration::from_secs(40), |glance| !glance.is_up()).await?;
    sleep(Duration::from_millis(500)).await;
    stage.proxy.clear();
    stage.healed("heartbeat lost");
    crowd.until_up(Duration::from_secs(20)).await?;
    crowd.say(80);
    let verdict = stage.judge(&crowd).await?;
    let noticed = verdict.recoveries.get("heartbeat lost").map(|recovery| recovery.noticed_us.clone());
    // The interval and a tenth of it, a second more, and three questions.
    let bound_ms = call.pick(7_000, 30_000);
    Ok(Outcome::of(format!("{} idle clients, a heartbeat every {heartbeat_ms} ms.", crowd.members.len()))
        .bitten(stage.bites.all(), &["heartbeats lost"])
        .judged(verdict)
        .time("noticed while idle", &noticed.unwrap_or_default(), 99, bound_ms, 2)
        .back("heartbeat lost", 99, 5_000, 2)
        .problems(stage.complaints(&[])))
}

async fn half_open(call: Call) -> Result<Outcome, Stop> {
    let rounds: u32 = call.pick(1, 10);
    let stage = Stage::set(&call, Program::default()).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(5, 25))).await?;
    let talk = crowd.talk(BRISK, call.seed);
    let (client, server) = ("the server's end gone", "the client's end gone");
    for _ in 0..rounds {
        sleep(Duration::from_millis(1_500)).await;
        stage.fault(client);
        stage.proxy.strand();
        stage.healed(client);
        // Not before everybody has noticed.
        sleep(Duration::from_millis(5_000)).await;
        crowd.until_up(Duration::from_secs(20)).await?;
        sleep(Duration::from_millis(1_500)).await;
        stage.fault(server);
        stage.proxy.desert();
        stage.healed(server);
        crowd.until_up(Duration::from_secs(20)).await?;
    }
    talk.hush().await;
    let ghosts_s = match call.short {
        Short::Yes => None,
        Short::No => Some(until_no_ghosts(&stage, crowd.members.len()).await),
    };
    let verdict = stage.judge(&crowd).await?;
    let outcome = Outcome::of(format!("{rounds} times each, {} clients.", crowd.members.len()))
        .bitten(stage.bites.all(), &["connections broken"])
        .judged(verdict)
        .back(client, 99, 5_000, 2)
        .back(server, 99, 5_000, 2)
        .problems(stage.complaints(&[]));
    Ok(match ghosts_s {
        Some(s) => outcome.figure("the server lets go of ghosts", s, Bound::AtMost(90.0), "s", Rigour::Times(1)),
        None => outcome,
    })
}

/// Returns after how many seconds the server has no more links than there are clients.
async fn until_no_ghosts(stage: &Stage, clients: usize) -> f64 {
    const PATIENCE: Duration = Duration::from_secs(150);
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let answer = Ask::new(stage.address, "GET", "/health/websocket").attempt().await;
        let open = answer.map(|answer| answer.json()).map_or(usize::MAX, |health| {
            let of = |name: &str| health[name].as_u64().unwrap_or_default();
            usize::try_from(of("active_site_connections") + of("active_admin_connections")).unwrap_or(usize::MAX)
        });
        if open <= clients {
            break;
        }
        sleep(Duration::from_millis(250)).await;
    }
    begun.elapsed().as_secs_f64()
}

/// Has a crowd talk through a proxy that spoils one kind of link from some moment on.
async fn spoiled(
    call: &Call,
    talk_ms: u64,
    spoil: impl FnOnce(&mut Weather),
    must: &[&'static str],
) -> Result<(Outcome, f64), Stop> {
    let stage = Stage::set(call, Program::default()).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(5, 25))).await?;
    let talk = crowd.talk(BRISK, call.seed);
    sleep(Duration::from_millis(1_000)).await;
    stage.fault("another way is needed");
    stage.proxy.weather(spoil);
    stage.proxy.cut();
    stage.healed("another way is needed");
    sleep(Duration::from_millis(talk_ms)).await;
    talk.hush().await;
    // Everybody must be able to say everything over what is left.
    let settled = Instant::now();
    crowd.until_settled(Duration::from_secs(30)).await?;
    let settled_ms = settled.elapsed().as_secs_f64() * 1_000.0;
    let verdict = stage.judge(&crowd).await?;
    let done = format!("For {} s, {} clients.", talk_ms / 1_000, crowd.members.len());
    let outcome = Outcome::of(done).bitten(stage.bites.all(), must).judged(verdict).problems(stage.complaints(&[]));
    Ok((outcome, settled_ms))
}

/// The time within which a client has found another way.
const DOWNGRADE_MS: u64 = 6_000;

async fn killing_proxy(call: Call) -> Result<Outcome, Stop> {
    let spoil = |weather: &mut Weather| weather.upgrades = Upgrades::Killed { after_ms: 1_500 };
    let (outcome, settled_ms) = spoiled(&call, call.pick(12_000, 120_000), spoil, &["upgrades killed"]).await?;
    Ok(outcome.back("another way is needed", 99, DOWNGRADE_MS, 2).figure(
        "settled after the talk",
        settled_ms,
        Bound::AtMost(5_000.0),
        "ms",
        Rigour::Times(3),
    ))
}

async fn silent_upgrade(call: Call) -> Result<Outcome, Stop> {
    let spoil = |weather: &mut Weather| weather.upgrades = Upgrades::Silenced;
    let (outcome, _) = spoiled(&call, call.pick(8_000, 90_000), spoil, &["upgrades silenced"]).await?;
    Ok(outcome.back("another way is needed", 99, DOWNGRADE_MS, 2))
}

async fn buffering_proxy(call: Call) -> Result<Outcome, Stop> {
    let spoil = |weather: &mut Weather| {
        weather.upgrades = Upgrades::Refused;
        weather.streams = Streams::Buffered;
    };
    let must = ["upgrades refused", "streams buffered"];
    let (outcome, _) = spoiled(&call, call.pick(10_000, 120_000), spoil, &must).await?;
    Ok(outcome.back("another way is needed", 99, DOWNGRADE_MS, 2))
}

async fn shuffled_posts(call: Call) -> Result<Outcome, Stop> {
    let spoil = |weather: &mut Weather| {
        weather.upgrades = Upgrades::Refused;
        weather.posts = Posts::Shuffled { delay_ms: 250, twice_per_mille: 300, unanswered_per_mille: 100 };
    };
    let must = ["upgrades refused", "posts delayed", "posts repeated", "answers lost"];
    let (outcome, _) = spoiled(&call, call.pick(8_000, 180_000), spoil, &must).await?;
    Ok(outcome.back("another way is needed", 99, DOWNGRADE_MS, 2))
}

async fn cut_at_a_byte(call: Call, end: End) -> Result<Outcome, Stop> {
    let (cuts, at_once): (u64, u32) = match end {
        End::Reset => call.pick((120, 5), (10_000, 60)),
        End::Finish => call.pick((80, 3), (2_000, 20)),
    };
    let stage = Stage::set(&call, Program::default()).await?;
    let crowd = Crowd::gather(&stage, pairs(call.pick(10, 60))).await?;
    let talk = crowd.talk(BRISK, call.seed);
    // All at once, wherever they are: how fast a link is back that was well before.
    for _ in 0..at_once {
        sleep(Duration::from_millis(1_500)).await;
        stage.fault("cut");
        stage.proxy.cut();
        stage.healed("cut");
    }
    sleep(Duration::from_millis(1_000)).await;
    stage.fault("doomed connections");
    stage.proxy.weather(|weather| weather.cut = Some(Cut { from_bytes: 1, to_bytes: 16_000, end }));
    stage.proxy.cut();
    while stage.bites.of("cuts at a byte") < cuts {
        sleep(Duration::from_millis(50)).await;
    }
    stage.proxy.clear();
    stage.healed("doomed connections");
    talk.hush().await;
    let verdict = stage.judge(&crowd).await?;
    Ok(Outcome::of(format!("{cuts} cuts, {} clients.", crowd.members.len()))
        .bitten(stage.bites.all(), &["cuts at a byte", "connections broken"])
        .judged(verdict)
        .back("cut", 99, 500, 6)
        .problems(stage.complaints(&[])))
}

async fn slow_and_lossy_link(call: Call) -> Result<Outcome, Stop> {
    let talk_ms = call.pick(12_000, 300_000);
    let stage = Stage::set(&call, Program::default()).await?;
    let road = Road { delay_ms: 300, jitter_ms: 150, loss_per_mille: 50, stall_ms: 900 };
    stage.proxy.weather(|weather| weather.road = road);
    let crowd = Crowd::gather(&stage, pairs(call.pick(5, 25))).await?;
    let talk = crowd.talk(BRISK, call.seed);
    sleep(Duration::from_millis(talk_ms)).await;
    talk.hush().await;
    let verdict = stage.judge(&crowd).await?;
    let breaks = verdict.breaks as f64;
    Ok(Outcome::of(format!("For {} s, {} clients.", talk_ms / 1_000, crowd.members.len()))
        .bitten(stage.bites.all(), &["packets lost", "chunks delayed"])
        .judged(verdict)
        .figure("needless reconnects", breaks, Bound::AtMost(0.0), "", Rigour::InFull)
        .problems(stage.complaints(&[])))
}
