//! Which tools a model may or must call.
//!
//! Reads `tools`, `tool_choice` and `parallel_tool_calls`, in the words of chats and of the
//! responses API. Leaves telling them to the model to its template, forcing them to [`crate::grammar`].

use inference_core::Tool;
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::fields::Fields;

/// Most tools of a request, as `OpenAI` has it.
const TOOLS_MAX: usize = 128;
/// Longest name of a tool, bytes.
const NAME_BYTES_MAX: usize = 128;

/// Whether tools are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Never; they are not shown either.
    Never,
    /// As the model sees fit.
    #[default]
    Auto,
    /// Always.
    Must,
}

/// The tools of a request and how they may be called.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ToolUse {
    /// Tools the model is told about.
    pub(crate) told: Vec<Tool>,
    /// Indices into `told` of those it may call.
    pub(crate) callable: Vec<usize>,
    pub(crate) choice: Choice,
    /// Whether one answer may call several.
    pub(crate) parallel: bool,
}

impl ToolUse {
    /// The tools that may be called.
    pub(crate) fn callable(&self) -> impl Iterator<Item = &Tool> {
        self.callable
            .iter()
            .filter_map(|&index| self.told.get(index))
    }

    /// Whether any tool may be called.
    pub(crate) fn is_on(&self) -> bool {
        self.choice != Choice::Never && !self.callable.is_empty()
    }
}

/// Takes the fields about tools.
pub(crate) fn take(fields: &mut Fields) -> Result<ToolUse, ApiError> {
    if fields.has("functions") {
        return Err(ApiError::unsupported(
            "functions",
            "functions are the old form of tools; send `tools` instead",
        ));
    }
    let tools: Vec<Map<String, Value>> = fields.take("tools")?.unwrap_or_default();
    if tools.len() > TOOLS_MAX {
        let message = format!(
            "tools may have at most {TOOLS_MAX} entries, not {}",
            tools.len()
        );
        return Err(ApiError::invalid(Some("tools"), message));
    }
    let told: Vec<Tool> = tools.into_iter().map(tool).collect::<Result<_, _>>()?;
    for (index, tool) in told.iter().enumerate() {
        if told[..index].iter().any(|other| other.name == tool.name) {
            let message = format!("tools has two tools named `{}`", tool.name);
            return Err(ApiError::invalid(Some("tools"), message));
        }
    }
    let parallel = fields.take("parallel_tool_calls")?.unwrap_or(true);
    let mut tools = ToolUse {
        callable: (0..told.len()).collect(),
        told,
        choice: Choice::Auto,
        parallel,
    };
    if let Some(choice) = fields.take("tool_choice")? {
        choose(&mut tools, choice)?;
    }
    if tools.choice == Choice::Never {
        tools.told.clear();
        tools.callable.clear();
    }
    Ok(tools)
}

fn tool(tool: Map<String, Value>) -> Result<Tool, ApiError> {
    let mut tool = Fields::of(tool);
    let kind: Option<String> = tool.take("type")?;
    if let Some(kind) = kind.filter(|kind| kind != "function") {
        return Err(ApiError::unsupported(
            "tools",
            format!("tools of type `{kind}` are not supported; send functions"),
        ));
    }
    let mut function = if tool.has("function") {
        tool.take_object("function")?
    } else {
        tool
    };
    let name: String = function.take("name")?.unwrap_or_default();
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(sound) {
        let message = format!(
            "a tool's name must be 1 to {NAME_BYTES_MAX} letters, digits, `_`, `-`, `.`, `:` or `/`, not `{name}`"
        );
        return Err(ApiError::invalid(Some("tools"), message));
    }
    let mut parameters = function
        .take("parameters")?
        .unwrap_or_else(|| json!({ "type": "object", "properties": {} }));
    if let Value::Object(keywords) = &mut parameters {
        keywords.shift_remove("x-guidance");
    }
    Ok(Tool {
        name,
        description: function.take("description")?,
        parameters,
        strict: function.take("strict")?.unwrap_or(false),
    })
}

fn choose(tools: &mut ToolUse, choice: Value) -> Result<(), ApiError> {
    let wrong = |message: String| ApiError::invalid(Some("tool_choice"), message);
    match choice {
        Value::String(word) => tools.choice = mode(&word)?,
        Value::Object(object) => {
            let mut object = Fields::of(object);
            match object.take::<String>("type")?.as_deref() {
                Some("function") | None => {
                    tools.choice = Choice::Must;
                    tools.parallel = false;
                    let name = named(&mut object)?;
                    restrict(tools, &[name])?;
                }
                Some("allowed_tools") => allow(tools, object)?,
                Some(other) => {
                    return Err(wrong(format!(
                        "tool_choice of type `{other}` is not supported"
                    )));
                }
            }
        }
        _ => {
            return Err(wrong(
                "tool_choice must be none, auto, required or a named function".to_owned(),
            ));
        }
    }
    if tools.choice == Choice::Must && tools.callable.is_empty() {
        return Err(wrong(
            "'tool_choice' is only allowed when 'tools' are specified.".to_owned(),
        ));
    }
    Ok(())
}

fn mode(word: &str) -> Result<Choice, ApiError> {
    match word {
        "none" => Ok(Choice::Never),
        "auto" => Ok(Choice::Auto),
        // `any` is Mistral's word, which some clients send everywhere.
        "required" | "any" => Ok(Choice::Must),
        other => Err(ApiError::invalid(
            Some("tool_choice"),
            format!("tool_choice must be none, auto, required or a named function, not `{other}`"),
        )),
    }
}

fn allow(tools: &mut ToolUse, mut object: Fields) -> Result<(), ApiError> {
    let mut allowed = if object.has("allowed_tools") {
        object.take_object("allowed_tools")?
    } else {
        object
    };
    if let Some(word) = allowed.take::<String>("mode")? {
        tools.choice = mode(&word)?;
    }
    let entries: Vec<Map<String, Value>> = allowed.take("tools")?.unwrap_or_default();
    let names = entries
        .into_iter()
        .map(|entry| named(&mut Fields::of(entry)))
        .collect::<Result<Vec<_>, _>>()?;
    restrict(tools, &names)
}

fn named(object: &mut Fields) -> Result<String, ApiError> {
    let name = match object.take_object("function")?.take("name")? {
        None => object.take("name")?,
        name => name,
    };
    name.ok_or_else(|| ApiError::invalid(Some("tool_choice"), "tool_choice names no function"))
}

fn restrict(tools: &mut ToolUse, names: &[String]) -> Result<(), ApiError> {
    let find = |name: &String| tools.told.iter().position(|tool| tool.name == *name);
    let indices = names.iter().map(|name| {
        find(name).ok_or_else(|| {
            let message =
                format!("tool_choice names the function `{name}`, which is not among the tools");
            ApiError::invalid(Some("tool_choice"), message)
        })
    });
    tools.callable = indices.collect::<Result<_, _>>()?;
    Ok(())
}
