//! Takes secrets out of text and objects before anything is stored, shown or
//! put into a prompt.
//!
//! Decides by structure: well-known token shapes, a secret's name beside its
//! value, user information in addresses, private keys, values of `Secret`
//! objects. What a reader needs to diagnose (hosts, ports, users, images,
//! hashes, names of Secrets) stays. Time is linear in the text's length.
//!
//! Invariant: the mark that stands for a secret is never taken for one.

mod certificate;
mod names;
mod object;
mod value;

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

pub use self::certificate::{NOT_AFTER, NOT_BEFORE};
pub use self::names::is_secret_name;
pub use self::object::redact_object;

/// Where a secret may stand in text. Each alternative ends where the secret
/// begins, or is the secret itself (`whole`); before a `dsn` it has passed.
///
/// Nothing here repeats more than a few times but what begins with a rare
/// word: long repetitions of large classes would make every search slow.
static CANDIDATE: LazyLock<Regex> = LazyLock::new(|| {
    let whole = [
        r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?",
        r"(?-u:\b)(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}(?-u:\b)",
        r"(?-u:\b)gh[pousr]_[A-Za-z0-9]{30,}",
        r"(?-u:\b)github_pat_[A-Za-z0-9_]{22,}",
        r"(?-u:\b)glpat-[A-Za-z0-9_-]{20,}",
        r"(?-u:\b)xox[abeoprs]-[A-Za-z0-9-]{10,}",
        r"(?-u:\b)AIza[A-Za-z0-9_-]{35}",
        r"(?-u:\b)[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",
        r"(?-u:\b)sk-[A-Za-z0-9_-]{20,}",
        r"(?-u:\b)npm_[A-Za-z0-9]{36}",
        r"(?-u:\b)hv[sbr]\.[A-Za-z0-9_-]{20,}",
    ]
    .join("|");
    let name = names::PATTERN;
    Regex::new(&format!(
        r#"(?P<pem>-----BEGIN [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----)|(?P<whole>{whole})|(?P<header>(?i:(?-u:\b)authorization["']{{0,2}}\s{{0,3}}[:=]\s{{0,3}}["']?(?P<scheme>(?:basic|bearer|digest|negotiate)\s{{1,3}})?))|(?P<cookie>(?i:(?-u:\b)(?:set-)?cookie:\s{{0,3}}))|(?P<bearer>(?i:(?-u:\b)bearer\s{{1,3}}))|(?P<url>://)|(?P<dsn>@(?:tcp|udp|unix)\()|(?P<name>(?i:{name}))(?P<sep>\\{{0,3}}["']?\s{{0,3}}(?:=|:|=>|:=)\s{{0,3}})(?P<quote>\\{{0,3}}["'])?"#
    ))
    .expect("the pattern is constant and tested")
});

/// Replaces secrets in `text` by `<redacted:RULE>`.
pub fn redact_text(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(candidate) = next_candidate(text, at) {
        let Some(secret) = secret_of(text, copied, &candidate) else {
            at = resume(text, &candidate);
            continue;
        };
        out.push_str(&text[copied..secret.start]);
        out.push_str("<redacted:");
        out.push_str(secret.rule);
        out.push('>');
        copied = secret.end;
        at = secret.end;
    }
    if copied == 0 && out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// A secret's place in a text and the rule that saw it.
struct Secret {
    start: usize,
    end: usize,
    rule: &'static str,
}

fn next_candidate(text: &str, at: usize) -> Option<Captures<'_>> {
    if at > text.len() {
        return None;
    }
    CANDIDATE.captures_at(text, at)
}

/// Where to look on after a candidate that is no secret: behind the name, so
/// that what looked like its value is looked at itself.
fn resume(text: &str, candidate: &Captures<'_>) -> usize {
    let whole = candidate.get_match();
    // Never stand still, and never inside a character.
    let mut end = whole.end().max(whole.start() + 1);
    while !text.is_char_boundary(end) {
        end += 1;
    }
    end
}

/// The secret that `candidate` shows; it begins at or after `from`.
fn secret_of(text: &str, from: usize, candidate: &Captures<'_>) -> Option<Secret> {
    let whole = candidate.get_match();
    let found = |start: usize, length: usize, rule| {
        (length > 0).then_some(Secret {
            start,
            end: start + length,
            rule,
        })
    };
    let rest = &text[whole.end()..];
    if candidate.name("whole").is_some() {
        return found(whole.start(), whole.len(), "token");
    }
    if candidate.name("pem").is_some() {
        return found(
            whole.start(),
            whole.len() + value::pem_length(rest),
            "private-key",
        );
    }
    if candidate.name("header").is_some() {
        let length = value::word_length(rest);
        let word = &rest[..length];
        let schemed = candidate.name("scheme").is_some() && !value::is_harmless(word);
        return (schemed || value::is_opaque(word))
            .then(|| found(whole.end(), length, "authorization"))?;
    }
    if candidate.name("cookie").is_some() {
        return found(whole.end(), value::line_length(rest), "cookie");
    }
    if candidate.name("bearer").is_some() {
        let length = value::word_length(rest);
        return value::is_opaque(&rest[..length]).then(|| found(whole.end(), length, "bearer"))?;
    }
    if candidate.name("url").is_some() {
        let user = value::url_user_length(rest)?;
        return found(
            whole.end() + user,
            value::url_password_length(&rest[user..]),
            "url-password",
        );
    }
    if candidate.name("dsn").is_some() {
        let length = value::dsn_password_length(&text[from..whole.start()])?;
        return found(whole.start() - length, length, "url-password");
    }
    let name = candidate.name("name")?;
    let context = value::Context {
        before: &text[..name.start()],
        name: name.as_str(),
        separator: candidate.name("sep").map_or("", |sep| sep.as_str()),
        quote: candidate.name("quote").map(|quote| quote.as_str()),
    };
    found(whole.end(), value::named_length(&context, rest), "value")
}

#[cfg(test)]
mod tests;
