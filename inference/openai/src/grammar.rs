//! The grammar an answer is held to: thoughts, then calls of tools, a shape, or free text.
//!
//! Written in llguidance's Lark. Where the model may choose, free text stays possible and the
//! grammar takes hold at the mark of a call; where text has a shape besides, the answer is a call or the shape.
//!
//! Invariant: what [`crate::reader`] reads as a call has the name of a tool that may be called and
//! arguments of its schema.

mod calls;
mod harmony;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use inference_core::schema::prepare;
use inference_core::{Constraint, Engine, TokenId, ToolFormat};
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::reader::Reading;
use crate::shape::Shape;
use crate::tools::{Choice, ToolUse};

/// What the grammar is made from.
pub(crate) struct Plan<'a> {
    pub(crate) tools: &'a ToolUse,
    pub(crate) shape: &'a Shape,
    pub(crate) reading: &'a Reading,
    /// The number of the control token of a spelling, if the vocabulary has it.
    pub(crate) control: &'a dyn Fn(&str) -> Option<TokenId>,
}

/// The constraint for an answer, if it needs one.
pub(crate) fn constraint(plan: &Plan<'_>) -> Result<Option<Constraint>, ApiError> {
    let calls = plan.tools.is_on();
    if !calls && *plan.shape == Shape::Text {
        return Ok(None);
    }
    if let Shape::Grammar(lark) = plan.shape {
        if calls {
            return Err(ApiError::invalid(
                Some("structured_outputs"),
                "a grammar cannot be sent together with tools; use a JSON schema or a regular expression",
            ));
        }
        return Ok(Some(Constraint::Lark(lark.clone())));
    }
    let thinks = plan.reading.thoughts.is_some() || plan.reading.channels;
    if !calls && !thinks {
        return Ok(plain(plan.shape));
    }
    let mut lark = Lark::default();
    if plan.reading.channels {
        harmony::write(&mut lark, plan);
    } else {
        write(&mut lark, plan);
    }
    Ok(Some(Constraint::Lark(lark.text)))
}

/// The constraint for a shape alone.
fn plain(shape: &Shape) -> Option<Constraint> {
    match shape {
        Shape::Text => None,
        Shape::Json { schema, .. } => Some(Constraint::JsonSchema(schema.clone())),
        Shape::Regex(regex) => Some(Constraint::Regex(regex.clone())),
        Shape::Choice(_) => {
            let mut lark = Lark::default();
            let body = shape_term(&mut lark, shape);
            lark.rule("start", &body);
            Some(Constraint::Lark(lark.text))
        }
        Shape::Grammar(text) => Some(Constraint::Lark(text.clone())),
    }
}

fn write(lark: &mut Lark, plan: &Plan<'_>) {
    let start = match &plan.reading.thoughts {
        Some((open, close)) => thoughts(lark, plan, open, close),
        None => String::new(),
    };
    let mut bodies = Vec::new();
    if *plan.shape != Shape::Text {
        bodies.push(shape_term(lark, plan.shape));
    }
    if plan.tools.is_on() {
        let free = *plan.shape == Shape::Text && plan.tools.choice == Choice::Auto;
        let must = plan.tools.choice == Choice::Must;
        if must {
            bodies.clear();
        }
        calls::write(lark, plan, free, &mut bodies);
    }
    lark.rule("body", &bodies.join(" | "));
    lark.rule("start", &format!("{start} body"));
}

/// Thoughts before the body: some if the prompt opened them, else perhaps.
fn thoughts(lark: &mut Lark, plan: &Plan<'_>, open: &str, close: &str) -> String {
    let open = mark(plan, open);
    match (plan.control)(close) {
        Some(token) => lark.rule("thought", &format!("ANY <[{token}]>")),
        None => lark.lazy("thought", &format!("ANY {}", quoted(close))),
    }
    lark.any();
    // Models put blank lines behind their thoughts.
    if plan.reading.inside {
        "thought /\\n{0,2}/".to_owned()
    } else {
        format!("({open} thought /\\n{{0,2}}/)?")
    }
}

/// The term for the shape of a text.
fn shape_term(lark: &mut Lark, shape: &Shape) -> String {
    let body = match shape {
        Shape::Text => {
            lark.any();
            return "ANY".to_owned();
        }
        Shape::Json { schema, .. } => {
            let separators = json!({ "whitespace_flexible": false, "item_separator": ",", "key_separator": ":" });
            format!("%json {}", with_options(&prepare(schema), separators))
        }
        Shape::Regex(regex) => {
            let escaped = escape_slashes(regex);
            return format!("/{escaped}/");
        }
        Shape::Choice(texts) => {
            let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
            quoted.join(" | ")
        }
        Shape::Grammar(text) => format!("%lark {{\n{text}\n}}"),
    };
    lark.rule("shape", &body);
    "shape".to_owned()
}

/// The schema of a call's arguments as a term, in the spacing models are trained on.
fn arguments(parameters: &Value, strict: bool) -> String {
    let mut options =
        json!({ "whitespace_flexible": false, "item_separator": ", ", "key_separator": ": " });
    if !strict {
        // As with OpenAI: best effort unless the tool says `strict`.
        options["lenient"] = json!(true);
        options["coerce_one_of"] = json!(true);
    }
    format!("%json {}", with_options(&prepare(parameters), options))
}

/// The schema with the compiler's options; as it is where it is no object, which the compiler refuses.
fn with_options(schema: &Value, options: Value) -> Value {
    match schema {
        Value::Object(keywords) => {
            let mut keywords = keywords.clone();
            keywords.insert("x-guidance".to_owned(), options);
            Value::Object(keywords)
        }
        Value::Bool(true) => json!({ "x-guidance": options }),
        other => other.clone(),
    }
}

/// Text as a Lark literal.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A regular expression as it may stand between slashes.
fn escape_slashes(regex: &str) -> String {
    let mut escaped = String::with_capacity(regex.len());
    let mut backslash = false;
    for character in regex.chars() {
        match character {
            '/' if !backslash => escaped.push_str("\\/"),
            '\n' => escaped.push_str("\\n"),
            character => escaped.push(character),
        }
        backslash = character == '\\' && !backslash;
    }
    escaped
}

/// The term for a mark: its control token, or its text.
fn mark(plan: &Plan<'_>, spelling: &str) -> String {
    (plan.control)(spelling).map_or_else(|| quoted(spelling), |token| format!("<[{token}]>"))
}

/// A grammar being written.
#[derive(Debug, Default)]
struct Lark {
    text: String,
    has_any: bool,
}

impl Lark {
    fn rule(&mut self, name: &str, body: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{name}: {body}");
    }

    /// A rule that ends as soon as it can.
    fn lazy(&mut self, name: &str, body: &str) {
        self.rule(&format!("{name}[lazy]"), body);
    }

    /// Sees that the terminal `ANY`, all text without control tokens, is there.
    fn any(&mut self) {
        if !self.has_any {
            self.has_any = true;
            self.rule("ANY", "/(\\n|.)*/");
        }
    }
}

/// Says which schema is wrong, in the words clients look for.
pub(crate) fn blame(engine: &dyn Engine, plan: &Plan<'_>, error: ApiError) -> ApiError {
    for tool in plan.tools.callable() {
        let lark = format!("start: {}\n", arguments(&tool.parameters, tool.strict));
        if let Err(reason) = engine.check_constraint(&Constraint::Lark(lark)) {
            return ApiError::bad_function_schema(&tool.name, &reason.to_string());
        }
    }
    if let Shape::Json { name, schema } = plan.shape
        && let Err(reason) = engine.check_constraint(&Constraint::JsonSchema(schema.clone()))
    {
        let name = name.as_deref().unwrap_or("response");
        return ApiError::bad_schema(name, &reason.to_string());
    }
    error
}

/// Whether a format writes its calls behind a mark that is no text of its own.
fn is_control(plan: &Plan<'_>, format: ToolFormat) -> bool {
    (plan.control)(calls::open(format)).is_some()
}
