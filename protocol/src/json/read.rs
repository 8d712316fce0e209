//! From a tree of JSON to the types of the wire.

use super::value::{Value, parse};
use crate::Frame;

/// The text is not JSON, or not of the shape that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// What can be read out of a value.
pub trait FromJson: Sized {
    /// Reads it; `None` for a value of another shape.
    fn from_json(value: Value) -> Option<Self>;
}

/// Reads one value that makes up the whole text.
///
/// # Errors
/// [`Unreadable`] when the text is not JSON or not a `T`.
pub fn from_str<T: FromJson>(text: &str) -> Result<T, Unreadable> {
    parse(text).and_then(T::from_json).ok_or(Unreadable)
}

/// Reads a frame, or a batch of frames; frames of an unknown `type` are left out.
///
/// # Errors
/// [`Unreadable`] when the text is not JSON, a frame has no `type`, or a known one has another shape.
pub fn frames<F: Frame>(text: &str) -> Result<Vec<F>, Unreadable> {
    let values = match parse(text) {
        Some(Value::List(values)) => values,
        Some(value) => vec![value],
        None => return Err(Unreadable),
    };
    let mut frames = Vec::new();
    for value in values {
        let Value::Object(mut object) = value else { return Err(Unreadable) };
        let Some(Value::Text(kind)) = object.take("type") else { return Err(Unreadable) };
        if F::KINDS.contains(&kind.as_str()) {
            frames.push(F::from_object(&kind, object).ok_or(Unreadable)?);
        }
    }
    Ok(frames)
}

impl FromJson for bool {
    fn from_json(value: Value) -> Option<Self> {
        if let Value::Bool(value) = value { Some(value) } else { None }
    }
}

impl FromJson for u64 {
    fn from_json(value: Value) -> Option<Self> {
        if let Value::Number(value) = value { Some(value) } else { None }
    }
}

impl FromJson for u32 {
    fn from_json(value: Value) -> Option<Self> {
        u64::from_json(value)?.try_into().ok()
    }
}

impl FromJson for u16 {
    fn from_json(value: Value) -> Option<Self> {
        u64::from_json(value)?.try_into().ok()
    }
}

impl FromJson for String {
    fn from_json(value: Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text) } else { None }
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(value: Value) -> Option<Self> {
        if value == Value::Null { Some(None) } else { T::from_json(value).map(Some) }
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: Value) -> Option<Self> {
        let Value::List(values) = value else { return None };
        values.into_iter().map(T::from_json).collect()
    }
}
