//! The secret that a server makes for itself at its first start.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::random;

/// The file in the data directory.
const FILE: &str = "secret";

/// Characters that a secret has at least.
const LEAST_CHARS: usize = 32;

/// Parts of secrets that people copy from examples and forget.
const EXAMPLES: [&str; 9] = [
    "changeme",
    "change-me",
    "change_me",
    "example",
    "your-secret",
    "your_secret",
    "password",
    "placeholder",
    "insecure",
];

/// The server's own secret, from which all its keys are derived.
pub struct ServerSecret {
    secret: Vec<u8>,
}

/// Why there is no secret to start with.
#[derive(Debug)]
pub enum SecretError {
    /// The file cannot be read or made.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Others than its owner can read the file.
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// It is too short, or taken from an example.
    Weak,
    /// The system has no randomness to give.
    Random(random::RandomError),
}

impl ServerSecret {
    /// Takes a secret that all nodes of an installation share.
    ///
    /// # Errors
    /// [`SecretError::Weak`] for less than 32 characters, for fewer than ten different ones, and for example values.
    pub fn from_text(text: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        let mut seen: Vec<u8> = lower.bytes().collect();
        seen.sort_unstable();
        seen.dedup();
        if text.len() < LEAST_CHARS || seen.len() < 10 || EXAMPLES.iter().any(|example| lower.contains(example)) {
            return Err(SecretError::Weak);
        }
        Ok(Self { secret: text.as_bytes().to_vec() })
    }

    /// Reads the secret of a data directory, and makes it at the first start, readable by its owner only.
    ///
    /// # Errors
    /// When the file can neither be read nor made, or is not fit to be a secret.
    pub fn open(data: &Path) -> Result<Self, SecretError> {
        let path = data.join(FILE);
        let failed = |error| SecretError::Io { path: path.clone(), error };
        match fs::metadata(&path) {
            Ok(meta) if meta.permissions().mode() & 0o077 != 0 => return Err(SecretError::Exposed { path }),
            Ok(_) => return Self::from_text(&fs::read_to_string(&path).map_err(failed)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let text = BASE64_URL_SAFE_NO_PAD.encode(random::bytes::<32>().map_err(SecretError::Random)?);
        // Two commands may come here at once: each writes a file of its own, and the first one to be linked stays.
        let mine = data.join(format!("{FILE}.{}", std::process::id()));
        write_private(&mine, &text).map_err(failed)?;
        let linked = fs::hard_link(&mine, &path);
        fs::remove_file(&mine).map_err(failed)?;
        match linked {
            Ok(()) => fs::File::open(data).and_then(|dir| dir.sync_all()).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        Self::from_text(&fs::read_to_string(&path).map_err(failed)?)
    }

    /// Derives the key for one purpose; keys of different purposes tell nothing about each other.
    pub(crate) fn key(&self, purpose: &str) -> [u8; 32] {
        let mut mac = mac(&self.secret);
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for ServerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Returns an HMAC-SHA-256 with this key.
pub(crate) fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => {
                write!(f, "cannot read or make {}: {error}; is the data directory writable for this user?", path.display())
            }
            Self::Exposed { path } => {
                write!(f, "others can read {}: run `chmod 600 {}`", path.display(), path.display())
            }
            Self::Weak => f.write_str(
                "the server's secret is too short or taken from an example: use 32 random characters or more, or remove \
                 it and let the server make its own",
            ),
            Self::Random(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SecretError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let key = ServerSecret::open(directory.path()).unwrap().key("a");
        assert_eq!(ServerSecret::open(directory.path()).unwrap().key("a"), key);
        assert_ne!(ServerSecret::open(directory.path()).unwrap().key("b"), key);
        let file = directory.path().join(FILE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(ServerSecret::open(other.path()).unwrap().key("a"), key, "each server has its own");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(ServerSecret::open(directory.path()), Err(SecretError::Exposed { .. })));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn example_values_are_no_secrets() {
        let rows = [
            ("", false),
            ("secret", false),
            ("changeme", false),
            ("your-secret-key-here-at-least-32-characters", false),
            ("please CHANGE-ME before going to production", false),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("0123456789012345678901234567890", false),
            ("wB3xN8mQ2pL7vK1cR9sT4yH6jF0gD5aZ", true),
            ("  wB3xN8mQ2pL7vK1cR9sT4yH6jF0gD5aZ\n", true),
        ];
        for (text, good) in rows {
            assert_eq!(ServerSecret::from_text(text).is_ok(), good, "{text:?}");
        }
    }
}
