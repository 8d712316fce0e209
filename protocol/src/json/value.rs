//! A value of JSON as a tree, and the parser that makes it.

use super::read::FromJson;
use crate::limits::JSON_DEPTH;

/// A value of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number from 0 on.
    Number(u64),
    /// The size of a whole number below 0.
    Negative(u64),
    /// A number with an exponent or beyond 64 bits; nothing of ours is one.
    Other,
    /// A text.
    Text(String),
    /// An array.
    List(Vec<Value>),
    /// An object.
    Object(Object),
}

/// The fields of an object, and whether what was taken out of it was there and of the right shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    fields: Vec<(String, Value)>,
    fault: Fault,
}

/// Whether something was missing or of another shape.
///
/// Readers go on with a default instead of returning early: thirty ways out of a function, each with what it must drop, are
/// what a page would pay for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// All is well so far.
    #[default]
    None,
    /// The whole is not to be used.
    Found,
}

/// Whether a field must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Without it the object is not to be used.
    Required,
    /// Without it the default is read.
    Optional,
}

impl Object {
    /// Takes a field out.
    #[inline(never)]
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let place = self.fields.iter().position(|field| field.0 == name)?;
        Some(self.fields.swap_remove(place).1)
    }

    /// Takes a field out and reads it.
    #[inline(never)]
    pub fn field<T: FromJson>(&mut self, name: &str, need: Need) -> T {
        match self.take(name) {
            Some(value) => T::from_json(value, &mut self.fault),
            None => {
                if need == Need::Required {
                    self.fault = Fault::Found;
                }
                T::default()
            }
        }
    }

    /// Returns all fields that were not taken out.
    pub fn into_fields(self) -> Vec<(String, Value)> {
        self.fields
    }

    /// Says whether something was missing or of another shape.
    pub fn fault(&self) -> Fault {
        self.fault
    }
}

/// Reads one value that makes up the whole text.
pub(super) fn parse(text: &str) -> Option<Value> {
    let mut parser = Parser { bytes: text.as_bytes(), depth: 0 };
    let value = parser.value()?;
    parser.space();
    if parser.bytes.is_empty() { Some(value) } else { None }
}

/// What is left to read.
struct Parser<'a> {
    bytes: &'a [u8],
    depth: usize,
}

impl Parser<'_> {
    fn space(&mut self) {
        while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = self.bytes {
            self.bytes = rest;
        }
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    /// Takes the next byte behind white space, if it is this one.
    fn eat(&mut self, byte: u8) -> Option<()> {
        self.space();
        let (first, rest) = self.bytes.split_first()?;
        if *first != byte {
            return None;
        }
        self.bytes = rest;
        Some(())
    }

    fn value(&mut self) -> Option<Value> {
        self.space();
        match *self.bytes.first()? {
            b'"' => self.string().map(Value::Text),
            b'{' | b'[' => self.nested(),
            b't' => self.word(b"true", Value::Bool(true)),
            b'f' => self.word(b"false", Value::Bool(false)),
            b'n' => self.word(b"null", Value::Null),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Option<Value> {
        self.bytes = self.bytes.strip_prefix(word)?;
        Some(value)
    }

    fn nested(&mut self) -> Option<Value> {
        let is_object = self.next()? == b'{';
        let close = if is_object { b'}' } else { b']' };
        self.depth += 1;
        if self.depth > JSON_DEPTH {
            return None;
        }
        let (mut fields, mut items) = (Vec::new(), Vec::new());
        if self.eat(close).is_none() {
            loop {
                if is_object {
                    self.space();
                    let name = self.string()?;
                    self.eat(b':')?;
                    fields.push((name, self.value()?));
                } else {
                    items.push(self.value()?);
                }
                if self.eat(close).is_some() {
                    break;
                }
                self.eat(b',')?;
            }
        }
        self.depth -= 1;
        Some(if is_object { Value::Object(Object { fields, fault: Fault::None }) } else { Value::List(items) })
    }

    fn string(&mut self) -> Option<String> {
        if self.next()? != b'"' {
            return None;
        }
        let mut out = Vec::new();
        loop {
            match self.next()? {
                b'"' => return String::from_utf8(out).ok(),
                b'\\' => self.escape(&mut out)?,
                0..=31 => return None,
                byte => out.push(byte),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Option<()> {
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
                    self.bytes = self.bytes.strip_prefix(b"\\u")?;
                    let low = self.hex4()?.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
                    unit = 0x10000 + ((unit - 0xD800) << 10) + low;
                }
                out.extend_from_slice(char::from_u32(unit)?.encode_utf8(&mut [0; 4]).as_bytes());
                return Some(());
            }
            _ => return None,
        };
        out.push(byte);
        Some(())
    }

    fn hex4(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit << 4 | char::from(self.next()?).to_digit(16)?;
        }
        Some(unit)
    }

    fn digits(&mut self) -> (usize, Option<u64>) {
        let (mut count, mut value) = (0, Some(0u64));
        while let [digit @ b'0'..=b'9', rest @ ..] = self.bytes {
            value = value.and_then(|value| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
            count += 1;
            self.bytes = rest;
        }
        (count, value)
    }

    /// Reads a number; a fraction is cut off.
    fn number(&mut self) -> Option<Value> {
        let is_negative = self.eat(b'-').is_some();
        let starts_with_zero = self.bytes.first() == Some(&b'0');
        let (count, size) = self.digits();
        if count == 0 || (starts_with_zero && count > 1) {
            return None;
        }
        if let [b'.', rest @ ..] = self.bytes {
            self.bytes = rest;
            if self.digits().0 == 0 {
                return None;
            }
        }
        if let [b'e' | b'E', rest @ ..] = self.bytes {
            self.bytes = match rest {
                [b'+' | b'-', rest @ ..] => rest,
                rest => rest,
            };
            return if self.digits().0 == 0 { None } else { Some(Value::Other) };
        }
        Some(match size {
            Some(size) if is_negative => Value::Negative(size),
            Some(size) => Value::Number(size),
            None => Value::Other,
        })
    }
}
