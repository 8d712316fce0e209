//! C5: pages that may not embed the widget.

use serde_json::json;
use tests::app::{ALPHA, OPEN, OPEN_WIDGET_DIALOG, TestApp, new_key, site_socket, widget_socket};
use tests::socket::{Down, Socket};

/// Returns the close code of a socket with this origin; none where it is let in.
async fn close_code(app: &TestApp, path: &str, origin: Option<&str>) -> Option<u16> {
    let headers: Vec<_> = origin.iter().map(|origin| ("origin", *origin)).collect();
    let mut socket = Socket::open_with(app.address, path, &headers).await;
    match socket.next().await {
        Down::Frame(_) => None,
        Down::Closed(close) => {
            let expected = json!({"reason": "forbidden_origin"});
            assert!(close.code != 4003 || close.reason() == expected, "{close:?}");
            Some(close.code)
        }
    }
}

#[tokio::test]
async fn a_page_that_is_not_on_the_site_s_list_is_closed_with_4003() {
    let app = TestApp::start().await;
    let rows = [
        (None, None),
        (Some("https://open.example"), None),
        (Some("https://OPEN.example"), None),
        (Some("https://open.example:443"), None),
        (Some("http://open.example"), Some(4003)),
        (Some("https://open.example:444"), Some(4003)),
        (Some("https://evil.example"), Some(4003)),
        (Some("https://open.example.evil.example"), Some(4003)),
        (Some("https://evil-open.example"), Some(4003)),
        (Some("https://sub.open.example"), Some(4003)),
        (Some("https://open.example@evil.example"), Some(4003)),
        (Some("null"), Some(4003)),
        (Some("file://"), Some(4003)),
        (Some(""), Some(4003)),
    ];
    for (origin, expected) in rows {
        assert_eq!(close_code(&app, &site_socket(100, OPEN), origin).await, expected, "{origin:?}");
    }
    assert_eq!(app.journal.lines(&["WEBSOCKET_4003_ERROR", "[Site]"]).len(), 10, "{}", app.journal.text());
}

#[tokio::test]
async fn an_iframe_is_judged_by_the_page_around_it() {
    let app = TestApp::start().await;
    let own = format!("http://{}", app.address);
    let rows = [
        (None, None, None),
        (Some("https%3A%2F%2Fopen.example"), None, None),
        (Some("https://open.example"), Some(own.as_str()), None),
        (Some("https://open.example"), Some("https://open.example"), None),
        (Some("https://evil.example"), None, Some(4003)),
        (Some("https://evil.example"), Some(own.as_str()), Some(4003)),
        // Neither the frame's own origin nor a page elsewhere makes up for the parent.
        (Some("https://evil.example"), Some("https://open.example"), Some(4003)),
        (Some("https://open.example"), Some("https://evil.example"), Some(4003)),
        (Some("null"), Some(own.as_str()), Some(4003)),
        (Some(""), Some(own.as_str()), Some(4003)),
        (None, Some(own.as_str()), None),
        (None, Some("https://evil.example"), Some(4003)),
    ];
    for (parent, origin, expected) in rows {
        let mut path = widget_socket(OPEN_WIDGET_DIALOG, 4);
        if let Some(parent) = parent {
            path.push_str(&format!("&parent_origin={parent}"));
        }
        assert_eq!(close_code(&app, &path, origin).await, expected, "{parent:?} {origin:?}");
    }
    let lines = app.journal.lines(&["WEBSOCKET_4003_ERROR", "[Widget]"]);
    assert_eq!(lines.len(), 7, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("https://evil.example")), "the log names the origin: {lines:#?}");
}

#[tokio::test]
async fn an_operator_s_page_is_one_of_ours() {
    let app = TestApp::start().await;
    let path = format!("/ws/dialogs/100?token={}", app.operator());
    assert_eq!(close_code(&app, &path, Some(&format!("http://{}", app.address))).await, None);
    for foreign in ["https://open.example", "https://evil.example", "null"] {
        assert_eq!(close_code(&app, &path, Some(foreign)).await, Some(4003), "{foreign}");
    }
    assert_eq!(app.journal.lines(&["WEBSOCKET_4003_ERROR", "[Admin]"]).len(), 3);
}

#[tokio::test]
async fn the_wildcard_of_a_site_stands_for_one_label() {
    let app = TestApp::start().await;
    let config = format!("/api/site/config?site_token={ALPHA}");
    for (origin, status) in [
        ("https://alpha.example", 200),
        ("https://www.alpha.example", 200),
        ("https://a.b.alpha.example", 403),
        ("https://xalpha.example", 403),
        ("https://www.alpha.example.evil.example", 403),
        ("http://www.alpha.example", 403),
    ] {
        assert_eq!(app.get(&config).origin(origin).send().await.status, status, "{origin}");
    }
}

#[tokio::test]
async fn requests_of_a_foreign_page_are_refused_like_its_sockets() {
    let app = TestApp::start().await;
    let evil = "https://evil.example";
    let message = json!({"text": "hello"});
    let asks = [
        app.get(&format!("/api/site/config?site_token={OPEN}")),
        app.get(&format!("/api/site/dialogs/100/messages?site_token={OPEN}")),
        app.get(&format!("/api/site/dialogs/100/events?site_token={OPEN}")),
        app.post(&format!("/api/site/dialogs/100/messages?site_token={OPEN}"), &message),
        app.post(&format!("/api/site/dialogs/100/frames?site_token={OPEN}"), &json!([])),
        app.post(&format!("/api/site/dialogs?site_token={ALPHA}"), &json!({})).bearer(&new_key()),
        app.get("/api/dialogs").bearer(&app.operator()),
    ];
    for ask in asks {
        let what = format!("{ask:?}");
        assert_eq!(ask.origin(evil).send().await.error(), (403, "forbidden_origin".into()), "{what}");
    }
    assert_eq!(app.texts(100).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_page_of_the_iframe_may_stand_on_the_site_s_pages_only() {
    let app = TestApp::start().await;
    let refused = app.get("/embed?assistant_id=1&parent_origin=https://evil.example").send().await;
    assert_eq!(refused.status, 403);
    assert_eq!(app.get("/embed?assistant_id=99").send().await.status, 404);
    assert_eq!(app.get("/embed").send().await.status, 404);
    let page = app.get("/embed?assistant_id=1&parent_origin=https://alpha.example").send().await;
    // A server that was built without its web assets says so.
    if page.status == 200 {
        let policy = page.header("content-security-policy");
        assert!(policy.contains("frame-ancestors https://*.alpha.example https://alpha.example;"), "{policy}");
    } else {
        assert_eq!(page.status, 503);
    }
}

#[tokio::test]
async fn the_page_of_a_frame_that_may_not_be_here_says_how_to_let_it_in() {
    let app = TestApp::start().await;
    let page = async |parent: &str| {
        let answer = app.get(&format!("/embed?assistant_id=4&parent_origin={parent}")).send().await;
        assert_eq!(answer.status, 403);
        answer.text()
    };
    let said = page("https%3A%2F%2FEvil.example").await;
    assert!(said.contains("rejoin site set &lt;token&gt; --origin https://evil.example</code>"), "{said}");
    assert!(!said.contains("site add"), "{said}");
    let said = page("%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert!(said.contains("is not an origin") && !said.contains("alert"), "{said}");
}
