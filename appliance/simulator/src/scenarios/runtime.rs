//! Containers that start and then fail, or serve badly.
//!
//! One file per kind of failure; here is what they share.

mod crash;
mod dependency;
mod probes;
mod saturation;

use serde_json::Value;

pub(super) use self::crash::{
    crash_exception, crash_on_config, exits_normally, oom_after_limit_lowered,
};
pub(super) use self::dependency::{
    pool_exhausted, stale_credentials, wrong_dependency_name, wrong_dependency_port,
};
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
