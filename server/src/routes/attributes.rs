//! What a page says about its visitor.

use serde_json::Value;

use crate::error::ApiError;
use crate::letters::misleads;

/// Attributes of one visitor.
const MOST: usize = 20;
/// Characters of a name.
const NAME_CHARS: usize = 64;
/// Characters of a text.
const TEXT_CHARS: usize = 255;

/// Reads attributes: a JSON object of up to 20 texts, numbers and truth values; returns it without white space.
///
/// # Errors
/// It is anything else; the error says what.
pub(super) fn read(text: &str) -> Result<String, ApiError> {
    let wrong = |why: &str| ApiError::InvalidBody(format!("`attributes`: {why}"));
    let object = match serde_json::from_str(text) {
        Ok(Value::Object(object)) => object,
        Ok(_) | Err(_) => return Err(wrong("the text of a JSON object is wanted")),
    };
    if object.len() > MOST {
        return Err(wrong("there are more than 20"));
    }
    for (name, value) in &object {
        if name.is_empty() || name.chars().count() > NAME_CHARS {
            return Err(wrong("a name has 1 to 64 characters"));
        }
        if name.chars().chain(value.as_str().unwrap_or_default().chars()).any(misleads) {
            return Err(wrong("names and texts are one line, without control characters and turns of direction"));
        }
        match value {
            Value::String(text) if text.chars().count() <= TEXT_CHARS => {}
            Value::String(_) => return Err(wrong("a text has up to 255 characters")),
            Value::Number(_) | Value::Bool(_) => {}
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(wrong("a value is a text, a number, true or false"));
            }
        }
    }
    Ok(Value::Object(object).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_a_few_short_and_simple_values() {
        let many: Vec<_> = (0..21).map(|number| format!("\"a{number}\":1")).collect();
        let rows = [
            ("{}", true),
            (r#"{"plan":"pro","seats":3,"price":19.99,"trial":false}"#, true),
            ("", false),
            ("null", false),
            ("[1]", false),
            ("\"text\"", false),
            (r#"{"a":null}"#, false),
            (r#"{"a":[1]}"#, false),
            (r#"{"a":{"b":1}}"#, false),
            (r#"{"":1}"#, false),
            (r#"{"a":"one\ntwo"}"#, false),
            (r#"{"a\u0000":1}"#, false),
            ("{\"a\":\"\u{202e}dekcehc\"}", false),
            ("{\"a\u{2067}\":1}", false),
            ("{\"a\":\"می\u{200c}خواهم\"}", true),
            (&format!("{{\"{}\":1}}", "n".repeat(64)), true),
            (&format!("{{\"{}\":1}}", "n".repeat(65)), false),
            (&format!("{{\"a\":\"{}\"}}", "ä".repeat(255)), true),
            (&format!("{{\"a\":\"{}\"}}", "ä".repeat(256)), false),
            (&format!("{{{}}}", many.join(",")), false),
            (&format!("{{{}}}", many[1..].join(",")), true),
        ];
        for (text, good) in rows {
            assert_eq!(read(text).is_ok(), good, "{text}");
        }
        assert_eq!(read(" { \"b\" : 1 , \"a\" : \"<b>\" } ").unwrap(), r#"{"a":"<b>","b":1}"#);
    }
}
