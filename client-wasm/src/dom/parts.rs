//! The elements that are always there, made from one table: a table is smaller than the code that would make them.

use super::node::{Node, create};
use super::texts::{Texts, Word};

/// An element of the panel; its place in [`PLAN`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Root,
    Dialog,
    Head,
    Letter,
    Words,
    Name,
    Who,
    Close,
    CloseIcon,
    CloseLines,
    Banner,
    BannerWords,
    TryNow,
    Away,
    AwayWords,
    AwayMore,
    Wrap,
    List,
    Older,
    Typing,
    Typist,
    Newer,
    NewerIcon,
    NewerLines,
    Composer,
    Note,
    Frame,
    Field,
    Send,
    SendIcon,
    SendLines,
    Attach,
    Picker,
}

/// The parent, the tag and the class of every part but the first, which the loader has made; see `widget.css` for the letters.
const PLAN: [(Part, &str, &str); 35] = [
    (Part::Root, "div", "p"),
    (Part::Dialog, "div", "h"),
    (Part::Head, "div", "a"),
    (Part::Head, "div", "j"),
    (Part::Words, "h2", ""),
    (Part::Words, "p", ""),
    (Part::Head, "button", "x"),
    (Part::Close, "svg", ""),
    (Part::CloseIcon, "path", ""),
    (Part::Dialog, "div", "b"),
    (Part::Banner, "span", ""),
    (Part::Banner, "button", ""),
    (Part::Dialog, "div", "u"),
    (Part::Away, "p", ""),
    (Part::Away, "p", ""),
    (Part::Dialog, "div", "w"),
    (Part::Wrap, "div", "l"),
    (Part::List, "button", "q"),
    (Part::List, "div", "y"),
    (Part::Typing, "span", "v"),
    (Part::Wrap, "button", "g"),
    (Part::Newer, "svg", ""),
    (Part::NewerIcon, "path", ""),
    (Part::Dialog, "div", "c"),
    (Part::Composer, "div", "z"),
    // The frame repeats the text out of sight and so gives the field its height.
    (Part::Composer, "div", "r"),
    (Part::Frame, "textarea", "e"),
    (Part::Frame, "button", "k"),
    (Part::Send, "svg", ""),
    (Part::SendIcon, "path", ""),
    (Part::Frame, "label", "x at"),
    (Part::Attach, "input", ""),
    // The three dots of somebody who types have no names.
    (Part::Typing, "i", ""),
    (Part::Typing, "i", ""),
    (Part::Typing, "i", ""),
];

const ATTRIBUTES: [(Part, &str, &str); 26] = [
    (Part::Dialog, "role", "dialog"),
    (Part::Dialog, "tabindex", "-1"),
    (Part::Dialog, "data-state", "idle"),
    (Part::Dialog, "hidden", ""),
    (Part::Letter, "aria-hidden", "true"),
    (Part::CloseIcon, "viewBox", VIEW),
    (Part::CloseLines, "d", "M6 6l12 12M18 6L6 18"),
    (Part::Banner, "role", "status"),
    (Part::Banner, "hidden", ""),
    (Part::Away, "hidden", ""),
    (Part::AwayMore, "dir", "auto"),
    (Part::List, "role", "log"),
    (Part::List, "tabindex", "0"),
    (Part::Older, "hidden", ""),
    (Part::Typing, "hidden", ""),
    (Part::Newer, "hidden", ""),
    (Part::NewerIcon, "viewBox", VIEW),
    (Part::NewerLines, "d", "M12 5v14M5 12l7 7 7-7"),
    (Part::Note, "role", "status"),
    (Part::Field, "rows", "1"),
    (Part::Field, "enterkeyhint", "send"),
    (Part::SendIcon, "viewBox", VIEW),
    (Part::SendLines, "d", "M5 12h14M12 5l7 7-7 7"),
    (Part::Attach, "hidden", ""),
    (Part::Picker, "type", "file"),
    (Part::Picker, "multiple", ""),
];

const VIEW: &str = "0 0 24 24";

/// All parts of one panel.
pub(crate) struct Parts(Vec<Node>);

impl Parts {
    /// Makes them in the shadow root.
    pub(crate) fn new(root: Node) -> Self {
        let mut parts = Self(vec![root]);
        for (parent, tag, class) in PLAN {
            let node = create(tag, class);
            parts.of(parent).append(&node);
            parts.0.push(node);
        }
        for (part, name, value) in ATTRIBUTES {
            parts.of(part).attribute(name, value);
        }
        parts
    }

    /// Says everything that does not change in other words.
    pub(crate) fn speak(&self, texts: &Texts) {
        for (part, name, word) in [
            (Part::Dialog, "dir", Word::Direction),
            (Part::Close, "aria-label", Word::Close),
            (Part::List, "aria-label", Word::Messages),
            (Part::Newer, "aria-label", Word::Newer),
            (Part::Field, "aria-label", Word::Write),
            (Part::Field, "placeholder", Word::Write),
            (Part::Send, "aria-label", Word::Send),
            (Part::Picker, "aria-label", Word::Attach),
        ] {
            self.of(part).attribute(name, texts.of(word));
        }
        self.of(Part::Dialog).attribute("lang", texts.locale());
        self.of(Part::TryNow).put(texts.of(Word::TryNow));
    }

    /// Returns one.
    pub(crate) fn of(&self, part: Part) -> &Node {
        &self.0[part as usize]
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.of(Part::Dialog).remove();
    }
}
