//! How a node is set up and kept: kernel modules and parameters, the kubelet's
//! certificate, its images, a cordon nobody lifted.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Node;
use serde_json::Value;

use crate::causes::{Case, Cause, Finding, Findings, Strength, component, machine, view};
use crate::evidence::Draft;
use crate::evidence::query::{describe_query, get_query, operand};
use crate::facts::LogTemplate;
use crate::object::ObjectRef;

/// Words of a kernel that lacks a module or a parameter (lower case).
const KERNEL: [&str; 7] = [
    "modprobe",
    "bridge-nf-call-iptables",
    "br_netfilter",
    "can't initialize iptables table",
    "module not found",
    "ip_forward is not set",
    "sysctl: cannot stat",
];

/// Parts that run on every node and need the kernel's help.
const NODE_PARTS: [&str; 8] = [
    "kube-proxy",
    "calico-node",
    "cilium",
    "kube-flannel",
    "kube-flannel-ds",
    "weave-net",
    "kube-router",
    "canal",
];

/// Words of a client that the kubelet's certificate does not satisfy (lower case).
const CERTIFICATE: [&str; 3] = [
    "tls: internal error",
    "certificate signed by unknown authority",
    "certificate has expired or is not yet valid",
];

/// A certificate request is approved within seconds where that is automatic.
const APPROVAL: SignedDuration = SignedDuration::from_mins(10);

/// A cordon is usually lifted within a shift.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(6);

/// Finds kernels without a module or parameter that pods or node parts need.
pub(super) fn kernel(case: &Case<'_>, findings: &mut Findings) {
    let parts = component::pods(case, &NODE_PARTS);
    for log in component::said(case, &parts, &KERNEL) {
        let namespace = log.pod.namespace.as_deref().unwrap_or_default();
        let pod = case.snapshot.objects.pods.get(namespace, &log.pod.name);
        let unwell = pod.filter(|pod| !view::is_well(pod));
        let node = unwell.and_then(|pod| pod.spec.as_ref()?.node_name.as_deref());
        if let Some(node) = node.and_then(|name| machine::known(case, name)) {
            let what = "lacks a kernel module or parameter that its network needs";
            findings.add(kernel_finding(case, &node, what, Draft::log(log)));
        }
    }
    for pod in &case.snapshot.objects.pods {
        let status = pod.status.as_ref();
        let reason = status.and_then(|status| status.reason.as_deref());
        if reason != Some("SysctlForbidden") {
            continue;
        }
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        if let Some(node) = node.and_then(|name| machine::known(case, name)) {
            let message = status.and_then(|status| status.message.clone());
            let draft = Draft::status(
                view::pod_ref(pod),
                "the kubelet refused the pod: SysctlForbidden",
                message.into_iter().collect(),
            );
            let what = "does not allow a kernel parameter that pods ask for";
            let finding = kernel_finding(case, &node, what, draft);
            findings.add(finding.explains(view::affected_by(&case.snapshot.objects, pod)));
        }
    }
}

fn kernel_finding(case: &Case<'_>, node: &ObjectRef, what: &str, draft: Draft) -> Finding {
    let at = draft.at;
    Finding::new(
        Cause::KernelParamModule,
        node.clone(),
        Strength::Strong,
        format!("{node} {what}."),
    )
    .because([draft])
    .since(at)
    .explains(machine::carried(case, node))
    .check(
        describe_query(node),
        "shows the node's kernel version, to compare with a healthy node",
    )
}

/// Finds kubelets whose certificate is not renewed.
pub(super) fn certificate(case: &Case<'_>, findings: &mut Findings) {
    for request in case
        .snapshot
        .objects
        .customs
        .of("CertificateSigningRequest")
    {
        let signer = request.text("/spec/signerName");
        let user = request.text("/spec/username");
        let pending = request.items("/status/conditions").is_empty()
            && request.text("/status/certificate").is_empty();
        let created = view::created(request);
        let old = created.is_some_and(|at| case.snapshot.captured_at - APPROVAL > at);
        let kubelet = signer.starts_with("kubernetes.io/kube") && signer.contains("kubelet");
        let node = user.strip_prefix("system:node:");
        let Some(node) = node.and_then(|name| machine::known(case, name)) else {
            continue;
        };
        if !(pending && old && kubelet) {
            continue;
        }
        let object = view::reference("CertificateSigningRequest", request);
        let name = operand(&object.name).into_owned();
        let draft = Draft::status(
            object,
            format!("pending: neither approved nor denied ({signer})"),
            Vec::new(),
        )
        .at(created);
        let statement =
            format!("The kubelet of {node} waits for a certificate that nobody approves.");
        findings.add(
            certificate_finding(case, &node, Strength::Strong, statement, draft)
                .since(created)
                .repair(
                    format!("kubectl certificate approve {name}"),
                    "",
                    "gives the kubelet its certificate, once it is known to be its own",
                ),
        );
    }
    for log in refused_kubelets(case) {
        let Some(node) = addressed(case, &log.exemplar) else {
            continue;
        };
        let statement =
            format!("The certificate of the kubelet of {node} is refused by its clients.");
        let draft = Draft::log(log);
        findings.add(certificate_finding(
            case,
            &node,
            Strength::Likely,
            statement,
            draft,
        ));
    }
}

fn certificate_finding(
    case: &Case<'_>,
    node: &ObjectRef,
    strength: Strength,
    statement: String,
    draft: Draft,
) -> Finding {
    Finding::new(Cause::KubeletCert, node.clone(), strength, statement)
        .because([draft])
        .explains(machine::carried(case, node))
        .check(
            "kubectl get certificatesigningrequests",
            "shows requests that wait, and who asks",
        )
}

/// Lines about a kubelet's port that speak of its certificate.
fn refused_kubelets<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a LogTemplate> {
    let case = *case;
    case.facts.logs.iter().filter(move |log| {
        log.exemplar.contains(":10250")
            && view::mentions(&log.exemplar, &CERTIFICATE)
            && view::in_window(&case, log.last)
    })
}

/// The node whose kubelet a line addresses.
fn addressed(case: &Case<'_>, line: &str) -> Option<ObjectRef> {
    let end = line.find(":10250")?;
    let start = line[..end]
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')))
        .map_or(0, |at| at + 1);
    machine::known(case, &line[start..end])
}

/// Finds nodes that cannot free space from images although they have no disk pressure yet.
pub(super) fn images(case: &Case<'_>, findings: &mut Findings) {
    for event in &case.facts.events {
        let failed = matches!(
            event.reason.as_str(),
            "ImageGCFailed" | "FreeDiskSpaceFailed"
        );
        let space = view::mentions(
            &event.message,
            &["bytes", "garbage collect required amount"],
        );
        if event.object.kind != "Node" || !failed || !space || !view::in_window(case, event.last) {
            continue;
        }
        let Some(node) = machine::known(case, &event.object.name) else {
            continue;
        };
        let known = case.snapshot.objects.nodes.get("", &node.name);
        let pressed = known
            .and_then(|node| machine::condition(node, "DiskPressure"))
            .is_some_and(|condition| condition.status == "True");
        if pressed {
            // The pressure is the larger statement of the same.
            continue;
        }
        let count = known.and_then(|node| Some(node.status.as_ref()?.images.as_ref()?.len()));
        let held = count
            .map(|count| Draft::status(node.clone(), format!("holds {count} images"), Vec::new()));
        let statement = format!("{node} cannot free enough space by deleting images.");
        findings.add(
            Finding::new(
                Cause::ImageGarbageCollection,
                node.clone(),
                Strength::Strong,
                statement,
            )
            .because([Draft::event(event)])
            .because(held)
            .since(event.first)
            .check(get_query(&node), "lists the images the node holds, by size"),
        );
    }
}

/// Finds a cordon that the alert asks about and that nobody seems to work under.
pub(super) fn cordon(case: &Case<'_>, findings: &mut Findings) {
    for node in &case.snapshot.objects.nodes {
        let object = view::reference("Node", node);
        let unschedulable = node
            .spec
            .as_ref()
            .is_some_and(|spec| spec.unschedulable == Some(true));
        if !unschedulable || !case.subjects.contains(&object) || is_announced(node) {
            continue;
        }
        let since = cordoned_at(node);
        let long = since.is_some_and(|at| case.snapshot.captured_at - FORGOTTEN > at);
        if !long {
            continue;
        }
        let when = since.map_or_else(String::new, |at| format!(" since {at}"));
        let name = operand(&object.name).into_owned();
        let fields = format!("{} --show-managed-fields", get_query(&object));
        findings.add(
            Finding::new(
                Cause::CordonForgotten,
                object.clone(),
                Strength::Likely,
                format!("{object} takes no pods{when}, and nothing says why."),
            )
            .because([Draft::spec(object, format!("unschedulable{when}"), Vec::new()).at(since)])
            .check(fields, "shows who cordoned it")
            .repair(
                format!("kubectl uncordon {name}"),
                format!("kubectl cordon {name}"),
                "lets the node take pods again, once nobody works on it",
            ),
        );
    }
}

/// When the node was cordoned: its taint, or who last wrote the field.
fn cordoned_at(node: &Node) -> Option<jiff::Timestamp> {
    let taints = node
        .spec
        .iter()
        .flat_map(|spec| spec.taints.iter().flatten());
    let tainted = taints
        .filter(|taint| taint.key == "node.kubernetes.io/unschedulable")
        .find_map(|taint| Some(taint.time_added.as_ref()?.0));
    let written = node
        .metadata
        .managed_fields
        .iter()
        .flatten()
        .find_map(|entry| {
            let fields = serde_json::to_value(&entry.fields_v1).unwrap_or(Value::Null);
            let own = fields.pointer("/f:spec/f:unschedulable").is_some();
            own.then(|| entry.time.as_ref().map(|time| time.0))?
        });
    tainted.or(written)
}

/// Whether somebody noted why the node is out of service.
fn is_announced(node: &Node) -> bool {
    const WORDS: [&str; 4] = ["maintenance", "drain", "reboot", "upgrade"];
    let labels = node.metadata.labels.iter().flatten();
    let notes = node.metadata.annotations.iter().flatten();
    labels
        .chain(notes)
        .any(|(name, value)| view::mentions(name, &WORDS) || view::mentions(value, &WORDS))
}

#[cfg(test)]
mod tests;
