//! Configuration that names what does not exist: objects, keys, hosts.

use serde_json::json;

use super::{Fixture, check, spec, waiting, web};

fn config(message: &str) -> Fixture {
    let spec = spec(
        json!({"envFrom": [{"secretRef": {"name": "db"}}, {"configMapRef": {"name": "settings"}}]}),
    );
    web(spec, waiting("CreateContainerConfigError", message))
}

fn with_both(fixture: Fixture) -> Fixture {
    fixture
        .with(json!({"kind": "Secret", "metadata": {"name": "db"}, "data": {"USER": ""}}))
        .with(json!({"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"LEVEL": "info"}}))
}

#[test]
fn a_container_that_cannot_be_configured_is_told_apart_by_what_is_missing() {
    check(
        "CreateContainerConfigError",
        vec![
            (
                "a Secret",
                config("secret \"db\" not found"),
                "SecretMissing Deployment shop/web",
            ),
            (
                "a ConfigMap",
                config("configmap \"settings\" not found"),
                "ConfigMapMissing Deployment shop/web",
            ),
            (
                "a key of a ConfigMap",
                with_both(config("couldn't find key MODE in ConfigMap shop/settings")),
                "ConfigKeyMissing Deployment shop/web",
            ),
            (
                "a user that is not root",
                with_both(config(
                    "container has runAsNonRoot and image will run as root (pod: \"web-77f-a\", container: main)",
                )),
                "PodSecurityViolation Deployment shop/web",
            ),
        ],
    );
}

#[test]
fn a_missing_secret_is_told_apart_by_who_asks_for_it() {
    let mut mounted = spec(json!({}));
    mounted["volumes"] = json!([{"name": "db", "secret": {"secretName": "db"}}]);
    let mount = "MountVolume.SetUp failed for volume \"db\" : secret \"db\" not found";
    let text = "Failed to pull image \"reg.local/team/web:2\": unexpected status: 401 Unauthorized";
    let mut pulls = spec(json!({}));
    pulls["imagePullSecrets"] = json!([{"name": "pull"}]);
    check(
        "a Secret is missing",
        vec![
            ("the environment", config("secret \"db\" not found"), "SecretMissing Deployment shop/web"),
            ("a volume", web(mounted, waiting("ContainerCreating", "")).warning("Pod/web-77f-a", "FailedMount", mount), "MountObjectMissing Deployment shop/web"),
            (
                "the image pull",
                web(pulls, waiting("ImagePullBackOff", ""))
                    .warning("Pod/web-77f-a", "FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets (pull); attempting to pull the image may not succeed.")
                    .warning("Pod/web-77f-a", "Failed", text),
                "ImagePullAuth Deployment shop/web",
            ),
        ],
    );
}
