//! Images and files: who chooses, sends and shows them is JavaScript of its own, `www/files/files.js`, fetched when there is one.

use wasm_bindgen::prelude::*;

use super::node::Node;
use crate::browser::Function;

#[wasm_bindgen]
extern "C" {
    /// Takes what is chosen, pasted or dropped on the panel.
    #[wasm_bindgen(js_namespace = files)]
    pub(crate) fn attach(dialog: &Node, ask: &Function);
    /// Shows what was sent with a message: JSON.
    #[wasm_bindgen(js_namespace = files)]
    pub(crate) fn show(node: &Node, file: &str);
    /// Goes on with a file (JSON) that the server has lost, or with what an earlier page has left (`0`); and without a word only
    /// drops what is not of whoever the visitor is by now.
    #[wasm_bindgen(js_namespace = files)]
    pub(crate) fn resume(lost: &str);
    /// Cancels all that is not sent yet, and keeps nothing of it.
    #[wasm_bindgen(js_namespace = files)]
    pub(crate) fn forget();
}
