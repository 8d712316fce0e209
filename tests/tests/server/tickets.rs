//! The ticket of a frame: what the embed page says about the page around it.

use serde_json::{Value, json};
use tests::app::{OPEN_WIDGET_DIALOG, TestApp, widget_socket};
use tests::socket::{Down, Socket};

/// Says hello with a ticket; returns the close, or nothing where it is let in.
async fn enter(app: &TestApp, ticket: Option<&str>) -> Option<(u16, String)> {
    let path = format!("{}&hello=1", widget_socket(OPEN_WIDGET_DIALOG, 4));
    let mut socket = Socket::open(app.address, &path).await;
    let mut hello = json!({"type": "hello", "v": 1});
    if let Some(ticket) = ticket {
        hello["ticket"] = Value::from(ticket);
    }
    socket.send(&hello).await;
    match socket.next().await {
        Down::Frame(frame) => {
            assert_eq!(frame["type"], "ready");
            None
        }
        Down::Closed(close) => Some(close.word()),
    }
}

#[tokio::test]
async fn a_good_ticket_lets_in_and_a_forged_or_foreign_one_does_not() {
    let app = TestApp::start().await;
    let good = app.ticket(4, "https://open.example");
    assert_eq!(enter(&app, Some(&good)).await, None);
    let forbidden = Some((4003, "forbidden_origin".to_owned()));
    let mut forged = good.clone();
    let flipped = if forged.ends_with('A') { "B" } else { "A" };
    forged.replace_range(forged.len() - 1.., flipped);
    let rows = [
        ("forged", forged),
        ("a word", "ticket".into()),
        ("nothing", String::new()),
        ("of another assistant", app.ticket(1, "https://alpha.example")),
        ("for a page that is not on the list", app.ticket(4, "https://evil.example")),
        ("10,000 characters", "x".repeat(10_000)),
    ];
    for (what, ticket) in rows {
        assert_eq!(enter(&app, Some(&ticket)).await, forbidden, "{what}");
    }
    // A reconnecting page has none any more, or one that was used: it says nothing, and is judged by the rest.
    assert_eq!(enter(&app, None).await, None);
    assert_eq!(enter(&app, Some(&good)).await, None);
}
