//! Calls behind a mark in the text: all formats but harmony.
//!
//! Behind the mark stands an object, a list of objects, or a name and its arguments; Llama 3
//! leaves the mark out as well.

use inference_core::ToolFormat;

use super::object::{CallObject, Progress, Scan, Scanned};
use super::{Piece, held_back};

/// The marks of a format.
#[derive(Clone, Copy, Debug)]
struct Marks {
    open: &'static str,
    close: Option<&'static str>,
    /// Whether an object at the very beginning is a call without a mark.
    bare: bool,
}

impl Marks {
    fn of(format: ToolFormat) -> Self {
        let (open, close, bare) = match format {
            ToolFormat::Hermes | ToolFormat::Harmony => {
                ("<tool_call>", Some("</tool_call>"), false)
            }
            ToolFormat::Llama3 => ("<|python_tag|>", None, true),
            ToolFormat::Mistral => ("[TOOL_CALLS]", None, false),
            ToolFormat::Functools => ("functools", None, false),
            ToolFormat::Granite => ("<|tool_call|>", Some("</tool_call>"), false),
        };
        Self { open, close, bare }
    }
}

/// Behind a name: an id, or the arguments.
const CALL_ID: &str = "[CALL_ID]";
const ARGS: &str = "[ARGS]";

#[derive(Debug)]
enum State {
    /// At the very beginning, where a bare object may stand.
    Start,
    Text,
    /// Behind a mark.
    Marked,
    Object(Box<CallObject>),
    /// Inside a list, between objects.
    List,
    /// Behind a name, before its arguments.
    Name(String),
    Arguments(Scan),
    /// Behind a call, where a closing mark or another bare object may stand.
    Behind,
}

/// Reads content and calls.
#[derive(Debug)]
pub(super) struct Marked {
    marks: Marks,
    names: Vec<String>,
    state: State,
    /// Text that is not clear yet; of an object, all of it until the call is given out.
    held: String,
    in_list: bool,
    /// Whether the object being read had no mark.
    bare: bool,
    /// White space at the end of the content, which is none before a call.
    blank: String,
    /// Whether a call was given out.
    called: bool,
}

impl Marked {
    /// A reader of calls in `format` of the tools `names`.
    pub(super) fn new(format: ToolFormat, names: Vec<String>) -> Self {
        let marks = Marks::of(format);
        Self {
            marks,
            names,
            state: if marks.bare {
                State::Start
            } else {
                State::Text
            },
            held: String::new(),
            in_list: false,
            bare: false,
            blank: String::new(),
            called: false,
        }
    }

    /// Takes the next text.
    pub(super) fn push(&mut self, text: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if matches!(self.state, State::Text) {
                rest = self.text(rest, &mut pieces);
                continue;
            }
            let mut characters = rest.chars();
            if let Some(character) = characters.next() {
                self.character(character, &mut pieces);
            }
            rest = characters.as_str();
        }
        pieces
    }

    /// Ends the answer.
    pub(super) fn finish(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let held = std::mem::take(&mut self.held);
        match std::mem::replace(&mut self.state, State::Text) {
            State::Object(mut object) if object.has_begun() => object.cut(&mut pieces),
            State::Arguments(_) | State::List | State::Behind => {}
            State::Start | State::Text | State::Marked | State::Object(_) | State::Name(_) => {
                let blank = std::mem::take(&mut self.blank);
                // White space behind the last call is no content.
                if !(self.called && held.is_empty()) {
                    pieces.push(Piece::Content(blank + &held));
                }
            }
        }
        pieces
    }

    /// Text up to the next mark; gives back what is behind it.
    fn text<'a>(&mut self, text: &'a str, pieces: &mut Vec<Piece>) -> &'a str {
        let before = self.held.len();
        self.held.push_str(text);
        if let Some(at) = self.held.find(self.marks.open) {
            let behind = at + self.marks.open.len() - before;
            self.held.truncate(at);
            let content = std::mem::take(&mut self.held);
            self.content(&content, pieces);
            self.held.push_str(self.marks.open);
            self.state = State::Marked;
            return &text[behind..];
        }
        let clear = self.held.len() - held_back(&self.held, self.marks.open);
        let behind = self.held.split_off(clear);
        let content = std::mem::replace(&mut self.held, behind);
        self.content(&content, pieces);
        ""
    }

    /// Gives out content but for white space at its end.
    fn content(&mut self, text: &str, pieces: &mut Vec<Piece>) {
        let solid = text.trim_end().len();
        if solid > 0 {
            let blank = std::mem::take(&mut self.blank);
            pieces.push(Piece::Content(blank + &text[..solid]));
        }
        self.blank.push_str(&text[solid..]);
    }

    fn character(&mut self, character: char, pieces: &mut Vec<Piece>) {
        match &mut self.state {
            State::Start => self.start(character, pieces),
            State::Marked => self.marked(character, pieces),
            State::Object(_) => self.object(character, pieces),
            State::List => self.list(character, pieces),
            State::Name(_) => self.name(character, pieces),
            State::Arguments(scan) => {
                let scanned = scan.push(character);
                if scanned == Scanned::Behind {
                    self.state = State::Behind;
                    self.behind(character, pieces);
                } else {
                    pieces.push(Piece::Arguments(character.to_string()));
                    if scanned == Scanned::Last {
                        self.state = State::Behind;
                    }
                }
            }
            State::Behind => self.behind(character, pieces),
            State::Text => {}
        }
    }

    fn start(&mut self, character: char, pieces: &mut Vec<Piece>) {
        if character.is_whitespace() {
            self.blank.push(character);
        } else if character == '{' {
            self.bare = true;
            self.open_object(pieces);
        } else {
            self.back_to_text(character, pieces);
        }
    }

    fn marked(&mut self, character: char, pieces: &mut Vec<Piece>) {
        self.bare = false;
        if character == '{' {
            self.in_list = false;
            self.open_object(pieces);
        } else if character == '[' {
            self.held.push(character);
            self.in_list = true;
            self.state = State::List;
        } else if character.is_whitespace() {
            self.held.push(character);
        } else if self.marks.open == Marks::of(ToolFormat::Mistral).open {
            self.state = State::Name(character.to_string());
        } else {
            self.give_up(character, pieces);
        }
    }

    fn list(&mut self, character: char, pieces: &mut Vec<Piece>) {
        match character {
            '{' => self.open_object(pieces),
            ']' => {
                // An empty list calls nothing, and its mark is no text either.
                self.held.clear();
                self.state = State::Behind;
            }
            character if character == ',' || character.is_whitespace() => {
                // Before the first call the list may still turn out to be text.
                if !self.held.is_empty() {
                    self.held.push(character);
                }
            }
            character => self.give_up(character, pieces),
        }
    }

    fn open_object(&mut self, pieces: &mut Vec<Piece>) {
        self.state = State::Object(Box::new(CallObject::new()));
        self.object('{', pieces);
    }

    fn object(&mut self, character: char, pieces: &mut Vec<Piece>) {
        let State::Object(object) = &mut self.state else {
            return;
        };
        let mut found = Vec::new();
        let progress = object.push(character, &mut found);
        let stranger = self.bare
            && object
                .name()
                .is_some_and(|name| !self.names.iter().any(|known| known == name));
        if progress == Progress::Broken || stranger {
            let begun = object.has_begun() && !stranger;
            if begun {
                self.state = State::Text;
                self.held.clear();
            } else {
                self.give_up(character, pieces);
            }
            return;
        }
        if object.has_begun() {
            self.held.clear();
            self.blank.clear();
            self.called = true;
        } else {
            self.held.push(character);
        }
        pieces.append(&mut found);
        if progress == Progress::End {
            self.state = if self.in_list {
                State::List
            } else {
                State::Behind
            };
        }
    }

    fn name(&mut self, character: char, pieces: &mut Vec<Piece>) {
        let State::Name(name) = &mut self.state else {
            return;
        };
        if character != '{' {
            name.push(character);
            return;
        }
        let name = name.replace(ARGS, "");
        let name = name.split(CALL_ID).next().unwrap_or_default().trim();
        pieces.push(Piece::Call(name.to_owned()));
        pieces.push(Piece::Arguments("{".to_owned()));
        self.held.clear();
        self.blank.clear();
        self.called = true;
        let mut scan = Scan::default();
        scan.push('{');
        self.state = State::Arguments(scan);
    }

    /// Between calls: white space, separators and the closing mark are left out.
    fn behind(&mut self, character: char, pieces: &mut Vec<Piece>) {
        self.held.push(character);
        let text = self.held.trim_start();
        let closes = self.marks.close.is_some_and(|close| close == text);
        if text.is_empty() || closes {
            self.held.clear();
            if closes {
                self.state = State::Text;
            }
            return;
        }
        if self.marks.bare && matches!(character, '{' | ';') {
            self.held.clear();
            if character == '{' {
                self.bare = true;
                self.open_object(pieces);
            }
            return;
        }
        if !self
            .marks
            .close
            .is_some_and(|close| close.starts_with(text))
        {
            let text = text.to_owned();
            self.held.clear();
            self.state = State::Text;
            let behind = self.text(&text, pieces);
            debug_assert!(behind.is_empty(), "a mark is longer than what was held");
        }
    }

    /// What was held is text after all.
    fn give_up(&mut self, character: char, pieces: &mut Vec<Piece>) {
        let held = std::mem::take(&mut self.held);
        self.content(&held, pieces);
        self.back_to_text(character, pieces);
    }

    fn back_to_text(&mut self, character: char, pieces: &mut Vec<Piece>) {
        self.state = State::Text;
        self.text(character.encode_utf8(&mut [0; 4]), pieces);
    }
}
