use appliance_core::snapshot::Sample;

use super::*;
use crate::world::openmetrics;

/// Two counters and a histogram, a sample a minute for ten minutes.
fn world() -> World {
    let mut text = String::new();
    for minute in 0..=10 {
        let at = minute * 60;
        text.push_str(&format!(
            "http_requests_total{{service=\"a\",code=\"200\"}} {} {at}\n",
            minute * 60
        ));
        text.push_str(&format!(
            "http_requests_total{{service=\"a\",code=\"500\"}} {} {at}\n",
            minute * 6
        ));
        text.push_str(&format!(
            "http_requests_total{{service=\"b\",code=\"200\"}} {} {at}\n",
            minute * 120
        ));
        text.push_str(&format!("memory{{pod=\"x\"}} {} {at}\n", 100 - minute));
        text.push_str(&format!("limit{{pod=\"x\",kind=\"hard\"}} 200 {at}\n"));
        for (bound, share) in [("0.1", 50), ("0.5", 90), ("+Inf", 100)] {
            text.push_str(&format!(
                "d_bucket{{le=\"{bound}\"}} {} {at}\n",
                minute * share
            ));
        }
    }
    let mut world = World::new();
    world.series = openmetrics::parse(&text, 0.0).unwrap();
    world
}

/// The result as `labels=value` lines.
fn ask(query: &str) -> Result<String, String> {
    let data = query_at(&world(), query, 600.0).map_err(|error| error.to_string())?;
    if data["resultType"] == "scalar" {
        return Ok(data["result"][1].as_str().unwrap().to_owned());
    }
    let lines = data["result"].as_array().unwrap().iter().map(|one| {
        let labels: Vec<String> = one["metric"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(k, v)| format!("{k}={}", v.as_str().unwrap()))
            .collect();
        let value: f64 = one["value"][1].as_str().unwrap().parse().unwrap();
        format!("{}:{:.3}", labels.join(","), value)
    });
    Ok(lines.collect::<Vec<_>>().join(" "))
}

#[track_caller]
fn check(query: &str, expected: &str) {
    assert_eq!(ask(query).as_deref(), Ok(expected), "{query}");
}

#[test]
fn rates_and_sums_by_label() {
    check(
        "sum by (service) (rate(http_requests_total[5m]))",
        "service=a:1.100 service=b:2.000",
    );
    check(
        "sum(rate(http_requests_total{code=~\"5..\"}[5m])) / sum(rate(http_requests_total{service=\"a\"}[5m]))",
        ":0.091",
    );
    check(
        "sum without (code) (increase(http_requests_total{service!~\"b|c\"}[5m]))",
        "service=a:330.000",
    );
}

#[test]
fn selectors_comparisons_and_sets() {
    check("memory", "__name__=memory,pod=x:90.000");
    check("memory > 95", "");
    check("memory > bool 95", "pod=x:0.000");
    check("nothing or vector(1)", ":1.000");
    check("memory unless on (pod) limit", "");
    check("absent(nothing{a=\"b\"})", "a=b:1.000");
}

#[test]
fn vectors_match_by_labels() {
    check("memory / ignoring (kind) limit", "pod=x:0.450");
    check(
        "memory * on (pod) group_left (kind) limit",
        "kind=hard,pod=x:18000.000",
    );
    check("memory / limit", "");
    assert!(ask("http_requests_total + on (service) http_requests_total").is_err());
}

#[test]
fn functions_over_time() {
    check("max_over_time(memory[5m])", "pod=x:94.000");
    check("deriv(memory[5m]) * 60", "pod=x:-1.000");
    check("predict_linear(memory[5m], 600)", "pod=x:80.000");
    check("memory offset 5m", "__name__=memory,pod=x:95.000");
    check("histogram_quantile(0.95, rate(d_bucket[5m]))", ":0.500");
    check("histogram_quantile(0.7, rate(d_bucket[5m]))", ":0.300");
    check(
        "topk(1, sum by (service) (rate(http_requests_total[5m])))",
        "service=b:2.000",
    );
}

#[test]
fn labels_are_made_of_others() {
    let replaced = |to: &str, with: &str, pattern: &str| {
        format!("label_replace(memory, \"{to}\", \"{with}\", \"pod\", \"{pattern}\")")
    };
    check(
        &replaced("own", "is-$1", "(.)"),
        "__name__=memory,own=is-x,pod=x:90.000",
    );
    check(&replaced("pod", "", "x"), "__name__=memory:90.000");
    check(&replaced("pod", "y", "z"), "__name__=memory,pod=x:90.000");
    check_refused(&replaced("pod", "y", "("), "invalid regular expression");
}

#[test]
fn arithmetic_binds_as_it_should() {
    check("1 + 2 * 3 ^ 2 ^ 0", "7");
    check("-2 ^ 2", "-4");
    check("(1 + 2) * 3 - 4 / 2", "7");
}

#[track_caller]
fn check_refused(query: &str, part: &str) {
    let error = ask(query).unwrap_err();
    assert!(error.contains(part), "{query}: {error}");
}

#[test]
fn what_is_not_supported_is_refused_with_a_reason() {
    check_refused("rate(memory[5m:1m])", "subqueries are not supported");
    check_refused("memory @ 5", "@ modifier is not supported");
    check_refused(
        "label_join(memory, \"a\", \"b\", \"c\", \"d\")",
        "unknown or not supported",
    );
    check_refused("rate(memory)", "expected type range vector");
    check_refused("{}", "at least one non-empty matcher");
    check_refused("memory{pod=~\"(\"}", "error parsing regexp");
    check_refused("", "no expression");
    check_refused(&"(".repeat(500), "nested deeper");
    check_refused(&"-".repeat(5000), "nested deeper");
}

#[test]
fn stale_series_are_not_found() {
    let mut world = world();
    world.series.push(
        "later",
        &Labels::new(),
        Sample {
            at: 10.0,
            value: 1.0,
        },
    );
    let data = query_at(&world, "later", 600.0).unwrap();
    assert_eq!(data["result"], json!([]));
}
