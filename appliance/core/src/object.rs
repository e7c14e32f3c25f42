//! Names of Kubernetes objects, as the analysis speaks of them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evidence::query::shell_word;

/// A Kubernetes object by kind, namespace and name.
///
/// `kind` is the API kind in CamelCase (`Deployment`, `Node`). Cluster-scoped
/// objects have no namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    /// API kind, for example `Deployment`.
    pub kind: String,
    /// Namespace, absent for cluster-scoped kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Object name.
    pub name: String,
}

impl ObjectRef {
    /// A namespaced object.
    pub fn namespaced(
        kind: impl Into<String>,
        namespace: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self {
            kind: kind.into(),
            namespace: Some(namespace.into()),
            name: name.into(),
        }
    }

    /// A cluster-scoped object.
    pub fn cluster(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            namespace: None,
            name: name.into(),
        }
    }

    /// `kind/name` in kubectl's lower case, without the namespace, as one word
    /// of a shell: it can neither end a command nor be read as a flag.
    pub fn kubectl_name(&self) -> String {
        let name = format!("{}/{}", self.kind.to_lowercase(), self.name);
        shell_word(&name).into_owned()
    }
}

/// Prints `Kind namespace/name`, or `Kind name` for cluster-scoped objects.
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}
