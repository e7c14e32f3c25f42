//! Series about what carries workloads: machines, control plane, load
//! balancers, storage systems, and the alerts that fire at the same time.
//!
//! Asked for in every incident, so the expressions give only what stands out
//! or what is few by nature. A comparison keeps the series' own name.

use super::{Query, now, over_time};

/// Interfaces that belong to pods or to the node itself.
const VIRTUAL: &str = "lo|veth.*|cali.*|cni.*|flannel.*|docker.*|lxc.*|tunl.*|kube-ipvs.*";

/// Whether a node is ready.
const READY: &str = "kube_node_status_condition{condition=\"Ready\", status=\"true\"}";

/// Counters of what a network interface damages or drops.
const LOSSES: [&str; 4] = [
    "node_network_receive_errs_total",
    "node_network_transmit_errs_total",
    "node_network_receive_drop_total",
    "node_network_transmit_drop_total",
];

/// Gauges and counters of which every cluster has few.
const FEW: [&str; 19] = [
    "etcd_server_has_leader",
    "etcd_mvcc_db_total_size_in_bytes",
    "etcd_server_quota_backend_bytes",
    "ceph_health_status",
    "metallb_bgp_session_up",
    "frrk8s_bgp_session_up",
    "bird_protocol_up",
    "DCGM_FI_DEV_XID_ERRORS",
    "node_md_disks{state=\"failed\"}",
    "node_edac_uncorrectable_errors_total",
    "node_filesystem_device_error > 0",
    "smartmon_device_smart_healthy == 0",
    "smartctl_device_smart_status == 0",
    "ipmi_temperature_state > 1",
    "ipmi_fan_speed_state > 1",
    "ipmi_power_state > 1",
    "ipmi_voltage_state > 1",
    "longhorn_volume_robustness > 1",
    "node_systemd_unit_state{state=\"active\", name=~\"(kubelet|containerd|crio|docker|kube-proxy)[.]service\"}",
];

/// The queries, most telling first.
pub(super) fn all(rate: &str) -> Vec<Query> {
    let mut queries = vec![
        now("ALERTS", "ALERTS{alertstate=\"firing\"}".to_owned()),
        now("up", "up == 0".to_owned()),
        over_time(
            "kube_node_status_condition",
            format!("{READY} and on (node) changes({READY}[45m]) >= 4"),
        ),
    ];
    queries.extend(machines(rate));
    queries.extend(api_server(rate));
    queries.extend(FEW.iter().map(|expression| {
        let end = expression.find(['{', ' ']).unwrap_or(expression.len());
        over_time(&expression[..end], (*expression).to_owned())
    }));
    queries
}

fn machines(rate: &str) -> Vec<Query> {
    let table = (
        "node_nf_conntrack_entries",
        "node_nf_conntrack_entries_limit",
    );
    let mut queries = vec![
        now(table.0, format!("{} > 0.7 * {}", table.0, table.1)),
        now(table.1, format!("{} * 0.7 < {}", table.1, table.0)),
        // Machines that started within the last day: a reboot whose event is gone.
        now(
            "node_boot_time_seconds",
            "node_boot_time_seconds > time() - 86400".to_owned(),
        ),
        now(
            "node_timex_offset_seconds",
            "abs(node_timex_offset_seconds) > 0.05".to_owned(),
        ),
        now(
            "node_timex_sync_status",
            "node_timex_sync_status == 0 and on (instance) node_timex_maxerror_seconds >= 16"
                .to_owned(),
        ),
        now(
            "node_timex_maxerror_seconds",
            "node_timex_maxerror_seconds and on (instance) node_timex_sync_status == 0".to_owned(),
        ),
        over_time(
            "node_tcp_retransmits_per_second",
            format!("sum by (instance) (rate(node_netstat_Tcp_RetransSegs[{rate}]))"),
        ),
        now(
            "node_network_mtu_bytes",
            format!(
                "node_network_mtu_bytes{{device!~\"{VIRTUAL}\"}} and on (device) stddev by (device) (node_network_mtu_bytes) > 0"
            ),
        ),
        over_time(
            "node_network_carrier_changes_total",
            format!(
                "node_network_carrier_changes_total and on (instance, device) increase(node_network_carrier_changes_total{{device!~\"{VIRTUAL}\"}}[1h]) > 2"
            ),
        ),
        over_time(
            "node_disk_io_time_seconds_total",
            format!(
                "node_disk_io_time_seconds_total and on (instance, device) rate(node_disk_io_time_seconds_total[{rate}]) > 0.9"
            ),
        ),
        now(
            "node_hwmon_temp_celsius",
            "node_hwmon_temp_celsius >= node_hwmon_temp_crit_celsius > 50".to_owned(),
        ),
        now(
            "node_hwmon_temp_crit_celsius",
            "node_hwmon_temp_crit_celsius <= node_hwmon_temp_celsius".to_owned(),
        ),
    ];
    queries.extend(LOSSES.iter().map(|counter| {
        let lossy = format!("rate({counter}{{device!~\"{VIRTUAL}\"}}[{rate}]) > 0.5");
        over_time(
            counter,
            format!("{counter} and on (instance, device) {lossy}"),
        )
    }));
    queries
}

/// Names of the number of stored objects, newest releases first.
const OBJECTS: [&str; 3] = [
    "apiserver_resource_objects",
    "apiserver_storage_objects",
    "etcd_object_counts",
];

fn api_server(rate: &str) -> Vec<Query> {
    let rejected = "apiserver_flowcontrol_rejected_requests_total";
    let webhook = |part: &'static str| {
        over_time(
            part,
            format!(
                "sum by (name, type, operation) ({part}) and on (name, type, operation) \
                     (sum by (name, type, operation) (rate(apiserver_admission_webhook_admission_duration_seconds_sum[{rate}])) > 0.1)"
            ),
        )
    };
    let objects = OBJECTS
        .iter()
        .map(|name| over_time(name, format!("max by (resource) ({name}) > 10000")));
    let mut queries = vec![
        over_time(
            rejected,
            format!(
                "sum by (flow_schema) ({rejected}) and on (flow_schema) (sum by (flow_schema) (rate({rejected}[{rate}])) > 0.5)"
            ),
        ),
        webhook("apiserver_admission_webhook_admission_duration_seconds_sum"),
        webhook("apiserver_admission_webhook_admission_duration_seconds_count"),
    ];
    queries.extend(objects);
    queries
}
