//! Untrusted text made safe to show on a terminal or in a sentence.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

/// `text` on one line, without terminal escapes, control characters, or
/// characters that reorder or hide text.
pub(crate) fn line(text: &str) -> String {
    let text = without_escapes(text);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c if is_hidden(c) => {}
            c => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Control characters, bidirectional controls, and zero-width characters.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Takes out whole escape sequences, so that no parameters stay behind.
fn without_escapes(text: &str) -> Cow<'_, str> {
    if !text.contains(['\u{1b}', '\u{9b}']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\u{1b}' => match chars.next() {
                Some('[') => skip_control_sequence(&mut chars),
                // A command to the terminal, up to its end mark.
                Some(']' | 'P' | '_' | '^') => {
                    while chars
                        .next_if(|c| !matches!(c, '\u{7}' | '\u{1b}' | '\n'))
                        .is_some()
                    {}
                }
                _ => {}
            },
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Parameters and the final letter of a control sequence.
fn skip_control_sequence(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    chars.next_if(|c| matches!(c, '@'..='~'));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(line(text), expected, "{text:?}");
    }

    #[test]
    fn escapes_and_hidden_characters_go() {
        check("a \u{1b}[31;1mred\u{1b}[0m b", "a red b");
        check("\u{1b}]0;title\u{7}x", "x");
        check("a\nb\tc\r\n", "a b c");
        check("x\u{202e}y\u{200b}z\u{0}", "xyz");
        check("größe – 漢字", "größe – 漢字");
    }

    proptest! {
        #[test]
        fn any_text_becomes_one_plain_line(text in "(\\PC|[\u{0}-\u{1f}\u{9b}\\[\\]m;0-9]){0,60}") {
            prop_assert!(!line(&text).contains(is_hidden));
        }
    }
}
