//! From a tree of JSON to the types of the wire.

use super::value::{Fault, Value, parse};
use crate::Frame;

/// The text is not JSON, or not of the shape that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// What can be read out of a value.
pub trait FromJson: Default {
    /// Reads it; a value of another shape gives the default and a fault.
    fn from_json(value: Value, fault: &mut Fault) -> Self;
}

/// Reads one value that makes up the whole text.
///
/// # Errors
/// [`Unreadable`] when the text is not JSON or not a `T`.
pub fn from_str<T: FromJson>(text: &str) -> Result<T, Unreadable> {
    let Some(value) = parse(text) else { return Err(Unreadable) };
    let mut fault = Fault::None;
    let read = T::from_json(value, &mut fault);
    if fault == Fault::None { Ok(read) } else { Err(Unreadable) }
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
        if let Some(frame) = F::from_object(&kind, &mut object) {
            frames.push(frame);
        }
        if object.fault() == Fault::Found {
            return Err(Unreadable);
        }
    }
    Ok(frames)
}

/// Reads a value by one of its shapes.
macro_rules! shape {
    ($type:ty, $value:ident => $read:expr) => {
        impl FromJson for $type {
            fn from_json($value: Value, fault: &mut Fault) -> Self {
                let read: Option<Self> = $read;
                read.unwrap_or_else(|| {
                    *fault = Fault::Found;
                    Self::default()
                })
            }
        }
    };
}

fn whole(value: &Value) -> Option<u64> {
    if let Value::Number(value) = value { Some(*value) } else { None }
}

shape!(bool, value => if let Value::Bool(value) = value { Some(value) } else { None });
shape!(u64, value => whole(&value));
shape!(u32, value => whole(&value).and_then(|value| value.try_into().ok()));
shape!(u16, value => whole(&value).and_then(|value| value.try_into().ok()));
shape!(String, value => if let Value::Text(text) = value { Some(text) } else { None });

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(value: Value, fault: &mut Fault) -> Self {
        if value == Value::Null { None } else { Some(T::from_json(value, fault)) }
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: Value, fault: &mut Fault) -> Self {
        let mut read = Self::new();
        if let Value::List(values) = value {
            for value in values {
                read.push(T::from_json(value, fault));
            }
        } else {
            *fault = Fault::Found;
        }
        read
    }
}
