use super::*;

/// A history of two conversations in which nothing is wrong; `plant` spoils it.
fn history(plant: impl FnOnce(&mut Vec<Line>)) -> Verdict {
    let mut lines = Vec::new();
    let mut tell = |who: &str, fact| {
        let at_us = lines.len() as u64 * 1_000;
        lines.push(Line { at_us, who: who.into(), fact });
    };
    for (conversation, dialog) in [(0, 70), (1, 71)] {
        let (visitor, operator) = (format!("v{conversation}"), format!("o{conversation}"));
        for client in [&visitor, &operator] {
            tell(client, Fact::Link { state: "Online".into() });
        }
        let mut rows = vec![Row { seq: 1, id: "welcome".into(), text: "garbled:Welcome:9".into() }];
        for (number, who) in [(1, &visitor), (2, &visitor), (1, &operator)] {
            let text = format!("{conversation}.{who}.{number}");
            let row = Row { seq: rows.len() as u64 + 1, id: format!("id-{text}"), text: text.clone() };
            tell(who, Fact::Sent { text: text.clone() });
            tell(who, Fact::Named { id: row.id.clone(), text });
            tell(who, Fact::Stored { dialog, epoch: 1, id: row.id.clone(), seq: row.seq });
            for client in [&visitor, &operator] {
                tell(client, Fact::Seen { dialog, epoch: 1, row: row.clone() });
                tell(client, Fact::Shown { dialog, row: row.clone() });
            }
            rows.push(row);
        }
        for client in [&visitor, &operator] {
            tell(client, Fact::Screen { dialog, rows: rows.clone(), last: true });
        }
        for row in rows {
            tell("log", Fact::Logged { dialog, epoch: 1, row });
        }
    }
    plant(&mut lines);
    check(lines.into_iter().map(Ok)).unwrap()
}

/// Changes the messages of one kind of line.
fn logged(lines: &mut [Line], dialog: u64) -> Vec<&mut Row> {
    let rows = lines.iter_mut().filter_map(|line| {
        let Fact::Logged { dialog: its, row, .. } = &mut line.fact else { return None };
        (*its == dialog).then_some(row)
    });
    rows.collect()
}

/// Changes the last screen of a client.
fn screen<'a>(lines: &'a mut [Line], who: &str) -> &'a mut Vec<Row> {
    let found = lines.iter_mut().filter(|line| line.who == who).find_map(|line| {
        let Fact::Screen { rows, .. } = &mut line.fact else { return None };
        Some(rows)
    });
    found.expect("there is one")
}

fn remove(lines: &mut Vec<Line>, which: impl Fn(&Line) -> bool) {
    let before = lines.len();
    lines.retain(|line| !which(line));
    assert!(lines.len() < before, "there was nothing to remove");
}

#[test]
fn a_history_in_which_nothing_is_wrong_is_clean() {
    let verdict = history(|_| {});
    assert_eq!(verdict.examples, [""; 0]);
    assert!(verdict.is_clean());
    assert_eq!((verdict.sent, verdict.arrived, verdict.logged), (6, 6, 8));
    assert_eq!((verdict.answered_us.len(), verdict.delivered_us.len(), verdict.never_back), (6, 6, 0));
    assert_eq!(verdict.answered_us[0], 2_000);
}

#[test]
fn a_message_that_waited_on_a_screen_and_is_stored_later_is_not_there_twice() {
    let verdict = history(|lines| {
        let waiting = Row { seq: 0, id: "id-0.v0.1".into(), text: "0.v0.1".into() };
        let screen = Fact::Screen { dialog: 70, rows: vec![waiting], last: false };
        let sent = lines.iter().position(|line| matches!(&line.fact, Fact::Sent { text } if text == "0.v0.1"));
        lines.insert(sent.unwrap(), Line { at_us: 0, who: "v0".into(), fact: screen });
    });
    assert!(verdict.is_clean(), "{:?}", verdict.examples);
}

/// Plants one fault and expects it to be found as what it is.
fn finds(what: &str, plant: impl FnOnce(&mut Vec<Line>), count: impl Fn(&Verdict) -> u64) {
    let verdict = history(plant);
    assert!(count(&verdict) > 0, "{what} is not found: {verdict:#?}");
    assert!(!verdict.is_clean() && !verdict.examples.is_empty(), "{what}");
}

#[test]
fn every_planted_fault_is_found() {
    finds(
        "a message that is not in the log",
        |lines| remove(lines, |line| matches!(&line.fact, Fact::Logged { row, .. } if row.text == "0.o0.1")),
        |verdict| verdict.lost,
    );
    finds("a message missing on a screen", |lines| drop(screen(lines, "o0").remove(2)), |verdict| verdict.lost);
    finds(
        "a message twice on a screen",
        |lines| {
            let rows = screen(lines, "v0");
            let again = Row { seq: 0, id: "other".into(), ..rows[3].clone() };
            rows.push(again);
        },
        |verdict| verdict.twice,
    );
    finds(
        "a message twice in the log",
        |lines| {
            let row = Row { seq: 5, id: "another-id".into(), text: "0.v0.1".into() };
            lines.push(Line { at_us: 0, who: "log".into(), fact: Fact::Logged { dialog: 70, epoch: 1, row } });
        },
        |verdict| verdict.twice,
    );
    finds("two rows of a screen changed over", |lines| screen(lines, "v1").swap(1, 2), |verdict| verdict.reordered);
    finds(
        "the messages of one sender out of order",
        |lines| {
            let mut rows = logged(lines, 71);
            let text = std::mem::replace(&mut rows[1].text, "1.v1.2".into());
            rows[2].text = text;
        },
        |verdict| verdict.reordered,
    );
    finds("a hole in the log", |lines| logged(lines, 71)[3].seq = 9, |verdict| verdict.reordered);
    finds(
        "a frame in another dialog",
        |lines| {
            for line in lines {
                if let Fact::Seen { dialog, row, .. } = &mut line.fact
                    && row.text == "1.v1.1"
                    && line.who == "o1"
                {
                    (line.who, *dialog) = ("o0".into(), 70);
                }
            }
        },
        |verdict| verdict.crossed,
    );
    finds(
        "a message stored in another dialog",
        |lines| {
            let row = Row { seq: 5, id: "id-1.v1.1".into(), text: "1.v1.1".into() };
            lines.push(Line { at_us: 0, who: "log".into(), fact: Fact::Logged { dialog: 70, epoch: 1, row } });
        },
        |verdict| verdict.crossed,
    );
    finds(
        "a visitor with two dialogs",
        |lines| {
            let fact = Fact::Stored { dialog: 99, epoch: 1, id: "id-1.v1.1".into(), seq: 2 };
            lines.push(Line { at_us: 0, who: "v1".into(), fact });
        },
        |verdict| verdict.crossed,
    );
    finds(
        "a second welcome in the log",
        |lines| {
            let row = Row { seq: 5, id: "welcome".into(), text: "garbled:Welcome:9".into() };
            lines.push(Line { at_us: 0, who: "log".into(), fact: Fact::Logged { dialog: 70, epoch: 1, row } });
        },
        |verdict| verdict.welcomes,
    );
    finds(
        "a second welcome on a screen",
        |lines| {
            let rows = screen(lines, "v0");
            let again = rows[0].clone();
            rows.push(Row { seq: 9, ..again });
        },
        |verdict| verdict.welcomes,
    );
    finds(
        "an answer that is not true",
        |lines| {
            remove(lines, |line| {
                matches!(&line.fact, Fact::Logged { row, .. } | Fact::Seen { row, .. } | Fact::Shown { row, .. }
                    if row.text == "0.o0.1")
            });
        },
        |verdict| verdict.false_answers,
    );
    finds(
        "two answers that differ",
        |lines| {
            let fact = Fact::Stored { dialog: 70, epoch: 1, id: "id-0.v0.1".into(), seq: 3 };
            lines.push(Line { at_us: 0, who: "v0".into(), fact });
        },
        |verdict| verdict.false_answers,
    );
    finds(
        "a message that was seen and is not in the log",
        |lines| {
            let row = Row { seq: 5, id: "ghost".into(), text: "0.v0.3".into() };
            let seen = Fact::Seen { dialog: 70, epoch: 1, row };
            lines.push(Line { at_us: 0, who: "v0".into(), fact: Fact::Sent { text: "0.v0.3".into() } });
            lines.push(Line { at_us: 0, who: "v0".into(), fact: Fact::Declined { text: "0.v0.3".into() } });
            lines.push(Line { at_us: 0, who: "o0".into(), fact: seen });
        },
        |verdict| verdict.phantoms,
    );
    finds(
        "a message that nobody has sent",
        |lines| remove(lines, |line| matches!(&line.fact, Fact::Sent { text } if text == "1.o1.1")),
        |verdict| verdict.phantoms,
    );
    finds(
        "a text that was changed under way",
        |lines| screen(lines, "o1")[1].text = "garbled:1.v1.1:20".into(),
        |verdict| verdict.phantoms,
    );
}

#[test]
fn what_an_older_log_does_not_have_is_lost_unless_the_log_was_put_back() {
    let put_back = |said: bool| {
        history(move |lines| {
            // All that was seen and answered belongs to the log before; the last message is not in the older one.
            remove(
                lines,
                |line| matches!(&line.fact, Fact::Logged { row, .. } | Fact::Shown { row, .. } if row.text == "0.o0.1"),
            );
            for who in ["v0", "o0"] {
                screen(lines, who).pop();
            }
            for line in lines.iter_mut() {
                if let Fact::Logged { epoch, .. } = &mut line.fact {
                    *epoch = 2;
                }
            }
            if said {
                lines.push(Line { at_us: 0, who: "nemesis".into(), fact: Fact::PutBack });
            }
        })
    };
    let verdict = put_back(true);
    assert_eq!((verdict.rewound, verdict.lost, verdict.is_clean()), (1, 0, true), "{:?}", verdict.examples);
    let verdict = put_back(false);
    assert!(verdict.lost > 0 && verdict.false_answers > 0 && verdict.phantoms > 0);
}

#[test]
fn what_the_client_declined_is_not_lost() {
    let verdict = history(|lines| {
        for (who, fact) in
            [("v0", Fact::Sent { text: "0.v0.3".into() }), ("v0", Fact::Declined { text: "0.v0.3".into() })]
        {
            lines.push(Line { at_us: 0, who: who.into(), fact });
        }
    });
    assert_eq!((verdict.declined, verdict.sent, verdict.arrived), (1, 7, 6));
    assert!(verdict.is_clean());
}

#[test]
fn the_time_to_come_back_counts_from_the_return_of_the_path() {
    let verdict = history(|lines| {
        let mut tell = |at_us, who: &str, fact| lines.push(Line { at_us, who: who.into(), fact });
        let link = |state: &str| Fact::Link { state: state.into() };
        let (fault, healed) = (|| Fact::Fault { what: "cut".into() }, || Fact::Healed { what: "cut".into() });
        tell(1_000_000, "nemesis", fault());
        tell(1_000_010, "v0", link("Reconnecting"));
        tell(1_500_000, "nemesis", healed());
        tell(1_700_000, "v0", link("OnlineSse"));
        // The others have not noticed; the next one is noticed after the path is back, by everybody but one.
        tell(3_000_000, "nemesis", fault());
        tell(3_000_000, "nemesis", healed());
        for (who, at_us) in [("v0", 100), ("o0", 200), ("v1", 300)] {
            tell(3_000_000 + at_us, who, link("Reconnecting"));
            if who != "v1" {
                tell(3_000_000 + 2 * at_us, who, link("Online"));
            }
        }
    });
    let cut = &verdict.recoveries["cut"];
    assert_eq!(cut.faults, 2);
    assert_eq!(cut.back_us, [200, 400, 200_000]);
    assert_eq!(cut.noticed_us, [10, 100, 200, 300]);
    assert_eq!(verdict.back_us(), [200, 400, 200_000]);
    assert_eq!(verdict.never_back, 1, "one is still away");
}
