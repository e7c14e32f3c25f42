//! ConfigMaps, Secrets and volumes a pod refers to and cannot have.
//!
//! The kubelet names the missing object; where it does not, the references of
//! the spec are compared with what exists. A Secret or ConfigMap wanted as
//! environment is `SecretMissing`/`ConfigMapMissing`, wanted as a file it is
//! `MountObjectMissing`; a volume that exists and will not mount is
//! `MountVolumeFailed`. Attach conflicts and dead file servers are
//! [`crate::causes::storage`]'s.

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wordings;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Pod, PodSpec};

use crate::causes::said::{Said, about_pod};
use crate::causes::view::{
    affected_by, container_statuses, is_terminating, is_well, mentions, namespace_of, pod_ref,
    quoted_after, waiting, workload_of,
};
use crate::causes::{Case, Cause, Finding, Findings, Strength, storage};
use crate::evidence::query::{describe_query, history_query, pods_on_node, shell_word};
use crate::evidence::{Draft, namespace_flag};
use crate::object::ObjectRef;
use crate::snapshot::Objects;

/// How long a pod may be busy mounting before silence means trouble.
const MOUNT_PATIENCE: SignedDuration = SignedDuration::from_mins(2);

/// Something a pod refers to that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reference {
    kind: &'static str,
    name: String,
    key: Option<String>,
    mounted: bool,
}

impl Reference {
    fn cause(&self) -> Cause {
        match (self.mounted, self.key.is_some(), self.kind) {
            (true, ..) => Cause::MountObjectMissing,
            (_, true, _) => Cause::ConfigKeyMissing,
            (_, _, "Secret") => Cause::SecretMissing,
            _ => Cause::ConfigMapMissing,
        }
    }
}

/// Finds pods whose configuration objects are missing.
pub(crate) fn objects(case: &Case<'_>, findings: &mut Findings) {
    for pod in unwell(case) {
        let said = about_pod(case, pod);
        let mut found = false;
        for line in &said {
            if let Some(reference) = read(line) {
                findings.add(missing(case, pod, &reference, Strength::Stated, [line]));
                found = true;
            }
        }
        if found || !waits_for_objects(case, pod) {
            continue;
        }
        let states: Vec<&Said> = said
            .iter()
            .filter(|said| {
                said.is(&[
                    "CreateContainerConfigError",
                    "ContainerCreating",
                    "FailedMount",
                ])
            })
            .collect();
        for reference in absent_references(&case.snapshot.objects, pod) {
            findings.add(missing(
                case,
                pod,
                &reference,
                Strength::Strong,
                states.clone(),
            ));
        }
    }
}

fn unwell<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Pod> + use<'a> {
    let pods = case.snapshot.objects.pods.iter();
    pods.filter(|pod| !is_well(pod) && !is_terminating(pod))
}

/// Whether a state fits a missing object: refused configuration, or creating for long.
fn waits_for_objects(case: &Case<'_>, pod: &Pod) -> bool {
    container_statuses(pod).any(|status| {
        waiting(status).is_some_and(|(reason, _)| match reason {
            "CreateContainerConfigError" => true,
            "ContainerCreating" | "PodInitializing" => creating_for_long(case, pod),
            _ => false,
        })
    })
}

fn creating_for_long(case: &Case<'_>, pod: &Pod) -> bool {
    let started = pod
        .status
        .as_ref()
        .and_then(|status| status.start_time.as_ref())
        .or(pod.metadata.creation_timestamp.as_ref());
    started.is_some_and(|time| case.snapshot.captured_at.duration_since(time.0) > MOUNT_PATIENCE)
}

/// What the kubelet's words name as missing.
fn read(said: &Said) -> Option<Reference> {
    let mounted = said.is(&["FailedMount", "FailedAttachVolume"])
        || said.mentions(&[
            "mountvolume.setup failed",
            "unable to attach or mount volumes",
        ]);
    let reference = |kind, name: &str, key: Option<&str>| {
        Some(Reference {
            kind,
            name: name.rsplit('/').next().unwrap_or(name).to_owned(),
            key: key.map(str::to_owned),
            mounted,
        })
    };
    let text = said.text.as_str();
    if said.mentions(&["couldn't find key"]) {
        let (_, rest) = text.split_once("find key ")?;
        let mut words = rest.split_whitespace();
        let (key, _in, kind, name) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let kind = if kind.eq_ignore_ascii_case("secret") {
            "Secret"
        } else {
            "ConfigMap"
        };
        return reference(kind, name.trim_end_matches([',', '.']), Some(key));
    }
    if said.mentions(&["references non-existent"]) {
        let kind = if said.mentions(&["non-existent secret key"]) {
            "Secret"
        } else {
            "ConfigMap"
        };
        let marker = if kind == "Secret" {
            "secret "
        } else {
            "configmap "
        };
        let name = quoted_after(text, marker).unwrap_or_default();
        let key = text.rsplit(": ").next();
        return reference(kind, name, key);
    }
    if !said.mentions(&["not found"]) || said.is(&["FailedToRetrieveImagePullSecret"]) {
        return None;
    }
    if let Some(name) = object_before_not_found(text, "secret ") {
        return reference("Secret", name, None);
    }
    object_before_not_found(text, "configmap ").and_then(|name| reference("ConfigMap", name, None))
}

/// The name in `MARKER "name" not found`.
fn object_before_not_found<'a>(text: &'a str, marker: &str) -> Option<&'a str> {
    let name = quoted_after(text, marker)?;
    // The volume may have the same name: what follows the object's own counts.
    let from = text.to_ascii_lowercase().find(marker)? + marker.len();
    let rest = text.get(from..)?;
    let after = rest.find(name).map(|at| &rest[at + name.len()..])?;
    mentions(after.get(..12).unwrap_or(after), &["not found"]).then_some(name)
}

fn missing<'s>(
    case: &Case<'_>,
    pod: &Pod,
    reference: &Reference,
    strength: Strength,
    said: impl IntoIterator<Item = &'s Said>,
) -> Finding {
    let workload = workload_of(&case.snapshot.objects, pod);
    let flag = namespace_flag(&workload);
    let what = match (&reference.key, reference.name.is_empty()) {
        (Some(key), false) => format!("key {key} of {} {}", reference.kind, reference.name),
        (Some(key), true) => format!("key {key} of a {}", reference.kind),
        (None, _) => format!("{} {}", reference.kind, reference.name),
    };
    let how = if reference.mounted {
        "mounts"
    } else {
        "takes its environment from"
    };
    let statement =
        format!("{workload} {how} {what}, which does not exist, so its containers are not created");
    let mut finding = Finding::new(reference.cause(), workload.clone(), strength, statement)
        .explains(affected_by(&case.snapshot.objects, pod));
    for line in said {
        finding = finding
            .because([line.draft.clone()])
            .since(line.since.or(line.at));
    }
    if finding.because.is_empty() || strength != Strength::Stated {
        let title = format!("refers to {what}, which does not exist");
        finding = finding.because([Draft::spec(pod_ref(pod), title, Vec::new())]);
    }
    let kind = reference.kind.to_lowercase();
    if !reference.name.is_empty() {
        finding = finding.check(
            format!(
                "kubectl get {}{flag}",
                shell_word(&format!("{kind}/{}", reference.name))
            ),
            "shows whether it exists by now",
        );
    }
    finding
        .check(
            format!("kubectl get {kind}{flag}"),
            "shows whether one of a similar name exists",
        )
        .check(
            history_query(&workload),
            "shows which revision began to refer to it",
        )
}

/// Required references of a pod to objects that do not exist, where they were captured.
fn absent_references(objects: &Objects, pod: &Pod) -> Vec<Reference> {
    let namespace = namespace_of(pod);
    let Some(spec) = &pod.spec else {
        return Vec::new();
    };
    let mut references = environment(spec);
    references.extend(mounts(spec));
    references.retain(|reference| match reference.kind {
        "Secret" => {
            objects.secrets.captured_in(namespace)
                && objects.secrets.get(namespace, &reference.name).is_none()
        }
        _ => {
            objects.config_maps.captured_in(namespace)
                && objects
                    .config_maps
                    .get(namespace, &reference.name)
                    .is_none()
        }
    });
    references.dedup();
    references
}

fn reference(kind: &'static str, name: &str, mounted: bool) -> Reference {
    Reference {
        kind,
        name: name.to_owned(),
        key: None,
        mounted,
    }
}

fn environment(spec: &PodSpec) -> Vec<Reference> {
    let containers = spec
        .init_containers
        .iter()
        .flatten()
        .chain(&spec.containers);
    let mut references = Vec::new();
    for container in containers {
        for source in container.env_from.iter().flatten() {
            if let Some(secret) = source
                .secret_ref
                .as_ref()
                .filter(|it| it.optional != Some(true))
            {
                references.push(reference("Secret", &secret.name, false));
            }
            if let Some(map) = source
                .config_map_ref
                .as_ref()
                .filter(|it| it.optional != Some(true))
            {
                references.push(reference("ConfigMap", &map.name, false));
            }
        }
        for source in container
            .env
            .iter()
            .flatten()
            .filter_map(|it| it.value_from.as_ref())
        {
            if let Some(key) = source
                .secret_key_ref
                .as_ref()
                .filter(|it| it.optional != Some(true))
            {
                references.push(reference("Secret", &key.name, false));
            }
            if let Some(key) = source
                .config_map_key_ref
                .as_ref()
                .filter(|it| it.optional != Some(true))
            {
                references.push(reference("ConfigMap", &key.name, false));
            }
        }
    }
    references
}

/// Mounted Secrets and ConfigMaps; projected ones are left out, since the
/// cluster adds its own there and may create them late.
fn mounts(spec: &PodSpec) -> Vec<Reference> {
    let mut references = Vec::new();
    for volume in spec.volumes.iter().flatten() {
        if let Some(secret) = volume
            .secret
            .as_ref()
            .filter(|it| it.optional != Some(true))
        {
            let name = secret.secret_name.as_deref().unwrap_or_default();
            references.push(reference("Secret", name, true));
        }
        if let Some(map) = volume
            .config_map
            .as_ref()
            .filter(|it| it.optional != Some(true))
        {
            references.push(reference("ConfigMap", &map.name, true));
        }
    }
    references
}

/// The kubelet's words for not having read an object yet; it tries again.
const NOT_READ_YET: &[&str] = &[
    "not registered",
    "failed to sync configmap cache",
    "failed to sync secret cache",
    "failed to fetch token",
];

/// Finds pods whose volume exists and will not mount.
///
/// The kubelet's summary ("timed out waiting") only counts when nothing more
/// telling was said; that it has not read an object yet does not count at all.
pub(crate) fn volumes(case: &Case<'_>, findings: &mut Findings) {
    for pod in unwell(case) {
        let said = about_pod(case, pod);
        let about_volumes: Vec<&Said> = said
            .iter()
            .filter(|said| said.is(&["FailedMount", "FailedAttachVolume", "FailedMapVolume"]))
            .filter(|said| !said.mentions(NOT_READ_YET))
            .collect();
        let explained = about_volumes
            .iter()
            .any(|said| read(said).is_some() || storage::explains_mount(said));
        if about_volumes.is_empty() || explained {
            continue;
        }
        findings.add(will_not_mount(case, pod, &about_volumes));
    }
}

fn will_not_mount(case: &Case<'_>, pod: &Pod, said: &[&Said]) -> Finding {
    const SUMMARY: &[&str] = &[
        "timed out waiting for the condition",
        "context deadline exceeded",
    ];
    let object = pod_ref(pod);
    let telling = said.iter().find(|said| !said.mentions(SUMMARY));
    let strength = if telling.is_some() {
        Strength::Stated
    } else {
        Strength::Likely
    };
    let first = telling.or(said.first());
    let volume = first.and_then(|said| quoted_after(&said.text, "for volume"));
    let statement = format!(
        "{} of pod {} cannot be mounted, so its containers do not start",
        volume.map_or_else(
            || "a volume".to_owned(),
            |volume| format!("volume {volume}")
        ),
        object.name
    );
    let mut finding = Finding::new(
        Cause::MountVolumeFailed,
        workload_of(&case.snapshot.objects, pod),
        strength,
        statement,
    )
    .because(first.map(|said| said.draft.clone()))
    .explains(affected_by(&case.snapshot.objects, pod))
    .check(
        describe_query(&object),
        "shows which volume and what the mount said",
    );
    for said in said {
        finding = finding
            .because([said.draft.clone()])
            .since(said.since.or(said.at));
    }
    match pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) {
        Some(node) => finding.explains(Vec::<ObjectRef>::new()).check(
            pods_on_node(node),
            "shows the storage driver's pod on that node and other pods' mounts",
        ),
        None => finding,
    }
}
