//! What a "why not …?" is about: words matched to causes and objects.

use crate::analysis::Analysis;
use crate::causes::{Cause, Family};
use crate::object::ObjectRef;

/// The subject of a question: causes it may mean, and objects it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topic {
    /// Causes of the catalogue.
    pub causes: Vec<Cause>,
    /// Objects of the analysis.
    pub objects: Vec<ObjectRef>,
}

/// Words of people for groups of causes: whole families, or causes whose
/// identifiers hold one of the parts.
const GROUPS: &[(&[&str], &[Family], &[&str])] = &[
    (
        &["database", "db", "postgres", "postgresql", "mysql", "sql"],
        &[],
        &["Database", "ConnectionPool", "BadCredentials"],
    ),
    (&["dns", "resolver", "coredns"], &[], &["Dns"]),
    (
        &["network", "networking", "cni"],
        &[Family::Networking],
        &["Cni", "SandboxNetwork"],
    ),
    (
        &["firewall", "policy", "netpol"],
        &[],
        &["NetworkPolicy", "MeshAuthz"],
    ),
    (&["memory", "ram", "oom", "heap"], &[], &["Oom", "Memory"]),
    (
        &["cpu", "throttled", "throttling"],
        &[],
        &["Cpu", "Throttling", "NoisyNeighbour"],
    ),
    (
        &["disk", "storage", "volume", "pvc"],
        &[Family::Storage],
        &["Disk", "Volume", "Pvc"],
    ),
    (
        &["node", "machine", "host", "hardware"],
        &[Family::Node],
        &["Node"],
    ),
    (&["image", "registry", "pull"], &[], &["Image", "Registry"]),
    (
        &["rollout", "release", "deployment", "deploy", "version"],
        &[Family::Rollout],
        &["Rollout", "ConfigChange", "CodeDefect"],
    ),
    (
        &[
            "config",
            "configuration",
            "configmap",
            "setting",
            "environment",
        ],
        &[],
        &["Config"],
    ),
    (
        &["secret", "credentials", "password"],
        &[],
        &["Secret", "Credentials", "ImagePullAuth"],
    ),
    (
        &["certificate", "cert", "tls", "ssl"],
        &[],
        &["Cert", "Tls"],
    ),
    (
        &["quota", "limit", "limits"],
        &[],
        &["Quota", "LimitRange", "EphemeralLimit"],
    ),
    (
        &["probe", "liveness", "readiness", "healthcheck"],
        &[],
        &["Liveness", "Readiness", "SlowStart"],
    ),
    (
        &["scheduler", "scheduling", "capacity"],
        &[Family::Scheduling],
        &["Overcommitted"],
    ),
    (
        &["apiserver", "etcd", "control"],
        &[Family::ControlPlane],
        &[],
    ),
    (
        &["autoscaler", "autoscaling", "hpa", "scaling"],
        &[Family::Autoscaling],
        &["ScaledToZero"],
    ),
    (
        &["traffic", "load", "requests"],
        &[],
        &["Traffic", "HpaMaxed", "UpstreamRateLimited"],
    ),
    (
        &["code", "bug", "application", "app"],
        &[],
        &["CodeDefect", "CrashApp", "MemoryLeak"],
    ),
    (&["dependency", "upstream", "backend"], &[], &["Dependency"]),
    (
        &["monitoring", "prometheus", "alertmanager"],
        &[Family::Monitoring],
        &[],
    ),
];

/// Shortest part of an object's name that names it.
const NAME_PART_MIN: usize = 4;

impl Topic {
    /// Reads lower-case `words`; what they name in `analysis` and the catalogue.
    pub(super) fn of(words: &[&str], analysis: &Analysis) -> Self {
        let mut topic = Self::default();
        for word in words {
            topic.add_causes(word);
            topic.add_objects(word, analysis);
        }
        topic
    }

    /// Whether the words named nothing known.
    pub fn is_empty(&self) -> bool {
        self.causes.is_empty() && self.objects.is_empty()
    }

    /// Whether a candidate of an analysis is what is meant.
    pub(super) fn means(&self, cause: &str, object: &ObjectRef) -> bool {
        self.objects.contains(object) || self.causes.iter().any(|known| known.id() == cause)
    }

    fn add_causes(&mut self, word: &str) {
        let groups = GROUPS.iter().filter(|(words, _, _)| words.contains(&word));
        let (mut families, mut parts) = (Vec::new(), Vec::new());
        for (_, some_families, some_parts) in groups {
            families.extend_from_slice(some_families);
            parts.extend_from_slice(some_parts);
        }
        for &cause in Cause::ALL {
            let meant = cause.id().eq_ignore_ascii_case(word)
                || families.contains(&cause.family())
                || parts.iter().any(|part| cause.id().contains(part));
            if meant && !self.causes.contains(&cause) {
                self.causes.push(cause);
            }
        }
    }

    fn add_objects(&mut self, word: &str, analysis: &Analysis) {
        for object in objects(analysis) {
            if names(word, &object.name) && !self.objects.contains(object) {
                self.objects.push(object.clone());
            }
        }
    }
}

/// Whether `word` is `name`, or one of the parts between its hyphens.
fn names(word: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    name == word
        || (word.len() >= NAME_PART_MIN && name.split(['-', '.', '_']).any(|part| part == word))
}

/// Every object the analysis speaks of.
fn objects(analysis: &Analysis) -> impl Iterator<Item = &ObjectRef> {
    let causes = analysis.causes.iter().map(|cause| &cause.object);
    let ruled_out = analysis.ruled_out.iter().map(|out| &out.object);
    let evidence = analysis.evidence.iter().map(|evidence| &evidence.object);
    causes
        .chain(ruled_out)
        .chain(evidence)
        .chain(&analysis.subject)
}
