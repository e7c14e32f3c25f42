//! Text into tokens and tokens into text.
//!
//! A [`Tokenizer`] is built from a [`Vocabulary`] (the tokenizer metadata of a model
//! file), a [`ChatTemplate`] lays messages out, a [`Detokenizer`] and a
//! [`StopMatcher`] turn a stream of tokens into pieces of text. Files and models are left to others.
//!
//! Invariant: text from outside never becomes a control token.

mod detokenizer;
mod error;
mod stop;
mod template;
mod tokenizer;
mod vocabulary;

pub use self::detokenizer::Detokenizer;
pub use self::error::TextError;
pub use self::stop::{StopMatcher, Stopped};
pub use self::template::ChatTemplate;
pub use self::tokenizer::{Tokenizer, TokenizerFiles};
pub use self::vocabulary::{TokenKind, Vocabulary};
