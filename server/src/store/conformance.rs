//! What every store must do; each implementation runs all of it.

use std::any::Any;
use std::sync::{Arc, Mutex};

use protocol::{Author, AuthorKind, File, Known, Stored, WELCOME_ID, code};
use server_core::access::{ScopedDialog, Sites, VisitorAuth, Who, authorize};
use server_core::append::NewMessage;
use server_core::session::Cursor;
use server_core::{Entry, Event};

use super::{
    Committed, DialogFilter, FileOwner, FilePut, FileRoom, KeptFile, Mark, Marks, NewDialog, NewFile, Store, Taken,
    VISITOR_QUOTA,
};

/// An empty store with two sites and an assistant.
pub(super) struct Scene {
    pub(super) store: Arc<dyn Store>,
    pub(super) published: Arc<Mutex<Vec<Committed>>>,
    /// A site whose welcome is [`WELCOME`].
    pub(super) site_id: u64,
    /// A site without a welcome.
    pub(super) quiet_site_id: u64,
    /// An assistant of the first site.
    pub(super) assistant_id: u64,
    /// What lives as long as the store.
    pub(super) keep: Box<dyn Any + Send>,
}

/// What the first site says first.
pub(super) const WELCOME: &str = "Hello! How can we help?";

/// Runs every case against the scene that the function opens.
macro_rules! conformance {
    ($scene:path: $($case:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let scene = $scene();
                $crate::store::conformance::$case(&scene).await;
                scene.store.close().await.expect("the store closes in order");
                drop(scene.keep);
            }
        )*
    };
}
pub(super) use conformance;

fn message(id: &str, text: &str) -> NewMessage {
    let author = Author { kind: AuthorKind::Visitor, name: String::new() };
    NewMessage { id: id.into(), n: None, client: None, author, text: text.into(), file: None }
}

fn ordered(id: &str, client: &str, n: u64) -> NewMessage {
    NewMessage { n: Some(n), client: Some(client.into()), ..message(id, id) }
}

fn by(kind: AuthorKind, name: &str, message: NewMessage) -> NewMessage {
    NewMessage { author: Author { kind, name: name.into() }, ..message }
}

fn place(taken: &Taken) -> (u64, bool) {
    let Stored { seq, duplicate, .. } = taken.as_ref().expect("it is taken");
    (*seq, *duplicate)
}

fn refusal(taken: &Taken) -> (&'static str, Option<u64>) {
    let refusal = taken.as_ref().expect_err("it is refused");
    (refusal.code, refusal.expected)
}

fn seqs(events: &[Arc<Event>]) -> Vec<u64> {
    events.iter().map(|event| event.seq).collect()
}

fn id(event: &Event) -> &str {
    match &event.entry {
        Entry::Message(message) => &message.id,
        Entry::Change(change) => &change.change,
    }
}

impl Scene {
    fn new_dialog(&self, key: u8, message: NewMessage) -> NewDialog {
        NewDialog { site_id: self.quiet_site_id, assistant_id: None, key_hash: [key; 32], message }
    }

    /// Makes a dialog on the quiet site; its first message is `first`.
    async fn dialog(&self, key: u8) -> ScopedDialog {
        let started = self.store.start_dialog(self.new_dialog(key, message("first", "first"))).await.unwrap();
        self.as_visitor(started.dialog_id.unwrap()).await
    }

    async fn as_visitor(&self, dialog_id: u64) -> ScopedDialog {
        let facts = self.store.dialog_facts(dialog_id).await.unwrap().unwrap();
        let who = Who::Visitor {
            site_id: facts.site_id,
            assistant_id: facts.assistant_id,
            key_hash: facts.key_hash,
            auth: VisitorAuth::Key,
        };
        authorize(&who, Some(&facts)).unwrap()
    }

    async fn as_operator(&self, dialog_id: u64) -> ScopedDialog {
        let facts = self.store.dialog_facts(dialog_id).await.unwrap();
        authorize(&Who::Operator { id: 1, name: "Ada".into(), sites: Sites::All }, facts.as_ref()).unwrap()
    }

    async fn append(&self, dialog: ScopedDialog, message: NewMessage) -> Taken {
        self.store.append(dialog, message).await.unwrap()
    }

    async fn log(&self, dialog: ScopedDialog) -> Vec<Arc<Event>> {
        self.store.read(dialog, 0, 500).await.unwrap().events
    }
}

pub(super) async fn a_message_sent_again_is_stored_once_and_keeps_its_place(scene: &Scene) {
    let dialog = scene.dialog(1).await;
    let ids = ["0190b3c4-7d2e-7abc-8def-0123456789ab", "0190B3C4-7D2E-7ABC-8DEF-0123456789AB", "re-1", "a"];
    let mut answers = Vec::new();
    for (place_before, id) in ids.iter().enumerate() {
        let taken = scene.append(dialog, message(id, "text")).await;
        assert_eq!(place(&taken), (place_before as u64 + 2, false), "{id}");
        answers.push(taken.unwrap());
    }
    for (id, first) in ids.iter().zip(&answers) {
        let again = scene.append(dialog, message(id, "text")).await.unwrap();
        assert_eq!(again, Stored { duplicate: true, ..first.clone() });
    }
    let log = scene.log(dialog).await;
    assert_eq!(log[1..].iter().map(|event| id(event)).collect::<Vec<_>>(), ids, "ids come back as they were");
}

pub(super) async fn a_known_id_with_other_contents_is_a_conflict(scene: &Scene) {
    let dialog = scene.dialog(1).await;
    scene.append(dialog, message("a", "text")).await.unwrap();
    let other_text = scene.append(dialog, message("a", "other")).await;
    assert_eq!(refusal(&other_text), (code::ID_CONFLICT, None));
    let other_author = scene.append(dialog, by(AuthorKind::Operator, "Ada", message("a", "text"))).await;
    assert_eq!(refusal(&other_author), (code::ID_CONFLICT, None));
    assert_eq!(scene.log(dialog).await.len(), 2);
}

pub(super) async fn the_same_id_in_two_dialogs_is_two_messages(scene: &Scene) {
    let (one, two) = (scene.dialog(1).await, scene.dialog(2).await);
    assert_eq!(place(&scene.append(one, message("a", "in one")).await), (2, false));
    assert_eq!(place(&scene.append(two, message("a", "in two")).await), (2, false));
    assert!(scene.log(one).await[1].json.contains("in one"));
    assert!(scene.log(two).await[1].json.contains("in two"));
}

pub(super) async fn messages_of_a_client_are_taken_in_their_order_only(scene: &Scene) {
    let dialog = scene.dialog(1).await;
    assert_eq!(refusal(&scene.append(dialog, ordered("b", "c1", 2)).await), (code::ORDER, Some(1)));
    assert_eq!(place(&scene.append(dialog, ordered("a", "c1", 1)).await), (2, false));
    assert_eq!(refusal(&scene.append(dialog, ordered("c", "c1", 3)).await), (code::ORDER, Some(2)));
    assert_eq!(place(&scene.append(dialog, ordered("b", "c1", 2)).await), (3, false));
    assert_eq!(
        place(&scene.append(dialog, ordered("a", "c1", 1)).await),
        (2, true),
        "a known id is never out of order"
    );
    assert_eq!(refusal(&scene.append(dialog, ordered("x", "c1", 2)).await), (code::ORDER, Some(3)));
    assert_eq!(place(&scene.append(dialog, ordered("y", "c2", 1)).await), (4, false), "each client counts for itself");
    assert_eq!(place(&scene.append(dialog, message("z", "no n")).await), (5, false));
    let resumed = scene.store.resume(dialog, Cursor::default(), Vec::new(), Some("c1".into())).await.unwrap();
    assert_eq!(resumed.last_n, 2);
}

pub(super) async fn a_known_id_moves_the_number_of_its_client_on(scene: &Scene) {
    let dialog = scene.dialog(1).await;
    scene.append(dialog, message("a", "a")).await.unwrap();
    // The page was loaded anew and sends what was in its outbox, under a new client.
    assert_eq!(place(&scene.append(dialog, ordered("a", "c2", 1)).await), (2, true));
    assert_eq!(place(&scene.append(dialog, ordered("b", "c2", 2)).await), (3, false));
}

pub(super) async fn two_hundred_parallel_first_messages_make_one_dialog_with_one_welcome(scene: &Scene) {
    for round in 0..5_u8 {
        let starts: Vec<_> = (0..200)
            .map(|call| {
                let first = message(&format!("m{}", call % 50), "hello");
                scene.store.start_dialog(NewDialog {
                    site_id: scene.site_id,
                    assistant_id: None,
                    key_hash: [round; 32],
                    message: first,
                })
            })
            .map(tokio::spawn)
            .collect();
        let mut dialogs = Vec::new();
        let mut stored = 0;
        for start in starts {
            let started = start.await.unwrap().unwrap();
            stored += u32::from(!place(&started.taken).1);
            dialogs.push(started.dialog_id.unwrap());
        }
        dialogs.dedup();
        assert_eq!(dialogs.len(), 1, "one visitor, one dialog");
        assert_eq!(stored, 50);
        let log = scene.log(scene.as_visitor(dialogs[0]).await).await;
        assert_eq!(seqs(&log), (1..=51).collect::<Vec<_>>());
        assert_eq!(log.iter().filter(|event| id(event) == WELCOME_ID).count(), 1);
        assert_eq!(id(&log[0]), WELCOME_ID);
        assert!(log[0].json.contains(WELCOME) && log[0].json.contains(r#""kind":"system""#));
    }
}

pub(super) async fn the_welcome_comes_with_a_visitors_first_message_only(scene: &Scene) {
    let quiet = scene.log(scene.dialog(1).await).await;
    assert_eq!(id(&quiet[0]), "first", "a site without a welcome says none");
    let new = NewDialog {
        site_id: scene.site_id,
        assistant_id: None,
        key_hash: [9; 32],
        message: by(AuthorKind::Operator, "Ada", message("a", "we call you")),
    };
    let started = scene.store.start_dialog(new).await.unwrap();
    let dialog = scene.as_visitor(started.dialog_id.unwrap()).await;
    scene.append(dialog, message("b", "hello")).await.unwrap();
    assert_eq!(scene.log(dialog).await.iter().map(|event| id(event)).collect::<Vec<_>>(), ["a", "b"]);
}

pub(super) async fn a_first_message_that_is_not_taken_makes_no_dialog(scene: &Scene) {
    let refused = scene.store.start_dialog(scene.new_dialog(7, ordered("a", "c", 5))).await.unwrap();
    assert_eq!(refused.dialog_id, None);
    assert_eq!(refusal(&refused.taken), (code::ORDER, Some(1)));
    assert_eq!(scene.store.find_dialog(scene.quiet_site_id, None, [7; 32]).await.unwrap(), None);
    let taken = scene.store.start_dialog(scene.new_dialog(7, ordered("a", "c", 1))).await.unwrap();
    assert_eq!(place(&taken.taken), (1, false));
}

pub(super) async fn a_visitor_finds_the_dialog_of_its_own_key_only(scene: &Scene) {
    let one = scene.dialog(1).await.id();
    let two = scene.dialog(2).await.id();
    assert_ne!(one, two);
    let find = |site, assistant, key: u8| scene.store.find_dialog(site, assistant, [key; 32]);
    assert_eq!(find(scene.quiet_site_id, None, 1).await.unwrap(), Some(one));
    assert_eq!(find(scene.quiet_site_id, None, 2).await.unwrap(), Some(two));
    assert_eq!(find(scene.quiet_site_id, None, 3).await.unwrap(), None);
    assert_eq!(find(scene.site_id, None, 1).await.unwrap(), None);
    assert_eq!(find(scene.quiet_site_id, Some(scene.assistant_id), 1).await.unwrap(), None);
    assert_eq!(scene.store.dialog_facts(one).await.unwrap().unwrap().key_hash, Some([1; 32]));
    assert_eq!(scene.store.dialog_facts(u64::MAX >> 1).await.unwrap(), None);
}

pub(super) async fn the_log_has_no_holes_and_is_published_in_its_order(scene: &Scene) {
    let dialogs = [scene.dialog(1).await, scene.dialog(2).await, scene.dialog(3).await];
    let sends: Vec<_> = (0..600)
        .map(|number| scene.store.append(dialogs[number % 3], message(&format!("m{number}"), "text")))
        .map(tokio::spawn)
        .collect();
    for send in sends {
        place(&send.await.unwrap().unwrap());
    }
    for dialog in dialogs {
        let log = scene.log(dialog).await;
        assert_eq!(seqs(&log), (1..=201).collect::<Vec<_>>());
        let numbers: Vec<u32> = log[1..].iter().map(|event| id(event)[1..].parse().unwrap()).collect();
        assert!(numbers.is_sorted(), "the order of the calls is the order of the log");
        let published = scene.published.lock().unwrap();
        let published: Vec<_> = published.iter().filter(|committed| committed.event.dialog_id == dialog.id()).collect();
        assert_eq!(published.iter().map(|committed| committed.event.seq).collect::<Vec<_>>(), seqs(&log));
        assert!(published.iter().zip(&log).all(|(one, other)| one.event == *other), "read as published");
        assert!(published.iter().all(|committed| committed.site_id == scene.quiet_site_id));
    }
}

pub(super) async fn pages_join_without_a_gap_in_both_directions(scene: &Scene) {
    let dialog = scene.dialog(1).await;
    for number in 2..=25 {
        scene.append(dialog, message(&format!("m{number}"), "text")).await.unwrap();
    }
    let mut forward = Vec::new();
    loop {
        let page = scene.store.read(dialog, forward.last().copied().unwrap_or(0), 10).await.unwrap();
        assert_eq!(page.head, 25);
        if page.events.is_empty() {
            break;
        }
        forward.extend(seqs(&page.events));
    }
    assert_eq!(forward, (1..=25).collect::<Vec<_>>());
    let last = scene.store.before(dialog, u64::MAX, 10).await.unwrap();
    assert_eq!(seqs(&last.events), (16..=25).collect::<Vec<_>>());
    assert_eq!(seqs(&scene.store.before(dialog, 16, 10).await.unwrap().events), (6..=15).collect::<Vec<_>>());
    assert_eq!(seqs(&scene.store.before(dialog, 3, 10).await.unwrap().events), [1, 2]);
    assert!(scene.store.before(dialog, 1, 10).await.unwrap().events.is_empty());
    assert!(scene.store.read(dialog, 25, 10).await.unwrap().events.is_empty());
    assert!(scene.store.read(dialog, u64::MAX, u64::MAX).await.unwrap().events.is_empty());
}

pub(super) async fn a_session_learns_what_is_known_of_what_it_has_in_doubt(scene: &Scene) {
    let dialog = scene.dialog(1).await;
    let other = scene.dialog(2).await;
    let a = scene.append(dialog, ordered("a", "c", 1)).await.unwrap();
    scene.append(other, message("b", "elsewhere")).await.unwrap();
    let pending = ["b", "a", "never"].map(String::from).to_vec();
    let resumed = scene.store.resume(dialog, Cursor::default(), pending, Some("c".into())).await.unwrap();
    assert_eq!(resumed.known, [Known { id: "a".into(), seq: a.seq, at: a.at }]);
    assert_eq!((resumed.head, resumed.last_n, resumed.epoch), (2, 1, scene.store.epoch()));
    let unknown = scene.store.resume(dialog, Cursor::default(), Vec::new(), Some("another".into())).await.unwrap();
    assert_eq!(unknown.last_n, 0);
    assert!((1..1 << 53).contains(&scene.store.epoch()));
}

pub(super) async fn marks_go_forward_up_to_the_head_for_each_side(scene: &Scene) {
    let visitor = scene.dialog(1).await;
    let operator = scene.as_operator(visitor.id()).await;
    for id in ["a", "b", "c"] {
        scene.append(visitor, message(id, id)).await.unwrap();
    }
    let mark = |received, read| Mark { received, read };
    let marks = scene.store.mark(visitor, 3, 1).await.unwrap();
    assert_eq!(marks, Marks { visitor: mark(3, 1), operator: mark(0, 0) });
    let marks = scene.store.mark(operator, 0, 2).await.unwrap();
    assert_eq!(marks, Marks { visitor: mark(3, 1), operator: mark(2, 2) }, "what is read was received");
    scene.store.mark(visitor, 1, 0).await.unwrap();
    let marks = scene.store.mark(operator, u64::MAX, 0).await.unwrap();
    assert_eq!(marks, Marks { visitor: mark(3, 1), operator: mark(4, 2) }, "never back, never beyond the head");
    assert_eq!(scene.store.marks(visitor).await.unwrap(), marks);
}

pub(super) async fn the_list_of_dialogs_shows_the_latest_first_and_only_allowed_sites(scene: &Scene) {
    let quiet = scene.dialog(1).await;
    let new = NewDialog {
        site_id: scene.site_id,
        assistant_id: None,
        key_hash: [2; 32],
        message: message("x", &"long ".repeat(100)),
    };
    let loud = scene.store.start_dialog(new).await.unwrap().dialog_id.unwrap();
    let list = |sites, before, limit| scene.store.dialogs(DialogFilter { sites, before, limit });
    let all = list(Sites::All, None, 50).await.unwrap();
    let mut ids: Vec<_> = all.iter().map(|line| line.id).collect();
    assert!(
        all.windows(2).all(|pair| (pair[0].at / 1000, pair[0].id) > (pair[1].at / 1000, pair[1].id)),
        "the latest first"
    );
    ids.sort_unstable();
    assert_eq!(ids, [quiet.id(), loud]);
    let line = all.iter().find(|line| line.id == loud).unwrap();
    assert_eq!((line.head, line.last_author, line.last_text.chars().count()), (2, AuthorKind::Visitor, 200));
    let only = list(Sites::Only([scene.quiet_site_id].into()), None, 50).await.unwrap();
    assert_eq!(only.iter().map(|line| line.id).collect::<Vec<_>>(), [quiet.id()]);
    assert!(list(Sites::Only([].into()), None, 50).await.unwrap().is_empty());
    let first = list(Sites::All, None, 1).await.unwrap();
    let second = list(Sites::All, Some((first[0].at, first[0].id)), 1).await.unwrap();
    assert_eq!([first[0].id, second[0].id], [all[0].id, all[1].id], "pages join");
}

pub(super) async fn texts_are_kept_as_the_text_they_are(scene: &Scene) {
    let dialog = scene.dialog(1).await;
    let texts = [
        "'; DROP TABLE messages; --",
        "<script>alert(1)</script>",
        "\u{0}\u{1}\u{7f} control",
        "🙂 👨‍👩‍👧 \u{202e}right to left",
        "\\u0000 \" \\ / \n\r\t",
        &"ä".repeat(10_000),
    ];
    for (number, text) in texts.iter().enumerate() {
        scene.append(dialog, message(&format!("m{number}"), text)).await.unwrap();
        assert_eq!(place(&scene.append(dialog, message(&format!("m{number}"), text)).await), (number as u64 + 2, true));
    }
    for (event, text) in scene.log(dialog).await[1..].iter().zip(texts) {
        let Entry::Message(message) = &event.entry else { panic!("a message") };
        assert_eq!(message.text, text);
    }
}

pub(super) async fn an_assistants_answer_is_appended_once(scene: &Scene) {
    let new = |id: &str, key: u8| NewDialog {
        site_id: scene.site_id,
        assistant_id: Some(scene.assistant_id),
        key_hash: [key; 32],
        message: message(id, "What does it cost?"),
    };
    let dialog = scene.store.start_dialog(new("a", 1)).await.unwrap().dialog_id.unwrap();
    scene.store.start_dialog(new("a", 1)).await.unwrap();
    let jobs = scene.store.jobs(10).await.unwrap();
    assert_eq!(jobs.len(), 1, "a message that was sent again is no new question");
    assert_eq!(jobs[0].question, "What does it cost?");
    for _ in 0..2 {
        scene.store.answer(jobs[0].id, Some("Nothing.".into()), 0).await.unwrap();
    }
    assert!(scene.store.jobs(10).await.unwrap().is_empty());
    let log = scene.log(scene.as_visitor(dialog).await).await;
    assert_eq!(log.iter().map(|event| id(event)).collect::<Vec<_>>(), [WELCOME_ID, "a", "re-2"]);
    assert!(log[2].json.contains(r#""kind":"assistant""#));
}

pub(super) async fn an_assistant_leaves_a_dialog_to_the_operator_who_wrote_in_it(scene: &Scene) {
    let new = NewDialog {
        site_id: scene.site_id,
        assistant_id: Some(scene.assistant_id),
        key_hash: [1; 32],
        message: message("a", "Hello?"),
    };
    let dialog = scene.store.start_dialog(new).await.unwrap().dialog_id.unwrap();
    let operator = scene.as_operator(dialog).await;
    scene.append(operator, by(AuthorKind::Operator, "Ada", message("b", "I am here"))).await.unwrap();
    let jobs = scene.store.jobs(10).await.unwrap();
    scene.store.answer(jobs[0].id, Some("Beep.".into()), 1).await.unwrap();
    assert!(scene.store.jobs(10).await.unwrap().is_empty(), "the job is gone all the same");
    assert_eq!(scene.log(operator).await.len(), 3);
}

pub(super) async fn a_message_of_nobodys_dialog_does_not_spoil_its_neighbours(scene: &Scene) {
    let dialog = scene.dialog(1).await;
    // There is no site 4711: the database refuses this one, in the same group as the others.
    let bad = NewDialog { site_id: 4711, assistant_id: None, key_hash: [5; 32], message: message("a", "a") };
    let good: Vec<_> = (0..20)
        .map(|number| {
            let good = scene.store.append(dialog, message(&format!("m{number}"), "text"));
            (good, scene.store.start_dialog(bad.clone()))
        })
        .collect();
    for (number, (good, bad)) in good.into_iter().enumerate() {
        assert_eq!(place(&good.await.unwrap()), (number as u64 + 2, false));
        assert!(bad.await.is_err());
    }
    assert_eq!(seqs(&scene.log(dialog).await), (1..=21).collect::<Vec<_>>());
}

pub(super) async fn a_dropped_answer_does_not_undo_the_request(scene: &Scene) {
    let dialog = scene.dialog(1).await;
    drop(scene.store.append(dialog, message("a", "a")));
    assert_eq!(place(&scene.append(dialog, message("b", "b")).await), (3, false));
    assert_eq!(scene.log(dialog).await.len(), 3);
}

pub(super) async fn a_closed_store_says_so(scene: &Scene) {
    let dialog = scene.dialog(1).await;
    scene.store.check().await.unwrap();
    scene.store.close().await.unwrap();
    assert_eq!(scene.store.append(dialog, message("a", "a")).await.unwrap_err(), super::StoreError::Closed);
    assert_eq!(scene.store.read(dialog, 0, 1).await.unwrap_err(), super::StoreError::Closed);
    assert!(scene.store.check().await.is_err());
}

fn file(id: &str, size: u64) -> File {
    File { id: id.into(), name: "a.png".into(), mime: "image/png".into(), size, width: Some(2), height: None }
}

fn upload(owner: FileOwner, id: &str, byte: u8) -> NewFile {
    NewFile { owner, file: file(id, 5), digest: [byte; 32], blob: format!("{id}-{byte}") }
}

fn known(id: &str, byte: u8) -> FilePut {
    FilePut::Known(KeptFile { file: file(id, 5), blob: format!("{id}-{byte}") })
}

fn with_file(id: &str, file: &str) -> NewMessage {
    NewMessage { text: String::new(), file: Some(file.into()), ..message(id, "") }
}

pub(super) async fn a_file_goes_with_one_message_of_the_side_that_uploaded_it(scene: &Scene) {
    let (dialog, other) = (scene.dialog(1).await, scene.dialog(2).await);
    let store = &scene.store;
    let missing = scene.append(dialog, with_file("a", "f")).await;
    assert_eq!(refusal(&missing), (code::FILE_NOT_FOUND, None));
    assert_eq!(store.put_file(upload(FileOwner::Dialog(dialog), "f", 1)).await.unwrap(), FilePut::Stored);
    assert_eq!(store.file(dialog, "f").await.unwrap(), None, "nobody sees what was not sent");
    let foreign = scene.append(other, with_file("a", "f")).await;
    assert_eq!(refusal(&foreign), (code::FILE_NOT_FOUND, None));
    let other_side = scene.append(dialog, by(AuthorKind::Operator, "Ada", with_file("o", "f"))).await;
    assert_eq!(refusal(&other_side), (code::FILE_NOT_FOUND, None));
    assert_eq!(place(&scene.append(dialog, with_file("a", "f")).await), (2, false));
    assert_eq!(place(&scene.append(dialog, with_file("a", "f")).await), (2, true), "a replay");
    assert_eq!(refusal(&scene.append(dialog, with_file("a", "g")).await), (code::ID_CONFLICT, None));
    assert_eq!(refusal(&scene.append(dialog, message("a", "")).await), (code::ID_CONFLICT, None));
    let twice = scene.append(dialog, with_file("b", "f")).await;
    assert_eq!(refusal(&twice), (code::FILE_NOT_FOUND, None), "it goes with one message");
    let log = scene.log(dialog).await;
    assert!(log[1].json.contains(r#""file":{"id":"f","name":"a.png","mime":"image/png","size":5,"width":2}"#));
    assert_eq!(store.file(dialog, "f").await.unwrap().map(|kept| kept.blob), Some("f-1".into()));
    assert_eq!(store.file(other, "f").await.unwrap(), None);
    assert_eq!(store.put_file(upload(FileOwner::Dialog(dialog), "f", 1)).await.unwrap(), known("f", 1));
}

pub(super) async fn a_visitor_without_a_dialog_begins_one_with_a_file(scene: &Scene) {
    let store = &scene.store;
    let newcomer = |key: u8, site_id| FileOwner::Newcomer { site_id, assistant_id: None, key_hash: [key; 32] };
    let of_scene = newcomer(7, scene.quiet_site_id);
    assert_eq!(store.put_file(upload(of_scene, "f", 1)).await.unwrap(), FilePut::Stored);
    let stranger = store.start_dialog(scene.new_dialog(8, with_file("a", "f"))).await.unwrap();
    assert_eq!((stranger.dialog_id, refusal(&stranger.taken)), (None, (code::FILE_NOT_FOUND, None)));
    let started = store.start_dialog(scene.new_dialog(7, with_file("a", "f"))).await.unwrap();
    assert!(!place(&started.taken).1);
    let dialog = scene.as_visitor(started.dialog_id.unwrap()).await;
    assert!(store.file(dialog, "f").await.unwrap().is_some());
    let again = store.put_file(upload(FileOwner::Dialog(dialog), "f", 1)).await.unwrap();
    assert_eq!(again, known("f", 1), "a retry after the dialog began");
    assert_eq!(
        store.put_file(upload(newcomer(7, scene.site_id), "f", 2)).await.unwrap(),
        FilePut::Stored,
        "another site"
    );
}

pub(super) async fn uploads_are_the_same_for_ever_and_have_bounds(scene: &Scene) {
    let dialog = scene.dialog(1).await;
    let owner = FileOwner::Dialog(dialog);
    let store = &scene.store;
    store.put_file(upload(owner, "f", 1)).await.unwrap();
    assert_eq!(store.put_file(upload(owner, "f", 1)).await.unwrap(), known("f", 1));
    assert_eq!(store.put_file(upload(owner, "f", 2)).await.unwrap(), FilePut::Conflict);
    assert_eq!(store.file_room(owner, VISITOR_QUOTA.bytes - 5).await.unwrap(), FileRoom::Free);
    assert_eq!(store.file_room(owner, VISITOR_QUOTA.bytes).await.unwrap(), FileRoom::Full);
    for number in 1..VISITOR_QUOTA.unsent {
        assert_eq!(store.put_file(upload(owner, &format!("n{number}"), 1)).await.unwrap(), FilePut::Stored);
    }
    assert_eq!(store.put_file(upload(owner, "more", 1)).await.unwrap(), FilePut::Full);
    let operator = FileOwner::Dialog(scene.as_operator(dialog.id()).await);
    assert_eq!(store.put_file(upload(operator, "more", 2)).await.unwrap(), FilePut::Stored, "sides are counted alone");
    scene.append(dialog, with_file("a", "f")).await.unwrap();
    assert_eq!(store.put_file(upload(owner, "more", 2)).await.unwrap(), FilePut::Conflict, "an id is one file");
    assert_eq!(store.put_file(upload(owner, "one more", 1)).await.unwrap(), FilePut::Stored);
}

pub(super) async fn uploads_that_nobody_sends_are_forgotten(scene: &Scene) {
    let dialog = scene.dialog(1).await;
    let store = &scene.store;
    for id in ["sent", "unsent"] {
        store.put_file(upload(FileOwner::Dialog(dialog), id, 1)).await.unwrap();
    }
    scene.append(dialog, with_file("a", "sent")).await.unwrap();
    assert!(store.forget_unsent_files(0).await.unwrap().is_empty());
    assert_eq!(store.forget_unsent_files(u64::MAX >> 1).await.unwrap(), ["unsent-1"]);
    let known = store.known_blobs(vec!["sent-1".into(), "unsent-1".into()]).await.unwrap();
    assert_eq!(known, ["sent-1"]);
    assert_eq!(refusal(&scene.append(dialog, with_file("b", "unsent")).await), (code::FILE_NOT_FOUND, None));
}
