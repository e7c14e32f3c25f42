//! Query parameters, bodies and ids, validated.
//!
//! Decides what is accepted; a wrong parameter is named in the problem.

use appliance_core::question::QUESTION_CHARS_MAX;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use serde::Deserialize;

use crate::error::{Code, Problem};
use crate::wire::{Asked, Feedback, IncidentFilter, IncidentState};

/// Longest incident id, bytes.
const ID_BYTES_MAX: usize = 128;
/// Longest text parameter, bytes; labels are at most 63, titles a few hundred.
const TEXT_BYTES_MAX: usize = 512;
/// Longest comment, characters.
const COMMENT_CHARS_MAX: usize = 2000;
const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;

/// Parameters of the incident list as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    state: IncidentState,
    severity: Option<String>,
    namespace: Option<String>,
    q: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

impl TryFrom<ListQuery> for IncidentFilter {
    type Error = Problem;

    fn try_from(query: ListQuery) -> Result<Self, Problem> {
        let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(invalid(format!("limit is {limit}; it is 1 to {LIMIT_MAX}")));
        }
        Ok(Self {
            state: query.state,
            severity: text("severity", query.severity)?,
            namespace: text("namespace", query.namespace)?,
            text: text("q", query.q)?,
            cursor: text("cursor", query.cursor)?,
            limit,
        })
    }
}

/// An empty parameter is none: forms send empty fields.
fn text(name: &str, value: Option<String>) -> Result<Option<String>, Problem> {
    match value {
        Some(value) if value.len() > TEXT_BYTES_MAX => Err(invalid(format!(
            "{name} is {} bytes; at most {TEXT_BYTES_MAX}",
            value.len()
        ))),
        value => Ok(value.filter(|value| !value.is_empty())),
    }
}

fn invalid(detail: String) -> Problem {
    Problem::new(Code::InvalidQuery, detail)
}

/// The words of a query that could not be read.
pub(crate) fn query_problem(rejection: &QueryRejection) -> Problem {
    invalid(rejection.body_text())
}

/// The words of a body that could not be read.
pub(super) fn body_problem(rejection: &JsonRejection) -> Problem {
    Problem::new(Code::InvalidBody, rejection.body_text())
}

/// Feedback whose comment is one line of bounded length.
pub(super) fn valid_feedback(feedback: Feedback) -> Result<Feedback, Problem> {
    let chars = feedback.comment.chars().count();
    if chars > COMMENT_CHARS_MAX {
        return Err(Problem::new(
            Code::InvalidBody,
            format!("the comment is {chars} characters; at most {COMMENT_CHARS_MAX}"),
        ));
    }
    Ok(feedback)
}

/// A question of bounded length that says something.
pub(super) fn valid_question(asked: &Asked) -> Result<&str, Problem> {
    let question = asked.question.trim();
    let chars = question.chars().count();
    if (1..=QUESTION_CHARS_MAX).contains(&chars) {
        return Ok(question);
    }
    Err(Problem::new(
        Code::InvalidBody,
        format!("the question is {chars} characters; ask in 1 to {QUESTION_CHARS_MAX}"),
    ))
}

/// An id of the shape every incident id has, so that it is safe in a file
/// name and a header; anything else names no incident.
pub(crate) fn valid_id(id: &str) -> Result<&str, Problem> {
    let shaped = !id.is_empty()
        && id.len() <= ID_BYTES_MAX
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if shaped {
        Ok(id)
    } else {
        Err(Problem::new(
            Code::IncidentNotFound,
            "incident ids are letters, digits, - and _",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Verdict;

    #[test]
    fn ids_that_could_be_paths_or_headers_are_not_ids() {
        assert!(valid_id("INC-01_a").is_ok());
        for id in ["", "..", "a/b", "a\r\nb", "a\"b", &"x".repeat(129)] {
            assert!(valid_id(id).is_err(), "{id:?}");
        }
    }

    #[test]
    fn limits_are_bounded_and_empty_fields_are_none() {
        let query = |limit, q: &str| ListQuery {
            limit,
            q: Some(q.into()),
            ..ListQuery::default()
        };
        let filter = IncidentFilter::try_from(query(None, "")).unwrap();
        assert_eq!((filter.limit, filter.text), (LIMIT_DEFAULT, None));
        assert!(IncidentFilter::try_from(query(Some(0), "")).is_err());
        assert!(IncidentFilter::try_from(query(Some(201), "")).is_err());
        assert!(IncidentFilter::try_from(query(None, &"x".repeat(513))).is_err());
    }

    #[test]
    fn comments_are_bounded_in_characters() {
        let feedback = |length| Feedback {
            verdict: Verdict::Accepted,
            comment: "ü".repeat(length),
        };
        assert!(valid_feedback(feedback(2000)).is_ok());
        assert!(valid_feedback(feedback(2001)).is_err());
    }
}
