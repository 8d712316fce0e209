//! The table of origin tricks.

use super::*;

fn check(pattern: &str, origin: &str, expected: bool) {
    let pattern = Pattern::parse(pattern).unwrap_or_else(|_| panic!("{pattern} is a pattern"));
    assert_eq!(allowed(&[pattern], origin), expected, "{origin}");
}

#[test]
fn an_exact_row_matches_its_origin_and_nothing_near_it() {
    let rows = [
        ("https://shop.example", true),
        ("https://shop.example:443", true),
        ("HTTPS://SHOP.EXAMPLE", true),
        ("http://shop.example", false),
        ("http://shop.example:443", false),
        ("https://shop.example:80", false),
        ("https://shop.example:8443", false),
        ("https://shop.example:4430", false),
        ("https://shop.example:0443", false),
        ("https://shop.example:+443", false),
        ("https://shop.example:443 ", false),
        ("https://shop.example: 443", false),
        ("https://shop.example:", false),
        ("https://shop.example:443:443", false),
        ("https://shop.example:99999", false),
        ("https://shop.example:*", false),
        ("https://shop.example.", false),
        ("https://shop.example..", false),
        ("https://.shop.example", false),
        ("https://www.shop.example", false),
        ("https://shop.example.evil.example", false),
        ("https://evilshop.example", false),
        ("https://evil-shop.example", false),
        ("https://shop-example", false),
        ("https://shopxexample", false),
        ("https://shop.exampl", false),
        ("https://shop.examplee", false),
        ("https://shop.example@evil.example", false),
        ("https://shop.example:443@evil.example", false),
        ("https://evil.example@shop.example", false),
        ("https://user:pw@shop.example", false),
        ("https://shop.example/", false),
        ("https://shop.example/path", false),
        ("https://shop.example?x", false),
        ("https://shop.example#x", false),
        ("https://evil.example/https://shop.example", false),
        ("https://evil.example?https://shop.example", false),
        ("https://evil.example#https://shop.example", false),
        ("https://shop.example\\evil.example", false),
        ("https:\\\\shop.example", false),
        ("https:/shop.example", false),
        ("https:shop.example", false),
        ("https:///shop.example", false),
        ("//shop.example", false),
        ("shop.example", false),
        (" https://shop.example", false),
        ("https://shop.example ", false),
        ("https://shop.example\n", false),
        ("https://shop.example\0", false),
        ("https://shop.example\u{200b}", false),
        ("https://sh\top.example", false),
        ("https://shop%2eexample", false),
        ("https://shop.example%00.evil.example", false),
        ("https://shop%E3%80%82example", false),
        ("https://shop。example", false),
        ("https://ѕhop.example", false),
        ("https://xn--hop-yvd.example", false),
        ("https://shop.example, https://evil.example", false),
        ("https://shop.example https://evil.example", false),
        ("null", false),
        ("NULL", false),
        ("", false),
        ("*", false),
        ("https://*", false),
        ("file://", false),
        ("file://shop.example", false),
        ("data:text/html,https://shop.example", false),
        ("javascript://shop.example", false),
        ("ftp://shop.example", false),
        ("wss://shop.example", false),
        ("httpss://shop.example", false),
        ("chrome-extension://shop.example", false),
        ("blob:https://shop.example", false),
    ];
    for (origin, expected) in rows {
        check("https://shop.example", origin, expected);
    }
}

#[test]
fn a_wildcard_is_one_label_deep() {
    let rows = [
        ("https://a.shop.example", true),
        ("https://A.Shop.Example:443", true),
        ("https://xn--mnchen-3ya.shop.example", true),
        ("https://a-b_c.shop.example", true),
        ("https://shop.example", false),
        ("https://.shop.example", false),
        ("https://*.shop.example", false),
        ("https://a.b.shop.example", false),
        ("https://a..shop.example", false),
        ("https://ashop.example", false),
        ("https://a.shop.example.", false),
        ("https://a.shop.example.evil.example", false),
        ("https://a.evilshop.example", false),
        ("http://a.shop.example", false),
        ("https://a.shop.example:444", false),
        ("https://evil.example/.shop.example", false),
        ("https://evil.example#.shop.example", false),
        ("https://evil.example\\.shop.example", false),
        ("https://evil@a.shop.example", false),
        ("null", false),
    ];
    for (origin, expected) in rows {
        check("https://*.shop.example", origin, expected);
    }
}

#[test]
fn ports_and_addresses_are_compared_exactly() {
    let rows = [
        ("http://127.0.0.1:*", "http://127.0.0.1:8787", true),
        ("http://127.0.0.1:*", "http://127.0.0.1", true),
        ("http://127.0.0.1:*", "http://127.0.0.1:0", false),
        ("http://127.0.0.1:*", "http://127.0.0.2:8787", false),
        ("http://127.0.0.1:*", "http://127.0.0.1.evil.example", false),
        ("http://127.0.0.1:*", "https://127.0.0.1:8787", false),
        ("http://127.0.0.1:*", "http://2130706433", false),
        ("http://127.0.0.1:*", "http://0x7f.1", false),
        ("http://127.0.0.1:*", "http://127.1", false),
        ("http://localhost:8080", "http://localhost:8080", true),
        ("http://localhost:8080", "http://localhost", false),
        ("http://localhost:8080", "http://localhost:80", false),
        ("http://localhost", "http://localhost:80", true),
        ("http://[::1]:8080", "http://[::1]:8080", true),
        ("http://[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080", true),
        ("http://[::1]:8080", "http://[::2]:8080", false),
        ("http://[::1]:8080", "http://[::1]evil.example:8080", false),
        ("http://[::1]:8080", "http://::1:8080", false),
    ];
    for (pattern, origin, expected) in rows {
        check(pattern, origin, expected);
    }
}

#[test]
fn rows_that_would_let_everybody_in_are_not_patterns() {
    let rows = [
        "*",
        "null",
        "",
        "https://*",
        "https://*.example",
        "https://**.shop.example",
        "https://*shop.example",
        "https://a.*.shop.example",
        "https://*.*.shop.example",
        "https://*.0.0.1",
        "https://shop.example/",
        "https://shop.example/*",
        "*://shop.example",
        "https://*.",
        "https://",
        "shop.example",
        "https://shop.example:",
    ];
    for row in rows {
        assert_eq!(Pattern::parse(row), Err(InvalidOrigin), "{row}");
    }
}

#[test]
fn rows_are_written_back_as_they_were_read() {
    for row in ["https://shop.example", "https://*.shop.example:8443", "http://127.0.0.1:*", "http://[::1]:81"] {
        assert_eq!(Pattern::parse(row).map(|pattern| pattern.to_string()), Ok(row.to_owned()));
    }
    assert_eq!(Origin::parse("HTTP://A.example:80").map(|o| o.to_string()), Ok("http://a.example".to_owned()));
}
