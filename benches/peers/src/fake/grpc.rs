//! The answers of gRPC services: IAM's token, and calls of services that refuse a token that has expired.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, request};
use http_body_util::{BodyExt, Full};

use super::{Body, Token, has_expired};

/// A call of a service that takes the token in `authorization`.
pub const CALL: &str = "/fake.Service/Call";
/// A call of YDB, which takes the token in `x-ydb-auth-ticket`.
pub const YDB_CALL: &str = "/Ydb.Scheme.V1.SchemeService/MakeDirectory";
/// The message of a refusal.
pub const EXPIRED: &str = "fake-token-expired";

/// The response to a call: empty, or an operation of YDB that has succeeded.
pub fn called(head: &request::Parts) -> Response<Body> {
    let of_ydb = head.uri.path() == YDB_CALL;
    let header = head.headers.get(if of_ydb { "x-ydb-auth-ticket" } else { "authorization" });
    match header {
        None => status(16, "no token"),
        Some(header) if has_expired(header.as_bytes()) => status(16, EXPIRED),
        // Operation { ready: true, status: SUCCESS (400000) }, as field 1 of the response.
        Some(_) if of_ydb => message(&[10, 6, 16, 1, 24, 128, 181, 24]),
        Some(_) => message(&[]),
    }
}

/// `CreateIamTokenResponse { iam_token = 1, expires_at = 2 { seconds = 1 } }`
pub fn iam_token(token: &Token) -> Vec<u8> {
    let mut bytes = vec![10];
    varint(&mut bytes, token.text.len() as u64);
    bytes.extend(token.text.as_bytes());
    let mut end = vec![8];
    varint(&mut end, token.end);
    bytes.push(18);
    varint(&mut bytes, end.len() as u64);
    bytes.extend(end);
    bytes
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 128 {
        bytes.push((value % 128) as u8 | 128);
        value /= 128;
    }
    bytes.push(value as u8);
}

pub fn message(message: &[u8]) -> Response<Body> {
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(Bytes::from(frame)).with_trailers(async move { Some(Ok(trailers)) });
    Response::builder().header("content-type", "application/grpc").body(body.boxed()).unwrap()
}

pub fn status(code: u8, text: &str) -> Response<Body> {
    let response =
        Response::builder().header("content-type", "application/grpc").header("grpc-status", i16::from(code));
    response.header("grpc-message", text).body(Full::default().boxed()).unwrap()
}
