//! gRPC calls without generated code: the framing of the messages, and the status at the end.
//!
//! The emulator only receives one message and sends messages that are all known. A gRPC library needs more code around it
//! for that than the protocol itself (PROTOCOL-HTTP2.md of gRPC), and nine more crates in the first build of the demo.

use std::io::Read;

use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use prost::Message;

use crate::wire::body::{self, Body, MAX_REQUEST, RequestBody};
use crate::wire::status::{Code, Status};

pub(crate) const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
/// The encodings of messages that the emulator reads. Its own messages are not compressed.
pub(crate) const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
pub(crate) const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip");

/// Before each message: the flag for compression, and the length in four bytes.
const PREFIX: usize = 5;

/// Serves a call with one request and one response.
pub(crate) async fn unary<Req, Res, B, F>(request: Request<B>, handler: F) -> Response<Body>
where
    Req: Message + Default,
    Res: Message,
    B: RequestBody,
    F: FnOnce(Req) -> Result<Res, Status>,
{
    server_streaming(request, |message| handler(message).map(|response| vec![response])).await
}

/// As [`unary`], for calls that require credentials.
pub(crate) async fn unary_by<C, Req, Res, B, F>(
    caller: Result<C, Status>,
    request: Request<B>,
    handler: F,
) -> Response<Body>
where
    Req: Message + Default,
    Res: Message,
    B: RequestBody,
    F: FnOnce(&C, Req) -> Result<Res, Status>,
{
    match caller {
        Ok(caller) => unary(request, |message| handler(&caller, message)).await,
        Err(status) => status.to_grpc(),
    }
}

/// Serves a call with one request and a stream of responses, which are all known at once.
pub(crate) async fn server_streaming<Req, Res, B, F>(request: Request<B>, handler: F) -> Response<Body>
where
    Req: Message + Default,
    Res: Message,
    B: RequestBody,
    F: FnOnce(Req) -> Result<Vec<Res>, Status>,
{
    let (parts, body) = request.into_parts();
    let body = body::read_up_to(MAX_REQUEST + PREFIX, too_large(), body).await;
    match body.and_then(|body| handler(message(&parts.headers, &body)?)) {
        Ok(responses) => respond(&responses),
        Err(status) => status.to_grpc(),
    }
}

/// An uncompressed message with its prefix.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], message].concat()
}

fn too_large() -> Status {
    Status::new(Code::ResourceExhausted, "the message is too large")
}

/// The only message in the body of a request.
fn message<M: Message + Default>(headers: &HeaderMap, body: &[u8]) -> Result<M, Status> {
    let Some((&[flag, a, b, c, d], message)) = body.split_first_chunk::<PREFIX>() else {
        return Err(Status::internal("the request has no message"));
    };
    if usize::try_from(u32::from_be_bytes([a, b, c, d])) != Ok(message.len()) {
        return Err(Status::internal("the request is not one whole message"));
    }
    let decompressed;
    let message = match flag {
        0 => message,
        1 => {
            decompressed = decompress(headers, message)?;
            &decompressed
        }
        _ => return Err(Status::internal("the flag for compression is neither 0 nor 1")),
    };
    // The error of prost names fields of Rust types, which mean nothing to a client.
    M::decode(message).map_err(|_| Status::internal("the message is not valid protobuf of its type"))
}

/// A compressed message without its compression. The result has the same limit as a message without compression: few
/// compressed bytes can stand for very many.
fn decompress(headers: &HeaderMap, message: &[u8]) -> Result<Vec<u8>, Status> {
    // The codes are those of gRPC's compression.md, "Test Cases".
    match headers.get(ENCODING).map(HeaderValue::as_bytes) {
        Some(b"gzip") => {}
        None | Some(b"identity") => {
            return Err(Status::internal(
                "the message is compressed, but grpc-encoding names no compression",
            ));
        }
        Some(_) => return Err(Status::new(Code::Unimplemented, "the emulator reads gzip only")),
    }
    let mut decompressed = Vec::new();
    let limit = u64::try_from(MAX_REQUEST).unwrap_or(u64::MAX);
    GzDecoder::new(message)
        .take(limit.saturating_add(1))
        .read_to_end(&mut decompressed)
        .map_err(|_| Status::internal("the message is not valid gzip"))?;
    if decompressed.len() > MAX_REQUEST {
        return Err(too_large());
    }
    Ok(decompressed)
}

/// The messages, and the status of a success as trailers.
fn respond(messages: &[impl Message]) -> Response<Body> {
    let frames: Vec<u8> = messages.iter().flat_map(|message| framed(&message.encode_to_vec())).collect();
    let trailers = Status::new(Code::Ok, "").to_trailers();
    let body = body::full(frames).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    response.headers_mut().insert(ACCEPT_ENCODING, ACCEPTED);
    response
}
