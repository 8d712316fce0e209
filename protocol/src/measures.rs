//! Figures by name, as `metrics` carries them.

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use crate::json::{Fault, FromJson, ToJson, Value, Writer};
use crate::limits::{MEASURE_NAME_BYTES, MEASURES};

/// Figures by name, in the order in which they came; up to [`MEASURES`], each name of 1 to [`MEASURE_NAME_BYTES`] bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measures(pub Vec<(String, Decimal)>);

/// A number with up to three decimals, in thousandths: a page has no floating point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(pub i64);

impl Decimal {
    /// Returns a whole number.
    pub const fn whole(value: u32) -> Self {
        Self(value as i64 * 1_000)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1_000 == 0 {
            serializer.serialize_i64(self.0 / 1_000)
        } else {
            serializer.serialize_f64(self.0 as f64 / 1_000.0)
        }
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)? * 1_000.0;
        // Beyond this a thousandth is lost anyway.
        if value.abs() < 9e15 { Ok(Self(value.round() as i64)) } else { Err(de::Error::custom("too large a figure")) }
    }
}

impl Serialize for Measures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Measures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Figures)
    }
}

struct Figures;

impl<'de> Visitor<'de> for Figures {
    type Value = Measures;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("figures by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Measures, A::Error> {
        let mut measures = Measures::default();
        while let Some((name, value)) = map.next_entry::<String, Decimal>()? {
            measures.0.push((name, value));
            if !measures.is_bounded() {
                return Err(de::Error::custom("too many figures, or a name that is too long"));
            }
        }
        Ok(measures)
    }
}

impl Measures {
    fn is_bounded(&self) -> bool {
        self.0.len() <= MEASURES && self.0.iter().all(|(name, _)| (1..=MEASURE_NAME_BYTES).contains(&name.len()))
    }
}

impl FromJson for Measures {
    /// Only whole numbers are read here; nobody sends figures to a page.
    fn from_json(value: Value, fault: &mut Fault) -> Self {
        let mut measures = Self::default();
        if let Value::Object(object) = value {
            for (name, value) in object.into_fields() {
                measures.0.push((name, Decimal::from_json(value, fault)));
            }
            if measures.is_bounded() {
                return measures;
            }
        }
        *fault = Fault::Found;
        Self::default()
    }
}

impl ToJson for Measures {
    fn to_json(&self, out: &mut Writer) {
        out.open('{');
        for (name, value) in &self.0 {
            out.item();
            out.text(name);
            out.raw(":");
            value.to_json(out);
        }
        out.close('}');
    }
}

impl FromJson for Decimal {
    fn from_json(value: Value, fault: &mut Fault) -> Self {
        let size = |size: u64| i64::try_from(size).ok().and_then(|size| size.checked_mul(1_000));
        let read = match value {
            Value::Number(value) => size(value),
            Value::Negative(value) => size(value).map(|size| -size),
            Value::Null | Value::Bool(_) | Value::Other | Value::Text(_) | Value::List(_) | Value::Object(_) => None,
        };
        if read.is_none() {
            *fault = Fault::Found;
        }
        Self(read.unwrap_or_default())
    }
}

impl ToJson for Decimal {
    fn to_json(&self, out: &mut Writer) {
        if self.0 < 0 {
            out.raw("-");
        }
        let size = self.0.unsigned_abs();
        out.number(size / 1_000);
        let rest = size % 1_000;
        if rest > 0 {
            out.raw(".");
            out.number(rest / 100);
            if !rest.is_multiple_of(100) {
                out.number(rest / 10 % 10);
            }
            if !rest.is_multiple_of(10) {
                out.number(rest % 10);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn a_decimal_is_written_alike_by_both_writers() {
        for (thousandths, text) in
            [(0, "0"), (800, "0.8"), (-50, "-0.05"), (1_005, "1.005"), (42_000, "42"), (120, "0.12")]
        {
            let decimal = Decimal(thousandths);
            assert_eq!(json::to_string(&decimal), text);
            assert_eq!(serde_json::to_string(&decimal).expect("plain data"), text);
            assert_eq!(serde_json::from_str::<Decimal>(text).expect("a number"), decimal);
        }
    }

    #[test]
    fn too_many_figures_and_bad_ones_are_refused() {
        let many: Vec<String> = (0..=MEASURES).map(|n| format!("\"m{n}\":1")).collect();
        let long = "x".repeat(MEASURE_NAME_BYTES + 1);
        for text in [
            format!("{{{}}}", many.join(",")),
            format!("{{\"{long}\":1}}"),
            "{\"\":1}".into(),
            "{\"a\":\"1\"}".into(),
            "{\"a\":1e300}".into(),
            "[1]".into(),
        ] {
            assert!(serde_json::from_str::<Measures>(&text).is_err(), "{text}");
            assert!(json::from_str::<Measures>(&text).is_err(), "{text}");
        }
    }
}
