//! The state of one call over all its attempts: the request id, the progress, and the context of its errors.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Url;
use uuid::Uuid;
use yandex_cloud_auth::Method;
use yandex_cloud_auth::sdk_internals::in_seconds;

use super::call::Call;
use super::request_template::RequestTemplate;
use crate::error::{Context, Error, ErrorKind};

const SERVER_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TRACE_ID: HeaderName = HeaderName::from_static("x-server-trace-id");

/// The step that a call waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// The address of the service.
    Locating,
    /// A token, or the head of the response.
    Sending,
    /// The body of the response.
    Reading,
    /// The next attempt.
    Waiting,
}

/// The state of one call.
pub(crate) struct CallState {
    pub(super) call: Call,
    /// `x-client-request-id`: the same for all attempts.
    request_id: Option<HeaderValue>,
    pub(super) stage: Stage,
    /// The number of attempts that began, sent or not.
    pub(super) attempts: u32,
    /// The number of attempts that were sent.
    sent: u32,
    /// The URL of the last attempt.
    url: Option<Arc<Url>>,
    /// The ids that the server gave to the last attempt.
    server_ids: [Option<HeaderValue>; 2],
    /// Why the previous attempt failed.
    pub(super) last_error: Option<Error>,
    /// The method of authentication, once one is selected.
    pub(super) method: Option<Method>,
}

impl CallState {
    pub(super) fn new(call: Call) -> Self {
        let mut buffer = Uuid::encode_buffer();
        let request_id = HeaderValue::from_str(Uuid::new_v4().hyphenated().encode_lower(&mut buffer)).ok();
        Self {
            call,
            request_id,
            stage: Stage::Locating,
            attempts: 0,
            sent: 0,
            url: None,
            server_ids: [None, None],
            last_error: None,
            method: None,
        }
    }

    pub(super) fn begin_attempt(&mut self) {
        self.attempts += 1;
        self.stage = Stage::Locating;
    }

    /// The request of the current attempt. `project` is the folder, for an API that wants one in a header.
    pub(super) fn template(&mut self, url: Arc<Url>, project: Option<HeaderValue>) -> Arc<RequestTemplate> {
        self.url = Some(Arc::clone(&url));
        Arc::new(RequestTemplate {
            method: self.call.method.clone(),
            url,
            request_id: self.request_id.clone(),
            project,
            earlier_attempts: self.attempts.saturating_sub(1),
            body: self.call.body.clone(),
        })
    }

    /// The current attempt is sent. The server ids of an earlier attempt no longer apply.
    pub(super) fn begin_sending(&mut self) {
        self.stage = Stage::Sending;
        self.sent += 1;
        self.server_ids = [None, None];
    }

    /// The head of the response is there.
    pub(super) fn begin_reading(&mut self, headers: &HeaderMap) {
        self.stage = Stage::Reading;
        self.server_ids = [SERVER_REQUEST_ID, SERVER_TRACE_ID].map(|name| headers.get(name).cloned());
    }

    /// The current attempt failed, and another one follows.
    pub(super) fn begin_waiting(&mut self, error: Error) {
        self.stage = Stage::Waiting;
        self.last_error = Some(error);
    }

    /// The context of an error of this call. Only an error needs these strings, so nothing is built before.
    pub(crate) fn context(&self) -> Context {
        let [request_id, trace_id] = self.server_ids.each_ref().map(|id| {
            let text = id.as_ref()?.to_str().ok()?.trim();
            (!text.is_empty()).then(|| text.get(..128).unwrap_or(text).to_owned())
        });
        Context {
            endpoint: self.url.as_ref().map(|url| format!("{} {url}", self.call.method)),
            method: self.method,
            client_request_id: self.request_id.as_ref().and_then(|id| id.to_str().ok()).map(str::to_owned),
            request_id,
            trace_id,
            attempts: self.sent,
        }
    }

    /// The error of a deadline that has passed. `has_token` says whether the credentials hold a token.
    pub(super) fn timed_out(&self, limit: Duration, has_token: bool) -> Error {
        let (what, help) = match self.stage {
            Stage::Locating => (
                "the address of the service is still unknown",
                "endpoint discovery is slow or does not respond: check the endpoint",
            ),
            Stage::Sending if !has_token => (
                "there is no token",
                "the token source is slow or does not respond; the fetch continues and serves the next call",
            ),
            Stage::Sending => ("there is no response", "set a longer timeout for the call"),
            Stage::Reading => ("the response is incomplete", "set a longer timeout for the call"),
            Stage::Waiting => {
                ("there is no response", "the service is unavailable at the moment; try again later")
            }
        };
        let last = self.last_error.as_ref();
        let previous = last.map_or_else(String::new, |last| format!("; previous attempt: {}", last.reason()));
        let error = Error::new(ErrorKind::Timeout, format!("{what} after {}{previous}", in_seconds(limit)))
            .with_help(help);
        match last.and_then(Error::status) {
            Some(status) => error.with_status(status),
            None => error,
        }
    }
}
