//! The same trouble under other owners and in other containers: it is told of
//! what a person would change.

use serde_json::{Value, json};

use super::{Fixture, ago, check, crashing, node};
use crate::causes::fixture::owner;

/// A pod `web-x` of `owners`, the nearest first, with that spec and status.
fn owned(owners: &[&str], spec: Value, status: Value) -> Fixture {
    let mut fixture = Fixture::new().alert(&[
        ("alertname", "KubePodNotReady"),
        ("namespace", "shop"),
        ("pod", "web-x"),
    ]);
    let mut references: Vec<Value> = owners
        .iter()
        .map(|kind| json!([owner(kind, "web")]))
        .collect();
    references.push(Value::Null);
    let pod = json!({"kind": "Pod", "metadata": {"name": "web-x", "labels": {"app": "web"}, "creationTimestamp": ago(20),
        "ownerReferences": references[0]}, "spec": spec, "status": status});
    for (place, kind) in owners.iter().enumerate() {
        let mut object = json!({"kind": kind, "metadata": {"name": "web", "ownerReferences": references[place + 1]},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "serviceName": "web",
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}}});
        match *kind {
            "CronJob" => {
                object["spec"] = json!({"schedule": "* * * * *", "jobTemplate": {"spec": {"template": {"spec": spec}}}});
            }
            "StatefulSet" => object["status"] = json!({"replicas": 1, "readyReplicas": 0}),
            "DaemonSet" => {
                object["status"] = json!({"currentNumberScheduled": 1, "desiredNumberScheduled": 1, "numberMisscheduled": 0, "numberReady": 0});
            }
            _ => {}
        }
        // Kinds of other projects are known by the reference alone.
        if matches!(
            *kind,
            "StatefulSet" | "DaemonSet" | "Job" | "CronJob" | "ReplicaSet"
        ) {
            fixture = fixture.with(object);
        }
    }
    if owners.first() == Some(&"StatefulSet") {
        fixture = fixture.with(json!({"kind": "Service", "metadata": {"name": "web"},
            "spec": {"clusterIP": "None", "selector": {"app": "web"}}}));
    }
    node(fixture.with(pod), "n1")
}

const GONE: &str = "Back-off pulling image \"reg.local/team/web:2\": ErrImagePull: reg.local/team/web:2: not found";

fn main() -> Value {
    json!({"nodeName": "n1", "containers": [{"name": "main", "image": "reg.local/team/web:2"}]})
}

fn unpulled(owners: &[&str]) -> Fixture {
    owned(owners, main(), super::waiting("ImagePullBackOff", GONE))
}

#[test]
fn an_image_is_changed_where_the_pod_comes_from() {
    check(
        "owners",
        vec![
            (
                "StatefulSet",
                unpulled(&["StatefulSet"]),
                "ImageNotFound StatefulSet shop/web",
            ),
            (
                "DaemonSet",
                unpulled(&["DaemonSet"]),
                "ImageNotFound DaemonSet shop/web",
            ),
            ("Job", unpulled(&["Job"]), "ImageNotFound Job shop/web"),
            (
                "CronJob",
                unpulled(&["Job", "CronJob"]),
                "ImageNotFound CronJob shop/web",
            ),
            (
                "ReplicaSet alone",
                unpulled(&["ReplicaSet"]),
                "ImageNotFound ReplicaSet shop/web",
            ),
            (
                "Argo Rollout",
                unpulled(&["ReplicaSet", "Rollout"]),
                "ImageNotFound Rollout shop/web",
            ),
            (
                "an operator's set",
                unpulled(&["StrimziPodSet"]),
                "ImageNotFound StrimziPodSet shop/web",
            ),
            ("nobody", unpulled(&[]), "ImageNotFound Pod shop/web-x"),
        ],
    );
}

/// An init container beside the main one, which waits for it.
fn before_main(init: Value, state: Value) -> Fixture {
    let spec = json!({"nodeName": "n1", "initContainers": [init],
        "containers": [{"name": "main", "image": "reg.local/team/web:2"}]});
    let mut status = super::waiting("PodInitializing", "");
    status["initContainerStatuses"] = json!([state]);
    owned(&["StatefulSet"], spec, status)
}

#[test]
fn init_containers_and_sidecars_are_read_like_the_main_one() {
    let waits = |reason: &str, message: &str| {
        json!({"name": "setup", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": message}}})
    };
    let setup = || json!({"name": "setup", "image": "reg.local/team/setup:1"});
    let crashed = |reason: &str, code: i32| {
        let mut status = crashing(reason, code, 2)["containerStatuses"][0].clone();
        status["name"] = json!("setup");
        status
    };
    let sidecar = || {
        json!({"name": "setup", "image": "reg.local/team/setup:1", "restartPolicy": "Always",
            "resources": {"limits": {"memory": "64Mi"}}})
    };
    check(
        "containers that are not the main one",
        vec![
            (
                "an init container's image",
                before_main(
                    setup(),
                    waits("ErrImagePull", "reg.local/team/setup:1: not found"),
                ),
                "ImageNotFound StatefulSet shop/web",
            ),
            (
                "an init container's Secret",
                before_main(
                    setup(),
                    waits("CreateContainerConfigError", "secret \"keys\" not found"),
                ),
                "SecretMissing StatefulSet shop/web",
            ),
            (
                "an init container that fails",
                before_main(setup(), crashed("Error", 1)),
                "InitFailedOrHung StatefulSet shop/web",
            ),
            (
                "a sidecar that is killed for memory",
                before_main(sidecar(), crashed("OOMKilled", 137)),
                "OomSidecar StatefulSet shop/web",
            ),
        ],
    );
}
