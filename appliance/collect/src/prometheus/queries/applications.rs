//! What applications and what stands before them measure: requests, failures,
//! durations, calls between workloads, queues, and the tools that deploy them.
//!
//! Exporters name the same thing differently; a query joins the spellings of
//! one thing by `or` and gives the result one name.

use super::{Query, now, over_time};

/// Counters of requests under their common names: Prometheus clients,
/// Micrometer, OpenTelemetry, gRPC, ingress-nginx.
const REQUEST_COUNTERS: &[&str] = &[
    "http_requests_total",
    "http_server_requests_seconds_count",
    "http_server_request_duration_seconds_count",
    "http_server_duration_milliseconds_count",
    "http_request_duration_seconds_count",
    "grpc_server_handled_total",
    "nginx_ingress_controller_requests",
];

/// Labels that carry a status code.
const CODE_LABELS: &[&str] = &[
    "code",
    "status",
    "status_code",
    "http_response_status_code",
    "http_status_code",
    "grpc_code",
];

/// Codes that say the server failed, HTTP and gRPC.
const SERVER_ERRORS: &str = "5..|Internal|Unavailable|Unknown|DataLoss|DeadlineExceeded";

/// Histograms of request durations, and how many of their unit make a second.
const DURATIONS: &[(&str, u32)] = &[
    ("http_request_duration_seconds", 1),
    ("http_server_requests_seconds", 1),
    ("http_server_request_duration_seconds", 1),
    ("http_server_duration_milliseconds", 1000),
    ("grpc_server_handling_seconds", 1),
    ("nginx_ingress_controller_request_duration_seconds", 1),
];

const BY_SERVICE: &str = "namespace, service, service_name, job";

/// A mesh's measure of requests, where they arrive.
struct Mesh {
    counter: &'static str,
    histogram: &'static str,
    /// How many of the histogram's unit make a second.
    per_second: u32,
    /// The label of the namespace that serves.
    namespace: &'static str,
    /// What selects the receiving end.
    receiving: &'static str,
    /// What selects failures; a part of the selector.
    failing: &'static str,
    by: &'static str,
}

/// Istio and Linkerd.
const MESHES: [Mesh; 2] = [
    Mesh {
        counter: "istio_requests_total",
        histogram: "istio_request_duration_milliseconds",
        per_second: 1000,
        namespace: "destination_workload_namespace",
        receiving: "reporter=\"destination\"",
        failing: "response_code=~\"5..\"",
        by: "destination_workload, destination_workload_namespace",
    },
    Mesh {
        counter: "response_total",
        histogram: "response_latency_ms",
        per_second: 1000,
        namespace: "namespace",
        receiving: "direction=\"inbound\"",
        failing: "classification=\"failure\"",
        by: "namespace, deployment",
    },
];

impl Mesh {
    fn selector(&self, values: &str, more: &[&str]) -> String {
        let of = format!("{}{values}", self.namespace);
        let parts = [of.as_str(), self.receiving].into_iter();
        parts
            .chain(more.iter().copied())
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn rate(&self, selector: &str, rate: &str) -> String {
        format!(
            "sum by ({}) (rate({}{{{selector}}}[{rate}]))",
            self.by, self.counter
        )
    }
}

/// Requests, failures and durations of the workloads of some namespaces:
/// `values` is the matcher behind a label, as `=~"a|b"`, `pattern` its inside.
pub(super) fn requests(values: &str, pattern: &str, rate: &str) -> Vec<Query> {
    let namespaces = format!("namespace{values}");
    let traefik = Traefik { pattern, rate };
    let served = REQUEST_COUNTERS
        .iter()
        .map(|counter| format!("sum by ({BY_SERVICE}) (rate({counter}{{{namespaces}}}[{rate}]))"))
        .chain(
            MESHES
                .iter()
                .map(|mesh| mesh.rate(&mesh.selector(values, &[]), rate)),
        )
        .chain([traefik.requests("")]);
    let failed = REQUEST_COUNTERS
        .iter()
        .flat_map(|counter| {
            let namespaces = &namespaces;
            CODE_LABELS.iter().map(move |code| {
                format!("sum by ({BY_SERVICE}) (rate({counter}{{{namespaces}, {code}=~\"{SERVER_ERRORS}\"}}[{rate}]))")
            })
        })
        .chain(
            MESHES
                .iter()
                .map(|mesh| mesh.rate(&mesh.selector(values, &[mesh.failing]), rate)),
        )
        .chain([traefik.requests(", code=~\"5..\"")]);
    let slow = DURATIONS
        .iter()
        .map(|(histogram, unit)| quantile(histogram, &namespaces, BY_SERVICE, rate, *unit))
        .chain(MESHES.iter().map(|mesh| {
            let selector = mesh.selector(values, &[]);
            quantile(mesh.histogram, &selector, mesh.by, rate, mesh.per_second)
        }))
        .chain([traefik.durations()]);
    vec![
        over_time("requests_per_second", any_of(served)),
        over_time("request_errors_per_second", any_of(failed)),
        over_time("request_duration_p95_seconds", any_of(slow)),
    ]
}

fn quantile(histogram: &str, selector: &str, by: &str, rate: &str, per_second: u32) -> String {
    let found = format!(
        "histogram_quantile(0.95, sum by (le, {by}) (rate({histogram}_bucket{{{selector}}}[{rate}])))"
    );
    match per_second {
        1 => found,
        unit => format!("{found} / {unit}"),
    }
}

/// Traefik names a Service `namespace-name-port@provider`.
struct Traefik<'a> {
    pattern: &'a str,
    rate: &'a str,
}

impl Traefik<'_> {
    fn selector(&self) -> String {
        format!("service=~\"(?:{})-.+@.+\"", self.pattern)
    }

    /// The Service's own name as `service`.
    fn named(&self, expression: &str) -> String {
        format!(
            "label_replace({expression}, \"service\", \"$1\", \"service\", \"(?:{})-(.+)-[^-]+@.+\")",
            self.pattern
        )
    }

    fn requests(&self, more: &str) -> String {
        let (selector, rate) = (self.selector(), self.rate);
        self.named(&format!(
            "sum by (service) (rate(traefik_service_requests_total{{{selector}{more}}}[{rate}]))"
        ))
    }

    fn durations(&self) -> String {
        let selector = self.selector();
        let histogram = "traefik_service_request_duration_seconds";
        self.named(&quantile(histogram, &selector, "service", self.rate, 1))
    }
}

/// A series from the first expression that has it.
fn any_of(expressions: impl Iterator<Item = String>) -> String {
    expressions.collect::<Vec<_>>().join(" or ")
}

/// Who calls whom, by a mesh and by the service graph of traces.
pub(super) fn calls(values: &str, rate: &str) -> Query {
    let mesh = format!(
        "sum by (source_workload, destination_workload, destination_workload_namespace) \
         (rate(istio_requests_total{{reporter=\"destination\", destination_workload_namespace{values}}}[{rate}])) > 0"
    );
    let traces =
        format!("sum by (client, server) (rate(traces_service_graph_request_total[{rate}])) > 0");
    now("service_dependency", format!("{mesh} or {traces}"))
}

/// Replicas that autoscalers and people want.
pub(super) fn replicas(namespaces: &str) -> [Query; 2] {
    let (scaled, set) = (
        "kube_horizontalpodautoscaler_status_desired_replicas",
        "kube_deployment_spec_replicas",
    );
    [
        over_time(
            scaled,
            format!("max by (namespace, horizontalpodautoscaler) ({scaled}{{{namespaces}}})"),
        ),
        over_time(
            set,
            format!("max by (namespace, deployment) ({set}{{{namespaces}}})"),
        ),
    ]
}

/// Labels that name a queue or its consumer.
const BY_QUEUE: &str =
    "namespace, queue, queue_name, vhost, consumergroup, group, topic, stream_name, consumer_name";

/// What waits, under the names of brokers' and job queues' exporters.
const WAITING: [&str; 11] = [
    "rabbitmq_queue_messages_ready",
    "rabbitmq_queue_messages",
    "kafka_consumergroup_lag",
    "redpanda_kafka_consumer_group_lag_sum",
    "nats_consumer_num_pending",
    "jetstream_consumer_num_pending",
    "celery_queue_length",
    "sidekiq_queue_size",
    "bullmq_jobs_waiting",
    "aws_sqs_approximate_number_of_messages_visible_average",
    "pulsar_msg_backlog",
];

/// What waits in queues; exporters live in namespaces of their own.
pub(super) fn queues() -> impl Iterator<Item = Query> {
    WAITING
        .iter()
        .map(|name| over_time(name, format!("sum by ({BY_QUEUE}) ({name})")))
}

/// What Argo CD and Flux say is not in step.
pub(super) fn deployers() -> [Query; 2] {
    [
        now(
            "argocd_app_info",
            "argocd_app_info{sync_status=\"OutOfSync\"}".to_owned(),
        ),
        now(
            "gotk_resource_info",
            "gotk_resource_info{ready=\"False\"}".to_owned(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: &str) {
        let traefik = Traefik {
            pattern,
            rate: "5m",
        };
        assert!(
            traefik.requests("").contains(expected),
            "{}",
            traefik.requests("")
        );
    }

    #[test]
    fn services_of_traefik_are_found_by_their_namespace() {
        check("shop", "service=~\"(?:shop)-.+@.+\"");
        check("shop|a-b", "\"(?:shop|a-b)-(.+)-[^-]+@.+\"");
    }

    #[test]
    fn the_receiving_end_of_a_mesh_is_asked() {
        assert_eq!(
            MESHES[0].selector("=~\"shop\"", &[MESHES[0].failing]),
            "destination_workload_namespace=~\"shop\", reporter=\"destination\", response_code=~\"5..\""
        );
    }
}
