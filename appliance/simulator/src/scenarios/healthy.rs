//! Clusters in which nothing is wrong, although an alert fires.
//!
//! Every recipe is a piece of ordinary life: load that comes and goes, work
//! that was done yesterday, noise that every exporter has. Any cause but "not
//! an incident" is a false alarm here.

mod past;
mod shapes;
mod work;

use super::alert::Alert;
use super::names::Role;
use super::site::Site;
use super::{Expected, Params, ScenarioRun, run};

/// Ordinary life of the last hour, and an alert that means nothing.
fn calm(params: &Params, id: &str, life: impl FnOnce(&mut Site)) -> ScenarioRun {
    run(params, id, 2400, |site| {
        life(site);
        (false_alarm(site), Expected::Healthy)
    })
}

/// An alert of a rule that is set too tight, or that looked in a bad moment.
fn false_alarm(site: &mut Site) -> Alert {
    let role = *site
        .rng
        .pick(&[Role::Front, Role::Catalog, Role::Checkout, Role::Orders]);
    let app = site.app(role);
    let namespace = site.namespace();
    let pod = site.pods_of(&app).swap_remove(0);
    let node = site.names.nodes[1].clone();
    match site.rng.range(0, 7) {
        0 => Alert::slow(&namespace, &app.name),
        1 => Alert::errors(&namespace, &app.name),
        2 => Alert::pod_not_ready(&namespace, &pod),
        3 => Alert::replicas_mismatch(&namespace, &app.name),
        4 => Alert::throttling(&namespace, &pod, &app.name, 26),
        5 => Alert::crash_looping(&namespace, &pod, &app.name),
        _ => Alert::node(
            "KubeNodeReadinessFlapping",
            &node,
            "Node readiness status is flapping.",
        ),
    }
}

/// Lets `life` happen that many seconds ago, and be settled since.
fn earlier(site: &mut Site, seconds: i64, life: impl FnOnce(&mut Site)) {
    let present = site.fault_at;
    site.fault(seconds);
    life(site);
    site.settle();
    site.fault_at = present;
}

recipes! {
    RECIPES:
    shapes::quiet "healthy-quiet" "An alert in a quiet cluster"
        "Nothing happens, and nothing happened."
    shapes::busy "healthy-busy" "A cluster that is always busy"
        "Every workload runs near its usual, high load."
    shapes::noisy "healthy-noisy" "Series that are never still"
        "Durations, requests and processor time jump about, as they always do."
    shapes::morning "healthy-morning" "The load of a morning"
        "People come to work, and requests rise by and by to what every day brings."
    shapes::evening "healthy-evening" "The load of an evening"
        "People go home, and requests fall by and by."
    shapes::spike "healthy-spike" "One slow minute"
        "A garbage collection made one service slow for one sample."
    shapes::slow_as_ever "healthy-slow-as-ever" "A service that was always slow"
        "The alert's threshold is below what the service always needed."
    shapes::errors_as_ever "healthy-errors-as-ever" "A service with its usual few errors"
        "One request in fifty is refused for good reasons, every day."
    shapes::gaps "healthy-gaps" "Scrapes that failed for a while"
        "Prometheus was restarted, and its series have a hole."
    shapes::counters_reset "healthy-counters-reset" "Counters that began again"
        "Processes were replaced, and their counters began at zero."
    shapes::cache_warms "healthy-cache-warms" "Memory that fills and stays"
        "A cache filled up to its bound."
    shapes::throttled_a_little "healthy-throttled-a-little" "Throttling that nobody feels"
        "A container is throttled in one of ten periods, as it always was."
    shapes::retransmits "healthy-retransmits" "Every node sends some segments again"
        "A busy network loses a few packets everywhere."
    past::rolled_out_yesterday "healthy-rolled-out-yesterday" "A release of yesterday"
        "A release was rolled out yesterday and serves well."
    past::release_settled "healthy-release-settled" "A release of this hour"
        "A release was rolled out half an hour ago and serves as well as the last."
    past::old_warnings "healthy-old-warnings" "Warnings that are over"
        "Hours ago pods could not be placed or mounted; they run since."
    past::restarted_days_ago "healthy-restarted-days-ago" "A restart of last week"
        "A container was restarted once, days ago."
    past::drained_yesterday "healthy-drained-yesterday" "A node that was drained yesterday"
        "A node was drained for new firmware and takes pods again."
    past::node_rebooted "healthy-node-rebooted" "A node that was restarted in the night"
        "A node was restarted in the night and is well since."
    past::certificate_renewed "healthy-certificate-renewed" "A certificate was renewed"
        "The certificate in front was renewed in time."
    past::settings_edited "healthy-settings-edited" "A setting was changed without harm"
        "The log level of a workload was changed."
    past::secret_rotated "healthy-secret-rotated" "A password was rotated"
        "The password of the database was rotated, and its clients were restarted."
    work::batch_jobs "healthy-batch-jobs" "Jobs that do their work"
        "A nightly job ran, and ran again."
    work::night_work "healthy-night-work" "A job that computes"
        "A job uses a processor to the full, as it should, and slows down nobody."
    work::worker_busy "healthy-worker-busy" "A worker with much to do"
        "A worker in the background works off what came in; nobody waits for it."
    work::scaled_up "healthy-scaled-up" "An autoscaler added pods"
        "More requests came, an autoscaler added pods, and all of them serve."
    work::scaled_down "healthy-scaled-down" "An autoscaler removed pods"
        "Fewer requests came, and an autoscaler removed pods."
    work::probes_blinked "healthy-probes-blinked" "A probe that failed once"
        "Readiness probes of several pods failed once within the hour."
    work::policies_allow "healthy-policies-allow" "Network policies that allow what is needed"
        "A policy was applied that permits every call the system makes."
    work::quota_half_used "healthy-quota-half-used" "A quota with room"
        "A quota was added that leaves room for twice as much."
    work::disk_steady "healthy-disk-steady" "A volume that is rather full"
        "A volume is four fifths full, as it was last month."
}
