//! Makes the style sheet of the widget small: it travels inside the module.

use std::{env, fs, path::Path};

fn main() {
    let source = "src/dom/widget.css";
    println!("cargo::rerun-if-changed={source}");
    println!("cargo::rerun-if-changed=build.rs");
    let style = fs::read_to_string(source).expect("the style sheet is beside the code");
    let folder = env::var("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&folder).join("widget.css"), smaller(&style)).expect("cargo made the folder");
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
