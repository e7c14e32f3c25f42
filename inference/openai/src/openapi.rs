//! The description of these addresses, `OpenAPI` 3.1, written from the tables the routes are made of.

#[cfg(test)]
mod tests;

use axum::Json;
use serde_json::{Map, Value, json};

/// A field of a request: its name, JSON type and what it does.
type Field = (&'static str, &'static str, &'static str);

/// An address: its method, path, what it does, and the fields of its body.
pub(crate) struct Address {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) fields: &'static [&'static [Field]],
}

const SAMPLING: &[Field] = &[
    (
        "model",
        "string",
        "name of the model; the default one if absent",
    ),
    (
        "temperature",
        "number",
        "0 to 2; 0 takes the likeliest token",
    ),
    (
        "top_p",
        "number",
        "keeps the likeliest tokens up to this sum",
    ),
    (
        "top_k",
        "integer",
        "keeps this many likeliest tokens; 0 or -1 is off",
    ),
    (
        "min_p",
        "number",
        "keeps tokens this likely beside the likeliest",
    ),
    (
        "typical_p",
        "number",
        "keeps tokens of typical surprise up to this sum",
    ),
    ("presence_penalty", "number", "-2 to 2"),
    ("frequency_penalty", "number", "-2 to 2"),
    (
        "repetition_penalty",
        "number",
        "divides logits of tokens already there; 1 is off",
    ),
    ("logit_bias", "object", "token id to bias, -100 to 100"),
    ("seed", "integer", "the same seed gives the same text"),
    ("stop", "string", "one text or up to 16 that end the answer"),
    (
        "stream",
        "boolean",
        "server-sent events instead of one object",
    ),
    (
        "priority",
        "string",
        "incident, interactive or batch, or a number as in vLLM; also as header x-priority",
    ),
];

const SHAPES: &[Field] = &[
    ("n", "integer", "answers, 1 to 16"),
    ("stream_options", "object", "include_usage"),
    (
        "response_format",
        "object",
        "text, json_object or json_schema; beside tools the answer is a call or the shape",
    ),
    (
        "structured_outputs",
        "object",
        "json, regex, choice or grammar (Lark), as in vLLM",
    ),
    ("guided_json", "object", "as structured_outputs.json"),
    ("guided_regex", "string", "as structured_outputs.regex"),
    ("guided_choice", "array", "as structured_outputs.choice"),
    ("guided_grammar", "string", "as structured_outputs.grammar"),
    ("service_tier", "string", "flex asks for the priority batch"),
];

const TOOLS: &[Field] = &[
    (
        "tools",
        "array",
        "functions, up to 128; `strict` holds the arguments to their schema exactly",
    ),
    (
        "tool_choice",
        "string",
        "none, auto, required, or an object that names one or some",
    ),
    (
        "parallel_tool_calls",
        "boolean",
        "whether one answer may call several; true if absent",
    ),
];

const CHAT: &[Field] = &[
    (
        "messages",
        "array",
        "roles system, developer, user, assistant and tool; content is text or text parts",
    ),
    ("max_completion_tokens", "integer", "most tokens written"),
    (
        "max_tokens",
        "integer",
        "older name of max_completion_tokens",
    ),
    ("logprobs", "boolean", "probabilities of the tokens written"),
    ("top_logprobs", "integer", "and of so many others, up to 20"),
    (
        "reasoning_effort",
        "string",
        "none switches thoughts off; other words are for the template",
    ),
    (
        "chat_template_kwargs",
        "object",
        "names the template may read, e.g. enable_thinking",
    ),
    (
        "continue_final_message",
        "boolean",
        "continues the last message, the assistant's",
    ),
];

const COMPLETION: &[Field] = &[
    ("prompt", "string", "text, token ids, or up to 64 of either"),
    ("max_tokens", "integer", "most tokens written; 16 if absent"),
    ("echo", "boolean", "repeats the prompt before the answer"),
    (
        "logprobs",
        "integer",
        "probabilities of the tokens written and of so many others",
    ),
];

const RESPONSE: &[Field] = &[
    ("input", "string", "text, or the items of the conversation"),
    ("instructions", "string", "the system message"),
    ("max_output_tokens", "integer", "most tokens written"),
    ("text", "object", "format: text, json_object or json_schema"),
    ("reasoning", "object", "effort"),
    (
        "top_logprobs",
        "integer",
        "probabilities; taken, not told in the answer",
    ),
];

const EMBEDDING: &[Field] = &[
    ("input", "string", "a text, or up to 2048"),
    ("encoding_format", "string", "float or base64"),
    (
        "dimensions",
        "integer",
        "the length of the model's vectors; others are refused",
    ),
];

const OLLAMA: &[Field] = &[
    ("model", "string", "name of the model"),
    ("stream", "boolean", "lines of JSON; true if absent"),
    ("format", "string", "json, or a JSON schema"),
    (
        "options",
        "object",
        "num_predict, temperature, top_k, top_p, min_p, typical_p, seed, stop, repeat_penalty, presence_penalty, frequency_penalty",
    ),
    ("think", "boolean", "whether the model thinks first"),
];

/// Every address, in the order of the document.
pub(crate) const ADDRESSES: &[Address] = &[
    Address {
        method: "get",
        path: "/v1/models",
        summary: "Every model",
        fields: &[],
    },
    Address {
        method: "get",
        path: "/v1/models/{name}",
        summary: "One model",
        fields: &[],
    },
    Address {
        method: "post",
        path: "/v1/chat/completions",
        summary: "Answer a chat",
        fields: &[CHAT, TOOLS, SHAPES, SAMPLING],
    },
    Address {
        method: "post",
        path: "/v1/completions",
        summary: "Continue text or tokens",
        fields: &[COMPLETION, SHAPES, SAMPLING],
    },
    Address {
        method: "post",
        path: "/v1/responses",
        summary: "Answer a conversation; nothing is kept",
        fields: &[RESPONSE, TOOLS, SAMPLING],
    },
    Address {
        method: "post",
        path: "/v1/embeddings",
        summary: "Texts as vectors",
        fields: &[EMBEDDING],
    },
    Address {
        method: "post",
        path: "/tokenize",
        summary: "Tokens of a text or a chat",
        fields: &[&[
            ("prompt", "string", "the text; also `content`"),
            ("messages", "array", "or a chat"),
        ]],
    },
    Address {
        method: "post",
        path: "/detokenize",
        summary: "Text of tokens",
        fields: &[&[("tokens", "array", "token ids")]],
    },
    Address {
        method: "post",
        path: "/api/chat",
        summary: "Ollama's chat",
        fields: &[
            &[
                ("messages", "array", "as Ollama has them"),
                ("tools", "array", "functions"),
            ],
            OLLAMA,
        ],
    },
    Address {
        method: "post",
        path: "/api/generate",
        summary: "Ollama's completion",
        fields: &[
            &[
                ("prompt", "string", "the question"),
                ("system", "string", "instructions"),
                ("raw", "boolean", "without the chat template"),
            ],
            OLLAMA,
        ],
    },
    Address {
        method: "post",
        path: "/api/embed",
        summary: "Ollama's embeddings",
        fields: &[EMBEDDING],
    },
    Address {
        method: "post",
        path: "/api/embeddings",
        summary: "Ollama's first form of them: one text, one vector",
        fields: &[&[
            ("model", "string", "the embedding model"),
            ("prompt", "string", "the text"),
        ]],
    },
    Address {
        method: "get",
        path: "/api/tags",
        summary: "Every model, as Ollama has them",
        fields: &[],
    },
    Address {
        method: "get",
        path: "/api/ps",
        summary: "Every loaded model",
        fields: &[],
    },
    Address {
        method: "post",
        path: "/api/show",
        summary: "What is known of a model",
        fields: &[&[("model", "string", "its name")]],
    },
    Address {
        method: "get",
        path: "/api/version",
        summary: "This program's version",
        fields: &[],
    },
];

/// `GET /v1/openapi.json`.
pub(crate) async fn document() -> Json<Value> {
    Json(build())
}

fn build() -> Value {
    let mut paths = Map::new();
    for address in ADDRESSES {
        paths.insert(
            address.path.to_owned(),
            json!({ address.method: operation(address) }),
        );
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Anchorite, models", "version": env!("CARGO_PKG_VERSION") },
        "security": [{ "key": [] }],
        "components": {
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
            "schemas": { "Error": error() },
        },
        "paths": paths,
    })
}

fn operation(address: &Address) -> Value {
    let failure = json!({ "description": "What is wrong", "content": { "application/json": {
        "schema": { "$ref": "#/components/schemas/Error" } } } });
    let mut operation = json!({
        "summary": address.summary,
        "responses": { "200": { "description": "The answer" }, "4XX": failure, "5XX": failure },
    });
    if !address.fields.is_empty() {
        let fields = address.fields.iter().copied().flatten();
        let properties: Map<String, Value> = fields
            .map(|&(name, kind, what)| {
                (
                    name.to_owned(),
                    json!({ "type": kind, "description": what }),
                )
            })
            .collect();
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": {
            "schema": { "type": "object", "properties": properties } } } });
    }
    operation
}

fn error() -> Value {
    let text = || json!({ "type": ["string", "null"] });
    json!({ "type": "object", "properties": { "error": { "type": "object", "properties": {
        "message": { "type": "string" }, "type": { "type": "string" }, "param": text(), "code": text() } } } })
}
