//! Objects of kinds that a cluster may or may not serve: those of add-ons, and
//! built-in ones that few analyzers look at.
//!
//! Kept as JSON and read by pointer, so that another version of an add-on
//! costs a field and never the object.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Collection;

/// An object of a kind without a type of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Custom {
    metadata: ObjectMeta,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// One entry of `status.conditions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields of a Kubernetes condition")]
pub struct CustomCondition<'a> {
    pub kind: &'a str,
    pub status: &'a str,
    pub reason: &'a str,
    pub message: &'a str,
    pub at: Option<jiff::Timestamp>,
}

/// What `fields` has no right to say about the kind.
const OWN_FIELDS: [&str; 2] = ["kind", "apiVersion"];

impl Custom {
    /// The value at a JSON pointer such as `/spec/parentRefs`; null when absent.
    pub fn at(&self, pointer: &str) -> &Value {
        let Some((head, rest)) = split(pointer) else {
            return &Value::Null;
        };
        let found = self
            .fields
            .get(head)
            .filter(|_| !OWN_FIELDS.contains(&head));
        found
            .and_then(|value| value.pointer(rest))
            .unwrap_or(&Value::Null)
    }

    /// The text at a JSON pointer; empty when absent or no text.
    pub fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    /// The items of the array at a JSON pointer; none when there is no array.
    pub fn items(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    /// `status.conditions`, in their order.
    pub fn conditions(&self) -> impl Iterator<Item = CustomCondition<'_>> {
        conditions(self.items("/status/conditions"))
    }
}

/// Reads conditions out of a list of them.
pub fn conditions(list: &[Value]) -> impl Iterator<Item = CustomCondition<'_>> {
    list.iter().map(|condition| {
        let text = |name: &str| condition[name].as_str().unwrap_or_default();
        CustomCondition {
            kind: text("type"),
            status: text("status"),
            reason: text("reason"),
            message: text("message"),
            at: text("lastTransitionTime").parse().ok(),
        }
    })
}

/// `/spec/a/b` as `spec` and `/a/b`.
fn split(pointer: &str) -> Option<(&str, &str)> {
    let path = pointer.strip_prefix('/')?;
    let end = path.find('/').unwrap_or(path.len());
    Some((&path[..end], &path[end..]))
}

impl k8s_openapi::Resource for Custom {
    const API_VERSION: &'static str = "";
    const GROUP: &'static str = "";
    const KIND: &'static str = "Custom";
    const VERSION: &'static str = "";
    const URL_PATH_SEGMENT: &'static str = "";
    type Scope = k8s_openapi::ClusterResourceScope;
}

impl k8s_openapi::Metadata for Custom {
    type Ty = ObjectMeta;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// Collections of custom objects by kind.
#[derive(Clone, Debug, Default)]
pub struct Customs {
    kinds: BTreeMap<&'static str, Collection<Custom>>,
    none: Collection<Custom>,
}

impl Customs {
    /// The objects of `kind`; empty and not captured where nothing was listed.
    pub fn of(&self, kind: &str) -> &Collection<Custom> {
        self.kinds.get(kind).unwrap_or(&self.none)
    }

    /// The same, to add to.
    pub fn of_mut(&mut self, kind: &'static str) -> &mut Collection<Custom> {
        self.kinds.entry(kind).or_default()
    }

    /// Every namespace in which some kind was listed on its own.
    pub(super) fn captured_namespaces(&self) -> impl Iterator<Item = &str> {
        self.kinds
            .values()
            .flat_map(Collection::captured_namespaces)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn route() -> Custom {
        serde_json::from_value(json!({
            "kind": "HTTPRoute", "metadata": {"name": "web"},
            "spec": {"rules": [{"matches": []}]},
            "status": {"conditions": [{"type": "Accepted", "status": "False", "reason": "NoMatchingParent",
                                       "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
        }))
        .unwrap()
    }

    #[test]
    fn fields_are_read_by_pointer_and_absent_ones_are_null() {
        let route = route();
        assert_eq!(route.items("/spec/rules").len(), 1);
        assert_eq!(
            route.text("/status/conditions/0/reason"),
            "NoMatchingParent"
        );
        for absent in ["/spec/x", "/none", "/kind", "spec", ""] {
            assert_eq!(route.at(absent), &Value::Null, "{absent:?}");
        }
    }

    #[test]
    fn conditions_carry_their_time() {
        let route = route();
        let condition = route.conditions().next().unwrap();
        assert_eq!((condition.kind, condition.status), ("Accepted", "False"));
        assert!(condition.at.is_some());
    }
}
