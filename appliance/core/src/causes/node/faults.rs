//! Faults of hardware and kernel, as the node problem detector, the kernel's
//! words in events, and exporters of sensors tell them.

use k8s_openapi::api::core::v1::Node;

use crate::causes::quantity::parse;
use crate::causes::{Case, Cause, Finding, Findings, Strength, machine, series, view};
use crate::evidence::Draft;
use crate::evidence::query::{describe_query, operand};
use crate::object::ObjectRef;
use crate::snapshot::Series;

/// Words of the kernel (lower case) and the cause they mean.
const KERNEL_WORDS: &[(&[&str], Cause, &str)] = &[
    (
        &[
            "hardware error",
            "machine check",
            "memoryreaderror",
            "mce: [",
            "edac ",
            "uncorrected error",
            "uncorrectable error",
            "above threshold, cpu clock throttled",
            "temperature above threshold",
            "pcie bus error",
            "cperhardwareerror",
        ],
        Cause::HardwareEccThermal,
        "reports faulty hardware",
    ),
    (
        &[
            "nvrm: xid",
            "xid (",
            "gpu has fallen off the bus",
            "gpufailure",
        ],
        Cause::GpuFault,
        "reports a GPU fault",
    ),
    (
        &["kernel panic", "kernel bug at", "kerneloops", "soft lockup"],
        Cause::RebootOrKernelPanic,
        "reports a crash of its kernel",
    ),
    (
        &["nf_conntrack: table full", "conntrackfull"],
        Cause::ConntrackFull,
        "drops packets since its connection tracking table is full",
    ),
    (
        &["nic link is down", "link is down", "carrier lost"],
        Cause::NicFlapping,
        "lost the link of a network interface",
    ),
    (
        &["frequentcontainerdrestart", "frequentdockerrestart"],
        Cause::ContainerRuntimeDown,
        "restarts its container runtime again and again",
    ),
    (
        &[
            "frequentkubeletrestart",
            "kerneldeadlock",
            "task hung",
            "blocked for more than 120 seconds",
        ],
        Cause::KubeletOrRuntimeFault,
        "has processes that hang or restart again and again",
    ),
];

/// Finds faults that the kernel or a sensor states.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    events(case, findings);
    for node in &case.snapshot.objects.nodes {
        conditions(case, node, findings);
        lost_devices(case, node, findings);
    }
    sensors(case, findings);
}

fn add(
    case: &Case<'_>,
    cause: Cause,
    node: &ObjectRef,
    what: &str,
    draft: Draft,
    findings: &mut Findings,
) {
    let since = draft.at;
    findings.add(
        Finding::new(
            cause,
            node.clone(),
            Strength::Strong,
            format!("{node} {what}."),
        )
        .because([draft])
        .since(since)
        .explains(machine::carried(case, node))
        .check(
            describe_query(node),
            "shows what the node reports of its kernel and hardware",
        )
        .repair(
            format!("kubectl cordon {}", operand(&node.name)),
            format!("kubectl uncordon {}", operand(&node.name)),
            "keeps new pods away while the machine is examined",
        ),
    );
}

fn meaning(text: &str) -> Option<(Cause, &'static str)> {
    KERNEL_WORDS
        .iter()
        .find(|(words, ..)| view::mentions(text, words))
        .map(|(_, cause, what)| (*cause, *what))
}

fn events(case: &Case<'_>, findings: &mut Findings) {
    for event in &case.facts.events {
        let abnormal = event.event_type != "Normal";
        if event.object.kind != "Node" || !abnormal || !view::in_window(case, event.last) {
            continue;
        }
        let told = meaning(&event.message).or_else(|| meaning(&event.reason));
        let Some(((cause, what), node)) = told.zip(machine::known(case, &event.object.name)) else {
            continue;
        };
        add(case, cause, &node, what, Draft::event(event), findings);
    }
}

/// Conditions beyond the kubelet's own that hold.
fn conditions(case: &Case<'_>, node: &Node, findings: &mut Findings) {
    let object = view::reference("Node", node);
    let all = node
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    for condition in all.filter(|condition| condition.status == "True") {
        if matches!(
            condition.type_.as_str(),
            "Ready" | "DiskPressure" | "MemoryPressure" | "PIDPressure"
        ) {
            continue;
        }
        let message = condition.message.as_deref().unwrap_or_default();
        if let Some((cause, what)) = meaning(&condition.type_).or_else(|| meaning(message)) {
            let draft = machine::condition_draft(&object, condition);
            add(case, cause, &object, what, draft, findings);
        }
    }
}

/// GPUs that the machine has and no longer offers.
fn lost_devices(case: &Case<'_>, node: &Node, findings: &mut Findings) {
    let Some(status) = node.status.as_ref() else {
        return;
    };
    let amounts = |amounts: &Option<std::collections::BTreeMap<String, _>>, name: &str| {
        let quantity: Option<&k8s_openapi::apimachinery::pkg::api::resource::Quantity> =
            amounts.as_ref()?.get(name);
        parse(&quantity?.0)
    };
    for name in status.capacity.iter().flatten().map(|(name, _)| name) {
        if !name.contains('/') || !name.contains("gpu") {
            continue;
        }
        let (Some(whole), Some(offered)) = (
            amounts(&status.capacity, name),
            amounts(&status.allocatable, name),
        ) else {
            continue;
        };
        if offered < whole {
            let object = view::reference("Node", node);
            let title = format!("{name}: {offered} of {whole} are offered to pods");
            let what = format!("offers {offered} of its {whole} {name}: the others are unhealthy");
            let draft = Draft::status(object.clone(), title, Vec::new());
            add(case, Cause::GpuFault, &object, &what, draft, findings);
        }
    }
}

fn sensors(case: &Case<'_>, findings: &mut Findings) {
    for one in &case.snapshot.series {
        let Some(last) = series::last(one) else {
            continue;
        };
        let told = match one.name.as_str() {
            "node_edac_uncorrectable_errors_total" if grew(one) => (
                Cause::HardwareEccThermal,
                "counts memory errors that cannot be corrected",
            ),
            "node_hwmon_temp_celsius" if is_too_hot(case, one, last) => {
                (Cause::HardwareEccThermal, "is hotter than its parts bear")
            }
            "ipmi_temperature_state"
            | "ipmi_fan_speed_state"
            | "ipmi_power_state"
            | "ipmi_voltage_state"
                if last >= 2.0 =>
            {
                (Cause::HardwareEccThermal, "has a sensor in critical state")
            }
            "DCGM_FI_DEV_XID_ERRORS" if last > 0.0 => (
                Cause::GpuFault,
                "has a GPU whose driver reports an Xid error",
            ),
            _ => continue,
        };
        if let Some(node) = machine::of_series(case, one) {
            let draft = series::draft(node.clone(), one, format!("{} is {last}", one.name));
            add(case, told.0, &node, told.1, draft, findings);
        }
    }
}

/// Whether a counter grew over what was captured of it.
fn grew(series: &Series) -> bool {
    let mut values = series.samples.iter().map(|sample| sample.value);
    let first = values.next();
    first
        .zip(values.next_back())
        .is_some_and(|(first, last)| last > first)
}

fn is_too_hot(case: &Case<'_>, series: &Series, celsius: f64) -> bool {
    let critical = machine::beside(case, "node_hwmon_temp_crit_celsius", series);
    // Sensors that know no limit say zero or nonsense.
    critical.is_some_and(|critical| (50.0..150.0).contains(&critical) && celsius >= critical)
}

#[cfg(test)]
mod tests;
