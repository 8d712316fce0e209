//! Automatic assistants: what they say, and the worker that says it.
//!
//! A visitor's message queues a job in its own transaction, and the answer ends the job in its own: so each question
//! is answered once, however often the server dies in between.

use std::sync::Arc;
use std::time::Duration;

use server_core::Millis;

use crate::clock;
use crate::store::{Assistant, CannedAnswer, Job, Store, StoreError};

/// An assistant keeps out of a dialog for so long after an operator wrote in it.
const KEEP_OUT_MS: Millis = 30 * 60_000;

/// Jobs that are read at once.
const JOBS: u32 = 32;

/// The pause after a store that did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// Answers what visitors ask, until the store is closed.
pub async fn work(store: Arc<dyn Store>) {
    let added = store.job_added();
    loop {
        match answer_some(&*store).await {
            // Jobs that were added meanwhile have left a permit behind.
            Ok(0) => added.notified().await,
            Ok(_) => {}
            Err(StoreError::Closed) => return,
            // One read that failed says nothing about the next; a store that cannot go on ends the process.
            Err(error) => {
                tracing::warn!(%error, "the assistants wait for the store");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Carries out the oldest jobs; returns how many.
async fn answer_some(store: &dyn Store) -> Result<usize, StoreError> {
    let jobs = store.jobs(JOBS).await?;
    for job in &jobs {
        let text = job.assistant.as_ref().map(|assistant| reply(assistant, &job.question).to_owned());
        let keep_out_since = clock::wall().saturating_sub(KEEP_OUT_MS);
        let ended = match store.answer(job.id, text, keep_out_since).await {
            // An answer that the database refuses for good must not keep all later ones from being given.
            Err(StoreError::Internal { message }) => give_up(store, job, &message).await,
            ended => ended,
        };
        ended?;
    }
    Ok(jobs.len())
}

async fn give_up(store: &dyn Store, job: &Job, message: &str) -> Result<(), StoreError> {
    tracing::error!(job = job.id, message, "an assistant's answer was refused");
    store.answer(job.id, None, 0).await
}

/// Returns what an assistant says to a question: the answer of which most keywords stand in it, or else the fallback.
pub fn reply<'a>(assistant: &'a Assistant, question: &str) -> &'a str {
    let question = question.to_lowercase();
    let words: Vec<&str> = question.split(|letter: char| !letter.is_alphanumeric()).collect();
    let hits = |answer: &CannedAnswer| answer.keywords.iter().filter(|word| asks(&question, &words, word)).count();
    let mut best: (usize, &str) = (0, &assistant.fallback);
    for answer in &assistant.answers {
        let hits = hits(answer);
        // Among equals the first one stays, so that the order of an assistant's answers counts.
        if hits > best.0 {
            best = (hits, &answer.text);
        }
    }
    best.1
}

/// Returns whether a question contains a keyword: as the beginning of a word, so that `price` finds `prices`.
///
/// Phrases, and words of languages that may not separate their words by spaces, are found anywhere.
fn asks(question: &str, words: &[&str], keyword: &str) -> bool {
    let anywhere = !keyword.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if anywhere { question.contains(keyword) } else { words.iter().any(|word| word.starts_with(keyword)) }
}

#[cfg(test)]
mod tests {
    use protocol::{Author, AuthorKind};
    use server_core::access::{VisitorAuth, Who, authorize};
    use server_core::append::NewMessage;

    use super::*;
    use crate::credentials::ServerSecret;
    use crate::demo;
    use crate::store::sqlite::{Admin, SqliteStore};

    fn answer(keywords: &[&str], text: &str) -> CannedAnswer {
        CannedAnswer { keywords: keywords.iter().map(|word| (*word).to_owned()).collect(), text: text.into() }
    }

    #[tokio::test]
    async fn a_question_that_was_asked_before_a_restart_is_answered_once_after_it() {
        let directory = tempfile::tempdir().unwrap();
        let address = ([127, 0, 0, 1], 8787).into();
        let secret = ServerSecret::open(directory.path()).unwrap();
        let mut admin = Admin::open(directory.path()).unwrap();
        demo::seed(&mut admin, &secret, address, &[], 0).unwrap();
        let open = || Arc::new(SqliteStore::open(directory.path(), Box::new(|_| {})).unwrap());
        let ask = NewMessage {
            id: "a".into(),
            n: None,
            client: None,
            author: Author { kind: AuthorKind::Visitor, name: String::new() },
            text: "What does it cost?".into(),
            file: None,
        };
        let store = open();
        let facts = store.dialog_facts(123).await.unwrap().unwrap();
        let who = Who::Visitor {
            site_id: facts.site_id,
            assistant_id: Some(demo::ASSISTANT),
            key_hash: None,
            auth: VisitorAuth::Open,
        };
        let dialog = authorize(&who, Some(&facts)).unwrap();
        store.append(dialog, ask).await.unwrap().unwrap();
        store.close().await.unwrap();
        for _restart in 0..2 {
            let store = open();
            let worker = tokio::spawn(work(Arc::clone(&store) as Arc<dyn Store>));
            while !store.jobs(1).await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            let log = store.read(dialog, 0, 10).await.unwrap();
            let answers: Vec<_> = log.events.iter().filter(|event| event.json.contains("\"re-2\"")).collect();
            assert_eq!((log.head, answers.len()), (3, 1));
            assert!(answers[0].json.contains("free software") && answers[0].json.contains("Robin"));
            store.close().await.unwrap();
            worker.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_read_that_fails_for_another_reason_than_the_end_does_not_end_the_assistants() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(directory.path(), Box::new(|_| {})).unwrap());
        let other = rusqlite::Connection::open(directory.path().join("rejoin.db")).unwrap();
        other.busy_timeout(Duration::from_secs(10)).unwrap();
        other.execute_batch("ALTER TABLE jobs RENAME TO jobs_away").unwrap();
        let asked = store.job_added();
        let worker = tokio::spawn(work(Arc::clone(&store) as Arc<dyn Store>));
        // The worker has asked before the first of these, and is answered in turn.
        for _ in 0..20 {
            assert!(matches!(store.jobs(1).await, Err(StoreError::Internal { .. })));
        }
        other.execute_batch("ALTER TABLE jobs_away RENAME TO jobs").unwrap();
        asked.notify_one();
        tokio::task::yield_now().await;
        assert!(!worker.is_finished());
        store.close().await.unwrap();
        worker.await.unwrap();
    }

    #[test]
    fn the_answer_with_most_keywords_is_given() {
        let assistant = Assistant {
            id: 3,
            site_id: 1,
            name: "Robin".into(),
            fallback: "fallback".into(),
            answers: vec![
                answer(&["price", "cost"], "price"),
                answer(&["open", "opening hours"], "hours"),
                answer(&["cost", "shipping"], "shipping"),
                answer(&["öffnungszeiten", "営業時間"], "other languages"),
            ],
        };
        let rows = [
            ("What does it cost?", "price"),
            ("PRICES please!", "price"),
            ("what does shipping cost", "shipping"),
            ("Are you open?", "hours"),
            ("Tell me your opening hours", "hours"),
            ("reopen the shop", "fallback"),
            ("accost", "fallback"),
            ("Wie sind die Öffnungszeiten?", "other languages"),
            ("本日の営業時間は？", "other languages"),
            ("", "fallback"),
            ("🙂", "fallback"),
        ];
        for (question, expected) in rows {
            assert_eq!(reply(&assistant, question), expected, "{question}");
        }
    }
}
