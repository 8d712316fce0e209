//! What the commands of the program take, refuse and say.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tests::app::{OPEN, new_id, read_log, site_socket, texts, world};
use tests::binary::{self, Binary, printed, run};
use tests::http::Ask;
use tests::socket::Socket;

const EMAIL: &str = "all@desk.example";

/// Runs a command that must fail with a code, and returns what it said.
async fn refused(data: &Path, arguments: &[&str], variable: Option<(&str, &str)>, code: i32) -> String {
    let mut command = binary::command(data, arguments);
    command.envs(variable);
    let output = binary::finish(command).await;
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?} {variable:?}: {said}");
    assert!(said.contains("error"), "{said}");
    said
}

#[tokio::test]
async fn a_misspelt_level_of_the_log_is_refused_before_anything_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    for (option, variable) in [(Some("debugg"), None), (None, Some(("REJOIN_LOG", "debugg")))] {
        let mut arguments = vec!["serve", "--port", "0"];
        arguments.extend(option.map(|level| ["--log", level]).into_iter().flatten());
        let said = refused(&data, &arguments, variable, 2).await;
        assert!(said.contains("\"debugg\"") && said.contains("off, error, warn, info, debug, trace"), "{said}");
    }
    assert!(!data.exists());
}

#[tokio::test]
async fn a_file_in_place_of_the_data_directory_is_named_itself() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rejoin.db");
    fs::write(&file, "mine").unwrap();
    for arguments in [&["serve", "--port", "0"][..], &["site", "add", "--name", "Shop"]] {
        let said = refused(&file, arguments, None, 1).await;
        let expected = format!("{} is a file, and the data needs a directory: name one with --data", file.display());
        assert!(said.contains(&expected), "{said}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[tokio::test]
async fn an_address_of_the_server_that_is_none_gets_into_no_snippet() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let add = ["site", "add", "--name", "Shop"];
    let wrong = [&add[..], &["--url", "not a url"]].concat();
    for said in
        [refused(&data, &wrong, None, 2).await, refused(&data, &add, Some(("REJOIN_URL", "chat.example")), 2).await]
    {
        assert!(said.contains("--url") && said.contains("an address such as https://chat.example is needed"), "{said}");
    }
    assert!(!data.exists());
    let made = run(&data, &[&add[..], &["--url", "https://chat.example/"]].concat()).await;
    assert!(printed(&made).contains("src=\"https://chat.example/widget.js\""), "{}", printed(&made));
}

#[tokio::test]
async fn a_switch_is_on_by_whatever_word_says_so() {
    let directory = tempfile::tempdir().unwrap();
    for (word, on) in [("1", true), ("yes", true), ("on", true), ("true", true), ("0", false), ("off", false)] {
        let mut command = binary::command(&directory.path().join(word), &["serve", "--port", "0"]);
        command.env("REJOIN_DEMO", word).env("REJOIN_SUPERVISE", "no");
        let server = Binary::start(command).await;
        let said = server.printed().text();
        assert_eq!(said.contains("the demo, start here"), on, "{word}: {said}");
    }
    let data = directory.path().join("none");
    let said = refused(&data, &["serve", "--port", "0"], Some(("REJOIN_DEMO", "perhaps")), 2).await;
    assert!(said.contains("perhaps") && said.contains("--demo"), "{said}");
}

async fn done(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", printed(&output));
    printed(&output)
}

async fn token(data: &Path, email: &str) -> String {
    done(data, &["operator", "token", email]).await.trim().to_owned()
}

/// Opens the two sockets of a console.
async fn sockets(server: &Binary, token: &str) -> [Socket; 2] {
    let mut inbox = Socket::open(server.address, &format!("/ws/inbox?token={token}")).await;
    inbox.frame("inbox").await;
    let mut dialog = Socket::open(server.address, &format!("/ws/dialogs/100?token={token}")).await;
    dialog.frame("synced").await;
    [inbox, dialog]
}

async fn log_in(server: &Binary, email: &str, password: &str) -> (u16, Value) {
    let login = json!({"email": email, "password": password});
    let answer = Ask::new(server.address, "POST", "/api/login").json(&login).send().await;
    (answer.status, answer.json())
}

/// Returns the password that a command has printed.
fn password(said: &str) -> &str {
    said.lines().find_map(|line| line.strip_prefix("password: ")).unwrap()
}

#[tokio::test]
async fn an_operator_who_is_removed_is_out_at_once_and_what_they_wrote_stays() {
    let (_directory, data) = world();
    let server = Binary::serve(&data, &["--heartbeat-ms", "500"]).await;
    let made = done(&data, &["operator", "add", "gone@desk.example", "--name", "Gone"]).await;
    let first = token(&data, "gone@desk.example").await;
    let open = sockets(&server, &first).await;
    let mut keeps = sockets(&server, &token(&data, EMAIL).await).await;
    let message = json!({"text": "written before", "id": new_id()});
    let list = |token: &str| Ask::new(server.address, "GET", "/api/dialogs").bearer(token);
    Ask::new(server.address, "POST", "/api/dialogs/100/messages")
        .json(&message)
        .bearer(&first)
        .send()
        .await
        .expect(201);
    done(&data, &["operator", "remove", "Gone@desk.example"]).await;
    assert_eq!(list(&first).send().await.error(), (401, "unauthorized".into()));
    assert_eq!(log_in(&server, "gone@desk.example", password(&made)).await.0, 401);
    for mut socket in open {
        assert_eq!(socket.closed().await.word(), (4301, "unauthorized".into()));
    }
    assert!(!done(&data, &["operator", "list"]).await.contains("gone@desk.example"));
    let log = tests::app::read_log(server.address, 100, &token(&data, EMAIL).await).await;
    assert!(tests::app::texts(&log).contains(&"written before".to_owned()));
    // Somebody else is left alone, heartbeats later, too; and nobody is removed twice.
    keeps[1].settle("still here").await;
    refused(&data, &["operator", "remove", "gone@desk.example"], None, 1).await;
    // Who comes by the same address later is somebody else.
    done(&data, &["operator", "add", "gone@desk.example", "--name", "Next"]).await;
    assert_eq!(list(&first).send().await.error(), (401, "unauthorized".into()));
}

#[tokio::test]
async fn with_a_new_password_no_token_from_before_is_good() {
    let (_directory, data) = world();
    let server = Binary::serve(&data, &["--heartbeat-ms", "500"]).await;
    let before = token(&data, EMAIL).await;
    let open = sockets(&server, &before).await;
    let said = done(&data, &["operator", "password", EMAIL]).await;
    let list = |token: &str| Ask::new(server.address, "GET", "/api/dialogs").bearer(token);
    assert_eq!(list(&before).send().await.error(), (401, "unauthorized".into()));
    for mut socket in open {
        assert_eq!(socket.closed().await.word(), (4301, "unauthorized".into()));
    }
    let (status, answer) = log_in(&server, EMAIL, password(&said)).await;
    assert_eq!(status, 200);
    for good in [answer["token"].as_str().unwrap(), &token(&data, EMAIL).await] {
        list(good).send().await.expect(200);
        let mut open = sockets(&server, good).await;
        open[1].settle("let in").await;
    }
}

#[tokio::test]
async fn an_operator_s_name_and_sites_are_changed_and_open_links_come_back_with_them() {
    let (_directory, data) = world();
    let server = Binary::serve(&data, &["--heartbeat-ms", "500"]).await;
    let token = token(&data, EMAIL).await;
    let [mut inbox, mut dialog] = sockets(&server, &token).await;
    let said = done(&data, &["operator", "set", EMAIL, "--name", "Ada", "--site", "st_alpha"]).await;
    assert!(said.contains("Ada\t1 site"), "{said}");
    for socket in [&mut inbox, &mut dialog] {
        assert_eq!(socket.closed().await.word(), (4101, "operator_changed".into()));
    }
    let mut dialog = Socket::open(server.address, &format!("/ws/dialogs/100?token={token}")).await;
    assert_eq!(dialog.closed().await.word(), (4404, "dialog_not_found".into()), "another site's");
    let unknown = refused(&data, &["operator", "set", EMAIL, "--name", "Bea", "--site", "st_nobody"], None, 1).await;
    assert!(unknown.contains("st_nobody"), "{unknown}");
    let list = done(&data, &["operator", "list"]).await;
    assert!(list.contains(&format!("{EMAIL}\tAda\t1 site")), "half a change is none: {list}");
    assert!(done(&data, &["operator", "set", EMAIL, "--all-sites"]).await.contains("Ada\tall sites"));
    sockets(&server, &token).await;
}

#[tokio::test]
async fn a_copy_of_the_files_of_a_server_that_was_killed_is_restored_with_what_only_its_log_had() {
    let (directory, data) = world();
    let server = Binary::serve(&data, &[]).await;
    let operator = token(&data, "all@desk.example").await;
    let mut socket = Socket::open(server.address, &site_socket(100, OPEN)).await;
    socket.say_as("a", "only in the log").await;
    server.kill().await;
    let copy = directory.path().join("copy.db");
    for suffix in ["", "-wal"] {
        let file = |path: &std::path::Path| format!("{}{suffix}", path.display());
        fs::copy(file(&data.join("rejoin.db")), file(&copy)).unwrap();
    }
    assert!(fs::metadata(format!("{}-wal", copy.display())).unwrap().len() > 0);
    let output = run(&data, &["restore", copy.to_str().unwrap()]).await;
    assert!(output.status.success(), "{}", printed(&output));
    let server = Binary::serve(&data, &[]).await;
    assert_eq!(texts(&read_log(server.address, 100, &operator).await), ["only in the log"]);
}
