//! Foreign text on its way into a gap or a URL.

use appliance_core::redaction::redact_text;

/// Longest foreign text that is quoted, in characters.
const QUOTED_CHARS_MAX: usize = 300;

/// One redacted, shortened line of what a server said.
pub(crate) fn quote(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = redact_text(&line);
    let mut short: String = line
        .chars()
        .filter(|character| !character.is_control())
        .take(QUOTED_CHARS_MAX)
        .collect();
    if line.chars().count() > QUOTED_CHARS_MAX {
        short.push('…');
    }
    short
}

/// Percent-encodes everything but unreserved characters (RFC 3986, 2.3).
pub(crate) fn encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                encoded.push('%');
                encoded.push(char::from(HEX[usize::from(byte >> 4)]));
                encoded.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_unreserved_is_encoded() {
        assert_eq!(encode("a b/=é~"), "a%20b%2F%3D%C3%A9~");
    }

    #[test]
    fn quoted_text_is_one_short_line_without_control_characters() {
        let quoted = quote(&format!("a\n\tb\u{1b}[0m {}", "x".repeat(1000)));
        assert!(quoted.starts_with("a b[0m xxx") && quoted.ends_with('…'));
        assert_eq!(quoted.chars().count(), QUOTED_CHARS_MAX + 1);
    }
}
