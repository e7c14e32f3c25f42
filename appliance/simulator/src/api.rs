//! Answers as a Kubernetes API server does, read-only.
//!
//! `handle` takes a request through the order of a real server:
//! authentication, faults on demand, the path, the method, then the resource.
//! What is answered is a `reply::Reply`; headers every answer carries are
//! added in one place. Behaviour follows recorded exchanges with Kubernetes 1.36.

mod discovery;
mod event_forms;
mod health;
mod list;
mod logs;
mod negotiate;
mod path;
mod query;
mod reply;
mod review;
mod selector;
mod status;
mod table;
mod token;
mod watch;

use std::sync::Arc;

use http::{Method, Request, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use self::negotiate::{Accept, Form};
use self::path::Target;
pub(crate) use self::path::decode;
use self::query::Query;
use self::reply::Reply;
use self::status::Status;
use crate::faults::{FaultKind, Faults};
use crate::serve::{Answer, Dropped};
use crate::simulator::RequestLog;
use crate::world::Cluster;
use crate::world::bundle::full_object;

/// Largest body that is read: access reviews are far smaller.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Who may ask.
#[derive(Clone, Debug)]
pub struct Access {
    /// Bearer token; absent: everyone may.
    pub token: Option<String>,
    /// User name in messages.
    pub user: String,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            token: None,
            user: "system:serviceaccount:monitoring:observer".to_owned(),
        }
    }
}

/// What the API server answers from.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) cluster: Cluster,
    pub(crate) faults: Faults,
    pub(crate) access: Access,
    pub(crate) requests: RequestLog,
}

/// A request, parsed as far as all handlers need it.
pub(crate) struct Call {
    method: Method,
    path: String,
    query: Query,
    accept: Accept,
    user: String,
    anonymous: bool,
    content_type: String,
    if_none_match: Option<String>,
}

/// Answers one request.
pub(crate) async fn handle(api: Arc<Api>, request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let text = |name| {
        let value = parts.headers.get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let style = reply::Style {
        pretty: wants_indented(&parts.uri, text(header::USER_AGENT).as_deref()),
        gzip: text(header::ACCEPT_ENCODING).is_some_and(|value| value.contains("gzip")),
        head: parts.method == Method::HEAD,
    };
    let path = parts.uri.path().to_owned();
    api.requests.record(&parts.method, &parts.uri);
    let (user, anonymous) = match api.authenticate(text(header::AUTHORIZATION).as_deref()) {
        Ok(user) => user,
        Err(status) => return Ok(Reply::from(status).unmetered().finish(style)),
    };
    let call = Call {
        method: parts.method.clone(),
        query: Query::parse(parts.uri.query().unwrap_or_default()),
        accept: Accept::parse(text(header::ACCEPT).as_deref()),
        content_type: text(header::CONTENT_TYPE).unwrap_or_default(),
        if_none_match: text(header::IF_NONE_MATCH),
        path,
        user,
        anonymous,
    };
    if let Some(fault) = api.faults.take(&call.path)
        && let Some(reply) = fail(fault, &call).await?
    {
        return Ok(reply.finish(style));
    }
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(Reply::from(Status::too_large()).finish(style)),
    };
    let reply = api.answer(&call, &body).await;
    Ok(reply.unwrap_or_else(Reply::from).finish(style))
}

/// Lets a request fail; `None` means that it goes on, later.
async fn fail(fault: FaultKind, call: &Call) -> Result<Option<Reply>, Dropped> {
    Ok(Some(match fault {
        FaultKind::Forbid => Reply::from(Status::forbidden(
            &call.user,
            &Target::parse(&call.path),
            &call.verb(),
            &call.path,
        )),
        FaultKind::TooManyRequests(seconds) => Reply::too_many_requests(seconds),
        FaultKind::InternalError => Reply::from(Status::internal("an error on the server")),
        FaultKind::Unavailable => Reply::text(503, "service unavailable\n"),
        FaultKind::Delay(time) => {
            tokio::time::sleep(time).await;
            return Ok(None);
        }
        FaultKind::Hang => std::future::pending().await,
        FaultKind::Drop => return Err(Dropped),
    }))
}

fn wants_indented(uri: &http::Uri, user_agent: Option<&str>) -> bool {
    let query = Query::parse(uri.query().unwrap_or_default());
    let by_browser = user_agent.is_some_and(|agent| {
        agent.starts_with("curl/") || agent.starts_with("Mozilla/") || agent.starts_with("Wget/")
    });
    match query.get("pretty") {
        Some(value) => matches!(value, "true" | "1"),
        None => by_browser,
    }
}

impl Call {
    /// The verb of authorization.
    fn verb(&self) -> String {
        let target = Target::parse(&self.path);
        let (named, watches) = match &target {
            Target::Resource(place) => (place.name.is_some(), place.watch || self.query.is_watch()),
            _ => (true, false),
        };
        let verb = match self.method {
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if named => "delete",
            Method::DELETE => "deletecollection",
            _ if watches && !named => "watch",
            _ if named => "get",
            _ => "list",
        };
        verb.to_owned()
    }
}

impl Api {
    /// User name, and whether nobody in particular asks.
    fn authenticate(&self, authorization: Option<&str>) -> Result<(String, bool), Status> {
        let Some(expected) = &self.access.token else {
            return Ok((self.access.user.clone(), false));
        };
        let given = authorization
            .and_then(|value| value.strip_prefix("Bearer "))
            .map(str::trim)
            .filter(|token| !token.is_empty());
        match given {
            Some(token) if token == expected => Ok((self.access.user.clone(), false)),
            Some(_) => Err(Status::unauthorized()),
            None => Ok(("system:anonymous".to_owned(), true)),
        }
    }

    async fn answer(&self, call: &Call, body: &[u8]) -> Result<Reply, Status> {
        let target = Target::parse(&call.path);
        if matches!(call.method, Method::HEAD | Method::OPTIONS) {
            return Err(Status::method_not_allowed());
        }
        if call.anonymous && !health::is_public(&call.path) {
            let verb = call.verb();
            return Err(Status::forbidden(&call.user, &target, &verb, &call.path));
        }
        match target {
            Target::Resource(place) if call.method == Method::GET => self.read(call, &place).await,
            Target::Resource(place) => self.write(call, &place, body),
            _ if call.method != Method::GET => Err(Status::method_not_allowed()),
            Target::NotFoundPage => Ok(Reply::text(404, "404 page not found\n")),
            Target::UnknownResource => Err(Status::unknown_resource()),
            Target::Discovery(page) => discovery::answer(&page, call),
            Target::Health(check) => Ok(health::answer(&check, &call.query)),
            Target::Version => Ok(health::version()),
            Target::OpenApi(document) => Ok(discovery::openapi(&document)),
        }
    }

    async fn read(&self, call: &Call, place: &path::Place) -> Result<Reply, Status> {
        if place.resource.is_review() {
            return Err(Status::method_not_allowed());
        }
        match (&place.name, place.subresource.as_deref()) {
            (None, _) if place.watch || call.query.is_watch() => {
                watch::answer(&self.cluster, call, place)
            }
            (None, _) => list::answer(&self.cluster, call, place).await,
            (Some(name), None | Some("status")) => self.get(call, place, name),
            (Some(name), Some("log")) => logs::answer(&self.cluster, call, place, name),
            (Some(name), Some("scale")) => self.scale(place, name),
            (Some(name), Some(other)) => Err(self.upgrade(place, name, other)),
        }
    }

    fn get(&self, call: &Call, place: &path::Place, name: &str) -> Result<Reply, Status> {
        let world = self.cluster.read();
        let object = world
            .get(place.resource, place.namespace(), name)
            .ok_or_else(|| Status::not_found(place.resource, name))?;
        let object = event_forms::served(place.resource, object);
        match call.accept.form()? {
            Form::Json => Ok(Reply::json(full_object(place.resource, &object))),
            Form::Table(version) => {
                let include = call.query.get("includeObject");
                let now = world.now();
                let mut table = table::Table::new(place.resource, version, include, now);
                table.push(&object);
                Ok(Reply::json(table.finish(&Value::Null)))
            }
            Form::Metadata => Ok(Reply::json(table::partial_metadata(&object))),
            Form::MetadataList => Err(Status::not_acceptable(format!(
                "you requested PartialObjectMetadataList, but the requested object is not a list (*core.{})",
                place.resource.kind
            ))),
            Form::AggregatedDiscovery => Err(Status::not_acceptable(negotiate::ONLY.to_owned())),
        }
    }

    /// The scale of a workload, as collectors and `kubectl describe hpa` may read it.
    fn scale(&self, place: &path::Place, name: &str) -> Result<Reply, Status> {
        let world = self.cluster.read();
        let object = world
            .get(place.resource, place.namespace(), name)
            .ok_or_else(|| Status::not_found(place.resource, name))?;
        let selector = selector::from_match_labels(object.pointer("/spec/selector"));
        let at = |pointer| object.pointer(pointer).cloned().unwrap_or_default();
        Ok(Reply::json(serde_json::json!({
            "kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": {"name": name, "namespace": place.namespace(), "uid": at("/metadata/uid"),
                         "resourceVersion": at("/metadata/resourceVersion"),
                         "creationTimestamp": at("/metadata/creationTimestamp")},
            "spec": {"replicas": at("/spec/replicas")},
            "status": {"replicas": object.pointer("/status/replicas").and_then(Value::as_i64).unwrap_or(0),
                       "selector": selector},
        })))
    }

    /// Subresources that need a kubelet, an upgrade or a proxy.
    fn upgrade(&self, place: &path::Place, name: &str, subresource: &str) -> Status {
        let world = self.cluster.read();
        if world.get(place.resource, place.namespace(), name).is_none() {
            return Status::not_found(place.resource, name);
        }
        match (place.resource.plural, subresource) {
            ("pods", "exec" | "attach" | "portforward") => {
                Status::bad_request("Upgrade request required")
            }
            ("services", "proxy") => {
                Status::unavailable(format!("no endpoints available for service \"{name}\""))
            }
            (_, "proxy") => Status::bad_request("address not allowed"),
            _ => Status::method_not_allowed(),
        }
    }

    /// Everything that is not a GET: reviews are answered, the rest is refused.
    fn write(&self, call: &Call, place: &path::Place, body: &[u8]) -> Result<Reply, Status> {
        if place.resource.is_review() {
            if call.method != Method::POST || place.name.is_some() {
                return Err(Status::method_not_allowed());
            }
            return review::answer(&self.faults, call, place, body);
        }
        let fits = match call.method {
            Method::POST => place.name.is_none() || place.subresource.is_some(),
            Method::PUT | Method::PATCH => place.name.is_some(),
            Method::DELETE => place.subresource.is_none(),
            _ => false,
        };
        if !fits {
            return Err(Status::method_not_allowed());
        }
        let target = Target::Resource(place.clone());
        Err(Status::forbidden(
            &call.user,
            &target,
            &call.verb(),
            &call.path,
        ))
    }
}
