//! The words inside tags: names, texts, numbers, operators.

use super::Kind;
use crate::template::jinja::fault::Fault;
use crate::template::jinja::value::is_space;

/// Operators, longer ones first.
const OPERATORS: [&str; 26] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}",
    ">", "<", "=", ".", ":", "|", ",", ";",
];
/// Longest name, in bytes, so that finding one by its name is a small step.
const NAME_BYTES_MAX: usize = 200;

/// The word `text` begins with, and its bytes.
pub(super) fn word(text: &str) -> Result<(Kind, usize), Fault> {
    let first = text.chars().next().unwrap_or_default();
    if first.is_ascii_digit() {
        return number(text);
    }
    if first == '\'' || first == '"' {
        return quoted(text, first);
    }
    if is_word(first) {
        let bytes = text.find(|c| !is_word(c)).unwrap_or(text.len());
        if bytes > NAME_BYTES_MAX {
            return Err(Fault::new(format!(
                "a name has more than {NAME_BYTES_MAX} bytes"
            )));
        }
        return Ok((Kind::Name(text[..bytes].into()), bytes));
    }
    let operator = OPERATORS
        .iter()
        .find(|operator| text.starts_with(**operator));
    operator
        .map(|operator| (Kind::Operator(operator), operator.len()))
        .ok_or_else(|| Fault::new(format!("unexpected {first:?}")))
}

/// The bytes of ` raw %}` if `text` begins with it, up to the end of the tag.
pub(super) fn raw_begin(text: &str) -> Option<usize> {
    tag_named(text, "raw")
}

/// Where `{% endraw %}` stands in `text`, and its bytes.
pub(super) fn raw_end(text: &str) -> Option<(usize, usize)> {
    text.match_indices("{%").find_map(|(at, open)| {
        let inside = &text[at + open.len()..];
        let sign = usize::from(inside.starts_with(['-', '+']));
        let bytes = tag_named(&inside[sign..], "endraw")?;
        Some((at, open.len() + sign + bytes))
    })
}

fn tag_named(text: &str, name: &str) -> Option<usize> {
    let rest = text.trim_start_matches(is_space).strip_prefix(name)?;
    let rest = rest.trim_start_matches(is_space);
    let rest = rest.strip_prefix(['-', '+']).unwrap_or(rest);
    let rest = rest.strip_prefix("%}")?;
    Some(text.len() - rest.len())
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

fn number(text: &str) -> Result<(Kind, usize), Fault> {
    let digits = |text: &str| {
        text.find(|c: char| !(c.is_ascii_digit() || c == '_'))
            .unwrap_or(text.len())
    };
    let radix = match text.as_bytes().get(1).map(u8::to_ascii_lowercase) {
        Some(b'x') if text.starts_with('0') => Some(16),
        Some(b'o') if text.starts_with('0') => Some(8),
        Some(b'b') if text.starts_with('0') => Some(2),
        _ => None,
    };
    if let Some(radix) = radix {
        let end = text[2..].find(|c: char| !(c.is_digit(radix) || c == '_'));
        let bytes = end.map_or(text.len(), |end| end + 2);
        return whole(&text[2..bytes], radix).map(|number| (number, bytes));
    }
    let mut bytes = digits(text);
    let mut real = false;
    if text[bytes..].starts_with('.') && digits(&text[bytes + 1..]) > 0 {
        real = true;
        bytes += 1 + digits(&text[bytes + 1..]);
    }
    if text[bytes..].starts_with(['e', 'E']) {
        let sign = usize::from(text[bytes + 1..].starts_with(['+', '-']));
        let exponent = digits(&text[bytes + 1 + sign..]);
        if exponent > 0 {
            real = true;
            bytes += 1 + sign + exponent;
        }
    }
    if !real {
        return whole(&text[..bytes], 10).map(|number| (number, bytes));
    }
    let plain = text[..bytes].replace('_', "");
    let value = plain
        .parse()
        .map_err(|_| Fault::new("a number is not one"))?;
    Ok((Kind::Float(value), bytes))
}

fn whole(digits: &str, radix: u32) -> Result<Kind, Fault> {
    i128::from_str_radix(&digits.replace('_', ""), radix)
        .map(Kind::Int)
        .map_err(|_| Fault::new("a number is too long"))
}

/// A quoted text, with Python's escapes.
fn quoted(text: &str, mark: char) -> Result<(Kind, usize), Fault> {
    let mut content = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == mark {
            return Ok((Kind::Text(content.into()), at + 1));
        }
        if character != '\\' {
            content.push(character);
            continue;
        }
        let Some((at, escaped)) = characters.next() else {
            break;
        };
        let used = escape(&text[at..], escaped, &mut content);
        for _ in 1..used {
            characters.next();
        }
    }
    Err(Fault::new("a text is not closed"))
}

/// Writes what `\` and `text` stand for; the characters of it that were used.
fn escape(text: &str, first: char, out: &mut String) -> usize {
    let plain = match first {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        '\\' | '\'' | '"' => first,
        '\n' => return 1,
        'x' => return coded(text, 2, out),
        'u' => return coded(text, 4, out),
        'U' => return coded(text, 8, out),
        '0'..='7' => return octal(text, out),
        _ => {
            out.extend(['\\', first]);
            return 1;
        }
    };
    out.push(plain);
    1
}

fn coded(text: &str, digits: usize, out: &mut String) -> usize {
    let number = text
        .get(1..=digits)
        .and_then(|digits| u32::from_str_radix(digits, 16).ok());
    if let Some(character) = number.and_then(char::from_u32) {
        out.push(character);
        return 1 + digits;
    }
    out.push('\\');
    out.extend(text.chars().next());
    1
}

fn octal(text: &str, out: &mut String) -> usize {
    let digits = text
        .bytes()
        .take(3)
        .take_while(|byte| matches!(byte, b'0'..=b'7'));
    let digits = digits.count();
    let number = u32::from_str_radix(&text[..digits], 8).ok();
    out.extend(number.and_then(char::from_u32));
    digits
}
