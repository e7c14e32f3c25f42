//! Kinds that a cluster may lack: which of them it serves, and their objects.
//!
//! One call of discovery says which groups there are and in which version;
//! only those are listed, in the whole cluster, since add-ons keep few objects
//! and in namespaces of their own. A cluster without an add-on has no gap.

use appliance_core::snapshot::{Custom, KINDS, Kind};
use serde::Deserialize;

use super::call::{Accept, ApiError, Caller};
use super::limits::{Budget, KubeLimits};
use super::list::{Listed, list_at};

/// Discovery of all groups but the core's.
const GROUPS: &str = "/apis";

/// A custom kind and the version of its group to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) kind: &'static Kind,
    group: String,
    version: String,
}

impl Served {
    /// `httproutes.gateway.networking.k8s.io`.
    pub(crate) fn right(&self) -> String {
        format!("{}.{}", self.kind.plural, self.group)
    }

    /// All objects of the kind.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        budget: &Budget,
        limits: &KubeLimits,
    ) -> Listed<Custom> {
        let path = format!("/apis/{}/{}/{}", self.group, self.version, self.kind.plural);
        let mut listed = list_at(caller, budget, limits, &path).await;
        if listed.problem.as_ref().and_then(ApiError::status) == Some(http::StatusCode::NOT_FOUND) {
            // The group is there, the kind is not: an older or smaller release of the add-on.
            listed.problem = None;
        }
        listed
    }
}

#[derive(Default, Deserialize)]
struct GroupList {
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

/// The custom kinds whose group the server has.
pub(crate) async fn served(caller: &Caller, budget: &Budget) -> Result<Vec<Served>, ApiError> {
    let body = caller.get(budget, GROUPS, Accept::Json).await?;
    let list: GroupList =
        serde_json::from_slice(&body).map_err(|error| ApiError::Unreadable(error.to_string()))?;
    Ok(KINDS
        .iter()
        .filter(|kind| kind.custom)
        .filter_map(|kind| in_groups(kind, &list.groups))
        .collect())
}

/// The version we know if the server has it, the server's first otherwise.
fn in_groups(kind: &'static Kind, groups: &[Group]) -> Option<Served> {
    let (name, known) = kind.api_version.split_once('/')?;
    let group = groups.iter().find(|group| group.name == name)?;
    let is_known = group
        .versions
        .iter()
        .any(|version| version.version == known);
    let first = group
        .versions
        .first()
        .map(|version| version.version.as_str());
    let version = if is_known { known } else { first? };
    let is_plain = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
    };
    is_plain(version).then(|| Served {
        kind,
        group: name.to_owned(),
        version: version.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(versions: &[&str], expected: Option<&str>) {
        let groups = [Group {
            name: "gateway.networking.k8s.io".to_owned(),
            versions: versions
                .iter()
                .map(|version| Version {
                    version: (*version).to_owned(),
                })
                .collect(),
        }];
        let kind = Kind::find("HTTPRoute").unwrap();
        let served = in_groups(kind, &groups);
        assert_eq!(served.map(|served| served.version).as_deref(), expected);
        assert_eq!(in_groups(Kind::find("Certificate").unwrap(), &groups), None);
    }

    #[test]
    fn the_known_version_is_taken_and_the_servers_own_where_it_has_another() {
        check(&["v1", "v1beta1"], Some("v1"));
        check(&["v1beta1"], Some("v1beta1"));
        check(&[], None);
        check(&["../v1"], None);
    }
}
