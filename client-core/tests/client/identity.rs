//! Visitors whom the site knows: who they are, where they go on, and that nothing of one is ever another's.

use crate::bench::{loaded, message};
use crate::tab::{ANN, ANN_LATER, BOB, KEY, Shelf, Tab, shelf};
use client_core::{Delivery, End, Event, Identify, Input, LinkState, Output, Panel, Transport};
use protocol::Secret;
use serde_json::{Value, json};

fn welcome() -> Value {
    message(1, "welcome", "system")
}

#[test]
fn who_is_known_costs_nothing_until_the_chat_is_wanted() {
    let mut tab = Tab::open(&shelf());
    tab.identify(ANN);
    tab.input(Input::Attributes("{\"plan\":\"pro\"}".into()));
    tab.bench.pass(3_600_000);
    let outputs = tab.bench.taken();
    assert!(outputs.iter().all(|output| matches!(output, Output::Person { .. })), "{outputs:?}");
    assert_eq!(tab.names(), Vec::<String>::new());
    // A page that only could say who it is is not even asked.
    let mut tab = Tab::open(&shelf());
    tab.input(Input::Identify(Identify::Asked));
    tab.bench.pass(3_600_000);
    assert_eq!(tab.bench.taken(), []);
}

#[test]
fn a_person_finds_their_dialog_from_a_device_that_has_nothing() {
    let mut tab = Tab::open(&shelf());
    tab.identify(ANN);
    tab.input(Input::Attributes("{\"plan\":\"pro\"}".into()));
    tab.input(Input::Start);
    assert_eq!(tab.asked(), json!({"client": tab.asked()["client"], "attributes": "{\"plan\":\"pro\"}"}));
    assert_eq!(tab.bench.client.bearer().expose(), ANN);
    let link = tab.link(&[welcome(), message(2, "m", "visitor")]);
    let hello = &tab.bench.sent(link, "hello")[0];
    assert_eq!((&hello["token"], &hello["key"]), (&json!(ANN), &Value::Null));
    assert_eq!(tab.texts(), ["text of welcome", "text of m"]);
    assert!(tab.names().iter().all(|name| name.contains('@')), "{:?}", tab.names());
    assert!(!tab.shelf.borrow().values().any(|value| value.contains(ANN)), "the token is not kept");
}

#[test]
fn a_person_without_a_dialog_begins_one_with_the_first_message() {
    let mut tab = Tab::open(&shelf());
    tab.input(Input::Start);
    tab.identify(ANN);
    tab.answer("/dialogs?", 200, &json!({"page": {"epoch": 1, "head": 0, "messages": []}}));
    assert_eq!(tab.bench.client.view().link, LinkState::Idle);
    assert_eq!(tab.names(), Vec::<String>::new());
    let id = tab.send("hello");
    assert_eq!(tab.asked()["message"]["id"], json!(id));
    tab.link(&[welcome(), message(2, &id, "visitor")]);
    assert_eq!(tab.bench.client.unsettled(), 0);
}

#[test]
fn the_dialog_and_what_was_not_sent_before_the_log_in_go_along() {
    let shelf = shelf();
    let mut tab = Tab::open(&shelf);
    tab.input(Input::Start);
    let first = tab.send("before");
    tab.link(&[welcome(), message(2, &first, "visitor")]);
    let second = tab.send("not answered yet");
    tab.input(Input::Draft { text: "half a".into() });
    tab.input(Input::Contact { email: "ann@example.org".into() });
    tab.identify(ANN);
    assert_eq!(tab.asked()["key"], KEY);
    // A crash now would lose nothing: the key is still there.
    assert!(tab.names().contains(&"key".to_owned()));
    assert_eq!(tab.bench.client.view().draft, "half a");
    let link = tab.link(&[welcome(), message(2, &first, "visitor"), message(3, &second, "visitor")]);
    assert_eq!(tab.bench.sent(link, "message"), Vec::<Value>::new(), "it had arrived");
    let (_, contact) = tab.bench.request("/contact");
    assert_eq!(contact.body.as_deref(), Some("{\"email\":\"ann@example.org\"}"));
    assert!(tab.names().iter().all(|name| name.contains('@')), "{:?}", tab.names());
    assert_eq!(tab.texts().len(), 3);
    // The next page of hers knows the draft; one that nobody vouches for knows nothing.
    let mut next = Tab::open(&shelf);
    next.input(Input::Start);
    assert_eq!((next.texts(), next.bench.client.view().draft), (Vec::new(), String::new()));
    next.identify(ANN_LATER);
    assert_eq!(next.bench.client.view().draft, "half a");
    assert_eq!(next.asked()["key"], Value::Null);
}

#[test]
fn what_was_only_typed_before_the_log_in_goes_along_as_well_and_is_nobody_s_any_more() {
    let shelf = shelf();
    let mut tab = Tab::open(&shelf);
    tab.input(Input::Start);
    tab.input(Input::Draft { text: "half a".into() });
    assert_eq!(tab.names(), ["draft"]);
    tab.identify(ANN);
    assert_eq!(tab.bench.client.view().draft, "half a");
    assert!(tab.names().iter().all(|name| name.contains('@')), "{:?}", tab.names());
    // Nor does somebody find it in the end whom she makes room for.
    tab.identify(BOB);
    assert_eq!(tab.bench.client.view().draft, "");
    assert!(tab.names().iter().all(|name| name.contains('@')), "{:?}", tab.names());
}

#[test]
fn a_text_that_is_no_token_is_told_and_leaves_the_visitor_as_nobody() {
    // No token, one without a subject, and one whose subject is a number.
    for token in ["xyz", "h.e30.1", "h.eyJzdWIiOjQyfQ.1"] {
        let mut tab = Tab::open(&shelf());
        tab.input(Input::Start);
        tab.identify(token);
        let refused = Event::Refused { code: 401, reason: "unauthorized".into() };
        let events = |tab: &mut Tab| {
            tab.bench.taken().iter().filter(|output| **output == Output::Event(refused.clone())).count()
        };
        assert_eq!(events(&mut tab), 1, "{token}");
        let id = tab.send("hello");
        tab.link(&[welcome(), message(2, &id, "visitor")]);
        assert_eq!((tab.bench.client.unsettled(), events(&mut tab)), (0, 0));
    }
}

#[test]
fn another_person_starts_afresh_however_much_was_not_sent() {
    let shelf = shelf();
    let mut tab = Tab::open(&shelf);
    tab.input(Input::Start);
    tab.identify(ANN);
    tab.link(&[welcome()]);
    let link = tab.bench.link(Transport::WebSocket);
    tab.input(Input::Closed { link, end: End::Broken });
    for number in 0..protocol::limits::OUTBOX_MESSAGES {
        tab.send(&format!("ann's {number}"));
    }
    tab.input(Input::Draft { text: "ann's draft".into() });
    tab.input(Input::Contact { email: "ann's@example.org".into() });
    tab.bench.taken();
    tab.identify(BOB);
    // Only what was not sent waits for her; nothing of it is his.
    assert!(tab.names().iter().all(|name| name.starts_with("o:") && name.contains('@')), "{:?}", tab.names());
    let asked = tab.asked();
    assert_eq!((&asked["message"], &asked["key"]), (&Value::Null, &Value::Null), "{asked}");
    assert_eq!(tab.texts(), Vec::<String>::new());
    tab.answer("/dialogs?", 200, &json!({"page": {"epoch": 1, "head": 0, "messages": []}}));
    let id = tab.send("bob's");
    tab.link(&[welcome(), message(2, &id, "visitor")]);
    let sent = format!("{:?}", tab.bench.taken());
    assert!(!sent.contains("ann's"), "{sent}");
    assert_eq!(tab.texts(), ["text of welcome".to_owned(), format!("text of {id}")]);
    // Nor in the pages that follow.
    let mut next = Tab::open(&shelf);
    next.identify(BOB);
    next.input(Input::Start);
    assert_eq!(next.asked()["message"], Value::Null);
}

#[test]
fn two_pages_of_two_people_never_send_what_is_the_other_s() {
    let shelf = shelf();
    let mut ann = Tab::open(&shelf);
    ann.input(Input::Start);
    ann.identify(ANN);
    ann.link(&[welcome()]);
    let mut bob = Tab::open(&shelf);
    bob.input(Input::Start);
    bob.identify(BOB);
    bob.link(&[welcome()]);
    // The first page is still hers, and goes on writing.
    ann.send("ann's");
    ann.input(Input::Draft { text: "ann's draft".into() });
    bob.input(Input::Restored(bob.values()));
    let mut next = Tab::open(&shelf);
    next.identify(BOB);
    next.input(Input::Start);
    next.link(&[welcome()]);
    for tab in [&mut bob, &mut next] {
        assert_eq!(tab.texts(), ["text of welcome"]);
        assert_eq!(tab.bench.client.view().draft, "");
        let sent = format!("{:?}", tab.bench.taken());
        assert!(!sent.contains("ann's"), "{sent}");
    }
    assert_eq!(ann.bench.client.unsettled(), 1);
}

#[test]
fn who_logs_out_leaves_nothing_and_a_new_key_is_kept_with_the_next_word() {
    let mut tab = Tab::open(&shelf());
    tab.input(Input::Panel(Panel::Open));
    tab.input(Input::Start);
    tab.identify(ANN);
    tab.input(Input::Attributes("{\"plan\":\"pro\"}".into()));
    tab.link(&[welcome(), message(2, "m", "visitor")]);
    tab.send("not answered");
    tab.input(Input::Draft { text: "half a".into() });
    tab.bench.taken();
    tab.shelf.borrow_mut().clear();
    tab.suffix.clear();
    tab.input(Input::Logout { key: Secret::new("vk_afterwards0123456789ab") });
    let outputs = tab.bench.taken();
    assert!(outputs.iter().any(|output| matches!(output, Output::Drop { .. })), "{outputs:?}");
    assert!(
        outputs
            .iter()
            .all(|output| !matches!(output, Output::Save { .. } | Output::Remove { .. } | Output::Request { .. })),
        "{outputs:?}"
    );
    let view = tab.bench.client.view();
    assert_eq!((view.items.len(), view.draft.as_str(), view.unread, view.link), (0, "", 0, LinkState::Idle));
    tab.bench.pass(3_600_000);
    assert_eq!(tab.names(), Vec::<String>::new());
    let id = tab.send("who am I?");
    assert_eq!(tab.names(), ["key".to_owned(), format!("o:{id}")]);
    assert_eq!(tab.asked(), json!({"client": tab.asked()["client"], "message": {"id": id, "text": "who am I?"}}));
    assert_eq!(tab.bench.client.bearer().expose(), "vk_afterwards0123456789ab");
}

#[test]
fn an_expired_token_is_asked_for_once_and_the_link_goes_on_without_a_loss() {
    let mut tab = Tab::open(&shelf());
    tab.input(Input::Start);
    tab.identify(ANN);
    let link = tab.link(&[welcome()]);
    let id = tab.send("on its way");
    tab.bench.taken();
    tab.input(Input::Closed { link, end: End::Socket { code: 4300, reason: "{\"reason\":\"expired\"}".into() } });
    assert_eq!(tab.needs(), 1);
    assert_eq!(tab.texts().len(), 2, "what is on the screen stays");
    tab.bench.pass(3_000);
    assert_eq!(tab.needs(), 0, "once at a time");
    tab.identify(ANN_LATER);
    let link = tab.reopen(1);
    let hello = &tab.bench.sent(link, "hello")[0];
    assert_eq!((&hello["token"], &hello["pending"]), (&json!(ANN_LATER), &json!([id])));
    assert_eq!(tab.bench.sent(link, "message")[0]["id"], json!(id));
    // A fresh one while the link is up goes in band.
    tab.identify(ANN);
    assert_eq!(tab.bench.sent(link, "auth")[0]["token"], ANN);
}

#[test]
fn who_is_asked_for_a_token_may_be_slow_or_fail_and_is_asked_again_more_and_more_seldom() {
    let mut tab = Tab::open(&shelf());
    tab.input(Input::Identify(Identify::Asked));
    tab.input(Input::Start);
    assert_eq!(tab.needs(), 1);
    assert_eq!(tab.bench.client.view().link, LinkState::Connecting);
    tab.bench.pass(14_000);
    assert_eq!(tab.needs(), 0);
    tab.bench.pass(2_000);
    assert_eq!(tab.needs(), 1, "no answer is no answer");
    let mut asked = 0;
    for _ in 0..600 {
        tab.bench.pass(1_000);
        let needs = tab.needs();
        asked += needs;
        if needs > 0 {
            tab.input(Input::Identify(Identify::Failed));
        }
    }
    assert!((10..60).contains(&asked), "{asked} times in ten minutes");
    // What is written meanwhile is kept, and sent as the person's as soon as it is known who that is.
    let id = tab.send("patience");
    assert!(
        !tab.bench
            .taken()
            .iter()
            .any(|output| matches!(output, Output::Request { call, .. } if call.path.contains("/dialogs")))
    );
    tab.identify(ANN);
    assert_eq!(tab.asked()["message"]["id"], json!(id));
    tab.link(&[welcome(), message(2, &id, "visitor")]);
    assert_eq!(tab.bench.texts().last().unwrap().1, Delivery::Sent);
}

#[test]
fn a_token_that_is_never_taken_is_told_of_once_and_not_tried_as_fast_as_the_page_gives_it() {
    let mut tab = Tab::open(&shelf());
    tab.identify(ANN);
    tab.input(Input::Start);
    let (mut tries, mut told) = (0, 0);
    for _ in 0..300 {
        let refusal = json!({"error": {"code": "unauthorized", "message": ""}}).to_string();
        for output in tab.bench.taken() {
            match output {
                Output::Request { request, call } if call.path.contains("/dialogs") => {
                    tries += 1;
                    tab.input(Input::Answered { request, status: 401, body: refusal.clone() });
                }
                Output::Event(Event::CredentialsNeeded) => tab.identify(ANN),
                Output::Event(Event::Refused { code: 401, .. }) => told += 1,
                _ => {}
            }
        }
        tab.bench.pass(1_000);
    }
    assert_eq!(told, 1);
    assert!((5..60).contains(&tries), "{tries} times in five minutes");
}

#[test]
fn a_page_without_a_token_to_give_is_told_once_why_nothing_goes_on() {
    let mut tab = Tab::open(&shelf());
    tab.identify(ANN);
    tab.input(Input::Start);
    tab.answer("/dialogs?", 401, &json!({"error": {"code": "token_expired", "message": ""}}));
    tab.bench.taken();
    for _ in 0..3 {
        tab.input(Input::Identify(Identify::Failed));
        tab.bench.pass(60_000);
    }
    let told = tab
        .bench
        .taken()
        .into_iter()
        .filter(|output| matches!(output, Output::Event(Event::Refused { code: 401, .. })));
    assert_eq!(told.count(), 1);
    tab.identify(ANN_LATER);
    tab.link(&[welcome()]);
    assert_eq!(tab.bench.client.view().link, LinkState::Online);
}

#[test]
fn an_anonymous_visitor_of_a_site_that_wants_to_know_is_refused_and_comes_in_with_a_token() {
    let mut tab = Tab::open(&shelf());
    tab.input(Input::Start);
    let id = tab.send("hello");
    tab.answer("/dialogs?", 401, &json!({"error": {"code": "identity_required", "message": ""}}));
    let refused = Event::Refused { code: 401, reason: "identity_required".into() };
    assert!(tab.bench.taken().contains(&Output::Event(refused)));
    assert_eq!(tab.bench.client.view().link, LinkState::Stopped);
    tab.identify(ANN);
    assert_eq!(tab.asked()["message"]["id"], json!(id));
    // The first token is none, and the page has no other at once.
    tab.answer("/dialogs?", 401, &json!({"error": {"code": "token_expired", "message": ""}}));
    assert_eq!(tab.needs(), 1);
    tab.input(Input::Identify(Identify::Failed));
    assert_eq!(tab.texts(), ["hello"]);
    tab.identify(ANN_LATER);
    assert_eq!(tab.asked()["message"]["id"], json!(id));
    tab.link(&[welcome(), message(2, &id, "visitor")]);
    assert_eq!(tab.bench.client.unsettled(), 0);
}

#[test]
fn a_page_whose_key_was_taken_along_by_another_keeps_what_it_had_not_sent() {
    let mut tab = Tab::open(&shelf());
    tab.input(Input::Start);
    let first = tab.send("hello");
    let link = tab.link(&[welcome(), message(2, &first, "visitor")]);
    tab.input(Input::Closed { link, end: End::Broken });
    let second = tab.send("on its way");
    tab.shelf.borrow_mut().clear();
    tab.input(Input::Disowned { key: Secret::new("vk_afterwards0123456789ab") });
    assert_eq!(tab.texts(), ["on its way"]);
    assert_eq!(tab.asked()["message"]["id"], json!(second));
    assert_eq!(tab.names(), ["key".to_owned(), format!("o:{second}")]);
}

#[test]
fn attributes_that_the_server_does_not_take_do_not_keep_anybody_from_their_dialog() {
    let refusal = json!({"error": {"code": "invalid_frame", "message": ""}});
    let told = Output::Event(Event::Refused { code: 400, reason: "attributes".into() });
    let mut tab = Tab::open(&shelf());
    tab.identify(ANN);
    tab.input(Input::Attributes("[1]".into()));
    tab.input(Input::Start);
    tab.answer("/dialogs?", 400, &refusal);
    assert_eq!(tab.asked()["attributes"], Value::Null);
    tab.link(&[welcome()]);
    assert!(tab.bench.taken().contains(&told));
    tab.input(Input::Attributes("[2]".into()));
    tab.answer("/dialogs?", 400, &refusal);
    assert!(tab.bench.taken().contains(&told));
    assert_eq!(tab.bench.client.view().link, LinkState::Online);
}

#[test]
fn what_a_page_says_about_the_visitor_is_told_once_while_the_dialog_is_open() {
    let mut tab = Tab::open(&shelf());
    tab.input(Input::Start);
    let id = tab.send("hello");
    tab.link(&[welcome(), message(2, &id, "visitor")]);
    tab.bench.taken();
    tab.input(Input::Attributes("{\"plan\":\"pro\"}".into()));
    assert_eq!(tab.asked(), json!({"attributes": "{\"plan\":\"pro\"}"}));
    // A second word while the first is on its way goes after it.
    tab.input(Input::Attributes("{\"plan\":\"max\"}".into()));
    assert_eq!(tab.asked(), json!({"attributes": "{\"plan\":\"pro\"}"}));
    tab.answer("/dialogs?", 200, &loaded(&[]));
    assert_eq!(tab.asked(), json!({"attributes": "{\"plan\":\"max\"}"}));
    tab.answer("/dialogs?", 200, &loaded(&[]));
    tab.bench.taken();
    tab.input(Input::Attributes("{\"plan\":\"max\"}".into()));
    assert_eq!(tab.bench.taken(), []);
}

#[test]
fn what_the_page_said_of_one_person_is_not_told_of_the_next() {
    let mut tab = Tab::open(&shelf());
    tab.input(Input::Start);
    tab.input(Input::Attributes("{\"plan\":\"pro\"}".into()));
    tab.identify(ANN);
    assert_eq!(tab.asked()["attributes"], "{\"plan\":\"pro\"}", "said before it was known who it is");
    tab.link(&[welcome()]);
    tab.identify(BOB);
    assert_eq!(tab.asked()["attributes"], Value::Null);
    tab.link(&[welcome()]);
    tab.bench.taken();
    tab.input(Input::Attributes("{\"plan\":\"pro\"}".into()));
    assert_eq!(tab.asked()["attributes"], "{\"plan\":\"pro\"}", "the same may be true of both");
}

#[test]
fn what_storage_holds_of_one_person_never_comes_to_the_next_who_was_named_meanwhile() {
    let mut tab = Tab::open(&shelf());
    tab.input(Input::Start);
    // Both are said before the driver comes to read the storage.
    let before = tab.bench.outputs.len();
    for token in [ANN, BOB] {
        tab.bench.input(Input::Identify(Identify::Token(Secret::new(token))));
    }
    let tags: Vec<String> = tab.bench.outputs[before..]
        .iter()
        .filter_map(|output| if let Output::Person { tag } = output { Some(tag.clone()) } else { None })
        .collect();
    let unsent = |text: &str| vec![("o:0000000000000000000000".to_owned(), text.to_owned())];
    tab.bench.input(Input::Person { tag: tags[0].clone(), values: unsent("ann's") });
    assert_eq!(tab.texts(), Vec::<String>::new());
    tab.bench.input(Input::Person { tag: tags[1].clone(), values: unsent("bob's") });
    assert_eq!(tab.texts(), ["bob's"]);
}

#[test]
fn a_person_s_page_leaves_what_another_page_keeps_under_a_key_of_its_own() {
    let shelf = shelf();
    let mut ann = Tab::open(&shelf);
    ann.input(Input::Start);
    ann.identify(ANN);
    let link = ann.link(&[welcome()]);
    // Beside it, somebody begins a dialog under a key of their own.
    for (name, value) in [("key", "vk_another0123456789abcde"), ("dialog", "77"), ("draft", "half a"), ("o:x", "wait")]
    {
        shelf.borrow_mut().insert(name.into(), value.into());
    }
    let theirs = |shelf: &Shelf| shelf.borrow().keys().filter(|name| !name.contains('@')).count();
    assert_eq!(theirs(&shelf), 4);
    // Her token ends, and her dialog is loaded anew.
    ann.input(Input::Closed {
        link,
        end: End::Socket { code: 4404, reason: "{\"reason\":\"dialog_not_found\"}".into() },
    });
    ann.bench.pass(60_000);
    ann.identify(BOB);
    ann.link(&[welcome()]);
    assert_eq!(theirs(&shelf), 4, "{:?}", shelf.borrow());
}

#[test]
fn who_may_be_somebody_else_by_now_sends_nothing_before_the_answer_and_ends_with_a_failure() {
    let mut tab = Tab::open(&shelf());
    tab.input(Input::Start);
    tab.identify(ANN);
    let link = tab.link(&[welcome()]);
    tab.bench.taken();
    tab.input(Input::Identify(Identify::Asked));
    assert_eq!(tab.needs(), 1);
    tab.send("whose?");
    tab.bench.pass(1_000);
    assert_eq!(tab.bench.sent(link, "message"), Vec::<Value>::new());
    // It is still her: the link has never ended.
    tab.identify(ANN_LATER);
    assert_eq!(tab.bench.sent(link, "message")[0]["text"], "whose?");
    tab.input(Input::Identify(Identify::Asked));
    tab.send("and this?");
    tab.bench.taken();
    tab.input(Input::Identify(Identify::Failed));
    let outputs = tab.bench.taken();
    assert!(outputs.contains(&Output::Drop { link }), "{outputs:?}");
    tab.bench.pass(600_000);
    let outputs = tab.bench.taken();
    let is_of_the_dialog = |output: &Output| match output {
        Output::Request { call, .. } => call.path.contains("/dialogs"),
        output => matches!(output, Output::Open { .. }),
    };
    assert!(!outputs.iter().any(is_of_the_dialog), "{outputs:?}");
    // It was somebody else, to whom nothing of it is told.
    tab.identify(BOB);
    assert_eq!(tab.asked()["message"], Value::Null);
    assert_eq!(tab.texts(), Vec::<String>::new());
}

#[test]
fn nor_does_the_first_message_go_that_would_begin_a_dialog() {
    for (token, text) in [(ANN_LATER, json!("whose?")), (BOB, Value::Null)] {
        let mut tab = Tab::open(&shelf());
        tab.input(Input::Start);
        tab.identify(ANN);
        let (request, _) = tab.bench.request("/dialogs?");
        tab.input(Input::Identify(Identify::Asked));
        tab.send("whose?");
        // Her dialog is asked for again as soon as the server is there.
        tab.input(Input::Unanswered { request });
        tab.bench.pass(2_000);
        tab.answer("/health", 200, &json!({"status": "ok"}));
        tab.bench.pass(2_000);
        let outputs = tab.bench.taken();
        let tells =
            |output: &Output| matches!(output, Output::Request { call, .. } if format!("{call:?}").contains("whose?"));
        assert!(!outputs.iter().any(tells), "{outputs:?}");
        tab.identify(token);
        assert_eq!(tab.asked()["message"]["text"], text);
    }
}

#[test]
fn what_one_person_wrote_is_not_to_be_seen_while_it_may_be_another() {
    let mut tab = Tab::open(&shelf());
    let is_veiled = |tab: &Tab| tab.bench.client.view().is_veiled;
    tab.input(Input::Start);
    // Somebody who was nobody before has nothing that another may not see.
    tab.input(Input::Identify(Identify::Asked));
    assert!(!is_veiled(&tab));
    tab.identify(ANN);
    tab.link(&[welcome()]);
    assert!(!is_veiled(&tab));
    tab.input(Input::Identify(Identify::Asked));
    assert!(is_veiled(&tab));
    tab.identify(ANN_LATER);
    assert!(!is_veiled(&tab), "it is still her");
    tab.input(Input::Identify(Identify::Asked));
    tab.input(Input::Identify(Identify::Failed));
    assert!(is_veiled(&tab), "nobody has said who it is");
    tab.identify(BOB);
    assert!(!is_veiled(&tab));
    assert_eq!(tab.texts(), Vec::<String>::new());
}

#[test]
fn who_may_be_somebody_else_by_now_and_is_never_named_is_nobody_for_long() {
    let mut tab = Tab::open(&shelf());
    tab.input(Input::Start);
    tab.identify(ANN);
    let link = tab.link(&[welcome()]);
    tab.bench.taken();
    tab.input(Input::Identify(Identify::Asked));
    tab.bench.pass(16_000);
    assert!(tab.bench.taken().contains(&Output::Drop { link }));
}
