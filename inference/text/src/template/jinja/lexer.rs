//! Cuts a template into text and tags, and tags into words.
//!
//! White space around tags is dropped here, as `trim_blocks` and `lstrip_blocks` have it, so that the parser sees only
//! what is said.

mod words;

use std::sync::Arc;

use super::fault::Fault;
use super::value::is_space;

/// A piece of a template, and its line.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Text outside tags.
    Data(String),
    /// `{{`
    PrintBegin,
    /// `}}`
    PrintEnd,
    /// `{%`
    TagBegin,
    /// `%}`
    TagEnd,
    Name(Arc<str>),
    Text(Arc<str>),
    Int(i128),
    Float(f64),
    Operator(&'static str),
}

/// The pieces of `source`.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, Fault> {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let source = source.strip_suffix('\n').unwrap_or(&source);
    let mut lexer = Lexer {
        source,
        at: 0,
        line: 1,
        line_starts: true,
        tokens: Vec::new(),
    };
    while lexer.next()? {}
    Ok(lexer.tokens)
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    line: u32,
    /// Whether the last tag took the end of its line with it.
    line_starts: bool,
    tokens: Vec<Token>,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn push(&mut self, kind: Kind) {
        let line = self.line;
        self.tokens.push(Token { kind, line });
    }

    /// Goes on by `bytes`.
    fn skip(&mut self, bytes: usize) {
        let passed = &self.rest().as_bytes()[..bytes];
        for _ in passed.iter().filter(|&&byte| byte == b'\n') {
            self.line = self.line.saturating_add(1);
        }
        self.at += bytes;
    }

    /// Reads text and the tag behind it; whether there is more.
    fn next(&mut self) -> Result<bool, Fault> {
        let rest = self.rest();
        let Some(open) = next_opening(rest) else {
            self.data(rest);
            self.skip(rest.len());
            return Ok(false);
        };
        let kind = rest.as_bytes()[open + 1];
        let sign = rest.as_bytes().get(open + 2).copied();
        let data = self.before_tag(&rest[..open], kind, sign);
        self.data(data);
        self.skip(open + 2);
        if matches!(sign, Some(b'-' | b'+')) {
            self.skip(1);
        }
        match kind {
            b'#' => self.comment()?,
            b'{' => {
                self.push(Kind::PrintBegin);
                self.inside(Kind::PrintEnd)?;
            }
            _ => {
                if let Some(bytes) = words::raw_begin(self.rest()) {
                    self.raw(bytes)?;
                } else {
                    self.push(Kind::TagBegin);
                    self.inside(Kind::TagEnd)?;
                }
            }
        }
        Ok(true)
    }

    fn data(&mut self, text: &str) {
        if !text.is_empty() {
            self.push(Kind::Data(text.to_owned()));
        }
    }

    /// `text` without the white space that the tag behind it takes.
    fn before_tag(&self, text: &'s str, kind: u8, sign: Option<u8>) -> &'s str {
        if sign == Some(b'-') {
            return text.trim_end_matches(is_space);
        }
        let line = text.rfind('\n').map_or(0, |end| end + 1);
        let indents = (line > 0 || self.line_starts) && text[line..].chars().all(is_space);
        if kind != b'{' && sign != Some(b'+') && indents {
            return &text[..line];
        }
        text
    }

    fn comment(&mut self) -> Result<(), Fault> {
        let end = self.rest().find("#}");
        let end = end.ok_or_else(|| Fault::at(self.line, "a comment is not closed"))?;
        let sign = self.rest()[..end].bytes().last();
        self.skip(end + 2);
        self.after_tag(sign, true);
        Ok(())
    }

    /// Drops the white space that a tag with `sign` before its end takes; a block takes the end of its line.
    fn after_tag(&mut self, sign: Option<u8>, block: bool) {
        let rest = self.rest();
        let taken = match sign {
            Some(b'-') => rest.len() - rest.trim_start_matches(is_space).len(),
            Some(b'+') => 0,
            _ => usize::from(block && rest.starts_with('\n')),
        };
        self.line_starts = rest[..taken].ends_with('\n');
        self.skip(taken);
    }

    /// Text up to `{% endraw %}`, as it is; `opening` are the bytes of what is left of the tag before it.
    fn raw(&mut self, opening: usize) -> Result<(), Fault> {
        let open = self.line;
        let sign = self.rest()[..opening - 2].bytes().last();
        self.skip(opening);
        self.after_tag(sign.filter(|&sign| sign == b'-'), false);
        let unclosed = || Fault::at(open, "`raw` has no `endraw`");
        let (at, mark) = words::raw_end(self.rest()).ok_or_else(unclosed)?;
        let rest = self.rest();
        let data = self.before_tag(&rest[..at], b'%', rest.as_bytes().get(at + 2).copied());
        self.data(data);
        let sign = rest[at..at + mark - 2].bytes().last();
        self.skip(at + mark);
        self.after_tag(sign, true);
        Ok(())
    }

    /// Words up to the end of the tag.
    fn inside(&mut self, end: Kind) -> Result<(), Fault> {
        let (close, block) = if end == Kind::TagEnd {
            ("%}", true)
        } else {
            ("}}", false)
        };
        let open = self.line;
        let mut brackets = Vec::new();
        loop {
            let rest = self.rest();
            let space = rest.len() - rest.trim_start_matches(is_space).len();
            self.skip(space);
            let rest = self.rest();
            let sign = rest
                .bytes()
                .next()
                .filter(|byte| matches!(byte, b'-' | b'+'));
            let signed = sign.filter(|&sign| block || sign == b'-');
            let signed = signed.filter(|_| rest[1..].starts_with(close));
            if brackets.is_empty() && (signed.is_some() || rest.starts_with(close)) {
                self.push(end);
                self.skip(close.len() + usize::from(signed.is_some()));
                self.after_tag(signed, block);
                return Ok(());
            }
            if rest.is_empty() {
                return Err(Fault::at(open, "a tag is not closed"));
            }
            let (kind, bytes) = words::word(rest).map_err(|fault| fault.on(self.line))?;
            self.balance(&kind, &mut brackets)?;
            self.push(kind);
            self.skip(bytes);
        }
    }

    /// Keeps count of open brackets.
    fn balance(&self, kind: &Kind, open: &mut Vec<&'static str>) -> Result<(), Fault> {
        let Kind::Operator(operator) = kind else {
            return Ok(());
        };
        let closing = match *operator {
            "(" => ")",
            "[" => "]",
            "{" => "}",
            ")" | "]" | "}" => {
                return match open.pop() {
                    Some(expected) if expected == *operator => Ok(()),
                    _ => Err(Fault::at(self.line, format!("unexpected `{operator}`"))),
                };
            }
            _ => return Ok(()),
        };
        open.push(closing);
        Ok(())
    }
}

/// Where the next tag or comment opens.
fn next_opening(text: &str) -> Option<usize> {
    let opens = |pair: &[u8]| pair[0] == b'{' && matches!(pair[1], b'{' | b'%' | b'#');
    text.as_bytes().windows(2).position(opens)
}
