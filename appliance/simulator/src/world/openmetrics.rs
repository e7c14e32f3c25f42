//! OpenMetrics text with timestamps: reading it, and writing it.
//!
//! Only what the bundle format uses: one sample per line, an optional
//! timestamp in seconds, comments skipped, `# EOF` at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use appliance_core::snapshot::Sample;

use super::series::{SeriesStore, is_counter};

/// A line that is no sample.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not an OpenMetrics sample: {reason}")]
pub struct OpenMetricsError {
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Reads `text`; samples without a timestamp are given `now` (Unix seconds).
pub(crate) fn parse(text: &str, now: f64) -> Result<SeriesStore, OpenMetricsError> {
    let mut store = SeriesStore::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        parse_sample(line, now, &mut store).map_err(|reason| OpenMetricsError {
            line: index + 1,
            reason,
        })?;
    }
    Ok(store)
}

fn parse_sample(line: &str, now: f64, store: &mut SeriesStore) -> Result<(), &'static str> {
    let end = line
        .find(['{', ' ', '\t'])
        .ok_or("there is no value after the name")?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => parse_labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let mut numbers = rest.split_whitespace();
    let value = numbers.next().and_then(parse_number);
    let value = value.ok_or("the value is no number")?;
    let at = match numbers.next() {
        None | Some("#") => now,
        Some(text) => text.parse().map_err(|_| "the timestamp is no number")?,
    };
    store.push(name, &labels, Sample { at, value });
    Ok(())
}

fn parse_number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        text => text.parse().ok(),
    }
}

type Labels = BTreeMap<String, String>;

fn parse_labels(mut rest: &str) -> Result<(Labels, &str), &'static str> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, value) = rest
            .split_once("=\"")
            .ok_or("a label has no quoted value")?;
        let (value, end) = unquote(value).ok_or("a label's value does not end")?;
        labels.insert(name.trim().to_owned(), value);
        rest = end;
    }
}

/// The text up to the closing quote, unescaped, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[index + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

/// Writes `store` with timestamps in seconds, ending with `# EOF`.
pub(crate) fn write(store: &SeriesStore) -> String {
    let mut text = String::new();
    let mut last = "";
    for (name, labels, samples) in store.iter() {
        if name != last {
            // Errors cannot happen: the target is a string.
            let _ = writeln!(text, "# TYPE {} {}", family(name), kind(name));
            last = name;
        }
        for sample in samples {
            let labels = labels_text(labels);
            let value = number_text(sample.value);
            let _ = writeln!(text, "{name}{labels} {value} {}", sample.at);
        }
    }
    text.push_str("# EOF\n");
    text
}

/// Writes the last sample of each series in the exposition format 0.0.4,
/// without timestamps, as an exporter would.
pub(crate) fn write_current(store: &SeriesStore) -> String {
    let mut text = String::new();
    let mut last = "";
    for (name, labels, samples) in store.iter() {
        if name != last {
            // The older format calls it otherwise, and Prometheus 2 rejects a
            // whole scrape for a type it does not know.
            let kind = match kind(name) {
                "unknown" => "untyped",
                kind => kind,
            };
            let _ = writeln!(text, "# TYPE {name} {kind}");
            last = name;
        }
        if let Some(sample) = samples.last() {
            let value = number_text(sample.value);
            let _ = writeln!(text, "{name}{} {value}", labels_text(labels));
        }
    }
    text
}

fn family(name: &str) -> &str {
    name.strip_suffix("_total").unwrap_or(name)
}

/// Parts of histograms are written as untyped: a single family line for the
/// parts would have to group them, which readers do not need.
fn kind(name: &str) -> &'static str {
    if name.ends_with("_total") {
        "counter"
    } else if is_counter(name) {
        "unknown"
    } else {
        "gauge"
    }
}

/// `{a="b",…}`, or nothing for no labels.
pub(crate) fn labels_text(labels: &Labels) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let mut text = String::from("{");
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = write!(text, "{name}=\"{value}\"");
    }
    text.push('}');
    text
}

/// A number as Prometheus writes it.
pub(crate) fn number_text(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        format!("{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let text = "# TYPE up gauge\nup{job=\"a\\\"b\",path=\"c:\\\\d\"} 1 10\nup{job=\"a\\\"b\",path=\"c:\\\\d\"} 0 20\n# EOF\n";
        assert_eq!(write(&parse(text, 0.0).unwrap()), text);
    }

    #[test]
    fn broken_lines_are_errors_with_their_number() {
        for text in ["up", "up{a=b} 1", "up{a=\"b} 1", "up x", "up 1 x", "up{"] {
            assert_eq!(parse(&format!("# x\n{text}\n"), 0.0).unwrap_err().line, 2);
        }
    }

    #[test]
    fn samples_without_a_time_are_given_the_capture_time() {
        let store = parse("up 1\nup{a=\"b\"} +Inf\n", 7.0).unwrap();
        let times: Vec<_> = store.iter().map(|(_, _, samples)| samples[0]).collect();
        assert_eq!(
            times[0],
            Sample {
                at: 7.0,
                value: 1.0
            }
        );
        assert!(times[1].value.is_infinite());
    }
}
