//! A session of the server with everything that can happen to it, in any order.

mod check;
mod shell;

use std::sync::Arc;

use protocol::{
    Auth, Author, AuthorKind, ClientFrame, ClientInfo, Hello, Ping, Presence, Secret, SendMessage, Subscription, Sync,
    Timestamp, Typing, VERSION, Watermark, code,
};
use server_core::Ephemeral;
use server_core::session::Input;

use super::{Step, steps};
use shell::Shell;

/// Channels, and one that does not exist.
const CHANNELS: [&str; 4] = ["typing", "presence", "receipts", "weather"];

/// Reads bytes as what happens to a session.
pub fn probe(bytes: &[u8]) {
    let mut steps = steps(bytes);
    let Some(first) = steps.next() else { return };
    check(first, steps);
}

/// Lets everything happen, and then everything that is still awaited: the client must have the whole log.
///
/// # Panics
/// The session breaks one of its promises.
pub fn check(first: Step, steps: impl IntoIterator<Item = Step>) {
    let mut shell = Shell::new(first);
    for step in steps {
        happen(&mut shell, step);
    }
    shell.settle();
}

fn happen(shell: &mut Shell, [kind, a, b, c]: Step) {
    let (small, large) = (u64::from(a), u64::from(b) << 8 | u64::from(c));
    match kind % 22 {
        0 => shell.pass(small),
        1 => shell.pass(large * 4),
        2 => frame(shell, ClientFrame::Hello(hello(shell, a, large))),
        3 => frame(shell, ClientFrame::Message(message(a, b, c))),
        4 if a % 2 == 0 => frame(shell, ClientFrame::Received(Watermark { seq: large })),
        4 => frame(shell, ClientFrame::Read(Watermark { seq: large })),
        5 if a == 0 => frame(shell, ClientFrame::Typing(Typing { on: b % 2 == 0 })),
        5 => frame(shell, ClientFrame::Sync(Sync { after: large, limit: Some(small).filter(|limit| *limit > 9) })),
        6 => frame(shell, ClientFrame::Auth(Auth { token: Secret::new("t") })),
        7 => frame(shell, ClientFrame::Ping(Ping { timestamp: Timestamp::Uint(large) })),
        8 => {
            let channels = CHANNELS.iter().enumerate().filter(|(bit, _)| b >> bit & 1 == 1);
            let subscription = Subscription { channels: channels.map(|(_, name)| (*name).into()).collect() };
            let on = a % 3 > 0;
            frame(
                shell,
                if on { ClientFrame::Subscribe(subscription) } else { ClientFrame::Unsubscribe(subscription) },
            );
        }
        9 => shell.input(Input::Unreadable { code: code::INVALID_JSON, message: "not JSON" }),
        10 | 11 => shell.answer(usize::from(a), b, c),
        12 => shell.answer_nobody(a, large),
        13 => (0..1 + if c == 255 { u64::from(b) } else { small % 4 }).for_each(|_| shell.somebody_writes()),
        14 | 15 => shell.publish(large, a),
        16 => shell.input(Input::Ephemeral(ephemeral(a))),
        17 => shell.congest(large),
        18 => shell.writable(),
        19 if [a, b] == [255, 255] => shell.input(Input::Drain { in_ms: 500, spread_ms: 700 }),
        19 if [a, b] == [254, 255] => shell.input(Input::CredentialsExpired),
        19 if [a, b] == [253, 255] => shell.input(Input::StoreFailed),
        19 | 20 => shell.due(),
        _ => shell.input(Input::Timeout),
    }
}

fn frame(shell: &mut Shell, frame: ClientFrame) {
    shell.input(Input::Frame(frame));
}

fn hello(shell: &Shell, a: u8, large: u64) -> Hello {
    let head = shell.head();
    let after = match a % 4 {
        0 => None,
        1 => Some(large),
        2 => Some(head.saturating_sub(large % 8)),
        _ => Some(head.saturating_sub(large % 256)),
    };
    let epoch = [None, Some(1), Some(1), Some(2)][usize::from(a >> 2 & 3)];
    let client = ClientInfo { id: ["c", "d", "", "c c"][usize::from(a >> 4 & 3)].into(), ..ClientInfo::default() };
    let v = if a == 255 { VERSION + 1 } else { VERSION };
    let pending = (0..large % 4).map(|id| format!("m{id}")).collect();
    Hello { v, after, epoch, pending, client: Some(client), ..Hello::default() }
}

fn message(a: u8, b: u8, c: u8) -> SendMessage {
    let id = match a % 12 {
        10 => None,
        11 => Some("no id".into()),
        id => Some(format!("m{id}")),
    };
    let text = match b % 8 {
        0 => String::new(),
        1 => " \n".into(),
        2 => "x".repeat(10_001),
        _ => format!("text {b}"),
    };
    SendMessage { id, n: Some(u64::from(c % 8)).filter(|n| *n > 0), text, file: None }
}

fn ephemeral(a: u8) -> Ephemeral {
    let author = Author { kind: AuthorKind::Operator, name: "Ann".into() };
    match a % 3 {
        0 => Ephemeral::Typing(protocol::TypingBy { author, on: a > 9 }),
        1 => Ephemeral::Presence(Presence { operators: vec!["Ann".into()] }),
        _ => Ephemeral::Receipt(protocol::Receipt { who: AuthorKind::Operator, received: 1, read: u64::from(a) }),
    }
}

/// The log of the dialog.
type Log = Vec<Arc<server_core::Event>>;

/// Returns the hash of a log up to a `seq`.
fn hash(log: &Log, seq: u64) -> u64 {
    match usize::try_from(seq).ok().and_then(|seq| log.get(seq.checked_sub(1)?)) {
        Some(event) => event.hash.expect("every event of this log is hashed"),
        None => protocol::digest::EMPTY,
    }
}
