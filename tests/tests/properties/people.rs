//! Tokens that a site signs: only good ones are taken, and everybody reads the same person out of them.

use proptest::prelude::*;
use serde_json::Value;
use tests::probe::tokens;

use crate::cases;

const HEAD: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const SECRET: &str = "is_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

fn text() -> impl Strategy<Value = Value> {
    let long = (250..260_usize).prop_map(|letters| "ä".repeat(letters));
    prop_oneof![3 => ".{0,20}", 1 => "\\PC{1,9}", 1 => long, 1 => "[\u{200e}\u{202e}\u{2066}\u{2028} a]{0,4}"]
        .prop_map(Value::from)
}

fn second() -> impl Strategy<Value = Value> {
    let now = 1_790_000_000_u64;
    prop_oneof![
        4 => (now - 100..now + 100).prop_map(Value::from),
        2 => (now + 86_300..now + 86_600).prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<i32>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => text(),
    ]
}

fn claims() -> impl Strategy<Value = String> {
    let optional = |value: BoxedStrategy<Value>| proptest::option::weighted(0.4, value);
    let name = optional(text().boxed());
    (optional(text().boxed()), second(), optional(second().boxed()), name.clone(), name, any::<bool>()).prop_map(
        |(sub, exp, nbf, name, email, is_known)| {
            let mut claims = serde_json::Map::new();
            let sub = sub.or_else(|| is_known.then(|| Value::from("ann")));
            let given = [("sub", sub), ("exp", Some(exp)), ("nbf", nbf), ("name", name), ("email", email)];
            claims.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
            Value::from(claims).to_string()
        },
    )
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn nothing_is_taken_that_an_honest_verifier_refuses(claims in claims()) {
        tokens::check(&tokens::sign(HEAD.as_bytes(), claims.as_bytes(), SECRET));
    }

    #[test]
    fn a_token_with_a_letter_changed_is_another_s(claims in claims(), place in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_.=-]") {
        let mut token = tokens::sign(HEAD.as_bytes(), claims.as_bytes(), SECRET);
        let place = place.index(token.len());
        token.replace_range(place..=place, &letter);
        tokens::check(&token);
    }
}
