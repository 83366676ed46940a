//! `yandex.cloud.operation.OperationService` over REST.

use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

use super::CANCELLED;
use crate::clock::rfc3339;
use crate::cloud::{Cloud, Operation, Outcome};
use crate::identity::Caller;
use crate::job::JobState;
use crate::wire::body::{self, Body};
use crate::wire::status::{Code, Status};

/// Starts an operation and responds with it.
pub(crate) fn start(
    cloud: &Cloud,
    caller: &Caller,
    description: &'static str,
    outcome: Outcome,
) -> Result<Response<Body>, Status> {
    Ok(response(&super::start(cloud, caller, description, outcome)?))
}

/// `GET /operations/{id}`
pub(crate) fn get(cloud: &Cloud, headers: &HeaderMap, path: &str) -> Result<Response<Body>, Status> {
    super::authenticated(cloud, headers)?;
    Ok(response(&super::get(cloud, id(path))?))
}

/// `GET /operations/{id}:cancel`, as in the service's definition, and `POST`, as in its guide
pub(crate) fn cancel(cloud: &Cloud, headers: &HeaderMap, path: &str) -> Result<Response<Body>, Status> {
    super::authenticated(cloud, headers)?;
    Ok(response(&super::cancel(cloud, id(path.trim_end_matches(":cancel")))?))
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn response(operation: &Operation) -> Response<Body> {
    let state = operation.job.state();
    let mut json = json!({
        "id": operation.id,
        "description": operation.description,
        "createdAt": rfc3339(operation.created),
        "createdBy": operation.created_by,
        "modifiedAt": rfc3339(operation.job.changed()),
        "done": state != JobState::Running,
        "metadata": Value::Null,
    });
    match state {
        JobState::Running => {}
        JobState::Done => json["response"] = operation.outcome.json.clone(),
        JobState::Cancelled => {
            let code = Code::Cancelled.number();
            json["error"] = json!({ "code": code, "message": CANCELLED, "details": [] });
        }
    }
    body::json(StatusCode::OK, &json)
}
