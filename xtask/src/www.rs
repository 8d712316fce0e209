//! `dist/www`: the exact tree of web assets that the server embeds.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::build::{Mode, Module, read};
use crate::compression::{brotli, hash8, is_compressible};
use crate::failure::{Failure, Result};
use crate::languages;
use crate::package::Package;
use crate::process::{node, root};

/// Path within the tree, with `/`, to content.
type Tree = BTreeMap<String, Vec<u8>>;

/// What a text file of the site says, and the path it gets instead.
type Names = Vec<(&'static str, String)>;

pub(crate) const LOADER: &str = "www/loader/widget.js";
/// What the loader fetches for pages that want the widget in an iframe.
pub(crate) const FRAME: &str = "www/loader/frame.js";
const SITE: &str = "www/site";

/// Puts the tree together and writes what has changed in it.
///
/// Files that stay the same keep their time of change, so that Cargo does not build the server again.
pub(crate) fn write(client: &Module, package: &Package, mode: Mode) -> Result<()> {
    let mut tree = Tree::new();
    let mut names = Names::new();
    let mut place = |word: &'static str, name: &str, extension: &str, content: Vec<u8>| {
        let path = format!("assets/{name}-{}.{extension}", hash8(&content));
        tree.insert(path.clone(), content);
        (word, format!("/{path}"))
    };
    let modules = languages::modules()?;
    let paths = modules.iter().map(|(language, module)| {
        let (_, path) = place("", language, "js", module.clone());
        (language.as_str(), path.replace("/assets/", "./"))
    });
    names.push(("__REJOIN_LANGUAGES__", languages::imports(paths)));
    // What stands behind it is only in the npm package.
    names.push(("__REJOIN_PACKAGE__", "false".into()));
    let mut later = Tree::new();
    later.insert("files.js".into(), package.files.clone());
    let later = minified(later, mode)?.remove("files.js").unwrap_or_default();
    names.push(place("__REJOIN_FILES_PATH__", "files", "js", later));
    names.extend(names.last().map(|(_, path)| ("__REJOIN_FILES__", path.replace("/assets/", "./"))));
    // The script of a module names what comes later.
    if let Some(rest) = &client.rest {
        let script = Tree::from([("tabs.js".into(), rest.script.clone())]);
        let script = minified(script, mode)?.remove("tabs.js").unwrap_or_default();
        names.push(place("__REJOIN_REST__", "client", "wasm", rest.wasm.clone()));
        names.push(place("__REJOIN_TABS__", "tabs", "js", script));
    }
    let mut scripts = Tree::new();
    scripts.insert("client.js".into(), named("client.js", &client.glue, &names)?);
    scripts.insert("frame.js".into(), read(&root().join(FRAME))?);
    let mut scripts = minified(scripts, mode)?;
    names.extend([
        place("__REJOIN_CLIENT__", "panel", "js", scripts.remove("client.js").unwrap_or_default()),
        place("__REJOIN_FRAME__", "frame", "js", scripts.remove("frame.js").unwrap_or_default()),
        place("__REJOIN_WASM__", "panel", "wasm", client.wasm.clone()),
        place("__REJOIN_LINK__", "link", "js", package.script.clone()),
        place("__REJOIN_LINK_WASM__", "link", "wasm", package.wasm.clone()),
    ]);

    let mut pages = Tree::new();
    let loader = root().join(LOADER);
    if loader.exists() {
        pages.insert("widget.js".into(), read(&loader)?);
    } else {
        eprintln!("warning: {LOADER} is not there; the tree has no widget.js");
    }
    let site = root().join(SITE);
    if site.is_dir() {
        gather(&site, "", &mut pages)?;
    } else {
        eprintln!("warning: {SITE} is not there; the tree has no pages");
    }
    for (path, content) in &mut pages {
        if is_text(path) {
            *content = named(path, content, &names)?;
        }
    }
    tree.append(&mut minified(pages, mode)?);
    compress(&mut tree, mode)?;
    sync(&tree, &root().join("dist/www"))
}

/// Puts the paths of the hashed assets in place of the words that stand for them.
fn named(path: &str, content: &[u8], names: &Names) -> Result<Vec<u8>> {
    let text =
        std::str::from_utf8(content).map_err(|error| Failure::new(format!("{SITE}/{path} is not UTF-8: {error}")))?;
    let text = names.iter().fold(text.to_owned(), |text, (word, name)| text.replace(word, name));
    if let Some(at) = text.find("__REJOIN_") {
        let word: String = text[at..].chars().take(30).collect();
        return Err(Failure::new(format!("{path} names an asset that does not exist: {word}…")));
    }
    Ok(text.into_bytes())
}

/// Minifies the scripts and style sheets of a tree, all in one Node process.
fn minified(mut tree: Tree, mode: Mode) -> Result<Tree> {
    if mode == Mode::Dev {
        return Ok(tree);
    }
    let mut jobs = Vec::new();
    for (path, content) in &tree {
        if path.ends_with(".js") || path.ends_with(".mjs") || path.ends_with(".css") {
            jobs.push(json!({ "path": path, "code": String::from_utf8_lossy(content) }));
        }
    }
    if jobs.is_empty() {
        return Ok(tree);
    }
    for (path, code) in minify(&Value::Array(jobs))? {
        tree.insert(path, code.into_bytes());
    }
    Ok(tree)
}

fn minify(jobs: &Value) -> Result<BTreeMap<String, String>> {
    let broken = |error: String| Failure::new(format!("minify.mjs: {error}"));
    let mut child = node("xtask/minify.mjs")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| broken(error.to_string()))?;
    // The script reads to the end before it writes, so the two pipes cannot block each other.
    if let Some(mut input) = child.stdin.take() {
        input.write_all(jobs.to_string().as_bytes()).map_err(|error| broken(error.to_string()))?;
    }
    let output = child.wait_with_output().map_err(|error| broken(error.to_string()))?;
    if !output.status.success() {
        return Err(Failure::new("a script or style sheet cannot be minified (see above)"));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| broken(error.to_string()))
}

/// Adds a `.br` beside every file that gains from it.
fn compress(tree: &mut Tree, mode: Mode) -> Result<()> {
    let quality = match mode {
        Mode::Release => 11,
        Mode::Dev => 5,
    };
    let mut smaller = Tree::new();
    for (path, content) in tree.iter().filter(|(path, _)| is_compressible(path)) {
        smaller.insert(format!("{path}.br"), brotli(content, quality)?);
    }
    tree.append(&mut smaller);
    Ok(())
}

fn is_text(path: &str) -> bool {
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
    let binary = matches!(extension, Some("ico" | "map" | "ttf" | "wasm"));
    is_compressible(path) && !binary
}

/// Adds every file below `folder`, under `prefix`.
fn gather(folder: &Path, prefix: &str, tree: &mut Tree) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|error| Failure::at(folder, error))? {
        let entry = entry.map_err(|error| Failure::at(folder, error))?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| Failure::at(&path, "the name is not UTF-8"))?;
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            gather(&path, &format!("{prefix}{name}/"), tree)?;
        } else {
            tree.insert(format!("{prefix}{name}"), read(&path)?);
        }
    }
    Ok(())
}

/// Makes `folder` hold exactly the tree, touching only what differs.
fn sync(tree: &Tree, folder: &Path) -> Result<()> {
    for (path, content) in tree {
        let path = folder.join(path);
        if fs::read(&path).is_ok_and(|there| there == *content) {
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| Failure::at(parent, error))?;
        }
        fs::write(&path, content).map_err(|error| Failure::at(&path, error))?;
    }
    let mut there = Tree::new();
    gather(folder, "", &mut there)?;
    for path in there.keys().filter(|path| !tree.contains_key(*path)) {
        let path = folder.join(path);
        fs::remove_file(&path).map_err(|error| Failure::at(&path, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        vec![
            ("__REJOIN_WASM__", "/assets/client-2.wasm".into()),
            ("__REJOIN_LINK__", "/assets/link-3.js".into()),
            ("__REJOIN_LINK_WASM__", "/assets/link-4.wasm".into()),
        ]
    }

    #[test]
    fn the_words_for_assets_become_their_paths() {
        let page = b"import '__REJOIN_LINK__'; init('__REJOIN_LINK_WASM__'); '__REJOIN_WASM__'";
        assert_eq!(
            named("page.js", page, &names()).unwrap(),
            b"import '/assets/link-3.js'; init('/assets/link-4.wasm'); '/assets/client-2.wasm'"
        );
    }

    #[test]
    fn a_word_for_an_asset_that_does_not_exist_is_refused() {
        let error = named("page.js", b"import '__REJOIN_LINC__'", &names()).unwrap_err();
        assert!(error.message().contains("__REJOIN_LINC__"), "{}", error.message());
    }

    #[test]
    fn writing_the_tree_touches_only_what_differs_and_removes_the_rest() {
        let folder = std::env::temp_dir().join(format!("rejoin-www-{}", std::process::id()));
        let tree =
            |rows: &[(&str, &str)]| -> Tree { rows.iter().map(|&(path, text)| (path.into(), text.into())).collect() };
        sync(&tree(&[("a/same.js", "1"), ("old.js", "2"), ("b.js", "3")]), &folder).unwrap();
        let time = || fs::metadata(folder.join("a/same.js")).unwrap().modified().unwrap();
        let before = time();
        sync(&tree(&[("a/same.js", "1"), ("b.js", "4")]), &folder).unwrap();
        assert_eq!(time(), before);
        assert_eq!(fs::read(folder.join("b.js")).unwrap(), b"4");
        assert!(!folder.join("old.js").exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
