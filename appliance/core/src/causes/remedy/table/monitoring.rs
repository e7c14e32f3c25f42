//! Monitoring itself.

use Place::{Cited, Own, Workload};

use super::{Look, Means, OWN, POD_LOGS, PODS, Place, Remedy, Sight, look, remedy, repair};
use crate::causes::Cause as C;

const FIRST: &[Look] = &[OWN, PODS, POD_LOGS];

pub(super) fn of(cause: C) -> Remedy {
    match cause {
        C::ScrapeTargetDown => remedy(
            const {
                &[
                    look(
                        Sight::Fixed("kubectl get servicemonitors,podmonitors -A"),
                        "shows what is scraped, by which rule",
                    ),
                    OWN,
                ]
            },
            const {
                &[
                    repair(
                        Means::Edit(Cited("ServiceMonitor")),
                        "corrects the port, labels or credentials of the scrape",
                    ),
                    repair(
                        Means::Edit(Cited("PodMonitor")),
                        "corrects the port, labels or credentials of the scrape",
                    ),
                    repair(
                        Means::Edit(Cited("Service")),
                        "names the port that is scraped",
                    ),
                    repair(
                        Means::Edit(Own),
                        "serves metrics on the port that is scraped",
                    ),
                ]
            },
        ),
        C::PrometheusSick => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Limit("memory"),
                        "raises its memory limit by half, if its nodes have room",
                    ),
                    repair(
                        Means::Expand,
                        "lets its claim grow by half; a claim never shrinks again",
                    ),
                    repair(
                        Means::Edit(Workload),
                        "keeps samples for a shorter time, or gives it more memory",
                    ),
                ]
            },
        ),
        C::AlertmanagerDelivery => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Edit(Cited("Secret")),
                        "corrects the receiver that fails",
                    ),
                    repair(
                        Means::Edit(Cited("ConfigMap")),
                        "corrects the receiver that fails",
                    ),
                    repair(
                        Means::Restart(Workload),
                        "has it load its corrected configuration and join its peers",
                    ),
                    repair(Means::Edit(Own), "corrects the receiver that fails"),
                ]
            },
        ),
        C::KubeStateMetricsOrExporterMissing => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Restart(Workload),
                        "restarts it, once what stops its pods is repaired",
                    ),
                    repair(Means::Edit(Own), "has its monitor find it again"),
                ]
            },
        ),
        C::BadAlertRule => remedy(
            const {
                &[look(
                    Sight::Fixed("kubectl get prometheusrules -A"),
                    "shows where the rules are written",
                )]
            },
            const {
                &[
                    repair(
                        Means::Edit(Cited("PrometheusRule")),
                        "corrects the rule's expression",
                    ),
                    repair(
                        Means::Edit(Cited("ConfigMap")),
                        "corrects the rule's expression",
                    ),
                ]
            },
        ),
        _ => remedy(FIRST, &[]),
    }
}
