//! What the link knows of itself, as plain objects of the page.

use client_core::{Class, Counters, Datum, Entry, Health, Quality, Report, What, timestamp};
use serde::ser::{Serialize, SerializeMap, Serializer};
use wasm_bindgen::{JsError, JsValue};

/// How an entry of the log is given to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An object.
    Object,
    /// One line of JSON.
    Json,
    /// One line of words.
    Plain,
}

impl Form {
    pub(super) fn of(word: Option<&str>) -> Self {
        match word {
            Some("json") => Self::Json,
            Some("plain") => Self::Plain,
            _ => Self::Object,
        }
    }
}

/// Names and values of an object, as they are written here.
struct Fields<'a>(Vec<(&'static str, Field<'a>)>);

/// A value of an object.
enum Field<'a> {
    Number(u64),
    Word(&'a str),
    Numbers(&'a [u32]),
    Object(Fields<'a>),
    Objects(Vec<Fields<'a>>),
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, field) in &self.0 {
            map.serialize_entry(name, field)?;
        }
        map.end()
    }
}

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(value) => serializer.serialize_u64(*value),
            Self::Word(word) => serializer.serialize_str(word),
            Self::Numbers(values) => values.serialize(serializer),
            Self::Object(fields) => fields.serialize(serializer),
            Self::Objects(objects) => objects.serialize(serializer),
        }
    }
}

impl Fields<'_> {
    /// Makes the object.
    ///
    /// # Errors
    /// Never; the signature is serde's.
    fn value(&self) -> Result<JsValue, JsError> {
        Ok(self.serialize(&serde_wasm_bindgen::Serializer::json_compatible())?)
    }
}

fn number(value: u32) -> Field<'static> {
    Field::Number(u64::from(value))
}

/// How good the link is.
pub(super) fn quality(quality: &Quality) -> Result<JsValue, JsError> {
    Fields(vec![
        ("transport", Field::Word(quality.transport.map_or("", client_core::Transport::word))),
        ("because", Field::Word(quality.because)),
        ("roundTripMs", number(quality.round_trip_ms)),
        ("roundTripsMs", Field::Numbers(&quality.round_trips_ms)),
        ("lossPermille", number(quality.loss_permille)),
        ("errorPermille", number(quality.error_permille)),
        ("stabilityPermille", number(quality.stability_permille)),
        ("awayMs", number(quality.away_ms)),
        ("recoveriesMs", Field::Numbers(&quality.recoveries_ms)),
    ])
    .value()
}

/// Whether all is well.
pub(super) fn health(health: &Health) -> Result<JsValue, JsError> {
    let issues = health.issues.iter().map(|issue| {
        Fields(vec![
            ("name", Field::Word(issue.name)),
            ("status", Field::Word(issue.status.word())),
            ("value", number(issue.value)),
            ("bound", number(issue.bound)),
        ])
    });
    Fields(vec![
        ("status", Field::Word(health.status.word())),
        ("score", number(health.score)),
        ("issues", Field::Objects(issues.collect())),
    ])
    .value()
}

/// What was counted.
pub(super) fn counters(counters: &Counters) -> Result<JsValue, JsError> {
    let errors = Class::ALL.iter().zip(counters.errors).map(|(class, count)| (class.word(), number(count)));
    Fields(vec![
        ("connectionAttempts", number(counters.connection_attempts)),
        ("connectionSuccesses", number(counters.connection_successes)),
        ("connectionFailures", number(counters.connection_failures)),
        ("reconnections", number(counters.reconnections)),
        ("recoveryMs", number(counters.recovery_ms)),
        ("averageLatencyMs", number(counters.average_latency_ms)),
        ("heartbeatFailures", number(counters.heartbeat_failures)),
        ("fallbackActivations", number(counters.fallback_activations)),
        ("bufferSize", number(counters.buffer_size)),
        ("errorPermille", number(counters.error_permille)),
        ("duplicates", number(counters.duplicates)),
        ("gaps", number(counters.gaps)),
        ("auditFailures", number(counters.audit_failures)),
        ("errors", Field::Object(Fields(errors.collect()))),
    ])
    .value()
}

/// What the event `quality` says: judgement and figures, by the names that the server knows them by.
pub(super) fn report(report: &Report) -> Result<JsValue, JsError> {
    let mut fields = vec![
        ("status", Field::Word(report.status.word())),
        ("transport", Field::Word(report.transport.map_or("", client_core::Transport::word))),
        ("because", Field::Word(report.because)),
    ];
    fields.extend(report.figures.iter().map(|(name, value)| (*name, number(*value))));
    Fields(fields).value()
}

/// One entry of the log.
pub(super) fn entry(entry: &Entry, form: Form) -> Result<JsValue, JsError> {
    match form {
        Form::Json => return Ok(JsValue::from_str(&entry.json())),
        Form::Plain => return Ok(JsValue::from_str(&entry.plain())),
        Form::Object => {}
    }
    let at = timestamp(entry.at);
    let mut fields = vec![
        ("timestamp", Field::Word(&at)),
        ("level", Field::Word(entry.what.level().word())),
        ("component", Field::Word(entry.component())),
        ("event", Field::Word(entry.event())),
    ];
    if let What::Trouble { trouble, action, context } = entry.what {
        let error = vec![
            ("message", Field::Word(trouble.message())),
            ("code", Field::Number(u64::from(trouble.code()))),
            ("type", Field::Word(trouble.class().word())),
            ("severity", Field::Word(trouble.class().severity().word())),
            ("action", Field::Word(action.word())),
            ("context", Field::Word(context)),
        ];
        fields.push(("error", Field::Object(Fields(error))));
    } else {
        let data = entry.data().into_iter().map(|(name, datum)| match datum {
            Datum::Number(value) => (name, Field::Number(value)),
            Datum::Word(word) => (name, Field::Word(word)),
        });
        fields.push(("data", Field::Object(Fields(data.collect()))));
    }
    Fields(fields).value()
}
