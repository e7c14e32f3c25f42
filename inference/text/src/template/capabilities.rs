//! What a template can show, found by trying it.
//!
//! Each question is a small chat with a needle in it: a template that refuses
//! it, or whose text lacks the needle, cannot show that.

use serde_json::{Value as Json, json};

use super::environment::Script;

const KEY: &str = "needle_key";
const VALUE: &str = "needle_value";

/// How a template wants the arguments of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Arguments {
    /// As an object, which it writes or takes apart.
    #[default]
    Object,
    /// As JSON text, which it copies.
    Text,
    /// Either; an object is written as the model was trained.
    Both,
}

/// What a template can show.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is the answer to a question of its own"
)]
pub(super) struct Capabilities {
    /// Content is read as a list of parts only.
    pub(super) parts: bool,
    /// A system message in front.
    pub(super) system: bool,
    /// System messages anywhere, and several.
    pub(super) system_anywhere: bool,
    /// Two messages of one speaker in a row.
    pub(super) consecutive: bool,
    /// Tools that may be called.
    pub(super) tools: bool,
    /// Calls the model asked for.
    pub(super) calls: bool,
    /// The results of calls.
    pub(super) results: bool,
    /// How calls are shown.
    pub(super) call: CallStyle,
}

/// How calls are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CallStyle {
    pub(super) arguments: Arguments,
    /// A message with calls has no content at all.
    pub(super) without_content: bool,
    /// Ids have nine letters or digits.
    pub(super) short_ids: bool,
}

impl Capabilities {
    /// Tries `script`.
    pub(super) fn probe(script: &Script) -> Self {
        let text = Probe {
            script,
            parts: false,
        };
        let question = |probe: &Probe<'_>| probe.shows(&[("user", "needle")], &["needle"]);
        let parts = !question(&text)
            && question(&Probe {
                script,
                parts: true,
            });
        let probe = Probe { script, parts };
        let calls = probe.calls();
        Self {
            parts,
            system: probe.shows(&[("system", "one"), ("user", "two")], &["one", "two"]),
            system_anywhere: probe.shows(
                &[
                    ("system", "one"),
                    ("system", "two"),
                    ("user", "three"),
                    ("assistant", "four"),
                    ("system", "five"),
                    ("user", "six"),
                ],
                &["one", "two", "five"],
            ),
            consecutive: probe.shows(&[("user", "one"), ("user", "two")], &["one", "two"]),
            tools: probe.shows_tools(),
            calls: calls.is_some(),
            results: calls.is_some_and(|(_, results)| results),
            call: calls.map(|(style, _)| style).unwrap_or_default(),
        }
    }
}

struct Probe<'a> {
    script: &'a Script,
    parts: bool,
}

impl Probe<'_> {
    fn say(&self, role: &str, content: &str) -> Json {
        if self.parts {
            return json!({"role": role, "content": [{"type": "text", "text": content}]});
        }
        json!({"role": role, "content": content})
    }

    /// The text for `messages`, if the template takes them.
    fn render(&self, messages: &[Json], tools: &Json) -> Option<String> {
        let context = json!({
            "messages": messages, "tools": tools, "documents": null,
            "add_generation_prompt": true, "bos_token": "", "eos_token": "",
        });
        self.script.render(&context).ok()
    }

    fn shows(&self, messages: &[(&str, &str)], needles: &[&str]) -> bool {
        let messages: Vec<Json> = messages
            .iter()
            .map(|(role, content)| self.say(role, &format!("needle_{content}")))
            .collect();
        let text = self.render(&messages, &Json::Null);
        text.is_some_and(|text| {
            needles
                .iter()
                .all(|needle| text.contains(&format!("needle_{needle}")))
        })
    }

    fn shows_tools(&self) -> bool {
        let user = self.say("user", "hello");
        let with_system = [self.say("system", "be brief"), user.clone()];
        [&with_system[1..], &with_system[..]]
            .iter()
            .any(|messages| {
                let text = self.render(messages, &tools());
                text.is_some_and(|text| text.contains("needle_tool"))
            })
    }

    /// How calls are shown, and whether their results are; `None` if calls are not.
    fn calls(&self) -> Option<(CallStyle, bool)> {
        let ids = [("call_needle", false), ("abcdef123", true)];
        let contents = [(json!(""), false), (Json::Null, true)];
        ids.iter().find_map(|&(id, short_ids)| {
            contents.iter().find_map(|(content, without_content)| {
                let render =
                    |arguments: Json| self.render(&self.call(id, content, &arguments), &tools());
                let object = render(json!({ (KEY): VALUE })).unwrap_or_default();
                let text = render(json!(format!("{{\"{KEY}\": \"{VALUE}\"}}"))).unwrap_or_default();
                let style = CallStyle {
                    arguments: arguments(&object, &text)?,
                    without_content: *without_content,
                    short_ids,
                };
                Some((
                    style,
                    object.contains("needle_result") || text.contains("needle_result"),
                ))
            })
        })
    }

    fn call(&self, id: &str, content: &Json, arguments: &Json) -> [Json; 3] {
        let call = json!({"id": id, "type": "function", "function": {"name": "needle_tool", "arguments": arguments}});
        let mut result = self.say("tool", "needle_result");
        result["tool_call_id"] = json!(id);
        result["name"] = json!("needle_tool");
        [
            self.say("user", "hello"),
            json!({"role": "assistant", "content": content, "tool_calls": [call]}),
            result,
        ]
    }
}

fn tools() -> Json {
    let parameters = json!({"type": "object", "properties": {(KEY): {"type": "string", "description": "a"}}, "required": [KEY]});
    json!([{"type": "function", "function": {"name": "needle_tool", "description": "d", "parameters": parameters}}])
}

/// How arguments are wanted, from what became of an object and of JSON text; `None` if neither shows.
fn arguments(object: &str, text: &str) -> Option<Arguments> {
    let json = |rendered: &str| rendered.contains(&format!("\"{KEY}\": \"{VALUE}\""));
    match (json(object), json(text)) {
        (true, true) => Some(Arguments::Both),
        (true, false) => Some(Arguments::Object),
        (false, true) => Some(Arguments::Text),
        (false, false) => (object.contains(VALUE)).then_some(Arguments::Object),
    }
}
