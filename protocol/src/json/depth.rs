//! How deeply a text is nested, before anybody reads it.

use crate::limits::JSON_DEPTH;

/// Says whether a text of JSON is nested more deeply than [`JSON_DEPTH`]; of a text that is not JSON it may say anything.
pub fn is_too_deep(text: &[u8]) -> bool {
    let (mut depth, mut bytes) = (0usize, text.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH {
            return true;
        }
    }
    false
}

fn skip_string(bytes: &mut core::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn levels_are_counted_outside_of_texts_only() {
        assert!(!is_too_deep(nested(JSON_DEPTH).as_bytes()));
        assert!(is_too_deep(nested(JSON_DEPTH + 1).as_bytes()));
        assert!(!is_too_deep(format!("[{}]", vec![nested(JSON_DEPTH - 1); 9].join(",")).as_bytes()));
        let text = format!(r#"{{"text":"\"{}"}}"#, "[".repeat(1_000));
        assert!(!is_too_deep(text.as_bytes()));
        assert!(!is_too_deep(b"\"[[["));
    }
}
