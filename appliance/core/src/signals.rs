//! The series that rules read: one table for rules and collectors.
//!
//! A rule finds series by their whole name or by a part of it. Names differ
//! between exporters, releases and sites, so a group holds all spellings of
//! one thing: a collector serves the group when it brings a series of any.
//!
//! Invariants, each held by a test: every name of a series in a rule's source
//! is in this table; every group is asked for by the live collector.

/// Spellings of one thing that rules measure.
#[derive(Clone, Copy, Debug)]
pub struct Signal {
    /// What is measured.
    pub what: &'static str,
    /// Names of series, or parts of names, any of which will do.
    pub names: &'static [&'static str],
}

const fn signal(what: &'static str, names: &'static [&'static str]) -> Signal {
    Signal { what, names }
}

/// Everything rules read.
pub const READ: &[Signal] = &[
    signal("alerts that fire", &["ALERTS"]),
    signal("scrapes", &["up"]),
    signal("checks from outside", &["probe_success"]),
    signal(
        "requests",
        &[
            "requests_per_second",
            "http_requests_total",
            "istio_requests_total",
            "grpc_server_handled_total",
            "http_server_requests_seconds_count",
            "http_server_request_duration_seconds_count",
            "http_request_duration_seconds_count",
            "nginx_ingress_controller_requests",
        ],
    ),
    signal("requests that fail", &["request_errors_per_second"]),
    signal(
        "durations of requests",
        &["duration", "latency", "response_time"],
    ),
    signal("calls between workloads", &["service_dependency"]),
    signal(
        "processor time",
        &[
            "container_cpu_usage_cores",
            "container_cpu_usage_seconds_total",
            "cpu_usage",
        ],
    ),
    signal(
        "throttling",
        &[
            "throttled",
            "container_cpu_cfs_throttled_periods_total",
            "container_cpu_cfs_periods_total",
        ],
    ),
    signal("memory", &["memory_working_set_bytes"]),
    signal(
        "what waits in queues",
        &[
            "queue_messages_ready",
            "queue_messages",
            "queue_length",
            "queue_depth",
            "queue_size",
            "approximate_number_of_messages",
        ],
    ),
    signal(
        "consumers that lag",
        &["consumergroup_lag", "consumer_lag", "consumer_group_lag"],
    ),
    signal("streams that wait", &["num_pending"]),
    signal("jobs that wait", &["jobs_waiting", "backlog"]),
    signal("wanted replicas", &["kube_deployment_spec_replicas"]),
    signal(
        "autoscaled replicas",
        &["kube_horizontalpodautoscaler_status_desired_replicas"],
    ),
    signal("Argo CD applications", &["argocd_app_info"]),
    signal("Flux resources", &["gotk_resource_info"]),
    signal(
        "admission webhooks' time",
        &["apiserver_admission_webhook_admission_duration_seconds_sum"],
    ),
    signal(
        "admission webhooks' calls",
        &["apiserver_admission_webhook_admission_duration_seconds_count"],
    ),
    signal(
        "rejected requests",
        &["apiserver_flowcontrol_rejected_requests_total"],
    ),
    signal(
        "stored objects",
        &[
            "apiserver_storage_objects",
            "apiserver_resource_objects",
            "etcd_object_counts",
        ],
    ),
    signal("etcd's size", &["etcd_mvcc_db_total_size_in_bytes"]),
    signal("etcd's leader", &["etcd_server_has_leader"]),
    signal("etcd's quota", &["etcd_server_quota_backend_bytes"]),
    signal(
        "routing sessions",
        &[
            "metallb_bgp_session_up",
            "frrk8s_bgp_session_up",
            "bird_protocol_up",
        ],
    ),
    signal("segments sent again", &["retrans"]),
    signal(
        "a carrier that changes",
        &["node_network_carrier_changes_total"],
    ),
    signal("sizes of packets", &["node_network_mtu_bytes"]),
    signal("damaged packets in", &["node_network_receive_errs_total"]),
    signal("damaged packets out", &["node_network_transmit_errs_total"]),
    signal("dropped packets in", &["node_network_receive_drop_total"]),
    signal("dropped packets out", &["node_network_transmit_drop_total"]),
    signal("tracked connections", &["node_nf_conntrack_entries"]),
    signal("room for connections", &["node_nf_conntrack_entries_limit"]),
    signal("conditions of nodes", &["kube_node_status_condition"]),
    signal("services of machines", &["node_systemd_unit_state"]),
    signal("clocks", &["node_timex_offset_seconds"]),
    signal("clocks' synchronization", &["node_timex_sync_status"]),
    signal("clocks' errors", &["node_timex_maxerror_seconds"]),
    signal("memory errors", &["node_edac_uncorrectable_errors_total"]),
    signal("temperatures", &["node_hwmon_temp_celsius"]),
    signal("bounds of temperatures", &["node_hwmon_temp_crit_celsius"]),
    signal(
        "sensors",
        &[
            "ipmi_temperature_state",
            "ipmi_fan_speed_state",
            "ipmi_power_state",
            "ipmi_voltage_state",
        ],
    ),
    signal("GPU errors", &["DCGM_FI_DEV_XID_ERRORS"]),
    signal("nodes' processors", &["node_cpu_used_ratio"]),
    signal("disks' time", &["node_disk_io_time_seconds_total"]),
    signal("file systems' errors", &["node_filesystem_device_error"]),
    signal("arrays of disks", &["node_md_disks"]),
    signal(
        "disks' health",
        &[
            "smartmon_device_smart_healthy",
            "smartctl_device_smart_status",
        ],
    ),
    signal("Ceph", &["ceph_health_status"]),
    signal("Longhorn", &["longhorn_volume_robustness"]),
    signal(
        "volumes' space left",
        &["kubelet_volume_stats_available_bytes"],
    ),
    signal("volumes' space", &["kubelet_volume_stats_capacity_bytes"]),
    signal(
        "volumes' inodes left",
        &["kubelet_volume_stats_inodes_free"],
    ),
    signal("volumes' inodes", &["kubelet_volume_stats_inodes"]),
    signal(
        "databases' connections",
        &["pg_stat_database_numbackends", "pg_stat_activity_count"],
    ),
    signal(
        "databases' room for connections",
        &["pg_settings_max_connections"],
    ),
    signal("databases' deadlocks", &["pg_stat_database_deadlocks"]),
    signal("databases' roles", &["pg_replication_is_replica"]),
    signal(
        "databases' transaction numbers",
        &["pg_database_wraparound_age_datfrozenxid_seconds"],
    ),
    signal(
        "MySQL's connections",
        &["mysql_global_status_threads_connected"],
    ),
    signal(
        "MySQL's room for connections",
        &["mysql_global_variables_max_connections"],
    ),
    signal(
        "MySQL's deadlocks",
        &["mysql_global_status_innodb_deadlocks"],
    ),
    signal(
        "MySQL's roles",
        &[
            "mysql_global_variables_read_only",
            "mysql_global_variables_super_read_only",
        ],
    ),
    signal("caches' memory", &["redis_memory_used_bytes"]),
    signal("caches' room", &["redis_memory_max_bytes"]),
    signal("caches' dropped keys", &["redis_evicted_keys_total"]),
    signal("caches' refusals", &["redis_errors_total"]),
    signal("caches' clients", &["redis_connected_clients"]),
    signal("caches' room for clients", &["redis_config_maxclients"]),
    signal("caches' roles", &["redis_instance_info"]),
    signal(
        "pools of connections",
        &[
            "hikaricp_connections_active",
            "jdbc_connections_active",
            "c3p0_num_busy_connections",
        ],
    ),
    signal(
        "pools' sizes",
        &[
            "hikaricp_connections_max",
            "jdbc_connections_max",
            "c3p0_max_pool_size",
        ],
    ),
    signal(
        "pools' waiting callers",
        &[
            "hikaricp_connections_pending",
            "c3p0_threads_awaiting_checkout",
        ],
    ),
    signal(
        "heaps after a collection",
        &[
            "jvm_gc_live_data_size_bytes",
            "jvm_memory_pool_collection_used_bytes",
        ],
    ),
    signal(
        "heaps' bounds",
        &[
            "jvm_gc_max_data_size_bytes",
            "jvm_memory_pool_collection_max_bytes",
        ],
    ),
    signal(
        "time spent collecting",
        &["jvm_gc_pause_seconds_sum", "jvm_gc_collection_seconds_sum"],
    ),
    signal("goroutines", &["go_goroutines"]),
    signal(
        "brokers' partitions",
        &[
            "kafka_topic_partition_under_replicated_partition",
            "kafka_server_replicamanager_underreplicatedpartitions",
            "kafka_controller_kafkacontroller_offlinepartitionscount",
        ],
    ),
    signal(
        "brokers' members",
        &["rabbitmq_unreachable_cluster_peers_count"],
    ),
    signal(
        "upstreams that refuse",
        &[
            "envoy_cluster_upstream_cx_connect_fail",
            "envoy_cluster_upstream_cx_connect_fail_total",
            "haproxy_backend_connection_errors_total",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::READ;

    /// First words of names that exporters give to series.
    const FAMILIES: [&str; 37] = [
        "alertmanager_",
        "apiserver_",
        "argocd_",
        "bird_",
        "ceph_",
        "container_cpu",
        "c3p0_",
        "container_memory",
        "coredns_",
        "DCGM_",
        "envoy_",
        "etcd_",
        "frrk8s_",
        "go_",
        "gotk_",
        "grpc_server_",
        "haproxy_",
        "hikaricp_",
        "http_request",
        "http_server",
        "ipmi_",
        "istio_",
        "jdbc_",
        "jvm_",
        "kafka_",
        "kube_",
        "kubelet_volume",
        "longhorn_",
        "metallb_",
        "mysql_",
        "nginx_ingress_",
        "node_",
        "pg_",
        "prometheus_",
        "rabbitmq_",
        "redis_",
        "smart",
    ];

    /// Files and folders that hold nothing but tests.
    const TESTS: [&str; 2] = ["tests", "look_alikes"];

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if TESTS
                .iter()
                .any(|tests| path.file_stem().unwrap() == *tests)
            {
                continue;
            }
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }

    fn is_name(literal: &str) -> bool {
        literal.contains('_')
            && literal
                .bytes()
                .all(|one| one.is_ascii_alphanumeric() || one == b'_')
            && FAMILIES.iter().any(|start| literal.starts_with(start))
    }

    /// Names of series in string literals of rules, without their tests.
    fn names_in_rules() -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/causes");
        let mut files = Vec::new();
        sources(&folder, &mut files);
        assert!(files.len() > 50, "{} files of rules", files.len());
        let mut names = BTreeSet::new();
        for file in files {
            let text = std::fs::read_to_string(file).unwrap();
            let rules = text.split("#[cfg(test)]").next().unwrap_or_default();
            let literals = rules.split('"').skip(1).step_by(2);
            names.extend(literals.filter(|one| is_name(one)).map(str::to_owned));
        }
        names
    }

    /// Labels that are named like series.
    const LABELS: [&str; 2] = ["http_response_status_code", "envoy_cluster_name"];

    #[test]
    fn every_series_a_rule_names_is_in_the_table() {
        let known: BTreeSet<&str> = READ.iter().flat_map(|one| one.names).copied().collect();
        let missing: Vec<String> = names_in_rules()
            .into_iter()
            .filter(|name| !known.contains(name.as_str()) && !LABELS.contains(&name.as_str()))
            .collect();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn the_table_names_each_series_once() {
        let all: Vec<&str> = READ.iter().flat_map(|one| one.names).copied().collect();
        let once: BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(all.len(), once.len());
    }
}
