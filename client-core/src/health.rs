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

/// How long a person waits without a link before it is an issue, and before it is a critical one, in ms.
const AWAY_MS: (u32, u32) = (2_000, 10_000);
/// Errors among all that was tried in the last five minutes, in ‰.
const ERROR_RATE_PERMILLE: (u32, u32) = (50, 100);
/// The smoothed round trip, in ms.
const LATENCY_MS: (u32, u32) = (500, 1_000);
/// Pings that were not answered in time, in the last five minutes.
const HEARTBEAT_FAILURES: (u32, u32) = (2, 5);
/// What is missing to a link that was always there, in ‰ of the last five minutes.
const UNSTABLE_PERMILLE: (u32, u32) = (100, 200);
/// Disagreements with the server about the log in the last five minutes.
const AUDIT_FAILURES: (u32, u32) = (0, 2);

impl Health {
    /// Judges the figures.
    pub(crate) fn of(figures: &Figures) -> Self {
        // Where less is worse, the figure is what is missing to the whole.
        let figures = [
            ("error_rate", 0, figures.error_permille, ERROR_RATE_PERMILLE),
            ("latency", 0, figures.round_trip_ms, LATENCY_MS),
            ("heartbeat", 0, figures.heartbeat_failures, HEARTBEAT_FAILURES),
            ("stability", 1_000, 1_000 - figures.stability_permille.min(1_000), UNSTABLE_PERMILLE),
            ("link", 0, figures.away_ms, AWAY_MS),
            ("audit", 0, figures.audit_failures, AUDIT_FAILURES),
        ];
        let mut health = Self { status: Status::Healthy, score: 100, issues: Vec::new() };
        for (name, whole, value, (warning, critical)) in figures {
            let (status, bound, points) = match value {
                value if value > critical => (Status::Critical, critical, CRITICAL_POINTS),
                value if value > warning => (Status::Warning, warning, WARNING_POINTS),
                _ => continue,
            };
            health.status = health.status.max(status);
            health.score = health.score.saturating_sub(points);
            health.issues.push(Issue { name, status, value: value.abs_diff(whole), bound: bound.abs_diff(whole) });
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
