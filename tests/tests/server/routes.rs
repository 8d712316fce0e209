//! Every address exactly once, and what the others answer: C4 and T1.

use std::collections::BTreeSet;

use tests::app::{ALPHA, OPEN, TestApp};

/// The table of addresses, as it is written.
const TABLE: &str = include_str!("../../../server/src/routes/mod.rs");

/// Returns every path of the table.
fn paths() -> Vec<String> {
    let paths = TABLE.lines().filter_map(|line| line.trim().strip_prefix("at(\"")?.split_once('"'));
    paths.map(|(path, _)| path.to_owned()).collect()
}

/// Returns every `.rs` file below a folder.
fn sources(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn every_path_has_one_handler_and_the_table_is_the_only_place_for_them() {
    let paths = paths();
    assert!(paths.len() > 20, "the test reads the table: {paths:?}");
    let each: BTreeSet<_> = paths.iter().collect();
    assert_eq!(each.len(), paths.len(), "a path has two handlers");
    // Two names for the same path would be two handlers, too.
    let shapes: BTreeSet<_> = paths.iter().map(|path| shape(path)).collect();
    assert_eq!(shapes.len(), paths.len(), "two paths have the same shape");
    let sockets: Vec<_> = paths.iter().filter(|path| path.starts_with("/ws/")).collect();
    assert_eq!(sockets, ["/ws/dialogs/{id}", "/ws/widget/dialogs/{id}", "/ws/site/dialogs/{id}", "/ws/inbox"]);

    let server = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/src");
    let mut upgrades = 0;
    for file in sources(server.as_ref()) {
        let source = std::fs::read_to_string(&file).unwrap();
        let code = source.split("#[cfg(test)]").next().unwrap();
        let routes = code.matches(".route(").count() + code.matches(".nest(").count() + code.matches(".merge(").count();
        let here = usize::from(file.ends_with("routes/mod.rs"));
        assert_eq!(routes, here, "{} makes routes of its own", file.display());
        upgrades += code.matches("SWITCHING_PROTOCOLS").count();
    }
    assert_eq!(upgrades, 1, "there is one way from a request to a socket");
}

fn shape(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_path_of_the_table_is_served_and_refuses_the_wrong_method() {
    let app = TestApp::start().await;
    for path in paths() {
        let path = path.replace("{id}", "100");
        let answer = app.get(&path).send().await;
        assert!(answer.status != 404 || answer.text().contains('_') || path == "/embed", "{path}: {}", answer.status);
        let answer = tests::http::Ask::new(app.address, "DELETE", &path).send().await;
        assert_eq!(answer.error(), (405, "method_not_allowed".into()), "{path}");
        assert!(!answer.header("allow").is_empty(), "{path} says which methods it takes");
    }
}

#[tokio::test]
async fn an_unknown_address_is_not_found() {
    let app = TestApp::start().await;
    let paths = [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/site",
        "/api/dialogs/",
        "/api/dialogs/1/2/messages",
        "/ws/",
        "/ws/nothing",
        "/ws/dialogs",
        "/ws/site/dialogs",
        "/health/nothing",
        "/api/site/dialogs/1/messages/",
    ];
    for path in paths {
        if path == "/api" {
            continue;
        }
        assert_eq!(app.get(path).send().await.error(), (404, "not_found".into()), "{path}");
    }
    let page = app.get("/no-such-page").send().await;
    assert!([404, 503].contains(&page.status), "{}", page.status);
    assert!(page.header("content-type").starts_with("text/html"));
}

#[tokio::test]
async fn a_socket_s_address_without_an_upgrade_says_so() {
    let app = TestApp::start().await;
    for path in [
        "/ws/dialogs/100",
        "/ws/widget/dialogs/100?assistant_id=1",
        "/ws/site/dialogs/100?site_token=st_open",
        "/ws/inbox",
    ] {
        assert_eq!(app.get(path).send().await.error(), (426, "invalid_parameter".into()), "{path}");
    }
}

#[tokio::test]
async fn wrong_parameters_are_named_as_such() {
    let app = TestApp::start().await;
    let messages = format!("/api/site/dialogs/100/messages?site_token={OPEN}");
    for wrong in ["&after=x", "&before=-1", "&limit=many", "&after=1&before=2", "&after=1&after=2", "&after=1e3"] {
        let answer = app.get(&format!("{messages}{wrong}")).send().await;
        assert_eq!(answer.error(), (400, "invalid_parameter".into()), "{wrong}");
    }
    let token = app.operator();
    for path in [
        "/api/debug/websocket/sync",
        "/api/debug/websocket/sync?dialog_id=x",
        "/api/debug/websocket/sync?dialog_id=1&dialog_id=2",
        "/api/dialogs?before=x",
        "/api/dialogs?limit=x",
    ] {
        let answer = app.get(path).bearer(&token).send().await;
        assert_eq!(answer.error(), (400, "invalid_parameter".into()), "{path}");
    }
    assert_eq!(app.get("/health?ws=1&ws=2").send().await.error(), (400, "invalid_parameter".into()));
}

#[tokio::test]
async fn a_page_of_another_origin_may_call_the_api_after_a_preflight() {
    let app = TestApp::start().await;
    let ask = tests::http::Ask::new(app.address, "OPTIONS", &format!("/api/site/dialogs?site_token={ALPHA}"));
    let answer = ask.origin("https://alpha.example").header("access-control-request-method", "POST").send().await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.header("access-control-allow-headers").contains("authorization"));
    let ask = app.get(&format!("/api/site/config?site_token={ALPHA}")).origin("https://alpha.example");
    let answer = ask.send().await;
    assert_eq!(answer.expect(200)["name"], "Alpha");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "", "nothing rests on cookies");
}

#[tokio::test]
async fn the_settings_of_a_site_are_told_before_any_dialog_exists() {
    let app = TestApp::start().await;
    let site = app.get(&format!("/api/site/config?site_token={ALPHA}")).send().await.expect(200);
    assert_eq!(
        (&site["name"], &site["welcome"], &site["color"]),
        (&"Alpha".into(), &"Welcome to Alpha!".into(), &"#123456".into())
    );
    assert_eq!(site["open"], false);
    let widget = app.get("/api/widget/config?assistant_id=1").send().await.expect(200);
    assert_eq!((&widget["name"], &widget["assistant"]), (&"Alpha".into(), &"Robin 1".into()));
    let unknown = app.get("/api/site/config?site_token=st_nobody").send().await;
    assert_eq!(unknown.error(), (404, "unknown_site".into()));
    let unknown = app.get("/api/widget/config?assistant_id=99").send().await;
    assert_eq!(unknown.error(), (404, "unknown_assistant".into()));
}
