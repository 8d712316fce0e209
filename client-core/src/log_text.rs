//! Entries of the log as text: one line of JSON, or one line for a person. Linked only where somebody reads it.

use protocol::json::{self, ToJson, Writer};

use crate::log::{Datum, Entry, What};

impl Entry {
    /// Returns the entry as one line of JSON: `timestamp` (ISO 8601, UTC), `level`, `component`, `event`, and `data` or
    /// `error` {`message`, `code`, `type`, `severity`, `action`, `context`}.
    pub fn json(&self) -> String {
        json::to_string(self)
    }

    /// Returns the entry as one line of words.
    pub fn plain(&self) -> String {
        let mut line = timestamp(self.at);
        for word in [self.what.level().word(), self.component(), self.event()] {
            line.push(' ');
            line.push_str(word);
        }
        for (name, datum) in self.data() {
            line.push(' ');
            line.push_str(name);
            line.push('=');
            match datum {
                Datum::Number(value) => line.push_str(&json::to_string(&value)),
                Datum::Word(word) => line.push_str(word),
            }
        }
        if let What::Trouble { trouble, action, context } = self.what {
            line.push_str(": ");
            line.push_str(trouble.message());
            line.push_str(" (");
            line.push_str(trouble.class().word());
            if trouble.code() > 0 {
                line.push(' ');
                line.push_str(&json::to_string(&trouble.code()));
            }
            for word in [trouble.class().severity().word(), action.word(), context] {
                line.push_str(", ");
                line.push_str(word);
            }
            line.push(')');
        }
        line
    }
}

impl ToJson for Entry {
    fn to_json(&self, out: &mut Writer) {
        let word = |out: &mut Writer, name: &str, word: &str| {
            out.name(name);
            out.text(word);
        };
        out.open('{');
        word(out, "timestamp", &timestamp(self.at));
        word(out, "level", self.what.level().word());
        word(out, "component", self.component());
        word(out, "event", self.event());
        if let What::Trouble { trouble, action, context } = self.what {
            out.name("error");
            out.open('{');
            word(out, "message", trouble.message());
            out.name("code");
            out.number(u64::from(trouble.code()));
            word(out, "type", trouble.class().word());
            word(out, "severity", trouble.class().severity().word());
            word(out, "action", action.word());
            word(out, "context", context);
            out.close('}');
        } else {
            out.name("data");
            out.open('{');
            for (name, datum) in self.data() {
                match datum {
                    Datum::Number(value) => {
                        out.name(name);
                        out.number(value);
                    }
                    Datum::Word(value) => word(out, name, value),
                }
            }
            out.close('}');
        }
        out.close('}');
    }
}

/// Returns a moment, in ms since 1970, as ISO 8601 in UTC: `2026-11-20T16:07:31.042Z`.
pub fn timestamp(ms: u64) -> String {
    let (days, ms_of_day) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = date(days);
    let mut out = String::new();
    push(&mut out, year, 4);
    for (mark, value) in [('-', month), ('-', day), ('T', ms_of_day / 3_600_000)] {
        out.push(mark);
        push(&mut out, value, 2);
    }
    for value in [ms_of_day / 60_000 % 60, ms_of_day / 1_000 % 60] {
        out.push(':');
        push(&mut out, value, 2);
    }
    out.push('.');
    push(&mut out, ms_of_day % 1_000, 3);
    out.push('Z');
    out
}

/// Returns year, month and day of so many days since 1970, by whole eras of 400 years from 1 March 0000 on.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // March is 0: leap days stand at the end of such a year.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = (400 * era + year_of_era, month + 3);
    if month > 12 { (year + 1, month - 12, day) } else { (year, month, day) }
}

/// Appends a number with so many digits at least.
fn push(out: &mut String, value: u64, digits: usize) {
    let text = json::to_string(&value);
    for _ in text.len()..digits {
        out.push('0');
    }
    out.push_str(&text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Level;
    use crate::{Action, LinkId, Transport, Trouble};

    #[test]
    fn a_timestamp_is_iso_8601_in_utc() {
        let rows = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_735_689_599_001, "2024-12-31T23:59:59.001Z"),
            (1_763_640_007_042, "2025-11-20T12:00:07.042Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        for (ms, text) in rows {
            assert_eq!(timestamp(ms), text);
        }
    }

    #[test]
    fn an_entry_is_one_line_of_json_or_of_words() {
        let trouble = What::Trouble { trouble: Trouble::Closed(1006), action: Action::Reconnect, context: "link" };
        let error = Entry { at: 1_763_640_007_042, what: trouble };
        assert_eq!(
            error.json(),
            "{\"timestamp\":\"2025-11-20T12:00:07.042Z\",\"level\":\"error\",\"component\":\"link\",\"event\":\"closed\",\
             \"error\":{\"message\":\"the link was closed\",\"code\":1006,\"type\":\"NETWORK_ERROR\",\"severity\":\"high\",\
             \"action\":\"reconnect\",\"context\":\"link\"}}"
        );
        assert_eq!(
            error.plain(),
            "2025-11-20T12:00:07.042Z error link closed: the link was closed (NETWORK_ERROR 1006, high, reconnect, link)"
        );
        let ready = What::Ready { link: LinkId(3), transport: Transport::Sse, why: "lost" };
        let info = Entry { at: 1, what: ready };
        assert_eq!(info.what.level(), Level::Info);
        assert_eq!(
            info.json(),
            "{\"timestamp\":\"1970-01-01T00:00:00.001Z\",\"level\":\"info\",\"component\":\"link\",\"event\":\"ready\",\
             \"data\":{\"link\":3,\"transport\":\"sse\",\"why\":\"lost\"}}"
        );
        assert_eq!(info.plain(), "1970-01-01T00:00:00.001Z info link ready link=3 transport=sse why=lost");
    }
}
