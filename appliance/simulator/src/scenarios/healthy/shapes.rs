//! Series of ordinary life: load, noise, holes, restarts of counters.

use std::collections::BTreeMap;

use super::super::metrics::{Traffic, labels, times};
use super::super::names::{ROLES, Role};
use super::super::site::Site;
use super::super::workload::App;
use super::super::{Params, ScenarioRun};
use super::calm;

/// Counters of a service that grow with its requests.
const REQUESTS: [&str; 4] = [
    "http_requests_total",
    "http_request_duration_seconds_bucket",
    "http_request_duration_seconds_count",
    "http_request_duration_seconds_sum",
];
const CPU: &str = "container_cpu_usage_seconds_total";
const P95: &str = "request_duration_p95_seconds";

pub(super) fn quiet(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |_| {})
}

pub(super) fn busy(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let begin = first(site);
        for app in applications(site) {
            let rate = app.load * app.replicas as f64 * 40.0;
            site.traffic(
                &app.name,
                begin,
                Traffic {
                    rate,
                    errors: 0.002,
                    latency: 0.09,
                },
            );
        }
        grow(site, CPU, |_, _| 3.0);
        durations(site, |_, chance| 0.3 + 0.1 * chance);
    })
}

pub(super) fn noisy(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        for name in REQUESTS {
            grow(site, name, |_, chance| 0.5 + chance);
        }
        grow(site, CPU, |_, chance| 0.3 + 1.7 * chance);
        // Log-normal: long tails upward are what durations have.
        durations(site, |_, chance| 0.08 * (1.2 * (chance - 0.5) * 2.0).exp());
    })
}

pub(super) fn morning(params: &Params, id: &str) -> ScenarioRun {
    ramp(params, id, 0.55, 1.0)
}

pub(super) fn evening(params: &Params, id: &str) -> ScenarioRun {
    ramp(params, id, 1.0, 0.5)
}

/// Requests and processor time go from one share to another within the hour.
fn ramp(params: &Params, id: &str, from: f64, to: f64) -> ScenarioRun {
    calm(params, id, |site| {
        let share = |part: f64| from + (to - from) * part;
        for name in REQUESTS {
            grow(site, name, |part, chance| {
                share(part) * (0.95 + 0.1 * chance)
            });
        }
        grow(site, CPU, |part, chance| share(part) * (0.9 + 0.2 * chance));
        durations(site, |part, chance| {
            0.06 + 0.03 * share(part) + 0.01 * chance
        });
    })
}

pub(super) fn spike(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let app = site.app(Role::Catalog);
        durations(site, |_, chance| 0.07 + 0.02 * chance);
        let namespace = site.namespace();
        let from = site.fault_at.as_second() as f64;
        let which = labels(&[("namespace", &namespace), ("service", &app.name)]);
        site.world.series.edit(
            P95,
            |labels| *labels == which,
            |_, samples| {
                if let Some(one) = samples.iter_mut().find(|one| one.at >= from) {
                    one.value = 2.4;
                }
            },
        );
        let pod = site.pods_of(&app).swap_remove(0);
        let at = site.after(10);
        let line = app.runtime.line(
            super::super::log_lines::Level::Warn,
            at,
            "pause of 1900 ms: full garbage collection",
        );
        site.log(&pod, &app.name, at, &line);
    })
}

pub(super) fn slow_as_ever(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        durations(site, |_, chance| 1.5 + 0.3 * chance);
    })
}

pub(super) fn errors_as_ever(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let begin = first(site);
        for app in applications(site) {
            let traffic = Traffic {
                rate: app.load * app.replicas as f64,
                errors: 0.02,
                latency: 0.05,
            };
            site.traffic(&app.name, begin, traffic);
        }
        let app = site.app(Role::Checkout);
        let message = "order refused: the voucher was used before";
        let length = site.now.as_second() - begin;
        for pod in site.pods_of(&app) {
            for index in 0..24 {
                let at = site.ago(length - index * length / 24);
                let line = app
                    .runtime
                    .line(super::super::log_lines::Level::Error, at, message);
                site.log(&pod, &app.name, at, &line);
            }
        }
    })
}

pub(super) fn gaps(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        site.settle();
        let from = site.fault_at.as_second() as f64;
        let names: Vec<String> = site.world.series.names().map(str::to_owned).collect();
        for name in names {
            let hole = |at: f64| at >= from && at < from + 900.0;
            site.world.series.edit(
                &name,
                |_| true,
                |_, samples| samples.retain(|one| !hole(one.at)),
            );
        }
    })
}

pub(super) fn counters_reset(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let from = site.fault_at.as_second() as f64;
        for name in REQUESTS.into_iter().chain([CPU]) {
            site.world.series.edit(
                name,
                |_| true,
                |_, samples| {
                    let begin = samples.iter().find(|one| one.at >= from);
                    let value = begin.map_or(0.0, |one| one.value);
                    for one in samples.iter_mut().filter(|one| one.at >= from) {
                        one.value -= value;
                    }
                },
            );
        }
    })
}

pub(super) fn cache_warms(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let app = site.app(Role::Cart);
        let bound = (app.memory_mib << 20) as f64 * 1.3;
        for pod in site.pods_of(&app) {
            let which = [("pod", pod.as_str())];
            let from = first(site) as f64;
            let start = site.fault_at.as_second() as f64 - from;
            site.new_gauge(
                "container_memory_working_set_bytes",
                &[
                    ("namespace", &site.namespace()),
                    which[0],
                    ("container", &app.name),
                    ("job", "kubelet"),
                ],
                |since| bound * (1.0 - 0.5 * (-(since + start) / 700.0).exp()),
            );
        }
    })
}

pub(super) fn throttled_a_little(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        grow(
            site,
            "container_cpu_cfs_throttled_periods_total",
            |_, chance| 8.0 + 4.0 * chance,
        );
    })
}

pub(super) fn retransmits(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        for node in site.names.nodes.clone() {
            let address = site.node_ip(&node);
            let instance = format!("{address}:9100");
            let usual = 0.6 + site.rng.unit();
            let which = [
                ("node", node.as_str()),
                ("instance", instance.as_str()),
                ("job", "node-exporter"),
            ];
            site.new_gauge("node_tcp_retransmits_per_second", &which, |since| {
                usual * (1.0 + 0.4 * (since / 170.0).sin())
            });
        }
    })
}

fn applications(site: &Site) -> Vec<App> {
    ROLES.into_iter().map(|role| site.app(role)).collect()
}

/// The first sample, Unix seconds.
fn first(site: &Site) -> i64 {
    times(site)[0]
}

/// Lets every counter of that name grow by another factor from sample to
/// sample: of the part of the hour that is over, and of chance, both in 0..1.
fn grow(site: &mut Site, name: &str, factor: impl Fn(f64, f64) -> f64) {
    let all = times(site);
    let length = all.len() as f64;
    let factors: BTreeMap<i64, f64> = all
        .into_iter()
        .enumerate()
        .map(|(index, at)| (at, factor(index as f64 / length, site.rng.unit())))
        .collect();
    site.world.series.edit(
        name,
        |_| true,
        |_, samples| {
            let old: Vec<f64> = samples.iter().map(|one| one.value).collect();
            for index in 1..samples.len() {
                #[allow(clippy::cast_possible_truncation, reason = "whole Unix seconds")]
                let at = samples[index].at as i64;
                let step = (old[index] - old[index - 1]) * factors.get(&at).copied().unwrap_or(1.0);
                samples[index].value = samples[index - 1].value + step.max(0.0);
            }
        },
    );
}

/// A recorded 95th percentile of every service, by the part of the hour and by chance.
fn durations(site: &mut Site, seconds: impl Fn(f64, f64) -> f64) {
    let namespace = site.namespace();
    let length = (site.now.as_second() - first(site)) as f64;
    let before = site.fault_at.as_second() as f64 - first(site) as f64;
    for app in applications(site) {
        let own = 0.6 + site.rng.unit();
        let chance: Vec<f64> = times(site).iter().map(|_| site.rng.unit()).collect();
        let which = [("namespace", namespace.as_str()), ("service", &app.name)];
        site.new_gauge(P95, &which, |since| {
            let part = (since + before) / length;
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a place in a short list"
            )]
            let index = (part * (chance.len() - 1) as f64).round().max(0.0) as usize;
            own * seconds(part, chance.get(index).copied().unwrap_or(0.5))
        });
    }
}
