//! Sequences of everything that can happen to a session, and to a client.

use client_core::{Client, Config, Input, Instant, LinkId, Now, Output, Side};
use proptest::array::uniform4;
use proptest::collection::vec;
use proptest::prelude::*;
use protocol::{Author, AuthorKind, Message, Ready, Secret, ServerFrame, json};
use tests::probe::{client, session};

use crate::cases;

/// An operator's client, whose dialog is loaded and whose link is open.
struct Screen {
    client: Client,
    link: LinkId,
    ms: u64,
}

impl Screen {
    fn new() -> Self {
        let client = Client::new(Config::new(Side::Operator { dialog_id: 7 }, Secret::new("t")), 1);
        let mut screen = Self { client, link: LinkId(0), ms: 1_000 };
        screen.input(Input::Restored(Vec::new()));
        screen.input(Input::Start);
        for _ in 0..20 {
            while let Some(output) = screen.client.poll_output() {
                match output {
                    Output::Request { request, call } if call.path.contains("/messages") => {
                        let body = "{\"epoch\":1,\"head\":0,\"messages\":[]}".into();
                        screen.input(Input::Answered { request, status: 200, body });
                    }
                    Output::Open { link, .. } => {
                        screen.link = link;
                        screen.input(Input::Opened { link });
                        let ready =
                            Ready { v: 1, dialog_id: 7, epoch: 1, next: 1, heartbeat_ms: 20_000, ..Ready::default() };
                        screen.receive(&[ServerFrame::Ready(ready)]);
                        return screen;
                    }
                    Output::Save { .. }
                    | Output::Remove { .. }
                    | Output::Person { .. }
                    | Output::Forget { .. }
                    | Output::Drop { .. }
                    | Output::Transmit { .. }
                    | Output::Request { .. }
                    | Output::Abort { .. }
                    | Output::Event(_) => {}
                }
            }
        }
        panic!("the client opens no link");
    }

    fn input(&mut self, input: Input) {
        self.ms += 1;
        self.client.handle(Now { mono: Instant::from_millis(self.ms), wall: 1_763_640_000_000 + self.ms }, input);
    }

    fn receive(&mut self, frames: &[ServerFrame]) {
        self.input(Input::Received { link: self.link, text: json::to_string(frames) });
    }

    fn shown(&self) -> Vec<u64> {
        self.client.view().items.iter().map(|item| item.seq).collect()
    }
}

fn event(seq: u64) -> ServerFrame {
    let author = Author { kind: AuthorKind::Visitor, name: String::new() };
    ServerFrame::Message(Message {
        dialog_id: 7,
        seq,
        id: format!("m{seq}"),
        author,
        text: "x".into(),
        at: 5,
        file: None,
    })
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn events_in_any_order_and_number_are_shown_once_each_and_in_order(
        arrivals in vec(vec(1..15_u64, 1..6), 0..25),
    ) {
        let mut screen = Screen::new();
        let mut arrived = std::collections::BTreeSet::<u64>::new();
        for batch in &arrivals {
            let frames: Vec<_> = batch.iter().map(|seq| event(*seq)).collect();
            screen.receive(&frames);
            arrived.extend(batch);
            // Everything up to the first hole is on the screen, and nothing beyond it.
            let whole: Vec<u64> = (1..).take_while(|seq| arrived.contains(seq)).collect();
            prop_assert_eq!(screen.shown(), whole);
        }
    }

    #[test]
    fn a_session_keeps_its_promises_whatever_happens(first in uniform4(any::<u8>()), steps in vec(uniform4(any::<u8>()), 0..60)) {
        session::check(first, steps);
    }

    #[test]
    fn a_client_keeps_its_promises_whatever_happens(first in uniform4(any::<u8>()), steps in vec(uniform4(any::<u8>()), 0..60)) {
        client::check(first, steps);
    }
}
