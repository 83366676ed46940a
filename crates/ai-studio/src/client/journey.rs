//! One call on its way: what stays the same over its attempts, and what is known of it when it fails.

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use reqwest::{Request, Url};
use uuid::Uuid;

use super::call::Call;
use super::transport::call_headers;
use crate::error::{Context, Error, ErrorKind};
use crate::services::Base;

/// What a call is waiting for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// The address of the service.
    Locating,
    /// A token, or the head of the answer.
    Sending,
    /// The rest of the answer.
    Reading,
    /// The next attempt.
    Waiting,
}

/// One call.
pub(super) struct Journey {
    pub(super) call: Call,
    pub(super) context: Context,
    pub(super) stage: Stage,
    /// How many attempts were begun, sent or not.
    pub(super) made: u32,
    /// Why the attempt before this one failed.
    pub(super) last: Option<Error>,
}

impl Journey {
    pub(super) fn new(call: Call) -> Self {
        let context = Context { client_request_id: Some(Uuid::new_v4().to_string()), ..Context::default() };
        Self { call, context, stage: Stage::Locating, made: 0, last: None }
    }

    /// The request of the attempt that has begun, for a project where it names one.
    pub(super) fn request(&mut self, base: &Base, project: Option<&str>) -> Result<Request, Error> {
        let url = base.url(&self.call.path);
        self.context.endpoint = Some(format!("{} {url}", self.call.method));
        let url = Url::parse(&url)
            .map_err(|error| Error::new(ErrorKind::Invalid, format!("the URL of the call: {error}")))?;
        let mut request = Request::new(self.call.method.clone(), url);
        let headers = request.headers_mut();
        // One call, one key: what tells its attempts from other calls to people does so to the server too.
        let request_id = self.context.client_request_id.as_deref();
        let idempotency_key = request_id.filter(|_| self.call.method == Method::POST);
        *headers = call_headers(request_id, idempotency_key, project);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if self.made > 1 {
            headers.insert("x-retry-attempt", HeaderValue::from(self.made - 1));
        }
        if let Some(body) = &self.call.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.clone().into());
        }
        Ok(request)
    }

    /// An attempt goes out. What the server said of an earlier one is not said of this one.
    pub(super) fn send(&mut self) {
        self.stage = Stage::Sending;
        self.context.attempts += 1;
        self.context.request_id = None;
        self.context.trace_id = None;
    }

    /// Takes down the server's ids of the request.
    pub(super) fn note(&mut self, headers: &HeaderMap) {
        let id = |name: &str| {
            let text = headers.get(name)?.to_str().ok()?.trim();
            (!text.is_empty()).then(|| text.get(..128).unwrap_or(text).to_owned())
        };
        self.context.request_id = id("x-request-id");
        self.context.trace_id = id("x-server-trace-id");
    }

    pub(super) fn error(&self, kind: ErrorKind, reason: impl Into<String>) -> Error {
        Error::new(kind, reason).with_context(self.context.clone())
    }

    /// The deadline has passed. `token` tells whether there is one at hand.
    pub(super) fn out_of_time(&self, limit: Duration, token: bool) -> Error {
        let (what, help) = match self.stage {
            Stage::Locating => (
                "it is not known where the service is",
                "endpoint discovery is slow, or hangs: look at the endpoint",
            ),
            Stage::Sending if !token => (
                "there is no token",
                "the source of tokens is slow, or hangs; the fetch goes on for the next call",
            ),
            Stage::Sending => ("there is no answer", "give the call a longer timeout"),
            Stage::Reading => ("the answer has not ended", "give the call a longer timeout"),
            Stage::Waiting => {
                ("there is no answer", "the service does not work at the moment; try again later")
            }
        };
        let before =
            self.last.as_ref().map_or_else(String::new, |last| format!("; before: {}", last.reason()));
        let error = Error::new(ErrorKind::Timeout, format!("{what} after {limit:?}{before}")).with_help(help);
        match self.last.as_ref().and_then(Error::status) {
            Some(status) => error.with_status(status),
            None => error,
        }
    }
}
