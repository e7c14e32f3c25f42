//! Rules that cannot be evaluated, or whose alerts say nothing.

use crate::causes::fired;
use crate::causes::{Case, Cause, Finding, Findings, Strength, component, view};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// Words of Prometheus about a rule that fails (lower case).
const WORDS: [&str; 4] = [
    "evaluating rule failed",
    "found duplicate series for the match group",
    "many-to-many matching not allowed",
    "rule evaluation failed",
];

/// Texts that a rule's template leaves behind when a label it names is absent.
const UNFILLED: [&str; 3] = ["<no value>", "{{ $labels", "error expanding template"];

/// Finds rules that are themselves wrong.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    failing(case, findings);
    unfilled(case, findings);
}

fn failing(case: &Case<'_>, findings: &mut Findings) {
    let alerts = fired::named(
        case,
        &[
            "PrometheusRuleFailures",
            "PrometheusOperatorRejectedResources",
        ],
    );
    let pods = component::pods(case, &["prometheus", "prometheus-server"]);
    let said = component::said(case, &pods, &WORDS);
    if alerts.is_empty() && said.is_empty() {
        return;
    }
    let lines = said.iter().map(|log| log.exemplar.as_str());
    let groups = alerts.iter().map(|alert| alert.label("rule_group"));
    let named = rule_named(case, &lines.chain(groups).collect::<Vec<_>>());
    let Some(object) = named.or_else(|| component::workload(case, &pods)) else {
        return;
    };
    let since = alerts.iter().filter_map(|alert| alert.since).min();
    findings.add(
        Finding::new(
            Cause::BadAlertRule,
            object.clone(),
            Strength::Strong,
            format!("{object} holds a rule that cannot be evaluated."),
        )
        .because(alerts.into_iter().map(|alert| alert.draft))
        .because(said.into_iter().take(3).map(Draft::log))
        .since(since)
        .check(
            "kubectl get prometheusrules -A",
            "shows the rule objects, to find the group that fails",
        ),
    );
}

/// The rule object one of whose groups or rules is named in `texts`.
fn rule_named(case: &Case<'_>, texts: &[&str]) -> Option<ObjectRef> {
    let rules = case.snapshot.objects.customs.of("PrometheusRule");
    let found = rules.iter().find(|rule| {
        let groups = rule.items("/spec/groups").iter();
        let mut names = groups.flat_map(|group| {
            let own = group["name"].as_str();
            let rules = group["rules"].as_array().into_iter().flatten();
            own.into_iter().chain(
                rules.filter_map(|rule| rule["alert"].as_str().or_else(|| rule["record"].as_str())),
            )
        });
        names.any(|name| name.len() > 3 && texts.iter().any(|text| text.contains(name)))
    })?;
    Some(view::reference("PrometheusRule", found))
}

fn unfilled(case: &Case<'_>, findings: &mut Findings) {
    for alert in case.alerts {
        let texts = alert.labels.values().chain(alert.annotations.values());
        let mut broken = texts.filter(|text| view::mentions(text, &UNFILLED));
        let Some(text) = broken.next() else { continue };
        let object = rule_named(case, &[alert.name()]).unwrap_or_else(|| {
            let namespace = alert.labels.get("namespace").filter(|name| {
                let object = ObjectRef::cluster("Namespace", name.as_str());
                case.snapshot.objects.contains(&object)
            });
            namespace.map_or_else(component::control_plane, |name| {
                ObjectRef::cluster("Namespace", name)
            })
        });
        let statement = format!(
            "The rule of {} names a label that its series does not have.",
            alert.name()
        );
        let mut draft = Draft::alert(alert);
        draft.lines.insert(0, text.clone());
        findings.add(
            Finding::new(Cause::BadAlertRule, object, Strength::Hint, statement).because([draft]),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::causes::fixture::Fixture;

    fn prometheus() -> Fixture {
        Fixture::new()
            .with(json!({"kind": "Pod", "metadata": {"name": "prometheus-0", "labels": {"app": "prometheus"}}, "spec": {"containers": []}}))
            .with(json!({"kind": "PrometheusRule", "metadata": {"name": "shop-rules"},
                "spec": {"groups": [{"name": "shop.latency", "rules": [{"alert": "TooSlow"}]}]}}))
    }

    #[test]
    fn a_rule_that_fails_is_named_by_its_group() {
        let line = "level=warn component=\"rule manager\" group=shop.latency msg=\"Evaluating rule failed\" err=\"found duplicate series for the match group\"";
        prometheus()
            .log("prometheus-0", "prometheus", false, line)
            .check(analyze, &["BadAlertRule PrometheusRule shop/shop-rules"]);
        prometheus()
            .alert(&[
                ("alertname", "PrometheusRuleFailures"),
                ("rule_group", "/etc/rules/x.yaml;shop.latency"),
            ])
            .check(analyze, &["BadAlertRule PrometheusRule shop/shop-rules"]);
    }

    #[test]
    fn a_rule_that_works_is_not_bad() {
        prometheus()
            .log(
                "prometheus-0",
                "prometheus",
                false,
                "level=info msg=\"Completed loading of rules group=shop.latency\"",
            )
            .check(analyze, &[]);
    }

    #[test]
    fn a_label_that_is_not_there_leaves_a_hole() {
        prometheus()
            .alert(&[("alertname", "TooSlow"), ("team", "<no value>")])
            .check(analyze, &["BadAlertRule PrometheusRule shop/shop-rules"]);
    }
}
