//! Several pages of one visitor: which one leads, and which one rings.

use wasm_bindgen::prelude::*;

use crate::browser::Function;

#[wasm_bindgen]
extern "C" {
    /// Calls back with whether this page leads the others of this name; calling what it returns ends that.
    #[wasm_bindgen(js_namespace = tabs)]
    fn lead(name: &str, changed: &Function) -> Function;
    /// Rings in one page of all that ask by this name.
    #[wasm_bindgen(js_namespace = tabs)]
    pub(crate) fn ring(name: &str);
    #[wasm_bindgen(method, js_name = call)]
    fn call_plain(this: &Function);
}

/// A place in the line of those who would lead; it is given up when dropped.
pub(crate) struct Place(Function);

impl Place {
    /// Stands in line; `changed` is called with whether this page leads now.
    pub(crate) fn take(name: &str, changed: &Function) -> Self {
        Self(lead(name, changed))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.call_plain();
    }
}
