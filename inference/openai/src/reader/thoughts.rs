//! Thoughts at the beginning of an answer, between marks.

use super::{Piece, held_back};

/// Splits the thoughts off the beginning of an answer.
#[derive(Debug)]
pub(super) struct Thoughts {
    open: String,
    close: String,
    place: Place,
    /// Text that is not clear yet.
    held: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing but white space was written.
    Before,
    Inside,
    /// Behind the closing mark; white space is left out.
    Between,
    After,
}

impl Thoughts {
    /// At the beginning of an answer, `inside` the thoughts if the prompt opened them.
    pub(super) fn new(open: String, close: String, inside: bool) -> Self {
        let place = if inside { Place::Inside } else { Place::Before };
        Self {
            open,
            close,
            place,
            held: String::new(),
        }
    }

    /// Whether the answer stands inside the thoughts.
    pub(super) fn is_inside(&self) -> bool {
        self.place == Place::Inside
    }

    /// Whether the answer stands inside the thoughts, or right behind them.
    pub(super) fn is_inside_or_behind(&self) -> bool {
        matches!(self.place, Place::Inside | Place::Between)
    }

    /// Takes the next text.
    pub(super) fn push(&mut self, text: &str) -> Vec<Piece> {
        self.held.push_str(text);
        let mut pieces = Vec::new();
        while self.step(&mut pieces) {}
        pieces
    }

    /// Ends the answer.
    pub(super) fn finish(&mut self) -> Vec<Piece> {
        let rest = std::mem::take(&mut self.held);
        vec![match self.place {
            Place::Inside => Piece::Reasoning(rest.trim_end().to_owned()),
            Place::Before | Place::Between | Place::After => Piece::Content(rest),
        }]
    }

    /// One step; says whether another may follow.
    fn step(&mut self, pieces: &mut Vec<Piece>) -> bool {
        match self.place {
            Place::Before => self.begin(),
            Place::Inside => self.think(pieces),
            Place::Between => {
                let behind = self.held.trim_start().len();
                self.held.drain(..self.held.len() - behind);
                if behind > 0 {
                    self.place = Place::After;
                }
                behind > 0
            }
            Place::After => {
                pieces.push(Piece::Content(std::mem::take(&mut self.held)));
                false
            }
        }
    }

    fn begin(&mut self) -> bool {
        let begun = self.held.trim_start();
        if let Some(behind) = begun.strip_prefix(self.open.as_str()) {
            self.held = behind.to_owned();
            self.place = Place::Inside;
            return true;
        }
        if self.open.starts_with(begun) {
            return false;
        }
        self.place = Place::After;
        true
    }

    fn think(&mut self, pieces: &mut Vec<Piece>) -> bool {
        if let Some(at) = self.held.find(&self.close) {
            let thought = self.held[..at].trim_end().to_owned();
            pieces.push(Piece::Reasoning(thought));
            self.held.drain(..at + self.close.len());
            self.place = Place::Between;
            return true;
        }
        // White space before the mark is no thought, so it waits as well.
        let clear = self.held.len() - held_back(&self.held, &self.close);
        let clear = self.held[..clear].trim_end().len();
        let behind = self.held.split_off(clear);
        pieces.push(Piece::Reasoning(std::mem::replace(&mut self.held, behind)));
        false
    }
}
