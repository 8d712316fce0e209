//! What a scenario is, and playing many of them.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::outcome::{Ending, Outcome, Short};

/// Scenarios that may be beside each other at once.
const SIDE_BY_SIDE: usize = 5;

/// A scenario.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// How it is called on the command line.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// Whether it bears company.
    pub company: Company,
    /// How long it may take, short and in full.
    pub limits_s: (u64, u64),
    /// Plays it.
    pub play: fn(Call) -> Playing,
}

/// A scenario that is being played.
pub type Playing = Pin<Box<dyn Future<Output = Result<Outcome, Stop>> + Send>>;

/// Whether a scenario may be played beside others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// It waits most of the time.
    Bears,
    /// It loads the machine, or measures what load would spoil.
    Shuns,
}

/// What a scenario is told.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its name.
    pub name: &'static str,
    /// The seed of its nemesis.
    pub seed: u64,
    /// Whether it is to be short.
    pub short: Short,
    /// Where its history goes.
    pub folder: PathBuf,
}

/// Why a scenario has no outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// This machine cannot do it.
    Skipped(String),
    /// It could not be played to its end.
    Broken(String),
}

/// What became of a scenario.
#[derive(Clone, Debug)]
pub struct Record {
    /// Which.
    pub scenario: Scenario,
    /// The seed of the run, which replays it.
    pub seed: u64,
    /// How it ended.
    pub ending: Ending,
    /// Why it failed or was skipped.
    pub why: Vec<String>,
    /// What it did and measured.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

impl From<String> for Stop {
    fn from(why: String) -> Self {
        Self::Broken(why)
    }
}

impl Call {
    /// Returns one of two, by the length of the run.
    pub fn pick<T>(&self, short: T, full: T) -> T {
        match self.short {
            Short::Yes => short,
            Short::No => full,
        }
    }

    /// Returns where the history goes.
    pub fn history(&self) -> PathBuf {
        self.folder.join(format!("{}.jsonl", self.name))
    }
}

/// Returns the seed of one scenario of a run.
pub fn seed_of(seed: u64, name: &str) -> u64 {
    name.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// Plays scenarios, those that bear company side by side, and tells each record as it comes.
pub async fn play_all(
    scenarios: &[Scenario],
    seed: u64,
    short: Short,
    folder: &std::path::Path,
    mut tell: impl FnMut(&Record),
) -> Vec<Record> {
    let mut records = Vec::new();
    let call = |scenario: &Scenario| Call {
        name: scenario.name,
        seed: seed_of(seed, scenario.name),
        short,
        folder: folder.into(),
    };
    let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let mut playing = tokio::task::JoinSet::new();
    for scenario in scenarios.iter().filter(|scenario| scenario.company == Company::Bears) {
        let (scenario, call, places) = (*scenario, call(scenario), Arc::clone(&places));
        playing.spawn(async move {
            let _place = places.acquire_owned().await;
            play(scenario, call, seed).await
        });
    }
    while let Some(played) = playing.join_next().await {
        let record = played.expect("a scenario that panics is caught before");
        tell(&record);
        records.push(record);
    }
    for scenario in scenarios.iter().filter(|scenario| scenario.company == Company::Shuns) {
        let record = play(*scenario, call(scenario), seed).await;
        tell(&record);
        records.push(record);
    }
    records.sort_by_key(|record| scenarios.iter().position(|scenario| scenario.name == record.scenario.name));
    records
}

async fn play(scenario: Scenario, call: Call, seed: u64) -> Record {
    let begun = Instant::now();
    let limit = Duration::from_secs(call.pick(scenario.limits_s.0, scenario.limits_s.1));
    let (short, history) = (call.short, call.history());
    let mut playing = tokio::spawn((scenario.play)(call));
    let played = match timeout(limit, &mut playing).await {
        Ok(Ok(played)) => played,
        Ok(Err(panic)) => Err(Stop::Broken(panic_text(panic))),
        Err(_) => {
            playing.abort();
            Err(Stop::Broken(format!("not over after {limit:?}")))
        }
    };
    let (ending, why, outcome) = match played {
        Ok(outcome) => {
            let why = outcome.failures(short);
            (if why.is_empty() { Ending::Passed } else { Ending::Failed }, why, outcome)
        }
        Err(Stop::Skipped(why)) => (Ending::Skipped, vec![why], Outcome::default()),
        Err(Stop::Broken(why)) => (Ending::Failed, vec![why], Outcome::default()),
    };
    if ending == Ending::Passed {
        // What went well need not be looked at.
        let _there_may_be_none = std::fs::remove_file(history);
    }
    Record { scenario, seed, ending, why, outcome, took: begun.elapsed() }
}

fn panic_text(error: tokio::task::JoinError) -> String {
    if !error.is_panic() {
        return error.to_string();
    }
    let payload = error.into_panic();
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "it panicked".into())
}
