//! The schema of the database file, and how older ones become this one.

use rusqlite::{Connection, TransactionBehavior};

use super::{OpenError, hashes};
use crate::credentials;

/// Marks a file as Rejoin's: `RJON`.
pub(super) const APPLICATION_ID: i64 = 0x524A_4F4E;

/// Every migration, in order; the version of a file is how many of them it has seen.
const MIGRATIONS: [Migration; 12] = [
    Migration { sql: include_str!("../../../migrations/0001_start.sql"), then: |_| Ok(()) },
    Migration { sql: include_str!("../../../migrations/0002_hashes.sql"), then: hashes::fill },
    Migration { sql: include_str!("../../../migrations/0003_metrics.sql"), then: |_| Ok(()) },
    Migration { sql: include_str!("../../../migrations/0004_hours.sql"), then: |_| Ok(()) },
    Migration { sql: include_str!("../../../migrations/0005_identity.sql"), then: |_| Ok(()) },
    Migration { sql: include_str!("../../../migrations/0006_contacts.sql"), then: |_| Ok(()) },
    Migration { sql: include_str!("../../../migrations/0007_files.sql"), then: |_| Ok(()) },
    Migration { sql: include_str!("../../../migrations/0008_avatars.sql"), then: |_| Ok(()) },
    Migration { sql: include_str!("../../../migrations/0009_file_ids.sql"), then: |_| Ok(()) },
    Migration { sql: include_str!("../../../migrations/0010_visitors_go.sql"), then: |_| Ok(()) },
    Migration { sql: include_str!("../../../migrations/0011_locale.sql"), then: |_| Ok(()) },
    Migration { sql: include_str!("../../../migrations/0012_operator_tokens.sql"), then: |_| Ok(()) },
];

/// One step from an older schema to a newer one.
struct Migration {
    sql: &'static str,
    /// What SQL cannot do.
    then: fn(&Connection) -> rusqlite::Result<()>,
}

/// The version that this program speaks.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// What a file says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) application_id: i64,
    pub(super) version: i64,
    tables: i64,
}

impl Stamp {
    /// Reads the stamp of a file.
    pub(super) fn read(conn: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            application_id: conn.query_row("PRAGMA application_id", [], |row| row.get(0))?,
            version: conn.query_row("PRAGMA user_version", [], |row| row.get(0))?,
            tables: conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?,
        })
    }

    const fn is_empty(self) -> bool {
        self.tables == 0 && self.version == 0 && self.application_id == 0
    }

    /// Returns whether an older release has written the file.
    pub(super) const fn is_older(self) -> bool {
        0 < self.version && self.version < VERSION
    }

    /// Refuses a file that is not Rejoin's, or that a newer program has written.
    pub(super) fn check(self) -> Result<(), OpenError> {
        if !self.is_empty() && self.application_id != APPLICATION_ID {
            return Err(OpenError::Foreign);
        }
        if self.version > VERSION {
            return Err(OpenError::Newer { found: self.version, known: VERSION });
        }
        Ok(())
    }
}

/// Brings the file to this program's schema.
///
/// # Errors
/// [`OpenError::Newer`] and [`OpenError::Foreign`] before anything is touched.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), OpenError> {
    // A server and a command may come here at once: the second one finds the work done.
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let stamp = Stamp::read(&transaction)?;
    stamp.check()?;
    let seen = usize::try_from(stamp.version).unwrap_or_default();
    for migration in MIGRATIONS.iter().skip(seen) {
        transaction.execute_batch(migration.sql)?;
        (migration.then)(&transaction)?;
    }
    if seen < MIGRATIONS.len() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    if seen == 0 {
        transaction.execute("INSERT INTO meta (id, epoch) VALUES (1, ?1)", [credentials::epoch()?])?;
    }
    transaction.commit()?;
    Ok(())
}
