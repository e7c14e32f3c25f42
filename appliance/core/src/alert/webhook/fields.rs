//! Field values of the webhook body, read leniently and bounded.
//!
//! A scalar of the wrong type becomes its text, null becomes empty; a list or
//! object where a text belongs is an error. Invariant: what leaves here is
//! within the limits below, however long the input was.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::alert::{Labels, fingerprint};

/// Most labels, and most annotations, of one alert. Prometheus's own default
/// is unlimited; real alerts have 5 to 40.
const LABELS_MAX: usize = 256;
/// Longest label name, bytes.
const NAME_BYTES_MAX: usize = 256;
/// Longest label value, bytes.
const LABEL_BYTES_MAX: usize = 4 << 10;
/// Longest annotation or other text, bytes.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// A text, or any scalar as text.
#[derive(Default)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(shorten(text, TEXT_BYTES_MAX)))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Text, E> {
        Ok(Text::default())
    }
}

/// A count; anything that is not one counts as zero.
pub(super) struct Count(pub(super) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        Ok(Self(text.0.parse().unwrap_or(0)))
    }
}

/// A set of names and values as sent; null is the empty set.
#[derive(Default)]
pub(super) struct LabelMap(Labels);

impl LabelMap {
    /// As labels: values cut to the label limit.
    pub(super) fn labels(mut self) -> Labels {
        for value in self.0.values_mut().filter(|v| v.len() > LABEL_BYTES_MAX) {
            *value = shorten(value, LABEL_BYTES_MAX);
        }
        self.0
    }

    /// As annotations: values cut to the text limit.
    pub(super) fn annotations(self) -> Labels {
        self.0
    }
}

impl<'de> Deserialize<'de> for LabelMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LabelMapVisitor)
    }
}

struct LabelMapVisitor;

impl<'de> Visitor<'de> for LabelMapVisitor {
    type Value = LabelMap;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of names and strings")
    }

    fn visit_unit<E: de::Error>(self) -> Result<LabelMap, E> {
        Ok(LabelMap::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LabelMap, A::Error> {
        let mut labels = Labels::new();
        while let Some(Text(name)) = map.next_key::<Text>()? {
            if labels.len() == LABELS_MAX {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let name = shorten(&name, NAME_BYTES_MAX);
            let Text(value) = map.next_value()?;
            if labels.insert(name, value).is_some() {
                return Err(de::Error::custom("a label or annotation name occurs twice"));
            }
        }
        Ok(LabelMap(labels))
    }
}

/// `text` within `bytes_max` bytes. What is cut is marked with the length and
/// a hash of the whole, so that texts that differed still do.
pub(super) fn shorten(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let mark = format!(
        "… [cut from {} bytes, {:016x}]",
        text.len(),
        fingerprint::fnv(text.as_bytes())
    );
    let mut end = bytes_max.saturating_sub(mark.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{mark}", &text[..end])
}
