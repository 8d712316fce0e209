//! What the commands of the program take, refuse and say.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use tests::binary::{self, Binary, printed, run};

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
