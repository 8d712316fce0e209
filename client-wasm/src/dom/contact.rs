//! Where a visitor who found nobody there leaves an address: made when it is first asked for, and only by the link's half.

use client_core::{Contact, Input, View};
use wasm_bindgen::{JsCast, JsValue};

use super::node::{Node, Shown};
use super::parts::grow;
use super::texts::{Late, Texts};
use crate::browser::{Function, set_text, text};
use crate::wake::{Listener, Wake, Waker};

/// Its style sheet.
const STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/contact.css"));

/// Its elements, in the way of [`super::parts`].
const PLAN: &str = "\
0form||novalidate=
1label||for=e
1div|ur
2input||id=e|type=email|dir=ltr|autocomplete=email|aria-describedby=w
2button|
1p|z|id=w|role=alert
0div|ug
1span||role=status
1button||type=button";

/// What a person does to it; the id of a [`Wake::Contact`].
const SUBMIT: u32 = 0;
const CHANGE: u32 = 1;

/// The question for an address, and what is said of it when it was given.
pub(super) struct ContactForm {
    form: Node,
    label: Node,
    field: Node,
    save: Node,
    wrong: Node,
    given: Node,
    words: Node,
    change: Node,
    step: Step,
    _listeners: [Listener; 2],
}

/// What the visitor is about to do with it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Rest,
    /// Write another address than the one that was given.
    Change,
    /// Hear what became of the one that was just given.
    Submitted,
}

impl ContactForm {
    /// Makes it at the end of an element.
    pub(super) fn new(place: &Node, waker: &Waker, style: &Function) -> Self {
        style.call(&JsValue::UNDEFINED, STYLE, &JsValue::UNDEFINED);
        let Ok([_, form, label, _, field, save, wrong, given, words, change]) =
            <[Node; 10]>::try_from(grow(place, PLAN))
        else {
            unreachable!()
        };
        let listeners = [
            waker.listen(&form, "submit", Wake::Contact, SUBMIT),
            waker.listen(&change, "click", Wake::Contact, CHANGE),
        ];
        Self { form, label, field, save, wrong, given, words, change, step: Step::Rest, _listeners: listeners }
    }

    /// Shows what a view says of the address.
    pub(super) fn show(&mut self, view: &View, texts: &Texts) {
        if view.contact == Contact::None {
            // What stands in it may be of somebody who has logged out.
            set_text(&self.field, "value", "");
            self.step = Step::Rest;
        }
        let is_given = matches!(view.contact, Contact::Sending | Contact::Given);
        let is_asked =
            matches!(view.contact, Contact::Wanted | Contact::Refused) || is_given && self.step == Step::Change;
        self.form.show(Shown::when(is_asked));
        self.given.show(Shown::when(is_given && !is_asked));
        for &(node, word) in &[
            (&self.label, Late::LeaveEmail),
            (&self.save, Late::Save),
            (&self.words, Late::EmailGiven),
            (&self.change, Late::Change),
        ] {
            node.put(texts.late(word));
        }
        let is_wrong = view.contact == Contact::Refused;
        self.wrong.put(if is_wrong { texts.late(Late::WrongEmail) } else { "" });
        self.field.attribute("aria-invalid", if is_wrong { "true" } else { "false" });
        self.field.attribute("placeholder", texts.late(Late::Email));
        if self.step == Step::Submitted && (is_wrong || is_given) {
            // The focus was in the form, which may be gone.
            self.step = Step::Rest;
            (if is_wrong { &self.field } else { &self.change }).focus();
        }
    }

    /// Takes a [`Wake::Contact`]; returns what the client should know.
    pub(super) fn heard(&mut self, id: u32, event: &JsValue, view: &View, texts: &Texts) -> Option<Input> {
        if id == CHANGE {
            self.step = Step::Change;
            self.show(view, texts);
            self.field.focus();
            return None;
        }
        self.step = Step::Submitted;
        event.unchecked_ref::<Node>().prevent_default();
        Some(Input::Contact { email: text(&self.field, "value") })
    }
}
