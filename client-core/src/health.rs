//! Whether all is well with the link, judged by the figures.

/// Whether all is well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// All is well.
    #[default]
    Healthy,
    /// Something is worse than it should be.
    Warning,
    /// Something is so bad that a person notices.
    Critical,
}

/// The state of the link's health.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The worst of the issues.
    pub status: Status,
    /// From 0 to 100, all is well.
    pub score: u32,
    /// What is not as it should be.
    pub issues: Vec<Issue>,
}

/// Something that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issue {
    /// What: `error_rate`, `latency`, `heartbeat`, `stability`, `link` or `audit`.
    pub name: &'static str,
    /// How bad it is.
    pub status: Status,
    /// The figure, ‰, ms, or a count.
    pub value: u32,
    /// The bound that it has passed.
    pub bound: u32,
}

/// The figures that health is judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) error_permille: u32,
    pub(crate) round_trip_ms: u32,
    pub(crate) heartbeat_failures: u32,
    pub(crate) stability_permille: u32,
    pub(crate) away_ms: u32,
    pub(crate) audit_failures: u32,
}

/// What a warning and what a critical issue take off the score.
const WARNING_POINTS: u32 = 15;
const CRITICAL_POINTS: u32 = 35;

impl Health {
    /// The name of each issue, and the bounds beyond which it is a warning and critical.
    ///
    /// `error_rate` and `stability` in ‰ of the last five minutes (less is worse with stability), `latency` the smoothed round
    /// trip in ms, `heartbeat` and `audit` failures in the last five minutes, `link` how long there has been none, in ms.
    pub const BOUNDS: [(&'static str, u32, u32); 6] = [
        ("error_rate", 50, 100),
        ("latency", 500, 1_000),
        ("heartbeat", 2, 5),
        ("stability", 900, 800),
        ("link", 2_000, 10_000),
        ("audit", 0, 2),
    ];

    /// Judges the figures.
    pub(crate) fn of(figures: &Figures) -> Self {
        let values = [
            figures.error_permille,
            figures.round_trip_ms,
            figures.heartbeat_failures,
            figures.stability_permille,
            figures.away_ms,
            figures.audit_failures,
        ];
        let mut health = Self { status: Status::Healthy, score: 100, issues: Vec::new() };
        for (value, (name, warning, critical)) in values.into_iter().zip(Self::BOUNDS) {
            let is_beyond = |bound: u32| if critical < warning { value < bound } else { value > bound };
            let (status, bound, points) = if is_beyond(critical) {
                (Status::Critical, critical, CRITICAL_POINTS)
            } else if is_beyond(warning) {
                (Status::Warning, warning, WARNING_POINTS)
            } else {
                continue;
            };
            health.status = health.status.max(status);
            health.score = health.score.saturating_sub(points);
            health.issues.push(Issue { name, status, value, bound });
        }
        health
    }
}

impl Status {
    /// Returns its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "HEALTHY",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Figures {
        Figures { stability_permille: 1_000, ..Figures::default() }
    }

    #[test]
    fn each_figure_has_its_two_bounds() {
        type Set = fn(&mut Figures, u32);
        // Name, the last good value, the last value of a warning.
        let rows: [(&str, Set, u32, u32); 6] = [
            ("error_rate", |figures, value| figures.error_permille = value, 50, 100),
            ("latency", |figures, value| figures.round_trip_ms = value, 500, 1_000),
            ("heartbeat", |figures, value| figures.heartbeat_failures = value, 2, 5),
            ("stability", |figures, value| figures.stability_permille = 1_000 - value, 100, 200),
            ("link", |figures, value| figures.away_ms = value, 2_000, 10_000),
            ("audit", |figures, value| figures.audit_failures = value, 0, 2),
        ];
        for (name, set, healthy, warning) in rows {
            let judge = |value| {
                let mut figures = good();
                set(&mut figures, value);
                let health = Health::of(&figures);
                let named = health.issues.iter().all(|issue| issue.name == name && issue.status == health.status);
                assert!(named, "{name} {value}: {health:?}");
                (health.status, health.score, health.issues.len())
            };
            assert_eq!(judge(healthy), (Status::Healthy, 100, 0), "{name}");
            assert_eq!(judge(healthy + 1), (Status::Warning, 85, 1), "{name}");
            assert_eq!(judge(warning), (Status::Warning, 85, 1), "{name}");
            assert_eq!(judge(warning + 1), (Status::Critical, 65, 1), "{name}");
        }
    }

    #[test]
    fn the_worst_issue_is_the_status_and_the_score_never_falls_below_0() {
        let bad = Figures {
            error_permille: 60,
            round_trip_ms: 5_000,
            heartbeat_failures: 9,
            stability_permille: 0,
            away_ms: 60_000,
            ..good()
        };
        let health = Health::of(&bad);
        assert_eq!((health.status, health.score, health.issues.len()), (Status::Critical, 0, 5));
    }
}
