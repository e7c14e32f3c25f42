//! Ingresses that no controller serves: their class does not exist, or they
//! name none and none is the default.
//!
//! A controller writes its address into the status of what it serves. An
//! ingress with an address is served, whatever its class says.

use k8s_openapi::api::networking::v1::Ingress;

use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::Draft;
use crate::evidence::query::shell_word;
use crate::evidence::{get_query, namespace_flag};
use crate::object::ObjectRef;
use crate::snapshot::Custom;

/// The way in which ingresses named their class before the field was made.
const OLD_CLASS: &str = "kubernetes.io/ingress.class";
/// What marks the class of ingresses that name none.
const DEFAULT_CLASS: &str = "ingressclass.kubernetes.io/is-default-class";

/// Finds ingresses without a controller.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let classes = case.snapshot.objects.customs.of("IngressClass");
    if !classes.captured_in("") {
        return;
    }
    let classes: Vec<&Custom> = classes.iter().collect();
    for ingress in &case.snapshot.objects.ingresses {
        if !is_served(ingress)
            && let Some(problem) = problem(ingress, &classes)
        {
            findings.add(unserved(ingress, &classes, &problem));
        }
    }
}

fn is_served(ingress: &Ingress) -> bool {
    let balancer = ingress
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref());
    let addresses = balancer.and_then(|balancer| balancer.ingress.as_ref());
    addresses.is_some_and(|addresses| !addresses.is_empty())
}

/// What is wrong with the class, as a predicate of the ingress.
fn problem(ingress: &Ingress, classes: &[&Custom]) -> Option<String> {
    let annotations = ingress.metadata.annotations.as_ref();
    if annotations.is_some_and(|annotations| annotations.contains_key(OLD_CLASS)) {
        return None;
    }
    let named = ingress.spec.as_ref()?.ingress_class_name.as_deref();
    match named {
        Some(name) if classes.iter().all(|class| view::name_of(*class) != name) => {
            Some(format!("names class {name}, which does not exist"))
        }
        None if !classes.is_empty() && !classes.iter().any(|class| is_default(class)) => {
            Some("names no class, and no class is the default".to_owned())
        }
        _ => None,
    }
}

fn is_default(class: &Custom) -> bool {
    let meta = k8s_openapi::Metadata::metadata(class);
    let annotations = meta.annotations.as_ref();
    annotations
        .and_then(|annotations| annotations.get(DEFAULT_CLASS))
        .is_some_and(|value| value == "true")
}

fn unserved(ingress: &Ingress, classes: &[&Custom], problem: &str) -> Finding {
    let object = view::reference("Ingress", ingress);
    let names: Vec<&str> = classes.iter().map(|class| view::name_of(*class)).collect();
    let statement = format!("{object} {problem}: no controller serves it.");
    let known = match names.as_slice() {
        [] => "the cluster has no class".to_owned(),
        names => format!("classes: {}", names.join(", ")),
    };
    let draft = Draft::spec(object.clone(), problem.to_owned(), vec![known]);
    let unserved = Draft::status(object.clone(), "has no address", Vec::new());
    let finding = Finding::new(
        Cause::IngressMisroute,
        object.clone(),
        Strength::Strong,
        statement,
    )
    .because([draft, unserved])
    .since(view::created(ingress))
    .check(get_query(&object), "shows the class and the address")
    .check("kubectl get ingressclasses", "shows the classes there are");
    // With one class there is no doubt which was meant.
    match names.as_slice() {
        [only] => finding.repair(
            format!(
                "kubectl patch {}{} --type merge -p {}",
                object.kubectl_name(),
                namespace_flag(&object),
                shell_word(&format!(r#"{{"spec":{{"ingressClassName":"{only}"}}}}"#))
            ),
            undo(ingress, &object),
            format!("lets the controller of class {only} serve it"),
        ),
        _ => finding,
    }
}

fn undo(ingress: &Ingress, object: &ObjectRef) -> String {
    let named = ingress
        .spec
        .as_ref()
        .and_then(|spec| spec.ingress_class_name.as_deref());
    let value = named.map_or("null".to_owned(), |name| format!("\"{name}\""));
    format!(
        "kubectl patch {}{} --type merge -p {}",
        object.kubectl_name(),
        namespace_flag(object),
        shell_word(&format!(r#"{{"spec":{{"ingressClassName":{value}}}}}"#))
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::causes::fixture::Fixture;

    fn class(name: &str, default: bool) -> Value {
        json!({"kind": "IngressClass", "metadata": {"name": name,
            "annotations": {DEFAULT_CLASS: default.to_string()}}})
    }

    fn front(spec: &Value, served: bool) -> Value {
        let addresses = if served {
            json!([{"ip": "10.0.0.9"}])
        } else {
            json!([])
        };
        json!({"kind": "Ingress", "metadata": {"name": "front"}, "spec": spec,
            "status": {"loadBalancer": {"ingress": addresses}}})
    }

    const FOUND: &[&str] = &["IngressMisroute Ingress shop/front"];

    #[test]
    fn a_class_that_does_not_exist_serves_nobody() {
        let named = |name: &str| front(&json!({"ingressClassName": name}), false);
        let cluster = || Fixture::new().with(class("nginx", false));
        let found = cluster().with(named("ngnix")).check(analyze, FOUND);
        let finding = &found.found[0];
        assert!(
            finding.statement.contains("names class ngnix"),
            "{}",
            finding.statement
        );
        assert_eq!(finding.actions.len(), 1);
        cluster().with(named("nginx")).check(analyze, &[]);
        // The same name is no error where classes were not captured.
        Fixture::new().with(named("ngnix")).check(analyze, &[]);
    }

    #[test]
    fn without_a_class_the_default_serves() {
        let bare = || front(&json!({}), false);
        let two = |default| {
            Fixture::new()
                .with(class("nginx", false))
                .with(class("traefik", default))
        };
        let found = two(false).with(bare()).check(analyze, FOUND);
        assert!(
            found.found[0].actions.is_empty(),
            "two classes to choose from"
        );
        two(true).with(bare()).check(analyze, &[]);
    }

    #[test]
    fn an_ingress_with_an_address_is_served_whatever_its_class() {
        Fixture::new()
            .with(class("nginx", false))
            .with(front(&json!({"ingressClassName": "gone"}), true))
            .check(analyze, &[]);
        let mut old = front(&json!({}), false);
        old["metadata"]["annotations"] = json!({OLD_CLASS: "nginx"});
        Fixture::new()
            .with(class("nginx", false))
            .with(old)
            .check(analyze, &[]);
    }
}
