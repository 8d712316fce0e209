//! A client with everything that can happen to it, in any order.

mod world;

use client_core::{End, Identify, Input, Level, Page, Panel, Side};
use protocol::{Bye, Drain, ErrorFrame, Heartbeat, Receipt, Secret, ServerFrame, Synced, TypingBy};

use super::{Step, steps};
use world::World;

/// Close codes, one of each range, and one that nobody knows.
const CODES: [u16; 12] = [1000, 1006, 1009, 4003, 4100, 4200, 4300, 4301, 4404, 4405, 4406, 4999];
/// Texts that a link or an answer may bring, none of which means anything.
const NOISE: [&str; 8] = [
    "",
    "null",
    "[]",
    "{\"type\":\"of_the_future\"}",
    "<html>502 Bad Gateway</html>",
    "{\"type\":\"message\",\"dialog_id\":7}",
    "[{\"type\":\"stored\",\"id\":\"nobody's\",\"seq\":18446744073709551615,\"at\":1}]",
    "{\"type\":\"ready\",\"v\":1,\"dialog_id\":7,\"epoch\":9,\"head\":18446744073709551615,\"mode\":\"reset\",\"next\":18446744073709551615,\"heartbeat_ms\":4294967295,\"spread_ms\":4294967295,\"now\":0}",
];

/// Reads bytes as what happens to a client.
pub fn probe(bytes: &[u8]) {
    let mut steps = steps(bytes);
    let Some(first) = steps.next() else { return };
    check(first, steps);
}

/// Lets everything happen: the client never panics, shows nothing twice or out of order, and asks for no end of things.
///
/// # Panics
/// It does.
pub fn check(first: Step, steps: impl IntoIterator<Item = Step>) {
    let side = match first[0] % 3 {
        0 => Side::Site { site_token: "st_demo".into() },
        1 => Side::Widget { assistant_id: 3, parent_origin: String::new(), ticket: "t".into() },
        _ => Side::Operator { dialog_id: world::DIALOG },
    };
    let mut world = World::new(side, first);
    for step in steps {
        happen(&mut world, step);
        world.look();
    }
}

fn happen(world: &mut World, [kind, a, b, c]: Step) {
    let large = u64::from(b) << 8 | u64::from(c);
    match kind % 28 {
        0 => world.pass(u64::from(a)),
        1 => world.pass(large),
        2 => world.sleep(large * 1_000),
        3 | 4 => world.due(),
        5 => world.input(Input::Start),
        6 if a == 255 => world.input(Input::Stop),
        6 | 7 => world.input(Input::Send { text: text(a, b) }),
        8 => world.retry(a.into()),
        9 => world.input(Input::TryNow),
        10 => world.input(Input::Draft { text: text(a, b) }),
        11 => world.input(Input::Panel(if a % 2 == 0 { Panel::Open } else { Panel::Closed })),
        12 => world.input(Input::Older),
        13 => world.input(Input::Page(page(a))),
        14 if a == 255 => world.fail_to_save(b.into()),
        14 if a > 250 => world.input(Input::Logout { key: Secret::new("vk_another0123456789abcdef") }),
        14 if a > 245 => world.input(Input::Disowned { key: Secret::new("vk_another0123456789abcdef") }),
        14 if a > 200 => world.input(Input::Identify(identify(b))),
        14 if a > 190 => world.input(Input::Person { tag: world.tag.clone(), values: Vec::new() }),
        14 if a > 180 => world.input(Input::Attributes(format!("{{\"a\":{b}}}"))),
        14 => world.input(Input::Credential(Secret::new("vk_another0123456789abcdef"))),
        15 | 16 => world.open(a.into()),
        17 => world.receive(a.into(), &frame(world, b, c)),
        18 => world.ready(a.into(), b, c),
        19 | 20 => world.bring(a.into(), b, c),
        21 => world.noise(a.into(), NOISE[usize::from(b) % NOISE.len()]),
        22 => world.close(a.into(), end(b, c)),
        23 | 24 => world.answer(a.into()),
        25 => world.answer_badly(
            a.into(),
            [200, 204, 401, 403, 404, 409, 429, 503][usize::from(b) % 8],
            NOISE[usize::from(c) % 8],
        ),
        26 => world.leave_unanswered(a.into()),
        _ if a == 255 => world.input(Input::Log(Some(Level::Debug))),
        _ => world.input(Input::Timeout),
    }
}

fn identify(b: u8) -> Identify {
    match b % 5 {
        0 => Identify::Asked,
        1 => Identify::Failed,
        // {"sub":"ann"} and {"sub":"bob"}
        2 | 3 => Identify::Token(Secret::new("h.eyJzdWIiOiJhbm4ifQ.s")),
        _ => Identify::Token(Secret::new("h.eyJzdWIiOiJib2IifQ.s")),
    }
}

fn text(a: u8, b: u8) -> String {
    match a % 16 {
        0 => String::new(),
        1 => "x".repeat(10_001),
        2 => "é".repeat(9_000),
        _ => format!("text {b}"),
    }
}

fn page(a: u8) -> Page {
    match a % 6 {
        0 => Page::Visible,
        1 => Page::Hidden,
        2 => Page::Resumed,
        3 => Page::Frozen,
        4 => Page::Online,
        _ => Page::Offline,
    }
}

fn end(b: u8, c: u8) -> End {
    match b % 3 {
        0 => End::Broken,
        1 => End::Socket {
            code: CODES[usize::from(c) % CODES.len()],
            reason: "{\"retry_ms\":500,\"reason\":\"x\"}".into(),
        },
        _ => End::Refused {
            status: [401, 403, 404, 429, 503][usize::from(c) % 5],
            body: NOISE[usize::from(c) % 8].into(),
        },
    }
}

/// A frame that carries no message.
fn frame(world: &World, b: u8, c: u8) -> ServerFrame {
    let head = world.head();
    let author = protocol::Author { kind: protocol::AuthorKind::Operator, name: "Ann".into() };
    match b % 9 {
        0 => ServerFrame::Synced(Synced { head, hash: None }),
        1 => ServerFrame::Heartbeat(Heartbeat { timestamp: c.into(), head, hash: Some(c.into()) }),
        2 => ServerFrame::Receipt(Receipt { who: author.kind, received: c.into(), read: c.into() }),
        3 => ServerFrame::Typing(TypingBy { author, on: c.is_multiple_of(2) }),
        4 => ServerFrame::Presence(protocol::Presence { operators: vec!["Ann".into()] }),
        5 => ServerFrame::Drain(Drain { in_ms: u32::from(c) * 10, spread_ms: 300 }),
        6 => ServerFrame::Error(ErrorFrame { code: "invalid_frame".into(), message: "x".into() }),
        7 => ServerFrame::Pong(protocol::Ping { timestamp: protocol::Timestamp::Int(c.into()) }),
        _ => {
            let code = CODES[usize::from(c) % CODES.len()];
            ServerFrame::Bye(Bye { code, reason: "x".into(), retry: true, after_ms: Some(100) })
        }
    }
}
