//! The Responses API: `POST /v1/responses`, complete or as a stream; `GET` and `DELETE /v1/responses/{id}`; `POST
//! /v1/responses/{id}/cancel`.
//!
//! `GET …/{id}/input_items` lists the items of the request (`input_items.rs`).
//!
//! A response is stored unless `store` is false, until the store is full. A background response completes after the
//! emulator's delay. `previous_response_id` has to name a stored response, and has no other effect. The emulator has no
//! conversations and no prompts, so it refuses `conversation` and `prompt`: every id of one is unknown.

pub(crate) mod input_items;
mod request;
mod stream;

use http::{HeaderMap, Request, Response, StatusCode, Uri};
use serde_json::json;

use self::request::ResponseRequest;
use super::model_rule::{self, Output};
use super::{ModelUri, Scheme, Usage, folder_allowed, seconds};
use crate::cloud::authenticated;
use crate::cloud::{Cloud, ResponseRecord, StoredResponse};
use crate::identity::{Caller, hex};
use crate::job::{Job, JobState};
use crate::wire::body::{self, Body, RequestBody};
use crate::wire::status::Status;

/// `POST /v1/responses`
pub(crate) async fn create(
    cloud: &Cloud,
    request: Request<impl RequestBody>,
) -> Result<Response<Body>, Status> {
    let caller = authenticated(cloud, request.headers(), true)?;
    let project = project(cloud, request.headers())?;
    let request: ResponseRequest = body::read_json(request.into_body()).await?;
    request.check_references()?;
    let model = model(cloud, project.as_deref(), request.model.as_deref())?;
    if request.previous_response_id.as_deref().is_some_and(|id| !cloud.responses.has(id)) {
        return Err(Status::not_found("no stored response has the id in previous_response_id"));
    }
    let background = request.background == Some(true);
    let (store, stream) = (request.store != Some(false), request.stream == Some(true));
    if background && (!store || stream) {
        return Err(Status::invalid(
            "background cannot be combined with store: false, or, in the emulator, with stream",
        ));
    }
    let record = respond(cloud, &caller, &request, model)?;
    let response = if stream {
        stream::response(&record)
    } else if background {
        body::json(StatusCode::OK, &record.json(JobState::Running))
    } else {
        body::json(StatusCode::OK, &record.json(JobState::Done))
    };
    if store {
        let job = background.then(|| Job::start(cloud.options.job_timing, cloud.clock.now()));
        let (id, bytes) = (record.id.clone(), record.bytes());
        cloud.responses.put(id, bytes, StoredResponse { record, job });
    }
    Ok(response)
}

/// `GET /v1/responses/{id}`, as events with `?stream=true`
pub(crate) fn get(cloud: &Cloud, headers: &HeaderMap, uri: &Uri) -> Result<Response<Body>, Status> {
    checked(cloud, headers)?;
    let now = cloud.clock.now();
    let poll = |stored: &mut StoredResponse| {
        (stored.record.clone(), stored.job.as_mut().map_or(JobState::Done, |job| job.poll(now)))
    };
    let (record, state) = cloud.responses.with(id(uri.path()), poll).ok_or_else(unknown)?;
    let stream = uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "stream=true"));
    Ok(if stream && state == JobState::Done {
        stream::response(&record)
    } else {
        body::json(StatusCode::OK, &record.json(state))
    })
}

/// `DELETE /v1/responses/{id}`
pub(crate) fn delete(cloud: &Cloud, headers: &HeaderMap, path: &str) -> Result<Response<Body>, Status> {
    checked(cloud, headers)?;
    let id = id(path);
    if !cloud.responses.remove(id) {
        return Err(unknown());
    }
    Ok(body::json(StatusCode::OK, &json!({ "id": id, "object": "response", "deleted": true })))
}

/// `POST /v1/responses/{id}/cancel`
pub(crate) fn cancel(cloud: &Cloud, headers: &HeaderMap, path: &str) -> Result<Response<Body>, Status> {
    checked(cloud, headers)?;
    let now = cloud.clock.now();
    let cancel = |stored: &mut StoredResponse| {
        let state = stored.job.as_mut().map(|job| job.cancel(now));
        let state = state.ok_or_else(|| Status::invalid("only a background response can be cancelled"))?;
        Ok(stored.record.json(state))
    };
    let response =
        cloud.responses.with(id(path.trim_end_matches("/cancel")), cancel).ok_or_else(unknown)??;
    Ok(body::json(StatusCode::OK, &response))
}

fn checked(cloud: &Cloud, headers: &HeaderMap) -> Result<(), Status> {
    authenticated(cloud, headers, true)?;
    project(cloud, headers).map(drop)
}

/// The folder in the header `OpenAI-Project`.
fn project(cloud: &Cloud, headers: &HeaderMap) -> Result<Option<String>, Status> {
    let Some(folder) = headers.get("openai-project") else { return Ok(None) };
    let folder = folder.to_str().unwrap_or_default();
    folder_allowed(cloud, folder)?;
    Ok(Some(folder.to_owned()))
}

/// The URI of a model: the URI in the request, or a URI from the name in the request and the folder in the header.
fn model(cloud: &Cloud, project: Option<&str>, request: Option<&str>) -> Result<String, Status> {
    let request =
        request.filter(|model| !model.is_empty()).ok_or_else(|| Status::invalid("model is missing"))?;
    let uri = match project {
        Some(folder) if !request.contains("://") => {
            let version = if request.contains('/') { "" } else { "/latest" };
            format!("gpt://{folder}/{request}{version}")
        }
        _ => request.to_owned(),
    };
    ModelUri::check(cloud, Scheme::Text, &uri)?;
    Ok(uri)
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn unknown() -> Status {
    Status::not_found("no stored response has this id")
}

/// The response of the model to a request.
fn respond(
    cloud: &Cloud,
    caller: &Caller,
    request: &ResponseRequest,
    model: String,
) -> Result<ResponseRecord, Status> {
    let (output, is_cut) = model_rule::respond(caller, &request.prompt()?)?;
    let texts = request.texts()?;
    let usage = Usage::of(texts.iter().map(String::as_str), &output.words());
    let id = hex::<16>()?;
    let output = match output {
        Output::Text(text) => vec![json!({
            "type": "message",
            "id": format!("msg_{id}"),
            "status": if is_cut { "incomplete" } else { "completed" },
            "role": "assistant",
            "content": [{ "type": "output_text", "annotations": [], "logprobs": [], "text": text }],
        })],
        Output::Calls(calls) => calls
            .into_iter()
            .enumerate()
            .map(|(index, call)| {
                json!({
                    "type": "function_call",
                    "id": format!("fc_{id}_{index}"),
                    "call_id": format!("call-{}-{index}", texts.len()),
                    "name": call.name,
                    "arguments": call.arguments.to_string(),
                    "status": "completed",
                })
            })
            .collect(),
    };
    let usage = json!({
        "input_tokens": usage.prompt,
        "input_tokens_details": { "cached_tokens": 0 },
        "output_tokens": usage.completion,
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": usage.total(),
    });
    let created = seconds(cloud.clock.now());
    Ok(ResponseRecord {
        input: request.input_items(&id),
        id: format!("resp_{id}"),
        created,
        model,
        settings: request.settings(),
        is_cut,
        output,
        usage,
    })
}
