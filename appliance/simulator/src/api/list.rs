//! Lists: which objects, of which version, in which pages and form.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::negotiate::Form;
use super::path::Place;
use super::query::Query;
use super::reply::Reply;
use super::selector::Selector;
use super::status::Status;
use super::token::Token;
use super::{Call, event_forms, negotiate, table};
use crate::world::{Cluster, Key, Resource, World};

/// How long a real server waits for a version that is not there yet.
const FUTURE_VERSION_WAIT: Duration = Duration::from_secs(3);

const TOO_OLD: &str = "The resourceVersion for the provided list is too old.";
const TOO_OLD_TOKEN: &str = "The provided continue parameter is too old to display a consistent list result. \
You can start a new list without the continue parameter, or use the continue token in this response to \
retrieve the remainder of the results. Continuing with the provided token results in an inconsistent \
list - objects that were created, modified, or deleted between the time the first chunk was returned \
and now may show up in the list.";

/// Which state a list is of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Moment {
    Newest,
    /// No older than this.
    AtLeast(u64),
    Exactly(u64),
    Continued(Token),
}

impl Moment {
    /// Whether the object of that key is not before where a list goes on.
    fn reaches(&self, place: &Place, key: &Key) -> bool {
        match self {
            Self::Continued(token) => token.is_before(&page_key(place, key)),
            _ => true,
        }
    }
}

/// Objects with their keys, in order.
type Keyed = Vec<(Key, Arc<Value>)>;

struct Wanted {
    moment: Moment,
    limit: usize,
    selector: Selector,
    form: Form,
}

/// Answers a list.
pub(super) async fn answer(cluster: &Cluster, call: &Call, place: &Place) -> Result<Reply, Status> {
    let wanted = Wanted::parse(call, place.resource)?;
    wait_for(cluster, &wanted.moment).await?;
    let world = cluster.read();
    wanted.list(&world, call, place).map(Reply::json)
}

async fn wait_for(cluster: &Cluster, moment: &Moment) -> Result<(), Status> {
    let (Moment::AtLeast(version) | Moment::Exactly(version)) = *moment else {
        return Ok(());
    };
    if cluster.read().version() >= version {
        return Ok(());
    }
    let mut versions = cluster.subscribe();
    let arrives = versions.wait_for(|current| *current >= version);
    match tokio::time::timeout(FUTURE_VERSION_WAIT, arrives).await {
        Ok(_) => Ok(()),
        Err(_) => Err(Status::version_too_large(version, cluster.read().version())),
    }
}

/// Reads `resourceVersion`; anything but a number is an error in the server's words.
fn parse_version(query: &Query) -> Result<Option<u64>, Status> {
    query
        .get("resourceVersion")
        .map(|text| {
            text.parse().map_err(|_| {
                Status::bad_request(format!(
                    "invalid resource version: resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
                ))
            })
        })
        .transpose()
}

fn invalid_options(causes: &[(&str, &str, &str)]) -> Status {
    Status::invalid("meta.k8s.io", "ListOptions", "", causes)
}

const FORBIDDEN: &str = "FieldValueForbidden";

impl Wanted {
    fn parse(call: &Call, resource: &Resource) -> Result<Self, Status> {
        let query = &call.query;
        let limit = query.integer("limit")?.unwrap_or(0).max(0);
        let version = parse_version(query)?;
        check_match(query, version)?;
        let selector = Selector::parse(resource, query)?;
        let form = call.accept.form()?;
        let moment = match (query.get("continue"), version) {
            (Some(_), Some(version)) if version > 0 => {
                return Err(Status::bad_request(
                    "specifying resource version is not allowed when using continue",
                ));
            }
            (Some(token), _) => Moment::Continued(Token::decode(token)?),
            (None, None) => Moment::Newest,
            (None, Some(0)) => Moment::AtLeast(0),
            (None, Some(version)) => match query.get("resourceVersionMatch") {
                Some("Exact") => Moment::Exactly(version),
                None if limit > 0 => Moment::Exactly(version),
                _ => Moment::AtLeast(version),
            },
        };
        // From the cache, where version 0 is served, there are no pages.
        let limit = if moment == Moment::AtLeast(0) {
            0
        } else {
            limit
        };
        Ok(Self {
            moment,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            selector,
            form,
        })
    }

    fn list(&self, world: &World, call: &Call, place: &Place) -> Result<Value, Status> {
        let (version, objects) = self.state(world, place)?;
        let mut page = Page::default();
        for (key, object) in objects {
            if self.moment.reaches(place, &key) {
                let served = event_forms::served(place.resource, &object);
                if self.selector.matches(&served) {
                    page.add(self.limit, key, served);
                }
            }
        }
        let metadata = self.metadata(&page, place, version);
        self.render(world, call, place.resource, &page.objects, &metadata)
    }

    /// The version served and the objects of the place at that version, in order.
    fn state(&self, world: &World, place: &Place) -> Result<(u64, Keyed), Status> {
        let at = match &self.moment {
            Moment::Exactly(version) => Some(*version),
            Moment::Continued(token) => u64::try_from(token.rv).ok(),
            Moment::Newest | Moment::AtLeast(_) => None,
        };
        let in_place = |key: &Key| {
            place
                .namespace
                .as_ref()
                .is_none_or(|namespace| key.namespace == *namespace)
        };
        let Some(version) = at.filter(|version| *version < world.version()) else {
            let objects = world.objects(place.resource);
            let objects = objects
                .filter(|(key, _)| in_place(key))
                .map(|(key, object)| (key.clone(), object.clone()))
                .collect();
            return Ok((world.version(), objects));
        };
        match world.objects_at(place.resource, version) {
            Some(shelf) => {
                let objects = shelf.into_iter().filter(|(key, _)| in_place(key));
                Ok((version, objects.collect()))
            }
            None => Err(match &self.moment {
                Moment::Continued(token) => {
                    Status::expired(TOO_OLD_TOKEN, Some(token.at_newest().encode()))
                }
                _ => Status::expired(TOO_OLD, None),
            }),
        }
    }

    fn metadata(&self, page: &Page, place: &Place, version: u64) -> Value {
        let mut metadata = Map::new();
        metadata.insert("resourceVersion".to_owned(), json!(version.to_string()));
        if let (true, Some(last)) = (page.left > 0, &page.last) {
            let signed = i64::try_from(version).unwrap_or(i64::MAX);
            let token = Token::after(signed, &page_key(place, last));
            metadata.insert("continue".to_owned(), json!(token.encode()));
            if self.selector.is_empty() {
                metadata.insert("remainingItemCount".to_owned(), json!(page.left));
            }
        }
        Value::Object(metadata)
    }

    fn render(
        &self,
        world: &World,
        call: &Call,
        resource: &'static Resource,
        objects: &[Arc<Value>],
        metadata: &Value,
    ) -> Result<Value, Status> {
        match self.form {
            Form::Json => Ok(json!({
                "kind": resource.list_kind(), "apiVersion": resource.group_version(),
                "metadata": metadata, "items": objects,
            })),
            Form::Table(version) => {
                let include = call.query.get("includeObject");
                let mut table = table::Table::new(resource, version, include, world.now());
                for object in objects {
                    table.push(object);
                }
                Ok(table.finish(metadata))
            }
            Form::Metadata => Err(Status::not_acceptable(format!(
                "you requested PartialObjectMetadata, but the requested object is a list (*core.{})",
                resource.list_kind()
            ))),
            Form::MetadataList => {
                let items: Vec<Value> = objects
                    .iter()
                    .map(|object| table::partial_metadata(object))
                    .collect();
                Ok(
                    json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                          "metadata": metadata, "items": items}),
                )
            }
            Form::AggregatedDiscovery => Err(Status::not_acceptable(negotiate::ONLY.to_owned())),
        }
    }
}

/// What fits into a page, and how much is left.
#[derive(Default)]
struct Page {
    objects: Vec<Arc<Value>>,
    last: Option<Key>,
    left: usize,
}

impl Page {
    fn add(&mut self, limit: usize, key: Key, object: Arc<Value>) {
        if limit > 0 && self.objects.len() >= limit {
            self.left += 1;
        } else {
            self.objects.push(object);
            self.last = Some(key);
        }
    }
}

/// The key a token of this list holds: the name, or namespace and name across namespaces.
fn page_key(place: &Place, key: &Key) -> String {
    if place.namespace.is_some() || !place.resource.namespaced {
        key.name.clone()
    } else {
        format!("{}/{}", key.namespace, key.name)
    }
}

fn check_match(query: &Query, version: Option<u64>) -> Result<(), Status> {
    let field = "resourceVersionMatch";
    let mut causes = Vec::new();
    match (query.get(field), version) {
        (Some(_), None) => causes.push((
            FORBIDDEN,
            "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
            field,
        )),
        (Some("Exact"), Some(0)) => causes.push((
            FORBIDDEN,
            "Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            field,
        )),
        (Some("Exact" | "NotOlderThan") | None, _) => {}
        (Some(_), _) => causes.push((
            "FieldValueNotSupported",
            "Unsupported value: supported values: \"Exact\", \"NotOlderThan\"",
            field,
        )),
    }
    if query.get("sendInitialEvents").is_some() {
        causes.push((
            FORBIDDEN,
            "Forbidden: sendInitialEvents is forbidden for list",
            "sendInitialEvents",
        ));
    }
    if causes.is_empty() {
        Ok(())
    } else {
        Err(invalid_options(&causes))
    }
}
