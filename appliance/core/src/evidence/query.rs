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
        kubectl_word(object),
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
    format!("kubectl events --for {}{scope}", kubectl_word(object))
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
        kubectl_word(pod),
        namespace_flag(pod)
    )
}

/// `kind/name`, which no name can turn into a flag.
fn kubectl_word(object: &ObjectRef) -> String {
    shell_word(&object.kubectl_name()).into_owned()
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
