//! Days and times as a person reads them.

use wasm_bindgen::prelude::*;

use super::texts::{Texts, Word};
use crate::browser::{object, set_text, wall_ms};

#[wasm_bindgen]
extern "C" {
    type Date;
    #[wasm_bindgen(constructor)]
    fn new(ms: f64) -> Date;
    #[wasm_bindgen(method, js_name = toLocaleString)]
    fn format(this: &Date, locale: &str, options: &JsValue) -> String;
    #[wasm_bindgen(method, js_name = getTimezoneOffset)]
    fn offset_min(this: &Date) -> f64;
}

const MINUTE_MS: i64 = 60_000;
const DAY_MS: u64 = 86_400_000;

/// The calendar of the reader's place, as it is now.
#[derive(Clone, Copy)]
pub(crate) struct Calendar {
    now: u64,
    ahead_ms: i64,
}

impl Calendar {
    /// Asks the browser where the reader is.
    pub(crate) fn now() -> Self {
        let now = wall_ms();
        Self { now: now as u64, ahead_ms: -Date::new(now).offset_min() as i64 * MINUTE_MS }
    }

    /// Returns the number of the local day.
    pub(crate) fn day(&self, at: u64) -> u64 {
        at.saturating_add_signed(self.ahead_ms) / DAY_MS
    }

    /// Returns "Today", "Yesterday" or the date.
    pub(crate) fn day_name(&self, at: u64, texts: &Texts) -> String {
        let ago = self.day(self.now).saturating_sub(self.day(at));
        if ago < 2 {
            return String::from(texts.of(if ago == 0 { Word::Today } else { Word::Yesterday }));
        }
        let options = object();
        set_text(&options, "day", "numeric");
        set_text(&options, "month", "long");
        Date::new(at as f64).format(texts.locale(), &options)
    }
}

impl Calendar {
    /// Returns when somebody is back: today, tomorrow, or on a day of the week.
    pub(crate) fn back(&self, at: u64, texts: &Texts) -> String {
        match self.day(at).saturating_sub(self.day(self.now)) {
            0 => texts.with(Word::BackToday, &time(at, texts)),
            1 => texts.with(Word::BackTomorrow, &time(at, texts)),
            _ => {
                let options = object();
                for &(name, value) in &[("weekday", "long"), ("hour", "numeric"), ("minute", "2-digit")] {
                    set_text(&options, name, value);
                }
                texts.with(Word::BackOn, &Date::new(at as f64).format(texts.locale(), &options))
            }
        }
    }
}

/// Returns the hour and the minute.
pub(crate) fn time(at: u64, texts: &Texts) -> String {
    let options = object();
    set_text(&options, "timeStyle", "short");
    Date::new(at as f64).format(texts.locale(), &options)
}
