//! The state of an operation. The service is in `operations/`.

use std::time::SystemTime;

use serde_json::Value;

use crate::job::Job;
use crate::messages::Any;

/// An operation and the response that it ends with.
#[derive(Clone)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) description: &'static str,
    pub(crate) created: SystemTime,
    pub(crate) created_by: String,
    pub(crate) job: Job,
    pub(crate) outcome: Outcome,
}

/// The response of a completed operation, for gRPC and for REST.
#[derive(Clone)]
pub(crate) struct Outcome {
    pub(crate) message: Any,
    pub(crate) json: Value,
}
