//! Questions about claims, routes, certificates and autoscalers whose answers
//! tell look-alikes apart; see [`super::evidence`] for those about pods and nodes.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::api::storage::v1::StorageClass;

use crate::causes::{Case, Finding, view, wiring};
use crate::evidence::Draft;
use crate::object::ObjectRef;
use crate::redaction::NOT_AFTER;

/// The claims a finding is about: itself, or those it explains or cites.
fn claims<'a>(case: &Case<'a>, finding: &Finding) -> Vec<&'a PersistentVolumeClaim> {
    let cited = finding.because.iter().map(|draft| &draft.object);
    std::iter::once(&finding.object)
        .chain(&finding.explains)
        .chain(cited)
        .filter(|object| object.kind == "PersistentVolumeClaim")
        .filter_map(|object| {
            let namespace = object.namespace.as_deref().unwrap_or_default();
            let claims = &case.snapshot.objects.persistent_volume_claims;
            claims.get(namespace, &object.name)
        })
        .collect()
}

fn class<'a>(case: &Case<'a>, finding: &Finding) -> Option<&'a StorageClass> {
    let name = claims(case, finding)
        .into_iter()
        .find_map(|claim| claim.spec.as_ref()?.storage_class_name.as_deref())?;
    case.snapshot.objects.storage_classes.get("", name)
}

/// The claim's class is there.
pub(super) fn class_exists(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let drafts = class(case, finding).map(|class| {
        let title = format!("exists, provisioner {}", class.provisioner);
        Draft::spec(view::reference("StorageClass", class), title, Vec::new())
    });
    drafts.into_iter().collect()
}

/// The claim's class does not wait for a pod.
pub(super) fn binds_at_once(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let at_once = class(case, finding)
        .filter(|class| class.volume_binding_mode.as_deref() == Some("Immediate"));
    let drafts = at_once.map(|class| {
        let title = "volumeBindingMode is Immediate";
        Draft::spec(view::reference("StorageClass", class), title, Vec::new())
    });
    drafts.into_iter().collect()
}

/// The ingresses a finding is about.
fn ingresses<'a>(case: &Case<'a>, finding: &Finding) -> Vec<&'a Ingress> {
    std::iter::once(&finding.object)
        .chain(&finding.explains)
        .chain(case.subjects)
        .filter(|object| object.kind == "Ingress")
        .filter_map(|object| {
            let namespace = object.namespace.as_deref().unwrap_or_default();
            case.snapshot.objects.ingresses.get(namespace, &object.name)
        })
        .collect()
}

/// The Services behind the ingress exist and have ready endpoints.
pub(super) fn backends_ready(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let objects = &case.snapshot.objects;
    let mut drafts = Vec::new();
    for ingress in ingresses(case, finding) {
        let rules = ingress
            .spec
            .iter()
            .flat_map(|spec| spec.rules.iter().flatten());
        let paths = rules
            .filter_map(|rule| rule.http.as_ref())
            .flat_map(|http| &http.paths);
        for named in paths.filter_map(|path| path.backend.service.as_ref()) {
            let namespace = view::namespace_of(ingress);
            let Some(service) = objects.services.get(namespace, &named.name) else {
                return Vec::new();
            };
            let ready = wiring::backends(objects, service).ready;
            if ready == 0 {
                return Vec::new();
            }
            let object = view::reference("Service", service);
            drafts.push(Draft::status(
                object,
                format!("{ready} ready endpoints"),
                Vec::new(),
            ));
        }
    }
    drafts.truncate(1);
    drafts
}

/// The certificate that the ingress shows is valid.
pub(super) fn certificate_valid(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let objects = &case.snapshot.objects;
    for ingress in ingresses(case, finding) {
        let namespace = view::namespace_of(ingress);
        let tls = ingress
            .spec
            .iter()
            .flat_map(|spec| spec.tls.iter().flatten());
        for name in tls.filter_map(|tls| tls.secret_name.as_deref()) {
            let secret = objects.secrets.get(namespace, name);
            let annotations = secret.and_then(|secret| secret.metadata.annotations.as_ref());
            let until: Option<jiff::Timestamp> =
                annotations.and_then(|all| all.get(NOT_AFTER)?.parse().ok());
            if let Some(until) = until.filter(|until| *until > case.snapshot.captured_at) {
                let object = ObjectRef::namespaced("Secret", namespace, name);
                let title = format!("its certificate is valid until {until}");
                return vec![Draft::status(object, title, Vec::new())];
            }
        }
    }
    Vec::new()
}

fn autoscaler<'a>(case: &Case<'a>, finding: &Finding) -> Option<&'a HorizontalPodAutoscaler> {
    let all = &case.snapshot.objects.horizontal_pod_autoscalers;
    let object = std::iter::once(&finding.object)
        .chain(&finding.explains)
        .chain(case.subjects)
        .find(|object| object.kind == "HorizontalPodAutoscaler")?;
    all.get(
        object.namespace.as_deref().unwrap_or_default(),
        &object.name,
    )
}

/// The autoscaler computes replicas, so it has its metrics.
pub(super) fn scaling_active(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let Some(autoscaler) = autoscaler(case, finding) else {
        return Vec::new();
    };
    let conditions = autoscaler
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let active = conditions
        .into_iter()
        .find(|one| one.type_ == "ScalingActive" && one.status == "True");
    let drafts = active.map(|condition| {
        let object = view::reference("HorizontalPodAutoscaler", autoscaler);
        let reason = condition.reason.as_deref().unwrap_or("no reason");
        let title = format!("ScalingActive is True ({reason})");
        let at = condition.last_transition_time.as_ref().map(|time| time.0);
        Draft::status(object, title, Vec::new()).at(at)
    });
    drafts.into_iter().collect()
}

/// The autoscaler could still add replicas.
pub(super) fn below_maximum(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let Some(autoscaler) = autoscaler(case, finding) else {
        return Vec::new();
    };
    let most = autoscaler.spec.max_replicas;
    let current = autoscaler
        .status
        .as_ref()
        .and_then(|status| status.current_replicas);
    let drafts = current.filter(|current| *current < most).map(|current| {
        let object = view::reference("HorizontalPodAutoscaler", autoscaler);
        Draft::status(
            object,
            format!("{current} of at most {most} replicas"),
            Vec::new(),
        )
    });
    drafts.into_iter().collect()
}

#[cfg(test)]
mod tests;
