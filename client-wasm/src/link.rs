//! Where the widget is cut in two.
//!
//! `cargo xtask build` makes two WebAssembly modules of this one: everything that only [`advance`] can reach goes into the
//! second, which is fetched when somebody writes or a dialog is under way. Both share one memory, so what goes from one to the
//! other are values in [`DOOR`], and the panel's functions are called as they are. Nothing of the panel may name [`Shell`] or
//! the client itself: it would pull them into the first module (`cargo xtask size` would show it).

use core::cell::RefCell;
use core::mem::take;
use std::rc::Rc;

use client_core::{Identify, Input};
use protocol::Secret;
use wasm_bindgen::prelude::*;

use crate::browser::{Function, stringify};
use crate::driver::{Parts, Shell};
use crate::screen::Screen;
use crate::tabs::Place;
use crate::wake::Wake;

/// What the panel has for the link.
#[cfg_attr(
    target_pointer_width = "64",
    expect(clippy::large_enum_variant, reason = "it is taken apart where it arrives")
)]
pub(crate) enum Knock {
    /// There is something to link: a client is made. With what the page has said about the visitor, and whether other pages see what
    /// is stored.
    Begin(Box<Parts<Rc<Screen>>>, Vec<(String, JsValue)>, bool),
    /// A person did something.
    Input(Input),
    /// The page says something about the visitor.
    Word((String, JsValue)),
    /// Another language is spoken.
    Repeat,
    /// The browser called.
    Wake(Wake, u32, JsValue),
    /// The widget is taken off its page.
    End,
}

thread_local! {
    static DOOR: RefCell<Vec<Knock>> = const { RefCell::new(Vec::new()) };
    static SHELL: RefCell<Option<Rc<Shell<Rc<Screen>>>>> = const { RefCell::new(None) };
    /// This page's among those of the same visitor.
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

#[wasm_bindgen]
extern "C" {
    /// Fetches the second module, and finds out which key is the visitor's: this one, unless another page was first.
    ///
    /// `name` stands for the visitor; an empty one for a page without others. `here` is told the key, or nothing where the pages
    /// cannot agree. The script around the modules has it (`xtask/src/glue.rs`).
    #[wasm_bindgen(js_namespace = link)]
    pub(crate) fn load(name: &str, key: &str, here: &Function, failed: &Function);
    #[wasm_bindgen(js_namespace = link, js_name = advance)]
    fn call_advance();
}

/// Gives the link something to do; only after it is here.
pub(crate) fn knock(knock: Knock) {
    DOOR.with_borrow_mut(|door| door.push(knock));
    call_advance();
}

/// Does what the panel has for the link.
#[wasm_bindgen]
pub fn advance() {
    for knock in DOOR.with_borrow_mut(take) {
        let shell = SHELL.with_borrow(Option::clone);
        match (knock, shell) {
            (Knock::Begin(mut parts, words, is_shared), _) => {
                let (waker, storage) = (parts.waker.clone(), parts.storage.clone());
                // Before it starts: it might do so as somebody else.
                let place = parts.inputs.iter().position(|input| matches!(input, Input::Start)).unwrap_or_default();
                let words: Vec<Input> = words.into_iter().filter_map(understood).collect();
                parts.inputs.splice(place..place, words);
                let (face, view) = (parts.face.clone(), parts.view.clone());
                let shell = Rc::new(Shell::new(*parts));
                SHELL.set(Some(shell.clone()));
                // What was sent before the link came is on the screen already, and the page was not told of it.
                face.tell_states(&view);
                shell.run();
                shell.resume_files();
                // Not before there is a link that could rest.
                // A page with a store of its own is a visitor of its own: nobody else hears what comes for it.
                PLACE.set(is_shared.then(|| Place::take(storage.prefix(), &waker.of(Wake::Tab, 0))));
            }
            (Knock::Repeat, Some(shell)) => shell.repeat(),
            (Knock::Input(input), Some(shell)) => shell.push(input),
            (Knock::Word((name, _)), Some(shell)) if name == "logout" => shell.log_out(),
            (Knock::Word(word), Some(shell)) => understood(word).into_iter().for_each(|input| shell.push(input)),
            (Knock::Wake(wake, id, value), Some(shell)) => shell.wake(wake, id, &value),
            (Knock::End, _) => {
                PLACE.set(None);
                SHELL.set(None);
            }
            (Knock::Input(_) | Knock::Word(_) | Knock::Wake(..) | Knock::Repeat, None) => {}
        }
    }
}

/// Returns what a page's word about the visitor means: `identify` with a token, with an empty text where there is none to give, or
/// with nothing where it will be asked; `attributes` with an object.
fn understood((name, value): (String, JsValue)) -> Option<Input> {
    if name == "attributes" {
        return stringify(&value).ok().map(Input::Attributes);
    }
    Some(Input::Identify(match value.as_string() {
        None => Identify::Asked,
        Some(token) if token.is_empty() => Identify::Failed,
        Some(token) => Identify::Token(Secret::new(token)),
    }))
}
