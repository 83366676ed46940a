//! Discovery over gRPC: `yandex.cloud.endpoint.ApiEndpointService`.

use http::{Request, Response};

use crate::messages::{GetApiEndpointRequest, ListApiEndpointsRequest, ListApiEndpointsResponse};
use crate::wire::body::{Body, RequestBody};
use crate::wire::grpc::unary;

pub(crate) async fn list(authority: &str, request: Request<impl RequestBody>) -> Response<Body> {
    unary(request, |_: ListApiEndpointsRequest| {
        Ok(ListApiEndpointsResponse { endpoints: super::list(authority) })
    })
    .await
}

pub(crate) async fn get(authority: &str, request: Request<impl RequestBody>) -> Response<Body> {
    unary(request, |request: GetApiEndpointRequest| super::get(authority, &request.api_endpoint_id)).await
}
