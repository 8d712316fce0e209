//! Images and files: who chooses, sends and shows them is JavaScript of its own, `www/files/files.js`, fetched when there is one.

use client_core::Item;
use wasm_bindgen::prelude::*;

use super::node::Node;
use crate::browser::Function;

#[wasm_bindgen]
extern "C" {
    /// Takes what is chosen, pasted or dropped on the panel.
    #[wasm_bindgen(js_namespace = files)]
    pub(crate) fn attach(dialog: &Node, ask: &Function);
    #[wasm_bindgen(js_namespace = files, js_name = show)]
    fn show_file(node: &Node, id: &str, name: &str, mime: &str, size: f64, width: u32, height: u32);
}

/// Shows what was sent with a message.
pub(crate) fn show(node: &Node, item: &Item) {
    if let Some(file) = &item.file {
        let (width, height) = (file.width.unwrap_or_default(), file.height.unwrap_or_default());
        show_file(node, &file.id, &file.name, &file.mime, file.size as f64, width, height);
    }
}
