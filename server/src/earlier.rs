//! The hashed assets of earlier builds, so that a page that was loaded before a deploy still gets what it names.
//!
//! A page asks for its client when somebody reaches for the launcher, and for the link when somebody writes: hours after it was
//! loaded, perhaps from a build before this one. So every build leaves its assets in the data folder when it starts.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::assets::{self, Kept};

/// Where they are, in the data folder.
const FOLDER: &str = "assets";
/// A build that has not run for so long is forgotten: no page stays open for longer and is still used.
const KEPT_FOR: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// The assets of all builds that have run lately.
#[derive(Debug)]
pub(crate) struct Earlier {
    folder: PathBuf,
}

impl Earlier {
    /// Leaves the assets of this build in the data folder, and forgets those of builds that have not run for long.
    ///
    /// What cannot be written is only logged: it would be missed after the next deploy, and not before.
    pub(crate) fn keep(data: &Path) -> Self {
        let earlier = Self { folder: data.join(FOLDER) };
        if let Err(error) = earlier.write(assets::hashed()).and_then(|()| earlier.forget(SystemTime::now())) {
            tracing::warn!(%error, "the web assets of this build cannot be kept for pages that outlive it");
        }
        earlier
    }

    fn write<'a>(&self, assets: impl Iterator<Item = (&'a str, &'a [u8], Option<&'a [u8]>)>) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        for (name, content, brotli) in assets {
            if let Some(brotli) = brotli {
                self.write_one(&format!("{name}.br"), brotli)?;
            }
            self.write_one(name, content)?;
        }
        Ok(())
    }

    fn write_one(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.folder.join(name);
        // A name stands for its content; only a write that was cut short has another length.
        if fs::metadata(&path).is_ok_and(|there| there.len() == content.len() as u64) {
            File::options().append(true).open(&path)?.set_modified(SystemTime::now())
        } else {
            fs::write(&path, content)
        }
    }

    fn forget(&self, now: SystemTime) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let age = now.duration_since(entry.metadata()?.modified()?).unwrap_or_default();
            if age > KEPT_FOR {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Reads the asset with this path in the tree, if an earlier build had it.
    pub(crate) async fn find(&self, path: &str) -> Option<Kept> {
        let name = path.strip_prefix("assets/").filter(|name| is_hashed(name))?;
        let (file, smaller) = (self.folder.join(name), self.folder.join(format!("{name}.br")));
        let read = move || Some((fs::read(file).ok()?, fs::read(smaller).ok()));
        let (content, brotli) = tokio::task::spawn_blocking(read).await.ok()??;
        Some(Kept { path: path.to_owned(), content, brotli })
    }
}

/// Says whether it is a name such as `client-0123abcd.wasm`, and no way out of the folder.
fn is_hashed(name: &str) -> bool {
    let Some((stem, "js" | "wasm")) = name.split_once('.') else { return false };
    let Some((word, hash)) = stem.rsplit_once('-') else { return false };
    let is_lower = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
    is_lower(word) && hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_one_build_leaves_the_next_one_finds() {
        let data = tempfile::tempdir().unwrap();
        let earlier = Earlier { folder: data.path().join(FOLDER) };
        earlier.write([("client-0123abcd.wasm", b"\0asm".as_slice(), Some(b"br".as_slice()))].into_iter()).unwrap();
        let kept = Earlier::keep(data.path()).find("assets/client-0123abcd.wasm").await.unwrap();
        assert_eq!((kept.content, kept.brotli), (b"\0asm".to_vec(), Some(b"br".to_vec())));
        assert!(earlier.find("assets/client-0123abce.wasm").await.is_none());
    }

    #[tokio::test]
    async fn a_write_that_was_cut_short_is_made_good() {
        let data = tempfile::tempdir().unwrap();
        let earlier = Earlier { folder: data.path().join(FOLDER) };
        earlier.write([("panel-00000000.js", b"ex".as_slice(), None)].into_iter()).unwrap();
        earlier.write([("panel-00000000.js", b"export".as_slice(), None)].into_iter()).unwrap();
        assert_eq!(earlier.find("assets/panel-00000000.js").await.unwrap().content, b"export");
    }

    #[test]
    fn builds_that_have_not_run_for_long_are_forgotten() {
        let data = tempfile::tempdir().unwrap();
        let earlier = Earlier { folder: data.path().join(FOLDER) };
        earlier.write([("panel-00000000.js", b"1".as_slice(), None)].into_iter()).unwrap();
        let there = || earlier.folder.join("panel-00000000.js").exists();
        earlier.forget(SystemTime::now() + KEPT_FOR - Duration::from_secs(60)).unwrap();
        assert!(there());
        earlier.forget(SystemTime::now() + KEPT_FOR + Duration::from_secs(60)).unwrap();
        assert!(!there());
    }

    #[test]
    fn only_names_with_a_hash_are_looked_for() {
        for name in ["client-0123abcd.wasm", "panel-ffffffff.js"] {
            assert!(is_hashed(name), "{name}");
        }
        let tricks = [
            "",
            "../rejoin.db",
            "..",
            "client-0123abcd.wasm.br",
            "client-0123abc.js",
            "c/d-0123abcd.js",
            "-0123abcd.js",
            ".js",
        ];
        for name in tricks {
            assert!(!is_hashed(name), "{name}");
        }
    }
}
