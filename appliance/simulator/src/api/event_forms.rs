//! Events are stored in one form and served in two groups.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::world::Resource;

/// The object as `resource` serves it.
pub(crate) fn served(resource: &Resource, object: &Arc<Value>) -> Arc<Value> {
    if resource.group == "events.k8s.io" {
        Arc::new(to_events_v1(object))
    } else {
        object.clone()
    }
}

/// core/v1 fields and what events.k8s.io/v1 calls them.
const RENAMED: [(&str, &str); 8] = [
    ("involvedObject", "regarding"),
    ("related", "related"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

fn to_events_v1(event: &Value) -> Value {
    let mut fields = Map::new();
    for (name, value) in event.as_object().into_iter().flatten() {
        let renamed = RENAMED.iter().find(|(core, _)| core == name);
        fields.insert(
            renamed.map_or(name.as_str(), |(_, other)| other).to_owned(),
            value.clone(),
        );
    }
    for (name, absent) in [("eventTime", Value::Null), ("deprecatedSource", json!({}))] {
        fields.entry(name).or_insert(absent);
    }
    Value::Object(fields)
}
