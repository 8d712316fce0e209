//! A pull reader over text, with serde on top.

use core::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Visitor};
use serde::forward_to_deserialize_any;

use crate::Frame;
use crate::limits::JSON_DEPTH;

/// The text is not JSON, or not of the shape that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

type Read<T> = Result<T, Unreadable>;

/// Reads one value that makes up the whole text.
///
/// # Errors
/// [`Unreadable`] when the text is not JSON or not a `T`.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Read<T> {
    let mut reader = Reader::new(text);
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Reads a frame, or a batch of frames; frames of an unknown `type` are left out.
///
/// # Errors
/// [`Unreadable`] when the text is not JSON, a frame has no `type`, or a known one has another shape.
pub fn frames<F: Frame>(text: &str) -> Read<Vec<F>> {
    let mut reader = Reader::new(text);
    let mut frames = Vec::new();
    if reader.peek()? == b'[' {
        reader.at += 1;
        let mut first = true;
        while reader.more(b']', first)? {
            first = false;
            frames.extend(reader.frame()?);
        }
    } else {
        frames.extend(reader.frame()?);
    }
    reader.end()?;
    Ok(frames)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, depth: 0 }
    }

    fn end(&mut self) -> Read<()> {
        self.space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(Unreadable) }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> Read<u8> {
        self.space();
        self.bytes.get(self.at).copied().ok_or(Unreadable)
    }

    fn next(&mut self) -> Read<u8> {
        let byte = *self.bytes.get(self.at).ok_or(Unreadable)?;
        self.at += 1;
        Ok(byte)
    }

    fn eat(&mut self, byte: u8) -> Read<()> {
        if self.peek()? == byte {
            self.at += 1;
            Ok(())
        } else {
            Err(Unreadable)
        }
    }

    fn word(&mut self, word: &[u8]) -> Read<()> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            Ok(())
        } else {
            Err(Unreadable)
        }
    }

    /// Says whether another element follows, and steps over the comma or the closing bracket.
    fn more(&mut self, close: u8, first: bool) -> Read<bool> {
        let byte = self.peek()?;
        if byte == close {
            self.at += 1;
            return Ok(false);
        }
        if !first {
            self.eat(b',')?;
            // A comma before the closing bracket is not JSON.
            if self.peek()? == close {
                return Err(Unreadable);
            }
        }
        Ok(true)
    }

    /// Reads one frame: first its `type`, wherever it stands, then the same object as its body.
    fn frame<F: Frame>(&mut self) -> Read<Option<F>> {
        self.eat(b'{')?;
        let start = self.at - 1;
        let mut kind = None;
        let mut first = true;
        while self.more(b'}', first)? {
            first = false;
            let name = self.string()?;
            self.eat(b':')?;
            if name == "type" && kind.is_none() {
                kind = Some(self.string()?);
            } else {
                self.skip()?;
            }
        }
        let end = self.at;
        self.at = start;
        let frame = F::from_parts(&kind.ok_or(Unreadable)?, &mut *self)?;
        self.at = end;
        Ok(frame)
    }

    fn hex4(&mut self) -> Read<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit << 4 | char::from(self.next()?).to_digit(16).ok_or(Unreadable)?;
        }
        Ok(unit)
    }

    fn string(&mut self) -> Read<String> {
        self.eat(b'"')?;
        let mut out = Vec::new();
        loop {
            match self.next()? {
                b'"' => return String::from_utf8(out).map_err(|_| Unreadable),
                b'\\' => self.escape(&mut out)?,
                0..=31 => return Err(Unreadable),
                byte => out.push(byte),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Read<()> {
        let byte = match self.next()? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'u' => {
                let mut unit = self.hex4()?;
                if (0xD800..0xDC00).contains(&unit) {
                    self.word(b"\\u")?;
                    let low = self.hex4()?.checked_sub(0xDC00).filter(|low| *low < 0x400).ok_or(Unreadable)?;
                    unit = 0x10000 + ((unit - 0xD800) << 10) + low;
                }
                let letter = char::from_u32(unit).ok_or(Unreadable)?;
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(Unreadable),
        };
        out.push(byte);
        Ok(())
    }

    /// Reads a whole number: its sign and its size. A fraction is cut off.
    fn number(&mut self) -> Read<(bool, u64)> {
        self.space();
        let negative = self.bytes.get(self.at) == Some(&b'-');
        if negative {
            self.at += 1;
        }
        let start = self.at;
        let value = self.digits()?;
        // JSON writes no zeros in front.
        if self.bytes.get(start) == Some(&b'0') && self.at > start + 1 {
            return Err(Unreadable);
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            let start = self.at;
            while let Some(b'0'..=b'9') = self.bytes.get(self.at) {
                self.at += 1;
            }
            if self.at == start {
                return Err(Unreadable);
            }
        }
        match self.bytes.get(self.at) {
            Some(b'e' | b'E') => Err(Unreadable),
            _ => Ok((negative, value)),
        }
    }

    fn digits(&mut self) -> Read<u64> {
        let start = self.at;
        let mut value: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            value = value.checked_mul(10).and_then(|v| v.checked_add(u64::from(digit - b'0'))).ok_or(Unreadable)?;
            self.at += 1;
        }
        if self.at == start { Err(Unreadable) } else { Ok(value) }
    }

    fn boolean(&mut self) -> Read<bool> {
        let value = self.peek()? == b't';
        self.word(if value { b"true" } else { b"false" })?;
        Ok(value)
    }

    fn unsigned(&mut self) -> Read<u64> {
        match self.number()? {
            (false, value) => Ok(value),
            (true, _) => Err(Unreadable),
        }
    }

    /// Steps into an object or an array; whoever does takes one off `depth` at its end.
    fn open(&mut self, open: u8, close: u8) -> Read<Items<'_, 'a>> {
        self.eat(open)?;
        self.depth += 1;
        if self.depth > JSON_DEPTH {
            return Err(Unreadable);
        }
        Ok(Items { reader: self, close, first: true, done: false })
    }

    fn nest<T>(&mut self, inner: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth >= JSON_DEPTH {
            return Err(Unreadable);
        }
        self.depth += 1;
        self.at += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn skip(&mut self) -> Read<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.nest(|r| r.skip_items(b'}')),
            b'[' => self.nest(|r| r.skip_items(b']')),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.skip_number(),
        }
    }

    /// Steps over a number of any size, exponents included: it may belong to a field that is not ours.
    fn skip_number(&mut self) -> Read<()> {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
        }
        if self.at == start { Err(Unreadable) } else { Ok(()) }
    }

    fn skip_items(&mut self, close: u8) -> Read<()> {
        let mut first = true;
        while self.more(close, first)? {
            first = false;
            if close == b'}' {
                self.string()?;
                self.eat(b':')?;
            }
            self.skip()?;
        }
        Ok(())
    }
}

struct Items<'r, 'a> {
    reader: &'r mut Reader<'a>,
    close: u8,
    first: bool,
    done: bool,
}

impl Items<'_, '_> {
    fn more(&mut self) -> Read<bool> {
        if self.done {
            return Ok(false);
        }
        let first = core::mem::replace(&mut self.first, false);
        let more = self.reader.more(self.close, first)?;
        self.done = !more;
        Ok(more)
    }
}

impl<'de> de::SeqAccess<'de> for Items<'_, '_> {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        if self.more()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}

impl<'de> de::MapAccess<'de> for Items<'_, '_> {
    type Error = Unreadable;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        if self.more()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<T::Value> {
        self.reader.eat(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de> de::Deserializer<'de> for &mut Reader<'_> {
    type Error = Unreadable;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.peek()? {
            b'"' => visitor.visit_string(self.string()?),
            b'{' => self.nest(|reader| visitor.visit_map(Items { reader, close: b'}', first: true, done: false })),
            b'[' => self.nest(|reader| {
                let mut items = Items { reader, close: b']', first: true, done: false };
                let value = visitor.visit_seq(&mut items)?;
                // A visitor of fixed length stops before the bracket.
                if items.more()? { Err(Unreadable) } else { Ok(value) }
            }),
            b't' => self.word(b"true").and_then(|()| visitor.visit_bool(true)),
            b'f' => self.word(b"false").and_then(|()| visitor.visit_bool(false)),
            b'n' => self.word(b"null").and_then(|()| visitor.visit_unit()),
            _ => match self.number()? {
                (false, value) => visitor.visit_u64(value),
                (true, value) => visitor.visit_i64(0i64.checked_sub_unsigned(value).ok_or(Unreadable)?),
            },
        }
    }

    // Each method below asks only for what its types can be: `deserialize_any` for every one of them would carry all shapes
    // of all types into the page.

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        let items = self.open(b'{', b'}')?;
        let value = visitor.visit_map(items)?;
        self.depth -= 1;
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let items = self.open(b'[', b']')?;
        let value = visitor.visit_seq(items)?;
        self.depth -= 1;
        Ok(value)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_str(&self.string()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_string(self.string()?)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let value = self.boolean()?;
        visitor.visit_bool(value)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_u64(self.unsigned()?)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_u64(self.unsigned()?)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_u64(self.unsigned()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        if self.peek()? == b'n' {
            self.word(b"null").and_then(|()| visitor.visit_none())
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.skip()?;
        visitor.visit_unit()
    }

    /// Enums of this crate are plain words.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        let word = self.string()?;
        visitor.visit_enum(de::value::StringDeserializer::<Unreadable>::new(word))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 u8 f32 f64 char str bytes byte_buf unit unit_struct tuple tuple_struct map
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl core::error::Error for Unreadable {}

impl de::Error for Unreadable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
    // Each of these would otherwise carry its formatting into the page.
    fn invalid_type(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self
    }
    fn invalid_value(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self
    }
    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        Self
    }
    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }
    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }
    fn missing_field(_: &'static str) -> Self {
        Self
    }
    fn duplicate_field(_: &'static str) -> Self {
        Self
    }
}
