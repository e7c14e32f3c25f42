//! Parses Alertmanager's webhook body, version 4.
//!
//! Decides what is a notification at all: everything Alertmanager may leave
//! out, add or set to null is accepted, because a refused body is an alert
//! lost. What is refused can never be read, however often it is sent again,
//! and [`WebhookError`] says why. Texts beyond the limits are cut and marked;
//! the raw body stays in the journal.
//!
//! Invariant: no input makes it panic, and [`parse_each`] holds one alert at a time.
//!
//! # Source
//! `notify/webhook/webhook.go` and `template/template.go` of Alertmanager 0.34.

mod fields;

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use self::fields::{Count, LabelMap, Text};
use super::{Alert, AlertStatus, Notification, fingerprint};

/// Years below this are Go's zero time, sent for "not set".
const ZERO_TIME_BEFORE: Timestamp = Timestamp::UNIX_EPOCH;

/// Longest reason handed back to a sender, in bytes: parsers quote their input.
const REASON_BYTES_MAX: usize = 300;

/// Why a body can never be read as a notification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Nothing was sent.
    #[error("the body is empty; send Alertmanager's webhook JSON, version 4")]
    Empty,
    /// The bytes are not JSON.
    #[error("the body is not valid JSON: {reason}")]
    NotJson {
        /// What the parser met, and where.
        reason: String,
    },
    /// JSON, but not a webhook body.
    #[error("the body is not an Alertmanager webhook message: {reason}")]
    NotWebhook {
        /// Which field is wrong, and where.
        reason: String,
    },
    /// Another version of the message.
    #[error("webhook message version {found:?} is not supported; version \"4\" is")]
    Version {
        /// The version the sender states.
        found: String,
    },
    /// A custom payload template without the list of alerts.
    #[error(
        "the message has no \"alerts\" list; remove a custom `payload` template from the receiver"
    )]
    NoAlerts,
}

/// Reads a whole notification.
pub fn parse(body: &[u8]) -> Result<Notification, WebhookError> {
    let mut alerts = Vec::new();
    let mut notification = parse_each(body, |alert| alerts.push(alert))?;
    notification.alerts = alerts;
    Ok(notification)
}

/// Reads a notification in constant memory: `each` gets every alert as it is
/// read, and the result's list is empty. An error may come after some alerts
/// were handed out; they are then not to be used.
pub fn parse_each(body: &[u8], mut each: impl FnMut(Alert)) -> Result<Notification, WebhookError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(WebhookError::Empty);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let envelope = Envelope { each: &mut each }
        .deserialize(&mut deserializer)
        .map_err(|error| refused(&error))?;
    deserializer.end().map_err(|error| refused(&error))?;
    envelope.finish()
}

fn refused(error: &serde_json::Error) -> WebhookError {
    let reason = fields::shorten(&error.to_string(), REASON_BYTES_MAX);
    match error.classify() {
        serde_json::error::Category::Data => WebhookError::NotWebhook { reason },
        serde_json::error::Category::Io
        | serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof => WebhookError::NotJson { reason },
    }
}

/// What the fields outside `alerts` said.
#[derive(Default)]
struct Read {
    notification: Notification,
    version: Option<String>,
    saw_alerts: bool,
}

impl Read {
    fn finish(self) -> Result<Notification, WebhookError> {
        match self.version {
            Some(found) if found != "4" => Err(WebhookError::Version {
                found: fields::shorten(&found, 40),
            }),
            _ if !self.saw_alerts => Err(WebhookError::NoAlerts),
            _ => Ok(self.notification),
        }
    }
}

struct Envelope<'f, F> {
    each: &'f mut F,
}

impl<'de, F: FnMut(Alert)> DeserializeSeed<'de> for Envelope<'_, F> {
    type Value = Read;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Read, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(Alert)> Visitor<'de> for Envelope<'_, F> {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object with a list of alerts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        let mut read = Read::default();
        let mut seen = [false; FIELDS.len()];
        while let Some(key) = map.next_key::<Text>()? {
            if let Some(at) = FIELDS.iter().position(|field| *field == key.0)
                && std::mem::replace(&mut seen[at], true)
            {
                return Err(de::Error::duplicate_field(FIELDS[at]));
            }
            let notification = &mut read.notification;
            match key.0.as_str() {
                "version" => {
                    read.version = Some(map.next_value::<Text>()?.0).filter(|v| !v.is_empty());
                }
                "receiver" => notification.receiver = map.next_value::<Text>()?.0,
                "groupKey" => notification.group_key = map.next_value::<Text>()?.0,
                "externalURL" => notification.external_url = map.next_value::<Text>()?.0,
                "notification_reason" => notification.reason = map.next_value::<Text>()?.0,
                "groupLabels" => notification.group_labels = map.next_value::<LabelMap>()?.labels(),
                "commonLabels" => {
                    notification.common_labels = map.next_value::<LabelMap>()?.labels();
                }
                "commonAnnotations" => {
                    notification.common_annotations = map.next_value::<LabelMap>()?.annotations();
                }
                "truncatedAlerts" => notification.truncated_alerts = map.next_value::<Count>()?.0,
                "alerts" => {
                    map.next_value_seed(AlertList {
                        each: &mut *self.each,
                    })?;
                    read.saw_alerts = true;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(read)
    }
}

/// Fields of the message that are read; each may occur once.
const FIELDS: [&str; 10] = [
    "version",
    "receiver",
    "groupKey",
    "externalURL",
    "notification_reason",
    "groupLabels",
    "commonLabels",
    "commonAnnotations",
    "truncatedAlerts",
    "alerts",
];

struct AlertList<'f, F> {
    each: &'f mut F,
}

impl<'de, F: FnMut(Alert)> DeserializeSeed<'de> for AlertList<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(Alert)> Visitor<'de> for AlertList<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of alerts")
    }

    /// Go encodes an empty list as null.
    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(alert) = seq.next_element::<AlertWire>()? {
            (self.each)(alert.into());
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct AlertWire {
    status: Text,
    labels: LabelMap,
    annotations: LabelMap,
    starts_at: Text,
    ends_at: Text,
    #[serde(rename = "generatorURL")]
    generator_url: Text,
    fingerprint: Text,
}

impl From<AlertWire> for Alert {
    fn from(wire: AlertWire) -> Self {
        let labels = wire.labels.labels();
        let ends_at = time(&wire.ends_at.0);
        Self {
            status: status(&wire.status.0, ends_at),
            starts_at: time(&wire.starts_at.0).unwrap_or(Timestamp::UNIX_EPOCH),
            ends_at,
            generator_url: wire.generator_url.0,
            fingerprint: Some(wire.fingerprint.0)
                .filter(|given| is_fingerprint(given))
                .unwrap_or_else(|| fingerprint::of(&labels)),
            annotations: wire.annotations.annotations(),
            labels,
        }
    }
}

/// A word we do not know is decided by whether an end is stated: an alert
/// taken as firing is looked at, one dropped is lost.
fn status(word: &str, ends_at: Option<Timestamp>) -> AlertStatus {
    match word {
        "resolved" => AlertStatus::Resolved,
        "firing" => AlertStatus::Firing,
        _ if ends_at.is_some() => AlertStatus::Resolved,
        _ => AlertStatus::Firing,
    }
}

fn time(text: &str) -> Option<Timestamp> {
    let parsed: Timestamp = text.parse().ok()?;
    (parsed > ZERO_TIME_BEFORE).then_some(parsed)
}

fn is_fingerprint(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
