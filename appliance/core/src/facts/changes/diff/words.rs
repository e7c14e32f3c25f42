//! What a changed field is called by people who deploy.
//!
//! `spec.containers[web].resources.limits.memory` is the memory limit of web.
//! Fields without a name of their own keep their path; nothing is left out.

/// A changed field in words; `path` as [`super::flatten`] writes it.
pub(super) fn field(path: &str) -> String {
    let inner = path.strip_prefix("spec.").unwrap_or(path);
    if let Some((container, rest)) = container(inner) {
        return of_container(&container, rest);
    }
    match inner.strip_prefix("metadata.annotations.") {
        Some(annotation) if annotation.contains("checksum") || annotation.contains("hash") => {
            format!("configuration ({annotation})")
        }
        Some(annotation) => format!("annotation {annotation}"),
        None => match inner.strip_prefix("metadata.labels.") {
            Some(label) => format!("label {label}"),
            None => inner.to_owned(),
        },
    }
}

/// The container that a path leads into, as people name it, and the path within.
fn container(path: &str) -> Option<(String, &str)> {
    let (prefix, rest) = match path.strip_prefix("initContainers[") {
        Some(rest) => ("init container ", rest),
        None => ("", path.strip_prefix("containers[")?),
    };
    let (name, rest) = rest.split_once(']')?;
    Some((
        format!("{prefix}{name}"),
        rest.strip_prefix('.').unwrap_or(rest),
    ))
}

fn of_container(container: &str, rest: &str) -> String {
    if rest.is_empty() {
        return format!("container {container}");
    }
    if let Some((variable, _)) = rest
        .strip_prefix("env[")
        .and_then(|rest| rest.split_once(']'))
    {
        return format!("env {variable} of {container}");
    }
    if let Some(resource) = rest.strip_prefix("resources.limits.") {
        return format!("{} limit of {container}", resource_name(resource));
    }
    if let Some(resource) = rest.strip_prefix("resources.requests.") {
        return format!("{} request of {container}", resource_name(resource));
    }
    for (field, probe) in [
        ("livenessProbe", "liveness probe"),
        ("readinessProbe", "readiness probe"),
        ("startupProbe", "startup probe"),
    ] {
        if let Some(part) = rest
            .strip_prefix(field)
            .and_then(|rest| rest.strip_prefix('.'))
        {
            return format!("{probe} {part} of {container}");
        }
    }
    format!("{rest} of {container}")
}

fn resource_name(resource: &str) -> &str {
    if resource == "cpu" { "CPU" } else { resource }
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_are_called_what_people_call_them() {
        for (path, words) in [
            ("spec.containers[web].image", "image of web"),
            (
                "spec.initContainers[wait].args",
                "args of init container wait",
            ),
            (
                "spec.containers[web].env[DB_HOST].value",
                "env DB_HOST of web",
            ),
            (
                "spec.containers[web].env[DB.HOST].valueFrom.secretKeyRef.key",
                "env DB.HOST of web",
            ),
            (
                "containers[web].resources.limits.memory",
                "memory limit of web",
            ),
            (
                "spec.containers[web].resources.requests.cpu",
                "CPU request of web",
            ),
            (
                "spec.containers[web].readinessProbe.httpGet.port",
                "readiness probe httpGet.port of web",
            ),
            (
                "metadata.annotations.checksum/config",
                "configuration (checksum/config)",
            ),
            ("metadata.labels.version", "label version"),
            ("spec.containers[odd", "containers[odd"),
            ("spec.serviceAccountName", "serviceAccountName"),
        ] {
            assert_eq!(field(path), words, "{path}");
        }
    }
}
