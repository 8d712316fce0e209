//! The time in a ping, which comes back as it was.

use crate::json::{Fault, FromJson, ToJson, Value, Writer};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Whatever a client put into its ping: the pong carries the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Timestamp {
    /// Usually milliseconds since 1970.
    Int(i64),
    /// A number beyond `i64`.
    Uint(u64),
    /// Seconds with a fraction, as some clients send.
    Float(f64),
    /// A formatted time.
    Text(String),
    /// The client sent none.
    #[default]
    None,
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Int(n) => serializer.serialize_i64(*n),
            Self::Uint(n) => serializer.serialize_u64(*n),
            Self::Float(n) => serializer.serialize_f64(*n),
            Self::Text(text) => serializer.serialize_str(text),
            Self::None => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyTime)
    }
}

struct AnyTime;

impl Visitor<'_> for AnyTime {
    type Value = Timestamp;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a number or a text")
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Timestamp, E> {
        Ok(Timestamp::Int(n))
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Timestamp, E> {
        Ok(i64::try_from(n).map_or(Timestamp::Uint(n), Timestamp::Int))
    }

    fn visit_f64<E: de::Error>(self, n: f64) -> Result<Timestamp, E> {
        Ok(Timestamp::Float(n))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        Ok(Timestamp::Text(text.to_owned()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Timestamp, E> {
        Ok(Timestamp::None)
    }
}

impl FromJson for Timestamp {
    fn from_json(value: Value, fault: &mut Fault) -> Self {
        match value {
            Value::Null => Self::None,
            Value::Number(n) => i64::try_from(n).map_or(Self::Uint(n), Self::Int),
            Value::Negative(n) if n <= 1 << 63 => Self::Int(0i64.wrapping_sub_unsigned(n)),
            Value::Text(text) => Self::Text(text),
            Value::Negative(_) | Value::Bool(_) | Value::Other | Value::List(_) | Value::Object(_) => {
                *fault = Fault::Found;
                Self::None
            }
        }
    }
}

impl ToJson for Timestamp {
    /// A page never sends a fraction: one is written as `null`.
    fn to_json(&self, out: &mut Writer) {
        match self {
            Self::Int(n) => {
                if *n < 0 {
                    out.raw("-");
                }
                out.number(n.unsigned_abs());
            }
            Self::Uint(n) => out.number(*n),
            Self::Text(text) => out.text(text),
            Self::Float(_) | Self::None => out.raw("null"),
        }
    }
}
