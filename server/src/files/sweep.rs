//! Takes away what nobody has sent.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Folder, is_blob};
use crate::app::App;
use crate::clock;
use crate::store::StoreError;

/// An upload waits so long for its message: as long as an outbox keeps one.
const KEPT_MS: u64 = protocol::limits::OUTBOX_MS;
/// How often is looked.
const EVERY: Duration = Duration::from_secs(3_600);

/// Sweeps at once, and then every hour.
pub(crate) async fn sweep(app: App) {
    let Some(folder) = app.files().cloned() else { return };
    loop {
        match sweep_once(&app, &folder, Duration::from_millis(KEPT_MS)).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "files that nobody has sent are removed"),
            Err(error) => tracing::warn!(%error, "files that nobody has sent cannot be removed now"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Removes uploads of which no message has spoken for so long, and bytes that the store has never heard of; returns how many.
pub(crate) async fn sweep_once(app: &App, folder: &Arc<Folder>, kept: Duration) -> Result<usize, StoreError> {
    let kept_ms = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
    let unsent = app.store().forget_unsent_files(clock::wall().saturating_sub(kept_ms)).await?;
    let mut removed = unsent.len();
    unsent.iter().for_each(|blob| folder.remove(blob));
    let listing = Arc::clone(folder);
    let old = tokio::task::spawn_blocking(move || old_blobs(&listing, kept)).await.unwrap_or_default();
    let known = app.store().known_blobs(old.clone()).await?;
    for blob in old.iter().filter(|blob| !known.contains(blob)) {
        folder.remove(blob);
        removed += 1;
    }
    Ok(removed)
}

/// Returns the names of bytes that have been there for so long.
fn old_blobs(folder: &Folder, kept: Duration) -> Vec<String> {
    let Ok(entries) = fs::read_dir(&folder.path) else { return Vec::new() };
    let now = SystemTime::now();
    let is_old = |entry: &fs::DirEntry| {
        let written = entry.metadata().and_then(|meta| meta.modified()).ok();
        written.is_some_and(|at| now.duration_since(at).unwrap_or_default() >= kept)
    };
    let old = entries.flatten().filter(is_old);
    old.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| is_blob(name)).collect()
}
