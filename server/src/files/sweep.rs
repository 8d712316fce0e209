//! Takes away what nobody has sent.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mutants::Mutant;

use super::{Folder, is_blob};
use crate::app::App;
use crate::store::{Store, StoreError};

/// An upload waits so long for its message: longer than an outbox keeps one that was written after it.
const UNSENT: Duration = Duration::from_millis(2 * protocol::limits::OUTBOX_MS);
/// Bytes without a row, which a crash leaves behind, are kept for so long.
const UNKNOWN: Duration = Duration::from_secs(24 * 3_600);
/// What was there before a restore is kept for so long after it: whoever goes back to the database from before needs it.
const RESTORED: Duration = Duration::from_secs(14 * 24 * 3_600);
/// How often is looked.
const EVERY: Duration = Duration::from_secs(3_600);
/// Names that the store is asked about at once.
const MOST_NAMES: usize = 500;

/// Sweeps at once, and then every hour.
pub(crate) async fn sweep(app: App) {
    let Some(folder) = app.files().cloned() else { return };
    loop {
        match sweep_once(app.store(), &folder, SystemTime::now()).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "files that nobody has sent are removed"),
            Err(error) => tracing::warn!(%error, "files that nobody has sent cannot be removed now"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Removes uploads of which no message has spoken for so long, and bytes that the store has never heard of; returns how many.
async fn sweep_once(store: &dyn Store, folder: &Arc<Folder>, now: SystemTime) -> Result<usize, StoreError> {
    let restored_at = UNIX_EPOCH + Duration::from_millis(store.restored_at());
    // The database from before may know as sent what this one knows as unsent, or not at all.
    let spared = if now < restored_at + RESTORED { restored_at } else { UNIX_EPOCH };
    let before = now.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(UNSENT);
    let before = u64::try_from(before.as_millis()).unwrap_or_default();
    let mut removed = 0;
    loop {
        let unsent = store.forget_unsent_files(before).await?;
        if unsent.is_empty() {
            break;
        }
        removed += remove(folder, unsent, spared).await;
    }
    let listing = Arc::clone(folder);
    let old = tokio::task::spawn_blocking(move || old_blobs(&listing, now)).await.unwrap_or_default();
    for names in old.chunks(MOST_NAMES) {
        let mut known: HashSet<String> = store.known_blobs(names.to_vec()).await?.into_iter().collect();
        if mutants::planted(Mutant::SweepTakesSent) {
            known.clear();
        }
        let unknown: Vec<_> = names.iter().filter(|name| !known.contains(*name)).cloned().collect();
        removed += remove(folder, unknown, spared).await;
    }
    Ok(removed)
}

/// Removes bytes, unless they were there before this moment; returns how many.
async fn remove(folder: &Arc<Folder>, blobs: Vec<String>, spared: SystemTime) -> usize {
    let folder = Arc::clone(folder);
    let removing = tokio::task::spawn_blocking(move || {
        let unwanted = blobs.iter().filter(|blob| {
            let written = fs::metadata(folder.path_of(blob)).and_then(|meta| meta.modified());
            written.is_ok_and(|written| written >= spared) && folder.remove(blob)
        });
        unwanted.count()
    });
    removing.await.unwrap_or_default()
}

/// Returns the names of bytes that have been there for so long that somebody should know them.
fn old_blobs(folder: &Folder, now: SystemTime) -> Vec<String> {
    let Ok(entries) = fs::read_dir(&folder.path) else { return Vec::new() };
    let is_old = |entry: &fs::DirEntry| -> io::Result<bool> {
        Ok(now.duration_since(entry.metadata()?.modified()?).unwrap_or_default() >= UNKNOWN)
    };
    let old = entries.flatten().filter(|entry| is_old(entry).unwrap_or_default());
    old.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| is_blob(name)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{FOLDER, Patience};
    use super::*;
    use crate::store::sqlite::{Admin, SqliteStore, restore};

    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(24 * 3_600);

    fn blob(data: &Path, number: u32, written: SystemTime) {
        let file = fs::File::create(data.join(FOLDER).join(format!("{number:032x}"))).unwrap();
        file.set_modified(written).unwrap();
    }

    async fn swept(data: &Path, now: SystemTime) -> usize {
        let store = SqliteStore::open(data, Box::new(|_| ())).unwrap();
        let folder = Arc::new(Folder::open(data, Patience::default()).unwrap());
        let removed = sweep_once(&store, &folder, now).await.unwrap();
        store.close().await.unwrap();
        removed
    }

    #[tokio::test]
    async fn what_a_restored_database_does_not_know_is_kept_for_the_way_back() {
        let (data, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (data, now) = (data.path(), SystemTime::now());
        drop(Admin::open(data).unwrap());
        assert_eq!(swept(data, now).await, 0);
        let copy = elsewhere.path().join("copy.db");
        Admin::open(data).unwrap().back_up(&copy).unwrap();
        // Sent since then, as far as the folder shows.
        blob(data, 1, now - 3 * DAY);
        restore(data, &copy).unwrap();
        assert_eq!(swept(data, now).await, 0, "the database from before needs it");
        blob(data, 2, now + HOUR);
        assert_eq!(swept(data, now + 2 * DAY).await, 1, "what came after the restore is not spared");
        assert!(data.join(FOLDER).join(format!("{:032x}", 1)).exists());
        assert_eq!(swept(data, now + 15 * DAY).await, 1, "nobody goes back any more");
    }

    #[tokio::test]
    async fn what_a_message_has_brought_is_never_swept_however_old_it_is() {
        let data = tempfile::tempdir().unwrap();
        let (data, now) = (data.path(), SystemTime::now());
        drop(Admin::open(data).unwrap());
        assert_eq!(swept(data, now).await, 0);
        let conn = rusqlite::Connection::open(data.join("rejoin.db")).unwrap();
        conn.execute_batch(
            "INSERT INTO sites (id, token, name, color, visitor_auth) VALUES (1, 'st_1', 'One', '#336699', 'key');
             INSERT INTO dialogs (id, site_id, at, active_s) VALUES (1, 1, 1, 1);",
        )
        .unwrap();
        for (number, seq) in [(1, "2"), (2, "NULL")] {
            blob(data, number, now);
            let sql = format!(
                "INSERT INTO files (blob, id, dialog_id, author_kind, name, mime, size, digest, at, seq) VALUES \
                 ('{number:032x}', 'f{number}', 1, 0, 'a.png', 'image/png', 0, zeroblob(32), 1, {seq})"
            );
            conn.execute(&sql, []).unwrap();
        }
        assert_eq!(swept(data, now + 1_000 * DAY).await, 1, "what nobody has sent goes");
        assert!(data.join(FOLDER).join(format!("{:032x}", 1)).exists());
        assert_eq!(swept(data, now + 2_000 * DAY).await, 0);
    }

    #[tokio::test]
    async fn bytes_that_nobody_knows_are_swept_after_a_day_however_many_they_are() {
        let data = tempfile::tempdir().unwrap();
        let (data, now) = (data.path(), SystemTime::now());
        drop(Admin::open(data).unwrap());
        assert_eq!(swept(data, now).await, 0);
        let many = u32::try_from(2 * MOST_NAMES + 1).unwrap();
        (0..many).for_each(|number| blob(data, number, now + HOUR));
        fs::write(data.join(FOLDER).join("somebody's.txt"), "other").unwrap();
        assert_eq!(swept(data, now + 24 * HOUR).await, 0);
        assert_eq!(swept(data, now + 25 * HOUR).await, 2 * MOST_NAMES + 1);
        assert!(data.join(FOLDER).join("somebody's.txt").exists());
    }
}
