//! What commands do to the database, beside a running server or without one: short transactions of their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::Secret;
use rusqlite::{Connection, TransactionBehavior, params};
use server_core::Millis;
use server_core::access::{Sites, VisitorAuth};
use server_core::origin::Pattern;

use super::{OpenError, hashes, open, row};
use crate::files::FOLDER;
use crate::hours::{Week, Zone};
use crate::store::{Assistant, CannedAnswer, FileKinds, Files, Identity, Metrics, Operator, Site};

/// A connection for commands; a running server sees each change with its next read.
#[derive(Debug)]
pub struct Admin {
    data: PathBuf,
    conn: Connection,
}

/// A site to be made.
#[derive(Clone, Debug)]
pub struct NewSite {
    /// Its number, where it must be a certain one; a site that has it already is changed.
    pub id: Option<u64>,
    /// Its public name in a page.
    pub token: String,
    /// The name in the widget's header.
    pub name: String,
    /// The welcome message; empty: none.
    pub welcome: String,
    /// The accent colour, `#rrggbb`.
    pub color: String,
    /// How its visitors prove who they are.
    pub visitor_auth: VisitorAuth,
    /// Whether its clients tell how good their links are.
    pub metrics: Metrics,
    /// When somebody is there to answer; always where none are named.
    pub hours: Option<Week>,
    /// Where the clocks of these hours are.
    pub zone: Zone,
    /// What the widget says while nobody is there.
    pub away: String,
    /// The files that may be sent in its dialogs.
    pub files: Files,
    /// The language of the panel where a page names none that is spoken; empty: the visitor's own.
    pub locale: String,
    /// Pages that may embed the widget.
    pub origins: Vec<Pattern>,
}

/// An assistant to be made.
#[derive(Clone, Debug)]
pub struct NewAssistant {
    /// Its number, where it must be a certain one; an assistant that has it already is changed.
    pub id: Option<u64>,
    /// The site whose visitors it answers.
    pub site_id: u64,
    /// Its shown name.
    pub name: String,
    /// What it says when it knows no answer.
    pub fallback: String,
    /// What it knows.
    pub answers: Vec<CannedAnswer>,
}

/// An operator to be made.
#[derive(Clone, Debug)]
pub struct NewOperator {
    /// The address to log in with; one that is there already gets the rest anew.
    pub email: String,
    /// Its shown name.
    pub name: String,
    /// The hash of its password.
    pub password_hash: protocol::Secret,
    /// The sites it may see.
    pub sites: Sites,
}

/// How much is in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Sites.
    pub sites: u64,
    /// Dialogs that were not deleted.
    pub dialogs: u64,
    /// Messages.
    pub messages: u64,
}

impl Admin {
    /// Opens the database of a data directory, and makes it at the first time.
    ///
    /// One of an older release is brought up to date, unless a server runs on it: that one does not know the new schema.
    ///
    /// # Errors
    /// [`OpenError`] says what to do.
    pub fn open(data: &Path) -> Result<Self, OpenError> {
        open::make_directory(data)?;
        Ok(Self { data: data.to_owned(), conn: open::open(data, None)? })
    }

    /// Returns whether a data directory has a database.
    pub fn exists(data: &Path) -> bool {
        data.join(open::DATABASE).exists()
    }

    /// Makes a site, or changes the one that has its number.
    ///
    /// # Errors
    /// Those of the database.
    pub fn put_site(&mut self, site: &NewSite) -> Result<Site, OpenError> {
        let auth = match site.visitor_auth {
            VisitorAuth::Key => "key",
            VisitorAuth::Open => "open",
        };
        let files = match site.files.kinds {
            FileKinds::Off => "off",
            FileKinds::Images => "images",
            FileKinds::On => "on",
        };
        let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id: u64 = transaction.query_row(
            "INSERT INTO sites (id, token, name, welcome, color, visitor_auth, metrics, hours, time_zone, away, files, file_mb, locale) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
             ON CONFLICT (id) DO UPDATE SET token = excluded.token, name = excluded.name, \
             welcome = excluded.welcome, color = excluded.color, visitor_auth = excluded.visitor_auth, \
             metrics = excluded.metrics, hours = excluded.hours, time_zone = excluded.time_zone, \
             away = excluded.away, files = excluded.files, file_mb = excluded.file_mb, locale = excluded.locale RETURNING id",
            params![
                site.id,
                site.token,
                site.name,
                site.welcome,
                site.color,
                auth,
                site.metrics == Metrics::On,
                site.hours.as_ref().map(ToString::to_string).unwrap_or_default(),
                site.zone.to_string(),
                site.away,
                files,
                site.files.most_mb,
                site.locale
            ],
            |row| row.get(0),
        )?;
        transaction.execute("DELETE FROM origins WHERE site_id = ?1", [id])?;
        for origin in &site.origins {
            transaction.execute(
                "INSERT INTO origins (site_id, pattern) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                params![id, origin.to_string()],
            )?;
        }
        transaction.commit()?;
        let site = row::site_by_id(&self.conn, id)?;
        site.map(Arc::unwrap_or_clone).ok_or(OpenError::Foreign)
    }

    /// Returns the site with this token.
    ///
    /// # Errors
    /// Those of the database.
    pub fn site(&self, token: &str) -> Result<Option<Site>, OpenError> {
        Ok(row::site_by_token(&self.conn, token)?.map(Arc::unwrap_or_clone))
    }

    /// Says whether the visitors of a site must say who they are.
    ///
    /// # Errors
    /// Those of the database.
    pub fn set_identity(&self, site_id: u64, identity: Identity) -> Result<(), OpenError> {
        let sql = "UPDATE sites SET identity_required = ?2 WHERE id = ?1";
        self.conn.execute(sql, params![site_id, identity == Identity::Required])?;
        Ok(())
    }

    /// Gives a site one more secret for the tokens of its visitors; from now on it is the one to sign with.
    ///
    /// # Errors
    /// Those of the database.
    pub fn add_identity_secret(&self, site_id: u64, secret: &Secret) -> Result<(), OpenError> {
        let sql = "INSERT INTO identity_secrets (site_id, secret) VALUES (?1, ?2)";
        // Exposed to be kept: it is what tokens are checked with.
        self.conn.execute(sql, params![site_id, secret.expose()])?;
        Ok(())
    }

    /// Takes secrets back, all but the newest `keep`.
    ///
    /// # Errors
    /// Those of the database.
    pub fn drop_identity_secrets(&self, site_id: u64, keep: u32) -> Result<(), OpenError> {
        let sql = "DELETE FROM identity_secrets WHERE site_id = ?1 AND id NOT IN \
                   (SELECT id FROM identity_secrets WHERE site_id = ?1 ORDER BY id DESC LIMIT ?2)";
        self.conn.execute(sql, params![site_id, keep])?;
        Ok(())
    }

    /// Returns all sites.
    ///
    /// # Errors
    /// Those of the database.
    pub fn sites(&self) -> Result<Vec<Site>, OpenError> {
        Ok(row::sites(&self.conn)?)
    }

    /// Makes an assistant, or changes the one that has its number.
    ///
    /// # Errors
    /// Those of the database, also when there is no such site.
    pub fn put_assistant(&mut self, new: &NewAssistant) -> Result<Assistant, OpenError> {
        let answers = serde_json::to_string(&new.answers).unwrap_or_else(|_| "[]".into());
        let id = self.conn.query_row(
            "INSERT INTO assistants (id, site_id, name, fallback, answers) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (id) DO UPDATE SET site_id = excluded.site_id, name = excluded.name, \
             fallback = excluded.fallback, answers = excluded.answers RETURNING id",
            params![new.id, new.site_id, new.name, new.fallback, answers],
            |row| row.get(0),
        )?;
        let assistant = row::assistant(&self.conn, id)?;
        assistant.map(Arc::unwrap_or_clone).ok_or(OpenError::Foreign)
    }

    /// Returns all assistants.
    ///
    /// # Errors
    /// Those of the database.
    pub fn assistants(&self) -> Result<Vec<Assistant>, OpenError> {
        let mut ids = self.conn.prepare("SELECT id FROM assistants ORDER BY id")?;
        let ids: Vec<u64> = ids.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let mut assistants = Vec::new();
        for id in ids {
            assistants.extend(row::assistant(&self.conn, id)?.map(Arc::unwrap_or_clone));
        }
        Ok(assistants)
    }

    /// Makes an operator, or changes the one that has this address.
    ///
    /// # Errors
    /// Those of the database, also when there is no such site.
    pub fn put_operator(&mut self, new: &NewOperator) -> Result<Operator, OpenError> {
        let email = new.email.trim().to_lowercase();
        let all_sites = matches!(new.sites, Sites::All);
        let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id: u64 = transaction.query_row(
            "INSERT INTO operators (email, name, password_hash, all_sites) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (email) DO UPDATE SET name = excluded.name, password_hash = excluded.password_hash, \
             all_sites = excluded.all_sites RETURNING id",
            params![email, new.name, new.password_hash.expose(), all_sites],
            |row| row.get(0),
        )?;
        transaction.execute("DELETE FROM operator_sites WHERE operator_id = ?1", [id])?;
        if let Sites::Only(sites) = &new.sites {
            for site in sites {
                transaction
                    .execute("INSERT INTO operator_sites (operator_id, site_id) VALUES (?1, ?2)", [id, *site])?;
            }
        }
        transaction.commit()?;
        let operator = row::operator_by_id(&self.conn, id)?;
        operator.map(Arc::unwrap_or_clone).ok_or(OpenError::Foreign)
    }

    /// Gives an operator another password; only tokens that name `token_epoch` are good from now on.
    ///
    /// # Errors
    /// Those of the database.
    pub fn set_password(&self, operator_id: u64, hash: &Secret, token_epoch: u64) -> Result<(), OpenError> {
        let sql = "UPDATE operators SET password_hash = ?2, token_epoch = ?3 WHERE id = ?1";
        // Exposed to be kept: it is a hash.
        self.conn.execute(sql, params![operator_id, hash.expose(), token_epoch])?;
        Ok(())
    }

    /// Takes an operator away; what it wrote stays. Its number is never given again.
    ///
    /// # Errors
    /// Those of the database.
    pub fn remove_operator(&self, operator_id: u64) -> Result<(), OpenError> {
        self.conn.execute("DELETE FROM operators WHERE id = ?1", [operator_id])?;
        Ok(())
    }

    /// Gives an operator a picture, or takes it away; returns whether there is such an operator.
    ///
    /// # Errors
    /// Those of the database.
    pub fn set_avatar(&mut self, email: &str, avatar: Option<&[u8]>) -> Result<bool, OpenError> {
        let sql = "UPDATE operators SET avatar = ?2 WHERE email = ?1";
        Ok(self.conn.execute(sql, params![email.trim().to_lowercase(), avatar])? > 0)
    }

    /// Returns the operator with this address.
    ///
    /// # Errors
    /// Those of the database.
    pub fn operator(&self, email: &str) -> Result<Option<Operator>, OpenError> {
        Ok(row::operator_by_email(&self.conn, email)?.map(Arc::unwrap_or_clone))
    }

    /// Returns all operators.
    ///
    /// # Errors
    /// Those of the database.
    pub fn operators(&self) -> Result<Vec<Operator>, OpenError> {
        let mut ids = self.conn.prepare("SELECT id FROM operators ORDER BY id")?;
        let ids: Vec<u64> = ids.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let mut operators = Vec::new();
        for id in ids {
            operators.extend(row::operator_by_id(&self.conn, id)?.map(Arc::unwrap_or_clone));
        }
        Ok(operators)
    }

    /// Makes a dialog with a certain number, unless it is there.
    ///
    /// # Errors
    /// Those of the database, also when there is no such site or assistant.
    pub fn put_dialog(
        &mut self,
        id: u64,
        site_id: u64,
        assistant_id: Option<u64>,
        now: Millis,
    ) -> Result<(), OpenError> {
        self.conn.execute(
            "INSERT INTO dialogs (id, site_id, assistant_id, at, active_s) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (id) DO NOTHING",
            params![id, site_id, assistant_id, now, now / 1000],
        )?;
        Ok(())
    }

    /// Reads the whole database and proves that it is sound: its pages, its indexes, its references, that every
    /// dialog's log is 1, 2, 3 … up to its head, and that its hashes are those of what stands there.
    ///
    /// # Errors
    /// [`OpenError::Corrupt`] says what is wrong.
    pub fn check(&self) -> Result<Census, OpenError> {
        let corrupt = |message: String| Err(OpenError::Corrupt { message });
        let pages: String = self.conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if pages != "ok" {
            return corrupt(pages.replace('\n', " "));
        }
        let mut references = self.conn.prepare("PRAGMA foreign_key_check")?;
        if references.exists([])? {
            return corrupt("a row refers to one that is not there".into());
        }
        drop(references);
        let mut holes = self.conn.prepare(
            "SELECT d.id FROM dialogs d LEFT JOIN (SELECT dialog_id, count(*) AS rows, max(seq) AS last, \
             min(seq) AS first FROM messages GROUP BY dialog_id) m ON m.dialog_id = d.id \
             WHERE d.head <> coalesce(m.last, 0) OR d.head <> coalesce(m.rows, 0) OR coalesce(m.first, 1) <> 1",
        )?;
        if let Some(dialog) = holes.query([])?.next()? {
            return corrupt(format!("the log of dialog {} has a hole", dialog.get::<_, u64>(0)?));
        }
        if let Some((dialog, seq)) = hashes::wrong(&self.conn)? {
            return corrupt(format!("the log of dialog {dialog} is not what was written, from message {seq} on"));
        }
        self.census()
    }

    /// Proves that every file that a message refers to is there, as large as it was; returns how many there are.
    ///
    /// # Errors
    /// [`OpenError::Corrupt`] names the first that is not.
    pub fn check_files(&self) -> Result<u64, OpenError> {
        let mut files = 0;
        for (blob, size) in super::files::all_sent(&self.conn)? {
            let there = std::fs::metadata(self.data.join(FOLDER).join(&blob)).map(|meta| meta.len());
            if there.as_ref().ok() != Some(&size) {
                let found = there.map_or("missing".to_owned(), |bytes| format!("{bytes} bytes long"));
                let message = format!("the file {FOLDER}/{blob} of a message should have {size} bytes, and is {found}");
                return Err(OpenError::Corrupt { message });
            }
            files += 1;
        }
        Ok(files)
    }

    /// Counts what is in the database.
    ///
    /// # Errors
    /// Those of the database.
    pub fn census(&self) -> Result<Census, OpenError> {
        let sql = "SELECT (SELECT count(*) FROM sites), (SELECT count(*) FROM dialogs WHERE deleted = 0), \
                   (SELECT count(*) FROM messages)";
        Ok(self
            .conn
            .query_row(sql, [], |row| Ok(Census { sites: row.get(0)?, dialogs: row.get(1)?, messages: row.get(2)? }))?)
    }

    /// Works on a connection that was opened otherwise.
    pub(super) fn of(conn: Connection, data: &Path) -> Self {
        Self { data: data.to_owned(), conn }
    }

    /// Returns the connection, for copies of the whole.
    pub(super) const fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Closes the connection.
    pub(super) fn close(self) -> rusqlite::Result<()> {
        self.conn.close().map_err(|(_, error)| error)
    }

    /// Returns the data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }
}
