//! `cargo xtask build`: the WebAssembly, the web assets in `dist/www`, and the server.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use wasm_bindgen_cli_support::Bindgen;

use crate::constants;
use crate::failure::{Failure, Result};
use crate::glue::{self, Second};
use crate::package;
use crate::process::{cargo, node, root, run as run_process, target};
use crate::setup::{self, WASM};
use crate::split::{PAGE, split};
use crate::www;

/// The standard library is built anew for a release, without the words of its panics, and with short ways where it knows quick ones.
const SMALL_STD: &[&str] = &["-Z", "build-std=std,panic_abort", "-Z", "build-std-features=optimize_for_size"];

/// A panic is a trap at once: nobody reads its message on a stranger's page, but everybody would download it.
///
/// Without reference types the handles of JavaScript values are numbers in the script: less code, and older browsers.
///
/// The linker says who reads what (see `constants.rs`), and half a stack brings the constants to addresses of three bytes.
///
/// These flags are unstable; the pinned toolchain keeps them what they are. docs/decisions/0004 has the figures.
const SMALL_FLAGS: &str = "target.wasm32-unknown-unknown.rustflags=[\"-Zunstable-options\",\"-Cpanic=immediate-abort\",\
     \"-Zlocation-detail=none\",\"-Zfmt-debug=none\",\"-Ctarget-feature=-reference-types\",\"-Clink-arg=--emit-relocs\",\"-Clink-arg=-zstack-size=524288\"]";

/// What the compiler uses; a half that was cut no longer says so itself.
const FEATURES: [&str; 5] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
];

/// How much time to spend on making things small and fast.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// What a visitor downloads, and the server of a release.
    Release,
    /// Quick to build: nothing is optimised beyond what Cargo does, nothing is minified.
    Dev,
}

impl Mode {
    /// Reads `[--dev]`.
    pub(crate) fn parse(args: &[String]) -> Result<Self> {
        match args {
            [] => Ok(Self::Release),
            [flag] if flag == "--dev" => Ok(Self::Dev),
            [flag, more, ..] if flag == "--dev" => Err(Failure::Usage(format!("unexpected argument `{more}`"))),
            [other, ..] => Err(Failure::Usage(format!("unexpected argument `{other}`"))),
        }
    }
}

/// One WebAssembly module, perhaps cut in two, and the JavaScript around it.
pub(crate) struct Module {
    pub(crate) glue: Vec<u8>,
    pub(crate) wasm: Vec<u8>,
    /// What comes later.
    pub(crate) rest: Option<Rest>,
}

/// The second half of a module that was cut, and the JavaScript that only it needs.
pub(crate) struct Rest {
    pub(crate) wasm: Vec<u8>,
    pub(crate) script: Vec<u8>,
}

/// The widget's function that leads to what a visitor needs only to write; `client-wasm/src/link.rs` tells why.
const ENTRY: &str = "advance";

pub(crate) fn run(args: &[String]) -> Result<()> {
    let mode = Mode::parse(args)?;
    let binary = everything(mode)?;
    println!("built {}", binary.display());
    Ok(())
}

/// Builds all there is, and gives the path of the server's binary.
pub(crate) fn everything(mode: Mode) -> Result<PathBuf> {
    assets(mode)?;
    setup::for_server()?;
    server(mode)
}

/// Builds the WebAssembly and writes the tree that the server embeds.
pub(crate) fn assets(mode: Mode) -> Result<()> {
    setup::for_assets()?;
    if mode == Mode::Release {
        setup::for_small_std()?;
    }
    let start = Instant::now();
    let client = module("client", "widget", mode, Second::of(mode), Names::Dropped)?;
    let whole = module("package", "widget,headless", mode, Second::Within, Names::Dropped)?;
    let package = package::write(&whole, mode)?;
    www::write(&client, &package, mode)?;
    println!("web assets in dist/www, npm package in dist/npm ({:.1} s)", start.elapsed().as_secs_f32());
    Ok(())
}

/// Builds the two halves of the widget's module alone, with the names of their functions.
pub(crate) fn named_halves() -> Result<Module> {
    setup::for_assets()?;
    setup::for_small_std()?;
    module("named", "widget", Mode::Release, Second::Apart, Names::Kept)
}

/// Whether functions keep their names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// For people.
    Kept,
    /// For browsers.
    Dropped,
}

/// Where the server's binary is after a build.
pub(crate) fn binary(mode: Mode) -> PathBuf {
    let profile = match mode {
        Mode::Release => "release",
        Mode::Dev => "debug",
    };
    target().join(profile).join(format!("rejoin{}", env::consts::EXE_SUFFIX))
}

fn server(mode: Mode) -> Result<PathBuf> {
    let words: &[&str] = match mode {
        Mode::Release => &["build", "--release", "-p", "server"],
        Mode::Dev => &["build", "-p", "server"],
    };
    run_process(&mut cargo(words))?;
    Ok(binary(mode))
}

/// Builds `client-wasm` with some of its features, and binds and shrinks the result.
///
/// The crate type is given here and not in its `Cargo.toml`: a crate that is both a cdylib and an
/// rlib silently loses link-time optimisation.
///
/// Where the second half is a module of its own, it is cut off at [`ENTRY`].
fn module(name: &str, features: &str, mode: Mode, second: Second, names: Names) -> Result<Module> {
    let mut compile = cargo(&[
        "rustc",
        "--quiet",
        "-p",
        "client-wasm",
        "--lib",
        "--crate-type",
        "cdylib",
        "--target",
        WASM,
        "--profile",
        "wasm",
        "--no-default-features",
        "--features",
        features,
    ]);
    if mode == Mode::Release {
        compile.env("RUSTC_BOOTSTRAP", "1").args(SMALL_STD).arg("--config").arg(SMALL_FLAGS);
    }
    run_process(&mut compile)?;
    let built = target().join(WASM).join("wasm/client_wasm.wasm");
    let folder = target().join("www").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| Failure::at(&folder, error))?;
    bind(name, &built, &folder, mode, second, names)
        .map_err(|error| Failure::new(format!("wasm-bindgen ({name}): {error}")))?;
    let wasm = folder.join(format!("{name}_bg.wasm"));
    if mode == Mode::Release {
        optimise(&wasm, names)?;
    }
    let mut script = read(&folder.join(format!("{name}.js")))?;
    let mut rest = None;
    if second == Second::Apart {
        let halves = split(&read(&wasm)?, ENTRY, &constants::apart(&read(&built)?, ENTRY)?, names)?;
        let second = folder.join(format!("{name}_rest.wasm"));
        for (path, half) in [(&wasm, halves.first), (&second, halves.second)] {
            fs::write(path, half).map_err(|error| Failure::at(path, error))?;
            optimise(path, names)?;
        }
        let (first, later) = glue::divide(&String::from_utf8_lossy(&script), &halves.page)?;
        script = first.into_bytes();
        rest = Some(Rest { wasm: read(&second)?, script: glue::second_script(&later)?.into_bytes() });
    }
    Ok(Module { glue: script, wasm: read(&wasm)?, rest })
}

/// Binds a module: writes it and the script around it.
fn bind(
    name: &str,
    built: &Path,
    folder: &Path,
    mode: Mode,
    second: Second,
    names: Names,
) -> std::result::Result<(), String> {
    let words = |failure: Failure| failure.message().to_owned();
    let mut bindgen = Bindgen::new();
    let mut output = bindgen
        .input_path(built)
        .out_name(name)
        .web(true)
        .and_then(|bindgen| {
            bindgen
                // The promise of the package is written by hand; a test holds it to this.
                .typescript(second == Second::Within)
                // Whoever starts the module says where it is: the hash in its name is made later.
                .omit_default_module_path(true)
                .remove_name_section(mode == Mode::Release && names == Names::Dropped)
                .remove_producers_section(true)
                .generate_output()
        })
        .map_err(|error| format!("{error:#}"))?;
    if output.snippets().values().any(|list| !list.is_empty()) || !output.local_modules().is_empty() {
        return Err("the glue must be one file; take `inline_js` and `module =` out of client-wasm".into());
    }
    let script = glue::simplify_start(output.js()).map_err(words)?;
    let script = glue::fetch_second(&script, ENTRY, second).map_err(words)?;
    let script = glue::widget(&script).map_err(words)?;
    let imports: Vec<&str> = output.wasm().imports.iter().map(|import| import.name.as_str()).collect();
    let short = glue::shorten(&script, &imports).map_err(words)?;
    let mut script = glue::shorter(&short.script).map_err(words)?;
    let types = output.ts().map(str::to_owned);
    let module = output.wasm_mut();
    // What the linker says was true of the module that it made.
    for section in ["linking", "reloc.CODE", "reloc.DATA"] {
        module.customs.remove_raw(section);
    }
    for (import, name) in module.imports.iter_mut().zip(short.names) {
        import.name = name;
    }
    if second == Second::Apart {
        let module_name = format!("\"./{name}_bg.js\"");
        if script.matches(&module_name).count() != 1 {
            return Err(format!("the script does not name {module_name} once"));
        }
        script = script.replace(&module_name, PAGE);
        module.imports.iter_mut().for_each(|import| import.module = PAGE.into());
        let idle = glue::shorten_exports(&mut script, &mut module.exports, ENTRY);
        idle.into_iter().for_each(|export| module.exports.delete(export));
    }
    let write = |path: &str, content: &[u8]| fs::write(folder.join(path), content).map_err(|error| error.to_string());
    if let Some(types) = types {
        write(&format!("{name}.d.ts"), types.as_bytes())?;
    }
    write(&format!("{name}_bg.wasm"), &module.emit_wasm())?;
    write(&format!("{name}.js"), script.as_bytes())
}

/// Shrinks a module in place, with the `wasm-opt` of npm.
///
/// Never the distribution's: Debian's version 108 exits with 0 and writes a broken module.
fn optimise(wasm: &Path, names: Names) -> Result<()> {
    let script = "node_modules/binaryen/bin/wasm-opt";
    if !root().join(script).exists() {
        return Err(Failure::new("node_modules lacks binaryen; remove node_modules and try again"));
    }
    let strip = if names == Names::Kept { "--debuginfo" } else { "--strip-debug" };
    let flags = ["-Oz", strip, "--strip-producers", "--strip-target-features", "-o"];
    run_process(node(script).arg(wasm).args(FEATURES).args(flags).arg(wasm))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Failure::at(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dev_is_an_option_of_build() {
        let parse = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.into()).collect();
            Mode::parse(&words).ok()
        };
        assert_eq!(parse(&[]), Some(Mode::Release));
        assert_eq!(parse(&["--dev"]), Some(Mode::Dev));
        assert_eq!(parse(&["--fast"]), None);
        assert_eq!(parse(&["--dev", "more"]), None);
    }
}
