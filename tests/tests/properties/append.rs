//! What a log takes: in order, each once, whoever repeats or overtakes.

use proptest::collection::vec;
use proptest::prelude::*;
use protocol::{Author, AuthorKind, WELCOME_ID};
use server_core::append::{Decision, Facts, KnownMessage, NewMessage, Row, Sameness, decide};

use crate::cases;

/// A dialog's log in the plainest form.
#[derive(Default)]
struct Log {
    rows: Vec<Row>,
    last_n: [u64; 2],
}

/// Who sends which message as which number.
type Try = (usize, u64, Option<u64>, u8);

impl Log {
    fn offer(&mut self, (client, id, n, text): &Try) -> Decision {
        let kind = if *client == 0 { AuthorKind::Visitor } else { AuthorKind::Operator };
        let message = NewMessage {
            id: format!("m{id}"),
            n: *n,
            client: Some(format!("c{client}")),
            author: Author { kind, name: String::new() },
            text: format!("text {text}"),
            file: None,
        };
        let known = self.rows.iter().find(|row| row.id == message.id);
        let known = known.map(|row| {
            let same = row.text == message.text && row.author.kind == message.author.kind;
            let same = if same { Sameness::Replay } else { Sameness::Other };
            KnownMessage { seq: row.seq, at: row.at, same }
        });
        let last_n = self.last_n[*client];
        let facts = Facts { head: self.rows.len() as u64, known, last_n, welcome: Some("welcome"), at: 5, file: None };
        let decision = decide(&message, &facts);
        match &decision {
            Decision::Append { rows, last_n } => {
                self.rows.extend(rows.iter().cloned());
                self.last_n[*client] = last_n.unwrap_or(self.last_n[*client]);
            }
            Decision::Duplicate { last_n, .. } => self.last_n[*client] = last_n.unwrap_or(self.last_n[*client]),
            Decision::Conflict | Decision::Order { .. } | Decision::NoFile => {}
        }
        decision
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn the_log_has_no_holes_nothing_twice_and_every_answer_stays_true(
        tries in vec((0..2_usize, 0..6_u64, prop::option::of(0..8_u64), 0..2_u8), 0..60),
    ) {
        let mut log = Log::default();
        let mut told: Vec<(String, u64)> = Vec::new();
        for one in &tries {
            let before = log.rows.len();
            let id = format!("m{}", one.1);
            if let Ok(stored) = log.offer(one).answer(&id) {
                let known = told.iter().find(|(known, _)| *known == id).map(|(_, seq)| *seq);
                prop_assert_eq!(stored.duplicate, known.is_some());
                prop_assert!(known.is_none_or(|seq| seq == stored.seq), "{} was at {:?}", id, known);
                told.push((id, stored.seq));
            } else {
                prop_assert_eq!(log.rows.len(), before, "what is refused is not stored");
            }
        }
        for (place, row) in log.rows.iter().enumerate() {
            prop_assert_eq!(row.seq, place as u64 + 1);
            prop_assert!(log.rows[..place].iter().all(|other| other.id != row.id), "{} twice", row.id);
            prop_assert!(row.id != WELCOME_ID || place == 0, "a welcome in the middle");
        }
    }

    #[test]
    fn messages_that_overtake_each_other_and_come_again_are_stored_in_the_order_of_writing(
        arrivals in vec(0..8_u64, 0..80),
    ) {
        let mut log = Log::default();
        // However they arrive at first, each is sent again until it is taken.
        let again = (0..8).flat_map(|_| 0..8_u64);
        for id in arrivals.into_iter().chain(again) {
            log.offer(&(0, id, Some(id + 1), 0));
        }
        let ids: Vec<_> = log.rows.iter().map(|row| row.id.as_str()).collect();
        prop_assert_eq!(ids, ["welcome", "m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"]);
    }
}
