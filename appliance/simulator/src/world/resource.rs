//! The resources the simulator serves, and their names in the API.
//!
//! One table decides everything that depends on the kind of a resource:
//! paths, discovery, list kinds, which bundle file holds it, by which fields it
//! can be selected. Resources kept in etcd in one form and served under two
//! groups (events) share `stored_as`.

mod add_ons;

use self::add_ons::ADD_ONS;

/// A resource of the API, as discovery describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// API group, empty for the core group.
    pub group: &'static str,
    /// Version.
    pub version: &'static str,
    /// Plural name, as in paths.
    pub plural: &'static str,
    /// Singular name.
    pub singular: &'static str,
    /// Kind of one object.
    pub kind: &'static str,
    /// Whether objects lie in namespaces.
    pub namespaced: bool,
    /// kubectl's short names.
    pub short: &'static [&'static str],
    /// Whether `kubectl get all` shows it.
    pub in_all: bool,
    /// Subresources by name.
    pub subresources: &'static [&'static str],
    /// Field labels it can be selected by, beside name and namespace.
    pub fields: &'static [&'static str],
    /// Name of the shelf its objects lie on.
    pub stored_as: &'static str,
}

impl Resource {
    /// `group/version`, or `version` alone for the core group.
    pub fn group_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `plural.group`, or `plural` alone for the core group, as messages say it.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Kind of a list of them.
    pub fn list_kind(&self) -> String {
        format!("{}List", self.kind)
    }

    /// Whether it has nothing but virtual objects made by a POST.
    pub fn is_review(&self) -> bool {
        self.stored_as.is_empty()
    }

    /// Name of the file that holds a bundle's list of them, without `.json`.
    pub fn file_stem(&self) -> &'static str {
        if self.plural == "replicationcontrollers" {
            "replication-controllers"
        } else {
            self.plural
        }
    }
}

macro_rules! resource {
    ($group:literal, $version:literal, $plural:literal, $singular:literal, $kind:literal, $scope:ident
     $(, short $short:expr)? $(, all $all:literal)? $(, sub $sub:expr)? $(, fields $fields:expr)? $(, stored $stored:literal)?) => {
        Resource {
            group: $group,
            version: $version,
            plural: $plural,
            singular: $singular,
            kind: $kind,
            namespaced: resource!(@scope $scope),
            short: resource!(@list $($short)?),
            in_all: resource!(@all $($all)?),
            subresources: resource!(@list $($sub)?),
            fields: resource!(@list $($fields)?),
            stored_as: resource!(@stored $plural $($stored)?),
        }
    };
    (@scope namespaced) => { true };
    (@scope cluster) => { false };
    (@list) => { &[] };
    (@list $list:expr) => { &$list };
    (@all) => { false };
    (@all $all:literal) => { $all };
    (@stored $plural:literal) => { $plural };
    (@stored $plural:literal $stored:literal) => { $stored };
}

const POD_FIELDS: [&str; 7] = [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
];
const EVENT_FIELDS: [&str; 11] = [
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];
const REGARDING_FIELDS: [&str; 10] = [
    "regarding.kind",
    "regarding.namespace",
    "regarding.name",
    "regarding.uid",
    "regarding.apiVersion",
    "regarding.resourceVersion",
    "regarding.fieldPath",
    "reason",
    "reportingController",
    "type",
];
const POD_SUBRESOURCES: [&str; 7] = [
    "attach",
    "eviction",
    "exec",
    "log",
    "portforward",
    "proxy",
    "status",
];

/// Every resource served, in the order of discovery.
pub(crate) const RESOURCES: &[Resource] = &ALL;

/// What every API server has.
const BUILT_IN: &[Resource] = &[
    resource!(
        "",
        "v1",
        "configmaps",
        "configmap",
        "ConfigMap",
        namespaced,
        short["cm"]
    ),
    resource!(
        "",
        "v1",
        "endpoints",
        "endpoints",
        "Endpoints",
        namespaced,
        short["ep"]
    ),
    resource!("", "v1", "events", "event", "Event", namespaced, short ["ev"], fields EVENT_FIELDS),
    resource!(
        "",
        "v1",
        "limitranges",
        "limitrange",
        "LimitRange",
        namespaced,
        short["limits"]
    ),
    resource!("", "v1", "namespaces", "namespace", "Namespace", cluster, short ["ns"], sub ["finalize", "status"], fields ["status.phase"]),
    resource!("", "v1", "nodes", "node", "Node", cluster, short ["no"], sub ["proxy", "status"], fields ["spec.unschedulable"]),
    resource!(
        "",
        "v1",
        "persistentvolumeclaims",
        "persistentvolumeclaim",
        "PersistentVolumeClaim",
        namespaced,
        short["pvc"],
        sub["status"]
    ),
    resource!(
        "",
        "v1",
        "persistentvolumes",
        "persistentvolume",
        "PersistentVolume",
        cluster,
        short["pv"],
        sub["status"]
    ),
    resource!("", "v1", "pods", "pod", "Pod", namespaced, short ["po"], all true, sub POD_SUBRESOURCES, fields POD_FIELDS),
    resource!("", "v1", "replicationcontrollers", "replicationcontroller", "ReplicationController", namespaced, short ["rc"], all true, sub ["scale", "status"], fields ["status.replicas"]),
    resource!(
        "",
        "v1",
        "resourcequotas",
        "resourcequota",
        "ResourceQuota",
        namespaced,
        short["quota"],
        sub["status"]
    ),
    resource!(
        "",
        "v1",
        "secrets",
        "secret",
        "Secret",
        namespaced,
        fields["type"]
    ),
    resource!(
        "",
        "v1",
        "serviceaccounts",
        "serviceaccount",
        "ServiceAccount",
        namespaced,
        short["sa"]
    ),
    resource!("", "v1", "services", "service", "Service", namespaced, short ["svc"], all true, sub ["proxy", "status"], fields ["spec.clusterIP", "spec.type"]),
    resource!(
        "apiregistration.k8s.io",
        "v1",
        "apiservices",
        "apiservice",
        "APIService",
        cluster,
        sub["status"]
    ),
    resource!(
        "apps",
        "v1",
        "controllerrevisions",
        "controllerrevision",
        "ControllerRevision",
        namespaced
    ),
    resource!("apps", "v1", "daemonsets", "daemonset", "DaemonSet", namespaced, short ["ds"], all true, sub ["status"]),
    resource!("apps", "v1", "deployments", "deployment", "Deployment", namespaced, short ["deploy"], all true, sub ["scale", "status"]),
    resource!("apps", "v1", "replicasets", "replicaset", "ReplicaSet", namespaced, short ["rs"], all true, sub ["scale", "status"], fields ["status.replicas"]),
    resource!("apps", "v1", "statefulsets", "statefulset", "StatefulSet", namespaced, short ["sts"], all true, sub ["scale", "status"]),
    resource!("events.k8s.io", "v1", "events", "event", "Event", namespaced, short ["ev"], fields REGARDING_FIELDS),
    resource!("authentication.k8s.io", "v1", "selfsubjectreviews", "selfsubjectreview", "SelfSubjectReview", cluster, stored ""),
    resource!("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "selfsubjectaccessreview", "SelfSubjectAccessReview", cluster, stored ""),
    resource!("autoscaling", "v2", "horizontalpodautoscalers", "horizontalpodautoscaler", "HorizontalPodAutoscaler", namespaced, short ["hpa"], all true, sub ["status"]),
    resource!("batch", "v1", "cronjobs", "cronjob", "CronJob", namespaced, short ["cj"], all true, sub ["status"]),
    resource!("batch", "v1", "jobs", "job", "Job", namespaced, all true, sub ["status"], fields ["status.successful"]),
    resource!(
        "networking.k8s.io",
        "v1",
        "ingressclasses",
        "ingressclass",
        "IngressClass",
        cluster
    ),
    resource!(
        "networking.k8s.io",
        "v1",
        "ingresses",
        "ingress",
        "Ingress",
        namespaced,
        short["ing"],
        sub["status"]
    ),
    resource!(
        "networking.k8s.io",
        "v1",
        "networkpolicies",
        "networkpolicy",
        "NetworkPolicy",
        namespaced,
        short["netpol"]
    ),
    resource!(
        "policy",
        "v1",
        "poddisruptionbudgets",
        "poddisruptionbudget",
        "PodDisruptionBudget",
        namespaced,
        short["pdb"],
        sub["status"]
    ),
    resource!(
        "rbac.authorization.k8s.io",
        "v1",
        "clusterrolebindings",
        "clusterrolebinding",
        "ClusterRoleBinding",
        cluster
    ),
    resource!(
        "rbac.authorization.k8s.io",
        "v1",
        "clusterroles",
        "clusterrole",
        "ClusterRole",
        cluster
    ),
    resource!(
        "rbac.authorization.k8s.io",
        "v1",
        "rolebindings",
        "rolebinding",
        "RoleBinding",
        namespaced
    ),
    resource!(
        "rbac.authorization.k8s.io",
        "v1",
        "roles",
        "role",
        "Role",
        namespaced
    ),
    resource!(
        "storage.k8s.io",
        "v1",
        "csidrivers",
        "csidriver",
        "CSIDriver",
        cluster
    ),
    resource!(
        "storage.k8s.io",
        "v1",
        "csinodes",
        "csinode",
        "CSINode",
        cluster
    ),
    resource!(
        "storage.k8s.io",
        "v1",
        "storageclasses",
        "storageclass",
        "StorageClass",
        cluster,
        short["sc"]
    ),
    resource!(
        "storage.k8s.io",
        "v1",
        "volumeattachments",
        "volumeattachment",
        "VolumeAttachment",
        cluster,
        sub["status"]
    ),
    resource!(
        "admissionregistration.k8s.io",
        "v1",
        "mutatingwebhookconfigurations",
        "mutatingwebhookconfiguration",
        "MutatingWebhookConfiguration",
        cluster
    ),
    resource!(
        "admissionregistration.k8s.io",
        "v1",
        "validatingwebhookconfigurations",
        "validatingwebhookconfiguration",
        "ValidatingWebhookConfiguration",
        cluster
    ),
    resource!("apiextensions.k8s.io", "v1", "customresourcedefinitions", "customresourcedefinition", "CustomResourceDefinition", cluster, short ["crd", "crds"], sub ["status"]),
    resource!(
        "scheduling.k8s.io",
        "v1",
        "priorityclasses",
        "priorityclass",
        "PriorityClass",
        cluster,
        short["pc"]
    ),
    resource!(
        "coordination.k8s.io",
        "v1",
        "leases",
        "lease",
        "Lease",
        namespaced
    ),
    resource!(
        "discovery.k8s.io",
        "v1",
        "endpointslices",
        "endpointslice",
        "EndpointSlice",
        namespaced
    ),
];

/// How many there are.
const COUNT: usize = BUILT_IN.len() + ADD_ONS.len();

const ALL: [Resource; COUNT] = {
    let mut all = [BUILT_IN[0]; COUNT];
    let mut at = 0;
    while at < COUNT {
        all[at] = if at < BUILT_IN.len() {
            BUILT_IN[at]
        } else {
            ADD_ONS[at - BUILT_IN.len()]
        };
        at += 1;
    }
    all
};

/// Resources that have objects, each shelf once.
pub(crate) const STORED: Stored = Stored;

/// Iterates over [`RESOURCES`] that have a shelf, each shelf once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored;

impl IntoIterator for Stored {
    type Item = &'static Resource;
    type IntoIter = std::iter::Filter<std::slice::Iter<'static, Resource>, fn(&&Resource) -> bool>;

    fn into_iter(self) -> Self::IntoIter {
        #[allow(
            clippy::trivially_copy_pass_by_ref,
            reason = "the signature of a filter"
        )]
        fn owns_a_shelf(resource: &&Resource) -> bool {
            !resource.is_review() && resource.group != "events.k8s.io"
        }
        RESOURCES.iter().filter(owns_a_shelf)
    }
}

/// The resource of that group, version and plural name.
pub fn find(group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| {
        resource.group == group && resource.version == version && resource.plural == plural
    })
}

/// The stored resource whose bundle file has that stem.
pub(crate) fn by_file_stem(stem: &str) -> Option<&'static Resource> {
    STORED
        .into_iter()
        .find(|resource| resource.file_stem() == stem)
}

/// The stored resource of that kind.
pub fn by_kind(kind: &str) -> Option<&'static Resource> {
    STORED.into_iter().find(|resource| resource.kind == kind)
}

/// The resource whose lists have that `apiVersion` and `kind`.
pub fn resource_of_list(group_version: &str, kind: &str) -> Option<&'static Resource> {
    let kind = kind.strip_suffix("List")?;
    STORED
        .into_iter()
        .find(|resource| resource.kind == kind && resource.group_version() == group_version)
}
