//! Elements, made and changed one at a time and never from markup: there is no string that could become HTML.

use wasm_bindgen::prelude::*;

use crate::browser::{get, set_number, set_text, text};

#[wasm_bindgen]
extern "C" {
    /// An element or a text.
    #[derive(Clone)]
    pub(crate) type Node;

    #[wasm_bindgen(js_namespace = document, js_name = createElementNS)]
    fn create_element(namespace: &str, tag: &str) -> Node;
    #[wasm_bindgen(js_namespace = document, js_name = createTextNode)]
    pub(crate) fn create_text(text: &str) -> Node;
    #[wasm_bindgen(method, js_name = setAttribute)]
    pub(crate) fn attribute(this: &Node, name: &str, value: &str);
    #[wasm_bindgen(method, js_name = insertBefore)]
    pub(crate) fn insert(this: &Node, child: &Node, before: Option<&Node>);
    #[wasm_bindgen(method)]
    pub(crate) fn remove(this: &Node);
    #[wasm_bindgen(method)]
    pub(crate) fn focus(this: &Node);
    #[wasm_bindgen(method, js_name = preventDefault)]
    pub(crate) fn prevent_default(this: &Node);
    #[wasm_bindgen(method, js_name = setProperty)]
    fn set_property(this: &Node, name: &str, value: &str);
}

const HTML: &str = "http://www.w3.org/1999/xhtml";
const SVG: &str = "http://www.w3.org/2000/svg";

/// Makes an element with a class.
pub(crate) fn create(tag: &str, class: &str) -> Node {
    let drawn = tag == "svg" || tag == "path";
    let node = create_element(if drawn { SVG } else { HTML }, tag);
    if !class.is_empty() {
        node.attribute("class", class);
    }
    node
}

impl Node {
    /// Adds a child at the end.
    pub(crate) fn append(&self, child: &Node) {
        self.insert(child, None);
    }

    /// Makes a child with a class and adds it at the end.
    pub(crate) fn child(&self, tag: &str, class: &str) -> Node {
        let child = create(tag, class);
        self.append(&child);
        child
    }

    /// Replaces everything in the element by a text; nothing is touched when it says the same already, because a live region
    /// would say it again.
    pub(crate) fn put(&self, words: &str) {
        if text(self, "textContent") != words {
            set_text(self, "textContent", words);
        }
    }

    /// Shows the element, or takes it out of sight and out of reach.
    pub(crate) fn show(&self, shown: Shown) {
        set_number(self, "hidden", if shown == Shown::No { 1.0 } else { 0.0 });
    }

    /// Sets a property of the element's own style: CSSOM, which no content security policy forbids.
    pub(crate) fn style(&self, name: &str, value: &str) {
        get(self, "style").unchecked_into::<Node>().set_property(name, value);
    }
}

/// Whether an element is on the screen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Yes,
    No,
}

impl Shown {
    /// Returns `Yes` where something is to be seen.
    pub(crate) fn when(something: bool) -> Self {
        if something { Self::Yes } else { Self::No }
    }
}
