//! Why a command failed, for the person who gave it.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use crate::credentials::{RandomError, SecretError};
use crate::store::StoreError;
use crate::store::sqlite::{BackupError, OpenError};

/// The code of options that cannot be used.
pub(super) const USAGE: i32 = 2;

/// The code of a server that may start when the disk has room again.
pub(super) const PASSING: i32 = 75;

/// Why a command failed.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// A command that was understood and could not be done.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    /// An option whose value cannot be used.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    /// A server that a supervisor started has said itself why it cannot run.
    pub(super) fn child(code: i32) -> Self {
        let message = "the server cannot start, for the reason above: not trying again".into();
        Self { message, code: u8::try_from(code).unwrap_or(1) }
    }

    /// The address cannot be listened on.
    pub(super) fn bind(address: SocketAddr, error: &io::Error) -> Self {
        let port = address.port();
        let kind = error.kind();
        if kind == io::ErrorKind::AddrInUse {
            return Self::new(format!(
                "port {port} is in use: another program listens on {address}; end it, or choose another port with \
                 --port (0 takes a free one)"
            ));
        }
        if kind == io::ErrorKind::AddrNotAvailable {
            return Self::new(format!("{} is no address of this machine: choose another with --host", address.ip()));
        }
        if kind == io::ErrorKind::PermissionDenied {
            return Self::new(format!("this user may not listen on port {port}: choose one above 1023 with --port"));
        }
        Self::new(format!("cannot listen on {address}: {error}"))
    }

    /// The store could not go on while the server ran.
    pub(super) fn store(error: &StoreError) -> Self {
        let advice = match error {
            StoreError::Corrupt { .. } => "keep a copy of the data directory, then `rejoin restore` the last backup",
            StoreError::DiskFull => "make room, then start again",
            StoreError::Io { .. }
            | StoreError::Locked
            | StoreError::Overloaded { .. }
            | StoreError::Closed
            | StoreError::Internal { .. } => {
                "look at the disk, then start again: what was answered is durable, and pages send again what was not"
            }
        };
        Self { message: format!("{error}; {advice}"), code: 74 }
    }

    /// Tells the person, and returns the code to exit with.
    pub(super) fn report(&self) -> ExitCode {
        eprintln!("error: {}", self.message);
        ExitCode::from(self.code)
    }
}

macro_rules! from {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error.to_string())
            }
        })*
    };
}

from!(BackupError, SecretError, RandomError, io::Error);

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let code = if error.passes() { 75 } else { 1 };
        Self { message: error.to_string(), code }
    }
}
