//! What the simulator has found, each walked through by hand.

use crate::bench::{Bench, loaded, message, ready};
use crate::tab::{ANN, BOB, KEY, Tab, shelf};
use client_core::{Delivery, Identify, Input, LinkState, Output, Transport};
use protocol::Secret;
use serde_json::json;

const DAY_MS: u64 = 24 * 3_600_000;

fn saved(outputs: &[Output]) -> Vec<&str> {
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Save { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn nothing_is_kept_beside_a_key_that_could_not_be_kept() {
    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    let first = bench.send("one");
    bench.input(Input::SaveFailed { name: "key".into() });
    assert!(bench.outputs.contains(&Output::Remove { name: format!("o:{first}") }));
    bench.taken();
    bench.send("two");
    assert_eq!(saved(&bench.outputs), Vec::<&str>::new(), "another tab would take it into its own dialog");
    let unsaved = bench.texts().iter().filter(|(_, delivery)| *delivery == Delivery::Unsaved).count();
    assert_eq!(unsaved, 2, "{:?}", bench.texts());
}

#[test]
fn a_message_of_yesterday_that_is_sent_again_by_hand_is_sent() {
    let mut bench = Bench::visitor();
    let millis = bench.now().wall - 2 * DAY_MS;
    let id = format!("{:08x}-{:04x}-7000-8000-000000000000", millis >> 16, millis & 0xffff);
    let kept = [("key".into(), "vk_0".into()), ("dialog".into(), "7".into()), (format!("o:{id}"), "old".into())];
    bench.input(Input::Restored(kept.into()));
    bench.input(Input::Start);
    bench.answer("/api/site/dialogs?", 200, &loaded(&[message(1, "welcome", "system")]));
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    bench.frames(link, &ready(1, 2));
    assert!(bench.sent(link, "message").is_empty());
    bench.input(Input::Retry { id: id.clone() });
    assert_eq!(bench.sent(link, "message")[0]["id"], json!(id));
}

#[test]
fn numbers_do_not_move_on_a_link_that_has_used_them() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    bench.frames(link, &json!({"type": "pong", "timestamp": 1}));
    let refused = bench.send("refused");
    bench.send("behind it");
    let frame = json!({"type": "refused", "id": refused, "code": "id_conflict", "message": "", "retry": false});
    bench.frames(link, &frame);
    assert!(bench.outputs.contains(&Output::Drop { link }), "what is in the pipe has the old numbers");
}

#[test]
fn a_poll_that_skips_what_is_too_far_behind_shows_an_own_message_once() {
    let mut bench = Bench::visitor();
    bench.polling();
    let id = bench.send("stored, and not yet in the log that is here");
    bench.answer("/frames", 200, &json!([{"type": "stored", "id": id, "seq": 2, "at": 5}]));
    // 300 more came meanwhile: the next poll brings the last one only.
    let mut skipping = ready(301, 301);
    skipping["mode"] = json!("snapshot");
    let last = message(301, "last", "operator");
    bench.answer("/poll?", 200, &json!([skipping, last, {"type": "synced", "head": 301}]));
    let doubtful: Vec<_> = bench.client.view().items.into_iter().filter(|item| item.seq == 0).collect();
    assert_eq!(doubtful, [], "its place is among the older ones");
}

#[test]
fn a_person_whose_first_message_is_refused_finds_their_dialog_all_the_same() {
    let refusal = json!({"error": {"code": "id_conflict", "message": "x"}});
    let mut bench = Bench::visitor();
    // {"sub":"ann"}
    bench.input(Input::Identify(Identify::Token(Secret::new("h.eyJzdWIiOiJhbm4ifQ.1"))));
    let id = bench.send("\u{1}{\"id\":\"f1\",\"name\":\"a.png\",\"mime\":\"image/png\",\"size\":1}");
    let asked = bench.request("/dialogs?").1.body.unwrap_or_default();
    assert!(asked.contains(&id) && asked.contains("\"file\":\"f1\""), "{asked}");
    bench.answer("/dialogs?", 422, &refusal);
    let again = bench.request("/dialogs?").1.body.unwrap_or_default();
    assert!(!again.contains("message"), "nothing else waits, and the dialog may be there: {again}");
    bench.answer("/dialogs?", 200, &loaded(&[message(1, "welcome", "system")]));
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    bench.frames(link, &ready(1, 2));
    assert_eq!(bench.client.view().link, LinkState::Online);
    assert_eq!(bench.client.view().items.last().map(|item| item.delivery), Some(Delivery::Refused));
    // Of nobody whom anybody knows there is nothing to find.
    let mut bench = Bench::visitor();
    bench.send("alone");
    bench.answer("/dialogs?", 422, &refusal);
    assert_eq!(bench.client.view().link, LinkState::Idle);
}

#[test]
fn what_went_along_with_a_person_stays_in_no_other_page_and_comes_to_nobody_else() {
    let shelf = shelf();
    let mut author = Tab::open(&shelf);
    author.input(Input::Start);
    let first = author.send("taken along");
    let mut other = Tab::open(&shelf);
    other.input(Input::Start);
    assert_eq!(other.texts(), ["taken along"]);
    let mut ann = Tab::open(&shelf);
    ann.identify(ANN);
    assert_eq!(ann.texts(), ["taken along"]);
    let second = other.send("written meanwhile");
    // What the browser tells of her page: the message is nobody's any more, and when she has her dialog, neither is the key.
    other.input(Input::Taken { id: first.clone() });
    other.input(Input::Disowned { key: Secret::new("vk_afterwards0123456789ab") });
    assert_eq!(other.texts(), ["written meanwhile"]);
    assert!(!other.names().contains(&format!("o:{first}")), "{:?}", other.names());
    other.identify(BOB);
    assert_eq!(other.texts(), ["written meanwhile"]);
    assert_eq!(other.asked()["message"]["id"], json!(second));
    // Nor where it is known who somebody is before the key is gone.
    author.input(Input::Taken { id: first });
    author.identify(BOB);
    assert_eq!(author.texts(), ["written meanwhile"], "it is his in every page");
}

#[test]
fn who_is_about_to_say_who_they_are_brings_the_key_along_that_another_page_has_kept_meanwhile() {
    let shelf = shelf();
    let mut tab = Tab::open(&shelf);
    tab.input(Input::Identify(Identify::Asked));
    // Another page of this visitor has begun a dialog.
    let begun = [("key".into(), "vk_another0123456789abcdef".into()), ("dialog".into(), "8".into())];
    shelf.borrow_mut().extend(begun);
    tab.input(Input::Restored(tab.values()));
    tab.input(Input::Start);
    tab.identify(ANN);
    assert_eq!(tab.asked()["key"], "vk_another0123456789abcdef");
    tab.link(&[message(1, "welcome", "system")]);
    assert!(tab.names().iter().all(|name| name.contains('@')), "{:?}", tab.names());
}

#[test]
fn what_may_have_gone_along_with_one_person_is_not_kept_for_the_next() {
    let shelf = shelf();
    let begun = [("key".into(), KEY.into()), ("dialog".into(), "8".into())];
    shelf.borrow_mut().extend(begun);
    let mut tab = Tab::open(&shelf);
    tab.identify(ANN);
    tab.input(Input::Start);
    assert_eq!(tab.asked()["key"], KEY);
    // The server may have it; the answer does not come before somebody else is there.
    tab.identify(BOB);
    assert_eq!(tab.asked()["key"], json!(null));
    assert!(tab.names().iter().all(|name| name.contains('@')), "{:?}", tab.names());
    let mut next = Tab::open(&shelf);
    next.identify(BOB);
    next.input(Input::Start);
    assert_eq!(next.asked()["key"], json!(null));
}

#[test]
fn what_is_kept_of_a_person_stays_where_there_is_no_room_to_say_that_there_is_something() {
    let shelf = shelf();
    let mut tab = Tab::open(&shelf);
    tab.identify(ANN);
    let id = tab.send("kept");
    let name = format!("o:{id}{}", tab.suffix);
    assert!(tab.names().contains(&name));
    tab.input(Input::SaveFailed { name: "key".into() });
    assert!(tab.names().contains(&name), "{:?}", tab.names());
    // With the next one it is tried again.
    shelf.borrow_mut().retain(|name, _| !name.starts_with("key"));
    tab.send("kept as well");
    assert!(tab.names().contains(&format!("key{}", tab.suffix)), "{:?}", tab.names());
}
