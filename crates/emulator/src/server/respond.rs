//! From a request to its response: checks, counters, faults, the service, and the common headers.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use super::Server;
use crate::cloud::Cloud;
use crate::faults::Hangup;
use crate::routes::{self, Found, Route};
use crate::wire::body::Body;
use crate::wire::error_form::ErrorForm;
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
        let ids = Ids::new();
        let request_id = ids.as_ref().map(|ids| ids.request.clone()).unwrap_or_default();
        let form = match self.port {
            Port::Metadata => ErrorForm::Text,
            Port::Api if is_grpc(request.headers()) => ErrorForm::Grpc,
            Port::Api => routes::error_form(request.uri().path(), &request_id),
        };
        let mut response = match self.guard.check(request.uri(), request.headers()) {
            Ok(authority) => self.checked(hangup, &authority, form, request).await,
            Err(status) => form.error(&status),
        };
        let headers = response.headers_mut();
        if let Some(id) = client_request_id {
            headers.insert(CLIENT_REQUEST_ID, id);
        }
        if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(self.cloud.clock.now())) {
            headers.insert(header::DATE, date);
        }
        if let Some(ids) = ids {
            ids.insert_into(headers);
        }
        if self.port == Port::Metadata {
            // Every response: clients check the header of an error too.
            headers.insert(metadata::FLAVOR, metadata::GOOGLE);
        }
        response
    }

    async fn checked(
        &self,
        hangup: &Hangup,
        authority: &str,
        form: ErrorForm<'_>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let cloud: &Cloud = &self.cloud;
        let path = request.uri().path();
        let found = match self.port {
            Port::Api => routes::api(request.method(), path, form.is_grpc()),
            Port::Metadata => routes::metadata(request.method(), path),
        };
        if self.port == Port::Api && found.route == Route::Unknown && path.starts_with(control::PREFIX) {
            return form.respond(control::respond(cloud, request).await);
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
            faults::apply(faults, form, hangup, self.serve(found, authority, same_old, form, request)).await;
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

    async fn serve(
        &self,
        found: Found,
        authority: &str,
        same_old: bool,
        form: ErrorForm<'_>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        match self.port {
            Port::Api => api::respond(&self.cloud, found.route, authority, same_old, form, request).await,
            Port::Metadata => form.respond(metadata::respond(&self.cloud, same_old, &request).await),
        }
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
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

/// The ids of a response. The error of a gateway repeats the first.
struct Ids {
    request: String,
    trace: String,
}

impl Ids {
    /// `None` if the operating system returns no random bytes.
    fn new() -> Option<Self> {
        let random = identity::hex::<32>().ok()?;
        let (id, trace) = random.split_at(32);
        let (trace, span) = trace.split_at(16);
        Some(Self {
            request: [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-"),
            trace: format!("{trace}:{span}:{trace}:1"),
        })
    }

    fn insert_into(self, headers: &mut HeaderMap) {
        for (name, value) in [(REQUEST_ID, self.request), (SERVER_TRACE_ID, self.trace)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}
