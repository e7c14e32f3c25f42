//! What exporters of databases, caches, brokers, pools, runtimes and proxies
//! measure, a query for each family.
//!
//! A family's series are asked for by one expression over their names: a
//! Prometheus without that exporter answers it from its index at once. Servers
//! live in namespaces of their own and are few; runtimes are asked for in the
//! incident's namespaces only.

use super::{Query, over_time};

/// Series of servers and proxies, by the query's name.
const SERVERS: [(&str, &[&str]); 5] = [
    (
        "postgres",
        &[
            "pg_stat_database_numbackends",
            "pg_settings_max_connections",
            "pg_stat_database_deadlocks",
            "pg_replication_is_replica",
            "pg_database_wraparound_age_datfrozenxid_seconds",
        ],
    ),
    (
        "mysql",
        &[
            "mysql_global_status_threads_connected",
            "mysql_global_variables_max_connections",
            "mysql_global_status_innodb_deadlocks",
            "mysql_global_variables_read_only",
            "mysql_global_variables_super_read_only",
        ],
    ),
    (
        "redis",
        &[
            "redis_memory_used_bytes",
            "redis_memory_max_bytes",
            "redis_evicted_keys_total",
            "redis_errors_total",
            "redis_connected_clients",
            "redis_config_maxclients",
            "redis_instance_info",
        ],
    ),
    (
        "brokers",
        &[
            "kafka_topic_partition_under_replicated_partition",
            "kafka_server_replicamanager_underreplicatedpartitions",
            "kafka_controller_kafkacontroller_offlinepartitionscount",
            "rabbitmq_unreachable_cluster_peers_count",
        ],
    ),
    ("haproxy", &["haproxy_backend_connection_errors_total"]),
];

/// Series of the runtimes and pools of programs.
const PROGRAMS: [(&str, &[&str]); 3] = [
    // Every sidecar has one for every upstream.
    (
        "envoy",
        &[
            "envoy_cluster_upstream_cx_connect_fail",
            "envoy_cluster_upstream_cx_connect_fail_total",
        ],
    ),
    (
        "pools",
        &[
            "hikaricp_connections_active",
            "hikaricp_connections_max",
            "hikaricp_connections_pending",
            "jdbc_connections_active",
            "jdbc_connections_max",
            "c3p0_num_busy_connections",
            "c3p0_max_pool_size",
            "c3p0_threads_awaiting_checkout",
        ],
    ),
    (
        "runtimes",
        &[
            "jvm_gc_live_data_size_bytes",
            "jvm_gc_max_data_size_bytes",
            "jvm_gc_pause_seconds_sum",
            "jvm_gc_collection_seconds_sum",
            "go_goroutines",
        ],
    ),
];

/// What Prometheus' own client says of the old generation after a collection.
const OLD_GENERATION: &str = "{__name__=~\"jvm_memory_pool_collection_(?:used|max)_bytes\", \
                              pool=~\".*(?:Old|Tenured).*\", ";

/// Servers and proxies, wherever they are.
pub(super) fn servers() -> impl Iterator<Item = Query> {
    SERVERS.iter().map(|(name, series)| {
        // A healthy broker has a zero for every partition.
        let some = match *name {
            "brokers" => " > 0",
            _ => "",
        };
        over_time(
            name,
            format!("{{__name__=~\"{}\"}}{some}", series.join("|")),
        )
    })
}

/// Runtimes and pools of the programs in the namespaces that `namespaces` selects.
pub(super) fn programs(namespaces: &str) -> impl Iterator<Item = Query> {
    let old = over_time("old_generation", format!("{OLD_GENERATION}{namespaces}}}"));
    PROGRAMS
        .iter()
        .map(move |(name, series)| {
            let names = series.join("|");
            over_time(name, format!("{{__name__=~\"{names}\", {namespaces}}}"))
        })
        .chain([old])
}
