//! What the text of an answer must look like.
//!
//! Reads `OpenAI`'s `response_format` and vLLM's `structured_outputs` and `guided_*`. Leaves
//! the grammar to [`crate::grammar`].

use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::fields::Fields;

/// Most texts of a choice.
const CHOICES_MAX: usize = 1024;

/// What the text of an answer must look like.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Shape {
    /// Anything.
    #[default]
    Text,
    /// JSON that matches a schema, which may have a name to be called by in errors.
    Json { name: Option<String>, schema: Value },
    /// A text a regular expression matches as a whole.
    Regex(String),
    /// One of some texts.
    Choice(Vec<String>),
    /// A text of a Lark grammar.
    Grammar(String),
}

/// Takes what the fields say about the shape; at most one of them may speak.
pub(crate) fn take(fields: &mut Fields) -> Result<Shape, ApiError> {
    let mut shapes = Vec::new();
    if let Some(format) = fields.take("response_format")? {
        shapes.push(response_format(format)?);
    }
    let mut structured = fields.take_object("structured_outputs")?;
    for (name, guided) in [
        ("json", "guided_json"),
        ("regex", "guided_regex"),
        ("choice", "guided_choice"),
        ("grammar", "guided_grammar"),
    ] {
        for value in [structured.take(name)?, fields.take(guided)?] {
            shapes.extend(value.map(|value| extension(name, value)).transpose()?);
        }
    }
    if structured.take("json_object")? == Some(true) {
        shapes.push(object());
    }
    shapes.retain(|shape| *shape != Shape::Text);
    match shapes.len() {
        0 | 1 => Ok(shapes.pop().unwrap_or_default()),
        _ => Err(ApiError::invalid(
            Some("response_format"),
            "only one of response_format, structured_outputs and guided_* may be sent",
        )),
    }
}

/// A format as `response_format`, or as `text.format` of the responses API, which has no inner object.
pub(crate) fn response_format(format: Map<String, Value>) -> Result<Shape, ApiError> {
    let mut format = Fields::of(format);
    let kind: String = format
        .take("type")?
        .ok_or_else(|| wrong("response_format.type is missing"))?;
    match kind.as_str() {
        "text" => Ok(Shape::Text),
        // Some clients put a schema right beside it.
        "json_object" => Ok(match format.take::<Value>("schema")? {
            Some(schema) => json_shape(None, schema),
            None => object(),
        }),
        "json_schema" => {
            let mut inner = format.take_object("json_schema")?;
            let mut take = |name| match inner.take::<Value>(name) {
                Ok(None) => format.take(name),
                taken => taken,
            };
            let schema = take("schema")?
                .ok_or_else(|| wrong("response_format.json_schema.schema is missing"))?;
            let name = take("name")?;
            Ok(json_shape(
                name.as_ref().and_then(Value::as_str).map(ToOwned::to_owned),
                schema,
            ))
        }
        other => Err(wrong(format!(
            "response_format.type must be text, json_object or json_schema, not `{other}`"
        ))),
    }
}

/// JSON that is an object and nothing else is asked of it.
pub(crate) fn object() -> Shape {
    json_shape(None, json!({ "type": "object" }))
}

/// JSON of `schema`. What loosens the compiler is taken out: a schema is held to, or refused.
pub(crate) fn json_shape(name: Option<String>, mut schema: Value) -> Shape {
    if let Value::Object(keywords) = &mut schema {
        keywords.shift_remove("x-guidance");
    }
    Shape::Json { name, schema }
}

fn extension(name: &str, value: Value) -> Result<Shape, ApiError> {
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        _ => Err(wrong(format!("structured_outputs.{name} must be text"))),
    };
    match name {
        "regex" => Ok(Shape::Regex(text(value)?)),
        "grammar" => Ok(Shape::Grammar(text(value)?)),
        "choice" => choice(value),
        // A schema, or a schema written as text.
        _ => match value {
            Value::String(text) => serde_json::from_str(&text)
                .map(|schema| json_shape(None, schema))
                .map_err(|error| wrong(format!("structured_outputs.json is not JSON: {error}"))),
            schema => Ok(json_shape(None, schema)),
        },
    }
}

fn choice(value: Value) -> Result<Shape, ApiError> {
    let texts: Vec<String> = serde_json::from_value(value)
        .map_err(|_| wrong("structured_outputs.choice must be a list of texts"))?;
    if texts.is_empty() || texts.len() > CHOICES_MAX || texts.iter().any(String::is_empty) {
        return Err(wrong(format!(
            "structured_outputs.choice must have 1 to {CHOICES_MAX} texts, none of them empty"
        )));
    }
    Ok(Shape::Choice(texts))
}

fn wrong(message: impl Into<String>) -> ApiError {
    ApiError::invalid(Some("response_format"), message)
}
