//! From a request to its response: checks, counters, faults, the service, and the common headers.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use super::Server;
use crate::cloud::Cloud;
use crate::faults::Hangup;
use crate::routes::{self, Found, Route};
use crate::wire::body::Body;
use crate::wire::status::Status;
use crate::{api, control, faults, identity, metadata};

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TRACE_ID: HeaderName = HeaderName::from_static("x-server-trace-id");

/// The two ports of the emulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    Api,
    Metadata,
}

impl Server {
    pub(crate) async fn respond(&self, hangup: &Hangup, request: Request<Incoming>) -> Response<Body> {
        let client_request_id = client_request_id(request.headers());
        let mut response = match self.guard.check(request.uri(), request.headers()) {
            Ok(authority) => self.checked(hangup, &authority, request).await,
            Err(status) => status.into_response(self.is_grpc(request.headers())),
        };
        let headers = response.headers_mut();
        if let Some(id) = client_request_id {
            headers.insert(CLIENT_REQUEST_ID, id);
        }
        if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(self.cloud.clock.now())) {
            headers.insert(header::DATE, date);
        }
        stamp(headers);
        response
    }

    async fn checked(&self, hangup: &Hangup, authority: &str, request: Request<Incoming>) -> Response<Body> {
        let cloud: &Cloud = &self.cloud;
        let grpc = self.is_grpc(request.headers());
        let path = request.uri().path();
        let found = match self.port {
            Port::Api => routes::api(request.method(), path, grpc),
            Port::Metadata => routes::metadata(request.method(), path),
        };
        if self.port == Port::Api && found.route == Route::Unknown && path.starts_with(control::PREFIX) {
            return control::respond(cloud, request).await;
        }
        // An unknown path is not the name of a counter: a client chooses the path, and could fill the memory.
        let name =
            if found.name == "unknown" { format!("unknown of {}", found.service) } else { found.name.into() };
        // Before the faults: a request counts even if a fault prevents its response.
        cloud.counters.count(found.service, &name);
        let faults = cloud.faults.take(found.service, path);
        let same_old = faults.same_old_token;
        let started = SystemTime::now();
        let response =
            faults::apply(faults, grpc, hangup, self.serve(found, authority, same_old, request)).await;
        if response.status() == StatusCode::UNAUTHORIZED || is_grpc_unauthenticated(response.headers()) {
            cloud.counters.count_unauthenticated();
        }
        tracing::debug!(
            route = name,
            status = response.status().as_u16(),
            elapsed = ?started.elapsed().unwrap_or_default(),
            "response sent"
        );
        response
    }

    fn is_grpc(&self, headers: &HeaderMap) -> bool {
        let kind = headers.get(header::CONTENT_TYPE);
        self.port == Port::Api && kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
    }

    async fn serve(
        &self,
        found: Found,
        authority: &str,
        same_old: bool,
        request: Request<Incoming>,
    ) -> Response<Body> {
        match self.port {
            Port::Api => api::respond(&self.cloud, found.route, authority, same_old, request).await,
            Port::Metadata => metadata::respond(&self.cloud, found.route, same_old, request.headers())
                .unwrap_or_else(Status::into_text),
        }
    }
}

fn is_grpc_unauthenticated(headers: &HeaderMap) -> bool {
    headers.get("grpc-status").is_some_and(|status| status == "16")
}

/// The request id of the client, if the value has the format of an id. Other values are not echoed, because they could
/// be secrets.
fn client_request_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(CLIENT_REQUEST_ID)?;
    let good = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'-';
    (id.len() <= 64 && id.as_bytes().iter().all(good)).then(|| id.clone())
}

fn stamp(headers: &mut HeaderMap) {
    let Ok(random) = identity::hex::<32>() else { return };
    let (id, trace) = random.split_at(32);
    let (trace, span) = trace.split_at(16);
    let id = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-");
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Ok(trace) = HeaderValue::try_from(format!("{trace}:{span}:{trace}:1")) {
        headers.insert(SERVER_TRACE_ID, trace);
    }
}
