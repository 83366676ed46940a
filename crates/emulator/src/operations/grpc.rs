//! `yandex.cloud.operation.OperationService` over gRPC.

use bytes::Bytes;
use http::{Request, Response};

use super::{CANCELLED, Outcome};
use crate::body::Body;
use crate::cloud::Cloud;
use crate::grpc::unary_by;
use crate::identity::Caller;
use crate::messages::{Operation, OperationId, RpcStatus};
use crate::status::Status;
use crate::work::State;

/// Begins an operation.
pub(crate) fn start(
    cloud: &Cloud,
    caller: &Caller,
    description: &'static str,
    outcome: Outcome,
) -> Result<Operation, Status> {
    super::start(cloud, caller, description, outcome).map(message)
}

/// `OperationService.Get`
pub(crate) async fn get<B>(cloud: &Cloud, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    let caller = super::authenticated(cloud, request.headers());
    unary_by(caller, request, |_, asked: OperationId| super::get(cloud, &asked.operation_id).map(message))
        .await
}

/// `OperationService.Cancel`
pub(crate) async fn cancel<B>(cloud: &Cloud, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    let caller = super::authenticated(cloud, request.headers());
    unary_by(caller, request, |_, asked: OperationId| super::cancel(cloud, &asked.operation_id).map(message))
        .await
}

fn message(operation: super::Operation) -> Operation {
    let (error, response) = match operation.work.state() {
        State::Running => (None, None),
        State::Done => (None, Some(operation.outcome.message)),
        State::Cancelled => {
            let code = i32::from(tonic::Code::Cancelled);
            (Some(RpcStatus { code, message: CANCELLED.to_owned() }), None)
        }
    };
    Operation {
        id: operation.id,
        description: operation.description.to_owned(),
        created_at: Some(operation.created.into()),
        created_by: operation.created_by,
        modified_at: Some(operation.work.changed().into()),
        done: error.is_some() || response.is_some(),
        error,
        response,
    }
}
