//! Passwords, kept as argon2id.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use protocol::Secret;
use tokio::sync::Semaphore;

/// Characters that a password has at least.
pub(crate) const LEAST_CHARS: usize = 10;

/// The longest password that is looked at, in bytes.
const LONGEST_BYTES: usize = 1024;

/// Checks that may run at once: each takes 19 MiB of memory and some 20 ms of a core.
const AT_ONCE: usize = 2;

/// Checks that may wait.
const WAITING: usize = 64;

/// A hash of nothing that anybody knows, so that an unknown operator takes as long as a wrong password.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IG9mIDE2$R9y3cHIzKqSGwVVE3qTm5X1F5bL7tqyqRvJ1kZz9b1s";

/// Checks passwords, a few at once.
#[derive(Debug)]
pub struct Passwords {
    running: Semaphore,
    waiting: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { running: Semaphore::new(AT_ONCE), waiting: Semaphore::new(AT_ONCE + WAITING) }
    }
}

/// More checks of passwords wait than the server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

impl Passwords {
    /// Returns the hash to keep, as a PHC string; it takes some 20 ms.
    ///
    /// Returns nothing for a password of fewer than ten characters, or of more than 1024 bytes.
    pub fn hash(password: &str) -> Option<Secret> {
        if password.chars().count() < LEAST_CHARS || password.len() > LONGEST_BYTES {
            return None;
        }
        let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes()).ok()?;
        Some(Secret::new(hash.to_string()))
    }

    /// Returns whether the password is the one that was hashed; nobody's hash is none.
    pub(super) async fn verify(&self, password: String, hash: Option<Secret>) -> Result<bool, Busy> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Busy)?;
        let _running = self.running.acquire().await.map_err(|_| Busy)?;
        let check = move || {
            let hash = hash.as_ref();
            let matches = matches(&password, hash.map_or(NOBODY, Secret::expose));
            matches && hash.is_some()
        };
        tokio::task::spawn_blocking(check).await.map_err(|_| Busy)
    }
}

fn matches(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    password.len() <= LONGEST_BYTES && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_is_taken() {
        let passwords = Passwords::default();
        let hash = Passwords::hash("correct horse").unwrap();
        assert!(hash.expose().starts_with("$argon2id$"));
        assert_eq!(passwords.verify("correct horse".into(), Some(hash.clone())).await, Ok(true));
        assert_eq!(passwords.verify("Correct horse".into(), Some(hash.clone())).await, Ok(false));
        assert_eq!(passwords.verify(String::new(), Some(hash)).await, Ok(false));
        assert_eq!(passwords.verify("correct horse".into(), None).await, Ok(false));
    }

    #[test]
    fn nobodys_hash_takes_as_long_as_any_other() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let hash = Passwords::hash("correct horse").unwrap();
        let somebody = PasswordHash::new(hash.expose()).unwrap();
        assert_eq!(nobody.params, somebody.params);
        assert_eq!(nobody.algorithm, somebody.algorithm);
    }

    #[test]
    fn short_and_huge_passwords_are_not_kept() {
        assert_eq!(Passwords::hash("123456789"), None);
        assert_eq!(Passwords::hash(&"x".repeat(1025)), None);
    }
}
