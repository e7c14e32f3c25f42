//! Containers that start and then fail, or serve badly.
//!
//! One file per kind of failure; here is what they share.

mod crash;
mod data;
mod dependency;
mod health;
mod jobs;
mod limits;
mod load;
mod memory;
mod probes;
mod saturation;

use serde_json::Value;

pub(super) use self::crash::{
    crash_exception, crash_on_config, exits_normally, oom_after_limit_lowered,
};
pub(super) use self::data::{
    backlog, broker_split, cache_full, dependency_down, dependency_silent, locked, outside,
    read_only, upstream_limits,
};
pub(super) use self::dependency::{
    pool_exhausted, stale_credentials, unknown_dependency, wrong_dependency_name,
    wrong_dependency_port,
};
pub(super) use self::health::{
    answers_not_ready, liveness_hangs, liveness_impatient, liveness_wrong_protocol,
    readiness_wrong_protocol, slow_start,
};
pub(super) use self::jobs::{
    CRON, add_cron, add_run, gives_up, kept_back, made_good, misses_deadline, suspended,
};
pub(super) use self::limits::{
    certificate_of_app, files_used_up, forbidden, held_by_finalizer, port_taken, shared_memory,
    volume_denied,
};
pub(super) use self::load::{
    burns_cpu, defect, noisy_neighbour, settings_changed, slower_release, stays_away, surge,
};
pub(super) use self::memory::{evicted, leaks, node_victim, scratch_limit, sidecar_killed};
pub(super) use self::probes::{liveness_wrong_port, wrong_probe_port};
pub(super) use self::saturation::{throttled, volume_full};
use super::site::{Seen, Site};
use super::workload::App;

fn container(template: &mut Value) -> &mut Value {
    &mut template["spec"]["containers"][0]
}

/// The pod started and says so.
fn start_up(site: &mut Site, app: &App, pod: &str) {
    let at = site.after(4);
    let image = site.get("Pod", &site.namespace(), pod)["spec"]["containers"][0]["image"].clone();
    let pulled = format!("Container image {image} already present on machine");
    site.kubelet(pod, "Normal", "Pulled", &pulled, Seen::once(at));
    site.kubelet(
        pod,
        "Normal",
        "Started",
        &format!("Started container {}", app.name),
        Seen::once(at),
    );
    let hello = app.runtime.hello(at, app.port);
    site.log(pod, &app.name, at, &hello);
}
