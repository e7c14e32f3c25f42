//! Read-only commands that show a piece of evidence again.
//!
//! Every word that comes from outside is quoted where the shell would read it,
//! so that a copied command does what it says and nothing else.

use std::borrow::Cow;

use crate::object::ObjectRef;

/// `text` as one word of a POSIX shell command.
///
/// Control characters become `?`, since no name has them and a terminal would
/// obey them.
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/:=@%+,-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let quoted = text
        .replace(|c: char| c.is_control(), "?")
        .replace('\'', "'\\''");
    Cow::Owned(format!("'{quoted}'"))
}

/// ` -n NAMESPACE` for namespaced objects, empty for the others.
pub fn namespace_flag(object: &ObjectRef) -> String {
    object
        .namespace
        .as_ref()
        .map_or_else(String::new, |namespace| {
            format!(" -n {}", shell_word(namespace))
        })
}

/// The read-only command that shows `object` whole.
pub fn get_query(object: &ObjectRef) -> String {
    format!(
        "kubectl get {}{} -o yaml",
        object.kubectl_name(),
        namespace_flag(object)
    )
}

/// The read-only command that shows the events of `object`.
pub fn events_query(object: &ObjectRef) -> String {
    let scope = match &object.namespace {
        Some(_) => namespace_flag(object),
        // Events of cluster-scoped objects lie in a namespace of their own choice.
        None => " -A".to_owned(),
    };
    format!("kubectl events --for {}{scope}", object.kubectl_name())
}

/// The read-only command that shows a container's log.
pub fn logs_query(pod: &ObjectRef, container: &str, previous: bool) -> String {
    let container = if container.is_empty() {
        " --all-containers".to_owned()
    } else {
        format!(" -c {}", shell_word(container))
    };
    let previous = if previous { " --previous" } else { "" };
    format!(
        "kubectl logs {}{}{container}{previous}",
        pod.kubectl_name(),
        namespace_flag(pod)
    )
}

/// The read-only command that tells of `object` and its events.
pub fn describe_query(object: &ObjectRef) -> String {
    format!(
        "kubectl describe {}{}",
        object.kubectl_name(),
        namespace_flag(object)
    )
}

/// The read-only command that lists the revisions of a workload.
pub fn history_query(workload: &ObjectRef) -> String {
    format!(
        "kubectl rollout history {}{}",
        workload.kubectl_name(),
        namespace_flag(workload)
    )
}

/// The read-only command that lists the pods of a node.
pub fn pods_on_node(node: &str) -> String {
    format!(
        "kubectl get pods -A -o wide --field-selector spec.nodeName={}",
        shell_word(node)
    )
}

/// `program` run on `node`. The program is the product's own text: the shell
/// of the node reads it as it stands.
pub fn on_node(node: &str, program: &str) -> String {
    format!("ssh {} {program}", operand(node))
}

/// `name` where a command takes names without their kind: one that looks like
/// a flag comes after the end of the flags.
pub fn operand(name: &str) -> Cow<'_, str> {
    if name.starts_with('-') {
        Cow::Owned(format!("-- {}", shell_word(name)))
    } else {
        shell_word(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: &str) {
        assert_eq!(shell_word(word), expected);
    }

    #[test]
    fn names_stay_and_everything_else_is_quoted() {
        check("web-5d444949c.x", "web-5d444949c.x");
        check("", "''");
        check("a b", "'a b'");
        check("$(reboot)", "'$(reboot)'");
        check("it's;x", "'it'\\''s;x'");
        check("a\n\u{1b}[31mb", "'a??[31mb'");
    }

    #[test]
    fn queries_name_the_object() {
        let pod = ObjectRef::namespaced("Pod", "shop", "web");
        let node = ObjectRef::cluster("Node", "n1");
        assert_eq!(get_query(&pod), "kubectl get pod/web -n shop -o yaml");
        assert_eq!(events_query(&pod), "kubectl events --for pod/web -n shop");
        assert_eq!(events_query(&node), "kubectl events --for node/n1 -A");
        assert_eq!(
            logs_query(&pod, "server", true),
            "kubectl logs pod/web -n shop -c server --previous"
        );
        let odd = ObjectRef::namespaced("Pod", "-A", "-x;y");
        assert_eq!(get_query(&odd), "kubectl get 'pod/-x;y' -n -A -o yaml");
    }
}
