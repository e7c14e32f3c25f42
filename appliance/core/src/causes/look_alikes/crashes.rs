//! Row `CrashLoopBackOff`, and what a container said before it ended.

use serde_json::json;

use super::{Fixture, check, crashing, server, spec, web};

fn ended(reason: &str, code: i32, seconds: i64, said: &str) -> Fixture {
    let fixture = web(spec(json!({})), crashing(reason, code, seconds));
    if said.is_empty() {
        return fixture;
    }
    fixture.log("web-77f-a", "main", true, said)
}

#[test]
fn a_crash_loop_is_told_apart_by_code_time_and_last_words() {
    let start_error = json!({"phase": "Running", "containerStatuses": [{
        "name": "main", "image": "i", "imageID": "", "ready": false, "restartCount": 4,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"reason": "StartError", "exitCode": 128,
            "message": "exec: \"/srv/wbe\": stat /srv/wbe: no such file or directory: unknown",
            "startedAt": super::ago(2), "finishedAt": super::ago(2)}}}]});
    let refused = "level=fatal msg=\"dial tcp 10.0.0.9:80: connect: connection refused\" url=http://ledger:80/";
    check(
        "CrashLoopBackOff",
        vec![
            (
                "exit 0",
                ended("Completed", 0, 3, ""),
                "CrashExit0Loop Deployment shop/web",
            ),
            (
                "never started",
                web(spec(json!({"command": ["/srv/wbe"]})), start_error),
                "BadCommand Deployment shop/web",
            ),
            (
                "words of configuration",
                ended(
                    "Error",
                    1,
                    2,
                    "FATAL required environment variable PAYMENT_URL is not set",
                ),
                "CrashConfigEnv Deployment shop/web",
            ),
            (
                "words of a dependency",
                server(ended("Error", 1, 2, refused), "ledger", false),
                "DependencyRefused",
            ),
            (
                "a stack trace",
                ended(
                    "Error",
                    2,
                    30,
                    "panic: runtime error: index out of range [3] with length 2\ngoroutine 1 [running]:\nmain.main()",
                ),
                "CrashAppException Deployment shop/web",
            ),
            (
                "runs for a while and is killed",
                web(
                    spec(json!({"resources": {"limits": {"memory": "64Mi"}}})),
                    crashing("OOMKilled", 137, 900),
                ),
                "OomOwnLimit Deployment shop/web",
            ),
        ],
    );
}

#[test]
fn a_setting_is_told_apart_from_a_secret_that_is_refused() {
    check(
        "crash at start over a database",
        vec![
            (
                "no address is set",
                ended("Error", 1, 2, "config error: DATABASE_URL is required"),
                "CrashConfigEnv Deployment shop/web",
            ),
            (
                "the password is refused",
                ended(
                    "Error",
                    1,
                    2,
                    "FATAL: password authentication failed for user \"shop\" (SQLSTATE 28P01)",
                ),
                "BadCredentials",
            ),
        ],
    );
}

#[test]
fn no_space_is_told_apart_by_where_it_is_missing() {
    check(
        "No space left on device",
        vec![
            (
                "shared memory",
                ended(
                    "Error",
                    1,
                    20,
                    "ERROR: could not resize shared memory segment \"/PostgreSQL.1\" to 8388608 bytes: No space left on device",
                ),
                "ShmOrTmpExhausted Deployment shop/web",
            ),
            (
                "watches of the node",
                ended(
                    "Error",
                    1,
                    20,
                    "failed to create fsnotify watcher: too many open files",
                ),
                "UlimitFdInotify",
            ),
        ],
    );
}

#[test]
fn permission_denied_is_told_apart_by_what_was_touched() {
    let mut mounted =
        spec(json!({"volumeMounts": [{"name": "data", "mountPath": "/var/lib/data"}]}));
    mounted["volumes"] = json!([{"name": "data", "emptyDir": {}}]);
    let denied = web(mounted, crashing("Error", 1, 2)).log(
        "web-77f-a",
        "main",
        true,
        "open /var/lib/data/index: permission denied",
    );
    let exec = json!({"phase": "Running", "containerStatuses": [{
        "name": "main", "image": "i", "imageID": "", "ready": false, "restartCount": 4,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"reason": "ContainerCannotRun", "exitCode": 126,
            "message": "exec /entrypoint.sh: permission denied",
            "startedAt": super::ago(2), "finishedAt": super::ago(2)}}}]});
    check(
        "permission denied",
        vec![
            (
                "a file of a volume",
                denied,
                "VolumePermissionDenied Deployment shop/web",
            ),
            (
                "the program itself",
                web(spec(json!({"command": ["/entrypoint.sh"]})), exec),
                "BadCommand Deployment shop/web",
            ),
        ],
    );
}

#[test]
fn a_port_in_use_is_told_apart_from_a_port_that_is_refused() {
    let refused = "dial tcp 10.0.0.9:80: connect: connection refused: http://ledger:80/";
    check(
        "a port",
        vec![
            (
                "its own is taken",
                ended(
                    "Error",
                    1,
                    1,
                    "listen tcp :8080: bind: address already in use",
                ),
                "PortConflict Deployment shop/web",
            ),
            (
                "another's is closed",
                server(ended("Error", 1, 1, refused), "ledger", false),
                "DependencyRefused",
            ),
        ],
    );
}
