//! One call on its way: what stays the same over its attempts, and what is known of it when it fails.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Url;
use uuid::Uuid;
use yandex_cloud_auth::Method;

use super::call::Call;
use super::parts::Parts;
use crate::error::{Context, Error, ErrorKind};

const SERVER_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TRACE_ID: HeaderName = HeaderName::from_static("x-server-trace-id");

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
pub(crate) struct Journey {
    pub(super) call: Call,
    /// Ours.
    id: Option<HeaderValue>,
    pub(super) stage: Stage,
    /// How many attempts were begun, sent or not.
    pub(super) made: u32,
    /// How many were sent.
    sent: u32,
    /// Where the last attempt was to go.
    url: Option<Arc<Url>>,
    /// The server's ids of the request, of the last attempt.
    ids: [Option<HeaderValue>; 2],
    /// Why the attempt before this one failed.
    pub(super) last: Option<Error>,
    /// The method of authentication, once it is chosen.
    pub(super) method: Option<Method>,
}

impl Journey {
    pub(super) fn new(call: Call) -> Self {
        let mut text = Uuid::encode_buffer();
        let id = HeaderValue::from_str(Uuid::new_v4().hyphenated().encode_lower(&mut text)).ok();
        Self {
            call,
            id,
            stage: Stage::Locating,
            made: 0,
            sent: 0,
            url: None,
            ids: [None, None],
            last: None,
            method: None,
        }
    }

    /// What the request of the attempt that has begun is made of, for a project where it names one.
    pub(super) fn parts(&mut self, url: Arc<Url>, project: Option<HeaderValue>) -> Arc<Parts> {
        self.url = Some(Arc::clone(&url));
        Arc::new(Parts {
            method: self.call.method.clone(),
            url,
            id: self.id.clone(),
            project,
            before: self.made.saturating_sub(1),
            body: self.call.body.clone(),
        })
    }

    /// An attempt goes out. What the server said of an earlier one is not said of this one.
    pub(super) fn send(&mut self) {
        self.stage = Stage::Sending;
        self.sent += 1;
        self.ids = [None, None];
    }

    /// Takes down the server's ids of the request.
    pub(super) fn note(&mut self, headers: &HeaderMap) {
        self.ids = [SERVER_REQUEST_ID, SERVER_TRACE_ID].map(|name| headers.get(name).cloned());
    }

    /// Which call it is, as errors say it: made when there is one.
    pub(crate) fn context(&self) -> Context {
        let [request_id, trace_id] = self.ids.each_ref().map(|id| {
            let text = id.as_ref()?.to_str().ok()?.trim();
            (!text.is_empty()).then(|| text.get(..128).unwrap_or(text).to_owned())
        });
        Context {
            endpoint: self.url.as_ref().map(|url| format!("{} {url}", self.call.method)),
            method: self.method,
            client_request_id: self.id.as_ref().and_then(|id| id.to_str().ok()).map(str::to_owned),
            request_id,
            trace_id,
            attempts: self.sent,
        }
    }

    pub(super) fn error(&self, kind: ErrorKind, reason: impl Into<String>) -> Error {
        Error::new(kind, reason).with_context(self.context())
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
