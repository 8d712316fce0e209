//! The few functions of the browser that everything here is made of.
//!
//! Each import costs a visitor about forty bytes, so one general function is worth more than ten exact ones; what a transport
//! needs of its own comes from web-sys. None of these throws when called as it is called here, but where `catch` says so.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Anything that can be called.
    pub(crate) type Function;

    #[cfg(feature = "widget")]
    #[wasm_bindgen(js_namespace = Reflect, js_name = get)]
    pub(crate) fn get_at(list: &JsValue, place: u32) -> JsValue;
    #[wasm_bindgen(js_namespace = Reflect)]
    pub(crate) fn get(object: &JsValue, name: &str) -> JsValue;
    #[cfg(feature = "headless")]
    #[wasm_bindgen(js_namespace = Reflect, js_name = get, catch)]
    pub(crate) fn get_guarded(object: &JsValue, name: &str) -> Result<JsValue, JsValue>;
    /// Reads a property that is a number.
    #[wasm_bindgen(js_namespace = Reflect, js_name = get)]
    pub(crate) fn number(object: &JsValue, name: &str) -> f64;
    #[wasm_bindgen(js_namespace = Reflect)]
    pub(crate) fn set(object: &JsValue, name: &str, value: &JsValue);
    #[wasm_bindgen(js_namespace = Reflect, js_name = set)]
    pub(crate) fn set_text(object: &JsValue, name: &str, value: &str);
    #[wasm_bindgen(js_namespace = Reflect, js_name = set)]
    pub(crate) fn set_number(object: &JsValue, name: &str, value: f64);
    #[wasm_bindgen(js_name = Object)]
    pub(crate) fn object() -> JsValue;

    /// `globalThis`, by the one name that is there in pages and frames.
    #[wasm_bindgen(thread_local_v2, js_name = self)]
    static WINDOW: JsValue;

    #[cfg(feature = "widget")]
    #[wasm_bindgen(method)]
    pub(crate) fn call(this: &Function, of: &JsValue, first: &str, second: &JsValue);
    #[cfg(feature = "headless")]
    #[wasm_bindgen(method, js_name = call, catch)]
    pub(crate) fn call_guarded(this: &Function, of: &JsValue, value: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn bind(this: &Function, of: &JsValue, shell: u32, wake: u32, id: u32) -> Function;

    #[wasm_bindgen(method, js_name = bind)]
    pub(crate) fn bind_close(this: &Function, of: &JsValue, code: u32, reason: &str) -> Function;

    #[wasm_bindgen(js_name = setTimeout)]
    pub(crate) fn set_timeout(callback: &Function, ms: f64) -> f64;
    #[wasm_bindgen(js_name = clearTimeout)]
    pub(crate) fn clear_timeout(timer: f64);
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub(crate) fn mono_ms() -> f64;
    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    pub(crate) fn wall_ms() -> f64;
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    pub(crate) fn fill_random(bytes: &mut [u8]);

    #[cfg(feature = "widget")]
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    pub(crate) fn console_error(line: &str);

    /// Shows the picture of a name; `client-wasm/src/tabs.js` has it.
    #[cfg(feature = "widget")]
    #[wasm_bindgen(js_namespace = tabs)]
    pub(crate) fn paint(letter: &JsValue, url: &str, name: &str);
    /// Chooses a language; `client-wasm/src/speech.js` has it.
    #[cfg(feature = "widget")]
    #[wasm_bindgen(js_namespace = speech)]
    pub(crate) fn speak(locale: &JsValue);
    /// Chooses one where nobody has chosen one that is there.
    #[cfg(feature = "widget")]
    #[wasm_bindgen(js_namespace = speech)]
    pub(crate) fn suggest(locale: &JsValue);
    /// Returns what is said, and calls back when it is something else.
    #[cfg(feature = "widget")]
    #[wasm_bindgen(js_namespace = speech)]
    pub(crate) fn hear(changed: &Function) -> JsValue;
    /// Returns which of its forms a word has beside a number.
    #[cfg(feature = "widget")]
    #[wasm_bindgen(js_namespace = speech)]
    pub(crate) fn form(number: u32) -> u32;
    #[wasm_bindgen(js_namespace = JSON, catch)]
    pub(crate) fn stringify(value: &JsValue) -> Result<String, JsValue>;

    /// A promise, of which only `then` is wanted.
    pub(crate) type Promise;
    pub(crate) fn fetch(url: &str, init: &JsValue) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn then(this: &Promise, done: &Function, failed: &Function);

    /// `localStorage` or `sessionStorage`.
    pub(crate) type Store;
    #[wasm_bindgen(method)]
    pub(crate) fn key(this: &Store, index: u32) -> Option<String>;
    #[wasm_bindgen(method, js_name = getItem)]
    pub(crate) fn item(this: &Store, name: &str) -> Option<String>;
    #[wasm_bindgen(method, js_name = setItem, catch)]
    pub(crate) fn set_item(this: &Store, name: &str, value: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, js_name = removeItem)]
    pub(crate) fn remove_item(this: &Store, name: &str);

    /// Whatever events happen to.
    pub(crate) type Target;
    #[wasm_bindgen(method, js_name = addEventListener)]
    pub(crate) fn listen(this: &Target, name: &str, callback: &Function);
    #[wasm_bindgen(method, js_name = removeEventListener)]
    pub(crate) fn unlisten(this: &Target, name: &str, callback: &Function);
}

/// Returns the window of the page.
pub(crate) fn window() -> JsValue {
    WINDOW.with(Clone::clone)
}

/// Reads a property that is a text; empty where it is none.
pub(crate) fn text(object: &JsValue, name: &str) -> String {
    get(object, name).as_string().unwrap_or_default()
}

/// Reads a property for its truth.
pub(crate) fn flag(object: &JsValue, name: &str) -> bool {
    get(object, name).is_truthy()
}
