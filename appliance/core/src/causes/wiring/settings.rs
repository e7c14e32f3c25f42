//! Addresses that containers are configured with.
//!
//! Reads environment variables and the `ConfigMaps` they come from. Decides
//! which values are addresses; Secret values are never seen.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Container;

use crate::causes::view;
use crate::object::ObjectRef;
use crate::snapshot::Objects;

/// Ends of variable names that hold a host or an address.
const ADDRESS_NAMES: [&str; 14] = [
    "HOST", "HOSTNAME", "ADDR", "ADDRESS", "URL", "URI", "ENDPOINT", "SERVER", "SERVERS",
    "SERVICE", "DSN", "BROKERS", "UPSTREAM", "TARGET",
];

/// One address in a workload's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The workload.
    pub(crate) workload: ObjectRef,
    /// Its container.
    pub(crate) container: String,
    /// The variable that holds the host.
    pub(crate) variable: String,
    /// The variable's value, verbatim.
    pub(crate) value: String,
    /// The host.
    pub(crate) host: String,
    /// The port, from the same value or from the variable beside it.
    pub(crate) port: Option<u16>,
    /// Where the value stands: the workload itself or a `ConfigMap`.
    pub(crate) source: ObjectRef,
}

/// The addresses that the pods of `workload` are configured with.
pub(crate) fn settings_of(objects: &Objects, workload: &ObjectRef) -> Vec<Setting> {
    let Some(spec) = view::template_of(objects, workload) else {
        return Vec::new();
    };
    spec.containers
        .iter()
        .flat_map(|container| of_container(objects, workload, container))
        .collect()
}

fn of_container(objects: &Objects, workload: &ObjectRef, container: &Container) -> Vec<Setting> {
    let values = variables(objects, workload, container);
    let mut settings = Vec::new();
    for (name, (value, source)) in &values {
        let Some((host, port)) = parse(name, value) else {
            continue;
        };
        let port = port.or_else(|| port_beside(name, &values));
        settings.push(Setting {
            workload: workload.clone(),
            container: container.name.clone(),
            variable: name.clone(),
            value: value.clone(),
            host: host.to_ascii_lowercase(),
            port,
            source: source.clone(),
        });
    }
    settings
}

type Variables = BTreeMap<String, (String, ObjectRef)>;

/// The container's variables with their values, where those can be seen.
fn variables(objects: &Objects, workload: &ObjectRef, container: &Container) -> Variables {
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let mut values = Variables::new();
    for from in container.env_from.iter().flatten() {
        let Some(name) = from.config_map_ref.as_ref().map(|map| map.name.as_str()) else {
            continue;
        };
        let Some(map) = objects.config_maps.get(namespace, name) else {
            continue;
        };
        let source = ObjectRef::namespaced("ConfigMap", namespace, name);
        let prefix = from.prefix.as_deref().unwrap_or_default();
        for (key, value) in map.data.iter().flatten() {
            values.insert(format!("{prefix}{key}"), (value.clone(), source.clone()));
        }
    }
    for variable in container.env.iter().flatten() {
        if let Some(value) = &variable.value {
            values.insert(variable.name.clone(), (value.clone(), workload.clone()));
        } else if let Some(key) = variable
            .value_from
            .as_ref()
            .and_then(|from| from.config_map_key_ref.as_ref())
        {
            let map = objects.config_maps.get(namespace, &key.name);
            let value = map.and_then(|map| map.data.as_ref()?.get(&key.key));
            if let Some(value) = value {
                let source = ObjectRef::namespaced("ConfigMap", namespace, &key.name);
                values.insert(variable.name.clone(), (value.clone(), source));
            }
        }
    }
    values
}

/// Host and port in `value`, when the variable's name or the value's form says
/// that it is an address.
fn parse(name: &str, value: &str) -> Option<(String, Option<u16>)> {
    let value = value.trim();
    if value.is_empty() || value.len() > 512 || value.contains(char::is_whitespace) {
        return None;
    }
    let upper = name.to_ascii_uppercase();
    let last = upper.rsplit(['_', '.', '-']).next().unwrap_or_default();
    let named = ADDRESS_NAMES.contains(&last) || upper.ends_with("HOST") || upper.ends_with("URL");
    let (with_scheme, rest) = match value.find("://") {
        Some(at) => (true, &value[at + 3..]),
        None => (false, value),
    };
    let authority = rest.split(['/', '?', ',']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    // Go's MySQL driver writes `user:pass@tcp(host:port)/db`.
    let authority = authority
        .strip_prefix("tcp(")
        .map_or(authority, |inner| inner.trim_end_matches(')'));
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port.parse::<u16>().ok()?)),
        None => (authority, None),
    };
    let host_like = host.len() >= 2
        && host.chars().any(|c| c.is_ascii_alphabetic())
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
    (host_like && (with_scheme || port.is_some() || named)).then(|| (host.to_owned(), port))
}

/// The port that a variable beside the host's names: `DB_HOST` and `DB_PORT`.
fn port_beside(name: &str, values: &Variables) -> Option<u16> {
    let upper = name.to_ascii_uppercase();
    let stem = ["HOSTNAME", "HOST", "ADDRESS", "ADDR", "SERVER"]
        .iter()
        .find_map(|end| upper.strip_suffix(end))?;
    let (value, _) = values
        .iter()
        .find(|(other, _)| other.to_ascii_uppercase() == format!("{stem}PORT"))?
        .1;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[track_caller]
    fn check(name: &str, value: &str, expected: Option<(&str, Option<u16>)>) {
        let expected = expected.map(|(host, port)| (host.to_owned(), port));
        assert_eq!(parse(name, value), expected, "{name}={value}");
    }

    #[test]
    fn addresses_are_read_in_their_usual_forms() {
        check("CART_ADDR", "cart:7070", Some(("cart", Some(7070))));
        check("DB_HOST", "orders-db", Some(("orders-db", None)));
        check(
            "X",
            "redis://u:p@cache.data:6379/0",
            Some(("cache.data", Some(6379))),
        );
        check("DSN", "u:p@tcp(db:3306)/shop", Some(("db", Some(3306))));
    }

    #[test]
    fn other_values_are_no_addresses() {
        check("PORT", "8080", None);
        check("MODE", "production", None);
        check("TIME", "12:30", None);
        check("JAVA_OPTS", "-Xmx1g -Dfoo=bar:1", None);
    }
}
