//! Words of a command as a POSIX shell would split them.
//!
//! Understands what the product may write: plain words, single quotes and a
//! backslash before a quote. Anything else that a shell would act upon is an
//! error, since a copied command must do what it says and nothing else.

/// Characters that mean something to a shell outside quotes.
const SPECIAL: &str = "|&;<>()$`\"*?[]#~!{}\n\r\t";

/// Splits `command` into words, or says what a shell would act upon.
pub(crate) fn split(command: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) if c.is_control() => return Err(format!("{c:?} in quotes")),
                        Some(c) => word.push(c),
                        None => return Err("a quote that does not end".to_owned()),
                    }
                }
            }
            '\\' => match chars.next() {
                Some('\'') => word.get_or_insert_default().push('\''),
                other => return Err(format!("a backslash before {other:?}")),
            },
            c if SPECIAL.contains(c) || c.is_control() => return Err(format!("{c:?} unquoted")),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word.take());
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[track_caller]
    fn check(command: &str, words: Option<&[&str]>) {
        let split = split(command).ok();
        let split: Option<Vec<&str>> = split
            .as_ref()
            .map(|all| all.iter().map(|word| &**word).collect());
        assert_eq!(split.as_deref(), words, "{command:?}");
    }

    #[test]
    fn quoted_words_are_one_word_and_bare_signs_are_refused() {
        check(
            "kubectl get pod/a -n b",
            Some(&["kubectl", "get", "pod/a", "-n", "b"]),
        );
        check("a 'b c;d' 'it'\\''s'", Some(&["a", "b c;d", "it's"]));
        check("a ''", Some(&["a", ""]));
        for wrong in [
            "a; b", "a $(b)", "a `b`", "a | b", "a > b", "a 'b", "a \\b", "a *", "a\nb",
        ] {
            check(wrong, None);
        }
    }
}
