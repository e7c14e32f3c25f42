//! Templates of well-known models against what jinja2 makes of them.
//!
//! `fixtures/templates.py` writes the expected texts and says how.

use std::sync::LazyLock;

use serde::Deserialize;

use super::environment::Script;

/// Templates that may differ, in what way, and why; no other case may.
const KNOWN: [(&str, &str, &str); 2] = [
    (
        "llama-cpp-deepseek-r1",
        "not refused",
        "what `map` gives can be written as JSON here",
    ),
    (
        "meetkai-functionary-medium-v3.1",
        "&lt;",
        "its `safe` makes jinja2 escape descriptions as HTML, which nobody wants",
    ),
];
/// How many cases come to what end.
const COUNTS: [usize; 3] = [1032, 144, 14];

#[derive(Deserialize)]
struct Golden {
    templates: Vec<Template>,
    conversations: Vec<Conversation>,
    /// By template, then by conversation.
    expected: Vec<Vec<Expected>>,
}

#[derive(Deserialize)]
struct Template {
    name: String,
    source: String,
}

#[derive(Deserialize)]
struct Conversation {
    name: String,
    context: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Text(String),
    Error(String),
}

fn golden() -> Golden {
    let packed = include_bytes!("../../fixtures/templates.json.zst");
    let text = zstd::decode_all(packed.as_slice()).expect("is packed well");
    serde_json::from_slice(&text).expect("is JSON")
}

/// The sources of the templates, with their names.
pub(super) fn sources() -> &'static [(String, String)] {
    static SOURCES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
        let templates = golden().templates.into_iter();
        templates
            .map(|template| (template.name, template.source))
            .collect()
    });
    &SOURCES
}

fn noon() -> jiff::Zoned {
    let date = jiff::civil::date(2026, 7, 1).at(12, 30, 0, 0);
    date.to_zoned(jiff::tz::TimeZone::UTC).expect("is a time")
}

fn context(conversation: &Conversation) -> serde_json::Value {
    let mut context = serde_json::json!({
        "add_generation_prompt": true, "tools": null, "documents": null, "bos_token": "<s>", "eos_token": "</s>",
    });
    for (key, value) in &conversation.context {
        context[key] = value.clone();
    }
    context
}

#[test]
fn templates_give_what_jinja2_gives() {
    let golden = golden();
    let [mut identical, mut refused] = [0, 0];
    let mut different = Vec::new();
    for (template, expected) in golden.templates.iter().zip(&golden.expected) {
        let script = Script::compile(&template.source, noon);
        for (conversation, expected) in golden.conversations.iter().zip(expected) {
            let rendered = script
                .as_ref()
                .map_err(ToString::to_string)
                .and_then(|script| script.render(&context(conversation)));
            match (rendered, expected) {
                (Ok(text), Expected::Text(expected)) if text == *expected => identical += 1,
                (Err(_), Expected::Error(_)) => refused += 1,
                (rendered, expected) => {
                    different.push(describe(template, conversation, &rendered, expected));
                }
            }
        }
    }
    let known = |case: &&String| {
        let is = |(template, way, _): &(&str, &str, &str)| {
            case.starts_with(template) && case.contains(way)
        };
        KNOWN.iter().any(is)
    };
    let unknown: Vec<&String> = different.iter().filter(|case| !known(case)).collect();
    println!(
        "{identical} identical, {refused} refused by both, {} differ",
        different.len()
    );
    assert!(unknown.is_empty(), "{unknown:#?}");
    assert_eq!([identical, refused, different.len()], COUNTS);
}

fn describe(
    template: &Template,
    conversation: &Conversation,
    rendered: &Result<String, String>,
    expected: &Expected,
) -> String {
    let name = format!("{} / {}", template.name, conversation.name);
    match (rendered, expected) {
        (Ok(text), Expected::Text(expected)) => {
            let at = text
                .bytes()
                .zip(expected.bytes())
                .take_while(|(left, right)| left == right)
                .count();
            let near = |text: &str| {
                text.get(text.floor_char_boundary(at.saturating_sub(20))..)
                    .unwrap_or_default()
                    .chars()
                    .take(60)
                    .collect::<String>()
            };
            format!("{name}: {:?} instead of {:?}", near(text), near(expected))
        }
        (Err(error), _) => format!("{name}: refused: {error}"),
        (Ok(_), Expected::Error(error)) => format!("{name}: not refused: {error}"),
    }
}
