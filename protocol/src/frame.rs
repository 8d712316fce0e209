//! How a family of frames is declared: once, with its tags.

use serde::Deserializer;

use crate::json::Object;

/// A family of tagged frames that can be read from the object that carries the tag.
pub trait Frame: Sized {
    /// Every `type` of the family.
    const KINDS: &'static [&'static str];

    /// Returns the `type` of this frame.
    fn kind(&self) -> &'static str;

    /// Reads the body of a frame whose `type` is known already; `None` for a `type` that is not of this family.
    ///
    /// # Errors
    /// The deserializer's own, when a field is missing or of another shape.
    fn from_parts<'de, D: Deserializer<'de>>(kind: &str, body: D) -> Result<Option<Self>, D::Error>;

    /// Reads the body of a frame whose `type` is known already; `None` for a `type` that is not of this family.
    ///
    /// The object tells afterwards whether a field was missing or of another shape.
    fn from_object(kind: &str, body: &mut Object) -> Option<Self>;
}

/// Declares an enum of frames: the tag on the wire, the variant and its body.
macro_rules! frames {
    ($(#[$outer:meta])* pub enum $name:ident { $($(#[$inner:meta])* $tag:literal => $variant:ident($body:ident),)* }) => {
        $(#[$outer])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        #[serde(tag = "type")]
        pub enum $name {
            $($(#[$inner])* #[serde(rename = $tag)] $variant($body),)*
        }

        impl $crate::Frame for $name {
            const KINDS: &'static [&'static str] = &[$($tag),*];

            fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $tag,)* }
            }

            fn from_parts<'de, D: serde::Deserializer<'de>>(kind: &str, body: D) -> Result<Option<Self>, D::Error> {
                match kind {
                    $($tag => <$body as serde::Deserialize>::deserialize(body).map(|body| Some(Self::$variant(body))),)*
                    _ => Ok(None),
                }
            }

            fn from_object(kind: &str, body: &mut $crate::json::Object) -> Option<Self> {
                Some(match kind {
                    $($tag => Self::$variant($body::from_object(body)),)*
                    _ => return None,
                })
            }
        }

        impl $crate::json::ToJson for $name {
            fn to_json(&self, out: &mut $crate::json::Writer) {
                out.open('{');
                out.name("type");
                out.text($crate::Frame::kind(self));
                match self { $(Self::$variant(body) => body.write_fields(out),)* }
                out.close('}');
            }
        }
    };
}
pub(crate) use frames;
