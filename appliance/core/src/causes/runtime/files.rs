//! Files, ports, certificates, rights and limits that programs complain about.

use k8s_openapi::api::core::v1::{Pod, VolumeMount};

use super::{is_troubled, matters, pod_of};
use crate::causes::signs::{Seen, Sign};
use crate::causes::{Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// States what the logs say about files, ports, certificates and rights.
pub(super) fn analyze(case: &Case<'_>, seen: &[Seen], findings: &mut Findings) {
    for one in seen {
        let Some(pod) = pod_of(case, one) else {
            continue;
        };
        if !matters(case, pod, one) {
            continue;
        }
        if let Some(finding) = finding_of(case, pod, one) {
            findings.add(
                finding
                    .because([one.draft()])
                    .since(one.first)
                    .explains(view::affected_by(&case.snapshot.objects, pod)),
            );
        }
    }
    same_port_twice(case, findings);
}

fn finding_of(case: &Case<'_>, pod: &Pod, one: &Seen) -> Option<Finding> {
    let workload = view::workload_of(&case.snapshot.objects, pod);
    let troubled = is_troubled(case, pod);
    // What a program survives is a hint; what it dies of is the cause.
    let strength = if troubled {
        Strength::Strong
    } else {
        Strength::Hint
    };
    let (cause, words) = match one.sign {
        Sign::NoSpace => return Some(no_space(case, pod, one, strength)),
        Sign::TooManyFiles => return Some(too_many_files(case, pod, one, strength)),
        Sign::AddressInUse => (
            Cause::PortConflict,
            "cannot bind its port: something in the pod or on the node holds it",
        ),
        Sign::CertificateTime => (
            Cause::AppCertExpired,
            "meets a certificate that is expired or not yet valid",
        ),
        Sign::RbacForbidden => (
            Cause::AppRbac403,
            "is forbidden by RBAC to do what it needs",
        ),
        Sign::FileDenied => (Cause::VolumePermissionDenied, "may not use its files"),
        Sign::RateLimited => (Cause::UpstreamRateLimited, "is rate-limited by an upstream"),
        _ => return None,
    };
    if one.sign == Sign::FileDenied && !troubled {
        return None;
    }
    let statement = format!("{workload} {words}.");
    let finding = Finding::new(cause, workload.clone(), strength, statement);
    Some(match one.sign {
        Sign::FileDenied => finding.because(mount_draft(pod, one)),
        Sign::AddressInUse => finding.because(ports_draft(pod, one)),
        _ => finding,
    })
}

/// The mount whose path the line names.
fn mount_draft(pod: &Pod, one: &Seen) -> Option<Draft> {
    let mount = mount_named(pod, one)?;
    let title = format!(
        "volume {} is mounted at {}{}",
        mount.name,
        mount.mount_path,
        if mount.read_only == Some(true) {
            ", read-only"
        } else {
            ""
        }
    );
    Some(Draft::spec(view::pod_ref(pod), title, Vec::new()))
}

fn mount_named<'a>(pod: &'a Pod, one: &Seen) -> Option<&'a VolumeMount> {
    wiring::containers(pod)
        .iter()
        .filter(|container| container.name == one.container)
        .flat_map(|container| container.volume_mounts.iter().flatten())
        .filter(|mount| mount.mount_path.len() > 1 && one.line.contains(&mount.mount_path))
        .max_by_key(|mount| mount.mount_path.len())
}

fn ports_draft(pod: &Pod, one: &Seen) -> Option<Draft> {
    let port = one.address.as_ref()?.port?;
    let lines = wiring::containers(pod)
        .iter()
        .map(|container| {
            let ports = wiring::declared_ports(std::slice::from_ref(container));
            format!("container {} declares {ports:?}", container.name)
        })
        .collect();
    let title = format!("port {port} is wanted by container {}", one.container);
    Some(Draft::spec(view::pod_ref(pod), title, lines))
}

/// A limit of the process is the workload's; one of the kernel (inotify, the
/// file table) is the node's when several workloads meet it there.
fn too_many_files(case: &Case<'_>, pod: &Pod, one: &Seen, strength: Strength) -> Finding {
    let workload = view::workload_of(&case.snapshot.objects, pod);
    let kernel = view::mentions(&one.line, &["inotify", "enfile", "in system"]);
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    let statement = format!("{workload} has used up its file descriptors or inotify watches.");
    let finding = Finding::new(Cause::UlimitFdInotify, workload, strength, statement);
    match node.filter(|_| kernel) {
        Some(node) => {
            let object = ObjectRef::cluster("Node", node);
            let title = "fs.inotify and fs.file-max hold for the node as a whole";
            finding.because([Draft::spec(object, title, Vec::new())])
        }
        None => finding,
    }
}

/// What the path of a full file system lies on.
enum Place {
    SharedMemory,
    Scratch(String),
    Claim(String),
    Unknown,
}

fn no_space(case: &Case<'_>, pod: &Pod, one: &Seen, strength: Strength) -> Finding {
    let objects = &case.snapshot.objects;
    let workload = view::workload_of(objects, pod);
    let place = place_of(pod, one);
    let (cause, what) = match &place {
        Place::SharedMemory => (
            Cause::ShmOrTmpExhausted,
            "has used up its shared memory (/dev/shm)".to_owned(),
        ),
        Place::Scratch(path) => (
            Cause::ShmOrTmpExhausted,
            format!("has filled its scratch volume at {path}"),
        ),
        Place::Claim(_) | Place::Unknown => (
            Cause::DiskFullVolume,
            "writes to a volume that is full".to_owned(),
        ),
    };
    let object = match place {
        Place::Claim(name) => ObjectRef {
            kind: "PersistentVolumeClaim".to_owned(),
            namespace: pod.metadata.namespace.clone(),
            name,
        },
        _ => workload.clone(),
    };
    let statement = format!("{workload} {what}.");
    Finding::new(cause, object, strength, statement)
        .because(mount_draft(pod, one))
        .explains([workload])
}

/// The volume whose mount path the line names; without a path the pod's claim.
fn place_of(pod: &Pod, one: &Seen) -> Place {
    if view::mentions(&one.line, &["/dev/shm", "shared memory"]) {
        return Place::SharedMemory;
    }
    let Some(spec) = pod.spec.as_ref() else {
        return Place::Unknown;
    };
    let volume_named = |name: &str| {
        let mut volumes = spec.volumes.iter().flatten();
        volumes.find(|volume| volume.name == name)
    };
    let mount = mount_named(pod, one);
    let volume = mount.and_then(|mount| volume_named(&mount.name));
    if let (Some(mount), Some(volume)) = (mount, volume) {
        if let Some(claim) = &volume.persistent_volume_claim {
            return Place::Claim(claim.claim_name.clone());
        }
        if volume.empty_dir.is_some() {
            return Place::Scratch(mount.mount_path.clone());
        }
    }
    let first = view::claim_names(spec).into_iter().next();
    match first {
        Some(claim) => Place::Claim(claim),
        None if view::mentions(&one.line, &[" /tmp", "'/tmp", "\"/tmp", "=/tmp"]) => {
            Place::Scratch("/tmp".to_owned())
        }
        None => Place::Unknown,
    }
}

/// Two containers of one pod that declare the same port cannot both listen.
fn same_port_twice(case: &Case<'_>, findings: &mut Findings) {
    for pod in &case.snapshot.objects.pods {
        if view::is_terminating(pod) || !is_troubled(case, pod) {
            continue;
        }
        let mut taken: Vec<(i32, &str, &str)> = Vec::new();
        for container in wiring::containers(pod) {
            for port in container.ports.iter().flatten() {
                let protocol = port.protocol.as_deref().unwrap_or("TCP");
                let other = taken.iter().find(|(number, other_protocol, other)| {
                    *number == port.container_port
                        && *other_protocol == protocol
                        && *other != container.name
                });
                if let Some((number, _, other)) = other {
                    let workload = view::workload_of(&case.snapshot.objects, pod);
                    let statement = format!(
                        "Containers {other} and {} of {workload} both want port {number}.",
                        container.name
                    );
                    let draft = Draft::spec(view::pod_ref(pod), statement.clone(), Vec::new());
                    findings.add(
                        Finding::new(Cause::PortConflict, workload, Strength::Likely, statement)
                            .because([draft])
                            .explains(view::affected_by(&case.snapshot.objects, pod)),
                    );
                }
                taken.push((port.container_port, protocol, &container.name));
            }
        }
    }
}
