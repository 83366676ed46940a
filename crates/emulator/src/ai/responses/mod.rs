//! The Responses API: `POST /v1/responses`, whole or streamed, and what is kept of it: `GET` and `DELETE
//! /v1/responses/{id}`, `POST /v1/responses/{id}/cancel`.
//!
//! A response is kept unless `store` is false, for as long as the shelf has room. One that was asked for in the
//! background is done after the emulator's delay. `previous_response_id` has to be known, and changes nothing.

mod request;
mod stream;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use serde_json::{Map, Value, json};

use self::request::ResponseRequest;
use super::rule::{self, Answer};
use super::{ModelUri, Scheme, Usage, authenticated, folder_allowed, seconds};
use crate::body::{self, Body};
use crate::cloud::Cloud;
use crate::identity::{Caller, hex};
use crate::status::Status;
use crate::work::{State, Work};

/// A response that may be asked for again.
pub(crate) struct Kept {
    made: Made,
    /// Of one in the background.
    work: Option<Work>,
}

/// All that there is to tell of a response, done or not.
#[derive(Clone)]
struct Made {
    id: String,
    created: u64,
    model: String,
    /// What the request set, as the answer repeats it.
    settings: Map<String, Value>,
    output: Vec<Value>,
    usage: Value,
}

/// `POST /v1/responses`
pub(crate) async fn create<B>(cloud: &Cloud, request: Request<B>) -> Result<Response<Body>, Status>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let caller = authenticated(cloud, request.headers(), true)?;
    let project = project(cloud, request.headers())?;
    let asked: ResponseRequest = body::read_json(request.into_body()).await?;
    let model = model(cloud, project.as_deref(), asked.model.as_deref())?;
    if asked.previous_response_id.as_deref().is_some_and(|id| !cloud.responses.has(id)) {
        return Err(Status::not_found("previous_response_id names no response that is kept here"));
    }
    let background = asked.background == Some(true);
    let (store, stream) = (asked.store != Some(false), asked.stream == Some(true));
    if background && (!store || stream) {
        return Err(Status::invalid("background goes neither with store: false nor, here, with stream"));
    }
    let made = Made::new(cloud, &caller, &asked, model)?;
    let answer = if stream {
        stream::response(&made)
    } else if background {
        body::json(StatusCode::OK, &made.json(State::Running))
    } else {
        body::json(StatusCode::OK, &made.json(State::Done))
    };
    if store {
        let work = background.then(|| Work::start(cloud.options.pace, cloud.clock.now()));
        let (id, bytes) = (made.id.clone(), made.bytes());
        cloud.responses.put(id, bytes, Kept { made, work });
    }
    Ok(answer)
}

/// `GET /v1/responses/{id}`, with `?stream=true` as events
pub(crate) fn get(cloud: &Cloud, headers: &HeaderMap, uri: &Uri) -> Result<Response<Body>, Status> {
    checked(cloud, headers)?;
    let now = cloud.clock.now();
    let look =
        |kept: &mut Kept| (kept.made.clone(), kept.work.as_mut().map_or(State::Done, |work| work.look(now)));
    let (made, state) = cloud.responses.with(id(uri.path()), look).ok_or_else(unknown)?;
    let stream = uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "stream=true"));
    Ok(if stream && state == State::Done {
        stream::response(&made)
    } else {
        body::json(StatusCode::OK, &made.json(state))
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
    let cancel = |kept: &mut Kept| {
        let state = kept.work.as_mut().map(|work| work.cancel(now));
        let state =
            state.ok_or_else(|| Status::invalid("only a response in the background can be cancelled"))?;
        Ok(kept.made.json(state))
    };
    let answer = cloud.responses.with(id(path.trim_end_matches("/cancel")), cancel).ok_or_else(unknown)??;
    Ok(body::json(StatusCode::OK, &answer))
}

fn checked(cloud: &Cloud, headers: &HeaderMap) -> Result<(), Status> {
    authenticated(cloud, headers, true)?;
    project(cloud, headers).map(drop)
}

/// The folder of `OpenAI-Project`.
fn project(cloud: &Cloud, headers: &HeaderMap) -> Result<Option<String>, Status> {
    let Some(folder) = headers.get("openai-project") else { return Ok(None) };
    let folder = folder.to_str().unwrap_or_default();
    folder_allowed(cloud, folder)?;
    Ok(Some(folder.to_owned()))
}

/// A model's address: as it was given, or made of a bare name and the folder of the header.
fn model(cloud: &Cloud, project: Option<&str>, asked: Option<&str>) -> Result<String, Status> {
    let asked = asked.filter(|model| !model.is_empty()).ok_or_else(|| Status::invalid("model is missing"))?;
    let uri = match project {
        Some(folder) if !asked.contains("://") => {
            let version = if asked.contains('/') { "" } else { "/latest" };
            format!("gpt://{folder}/{asked}{version}")
        }
        _ => asked.to_owned(),
    };
    ModelUri::check(cloud, Scheme::Text, &uri)?;
    Ok(uri)
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn unknown() -> Status {
    Status::not_found("no response with this id is kept here")
}

impl Made {
    fn new(cloud: &Cloud, caller: &Caller, asked: &ResponseRequest, model: String) -> Result<Self, Status> {
        let answer = rule::answer(caller, &asked.asked()?)?;
        let prompt = asked.texts();
        let usage = Usage::of(prompt.iter().map(String::as_str), &answer.words());
        let id = hex::<16>()?;
        let output = match answer {
            Answer::Text(text) => vec![json!({
                "type": "message",
                "id": format!("msg_{id}"),
                "status": "completed",
                "role": "assistant",
                "content": [{ "type": "output_text", "annotations": [], "logprobs": [], "text": text }],
            })],
            Answer::Calls(calls) => calls
                .into_iter()
                .enumerate()
                .map(|(index, call)| {
                    json!({
                        "type": "function_call",
                        "id": format!("fc_{id}_{index}"),
                        "call_id": format!("call-{}-{index}", prompt.len()),
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
        Ok(Self { id: format!("resp_{id}"), created, model, settings: asked.settings(), output, usage })
    }

    fn json(&self, state: State) -> Value {
        let mut response = json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": match state {
                State::Running => "in_progress",
                State::Done => "completed",
                State::Cancelled => "cancelled",
            },
            "error": null,
            "incomplete_details": null,
            "model": self.model,
            "output": if state == State::Done { self.output.as_slice() } else { &[] },
            "usage": if state == State::Done { &self.usage } else { &Value::Null },
        });
        if let Some(response) = response.as_object_mut() {
            response.extend(self.settings.clone());
        }
        response
    }

    fn bytes(&self) -> usize {
        self.json(State::Done).to_string().len()
    }
}
