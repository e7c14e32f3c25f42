//! The shape of a message: its text with the variable parts as `<*>`.
//!
//! Numbers, times, addresses, hashes, UUIDs, sizes and generated name suffixes
//! vary; words stay. HTTP status codes of failure stay too, because `GET /x 200`
//! and `GET /x 502` are different facts. One pass, no backtracking.

/// What stands for a variable part.
pub(crate) const VARIABLE: &str = "<*>";
/// Bytes of a message that make its shape; the rest adds no meaning.
const SHAPE_MAX: usize = 600;

/// The shape of `text`.
pub fn shape(text: &str) -> String {
    let mut out = String::new();
    write_shape(text, &mut out);
    out
}

/// Appends the shape of `text` to `out`.
pub(crate) fn write_shape(text: &str, out: &mut String) {
    let bytes = text.as_bytes();
    let end = bytes.len().min(SHAPE_MAX);
    let mut at = 0;
    while at < end {
        if let Some(length) = uuid_length(&bytes[at..]) {
            push_variable(out);
            at += length;
            continue;
        }
        let word = bytes[at..end]
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric())
            .count();
        if word > 0 {
            let before = at.checked_sub(1).map(|i| bytes[i]);
            push_word(
                out,
                &text[at..at + word],
                before,
                bytes.get(at + word).copied(),
            );
            at += word;
            continue;
        }
        // Copy what separates words, whole characters at a time.
        let mut next = at + 1;
        while !text.is_char_boundary(next) {
            next += 1;
        }
        out.push_str(&text[at..next]);
        at = next;
    }
}

fn push_word(out: &mut String, word: &str, before: Option<u8>, after: Option<u8>) {
    let joined = before == Some(b'-') && out.ends_with("<*>-");
    if is_variable(word, before, after) || joined && is_generated_suffix(word) {
        push_variable(out);
    } else {
        out.push_str(word);
    }
}

/// Appends a variable part, merged with one just before it: `10.0.0.1` is one.
fn push_variable(out: &mut String) {
    if let Some(rest) = out.strip_suffix(['.', ':', '-', '_', ',', '/', '+', 'T'])
        && rest.ends_with(VARIABLE)
    {
        out.truncate(rest.len());
        return;
    }
    if !out.ends_with(VARIABLE) {
        out.push_str(VARIABLE);
    }
}

fn is_variable(word: &str, before: Option<u8>, after: Option<u8>) -> bool {
    let bytes = word.as_bytes();
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return false;
    }
    if digits == bytes.len() {
        return !is_failure_status(word, before, after);
    }
    let hex = bytes.iter().all(u8::is_ascii_hexdigit);
    // 30001ms, 0x1f, 10T09; but not 3rd-party words such as k8s or sha256.
    bytes[0].is_ascii_digit()
        || hex && bytes.len() >= 6
        || bytes.len() >= 10
        || digits * 3 >= bytes.len() && bytes.len() >= 8
}

/// A status of HTTP that tells of failure, standing alone.
fn is_failure_status(word: &str, before: Option<u8>, after: Option<u8>) -> bool {
    let alone = |byte: Option<u8>| {
        byte.is_none_or(|b| {
            b.is_ascii_whitespace()
                || matches!(b, b'"' | b'=' | b',' | b'(' | b')' | b'|' | b']' | b'}')
        })
    };
    let before_ok = alone(before) || before == Some(b':');
    word.len() == 3
        && before_ok
        && alone(after)
        && matches!(
            word.as_bytes(),
            [b'4', b'0', b'0' | b'1' | b'3' | b'4' | b'5' | b'8' | b'9']
                | [b'4', b'1', b'3']
                | [b'4', b'2', b'2' | b'9']
                | [b'4', b'9', b'9']
                | [b'5', b'0', b'0'..=b'4']
        )
}

/// The random suffix of a pod's name; Kubernetes leaves vowels out of it.
fn is_generated_suffix(word: &str) -> bool {
    word.len() == 5
        && word
            .bytes()
            .all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b))
}

/// Length of a UUID at the start of `bytes`.
fn uuid_length(bytes: &[u8]) -> Option<usize> {
    const LENGTH: usize = 36;
    let candidate = bytes.get(..LENGTH)?;
    if candidate[8] != b'-' || bytes.get(LENGTH).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let fits = candidate.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    fits.then_some(LENGTH)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(shape(text), expected, "shape of {text:?}");
    }

    #[test]
    fn variable_parts_are_masked_and_words_stay() {
        check("took 30001ms at 10.0.0.1:8080", "took <*> at <*>");
        check(
            "pod web-6f89c99b76-pxlvw on worker-02",
            "pod web-<*> on worker-<*>",
        );
        check(
            "user 207b90ac-7ce5-48a0-ad4c-baa445a7ad8a in",
            "user <*> in",
        );
        check(
            "at 2026-01-10T09:14:47.869Z sha256 k8s http2",
            "at <*> sha256 k8s http2",
        );
        check("no such host: mysql.shop", "no such host: mysql.shop");
        check("größe 12 Ä", "größe <*> Ä");
    }

    #[test]
    fn failing_status_codes_stay_and_others_go() {
        check("GET /cart 502 30001ms", "GET /cart 502 <*>");
        check("GET /cart 200 12ms", "GET /cart <*> <*>");
        check("status=404, took 404.5", "status=404, took <*>");
    }

    proptest! {
        #[test]
        fn any_text_has_a_shape_of_bounded_length(text in "\\PC{0,700}") {
            prop_assert!(shape(&text).len() <= 3 * SHAPE_MAX + 4);
        }
    }
}
