//! Events of the newer API as the older one tells them.
//!
//! Used only where core events are refused: both APIs serve the same objects,
//! and everything downstream reads `core/v1`.

use k8s_openapi::api::core::v1::{Event as CoreEvent, EventSeries, EventSource};
use k8s_openapi::api::events::v1::Event;

/// The same event under its `core/v1` names.
pub(crate) fn to_core(event: Event) -> CoreEvent {
    let series = event.series.map(|series| EventSeries {
        count: Some(series.count),
        last_observed_time: Some(series.last_observed_time),
    });
    let source = event.deprecated_source.or_else(|| {
        event
            .reporting_controller
            .clone()
            .map(|component| EventSource {
                component: Some(component),
                host: None,
            })
    });
    CoreEvent {
        action: event.action,
        count: event.deprecated_count,
        event_time: event.event_time,
        first_timestamp: event.deprecated_first_timestamp,
        involved_object: event.regarding.unwrap_or_default(),
        last_timestamp: event.deprecated_last_timestamp,
        message: event.note,
        metadata: event.metadata,
        reason: event.reason,
        related: event.related,
        reporting_component: event.reporting_controller,
        reporting_instance: event.reporting_instance,
        series,
        source,
        type_: event.type_,
    }
}
