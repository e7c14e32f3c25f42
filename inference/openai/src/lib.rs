//! The OpenAI-compatible endpoint.
//!
//! [`router`] serves the addresses below `/v1`, and Ollama's below `/api`. Requests are read leniently (unknown keys are
//! ignored) and judged whole before the first byte of an answer; what cannot be done is
//! refused, never ignored. Which models there are and how they write is left to the engine.
//!
//! Invariant: a client that goes away cancels its request.

mod body;
mod chat;
mod completions;
mod embeddings;
mod endpoint;
mod error;
mod events;
mod fields;
mod grammar;
mod health;
mod ids;
mod messages;
mod models;
mod ollama;
mod openapi;
mod reader;
mod request_id;
mod responses;
mod routes;
mod sampling;
mod shape;
mod submit;
mod tokens;
mod tools;
mod writers;

pub use self::endpoint::Grant;
pub use self::routes::{forbidden, health_router, router, router_with, unauthorized};
