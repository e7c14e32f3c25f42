//! Facts about commands, hooks and init containers.

#![allow(
    clippy::needless_pass_by_value,
    reason = "JSON snippets read best when written where they are used"
)]

use serde_json::{Value, json};

use super::*;
use crate::causes::Analyzer;
use crate::causes::fixture::{Fixture, ago};

fn spec() -> Value {
    json!({"initContainers": [{"name": "setup"}, {"name": "mesh", "restartPolicy": "Always"}],
           "containers": [{"name": "app", "command": ["/bin/srv"]}]})
}

fn status(name: &str, state: &Value, last: &Value) -> Value {
    json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": state, "lastState": last})
}

#[track_caller]
fn check(analyzer: Analyzer, key: &str, status: &Value, expected: &[&str]) {
    Fixture::new()
        .deployment("web", 1, 0, spec())
        .pod(
            "web",
            "a",
            spec(),
            json!({"phase": "Pending", key: [status]}),
        )
        .check(analyzer, expected);
}

const BACK_OFF: &str = "CrashLoopBackOff";

fn crashed(code: i32, reason: &str, message: &str) -> Value {
    let state = json!({"waiting": {"reason": BACK_OFF}});
    status(
        "app",
        &state,
        &json!({"terminated": {"exitCode": code, "reason": reason, "message": message}}),
    )
}

#[test]
fn a_program_that_is_not_there_is_a_bad_command() {
    let message = "failed to create containerd task: exec: \"/bin/srv\": stat /bin/srv: no such file or directory";
    check(
        bad_command,
        "containerStatuses",
        &crashed(128, "StartError", message),
        &["BadCommand Deployment shop/web"],
    );
    check(
        bad_command,
        "containerStatuses",
        &crashed(127, "Error", ""),
        &["BadCommand Deployment shop/web"],
    );
}

#[test]
fn a_program_that_ran_and_failed_is_not() {
    for code in [0, 1, 2, 137, 143] {
        check(
            bad_command,
            "containerStatuses",
            &crashed(code, "Error", ""),
            &[],
        );
    }
}

#[test]
fn a_start_that_failed_for_memory_or_mounts_is_not_a_bad_command() {
    for message in [
        "runc create failed: container init was OOM-killed (memory limit too low?)",
        "error mounting \"/conf\" to rootfs: not a directory",
    ] {
        check(
            bad_command,
            "containerStatuses",
            &crashed(128, "StartError", message),
            &[],
        );
    }
}

#[test]
fn a_foreign_binary_is_not_a_bad_command() {
    check(
        bad_command,
        "containerStatuses",
        &crashed(128, "StartError", "exec /bin/srv: exec format error"),
        &[],
    );
}

#[test]
fn a_shells_complaint_about_syntax_is_a_bad_command() {
    Fixture::new()
        .deployment("web", 1, 0, spec())
        .pod(
            "web",
            "a",
            spec(),
            json!({"phase": "Running", "containerStatuses": [crashed(2, "Error", "")]}),
        )
        .log(
            "web-77f-a",
            "app",
            true,
            "/bin/sh: line 1: syntax error near unexpected token `('\n",
        )
        .check(bad_command, &["BadCommand Deployment shop/web"]);
}

#[test]
fn an_init_container_that_fails_or_hangs_is_found() {
    let waiting = json!({"waiting": {"reason": BACK_OFF}});
    let failed = status(
        "setup",
        &waiting,
        &json!({"terminated": {"exitCode": 1, "reason": "Error"}}),
    );
    check(
        init,
        "initContainerStatuses",
        &failed,
        &["InitFailedOrHung Deployment shop/web"],
    );
    let hung = status(
        "setup",
        &json!({"running": {"startedAt": ago(20)}}),
        &json!({}),
    );
    check(
        init,
        "initContainerStatuses",
        &hung,
        &["InitFailedOrHung Deployment shop/web"],
    );
}

#[test]
fn an_init_container_that_just_began_or_is_a_sidecar_is_not() {
    let young = status(
        "setup",
        &json!({"running": {"startedAt": ago(1)}}),
        &json!({}),
    );
    check(init, "initContainerStatuses", &young, &[]);
    let sidecar = status(
        "mesh",
        &json!({"running": {"startedAt": ago(60)}}),
        &json!({}),
    );
    check(init, "initContainerStatuses", &sidecar, &[]);
}

#[test]
fn an_init_container_that_cannot_pull_its_image_has_that_cause() {
    let pulling = status(
        "setup",
        &json!({"waiting": {"reason": "ImagePullBackOff"}}),
        &json!({}),
    );
    check(init, "initContainerStatuses", &pulling, &[]);
}

#[test]
fn a_failed_hook_is_found() {
    Fixture::new()
        .deployment("web", 1, 0, spec())
        .pod("web", "a", spec(), json!({"phase": "Pending"}))
        .warning(
            "Pod/web-77f-a",
            "FailedPostStartHook",
            "PostStartHook failed",
        )
        .check(hook, &["LifecycleHookFailed Deployment shop/web"]);
}
