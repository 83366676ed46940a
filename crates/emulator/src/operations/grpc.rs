//! `yandex.cloud.operation.OperationService` over gRPC.

use http::{Request, Response};

use super::CANCELLED;
use crate::cloud::{self, Cloud, Outcome};
use crate::identity::Caller;
use crate::job::JobState;
use crate::messages::{Operation, OperationId, RpcStatus};
use crate::wire::body::{Body, RequestBody};
use crate::wire::grpc::unary_by;
use crate::wire::status::{Code, Status};

/// Starts an operation.
pub(crate) fn start(
    cloud: &Cloud,
    caller: &Caller,
    description: &'static str,
    outcome: Outcome,
) -> Result<Operation, Status> {
    super::start(cloud, caller, description, outcome).map(message)
}

/// `OperationService.Get`
pub(crate) async fn get(cloud: &Cloud, request: Request<impl RequestBody>) -> Response<Body> {
    let caller = super::authenticated(cloud, request.headers());
    unary_by(caller, request, |_, request: OperationId| super::get(cloud, &request.operation_id).map(message))
        .await
}

/// `OperationService.Cancel`
pub(crate) async fn cancel(cloud: &Cloud, request: Request<impl RequestBody>) -> Response<Body> {
    let caller = super::authenticated(cloud, request.headers());
    unary_by(caller, request, |_, request: OperationId| {
        super::cancel(cloud, &request.operation_id).map(message)
    })
    .await
}

fn message(operation: cloud::Operation) -> Operation {
    let (error, response) = match operation.job.state() {
        JobState::Running => (None, None),
        JobState::Done => (None, Some(operation.outcome.message)),
        JobState::Cancelled => {
            let code = Code::Cancelled.number();
            (Some(RpcStatus { code, message: CANCELLED.to_owned() }), None)
        }
    };
    Operation {
        id: operation.id,
        description: operation.description.to_owned(),
        created_at: Some(operation.created.into()),
        created_by: operation.created_by,
        modified_at: Some(operation.job.changed().into()),
        done: error.is_some() || response.is_some(),
        error,
        response,
    }
}
