//! What the API server did not give, in words an operator can act on.

use appliance_core::snapshot::Gap;

use super::call::ApiError;

/// The gap that `error` leaves; `right` names what to grant, as in `list pods`.
pub(crate) fn gap(source: String, right: &str, error: &ApiError) -> Gap {
    let advice = match error.status().map(|status| status.as_u16()) {
        Some(401) => "; the token or certificate is not accepted".to_owned(),
        Some(403) => format!("; the right to {right} is missing"),
        _ => String::new(),
    };
    Gap {
        source,
        detail: format!("{error}{advice}"),
    }
}
