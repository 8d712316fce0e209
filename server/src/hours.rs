//! When somebody is there to answer: the hours of a week, in the time zone of the site.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, AmbiguousTimestamp, TimeZone};
use jiff::{Span, Timestamp};
use protocol::http::Opening;
use server_core::Millis;

const MINUTES_OF_DAY: u16 = 24 * 60;
/// A day may be skipped by the clock's change, and its hours then come a week later.
const DAYS_AHEAD: i64 = 15;
/// A range that began so many days ago may still last.
const DAYS_BACK: i64 = 2;
/// Ranges in one week.
const MOST_RANGES: usize = 100;
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The hours of a week, such as `Mon-Fri 09:00-18:00, Sat 10:00-14:00`.
///
/// Several ranges of one day stand behind each other (`Mon 09:00-12:00 13:00-18:00`); a range may end after midnight
/// (`Fri 20:00-02:00`) or with it (`24:00`); `daily` stands for all days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Week {
    text: String,
    /// Minutes since the beginning of the day, Monday first; the end may lie in the next day.
    days: [Vec<(u16, u16)>; 7],
}

/// The hours of a site.
#[derive(Clone, Debug, PartialEq)]
pub struct Hours {
    /// The hours of its week.
    pub week: Week,
    /// Where its clocks are.
    pub zone: Zone,
}

/// A time zone of the IANA database, which this program carries with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone(TimeZone);

impl FromStr for Zone {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if let Ok(zone) = TimeZone::get(name.trim()) {
            return Ok(Self(zone));
        }
        let wanted = name.trim().replace(' ', "_").to_lowercase();
        let known = jiff::tz::db().available().map(|known| known.to_string());
        let near: Vec<String> = known
            .filter(|known| known.to_lowercase().rsplit('/').next() == wanted.rsplit('/').next())
            .take(3)
            .collect();
        Err(if near.is_empty() {
            "a time zone is named by its region and city, as Europe/Berlin or America/New_York, or UTC".into()
        } else {
            format!("there is no such time zone; did you mean {}?", near.join(" or "))
        })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl FromStr for Week {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut days: [Vec<(u16, u16)>; 7] = Default::default();
        let mut current: Vec<usize> = Vec::new();
        for item in text.split([',', ';']).map(str::trim).filter(|item| !item.is_empty()) {
            let mut words = item.replace(['–', '—'], "-").replace(" - ", "-");
            words.make_ascii_lowercase();
            let mut words = words.split_whitespace().peekable();
            if words.peek().is_some_and(|word| !word.starts_with(|letter: char| letter.is_ascii_digit())) {
                current = day_range(words.next().unwrap_or_default())?;
            }
            if current.is_empty() {
                return Err(format!("`{item}` names no day: write the day first, as Mon-Fri 09:00-18:00"));
            }
            if words.peek().is_none() {
                return Err(format!("`{item}` names no hours: write them behind the day, as Mon-Fri 09:00-18:00"));
            }
            for word in words {
                let range = hour_range(word)?;
                for day in &current {
                    days.get_mut(*day).into_iter().for_each(|day| day.push(range));
                }
            }
        }
        let ranges = days.iter().map(Vec::len).sum::<usize>();
        if ranges == 0 {
            return Err("no hours are named: write them as Mon-Fri 09:00-18:00, Sat 10:00-14:00".into());
        }
        if ranges > MOST_RANGES {
            return Err(format!("a week has no more than {MOST_RANGES} ranges of hours"));
        }
        Ok(Self { text: text.trim().to_owned(), days })
    }
}

impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads `Mon`, `Mon-Fri`, `Sat-Mon` or `daily`.
fn day_range(word: &str) -> Result<Vec<usize>, String> {
    if word == "daily" {
        return Ok((0..7).collect());
    }
    let day = |name: &str| {
        let name = name.trim_end_matches('.');
        // As long as it can be told apart from all others: mon, tues, thursday.
        let found = DAYS.iter().position(|day| name.len() >= 3 && day.starts_with(name));
        found.ok_or_else(|| format!("`{name}` is no day: Mon, Tue, Wed, Thu, Fri, Sat, Sun, or daily"))
    };
    let Some((first, last)) = word.split_once('-') else { return Ok(vec![day(word)?]) };
    let (first, last) = (day(first)?, day(last)?);
    let count = (last + 7 - first) % 7 + 1;
    Ok((0..count).map(|offset| (first + offset) % 7).collect())
}

/// Reads `09:00-18:00`; an end that is not behind the beginning lies in the next day.
fn hour_range(word: &str) -> Result<(u16, u16), String> {
    let wrong =
        || format!("`{word}` is no range of hours: 09:00-18:00, or 20:00-02:00 for one that ends after midnight");
    let (from, until) = word.split_once('-').ok_or_else(wrong)?;
    let minutes = |text: &str| -> Option<u16> {
        let (hour, minute) = text.split_once(':')?;
        let two = |text: &str, least: usize| {
            let good = (least..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            good.then(|| text.parse::<u16>().ok()).flatten()
        };
        let (hour, minute) = (two(hour, 1)?, two(minute, 2)?);
        (minute < 60 && (hour < 24 || (hour == 24 && minute == 0))).then_some(hour * 60 + minute)
    };
    let from = minutes(from).filter(|from| *from < MINUTES_OF_DAY).ok_or_else(wrong)?;
    let until = minutes(until).ok_or_else(wrong)?;
    if from == until {
        return Err(format!("`{word}` is empty: a whole day is 00:00-24:00"));
    }
    Ok((from, if until < from { until + MINUTES_OF_DAY } else { until }))
}

impl Hours {
    /// Says whether somebody is there now, and when that changes next.
    ///
    /// Open: `closes_at` is missing where it is never closed, and `opens_at` is the opening after that. Closed: `opens_at`
    /// and the `closes_at` after it.
    pub fn at(&self, now: Millis) -> Opening {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let ranges = self.around(now);
        let millis = |at: i64| Millis::try_from(at).unwrap_or_default();
        let Some(place) = ranges.iter().position(|(_, until)| now < *until) else { return Opening::default() };
        let Some((from, until)) = ranges.get(place).copied() else { return Opening::default() };
        if now < from {
            return Opening { open: false, opens_at: Some(millis(from)), closes_at: Some(millis(until)) };
        }
        let next = ranges.get(place + 1).map(|(from, _)| millis(*from));
        // It lasts as far as anybody can see.
        let closes_at = next.is_some().then(|| millis(until));
        Opening { open: true, opens_at: next, closes_at }
    }

    /// Returns the ranges around a moment in ms since 1970, in order and without overlaps.
    fn around(&self, now: i64) -> Vec<(i64, i64)> {
        let Ok(moment) = Timestamp::from_millisecond(now) else { return Vec::new() };
        let today = self.zone.0.to_datetime(moment).date();
        let mut ranges = Vec::new();
        for offset in -DAYS_BACK..=DAYS_AHEAD {
            let Ok(date) = today.checked_add(Span::new().days(offset)) else { continue };
            let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default();
            for (from, until) in self.week.days.get(weekday).into_iter().flatten() {
                // An hour that comes twice belongs to the range from its first to its second coming.
                let from = self.moment(date, *from, AmbiguousTimestamp::earlier);
                let until = self.moment(date, *until, AmbiguousTimestamp::later);
                if let (Some(from), Some(until)) = (from, until)
                    && from < until
                {
                    ranges.push((from.as_millisecond(), until.as_millisecond()));
                }
            }
        }
        ranges.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::new();
        for (from, until) in ranges {
            match merged.last_mut() {
                Some((_, end)) if from <= *end => *end = until.max(*end),
                Some(_) | None => merged.push((from, until)),
            }
        }
        merged
    }

    /// Returns when a local time comes: where the clock leaves it out, the moment in which it does so.
    fn moment(
        &self,
        date: Date,
        minutes: u16,
        of_two: fn(AmbiguousTimestamp) -> Result<Timestamp, jiff::Error>,
    ) -> Option<Timestamp> {
        let midnight = DateTime::from_parts(date, Time::midnight());
        let local = midnight.checked_add(Span::new().minutes(i64::from(minutes))).ok()?;
        let at = self.zone.0.to_ambiguous_timestamp(local);
        if let AmbiguousOffset::Gap { .. } = at.offset() {
            // The first moment behind the gap may be the change itself.
            let behind = at.later().ok()?.checked_add(Span::new().seconds(1)).ok()?;
            return self.zone.0.preceding(behind).next().map(|change| change.timestamp());
        }
        of_two(at).ok()
    }
}

#[cfg(test)]
#[path = "hours_tests.rs"]
mod tests;
