//! The channels of GPT-OSS: `<|channel|>final<|message|>…<|end|>` and the like.
//!
//! Analysis is thought, what is addressed to a function is a call, the rest is content.
//! (`OpenAI` harmony response format.)

use super::{Piece, held_back};

const CHANNEL: &str = "<|channel|>";
const MESSAGE: &str = "<|message|>";
/// What ends a message, or begins the next one.
const ENDS: [&str; 5] = ["<|end|>", "<|call|>", "<|return|>", "<|start|>", CHANNEL];
const FUNCTIONS: &str = "to=functions.";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// At the beginning, where a model may leave the channels out.
    #[default]
    Start,
    /// Before a message: its channel and whom it is for.
    Header,
    Thought,
    Content,
    Arguments,
}

/// Reads the messages of an answer.
#[derive(Debug, Default)]
pub(super) struct Harmony {
    place: Place,
    /// Text that is not clear yet.
    held: String,
}

impl Harmony {
    /// Whether the answer stands inside the analysis.
    pub(super) fn is_thinking(&self) -> bool {
        self.place == Place::Thought
    }

    /// Takes the next text.
    pub(super) fn push(&mut self, text: &str) -> Vec<Piece> {
        self.held.push_str(text);
        let mut pieces = Vec::new();
        while self.step(&mut pieces) {}
        super::joined(pieces)
    }

    /// Ends the answer; a header without a message says nothing.
    pub(super) fn finish(&mut self) -> Vec<Piece> {
        let rest = std::mem::take(&mut self.held);
        match self.place {
            Place::Header => Vec::new(),
            Place::Start => vec![Piece::Content(rest)],
            place => vec![piece(place, rest)],
        }
    }

    /// One step; says whether another may follow.
    fn step(&mut self, pieces: &mut Vec<Piece>) -> bool {
        match self.place {
            Place::Start => self.start(),
            Place::Header => self.header(pieces),
            place => self.body(place, pieces),
        }
    }

    fn start(&mut self) -> bool {
        let begun = self.held.trim_start();
        let may_be = |mark: &str| mark.starts_with(begun);
        if begun.is_empty() || [CHANNEL, "<|start|>"].into_iter().any(may_be) {
            if begun == CHANNEL || begun == "<|start|>" {
                self.place = Place::Header;
                return true;
            }
            return false;
        }
        let marked = begun.starts_with(CHANNEL) || begun.starts_with("<|start|>");
        self.place = if marked {
            Place::Header
        } else {
            Place::Content
        };
        true
    }

    fn header(&mut self, pieces: &mut Vec<Piece>) -> bool {
        let Some(at) = self.held.find(MESSAGE) else {
            return false;
        };
        let header = self.held[..at].to_owned();
        self.held.drain(..at + MESSAGE.len());
        self.place = Place::Content;
        if let Some((_, behind)) = header.split_once(FUNCTIONS) {
            let ends = |character: char| character.is_whitespace() || character == '<';
            let name = behind.split(ends).next().unwrap_or_default();
            pieces.push(Piece::Call(name.to_owned()));
            self.place = Place::Arguments;
        } else if header.contains("analysis") {
            self.place = Place::Thought;
        }
        true
    }

    fn body(&mut self, place: Place, pieces: &mut Vec<Piece>) -> bool {
        let first = ENDS
            .into_iter()
            .filter_map(|mark| Some((self.held.find(mark)?, mark)))
            .min();
        if let Some((at, mark)) = first {
            let text = self.held[..at].to_owned();
            self.held.drain(..at + mark.len());
            pieces.push(piece(place, text));
            self.place = Place::Header;
            return true;
        }
        let back = ENDS.into_iter().map(|mark| held_back(&self.held, mark));
        let clear = self.held.len() - back.max().unwrap_or(0);
        let behind = self.held.split_off(clear);
        let text = std::mem::replace(&mut self.held, behind);
        pieces.push(piece(place, text));
        false
    }
}

fn piece(place: Place, text: String) -> Piece {
    match place {
        Place::Thought => Piece::Reasoning(text),
        Place::Arguments => Piece::Arguments(text),
        Place::Start | Place::Header | Place::Content => Piece::Content(text),
    }
}
