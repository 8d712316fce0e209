//! How fast appends become durable; run it with
//! `cargo test --release -p server --lib throughput -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use protocol::{Author, AuthorKind};
use server_core::access::{Sites, Who, authorize};

use super::*;

const DIALOGS: usize = 500;
const TEXT_BYTES: usize = 80;
const RUN: Duration = Duration::from_secs(8);

/// CPU time so far in ms: of the whole process, and of the writer's thread.
fn cpu_ms() -> (u64, u64) {
    let spent = |stat: String| -> u64 {
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
    };
    let process = spent(std::fs::read_to_string("/proc/self/stat").unwrap());
    let mut writer = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if name.trim() == "store-writer" {
            writer += spent(std::fs::read_to_string(task.path().join("stat")).unwrap());
        }
    }
    (process, writer)
}

/// A UUIDv7 as a page makes it.
fn uuid(ms: u64, sender: usize, n: u64) -> String {
    let random = (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (sender as u64) << 40) & 0x3fff_ffff_ffff_ffff;
    let (high, low) = (ms >> 16, ms & 0xffff);
    let (node, tail) = (0x8000 | random >> 48, random & 0xffff_ffff_ffff);
    format!("{high:08x}-{low:04x}-7{:03x}-{node:04x}-{tail:012x}", sender % 4096)
}

#[test]
#[ignore = "a measurement, not a test"]
fn throughput() {
    for senders_per_dialog in [1, 2, 8] {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(measure(senders_per_dialog));
    }
}

async fn measure(senders_per_dialog: usize) {
    let directory = tempfile::tempdir_in(".").unwrap();
    let site_id = admin(directory.path()).put_site(&site("st_one", "")).unwrap().id;
    let store = Arc::new(SqliteStore::open(directory.path(), Box::new(|_| {})).unwrap());
    let mut dialogs = Vec::new();
    let message = |id: String, n: u64, client: String| NewMessage {
        id,
        n: Some(n),
        client: Some(client),
        author: Author { kind: AuthorKind::Visitor, name: String::new() },
        text: "x".repeat(TEXT_BYTES),
        file: None,
    };
    for number in 0..DIALOGS {
        let mut key_hash = [0; 32];
        key_hash[..8].copy_from_slice(&number.to_le_bytes());
        let first = message(format!("first-{number}"), 1, "starter".into());
        let new = NewDialog { site_id, assistant_id: None, key_hash, message: first };
        let id = store.start_dialog(new).await.unwrap().dialog_id.unwrap();
        let facts = store.dialog_facts(id).await.unwrap();
        let who = Who::Operator { id: 1, name: String::new(), sites: Sites::All };
        dialogs.push(authorize(&who, facts.as_ref()).unwrap());
    }
    let before = cpu_ms();
    let start = Instant::now();
    let mut tasks = Vec::new();
    for sender in 0..DIALOGS * senders_per_dialog {
        let dialog = dialogs[sender % DIALOGS];
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move {
            let client = format!("client-{sender:08}");
            let mut waits = Vec::new();
            while start.elapsed() < RUN {
                let n = waits.len() as u64 + 1;
                let sent = Instant::now();
                let id = uuid(clock::wall(), sender, n);
                store.append(dialog, message(id, n, client.clone())).await.unwrap().unwrap();
                waits.push(sent.elapsed());
            }
            waits
        }));
    }
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.unwrap());
    }
    let (seconds, after) = (start.elapsed().as_secs_f64(), cpu_ms());
    waits.sort_unstable();
    let (rows, per_row) = (waits.len(), |ms: u64| ms as f64 * 1_000.0 / waits.len() as f64);
    let percentile = |p: usize| waits[(rows - 1) * p / 1_000].as_secs_f64() * 1e3;
    println!(
        "{DIALOGS} dialogs, {senders_per_dialog} senders each, one message of {TEXT_BYTES} B at a time: {:.0} durable \
         rows/s; CPU {:.1} µs a row, of which the writer {:.1}; answered after p50 {:.1} ms, p99 {:.1} ms, most {:.1} \
         ms; {rows} rows in {} MB, log {} MB",
        rows as f64 / seconds,
        per_row(after.0 - before.0),
        per_row(after.1 - before.1),
        percentile(500),
        percentile(990),
        percentile(1_000),
        open::size(directory.path()) >> 20,
        std::fs::metadata(directory.path().join("rejoin.db-wal")).unwrap().len() >> 20,
    );
    store.close().await.unwrap();
}
