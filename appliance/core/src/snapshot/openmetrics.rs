//! Reads and writes OpenMetrics text with timestamps.
//!
//! Samples of one series are gathered in order of time. A line that cannot be
//! read becomes a gap; the rest still counts. The older Prometheus text format
//! differs in timestamps only (milliseconds) and is told apart by their size.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::{Gap, Sample, Series};

/// Most samples read from one text, a bound on memory.
const SAMPLES_MAX: usize = 5_000_000;
/// Most complaints about lines before they are summed up.
const COMPLAINTS_MAX: usize = 5;
/// Timestamps beyond this are milliseconds (seconds reach it in the year 5138).
const SECONDS_MAX: f64 = 1e11;

type Labels = BTreeMap<String, String>;

/// Reads `text`; returns the series in order of first appearance and what
/// could not be read. Samples without a timestamp get `default_at`, in
/// seconds since 1970.
pub fn parse(text: &str, default_at: f64) -> (Vec<Series>, Vec<Gap>) {
    let mut reader = Reader::default();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line == "# EOF" || reader.samples >= SAMPLES_MAX {
            break;
        }
        if !line.is_empty() && !line.starts_with('#') {
            reader.line(number + 1, line, default_at);
        }
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    series: Vec<Series>,
    index: HashMap<String, usize>,
    samples: usize,
    broken: usize,
    gaps: Vec<Gap>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str, default_at: f64) {
        match sample(line, default_at) {
            Ok((head, sample)) => self.push(number, head, sample),
            Err(why) => self.complain(number, why),
        }
    }

    fn push(&mut self, number: usize, head: &str, sample: Sample) {
        let position = match self.index.get(head) {
            Some(&position) => position,
            None => match name_and_labels(head) {
                Ok((name, labels)) => {
                    self.index.insert(head.to_owned(), self.series.len());
                    self.series.push(Series {
                        name,
                        labels,
                        samples: Vec::new(),
                    });
                    self.series.len() - 1
                }
                Err(why) => return self.complain(number, why),
            },
        };
        self.series[position].samples.push(sample);
        self.samples += 1;
    }

    fn complain(&mut self, number: usize, why: &str) {
        self.broken += 1;
        if self.broken <= COMPLAINTS_MAX {
            self.gaps.push(gap(format!("line {number}: {why}")));
        }
    }

    fn finish(mut self) -> (Vec<Series>, Vec<Gap>) {
        if self.broken > COMPLAINTS_MAX {
            let more = self.broken - COMPLAINTS_MAX;
            self.gaps
                .push(gap(format!("{more} more lines could not be read")));
        }
        if self.samples >= SAMPLES_MAX {
            self.gaps.push(gap(format!(
                "only the first {SAMPLES_MAX} samples were read"
            )));
        }
        for series in &mut self.series {
            series.samples.sort_by(|a, b| a.at.total_cmp(&b.at));
        }
        (self.series, self.gaps)
    }
}

fn gap(detail: String) -> Gap {
    Gap {
        source: "metrics".to_owned(),
        detail,
    }
}

/// Splits a line into its series part and its sample.
fn sample(line: &str, default_at: f64) -> Result<(&str, Sample), &'static str> {
    let end = series_end(line).ok_or("labels are not closed")?;
    let (head, rest) = line.split_at(end);
    // An exemplar follows after " # ".
    let rest = rest.split('#').next().unwrap_or_default();
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().ok_or("there is no value")?;
    let value = number(value).ok_or("the value is not a number")?;
    let at = match words.next() {
        Some(at) => number(at)
            .filter(|at| at.is_finite())
            .ok_or("the timestamp is not a number")?,
        None => default_at,
    };
    let at = if at.abs() > SECONDS_MAX {
        at / 1000.0
    } else {
        at
    };
    Ok((head.trim_end(), Sample { at, value }))
}

/// Where the name and labels end: after the closing brace that is not quoted.
fn series_end(line: &str) -> Option<usize> {
    let name_end = line
        .find(|c: char| c == '{' || c.is_ascii_whitespace())
        .unwrap_or(line.len());
    let after_name = &line[name_end..];
    let open = name_end + (after_name.len() - after_name.trim_start().len());
    if !line[open..].starts_with('{') {
        return Some(name_end);
    }
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in line.bytes().enumerate().skip(open) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" | "Nan" => Some(f64::NAN),
        _ => text.parse().ok(),
    }
}

fn name_and_labels(head: &str) -> Result<(String, Labels), &'static str> {
    let (name, labels) = match head.split_once('{') {
        Some((name, rest)) => (
            name.trim(),
            rest.strip_suffix('}').ok_or("labels are not closed")?,
        ),
        None => (head.trim(), ""),
    };
    let mut labels = parse_labels(labels)?;
    let name = if name.is_empty() {
        labels.remove("__name__").unwrap_or_default()
    } else {
        name.to_owned()
    };
    let valid = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.');
    if name.is_empty() || !name.chars().all(valid) {
        return Err("the metric's name is not valid");
    }
    Ok((name, labels))
}

fn parse_labels(mut rest: &str) -> Result<Labels, &'static str> {
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if rest.is_empty() {
            return Ok(labels);
        }
        let (name, after) = rest.split_once('=').ok_or("a label has no value")?;
        let after = after
            .trim_start()
            .strip_prefix('"')
            .ok_or("a label's value is not quoted")?;
        let (value, used) = unquote(after).ok_or("a label's value is not closed")?;
        labels.insert(name.trim().trim_matches('"').to_owned(), value);
        rest = &after[used..];
    }
}

/// Reads an escaped value up to its closing quote; returns how many bytes it took.
fn unquote(text: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, at + 1)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            _ => value.push(c),
        }
    }
    None
}

/// The series selector in PromQL, which is also how OpenMetrics writes it.
pub fn selector(name: &str, labels: &Labels) -> String {
    if labels.is_empty() {
        return name.to_owned();
    }
    let labels: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
        .collect();
    format!("{name}{{{}}}", labels.join(","))
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Writes `series` as OpenMetrics text that [`parse`] reads back.
pub fn write(series: &[Series]) -> String {
    let mut text = String::new();
    for series in series {
        let head = selector(&series.name, &series.labels);
        for sample in &series.samples {
            let value = match sample.value {
                value if value.is_nan() => "NaN".to_owned(),
                value if value.is_infinite() => {
                    if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
                }
                value => value.to_string(),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{head} {value} {}", sample.at);
        }
    }
    text.push_str("# EOF\n");
    text
}

#[cfg(test)]
mod tests;
