//! A gRPC client. Its messages are declared separately from those of the server, so that the tests check both.

mod completion;
mod iam;
mod operation;

use std::net::SocketAddr;

use http::uri::PathAndQuery;
use prost::Message;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

#[allow(unused_imports, reason = "each test file uses a part of it")]
pub use self::{completion::*, iam::*, operation::*};

pub async fn connect(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// `message` without credentials.
pub fn bare<T>(message: T) -> Request<T> {
    Request::new(message)
}

/// `message` with an `authorization`.
pub fn with<T>(authorization: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", authorization.parse().unwrap());
    request
}

pub async fn unary<Req, Res>(
    channel: &Channel,
    path: &'static str,
    request: Request<Req>,
) -> Result<Response<Res>, Status>
where
    Req: Message + Send + Sync + 'static,
    Res: Message + Default + Send + Sync + 'static,
{
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let codec = ProstCodec::<Req, Res>::default();
    client.unary(request, PathAndQuery::from_static(path), codec).await
}

pub async fn stream<Req, Res>(
    channel: &Channel,
    path: &'static str,
    request: Request<Req>,
) -> Result<Vec<Res>, Status>
where
    Req: Message + Send + Sync + 'static,
    Res: Message + Default + Send + Sync + 'static,
{
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let codec = ProstCodec::<Req, Res>::default();
    let responses = client.server_streaming(request, PathAndQuery::from_static(path), codec).await?;
    let mut responses: Streaming<Res> = responses.into_inner();
    let mut all = Vec::new();
    while let Some(response) = responses.message().await? {
        all.push(response);
    }
    Ok(all)
}
