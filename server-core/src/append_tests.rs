//! Every rule of an append as a row.

use super::*;

fn message(id: &str, client: Option<&str>, n: Option<u64>) -> NewMessage {
    NewMessage {
        id: id.into(),
        n,
        client: client.map(Into::into),
        author: Author { kind: AuthorKind::Visitor, name: String::new() },
        text: "hello".into(),
        file: None,
    }
}

fn facts(head: u64, last_n: u64) -> Facts<'static> {
    Facts { head, known: None, last_n, welcome: Some("Hi!"), at: 1_000, file: None }
}

fn known(same: Sameness) -> Option<KnownMessage> {
    Some(KnownMessage { seq: 4, at: 77, same })
}

/// Short form of a decision: its kind, the rows' `seq id`, and the new `last_n`.
fn short(decision: &Decision) -> String {
    match decision {
        Decision::Duplicate { seq, at, last_n } => format!("duplicate {seq} at {at}, n {last_n:?}"),
        Decision::Conflict => "conflict".into(),
        Decision::NoFile => "no file".into(),
        Decision::Order { expected } => format!("order, expected {expected}"),
        Decision::Append { rows, last_n } => {
            let rows: Vec<_> = rows.iter().map(|row| format!("{} {}", row.seq, row.id)).collect();
            format!("append {}, n {last_n:?}", rows.join(" + "))
        }
    }
}

#[test]
fn the_order_number_must_be_the_next_one_unless_the_id_is_known() {
    let rows = [
        // client, n, last_n, known → decision
        (Some("c"), Some(1), 0, None, "append 8 a, n Some(1)"),
        (Some("c"), Some(2), 0, None, "order, expected 1"),
        (Some("c"), Some(3), 2, None, "append 8 a, n Some(3)"),
        (Some("c"), Some(2), 2, None, "order, expected 3"),
        (Some("c"), Some(0), 0, None, "order, expected 1"),
        (Some("c"), Some(u64::MAX), 0, None, "order, expected 1"),
        (Some("c"), None, 5, None, "append 8 a, n None"),
        (None, Some(9), 0, None, "append 8 a, n None"),
        (None, None, 0, None, "append 8 a, n None"),
        (Some("c"), Some(3), 2, known(Sameness::Replay), "duplicate 4 at 77, n Some(3)"),
        (Some("c"), Some(2), 2, known(Sameness::Replay), "duplicate 4 at 77, n None"),
        (Some("c"), Some(9), 2, known(Sameness::Replay), "duplicate 4 at 77, n None"),
        (None, None, 0, known(Sameness::Replay), "duplicate 4 at 77, n None"),
        (Some("c"), Some(3), 2, known(Sameness::Other), "conflict"),
        (None, None, 0, known(Sameness::Other), "conflict"),
    ];
    for (client, n, last_n, known, expected) in rows {
        let decision = decide(&message("a", client, n), &Facts { known, ..facts(7, last_n) });
        assert_eq!(short(&decision), expected, "client {client:?}, n {n:?}, last {last_n}, {known:?}");
    }
}

#[test]
fn the_welcome_stands_once_and_first_and_only_for_a_visitor() {
    let first = decide(&message("a", Some("c"), Some(1)), &facts(0, 0));
    assert_eq!(short(&first), "append 1 welcome + 2 a, n Some(1)");
    let Decision::Append { rows, .. } = &first else { panic!("{first:?}") };
    assert_eq!((rows[0].author.kind, rows[0].text.as_str()), (AuthorKind::System, "Hi!"));
    assert_eq!(first.answer("a").map(|stored| stored.seq), Ok(2));

    assert_eq!(short(&decide(&message("a", None, None), &facts(1, 0))), "append 2 a, n None");
    let without = Facts { welcome: None, ..facts(0, 0) };
    assert_eq!(short(&decide(&message("a", None, None), &without)), "append 1 a, n None");
    let mut operator = message("a", None, None);
    operator.author.kind = AuthorKind::Operator;
    assert_eq!(short(&decide(&operator, &facts(0, 0))), "append 1 a, n None");
}

#[test]
fn the_answer_says_what_the_log_holds() {
    let again = Decision::Duplicate { seq: 4, at: 77, last_n: None };
    assert_eq!(again.answer("a"), Ok(Stored { id: "a".into(), seq: 4, at: 77, duplicate: true }));
    assert_eq!(
        Decision::Conflict.answer("a").map_err(|refusal| (refusal.code, refusal.retry)),
        Err(("id_conflict", false))
    );
    let order = Decision::Order { expected: 3 }.answer("a");
    assert_eq!(order.map_err(|refusal| (refusal.code, refusal.expected)), Err(("order", Some(3))));
}

#[test]
fn a_message_with_a_file_needs_the_file_to_be_there_for_it() {
    let file = File { id: "f".into(), ..File::default() };
    let (found, lost) = (Facts { file: Some(&file), ..facts(7, 0) }, facts(7, 0));
    let message = NewMessage { file: Some("f".into()), ..message("a", Some("c"), Some(1)) };
    assert_eq!(short(&decide(&message, &lost)), "no file");
    assert_eq!(decide(&message, &lost).answer("a").unwrap_err().code, protocol::code::FILE_NOT_FOUND);
    assert_eq!(short(&decide(&message, &found)), "append 8 a, n Some(1)");
    let Decision::Append { rows, .. } = decide(&message, &found) else { panic!("it is appended") };
    assert_eq!(rows[0].file.as_ref(), Some(&file));
    // Its replay finds the file used, by itself; and before its turn it is the order that counts.
    let known = Facts { known: known(Sameness::Replay), ..facts(7, 1) };
    assert_eq!(short(&decide(&message, &known)), "duplicate 4 at 77, n None");
    assert_eq!(short(&decide(&message, &facts(7, 4))), "order, expected 5");
    // The welcome in front of it has none.
    let Decision::Append { rows, .. } = decide(&message, &Facts { head: 0, ..found }) else { panic!("it is appended") };
    assert_eq!(rows.iter().map(|row| row.file.is_some()).collect::<Vec<_>>(), [false, true]);
}
