//! Hosts and images in free text.
//!
//! Decides by form alone: an image reference has a path and a tag or digest
//! behind a registry, a host has a domain or is an address. What is left
//! unrecognized stays as it is.

/// Hosts are `H`, images `I`, each with the text that names it.
pub(super) fn of(text: &str) -> impl Iterator<Item = (&'static str, &str)> {
    text.split(|c: char| c.is_whitespace() || "\"'`,;()[]{}=|<>".contains(c))
        .map(|word| word.trim_end_matches(['.', ':', '/', '!', '?']))
        .filter_map(place)
}

fn place(word: &str) -> Option<(&'static str, &str)> {
    if let Some((_, rest)) = word.split_once("://") {
        return host(rest);
    }
    if is_image(word) {
        return Some(("I", word));
    }
    if word.contains('/') {
        return None;
    }
    host(word)
}

/// `registry.example:5000/team/app:1.2` or `…@sha256:…`.
fn is_image(word: &str) -> bool {
    let Some((registry, path)) = word.split_once('/') else {
        return false;
    };
    let registry = registry.split(':').next().unwrap_or_default();
    let tagged = path
        .rsplit('/')
        .next()
        .is_some_and(|last| last.contains([':', '@']));
    tagged && registry.contains('.') && registry.split('.').all(is_label)
}

fn host(word: &str) -> Option<(&'static str, &str)> {
    let host = word.split(['/', ':', '?']).next()?;
    let labels: Vec<&str> = host.split('.').collect();
    let all = labels.iter().all(|label| is_label(label));
    let is_address = labels.len() == 4 && labels.iter().all(|label| label.parse::<u8>().is_ok());
    let has_letters =
        |label: &&str| label.len() > 1 && label.bytes().all(|b| b.is_ascii_lowercase());
    let is_name = labels.len() >= 3 && labels.last().is_some_and(has_letters);
    (all && (is_address || is_name)).then_some(("H", host))
}

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && bytes[0] != b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, wanted: &[(&str, &str)]) {
        assert_eq!(of(text).collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn images_and_hosts_are_known_by_their_form() {
        check(
            "pull \"reg.corp.lan/a/b:1.2\"",
            &[("I", "reg.corp.lan/a/b:1.2")],
        );
        check("dial tcp 10.2.3.4:80: refused", &[("H", "10.2.3.4")]);
        check(
            "GET https://pay.example.org/v1?x=1",
            &[("H", "pay.example.org")],
        );
    }

    #[test]
    fn fields_versions_and_files_are_no_hosts() {
        check(
            "spec.containers[cart].image 1.2.3 /etc/app.conf main.rs",
            &[],
        );
        check("apps/v1 shop/cart:1 v2.30.0", &[]);
    }
}
