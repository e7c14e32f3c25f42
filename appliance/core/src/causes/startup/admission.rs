//! Pods the API server refuses to create: policy, webhooks, accounts, limits.
//!
//! No pod exists, so the controller's events are the only voice. Quotas are
//! decided in [`crate::causes::quota`], from the same refusals.

#[cfg(test)]
mod tests;

use crate::causes::said::{Refusal, Said, about_pod, refusals};
use crate::causes::view::{
    affected_by, affected_by_workload, is_terminating, is_well, pod_ref, quoted_after, template_of,
    workload_of,
};
use crate::causes::{Case, Cause, Finding, Findings, Strength};
use crate::evidence::query::{describe_query, get_query, history_query, shell_word};
use crate::evidence::{Draft, namespace_flag};
use crate::object::ObjectRef;

/// What a refusal's words mean; fragments in lower case, first match decides.
const TABLE: &[(Cause, &[&str])] = &[
    (Cause::PodSecurityViolation, &["violates podsecurity"]),
    (
        Cause::AdmissionWebhookDown,
        &["failed calling webhook", "failed to call webhook"],
    ),
    (
        Cause::AdmissionDenied,
        &[
            "denied the request",
            "denied request:",
            "validatingadmissionpolicy",
        ],
    ),
    (
        Cause::QuotaNeedsLimits,
        &[
            "must specify limits",
            "must specify requests",
            "must specify cpu",
            "must specify memory",
        ],
    ),
    (
        Cause::LimitRangeViolation,
        &[
            "usage per container is",
            "usage per pod is",
            "usage per persistentvolumeclaim is",
            "limit to request ratio per",
        ],
    ),
];

/// Finds controllers whose pods admission refuses.
pub(crate) fn refused(case: &Case<'_>, findings: &mut Findings) {
    for refusal in refusals(case) {
        for said in &refusal.said {
            let row = TABLE.iter().find(|(_, fragments)| said.mentions(fragments));
            if let Some(&(cause, _)) = row {
                findings.add(state(case, &refusal, said, cause));
            }
        }
    }
}

fn state(case: &Case<'_>, refusal: &Refusal, said: &Said, cause: Cause) -> Finding {
    let workload = &refusal.workload;
    let flag = namespace_flag(workload);
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let finding = |object: ObjectRef, statement: String| {
        Finding::new(cause, object, Strength::Stated, statement)
            .because([said.draft.clone()])
            .since(said.since.or(said.at))
            .explains(affected_by_workload(&case.snapshot.objects, workload))
            .check(
                describe_query(&refusal.controller),
                "shows the refusal word for word",
            )
    };
    match cause {
        Cause::PodSecurityViolation => finding(
            workload.clone(),
            format!("the pod security standard of namespace {namespace} forbids the pods of {workload}"),
        )
        .check(
            format!("kubectl get {} --show-labels", shell_word(&format!("namespace/{namespace}"))),
            "shows which pod security level the namespace enforces",
        ),
        Cause::AdmissionWebhookDown => {
            let webhook = webhook_name(&said.text);
            let object = webhook_service(&said.text).unwrap_or_else(|| workload.clone());
            finding(
                object.clone(),
                format!("admission webhook {webhook} cannot be called, so the pods of {workload} are not created"),
            )
            .check(
                "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
                "shows which webhooks stand in the way and their failure policy",
            )
            .check(
                get_query(&ObjectRef { kind: "Endpoints".to_owned(), ..object }),
                "shows whether anything serves the webhook",
            )
        }
        Cause::AdmissionDenied => finding(
            workload.clone(),
            format!("admission webhook {} denies the pods of {workload}", webhook_name(&said.text)),
        ),
        Cause::QuotaNeedsLimits => finding(
            workload.clone(),
            format!("a quota of namespace {namespace} counts resources that the pods of {workload} do not declare"),
        )
        .check(
            format!("kubectl describe resourcequota{flag}"),
            "shows which resources must be declared",
        ),
        _ => finding(
            workload.clone(),
            format!("the pods of {workload} ask for resources outside a limit range of namespace {namespace}"),
        )
        .check(
            format!("kubectl get limitrange{flag} -o yaml"),
            "shows the smallest and largest values allowed",
        ),
    }
}

/// Finds containers that the kubelet does not start, since they would run as root.
pub(crate) fn unprivileged(case: &Case<'_>, findings: &mut Findings) {
    for pod in &case.snapshot.objects.pods {
        if is_well(pod) || is_terminating(pod) {
            continue;
        }
        let said = about_pod(case, pod);
        let Some(refusal) = said.iter().find(|said| {
            said.is(&["CreateContainerConfigError", "Failed"]) && said.mentions(&["runasnonroot"])
        }) else {
            continue;
        };
        let workload = workload_of(&case.snapshot.objects, pod);
        let statement = format!(
            "{workload} must not run as root, and its image does, so its container is not started"
        );
        findings.add(
            Finding::new(
                Cause::PodSecurityViolation,
                workload,
                Strength::Stated,
                statement,
            )
            .because([refusal.draft.clone()])
            .since(refusal.since.or(refusal.at))
            .explains(affected_by(&case.snapshot.objects, pod))
            .check(
                describe_query(&pod_ref(pod)),
                "shows the refusal and the user the pod may run as",
            ),
        );
    }
}

/// The webhook's name as the API server quotes it.
fn webhook_name(text: &str) -> &str {
    quoted_after(text, "webhook").unwrap_or("of the cluster")
}

/// The Service behind a webhook, from the URL the API server called.
fn webhook_service(text: &str) -> Option<ObjectRef> {
    let start = text.find("https://")? + "https://".len();
    let host = text[start..].split(['/', ':', '?', '"']).next()?;
    let mut parts = host.split('.');
    let (name, namespace, service) = (parts.next()?, parts.next()?, parts.next()?);
    (service == "svc" && !name.is_empty() && !namespace.is_empty())
        .then(|| ObjectRef::namespaced("Service", namespace, name))
}

/// Finds controllers whose service account does not exist.
///
/// The event says so; without a message the template's account is looked up.
/// An account that exists by now was only late.
pub(crate) fn service_account(case: &Case<'_>, findings: &mut Findings) {
    for refusal in refusals(case) {
        let stated: Vec<&Said> = refusal
            .said
            .iter()
            .filter(|said| {
                said.mentions(&["service account", "serviceaccount"])
                    && said.mentions(&["not found"])
            })
            .collect();
        let silent = refusal.said.iter().all(|said| said.text.is_empty());
        let Some(account) = stated
            .first()
            .and_then(|said| quoted_after(&said.text, "serviceaccount "))
            .map(str::to_owned)
            .or_else(|| silent.then(|| account_of(case, &refusal)).flatten())
        else {
            continue;
        };
        let exists = exists(case, &refusal, &account);
        if exists == Some(true) {
            let draft = Draft::spec(
                ObjectRef::namespaced("ServiceAccount", namespace_of(&refusal), &account),
                format!("ServiceAccount {account} exists"),
                Vec::new(),
            );
            findings.exclude(
                Cause::MissingServiceAccount,
                refusal.workload.clone(),
                vec![draft],
            );
            continue;
        }
        if stated.is_empty() && exists.is_none() {
            continue;
        }
        findings.add(missing_account(
            case,
            &refusal,
            &account,
            !stated.is_empty(),
        ));
    }
}

fn namespace_of(refusal: &Refusal) -> &str {
    refusal.workload.namespace.as_deref().unwrap_or_default()
}

/// The account the controller's pods would run as.
fn account_of(case: &Case<'_>, refusal: &Refusal) -> Option<String> {
    template_of(&case.snapshot.objects, &refusal.controller)?
        .service_account_name
        .clone()
        .filter(|name| !name.is_empty() && name != "default")
}

/// Whether the account exists, where accounts were captured.
fn exists(case: &Case<'_>, refusal: &Refusal, account: &str) -> Option<bool> {
    let accounts = &case.snapshot.objects.service_accounts;
    let namespace = namespace_of(refusal);
    accounts
        .captured_in(namespace)
        .then(|| accounts.get(namespace, account).is_some())
}

fn missing_account(case: &Case<'_>, refusal: &Refusal, account: &str, stated: bool) -> Finding {
    let workload = &refusal.workload;
    let flag = namespace_flag(workload);
    let strength = if stated {
        Strength::Stated
    } else {
        Strength::Strong
    };
    let mut finding = Finding::new(
        Cause::MissingServiceAccount,
        workload.clone(),
        strength,
        format!("{workload} runs its pods as service account {account}, which does not exist, so no pod is created"),
    )
    .because(refusal.said.iter().map(|said| said.draft.clone()))
    .because([Draft::spec(
        refusal.controller.clone(),
        format!("its pods run as service account {account}"),
        Vec::new(),
    )])
    .explains(affected_by_workload(&case.snapshot.objects, workload))
    .check(
        format!("kubectl get serviceaccount{flag}"),
        "shows which service accounts exist",
    )
    .check(
        history_query(workload),
        "shows which revision changed the account",
    );
    for said in &refusal.said {
        finding = finding.since(said.since.or(said.at));
    }
    finding
}
