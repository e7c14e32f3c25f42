//! The OpenAI-compatible endpoint.
//!
//! [`router`] serves `GET /v1/models` and `POST /v1/chat/completions`, plain and
//! streaming. Requests are read leniently (unknown keys are ignored) and judged whole before the
//! first byte of an answer; what cannot be done is refused, never ignored.
//!
//! Invariant: a client that goes away cancels its request.

mod answer;
mod error;
mod routes;
mod stream;
mod translate;
mod wire;

pub use self::routes::router;
