//! `label_replace`: a label made out of another by a pattern.

use regex::RegexBuilder;

use super::QueryError;
use super::eval::{Element, Evaluator, Outcome};
use super::expr::{Expr, REGEX_BYTES_MAX};

/// Sets the label `to` of each element to `replacement`, with the groups that
/// `pattern` finds in the whole label `from`; elements it does not match stay.
pub(super) fn replace(
    evaluator: &Evaluator<'_>,
    of: &Expr,
    [to, replacement, from, pattern]: [&str; 4],
) -> Result<Outcome, QueryError> {
    let pattern = RegexBuilder::new(&format!("^(?s:{pattern})$"))
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| QueryError::bad(format!("invalid regular expression: {error}")))?;
    let elements = evaluator.vector(of)?.into_iter();
    let replaced = elements.map(|mut element: Element| {
        let value = element.labels.get(from).cloned().unwrap_or_default();
        if let Some(found) = pattern.captures(&value) {
            let mut made = String::new();
            found.expand(replacement, &mut made);
            if made.is_empty() {
                element.labels.remove(to);
            } else {
                element.labels.insert(to.to_owned(), made);
            }
        }
        element
    });
    Ok(Outcome::Vector(replaced.collect()))
}
