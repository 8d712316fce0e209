//! What the integration tests are made of, and the simulator.
//!
//! [`app::TestApp`] is a server in this process with a small world of sites; [`binary::Binary`] is the real program.
//! [`socket::Socket`] and [`http::Ask`] speak the wire by hand, [`native::Native`] is the real client core on tokio, and
//! [`cable::Cable`] is a network that breaks where a test wants it to. Every wait has the bound [`PATIENCE`]: a test
//! that waits in vain fails and says what it had seen.

#[cfg(feature = "sockets")]
pub mod app;
#[cfg(feature = "sockets")]
pub mod binary;
#[cfg(feature = "sockets")]
pub mod cable;
#[cfg(feature = "sockets")]
pub mod chaos;
#[cfg(feature = "sockets")]
pub mod events;
#[cfg(feature = "sockets")]
pub mod http;
#[cfg(feature = "sockets")]
pub mod identity;
#[cfg(feature = "sockets")]
pub mod journal;
#[cfg(feature = "sockets")]
pub mod native;
#[cfg(feature = "probe")]
pub mod probe;
pub mod sim;
#[cfg(feature = "sockets")]
pub mod socket;

/// How long a test waits for something that must happen; a planted bug makes it wait in vain.
#[cfg(feature = "sockets")]
pub const PATIENCE: std::time::Duration =
    std::time::Duration::from_secs(if cfg!(feature = "mutants") { 7 } else { 15 });
