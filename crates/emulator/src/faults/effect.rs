//! Applies the faults of a call to its response.

use std::future::{Future, pending};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;

use super::drip::Drip;
use super::hangup::Hangup;
use super::{CallFaults, Kind};
use crate::wire::body::{self, Body, Pieces};
use crate::wire::error_form::ErrorForm;
use crate::wire::grpc::{GRPC, framed};
use crate::wire::status::Status;

/// Neither JSON nor UTF-8 nor protobuf: the first byte is a field with an invalid wire type.
const GARBAGE: &[u8] = b"\xff\xfe{\"iamToken\": \x00<html>";
const CHUNK: usize = 64 << 10;

/// Computes the response, or the response of a fault.
pub(crate) async fn apply(
    faults: CallFaults,
    form: ErrorForm<'_>,
    hangup: &Hangup,
    response: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    if !faults.latency.is_zero() {
        tokio::time::sleep(faults.latency).await;
    }
    let grpc = form.is_grpc();
    match faults.effect {
        None | Some(Kind::Latency { .. } | Kind::SameOldToken) => response.await,
        Some(Kind::Hang) => pending().await,
        Some(Kind::Reset) => {
            hangup.close();
            // The connection drops this future. A response in the meantime would reach the client.
            pending().await
        }
        Some(Kind::NotFound) => form.error(&Status::not_found("not found, by a fault of the emulator")),
        Some(Kind::Status { status, retry_after_seconds, body }) => {
            error(status, retry_after_seconds, body, form)
        }
        Some(Kind::Garbage) => ok(body::full(if grpc { framed(GARBAGE) } else { GARBAGE.to_vec() }), grpc),
        Some(Kind::HugeBody { bytes }) => ok(huge(bytes, grpc), grpc),
        Some(Kind::Drip { milliseconds }) => {
            let (mut parts, body) = response.await.into_parts();
            // The body has no known length any more, because its pieces are sent one by one.
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Body::new(Drip::new(body, Duration::from_millis(milliseconds))))
        }
        Some(Kind::TruncatedBody) => truncated(response.await, form).await,
    }
}

fn error(
    status: StatusCode,
    retry_after_seconds: Option<u64>,
    text: Option<String>,
    form: ErrorForm<'_>,
) -> Response<Body> {
    let message = format!("{} by a fault of the emulator", status.as_u16());
    let mut response = match text {
        Some(text) if form.is_grpc() => Status::of_http(status, text).to_grpc(),
        Some(text) => body::text(status, text),
        None => form.error(&Status::of_http(status, message)),
    };
    if let Some(seconds) = retry_after_seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn ok(body: Body, grpc: bool) -> Response<Body> {
    let mut response = Response::new(body);
    let kind = if grpc { GRPC } else { body::JSON };
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A body of any size. All pieces share one allocation.
fn huge(bytes: u64, grpc: bool) -> Body {
    let (head, tail): (Vec<u8>, &'static [u8]) = if grpc {
        let length = u32::try_from(bytes.saturating_sub(5)).unwrap_or(u32::MAX);
        ([&[0][..], &length.to_be_bytes()].concat(), b"")
    } else {
        (b"{\"padding\":\"".to_vec(), b"\"}")
    };
    let filler = Bytes::from(vec![b'x'; CHUNK]);
    let padding = bytes.saturating_sub((head.len() + tail.len()) as u64);
    let whole = usize::try_from(padding / CHUNK as u64).unwrap_or(usize::MAX);
    let rest = usize::try_from(padding % CHUNK as u64).unwrap_or(0);
    let pieces = std::iter::once(Bytes::from(head))
        .chain(std::iter::repeat_n(filler.clone(), whole))
        .chain([filler.slice(..rest), Bytes::from_static(tail)]);
    Body::new(Pieces::new(pieces.filter(|piece| !piece.is_empty())))
}

/// Announces the full length, sends half of the body, and closes the connection.
async fn truncated(response: Response<Body>, form: ErrorForm<'_>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        return form.error(&Status::internal("cannot create the response"));
    };
    let body = body.to_bytes();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let half = body.slice(..body.len() / 2);
    Response::from_parts(parts, Body::new(Pieces::new([half]).then_break_off()))
}
