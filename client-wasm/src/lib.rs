//! The Rejoin client in a browser.
//!
//! Two modules are built from this crate. With the feature `widget` it is what a visitor's page loads: the loader fetches it
//! when the visitor first reaches for the launcher, calls `mount` and `command`, and from then on the browser calls `wake`
//! whenever something happens. It is cut in two for the way to the browser (see `link`): the panel, which is all that a
//! visitor needs who only looks, and the link, which comes as soon as somebody writes. With the feature `headless` it is the link alone: `connect` gives an operator's console, or a
//! page with an interface of its own, the same client without a panel.
//!
//! The life of a call: the browser calls `wake`, the driver turns it into an input for `client-core`, carries out what that
//! asks for, lets go of every borrow, and then shows the view and calls the page's own functions. This crate decides nothing
//! about links, retries, order or what is shown: it is the only one that knows the browser, and it knows nothing else.

mod browser;
#[cfg(feature = "widget")]
mod dom;
mod driver;
#[cfg(feature = "headless")]
pub mod headless;
#[cfg(feature = "widget")]
pub mod link;
#[cfg(feature = "widget")]
mod news;
mod page;
mod random;
#[cfg(feature = "widget")]
mod screen;
mod storage;
#[cfg(feature = "widget")]
mod tabs;
mod timer;
mod transport;
mod wake;
#[cfg(feature = "widget")]
pub mod widget;
mod words;

/// Two kilobytes less to download than the standard one.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
