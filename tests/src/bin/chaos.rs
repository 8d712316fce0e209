//! Plays the scenarios of the chaos suite and writes its reports.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tests::chaos::checker;
use tests::chaos::history;
use tests::chaos::outcome::{Ending, Short};
use tests::chaos::report::Run;
use tests::chaos::scenario::{Record, play_all};
use tests::chaos::scenarios;

/// The real server and real clients, over a network that breaks.
#[derive(Debug, Parser)]
#[command(name = "chaos")]
struct Cli {
    /// Minutes; what CI runs, and the default
    #[arg(long, conflicts_with = "full")]
    short: bool,
    /// As long and as often as the figures ask: an hour and more
    #[arg(long)]
    full: bool,
    /// Only these scenarios
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<String>,
    /// The seed of the nemesis; the same seed does the same things at the same moments
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where the reports and the histories go
    #[arg(long, value_name = "DIR", default_value = "reports")]
    reports: PathBuf,
    /// Say which scenarios there are
    #[arg(long)]
    list: bool,
    /// Judge a history again, and do nothing else
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("chaos: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode, String> {
    let mut wanted = scenarios::all();
    if cli.list {
        for scenario in wanted {
            println!("{:<24} {}", scenario.name, scenario.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(file) = &cli.check {
        let lines = history::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let verdict = checker::check(lines).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("{verdict:#?}");
        return Ok(if verdict.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if let Some(name) = cli.only.iter().find(|name| wanted.iter().all(|scenario| scenario.name != name.as_str())) {
        return Err(format!("there is no scenario {name}; --list names them"));
    }
    wanted.retain(|scenario| cli.only.is_empty() || cli.only.iter().any(|name| name == scenario.name));
    raise_open_files();
    let short = if cli.full { Short::No } else { Short::Yes };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let histories = cli.reports.join("chaos");
    let records = runtime.block_on(play_all(&wanted, cli.seed, short, &histories, tell));
    let run = Run { seed: cli.seed, short, records };
    run.write(&cli.reports).map_err(|error| format!("{}: {error}", cli.reports.display()))?;
    println!("reports: {0}/chaos.json, {0}/chaos.md", cli.reports.display());
    println!("{}", run.summary());
    Ok(if run.counts()[1] == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints a line for a scenario, and what is wrong with it.
fn tell(record: &Record) {
    let word = match record.ending {
        Ending::Passed => "ok",
        Ending::Failed => "FAILED",
        Ending::Skipped => "skipped",
    };
    println!("scenario {} ... {word} ({:.1} s)", record.scenario.name, record.took.as_secs_f64());
    for why in &record.why {
        println!("    {why}");
    }
    let missed = record.outcome.figures.iter().filter(|figure| !figure.is_reached());
    for figure in missed {
        println!("    not reached: {} is {:.1} {}", figure.what, figure.measured, figure.unit);
    }
}

/// Every socket is a file; how many there may be is said by the hard limit.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if setrlimit(Resource::Nofile, raised).is_err() {
        eprintln!("the limit of open files cannot be raised");
    }
}
