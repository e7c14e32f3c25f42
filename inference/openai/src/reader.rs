//! The text of an answer into thoughts, content and calls of tools, as it comes.
//!
//! Marks may be cut anywhere between pieces; text that may begin a mark is held back
//! until it is clear. Which marks a model uses is told by its [`ChatTraits`].
//!
//! Invariant: however the text is cut, the pieces joined are the same, and text that is no
//! call after all comes out as content.

mod harmony;
mod marked;
mod object;
#[cfg(test)]
mod tests;
mod thoughts;

use inference_core::{ChatTraits, ToolFormat};

use self::harmony::Harmony;
use self::marked::Marked;
use self::thoughts::Thoughts;

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text of the model's thoughts.
    Reasoning(String),
    /// Text for the asker.
    Content(String),
    /// A call of the tool of that name begins.
    Call(String),
    /// More of that call's arguments, JSON as text.
    Arguments(String),
}

/// What the reader looks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// How calls are written, if any may come.
    pub(crate) calls: Option<ToolFormat>,
    /// The names of the tools that may be called.
    pub(crate) names: Vec<String>,
    /// The marks around thoughts, if there may be any.
    pub(crate) thoughts: Option<(String, String)>,
    /// Whether the answer begins inside the thoughts.
    pub(crate) inside: bool,
    /// Whether everything is in the channels of harmony.
    pub(crate) channels: bool,
}

impl Reading {
    /// What to look for in the answer of a model of `traits` that may call the tools `names`;
    /// `inside` says whether the prompt ends inside its thoughts.
    pub(crate) fn new(traits: &ChatTraits, names: Vec<String>, inside: bool) -> Self {
        // Tools are told in words, with these marks, where the template has no place for them.
        let format = if traits.tools {
            traits.tool_format
        } else {
            ToolFormat::Hermes
        };
        Self {
            calls: (!names.is_empty()).then_some(format),
            names,
            thoughts: traits.reasoning.clone(),
            inside,
            channels: traits.tool_format == ToolFormat::Harmony,
        }
    }

    /// Whether control tokens must be written out for this.
    pub(crate) fn needs_control_text(&self) -> bool {
        self.calls.is_some() || self.thoughts.is_some() || self.channels
    }
}

/// Reads one answer.
#[derive(Debug)]
pub(crate) struct AnswerReader {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Harmony(Harmony),
    Marked {
        thoughts: Option<Thoughts>,
        calls: Option<Box<Marked>>,
    },
}

impl AnswerReader {
    /// A reader at the beginning of an answer.
    pub(crate) fn new(reading: &Reading) -> Self {
        let kind = if reading.channels {
            Kind::Harmony(Harmony::default())
        } else {
            let thoughts = reading.thoughts.clone();
            Kind::Marked {
                thoughts: thoughts.map(|(open, close)| Thoughts::new(open, close, reading.inside)),
                calls: reading
                    .calls
                    .map(|format| Box::new(Marked::new(format, reading.names.clone()))),
            }
        };
        Self { kind }
    }

    /// Takes the next text and gives what is clear of it.
    pub(crate) fn push(&mut self, text: &str) -> Vec<Piece> {
        match &mut self.kind {
            Kind::Harmony(harmony) => harmony.push(text),
            Kind::Marked { thoughts, calls } => {
                let pieces = match thoughts {
                    Some(thoughts) => thoughts.push(text),
                    None => vec![Piece::Content(text.to_owned())],
                };
                read_calls(pieces, calls.as_deref_mut())
            }
        }
    }

    /// Ends the answer: what was held back is what it looks like.
    pub(crate) fn finish(&mut self) -> Vec<Piece> {
        match &mut self.kind {
            Kind::Harmony(harmony) => harmony.finish(),
            Kind::Marked { thoughts, calls } => {
                let rest = thoughts.as_mut().map_or_else(Vec::new, Thoughts::finish);
                let mut pieces = read_calls(rest, calls.as_deref_mut());
                pieces.extend(calls.as_deref_mut().map_or_else(Vec::new, Marked::finish));
                joined(pieces)
            }
        }
    }

    /// Whether the answer stands inside the thoughts, or right behind them.
    pub(crate) fn is_before_content(&self) -> bool {
        match &self.kind {
            Kind::Harmony(harmony) => harmony.is_thinking(),
            Kind::Marked { thoughts, .. } => {
                thoughts.as_ref().is_some_and(Thoughts::is_inside_or_behind)
            }
        }
    }

    /// Whether the answer stands inside the thoughts.
    pub(crate) fn is_thinking(&self) -> bool {
        match &self.kind {
            Kind::Harmony(harmony) => harmony.is_thinking(),
            Kind::Marked { thoughts, .. } => thoughts.as_ref().is_some_and(Thoughts::is_inside),
        }
    }
}

/// Looks for calls in what is content.
fn read_calls(pieces: Vec<Piece>, calls: Option<&mut Marked>) -> Vec<Piece> {
    let Some(calls) = calls else {
        return joined(pieces);
    };
    let mut read = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Content(text) => read.extend(calls.push(&text)),
            other => read.push(other),
        }
    }
    joined(read)
}

/// Neighbors of one kind as one, empty ones left out.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (_, Piece::Content(text) | Piece::Reasoning(text) | Piece::Arguments(text))
                if text.is_empty() => {}
            (Some(Piece::Content(all)), Piece::Content(text))
            | (Some(Piece::Reasoning(all)), Piece::Reasoning(text))
            | (Some(Piece::Arguments(all)), Piece::Arguments(text)) => all.push_str(&text),
            (_, piece) => joined.push(piece),
        }
    }
    joined
}

/// Bytes at the end of `text` that may begin `mark`.
fn held_back(text: &str, mark: &str) -> usize {
    let longest = mark.len().saturating_sub(1).min(text.len());
    (1..=longest)
        .rev()
        .find(|&length| {
            let start = text.len() - length;
            text.is_char_boundary(start) && mark.starts_with(&text[start..])
        })
        .unwrap_or(0)
}
