//! Real pages in Chromium: what stands in the DOM is judged as what native clients show.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::binary::program;
use crate::chaos::checker;
use crate::chaos::history;
use crate::chaos::outcome::Outcome;
use crate::chaos::scenario::{Call, Company, Scenario, Stop};

pub(super) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "pages",
    about: "A visitor's page and an operator's in Chromium: cut, killed under, held and loaded anew while both write.",
    company: Company::Bears,
    limits_s: (150, 3_600),
    play: |call| Box::pin(pages(call)),
}];

/// Playwright's command, in the repository.
const PLAYWRIGHT: &str = "node_modules/@playwright/test/cli.js";

async fn pages(call: Call) -> Result<Outcome, Stop> {
    let rounds: u32 = call.pick(1, 25);
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    if !root.join(PLAYWRIGHT).is_file() {
        return Err(Stop::Skipped("there is no Playwright: npm ci".into()));
    }
    let file = std::path::absolute(call.history()).map_err(|error| error.to_string())?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    }
    std::fs::write(&file, "").map_err(|error| error.to_string())?;
    let output = Command::new("node")
        .args([PLAYWRIGHT, "test", "--config", "e2e/chaos.config.mjs"])
        .current_dir(root)
        .env("CHAOS_HISTORY", &file)
        .env("CHAOS_ROUNDS", rounds.to_string())
        .env("REJOIN_BIN", std::path::absolute(program()).map_err(|error| error.to_string())?)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| Stop::Skipped(format!("node: {error}")))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if said.contains("Executable doesn't exist") {
        return Err(Stop::Skipped("there is no Chromium".into()));
    }
    let lines = history::read(&file).map_err(|error| error.to_string())?;
    let judging = tokio::task::spawn_blocking(move || checker::check(lines)).await;
    let verdict = judging.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let counts = |what: &str| verdict.recoveries.get(what).map_or(0, |recovery| recovery.faults);
    let names = [
        ("cut under a page", "pages cut"),
        ("kill under a page", "kills under pages"),
        ("hole under a page", "pages in a hole"),
        ("reload", "pages loaded anew"),
    ];
    let faults = names.into_iter().map(|(what, name)| (name, counts(what))).collect();
    let broken = (!output.status.success()).then(|| said.chars().take(3_000).collect());
    Ok(Outcome::of(format!("{rounds} rounds, the DOM of two pages."))
        .bitten(faults, &names.map(|(_, name)| name))
        .judged(verdict)
        .back("cut under a page", 99, 5_000, 2)
        .back("kill under a page", 99, 1_000, 5)
        .problems(broken))
}
