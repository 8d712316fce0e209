//! Makes the JavaScript around a module as small as what it is used for.

use crate::build::Mode;
use crate::failure::{Failure, Result};
use crate::split::FIRST;

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
                fetch(new URL('__REJOIN_REST__', import.meta.url))
                    .then((response) => WebAssembly.instantiateStreaming(response, {{ {FIRST}: wasm }})),
            ]).then(([script, {{ instance }}]) => {{
                tabs = script.default;
                link.{entry} = instance.exports.{entry};
            }})"
        ),
        Second::Within => format!("Promise.resolve().then(() => {{ link.{entry} = wasm.{entry}; }})"),
    };
    let tabs = match second {
        Second::Apart => "let tabs;\n",
        Second::Within => TABS,
    };
    Ok(format!(
        "{script}{tabs}const languages = {{ __REJOIN_LANGUAGES__ }};
{SPEECH}{FILES}const link = {{
    tries: 0,
    load(name, key, here, failed) {{
        // Not before it is here: meanwhile another page may have become the first.
        {load}.then(() => tabs.claim(name, key).catch(() => {{}}).then(here), failed);
    }},
}};
"
    ))
}

/// Returns the script that comes with the second module, for `__REJOIN_TABS__`.
///
/// # Errors
/// It is not written as one object.
pub(crate) fn second_script() -> Result<String> {
    const OBJECT: &str = "const tabs = {";
    if TABS.matches(OBJECT).count() != 1 {
        return Err(Failure::new("client-wasm/src/tabs.js is not one `const tabs = { … }`"));
    }
    Ok(TABS.replace(OBJECT, "export default {"))
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

/// Returns `$a`, `$b`, … `$z`, `$aa`: names that wasm-bindgen does not give.
pub(crate) fn short_name(number: usize) -> String {
    let letter = char::from(b'a' + (number % 26) as u8);
    if number < 26 { format!("${letter}") } else { format!("{}{letter}", short_name(number / 26 - 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_get_short_names_in_their_order() {
        let script = "{ __wbg_a_1: function() {}, __wbg_b_2: function() { __wbg_a_1; } }";
        let glue = shorten(script, &["__wbg_b_2", "__wbg_a_1", "__wbg_b_2"]).unwrap();
        assert_eq!(glue.names, ["$a", "$b", "$a"]);
        assert_eq!(glue.script, "{ $b: function() {}, $a: function() { __wbg_a_1; } }");
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
        assert_eq!(names, ["$a", "$z", "$aa", "$ba", "$zz", "$aaa"]);
    }
}
