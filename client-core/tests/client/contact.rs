//! Nobody is there: what the panel is told, and what becomes of the address that a visitor leaves.

use crate::bench::{Bench, loaded, message};
use client_core::{Contact, End, Input, Output, Staffing, Transport};
use serde_json::json;

const WALL: u64 = 1_763_640_001_000;

/// Brings a visitor online at a site that opens in an hour of the server's clock, which is a minute ahead.
fn closed() -> Bench {
    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    let (now, hour) = (WALL + 60_000, 3_600_000);
    let hours = json!({"open": false, "opens_at": now + hour, "closes_at": now + 2 * hour});
    bench.answer("/config", 200, &json!({"name": "Tea", "away": "We sleep.", "hours": hours, "now": now}));
    bench
}

fn leave(bench: &mut Bench, email: &str) {
    bench.input(Input::Contact { email: email.into() });
}

fn seen(bench: &Bench) -> Contact {
    bench.client.view().contact
}

fn kept(bench: &Bench) -> Option<String> {
    bench.outputs.iter().rev().find_map(|output| match output {
        Output::Save { name, value } if name == "mail" => Some(value.clone()),
        Output::Remove { name } if name == "mail" => Some(String::new()),
        _ => None,
    })
}

#[test]
fn the_panel_knows_when_somebody_is_back_and_changes_at_that_moment() {
    let mut bench = closed();
    let view = bench.client.view();
    assert_eq!(
        (view.staffing, view.contact),
        (Staffing::Until(WALL + 3_600_000), Contact::None),
        "nothing was said yet"
    );
    assert_eq!(view.site.unwrap().away, "We sleep.");
    bench.pass(3_599_999);
    assert_eq!(bench.client.view().staffing, Staffing::Until(WALL + 3_600_000));
    bench.pass(1);
    assert_eq!(bench.client.view().staffing, Staffing::Here);
    bench.pass(3_600_000);
    assert_eq!(bench.client.view().staffing, Staffing::Away);
}

#[test]
fn an_operator_who_comes_is_there() {
    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    bench.answer("/config", 200, &json!({"name": "Tea", "absent": true}));
    let link = bench.online();
    assert_eq!((bench.client.view().staffing, seen(&bench)), (Staffing::Away, Contact::Wanted));
    bench.frames(link, &json!({"type": "presence", "operators": ["Ann"]}));
    assert_eq!((bench.client.view().staffing, seen(&bench)), (Staffing::Here, Contact::None));
    bench.frames(link, &json!({"type": "presence", "operators": []}));
    assert_eq!(bench.client.view().staffing, Staffing::Here, "for a while");
}

#[test]
fn an_address_is_kept_before_it_is_sent_and_forgotten_when_it_is_stored() {
    let mut bench = closed();
    bench.online();
    assert_eq!(seen(&bench), Contact::Wanted);
    leave(&mut bench, "  ann@shop.example ");
    assert_eq!((seen(&bench), kept(&bench).as_deref()), (Contact::Sending, Some("ann@shop.example")));
    let (_, call) = bench.request("/contact");
    assert_eq!(call.path, "/api/site/dialogs/7/contact?site_token=st_demo");
    assert_eq!(call.body.as_deref(), Some(r#"{"email":"ann@shop.example"}"#));
    bench.answer("/contact", 200, &json!({"email": "ann@shop.example"}));
    assert_eq!((seen(&bench), kept(&bench).as_deref()), (Contact::Given, Some("")));
    // Another one takes its place.
    leave(&mut bench, "ann@home.example");
    assert_eq!(seen(&bench), Contact::Sending);
    bench.answer("/contact", 200, &json!({}));
    assert_eq!(seen(&bench), Contact::Given);
}

#[test]
fn what_cannot_be_an_address_is_said_and_not_sent() {
    let mut bench = closed();
    bench.online();
    leave(&mut bench, "ann");
    assert_eq!((seen(&bench), kept(&bench)), (Contact::Refused, None));
    leave(&mut bench, "ann@shop.example");
    bench.answer("/contact", 422, &json!({"error": {"code": "invalid_email", "message": ""}}));
    assert_eq!((seen(&bench), kept(&bench).as_deref()), (Contact::Refused, Some("")));
}

#[test]
fn an_address_outlives_failures_broken_links_and_reloads() {
    let mut bench = closed();
    let link = bench.online();
    leave(&mut bench, "ann@shop.example");
    bench.answer("/contact", 503, &json!({"error": {"code": "disk_full", "message": ""}}));
    bench.taken();
    bench.pass(4_999);
    assert!(bench.outputs.iter().all(|output| !matches!(output, Output::Request { .. })), "not at once");
    bench.pass(1);
    let (request, _) = bench.request("/contact");
    bench.input(Input::Unanswered { request });
    bench.input(Input::Closed { link, end: End::Broken });
    bench.taken();
    bench.pass(20_000);
    assert!(
        bench
            .outputs
            .iter()
            .all(|output| !matches!(output, Output::Request { call, .. } if call.path.contains("/contact")))
    );

    // The next page finds it, and the dialog.
    let mut bench = Bench::visitor();
    bench.input(Input::Restored(vec![("dialog".into(), "7".into()), ("mail".into(), "ann@shop.example".into())]));
    bench.input(Input::Start);
    bench.answer("/api/site/dialogs?", 200, &loaded(&[message(1, "a", "visitor")]));
    let link = bench.link(Transport::WebSocket);
    bench.input(Input::Opened { link });
    bench.frames(link, &crate::bench::ready(1, 2));
    let (_, call) = bench.request("/contact");
    assert_eq!(call.body.as_deref(), Some(r#"{"email":"ann@shop.example"}"#));
}

#[test]
fn an_address_that_the_server_has_is_not_asked_for_again() {
    let mut bench = closed();
    let id = bench.send("hello");
    let mut answer = loaded(&[message(1, "welcome", "system"), message(2, &id, "visitor")]);
    answer["contact"] = json!(true);
    bench.answer("/api/site/dialogs?", 200, &answer);
    assert_eq!(seen(&bench), Contact::Given);
}

#[test]
fn an_address_is_in_no_log() {
    let mut bench = closed();
    bench.input(Input::Log(Some(client_core::Level::Debug)));
    bench.online();
    leave(&mut bench, "canary@shop.example");
    bench.answer("/contact", 500, &json!({"error": {"code": "internal", "message": ""}}));
    let told: Vec<&Output> = bench.outputs.iter().filter(|output| matches!(output, Output::Event(_))).collect();
    assert!(!told.is_empty() && !format!("{told:?} {:?}", bench.client).contains("canary"), "{told:?}");
}
