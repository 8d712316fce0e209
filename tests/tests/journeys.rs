//! The real client core against the real server, over a network that breaks.

use std::time::{Duration, Instant};

use client_core::{Config, Event, Input, LinkState, Side, Transport};
use protocol::Secret;
use tests::app::{ALPHA, BETA, TestApp, make_world, new_key, read_log, texts};
use tests::binary::{self, Binary};
use tests::cable::Cable;
use tests::native::{Native, Storage};

fn site() -> Side {
    Side::Site { site_token: ALPHA.into() }
}

fn visitor(cable: &Cable, storage: &Storage) -> Native {
    Native::open(cable.address, site(), &new_key(), storage)
}

/// Settings under which a test need not wait for minutes.
fn quick(side: Side, key: &str) -> Config {
    let mut config = Config::new(side, Secret::new(key));
    config.transports.upgrade_after_ms = [1_000, 1_000, 1_000];
    config
}

/// Counts how often each text is there.
fn count(texts: &[String], text: &str) -> usize {
    texts.iter().filter(|other| *other == text).count()
}

#[tokio::test]
async fn a_visitor_and_an_operator_talk() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    let mut visitor = visitor(&cable, &Storage::empty());
    visitor.say("Do you ship to Norway?");
    let shown = visitor.until_online().await;
    let dialog_id = shown.dialog_id.unwrap();
    visitor.until_text("Do you ship to Norway?").await;
    let desk = Side::Operator { dialog_id };
    let mut operator = Native::open(cable.address, desk, &app.operator(), &Storage::empty());
    operator.tell(Input::Start);
    operator.until_text("Do you ship to Norway?").await;
    operator.say("We do.");
    visitor.until_text("We do.").await;
    let expected = ["Welcome to Alpha!", "Do you ship to Norway?", "We do."];
    assert_eq!(visitor.shown().settled_texts(), expected);
    operator.until_text("We do.").await;
    assert_eq!(operator.shown().settled_texts(), expected);
    assert_eq!(app.texts(dialog_id).await, expected);
}

#[tokio::test]
async fn the_socket_is_opened_only_after_the_dialog_is_loaded() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    let mut page = visitor(&cable, &Storage::empty());
    page.tell(Input::Start);
    page.tell(Input::Panel(client_core::Panel::Open));
    page.until("the welcome", |shown| shown.texts() == ["Welcome to Alpha!"]).await;
    // Nothing was said: no dialog, no socket.
    assert_eq!((page.shown().dialog_id, page.shown().opened.len()), (None, 0));
    page.say("Hello");
    let shown = page.until_online().await;
    let loaded = shown.events.iter().position(|event| matches!(event, Event::DialogLoaded { .. })).unwrap();
    assert_eq!(shown.opened.len(), 1);
    let (transport, after_events) = shown.opened[0];
    assert_eq!(transport, Transport::WebSocket);
    assert!(after_events > loaded, "opened after {after_events} events, loaded as number {loaded}");
    assert_eq!(shown.texts(), ["Welcome to Alpha!", "Hello"]);
}

#[tokio::test]
async fn the_welcome_stays_one_on_reload_in_a_second_tab_and_after_reconnecting() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    let storage = Storage::empty();
    let mut first = visitor(&cable, &storage);
    first.say("Hello");
    let dialog_id = first.until_online().await.dialog_id.unwrap();
    let mut second = visitor(&cable, &storage);
    second.tell(Input::Start);
    second.until_online().await;
    cable.snap();
    first.say("again");
    second.until_text("again").await;
    first.crash().await;
    let mut reloaded = visitor(&cable, &storage);
    reloaded.tell(Input::Start);
    reloaded.until_text("again").await;
    reloaded.say("and again");
    second.until_text("and again").await;
    reloaded.until_text("and again").await;
    let expected = ["Welcome to Alpha!", "Hello", "again", "and again"];
    for page in [&reloaded, &second] {
        assert_eq!(page.shown().texts(), expected);
    }
    assert_eq!(app.texts(dialog_id).await, expected);
    assert!(cable.cuts() > 0, "the cable was cut");
}

#[tokio::test]
async fn two_tabs_of_one_visitor_send_at_once_and_show_the_same() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    let storage = Storage::empty();
    let mut first = visitor(&cable, &storage);
    first.say("begin");
    let dialog_id = first.until_online().await.dialog_id.unwrap();
    let mut second = visitor(&cable, &storage);
    second.tell(Input::Start);
    second.until_online().await;
    for number in 0..15 {
        first.say(&format!("first {number}"));
        second.say(&format!("second {number}"));
    }
    for page in [&mut first, &mut second] {
        page.until("all", |shown| shown.settled_texts().len() == 32 && shown.unsettled == 0).await;
    }
    assert_eq!(first.shown().texts(), second.shown().texts());
    let log = app.texts(dialog_id).await;
    assert_eq!(first.shown().texts(), log);
    for tab in ["first", "second"] {
        let own: Vec<_> = log.iter().filter(|text| text.starts_with(tab)).cloned().collect();
        assert_eq!(own, (0..15).map(|number| format!("{tab} {number}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn two_tabs_that_speak_at_the_same_moment_for_the_first_time_have_one_dialog() {
    let app = TestApp::start().await;
    for round in 0..5 {
        let storage = Storage::empty();
        // Each page made a key of its own when it came up.
        let mut first = Native::open(app.address, site(), &new_key(), &storage);
        let mut second = Native::open(app.address, site(), &new_key(), &storage);
        first.say(&format!("first {round}"));
        second.say(&format!("second {round}"));
        for page in [&mut first, &mut second] {
            page.until_text(&format!("first {round}")).await;
            page.until_text(&format!("second {round}")).await;
        }
        let (first, second) = (first.shown(), second.shown());
        assert_eq!(first.dialog_id, second.dialog_id);
        assert_eq!(first.texts(), second.texts());
        let log = app.texts(first.dialog_id.unwrap()).await;
        assert_eq!((log.len(), &first.texts()), (3, &log));
    }
    let list = app.get("/api/dialogs").bearer(&app.token("alpha@desk.example")).send().await.expect(200);
    assert_eq!(list["dialogs"].as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn after_every_cut_the_link_is_back_within_five_seconds_and_nothing_is_lost_or_doubled() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    let mut page = visitor(&cable, &Storage::empty());
    page.say("number 0");
    let dialog_id = page.until_online().await.dialog_id.unwrap();
    let mut operator = Native::open(app.address, Side::Operator { dialog_id }, &app.operator(), &Storage::empty());
    operator.tell(Input::Start);
    operator.until_online().await;
    for round in 1..=8 {
        page.say(&format!("number {round}"));
        operator.say(&format!("answer {round}"));
        cable.snap();
        let started = Instant::now();
        page.until_text(&format!("answer {round}")).await;
        page.until_text(&format!("number {round}")).await;
        // Sockets that die young are given up: it may be a stream by now, or polls.
        page.until_linked().await;
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
    let log = app.texts(dialog_id).await;
    operator.until("all", |shown| shown.settled_texts().len() == log.len()).await;
    assert_eq!((page.shown().texts(), operator.shown().texts()), (log.clone(), log.clone()));
    for round in 1..=8 {
        assert_eq!((count(&log, &format!("number {round}")), count(&log, &format!("answer {round}"))), (1, 1));
    }
    assert!(cable.cuts() >= 8, "{}", cable.cuts());
}

#[tokio::test]
async fn what_is_written_while_the_network_is_away_arrives_once_and_in_order() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    let mut page = visitor(&cable, &Storage::empty());
    page.say("before");
    let dialog_id = page.until_online().await.dialog_id.unwrap();
    cable.cut();
    page.until("away", |shown| shown.view.link != LinkState::Online).await;
    for number in 0..12 {
        page.say(&format!("offline {number}"));
    }
    page.until("kept", |shown| shown.unsettled == 12).await;
    cable.mend();
    page.until("settled", |shown| shown.unsettled == 0).await;
    page.until_online().await;
    let mut expected = vec!["Welcome to Alpha!".to_owned(), "before".into()];
    expected.extend((0..12).map(|number| format!("offline {number}")));
    assert_eq!(app.texts(dialog_id).await, expected);
    assert_eq!(page.shown().texts(), expected);
    assert!(cable.cuts() > 0, "the cable was cut");
}

#[tokio::test]
async fn a_message_written_offline_survives_the_reload_of_its_page() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    let storage = Storage::empty();
    let mut page = visitor(&cable, &storage);
    page.say("before");
    let dialog_id = page.until_online().await.dialog_id.unwrap();
    page.until_text("before").await;
    cable.cut();
    page.until("away", |shown| shown.view.link != LinkState::Online).await;
    page.say("one");
    page.say("two");
    page.tell(Input::Draft { text: "half a thought".into() });
    page.until("kept", |shown| shown.unsettled == 2 && shown.view.draft == "half a thought").await;
    page.crash().await;
    // Still offline when the page comes back.
    let mut page = visitor(&cable, &storage);
    page.tell(Input::Start);
    page.until("restored", |shown| shown.unsettled == 2 && shown.view.draft == "half a thought").await;
    cable.mend();
    page.tell(Input::TryNow);
    page.until_text("two").await;
    let expected = ["Welcome to Alpha!", "before", "one", "two"];
    assert_eq!(app.texts(dialog_id).await, expected);
    assert_eq!(page.shown().texts(), expected);
    let kept = storage.values();
    assert!(!kept.keys().any(|name| name.starts_with("o:")), "what was stored is no longer kept: {kept:?}");
}

#[tokio::test]
async fn a_first_message_whose_answer_was_lost_does_not_make_a_second_dialog() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    let storage = Storage::empty();
    let page = visitor(&cable, &storage);
    page.say("Is anybody there?");
    // Again and again cut off within the request.
    for _ in 0..20 {
        cable.snap();
        tokio::task::yield_now().await;
    }
    page.crash().await;
    let mut page = visitor(&cable, &storage);
    page.tell(Input::Start);
    let dialog_id = page.until_text("Is anybody there?").await.dialog_id.unwrap();
    assert_eq!(app.texts(dialog_id).await, ["Welcome to Alpha!", "Is anybody there?"]);
    let list = app.get("/api/dialogs").bearer(&app.token("alpha@desk.example")).send().await.expect(200);
    assert_eq!(list["dialogs"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn without_websockets_it_goes_over_server_sent_events_and_back_when_they_work_again() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    cable.refuse_upgrades();
    let mut page = Native::open_with(cable.address, quick(site(), &new_key()), &Storage::empty());
    page.say("Hello over POST");
    let shown = page.until("on SSE", |shown| shown.view.link == LinkState::OnlineSse).await;
    let dialog_id = shown.dialog_id.unwrap();
    let mut operator = app.operator_socket(dialog_id).await;
    operator.say_as("o-1", "Hello over SSE").await;
    page.until_text("Hello over SSE").await;
    page.say("up by POST");
    assert_eq!(operator.frame_where("message", |frame| frame["text"] == "up by POST").await["type"], "message");
    assert!(cable.refusals() > 0, "the proxy refused upgrades");
    cable.carry_upgrades();
    page.until("back on WebSocket", |shown| shown.view.link == LinkState::Online).await;
    page.say("up by socket");
    page.until_text("up by socket").await;
    let expected = ["Welcome to Alpha!", "Hello over POST", "Hello over SSE", "up by POST", "up by socket"];
    assert_eq!(page.shown().texts(), expected);
    assert_eq!(app.texts(dialog_id).await, expected);
    let ways: Vec<_> = page.shown().opened.iter().map(|(transport, _)| *transport).collect();
    assert!(ways.contains(&Transport::Sse) && ways.last() == Some(&Transport::WebSocket), "{ways:?}");
}

#[tokio::test]
async fn where_streams_are_held_back_too_it_goes_by_polls_and_up_again() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    cable.refuse_upgrades();
    cable.hold_streams_back();
    let mut config = quick(site(), &new_key());
    config.transports.upgrade_after_ms = [8_000, 1_000, 1_000];
    let mut page = Native::open_with(cable.address, config, &Storage::empty());
    page.say("Hello over POST");
    let shown = page.until("on polls", |shown| shown.view.link == LinkState::OnlineLongPolling).await;
    let dialog_id = shown.dialog_id.unwrap();
    let mut operator = app.operator_socket(dialog_id).await;
    operator.say_as("o-1", "Hello by a poll").await;
    page.until_text("Hello by a poll").await;
    page.say("up by POST");
    page.until_text("up by POST").await;
    assert_eq!(cable.refusals(), 2, "a socket and a stream");
    cable.carry_streams();
    page.until("on SSE", |shown| shown.view.link == LinkState::OnlineSse).await;
    cable.carry_upgrades();
    page.until("back on WebSocket", |shown| shown.view.link == LinkState::Online).await;
    page.say("up by socket");
    page.until_text("up by socket").await;
    let expected = ["Welcome to Alpha!", "Hello over POST", "Hello by a poll", "up by POST", "up by socket"];
    assert_eq!(page.shown().texts(), expected);
    assert_eq!(app.texts(dialog_id).await, expected);
}

#[tokio::test]
async fn where_held_polls_are_cut_short_ones_bring_everything_once() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    cable.refuse_upgrades();
    cable.hold_streams_back();
    cable.cut_polls_after(Duration::from_millis(500));
    let mut page = visitor(&cable, &Storage::empty());
    page.say("Hello");
    let shown = page.until("on short polls", |shown| shown.view.link == LinkState::OnlinePolling).await;
    assert!(cable.cuts() > 0);
    let dialog_id = shown.dialog_id.unwrap();
    let mut operator = app.operator_socket(dialog_id).await;
    for round in 1..=3 {
        operator.say_as(&format!("o-{round}"), &format!("answer {round}")).await;
        page.say(&format!("number {round}"));
        page.until_text(&format!("answer {round}")).await;
        page.until_text(&format!("number {round}")).await;
    }
    let log = app.texts(dialog_id).await;
    assert_eq!((log.len(), page.shown().texts()), (8, log));
}

#[tokio::test]
async fn on_server_sent_events_nothing_is_lost_or_doubled_over_cuts_either() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    cable.refuse_upgrades();
    let mut page = visitor(&cable, &Storage::empty());
    page.say("number 0");
    let shown = page.until("on SSE", |shown| shown.view.link == LinkState::OnlineSse).await;
    let dialog_id = shown.dialog_id.unwrap();
    for round in 1..=4 {
        page.say(&format!("number {round}"));
        let body = serde_json::json!({"text": format!("answer {round}")});
        app.post(&format!("/api/dialogs/{dialog_id}/messages"), &body).bearer(&app.operator()).send().await.expect(201);
        cable.snap();
        page.until_text(&format!("number {round}")).await;
        page.until_text(&format!("answer {round}")).await;
    }
    let log = app.texts(dialog_id).await;
    assert_eq!((log.len(), page.shown().texts()), (10, log));
}

#[tokio::test]
async fn a_black_hole_is_noticed_after_sending_and_the_message_arrives_once() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    let mut page = visitor(&cable, &Storage::empty());
    page.say("before");
    let dialog_id = page.until_online().await.dialog_id.unwrap();
    page.until_text("before").await;
    cable.freeze();
    page.say("into the hole");
    let noticed = Duration::from_secs(12);
    page.until_within(noticed, "noticed", |shown| shown.view.link == LinkState::Reconnecting).await;
    cable.mend();
    page.until_text("into the hole").await;
    page.until_online().await;
    assert_eq!(app.texts(dialog_id).await, ["Welcome to Alpha!", "before", "into the hole"]);
}

#[tokio::test]
async fn a_request_without_an_answer_times_out_and_is_made_again() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    let mut page = visitor(&cable, &Storage::empty());
    cable.freeze();
    page.say("Hello?");
    let carried = cable.carried();
    // The request hangs; after five seconds it is given up and made anew, beside the old one.
    let end = Instant::now() + tests::PATIENCE;
    while cable.carried() < carried + 2 {
        assert!(Instant::now() < end, "{} connections", cable.carried());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cable.mend();
    let dialog_id = page.until_text("Hello?").await.dialog_id.unwrap();
    assert_eq!(app.texts(dialog_id).await, ["Welcome to Alpha!", "Hello?"]);
}

#[tokio::test]
async fn an_intentional_end_does_not_reconnect() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    let mut page = visitor(&cable, &Storage::empty());
    page.say("Hello");
    page.until_online().await;
    let opened = page.shown().opened.len();
    page.tell(Input::Stop);
    page.until("idle", |shown| shown.view.link != LinkState::Online).await;
    cable.snap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(page.shown().opened.len(), opened);
    page.tell(Input::Start);
    page.until_online().await;
}

#[tokio::test]
async fn an_operator_whose_token_expires_is_asked_for_another_and_goes_on() {
    let app = TestApp::start().await;
    let visitor = app.visitor(ALPHA, "Hello").await;
    let desk = Side::Operator { dialog_id: visitor.dialog_id };
    let token = app.token_for("alpha@desk.example", 4_000);
    let mut operator = Native::open(app.address, desk, &token, &Storage::empty());
    operator.tell(Input::Start);
    operator.until_online().await;
    operator.until("asked", |shown| shown.events.contains(&Event::CredentialsNeeded)).await;
    operator.tell(Input::Credential(Secret::new(app.token("alpha@desk.example"))));
    operator.until_online().await;
    operator.say("Good day");
    operator.until_text("Good day").await;
    assert_eq!(app.texts(visitor.dialog_id).await, ["Welcome to Alpha!", "Hello", "Good day"]);
}

#[tokio::test]
async fn a_page_that_is_not_wanted_is_told_why_and_stops() {
    let app = TestApp::start().await;
    let nobody = Side::Site { site_token: "st_nobody".into() };
    let mut page = Native::open(app.address, nobody, &new_key(), &Storage::empty());
    page.say("Hello?");
    let refused = |event: &Event| matches!(event, Event::Refused { reason, .. } if reason == "unknown_site");
    let shown = page.until("refused", |shown| shown.events.iter().any(refused)).await;
    assert_eq!(shown.view.link, LinkState::Stopped);
    // A dialog that is somebody else's, from an operator of another site.
    let visitor = app.visitor(BETA, "Hello").await;
    let desk = Side::Operator { dialog_id: visitor.dialog_id };
    let mut operator = Native::open(app.address, desk, &app.token("alpha@desk.example"), &Storage::empty());
    operator.tell(Input::Start);
    let refused = |event: &Event| matches!(event, Event::Refused { reason, .. } if reason == "dialog_not_found");
    operator.until("refused", |shown| shown.events.iter().any(refused)).await;
}

#[tokio::test]
async fn typing_presence_and_receipts_come_back_after_a_cut() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    let mut page = visitor(&cable, &Storage::empty());
    page.tell(Input::Panel(client_core::Panel::Open));
    page.say("Hello");
    let dialog_id = page.until_online().await.dialog_id.unwrap();
    for round in 0..2 {
        let mut operator = app.operator_socket(dialog_id).await;
        page.until("present", |shown| shown.view.operators == ["all"]).await;
        operator.send(&serde_json::json!({"type": "typing", "on": true})).await;
        page.until("typing", |shown| shown.view.typing == "all").await;
        let seq = page.shown().cursor;
        operator.send(&serde_json::json!({"type": "read", "seq": seq})).await;
        page.until("read", |shown| shown.view.items.iter().any(|item| item.delivery == client_core::Delivery::Read))
            .await;
        operator.close().await;
        page.until("absent", |shown| shown.view.operators.is_empty()).await;
        if round == 0 {
            cable.snap();
            page.until("broken", |shown| shown.opened.len() > 1).await;
            page.until_online().await;
        }
    }
}

#[tokio::test]
async fn when_the_server_is_killed_in_the_middle_of_sending_everything_arrives_once_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    make_world(&data);
    let mut server = Binary::serve(&data, &[]).await;
    let address = server.address;
    let storage = Storage::empty();
    let mut page = Native::open(address, site(), &new_key(), &storage);
    page.say("number 0");
    let dialog_id = page.until_online().await.dialog_id.unwrap();
    for round in 1..=3 {
        for number in 0..10 {
            page.say(&format!("round {round} number {number}"));
        }
        // As soon as one of them is stored, and the others are on their way.
        let first = format!("round {round} number 0");
        page.until_text(&first).await;
        server.kill().await;
        page.say(&format!("round {round} while it is away"));
        server = Binary::serve_at(&data, address, &[]).await;
        let back = Instant::now();
        page.until("settled", |shown| shown.unsettled == 0 && shown.is_linked()).await;
        assert!(back.elapsed() < Duration::from_secs(5), "{:?}", back.elapsed());
    }
    let token = String::from_utf8(binary::run(&data, &["operator", "token", "all@desk.example"]).await.stdout).unwrap();
    let log = texts(&read_log(address, dialog_id, token.trim()).await);
    let mut expected = vec!["Welcome to Alpha!".to_owned(), "number 0".into()];
    for round in 1..=3 {
        expected.extend((0..10).map(|number| format!("round {round} number {number}")));
        expected.push(format!("round {round} while it is away"));
    }
    assert_eq!(log, expected);
    assert_eq!(page.shown().texts(), expected);
}

#[tokio::test]
async fn when_the_server_is_restarted_in_order_the_page_is_back_and_shows_everything_once() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    make_world(&data);
    let mut server = Binary::serve(&data, &[]).await;
    let address = server.address;
    let mut page = Native::open(address, site(), &new_key(), &Storage::empty());
    page.say("number 0");
    page.until_online().await;
    for round in 1..=2 {
        page.say(&format!("before {round}"));
        server.signal(rustix::process::Signal::TERM);
        page.say(&format!("during {round}"));
        let (status, printed) = server.ended().await;
        assert!(status.success(), "{printed}");
        server = Binary::serve_at(&data, address, &[]).await;
        page.until_text(&format!("during {round}")).await;
        page.until_online().await;
    }
    let expected = ["Welcome to Alpha!", "number 0", "before 1", "during 1", "before 2", "during 2"];
    assert_eq!(page.shown().texts(), expected);
}

#[tokio::test]
async fn after_a_backup_was_restored_the_page_begins_anew_and_what_was_not_in_it_is_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    make_world(&data);
    let server = Binary::serve(&data, &[]).await;
    let address = server.address;
    let mut page = Native::open(address, site(), &new_key(), &Storage::empty());
    page.say("in the backup");
    page.until_online().await;
    page.until_text("in the backup").await;
    let backup = directory.path().join("backup.db");
    let copied = binary::run(&data, &["backup", backup.to_str().unwrap()]).await;
    assert!(copied.status.success(), "{}", binary::printed(&copied));
    page.say("after the backup");
    page.until_text("after the backup").await;
    server.kill().await;
    let restored = binary::run(&data, &["restore", backup.to_str().unwrap()]).await;
    assert!(restored.status.success(), "{}", binary::printed(&restored));
    let _server = Binary::serve_at(&data, address, &[]).await;
    page.until("reset", |shown| {
        shown.view.link == LinkState::Online && shown.texts() == ["Welcome to Alpha!", "in the backup"]
    })
    .await;
    page.say("and on");
    page.until_text("and on").await;
    assert_eq!(page.shown().texts(), ["Welcome to Alpha!", "in the backup", "and on"]);
}

#[tokio::test]
async fn both_sides_and_the_server_have_the_same_hash_of_the_dialog_after_a_break() {
    let app = TestApp::start().await;
    let cable = Cable::lay(app.address).await;
    let mut visitor = visitor(&cable, &Storage::empty());
    visitor.say("One");
    let dialog_id = visitor.until_online().await.dialog_id.unwrap();
    let token = app.operator();
    let mut operator = Native::open(cable.address, Side::Operator { dialog_id }, &token, &Storage::empty());
    operator.tell(Input::Start);
    operator.until_online().await;
    cable.snap();
    visitor.say("Two, written without a link 🙂");
    operator.say("Three");
    let sync = format!("/api/debug/websocket/sync?dialog_id={dialog_id}");
    for native in [&mut visitor, &mut operator] {
        native.until_text("Three").await;
        native.until_text("Two, written without a link 🙂").await;
        let shown = native.until("back", |shown| shown.counters.reconnections > 0).await;
        let server = app.get(&sync).bearer(&token).send().await.expect(200);
        assert_eq!(shown.cursor, server["head"].as_u64().unwrap());
        assert_eq!(shown.log_hash, server["hash"].as_u64());
        assert!(shown.log_hash.is_some());
        assert!(!shown.events.iter().any(|event| matches!(event, Event::AuditFailed { .. })));
        assert_eq!(shown.counters.audit_failures, 0);
    }
}
