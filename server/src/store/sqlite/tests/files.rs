use rusqlite::Connection;

use super::*;
use crate::store::sqlite::files;

/// Makes a database as it was before ids were of one file in a dialog.
fn old_database(data: &Path) -> Connection {
    let conn = Connection::open(data.join(open::DATABASE)).unwrap();
    for migration in [
        include_str!("../../../../migrations/0001_start.sql"),
        include_str!("../../../../migrations/0002_hashes.sql"),
        include_str!("../../../../migrations/0003_metrics.sql"),
        include_str!("../../../../migrations/0004_hours.sql"),
        include_str!("../../../../migrations/0005_identity.sql"),
        include_str!("../../../../migrations/0006_contacts.sql"),
        include_str!("../../../../migrations/0007_files.sql"),
        include_str!("../../../../migrations/0008_avatars.sql"),
    ] {
        conn.execute_batch(migration).unwrap();
    }
    conn.execute_batch(&format!("PRAGMA application_id = {}; PRAGMA user_version = 8", schema::APPLICATION_ID))
        .unwrap();
    conn.execute_batch(
        "INSERT INTO meta (id, epoch) VALUES (1, 4711);
         INSERT INTO sites (id, token, name, color, visitor_auth) VALUES (1, 'st_old', 'Old', '#336699', 'key');
         INSERT INTO dialogs (id, site_id, at, active_s) VALUES (7, 1, 1, 1), (8, 1, 1, 1);",
    )
    .unwrap();
    conn
}

fn put(conn: &Connection, blob: &str, id: &str, dialog_id: u64, seq: Option<u64>) {
    conn.execute(
        "INSERT INTO files (blob, id, dialog_id, author_kind, name, mime, size, digest, at, seq) \
         VALUES (?1, ?2, ?3, 0, 'a.png', 'image/png', 5, zeroblob(32), 1, ?4)",
        rusqlite::params![blob, id, dialog_id, seq],
    )
    .unwrap();
}

fn blobs(conn: &Connection) -> Vec<String> {
    let mut rows = conn.prepare("SELECT blob FROM files ORDER BY blob").unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn two_files_under_one_id_become_one_and_a_backup_keeps_the_bytes_of_both() {
    let directory = tempfile::tempdir().unwrap();
    let old = old_database(directory.path());
    put(&old, "a", "same", 7, Some(3));
    put(&old, "b", "same", 7, Some(2));
    put(&old, "c", "same", 7, None);
    put(&old, "d", "same", 8, Some(1));
    drop(old);
    let admin = admin(directory.path());
    let conn = admin.connection();
    assert_eq!(files::sent(conn, 7, "same").unwrap().unwrap().blob, "b", "the first one that was sent");
    assert_eq!(files::sent(conn, 8, "same").unwrap().unwrap().blob, "d");
    let kept: Vec<_> = files::all_sent(conn).unwrap().into_iter().map(|(blob, _)| blob).collect();
    assert_eq!(kept, ["a", "b", "d"]);
}

#[test]
fn files_go_with_the_dialog_that_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    drop(old_database(directory.path()));
    let admin = admin(directory.path());
    let conn = admin.connection();
    put(conn, "a", "f", 7, Some(1));
    put(conn, "b", "f", 8, Some(1));
    conn.execute("UPDATE dialogs SET deleted = 1 WHERE id = 7", []).unwrap();
    assert_eq!(blobs(conn), ["b"], "the sweep takes the bytes");
    conn.execute("DELETE FROM dialogs WHERE id = 8", []).unwrap();
    assert_eq!(blobs(conn), [""; 0]);
}

#[test]
fn counting_the_files_of_newcomers_reads_an_index_only() {
    let directory = tempfile::tempdir().unwrap();
    let admin = admin(directory.path());
    let sql =
        "EXPLAIN QUERY PLAN SELECT count(*), sum(f.size) FROM files f WHERE f.dialog_id IS NULL AND f.site_id = 1";
    let plan: String = admin.connection().query_row(sql, [], |row| row.get("detail")).unwrap();
    assert!(plan.contains("COVERING INDEX files_of_newcomers"), "{plan}");
}

#[tokio::test]
async fn a_restore_forgets_the_unsent_files_whose_bytes_did_not_come_along() {
    let (directory, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(old_database(directory.path()));
    let admin = admin(directory.path());
    put(admin.connection(), "sent", "a", 7, Some(1));
    put(admin.connection(), "unsent", "b", 7, None);
    let bytes = |data: &Path| data.join(crate::files::FOLDER);
    std::fs::create_dir(bytes(directory.path())).unwrap();
    for blob in ["sent", "unsent"] {
        std::fs::write(bytes(directory.path()).join(blob), "12345").unwrap();
    }
    let backup = copies.path().join("backup");
    admin.back_up(&backup).unwrap();
    drop(admin);
    let elsewhere = copies.path().join("elsewhere");
    for (data, kept) in [(elsewhere.as_path(), &["sent"][..]), (directory.path(), &["sent", "unsent"])] {
        restore(data, &backup).unwrap();
        let store = SqliteStore::open(data, Box::new(|_| {})).unwrap();
        store.close().await.unwrap();
        assert_eq!(blobs(Admin::open(data).unwrap().connection()), kept, "{}", data.display());
    }
}

#[test]
fn commands_leave_the_database_of_an_older_server_that_runs_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let old = old_database(directory.path());
    let version = || old.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).unwrap();
    let server = DataLock::take(directory.path()).unwrap();
    let refused = Admin::open(directory.path()).unwrap_err();
    assert!(refused.to_string().contains("an older server runs on this data"), "{refused}");
    assert_eq!(version(), 8);
    drop(server);
    drop(admin(directory.path()));
    assert_eq!(version(), schema::VERSION);
    // Beside a server of the same release commands work as ever.
    let _server = DataLock::take(directory.path()).unwrap();
    drop(admin(directory.path()));
}
