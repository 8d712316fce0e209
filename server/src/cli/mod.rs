//! The command line.

mod assistant;
mod backup;
mod failure;
mod identity;
mod operator;
mod serve;
mod site;
mod supervise;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{DataConfig, ServeConfig};

/// Live chat for websites, with a link that rejoins by itself.
#[derive(Debug, Parser)]
#[command(name = "rejoin", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    data: DataConfig,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(Box<ServeConfig>),
    /// Websites that embed the widget
    #[command(subcommand)]
    Site(site::SiteCommand),
    /// Automatic assistants
    #[command(subcommand)]
    Assistant(assistant::AssistantCommand),
    /// People who answer
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    /// Copy the whole database into a new file; a server may run meanwhile
    Backup(backup::BackupArgs),
    /// Put a backup in the place of the database; no server may run
    Restore(backup::RestoreArgs),
    /// Read the whole database and say whether it is sound
    Check,
}

/// Runs the command that the arguments name: 0 when it is done, 1 when it failed, 2 when it cannot be understood.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way, too, and go to stdout.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _closed = error.print();
            return ExitCode::from(code);
        }
    };
    let data = &cli.data;
    let result = match cli.command {
        Command::Serve(config) => serve::run(data, *config),
        Command::Site(command) => command.run(data),
        Command::Assistant(command) => command.run(data),
        Command::Operator(command) => command.run(data),
        Command::Backup(args) => args.run(data),
        Command::Restore(args) => args.run(data),
        Command::Check => backup::check(data),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests;
