//! Constrained decoding: which tokens may come next under a grammar.
//!
//! A [`ConstraintCompiler`] is made once per model, a [`TokenMatcher`] per request. Sampling
//! is left to the engine.
//!
//! Invariant: a constraint that cannot be held exactly is an error before
//! generation starts; nothing is ever written unconstrained instead.

mod compiler;
mod matcher;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use self::compiler::ConstraintCompiler;
pub use self::matcher::TokenMatcher;
pub use self::vocabulary::ConstraintVocabulary;
