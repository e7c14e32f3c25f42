//! Handlers for incidents.
//!
//! Each validates, asks the backend, and answers its wire form.

use appliance_core::analysis::Analysis;
use appliance_core::question::Answer;
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Console;
use super::query::{
    ListQuery, body_problem, query_problem, valid_feedback, valid_id, valid_question,
};
use crate::error::Problem;
use crate::wire::{Asked, Feedback, IncidentDetail, IncidentFilter, IncidentPage};

pub(super) async fn list(
    State(console): State<Console>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<IncidentPage>, Problem> {
    let Query(query) = query.map_err(|rejection| query_problem(&rejection))?;
    let filter = IncidentFilter::try_from(query)?;
    Ok(Json(console.backend.incidents(&filter).await?))
}

pub(super) async fn detail(
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<Json<IncidentDetail>, Problem> {
    Ok(Json(console.backend.incident(valid_id(&id)?).await?))
}

pub(super) async fn analysis(
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<Json<Analysis>, Problem> {
    Ok(Json(console.backend.analysis(valid_id(&id)?).await?))
}

pub(super) async fn bundle(
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = valid_id(&id)?;
    let bytes = console.backend.bundle(id).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/zstd".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{id}.tar.zst\""),
        ),
    ];
    Ok((headers, Body::from_stream(bytes)).into_response())
}

pub(super) async fn feedback(
    State(console): State<Console>,
    Path(id): Path<String>,
    body: Result<Json<Feedback>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let id = valid_id(&id)?;
    let Json(feedback) = body.map_err(|rejection| body_problem(&rejection))?;
    console
        .backend
        .feedback(id, valid_feedback(feedback)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn ask(
    State(console): State<Console>,
    Path(id): Path<String>,
    body: Result<Json<Asked>, JsonRejection>,
) -> Result<Json<Answer>, Problem> {
    let id = valid_id(&id)?;
    let Json(asked) = body.map_err(|rejection| body_problem(&rejection))?;
    let question = valid_question(&asked)?;
    Ok(Json(console.backend.ask(id, question).await?))
}

pub(super) async fn analyze(
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    console.backend.analyze(valid_id(&id)?).await?;
    Ok(StatusCode::ACCEPTED)
}
