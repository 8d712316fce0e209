//! Hours of a week against the clocks of the world.

use super::*;

fn hours(week: &str, zone: &str) -> Hours {
    Hours { week: week.parse().unwrap(), zone: zone.parse().unwrap() }
}

fn ms(moment: &str) -> u64 {
    moment.parse::<Timestamp>().unwrap().as_millisecond().unsigned_abs()
}

fn shown(opening: Opening) -> String {
    let at = |at: Option<u64>| {
        at.map_or("never".into(), |at| {
            Timestamp::from_millisecond(at.cast_signed()).unwrap().strftime("%a %d %H:%MZ").to_string()
        })
    };
    let (word, opens, closes) =
        (if opening.open { "open" } else { "closed" }, at(opening.opens_at), at(opening.closes_at));
    if opening.open {
        format!("{word} until {closes}, again {opens}")
    } else {
        format!("{word} until {opens}, then until {closes}")
    }
}

#[test]
fn the_hours_follow_the_clocks_of_the_site() {
    let office = "Mon-Fri 09:00-18:00, Sat 10:00-14:00";
    let berlin = "Europe/Berlin";
    let rows = [
        // Winter: one hour ahead of UTC.
        (office, berlin, "2026-01-14T07:59:59Z", "closed until Wed 14 08:00Z, then until Wed 14 17:00Z"),
        (office, berlin, "2026-01-14T08:00:00Z", "open until Wed 14 17:00Z, again Thu 15 08:00Z"),
        (office, berlin, "2026-01-14T16:59:59Z", "open until Wed 14 17:00Z, again Thu 15 08:00Z"),
        (office, berlin, "2026-01-14T17:00:00Z", "closed until Thu 15 08:00Z, then until Thu 15 17:00Z"),
        (office, berlin, "2026-01-17T13:00:00Z", "closed until Mon 19 08:00Z, then until Mon 19 17:00Z"),
        // Summer: two hours.
        (office, berlin, "2026-07-15T06:59:00Z", "closed until Wed 15 07:00Z, then until Wed 15 16:00Z"),
        // Over the weekend on which the clocks go forward (29 March 2026), and back (25 October 2026).
        (office, berlin, "2026-03-28T13:00:00Z", "closed until Mon 30 07:00Z, then until Mon 30 16:00Z"),
        (office, berlin, "2026-10-24T12:00:00Z", "closed until Mon 26 08:00Z, then until Mon 26 17:00Z"),
        // A range over the change is as long as that night: 22:00 to 06:00 in seven hours, and in nine.
        ("Sat 22:00-06:00", berlin, "2026-03-28T22:00:00Z", "open until Sun 29 04:00Z, again Sat 04 20:00Z"),
        ("Sat 22:00-06:00", berlin, "2026-10-24T21:00:00Z", "open until Sun 25 05:00Z, again Sat 31 21:00Z"),
        // 02:30 comes not at all, and twice.
        ("Sun 02:30-04:00", berlin, "2026-03-29T00:00:00Z", "closed until Sun 29 01:00Z, then until Sun 29 02:00Z"),
        ("Sun 02:00-03:00", berlin, "2026-03-28T00:00:00Z", "closed until Sun 05 00:00Z, then until Sun 05 01:00Z"),
        ("Sun 02:30-04:00", berlin, "2026-10-25T00:00:00Z", "closed until Sun 25 00:30Z, then until Sun 25 03:00Z"),
        ("Sun 01:00-02:30", berlin, "2026-10-25T00:40:00Z", "open until Sun 25 01:30Z, again Sun 01 00:00Z"),
        // Over midnight, and over the end of the week.
        ("Fri 20:00-02:00", "UTC", "2026-01-17T01:59:00Z", "open until Sat 17 02:00Z, again Fri 23 20:00Z"),
        ("Sun 20:00-02:00", "UTC", "2026-01-19T01:59:00Z", "open until Mon 19 02:00Z, again Sun 25 20:00Z"),
        (
            "Fri 18:00-24:00, Sat 00:00-03:00",
            "UTC",
            "2026-01-16T19:00:00Z",
            "open until Sat 17 03:00Z, again Fri 23 18:00Z",
        ),
        // Ranges that overlap or touch are one; a pause is one.
        ("Mon 09:00-12:00 11:00-15:00", "UTC", "2026-01-19T09:00:00Z", "open until Mon 19 15:00Z, again Mon 26 09:00Z"),
        (
            "Mon 9:00-12:00, 13:00-18:00",
            "UTC",
            "2026-01-19T12:30:00Z",
            "closed until Mon 19 13:00Z, then until Mon 19 18:00Z",
        ),
        // Always.
        ("daily 00:00-24:00", berlin, "2026-03-29T01:00:00Z", "open until never, again never"),
        ("Mon-Sun 12:00-11:59, daily 11:00-13:00", "UTC", "2026-01-19T11:59:30Z", "open until never, again never"),
        // Far from Greenwich, where a day was skipped altogether (30 December 2011), and by half an hour.
        (
            "Fri 09:00-17:00",
            "Pacific/Apia",
            "2011-12-30T09:00:00Z",
            "closed until Thu 05 19:00Z, then until Fri 06 03:00Z",
        ),
        (
            "Mon 09:00-17:00",
            "Asia/Kolkata",
            "2026-01-19T00:00:00Z",
            "closed until Mon 19 03:30Z, then until Mon 19 11:30Z",
        ),
        (
            "Mon 09:00-17:00",
            "America/New_York",
            "2026-01-19T15:00:00Z",
            "open until Mon 19 22:00Z, again Mon 26 14:00Z",
        ),
    ];
    for (week, zone, now, expected) in rows {
        assert_eq!(shown(hours(week, zone).at(ms(now))), expected, "{week} in {zone} at {now}");
    }
}

#[test]
fn what_is_said_about_the_next_change_is_what_is_said_then() {
    let zones =
        ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Chatham"];
    let weeks = [
        "Mon-Fri 09:00-18:00, Sat 10:00-14:00",
        "daily 22:30-02:15",
        "Sat-Sun 00:00-24:00",
        "Sun 01:30-03:30",
        "Thu 00:00-00:01",
    ];
    for zone in zones {
        for week in weeks {
            let hours = hours(week, zone);
            let mut now = ms("2026-01-01T00:00:00Z");
            let end = ms("2027-01-01T00:00:00Z");
            while now < end {
                let opening = hours.at(now);
                let change = if opening.open { opening.closes_at } else { opening.opens_at };
                let change = change.expect("none of these weeks is without a change");
                assert!(change > now, "{week} in {zone} at {now}: {opening:?}");
                for between in [now + (change - now) / 2, change - 1] {
                    assert_eq!(hours.at(between), opening, "{week} in {zone}: from {now} to {change}, at {between}");
                }
                let then = hours.at(change);
                assert_ne!(then.open, opening.open, "{week} in {zone} at {change}");
                // Whoever was told once knows the two changes that follow.
                let known =
                    if opening.open { then.opens_at == opening.opens_at } else { then.closes_at == opening.closes_at };
                assert!(known, "{week} in {zone} at {change}: {opening:?}, then {then:?}");
                now = change;
            }
        }
    }
}

#[test]
fn a_week_is_as_long_as_its_ranges_where_no_clock_changes() {
    let open_ms = |week: &str| {
        let hours = hours(week, "UTC");
        let (mut now, end) = (ms("2026-01-05T00:00:00Z"), ms("2026-01-12T00:00:00Z"));
        let mut sum = 0;
        while now < end {
            let opening = hours.at(now);
            let change = if opening.open { opening.closes_at } else { opening.opens_at }.unwrap_or(end).min(end);
            sum += if opening.open { change - now } else { 0 };
            now = change;
        }
        sum / 60_000
    };
    assert_eq!(open_ms("Mon-Fri 09:00-18:00, Sat 10:00-14:00"), 5 * 540 + 240);
    assert_eq!(open_ms("Fri-Mon 23:00-01:00"), 4 * 120);
    assert_eq!(open_ms("daily 00:00-24:00"), 7 * 1_440);
    assert_eq!(open_ms("Mon 09:00-10:00 09:30-11:00; Monday 10:30-11:30"), 150);
}

#[test]
fn hours_that_cannot_be_read_are_refused_with_a_reason() {
    let rows = [
        ("", "no hours"),
        (" , ", "no hours"),
        ("09:00-18:00", "names no day"),
        ("Mon", "names no hours"),
        ("Mon-Fri", "names no hours"),
        ("Mo 09:00-18:00", "`mo` is no day"),
        ("Mon-Xyz 09:00-18:00", "`xyz` is no day"),
        ("Montag 09:00-18:00", "is no day"),
        ("Mon 09:00", "no range of hours"),
        ("Mon 9-18", "no range of hours"),
        ("Mon 09:00-25:00", "no range of hours"),
        ("Mon 24:00-09:00", "no range of hours"),
        ("Mon 09:60-10:00", "no range of hours"),
        ("Mon 09:0-10:00", "no range of hours"),
        ("Mon +9:00-10:00", "no range of hours"),
        ("Mon 09:00-09:00", "a whole day is 00:00-24:00"),
        ("Mon 9am-6pm", "no range of hours"),
        ("immer", "is no day"),
    ];
    for (week, reason) in rows {
        let error = week.parse::<Week>().unwrap_err();
        assert!(error.contains(reason), "{week}: {error}");
    }
    assert!(format!("daily {}", "09:00-10:00 ".repeat(99)).parse::<Week>().is_err());
    for week in
        ["mon–fri 9:00–18:00", "Mon - Fri 09:00 - 18:00", "Tues 1:00-2:00; Thursday 3:00-4:00", "DAILY 00:00-24:00"]
    {
        assert!(week.parse::<Week>().is_ok(), "{week}");
    }
}

#[test]
fn time_zones_are_found_in_a_bare_container_and_wrong_names_get_a_hint() {
    for (name, shown) in [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("UTC", "UTC"),
        ("Asia/Kolkata", "Asia/Kolkata"),
    ] {
        assert_eq!(name.parse::<Zone>().unwrap().to_string(), shown);
    }
    for (name, hint) in [
        ("Berlin", "Europe/Berlin"),
        ("Europe/Tokyo", "Asia/Tokyo"),
        ("new york", "America/New_York"),
        ("CEST", "as Europe/Berlin"),
        ("+02:00", "as Europe/Berlin"),
        ("", "as Europe/Berlin"),
    ] {
        let error = name.parse::<Zone>().unwrap_err();
        assert!(error.contains(hint), "{name}: {error}");
    }
}
