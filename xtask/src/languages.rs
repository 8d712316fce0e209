//! The widget's languages: `client-wasm/languages/*.txt` become modules of words, fetched when they are spoken.

use std::collections::BTreeMap;
use std::fs;

use crate::failure::{Failure, Result};
use crate::process::root;

const FOLDER: &str = "client-wasm/languages";
/// What the module itself says.
const ENGLISH: &str = "en";
/// The forms of what is counted, as CLDR names them; the order of `client-wasm/build.rs` and of `client-wasm/src/speech.js`.
const FORMS: [&str; 6] = ["zero", "one", "two", "few", "many", "other"];

/// The words of one language, by name and form.
type Words = Vec<(String, String)>;

/// Returns what stands for `__REJOIN_LANGUAGES__`: how each language is imported, from the paths that these names have.
pub(crate) fn imports<'a>(paths: impl Iterator<Item = (&'a str, String)>) -> String {
    paths.map(|(name, path)| format!("{name}: () => import('{path}'), ")).collect()
}

/// Returns the script of each language but English, by its name: `export default "…"`, with a line for each word, and a tabulator for `{}`.
///
/// # Errors
/// A file cannot be read, or lacks a word.
pub(crate) fn modules() -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = sources()?;
    let english = files.remove(ENGLISH).ok_or_else(|| Failure::new(format!("{FOLDER}/{ENGLISH}.txt is missing")))?;
    let mut modules = BTreeMap::new();
    for (name, words) in files {
        let faults = faults(&english, &words);
        if !faults.is_empty() {
            return Err(Failure::new(format!("{FOLDER}/{name}.txt: {}", faults.join("; "))));
        }
        let script = format!(
            "export default {};\n",
            serde_json::Value::String(lines(&english, &words).join("\n").replace("{}", "\t"))
        );
        modules.insert(name, script.into_bytes());
    }
    Ok(modules)
}

fn sources() -> Result<BTreeMap<String, Words>> {
    let folder = root().join(FOLDER);
    let mut sources = BTreeMap::new();
    for entry in fs::read_dir(&folder).map_err(|error| Failure::at(&folder, error))? {
        let path = entry.map_err(|error| Failure::at(&folder, error))?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let text = fs::read_to_string(&path).map_err(|error| Failure::at(&path, error))?;
        sources.insert(name, parse(&text).map_err(|fault| Failure::at(&path, fault))?);
    }
    Ok(sources)
}

/// Reads `name = text` or `name.form = text`, a line for each.
fn parse(source: &str) -> std::result::Result<Words, String> {
    let mut words = Words::new();
    for line in source.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, text) = line.split_once(" = ").ok_or_else(|| format!("`{line}` is not `name = text`"))?;
        if name.split_once('.').is_some_and(|(_, form)| !FORMS.contains(&form)) {
            return Err(format!("`{name}`: the forms are {}", FORMS.join(", ")));
        }
        if words.iter().any(|(known, _)| known == name) {
            return Err(format!("`{name}` is there twice"));
        }
        words.push((name.into(), text.into()));
    }
    Ok(words)
}

/// The names of the words in their order; each once, without its forms.
fn names(words: &Words) -> Vec<&str> {
    let mut names: Vec<&str> = words.iter().map(|(name, _)| name.split('.').next().unwrap_or(name)).collect();
    names.dedup();
    names
}

fn is_counted(english: &Words, name: &str) -> bool {
    english.iter().any(|(known, _)| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

fn find<'a>(words: &'a Words, name: &str) -> Option<&'a str> {
    words.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
}

/// The words in the order of the module's `enum Word`; what is counted takes a line for each form.
fn lines<'a>(english: &Words, words: &'a Words) -> Vec<&'a str> {
    let mut lines = Vec::new();
    for name in names(english) {
        if is_counted(english, name) {
            lines.extend(FORMS.map(|form| find(words, &format!("{name}.{form}")).unwrap_or_default()));
        } else {
            lines.push(find(words, name).unwrap_or_default());
        }
    }
    lines
}

/// What is wrong with a language: words that it lacks or that nobody says, and braces that are not where English has them.
fn faults(english: &Words, words: &Words) -> Vec<String> {
    let mut faults = Vec::new();
    let has_braces = |text: &str| text.matches("{}").count();
    for name in names(english) {
        let needed = if is_counted(english, name) { format!("{name}.other") } else { name.to_owned() };
        match (find(words, &needed), find(english, &needed)) {
            (None | Some(""), _) => faults.push(format!("lacks `{needed}`")),
            (Some(text), Some(original)) if has_braces(text) != has_braces(original) => {
                faults.push(format!("`{needed}` has other braces than English"));
            }
            (Some(_), _) => {}
        }
    }
    let known = names(english);
    faults.extend(
        names(words).into_iter().filter(|name| !known.contains(name)).map(|name| format!("`{name}` is no word")),
    );
    if !matches!(find(words, "direction"), Some("ltr" | "rtl")) {
        faults.push("`direction` is `ltr` or `rtl`".into());
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_languages_has_every_word_and_its_braces() {
        let sources = sources().unwrap();
        assert_eq!(
            sources.keys().map(String::as_str).collect::<Vec<_>>(),
            ["ar", "de", "en", "es", "fr", "he", "it", "pt", "ru", "zh"]
        );
        for (name, words) in &sources {
            assert_eq!(faults(&sources[ENGLISH], words), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn nothing_but_names_is_left_in_english() {
        let sources = sources().unwrap();
        // `Chat`, `Messages`, `Team`, `Assistant` are words of other languages, too.
        let is_sentence = |text: &str| text.contains(' ') || text.ends_with('…');
        for (name, words) in sources.iter().filter(|(name, _)| name.as_str() != ENGLISH) {
            for (word, text) in words.iter().filter(|(_, text)| is_sentence(text)) {
                assert_ne!(find(&sources[ENGLISH], word), Some(text.as_str()), "{name}: {word}");
            }
        }
    }

    #[test]
    fn a_word_that_is_missing_foreign_or_without_its_braces_is_a_fault() {
        let english = parse("direction = ltr\na = A\nb = {} B\nn.one = {} n\nn.other = {} ns").unwrap();
        let check = |text: &str| faults(&english, &parse(text).unwrap());
        let good = "direction = rtl\na = x\nb = {}y\nn.few = z\nn.other = {}z";
        assert_eq!(check(good), Vec::<String>::new());
        for (from, to) in [("a = x", ""), ("{}y", "y"), ("{}z", "z"), ("rtl", "right"), ("a = x", "a = x\nc = z")] {
            assert_eq!(check(&good.replace(from, to)).len(), 1, "{from} {to}");
        }
        assert_eq!(lines(&english, &parse(good).unwrap()), ["rtl", "x", "{}y", "", "", "", "z", "", "{}z"]);
        assert!(parse("a=b").is_err() && parse("a.dual = b").is_err() && parse("a = b\na = c").is_err());
    }
}
