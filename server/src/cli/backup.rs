//! `rejoin backup`, `rejoin restore` and `rejoin check`.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use crate::config::DataConfig;
use crate::store::sqlite::{Admin, Census, restore};

#[derive(Args, Debug)]
pub(super) struct BackupArgs {
    /// The file to be made
    file: PathBuf,
}

#[derive(Args, Debug)]
pub(super) struct RestoreArgs {
    /// A file that `rejoin backup` made
    file: PathBuf,
}

impl BackupArgs {
    pub(super) fn run(self, data: &DataConfig) -> Result<(), Failure> {
        let census = data.admin()?.back_up(&self.file)?;
        println!("copied {} to {}", count(census), self.file.display());
        Ok(())
    }
}

impl RestoreArgs {
    pub(super) fn run(self, data: &DataConfig) -> Result<(), Failure> {
        let census = restore(&data.data, &self.file)?;
        println!("restored {}; at its next visit every page starts anew from this log", count(census));
        Ok(())
    }
}

/// Reads the whole database and says whether it is sound, and whether the files of its messages are there.
pub(super) fn check(data: &DataConfig) -> Result<(), Failure> {
    let admin = data.admin()?;
    let census = admin.check()?;
    let files = admin.check_files()?;
    println!("sound: {}, {files} files", count(census));
    Ok(())
}

impl DataConfig {
    /// Opens a database that must be there.
    pub(super) fn admin(&self) -> Result<Admin, Failure> {
        if !Admin::exists(&self.data) {
            return Err(Failure::new(format!(
                "there is no database in {}: name its directory with --data",
                self.data.display()
            )));
        }
        Ok(Admin::open(&self.data)?)
    }
}

fn count(census: Census) -> String {
    format!("{} sites, {} dialogs, {} messages", census.sites, census.dialogs, census.messages)
}
