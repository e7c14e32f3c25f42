//! The messages of a chat, brought into a shape the template can show.
//!
//! Invariant: nothing said is lost; what the template has no place for stands in another message.

use inference_core::{ChatMessage, Role, Tool, ToolCall, ToolFormat};
use serde_json::{Value as Json, json};

use super::capabilities::{Arguments, Capabilities};
use super::guard::Guard;
use super::jinja::to_text;
use super::layout;

/// The messages of a chat; all text is guarded.
pub(super) struct Turns {
    pub(super) turns: Vec<Turn>,
}

/// A message.
pub(super) struct Turn {
    pub(super) role: Role,
    pub(super) content: String,
    pub(super) reasoning: Option<String>,
    pub(super) calls: Vec<Call>,
    pub(super) call_id: Option<String>,
    pub(super) name: Option<String>,
}

/// A call.
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    /// As JSON, where they are an object.
    pub(super) arguments: Option<Json>,
    /// As they came.
    pub(super) arguments_text: String,
}

impl Turns {
    pub(super) fn new(messages: &[ChatMessage], guard: &Guard<'_>) -> Self {
        let turn = |message: &ChatMessage| Turn {
            role: message.role,
            content: guard.text(&message.content),
            reasoning: message.reasoning.as_ref().map(|text| guard.text(text)),
            calls: message
                .tool_calls
                .iter()
                .map(|call| Call::new(call, guard))
                .collect(),
            call_id: message.tool_call_id.as_ref().map(|text| guard.text(text)),
            name: message.name.as_ref().map(|text| guard.text(text)),
        };
        Self {
            turns: messages.iter().map(turn).collect(),
        }
    }

    /// Puts what the template cannot show another way.
    ///
    /// # Errors
    /// Arguments of a call that are no JSON object, where the template takes nothing else.
    pub(super) fn fit(
        &mut self,
        tools: &[Tool],
        capabilities: &Capabilities,
        format: ToolFormat,
        guard: &Guard<'_>,
    ) -> Result<(), String> {
        self.check_arguments(capabilities)?;
        if !capabilities.tools && !tools.is_empty() {
            self.turns
                .insert(0, Turn::new(Role::System, describe_tools(tools, guard)));
        }
        for turn in &mut self.turns {
            turn.fit_calls(capabilities, format);
        }
        if !capabilities.system_anywhere {
            self.gather_system();
        }
        if !capabilities.system {
            self.hand_system_to_user();
        }
        if !capabilities.consecutive {
            self.merge_neighbors();
        }
        if capabilities.call.short_ids {
            self.shorten_ids();
        }
        Ok(())
    }

    /// Marks where the last message ends; gives the mark.
    pub(super) fn mark_end(&mut self, guard: &Guard<'_>) -> Result<char, String> {
        match self.turns.last_mut() {
            Some(turn) if turn.role == Role::Assistant && turn.calls.is_empty() => {
                turn.content.push(guard.seam());
                turn.content.push(layout::SEAM_SPACE);
                Ok(guard.seam())
            }
            _ => Err("continue_final_message needs the last message to be the assistant's, without tool calls".to_owned()),
        }
    }

    fn check_arguments(&self, capabilities: &Capabilities) -> Result<(), String> {
        let object_only = capabilities.calls && capabilities.call.arguments == Arguments::Object;
        let mut calls = self.turns.iter().flat_map(|turn| &turn.calls);
        match calls.find(|call| object_only && call.arguments.is_none()) {
            Some(call) => Err(format!(
                "the arguments of the call of `{}` are not a JSON object, and this model's template takes nothing else",
                call.name
            )),
            None => Ok(()),
        }
    }

    /// One system message in front that says what all said.
    fn gather_system(&mut self) {
        let (system, rest): (Vec<Turn>, Vec<Turn>) = std::mem::take(&mut self.turns)
            .into_iter()
            .partition(|turn| turn.role == Role::System);
        self.turns = rest;
        if !system.is_empty() {
            self.turns.insert(0, Turn::new(Role::System, join(system)));
        }
    }

    /// Instructions become the beginning of the first question.
    fn hand_system_to_user(&mut self) {
        while let Some(at) = self.turns.iter().position(|turn| turn.role == Role::System) {
            let system = self.turns.remove(at);
            match self.turns[at..]
                .iter_mut()
                .find(|turn| turn.role == Role::User)
            {
                Some(user) => user.content = joined(&system.content, &user.content),
                None => self.turns.insert(at, Turn::new(Role::User, system.content)),
            }
        }
    }

    fn merge_neighbors(&mut self) {
        let mut merged: Vec<Turn> = Vec::with_capacity(self.turns.len());
        for turn in std::mem::take(&mut self.turns) {
            match merged.last_mut() {
                Some(last) if last.role == turn.role && last.is_plain() && turn.is_plain() => {
                    last.content = joined(&last.content, &turn.content);
                }
                _ => merged.push(turn),
            }
        }
        self.turns = merged;
    }

    fn shorten_ids(&mut self) {
        for turn in &mut self.turns {
            let ids = turn.calls.iter_mut().map(|call| &mut call.id);
            ids.chain(&mut turn.call_id)
                .for_each(|id| *id = short_id(id));
        }
    }
}

impl Turn {
    fn new(role: Role, content: String) -> Self {
        Self {
            role,
            content,
            reasoning: None,
            calls: Vec::new(),
            call_id: None,
            name: None,
        }
    }

    /// Whether it is but text of the user or the assistant.
    fn is_plain(&self) -> bool {
        matches!(self.role, Role::User | Role::Assistant) && self.calls.is_empty()
    }

    /// Calls become text as the model writes them, results what the user says.
    fn fit_calls(&mut self, capabilities: &Capabilities, format: ToolFormat) {
        if !capabilities.calls && !self.calls.is_empty() {
            let calls = write_calls(&std::mem::take(&mut self.calls), format);
            self.content = joined(&self.content, &calls);
        }
        if !capabilities.results && self.role == Role::Tool {
            self.role = Role::User;
            self.content = format!("<tool_response>\n{}\n</tool_response>", self.content);
            (self.call_id, self.name) = (None, None);
        }
    }
}

impl Call {
    fn new(call: &ToolCall, guard: &Guard<'_>) -> Self {
        let text = call.arguments.trim();
        let text = if text.is_empty() { "{}" } else { text };
        let arguments = serde_json::from_str::<Json>(text)
            .ok()
            .filter(Json::is_object);
        Self {
            id: guard.text(&call.id),
            name: guard.text(&call.name),
            arguments: arguments.map(|arguments| guard.json(&arguments)),
            arguments_text: guard.text(text),
        }
    }

    /// The call as JSON; arguments that are no object stand as text.
    fn json(&self) -> Json {
        let text = || Json::String(self.arguments_text.clone());
        json!({"name": self.name, "arguments": self.arguments.clone().unwrap_or_else(text)})
    }
}

fn write_calls(calls: &[Call], format: ToolFormat) -> String {
    let all = || to_text(&Json::Array(calls.iter().map(Call::json).collect()));
    match format {
        ToolFormat::Granite => format!("<|tool_call|>{}", all()),
        ToolFormat::Functools => format!("functools{}", all()),
        ToolFormat::Mistral => format!("[TOOL_CALLS]{}", all()),
        ToolFormat::Hermes | ToolFormat::Llama3 | ToolFormat::Harmony => {
            let one = |call: &Call| format!("<tool_call>\n{}\n</tool_call>", to_text(&call.json()));
            calls.iter().map(one).collect::<Vec<_>>().join("\n")
        }
    }
}

/// Instructions for models whose template has no place for tools.
fn describe_tools(tools: &[Tool], guard: &Guard<'_>) -> String {
    let tools: Vec<String> = tools
        .iter()
        .map(|tool| to_text(&layout::tool(tool, guard)))
        .collect();
    format!(
        "You may call one or more functions to help with the user's request. Their signatures:\n<tools>\n{}\n</tools>\n\
         For each call, answer with a JSON object with the function's name and arguments between these marks:\n\
         <tool_call>\n{{\"name\": <function-name>, \"arguments\": <arguments-as-a-JSON-object>}}\n</tool_call>",
        tools.join("\n")
    )
}

fn join(turns: Vec<Turn>) -> String {
    let texts: Vec<String> = turns.into_iter().map(|turn| turn.content).collect();
    texts.join("\n\n")
}

fn joined(first: &str, second: &str) -> String {
    if first.is_empty() {
        return second.to_owned();
    }
    format!("{first}\n\n{second}")
}

/// An id of nine letters and digits that stands for `id`: itself where it is one, else FNV-1a of it in base 36.
fn short_id(id: &str) -> String {
    if id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    let mut hash = id.bytes().fold(0xCBF2_9CE4_8422_2325, step);
    let mut digit = || {
        let digit = u32::try_from(hash % 36).unwrap_or_default();
        hash /= 36;
        char::from_digit(digit, 36).unwrap_or('0')
    };
    (0..9).map(|_| digit()).collect()
}
