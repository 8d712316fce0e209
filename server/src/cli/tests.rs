use clap::CommandFactory;

use super::*;

fn run(arguments: &str) -> ExitCode {
    main(std::iter::once("rejoin").chain(arguments.split_whitespace()).map(OsString::from))
}

fn parses(arguments: &str) -> bool {
    Cli::try_parse_from(std::iter::once("rejoin").chain(arguments.split_whitespace())).is_ok()
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn options_are_taken_and_bad_ones_are_not() {
    let rows = [
        ("serve", true),
        ("serve --host 0.0.0.0 --port 0 --data x --demo --max-connections 5 --messages-per-s 9", true),
        ("--data x serve", true),
        ("serve --server https://chat.example --trusted-proxy 10.0.0.1", true),
        ("serve --port 65536", false),
        ("serve --port x", false),
        ("serve --host localhost", false),
        ("serve --max-connections 0", false),
        ("serve --messages-per-s 0", false),
        ("serve --server chat.example", false),
        ("serve --prot 80", false),
        ("site add --name Shop --url https://chat.example/", true),
        ("site add --name Shop --url chat.example", false),
        ("site add --name Shop --url javascript:alert(1)", false),
        ("site add --name Shop --url https://chat.example/path", false),
        ("site set st_x --url nonsense", false),
        ("assistant add --name R --site st_x --fallback Hm --url nonsense", false),
        ("site add --name Shop --origin https://shop.example --origin https://*.shop.example", true),
        ("site add --name Shop --visitor-auth open --color #ABCDEF", true),
        ("site add --origin https://shop.example", false),
        ("site add --name Shop --origin shop.example", false),
        ("site add --name Shop --origin https://*.example", false),
        ("site add --name Shop --color red", false),
        ("site add --name Shop --visitor-auth none", false),
        ("site set st_x --identity required", true),
        ("site set st_x --identity maybe", false),
        ("site identity st_x", true),
        ("site identity st_x --rotate", true),
        ("site identity st_x --rotate --off", false),
        ("site identity", false),
        ("site set st_x --metrics on", true),
        ("site set st_x --metrics yes", false),
        ("site set st_x --timezone Europe/Berlin --away Soon", true),
        ("site set st_x --hours= --away=", true),
        ("site set st_x --hours 9-18", false),
        ("site set st_x --timezone Berlin", false),
        ("assistant add --name R --site st_x --fallback Hm --answer price,cost=Nothing", true),
        ("assistant add --name R --site st_x --fallback Hm --answer nothing", false),
        ("assistant add --name R --site st_x --fallback Hm --answer ,=text", false),
        ("operator add ada@example.com --name Ada", true),
        ("operator set ada@example.com", false),
        ("operator set ada@example.com --name Ada --site st_x --site st_y --avatar=", true),
        ("operator set ada@example.com --all-sites --site st_x", false),
        ("operator remove ada@example.com", true),
        ("operator remove", false),
        ("operator token demo --days 1", true),
        ("operator token demo --days 0", false),
        ("backup file", true),
        ("backup", false),
        ("restore file", true),
        ("check", true),
        ("", false),
        ("nonsense", false),
    ];
    for (arguments, good) in rows {
        assert_eq!(parses(arguments), good, "{arguments}");
    }
}

#[test]
fn hours_that_cannot_be_read_are_refused_with_what_to_write_instead() {
    let refused =
        |hours: &str| Cli::try_parse_from(["rejoin", "site", "set", "st_x", "--hours", hours]).unwrap_err().to_string();
    assert!(refused("9 to 5").contains("write the day first, as Mon-Fri 09:00-18:00"));
    assert!(refused("Mon 9-5").contains("`9-5` is no range of hours"));
    let zone = Cli::try_parse_from(["rejoin", "site", "set", "st_x", "--timezone", "Berlin"]).unwrap_err();
    assert!(zone.to_string().contains("did you mean Europe/Berlin?"));
    let good = ["rejoin", "site", "set", "st_x", "--hours", "Mon-Fri 09:00-18:00, Sat 10:00-14:00"];
    assert!(Cli::try_parse_from(good).is_ok());
}

#[test]
fn the_language_of_a_site_is_one_that_the_panel_speaks() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../client-wasm/languages");
    let mut spoken: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    spoken.sort();
    assert_eq!(spoken, super::site::LANGUAGES);
    let parse = |locale: &str| Cli::try_parse_from(["rejoin", "site", "set", "st_x", "--locale", locale]);
    for good in ["", "de", "pt-BR", "DE-at", "zh-Hans-CN"] {
        assert!(parse(good).is_ok(), "{good}");
    }
    for bad in ["nl", "d", "de_AT", "de-", "de\" onload=\"", "auto"] {
        let said = parse(bad).unwrap_err().to_string();
        assert!(said.contains("the panel speaks ar, de, en"), "{bad}: {said}");
    }
}

#[test]
fn a_command_that_cannot_be_understood_ends_with_2_and_one_that_fails_with_1() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().display();
    assert_eq!(run("serve --nonsense"), ExitCode::from(2));
    assert_eq!(run(&format!("check --data {data}")), ExitCode::from(1));
    assert_eq!(run(&format!("operator token nobody@example.com --data {data}")), ExitCode::from(1));
    assert_eq!(run(&format!("site add --name Shop --data {data}")), ExitCode::SUCCESS);
    assert_eq!(run(&format!("check --data {data}")), ExitCode::SUCCESS);
}

#[test]
fn identity_secrets_are_made_rotated_and_taken_back_and_settings_do_not_contradict_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().display();
    let run = |command: &str| run(&format!("--data {data} {command}"));
    let (good, bad) = (ExitCode::SUCCESS, ExitCode::from(1));
    assert_eq!(run("site add --name Shop"), good);
    let admin = crate::store::sqlite::Admin::open(directory.path()).unwrap();
    let site = || admin.sites().unwrap().remove(0);
    let token = site().token;
    let secrets = || site().identity_secrets;
    assert_eq!(run(&format!("site set {token} --identity required")), bad, "nobody could say who they are");
    assert_eq!(run("site identity st_nobody"), bad);
    for _ in 0..2 {
        assert_eq!(run(&format!("site identity {token}")), good);
        assert_eq!(secrets().len(), 1, "asked again, it is printed again");
    }
    let first = secrets();
    assert!(first[0].expose().len() >= 43, "256 bits in base64url, at least");
    assert_eq!(run(&format!("site set {token} --visitor-auth open")), bad, "then everybody would be everybody");
    assert_eq!(run(&format!("site identity {token} --rotate")), good);
    assert_eq!(secrets()[1..], first[..], "the former one stays, behind the new one");
    assert_eq!(run(&format!("site identity {token} --rotate")), bad, "two are enough");
    let newest = secrets()[..1].to_vec();
    assert_eq!(run(&format!("site identity {token} --drop-old")), good);
    assert_eq!(secrets(), newest);
    assert_eq!(run(&format!("site set {token} --identity required")), good);
    assert_eq!(site().identity, crate::store::Identity::Required);
    let gone = "--identity optional --remove-origin https://gone.example";
    assert_eq!(run(&format!("site set {token} {gone}")), bad, "no such origin");
    assert_eq!(site().identity, crate::store::Identity::Required, "nothing of a bad change is kept");
    // What is not named stays.
    assert_eq!(run(&format!("site set {token} --color #123456")), good);
    assert_eq!((site().identity, secrets()), (crate::store::Identity::Required, newest));
    assert_eq!(run(&format!("site identity {token} --off")), bad, "they must say who they are, and could not");
    assert_eq!(run(&format!("site set {token} --identity optional")), good);
    assert_eq!(run(&format!("site identity {token} --off")), good);
    assert_eq!(secrets(), []);
    assert_eq!(run(&format!("site set {token} --visitor-auth open")), good);
    assert_eq!(run(&format!("site identity {token}")), bad);
}

#[test]
fn a_list_of_sites_shows_each_setting_that_is_not_as_in_a_new_site_and_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let run = |command: &[&str]| {
        let words = ["rejoin", "--data", directory.path().to_str().unwrap()];
        assert_eq!(main(words.iter().chain(command).map(OsString::from)), ExitCode::SUCCESS, "{command:?}");
    };
    run(&["site", "add", "--name", "Shop"]);
    let admin = crate::store::sqlite::Admin::open(directory.path()).unwrap();
    let site = || admin.sites().unwrap().remove(0);
    let shown = || super::site::settings(&site());
    assert_eq!(shown(), []);
    let token = site().token;
    let options = [
        "--welcome",
        "Hi!",
        "--color",
        "#123456",
        "--metrics",
        "on",
        "--hours",
        "Mon-Fri 09:00-18:00",
        "--timezone",
        "Europe/Berlin",
        "--away",
        "Soon",
        "--files",
        "images",
        "--file-mb",
        "5",
        "--locale",
        "de",
    ];
    run(&[&["site", "set", &token][..], &options].concat());
    run(&["site", "identity", &token]);
    let expected = [
        ("welcome", "Hi!"),
        ("color", "#123456"),
        ("metrics", "on"),
        ("hours", "Mon-Fri 09:00-18:00"),
        ("timezone", "Europe/Berlin"),
        ("away", "Soon"),
        ("files", "images"),
        ("file-mb", "5"),
        ("locale", "de"),
        ("identity", "optional, with a secret"),
    ];
    assert_eq!(shown(), expected.map(|(option, value)| (option, value.to_owned())));
    run(&["site", "identity", &token, "--rotate"]);
    run(&["site", "set", &token, "--identity", "required", "--files", "off"]);
    assert_eq!(shown().pop().unwrap().1, "required, with a secret and the former one");
    assert!(shown().contains(&("files", "off".into())));
}
