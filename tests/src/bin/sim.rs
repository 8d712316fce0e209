//! Runs schedules of the simulator: `--seeds N [--from S] [--trace] [--stop-at-first] [--mutant NAMES] [--threads N]`.

use std::process::ExitCode;
use std::time::Instant;

use mutants::Mutant;
use tests::sim::{Fault, Options, Spread, Summary, run, sweep};

const USAGE: &str = "usage: sim [--seeds N] [--from S] [--threads N] [--trace] [--stop-at-first] [--mutant NAMES]
  --seeds N      schedules to run, 1000 unless told otherwise
  --from S       the first seed
  --threads N    threads, as many as there are cores unless told otherwise
  --stop-at-first  end with the first violation
  --trace        print the whole trace of the first failing seed, or of the first seed
  --mutant NAMES plant these bugs, separated by commas; needs a build with `--features mutants`";

/// Lines of a failing schedule that are printed, the last ones.
const TRACE_LINES: usize = 400;

struct Arguments {
    seeds: u64,
    from: u64,
    threads: usize,
    trace: bool,
    stop_at_first: bool,
    mutants: &'static [Mutant],
}

fn main() -> ExitCode {
    match arguments(std::env::args().skip(1)) {
        Ok(arguments) => simulate(&arguments),
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let mut arguments = Arguments { seeds: 1_000, from: 1, threads, trace: false, stop_at_first: false, mutants: &[] };
    while let Some(word) = words.next() {
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        let mut value = || inline.clone().or_else(|| words.next()).ok_or(format!("{name} needs a value"));
        let number = |text: String| text.replace('_', "").parse::<u64>().map_err(|_| format!("{text} is not a number"));
        match name.as_str() {
            "--seeds" => arguments.seeds = number(value()?)?,
            "--from" => arguments.from = number(value()?)?,
            "--threads" => arguments.threads = usize::try_from(number(value()?)?).map_err(|_| "too many threads")?,
            "--help" | "-h" => return Err("runs the real client and server over a network that breaks".into()),
            "--stop-at-first" => arguments.stop_at_first = true,
            "--trace" => arguments.trace = true,
            "--mutant" => {
                let found: Result<Vec<_>, String> = value()?.split(',').map(mutant).collect();
                arguments.mutants = found?.leak();
            }
            _ => return Err(format!("unknown option {name}")),
        }
    }
    Ok(arguments)
}

fn mutant(name: &str) -> Result<Mutant, String> {
    if !cfg!(feature = "mutants") {
        return Err("this build has no planted bugs: it needs --features mutants".into());
    }
    let names: Vec<_> = Mutant::ALL.iter().map(|mutant| mutant.name()).collect();
    let found = Mutant::ALL.iter().find(|mutant| mutant.name() == name);
    found.copied().ok_or_else(|| format!("there is no mutant {name}, but {}", names.join(", ")))
}

fn simulate(arguments: &Arguments) -> ExitCode {
    let begun = Instant::now();
    let options = Options { trace: false, mutants: arguments.mutants };
    let spread = Spread {
        from: arguments.from,
        seeds: arguments.seeds,
        threads: arguments.threads,
        stop_at_first: arguments.stop_at_first,
    };
    let summary = sweep(spread, options);
    let seconds = begun.elapsed().as_secs_f64();
    report(&summary, seconds);
    if let Some((seed, violation)) = summary.violations.first() {
        println!("\nfirst failing seed: {seed}\n  {violation}");
        print_trace(*seed, arguments);
        return ExitCode::FAILURE;
    }
    if arguments.trace {
        print_trace(arguments.from, arguments);
    }
    let toothless = summary.toothless();
    if !toothless.is_empty() && arguments.seeds >= 1_000 {
        println!("\nvoid: these faults have never bitten: {}", toothless.join(", "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn report(summary: &Summary, seconds: f64) {
    println!("faults that have bitten:");
    for fault in Fault::ALL {
        println!("  {:>10}  {}", summary.counts.of(*fault), fault.name());
    }
    println!("messages: {} written, {} stored (welcomes among them)", summary.written, summary.stored);
    println!("slowest return after the last fault: {:.1} s", summary.slowest_return_ms as f64 / 1_000.0);
    println!(
        "schedules: {} in {seconds:.1} s, {:.0} a second, {} happenings each",
        summary.schedules,
        summary.schedules as f64 / seconds.max(0.001),
        summary.steps / summary.schedules.max(1)
    );
    println!("violations: {}", summary.violations.len());
    for (seed, violation) in summary.violations.iter().take(60) {
        println!("  seed {seed}: {violation}");
    }
}

fn print_trace(seed: u64, arguments: &Arguments) {
    let outcome = run(seed, &Options { trace: true, mutants: arguments.mutants });
    let skip = if arguments.trace { 0 } else { outcome.trace.len().saturating_sub(TRACE_LINES) };
    println!("\ntrace of seed {seed} ({} lines, the first {skip} left out):", outcome.trace.len());
    for line in &outcome.trace[skip..] {
        println!("{line}");
    }
}
