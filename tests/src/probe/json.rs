//! What serde_json says about a text, where the small reader of the pages is held to it.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// JSON whose readers must agree, or why they need not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// No JSON.
    Bad,
    /// JSON without any oddity.
    Plain,
    /// JSON with one: a name twice in an object, or a number that is not a whole one of 64 bits.
    Odd,
}

/// Reads a text to its end.
pub(super) fn judge(text: &str) -> Text {
    match serde_json::from_str::<Any>(text) {
        Ok(Any { odd: false }) => Text::Plain,
        Ok(Any { odd: true }) => Text::Odd,
        // A number too large even for a fraction: only a reader that does not look at it takes it.
        Err(_) if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() && has_exponent(text) => Text::Odd,
        Err(_) => Text::Bad,
    }
}

fn has_exponent(text: &str) -> bool {
    text.as_bytes()
        .windows(2)
        .any(|pair| pair[0].is_ascii_digit() && matches!(pair[1], b'e' | b'E' | b'.' | b'0'..=b'9'))
}

/// Any JSON, of which only its oddities are kept.
struct Any {
    odd: bool,
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Look)
    }
}

struct Look;

impl<'de> Visitor<'de> for Look {
    type Value = Any;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Any, E> {
        Ok(Any { odd: false })
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Any, E> {
        Ok(Any { odd: false })
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Any, E> {
        Ok(Any { odd: false })
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Any, E> {
        Ok(Any { odd: false })
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Any, E> {
        Ok(Any { odd: true })
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Any, E> {
        Ok(Any { odd: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Any, A::Error> {
        let mut odd = false;
        while let Some(item) = items.next_element::<Any>()? {
            odd |= item.odd;
        }
        Ok(Any { odd })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Any, A::Error> {
        let (mut odd, mut names) = (false, BTreeSet::new());
        while let Some((name, field)) = fields.next_entry::<String, Any>()? {
            odd |= field.odd | !names.insert(name);
        }
        Ok(Any { odd })
    }
}
