//! The elements that are always there, made from one table: a table is smaller than the code that would make them.

use super::node::Node;
use super::texts::{Texts, Word, cut};

/// An element of the panel; its line in [`PLAN`].
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(dead_code, reason = "some are made and never asked for again")]
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
    Composer,
    Note,
    Frame,
    Attach,
    Picker,
    Field,
    Send,
    SendIcon,
    SendLines,
}

/// Every part but the first, which the loader has made, as [`grow`] reads it; see `widget.css` for the classes. The frame repeats the text
/// out of sight and so gives the field its height.
const PLAN: &str = "\
0div|p|role=dialog|tabindex=-1|data-state=idle|hidden=
1div|h
2div|a|aria-hidden=true
2div|j
3h2|
3p|
2button|x
3svg||viewBox=0 0 24 24
4path||d=M6 6l12 12M18 6L6 18
1div|b|role=status|hidden=
2span|
2button|
1div|u|hidden=
2p|
2p||dir=auto
1div|w
2div|l|role=log|aria-live=polite|tabindex=0
1div|c
2div|z|role=status
2div|r
3label|x at|hidden=
4input||type=file|multiple=
3textarea|e|rows=1|enterkeyhint=send
3button|k
4svg||viewBox=0 0 24 24
5path||d=M5 12h14M12 5l7 7-7 7";

/// All parts of one panel.
pub(crate) struct Parts(Vec<Node>);

/// Makes elements in another one by a plan: a line for each, with how deep it stands, its tag, its class, and its attributes. Returns the
/// other one, and then them.
pub(super) fn grow(root: &Node, plan: &str) -> Vec<Node> {
    let mut nodes = vec![root.clone()];
    // Where the elements are that the next one may stand in, the outermost first.
    let mut around = vec![0];
    let mut plan = Some(plan);
    while let Some((line, more)) = plan.map(|plan| cut(plan, b'\n')) {
        plan = more;
        let (tag, rest) = cut(line, b'|');
        let (class, mut attributes) = cut(rest.unwrap_or_default(), b'|');
        let depth = usize::from(tag.bytes().next().unwrap_or_default() - b'0');
        around.truncate(depth + 1);
        let node = nodes[around[depth]].child(tag.get(1..).unwrap_or_default(), class);
        while let Some((attribute, more)) = attributes.map(|attributes| cut(attributes, b'|')) {
            attributes = more;
            let (name, value) = cut(attribute, b'=');
            node.attribute(name, value.unwrap_or_default());
        }
        around.push(nodes.len());
        nodes.push(node);
    }
    nodes
}

impl Parts {
    /// Makes them in the shadow root.
    pub(crate) fn new(root: &Node) -> Self {
        Self(grow(root, PLAN))
    }

    /// Says everything that does not change in other words.
    pub(crate) fn speak(&self, texts: &Texts) {
        for &(part, name, word) in &[
            (Part::Dialog, "dir", Word::Direction),
            (Part::Close, "aria-label", Word::Close),
            (Part::List, "aria-label", Word::Messages),
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
