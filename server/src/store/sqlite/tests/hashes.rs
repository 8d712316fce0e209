use protocol::{AuthorKind, digest};
use rusqlite::{Connection, params};

use super::*;

type Line = (&'static str, AuthorKind, &'static str);

const LOGS: [(u64, &[Line]); 2] = [
    (
        1_000,
        &[
            ("welcome", AuthorKind::System, "Hello!"),
            ("0190b3c4-7d2e-7abc-8def-0123456789ab", AuthorKind::Visitor, "Привет 🙂"),
        ],
    ),
    (
        1_001,
        &[("a", AuthorKind::Visitor, "one"), ("b", AuthorKind::Operator, ""), ("c", AuthorKind::Assistant, "three")],
    ),
];

/// Makes a database as the first release did.
fn old_database(data: &Path) {
    let conn = Connection::open(data.join(open::DATABASE)).unwrap();
    conn.execute_batch(include_str!("../../../../migrations/0001_start.sql")).unwrap();
    conn.execute_batch(&format!("PRAGMA application_id = {}; PRAGMA user_version = 1", schema::APPLICATION_ID))
        .unwrap();
    conn.execute_batch(
        "INSERT INTO meta (id, epoch) VALUES (1, 4711);
         INSERT INTO sites (id, token, name, color, visitor_auth) VALUES (1, 'st_old', 'Old', '#336699', 'key');",
    )
    .unwrap();
    for (dialog, log) in LOGS {
        conn.execute(
            "INSERT INTO dialogs (id, site_id, head, at, active_s) VALUES (?1, 1, ?2, 1, 1)",
            [dialog, log.len() as u64],
        )
        .unwrap();
    }
    // Not in the order of the dialogs: rows lie in the order of their writing.
    for seq in 1..=3_usize {
        for (dialog, log) in LOGS {
            let Some((id, kind, text)) = log.get(seq - 1) else { continue };
            conn.execute(
                "INSERT INTO messages (dialog_id, seq, id, author_kind, text, at) VALUES (?1, ?2, ?3, ?4, ?5, 1)",
                params![dialog, seq, message_id::MessageId::new(id), row::author_kind_number(*kind), text],
            )
            .unwrap();
        }
    }
}

fn expected(log: &[Line]) -> u64 {
    log.iter().zip(1..).fold(digest::EMPTY, |hash, ((id, kind, text), seq)| digest::next(hash, seq, id, *kind, text))
}

#[test]
fn a_database_of_the_first_release_gets_its_hashes_when_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    old_database(directory.path());
    let admin = admin(directory.path());
    assert_eq!(admin.check().unwrap().messages, 5);
    for (dialog, log) in LOGS {
        for seq in 0..=log.len() {
            assert_eq!(
                super::super::hashes::at(admin.connection(), dialog, seq as u64).unwrap(),
                expected(&log[..seq])
            );
        }
    }
}

#[tokio::test]
async fn a_log_that_was_begun_by_the_first_release_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    old_database(directory.path());
    let store = SqliteStore::open(directory.path(), Box::new(|_| {})).unwrap();
    let facts = store.dialog_facts(1_001).await.unwrap();
    let operator =
        server_core::access::Who::Operator { id: 1, name: "Ada".into(), sites: server_core::access::Sites::All };
    let dialog = server_core::access::authorize(&operator, facts.as_ref()).unwrap();
    let message = NewMessage {
        id: "d".into(),
        n: None,
        client: None,
        author: operator.author(),
        text: "four".into(),
        file: None,
    };
    store.append(dialog, message).await.unwrap().unwrap();
    let page = store.read(dialog, 3, 10).await.unwrap();
    let whole = digest::next(expected(LOGS[1].1), 4, "d", AuthorKind::Operator, "four");
    assert_eq!((page.hash, page.events[0].hash), (whole, Some(whole)));
    store.close().await.unwrap();
    admin(directory.path()).check().unwrap();
}

#[test]
fn an_old_backup_is_brought_up_to_date_before_it_is_restored() {
    let directory = tempfile::tempdir().unwrap();
    let (old, data) = (directory.path().join("old"), directory.path().join("data"));
    std::fs::create_dir(&old).unwrap();
    old_database(&old);
    assert_eq!(restore(&data, &old.join(open::DATABASE)).unwrap().messages, 5);
    admin(&data).check().unwrap();
}

#[test]
fn the_check_finds_a_message_that_was_altered_moved_or_forged() {
    let changes = [
        "UPDATE messages SET text = 'two' WHERE dialog_id = 1001 AND seq = 1",
        "UPDATE messages SET author_kind = 1 WHERE dialog_id = 1000 AND seq = 2",
        "UPDATE messages SET id = 'x' WHERE dialog_id = 1001 AND seq = 2",
        "UPDATE messages SET hash = hash + 1 WHERE dialog_id = 1001 AND seq = 3",
        "UPDATE messages SET seq = 9 WHERE dialog_id = 1001 AND id = 'b'; \
         UPDATE messages SET seq = 2 WHERE dialog_id = 1001 AND id = 'c'; \
         UPDATE messages SET seq = 3 WHERE dialog_id = 1001 AND id = 'b'",
    ];
    for change in changes {
        let directory = tempfile::tempdir().unwrap();
        old_database(directory.path());
        let admin = admin(directory.path());
        admin.check().unwrap();
        admin.connection().execute_batch(change).unwrap();
        assert!(matches!(admin.check(), Err(OpenError::Corrupt { .. })), "{change}");
    }
}
