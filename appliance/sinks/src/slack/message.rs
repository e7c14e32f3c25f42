//! A notice as a chat message.
//!
//! Slack shows the blocks and uses `text` for notifications; Mattermost shows
//! `text` alone, so both say the same. Everything that came from the cluster is
//! escaped: it can neither mention people nor make links nor formatting end.

use appliance_core::analysis::{Analysis, Confidence};
use serde_json::{Value, json};

use crate::notice::{Notice, Stage};

/// Slack cuts a section at 3000 characters; escapes count.
const SECTION_CHARS_MAX: usize = 2900;
/// Slack refuses longer headers.
const HEADER_CHARS_MAX: usize = 140;
/// One untrusted piece of text.
const PIECE_CHARS_MAX: usize = 600;

/// The JSON to POST.
pub(super) fn payload(notice: &Notice, thread: Option<&str>) -> Value {
    let title = title(notice);
    let lines = lines(notice);
    let footer = footer(notice);
    let body = cut(&lines.join("\n"), SECTION_CHARS_MAX);
    let mut blocks = vec![header(&title)];
    if !body.is_empty() {
        blocks.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": &body}}));
    }
    blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": &footer}]}));
    let text = [format!("*{}*", escaped(&title)), body, footer].join("\n");
    let mut payload = json!({"text": text, "blocks": blocks});
    if let Some(thread) = thread {
        payload["thread_ts"] = Value::from(thread);
    }
    payload
}

/// Plain text is shown as it is; emoji codes stay off.
fn header(title: &str) -> Value {
    let line = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = cut(&line, HEADER_CHARS_MAX);
    json!({"type": "header", "text": {"type": "plain_text", "text": text, "emoji": false}})
}

fn title(notice: &Notice) -> String {
    let incident = &notice.incident;
    let state = match notice.stage {
        Stage::Resolved => "Resolved".to_owned(),
        Stage::Opened => in_words("Firing", &incident.severity),
        Stage::Updated => in_words("Changed", &incident.severity),
        Stage::Worded => in_words("Analysed", &incident.severity),
    };
    format!("{state}: {}", incident.title)
}

fn in_words(state: &str, severity: &str) -> String {
    if severity.is_empty() {
        state.to_owned()
    } else {
        format!("{state}, {severity}")
    }
}

fn lines(notice: &Notice) -> Vec<String> {
    let Some(analysis) = &notice.analysis else {
        return Vec::new();
    };
    let mut lines = vec![cause(analysis)];
    if !analysis.summary.text.is_empty() {
        lines.push(escaped(&analysis.summary.text));
    }
    if notice.stage == Stage::Resolved {
        return lines;
    }
    let changes = &analysis.changes;
    let suspected = changes.iter().find(|change| !change.suspected.is_empty());
    if let Some(change) = suspected.or(changes.first()) {
        let which = if suspected.is_some() {
            "Suspected"
        } else {
            "Last"
        };
        lines.push(format!(
            "{which} change: {} {} ({})",
            escaped(&change.object.to_string()),
            escaped(&change.what),
            change.at.strftime("%Y-%m-%d %H:%M:%SZ")
        ));
    }
    if let Some(check) = analysis.next_checks.first() {
        lines.push(format!("Next check: {}", code(&check.command)));
    }
    lines.extend(counts(analysis));
    lines
}

fn cause(analysis: &Analysis) -> String {
    let Some(first) = analysis.causes.first() else {
        return "No clear cause.".to_owned();
    };
    let confidence = match first.confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    };
    format!(
        "Likely cause: *{}* of {} (confidence {confidence})",
        escaped(&first.cause),
        escaped(&first.object.to_string())
    )
}

fn counts(analysis: &Analysis) -> Option<String> {
    let (excluded, missing) = (analysis.ruled_out.len(), analysis.missing.len());
    let told: Vec<String> = [(excluded, "ruled out"), (missing, "sources missing")]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    (!told.is_empty()).then(|| format!("{}.", told.join(", ")))
}

fn footer(notice: &Notice) -> String {
    let key = format!("Incident {}", code(notice.key()));
    match notice
        .console_url
        .as_deref()
        .filter(|url| is_plain_url(url))
    {
        Some(url) => format!("{key} · <{url}|Open in Anchorite>"),
        None => key,
    }
}

/// The address is ours, but a stray `|` or `>` would break the link.
fn is_plain_url(url: &str) -> bool {
    let known = url.starts_with("http://") || url.starts_with("https://");
    known
        && url
            .chars()
            .all(|character| character.is_ascii_graphic() && !"<>|\"`".contains(character))
}

/// Text that says what it says and does nothing.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in cut(text, PIECE_CHARS_MAX).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            // A zero-width space ends a mention, a link or a run of formatting
            // before it begins, and is invisible.
            '@' | '[' | ']' | '*' | '_' | '~' | '`' | '#' | '|' | '!' => {
                safe.push(character);
                safe.push('\u{200b}');
            }
            ':' => {
                safe.push(':');
                safe.push('\u{200b}');
            }
            '\n' | '\t' => safe.push(' '),
            other if other.is_control() => {}
            other => safe.push(other),
        }
    }
    safe
}

/// A command or a key, to be copied: nothing invisible goes in.
fn code(text: &str) -> String {
    let inner: String = cut(text, PIECE_CHARS_MAX)
        .chars()
        .filter(|character| !character.is_control() && *character != '`')
        .collect();
    let inner = inner
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!("`{inner}`")
}

fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(chars_max).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(escaped(text).replace('\u{200b}', "·"), expected);
    }

    #[test]
    fn untrusted_text_can_neither_mention_nor_link_nor_format() {
        check("<!channel> & <@U1>", "&lt;!·channel&gt; &amp; &lt;@·U1&gt;");
        check("@here now", "@·here now");
        check("[click](http://evil)", "[·click]·(http:·//evil)");
        check("*bold* `code`", "*·bold*· `·code`·");
        check("two\nlines\u{1b}[0m", "two lines[·0m");
    }

    #[test]
    fn code_cannot_be_left() {
        assert_eq!(
            code("kubectl get po `x` <y>\n"),
            "`kubectl get po x &lt;y&gt;`"
        );
    }

    #[test]
    fn only_a_plain_address_becomes_a_link() {
        assert!(is_plain_url("https://anchorite.site:8443/#/incidents/1"));
        assert!(!is_plain_url("https://a|b>c"));
        assert!(!is_plain_url("javascript:alert(1)"));
    }
}
