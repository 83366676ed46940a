//! Operations: work that a call began and that is asked about by id. The rules here, the two wires beside.
//!
//! An operation is done after the delay that the emulator was built with. It is kept for as long as the shelf has
//! room, and anyone who may use the folder may ask about it.

pub(crate) mod grpc;
pub(crate) mod rest;

use std::time::SystemTime;

use serde_json::Value;

use crate::ai;
use crate::cloud::Cloud;
use crate::identity::{Caller, hex};
use crate::messages::Any;
use crate::status::Status;
use crate::work::{State, Work};

#[derive(Clone)]
pub(crate) struct Operation {
    id: String,
    description: &'static str,
    created: SystemTime,
    created_by: String,
    work: Work,
    outcome: Outcome,
}

/// What it ends with, for either wire.
#[derive(Clone)]
pub(crate) struct Outcome {
    pub(crate) message: Any,
    pub(crate) json: Value,
}

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
        work: Work::start(cloud.options.pace, now),
        outcome,
    };
    let bytes = operation.outcome.json.to_string().len() + operation.outcome.message.value.len();
    cloud.operations.put(operation.id.clone(), bytes, operation.clone());
    Ok(operation)
}

fn get(cloud: &Cloud, id: &str) -> Result<Operation, Status> {
    act(cloud, id, Work::look)
}

fn cancel(cloud: &Cloud, id: &str) -> Result<Operation, Status> {
    act(cloud, id, Work::cancel)
}

fn act(cloud: &Cloud, id: &str, act: fn(&mut Work, SystemTime) -> State) -> Result<Operation, Status> {
    let now = cloud.clock.now();
    let act = |operation: &mut Operation| {
        act(&mut operation.work, now);
        operation.clone()
    };
    cloud.operations.with(id, act).ok_or_else(|| Status::not_found("no operation with this id is kept here"))
}

/// Those who may use the models may ask about what they began.
fn authenticated(cloud: &Cloud, headers: &http::HeaderMap) -> Result<Caller, Status> {
    ai::authenticated(cloud, headers, false)
}
