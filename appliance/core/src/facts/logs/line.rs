//! What one entry says: its level, its message, whether it tells of trouble.

use std::sync::LazyLock;

use jiff::Timestamp;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::Value;

use super::entry::Entry;
use super::time;
use crate::facts::shape::write_shape as write_text_shape;

/// The fields of a JSON log line that carry meaning, under the names that the
/// common loggers give them. Everything else is context.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    msg: Value,
    message: Value,
    log: Value,
    level: Value,
    severity: Value,
    lvl: Value,
    levelname: Value,
    #[serde(rename = "log.level")]
    log_level: Value,
    error: Value,
    err: Value,
    exception: Value,
    status: Value,
    status_code: Value,
    response_code: Value,
    #[serde(rename = "http.resp.status")]
    response_status: Value,
    time: Value,
    ts: Value,
    timestamp: Value,
    #[serde(rename = "@timestamp")]
    at_timestamp: Value,
}

impl Fields {
    fn read(line: &str) -> Option<Self> {
        if !line.starts_with('{') {
            return None;
        }
        serde_json::from_str(line).ok()
    }

    fn level(&self) -> Option<Level> {
        [
            &self.level,
            &self.severity,
            &self.lvl,
            &self.levelname,
            &self.log_level,
        ]
        .into_iter()
        .find_map(|value| match value {
            Value::String(word) => Level::of_word(word),
            // Bunyan's and pino's numbers.
            Value::Number(number) => Some(match number.as_u64()? {
                0..=39 => Level::Calm,
                40..=49 => Level::Warning,
                _ => Level::Error,
            }),
            _ => None,
        })
    }

    fn message(&self) -> [&Value; 3] {
        [&self.msg, &self.message, &self.log]
    }

    fn errors(&self) -> [&Value; 3] {
        [&self.error, &self.err, &self.exception]
    }

    fn status(&self) -> Option<u64> {
        [
            &self.status,
            &self.status_code,
            &self.response_code,
            &self.response_status,
        ]
        .into_iter()
        .find_map(|value| match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        })
        .filter(|status| (400..600).contains(status))
    }

    fn at(&self, captured_at: Timestamp) -> Option<Timestamp> {
        [&self.time, &self.ts, &self.timestamp, &self.at_timestamp]
            .into_iter()
            .find_map(|value| time::in_field(value, captured_at))
    }
}

/// How grave a line says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Calm,
    Warning,
    Error,
}

impl Level {
    fn of_word(word: &str) -> Option<Self> {
        let is = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
        if is(&[
            "error",
            "err",
            "fatal",
            "panic",
            "critical",
            "crit",
            "severe",
            "alert",
            "emerg",
            "emergency",
            "fail",
            "dpanic",
            "e",
            "f",
        ]) {
            Some(Level::Error)
        } else if is(&["warn", "warning", "wrn", "w"]) {
            Some(Level::Warning)
        } else if is(&[
            "info",
            "information",
            "inf",
            "notice",
            "note",
            "debug",
            "dbg",
            "dbug",
            "trace",
            "trc",
            "trce",
            "verbose",
            "default",
            "log",
            "i",
            "d",
        ]) {
            Some(Level::Calm)
        } else {
            None
        }
    }

    /// The level word near the start of a plain line.
    fn of_line(line: &str) -> Option<Self> {
        let bytes = line.as_bytes();
        // klog: a letter and the date.
        if let [
            level @ (b'I' | b'W' | b'E' | b'F'),
            b'0'..=b'1',
            b'0'..=b'9',
            b'0'..=b'3',
            b'0'..=b'9',
            b' ',
            ..,
        ] = bytes
        {
            return Self::of_word(std::str::from_utf8(&[*level]).ok()?);
        }
        let mut end = line.len().min(160);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        let found = LEVEL.captures(&line[..end])?;
        found
            .iter()
            .skip(1)
            .flatten()
            .next()
            .and_then(|word| Self::of_word(word.as_str()))
    }
}

/// A level as a logger writes it: a field, in brackets, in capitals, or first with a colon.
static LEVEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?i-u:\b(?:level|lvl|severity)["']?[=:]\s?["']?([a-z]+))"#,
        r"|\[(?i-u:(error|err|fatal|panic|critical|crit|severe|alert|emerg|warn|warning|info|notice|note|debug|trace|system))\]",
        r"|(?-u:\b)(ERROR|FATAL|PANIC|CRITICAL|SEVERE|WARN|WARNING|INFO|NOTICE|DEBUG|TRACE|ERR|WRN|INF|DBG|LOG)(?-u:\b)",
        r"|^(?i-u:(error|fatal|panic|critical|warn|warning|info|debug|trce|dbug|fail|crit)):",
    ))
    .expect("the pattern is constant and tested")
});

/// Words that tell of trouble in a line that gives no level.
static TROUBLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"error|exception|fail(?:ed|ure|s|ing)?\b|fatal|panic|denied|forbidden|unauthori[sz]ed|unreachable",
        r"|not found|cannot |can't |could not|couldn't|unable to|killed|segfault|segmentation fault|x509",
        r"|certificate|expired|no space|read-only|too many|broken pipe|\beof\b|deadlock|corrupt|unhealthy",
        r"|servfail|nxdomain|traceback|core dumped|unavailable|invalid|abort|rejected|unexpected|missing",
        r"|time limit|crash|refusing|lost connection|disconnected|evicted|exhausted",
    ))
});

/// Words that tell of trouble whatever the level.
static GRAVE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"refused|timed? ?out|deadline exceeded|no such host|no route to host|out of ?memory|\boom\b|reset by peer",
        r"|panic:|name resolution|exit code [1-9]|[\s=:(]5[0-9][0-9](?:[\s,)\x22]|$)",
    ))
});

/// Phrases with such a word that tell of the opposite.
static NEGATED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:no|without|0|zero) (?:error|exception|failure|failed)s?|\b(?:errors?|failures?|failed|exceptions?)[\x22']?\s?[=:]\s?(?:<\*>|0|null|nil|none|false|\[\]|\x22\x22)(?:[\s,;}]|$)",
    )
});

fn pattern(pattern: &str) -> Regex {
    RegexBuilder::new(&format!("(?-u:{pattern})"))
        .case_insensitive(true)
        .build()
        .expect("the pattern is constant and tested")
}

/// One entry as its parts are read, once.
pub(super) struct Line<'e, 'a> {
    entry: &'e Entry<'a>,
    /// What a JSON line says.
    fields: Option<Fields>,
    /// The plain line's own time and the length of its text.
    leading: Option<(Timestamp, usize)>,
}

impl<'e, 'a> Line<'e, 'a> {
    /// Reads `entry`.
    pub(super) fn of(entry: &'e Entry<'a>) -> Self {
        let fields = Fields::read(entry.head);
        let leading = match fields {
            Some(_) => None,
            None => time::leading(entry.head, entry.captured_at),
        };
        Self {
            entry,
            fields,
            leading,
        }
    }

    /// When it was written: by kubectl's prefix or the line's own time.
    pub(super) fn time(&self) -> Option<Timestamp> {
        let own = || match &self.fields {
            Some(fields) => fields.at(self.entry.captured_at),
            None => self.leading.map(|(at, _)| at),
        };
        self.entry.at.or_else(own)
    }

    /// Writes its shape. JSON lines have the shape of what they say.
    pub(super) fn write_shape(&self, out: &mut String) {
        match &self.fields {
            Some(fields) => write_fields_shape(fields, self.entry, out),
            None => write_text_shape(self.without_time(), out),
        }
        if let Some(detail) = self.entry.detail {
            out.push_str(" | ");
            write_text_shape(detail.trim_start(), out);
        }
    }

    fn without_time(&self) -> &'a str {
        let head = self.entry.head;
        // klog's letter is its level and stays.
        match self.leading {
            Some((_, length)) if !head.starts_with(['I', 'W', 'E', 'F']) => {
                head[length..].trim_start()
            }
            _ => head,
        }
    }

    /// Whether it tells of trouble; `shape` is its own.
    pub(super) fn is_trouble(&self, shape: &str) -> bool {
        let level = match &self.fields {
            Some(fields) => fields.level(),
            None => Level::of_line(self.entry.head),
        };
        let status = self.fields.as_ref().and_then(Fields::status);
        if status.is_some_and(|status| status >= 500) || level == Some(Level::Error) {
            return true;
        }
        let said = NEGATED.replace_all(shape, "");
        match level {
            Some(Level::Calm) => GRAVE.is_match(&said),
            _ => GRAVE.is_match(&said) || TROUBLE.is_match(&said),
        }
    }
}

fn write_fields_shape(fields: &Fields, entry: &Entry<'_>, out: &mut String) {
    if let Some(level) = fields.level()
        && level != Level::Calm
    {
        out.push_str(if level == Level::Error {
            "error: "
        } else {
            "warning: "
        });
    }
    let before = out.len();
    for value in fields.message() {
        write_value(value, "", out);
    }
    for value in fields.errors() {
        write_value(value, ": ", out);
    }
    if let Some(status) = fields.status() {
        out.push_str(" status ");
        out.push_str(&status.to_string());
    }
    if out.len() == before {
        write_text_shape(entry.head, out);
    }
}

fn write_value(value: &Value, separator: &str, out: &mut String) {
    match value {
        Value::String(text) if !text.trim().is_empty() => {
            out.push_str(separator);
            write_text_shape(text.trim(), out);
        }
        Value::Object(_) => {
            out.push_str(separator);
            write_text_shape(&value.to_string(), out);
        }
        _ => {}
    }
}
