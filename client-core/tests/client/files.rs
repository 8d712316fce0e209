//! Messages that bring a file, and messages that somebody in between has no room for.

use crate::bench::{Bench, loaded, message, ready};
use client_core::{Delivery, End, Event, Input, LinkId, Output, Transport};
use serde_json::{Value, json};

const FILE: &str = r#"{"id":"f1","name":"red.png","mime":"image/png","size":7}"#;
const PROXY: &str = "<html><h1>413 Request Entity Too Large</h1></html>";

impl Bench {
    fn send_file(&mut self) -> String {
        self.send(&format!("\u{1}{FILE}"))
    }

    /// Takes the files that the application was told of as lost.
    fn lost(&self) -> Vec<Value> {
        let of = |output: &Output| match output {
            Output::Event(Event::FileLost { file }) => Some(serde_json::from_str(file).unwrap()),
            _ => None,
        };
        self.outputs.iter().filter_map(of).collect()
    }

    fn answer_as_proxy(&mut self, part: &str) {
        let (request, _) = self.request(part);
        self.input(Input::Answered { request, status: 413, body: PROXY.into() });
    }

    fn streaming(&mut self) -> LinkId {
        self.input(Input::Start);
        let id = self.send("hello");
        self.answer("/api/site/dialogs?", 200, &loaded(&[message(1, &id, "visitor")]));
        let socket = self.link(Transport::WebSocket);
        self.input(Input::Closed { link: socket, end: End::Socket { code: 1006, reason: String::new() } });
        let stream = self.link(Transport::Sse);
        self.input(Input::Opened { link: stream });
        self.frames(stream, &ready(1, 2));
        self.frames(stream, &json!({"type": "synced", "head": 1}));
        stream
    }

    fn state_of(&self, text: &str) -> Option<Delivery> {
        self.texts().into_iter().find(|(known, _)| known == text).map(|(_, delivery)| delivery)
    }
}

fn not_found(id: &str) -> Value {
    json!({"type": "refused", "id": id, "code": "file_not_found", "message": "", "retry": false})
}

#[test]
fn a_message_whose_file_the_server_has_lost_is_given_back_to_whoever_has_the_bytes() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let id = bench.send_file();
    bench.frames(link, &not_found(&id));
    assert_eq!(bench.lost(), [serde_json::from_str::<Value>(FILE).unwrap()]);
    assert!(!bench.client.view().items.iter().any(|item| item.key == id), "it is not shown as sent by anybody");
    assert!(bench.outputs.contains(&Output::Remove { name: format!("o:{id}") }), "and no page sends it again");
    bench.frames(link, &not_found(&id));
    assert_eq!(bench.lost().len(), 1);
}

#[test]
fn a_first_message_whose_file_the_server_has_lost_is_given_back_as_well() {
    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    let id = bench.send_file();
    let refusal = json!({"error": {"code": "file_not_found", "message": ""}});
    bench.answer("/api/site/dialogs?", 422, &refusal);
    assert_eq!(bench.lost().len(), 1);
    assert!(!bench.client.view().items.iter().any(|item| item.key == id));
}

#[test]
fn what_follows_a_lost_file_has_other_numbers_than_a_post_that_may_be_repeated() {
    let mut bench = Bench::visitor();
    let stream = bench.streaming();
    let id = bench.send_file();
    bench.answer("/frames", 200, &json!([not_found(&id)]));
    // The same bytes may reach the server once more, when it has the file again; the next message is not the second of that link.
    assert!(bench.outputs.contains(&Output::Drop { link: stream }));
    assert_eq!(bench.lost().len(), 1);
}

#[test]
fn other_refusals_of_a_message_with_a_file_stay_where_a_person_sees_them() {
    let mut bench = Bench::visitor();
    let link = bench.online();
    let id = bench.send_file();
    let mut refusal = not_found(&id);
    refusal["code"] = json!("id_conflict");
    bench.frames(link, &refusal);
    assert_eq!(bench.lost(), Vec::<Value>::new());
    let item = bench.client.view().items.into_iter().find(|item| item.key == id).unwrap();
    assert_eq!(item.delivery, Delivery::Refused);
}

#[test]
fn a_message_that_somebody_in_between_has_no_room_for_is_refused_and_not_repeated() {
    let mut bench = Bench::visitor();
    bench.streaming();
    bench.send("long");
    bench.answer_as_proxy("/frames");
    assert_eq!(bench.state_of("long"), Some(Delivery::Refused));
    bench.taken();
    bench.pass(60_000);
    assert!(!format!("{:?}", bench.taken()).contains("long"), "it is not sent again");
}

#[test]
fn messages_that_have_no_room_together_go_one_by_one() {
    let mut bench = Bench::visitor();
    let stream = bench.streaming();
    // Nothing goes while the last refusal holds it up: so they go together.
    let first = bench.send("first");
    bench.answer("/frames", 200, &json!([{"type": "refused", "id": first, "code": "rate_limited", "message": "", "retry": true, "retry_after_ms": 500}]));
    bench.send("second");
    bench.taken();
    bench.pass(600);
    let (request, call) = bench.request("/frames");
    assert_eq!(serde_json::from_str::<Value>(&call.body.unwrap()).unwrap().as_array().map(Vec::len), Some(2));
    bench.input(Input::Answered { request, status: 413, body: PROXY.into() });
    bench.taken();
    bench.pass(1_100);
    let bodies: Vec<Value> = bench
        .taken()
        .iter()
        .filter_map(|output| match output {
            Output::Request { call, .. } if call.path.contains("/frames") => {
                Some(serde_json::from_str(call.body.as_ref().unwrap()).unwrap())
            }
            _ => None,
        })
        .collect();
    let texts: Vec<_> = bodies.iter().map(|body| body["text"].clone()).collect();
    assert_eq!(texts, ["first", "second"], "over {stream:?}");
}

#[test]
fn a_first_message_that_somebody_in_between_has_no_room_for_is_refused() {
    let mut bench = Bench::visitor();
    bench.input(Input::Start);
    bench.send("long");
    bench.answer_as_proxy("/api/site/dialogs?");
    assert_eq!(bench.state_of("long"), Some(Delivery::Refused));
}
