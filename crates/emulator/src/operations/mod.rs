//! Operations: work that a call began and that is asked about by id. The rules here, the two wires beside.
//!
//! An operation is done after the delay that the emulator was built with. It is kept for as long as the shelf has
//! room, and anyone who may use the folder may ask about it.

pub(crate) mod grpc;
pub(crate) mod rest;

use std::time::SystemTime;

use crate::cloud::{self, Cloud, Operation, Outcome};
use crate::identity::{Caller, hex};
use crate::job::{Job, JobState};
use crate::wire::status::Status;

/// What a cancelled operation has in the place of an answer.
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
    cloud.operations.with(id, act).ok_or_else(|| Status::not_found("no operation with this id is kept here"))
}

/// Those who may use the models may ask about what they began.
fn authenticated(cloud: &Cloud, headers: &http::HeaderMap) -> Result<Caller, Status> {
    cloud::authenticated(cloud, headers, false)
}
