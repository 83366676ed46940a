//! Operations: asynchronous calls that a client polls by id. `rest.rs` and `grpc.rs` are the two protocols.
//!
//! An operation completes after the delay of the builder. It is stored until the store is full. Everyone who may use
//! the folder may poll it.

pub(crate) mod grpc;
pub(crate) mod rest;

use std::time::SystemTime;

use crate::cloud::{self, Cloud, Operation, Outcome};
use crate::identity::{Caller, hex};
use crate::job::{Job, JobState};
use crate::wire::status::Status;

/// The error message of a cancelled operation.
const CANCELLED: &str = "the operation was cancelled";

fn start(
    cloud: &Cloud,
    caller: &Caller,
    description: &'static str,
    outcome: Outcome,
) -> Result<Operation, Status> {
    let now = cloud.clock.now();
    let operation = Operation {
        id: format!("d7{}", hex::<9>()?),
        description,
        created: now,
        created_by: caller.subject.id().to_owned(),
        job: Job::start(cloud.options.job_timing, now),
        outcome,
    };
    let bytes = operation.outcome.json.to_string().len() + operation.outcome.message.value.len();
    cloud.operations.put(operation.id.clone(), bytes, operation.clone());
    Ok(operation)
}

fn get(cloud: &Cloud, id: &str) -> Result<Operation, Status> {
    act(cloud, id, Job::poll)
}

fn cancel(cloud: &Cloud, id: &str) -> Result<Operation, Status> {
    act(cloud, id, Job::cancel)
}

fn act(cloud: &Cloud, id: &str, act: fn(&mut Job, SystemTime) -> JobState) -> Result<Operation, Status> {
    let now = cloud.clock.now();
    let act = |operation: &mut Operation| {
        act(&mut operation.job, now);
        operation.clone()
    };
    cloud.operations.with(id, act).ok_or_else(|| Status::not_found("no stored operation has this id"))
}

/// Callers who may use the models may poll operations.
fn authenticated(cloud: &Cloud, headers: &http::HeaderMap) -> Result<Caller, Status> {
    cloud::authenticated(cloud, headers, false)
}
