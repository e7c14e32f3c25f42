//! Images that cannot be pulled or run, told apart by the runtime's message.
//!
//! The registry's answer decides: it says "not found", asks for credentials,
//! limits the rate, or does not answer at all. Whether the workload or its
//! node is at fault follows from who else fails. Starting the pulled image is
//! [`super::startup`]'s business, except for a foreign platform.
//!
//! Invariant: the image's own name never decides; it is cut from a message
//! before fragments are looked for.

mod message;
mod place;
mod platform;
mod spelling;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wordings;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, Pod};

use self::message::{Answer, classify, registry_of, repository_of};
use self::place::{culprit, node_of};
pub(super) use self::platform::platform;
use self::spelling::is_slip;
use super::said::{Said, about_pod};
use super::view::{
    affected_by, container_statuses, is_terminating, is_well, name_of, namespace_of, pod_ref,
    reference, waiting, workload_of,
};
use super::{Case, Cause, Finding, Findings, Strength};
use crate::evidence::query::{describe_query, history_query, pods_on_node, shell_word};
use crate::evidence::{Draft, namespace_flag};
use crate::object::ObjectRef;
use crate::snapshot::Objects;

const PULL_STATES: &[&str] = &[
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];

/// One container whose image does not arrive.
struct Pull<'a> {
    pod: &'a Pod,
    workload: ObjectRef,
    container: String,
    image: String,
    said: Vec<Said>,
    answer: Option<Answer>,
}

/// Finds containers whose image cannot be pulled.
pub(super) fn pulls(case: &Case<'_>, findings: &mut Findings) {
    let failing: Vec<Pull<'_>> = case
        .snapshot
        .objects
        .pods
        .iter()
        .filter(|pod| !is_well(pod) && !is_terminating(pod))
        .flat_map(|pod| failing_pulls(case, pod))
        .collect();
    for pull in &failing {
        state(case, pull, &failing, findings);
    }
}

fn failing_pulls<'a>(case: &Case<'a>, pod: &'a Pod) -> Vec<Pull<'a>> {
    let said = about_pod(case, pod);
    let mut containers: BTreeSet<String> = container_statuses(pod)
        .filter(|status| waiting(status).is_some_and(|(reason, _)| PULL_STATES.contains(&reason)))
        .map(|status| status.name.clone())
        .collect();
    if containers.is_empty() && container_statuses(pod).next().is_none() {
        containers = named_in_events(pod, &said);
    }
    containers
        .into_iter()
        .map(|container| pull_of(case, pod, container, &said))
        .collect()
}

/// Without statuses the events' image names lead to the containers.
fn named_in_events(pod: &Pod, said: &[Said]) -> BTreeSet<String> {
    let pulled = |container: &&Container| {
        let image = container.image.as_deref().unwrap_or_default();
        !image.is_empty()
            && said.iter().any(|said| {
                said.reason == "Failed"
                    && said.mentions(&["failed to pull image"])
                    && said.text.contains(image)
            })
    };
    containers_of(pod)
        .filter(pulled)
        .map(|container| container.name.clone())
        .collect()
}

fn containers_of(pod: &Pod) -> impl Iterator<Item = &Container> {
    let spec = pod.spec.as_ref();
    let init = spec.and_then(|spec| spec.init_containers.as_deref());
    let main = spec.map(|spec| spec.containers.as_slice());
    init.into_iter().chain(main).flatten()
}

fn pull_of<'a>(case: &Case<'a>, pod: &'a Pod, container: String, said: &[Said]) -> Pull<'a> {
    let image = image_of(pod, &container);
    let about_image = |said: &&Said| {
        let named = said.container == container
            || (said.container.is_empty() && (image.is_empty() || said.text.contains(&image)));
        named
            && (said.is(PULL_STATES) || said.is(&["Failed", "InspectFailed", "ErrImageNeverPull"]))
            || said.is(&["FailedToRetrieveImagePullSecret"])
    };
    let said: Vec<Said> = said.iter().filter(about_image).cloned().collect();
    let answer = said
        .iter()
        .filter_map(|said| classify(&said.reason, &said.text, &image))
        .max();
    Pull {
        workload: workload_of(&case.snapshot.objects, pod),
        pod,
        container,
        image,
        said,
        answer,
    }
}

fn image_of(pod: &Pod, container: &str) -> String {
    let in_spec = containers_of(pod)
        .find(|other| other.name == container)
        .and_then(|container| container.image.clone());
    in_spec
        .or_else(|| {
            container_statuses(pod)
                .find(|status| status.name == container)
                .map(|status| status.image.clone())
        })
        .unwrap_or_default()
}

fn state(case: &Case<'_>, pull: &Pull<'_>, failing: &[Pull<'_>], findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let missing_secrets = missing_pull_secrets(objects, pull.pod);
    let before = image_before(objects, pull);
    let slip = slip(objects, pull);
    let (cause, strength) = decide(pull, &missing_secrets, before.as_ref(), slip.as_ref());
    let object = culprit(case, pull, failing, cause);
    let mut finding = Finding::new(
        cause,
        object.clone(),
        strength,
        statement(cause, pull, &missing_secrets),
    )
    .because(decisive_first(pull).map(|said| said.draft.clone()))
    .explains(affected_by(objects, pull.pod));
    for said in &pull.said {
        finding = finding.since(said.since.or(said.at));
    }
    if cause == Cause::ImagePullAuth {
        finding = finding.because(missing_secrets.iter().map(|secret| {
            let title = format!("imagePullSecrets names Secret {secret}, which does not exist");
            Draft::spec(pod_ref(pull.pod), title, Vec::new())
        }));
    }
    if let Some(slip) = slip.filter(|slip| slip.cause == cause) {
        let title = format!(
            "image {} says {}, one slip away from {}",
            pull.image, slip.written, slip.meant
        );
        finding = finding.because([Draft::spec(pod_ref(pull.pod), title, Vec::new())]);
    }
    if pull.answer.is_none() && before.is_none() && cause == Cause::ImageNotFound {
        let title = "the registry's answer was not captured: it may want credentials, or be silent";
        finding = finding.against([Draft::status(pod_ref(pull.pod), title, Vec::new())]);
    }
    if let Some((set, image)) = &before {
        finding = finding.because([Draft::spec(
            set.clone(),
            format!("the previous ReplicaSet ran image {image}"),
            Vec::new(),
        )]);
    }
    finding = finding.because(
        case.facts
            .changes
            .iter()
            .filter(|change| change.object == pull.workload)
            .take(1)
            .map(Draft::change),
    );
    finding = checks(finding, pull, &missing_secrets);
    findings.add(finding);
    if strength == Strength::Stated {
        rule_out(pull, cause, &object, findings);
    }
}

/// The message decides; without one the missing secret, then what changed.
fn decide(
    pull: &Pull<'_>,
    missing_secrets: &[String],
    before: Option<&(ObjectRef, String)>,
    slip: Option<&Slip>,
) -> (Cause, Strength) {
    let secret_refused = pull
        .said
        .iter()
        .any(|said| said.reason == "FailedToRetrieveImagePullSecret")
        || !missing_secrets.is_empty();
    let same_repository =
        before.is_some_and(|(_, image)| repository_of(image) == repository_of(&pull.image));
    match pull.answer {
        Some(Answer::DeniedOrAbsent) if secret_refused || same_repository => {
            (Cause::ImagePullAuth, Strength::Strong)
        }
        Some(Answer::DeniedOrAbsent) if slip.is_some() || before.is_some() => {
            (Cause::ImageNotFound, Strength::Likely)
        }
        Some(Answer::DeniedOrAbsent) => (Cause::ImagePullAuth, Strength::Likely),
        Some(answer) => (answer.cause(), Strength::Stated),
        None if secret_refused => (Cause::ImagePullAuth, Strength::Likely),
        None if slip.is_some() => (
            slip.map_or(Cause::ImageNotFound, |slip| slip.cause),
            Strength::Likely,
        ),
        None if before.is_some() => (Cause::ImageNotFound, Strength::Likely),
        None => (Cause::ImageNotFound, Strength::Likely),
    }
}

/// Secrets named in `imagePullSecrets` that are not there, where secrets were captured.
fn missing_pull_secrets(objects: &Objects, pod: &Pod) -> Vec<String> {
    let namespace = namespace_of(pod);
    if !objects.secrets.captured_in(namespace) {
        return Vec::new();
    }
    let named = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.image_pull_secrets.as_deref())
        .unwrap_or_default();
    named
        .iter()
        .map(|secret| secret.name.clone())
        .filter(|name| !name.is_empty() && objects.secrets.get(namespace, name).is_none())
        .collect()
}

/// The image the newest older ReplicaSet of the same Deployment ran, if it differs.
fn image_before(objects: &Objects, pull: &Pull<'_>) -> Option<(ObjectRef, String)> {
    let namespace = namespace_of(pull.pod);
    let own: BTreeSet<&str> = pull
        .pod
        .metadata
        .owner_references
        .iter()
        .flatten()
        .map(|owner| owner.name.as_str())
        .collect();
    objects
        .replica_sets
        .in_namespace(namespace)
        .filter(|set| !own.contains(name_of(*set)))
        .filter(|set| {
            super::view::root_of(objects, &reference("ReplicaSet", *set)) == pull.workload
        })
        .filter_map(|set| {
            let containers = &set.spec.template.as_ref()?.spec.as_ref()?.containers;
            let image = containers
                .iter()
                .find(|container| container.name == pull.container)?
                .image
                .clone()?;
            let created = set.metadata.creation_timestamp.as_ref().map(|time| time.0);
            Some((created, reference("ReplicaSet", set), image))
        })
        .max_by_key(|(created, ..)| *created)
        .map(|(_, set, image)| (set, image))
        .filter(|(_, image)| *image != pull.image)
}

/// A part of the image's reference that is one slip away from a name in use.
struct Slip {
    cause: Cause,
    written: String,
    meant: String,
}

/// Compares the image with its container's and workload's names and with the
/// other images of the cluster, part by part. A part that is in use elsewhere
/// is spelt right.
fn slip(objects: &Objects, pull: &Pull<'_>) -> Option<Slip> {
    let others: Vec<&str> = objects
        .pods
        .iter()
        .flat_map(containers_of)
        .filter_map(|container| container.image.as_deref())
        .filter(|image| *image != pull.image)
        .collect();
    let look = |cause, written: &str, known: BTreeSet<String>| {
        let written = written.to_lowercase();
        let spelt_right = known.contains(&written);
        known
            .into_iter()
            .find(|name| !spelt_right && is_slip(name, &written))
            .map(|meant| Slip {
                cause,
                written,
                meant,
            })
    };
    let hosts = others.iter().map(|image| registry_of(image).to_lowercase());
    let names = [pull.container.as_str(), pull.workload.name.as_str()];
    let bases = names
        .into_iter()
        .chain(others.iter().map(|image| base_name(image)));
    let tags = others.iter().map(|image| tag_of(image).to_lowercase());
    look(
        Cause::RegistryUnreachable,
        registry_of(&pull.image),
        hosts.collect(),
    )
    .or_else(|| {
        let bases = bases.map(str::to_lowercase).collect();
        look(Cause::ImageNotFound, base_name(&pull.image), bases)
    })
    .or_else(|| look(Cause::ImageNotFound, tag_of(&pull.image), tags.collect()))
}

/// The last part of an image's repository.
fn base_name(image: &str) -> &str {
    repository_of(image).rsplit('/').next().unwrap_or(image)
}

/// What follows the repository: a tag, a digest, or nothing.
fn tag_of(image: &str) -> &str {
    &image[repository_of(image).len()..]
}

/// What was said, the message that decided first.
fn decisive_first<'a>(pull: &'a Pull<'_>) -> impl Iterator<Item = &'a Said> {
    let decides = |said: &&Said| classify(&said.reason, &said.text, &pull.image) == pull.answer;
    let rest = pull.said.iter().filter(move |said| !decides(said));
    pull.said.iter().filter(decides).chain(rest)
}

fn statement(cause: Cause, pull: &Pull<'_>, missing_secrets: &[String]) -> String {
    let pod = name_of(pull.pod);
    let (image, container) = (&pull.image, &pull.container);
    let registry = registry_of(image);
    match cause {
        Cause::ImageNotFound if pull.answer.is_some() => format!(
            "{registry} has no image {image}; container {container} of pod {pod} cannot start"
        ),
        Cause::ImagePullAuth => {
            let secret = missing_secrets.first().map_or_else(String::new, |secret| {
                format!("; imagePullSecret {secret} does not exist")
            });
            format!(
                "{registry} refuses to hand image {image} to pod {pod} without valid credentials{secret}"
            )
        }
        Cause::RegistryUnreachable => format!(
            "the registry {registry} cannot be reached from node {}, so image {image} of pod {pod} is not pulled",
            node_of(pull.pod).unwrap_or("unknown")
        ),
        Cause::DiskPressure => format!(
            "node {} has no room left for image {image} of pod {pod}",
            node_of(pull.pod).unwrap_or("unknown")
        ),
        Cause::RegistryRateLimited => {
            format!("{registry} limits the rate of pulls; image {image} of pod {pod} has to wait")
        }
        Cause::ImagePlatformMismatch => {
            format!(
                "image {image} has no variant for the platform of node {}",
                node_of(pull.pod).unwrap_or("unknown")
            )
        }
        Cause::ImageNameInvalid => {
            format!(
                "image {image} of container {container} in pod {pod} is no valid reference, or may never be pulled and is not on the node"
            )
        }
        _ => format!("image {image} of container {container} in pod {pod} cannot be pulled"),
    }
}

fn checks(finding: Finding, pull: &Pull<'_>, missing_secrets: &[String]) -> Finding {
    let pod = pod_ref(pull.pod);
    let flag = namespace_flag(&pod);
    let mut finding = finding.check(
        describe_query(&pod),
        "shows the registry's answer word for word",
    );
    match finding.cause {
        Cause::ImagePullAuth => {
            let account = pull
                .pod
                .spec
                .as_ref()
                .and_then(|spec| spec.service_account_name.as_deref())
                .filter(|name| !name.is_empty())
                .unwrap_or("default");
            finding = finding.check(
                format!(
                    "kubectl get {}{flag} -o yaml",
                    shell_word(&format!("serviceaccount/{account}"))
                ),
                "shows which pull secrets the pod inherits",
            );
            for secret in missing_secrets {
                finding = finding.check(
                    format!(
                        "kubectl get {}{flag}",
                        shell_word(&format!("secret/{secret}"))
                    ),
                    "shows whether the pull secret exists",
                );
            }
        }
        Cause::RegistryUnreachable => {
            if let Some(node) = node_of(pull.pod) {
                finding = finding.check(
                    pods_on_node(node),
                    "shows whether other images on this node are affected",
                );
            }
        }
        _ => {
            finding = finding.check(
                history_query(&pull.workload),
                "shows which revision changed the image",
            );
        }
    }
    finding
}

/// The registry's answer excludes the other readings of a failed pull.
fn rule_out(pull: &Pull<'_>, cause: Cause, object: &ObjectRef, findings: &mut Findings) {
    let Some(said) = decisive_first(pull).next() else {
        return;
    };
    let others: &[Cause] = match cause {
        Cause::ImageNotFound => &[Cause::RegistryUnreachable, Cause::ImagePullAuth],
        Cause::ImagePullAuth | Cause::RegistryRateLimited => &[Cause::RegistryUnreachable],
        Cause::RegistryUnreachable => &[Cause::ImageNotFound, Cause::ImagePullAuth],
        _ => &[],
    };
    for &other in others {
        findings.exclude(other, object.clone(), vec![said.draft.clone()]);
    }
}
