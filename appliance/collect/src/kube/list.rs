//! Lists of one kind, page by page, into a typed collection.
//!
//! Decides how much of a list counts as captured: only a list read to its end
//! is marked, because only then does an absent object mean something. An
//! object that cannot be parsed is left out and told, the others are kept.

use appliance_core::redaction::redact_object;
use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, Resource};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::text::{encode, quote};

use super::call::{Accept, ApiError, Caller};
use super::limits::{Budget, KubeLimits};

/// Larger pages are parsed on a blocking thread: 256 KiB take about a millisecond.
const INLINE_BYTES_MAX: usize = 256 << 10;

/// A Kubernetes kind that can be listed.
pub(crate) trait Kind:
    Metadata<Ty = ObjectMeta> + DeserializeOwned + Clone + Send + Sync + 'static
{
}

impl<K: Metadata<Ty = ObjectMeta> + DeserializeOwned + Clone + Send + Sync + 'static> Kind for K {}

/// Where to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One namespace.
    Namespace(String),
    /// The whole cluster, or a cluster-scoped kind.
    Cluster,
    /// Pods of one node, in all namespaces.
    Node(String),
}

impl Scope {
    /// `pods in shop`, `nodes`, `pods on node-1`.
    pub(crate) fn describe(&self, plural: &str) -> String {
        match self {
            Self::Namespace(namespace) => format!("{plural} in {namespace}"),
            Self::Cluster => plural.to_owned(),
            Self::Node(node) => format!("{plural} on {node}"),
        }
    }
}

/// The path of a collection, without parameters.
pub(crate) fn path<K: Resource>(namespace: Option<&str>) -> String {
    let root = if K::GROUP.is_empty() {
        format!("/api/{}", K::VERSION)
    } else {
        format!("/apis/{}/{}", K::GROUP, K::VERSION)
    };
    match namespace {
        Some(namespace) => format!("{root}/namespaces/{namespace}/{}", K::URL_PATH_SEGMENT),
        None => format!("{root}/{}", K::URL_PATH_SEGMENT),
    }
}

/// Whether `name` can stand in a path as a namespace or an object name
/// (RFC 1123). Names come from alerts, which anybody may write.
pub(crate) fn is_object_name(name: &str) -> bool {
    let inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    name.len() <= 253
        && name.bytes().all(inner)
        && edge(name.bytes().next())
        && edge(name.bytes().last())
        && !name.contains("..")
}

/// What a list gave.
#[derive(Debug)]
pub(crate) struct Listed<K> {
    pub(crate) items: Vec<K>,
    /// Whether the list was read to its end.
    pub(crate) complete: bool,
    /// The version the list stands at; empty if the server said none.
    pub(crate) resource_version: String,
    /// What went wrong, though some items may be there.
    pub(crate) problem: Option<ApiError>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: PageMeta,
    // Go writes an empty list as null in places.
    #[serde(default)]
    items: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PageMeta {
    #[serde(rename = "continue")]
    continue_token: Option<String>,
    resource_version: Option<String>,
}

/// Lists all objects of a kind in `scope`.
pub(crate) async fn list<K: Kind>(
    caller: &Caller,
    budget: &Budget,
    limits: &KubeLimits,
    scope: &Scope,
) -> Listed<K> {
    list_at(caller, budget, limits, &scope_path::<K>(scope)).await
}

/// Lists all objects of the collection at `path`, which may end in parameters.
pub(crate) async fn list_at<K: Kind>(
    caller: &Caller,
    budget: &Budget,
    limits: &KubeLimits,
    path: &str,
) -> Listed<K> {
    let mut listed = pages(caller, budget, limits, path).await;
    let expired =
        listed.problem.as_ref().and_then(ApiError::status) == Some(http::StatusCode::GONE);
    if expired {
        // The continue token outlived the server's memory: once more from the start.
        listed = pages(caller, budget, limits, path).await;
    }
    listed
}

async fn pages<K: Kind>(
    caller: &Caller,
    budget: &Budget,
    limits: &KubeLimits,
    base: &str,
) -> Listed<K> {
    let mut listed = Listed {
        items: Vec::new(),
        complete: false,
        resource_version: String::new(),
        problem: None,
    };
    let mut token = String::new();
    for _ in 0..limits.pages_max {
        let path = page_path(base, limits.page_size, &token);
        let page = match caller.get(budget, &path, Accept::Json).await {
            Ok(body) => read_page::<K>(body).await,
            Err(error) => Err(error),
        };
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                listed.problem = Some(error);
                return listed;
            }
        };
        listed.items.extend(page.items);
        listed.problem = listed.problem.or(page.unreadable);
        listed.resource_version = page.metadata.resource_version.unwrap_or_default();
        token = page.metadata.continue_token.unwrap_or_default();
        if token.is_empty() {
            listed.complete = listed.problem.is_none();
            return listed;
        }
    }
    listed.problem = Some(ApiError::Budget(format!(
        "only the first {} objects were read",
        listed.items.len()
    )));
    listed
}

fn scope_path<K: Resource>(scope: &Scope) -> String {
    match scope {
        Scope::Namespace(namespace) => path::<K>(Some(namespace)),
        Scope::Cluster => path::<K>(None),
        Scope::Node(node) => format!("{}?fieldSelector=spec.nodeName%3D{node}", path::<K>(None)),
    }
}

fn page_path(base: &str, page_size: usize, token: &str) -> String {
    let joint = if base.contains('?') { '&' } else { '?' };
    let mut path = format!("{base}{joint}limit={page_size}");
    if !token.is_empty() {
        path.push_str("&continue=");
        path.push_str(&encode(token));
    }
    path
}

/// What one page gave.
struct ReadPage<K> {
    items: Vec<K>,
    metadata: PageMeta,
    /// What to tell if some of its objects could not be read.
    unreadable: Option<ApiError>,
}

/// Parses a page away from the async threads if it is large.
async fn read_page<K: Kind>(body: Bytes) -> Result<ReadPage<K>, ApiError> {
    if body.len() < INLINE_BYTES_MAX {
        return parse_page(&body);
    }
    tokio::task::spawn_blocking(move || parse_page(&body))
        .await
        .unwrap_or_else(|error| Err(ApiError::Unreadable(error.to_string())))
}

fn parse_page<K: Kind>(body: &[u8]) -> Result<ReadPage<K>, ApiError> {
    let page: Page = serde_json::from_slice(body)
        .map_err(|error| ApiError::Unreadable(quote(&error.to_string())))?;
    if !page.kind.ends_with("List") {
        return Err(ApiError::Unreadable(format!(
            "its kind is {:?}, not a list",
            quote(&page.kind)
        )));
    }
    let all = page.items.unwrap_or_default();
    let total = all.len();
    let (mut items, mut first_error) = (Vec::with_capacity(total), None);
    for item in all {
        match parse_object(item) {
            Ok(item) => items.push(item),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    let unreadable = first_error.map(|error| {
        let failed = total - items.len();
        ApiError::Unreadable(format!("{failed} of {total} objects: {error}"))
    });
    Ok(ReadPage {
        items,
        metadata: page.metadata,
        unreadable,
    })
}

/// An object without its secrets. Values of Secrets go before anything keeps them.
pub(crate) fn parse_object<K: Kind>(mut value: Value) -> Result<K, String> {
    if let Some(object) = value.as_object_mut() {
        // Items of a list do not say what they are, and redaction asks.
        object.insert("kind".to_owned(), Value::from(K::KIND));
    }
    redact_object(&mut value);
    serde_json::from_value(value).map_err(|error| quote(&error.to_string()))
}
