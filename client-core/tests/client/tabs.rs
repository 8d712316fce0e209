//! Several pages of one visitor.

use client_core::{End, Input, LinkState, Output, Page, Tab, Transport};
use serde_json::json;

use crate::bench::Bench;

/// A page with a link that has been hidden for two minutes; the server's heartbeat goes on.
fn hidden(tab: Option<Tab>) -> Bench {
    let mut bench = Bench::visitor();
    let link = bench.online();
    if let Some(tab) = tab {
        bench.input(Input::Tab(tab));
    }
    bench.input(Input::Page(Page::Hidden));
    for _ in 0..12 {
        bench.pass(10_000);
        bench.frames(link, &json!({"type": "heartbeat", "timestamp": 1, "head": 2}));
    }
    bench
}

fn is_linked(bench: &Bench) -> bool {
    !bench.outputs.iter().any(|output| matches!(output, Output::Drop { .. }))
}

#[test]
fn a_hidden_page_that_follows_rests_and_the_others_do_not() {
    assert!(is_linked(&hidden(None)));
    assert!(is_linked(&hidden(Some(Tab::Leads))));
    assert!(!is_linked(&hidden(Some(Tab::Follows))));
}

#[test]
fn a_page_that_rests_links_again_when_it_is_seen_when_it_leads_and_when_it_sends() {
    let causes = [Input::Page(Page::Visible), Input::Tab(Tab::Leads), Input::Send { text: "more".into() }];
    for cause in causes {
        let mut bench = hidden(Some(Tab::Follows));
        bench.taken();
        bench.input(cause.clone());
        bench.pass(300);
        bench.answer("/health", 200, &json!({"status": "ok"}));
        let link = bench.link(Transport::WebSocket);
        bench.input(Input::Opened { link });
        bench.frames(link, &crate::bench::ready(2, 3));
        assert_eq!(bench.client.view().link, LinkState::Online, "{cause:?}");
    }
}

#[test]
fn a_page_that_rests_is_not_woken_by_what_a_dead_link_tells() {
    let mut bench = hidden(Some(Tab::Follows));
    let link = bench.link(Transport::WebSocket);
    bench.taken();
    bench.input(Input::Closed { link, end: End::Broken });
    bench.pass(3_600_000);
    assert_eq!(bench.opens(), 0);
    let asks_gate = |output: &Output| matches!(output, Output::Request { call, .. } if call.path.contains("/health"));
    assert!(!bench.outputs.iter().any(asks_gate));
}

#[test]
fn a_page_that_comes_back_joins_the_dialog_that_another_has_begun_meanwhile() {
    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    bench.taken();
    // A page in the back-forward cache hears nothing: storage is read when it is back.
    let kept = [("key", "vk_other"), ("dialog", "7")].map(|(name, value)| (name.into(), value.into()));
    bench.input(Input::Restored(kept.into()));
    bench.input(Input::Page(Page::Resumed));
    let asks = |output: &Output| matches!(output, Output::Request { call, .. } if call.path.contains("/dialogs"));
    assert!(bench.outputs.iter().any(asks), "{:?}", bench.outputs);
    assert_eq!(bench.client.bearer().expose(), "vk_other");
}

#[test]
fn a_page_with_a_key_of_its_own_takes_no_dialog_of_another_key() {
    let mut bench = Bench::visitor();
    bench.send("mine");
    let kept = [("key", "vk_other"), ("dialog", "7")].map(|(name, value)| (name.into(), value.into()));
    bench.input(Input::Restored(kept.into()));
    assert_eq!(bench.client.dialog_id(), None);
}
