//! How the id of a message lies in the database.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// The id of a message: 16 bytes where it is a UUID in its usual form, its text otherwise.
///
/// Each text has exactly one form, so that equal ids are equal in the unique index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MessageId<'a> {
    /// Hexadecimal in lower case, 8-4-4-4-12.
    Uuid([u8; 16]),
    /// Anything else.
    Text(&'a str),
}

/// Where the hyphens stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl<'a> MessageId<'a> {
    /// Chooses the form of an id.
    pub(super) fn new(id: &'a str) -> Self {
        uuid(id.as_bytes()).map_or(Self::Text(id), Self::Uuid)
    }
}

impl ToSql for MessageId<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Uuid(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// An id as it came from a client, read from the database.
pub(super) struct IdText(pub(super) String);

impl FromSql for IdText {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Text(_) => value.as_str().map(|text| Self(text.to_owned())),
            ValueRef::Blob(bytes) => {
                let bytes: &[u8; 16] = bytes.try_into().map_err(|_| FromSqlError::InvalidType)?;
                Ok(Self(text(bytes)))
            }
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Err(FromSqlError::InvalidType),
        }
    }
}

fn uuid(id: &[u8]) -> Option<[u8; 16]> {
    if id.len() != 36 || HYPHENS.iter().any(|place| id[*place] != b'-') {
        return None;
    }
    let mut bytes = [0; 16];
    let mut digits =
        id.iter().enumerate().filter(|(place, _)| !HYPHENS.contains(place)).map(|(_, digit)| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        });
    for byte in &mut bytes {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    Some(bytes)
}

fn text(bytes: &[u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(36);
    for byte in bytes {
        if HYPHENS.contains(&text.len()) {
            text.push('-');
        }
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_comes_back_as_it_was() {
        let rows = [
            ("0190b3c4-7d2e-7abc-8def-0123456789ab", true),
            ("ffffffff-ffff-ffff-ffff-ffffffffffff", true),
            ("0190B3C4-7D2E-7ABC-8DEF-0123456789AB", false),
            ("0190b3c47d2e7abc8def0123456789ab", false),
            ("0190b3c4-7d2e-7abc-8def-0123456789a", false),
            ("0190b3c4-7d2e-7abc-8def-0123456789ag", false),
            ("0190b3c4-7d2e-7abc-8def_0123456789ab", false),
            ("0190b3c4-7d2e-7abc-8de-f0123456789ab", false),
            ("welcome", false),
            ("re-17", false),
            ("0123456789abcdef", false),
        ];
        for (id, compact) in rows {
            let kept = MessageId::new(id);
            assert_eq!(matches!(kept, MessageId::Uuid(_)), compact, "{id}");
            let ToSqlOutput::Borrowed(value) = kept.to_sql().unwrap() else { panic!("borrowed in both forms") };
            assert_eq!(IdText::column_result(value).unwrap().0, id);
        }
    }
}
