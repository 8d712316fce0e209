//! Puts the web assets into the binary.
//!
//! The tree is `dist/www` of the workspace, or the folder in `REJOIN_WWW`. An empty one is no error: the server then
//! says on its pages what to do.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=REJOIN_WWW");
    println!("cargo::rerun-if-changed=build.rs");
    let root = match env::var_os("REJOIN_WWW") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../dist/www"),
    };
    // A path that is not there would make Cargo run this, and build the crate, every time.
    fs::create_dir_all(&root)?;
    let root = root.canonicalize()?;
    println!("cargo::rerun-if-changed={}", root.display());

    let mut files = BTreeMap::new();
    gather(&root, "", &mut files)?;
    let table = table(&files)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("assets.rs"), table)?;
    Ok(())
}

/// Returns the source of a slice of `Asset`s, sorted by path.
fn table(files: &BTreeMap<String, PathBuf>) -> Result<String, Box<dyn Error>> {
    let mut source = String::from("&[\n");
    for (path, file) in files {
        if path.ends_with(".br") {
            continue;
        }
        let brotli = match files.get(&format!("{path}.br")) {
            Some(file) => format!("Some(include_bytes!({file:?}))"),
            None => "None".to_owned(),
        };
        let etag = fnv1a(&fs::read(file)?);
        writeln!(
            source,
            "Asset {{ path: {path:?}, content: include_bytes!({file:?}), brotli: {brotli}, etag: \"\\\"{etag:016x}\\\"\" }},"
        )?;
    }
    source.push(']');
    Ok(source)
}

fn gather(folder: &Path, prefix: &str, files: &mut BTreeMap<String, PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().ok_or("an asset's name is not UTF-8")?;
        if entry.file_type()?.is_dir() {
            gather(&entry.path(), &format!("{prefix}{name}/"), files)?;
        } else {
            files.insert(format!("{prefix}{name}"), entry.path());
        }
    }
    Ok(())
}

/// Enough to tell two versions of a file apart.
fn fnv1a(content: &[u8]) -> u64 {
    content.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
