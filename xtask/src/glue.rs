//! Makes the JavaScript around a module as small as what it is used for.

use walrus::{ExportId, ExportItem, ModuleExports};

use crate::build::Mode;
use crate::failure::{Failure, Result};
use crate::split::{FIRST, PAGE, TABLE};

/// A module's imports, by the names that wasm-bindgen gave them, and the JavaScript that provides them.
pub(crate) struct Glue {
    pub(crate) script: String,
    /// What each import is called now, in the order of the module.
    pub(crate) names: Vec<String>,
}

/// Gives every import a name of a letter or two.
///
/// The long names hold a hash, which no compression makes smaller, once in the module and once in the script.
///
/// # Errors
/// The script does not provide an import in the way that is known here.
pub(crate) fn shorten(script: &str, imports: &[&str]) -> Result<Glue> {
    let mut glue = Glue { script: script.to_owned(), names: Vec::new() };
    for (at, import) in imports.iter().enumerate() {
        // A module may import one function several times.
        if let Some(known) = imports[..at].iter().position(|known| known == import) {
            glue.names.push(glue.names[known].clone());
            continue;
        }
        let short = short_name(at);
        let (long, provided) = (format!("{import}:"), format!("{short}:"));
        if glue.script.matches(&long).count() != 1 {
            return Err(unknown(&format!("it provides `{import}` {} times", script.matches(&long).count())));
        }
        glue.script = glue.script.replace(&long, &provided);
        glue.names.push(short);
    }
    Ok(glue)
}

/// What wasm-bindgen's script does in more words than it needs where light-dark colours are known: each from the first of these to the end of
/// the function that begins with the second, and what stands there instead.
const WORDY: [(&str, &str, &str); 7] = [
    (
        "let cachedDataViewMemory0 = null;",
        "function getDataViewMemory0()",
        "const getDataViewMemory0 = () => new DataView(wasm.memory.buffer);",
    ),
    (
        "let cachedUint8ArrayMemory0 = null;",
        "function getUint8ArrayMemory0()",
        "const getUint8ArrayMemory0 = () => new Uint8Array(wasm.memory.buffer);",
    ),
    (
        "let cachedTextDecoder =",
        "function decodeText(bytes)",
        "const decodeText = (bytes) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);",
    ),
    ("if (!('encodeInto' in cachedTextEncoder))", "if (!('encodeInto' in cachedTextEncoder))", ""),
    (
        "function handleError(f, args)",
        "function handleError(f, args)",
        "const handleError = (call) => (...values) => {
    try {
        return call(...values);
    } catch (error) {
        wasm.__wbindgen_exn_store(addHeapObject(error));
    }
};",
    ),
    (
        "function passStringToWasm0(",
        "function passStringToWasm0(",
        "const passStringToWasm0 = (text) => {
    const bytes = cachedTextEncoder.encode(text);
    const place = wasm.__wbindgen_malloc((WASM_VECTOR_LEN = bytes.length), 1) >>> 0;
    getUint8ArrayMemory0().set(bytes, place);
    return place;
};
const returnText = (place, text) => {
    text = text == null ? 0 : passStringToWasm0(text);
    getDataViewMemory0().setInt32(place, text, true);
    getDataViewMemory0().setInt32(place + 4, WASM_VECTOR_LEN, true);
};",
    ),
    (
        "let wasmModule, wasmInstance, wasm;",
        "function __wbg_finalize_init(",
        "let wasm;
function __wbg_finalize_init(instance) {
    wasm = instance.exports;
}",
    ),
];

/// Writes what wasm-bindgen's script does in fewer words.
///
/// # Errors
/// The script is not that of the pinned version.
pub(crate) fn shorter(script: &str) -> Result<String> {
    let mut script = script.to_owned();
    for (from, function, instead) in WORDY {
        let start = script.find(from);
        let end = start.and_then(|start| script[start..].find(function).map(|at| start + at));
        let end = end.and_then(|end| closing(&script[end..]).map(|length| end + length));
        let (Some(start), Some(end)) = (start, end) else {
            return Err(unknown(&format!("it has no `{from}`")));
        };
        script.replace_range(start..end, instead);
    }
    script = script.replace(", wasm.__wbindgen_malloc, wasm.__wbindgen_realloc)", ")");
    for returned in ["const ptr1 = passStringToWasm0(ret)", "var ptr1 = isLikeNone(ret) ? 0 : passStringToWasm0(ret)"] {
        let kind = &returned[..returned.find(' ').unwrap_or_default()];
        script = script.replace(
            &format!(
                "{returned};\n{kind} len1 = WASM_VECTOR_LEN;\ngetDataViewMemory0().setInt32((arg0 >>> 0) + 4 * 1, len1, true);\n\
                 getDataViewMemory0().setInt32((arg0 >>> 0) + 4 * 0, ptr1, true);\n"
            ),
            "returnText(arg0 >>> 0, ret);\n",
        );
    }
    script = script.replace("__proto__: null,\n", "");
    let mut lines: Vec<String> = Vec::new();
    for line in script.lines() {
        if let (Some(("const ret", value)), "return addHeapObject(ret);") =
            (lines.last().and_then(|last| last.split_once(" = ")), line)
        {
            let value = value.trim_end_matches(';').to_owned();
            lines.pop();
            lines.push(format!("return addHeapObject({value});"));
        } else if let Some((name, head)) = line.split_once(": function() { return handleError(function (") {
            lines.push(format!("{name}: handleError(({}", head.replace(") {", ") => {")));
        } else if line == "}, arguments); }," {
            lines.push("}),".into());
        } else if let Some((name, head)) = line.split_once(": function(") {
            lines.push(format!("{name}: ({}", head.replace(") {", ") => {")));
        } else {
            lines.push(
                line.replace("takeObject(arg0);", "dropObject(arg0);").replace("isLikeNone(ret)", "(ret == null)"),
            );
        }
    }
    Ok(lines.join("\n") + "\n")
}

/// Returns where the first block ends that is opened in a script.
fn closing(script: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, letter) in script.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(at + 1),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Makes one of the module's functions for the widget: `mount(options)` gives `command`, `wake` and `free`.
///
/// # Errors
/// The script does not export them as it did.
pub(crate) fn widget(script: &str) -> Result<String> {
    let mut script = script.to_owned();
    for name in ["command", "mount", "unmount", "wake"] {
        let start = script.find(&format!("export function {name}("));
        let end = start.and_then(|start| closing(&script[start..]).map(|length| start + length));
        let (Some(start), Some(end)) = (start, end) else {
            return Err(unknown(&format!("it does not export `{name}`")));
        };
        script.replace_range(start..end, "");
    }
    Ok(script + WIDGET)
}

/// Gives every function that the script around a module calls a name of a letter, and returns what it calls no more.
///
/// # Errors
/// There are more than letters.
pub(crate) fn shorten_exports(script: &mut String, exports: &mut ModuleExports, entry: &str) -> Vec<ExportId> {
    let mut letters = 'A'..='Z';
    let mut idle = Vec::new();
    for export in exports.iter_mut() {
        let long = format!("wasm.{}(", export.name);
        if !matches!(export.item, ExportItem::Function(_)) || export.name == entry {
        } else if !script.contains(&long) {
            idle.push(export.id());
        } else if let Some(letter) = letters.next() {
            *script = script.replace(&long, &format!("wasm.{letter}("));
            export.name = letter.into();
        }
    }
    idle
}

/// What the loader gets.
const WIDGET: &str = "\
export function mount(options) {
    wasm.mount(addHeapObject(options));
    return {
        command(name, value) {
            name = passStringToWasm0(name);
            wasm.command(name, WASM_VECTOR_LEN, addHeapObject(value));
        },
        wake: (what, id, value) => wasm.wake(what, id, addHeapObject(value)),
        free: () => wasm.unmount(),
    };
}
";

/// Replaces the many ways to start a module by those that are used: a response, an address, or the promise of one.
///
/// # Errors
/// The script does not end as that of the pinned version does.
pub(crate) fn simplify_start(script: &str) -> Result<String> {
    let (before, _) = script
        .split_once("async function __wbg_load(")
        .ok_or_else(|| unknown("it starts the module in another way"))?;
    Ok(format!("{before}{START}"))
}

/// What the widget needs of JavaScript's own making.
const TABS: &str = include_str!("../../client-wasm/src/tabs.js");
const SPEECH: &str = include_str!("../../client-wasm/src/speech.js");
const FILES: &str = include_str!("../../client-wasm/src/files.js");

/// Words that take longer than this many ms to come do not keep the panel waiting: it says everything anew when they are here.
const START: &str = "\
export default async function start({ module_or_path, locale }) {
    const said = locale != null && speech.speak(locale);
    const source = await module_or_path;
    const response = source instanceof Response ? source : await fetch(source);
    const { instance } = await WebAssembly.instantiateStreaming(response, __wbg_get_imports());
    await Promise.race([said, new Promise((late) => setTimeout(late, 2e3))]);
    __wbg_finalize_init(instance);
}
";

/// A server that does not know the type of WebAssembly must not keep a page from it, and a page may bring the bytes itself.
const PATIENT_START: &str = "\
export default async function start({ module_or_path }) {
    let source = await module_or_path;
    const imports = __wbg_get_imports();
    if (typeof source == 'string' || source instanceof URL) source = await fetch(source);
    if (source instanceof Response) {
        if (!source.ok) throw new TypeError(`${source.url} answered ${source.status}`);
        const type = source.headers.get('content-type') ?? '';
        if (type.startsWith('text/html')) throw new TypeError(`${source.url} is a page`);
        if (!type.startsWith('application/wasm')) source = await source.arrayBuffer();
    }
    const made = source instanceof Response
        ? await WebAssembly.instantiateStreaming(source, imports)
        : await WebAssembly.instantiate(source, imports);
    __wbg_finalize_init(made.instance ?? made);
}
export function speak(locale) {
    return speech.speak(locale);
}
";

/// Gives the package's module its own start: from an address, a response, bytes or a compiled module; and `speak(locale)`, because that
/// start does not know whether there will be a panel.
///
/// # Errors
/// The script does not start as [`simplify_start`] makes it.
pub(crate) fn start_from_anything(script: &str) -> Result<String> {
    if script.matches(START).count() != 1 {
        return Err(unknown("it has no start of ours"));
    }
    Ok(script.replace(START, PATIENT_START))
}

/// Adds the languages, and what fetches the second module: `link.load(name, key, here, failed)`, and from then on `link.advance()`.
///
/// `here` gets the key that is the visitor's: see `tabs.claim`.
///
/// `__REJOIN_LANGUAGES__` becomes a list of imports, so that every bundler finds them. `__REJOIN_REST__` becomes the path of the second module. Without a second module (a quick build) the first has everything.
///
/// # Errors
/// The script does not export the entry as that of the pinned version does.
pub(crate) fn fetch_second(script: &str, entry: &str, second: Second) -> Result<String> {
    let wrapper = format!("export function {entry}() {{\nwasm.{entry}();\n}}");
    if script.matches(&wrapper).count() != 1 {
        return Err(unknown(&format!("it does not export `{entry}` as it did")));
    }
    let script = script.replace(&wrapper, "");
    let load = match second {
        // A browser may remember for good that an import has failed: each try has an address of its own.
        Second::Apart => format!(
            "Promise.all([
                import(`__REJOIN_TABS__#${{link.tries++}}`),
                fetch(new URL('__REJOIN_REST__', import.meta.url)),
            ]).then(([script, response]) => script.default(response, link, wasm, {HELPERS}))"
        ),
        Second::Within => {
            format!("Promise.resolve().then(() => {{ link.claim = tabs.claim; link.{entry} = wasm.{entry}; }})")
        }
    };
    let tabs = match second {
        Second::Apart => "",
        Second::Within => TABS,
    };
    Ok(format!(
        "{script}{tabs}const languages = {{ __REJOIN_LANGUAGES__ }};
{SPEECH}{FILES}const link = {{
    tries: 0,
    load(name, key, here, failed) {{
        // Not before it is here: meanwhile another page may have become the first.
        {load}.then(() => link.claim(name, key).catch(() => {{}}).then(here), failed);
    }},
}};
"
    ))
}

/// What the functions of wasm-bindgen's script call, and those of the second script are given.
const HELPERS: &str = "files, speech, addHeapObject, getObject, getStringFromWasm0, handleError, returnText";

/// Takes what only the second module needs out of the script: returns the rest, and what was taken.
///
/// # Errors
/// The script does not provide these functions in the way that is known here.
pub(crate) fn divide(script: &str, names: &[String]) -> Result<(String, String)> {
    let (mut first, mut later) = (script.to_owned(), String::new());
    for name in names {
        let start = first.find(&format!("\n{name}: ")).map(|at| at + 1);
        let end = start.and_then(|start| {
            let ends = ["\n},\n", "\n}),\n"].into_iter();
            ends.filter_map(|end| first[start..].find(end).map(|at| start + at + end.len())).min()
        });
        let (Some(start), Some(end)) = (start, end) else {
            return Err(unknown(&format!("it does not provide `{name}` as it did")));
        };
        later.push_str(&first[start..end]);
        first.replace_range(start..end, "");
    }
    for word in declared(&first).into_iter().filter(|word| !HELPERS.split(", ").any(|helper| helper == *word)) {
        let is_apart =
            |side: Option<char>| side.is_none_or(|letter| !letter.is_alphanumeric() && !"_$.".contains(letter));
        let is_used = later.match_indices(word).any(|(at, _)| {
            is_apart(later[..at].chars().next_back()) && is_apart(later[at + word.len()..].chars().next())
        });
        if is_used {
            return Err(Failure::new(format!(
                "the second script calls `{word}`, which it is not given: xtask/src/glue.rs"
            )));
        }
    }
    Ok((first, later))
}

/// Returns the names that a script declares at its top.
fn declared(script: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut names = Vec::new();
    for line in script.lines() {
        let rest = ["function ", "const ", "let "].iter().find_map(|word| line.trim_start().strip_prefix(word));
        let name = rest.and_then(|rest| rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next());
        if depth == 0 {
            names.extend(name);
        }
        depth += line.matches('{').count();
        depth = depth.saturating_sub(line.matches('}').count());
    }
    names
}

/// Returns the script that comes with the second module, for `__REJOIN_TABS__`: it starts that module, with the functions of the page that
/// only it needs.
///
/// # Errors
/// It is not written as one object.
pub(crate) fn second_script(page: &str) -> Result<String> {
    Ok(format!(
        "{TABS}export default async (response, link, wasm, {HELPERS}) => {{
    const shared = {{ ...wasm }};
    for (let slot = wasm.{TABLE}.length; slot--; ) shared[slot] = wasm.{TABLE}.get(slot);
    const {{ instance }} = await WebAssembly.instantiateStreaming(response, {{ {FIRST}: shared, {PAGE}: {{
{page}}} }});
    link.claim = tabs.claim;
    link.advance = instance.exports.advance;
}};
"
    ))
}

/// Where the functions are that only the entry reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Second {
    /// In a module of their own.
    Apart,
    /// In the first.
    Within,
}

impl Second {
    /// Returns where they are in what the script tag loads: a quick build cuts nothing.
    pub(crate) fn of(mode: Mode) -> Self {
        match mode {
            Mode::Release => Self::Apart,
            Mode::Dev => Self::Within,
        }
    }
}

fn unknown(how: &str) -> Failure {
    Failure::new(format!("wasm-bindgen's script is not what it was ({how}): look at xtask/src/glue.rs"))
}

/// Returns `a`, `b`, … `z`, `aa`: names that wasm-bindgen does not give.
pub(crate) fn short_name(number: usize) -> String {
    let letter = char::from(b'a' + (number % 26) as u8);
    if number < 26 { letter.into() } else { format!("{}{letter}", short_name(number / 26 - 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_get_short_names_in_their_order() {
        let script = "{ __wbg_a_1: function() {}, __wbg_b_2: function() { __wbg_a_1; } }";
        let glue = shorten(script, &["__wbg_b_2", "__wbg_a_1", "__wbg_b_2"]).unwrap();
        assert_eq!(glue.names, ["a", "b", "a"]);
        assert_eq!(glue.script, "{ b: function() {}, a: function() { __wbg_a_1; } }");
    }

    #[test]
    fn an_import_that_nobody_provides_is_an_error() {
        assert!(shorten("{ __wbg_a_1: 1 }", &["__wbg_b_2"]).is_err());
        assert!(simplify_start("export {}").is_err());
        assert!(start_from_anything("export {}").is_err());
        assert!(fetch_second("export function other() {}", "advance", Second::Apart).is_err());
    }

    #[test]
    fn names_go_on_after_z() {
        let names: Vec<_> = [0, 25, 26, 52, 701, 702].into_iter().map(short_name).collect();
        assert_eq!(names, ["a", "z", "aa", "ba", "zz", "aaa"]);
    }
}
