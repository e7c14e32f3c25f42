//! Where a secret's value ends, and what only looks like one.
//!
//! Every scan stops at the value's end or decides within [`WORD_MAX`] bytes,
//! so the whole stays linear.

/// Longer than any English word a message puts after a colon.
const WORD_MAX: usize = 24;
/// A private key of 16 kbit in PEM, with JSON escapes.
const PEM_MAX: usize = 16 * 1024;

/// What stands around a named value.
pub(super) struct Context<'a> {
    pub(super) before: &'a str,
    pub(super) name: &'a str,
    pub(super) separator: &'a str,
    pub(super) quote: Option<&'a str>,
}

/// Length of the secret at the start of `rest`, 0 if it is none.
pub(super) fn named_length(context: &Context<'_>, rest: &str) -> usize {
    let length = match context.quote {
        Some(quote) => quoted_length(rest, quote),
        None => word_length(rest),
    };
    let value = &rest[..length];
    let length = if is_harmless(value) || is_object_name(context, value) {
        return 0;
    } else {
        length
    };
    let named = context.quote.is_some() || context.separator.contains('=');
    // The working directory, as shells name it.
    if context.name == "PWD" && value.starts_with('/') {
        return 0;
    }
    let is_count = value.len() < 6 && value.bytes().all(|b| b.is_ascii_digit());
    if is_count && context.name.eq_ignore_ascii_case("token") {
        return 0;
    }
    if named || is_opaque(value) || is_yaml_entry(context.before, &rest[length..]) {
        length
    } else {
        0
    }
}

/// Values that are no secrets whatever their name says.
pub(super) fn is_harmless(value: &str) -> bool {
    const WORDS: &[&str] = &[
        "true",
        "false",
        "null",
        "none",
        "nil",
        "undefined",
        "yes",
        "no",
    ];
    const DIRECTORIES: &[&str] = &[
        "/var/", "/etc/", "/run/", "/mnt/", "/tmp/", "/opt/", "/home/", "/usr/",
    ];
    value.is_empty()
        || value.starts_with('<')
        || value.starts_with("$(")
        || value.starts_with("${")
        || value.starts_with('{')
        || value.starts_with('[')
        || value
            .bytes()
            .take(WORD_MAX)
            .all(|b| matches!(b, b'*' | b'x' | b'X' | b'.'))
        || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
        || DIRECTORIES
            .iter()
            .any(|directory| value.starts_with(directory))
}

/// `secret="shop/db-creds"`: controllers log the name of a Secret this way.
fn is_object_name(context: &Context<'_>, value: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
    };
    context.name.eq_ignore_ascii_case("secret")
        && value.len() <= 300
        && value
            .split_once('/')
            .is_some_and(|(namespace, name)| part(namespace) && part(name))
}

/// Whether a word is more likely a token than a word of a sentence.
pub(super) fn is_opaque(word: &str) -> bool {
    word.len() > WORD_MAX
        || word.len() >= 4
            && !is_harmless(word)
            && word.bytes().any(|b| {
                b.is_ascii_digit()
                    || matches!(b, b'!' | b'#' | b'%' | b'^' | b'&' | b'+' | b'$' | b'@')
            })
}

/// Whether `name: value` is a whole line, as in YAML and properties files.
fn is_yaml_entry(before: &str, after: &str) -> bool {
    let ends = after.trim_start_matches([' ', '\r']);
    let name_start = before
        .bytes()
        .rev()
        .take(64)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        .count();
    let indent = &before.as_bytes()[..before.len() - name_start];
    let spaces = indent
        .iter()
        .rev()
        .take(64)
        .take_while(|b| **b == b' ')
        .count();
    let at_line_start = matches!(
        indent.get(indent.len().wrapping_sub(spaces + 1)),
        None | Some(b'\n')
    );
    at_line_start && (ends.is_empty() || ends.starts_with('\n'))
}

/// Up to the closing quote, or the line's end where it is missing.
fn quoted_length(rest: &str, quote: &str) -> usize {
    let bytes = rest.as_bytes();
    let mark = quote.as_bytes()[quote.len() - 1];
    let escapes = quote.len() - 1;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes == 0 => at += 2,
            b'\\' if bytes[at..].starts_with(quote.as_bytes()) => return at,
            byte if byte == mark && escapes == 0 => return at,
            b'\n' => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Up to white space or a mark that ends a value in logs and addresses.
pub(super) fn word_length(rest: &str) -> usize {
    rest.find(|c: char| {
        c.is_whitespace() || matches!(c, ',' | ';' | '&' | '"' | '\'' | ')' | ']' | '}' | '\\')
    })
    .unwrap_or(rest.len())
}

/// Up to the end of the line or the quote around it.
pub(super) fn line_length(rest: &str) -> usize {
    rest.find(['\r', '\n', '"']).unwrap_or(rest.len())
}

/// Bytes of a URL's user name and the colon behind it, where `rest` begins with them.
pub(super) fn url_user_length(rest: &str) -> Option<usize> {
    const USER_CHARS_MAX: usize = 100;
    let ends = |c: char| c.is_whitespace() || "/:@\"'<>".contains(c);
    let (end, found) = rest
        .char_indices()
        .take(USER_CHARS_MAX + 1)
        .find(|(_, c)| ends(*c))?;
    (found == ':').then_some(end + 1)
}

/// Bytes of the password at the end of `before`, which a data source name
/// writes as `user:password` in front of its address.
pub(super) fn dsn_password_length(before: &str) -> Option<usize> {
    const PASSWORD_CHARS_MAX: usize = 128;
    let ends = |c: char| c.is_whitespace() || ":@/\"'<>".contains(c);
    let mut chars = before.char_indices().rev().take(PASSWORD_CHARS_MAX + 1);
    let (colon, found) = chars.find(|(_, c)| ends(*c))?;
    let user = before[..colon].chars().next_back();
    let named = user.is_some_and(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    (found == ':' && named).then(|| before.len() - colon - 1)
}

/// Length of `password` in `password@host`, 0 where no `@` follows in the address.
pub(super) fn url_password_length(rest: &str) -> usize {
    // The longest password an address can reasonably carry bounds the search.
    let window = rest.as_bytes().get(..512).unwrap_or(rest.as_bytes());
    let end = window.iter().position(|b| {
        b.is_ascii_whitespace() || matches!(b, b'@' | b'/' | b'"' | b'\'' | b'<' | b'>')
    });
    match end {
        Some(end) if window[end] == b'@' => end,
        _ => 0,
    }
}

/// Length of a private key's body and end line after its first line.
pub(super) fn pem_length(rest: &str) -> usize {
    let mut limit = rest.len().min(PEM_MAX);
    while !rest.is_char_boundary(limit) {
        limit -= 1;
    }
    let window = &rest[..limit];
    match window.find("-----END ") {
        Some(end) => {
            let tail = &window[end + "-----END ".len()..];
            let close = tail
                .find("-----")
                .map_or(tail.len(), |at| at + "-----".len());
            end + "-----END ".len() + close
        }
        // Cut off: take what can belong to a key.
        None => window
            .find(|c: char| !(c.is_ascii_alphanumeric() || " \t\r\n+/=\\-:,".contains(c)))
            .unwrap_or(window.len()),
    }
}
