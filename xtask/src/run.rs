//! `cargo xtask run`: builds everything and starts it.

use std::path::Path;
use std::process::Command;

use crate::build::{self, Mode};
use crate::failure::{Failure, Result};
use crate::process::root;

/// What `rejoin serve` is given unless the caller says otherwise.
const DEFAULTS: [(&str, Option<&str>); 3] = [("--demo", None), ("--port", Some("8787")), ("--data", Some("data"))];

pub(crate) fn run(args: &[String]) -> Result<()> {
    let (ours, theirs) = match args.iter().position(|arg| arg == "--") {
        Some(at) => (&args[..at], &args[at + 1..]),
        None => (args, &[][..]),
    };
    let mode = Mode::parse(ours)
        .map_err(|failure| Failure::Usage(format!("{}; arguments of the server go after `--`", failure.message())))?;
    let binary = build::everything(mode)?;
    become_program(&binary, &arguments(theirs))
}

/// The defaults, with the caller's arguments in their place or after them.
fn arguments(theirs: &[String]) -> Vec<String> {
    // Not an option: another command of `rejoin`, which is the caller's alone.
    if theirs.first().is_some_and(|first| !first.starts_with('-')) {
        return theirs.to_vec();
    }
    let mut words = vec!["serve".to_owned()];
    for (option, value) in DEFAULTS {
        let with_value = format!("{option}=");
        if theirs.iter().any(|word| word == option || word.starts_with(&with_value)) {
            continue;
        }
        words.push(option.into());
        words.extend(value.map(Into::into));
    }
    words.extend_from_slice(theirs);
    words
}

#[cfg(unix)]
fn become_program(binary: &Path, words: &[String]) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let error = Command::new(binary).args(words).current_dir(root()).exec();
    Err(Failure::at(binary, error))
}

#[cfg(not(unix))]
fn become_program(binary: &Path, words: &[String]) -> Result<()> {
    crate::process::run(Command::new(binary).args(words).current_dir(root()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(theirs: &str, expected: &str) {
        let theirs: Vec<String> = theirs.split_whitespace().map(Into::into).collect();
        assert_eq!(arguments(&theirs).join(" "), expected);
    }

    #[test]
    fn the_arguments_of_the_caller_replace_or_extend_the_defaults() {
        check("", "serve --demo --port 8787 --data data");
        check("--port 9000", "serve --demo --data data --port 9000");
        check("--port=9000 --verbose", "serve --demo --data data --port=9000 --verbose");
        check("--data /tmp/x --demo", "serve --port 8787 --data /tmp/x --demo");
        check("site add --name Shop", "site add --name Shop");
    }
}
