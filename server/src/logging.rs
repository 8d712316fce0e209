//! Log lines: one event, one line, to stderr, with the tag of its pool in front.
//!
//! The message is constant and the values are fields. Texts, names, tokens, queries and whole addresses are never
//! given to a log in the first place.

use std::fmt;
use std::sync::Mutex;

use server_core::Millis;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{filter::Targets, fmt as layer};

/// The levels, the quietest first.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Starts logging to stderr; `directives` is a level, or `target=level` pairs with commas (`info,server=debug`).
///
/// # Errors
/// What is wrong with `directives`, or that logging was started before.
pub fn start(directives: &str) -> Result<(), String> {
    let subscriber = subscriber(directives, std::io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|error| error.to_string())
}

/// Returns what [`start`] would install, for another writer.
///
/// # Errors
/// What is wrong with `directives`.
pub fn subscriber<W>(directives: &str, writer: W) -> Result<impl Subscriber + Send + Sync, String>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let targets = targets(directives)?;
    let lines = layer::layer().event_format(Line).with_writer(writer);
    Ok(tracing_subscriber::registry().with(targets).with(lines))
}

/// Reads a filter; a word alone must be a level, or a misspelt one would be a target of which nothing is ever logged.
fn targets(directives: &str) -> Result<Targets, String> {
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word.trim()));
    let is_good = |part: &str| match part.split_once('=') {
        Some((target, level)) => !target.trim().is_empty() && is_level(level),
        None => is_level(part),
    };
    let targets = match directives.split(',').all(is_good) {
        true => directives.replace(' ', "").parse().ok(),
        false => None,
    };
    targets.ok_or_else(|| {
        let levels = LEVELS.join(", ");
        format!(
            "the log filter {directives:?} cannot be read: a level ({levels}) is needed for --log or REJOIN_LOG, or \
             target=level pairs with commas, as info,server=debug"
        )
    })
}

/// The layout of a line: time, level, tag, message, fields.
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        SystemTime.format_time(&mut writer)?;
        write!(writer, " {:>5} ", event.metadata().level())?;
        let mut parts = Parts::default();
        event.record(&mut parts);
        if !parts.tag.is_empty() {
            write!(writer, "[{}] ", OneLine(&parts.tag))?;
        }
        writeln!(writer, "{}{}", OneLine(&parts.message), OneLine(&parts.fields))
    }
}

#[derive(Default)]
struct Parts {
    tag: String,
    message: String,
    fields: String,
}

impl Visit for Parts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write;
        // Writing to a string does not fail.
        let _infallible = match field.name() {
            "tag" => write!(self.tag, "{value:?}"),
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

/// A text whose control characters cannot start another line or colour a terminal.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(char::is_control) {
            match part.char_indices().next_back() {
                Some((at, last)) if last.is_control() => {
                    f.write_str(part.get(..at).unwrap_or_default())?;
                    write!(f, "{}", last.escape_default())?;
                }
                Some(_) | None => f.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// Lets a bounded number of lines through each second and counts the rest.
#[derive(Debug)]
pub(crate) struct Sample {
    per_s: u32,
    state: Mutex<SampleState>,
}

#[derive(Debug, Default)]
struct SampleState {
    second: u64,
    passed: u32,
    held: u64,
}

/// What to do with one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampled {
    /// Write it, and say how many were held back since the last one.
    Write {
        /// How many were held back.
        held: u64,
    },
    /// Hold it back.
    Hold,
}

impl Sample {
    pub(crate) fn new(per_s: u32) -> Self {
        Self { per_s, state: Mutex::default() }
    }

    /// Decides about one line at the monotonic moment `now`.
    pub(crate) fn next(&self, now: Millis) -> Sampled {
        let Ok(mut state) = self.state.lock() else { return Sampled::Hold };
        if state.second != now / 1_000 {
            state.second = now / 1_000;
            state.passed = 0;
        }
        if state.passed == self.per_s {
            state.held += 1;
            return Sampled::Hold;
        }
        state.passed += 1;
        Sampled::Write { held: std::mem::take(&mut state.held) }
    }
}

#[cfg(test)]
pub(crate) mod capture {
    //! Log output in memory, for tests.

    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    /// A writer whose clones share one text.
    #[derive(Clone, Default)]
    pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        pub(crate) fn text(&self) -> String {
            String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
        }
    }

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::capture::Captured;
    use super::*;

    #[test]
    fn a_line_has_its_tag_in_front_and_stays_one_line() {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber("info", move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(tag = "Site", dialog = 7, path = "/a\nERROR \u{1b}[31m", "socket opened");
            tracing::debug!("not at this level");
        });
        let text = captured.text();
        let (_time, line) = text.split_once("  INFO ").unwrap();
        assert_eq!(line, "[Site] socket opened dialog=7 path=/a\\nERROR \\u{1b}[31m\n");
    }

    #[test]
    fn a_wrong_filter_is_an_error_that_names_it_and_what_is_possible() {
        for wrong in ["server=loud", "debugg", "server", "", "info,", "info,verbose", "server=", "=info", "a=b=info"] {
            let error = targets(wrong).unwrap_err();
            assert!(error.contains(&format!("{wrong:?}")) && error.contains("off, error, warn, info"), "{error}");
        }
        for good in ["info", "DEBUG", "off", "info,server=debug", "server=debug, tower=warn"] {
            assert!(targets(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_sample_writes_so_many_a_second_and_counts_the_rest() {
        let sample = Sample::new(2);
        assert_eq!(sample.next(1_000), Sampled::Write { held: 0 });
        assert_eq!(sample.next(1_500), Sampled::Write { held: 0 });
        assert_eq!(sample.next(1_900), Sampled::Hold);
        assert_eq!(sample.next(1_999), Sampled::Hold);
        assert_eq!(sample.next(2_000), Sampled::Write { held: 2 });
    }
}
