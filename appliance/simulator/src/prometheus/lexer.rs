//! Words and signs of a query.

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name of a metric, label, function or keyword.
    Word(String),
    /// A quoted text, unescaped.
    Text(String),
    Number(f64),
    /// A duration, seconds.
    Duration(f64),
    Sign(&'static str),
}

/// Longer signs first, so that they are not read as shorter ones.
const SIGNS: [&str; 24] = [
    "==", "!=", "=~", "!~", ">=", "<=", "(", ")", "{", "}", "[", "]", ",", "=", "+", "-", "*", "/",
    "%", "^", ">", "<", ":", "@",
];

/// Splits a query.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, end) = if first == '#' {
            rest = rest
                .split_once('\n')
                .map_or("", |(_, rest)| rest)
                .trim_start();
            continue;
        } else if first.is_ascii_digit() || first == '.' {
            number(rest)?
        } else if first.is_alphabetic() || first == '_' || first == ':' && word_end(rest) > 1 {
            word(rest)
        } else if matches!(first, '"' | '\'' | '`') {
            quoted(rest, first)?
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
            let sign =
                sign.ok_or_else(|| format!("parse error: unexpected character: {first:?}"))?;
            (Token::Sign(sign), sign.len())
        };
        tokens.push(token);
        rest = rest[end..].trim_start();
    }
    Ok(tokens)
}

fn word_end(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .unwrap_or(text.len())
}

fn word(text: &str) -> (Token, usize) {
    let end = word_end(text);
    let word = &text[..end];
    let token = match word.to_ascii_lowercase().as_str() {
        "inf" => Token::Number(f64::INFINITY),
        "nan" => Token::Number(f64::NAN),
        _ => Token::Word(word.to_owned()),
    };
    (token, end)
}

fn number(text: &str) -> Result<(Token, usize), String> {
    let mut end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
        .unwrap_or(text.len());
    // The sign of an exponent belongs to the number.
    if text[..end].ends_with(['e', 'E']) && text[end..].starts_with(['+', '-']) {
        let more = text[end + 1..].find(|c: char| !c.is_ascii_digit());
        end = more.map_or(text.len(), |more| end + 1 + more);
    }
    let part = &text[..end];
    let hexadecimal = part
        .strip_prefix("0x")
        .and_then(|digits| i64::from_str_radix(digits, 16).ok());
    let token = hexadecimal
        .map(|number| Token::Number(number as f64))
        .or_else(|| part.parse().ok().map(Token::Number))
        .or_else(|| duration(part).map(Token::Duration));
    token
        .map(|token| (token, end))
        .ok_or_else(|| format!("parse error: bad number or duration syntax: {part:?}"))
}

fn quoted(text: &str, quote: char) -> Result<(Token, usize), String> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((index, character)) = characters.next() {
        match character {
            found if found == quote => return Ok((Token::Text(value), index + quote.len_utf8())),
            '\\' if quote != '`' => {
                let (_, escaped) = characters
                    .next()
                    .ok_or("parse error: unterminated quoted string")?;
                value.push(match escaped {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    other => other,
                });
            }
            other => value.push(other),
        }
    }
    Err("parse error: unterminated quoted string".to_owned())
}

/// Seconds of a duration such as `1h30m`.
pub(super) fn duration(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] = [
        ("ms", 0.001),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
        ("d", 86_400.0),
        ("w", 604_800.0),
        ("y", 31_536_000.0),
    ];
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: f64 = rest[..end].parse().ok()?;
        let unit = UNITS
            .iter()
            .find(|(unit, _)| rest[end..].starts_with(unit))?;
        total += number * unit.1;
        rest = &rest[end + unit.0.len()..];
    }
    (!text.is_empty()).then_some(total)
}
