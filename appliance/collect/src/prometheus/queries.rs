//! Which queries an incident gets.
//!
//! Pure: from a request to PromQL. Names come from alerts, which anybody may
//! write, so they enter an expression only as escaped string literals.

mod applications;
mod exporters;
mod platform;

use appliance_core::object::ObjectRef;
use appliance_core::ports::CaptureRequest;
use jiff::Timestamp;

/// Namespaces in one expression.
const NAMESPACES_MAX: usize = 8;

/// Most scrape configurations collect every 15 s or slower.
const STEP_SECONDS_MIN: i64 = 15;

/// The time a capture is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Unix time, seconds.
    pub(super) from: i64,
    /// Unix time, seconds.
    pub(super) until: i64,
    /// The same as `until`.
    pub(super) end: Timestamp,
    pub(super) step_seconds: i64,
}

impl Window {
    /// The request's window in at most `points_max` steps.
    pub(super) fn of(request: &CaptureRequest, points_max: usize) -> Self {
        let (from, until) = (request.from.as_second(), request.until.as_second());
        let points = i64::try_from(points_max.max(1)).unwrap_or(i64::MAX);
        let length = (until - from).max(0);
        let step = (length + points - 1) / points;
        Self {
            from: until - length,
            until,
            end: request.until,
            step_seconds: step.max(STEP_SECONDS_MIN),
        }
    }

    /// Long enough for four samples of a slow scrape, and never below the step.
    fn rate(&self) -> String {
        format!("{}s", (self.step_seconds * 4).max(300))
    }
}

/// One expression to evaluate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// The name of the resulting series where the expression leaves none.
    pub(super) name: &'static str,
    pub(super) expression: String,
    /// Over the window, or at its end only.
    pub(super) over_time: bool,
}

/// The queries of a request, most telling first.
pub(super) fn of(request: &CaptureRequest, window: &Window) -> Vec<Query> {
    let namespaces = namespaces(request);
    let rate = window.rate();
    let mut queries = Vec::new();
    if !namespaces.is_empty() {
        let selector = one_of("namespace", &namespaces);
        let values = one_of("", &namespaces);
        queries.extend(containers(&selector, &rate));
        queries.extend(workloads(&selector));
        queries.extend(applications::requests(
            &values,
            &pattern(&namespaces),
            &rate,
        ));
        queries.push(applications::calls(&values, &rate));
        queries.extend(applications::replicas(&selector));
        queries.extend(exporters::programs(&selector));
    }
    queries.extend(everywhere());
    queries.extend(applications::queues());
    queries.extend(applications::deployers());
    queries.extend(exporters::servers());
    queries.extend(platform::all(&rate));
    queries.extend(nodes(&request.subjects, &rate));
    queries
}

fn over_time(name: &'static str, expression: String) -> Query {
    Query {
        name,
        expression,
        over_time: true,
    }
}

fn now(name: &'static str, expression: String) -> Query {
    Query {
        name,
        expression,
        over_time: false,
    }
}

const BY_CONTAINER: &str = "by (namespace, pod, container)";

/// cAdvisor and kube-state-metrics, by container.
fn containers(namespaces: &str, rate: &str) -> Vec<Query> {
    // cAdvisor also has a series for the pod as a whole and one for its sandbox.
    let own = format!("{namespaces}, container!=\"\", container!=\"POD\"");
    let memory = format!("max {BY_CONTAINER} (container_memory_working_set_bytes{{{own}}})");
    let limit = format!(
        "max {BY_CONTAINER} (kube_pod_container_resource_limits{{{namespaces}, resource=\"memory\"}})"
    );
    vec![
        over_time(
            "kube_pod_container_status_restarts_total",
            format!(
                "max {BY_CONTAINER} (kube_pod_container_status_restarts_total{{{namespaces}}})"
            ),
        ),
        over_time(
            "container_cpu_usage_cores",
            format!(
                "sum {BY_CONTAINER} (rate(container_cpu_usage_seconds_total{{{own}}}[{rate}]))"
            ),
        ),
        over_time("container_memory_working_set_bytes", memory.clone()),
        over_time(
            "container_memory_limit_ratio",
            format!("{memory} / {limit}"),
        ),
        over_time(
            "container_cpu_throttled_ratio",
            format!(
                "sum {BY_CONTAINER} (rate(container_cpu_cfs_throttled_periods_total{{{own}}}[{rate}])) \
                 / sum {BY_CONTAINER} (rate(container_cpu_cfs_periods_total{{{own}}}[{rate}]))"
            ),
        ),
    ]
}

/// kube-state-metrics and the kubelet: what the cluster itself counts.
fn workloads(namespaces: &str) -> Vec<Query> {
    vec![
        over_time(
            "kube_deployment_status_replicas_unavailable",
            format!(
                "max by (namespace, deployment) (kube_deployment_status_replicas_unavailable{{{namespaces}}})"
            ),
        ),
        over_time(
            "kube_statefulset_status_replicas_ready",
            format!(
                "max by (namespace, statefulset) (kube_statefulset_status_replicas_ready{{{namespaces}}})"
            ),
        ),
        volume("kubelet_volume_stats_available_bytes", namespaces),
        volume("kubelet_volume_stats_capacity_bytes", namespaces),
        volume("kubelet_volume_stats_inodes_free", namespaces),
        volume("kubelet_volume_stats_inodes", namespaces),
        over_time("up", format!("up{{{namespaces}}}")),
        now(
            "kube_pod_container_status_waiting_reason",
            format!("kube_pod_container_status_waiting_reason{{{namespaces}}} > 0"),
        ),
        now(
            "kube_pod_container_status_last_terminated_reason",
            format!("kube_pod_container_status_last_terminated_reason{{{namespaces}}} > 0"),
        ),
    ]
}

/// One of the kubelet's gauges of volumes, by claim.
fn volume(name: &'static str, namespaces: &str) -> Query {
    let expression = format!("min by (namespace, persistentvolumeclaim) ({name}{{{namespaces}}})");
    over_time(name, expression)
}

/// What may concern any incident: active probes and the state of nodes.
fn everywhere() -> Vec<Query> {
    vec![
        over_time(
            "probe_success",
            "min by (namespace, job, instance, target, service) (probe_success)".to_owned(),
        ),
        now(
            "kube_node_status_condition",
            "kube_node_status_condition{condition!=\"Ready\", status=\"true\"} > 0 \
             or kube_node_status_condition{condition=\"Ready\", status!=\"true\"} > 0"
                .to_owned(),
        ),
    ]
}

/// The machines an incident is about.
fn nodes(subjects: &[ObjectRef], rate: &str) -> Vec<Query> {
    let names: Vec<&str> = subjects
        .iter()
        .filter(|subject| subject.kind == "Node")
        .map(|subject| subject.name.as_str())
        .collect();
    if names.is_empty() {
        return Vec::new();
    }
    // node-exporter is found by address; where it runs as a pod, relabeling
    // usually adds `node`, else the host name stands in `nodename`.
    let by_info = format!(
        "on (instance) group_left (nodename) node_uname_info{{{}}}",
        one_of("nodename", &names)
    );
    let of_nodes = |expression: &str| format!("({expression}) * {by_info}");
    vec![
        over_time(
            "node_cpu_used_ratio",
            of_nodes(&format!(
                "1 - avg by (instance) (rate(node_cpu_seconds_total{{mode=\"idle\"}}[{rate}]))"
            )),
        ),
        over_time(
            "node_memory_available_ratio",
            of_nodes(
                "max by (instance) (node_memory_MemAvailable_bytes) / max by (instance) (node_memory_MemTotal_bytes)",
            ),
        ),
        over_time(
            "node_filesystem_available_ratio",
            of_nodes(
                "min by (instance) (node_filesystem_avail_bytes{fstype!~\"tmpfs|overlay|squashfs\"} \
                 / node_filesystem_size_bytes{fstype!~\"tmpfs|overlay|squashfs\"})",
            ),
        ),
    ]
}

fn namespaces(request: &CaptureRequest) -> Vec<&str> {
    let of_subjects = request
        .subjects
        .iter()
        .filter_map(|subject| subject.namespace.as_deref());
    let mut names: Vec<&str> = Vec::new();
    for name in of_subjects.chain(request.namespaces.iter().map(String::as_str)) {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names.truncate(NAMESPACES_MAX);
    names
}

/// `label=~"a|b"`, each value taken literally.
fn one_of(label: &str, values: &[&str]) -> String {
    format!("{label}=~\"{}\"", pattern(values))
}

/// The inside of a matcher that takes each of `values` literally.
fn pattern(values: &[&str]) -> String {
    let literal: Vec<String> = values.iter().map(|value| regex_literal(value)).collect();
    string_escaped(&literal.join("|"))
}

/// RE2 metacharacters with a backslash before them.
fn regex_literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for character in text.chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            literal.push('\\');
        }
        literal.push(character);
    }
    literal
}

/// The inside of a double-quoted PromQL string.
fn string_escaped(text: &str) -> String {
    text.chars()
        .flat_map(|character| match character {
            '\\' => vec!['\\', '\\'],
            '"' => vec!['\\', '"'],
            '\n' => vec!['\\', 'n'],
            other if other.is_control() => Vec::new(),
            other => vec![other],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use appliance_core::signals::READ;

    use super::*;

    #[track_caller]
    fn check(value: &str, expected: &str) {
        assert_eq!(
            one_of("namespace", &[value]),
            format!("namespace=~\"{expected}\"")
        );
    }

    #[test]
    fn label_values_are_taken_literally() {
        check("shop", "shop");
        check("a.b", r"a\\.b");
        check(r#"x"} or vector(1) #"#, r#"x\"\\} or vector\\(1\\) #"#);
        check("a\nb", r"a\nb");
        check(r"a\", r"a\\\\");
    }

    /// Every group of series that rules read has a query that brings one of it.
    #[test]
    fn every_series_that_rules_read_is_asked_for() {
        let request = CaptureRequest {
            subjects: vec![
                ObjectRef::namespaced("Deployment", "shop", "web"),
                ObjectRef::cluster("Node", "n1"),
            ],
            namespaces: Vec::new(),
            alerts: Vec::new(),
            from: Timestamp::UNIX_EPOCH,
            until: Timestamp::from_second(3600).unwrap(),
        };
        let queries = of(&request, &Window::of(&request, 240));
        // Two letters are a whole name, not a part of one; a family is asked
        // for by the names in one expression.
        let of_family = |query: &Query, name: &str| {
            let listed = query.expression.strip_prefix("{__name__=~\"");
            let names = listed.and_then(|rest| rest.split('"').next());
            names.is_some_and(|names| names.split('|').any(|one| one == name))
        };
        let is_asked = |name: &str| {
            queries.iter().any(|query| {
                query.name == name
                    || name.len() > 2 && query.name.contains(name)
                    || of_family(query, name)
            })
        };
        let missing: Vec<&str> = READ
            .iter()
            .filter(|signal| !signal.names.iter().any(|name| is_asked(name)))
            .map(|signal| signal.what)
            .collect();
        assert_eq!(missing, [""; 0]);
    }

    #[track_caller]
    fn window(seconds: i64) -> Window {
        let from = Timestamp::UNIX_EPOCH;
        let request = CaptureRequest {
            subjects: Vec::new(),
            namespaces: Vec::new(),
            alerts: Vec::new(),
            from,
            until: Timestamp::from_second(seconds).unwrap(),
        };
        Window::of(&request, 240)
    }

    #[test]
    fn a_window_has_a_bounded_number_of_steps() {
        assert_eq!(window(3600).step_seconds, 15);
        assert_eq!(window(86_400).step_seconds, 360);
        assert_eq!(window(86_400).rate(), "1440s");
        assert_eq!(window(-5).from, window(-5).until);
    }
}
