//! gRPC calls without generated code.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use http::{Request, Response};
use prost::Message;
use tonic::server::{Grpc, ServerStreamingService, UnaryService};
use tonic_prost::ProstCodec;

use crate::wire::body::{self, Body, RequestBody};
use crate::wire::status::Status;

/// Serves a call with one request and one response.
pub(crate) async fn unary<Req, Res, B, F>(request: Request<B>, handler: F) -> Response<Body>
where
    Req: Message + Default + Send + 'static,
    Res: Message + Send + 'static,
    B: RequestBody,
    F: FnMut(Req) -> Result<Res, Status>,
{
    Grpc::new(ProstCodec::<Res, Req>::default())
        .max_decoding_message_size(body::MAX_REQUEST)
        .unary(Call(handler), request)
        .await
}

/// As [`unary`], for calls that require credentials.
pub(crate) async fn unary_by<C, Req, Res, B, F>(
    caller: Result<C, Status>,
    request: Request<B>,
    mut handler: F,
) -> Response<Body>
where
    Req: Message + Default + Send + 'static,
    Res: Message + Send + 'static,
    B: RequestBody,
    F: FnMut(&C, Req) -> Result<Res, Status>,
{
    match caller {
        Ok(caller) => unary(request, |message| handler(&caller, message)).await,
        Err(status) => status.into_grpc(),
    }
}

/// Serves a call with one request and a stream of responses, which are all known at once.
pub(crate) async fn server_streaming<Req, Res, B, F>(request: Request<B>, handler: F) -> Response<Body>
where
    Req: Message + Default + Send + 'static,
    Res: Message + Send + Unpin + 'static,
    B: RequestBody,
    F: FnMut(Req) -> Result<Vec<Res>, Status>,
{
    Grpc::new(ProstCodec::<Res, Req>::default())
        .max_decoding_message_size(body::MAX_REQUEST)
        .server_streaming(Call(handler), request)
        .await
}

struct Call<F>(F);

impl<Req, Res, F: FnMut(Req) -> Result<Res, Status>> UnaryService<Req> for Call<F> {
    type Response = Res;
    type Future = Ready<Result<tonic::Response<Res>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<Req>) -> Self::Future {
        ready((self.0)(request.into_inner()).map(tonic::Response::new).map_err(Into::into))
    }
}

impl<Req, Res: Unpin, F: FnMut(Req) -> Result<Vec<Res>, Status>> ServerStreamingService<Req> for Call<F> {
    type Response = Res;
    type ResponseStream = Known<Res>;
    type Future = Ready<Result<tonic::Response<Known<Res>>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<Req>) -> Self::Future {
        let responses = (self.0)(request.into_inner());
        ready(responses.map(|all| tonic::Response::new(Known(all.into_iter()))).map_err(Into::into))
    }
}

/// A stream of known items.
pub(crate) struct Known<T>(std::vec::IntoIter<T>);

impl<T: Unpin> Stream for Known<T> {
    type Item = Result<T, tonic::Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}
