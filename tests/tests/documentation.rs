//! The pages about the wire and about quality say what the code says, and nothing else.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::Path;

use protocol::{ClientFrame, Frame, InboxFrame, ServerFrame, limits};

const PAGE: &str = include_str!("../../docs/protocol.md");
const QUALITY: &str = include_str!("../../docs/quality.md");
const CLOSE: &str = include_str!("../../protocol/src/close.rs");
const CODES: &str = include_str!("../../protocol/src/code.rs");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Returns the rows of the table below a heading of the page about the wire, without its head.
fn table(heading: &str, nth: usize) -> Vec<Vec<String>> {
    table_of(PAGE, heading, nth)
}

fn table_of(page: &str, heading: &str, nth: usize) -> Vec<Vec<String>> {
    let section = page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}")).1;
    let section = section.split("\n## ").next().unwrap();
    let mut tables: Vec<Vec<Vec<String>>> = Vec::new();
    let mut inside = false;
    for line in section.lines() {
        if !line.starts_with('|') {
            inside = false;
            continue;
        }
        if !inside {
            inside = true;
            tables.push(Vec::new());
        }
        // No cell on the page holds a bar.
        let cells = line[1..].trim_end_matches('|').split('|').map(|cell| cell.trim().to_owned());
        tables.last_mut().unwrap().push(cells.collect());
    }
    tables.into_iter().nth(nth).unwrap_or_else(|| panic!("no table in {heading}")).into_iter().skip(2).collect()
}

/// Returns the first cell of each row, without marks.
fn names(rows: &[Vec<String>]) -> Vec<String> {
    rows.iter().map(|row| row[0].trim_end_matches('*').trim().trim_matches('`').to_owned()).collect()
}

/// Returns the constants of a module, as they are written.
fn constants(source: &str, kind: &str) -> BTreeMap<String, String> {
    let marker = format!(": {kind} = ");
    let lines = source.lines().filter_map(|line| line.strip_prefix("pub const ")?.split_once(marker.as_str()));
    lines.map(|(name, value)| (name.to_owned(), value.trim_end_matches(';').trim_matches('"').to_owned())).collect()
}

fn check(what: &str, mut page: Vec<String>, mut code: Vec<String>) {
    assert!(code.len() > 3, "the test reads {what} out of the code: {code:?}");
    page.sort();
    code.sort();
    let missing: Vec<_> = code.iter().filter(|name| !page.contains(name)).collect();
    let unknown: Vec<_> = page.iter().filter(|name| !code.contains(name)).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "{what}: not on the page {missing:?}, not in the code {unknown:?}"
    );
    assert_eq!(page, code, "{what}: one of them stands there twice");
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn every_frame_of_a_client_stands_on_the_page_and_no_other() {
    check("client frames", names(&table("Client to server", 0)), owned(ClientFrame::KINDS));
}

#[test]
fn every_frame_of_the_server_stands_on_the_page_and_no_other() {
    check("server frames", names(&table("Server to client", 0)), owned(ServerFrame::KINDS));
}

#[test]
fn every_hint_of_the_inbox_stands_on_the_page() {
    for kind in InboxFrame::KINDS {
        assert!(PAGE.contains(&format!("`{kind}`")), "{kind}");
    }
}

#[test]
fn every_field_of_a_frame_stands_in_its_row() {
    let golden =
        |file: &str| std::fs::read_to_string(Path::new(ROOT).join("protocol/tests/golden").join(file)).unwrap();
    for (file, heading) in [("up.jsonl", "Client to server"), ("down.jsonl", "Server to client")] {
        let rows = table(heading, 0);
        let known = names(&rows);
        let mut seen = 0;
        for line in golden(file).lines() {
            let Ok(frame) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            let Some(place) = known.iter().position(|kind| frame["type"] == *kind) else { continue };
            for field in frame.as_object().unwrap().keys().filter(|field| *field != "type") {
                seen += 1;
                assert!(rows[place][1].contains(field.as_str()), "{heading}: {field} of {}", known[place]);
            }
        }
        assert!(seen > 20, "the golden files hold frames: {seen}");
    }
}

#[test]
fn every_close_code_stands_on_the_page_with_its_number_and_no_other() {
    let mut page = names(&table("Close codes", 0));
    page.retain(|code| code != "anything else");
    check("close codes", page, constants(CLOSE, "u16").into_values().collect());
}

#[test]
fn what_a_client_does_after_a_close_is_what_the_code_does() {
    use protocol::close::Action;
    for row in table("Close codes", 0) {
        let code = row[0].trim_end_matches('*').trim();
        let code: u16 = code.parse().unwrap_or(1006);
        let does = match protocol::close::action(code) {
            Action::Done | Action::Stop => "stops",
            Action::Spread | Action::Reconnect => "reconnects",
            Action::BackOff => "backs off",
            Action::Renew => "asks for new credentials",
        };
        let written = if row[2] == "the same" { "reconnects" } else { row[2].as_str() };
        assert!(written.starts_with(does), "{code}: the page says {written:?}, the code {does:?}");
    }
}

#[test]
fn every_error_code_stands_on_the_page_and_no_other() {
    check("error codes", names(&table("HTTP", 0)), constants(CODES, "&str").into_values().collect());
}

#[test]
fn every_limit_on_the_page_is_the_one_in_the_code() {
    let hours = limits::OUTBOX_MS / 3_600_000;
    let expected = [
        ("a frame, or a batch", format!("{} bytes", limits::FRAME_BYTES)),
        ("a message", format!("{} characters", limits::TEXT_CHARS)),
        ("an id", format!("{} bytes", limits::ID_BYTES)),
        ("messages of one client", format!("{} a second, {} at once", limits::MESSAGES_PER_S, limits::MESSAGES_BURST)),
        ("frames in a batch", limits::BATCH_FRAMES.to_string()),
        ("ids in `pending`", limits::PENDING_IDS.to_string()),
        ("nesting of JSON", limits::JSON_DEPTH.to_string()),
        ("a page of the log", format!("{} events", limits::PAGE)),
        ("an outbox", format!("{} messages, {} bytes, {hours} h", limits::OUTBOX_MESSAGES, limits::OUTBOX_BYTES)),
    ];
    let expected: Vec<Vec<String>> = expected.into_iter().map(|(name, value)| vec![name.into(), value]).collect();
    assert_eq!(table("Limits", 0), expected);
}

#[test]
fn the_rules_name_the_bounds_of_the_code() {
    let rules = PAGE.split_once("\n## Rules\n").unwrap().1.split("\n## ").next().unwrap();
    let rules = rules.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentences = [
        format!("More than {} behind: `snapshot`, the last {}.", limits::RESUME_EVENTS, limits::SNAPSHOT_EVENTS),
        format!(
            "{} messages, {} MiB, {} h;",
            limits::OUTBOX_MESSAGES,
            limits::OUTBOX_BYTES >> 20,
            limits::OUTBOX_MS / 3_600_000
        ),
    ];
    for sentence in sentences {
        assert!(rules.contains(&sentence), "{sentence}");
    }
    let whole = PAGE.split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in [
        format!("the first frame must be `hello`, within {} s", limits::HELLO_MS / 1_000),
        format!("lapses after {} s", limits::TYPING_MS / 1_000),
        format!("every {} s ± 10 %", limits::HEARTBEAT_MS / 1_000),
    ] {
        assert!(whole.contains(&sentence), "{sentence}");
    }
}

#[test]
fn every_address_of_the_server_stands_on_the_page() {
    const ROUTES: &str = include_str!("../../server/src/routes/mod.rs");
    let paths = ROUTES.lines().filter_map(|line| line.trim().strip_prefix("at(\"")?.split_once('"'));
    let paths: Vec<&str> = paths.map(|(path, _)| path).collect();
    assert!(paths.len() > 20, "the test reads the table of addresses: {paths:?}");
    for path in paths {
        // Widgets and operators have the same addresses as sites, as the page says in one sentence.
        let site = path.replacen("/api/widget/", "/api/site/", 1).replacen("/api/dialogs/", "/api/site/dialogs/", 1);
        let stands = |path: &str| PAGE.split([' ', '`', '?', '&', ',', '\n']).any(|word| word == path);
        assert!(stands(path) || stands(&site), "{path}");
    }
    assert!(PAGE.contains("The same under `/api/widget/"));
}

#[test]
fn every_figure_of_a_client_stands_on_the_page_about_quality_in_its_order() {
    let side = client_core::Side::Operator { dialog_id: 1 };
    let client = client_core::Client::new(client_core::Config::new(side, protocol::Secret::new("")), 1);
    let figures: Vec<String> = client.report().figures.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&table_of(QUALITY, "Figures", 0)), figures);
}

#[test]
fn every_issue_stands_on_the_page_with_its_bounds() {
    let rows = table_of(QUALITY, "Health", 0);
    assert_eq!(names(&rows), client_core::Health::BOUNDS.map(|(name, ..)| name.to_owned()));
    let number = |cell: &str| cell.split(' ').find_map(|word| word.parse::<u32>().ok()).unwrap();
    for (row, (name, warning, critical)) in rows.iter().zip(client_core::Health::BOUNDS) {
        assert_eq!((number(&row[1]), number(&row[2])), (warning, critical), "{name}");
    }
}

#[test]
fn every_error_stands_on_the_page_in_its_class_with_severity_and_action() {
    use client_core::{Class, Trouble};
    let rows = table_of(QUALITY, "What goes wrong", 0);
    assert_eq!(names(&rows), Class::ALL.map(|class| class.word().to_owned()));
    for (row, class) in rows.iter().zip(Class::ALL) {
        assert_eq!(row[1], class.severity().word(), "{}", class.word());
        assert_eq!(row[2].trim_matches('`'), class.action().word(), "{}", class.word());
    }
    let all = [
        Trouble::OpenTimeout,
        Trouble::RequestTimeout,
        Trouble::Silence,
        Trouble::NoAnswer,
        Trouble::Gap,
        Trouble::Broken,
        Trouble::Unreachable,
        Trouble::Closed(4200),
        Trouble::Closed(4300),
        Trouble::Closed(1006),
        Trouble::Status(401),
        Trouble::Status(503),
        Trouble::Foreign(502),
        Trouble::Gone(404),
        Trouble::BadFrame,
        Trouble::OtherDialog,
        Trouble::Limited,
        Trouble::Order,
        Trouble::Refused,
        Trouble::Misread,
        Trouble::Audit,
        Trouble::Storage,
    ];
    let mut told = 0;
    for trouble in all {
        let row = rows.iter().find(|row| row[0].contains(trouble.class().word())).unwrap();
        assert!(row[3].contains(&format!("`{}`", trouble.word())), "{trouble:?} in {}", row[0]);
        told += 1;
    }
    let written: usize = rows.iter().map(|row| row[3].matches('`').count() / 2).sum();
    assert_eq!(written, told, "nothing stands there that is not in the code");
}

#[test]
fn the_tests_of_this_page_read_every_code() {
    let codes: Vec<String> = constants(CODES, "&str").into_values().collect();
    assert_eq!(codes.len(), CODES.matches("pub const ").count(), "the test reads every code");
    let closes = constants(CLOSE, "u16");
    let written = CLOSE.lines().filter(|line| line.starts_with("pub const ") && !line.contains(" fn ")).count();
    assert_eq!(closes.len(), written, "the test reads every close code");
}

const API: &str = include_str!("../../docs/api.md");
const TROUBLE: &str = include_str!("../../docs/troubleshooting.md");
const TYPES: &str = include_str!("../../www/npm/index.d.ts");

/// Returns the members that a type of the npm package promises.
fn members(interface: &str) -> Vec<String> {
    let start = TYPES.lines().position(|line| {
        let rest = line.strip_prefix("export interface ").and_then(|rest| rest.strip_prefix(interface));
        rest.is_some_and(|rest| rest.starts_with([' ', '<']))
    });
    let body = TYPES.lines().skip(start.unwrap_or_else(|| panic!("no type {interface}")) + 1);
    let mut names = Vec::new();
    for line in body.take_while(|line| *line != "}") {
        let Some(member) = line.strip_prefix("  ").filter(|member| member.starts_with(char::is_alphabetic)) else {
            continue;
        };
        let name = member.split(['?', ':', '<', '(']).next().unwrap().to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[test]
fn every_option_function_and_event_of_the_package_stands_on_the_page_in_its_order() {
    let interfaces = [
        "WidgetOptions",
        "Chat",
        "ChatState",
        "ChatEvents",
        "LinkOptions",
        "Link",
        "LinkEvents",
        "View",
        "Item",
        "FeedOptions",
        "Feed",
    ];
    for interface in interfaces {
        let page = API.replace("\n### ", "\n## ");
        assert_eq!(names(&table_of(&page, interface, 0)), members(interface), "{interface}");
    }
}

#[test]
fn every_word_that_the_widget_and_the_package_can_say_stands_on_the_page_that_helps() {
    let sources = [
        include_str!("../../www/loader/widget.js"),
        include_str!("../../www/loader/frame.js"),
        include_str!("../../www/site/embed.js"),
        include_str!("../../www/npm/chat.js"),
        include_str!("../../www/npm/feed.js"),
        include_str!("../../www/npm/link.js"),
        include_str!("../../www/npm/module.js"),
        include_str!("../../www/npm/page.js"),
    ];
    let word_at = |rest: &str| rest.chars().take_while(|it| it.is_ascii_lowercase() || *it == '_').collect::<String>();
    let mut words: Vec<String> = Vec::new();
    for source in sources {
        for mark in ["say('", "say(`", "say(\"", "[rejoin] ", "RejoinError('"] {
            words.extend(source.split(mark).skip(1).map(word_at).filter(|word| !word.is_empty()));
        }
    }
    // What the widget explains of the server's refusals.
    let codes = constants(CODES, "&str");
    let widget = include_str!("../../client-wasm/src/screen.rs");
    words.extend(widget.split("code::").skip(1).filter_map(|rest| {
        let name: String = rest.chars().take_while(|letter| letter.is_ascii_uppercase() || *letter == '_').collect();
        codes.get(&name).cloned()
    }));
    words.sort();
    words.dedup();
    assert!(words.len() > 10, "the test reads them out of the code: {words:?}");
    let page = names(&table_of(&TROUBLE.replacen("\n\n|", "\n## Words\n\n|", 1), "Words", 0));
    let missing: Vec<_> = words.iter().filter(|word| !page.contains(word)).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
    let promised = TYPES.split_once("export type ErrorCode =").unwrap().1.split_once(';').unwrap().0;
    for code in promised.split("| '").skip(1).map(word_at) {
        assert!(page.contains(&code), "{code}");
    }
}
