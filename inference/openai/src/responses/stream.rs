//! A response as server-sent events, each with its type and number.
//!
//! Items open and close one after the other; each is told whole when it closes.

use axum::response::sse::Event as SseEvent;
use inference_core::{Event, ToolCall};
use serde_json::{Value, json};

use super::object::{self, Envelope};
use crate::chat::{self, Choice};
use crate::error::ApiError;
use crate::events;
use crate::ids;
use crate::reader::Piece;
use crate::submit::Submitted;

/// The item being written.
#[derive(Debug)]
enum Open {
    Reasoning {
        id: String,
        text: String,
    },
    Message {
        id: String,
        text: String,
        logprobs: Vec<Value>,
    },
    Call {
        id: String,
        call: ToolCall,
    },
}

/// The events of a response.
pub(super) struct ResponseStream {
    submitted: Submitted,
    envelope: Envelope,
    choice: Choice,
    open: Option<Open>,
    /// Items that are complete.
    output: Vec<Value>,
    number: u64,
    begun: bool,
    over: bool,
}

impl ResponseStream {
    /// The events of `submitted`.
    pub(super) fn new(submitted: Submitted, envelope: Envelope) -> Self {
        Self {
            choice: Choice::new(&submitted.reading, submitted.tool_format()),
            submitted,
            envelope,
            open: None,
            output: Vec::new(),
            number: 0,
            begun: false,
            over: false,
        }
    }

    fn event(&mut self, kind: &str, mut body: Value) -> SseEvent {
        body["type"] = kind.into();
        body["sequence_number"] = self.number.into();
        self.number += 1;
        events::data(&body).event(kind)
    }

    fn begin(&mut self) -> Vec<SseEvent> {
        self.begun = true;
        let response = json!({ "response": self.envelope.begun() });
        vec![
            self.event("response.created", response.clone()),
            self.event("response.in_progress", response),
        ]
    }

    async fn step(&mut self) -> Vec<SseEvent> {
        match self.submitted.writers.next().await {
            Some((
                _,
                Event::Text {
                    text,
                    tokens,
                    logprobs,
                },
            )) => {
                let engine = &*self.submitted.engine;
                let pieces = self.choice.write(engine, &text, &tokens, &logprobs);
                self.pieces(pieces)
            }
            Some((_, Event::Prompt { .. })) => Vec::new(),
            Some((_, Event::Done(outcome))) => {
                let pieces = self.choice.end(outcome);
                let mut events = self.pieces(pieces);
                if self.open.is_none() && self.output.is_empty() {
                    events.extend(self.open(&Piece::Content(String::new())));
                }
                events.extend(self.close());
                events.push(self.end());
                events
            }
            Some((_, Event::Failed(error))) => vec![self.fail(&error.into())],
            None => vec![self.fail(&ApiError::internal("the answer broke off"))],
        }
    }

    fn end(&mut self) -> SseEvent {
        self.over = true;
        let choices = std::slice::from_ref(&self.choice);
        let usage = object::usage(&chat::usage(self.submitted.prompt_tokens, choices));
        let reason = self.choice.finish_reason();
        let output = std::mem::take(&mut self.output);
        let response = self.envelope.ended(output, reason, usage);
        let kind = if reason == Some("length") {
            "response.incomplete"
        } else {
            "response.completed"
        };
        self.event(kind, json!({ "response": response }))
    }

    fn fail(&mut self, error: &ApiError) -> SseEvent {
        self.over = true;
        let response = self.envelope.failed(&error.body()["error"]);
        self.event("response.failed", json!({ "response": response }))
    }

    fn pieces(&mut self, pieces: Vec<Piece>) -> Vec<SseEvent> {
        let mut events = Vec::new();
        for piece in pieces {
            if !self.continues(&piece) {
                events.extend(self.close());
                events.extend(self.open(&piece));
            }
            events.extend(self.delta(piece));
        }
        events
    }

    /// Whether `piece` belongs to the open item.
    fn continues(&self, piece: &Piece) -> bool {
        matches!(
            (&self.open, piece),
            (Some(Open::Reasoning { .. }), Piece::Reasoning(_))
                | (Some(Open::Message { .. }), Piece::Content(_))
                | (Some(Open::Call { .. }), Piece::Arguments(_))
        )
    }

    fn open(&mut self, piece: &Piece) -> Vec<SseEvent> {
        let (open, item) = match piece {
            Piece::Reasoning(_) => {
                let id = ids::unique("rs_");
                let item = json!({ "type": "reasoning", "id": id, "summary": [], "content": [] });
                (
                    Open::Reasoning {
                        id,
                        text: String::new(),
                    },
                    item,
                )
            }
            Piece::Content(_) => {
                let id = ids::unique("msg_");
                let item = json!({ "type": "message", "id": id, "status": "in_progress", "role": "assistant", "content": [] });
                (
                    Open::Message {
                        id,
                        text: String::new(),
                        logprobs: Vec::new(),
                    },
                    item,
                )
            }
            Piece::Call(name) => {
                let id = ids::unique("fc_");
                // Calls are told in their order, so this is the next one.
                let told = self
                    .output
                    .iter()
                    .filter(|item| item["type"] == "function_call")
                    .count();
                let call_id = self.choice.calls.get(told).map(|call| call.id.clone());
                let call = ToolCall {
                    id: call_id.unwrap_or_default(),
                    name: name.clone(),
                    arguments: String::new(),
                };
                let item = object::function_call(&id, &call, "in_progress");
                (Open::Call { id, call }, item)
            }
            Piece::Arguments(_) => return Vec::new(),
        };
        let part = match open {
            Open::Message { .. } => Some(object::text_part("", &[])),
            Open::Reasoning { .. } => Some(json!({ "type": "reasoning_text", "text": "" })),
            Open::Call { .. } => None,
        };
        self.open = Some(open);
        let mut events = vec![self.at_item("response.output_item.added", json!({ "item": item }))];
        if let Some(part) = part {
            events.push(self.at_part("response.content_part.added", json!({ "part": part })));
        }
        events
    }

    fn delta(&mut self, piece: Piece) -> Option<SseEvent> {
        let mut fresh = Vec::new();
        let kind = match (&mut self.open, &piece) {
            (Some(Open::Reasoning { text, .. }), Piece::Reasoning(more)) => {
                text.push_str(more);
                "response.reasoning_text.delta"
            }
            (Some(Open::Message { text, logprobs, .. }), Piece::Content(more)) => {
                text.push_str(more);
                fresh = std::mem::take(&mut self.choice.logprobs);
                logprobs.extend(fresh.iter().cloned());
                "response.output_text.delta"
            }
            (Some(Open::Call { call, .. }), Piece::Arguments(more)) => {
                call.arguments.push_str(more);
                "response.function_call_arguments.delta"
            }
            _ => return None,
        };
        let (Piece::Reasoning(more)
        | Piece::Content(more)
        | Piece::Arguments(more)
        | Piece::Call(more)) = piece;
        let mut body = json!({ "delta": more });
        if kind == "response.output_text.delta" {
            body["logprobs"] = fresh.into();
        }
        Some(self.at_part(kind, body))
    }

    fn close(&mut self) -> Vec<SseEvent> {
        let Some(open) = &self.open else {
            return Vec::new();
        };
        // Only the last item can be cut off; the reason is known when it closes.
        let status = object::status(self.choice.finish_reason());
        let (item, told) = match open {
            Open::Reasoning { id, text } => {
                let part = json!({ "type": "reasoning_text", "text": text });
                (
                    object::reasoning(id, text),
                    vec![
                        ("response.reasoning_text.done", json!({ "text": text })),
                        ("response.content_part.done", json!({ "part": part })),
                    ],
                )
            }
            Open::Message { id, text, logprobs } => {
                let part = object::text_part(text, logprobs);
                (
                    object::message(id, &part, status),
                    vec![
                        (
                            "response.output_text.done",
                            json!({ "text": text, "logprobs": logprobs }),
                        ),
                        ("response.content_part.done", json!({ "part": part })),
                    ],
                )
            }
            Open::Call { id, call } => (
                object::function_call(id, call, status),
                vec![(
                    "response.function_call_arguments.done",
                    json!({ "name": call.name, "arguments": call.arguments }),
                )],
            ),
        };
        let mut events: Vec<SseEvent> = Vec::with_capacity(told.len() + 1);
        for (kind, body) in told {
            events.push(self.at_part(kind, body));
        }
        events.push(self.at_item("response.output_item.done", json!({ "item": item.clone() })));
        self.output.push(item);
        self.open = None;
        events
    }

    /// An event about the open item.
    fn at_item(&mut self, kind: &str, mut body: Value) -> SseEvent {
        body["output_index"] = self.output.len().into();
        self.event(kind, body)
    }

    /// An event about what is in the open item.
    fn at_part(&mut self, kind: &str, mut body: Value) -> SseEvent {
        let id = match &self.open {
            Some(Open::Reasoning { id, .. } | Open::Message { id, .. } | Open::Call { id, .. }) => {
                id
            }
            None => "",
        };
        body["item_id"] = id.into();
        if !matches!(self.open, Some(Open::Call { .. })) {
            body["content_index"] = 0.into();
        }
        self.at_item(kind, body)
    }
}

impl events::Source for ResponseStream {
    async fn next(&mut self) -> Option<Vec<SseEvent>> {
        if self.over {
            return None;
        }
        if !self.begun {
            return Some(self.begin());
        }
        Some(self.step().await)
    }
}
