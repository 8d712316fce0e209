//! One message on the screen.

use core::cell::Cell;

use client_core::{Delivery, From, Item};
use protocol::AuthorKind;

use super::clock::{self, Calendar};
use super::files;
use super::links::{Piece, pieces};
use super::node::{Node, create, create_text};
use super::texts::{Speech, Texts, Word};
use crate::browser::set_text;

/// A message and the elements that show it.
pub(crate) struct Row {
    pub(crate) node: Node,
    day: Node,
    author: Node,
    bubble: Node,
    pub(super) state: Node,
    /// Whether what was sent with it is on the screen.
    has_file: Cell<bool>,
    key: String,
    shown: Shown,
}

/// What can change of a message on the screen; its text cannot.
type Shown = (u64, Delivery, Standing, bool);

/// What every row has to know.
pub(crate) struct Surroundings<'a> {
    pub(crate) calendar: Calendar,
    pub(crate) texts: &'a Texts,
    pub(crate) speech: Speech,
    /// The name of the site; it speaks where nobody else does.
    pub(crate) site: &'a str,
    pub(crate) dress: Option<Dress>,
}

/// What the link's half does to a row: it says how far a message has come.
pub(crate) type Dress = fn(&Row, &Item, &Surroundings<'_>);

/// How a message stands among its neighbours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// It begins a group of one author.
    pub(crate) first: bool,
    /// It ends one.
    pub(crate) last: bool,
    /// It begins a day.
    pub(crate) new_day: bool,
}

/// Messages of one author within this time stand together.
const GROUP_MS: u64 = 300_000;

impl Standing {
    /// Looks at the neighbours.
    pub(crate) fn of(before: Option<&Item>, item: &Item, after: Option<&Item>, calendar: Calendar) -> Self {
        Self {
            first: !before.is_some_and(|before| together(before, item, calendar)),
            last: !after.is_some_and(|after| together(item, after, calendar)),
            new_day: item.at > 0 && before.is_none_or(|before| calendar.day(before.at) != calendar.day(item.at)),
        }
    }
}

/// Returns whether two neighbours are of one author and of one moment.
fn together(before: &Item, item: &Item, calendar: Calendar) -> bool {
    before.from == item.from
        && before.author == item.author
        && item.at.saturating_sub(before.at) < GROUP_MS
        && calendar.day(before.at) == calendar.day(item.at)
}

impl Row {
    /// Makes a row for an item.
    pub(crate) fn new(item: &Item, standing: Standing, surroundings: &Surroundings<'_>) -> Self {
        let node = create("div", "");
        let day = node.child("div", "d");
        let author = node.child("div", "n");
        let bubble = node.child("div", "t");
        let state = node.child("div", "s");
        fill(&bubble, &item.text);
        let (key, shown) = (item.key.clone(), shown(item, standing, surroundings));
        let row = Self { node, day, author, bubble, state, has_file: Cell::new(false), key, shown };
        row.show(item, surroundings);
        row
    }

    /// Returns the id of the message.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Says whether it ends a group.
    pub(super) fn is_last(&self) -> bool {
        self.shown.2.last
    }

    /// Shows what has changed of an item.
    pub(crate) fn update(&mut self, item: &Item, standing: Standing, surroundings: &Surroundings<'_>) {
        let shown = shown(item, standing, surroundings);
        if surroundings.speech == Speech::New || shown != self.shown {
            self.shown = shown;
            self.show(item, surroundings);
        }
    }

    fn show(&self, item: &Item, surroundings: &Surroundings<'_>) {
        let standing = self.shown.2;
        let &Surroundings { calendar, texts, .. } = surroundings;
        let own = item.from == From::Own;
        set_text(
            &self.node,
            "className",
            match (own, standing.first) {
                (true, true) => "m o f",
                (true, false) => "m o",
                (false, true) => "m f",
                (false, false) => "m",
            },
        );
        self.day.put(&if standing.new_day { calendar.day_name(item.at, texts) } else { String::new() });
        self.author.put(if own { texts.of(Word::You) } else { name(item, surroundings) });
        // Before the link is here, too: what an earlier page has left may bring a file.
        if !item.file.is_empty() && !self.has_file.replace(true) {
            files::show(&self.bubble, &item.file);
        }
        match surroundings.dress {
            Some(dress) => dress(self, item, surroundings),
            None if own => self.wait(item, texts),
            None => {}
        }
    }

    /// Says of an own message that it is on its way: more is not known while there is no link.
    fn wait(&self, item: &Item, texts: &Texts) {
        let is_unsaved = item.delivery == Delivery::Unsaved;
        let (state, word) = if is_unsaved { ("unsaved", Word::Unsaved) } else { ("sending", Word::Sending) };
        self.tell(item, is_unsaved || self.is_last(), Some((state, texts.of(word))), texts);
    }

    /// Says when a message was written, and of an own one how far it has come: a word for programs and one for people.
    pub(super) fn tell(&self, item: &Item, is_told: bool, own: Option<(&str, &str)>, texts: &Texts) {
        let mut line = String::new();
        if is_told && item.at > 0 {
            line = clock::time(item.at, texts);
        }
        if let Some((state, word)) = own {
            self.node.attribute("data-state", state);
            if !line.is_empty() {
                line.push_str(" · ");
                line.push_str(word);
            }
        }
        self.state.put(&line);
    }
}

fn shown(item: &Item, standing: Standing, surroundings: &Surroundings<'_>) -> Shown {
    (item.at, item.delivery, standing, surroundings.site.is_empty())
}

fn fill(bubble: &Node, text: &str) {
    bubble.put("");
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => bubble.append(&create_text(text)),
            Piece::Link(address) => {
                let link = bubble.child("a", "");
                link.attribute("href", address);
                link.attribute("target", "_blank");
                link.attribute("rel", "noopener noreferrer nofollow");
                link.put(address);
            }
        }
    }
}

fn name<'a>(item: &'a Item, surroundings: &Surroundings<'a>) -> &'a str {
    if !item.author.name.is_empty() {
        return &item.author.name;
    }
    match item.author.kind {
        AuthorKind::Assistant => surroundings.texts.of(Word::Assistant),
        AuthorKind::System if !surroundings.site.is_empty() => surroundings.site,
        AuthorKind::Visitor | AuthorKind::Operator | AuthorKind::System => surroundings.texts.of(Word::Team),
    }
}
