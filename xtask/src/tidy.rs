//! `cargo xtask tidy`: rules about the source that no compiler checks.

use std::fs;
use std::path::Path;

use crate::failure::{Failure, Result, no_arguments};
use crate::process::root;

/// Lines. Aim at 150, look again above 400.
const LINES_MAX: usize = 600;
/// Files that are written by hand and read by people.
const SOURCE: [&str; 7] = ["css", "html", "js", "mjs", "rs", "sql", "ts"];
/// Crates that hold decisions only.
const PURE: [&str; 3] = ["protocol", "client-core", "server-core"];
/// This file, which has to spell what it forbids.
const MYSELF: &str = "xtask/src/tidy.rs";

/// Something to put right.
#[derive(PartialEq, Eq, Debug)]
struct Finding {
    /// Counted from 1.
    line: usize,
    what: String,
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    no_arguments(args)?;
    check()
}

/// Looks at every file of the project that Git does not ignore.
pub(crate) fn check() -> Result<()> {
    let ignored = fs::read_to_string(root().join(".gitignore")).unwrap_or_default();
    let mut files = Vec::new();
    walk(&root(), "", &ignored, &mut files)?;
    files.sort();
    let (mut found, mut read) = (0_usize, 0_usize);
    for path in files.iter().filter(|path| *path != MYSELF) {
        let bytes = fs::read(root().join(path)).map_err(|error| Failure::at(path.as_ref(), error))?;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        read += 1;
        for Finding { line, what } in look(path, &text) {
            println!("{path}:{line}: {what}");
            found += 1;
        }
    }
    if found > 0 {
        return Err(Failure::new(format!("tidy: {found} to put right")));
    }
    println!("tidy: {read} files in order");
    Ok(())
}

/// Everything that is wrong with one file; `path` is relative to the repository, with `/`.
fn look(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |line: usize, what: String| findings.push(Finding { line, what });
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
    let lines = text.lines().count();
    if extension.is_some_and(|it| SOURCE.contains(&it)) && lines > LINES_MAX {
        find(LINES_MAX + 1, format!("{lines} lines: split it by concept, below {LINES_MAX}"));
    }
    for (at, line) in text.lines().enumerate() {
        if line.contains(concat!("..", "/shared")) {
            find(at + 1, "points outside the repository: say it here, or leave it out".into());
        }
    }
    let folder = path.split('/').next().unwrap_or_default();
    if path.ends_with(".rs") {
        for (at, line) in text.lines().enumerate() {
            let code = code_of(line);
            for what in foreign_names(folder, code).into_iter().chain(impure_names(folder, code)) {
                find(at + 1, what);
            }
        }
        unreasoned(text, &mut find);
    } else if path == format!("{folder}/Cargo.toml") {
        for (at, line) in text.lines().enumerate() {
            let dependency = line.split(['=', '.', ' ', '#']).next().unwrap_or_default().trim_matches('"');
            let name = dependency.replace('-', "_");
            findings_of_dependency(folder, &name).into_iter().for_each(|what| find(at + 1, what));
        }
    }
    findings
}

fn findings_of_dependency(folder: &str, name: &str) -> Vec<String> {
    let mut found = foreign_names(folder, name);
    if PURE.contains(&folder) && (name == "rand" || name == "getrandom") {
        found.push(format!("`{name}` in a pure crate: take a seed as an argument"));
    }
    found
}

/// Crates that only the shells may name.
fn foreign_names(folder: &str, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    if folder != "client-wasm" {
        for name in ["web_sys", "js_sys", "wasm_bindgen", "gloo_"] {
            let tool = folder == "xtask" && !starts_word(&code.replace("wasm_bindgen_cli_support", ""), name);
            if starts_word(code, name) && !tool {
                let name = name.trim_end_matches('_').replace('_', "-");
                found.push(format!("only client-wasm names {name}: move this there, behind an input or an output"));
            }
        }
    }
    if !["server", "tests", "bench"].contains(&folder) && starts_word(code, "tokio") {
        found.push("only server, tests and bench name tokio: move this there".into());
    }
    found
}

/// Clocks, chance and unordered maps, in crates that must do the same thing every time.
fn impure_names(folder: &str, code: &str) -> Vec<String> {
    if !PURE.contains(&folder) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for name in ["HashMap", "HashSet"] {
        if is_word(code, name) {
            found.push(format!("{name} in a pure crate: its order changes from run to run; take BTreeMap or BTreeSet"));
        }
    }
    if is_word(code, "SystemTime") || (code.contains("std::time") && is_word(code, "Instant")) {
        found.push("a clock in a pure crate: time is an argument".into());
    }
    if code.contains("rand::") && is_word(code, "rand") {
        found.push("randomness in a pure crate: take a seed as an argument".into());
    }
    found
}

/// Lints that are switched off for good, or without a reason.
fn unreasoned(text: &str, find: &mut impl FnMut(usize, String)) {
    for (at, line) in text.lines().enumerate() {
        let code = code_of(line);
        if code.contains("#[allow(") || code.contains("#![allow(") {
            find(at + 1, "write #[expect(…, reason = \"…\")]: it tells when it is needed no more".into());
        }
        if code.contains("#[expect(") || code.contains("#![expect(") {
            let attribute: String = text.lines().skip(at).flat_map(|line| [line, "\n"]).collect::<String>();
            let end = attribute.find(")]").unwrap_or(attribute.len());
            if !attribute[..end].contains("reason") {
                find(at + 1, "say why: #[expect(…, reason = \"…\")]".into());
            }
        }
    }
}

/// A line without its comment.
fn code_of(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Whether `name` stands in `text` where a word begins.
fn starts_word(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| !text[..at].ends_with(in_word))
}

/// Whether `name` stands in `text` as a word of its own.
fn is_word(text: &str, name: &str) -> bool {
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(in_word) && !text[at + name.len()..].starts_with(in_word))
}

fn in_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Adds the paths of all files below `prefix` that are neither Git's own nor ignored.
fn walk(root: &Path, prefix: &str, ignored: &str, files: &mut Vec<String>) -> Result<()> {
    let folder = root.join(prefix);
    for entry in fs::read_dir(&folder).map_err(|error| Failure::at(&folder, error))? {
        let entry = entry.map_err(|error| Failure::at(&folder, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if name == ".git" || is_ignored(ignored, &path) {
            continue;
        }
        let kind = entry.file_type().map_err(|error| Failure::at(&folder, error))?;
        if kind.is_dir() {
            walk(root, &format!("{path}/"), ignored, files)?;
        } else if kind.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// Understands the three forms our `.gitignore` has: `/path`, `name` and `*.extension`.
fn is_ignored(ignored: &str, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    ignored.lines().map(str::trim).filter(|line| !line.is_empty()).any(|line| {
        if let Some(anchored) = line.strip_prefix('/') {
            anchored.trim_end_matches('/') == path
        } else if let Some(ending) = line.strip_prefix('*') {
            name.ends_with(ending)
        } else {
            line.trim_end_matches('/') == name
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at a one-line file, and wants a finding with those words, or none.
    fn check(path: &str, text: &str, expected: Option<&str>) {
        let findings = look(path, text);
        match expected {
            None => assert_eq!(findings, [], "{path}: {text}"),
            Some(words) => {
                let found = findings.iter().any(|it| it.what.contains(words) && it.line == 1);
                assert!(found, "{path}: {text}: {findings:?}");
            }
        }
    }

    #[test]
    fn only_client_wasm_knows_the_browser() {
        check("client-wasm/src/dom.rs", "use web_sys::Element;", None);
        check("client-core/src/link.rs", "use web_sys::Element;", Some("web-sys"));
        check("client-core/src/link.rs", "// web_sys does this", None);
        check("server/src/lib.rs", "use gloo_timers::callback;", Some("gloo"));
        check("server/Cargo.toml", "wasm-bindgen = \"1\"", Some("wasm-bindgen"));
        check("server/Cargo.toml", "js-sys.workspace = true", Some("js-sys"));
        check("client-wasm/Cargo.toml", "web-sys = \"1\"", None);
        check("Cargo.toml", "web-sys = \"1\"", None);
    }

    #[test]
    fn the_tool_may_name_the_binder_and_nothing_else_of_the_browser() {
        check("xtask/Cargo.toml", "wasm-bindgen-cli-support = \"=0.2.130\"", None);
        check("xtask/src/build.rs", "use wasm_bindgen_cli_support::Bindgen;", None);
        check("xtask/src/build.rs", "use wasm_bindgen::JsValue;", Some("wasm-bindgen"));
        check("server/src/lib.rs", "use wasm_bindgen_cli_support::Bindgen;", Some("wasm-bindgen"));
    }

    #[test]
    fn only_server_tests_and_bench_know_tokio() {
        check("server/src/main.rs", "use tokio::net::TcpListener;", None);
        check("tests/Cargo.toml", "tokio.workspace = true", None);
        check("client-core/Cargo.toml", "tokio.workspace = true", Some("tokio"));
        check("xtask/src/run.rs", "tokio::spawn(x);", Some("tokio"));
        check("xtask/src/run.rs", "let protokiosk = 1;", None);
    }

    #[test]
    fn pure_crates_have_no_clock_no_chance_and_no_unordered_map() {
        check("protocol/src/lib.rs", "use std::collections::HashMap;", Some("BTreeMap"));
        check("server/src/lib.rs", "use std::collections::HashMap;", None);
        check("client-core/src/lib.rs", "let t = std::time::Instant::now();", Some("clock"));
        check("client-core/src/lib.rs", "use std::time::{Duration, Instant};", Some("clock"));
        check("client-core/src/lib.rs", "use crate::Instant;", None);
        check("server-core/src/lib.rs", "SystemTime::now()", Some("clock"));
        check("server-core/src/lib.rs", "rand::random()", Some("seed"));
        check("server-core/src/lib.rs", "operand::of()", None);
        check("server-core/Cargo.toml", "rand = \"1\"", Some("seed"));
    }

    #[test]
    fn a_lint_is_switched_off_with_a_reason_and_not_for_good() {
        check("server/src/lib.rs", "#[allow(dead_code)]", Some("expect"));
        check("server/src/lib.rs", "#![allow(dead_code)]", Some("expect"));
        check("server/src/lib.rs", "#[expect(dead_code)]", Some("say why"));
        check("server/src/lib.rs", "#[expect(dead_code, reason = \"later\")]", None);
        check("server/src/lib.rs", "#[expect(\n dead_code,\n reason = \"later\"\n)]", None);
    }

    #[test]
    fn a_long_file_is_found_and_a_long_document_is_not() {
        let find = |path: &str, lines: usize| look(path, &"\n".repeat(lines)).len();
        assert_eq!(find("server/src/lib.rs", 600), 0);
        assert_eq!(find("server/src/lib.rs", 601), 1);
        assert_eq!(find("www/site/console.css", 601), 1);
        assert_eq!(find("docs/protocol.md", 601), 0);
        assert_eq!(find("package-lock.json", 601), 0);
    }

    #[test]
    fn a_path_out_of_the_repository_is_found_in_any_file() {
        check("README.md", concat!("see ..", "/shared/spec"), Some("outside"));
        check("README.md", "see shared/spec", None);
    }

    #[test]
    fn what_git_ignores_is_not_looked_at() {
        let ignored = "/target\n/e2e/results\nnode_modules\n*.tgz\n";
        for path in ["target", "e2e/results", "node_modules", "www/node_modules", "a/b.tgz"] {
            assert!(is_ignored(ignored, path), "{path}");
        }
        for path in ["server/target", "results", "e2e/results.mjs", "tgz"] {
            assert!(!is_ignored(ignored, path), "{path}");
        }
    }
}
