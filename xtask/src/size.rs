//! `cargo xtask size`: what a visitor downloads, against the budget.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

use crate::build::{self, Mode, read};
use crate::compression::{brotli, gzip};
use crate::failure::{Failure, Result};
use crate::process::root;

/// Bytes, after brotli 11, of all that is fetched before the visitor does something.
const BEFORE_USE_MAX: usize = 2_560;
/// Bytes, after brotli 11, of all that has been fetched when a visitor opens the widget for the first time.
const FIRST_OPEN_MAX: usize = 28 * 1024 + 512;
/// What we aim at for the same figure.
const FIRST_OPEN_TARGET: usize = 28 * 1024;
/// Bytes, after brotli 11, of one language beside English.
const LANGUAGE_MAX: usize = 2_048;
/// Bytes, after brotli 11, of all that a visitor who writes has fetched: a ratchet, so that nothing grows unseen.
const CONVERSATION_MAX: usize = 77 * 1024;

/// How a report begins.
const HEADING: &str = "# What a visitor downloads\n\n`cargo xtask size --record` has written this page. *Before use* is what a page costs \
    whose visitor never touches the button; *first open* is the panel with the welcome and a field to write in; the link comes with the \
    first letter, a language other than English with the panel.\n\n";

/// The three sizes of a file, in bytes.
#[derive(Clone, Copy, Default)]
struct Size {
    raw: usize,
    gzip: usize,
    brotli: usize,
}

impl Size {
    fn of(bytes: &[u8]) -> Result<Self> {
        let (gzip, brotli) = (gzip(bytes)?.len(), brotli(bytes, 11)?.len());
        Ok(Self { raw: bytes.len(), gzip, brotli })
    }

    fn plus(self, other: Self) -> Self {
        Self { raw: self.raw + other.raw, gzip: self.gzip + other.gzip, brotli: self.brotli + other.brotli }
    }
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let record = match words[..] {
        [] => Vec::new(),
        ["--record"] => vec![root().join("docs/size.md")],
        ["--functions"] => return functions(),
        _ => return Err(Failure::Usage("the options are --record and --functions".into())),
    };
    // Always a release build of the assets: the sizes of a quick one would mean nothing.
    build::assets(Mode::Release)?;
    measure(record)
}

/// Prints the functions of the widget's two halves, the largest first, and what the halves take: where the bytes are.
fn functions() -> Result<()> {
    let module = build::named_halves()?;
    let rest = module.rest.ok_or_else(|| Failure::new("a release has no second half"))?;
    for (title, wasm) in [("panel", &module.wasm), ("link", &rest.wasm)] {
        let (plain, functions) = named(wasm)
            .map_err(|error| Failure::new(format!("the {title}, which was just made, cannot be read: {error}")))?;
        for (size, name) in &functions {
            println!("{title} {size:>6} {name}");
        }
        let Size { raw, brotli, .. } = Size::of(&plain)?;
        println!("{title}: {} functions, {raw} bytes, {brotli} in brotli\n", functions.len());
    }
    Ok(())
}

/// A module without names, and the functions of it: the bytes and the name of each.
type Named = (Vec<u8>, Vec<(usize, String)>);

/// Returns a module without the names of its functions, and these with the bytes of each.
#[expect(clippy::wildcard_enum_match_arm, reason = "of all that a module may have, this is what is read")]
fn named(wasm: &[u8]) -> std::result::Result<Named, wasmparser::BinaryReaderError> {
    let (mut plain, mut sizes, mut names) = (wasm.to_vec(), Vec::new(), Vec::new());
    let mut imported = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    imported += usize::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => sizes.push(body.range().len()),
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(reader) = section.as_known() {
                    // It is the last section; a byte and its length stand in front of it.
                    plain.truncate(section.range().start);
                    let length = plain.iter().rposition(|byte| *byte == 0).unwrap_or_default();
                    plain.truncate(length);
                    for part in reader {
                        if let Name::Function(map) = part? {
                            for naming in map {
                                let naming = naming?;
                                names.push((naming.index as usize, naming.name.to_owned()));
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let name = |index| names.iter().find(|(known, _)| *known == index).map_or("?", |(_, name)| name.as_str());
    let mut functions: Vec<(usize, String)> =
        sizes.iter().enumerate().map(|(place, size)| (*size, name(imported + place).to_owned())).collect();
    functions.sort_by(|a, b| b.cmp(a));
    Ok((plain, functions))
}

/// Measures `dist/www`, prints the table, writes `reports/size.md`, and fails when over budget.
pub(crate) fn check() -> Result<()> {
    measure(Vec::new())
}

/// Does the same, and writes the report to other places too.
fn measure(mut reports: Vec<PathBuf>) -> Result<()> {
    let www = root().join("dist/www");
    let loader = Size::of(
        &read(&www.join("widget.js"))
            .map_err(|failure| Failure::new(format!("{} (run `cargo xtask build`)", failure.message())))?,
    )?;
    let glue = Size::of(&asset(&www, "panel-", ".js")?)?;
    let panel = Size::of(&asset(&www, "panel-", ".wasm")?)?;
    let rest = Size::of(&asset(&www, "client-", ".wasm")?)?;
    let tabs = Size::of(&asset(&www, "tabs-", ".js")?)?;
    let first_open = loader.plus(glue).plus(panel);
    let conversation = first_open.plus(rest).plus(tabs);

    let mut table = String::new();
    let _ = writeln!(table, "| {:<38} | {:>9} | {:>9} | {:>9} |", "bytes", "raw", "gzip -9", "brotli 11");
    let _ = writeln!(table, "| {:-<38} | {:->8}: | {:->8}: | {:->8}: |", "", "", "", "");
    for (name, size) in [
        ("loader and launcher (widget.js)", loader),
        ("panel, JavaScript", glue),
        ("panel, WebAssembly", panel),
        ("everything at first open", first_open),
        ("link, WebAssembly, with the first word", rest),
        ("link, JavaScript, likewise", tabs),
        ("everything of a conversation", conversation),
    ] {
        let Size { raw, gzip, brotli } = size;
        let _ = writeln!(table, "| {name:<38} | {raw:>9} | {gzip:>9} | {brotli:>9} |");
    }
    let mut languages = Vec::new();
    for language in crate::languages::modules()?.keys() {
        let size = Size::of(&asset(&www, &format!("{language}-"), ".js")?)?;
        let Size { raw, gzip, brotli } = size;
        let name = format!("language {language}, with the panel");
        let _ = writeln!(table, "| {name:<38} | {raw:>9} | {gzip:>9} | {brotli:>9} |");
        languages.push((brotli, language.clone()));
    }
    let (largest, language) = languages.into_iter().max().unwrap_or_default();
    let language = verdict(&format!("the largest language ({language})"), largest, LANGUAGE_MAX, None);
    let before = verdict("before use", loader.brotli, BEFORE_USE_MAX, None);
    let open = verdict("at first open", first_open.brotli, FIRST_OPEN_MAX, Some(FIRST_OPEN_TARGET));
    let talk = verdict("in a conversation", conversation.brotli, CONVERSATION_MAX, None);
    let _ = write!(table, "\n- {}\n- {}\n- {}\n- {}\n", before.line, open.line, talk.line, language.line);
    print!("{table}");

    fs::create_dir_all(root().join("reports")).map_err(|error| Failure::at(&root(), error))?;
    reports.push(root().join("reports/size.md"));
    for report in reports {
        fs::write(&report, format!("{HEADING}{table}")).map_err(|error| Failure::at(&report, error))?;
    }
    if before.over || open.over || talk.over || language.over {
        return Err(Failure::new("over the size budget"));
    }
    Ok(())
}

/// A figure held against its budget.
struct Verdict {
    line: String,
    over: bool,
}

fn verdict(what: &str, bytes: usize, max: usize, target: Option<usize>) -> Verdict {
    let over = bytes > max;
    let mut line = format!("{what}: {bytes} of {max} bytes brotli");
    if over {
        let _ = write!(line, ", OVER by {}", bytes - max);
    } else {
        let _ = write!(line, ", {} to spare", max - bytes);
    }
    match target {
        Some(target) if bytes > target => {
            let _ = write!(line, " (target {target}: {} above)", bytes - target);
        }
        Some(target) => {
            let _ = write!(line, " (target {target}: reached)");
        }
        None => {}
    }
    Verdict { line, over }
}

/// The one file of `assets` with that start and that end.
fn asset(www: &Path, start: &str, end: &str) -> Result<Vec<u8>> {
    let folder = www.join("assets");
    let entries = fs::read_dir(&folder).map_err(|error| Failure::at(&folder, error))?;
    let path = entries
        .filter_map(|entry| entry.ok())
        .find(|entry| {
            let name = entry.file_name();
            name.to_str().is_some_and(|name| name.starts_with(start) && name.ends_with(end))
        })
        .ok_or_else(|| Failure::at(&folder, format!("there is no {start}*{end}")))?
        .path();
    read(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_over_only_above_its_budget() {
        assert!(!verdict("x", 100, 100, None).over);
        assert!(verdict("x", 101, 100, None).over);
        let line = verdict("x", 90, 100, Some(80)).line;
        assert_eq!(line, "x: 90 of 100 bytes brotli, 10 to spare (target 80: 10 above)");
    }
}
