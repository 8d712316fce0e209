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
        ("site add --name Shop --origin https://shop.example --origin https://*.shop.example", true),
        ("site add --name Shop --visitor-auth open --color #ABCDEF", true),
        ("site add --origin https://shop.example", false),
        ("site add --name Shop --origin shop.example", false),
        ("site add --name Shop --origin https://*.example", false),
        ("site add --name Shop --color red", false),
        ("site add --name Shop --visitor-auth none", false),
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
fn a_command_that_cannot_be_understood_ends_with_2_and_one_that_fails_with_1() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().display();
    assert_eq!(run("serve --nonsense"), ExitCode::from(2));
    assert_eq!(run(&format!("check --data {data}")), ExitCode::from(1));
    assert_eq!(run(&format!("operator token nobody@example.com --data {data}")), ExitCode::from(1));
    assert_eq!(run(&format!("site add --name Shop --data {data}")), ExitCode::SUCCESS);
    assert_eq!(run(&format!("check --data {data}")), ExitCode::SUCCESS);
}
