//! Disks of our own, to fill and to cut the power of; they need root, and say so where there is none.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;

use super::scenario::Stop;
use crate::app::directory;

/// A file system; it is let go of when this is dropped.
#[derive(Debug)]
pub struct Disk {
    /// Where it is mounted.
    pub mount: PathBuf,
    /// The medium of a file system on a loop device; none of one in memory.
    image: Option<PathBuf>,
    _directory: TempDir,
}

/// What the file system is told for its power to be cut: nothing that is not on the medium yet gets there
/// (`EXT4_IOC_SHUTDOWN` with `NOLOGFLUSH`, as xfstests does it).
const SHUT_DOWN: &str = "open(my $f, '<', $ARGV[0]) or die \"$!\"; my $how = pack('L', 2); \
                         ioctl($f, 0x8004587d, $how) or die \"$!\";";

impl Disk {
    /// Makes a small file system in memory.
    ///
    /// # Errors
    /// [`Stop::Skipped`] where this machine cannot.
    pub async fn small(mebibytes: u32) -> Result<Self, Stop> {
        let disk = Self::empty(None)?;
        let size = format!("size={mebibytes}m");
        run("mount", &["-t", "tmpfs", "-o", &size, "none", &disk.mount()]).await.map_err(Stop::Skipped)?;
        Ok(disk)
    }

    /// Makes an ext4 file system on a loop device.
    ///
    /// # Errors
    /// [`Stop::Skipped`] where this machine cannot.
    pub async fn ext4(mebibytes: u64) -> Result<Self, Stop> {
        let directory = directory();
        let image = directory.path().join("image");
        let made = fs::File::create(&image).and_then(|file| file.set_len(mebibytes << 20));
        made.map_err(|error| error.to_string())?;
        let options = ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", &image.to_string_lossy()];
        run("mkfs.ext4", &options).await.map_err(Stop::Skipped)?;
        let disk = Self::empty(Some((image, directory)))?;
        disk.put_in().await.map_err(Stop::Skipped)?;
        Ok(disk)
    }

    fn empty(image: Option<(PathBuf, TempDir)>) -> Result<Self, Stop> {
        let (image, directory) = match image {
            Some((image, directory)) => (Some(image), directory),
            None => (None, directory()),
        };
        let mount = directory.path().join("mount");
        fs::create_dir(&mount).map_err(|error| error.to_string())?;
        Ok(Self { mount, image, _directory: directory })
    }

    /// Returns the data directory on it.
    pub fn data(&self) -> PathBuf {
        self.mount.join("data")
    }

    /// Takes all room that is left; returns how much it was.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn fill(&self) -> Result<u64, String> {
        let mut file = fs::File::create(self.filler()).map_err(|error| error.to_string())?;
        let mut filled = 0;
        // Down to the last page.
        for bytes in [1 << 20, 4_096] {
            let chunk = vec![0xa5; bytes];
            while file.write_all(&chunk).is_ok() {
                filled += bytes as u64;
            }
        }
        Ok(filled)
    }

    /// Gives the room back.
    pub fn empty_again(&self) {
        let _it_may_not_be_there = fs::remove_file(self.filler());
    }

    /// Cuts the power.
    ///
    /// # Errors
    /// The system does not do that.
    pub async fn cut(&self) -> Result<(), String> {
        let file = self.data().join("rejoin.db");
        run("perl", &["-e", SHUT_DOWN, &file.to_string_lossy()]).await
    }

    /// Takes the medium out and puts it in again; nobody may use it.
    ///
    /// # Errors
    /// It cannot be mounted any more.
    pub async fn put_in_again(&self) -> Result<(), String> {
        run("umount", &[&self.mount()]).await?;
        self.put_in().await
    }

    async fn put_in(&self) -> Result<(), String> {
        let image = self.image.as_ref().map(|image| image.to_string_lossy().into_owned()).unwrap_or_default();
        run("mount", &["-o", "loop", &image, &self.mount()]).await
    }

    fn mount(&self) -> String {
        self.mount.to_string_lossy().into_owned()
    }

    fn filler(&self) -> PathBuf {
        self.mount.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _it_may_not_be_mounted =
            std::process::Command::new("umount").arg("-l").arg(&self.mount).stderr(Stdio::null()).status();
    }
}

/// Runs a program of the system to its end.
///
/// # Errors
/// What it says.
pub async fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().await;
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("{program}: {}", if said.is_empty() { output.status.to_string() } else { said }))
}

/// Returns where the library is that lies about the time.
pub fn lying_clock() -> Option<PathBuf> {
    let machines = fs::read_dir("/usr/lib").ok()?;
    let places = machines.flatten().map(|machine| machine.path().join("faketime/libfaketime.so.1"));
    places.into_iter().find(|place: &PathBuf| Path::is_file(place))
}
