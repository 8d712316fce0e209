//! Every word that a visitor reads, in one language; `languages/en.txt` tells how a word is added.

include!(concat!(env!("OUT_DIR"), "/words.rs"));

/// Whether what is on the screen is in the language that is spoken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    /// It is.
    Same,
    /// It was said in another one.
    New,
}

/// The words of one language.
pub(crate) struct Texts {
    /// The locale as in BCP 47; and a line for each [`Word`] and each [`Late`], unless it is English.
    said: String,
}

impl Texts {
    /// Takes what the script around the module knows (client-wasm/src/speech.js).
    pub(crate) fn new(said: String) -> Self {
        Self { said }
    }

    /// Returns the locale, for the browser's own words.
    pub(crate) fn locale(&self) -> &str {
        self.halves().0
    }

    /// Returns a word.
    pub(crate) fn of(&self, word: Word) -> &str {
        line(self.halves().1.unwrap_or(ENGLISH), word as usize)
    }

    /// Returns a sentence around a name.
    pub(crate) fn with(&self, word: Word, name: &str) -> String {
        filled(self.of(word), name)
    }

    /// Returns a word that only the link's half says; only that may call this.
    pub(crate) fn late(&self, word: Late) -> &str {
        self.late_line(word as usize)
    }

    /// Returns a sentence of the link's half around a name.
    pub(crate) fn late_with(&self, word: Late, name: &str) -> String {
        filled(self.late(word), name)
    }

    /// Returns a sentence of the link's half around a number, in the form that the language has for it: its place among those of the build.
    pub(crate) fn counted(&self, word: Late, form: usize, number: &str) -> String {
        const OTHER: usize = 5;
        let exact = self.late_line(word as usize + form);
        filled(if exact.is_empty() { self.late_line(word as usize + OTHER) } else { exact }, number)
    }

    fn late_line(&self, number: usize) -> &str {
        match self.halves().1 {
            Some(lines) => line(lines, number),
            None => line(ENGLISH_LATE, number - LATE),
        }
    }

    /// Returns the locale, and the lines unless it is English.
    fn halves(&self) -> (&str, Option<&str>) {
        cut(&self.said, b'\n')
    }
}

fn line(lines: &str, number: usize) -> &str {
    let mut rest = Some(lines);
    for _ in 0..number {
        rest = rest.and_then(|rest| cut(rest, b'\n').1);
    }
    cut(rest.unwrap_or_default(), b'\n').0
}

/// Puts a value where the braces are; the build has made a tabulator of them.
fn filled(sentence: &str, value: &str) -> String {
    let (before, after) = cut(sentence, b'\t');
    let mut whole = String::from(before);
    if let Some(after) = after {
        whole.push_str(value);
        whole.push_str(after);
    }
    whole
}

/// Cuts a text at the first of these ASCII characters: the standard library's way is a kilobyte longer.
pub(super) fn cut(text: &str, at: u8) -> (&str, Option<&str>) {
    let place = text.bytes().position(|byte| byte == at).unwrap_or(text.len());
    (text.get(..place).unwrap_or_default(), text.get(place + 1..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_is_there_without_a_file() {
        let texts = Texts::new("en-GB".into());
        assert_eq!((texts.locale(), texts.of(Word::Close), texts.of(Word::Direction)), ("en-GB", "Close", "ltr"));
        assert_eq!(texts.late_with(Late::Types, "Dana"), "Dana is typing…");
        assert_eq!(texts.with(Word::BackOn, "Monday"), "We’re back on Monday");
        assert_eq!((texts.late(Late::Change), texts.of(Word::BackOn)), ("Change", "We’re back on \t"));
    }

    #[test]
    fn what_is_counted_takes_its_form_or_the_last() {
        let texts = Texts::new("en".into());
        assert_eq!(texts.counted(Late::Unread, 1, "1"), ", 1 unread message");
        assert_eq!(texts.counted(Late::Unread, 3, "4"), ", 4 unread messages");
    }

    #[test]
    fn another_language_has_its_own_lines() {
        let texts = Texts::new("he\nrtl\nA\nB \t".into());
        assert_eq!((texts.locale(), texts.of(Word::Direction), texts.of(Word::Chat)), ("he", "rtl", "A"));
        // Words that a file lacks are silent, not a panic.
        assert_eq!((texts.of(Word::OutboxFull), texts.late(Late::Retry)), ("", ""));
        assert_eq!((filled("no braces", "x"), filled("\t.", "x")), ("no braces".into(), "x.".into()));
    }
}
