//! Chats: who said what, which tools there are, how a model marks its calls.
//!
//! Plain values. Laying them out is `inference-text`'s, reading an answer's marks the edge's.

use serde_json::{Map, Value};

/// Who speaks in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Instructions.
    System,
    /// The one who asks; untrusted text.
    User,
    /// The model.
    Assistant,
    /// The result of a tool; untrusted text.
    Tool,
}

impl Role {
    /// The role's name in chat templates and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One message of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
    /// What the model thought before it spoke; templates show it or leave it out.
    pub reasoning: Option<String>,
    /// The calls the model asked for.
    pub tool_calls: Vec<ToolCall>,
    /// The call this message is the result of.
    pub tool_call_id: Option<String>,
    /// The name of the speaker, or of the tool whose result this is.
    pub name: Option<String>,
}

impl ChatMessage {
    /// A message of `role` that says `content` and nothing else.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
            reasoning: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
            name: None,
        }
    }
}

/// A call of a tool that a model asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// What the result refers to.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Its arguments: JSON as text, as it goes over the wire.
    pub arguments: String,
}

/// A tool a model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    pub description: Option<String>,
    /// The JSON schema of its arguments.
    pub parameters: Value,
    /// Whether the arguments must match the schema.
    pub strict: bool,
}

/// How a chat is laid out, besides its messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatOptions {
    /// The tools the template shows to the model.
    pub tools: Vec<Tool>,
    /// Names the template may read besides (`chat_template_kwargs`), e.g. `enable_thinking`.
    pub template_arguments: Map<String, Value>,
    /// Whether the last message, the assistant's, is left open to be continued.
    pub continue_final_message: bool,
}

/// How a model writes calls of tools: the marks it was trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ToolFormat {
    /// `<tool_call>{"name": …, "arguments": …}</tool_call>`: Hermes, Qwen 2.5 and 3. Also taken for models that declare none.
    #[default]
    Hermes,
    /// `{"name": …, "parameters": …}` alone, or behind `<|python_tag|>`: Llama 3.
    Llama3,
    /// `[TOOL_CALLS][{"name": …, "arguments": …}]`, or `[TOOL_CALLS]name[ARGS]{…}` of newer ones.
    Mistral,
    /// `functools[{"name": …, "arguments": …}]`: Phi 4 mini.
    Functools,
    /// `<|tool_call|>[{"name": …, "arguments": …}]`, Granite.
    Granite,
    /// `<|channel|>commentary to=functions.name …<|message|>{…}<|call|>`: GPT-OSS.
    Harmony,
}

/// What a model's chat looks like, read off its template and vocabulary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChatTraits {
    /// Whether the template shows tools.
    pub tools: bool,
    /// How calls are written.
    pub tool_format: ToolFormat,
    /// The marks around the model's thoughts, e.g. `<think>` and `</think>`.
    pub reasoning: Option<(String, String)>,
    /// Whether the generation prompt itself opens the thoughts, so that the answer begins inside them.
    pub reasoning_opened: bool,
}
