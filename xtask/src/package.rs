//! `cargo xtask package`: the npm package `rejoin`, in `dist/npm` and as a tarball beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::{self, Mode, Module, read};
use crate::failure::{Failure, Result};
use crate::glue;
use crate::languages;
use crate::process::{node, root, run as run_process, target};
use crate::www::{FRAME, LOADER};

/// Where the sources are that are written by hand.
const SOURCES: &str = "www/npm";
/// What sends and shows files, in the panel and in the console.
const FILES: &str = "www/files/files.js";
/// Where the package is put together.
const FOLDER: &str = "dist/npm";
/// What stands in the manifest in place of the version.
const NO_VERSION: &str = "\"version\": \"0.0.0\"";

pub(crate) fn run(args: &[String]) -> Result<()> {
    let mode = Mode::parse(args)?;
    build::assets(mode)?;
    run_process(npm().args(["pack", "--silent", "--pack-destination", ".."]).current_dir(root().join(FOLDER)))
}

/// What the widget and the operator's console, the package's first customers, get of it.
pub(crate) struct Package {
    /// All of `index.js`, in one script.
    pub(crate) script: Vec<u8>,
    pub(crate) wasm: Vec<u8>,
    /// `files.js`, in one script: the panel fetches the same.
    pub(crate) files: Vec<u8>,
}

/// Puts the package together.
pub(crate) fn write(module: &Module, mode: Mode) -> Result<Package> {
    let stage = target().join("npm");
    let out = root().join(FOLDER);
    for folder in [&stage, &out] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).map_err(|error| Failure::at(folder, error))?;
    }
    copy_all(&root().join(SOURCES), &stage)?;
    let glue = String::from_utf8_lossy(&module.glue);
    let languages = languages::modules()?;
    let paths = languages.keys().map(|name| (name.as_str(), format!("./languages/{name}.js")));
    let glue = glue.replace("__REJOIN_LANGUAGES__", &languages::imports(paths));
    // Bundlers want to see what is imported.
    let glue = glue.replace("`__REJOIN_FILES__#${files.tries++}`", "'./files.js'");
    put(&stage.join("client.js"), glue::start_from_anything(&glue)?.as_bytes())?;
    put(&stage.join("launcher.js"), launcher(&String::from_utf8_lossy(&read(&root().join(LOADER))?))?.as_bytes())?;
    put(&stage.join("frame.js"), &read(&root().join(FRAME))?)?;
    put(&stage.join("rejoin.wasm"), &module.wasm)?;

    let console = target().join("npm-console.js");
    let mut bundle = node("xtask/bundle.mjs");
    bundle.args([&stage, &root().join(FILES), &out, &console]);
    if mode == Mode::Release {
        bundle.arg("--minify");
    }
    run_process(&mut bundle)?;

    fs::create_dir_all(out.join("languages")).map_err(|error| Failure::at(&out, error))?;
    for (name, words) in &languages {
        put(&out.join(format!("languages/{name}.js")), words)?;
    }
    put(&out.join("rejoin.wasm"), &module.wasm)?;
    put(&out.join("package.json"), manifest(&read(&stage.join("package.json"))?)?.as_bytes())?;
    for name in ["index.d.ts", "inline.d.ts", "README.md"] {
        put(&out.join(name), &read(&stage.join(name))?)?;
    }
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        put(&out.join(name), &read(&root().join(name))?)?;
    }
    Ok(Package { script: read(&console)?, wasm: module.wasm.clone(), files: read(&out.join("files.js"))? })
}

/// Makes `launch(given)` of the loader: the same code as the script tag's, without a tag and without a name of its own.
fn launcher(loader: &str) -> Result<String> {
    let body = loader.split_once("\n(() => {\n").and_then(|(_, rest)| rest.trim_end().strip_suffix("})();"));
    let body = body.ok_or_else(|| Failure::new(format!("{LOADER} is no longer one function that calls itself")))?;
    let body = body.replace("__REJOIN_PACKAGE__", "true");
    Ok(format!("export const launch = (given) => {{\n{body}}};\n"))
}

/// The package's manifest, with the version of the workspace.
///
/// As text: the order of its conditions has a meaning.
fn manifest(source: &[u8]) -> Result<String> {
    let text = String::from_utf8_lossy(source);
    if text.matches(NO_VERSION).count() != 1 {
        return Err(Failure::new(format!("{SOURCES}/package.json has to say {NO_VERSION} once")));
    }
    Ok(text.replace(NO_VERSION, &format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"))))
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).map_err(|error| Failure::at(from, error))? {
        let path: PathBuf = entry.map_err(|error| Failure::at(from, error))?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            put(&to.join(name), &read(&path)?)?;
        }
    }
    Ok(())
}

fn put(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content).map_err(|error| Failure::at(path, error))
}

pub(crate) fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_becomes_a_function_of_the_package() {
        let script = launcher("// Why.\n(() => {\n  if (__REJOIN_PACKAGE__) return given;\n})();\n").unwrap();
        assert_eq!(script, "export const launch = (given) => {\n  if (true) return given;\n};\n");
        assert!(launcher("console.log(1);\n").is_err());
    }

    #[test]
    fn the_manifest_gets_the_version_of_the_workspace() {
        let text = manifest(br#"{ "name": "rejoin", "version": "0.0.0", "type": "module" }"#).unwrap();
        let expected =
            format!(r#"{{ "name": "rejoin", "version": "{}", "type": "module" }}"#, env!("CARGO_PKG_VERSION"));
        assert_eq!(text, expected);
        assert!(manifest(b"{}").is_err());
    }
}
