//! Keys and tokens that must never reach a log.

use serde::{Deserialize, Serialize};

/// A key or token whose `Debug` hides it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// Returns the secret itself; name the reason at the place of the call.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("…")
    }
}

impl crate::json::FromJson for Secret {
    fn from_json(value: crate::json::Value, fault: &mut crate::json::Fault) -> Self {
        Self(crate::json::FromJson::from_json(value, fault))
    }
}

impl crate::json::ToJson for Secret {
    fn to_json(&self, out: &mut crate::json::Writer) {
        out.text(&self.0);
    }
}
