use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use protocol::{Author, AuthorKind};
use rusqlite::Connection;
use server_core::access::{Sites, Who, authorize};
use tempfile::TempDir;

use super::*;

/// A data directory with one site.
struct House {
    directory: TempDir,
    site_id: u64,
}

impl House {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let site_id = admin(directory.path()).put_site(&site("st_one", "")).unwrap().id;
        Self { directory, site_id }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn database(&self) -> std::path::PathBuf {
        self.path().join(open::DATABASE)
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path(), Box::new(|_| {})).unwrap()
    }

    fn open_error(&self) -> OpenError {
        SqliteStore::open(self.path(), Box::new(|_| {})).unwrap_err()
    }

    fn tuned(&self, tuning: &Tuning) -> SqliteStore {
        SqliteStore::open_tuned(self.path(), DataLock::take(self.path()).unwrap(), Box::new(|_| {}), tuning).unwrap()
    }

    async fn dialog(&self, store: &SqliteStore) -> ScopedDialog {
        let new = NewDialog {
            site_id: self.site_id,
            assistant_id: None,
            key_hash: [1; 32],
            message: message("first", "text"),
        };
        let id = store.start_dialog(new).await.unwrap().dialog_id.unwrap();
        let facts = store.dialog_facts(id).await.unwrap();
        authorize(&Who::Operator { id: 1, name: "Ada".into(), sites: Sites::All }, facts.as_ref()).unwrap()
    }
}

fn message(id: &str, text: &str) -> NewMessage {
    let author = Author { kind: AuthorKind::Visitor, name: String::new() };
    NewMessage { id: id.into(), n: None, client: None, author, text: text.into(), file: None }
}

fn ordered(id: &str, n: u64) -> NewMessage {
    NewMessage { n: Some(n), client: Some("c".into()), ..message(id, "text") }
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_told_so() {
    let house = House::new();
    let store = house.open();
    assert!(matches!(house.open_error(), OpenError::InUse { .. }));
    store.close().await.unwrap();
    house.open().close().await.unwrap();
}

#[test]
fn a_newer_schema_and_a_foreign_file_are_refused_untouched() {
    let house = House::new();
    let conn = Connection::open(house.database()).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(house.open_error(), OpenError::Newer { found: 99, known: schema::VERSION }));
    conn.execute_batch("PRAGMA user_version = 1; PRAGMA application_id = 7").unwrap();
    assert!(matches!(house.open_error(), OpenError::Foreign));
    drop(conn);
    fs::write(house.database(), "Dear diary, ".repeat(1_000)).unwrap();
    assert!(matches!(house.open_error(), OpenError::Foreign));
    assert!(fs::read_to_string(house.database()).unwrap().starts_with("Dear diary"));
    assert!(matches!(Admin::open(house.path()).unwrap_err(), OpenError::Foreign));
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let house = House::new();
    let below_a_file = house.database().join("data");
    let error = SqliteStore::open(&below_a_file, Box::new(|_| {})).unwrap_err();
    assert!(matches!(&error, OpenError::NoDirectory { path, .. } if *path == below_a_file));
    assert!(error.to_string().contains("--data"));
}

#[tokio::test]
async fn a_damaged_database_is_noticed_at_the_start() {
    let house = House::new();
    let store = house.open();
    let dialog = house.dialog(&store).await;
    for number in 0..200 {
        store.append(dialog, message(&format!("m{number}"), &"text ".repeat(50))).await.unwrap().unwrap();
    }
    store.close().await.unwrap();
    assert_eq!(admin(house.path()).check().unwrap().messages, 201);
    let mut bytes = fs::read(house.database()).unwrap();
    let end = bytes.len();
    bytes[end - 20_000..end - 10_000].fill(0x5a);
    fs::write(house.database(), bytes).unwrap();
    assert!(matches!(house.open_error(), OpenError::Corrupt { .. }));
    assert!(admin(house.path()).check().is_err());
}

#[tokio::test]
async fn a_hole_in_a_log_is_found_by_the_check() {
    let house = House::new();
    let store = house.open();
    let dialog = house.dialog(&store).await;
    for id in ["a", "b"] {
        store.append(dialog, message(id, "text")).await.unwrap().unwrap();
    }
    store.close().await.unwrap();
    let conn = Connection::open(house.database()).unwrap();
    conn.execute("DELETE FROM messages WHERE seq = 2", []).unwrap();
    assert!(matches!(admin(house.path()).check().unwrap_err(), OpenError::Corrupt { .. }));
}

#[tokio::test]
async fn a_full_disk_refuses_writes_lets_reads_go_on_and_is_forgotten_when_there_is_room() {
    let house = House::new();
    let ballast = Connection::open(house.database()).unwrap();
    ballast.execute_batch("CREATE TABLE ballast (x BLOB); INSERT INTO ballast VALUES (zeroblob(2000000))").unwrap();
    let store = house.tuned(&Tuning {
        prepare: |conn| {
            let pages: u32 = conn.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            conn.query_row(&format!("PRAGMA max_page_count = {}", pages + 40), [], |_| Ok(()))
        },
        ..Tuning::default()
    });
    let dialog = house.dialog(&store).await;
    let text = "x".repeat(10_000);
    let mut stored = 1;
    let error = loop {
        match store.append(dialog, message(&format!("m{stored}"), &text)).await {
            Ok(taken) => {
                stored += 1;
                assert_eq!(taken.unwrap().seq, stored);
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error, StoreError::DiskFull);
    assert!(stored > 3, "there was room for some");
    let page = store.read(dialog, 0, 500).await.unwrap();
    assert_eq!((page.head, page.events.len() as u64), (stored, stored), "what was answered is there, and no more");
    ballast.execute_batch("DROP TABLE ballast").unwrap();
    let taken = store.append(dialog, message(&format!("m{stored}"), &text)).await.unwrap().unwrap();
    assert_eq!((taken.seq, taken.duplicate), (stored + 1, false));
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_has_the_log_carried_over_so_that_it_need_not_grow() {
    const BALLAST: u64 = 2_000_000;
    let house = House::new();
    let store = house.tuned(&Tuning {
        prepare: |conn| {
            let ballast = format!("CREATE TABLE ballast (x BLOB); INSERT INTO ballast VALUES (zeroblob({BALLAST}))");
            conn.execute_batch(&ballast)?;
            let pages: u32 = conn.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            conn.query_row(&format!("PRAGMA max_page_count = {}", pages + 40), [], |_| Ok(()))
        },
        ..Tuning::default()
    });
    let dialog = house.dialog(&store).await;
    let text = "x".repeat(10_000);
    let carried = || std::fs::metadata(house.database()).unwrap().len() > BALLAST;
    let mut stored = 0;
    while store.append(dialog, message(&format!("m{stored}"), &text)).await.is_ok() {
        assert!(!carried(), "the log is short: without need nobody carries it over");
        stored += 1;
    }
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while !carried() {
        assert!(std::time::Instant::now() < until, "the log is as it was");
        // Each question is a turn of the writer, and this one needs no room.
        let again = store.append(dialog, message("m0", &text)).await.unwrap().unwrap();
        assert!(again.duplicate);
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_another_process_holds_is_waited_for_and_then_said_to_be_locked() {
    let house = House::new();
    let store =
        house.tuned(&Tuning { prepare: |conn| conn.busy_timeout(Duration::from_millis(50)), ..Tuning::default() });
    let dialog = house.dialog(&store).await;
    let other = Connection::open(house.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(store.append(dialog, message("a", "text")).await.unwrap_err(), StoreError::Locked);
    assert_eq!(store.check().await.unwrap_err(), StoreError::Locked);
    assert_eq!(store.read(dialog, 0, 10).await.unwrap().head, 1, "reads go on");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.append(dialog, message("a", "text")).await.unwrap().unwrap().seq, 2);
    store.close().await.unwrap();
}

#[tokio::test]
async fn more_than_the_queue_takes_is_refused_with_a_time_to_try_again() {
    let house = House::new();
    let store = house.open();
    let dialog = house.dialog(&store).await;
    let other = Connection::open(house.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let text = "x".repeat(40_000);
    let answers: Vec<_> =
        (0..3_000).map(|number| store.append(dialog, message(&format!("m{number}"), &text))).collect();
    other.execute_batch("ROLLBACK").unwrap();
    let mut refused = 0;
    for answer in answers {
        match answer.await {
            Ok(taken) => assert!(refused == 0 || taken.is_ok()),
            Err(StoreError::Overloaded { retry_after_ms }) => refused += u32::from(retry_after_ms > 0),
            Err(error) => panic!("{error}"),
        }
    }
    assert!((1..2_500).contains(&refused), "{refused}: 64 MiB are taken, and 120 MB are not");
    store.append(dialog, message("again", "text")).await.unwrap().unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn an_error_of_commit_is_answered_to_nobody_as_stored_and_ends_the_store() {
    static COMMITS: AtomicU64 = AtomicU64::new(0);
    let house = House::new();
    let store = house.tuned(&Tuning {
        // The second commit fails, as it would when the disk does not flush.
        prepare: |conn| conn.commit_hook(Some(|| COMMITS.fetch_add(1, Ordering::SeqCst) == 1)),
        ..Tuning::default()
    });
    let dialog = house.dialog(&store).await;
    let failed = store.failed();
    let answers: Vec<_> = (0..5).map(|number| store.append(dialog, message(&format!("m{number}"), "text"))).collect();
    for answer in answers {
        assert!(matches!(answer.await.unwrap_err(), StoreError::Io { .. }));
    }
    assert!(matches!(failed.await, StoreError::Io { .. }));
    assert!(store.append(dialog, message("later", "text")).await.is_err(), "it does not go on as if nothing was");
    assert!(store.check().await.is_err(), "nor is it ready");
    assert!(store.close().await.is_err());
}

#[tokio::test]
async fn every_commit_waits_for_the_disk() {
    let house = House::new();
    let store = house.tuned(&Tuning {
        prepare: |conn| {
            // 2 is FULL: the write-ahead log is flushed before a commit is answered. With 1 a power cut loses messages.
            let synchronous: u32 = conn.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
            if synchronous == 2 { Ok(()) } else { Err(rusqlite::Error::InvalidQuery) }
        },
        ..Tuning::default()
    });
    store.close().await.unwrap();
}

#[tokio::test]
async fn what_another_process_changes_is_seen_at_once() {
    let house = House::new();
    let store = house.open();
    let dialog = house.dialog(&store).await;
    let mut admin = admin(house.path());
    let mut changed = site("st_one", "Welcome, now");
    changed.id = Some(house.site_id);
    admin.put_site(&changed).unwrap();
    let site = store.site_by_token("st_one").await.unwrap().unwrap();
    assert_eq!(site.welcome, "Welcome, now");
    // Even what the writer keeps in memory.
    let conn = Connection::open(house.database()).unwrap();
    conn.execute_batch("DELETE FROM messages; UPDATE dialogs SET head = 0").unwrap();
    let taken = store.append(dialog, message("a", "text")).await.unwrap().unwrap();
    assert_eq!(taken.seq, 2);
    let log = store.read(dialog, 0, 10).await.unwrap();
    assert_eq!((log.head, log.events.len()), (2, 2), "the welcome came first");
    store.close().await.unwrap();
}

#[tokio::test]
async fn the_epoch_lives_through_restarts_and_ends_when_an_older_log_is_put_back() {
    let house = House::new();
    let copy = tempfile::tempdir().unwrap();
    let backup = copy.path().join("backup");
    let mut last = {
        let store = house.open();
        house.dialog(&store).await;
        store.close().await.unwrap();
        store.epoch()
    };
    let epoch = async |last: &mut u64| {
        let store = house.open();
        let epoch = store.epoch();
        let dialog = house.dialog(&store).await;
        store.append(dialog, message(&format!("m{epoch}"), "text")).await.unwrap().unwrap();
        store.close().await.unwrap();
        let same = epoch == *last;
        *last = epoch;
        same
    };
    assert!(epoch(&mut last).await, "a restart changes nothing");
    fs::copy(house.database(), copy.path().join("plain")).unwrap();
    admin(house.path()).back_up(&backup).unwrap();
    assert!(epoch(&mut last).await, "a backup changes nothing");
    restore(house.path(), &backup).unwrap();
    assert!(!epoch(&mut last).await, "restored by the command");
    assert!(epoch(&mut last).await, "once only");
    fs::copy(&backup, house.database()).unwrap();
    assert!(!epoch(&mut last).await, "a backup put in place by hand");
    fs::copy(house.database(), copy.path().join("plain")).unwrap();
    assert!(epoch(&mut last).await);
    fs::copy(copy.path().join("plain"), house.database()).unwrap();
    assert!(!epoch(&mut last).await, "a copy of the file put back");
    fs::remove_file(house.path().join("rejoin.starts")).unwrap();
    assert!(!epoch(&mut last).await, "moved without the file beside it: better once too often than never");
    assert!(epoch(&mut last).await);
}

#[tokio::test]
async fn the_number_of_a_dialog_that_a_backup_does_not_have_is_given_to_nobody_else() {
    let house = House::new();
    let copy = tempfile::tempdir().unwrap();
    let backup = copy.path().join("backup");
    house.open().close().await.unwrap();
    admin(house.path()).back_up(&backup).unwrap();
    let store = house.open();
    let lost = house.dialog(&store).await.id();
    store.close().await.unwrap();
    restore(house.path(), &backup).unwrap();
    let store = house.open();
    let anew = house.dialog(&store).await.id();
    assert!(anew > lost, "an operator's page still has {lost} open");
    store.close().await.unwrap();
}

#[test]
fn the_number_of_an_operator_that_a_backup_does_not_have_is_given_to_nobody_else() {
    let house = House::new();
    let copy = tempfile::tempdir().unwrap();
    let backup = copy.path().join("backup");
    let operator = |email: &str| NewOperator {
        email: email.into(),
        name: "Ada".into(),
        password_hash: protocol::Secret::new("$argon2id$none"),
        sites: Sites::All,
    };
    admin(house.path()).back_up(&backup).unwrap();
    let lost = admin(house.path()).put_operator(&operator("lost@desk.example")).unwrap().id;
    restore(house.path(), &backup).unwrap();
    let anew = admin(house.path()).put_operator(&operator("new@desk.example")).unwrap().id;
    assert!(anew > lost + 1_000, "a token of {lost} is still good: {anew}");
}

#[test]
fn only_a_sound_backup_is_restored() {
    let house = House::new();
    let copy = tempfile::tempdir().unwrap();
    let file = copy.path().join("backup");
    assert!(matches!(restore(house.path(), &file).unwrap_err(), BackupError::File { .. }));
    fs::write(&file, "no database").unwrap();
    assert!(matches!(restore(house.path(), &file).unwrap_err(), BackupError::Open(OpenError::Foreign)));
    fs::write(&file, "").unwrap();
    assert!(matches!(restore(house.path(), &file).unwrap_err(), BackupError::Open(OpenError::Foreign)));
    assert!(matches!(admin(house.path()).back_up(&file).unwrap_err(), BackupError::Exists { .. }));
    fs::remove_file(&file).unwrap();
    assert_eq!(admin(house.path()).back_up(&file).unwrap().sites, 1);
    admin(house.path()).put_site(&site("st_two", "")).unwrap();
    assert_eq!(restore(house.path(), &file).unwrap().sites, 1);
    assert_eq!(admin(house.path()).sites().unwrap().len(), 1);
    let before = copy.path().join("before");
    fs::create_dir(&before).unwrap();
    fs::copy(house.path().join("rejoin.db.before-restore"), before.join(open::DATABASE)).unwrap();
    assert_eq!(admin(&before).sites().unwrap().len(), 2, "what was there is kept");
}

#[tokio::test]
async fn clients_are_forgotten_two_days_after_their_last_message() {
    static NOW: AtomicU64 = AtomicU64::new(1_000_000_000_000);
    let house = House::new();
    let clock = || NOW.load(Ordering::SeqCst);
    let store = house.tuned(&Tuning { clock, ..Tuning::default() });
    let dialog = house.dialog(&store).await;
    let last_n = async || store.resume(dialog, Cursor::default(), Vec::new(), Some("c".into())).await.unwrap().last_n;
    store.append(dialog, ordered("a", 1)).await.unwrap().unwrap();
    NOW.fetch_add(47 * 3_600_000, Ordering::SeqCst);
    store.check().await.unwrap();
    assert_eq!(last_n().await, 1);
    NOW.fetch_add(2 * 3_600_000, Ordering::SeqCst);
    store.check().await.unwrap();
    assert_eq!(last_n().await, 0);
    let refused = store.append(dialog, ordered("b", 2)).await.unwrap().unwrap_err();
    assert_eq!(refused.expected, Some(1), "memory forgets it, too");
    assert!(store.append(dialog, ordered("a", 1)).await.unwrap().unwrap().duplicate, "an id is known for ever");
    store.close().await.unwrap();
}
