//! Nodes whose clock is off: what kubelets and containers write is earlier or
//! later than the API server would say.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::bundle::Files;

/// Shifts all that comes from nodes by `minutes`.
pub(crate) fn nodes(files: &mut Files, minutes: i64) {
    let by = SignedDuration::from_mins(minutes);
    files.edit_lists(|path, list| {
        let file = path.rsplit('/').next().unwrap_or_default().to_owned();
        for item in list["items"].as_array_mut().into_iter().flatten() {
            match file.as_str() {
                "pods.json" | "nodes.json" => times(&mut item["status"], by),
                "leases.json" => times(&mut item["spec"], by),
                "events.json" if item["source"]["component"] == "kubelet" => {
                    times(&mut item["firstTimestamp"], by);
                    times(&mut item["lastTimestamp"], by);
                }
                _ => {}
            }
        }
    });
    for (path, text) in &mut files.0 {
        if path.ends_with("logs.txt") {
            let shifted: Vec<String> = text.lines().map(|line| shift_line(line, by)).collect();
            *text = shifted.join("\n");
            text.push('\n');
        }
    }
}

/// Shifts every value that is a time.
fn times(value: &mut Value, by: SignedDuration) {
    match value {
        Value::String(text) => {
            if let Some(new) = shifted(text, by) {
                *text = new;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| times(item, by)),
        Value::Object(fields) => fields.values_mut().for_each(|item| times(item, by)),
        _ => {}
    }
}

fn shifted(text: &str, by: SignedDuration) -> Option<String> {
    let at: Timestamp = text.parse().ok()?;
    Some((at + by).to_string())
}

/// Log lines begin with their time, or have it as their first value.
fn shift_line(line: &str, by: SignedDuration) -> String {
    let end = line.find(' ').unwrap_or(line.len());
    match shifted(&line[..end], by) {
        Some(time) => format!("{time}{}", &line[end..]),
        None => line.to_owned(),
    }
}
