//! `cargo xtask ci`: what CI runs, and what to run before pushing.

use crate::failure::{Result, no_arguments};
use crate::process::{cargo, run as run_process};
use crate::setup::{self, WASM};
use crate::tally::Tally;
use crate::test;

/// Crates that must also build for the browser, although they know nothing of it.
const PURE: [&str; 6] = ["-p", "protocol", "-p", "client-core", "-p", "server-core"];

pub(crate) fn run(args: &[String]) -> Result<()> {
    no_arguments(args)?;
    let mut tally = Tally::default();
    let _ = tally.check("set-up", setup::for_lints);
    let _ = tally.check("rustfmt", || run_process(&mut cargo(&["fmt", "--all", "--check"])));
    // Before the lints: the server's build script embeds what this makes.
    let built = test::build(&mut tally);
    let _ = tally.check("clippy", || {
        let workspace = ["--workspace", "--exclude", "client-wasm", "--all-targets"];
        clippy(&workspace)
    });
    let _ = tally.check("clippy, pure in wasm", || clippy(&[&PURE[..], &["--target", WASM]].concat()));
    let _ = tally.check("clippy, widget", || clippy_client("widget"));
    let _ = tally.check("clippy, headless", || clippy_client("headless"));
    test::after_build(&mut tally, built);
    tally.finish()
}

fn clippy_client(feature: &str) -> Result<()> {
    clippy(&["-p", "client-wasm", "--target", WASM, "--no-default-features", "--features", feature])
}

fn clippy(what: &[&str]) -> Result<()> {
    run_process(cargo(&["clippy", "--quiet", "--keep-going"]).args(what).args(["--", "-D", "warnings"]))
}
