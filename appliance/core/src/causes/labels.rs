//! Label and node selectors, evaluated as the API server does.
//!
//! # Source
//! `k8s.io/apimachinery/pkg/labels` and `k8s.io/component-helpers/scheduling/corev1/nodeaffinity`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// An object's labels.
pub(crate) type Labels = BTreeMap<String, String>;

/// Whether `labels` satisfy `selector`; an empty selector matches everything.
pub(crate) fn matches_selector(selector: &LabelSelector, labels: &Labels) -> bool {
    let equal = selector
        .match_labels
        .iter()
        .flatten()
        .all(|(name, value)| labels.get(name) == Some(value));
    equal
        && selector.match_expressions.iter().flatten().all(|rule| {
            let values = rule.values.as_deref().unwrap_or_default();
            holds(&rule.operator, values, labels.get(&rule.key))
        })
}

/// Whether a node of `name` with `labels` satisfies a term; an empty term matches nothing.
pub(crate) fn matches_term(term: &NodeSelectorTerm, name: &str, labels: &Labels) -> bool {
    let by_labels = term.match_expressions.as_deref().unwrap_or_default();
    let by_fields = term.match_fields.as_deref().unwrap_or_default();
    if by_labels.is_empty() && by_fields.is_empty() {
        return false;
    }
    let name = name.to_owned();
    by_labels
        .iter()
        .all(|rule| requirement(rule, labels.get(&rule.key)))
        && by_fields
            .iter()
            .all(|rule| requirement(rule, (rule.key == "metadata.name").then_some(&name)))
}

fn requirement(rule: &NodeSelectorRequirement, value: Option<&String>) -> bool {
    holds(
        &rule.operator,
        rule.values.as_deref().unwrap_or_default(),
        value,
    )
}

fn holds(operator: &str, values: &[String], value: Option<&String>) -> bool {
    let number = |text: &String| text.parse::<i64>().ok();
    match operator {
        "In" => value.is_some_and(|value| values.contains(value)),
        "NotIn" => value.is_none_or(|value| !values.contains(value)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => value.and_then(number) > values.first().and_then(number) && value.is_some(),
        "Lt" => match (value.and_then(number), values.first().and_then(number)) {
            (Some(value), Some(bound)) => value < bound,
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "snippets are written in place"
    )]
    fn check(term: Value, expected: bool) {
        let term: NodeSelectorTerm = serde_json::from_value(term).unwrap_or_default();
        let labels = Labels::from([
            ("disk".to_owned(), "ssd".to_owned()),
            ("cores".to_owned(), "8".to_owned()),
        ]);
        assert_eq!(matches_term(&term, "n1", &labels), expected, "{term:?}");
    }

    fn rule(key: &str, operator: &str, values: &[&str]) -> Value {
        json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]})
    }

    #[test]
    fn operators_hold_as_the_api_server_says() {
        check(rule("disk", "In", &["ssd", "nvme"]), true);
        check(rule("disk", "In", &["nvme"]), false);
        check(rule("disk", "NotIn", &["nvme"]), true);
        check(rule("zone", "NotIn", &["a"]), true);
        check(rule("disk", "Exists", &[]), true);
        check(rule("zone", "DoesNotExist", &[]), true);
        check(rule("cores", "Gt", &["4"]), true);
        check(rule("cores", "Lt", &["4"]), false);
        check(rule("zone", "Gt", &["4"]), false);
        check(rule("zone", "Lt", &["4"]), false);
        check(rule("disk", "Unknown", &["ssd"]), false);
    }

    #[test]
    fn fields_name_nodes_and_an_empty_term_matches_nothing() {
        check(
            json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}),
            true,
        );
        check(
            json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}]}),
            false,
        );
        check(json!({}), false);
    }
}
