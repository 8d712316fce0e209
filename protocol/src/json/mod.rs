//! JSON small enough for a page: a reader and a writer for the types of this crate.
//!
//! It knows no floating point: a fraction is cut off, an exponent is refused. Its error is a unit, because every word
//! of an error text would be downloaded by every visitor. The server reads with serde_json instead; tests hold the two
//! together on the golden files and by property.

mod read;
mod write;

pub use read::{Unreadable, frames, from_str};
pub use write::to_string;
