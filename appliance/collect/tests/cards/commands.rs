//! What a command on a card may be.

use appliance_core::snapshot::Kind;

use crate::shell::split;

/// What only looks: a program and its verb, where it has one.
const LOOKS: &[&[&str]] = &[
    &["kubectl", "get"],
    &["kubectl", "describe"],
    &["kubectl", "logs"],
    &["kubectl", "events"],
    &["kubectl", "top"],
    &["kubectl", "diff"],
    &["kubectl", "explain"],
    &["kubectl", "rollout", "history"],
    &["kubectl", "rollout", "status"],
    &["kubectl", "auth", "can-i"],
    &["kubectl", "version"],
    &["helm", "history"],
    &["helm", "status"],
];

/// What repairs, for a person to decide.
const REPAIRS: &[&[&str]] = &[
    &["kubectl", "edit"],
    &["kubectl", "rollout", "undo"],
    &["kubectl", "rollout", "restart"],
    &["kubectl", "rollout", "resume"],
    &["kubectl", "rollout", "pause"],
    &["kubectl", "scale"],
    &["kubectl", "delete"],
    &["kubectl", "create"],
    &["kubectl", "patch"],
    &["kubectl", "cordon"],
    &["kubectl", "uncordon"],
    &["kubectl", "drain"],
    &["kubectl", "taint"],
    &["kubectl", "label"],
    &["kubectl", "annotate"],
    &["kubectl", "certificate", "approve"],
    &["kubectl", "set", "resources"],
    &["kubectl", "apply", "edit-last-applied"],
    &["helm", "rollback"],
];

/// Programs that only look when run inside a pod or on a node.
const LOOKS_INSIDE: &[&str] = &[
    "nslookup",
    "journalctl",
    "dmesg",
    "df",
    "free",
    "ps",
    "ss",
    "ip",
    "cat",
    "ls",
    "timedatectl",
    "uptime",
    "etcdctl",
    "crictl",
    "openssl",
    "kubeadm",
    "nvidia-smi",
    "date",
];

/// Programs that repair when run inside a pod or on a node.
const REPAIRS_INSIDE: &[&str] = &[
    "systemctl",
    "sysctl",
    "timedatectl",
    "crictl",
    "pkill",
    "kubeadm",
    "etcdctl",
];

fn begins(words: &[String], with: &[&[&str]]) -> bool {
    with.iter().any(|start| {
        words.len() >= start.len()
            && words
                .iter()
                .zip(*start)
                .all(|(word, wanted)| word == wanted)
    })
}

/// What is wrong with a command that should only look.
pub(crate) fn wrong_check(command: &str) -> Option<String> {
    let words = match split(command) {
        Ok(words) => words,
        Err(what) => return Some(format!("`{command}`: {what}")),
    };
    let inside = inside(&words).is_some_and(|program| LOOKS_INSIDE.contains(&program));
    if !begins(&words, LOOKS) && !inside {
        return Some(format!("`{command}` does more than look"));
    }
    wrong_place(command, &words)
}

/// What is wrong with a command that repairs.
pub(crate) fn wrong_repair(command: &str) -> Option<String> {
    let words = match split(command) {
        Ok(words) => words,
        Err(what) => return Some(format!("`{command}`: {what}")),
    };
    let inside = inside(&words).is_some_and(|program| REPAIRS_INSIDE.contains(&program));
    if !begins(&words, REPAIRS) && !inside {
        return Some(format!("`{command}` is no repair we know"));
    }
    wrong_place(command, &words)
}

/// What is wrong with the words beside a command.
pub(crate) fn wrong_reason(why: &str) -> Option<String> {
    let wrong = why.len() < 10 || why.len() > 160 || why.contains('\n');
    wrong.then(|| format!("{why:?} is no reason"))
}

/// The program that runs in a pod or on a node.
fn inside(words: &[String]) -> Option<&str> {
    let mut rest = words.iter().map(String::as_str);
    match rest.next()? {
        "ssh" => {
            let program = rest.nth(1)?;
            if program == "sudo" {
                rest.next()
            } else {
                Some(program)
            }
        }
        "kubectl" if rest.next()? == "exec" => rest.skip_while(|word| *word != "--").nth(1),
        _ => None,
    }
}

/// Objects of namespaces need theirs.
fn wrong_place(command: &str, words: &[String]) -> Option<String> {
    if words.first().is_none_or(|word| word != "kubectl") {
        return None;
    }
    let placed = words
        .iter()
        .any(|word| ["-n", "-A", "--all-namespaces"].contains(&word.as_str()));
    let namespaced = words
        .iter()
        .skip(2)
        .flat_map(|word| word.split(','))
        .any(|word| {
            let kind = word.split_once('/').map_or(word, |(kind, _)| kind);
            Kind::find(kind).is_some_and(|kind| kind.namespaced)
        });
    (namespaced && !placed).then(|| format!("`{command}` names no namespace"))
}
