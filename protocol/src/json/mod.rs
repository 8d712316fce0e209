//! JSON small enough for a page: a reader and a writer for the types of this crate.
//!
//! It knows no floating point: a fraction is cut off, an exponent is refused. Its error is a unit, because every word
//! of an error text would be downloaded by every visitor. It reads into a tree first and takes the fields out of that:
//! half the code of a visitor for each type. The server reads with serde_json instead; tests hold the two together on
//! the golden files and by damaging them.

mod depth;
mod read;
mod value;
mod write;

pub use depth::is_too_deep;
pub use read::{FromJson, Unreadable, frames, from_str};
pub use value::{Fault, Need, Object, Value};
pub use write::{ToJson, Writer, to_string};
