//! Which pages are let in.

use proptest::prelude::*;
use server_core::origin::{Origin, Pattern, allowed};

use crate::cases;

fn label() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9-]{0,8}"
}

fn host() -> impl Strategy<Value = String> {
    prop::collection::vec(label(), 2..4).prop_map(|labels| labels.join("."))
}

fn port() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), (1..=65_535_u16).prop_map(|port| format!(":{port}"))]
}

fn scheme() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["http", "https"])
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn what_is_read_is_written_and_read_as_the_same(text in prop_oneof![
        "(https?|HTTP|ftp)://[a-zA-Z0-9.*:\\[\\]_-]{0,20}(:[0-9*]{0,6})?",
        any::<String>(),
    ]) {
        if let Ok(origin) = Origin::parse(&text) {
            prop_assert_eq!(Origin::parse(&origin.to_string()), Ok(origin.clone()));
            let exact = Pattern::parse(&origin.to_string()).expect("every origin is a row");
            prop_assert!(exact.matches(&origin));
        }
        if let Ok(pattern) = Pattern::parse(&text) {
            prop_assert_eq!(Pattern::parse(&pattern.to_string()), Ok(pattern));
        }
    }

    #[test]
    fn an_exact_row_lets_in_itself_and_nobody_else(
        one in (scheme(), host(), port()), other in (scheme(), host(), port()),
        prefix in label(), suffix in label(),
    ) {
        let text = |(scheme, host, port): &(&str, String, String)| format!("{scheme}://{host}{port}");
        let row = [Pattern::parse(&text(&one)).expect("a row")];
        prop_assert!(allowed(&row, &text(&one)));
        prop_assert!(allowed(&row, &text(&one).to_ascii_uppercase()));
        prop_assert_eq!(allowed(&row, &text(&other)), Origin::parse(&text(&one)) == Origin::parse(&text(&other)));
        let (scheme, host, port) = &one;
        for trick in [
            format!("{scheme}://{prefix}{host}{port}"),
            format!("{scheme}://{prefix}.{host}{port}"),
            format!("{scheme}://{host}.{suffix}{port}"),
            format!("{scheme}://{host}{port}.{suffix}"),
            format!("{scheme}://{host}{port}@{suffix}.{prefix}"),
            format!("{scheme}://{suffix}@{host}{port}"),
            format!("{scheme}://{host}{port}/"),
            format!("{scheme}://{host}.{port}"),
            format!(" {scheme}://{host}{port}"),
            format!("{host}{port}"),
            format!("{scheme}:{host}{port}"),
        ] {
            prop_assert!(!allowed(&row, &trick), "{} lets in {trick}", text(&one));
        }
    }

    #[test]
    fn a_wildcard_stands_for_one_label(host in host(), port in port(), labels in prop::collection::vec(label(), 0..4)) {
        let row = [Pattern::parse(&format!("https://*.{host}{port}")).expect("a row")];
        let mut name = labels.clone();
        name.push(host.clone());
        let page = format!("https://{}{port}", name.join("."));
        prop_assert_eq!(allowed(&row, &page), labels.len() == 1, "{}", page);
        prop_assert!(!allowed(&row, &page.replace("https", "http")));
        let first = labels.first().cloned().unwrap_or_default();
        let glued = format!("https://{first}{host}{port}");
        prop_assert!(!allowed(&row, &glued), "{glued}");
    }
}
