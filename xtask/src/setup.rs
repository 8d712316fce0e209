//! `cargo xtask setup`: what a fresh machine lacks, fetched or named.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Result, no_arguments};
use crate::process::{answer, node, root, run as run_process};

pub(crate) const WASM: &str = "wasm32-unknown-unknown";
const NODE_AT_LEAST: u32 = 20;

pub(crate) fn run(args: &[String]) -> Result<()> {
    no_arguments(args)?;
    for_assets()?;
    for_server()?;
    for_lints()?;
    for_browsers()?;
    for_package_tests()?;
    if let Some(why) = for_php() {
        println!("no test of the plugin for WordPress: {why}");
    }
    if let Some(why) = for_webkit()? {
        println!("no smoke test in WebKit: {why}");
    }
    Ok(())
}

/// Makes sure of what the web assets need: the wasm target, Node, and the npm packages.
pub(crate) fn for_assets() -> Result<()> {
    wasm_target()?;
    npm_packages()
}

/// Makes sure of the standard library's source, of which a release builds a smaller one.
pub(crate) fn for_small_std() -> Result<()> {
    let sysroot = answer("rustc", &["--print", "sysroot"])
        .ok_or_else(|| Failure::new("`rustc` does not answer; get Rust from https://rustup.rs"))?;
    if Path::new(&sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml").is_file() {
        return Ok(());
    }
    println!("adding the source of Rust's standard library");
    rustup(&["component", "add", "rust-src"])
}

/// Makes sure of what the server needs: a C compiler, for SQLite.
pub(crate) fn for_server() -> Result<()> {
    let named = env::var("CC").ok().filter(|compiler| !compiler.is_empty());
    let known = ["cc", "gcc", "clang"];
    if cfg!(windows) || named.is_some() || known.iter().any(|name| on_path(name).is_some()) {
        return Ok(());
    }
    Err(Failure::new(
        "there is no C compiler, which the embedded SQLite needs.\n  \
         Debian, Ubuntu: sudo apt-get install build-essential\n  \
         macOS:          xcode-select --install\n  \
         Fedora:         sudo dnf install gcc",
    ))
}

/// Makes sure of rustfmt and clippy.
pub(crate) fn for_lints() -> Result<()> {
    for component in ["rustfmt", "clippy"] {
        let subcommand = if component == "rustfmt" { "fmt" } else { component };
        if answer("cargo", &[subcommand, "--version"]).is_none() {
            rustup(&["component", "add", component])?;
        }
    }
    Ok(())
}

/// A browser of the tests, as the distribution and as Playwright call it.
struct Browser {
    /// Playwright's name.
    name: &'static str,
    /// Where the distribution puts it, and `playwright.config.mjs` looks for it.
    path: &'static str,
    package: &'static str,
}

const BROWSERS: [Browser; 2] = [
    Browser { name: "chromium", path: "/usr/bin/chromium", package: "chromium" },
    Browser { name: "firefox", path: "/usr/bin/firefox-esr", package: "firefox-esr" },
];

/// What the smoke test in WebKit needs, and the package that brings it.
const WEBKIT: [(&str, &str); 2] = [("WebKitWebDriver", "webkit2gtk-driver"), ("Xvfb", "xvfb")];

impl Browser {
    /// Whether the distribution's does start.
    fn is_there(&self) -> bool {
        answer(self.path, &["--version"]).is_some()
    }
}

/// Makes sure of Chromium and Firefox: the distribution's where there are any, else Playwright's own.
pub(crate) fn for_browsers() -> Result<()> {
    npm_packages()?;
    let missing = || BROWSERS.iter().filter(|browser| !browser.is_there()).collect::<Vec<_>>();
    let wanted = missing();
    if wanted.is_empty() {
        return Ok(());
    }
    let may_install = may_install();
    if may_install {
        let mut packages = vec!["fonts-noto-core", "fonts-noto-color-emoji"];
        packages.extend(wanted.iter().map(|browser| browser.package));
        // Where a package only stands for a snap (Ubuntu), apt-get succeeds and brings nothing.
        let _ = install(&packages);
    }
    let wanted = missing();
    if wanted.is_empty() {
        return Ok(());
    }
    println!("making sure of Playwright's own browsers");
    let mut playwright = node("node_modules/@playwright/test/cli.js");
    playwright.arg("install");
    if may_install {
        playwright.arg("--with-deps");
    }
    run_process(playwright.args(wanted.iter().map(|browser| browser.name)))
}

/// Makes sure of WebKit's driver and a screen for it; gives the reason where there is none.
pub(crate) fn for_webkit() -> Result<Option<String>> {
    npm_packages()?;
    let missing = || WEBKIT.iter().filter(|(program, _)| on_path(program).is_none()).collect::<Vec<_>>();
    let wanted = missing();
    if !wanted.is_empty() && may_install() {
        let packages: Vec<&str> = wanted.iter().map(|(_, package)| *package).collect();
        let _ = install(&packages);
    }
    let names: Vec<&str> = missing().iter().map(|(program, _)| *program).collect();
    Ok((!names.is_empty()).then(|| format!("there is no {}", names.join(" and no "))))
}

/// Makes sure of PHP, for the plugin for WordPress; gives the reason where there is none, and its tests are skipped.
pub(crate) fn for_php() -> Option<&'static str> {
    if on_path("php").is_none() && may_install() {
        let _ = install(&["php-cli"]);
    }
    on_path("php").is_none().then_some("there is no php")
}

/// Whether packages of the distribution can be had.
fn may_install() -> bool {
    answer("id", &["-u"]).is_some_and(|id| id == "0") && on_path("apt-get").is_some()
}

fn install(packages: &[&str]) -> Result<()> {
    println!("installing {} with apt-get", packages.join(", "));
    let outcome = run_process(apt_get().arg("update"))
        .and_then(|()| run_process(apt_get().args(["install", "-y", "--no-install-recommends"]).args(packages)));
    if let Err(failure) = &outcome {
        eprintln!("warning: {}", failure.message());
    }
    outcome
}

/// Makes sure of what breaks disks and clocks, where it can be had; without, their scenarios are skipped.
pub(crate) fn for_chaos() {
    let clock = ["x86_64-linux-gnu", "aarch64-linux-gnu"];
    let clock = clock.iter().any(|machine| Path::new("/usr/lib").join(machine).join("faketime").is_dir());
    let tools = [("strace", on_path("strace").is_some()), ("libfaketime", clock)];
    let missing: Vec<&str> =
        tools.into_iter().filter_map(|(package, is_there)| (!is_there).then_some(package)).collect();
    if !missing.is_empty() && may_install() {
        let _ = install(&missing);
    }
}

fn wasm_target() -> Result<()> {
    let sysroot = answer("rustc", &["--print", "sysroot"])
        .ok_or_else(|| Failure::new("`rustc` does not answer; get Rust from https://rustup.rs"))?;
    if Path::new(&sysroot).join("lib/rustlib").join(WASM).join("lib").is_dir() {
        return Ok(());
    }
    println!("adding the Rust target {WASM}");
    rustup(&["--quiet", "target", "add", WASM])
}

fn rustup(words: &[&str]) -> Result<()> {
    if on_path("rustup").is_none() {
        return Err(Failure::new(format!(
            "this needs `rustup {}`, and there is no rustup; get it from https://rustup.rs",
            words.join(" ")
        )));
    }
    run_process(Command::new("rustup").args(words).current_dir(root()))
}

fn npm_packages() -> Result<()> {
    let how = "get Node 20 or newer from https://nodejs.org (Debian 13 and newer: apt-get install nodejs npm)";
    let version = answer("node", &["--version"])
        .ok_or_else(|| Failure::new(format!("`node` is not there or does not start; {how}")))?;
    if major(&version).is_none_or(|major| major < NODE_AT_LEAST) {
        return Err(Failure::new(format!("Node is {version}, which is too old; {how}")));
    }
    install_npm(&root())
}

/// Makes sure of the bundlers and frameworks that the package is tried with.
pub(crate) fn for_package_tests() -> Result<()> {
    install_npm(&root().join("e2e/package"))
}

/// Installs what the lock file of a folder names, where that has not been done.
fn install_npm(folder: &Path) -> Result<()> {
    let installed = folder.join("node_modules/.package-lock.json");
    if modified(&installed) >= modified(&folder.join("package-lock.json")) && modified(&installed).is_some() {
        return Ok(());
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    if on_path(npm).is_none() {
        return Err(Failure::new("`npm` is not there; it comes with Node (Debian 13 and newer: apt-get install npm)"));
    }
    println!("installing the npm packages of {}", folder.display());
    run_process(
        Command::new(npm)
            .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            // The browsers are set up by `for_browsers`, and only for the tests.
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
            .current_dir(folder),
    )
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-qq").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn modified(path: &Path) -> Option<std::time::SystemTime> {
    fs::metadata(path).and_then(|data| data.modified()).ok()
}

/// The first number of `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.trim_start_matches('v').split('.').next()?.parse().ok()
}

fn on_path(name: &str) -> Option<PathBuf> {
    let names = [name.to_owned(), format!("{name}{}", env::consts::EXE_SUFFIX)];
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_node_is_read() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("v8.0.0"), Some(8));
        assert_eq!(major("nonsense"), None);
    }
}
