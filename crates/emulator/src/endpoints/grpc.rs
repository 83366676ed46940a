//! Discovery over gRPC: `yandex.cloud.endpoint.ApiEndpointService`.

use bytes::Bytes;
use http::{Request, Response};

use crate::messages::{GetApiEndpointRequest, ListApiEndpointsRequest, ListApiEndpointsResponse};
use crate::wire::body::Body;
use crate::wire::grpc::unary;

pub(crate) async fn list<B>(authority: &str, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    unary(request, |_: ListApiEndpointsRequest| {
        Ok(ListApiEndpointsResponse { endpoints: super::list(authority) })
    })
    .await
}

pub(crate) async fn get<B>(authority: &str, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    unary(request, |request: GetApiEndpointRequest| super::get(authority, &request.api_endpoint_id)).await
}
