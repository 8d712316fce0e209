//! Makes what travels inside the module of the widget: its style sheets, small, and its words in English.

use std::{env, fs, path::Path};

fn main() {
    let (styles, words) = (["widget.css", "talk.css", "contact.css"], "languages/en.txt");
    for source in ["src/dom", words, "build.rs"] {
        println!("cargo::rerun-if-changed={source}");
    }
    let read = |source: &str| fs::read_to_string(source).expect("it is beside the code");
    let folder = env::var("OUT_DIR").expect("cargo sets it");
    let write = |name, text: String| fs::write(Path::new(&folder).join(name), text).expect("cargo made the folder");
    for style in styles {
        write(style, smaller(&read(&format!("src/dom/{style}"))));
    }
    write("words.rs", words_in_rust(&read(words)));
}

/// Takes out comments and the white space that means nothing. A space before a colon or a bracket stays: it may be a
/// combinator, or belong to a calculation.
fn smaller(style: &str) -> String {
    let mut text = String::new();
    let mut rest = style;
    while let Some((before, after)) = rest.split_once("/*") {
        text.push_str(before);
        rest = after.split_once("*/").expect("a comment ends").1;
    }
    text.push_str(rest);
    let mut small = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for around in ["{", "}", ";", ","] {
        small = small.replace(&format!(" {around}"), around).replace(&format!("{around} "), around);
    }
    small.replace(": ", ":").replace(";}", "}")
}

/// The forms of what is counted, in the order of `xtask/src/languages.rs`.
const FORMS: [&str; 6] = ["zero", "one", "two", "few", "many", "other"];

/// What stands below it comes with the link.
const LATE: &str = "# With the link.";

/// Makes `enum Word` and `enum Late`, whose numbers are the lines of a language, and `ENGLISH` and `ENGLISH_LATE`, those lines; a tabulator
/// stands for `{}`.
fn words_in_rust(source: &str) -> String {
    let (early, late) = source.split_once(LATE).expect("some words come with the link");
    let (early_words, lines) = words(early, 0);
    let (late_words, late_lines) = words(late, lines.len());
    format!(
        "/// A word or a sentence; its line in a language.\n#[derive(Clone, Copy)]\npub(crate) enum Word {{\n{early_words}}}\n\n\
         /// A word or a sentence that only the link's half says.\n#[derive(Clone, Copy)]\npub(crate) enum Late {{\n{late_words}}}\n\n\
         const ENGLISH: &str = {:?};\nconst ENGLISH_LATE: &str = {:?};\n/// The first line of what is late.\nconst LATE: usize = {};\n",
        lines.join("\n").replace("{}", "\t"),
        late_lines.join("\n").replace("{}", "\t"),
        lines.len(),
    )
}

/// Returns the variants and the lines of a part of the words, the first of which is this line of a language.
fn words(source: &str, first: usize) -> (String, Vec<String>) {
    let (mut names, mut lines) = (String::new(), Vec::<String>::new());
    let mut counted = (String::new(), 0);
    for line in source.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, text) = line.split_once(" = ").expect("a line is `name = text`");
        let (name, form) = name.split_once('.').unwrap_or((name, ""));
        if form.is_empty() || counted.0 != name {
            let variant: String = name.split('_').map(|part| part[..1].to_uppercase() + &part[1..]).collect();
            names.push_str(&format!("    {variant} = {},\n", first + lines.len()));
        }
        if form.is_empty() {
            lines.push(text.into());
            continue;
        }
        if counted.0 != name {
            counted = (name.into(), lines.len());
            lines.resize(lines.len() + FORMS.len(), String::new());
        }
        let place = FORMS.iter().position(|known| *known == form).expect("a form has a name of CLDR");
        lines[counted.1 + place] = text.into();
    }
    (names, lines)
}
