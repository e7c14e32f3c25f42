//! Prometheus' query API over the world's series, and `/metrics` for a real
//! Prometheus to scrape.
//!
//! The language is the part of PromQL that monitoring of a cluster asks for;
//! `parse` and `eval` say which. Everything else is a 400 in Prometheus' form,
//! never a wrong answer.

mod aggregate;
mod binary;
mod eval;
mod expr;
mod functions;
mod lexer;
mod parse;
mod relabel;

use std::collections::BTreeSet;

use axum::body::Body;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use self::eval::{Evaluator, Labels, Outcome, Point};
use self::expr::{Expr, Selector};
use crate::faults::{FaultKind, Faults};
use crate::serve::{Answer, Dropped, Server};
use crate::world::openmetrics::{number_text, write_current};
use crate::world::{Cluster, World};

/// Most points of a range query, as Prometheus has it.
const POINTS_MAX: f64 = 11_000.0;
/// Largest form that is read.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Why a query has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueryError {
    /// The request or the query cannot be understood.
    #[error("{0}")]
    BadData(String),
    /// The query cannot be evaluated.
    #[error("{0}")]
    Execution(String),
}

impl QueryError {
    fn bad(message: impl Into<String>) -> Self {
        Self::BadData(message.into())
    }
}

/// Serves the API on `listener`.
pub(crate) fn start(
    listener: TcpListener,
    cluster: Cluster,
    faults: Faults,
) -> std::io::Result<Server> {
    Server::start(listener, move |request| {
        handle(cluster.clone(), faults.clone(), request)
    })
}

async fn handle(cluster: Cluster, faults: Faults, request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    match faults.take(&path) {
        None => {}
        Some(FaultKind::Delay(time)) => tokio::time::sleep(time).await,
        Some(FaultKind::Hang) => std::future::pending().await,
        Some(FaultKind::Drop) => return Err(Dropped),
        Some(FaultKind::Forbid) => return Ok(text(StatusCode::FORBIDDEN, "Forbidden\n")),
        Some(FaultKind::TooManyRequests(_)) => {
            return Ok(text(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests\n"));
        }
        Some(FaultKind::InternalError) => {
            return Ok(text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Internal Server Error\n",
            ));
        }
        Some(FaultKind::Unavailable) => {
            return Ok(text(
                StatusCode::SERVICE_UNAVAILABLE,
                "Service Unavailable\n",
            ));
        }
    }
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            return Ok(text(
                StatusCode::PAYLOAD_TOO_LARGE,
                "request body too large\n",
            ));
        }
    };
    let form = String::from_utf8_lossy(&body);
    let query = format!("{}&{form}", parts.uri.query().unwrap_or_default());
    let parameters = Parameters::parse(&query);
    go_on(&cluster);
    let world = cluster.read();
    Ok(route(&world, &path, &parameters))
}

/// Lets series of a running world reach the present.
fn go_on(cluster: &Cluster) {
    if !cluster.read().is_frozen() {
        cluster.update(|world| {
            let now = seconds(world.now());
            world.series.extend_to(now);
        });
    }
}

fn route(world: &World, path: &str, parameters: &Parameters) -> Response<Body> {
    let result = match path {
        "/-/healthy" => return text(StatusCode::OK, "Prometheus Server is Healthy.\n"),
        "/-/ready" => return text(StatusCode::OK, "Prometheus Server is Ready.\n"),
        "/metrics" => return metrics(world),
        "/api/v1/query" => instant(world, parameters),
        "/api/v1/query_range" => range(world, parameters),
        "/api/v1/series" => series(world, parameters),
        "/api/v1/labels" => label_names(world, parameters),
        "/api/v1/status/buildinfo" => {
            Ok(json!({"version": "3.5.0", "revision": "simulated", "goVersion": "go1.25"}))
        }
        path => match path
            .strip_prefix("/api/v1/label/")
            .and_then(|rest| rest.strip_suffix("/values"))
        {
            Some(name) => label_values(world, name, parameters),
            None => return text(StatusCode::NOT_FOUND, "404 page not found\n"),
        },
    };
    match result {
        Ok(data) => json_response(StatusCode::OK, &json!({"status": "success", "data": data})),
        Err(error) => {
            let (status, kind) = match &error {
                QueryError::BadData(_) => (StatusCode::BAD_REQUEST, "bad_data"),
                QueryError::Execution(_) => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
            };
            json_response(
                status,
                &json!({"status": "error", "errorType": kind, "error": error.to_string()}),
            )
        }
    }
}

fn text(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    response
}

fn json_response(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = text(status, &value.to_string());
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn metrics(world: &World) -> Response<Body> {
    let mut response = text(StatusCode::OK, &write_current(&world.series));
    let kind = http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Parameters of a query string or form.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        let plain = |text: &str| crate::api::decode(&text.replace('+', " "));
        Self(
            pairs
                .map(|(name, value)| (plain(name), plain(value)))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn expression(&self) -> Result<Expr, QueryError> {
        parse::parse(self.get("query").unwrap_or_default())
            .map_err(|error| QueryError::bad(format!("invalid parameter \"query\": {error}")))
    }

    fn time(&self, name: &str) -> Result<Option<f64>, QueryError> {
        let parse = |text: &str| {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            number
                .or_else(|| text.parse::<Timestamp>().ok().map(seconds))
                .ok_or_else(|| {
                    QueryError::bad(format!(
                        "invalid parameter {name:?}: cannot parse {text:?} to a valid timestamp"
                    ))
                })
        };
        self.get(name).map(parse).transpose()
    }

    fn needed_time(&self, name: &str) -> Result<f64, QueryError> {
        let missing = || {
            QueryError::bad(format!(
                "invalid parameter {name:?}: cannot parse \"\" to a valid timestamp"
            ))
        };
        self.time(name)?.ok_or_else(missing)
    }

    fn step(&self) -> Result<f64, QueryError> {
        let text = self.get("step").unwrap_or_default();
        let step = text.parse::<f64>().ok().or_else(|| lexer::duration(text));
        match step {
            Some(step) if step > 0.0 && step.is_finite() => Ok(step),
            Some(_) => Err(QueryError::bad(
                "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
            )),
            None => Err(QueryError::bad(format!(
                "invalid parameter \"step\": cannot parse {text:?} to a valid duration"
            ))),
        }
    }

    fn selectors(&self) -> Result<Vec<Selector>, QueryError> {
        let texts = self.0.iter().filter(|(name, _)| name == "match[]");
        texts
            .map(|(_, text)| match parse::parse(text) {
                Ok(Expr::Selector(selector)) if selector.range.is_none() => Ok(selector),
                Ok(_) => Err(QueryError::bad(
                    "invalid parameter \"match[]\": not a selector",
                )),
                Err(error) => Err(QueryError::bad(format!(
                    "invalid parameter \"match[]\": {error}"
                ))),
            })
            .collect()
    }
}

fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

fn sample(point: Point) -> Value {
    json!([point.at, number_text(point.value)])
}

fn instant(world: &World, parameters: &Parameters) -> Result<Value, QueryError> {
    let at = parameters
        .time("time")?
        .unwrap_or_else(|| seconds(world.now()));
    let expression = parameters.expression()?;
    let evaluator = Evaluator {
        series: &world.series,
        at,
    };
    if let Expr::Selector(selector) = &expression
        && selector.range.is_some()
    {
        let result: Vec<Value> = evaluator
            .windows(selector)
            .map(|(labels, points)| json!({"metric": labels, "values": points.into_iter().map(sample).collect::<Vec<_>>()}))
            .collect();
        return Ok(json!({"resultType": "matrix", "result": result}));
    }
    Ok(match evaluator.eval(&expression)? {
        Outcome::Scalar(value) => {
            json!({"resultType": "scalar", "result": sample(Point { at, value })})
        }
        Outcome::Text(text) => json!({"resultType": "string", "result": [at, text]}),
        Outcome::Vector(elements) => {
            let result: Vec<Value> = elements
                .into_iter()
                .map(|element| json!({"metric": element.labels, "value": sample(Point { at, value: element.value })}))
                .collect();
            json!({"resultType": "vector", "result": result})
        }
    })
}

fn range(world: &World, parameters: &Parameters) -> Result<Value, QueryError> {
    let start = parameters.needed_time("start")?;
    let end = parameters.needed_time("end")?;
    let step = parameters.step()?;
    if end < start {
        return Err(QueryError::bad(
            "invalid parameter \"end\": end timestamp must not be before start time",
        ));
    }
    if (end - start) / step > POINTS_MAX {
        return Err(QueryError::bad(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    let expression = parameters.expression()?;
    if matches!(&expression, Expr::Selector(selector) if selector.range.is_some()) {
        return Err(QueryError::bad(
            "invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be Scalar or instant Vector",
        ));
    }
    let mut found: std::collections::BTreeMap<Labels, Vec<Value>> =
        std::collections::BTreeMap::new();
    let mut round = 0.0;
    while start + round * step <= end {
        let at = start + round * step;
        let evaluator = Evaluator {
            series: &world.series,
            at,
        };
        let mut add = |labels, value| {
            found
                .entry(labels)
                .or_default()
                .push(sample(Point { at, value }));
        };
        match evaluator.eval(&expression)? {
            Outcome::Scalar(value) => add(Labels::new(), value),
            Outcome::Vector(elements) => elements
                .into_iter()
                .for_each(|element| add(element.labels, element.value)),
            Outcome::Text(_) => {
                return Err(QueryError::bad(
                    "invalid parameter \"query\": invalid expression type \"string\" for range query, must be Scalar or instant Vector",
                ));
            }
        }
        round += 1.0;
    }
    let result: Vec<Value> = found
        .into_iter()
        .map(|(labels, values)| json!({"metric": labels, "values": values}))
        .collect();
    Ok(json!({"resultType": "matrix", "result": result}))
}

/// Labels, name included, of the series that any of the selectors matches.
fn matched(world: &World, parameters: &Parameters) -> Result<Vec<Labels>, QueryError> {
    let selectors = parameters.selectors()?;
    let all = world
        .series
        .iter()
        .map(|(name, labels, _)| eval::with_name(name, labels));
    Ok(all
        .filter(|labels| {
            selectors.is_empty() || selectors.iter().any(|selector| selector.matches(labels))
        })
        .collect())
}

fn series(world: &World, parameters: &Parameters) -> Result<Value, QueryError> {
    if parameters.get("match[]").is_none() {
        return Err(QueryError::bad("no match[] parameter provided"));
    }
    matched(world, parameters).map(|found| json!(found))
}

fn label_names(world: &World, parameters: &Parameters) -> Result<Value, QueryError> {
    let found = matched(world, parameters)?;
    let names: BTreeSet<&String> = found.iter().flat_map(|labels| labels.keys()).collect();
    Ok(json!(names))
}

fn label_values(world: &World, name: &str, parameters: &Parameters) -> Result<Value, QueryError> {
    let found = matched(world, parameters)?;
    let values: BTreeSet<&String> = found.iter().filter_map(|labels| labels.get(name)).collect();
    Ok(json!(values))
}

/// Answers an instant query outside a server; for tests.
#[cfg(test)]
pub(crate) fn query_at(world: &World, query: &str, at: f64) -> Result<Value, QueryError> {
    let pairs = vec![
        ("query".to_owned(), query.to_owned()),
        ("time".to_owned(), at.to_string()),
    ];
    instant(world, &Parameters(pairs))
}

#[cfg(test)]
mod tests;
