//! Calls of tools behind a mark, as each format writes them.

use inference_core::{Tool, ToolFormat};

use super::{Lark, Plan, arguments, is_control, mark, quoted};

/// Most calls of one answer: a small model that repeats itself stops here.
const CALLS_MAX: usize = 16;

/// The mark before a call.
pub(super) fn open(format: ToolFormat) -> &'static str {
    match format {
        ToolFormat::Hermes | ToolFormat::Harmony => "<tool_call>",
        ToolFormat::Llama3 => "<|python_tag|>",
        ToolFormat::Mistral => "[TOOL_CALLS]",
        ToolFormat::Functools => "functools[",
        ToolFormat::Granite => "<|tool_call|>",
    }
}

/// Writes the rules for calls; what the body of the answer may be goes to `bodies`. With
/// `free`, that is free text as well, before a call or instead of one.
pub(super) fn write(lark: &mut Lark, plan: &Plan<'_>, free: bool, bodies: &mut Vec<String>) {
    let format = plan.reading.calls.unwrap_or_default();
    let between = name_mark(plan, format);
    let names: Vec<String> = plan
        .tools
        .callable()
        .enumerate()
        .map(|(number, tool)| call(lark, format, between.as_deref(), number, tool))
        .collect();
    lark.rule("call", &names.join(" | "));
    let more = |body: &str| {
        if plan.tools.parallel {
            format!("({body}){{0,{}}}", CALLS_MAX - 1)
        } else {
            String::new()
        }
    };
    let opened = mark(plan, open(format));
    let (first, calls) = match format {
        ToolFormat::Hermes | ToolFormat::Harmony => {
            let close = mark(plan, "</tool_call>");
            let rest = more(&format!("\"\\n\" {opened} \"\\n\" call \"\\n\" {close}"));
            (opened, format!("\"\\n\" call \"\\n\" {close} {rest}"))
        }
        ToolFormat::Llama3 => (opened, format!("call {}", more("\"; \" call"))),
        ToolFormat::Mistral if between.is_some() => {
            let rest = more(&format!("{opened} call"));
            (opened, format!("call {rest}"))
        }
        ToolFormat::Functools => (opened, format!("call {} \"]\"", more("\", \" call"))),
        ToolFormat::Mistral | ToolFormat::Granite => {
            (opened, format!("\"[\" call {} \"]\"", more("\", \" call")))
        }
    };
    lark.rule("calls", &calls);
    if format == ToolFormat::Llama3 {
        llama3(lark, plan, free, &first, bodies);
    } else if !free {
        bodies.push(format!("{first} calls"));
    } else if is_control(plan, format) {
        lark.any();
        bodies.push("ANY".to_owned());
        bodies.push(format!("ANY {first} calls"));
    } else {
        lark.any();
        lark.lazy("trigger", &format!("ANY {first}"));
        bodies.push("ANY".to_owned());
        bodies.push("trigger calls".to_owned());
    }
}

/// Llama 3 may leave its mark out; then free text may not begin as a call does.
fn llama3(lark: &mut Lark, plan: &Plan<'_>, free: bool, opened: &str, bodies: &mut Vec<String>) {
    let marked = is_control(plan, ToolFormat::Llama3);
    if free {
        lark.rule("TEXT", "/([^{\\s](\\n|.)*)?/");
        bodies.push("TEXT".to_owned());
    }
    bodies.push("calls".to_owned());
    if marked {
        bodies.push(format!("{opened} calls"));
    }
}

/// The mark between a name and its arguments, for Mistrals whose vocabulary has one.
fn name_mark(plan: &Plan<'_>, format: ToolFormat) -> Option<String> {
    let token = (plan.control)("[ARGS]").filter(|_| format == ToolFormat::Mistral)?;
    Some(format!("<[{token}]>"))
}

/// Writes the rule for a call of `tool` and gives its name.
fn call(
    lark: &mut Lark,
    format: ToolFormat,
    between: Option<&str>,
    number: usize,
    tool: &Tool,
) -> String {
    let rule = format!("call_{number}");
    let schema = format!("arguments_{number}");
    lark.rule(&schema, &arguments(&tool.parameters, tool.strict));
    if let Some(mark) = between {
        lark.rule(&rule, &format!("{} {mark} {schema}", quoted(&tool.name)));
        return rule;
    }
    let name = quoted(&tool.name);
    let key = if format == ToolFormat::Llama3 {
        "parameters"
    } else {
        "arguments"
    };
    let before = quoted(&format!("{{\"name\": {name}, \"{key}\": "));
    lark.rule(&rule, &format!("{before} {schema} \"}}\""));
    rule
}
