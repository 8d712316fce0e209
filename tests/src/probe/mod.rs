//! What must hold for any input: asked by properties with small inputs, by fuzzers with what they find, and by an
//! ordinary test with everything that was ever found.
//!
//! Every probe takes bytes and panics where something does not hold. Bytes that are no input are passed over.

pub mod bodies;
pub mod client;

pub mod frames;
mod json;
pub mod names;
pub mod session;

pub mod sse;
pub mod tokens;
pub mod uploads;

/// Panics where something does not hold for these bytes.
pub type Probe = fn(&[u8]);

/// Every probe by its name, which is that of its fuzzer and of its folder of inputs.
pub const PROBES: [(&str, Probe); 8] = [
    ("frames", frames::probe),
    ("bodies", bodies::probe),
    ("sse", sse::probe),
    ("session", session::probe),
    ("client", client::probe),
    ("tokens", tokens::probe),
    ("names", names::probe),
    ("uploads", uploads::probe),
];

/// Bytes of one step of a sequence.
pub const STEP: usize = 4;

/// One step of a sequence: what happens, and three numbers about it.
pub type Step = [u8; STEP];

/// Steps of the longest sequence: beyond, nothing new happens, and it takes long.
pub const STEPS: usize = 400;

/// Reads bytes as a sequence of steps; what is left over is none.
fn steps(bytes: &[u8]) -> impl Iterator<Item = Step> {
    bytes.as_chunks::<STEP>().0.iter().copied().take(STEPS)
}
