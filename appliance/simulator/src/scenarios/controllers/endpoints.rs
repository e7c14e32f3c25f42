//! Endpoints and endpoint slices: the addresses behind every service.

use serde_json::{Value, json};

use super::super::site::Site;
use super::{is_active, is_ready, text};

/// Endpoints and slices of every service that has a selector.
pub(super) fn settle_endpoints(site: &mut Site, pods: &[Value]) {
    for service in site.all("Service") {
        let namespace = text(&service, "/metadata/namespace").to_owned();
        let name = text(&service, "/metadata/name").to_owned();
        let Some(selector) = service["spec"]["selector"].as_object() else {
            continue;
        };
        let chosen: Vec<&Value> = pods
            .iter()
            .filter(|pod| {
                pod["metadata"]["namespace"] == json!(namespace)
                    && is_active(pod)
                    && !text(pod, "/status/podIP").is_empty()
                    && selector
                        .iter()
                        .all(|(key, value)| pod["metadata"]["labels"][key] == *value)
            })
            .collect();
        put_endpoints(site, &service, &namespace, &name, &chosen);
    }
}

fn put_endpoints(site: &mut Site, service: &Value, namespace: &str, name: &str, chosen: &[&Value]) {
    let created = service["metadata"]["creationTimestamp"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or(site.now);
    let ports: Vec<Value> = service["spec"]["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|port| json!({"name": port["name"], "port": port["targetPort"], "protocol": port["protocol"]}))
        .collect();
    let address = |pod: &Value| {
        json!({"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"],
        "targetRef": {"kind": "Pod", "namespace": namespace, "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}})
    };
    let part = |wanted: bool| -> Vec<Value> {
        chosen
            .iter()
            .filter(|pod| is_ready(pod) == wanted)
            .map(|pod| address(pod))
            .collect()
    };
    let (ready, unready) = (part(true), part(false));
    let mut subset = json!({"ports": ports});
    if !ready.is_empty() {
        subset["addresses"] = json!(ready);
    }
    if !unready.is_empty() {
        subset["notReadyAddresses"] = json!(unready);
    }
    let mut endpoints = site.get("Endpoints", namespace, name);
    if endpoints.is_null() {
        endpoints = json!({"metadata": site.meta(namespace, name, created)});
    }
    match (endpoints.as_object_mut(), chosen.is_empty()) {
        (Some(fields), true) => drop(fields.shift_remove("subsets")),
        (Some(fields), false) => drop(fields.insert("subsets".to_owned(), json!([subset]))),
        (None, _) => {}
    }
    site.put("Endpoints", endpoints);
    let old = site.all("EndpointSlice").into_iter().find(|slice| {
        slice["metadata"]["namespace"] == json!(namespace)
            && slice["metadata"]["labels"]["kubernetes.io/service-name"] == json!(name)
    });
    let meta = if let Some(old) = old {
        old["metadata"].clone()
    } else {
        let slice_name = format!("{name}-{}", site.rng.suffix(5));
        let mut meta = site.meta(namespace, &slice_name, created);
        meta["labels"] = json!({"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"});
        meta["ownerReferences"] = site.owner("Service", namespace, name);
        meta
    };
    let endpoints: Vec<Value> = chosen
        .iter()
        .map(|pod| {
            let ready = is_ready(pod);
            json!({"addresses": [pod["status"]["podIP"]], "conditions": {"ready": ready, "serving": ready, "terminating": false},
                   "nodeName": pod["spec"]["nodeName"], "targetRef": address(pod)["targetRef"]})
        })
        .collect();
    let ports = if chosen.is_empty() {
        json!([])
    } else {
        json!(ports)
    };
    site.put(
        "EndpointSlice",
        json!({"metadata": meta, "addressType": "IPv4", "endpoints": endpoints, "ports": ports}),
    );
}
