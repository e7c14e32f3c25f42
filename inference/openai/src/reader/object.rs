//! One call written as a JSON object: `{"name": …, "arguments": …}`, read character by character.
//!
//! The arguments go out as they come, in the model's own spelling; the keys may stand in any order.

use super::Piece;

/// What a character led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    /// The object is complete.
    End,
    /// This is no call.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Key,
    InKey,
    Colon,
    Value,
    InValue,
}

/// Reads one object.
#[derive(Debug)]
pub(super) struct CallObject {
    state: State,
    key: String,
    name: Option<String>,
    /// The value being read, as far as it was not given out.
    value: String,
    scan: Scan,
    /// Arguments that came before the name.
    early: Option<String>,
    begun: bool,
    /// Whether the arguments are text that holds JSON.
    quoted: bool,
}

impl CallObject {
    pub(super) fn new() -> Self {
        Self {
            state: State::Start,
            key: String::new(),
            name: None,
            value: String::new(),
            scan: Scan::default(),
            early: None,
            begun: false,
            quoted: false,
        }
    }

    /// Whether the call was given out already.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// The name, once it was read.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Takes the next character; what it makes clear goes to `pieces`.
    pub(super) fn push(&mut self, character: char, pieces: &mut Vec<Piece>) -> Progress {
        if character.is_whitespace() && !matches!(self.state, State::InKey | State::InValue) {
            return Progress::More;
        }
        match (self.state, character) {
            (State::Start, '{') => self.state = State::Key,
            (State::Key, ',') => {}
            (State::Key, '"') => {
                self.key.clear();
                self.state = State::InKey;
            }
            (State::Key, '}') => return self.end(pieces),
            (State::InKey, '"') => self.state = State::Colon,
            (State::InKey, character) => self.key.push(character),
            (State::Colon, ':') => self.state = State::Value,
            (State::Value, ',' | '}' | ']' | ':') => return Progress::Broken,
            (State::Value, character) => {
                self.scan = Scan::default();
                self.value.clear();
                self.quoted = character == '"';
                self.state = State::InValue;
                return self.value(character, pieces);
            }
            (State::InValue, character) => return self.value(character, pieces),
            _ => return Progress::Broken,
        }
        Progress::More
    }

    /// The answer ended inside the object: gives out what is held of the arguments.
    pub(super) fn cut(&mut self, pieces: &mut Vec<Piece>) {
        if self.begun && self.is_arguments() && self.quoted {
            pieces.push(Piece::Arguments(std::mem::take(&mut self.value)));
        }
    }

    fn is_arguments(&self) -> bool {
        matches!(self.key.as_str(), "arguments" | "parameters")
    }

    fn value(&mut self, character: char, pieces: &mut Vec<Piece>) -> Progress {
        match self.scan.push(character) {
            Scanned::Inside => {
                self.value.push(character);
                self.flow(pieces);
            }
            Scanned::Last => {
                self.value.push(character);
                self.flow(pieces);
                self.close(pieces);
            }
            // A number or word ends where the next sign begins.
            Scanned::Behind => {
                self.close(pieces);
                return self.push(character, pieces);
            }
        }
        Progress::More
    }

    /// Gives out arguments as they come.
    fn flow(&mut self, pieces: &mut Vec<Piece>) {
        if self.is_arguments() && !self.quoted && self.begin(pieces) {
            pieces.push(Piece::Arguments(std::mem::take(&mut self.value)));
        }
    }

    fn begin(&mut self, pieces: &mut Vec<Piece>) -> bool {
        if let (false, Some(name)) = (self.begun, &self.name) {
            pieces.push(Piece::Call(name.clone()));
            self.begun = true;
        }
        self.begun
    }

    /// The value is whole.
    fn close(&mut self, pieces: &mut Vec<Piece>) {
        self.state = State::Key;
        let value = std::mem::take(&mut self.value);
        if self.key == "name" {
            self.name = serde_json::from_str(&value).ok().or(self.name.take());
        } else if self.is_arguments() && self.quoted {
            // JSON inside a string, as some models write it.
            self.early = serde_json::from_str(&value).ok();
            self.release(pieces);
        } else if self.is_arguments() && !self.begun {
            self.early = Some(value);
        }
    }

    fn release(&mut self, pieces: &mut Vec<Piece>) {
        if self.name.is_some()
            && let Some(arguments) = self.early.take()
            && self.begin(pieces)
        {
            pieces.push(Piece::Arguments(arguments));
        }
    }

    fn end(&mut self, pieces: &mut Vec<Piece>) -> Progress {
        if self.name.is_none() {
            return Progress::Broken;
        }
        self.release(pieces);
        if !self.begun && self.begin(pieces) {
            pieces.push(Piece::Arguments("{}".to_owned()));
        }
        Progress::End
    }
}

/// Finds the end of a JSON value.
#[derive(Debug, Default)]
pub(super) struct Scan {
    depth: usize,
    text: bool,
    escaped: bool,
    /// Whether the value is a number or a word, which no sign of its own ends.
    bare: bool,
}

/// Where a character stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scanned {
    Inside,
    /// The last of the value.
    Last,
    /// Behind the value.
    Behind,
}

impl Scan {
    /// Takes the next character of a value, the first one not being white space.
    pub(super) fn push(&mut self, character: char) -> Scanned {
        if self.text {
            let ends = character == '"' && !self.escaped;
            self.escaped = character == '\\' && !self.escaped;
            self.text = !ends;
            return self.place(ends);
        }
        if self.bare {
            let ends = character.is_whitespace() || matches!(character, ',' | '}' | ']');
            return if ends {
                Scanned::Behind
            } else {
                Scanned::Inside
            };
        }
        match character {
            '"' => self.text = true,
            '{' | '[' => self.depth += 1,
            '}' | ']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.place(true);
            }
            _ => self.bare = self.depth == 0,
        }
        Scanned::Inside
    }

    fn place(&self, closed: bool) -> Scanned {
        if closed && self.depth == 0 {
            Scanned::Last
        } else {
            Scanned::Inside
        }
    }
}
